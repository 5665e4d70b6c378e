"""Configuration files: which is read, what it may say, and what outranks it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mockserver.cli.configuration import read_configuration
from mockserver.cli.main import main
from mockserver.exceptions import SettingsError


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def problems_of(file: Path | None, folder: Path) -> dict[str, str]:
    with pytest.raises(SettingsError) as error:
        read_configuration(file, folder)
    return {f"{problem.file}#{problem.pointer}": problem.message for problem in error.value.problems}


def test_a_file_gives_the_options_of_the_command_line(tmp_path: Path) -> None:
    text = (
        'port = 0\njournal-limit = 5\nstrict_accounts = true\nallowed-host = ["a"]\ncontract = "b/c.json"\n'
    )
    file = write(tmp_path / "mock.toml", text)
    expected: dict[str, Any] = {
        "port": 0,
        "journal_limit": 5,
        "strict_accounts": True,
        "allowed_host": ("a",),
        "contract": tmp_path / "b" / "c.json",
    }
    assert read_configuration(file, Path("/")) == expected
    assert read_configuration(file, Path("/"), ["port", "contract"]).keys() == expected.keys() - {
        "port", "contract",
    }  # fmt: skip


def test_the_nearest_project_with_a_table_is_read(tmp_path: Path) -> None:
    project = write(tmp_path / "pyproject.toml", '[tool.mockserver]\nseed = "s"\nfixtures = "f"\n')
    write(tmp_path / "a" / "pyproject.toml", "[tool.ruff]\nline-length = 80\n")
    expected = {"seed": "s", "fixtures": tmp_path / "f"}
    assert read_configuration(None, tmp_path / "a" / "b") == expected
    assert read_configuration(project, Path("/")) == expected
    assert read_configuration(None, Path("/")) == {}


def test_an_address_is_no_path_of_the_folder(tmp_path: Path) -> None:
    file = write(tmp_path / "mock.toml", 'contract = "https://api.example/openapi.json"\n')
    assert read_configuration(file, tmp_path) == {"contract": Path("https://api.example/openapi.json")}


def test_every_mistake_is_told_with_its_place(tmp_path: Path) -> None:
    file = write(tmp_path / "mock.toml", 'prot = 1\nport = "80x"\nidempotency = "perhaps"\nallow-live = 3\n')
    assert problems_of(file, tmp_path) == {
        f"{file}#/prot": "'prot' is not an option; did you mean 'port'?",
        f"{file}#/port": "'80x' must be a whole number",
        f"{file}#/idempotency": "'perhaps' must be one of off, on, required",
        f"{file}#/allow-live": "3 must be true or false",
    }


def test_what_is_no_table_of_options_is_told(tmp_path: Path) -> None:
    assert problems_of(tmp_path / "none.toml", tmp_path) == {
        f"{tmp_path / 'none.toml'}#": "cannot be read: No such file or directory"
    }
    file = write(tmp_path / "mock.toml", "port: 5")
    (message,) = problems_of(file, tmp_path).values()
    assert message.startswith("is no TOML: ")
    project = write(tmp_path / "pyproject.toml", "[tool]\nmockserver = 5\n")
    assert problems_of(None, tmp_path) == {f"{project}#/tool/mockserver": "must be a table of options"}


def errors_of(*arguments: str, **environment: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["check", *arguments], env=environment)
    return result.exit_code, result.stderr


def test_a_flag_outranks_a_variable_and_a_variable_outranks_a_file(tmp_path: Path) -> None:
    file = write(tmp_path / "mock.toml", 'fixtures = "in_file"\nrules = "5"\n')
    code, text = errors_of("--config", str(file), MOCKSERVER_FIXTURES="in_variable", MOCKSERVER_PORT="x")
    assert code == 1
    assert text.splitlines()[:2] == [
        "MOCKSERVER_PORT: 'x' must be a whole number",
        f"{file}#/rules: '5' must be module:name, such as acme.rules:AcmeRules",
    ]
    rules = ("--rules", "mockserver.engine.plain:PlainRules")
    code, text = errors_of("--config", str(file), *rules, MOCKSERVER_FIXTURES="in_variable")
    assert "in_variable" in text
    code, text = errors_of(
        "--config", str(file), *rules, "--fixtures", "given", MOCKSERVER_FIXTURES="in_variable"
    )
    assert "given" in text


def test_a_variable_that_sets_nothing_is_said_and_does_not_matter() -> None:
    code, text = errors_of(MOCKSERVER_URL="http://x", MOCKSERVER_PORT="tcp://10.96.12.7:4020")
    assert code == 0
    assert text == "mockserver: warning: MOCKSERVER_URL: no option has this variable, so it sets nothing\n"
