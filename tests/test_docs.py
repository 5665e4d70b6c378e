"""The manual runs: what its pages show is what happens, and its generated tables are those of the code."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import click
import pytest
import yaml

from mockserver.cli.main import main
from mockserver.serving.uvicorn_server import ServerThread
from mockserver.settings import Settings
from mockserver.vendors.hsrcpay.fixtures import load_knowledge
from mockserver.version import VERSION
from scripts.pins import TOOLS
from scripts.tables import TABLES, with_tables
from tests.plugin.running import USUAL, run_pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
ORIGIN = "http://127.0.0.1:4020"


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def text_of(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def blocks_of(page: Path) -> list[tuple[str, str]]:
    """Language and text of each block of a page, in their order."""
    return re.findall(r"(?ms)^```(\w+)\n(.*?)^```$", page.read_text("utf-8"))


def has_block(page: Path, language: str, text: str) -> bool:
    return any(kind == language and text in block for kind, block in blocks_of(page))


def pages_with(language: str, text: str = "") -> list[Path]:
    return [
        page for page in PAGES if any(kind == language and text in block for kind, block in blocks_of(page))
    ]


def test_each_table_stands_in_the_manual_once_and_is_that_of_the_code() -> None:
    pages = {name_of(page): page.read_text("utf-8") for page in PAGES}
    marks = [name for text in pages.values() for name in re.findall(r"<!-- table: (\w+) -->", text)]
    assert sorted(marks) == sorted(TABLES)
    stale = [name for name, text in pages.items() if with_tables(text) != text]
    assert stale == [], "run scripts/update-docs"


def test_it_is_built_without_a_warning(tmp_path: Path) -> None:
    arguments = ("-W", "--keep-going", "-q", "-b", "html", "-d", tmp_path / "trees", DOCS, tmp_path / "html")
    run = subprocess.run(
        [sys.executable, "-m", "sphinx", *arguments], capture_output=True, text=True, timeout=300, check=False
    )
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "html" / "index.html").is_file()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_has_one_title_and_links_to_files_that_are_there(page: Path) -> None:
    text = re.sub(r"(?ms)^```.*?^```$", "", page.read_text("utf-8"))
    assert len(re.findall(r"(?m)^# ", text)) == 1
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text) + re.findall(r'(?:src|srcset)="([^"]+)"', text)
    assert [link for link in links if not (page.parent / link).is_file()] == []


def without_generated(value: Any) -> Any:
    """A value with what differs by seed and run replaced by the manual's stand-ins."""
    text = json.dumps(value)
    text = re.sub(r"sk_test_mock_\w{32}", "SECRET_KEY", text)
    return json.loads(re.sub(r"key_mock_\w{24}", "KEY_ID", text))


