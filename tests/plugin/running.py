"""How tests run pytest on tests of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# Hypothesis is imported at the end of any run in whose environment it is, which takes a second and more.
USUAL = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
# Without the other plugins of the environment, too: each process and each worker imports them and what they
# patch, which takes longer than the small tests, and these use none.
_OTHERS = ("anyio", "faker", "pytest_httpx", "requests_mock", "respx", "socket", "time_machine")
ALONE = (*USUAL, *(word for name in _OTHERS for word in ("-p", f"no:{name}")))


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run the tests of the folder in this process."""
    return pytester.runpytest_inprocess(*ALONE, *arguments)


def run_pytest(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the tests of a folder in a process of its own, with these variables in its environment."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
