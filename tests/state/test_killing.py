"""Processes that are killed while they write: nothing that was answered is lost, nothing is half there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from mockserver.serving.building import build_engine
from mockserver.settings import Settings
from tests.state.killing import create

KILLS = 100


def test_what_a_kill_interrupts_is_whole_or_not_there(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'state.db'}"
    command = [sys.executable, "-m", "tests.state.killing", store, str(KILLS)]
    done = subprocess.run(command, capture_output=True, timeout=300, check=True)
    answered = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answered) > KILLS
    engine = build_engine(Settings(store=store))
    engine.namespaces.open()
    with engine.namespaces.default.transaction():
        journal = engine.namespaces.default.journal
        assert [call.number for call in journal] == list(range(1, len(journal) + 1))
        # What was carried out and not told, as the kill came first, is there as well, and whole.
        assert len(answered) <= len(journal) <= len(answered) + 3 * KILLS
        assert {call.state for call in journal} == {"answered"}
    for name, status, body in answered:
        again = engine.handle(create(name))
        assert (status, again.status, again.body.decode()) == (201, 201, body)
        assert (b"idempotent-replayed", b"true") in again.headers
    engine.namespaces.close()
