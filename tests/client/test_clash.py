"""The distribution mockserver-client has a package of the same name, and overwrites files of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import mockserver
from mockserver import client


@pytest.fixture
def overwritten(tmp_path: Path) -> Path:
    """A folder with our package as mockserver-client leaves it: `__init__.py` is the other one's."""
    package = Path(mockserver.__file__).parent
    folder = tmp_path / "site" / "mockserver"
    folder.mkdir(parents=True)
    for path in package.iterdir():
        if path.name not in ("__init__.py", "__pycache__"):
            (folder / path.name).symlink_to(path)
    (folder / "__init__.py").write_text("from mockserver.client import MockServerClient\n", "utf-8")
    return folder.parent


def run(site: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "PYTHONPATH": str(site)},
        cwd=site,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_command_says_it_in_one_sentence(overwritten: Path) -> None:
    script = overwritten / "mockserver-script" / "mockserver"
    script.parent.mkdir()
    script.write_text("from mockserver.cli.main import main\nmain()\n", "utf-8")
    for command in (["-m", "mockserver", "serve"], [str(script), "check"]):
        ended = run(overwritten, *command)
        assert (ended.returncode, ended.stderr) == (1, f"mockserver: {client.CLASH}\n")


def test_pytest_says_it_in_one_sentence(overwritten: Path) -> None:
    (overwritten / "test_it.py").write_text("def test_it(mockserver): pass\n", "utf-8")
    ended = run(overwritten, "-m", "pytest", "-p", "no:cacheprovider", "test_it.py")
    assert ended.returncode == pytest.ExitCode.USAGE_ERROR
    assert ended.stderr.strip() == f"ERROR: {client.CLASH}"


def test_a_program_gets_an_import_error(overwritten: Path) -> None:
    ended = run(overwritten, "-c", "import mockserver")
    assert ended.stderr.endswith(f"ImportError: {client.CLASH}\n")


def test_any_other_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = client.nothing
