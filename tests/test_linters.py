"""The served contract is read without an error by the linters that people use.

`scripts/test` installs them into `.venv/linters` where npm is there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mockserver.contract import Contract

BIN = Path(__file__).parents[1] / ".venv" / "linters" / "node_modules" / ".bin"
# `spec` are the rules of OpenAPI itself; others are matters of taste, such as a slash at the end of a path.
LINTERS = {
    "redocly": ["lint", "openapi.json", "--extends=spec"],
    "spectral": ["lint", "openapi.json", "--fail-severity", "error"],
}


@pytest.mark.parametrize("name", LINTERS)
def test_a_linter_finds_no_error_in_the_served_contract(
    name: str, contract: Contract, tmp_path: Path
) -> None:
    command = shutil.which(name, path=f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}")
    if command is None and not os.environ.get("CI"):
        pytest.skip(f"{name} is not installed; scripts/test installs it where npm is there")
    assert command is not None, f"{name} is not installed"
    (tmp_path / "openapi.json").write_text(json.dumps(contract.document), "utf-8")
    (tmp_path / ".spectral.yaml").write_text('extends: ["spectral:oas"]\n', "utf-8")
    result = subprocess.run(
        [command, *LINTERS[name]], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
