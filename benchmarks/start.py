"""Start: how soon a server answers, and what of it is spent in one process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

from benchmarks.figures import Cell, Table, Unmeasurable, interleave, note_missing, quartiles
from benchmarks.peers import find_peers
from benchmarks.servers import ASGI, ROOT, SANDBOX, Running, Server, clean_environment

_STEPS: Mapping[str, str] = {
    "from mockserver import MockServer": "from mockserver import MockServer",
    "import mockserver.pytest_plugin": "import pytest; start(); import mockserver.pytest_plugin",
    "MockServer() to its start": "from mockserver import MockServer; start(); MockServer().__enter__()",
}
_TIMED = """
import time
def start():
    global began
    began = time.perf_counter()
start()
{statement}
print(time.perf_counter() - began)
"""


def measure_start(rounds: int, seconds: float) -> list[Table]:
    """Seconds from the start of each server to its first answer, and milliseconds of steps in one process."""
    peers, skipped = find_peers()
    servers = {server.name: server for server in (ASGI, SANDBOX, *peers)}
    results, failures = interleave(rounds, servers, lambda name: _start_once(servers[name]))
    if ASGI.name in failures:
        raise Unmeasurable(f"{ASGI.name}: {failures[ASGI.name]}")
    rows: list[tuple[Cell, ...]] = []
    for name, found in results.items():
        above = (one - bare for one, bare in zip(found, results[ASGI.name], strict=True))
        rows.append((name, quartiles(found), quartiles(above)))
    title = "From the start of the process to its first answer"
    columns = ("server", "s", f"above {ASGI.name}")
    steps, lost = interleave(rounds, _STEPS, lambda name: _time_statement(_STEPS[name]) * 1e3)
    spent = tuple((name, quartiles(millis)) for name, millis in steps.items())
    in_one = Table("in-one-process", "Start in one process", ("what", "ms"), spent, note_missing(lost))
    return [Table("start", title, columns, tuple(rows), note_missing(skipped | failures)), in_one]


def _start_once(server: Server) -> float:
    process = Running(server)
    try:
        return process.wait()
    finally:
        process.stop()


def _time_statement(statement: str) -> float:
    command = (sys.executable, "-c", _TIMED.format(statement=statement))
    done = subprocess.run(command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True)
    if done.returncode != 0:
        raise Unmeasurable(f"it does not run: {done.stderr.strip()[-200:]}")
    return float(done.stdout)
