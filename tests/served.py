"""`mockserver serve` in a process of its own."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.hostile.wire import read_answer

SERVE = [sys.executable, "-m", "mockserver", "serve"]
PATIENCE = 30
# From the signal to the end of the process, in seconds.
SECONDS_TO_END = 5


class Served:
    """A running `mockserver serve` that has said that it is ready."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        assert process.stdout is not None
        self.lines: list[bytes] = []
        for line in process.stdout:
            self.lines.append(line)
            if line.startswith(b'{"event"') or line.startswith(b"Listening on"):
                break
        else:
            raise AssertionError((process.wait(), process.stderr and process.stderr.read()))
        found = re.search(rb"http://[^\s\"]+:(\d+)", self.lines[-1])
        assert found
        self.port = int(found[1])

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def ask(self, data: bytes) -> int:
        with self.connect() as client:
            client.sendall(data)
            return read_answer(client).answer.status

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=SECONDS_TO_END)

    def stderr(self) -> bytes:
        assert self.process.stderr is not None
        return self.process.stderr.read()


@contextmanager
def serve(*options: str, command: str = "serve", **more: Any) -> Iterator[Served]:
    """`mockserver serve`, or another command, on a free port, ready; ended if the test did not end it."""
    line = [*SERVE[:-1], command, "--port", "0", *options]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more) as process:
        try:
            yield Served(process)
        finally:
            process.kill()
