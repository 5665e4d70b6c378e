"""The served contract is taken by the tools that people use: read without an error, and used.

`scripts/test` installs those that npm brings into `.venv/tools`, and Schemathesis into an environment of its
own. Swagger UI stands in `page/test_swagger_ui.py`, openapi-python-client in `client/test_real_clients.py`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from mockserver.contract import Contract
from mockserver.serving.uvicorn_server import ServerThread
from mockserver.settings import Settings

VENV = Path(__file__).parents[1] / ".venv"
MODULES = VENV / "tools" / "node_modules"
# `spec` are the rules of OpenAPI itself; others are matters of taste, such as a slash at the end of a path.
LINTERS = {
    "redocly": ["lint", "openapi.json", "--extends=spec"],
    "spectral": ["lint", "openapi.json", "--fail-severity", "error"],
}


def find(name: str, path: Path) -> str:
    """A tool, below `.venv` or on PATH. Where it is not there the test is skipped, but never in CI."""
    found = shutil.which(name, path=f"{path}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None and not os.environ.get("CI"):
        pytest.skip(f"{name} is not installed; scripts/test installs it")
    assert found is not None, f"{name} is not installed"
    return found


@pytest.fixture
def fresh() -> Iterator[ServerThread]:
    """A server in which nothing was deleted yet."""
    with ServerThread(Settings(port=0)) as server:
        yield server


@pytest.mark.parametrize("name", LINTERS)
def test_a_linter_finds_no_error_in_the_served_contract(
    name: str, contract: Contract, tmp_path: Path
) -> None:
    command = find(name, MODULES / ".bin")
    (tmp_path / "openapi.json").write_text(json.dumps(contract.document), "utf-8")
    (tmp_path / ".spectral.yaml").write_text('extends: ["spectral:oas"]\n', "utf-8")
    result = subprocess.run(
        [command, *LINTERS[name]], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_specmatic_reads_the_served_contract_and_its_tests_pass(fresh: ServerThread, tmp_path: Path) -> None:
    """Those of the examples that have one name in request and answer; a create is 201 here, not 200, too."""
    java = find("java", Path("/usr/bin"))
    jar = MODULES / "specmatic" / "specmatic.jar"
    if not jar.exists() and not os.environ.get("CI"):
        pytest.skip("specmatic is not installed; scripts/test installs it")
    with urlopen(f"{fresh.origin}/openapi.json", timeout=30) as answer:
        (tmp_path / "openapi.json").write_bytes(answer.read())
    result = subprocess.run(
        [
            *(java, "-jar", str(jar), "test", "openapi.json"),
            *("--testBaseURL", f"{fresh.origin}/v1"),
            *("--filter", "STATUS='201' || METHOD='GET' || METHOD='DELETE'"),
        ],
        cwd=tmp_path,
        # A credential has the name of its scheme.
        env={**os.environ, "bearerAuth": "sk_test_specmatic"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Tests run: 4, Successes: 4, Failures: 0" in result.stdout


def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    """A few examples; `scripts/schemathesis` has thousands."""
    command = find("schemathesis", VENV / "schemathesis" / "bin")
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.hostile.contract_judge",
            command,
            "--max-examples",
            "5",
            "--seeds",
            "1",
        ],
        cwd=VENV.parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
