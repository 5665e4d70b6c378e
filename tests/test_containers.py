"""The image, the composition and the files for CI: sound by linters of their kind, true of the package."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from mockserver.cli.main import main
from mockserver.cli.serve import serve
from mockserver.settings import OPTIONS, Settings
from mockserver.stores import make_store

ROOT = Path(__file__).parents[1]


def run(*command: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*map(str, command)], capture_output=True, text=True, timeout=300, check=False, **more
    )


def program(name: str) -> str:
    """A program that the development extra brings."""
    return str(Path(sys.executable).with_name(name))


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.github-actions", "action.yml"),
        ("vendor.github-workflows", "examples/github-workflow.yml"),
        ("vendor.gitlab-ci", "examples/gitlab-ci.yml"),
        ("vendor.compose-spec", "compose.yaml"),
    ],
)
def test_a_file_is_sound_by_the_schema_of_its_kind(schema: str, file: str) -> None:
    result = run(program("check-jsonschema"), "--builtin-schema", schema, ROOT / file)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_dockerfile_is_sound() -> None:
    result = run(program("hadolint"), "--ignore", "DL3008", ROOT / "Dockerfile")
    assert result.returncode == 0, result.stdout + result.stderr


def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]
    return found


@pytest.mark.parametrize("name", ["mockserver", "shared"])
def test_a_service_is_started_with_options_that_there_are(name: str) -> None:
    service = services()[name]
    variables = {option.variable for option in OPTIONS.values()}
    assert service["environment"].keys() <= variables
    command, *arguments = service.get("command", ["serve"])
    assert command == "serve"
    # A command keeps the names of its help, which it has from the group.
    context = serve.make_context("serve", arguments, click.Context(main, **main.context_settings))
    given = {name: value for name, value in context.params.items() if name in OPTIONS and value}
    Settings().with_changes(given)
    if name == "shared":
        assert make_store(context.params["store"]).kind == "redis"
        assert "redis" in service["depends_on"]


def test_everything_that_the_image_takes_is_let_into_its_context() -> None:
    let_in = {
        line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line[:1] == "!"
    }
    for instruction, words in read_dockerfile():
        if instruction == "COPY" and not words[0].startswith("--from"):
            assert {word.removeprefix("./") for word in words[:-1]} <= let_in


@pytest.mark.parametrize("file", ["Dockerfile", "action.yml"])
def test_what_serves_many_has_the_faster_loop(file: str) -> None:
    assert re.search(r"install[^\n]*(\n[^\n]*)?\[fast\b", (ROOT / file).read_text("utf-8"))


def test_the_package_is_found_where_workflows_take_its_action_from() -> None:
    (repository,) = re.findall(
        r"uses: (\S+)@main", (ROOT / "examples" / "github-workflow.yml").read_text("utf-8")
    )
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]
    assert {"/".join(url.split("/")[3:5]) for url in urls.values()} == {repository}
    assert all((ROOT / url.partition("/blob/main/")[2]).exists() for url in urls.values())


# What the action runs


def steps_of_action() -> dict[str, str]:
    action = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
    return {step["name"]: step["run"] for step in action["runs"]["steps"]}


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a runner in which the package is installed; its processes end with the test."""
    programs = tmp_path / "mockserver" / "bin"
    programs.mkdir(parents=True)
    script = programs / "mockserver"
    pids = tmp_path / "pids"
    script.write_text(f'#!/bin/sh\necho $$ >>{pids}\nexec {sys.executable} -m mockserver "$@"\n', "utf-8")
    script.chmod(0o755)
    output = tmp_path / "output"
    yield {
        **os.environ, "RUNNER_TEMP": str(tmp_path), "GITHUB_OUTPUT": str(output), "PORT": "0",
        "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    for pid in pids.read_text("utf-8").split() if pids.exists() else ():
        with suppress(ProcessLookupError):
            os.kill(int(pid), 15)


def start(runner: dict[str, str], options: str) -> subprocess.CompletedProcess[str]:
    return run("bash", "-e", "-c", steps_of_action()["Start"], env={**runner, "OPTIONS": options})


def test_the_action_starts_a_server_and_says_where(runner: dict[str, str]) -> None:
    result = start(runner, "--seed 'two words' --success-status 200")
    assert result.returncode == 0, result.stdout + result.stderr
    lines = Path(runner["GITHUB_OUTPUT"]).read_text("utf-8").splitlines()
    outputs = dict(line.split("=", 1) for line in lines)
    question = urllib.request.Request(f"{outputs['origin']}/__admin/settings", b"{}", method="PATCH")
    with urllib.request.urlopen(question, timeout=30) as answer:
        settings = json.load(answer)
    assert (settings["seed"], settings["successStatus"]) == ("two words", "200")
    assert '"event":"listening"' in Path(outputs["log"]).read_text("utf-8")


def test_an_action_whose_server_does_not_start_fails_with_the_reason(runner: dict[str, str]) -> None:
    result = start(runner, "--idempotency perhaps")
    assert result.returncode == 1
    assert "::error::mockserver did not start" in result.stdout
    assert "'perhaps' is not one of" in result.stdout


# The image, built as the Dockerfile says in a bare folder


def read_dockerfile() -> list[tuple[str, list[str]]]:
    """The instructions with their words; commands are one word."""
    text = re.sub(r"(?m)^\s*#.*\n", "", (ROOT / "Dockerfile").read_text("utf-8"))
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        instruction, _, rest = line.strip().partition(" ")
        if instruction:
            found.append(
                (instruction, [rest] if instruction in ("RUN", "ENTRYPOINT", "CMD") else shlex.split(rest))
            )
    return found


class Image:
    """The stages of the Dockerfile, each in a folder that begins as the bare one."""

    def __init__(self, bare: Path, folder: Path) -> None:
        self._bare, self._folder = bare, folder
        self._stages: dict[str, Path] = {}
        self.root = folder
        self._at = "/"
        self.user = "root"
        self.environment: dict[str, str] = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
        # What this machine needs to reach a registry.
        for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
            if name in os.environ:
                self.environment[name] = os.environ[name]
        self._files = {"etc/resolv.conf": "/etc/resolv.conf", "etc/hosts": "/etc/hosts"}
        if "PIP_CERT" in os.environ:
            self._files["pip-cert.pem"] = os.environ["PIP_CERT"]
            self.environment["PIP_CERT"] = "/pip-cert.pem"

    def chroot(self, *command: str) -> list[str]:
        return ["chroot", f"--userspec={self.user}:{self.user}", str(self.root), "env", "-i", "-C", self._at,
                *(f"{name}={value}" for name, value in self.environment.items()), *command]  # fmt: skip

    def build(self) -> None:
        for instruction, words in read_dockerfile():
            getattr(self, f"_do_{instruction.lower()}", lambda words: None)(words)

    def _do_from(self, words: list[str]) -> None:
        self.root = self._folder / (words[2] if len(words) > 2 else "last")
        self._stages[self.root.name] = self.root
        self._at = "/"
        assert run("cp", "-a", self._bare, self.root).returncode == 0
        for inside, file in self._files.items():
            (self.root / inside).unlink(missing_ok=True)
            shutil.copyfile(file, self.root / inside)

    def _do_run(self, words: list[str]) -> None:
        result = run(*self.chroot("sh", "-c", words[0]))
        assert result.returncode == 0, result.stdout + result.stderr

    def _do_workdir(self, words: list[str]) -> None:
        self._at = words[0]
        (self.root / self._at.lstrip("/")).mkdir(parents=True, exist_ok=True)

    def _do_copy(self, words: list[str]) -> None:
        source = ROOT
        if words[0].startswith("--from="):
            source = self._stages[words.pop(0).removeprefix("--from=")]
        *files, target = words
        inside = (
            self.root / self._at.lstrip("/") / target if target[0] != "/" else self.root / target.lstrip("/")
        )
        for file in files:
            found = source / file.lstrip("/")
            if found.is_dir():
                shutil.copytree(found, inside, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(found, inside / found.name)

    def _do_env(self, words: list[str]) -> None:
        for word in words:
            name, _, value = word.partition("=")
            self.environment[name] = value.replace("$PATH", self.environment["PATH"])

    def _do_user(self, words: list[str]) -> None:
        self.user = words[0]


def test_the_steps_of_the_dockerfile_make_a_server_that_lives_without_root(tmp_path: Path) -> None:
    bare = os.environ.get("BARE_DEBIAN")
    if bare is None or os.getuid() != 0:
        pytest.skip(
            "needs root, and a bare Debian in the folder that BARE_DEBIAN names (debootstrap makes one)"
        )
    image = Image(Path(bare), tmp_path)
    image.build()
    assert int(image.user) > 0
    last = dict(read_dockerfile())
    command = [word for name in ("ENTRYPOINT", "CMD") for word in json.loads(last[name][0])]
    image.environment |= {"MOCKSERVER_PORT": "4999", "MOCKSERVER_HOST": "127.0.0.1"}
    with subprocess.Popen(image.chroot(*command), stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            assert any("Listening on" in line for line in server.stdout)
            with urllib.request.urlopen("http://127.0.0.1:4999/__admin/health", timeout=30) as answer:
                assert json.load(answer)["status"] == "healthy"
        finally:
            server.terminate()
    assert server.returncode == 0
