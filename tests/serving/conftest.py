"""The event loop that the servers of a test run on."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest


@pytest.fixture(params=["fastest", "asyncio"])
def loop(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """That of every server which the test starts, here and in other processes: the fastest one that is
    installed, then asyncio's own."""
    if request.param == "asyncio":
        monkeypatch.setitem(sys.modules, "uvloop", None)
        folder: Path = tmp_path_factory.mktemp("no-uvloop")
        (folder / "uvloop.py").write_text("raise ImportError('hidden by a test')\n", "utf-8")
        places = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(places))
    return str(request.param)