@pytest.mark.parametrize("page", pages_with("bash"), ids=name_of)
def test_the_commands_of_a_page_give_what_it_shows(page: Path) -> None:
    blocks = blocks_of(page)
    with ServerThread(Settings(port=0, clock="2026-01-01T00:00:00Z")) as server:
        for index, (kind, text) in enumerate(blocks):
            if kind != "bash":
                continue
            # The control API refuses nothing here; the mocked API does, on purpose.
            curl = "curl -sS --fail-with-body " if "__admin" in text else "curl -sS "
            script = "set -e\n" + text.replace(ORIGIN, server.origin).replace("curl ", curl)
            run = subprocess.run(
                ["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False
            )
            assert run.returncode == 0, f"{text}\n{run.stdout}{run.stderr}"
            follower = blocks[index + 1] if index + 1 < len(blocks) else ("", "")
            if follower[0] == "json":
                assert without_generated(json.loads(run.stdout)) == json.loads(follower[1])


def test_the_first_call_of_the_readme_shows_its_answer() -> None:
    kinds = [kind for kind, _ in blocks_of(ROOT / "README.md")]
    assert ("bash", "json") in pairwise(kinds)


PAGES_WITH_TESTS = pages_with("python", "def test_")


def module_of(page: Path) -> str:
    """The module that holds the tests of a page."""
    return "test_" + re.sub(r"\W", "_", name_of(page))


@pytest.fixture(scope="module")
def problems_of_tests(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """By module, what is wrong with each test, empty for one that passed.

    All run at once, as starting pytest takes longer than they do; those about pytest-xdist run under it.
    """
    problems: dict[str, list[str]] = {}
    for workers in ("-n0", "-n2"):
        folder = tmp_path_factory.mktemp("pages")
        for page in PAGES_WITH_TESTS:
            if (page.stem == "xdist") == (workers == "-n2"):
                # They are one file in pieces.
                source = "\n\n".join(text for kind, text in blocks_of(page) if kind == "python")
                (folder / f"{module_of(page)}.py").write_text(source, "utf-8")
        ran = run_pytest(folder, *USUAL, "--junitxml=junit.xml", workers)
        for case in ElementTree.parse(folder / "junit.xml").iter("testcase"):
            module = str(case.get("classname") or case.get("name")).partition(".")[0]
            problems.setdefault(module, []).append(ran.stdout + ran.stderr if len(case) else "")
    return problems


@pytest.mark.parametrize("page", PAGES_WITH_TESTS, ids=name_of)
def test_the_tests_of_a_page_pass(page: Path, problems_of_tests: dict[str, list[str]]) -> None:
    assert set(problems_of_tests[module_of(page)]) == {""}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_data_of_a_page_can_be_read(page: Path) -> None:
    readers: dict[str, Callable[[str], Any]] = {
        "json": json.loads,
        "toml": tomllib.loads,
        "yaml": lambda text: list(yaml.safe_load_all(text)),
    }
    for kind, text in blocks_of(page):
        if kind in readers:
            assert readers[kind](text)


def lines_of_commands(page: Path) -> list[list[str]]:
    """The words of each line of a shell that runs our command, without what the shell takes."""
    lines = []
    for kind, text in blocks_of(page):
        if kind in ("sh", "console"):
            for line in text.replace("\\\n", " ").splitlines():
                words = shlex.split(re.split(r" [|>&]", line.removeprefix("$ "))[0], comments=True)
                lines += [words[1:]] if words[:1] == ["mockserver"] else []
    return lines


@pytest.mark.parametrize("page", [page for page in PAGES if lines_of_commands(page)], ids=name_of)
def test_the_commands_of_a_page_are_those_that_there_are(page: Path) -> None:
    for line in lines_of_commands(page):
        command: click.Command = main
        words = line
        while isinstance(command, click.Group):
            name, *words = words
            command = command.commands[name]
        # A command keeps the names of its help, which it has from the group.
        command.make_context(command.name, words, click.Context(main, **main.context_settings))


def test_every_command_is_named() -> None:
    page = text_of("docs/reference/options.md")
    assert [name for name in main.commands if f"mockserver {name}" not in page] == []


def test_every_verb_and_every_marker_argument_is_named() -> None:
    from mockserver import Sandbox, SandboxClock
    from mockserver.pytest_plugin.markers import INI_OPTIONS, MARKER_ARGUMENTS

    page = text_of("docs/reference/python.md")
    verbs = [name for name in vars(Sandbox) if not name.startswith("_")]
    verbs += [f"clock.{name}" for name in ("freeze", "advance", "now", "run_real")]
    assert set(vars(SandboxClock)) >= {"freeze", "advance", "now", "run_real"}
    assert [verb for verb in verbs if not re.search(rf"`{verb}[`(.]", page)] == []
    assert [name for name in MARKER_ARGUMENTS if f"`{name}=" not in page] == []
    assert [name for name in INI_OPTIONS if f"`mockserver_{name}`" not in page] == []


def test_the_changelog_has_a_dated_section_of_this_version_behind_what_is_to_come() -> None:
    titles = re.findall(r"(?m)^## (.*)$", text_of("CHANGELOG.md"))
    assert titles[0] == "[Unreleased]"
    assert re.fullmatch(rf"\[{re.escape(VERSION)}\] - \d{{4}}-\d\d-\d\d", titles[1])


def test_what_is_installed_is_named_with_what_it_is_for() -> None:
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    names = [re.split(r"[<>=;]", requirement)[0] for requirement in project["dependencies"]]
    rows = re.findall(r"(?m)^\| (.*?) \|", text_of("docs/explanation/installed.md"))
    named = {name.strip("`") for row in rows for name in row.split(", ")}
    assert sorted({*names, *project["optional-dependencies"]} - named - {*TOOLS}) == []


def test_every_extension_of_a_contract_is_named() -> None:
    from mockserver.contract.spelling import EXTENSIONS

    page = text_of("docs/reference/extensions.md")
    assert set(re.findall(r"(?m)^\| `(x-[\w-]+)`", page)) == EXTENSIONS


def test_the_fixtures_that_it_shows_are_sound(tmp_path: Path) -> None:
    for kind, text in blocks_of(DOCS / "reference" / "fixtures.md"):
        assert kind == "json"
        if "mappings" in json.loads(text):
            continue
        (name,) = json.loads(text)
        (tmp_path / f"{name}.json").write_text(text, "utf-8")
    knowledge = load_knowledge(tmp_path)
    assert [len(part) for part in (knowledge.credentials, knowledge.accounts, knowledge.keys)] == [1, 1, 1]
