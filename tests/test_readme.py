"""The README runs: its tables are those of the code, its commands do what it says."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mockserver.serving.uvicorn_server import ServerThread
from mockserver.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = [(match[1], match[2]) for match in re.finditer(r"^```(\w+)\n(.*?)^```", README, re.M | re.S)]
ORIGIN = "http://127.0.0.1:4020"


def load_tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("readme_tables", ROOT / "scripts" / "readme_tables.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_its_tables_are_those_of_the_code() -> None:
    assert load_tables().with_tables(README) == README, "run scripts/update-readme"


def without_generated(value: Any) -> Any:
    """A value with what differs by seed and run replaced by the README's stand-ins."""
    text = json.dumps(value)
    text = re.sub(r"sk_test_mock_\w{32}", "SECRET_KEY", text)
    return json.loads(re.sub(r"key_mock_\w{24}", "KEY_ID", text))


def test_its_commands_give_what_it_shows() -> None:
    with ServerThread(Settings(port=0, clock="2026-01-01T00:00:00Z")) as server:
        shown = 0
        for index, (kind, text) in enumerate(BLOCKS):
            if kind != "bash":
                continue
            # The control API refuses nothing here; the mocked API does, on purpose.
            curl = "curl -sS --fail-with-body " if "__admin" in text else "curl -sS "
            script = "set -e\n" + text.replace(ORIGIN, server.origin).replace("curl ", curl)
            run = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
            assert run.returncode == 0, f"{text}\n{run.stdout}{run.stderr}"
            follower = BLOCKS[index + 1] if index + 1 < len(BLOCKS) else ("", "")
            if follower[0] == "json":
                assert without_generated(json.loads(run.stdout)) == json.loads(follower[1])
                shown += 1
        assert shown == 2


def test_its_python_without_pytest_runs(capfd: pytest.CaptureFixture[str]) -> None:
    source = next(text for kind, text in BLOCKS if kind == "python" and "MockServer(" in text)
    run = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/~t1/v1\n", run.stdout)


def test_its_tests_pass_in_an_empty_folder(tmp_path: Path) -> None:
    # They are one file in pieces.
    source = "\n\n".join(text for kind, text in BLOCKS if kind == "python" and "def test_" in text)
    (tmp_path / "test_keys.py").write_text(source, "utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"(?m)^\d\d passed in", run.stdout), run.stdout


def test_every_verb_and_every_marker_argument_is_named() -> None:
    from mockserver import Sandbox, SandboxClock
    from mockserver.pytest_plugin.markers import INI_OPTIONS, MARKER_ARGUMENTS

    section = README[README.index("## In a test") : README.index("## Apart and in time")]
    verbs = [name for name in vars(Sandbox) if not name.startswith("_")]
    verbs += [f"clock.{name}" for name in ("freeze", "advance", "now", "run_real")]
    assert set(vars(SandboxClock)) >= {"freeze", "advance", "now", "run_real"}
    assert [verb for verb in verbs if not re.search(rf"`{verb}[`(.]", section)] == []
    assert [name for name in MARKER_ARGUMENTS if f"`{name}=" not in section] == []
    assert [name for name in INI_OPTIONS if f"`mockserver_{name}`" not in section] == []


def test_every_command_of_the_command_line_is_named() -> None:
    from mockserver.cli.main import main

    for name in main.commands:
        assert f"mockserver {name}" in README
