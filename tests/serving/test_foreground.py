"""What `mockserver serve` does to its own process before it serves."""

from __future__ import annotations

import subprocess
import sys

# Prints how many objects were looked at in one collection, at most, and how often all were.
_PROGRAM = """
import gc
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
