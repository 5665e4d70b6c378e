"""What `mockserver serve` does to its own process before it serves, and what it says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from mockserver.engine.engine import Engine
from mockserver.serving.foreground import welcome, welcome_machine

# As the command does. Prints how many objects one collection looked at, at most, and how often all were.
_PROGRAM = """
import gc
gc.disable()
from mockserver.serving.foreground import settle_memory

settle_memory()
looked_at, full = [], 0

def note(phase, info):
    global full
    if phase == "start":
        full += info["generation"] == 2
        looked_at.append(sum(len(gc.get_objects(generation=g)) for g in range(info["generation"] + 1)))

gc.callbacks.append(note)
kept = [[] for _ in range(2_000_000)]
print(max(looked_at), full)
"""


def test_no_collection_looks_at_all_that_is_kept() -> None:
    ended = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=120)
    most, full = map(int, ended.stdout.split())
    assert full == 0
    assert 10_000 <= most < 100_000


@pytest.mark.parametrize("write", [welcome, welcome_machine])
def test_who_starts_a_server_is_told_all_that_is_needed_to_reach_it(
    engine: Engine, write: Callable[..., str]
) -> None:
    engine.settings = engine.settings.with_changes({"upstream": "https://api.example/v1"})
    given = {"ca_file": "/run/authority.pem", "temporary": "sqlite:///run/state"}
    plain, full = (
        write(engine, "https://127.0.0.1:1", None),
        write(engine, "https://127.0.0.1:1", "t-1", **given),
    )
    assert "https://api.example/v1" in plain
    for value in ("t-1", *given.values()):
        assert value in full
        assert value not in plain
