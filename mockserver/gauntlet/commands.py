"""Commands: one run of a command, with all that it starts."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mockserver.exceptions import Problem, SettingsError
from mockserver.redaction import redact

MAX_OUTPUT = 8_000  # characters that are kept, of the end
_GRACE_SECONDS = 2.0
_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Finished:
    """How a run ended. `output` is the end of what it wrote, secrets redacted, and `has_shown_secret` says
    that there were some. `code` is None for a run that was ended.
    """

    code: int | None
    output: str
    has_shown_secret: bool


class Command:
    """A command that can be run again and again, with the same standard input and in the same folder."""

    def __init__(self, arguments: Sequence[str], *, stdin: bytes, timeout_seconds: float) -> None:
        self.arguments = tuple(arguments)
        self._stdin = stdin
        self._timeout_seconds = timeout_seconds
        self._stopping = threading.Event()

    @property
    def is_stopped(self) -> bool:
        """Whether no further run may start."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """End every run that goes on, and start none any more."""
        self._stopping.set()

    def run(self, environment: Mapping[str, str]) -> Finished:
        """Run it once, with these variables beside those of this process.

        What it started ends with it. Raises SettingsError where it cannot be started.
        """
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as written:
            given.write(self._stdin)
            given.seek(0)
            try:
                process = subprocess.Popen(
                    self.arguments,
                    stdin=given,
                    stdout=written,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **environment},
                    start_new_session=True,
                )
            except OSError as error:
                text = f"{self.arguments[0]!r} cannot be started: {error.strerror or error}"
                raise SettingsError([Problem(text)]) from None
            code = self._wait(process)
            written.seek(0, os.SEEK_END)
            written.seek(max(0, written.tell() - 4 * MAX_OUTPUT))
            text = written.read().decode("utf-8", "replace")
        shown = redact(text)
        if code is None and not self.is_stopped:
            shown += f"\n(ended after {self._timeout_seconds:g} s)"
        return Finished(code, shown[-MAX_OUTPUT:].strip("\n"), shown_secret(text, environment))

    def _wait(self, process: subprocess.Popen[bytes]) -> int | None:
        deadline = time.monotonic() + self._timeout_seconds
        try:
            while not self.is_stopped and time.monotonic() < deadline:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return process.wait(_POLL_SECONDS)
            return None
        finally:
            _end_group(process)


def shown_secret(text: str, environment: Mapping[str, str]) -> bool:
    """Whether an output shows the credential of its run, or a key that was issued in it."""
    return environment["MOCKSERVER_SECRET_KEY"] in text or "sk_test_mock_" in text


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a command and what it started: first politely, if it still runs."""
    if process.poll() is None:
        _signal(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
