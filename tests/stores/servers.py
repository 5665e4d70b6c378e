"""A real Redis server, started and stopped by the tests."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

PASSWORD = "not-secret"


def find_redis() -> str:
    """The program. A machine without it skips the tests that need it, but for CI, where it must be there."""
    program = shutil.which("redis-server")
    if program is None:
        text = "redis-server is not installed (on Debian and Ubuntu: apt-get install redis-server)"
        if os.environ.get("CI") == "true":
            pytest.fail(text)
        pytest.skip(text)
    return program


class RedisServer:
    """One Redis server on a port of its own, which can be stopped and started again, then empty."""

    def __init__(self, folder: Path) -> None:
        self._program = find_redis()
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is, database 0."""
        return f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"

    def client(self) -> redis.Redis:
        """A plain client, for looking at it from outside."""
        return redis.Redis(port=self.port, password=PASSWORD, decode_responses=False)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(
            [
                self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                "--appendonly", "no", "--requirepass", PASSWORD, "--dir", str(self._folder),
            ],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 20
        while True:
            with self.client() as client:
                try:
                    client.ping()
                    return
                except redis.ConnectionError:
                    assert time.monotonic() < deadline, "redis-server does not answer"
                    time.sleep(0.02)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let it be there, and answer nobody, for so long."""
        assert self._process is not None, "it runs"
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Stop it at once. What it held is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def run_redis(folder: Path) -> Iterator[RedisServer]:
    """A server for as long as it is needed."""
    server = RedisServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
