"""Servers: how each is started, when it is ready, what it uses, and that it ends."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.figures import Unmeasurable
from benchmarks.workload import Workload, free_port

ROOT = Path(__file__).resolve().parents[1]
_START_SECONDS = 60
_POLL_SECONDS = 0.001
# The last lines that a server printed, shown when it does not start.
_SHOWN_BYTES = 2_000

# From a port and an empty folder for its files to the command that starts a server.
Prepare = Callable[[int, Path], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Server:
    """A server that can be started. `does` says what of the work it does, for the reader of a table."""

    name: str
    does: str
    prepare: Prepare
    workload: Workload = field(default_factory=Workload)


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
                command,
                cwd=ROOT,
                env=clean_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )

    def wait(self) -> float:
        """Wait for the first right answer; seconds since the process was started. Raises Unmeasurable."""
        deadline = self._started + _START_SECONDS
        while True:
            status = ask_once(self.port, self.server.workload)
            if status in self.server.workload.statuses:
                return time.perf_counter() - self._started
            if self._process.poll() is not None or time.perf_counter() > deadline:
                self._show_errors()
                raise Unmeasurable(
                    "it did not start" if status is None else f"it answered {status} instead of a success"
                )
            time.sleep(_POLL_SECONDS)

    def _show_errors(self) -> None:
        text = self._errors.read_bytes()[-_SHOWN_BYTES:].decode("utf-8", "replace")
        sys.stderr.write(f"{self.server.name}:\n{text}\n")

    def cpu_seconds(self) -> float | None:
        """Processor time that all processes of the server have used; None where nobody tells (no /proc)."""
        ticks = [int(stat[11]) + int(stat[12]) for stat in self._stats()]
        return sum(ticks) / os.sysconf("SC_CLK_TCK") if ticks else None

    def resident_bytes(self) -> int | None:
        """Memory that all processes of the server hold; None where nobody tells (no /proc)."""
        pages = [int(stat[21]) for stat in self._stats()]
        return sum(pages) * os.sysconf("SC_PAGE_SIZE") if pages else None

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


def clean_environment() -> dict[str, str]:
    """The environment without options for the mock server: what is measured is what the command says."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MOCKSERVER_")}


@contextlib.contextmanager
def running(server: Server) -> Iterator[Running]:
    """A started server, ended in any case. Raises Unmeasurable if it does not come to answer."""
    process = Running(server)
    try:
        process.wait()
        yield process
    finally:
        process.stop()


def ask_once(port: int, workload: Workload) -> int | None:
    """The status of one request on a connection of its own; None if there is no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", workload.url, workload.body, workload.headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def program(name: str, *, python: str = sys.executable) -> Prepare:
    """One of `benchmarks.programs`."""
    return lambda port, folder: (python, "-m", "benchmarks.programs", name, str(port))


def serve(*options: str, files: Callable[[Path], Sequence[str]] | None = None) -> Prepare:
    """`mockserver serve` with options. `files` writes what it needs into a folder and gives more options."""

    def prepare(port: int, folder: Path) -> Sequence[str]:
        more = files(folder) if files is not None else ()
        # Options given here come last and win.
        own = ("--port", str(port), "--log-level", "warning", *options, *more)
        return (sys.executable, "-m", "mockserver", "serve", *own)

    return prepare


RAW = Server("raw asyncio protocol", "says the same to any bytes; no HTTP", program("raw"))
ASGI = Server("bare ASGI on uvicorn", "reads HTTP, says the same to any request", program("asgi"))
SANDBOX = Server(
    "mockserver",
    "validates request and answer, credential rules, namespaces, stubs, derived keys, journal, redaction",
    serve(),
)
