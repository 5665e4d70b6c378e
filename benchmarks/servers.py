"""Servers: how each is started, when it is ready, what it uses, and that it ends."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Unmeasurable
from benchmarks.workload import PATH, QUERY, write_equal

ROOT = Path(__file__).resolve().parents[1]
SUCCESSES = {200, 201}

# From a port and an empty folder for its files to the command that starts a server.
Prepare = Callable[[int, Path], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Server:
    """A server that can be started. `does` says what of the work it does, for the reader of a table."""

    name: str
    does: str
    prepare: Prepare
    path: str = PATH

    @property
    def url(self) -> str:
        """Path and query of the operation."""
        return f"{self.path}?{QUERY}"


class Running:
    """A server that was started, in a session of its own, so that all its processes can be found."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.port = free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="benchmark-")
        folder = Path(self._folder.name)
        command = server.prepare(self.port, folder)
        self._errors = folder / "errors.txt"
        with self._errors.open("wb") as errors:
            self._started = time.perf_counter()
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=clean_environment(), start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
            )  # fmt: skip

    def wait(self) -> float:
        """Wait for the first right answer; seconds since the process was started. Raises Unmeasurable."""
        deadline = self._started + 60
        while True:
            status = self._ask_once()
            if status in SUCCESSES:
                return time.perf_counter() - self._started
            if self._process.poll() is not None or time.perf_counter() > deadline:
                sys.stderr.write(self._errors.read_text("utf-8", "replace")[-2_000:])
                raise Unmeasurable("it did not start" if status is None else f"it answered {status}")
            time.sleep(0.001)

    def _ask_once(self) -> int | None:
        headers, body = write_equal()
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            try:
                connection.request("POST", self.server.url, json.dumps(body), headers)
                return connection.getresponse().status
            except (OSError, http.client.HTTPException):
                return None

    def cpu_seconds(self) -> float:
        """Processor time that all processes of the server have used. Raises Unmeasurable without /proc."""
        ticks = [int(stat[11]) + int(stat[12]) for stat in self._stats()]
        if not ticks:
            raise Unmeasurable("it has ended, or this system has no /proc")
        return sum(ticks) / os.sysconf("SC_CLK_TCK")

    def _stats(self) -> Iterator[list[str]]:
        """/proc/PID/stat of each process of the session (proc(5)), from its third field on."""
        for path in Path("/proc").glob("[0-9]*/stat"):
            # A process may end between the listing and the reading.
            with contextlib.suppress(OSError):
                # The second field is the command in brackets, in which anything may stand.
                stat = path.read_text("utf-8", "replace").rpartition(")")[2].split()
                if int(stat[3]) == self._process.pid:
                    yield stat

    def stop(self) -> None:
        """End all its processes and remove its files."""
        for kind in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, kind)
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                continue
            if not any(True for _ in self._stats()):
                break
        self._folder.cleanup()


def free_port() -> int:
    """A port of the loopback interface on which nothing listens just now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def clean_environment() -> dict[str, str]:
    """The environment without options for the mock server: what is measured is what the command says."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MOCKSERVER_")}


def _run_module(*words: str) -> Prepare:
    return lambda port, folder: (sys.executable, "-m", *words, "--port", str(port), "--log-level", "warning")


ASGI = Server(
    "bare ASGI",
    "an application on uvicorn that takes the body and says the same to any request",
    _run_module("uvicorn", "benchmarks.programs:bare", "--no-access-log"),
)
SANDBOX = Server(
    "mockserver",
    "validates request and answer, credential rules, namespaces, stubs, derived keys, journal, redaction",
    _run_module("mockserver", "serve"),
)
