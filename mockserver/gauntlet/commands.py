"""Commands: one run of a command, ended with all that it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from mockserver.exceptions import Problem, SettingsError
from mockserver.redaction import escape_controls, redact

MAX_OUTPUT = 8_000  # characters of the end of what a run wrote
GRACE_SECONDS = 2.0  # between a polite signal and the last one
_CHUNK_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Finished:
    """How a run ended: its exit status (negative for a signal), and the end of what it wrote to stdout and
    stderr, secrets redacted. `has_shown_secret` says that there were some.
    """

    status: int
    output: str
    has_shown_secret: bool


class Command:
    """A command that is run again and again, in this folder, with the same standard input.

    `arguments` begin with the program; a run is ended after `timeout_seconds`. Safe to use from many threads.
    """

    def __init__(
        self, arguments: Sequence[str], *, timeout_seconds: float, stdin: IO[bytes] | None = None
    ) -> None:
        self.arguments = tuple(arguments)
        self._timeout_seconds = timeout_seconds
        self._stdin = None if stdin is None else StandardInput(stdin)
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self.is_stopped = False

    def stop(self) -> None:
        """End every run at once, and each that starts later."""
        with self._lock:
            self.is_stopped = True
            for process in self._running:
                _signal(process, signal.SIGKILL)

    def run(self, environment: Mapping[str, str]) -> Finished:
        """Run it once, with these variables beside those of this process.

        Raises SettingsError where it cannot be started.
        """
        with tempfile.TemporaryFile() as written:
            process = self._start(environment, written)
            is_late = threading.Event()
            timer = threading.Timer(self._timeout_seconds, _end_late, (process, is_late))
            timer.daemon = True
            timer.start()
            process.wait()
            timer.cancel()
            # What it left behind would go on calling.
            _signal(process, signal.SIGKILL)
            with self._lock:
                self._running.discard(process)
            size = written.seek(0, os.SEEK_END)
            written.seek(max(0, size - 4 * MAX_OUTPUT))
            text = written.read().decode("utf-8", "replace")
        note = f"\n(ended after {self._timeout_seconds:g} s)" if is_late.is_set() else ""
        shown = "\n".join(escape_controls(line) for line in redact(text).split("\n"))
        return Finished(process.returncode, (shown + note)[-MAX_OUTPUT:].strip("\n"), redact(text) != text)

    def _start(self, environment: Mapping[str, str], written: IO[bytes]) -> subprocess.Popen[bytes]:
        with self._lock:
            try:
                process = subprocess.Popen(
                    self.arguments,
                    stdin=subprocess.DEVNULL if self._stdin is None else subprocess.PIPE,
                    stdout=written,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **environment},
                    # A group of its own, which can be ended whole; Ctrl-C comes to us alone.
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:
                text = f"{self.arguments[0]!r} cannot be started: {getattr(error, 'strerror', None) or error}"
                raise SettingsError([Problem(text)]) from None
            self._running.add(process)
            if self.is_stopped:
                _signal(process, signal.SIGKILL)
        if self._stdin is not None:
            self._stdin.feed(process)
        return process


class StandardInput:
    """What comes from a stream, kept so that every run sees all of it.

    It is read as it comes: a pipe that nobody closes stops no command that does not read it.
    """

    def __init__(self, source: IO[bytes]) -> None:
        self._kept = bytearray()
        self._is_whole = False
        self._grown = threading.Condition()
        threading.Thread(target=self._read, args=(source,), daemon=True).start()

    def feed(self, process: subprocess.Popen[bytes]) -> None:
        """Write all of it to a process, in a thread of its own."""
        threading.Thread(target=self._write, args=(process,), daemon=True).start()

    def _read(self, source: IO[bytes]) -> None:
        chunk = None
        while chunk != b"":
            try:
                # No buffered reader: its lock would be held when the interpreter ends.
                chunk = os.read(source.fileno(), _CHUNK_BYTES)
            except OSError:
                chunk = b""
            with self._grown:
                self._kept += chunk
                self._is_whole = not chunk
                self._grown.notify_all()

    def _write(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None, "it was started with a pipe"
        place = 0
        # A process that does not read it, or is over, closes the pipe.
        with contextlib.suppress(OSError), process.stdin as pipe:
            while process.returncode is None:
                with self._grown:
                    if place == len(self._kept):
                        if self._is_whole:
                            return
                        self._grown.wait(1)
                    chunk = bytes(self._kept[place : place + _CHUNK_BYTES])
                pipe.write(chunk)
                pipe.flush()
                place += len(chunk)


def _end_late(process: subprocess.Popen[bytes], is_late: threading.Event) -> None:
    is_late.set()
    _signal(process, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_SECONDS)
    _signal(process, signal.SIGKILL)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """A signal to a process and to all that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
