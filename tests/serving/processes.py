"""Servers as processes of their own, and calls to them."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.doors import BODY, CREATE, FROZEN, KEY, Answer

LIST = "/v1/api-keys/?account_id=acct_1&limit=100"


class Server:
    """A process of `mockserver serve`, with its first line of JSON and its port."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "it did not start"
        self.welcome: dict[str, Any] = json.loads(line)
        self.port = int(self.welcome["origin"].rpartition(":")[2])

    @property
    def workers(self) -> list[int]:
        """The processes that it has started. Raises FileNotFoundError where there is no /proc."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(number) for number in path.read_text("ascii").split()]

    def kill(self) -> None:
        """End it and all that it has started, at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)

    def send(
        self,
        method: str = "POST",
        url: str = CREATE,
        *,
        key: str = KEY,
        json_body: Any = None,
        **headers: str,
    ) -> Answer:
        """One call on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        body = None if method == "GET" else json.dumps(BODY if json_body is None else json_body)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent |= {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        try:
            connection.request(method, url, body, sent)
            answer = connection.getresponse()
            fields: dict[str, list[str]] = {}
            for name, value in answer.getheaders():
                fields.setdefault(name.lower(), []).append(value)
            return Answer(answer.status, fields, answer.read())
        finally:
            connection.close()


@contextmanager
def serve(*options: str) -> Iterator[Server]:
    """`mockserver serve` with some options, in a process group of its own."""
    command = [sys.executable, "-m", "mockserver", "serve", "--port", "0", "--clock", FROZEN]
    process = subprocess.Popen(
        [*command, "--log-format", "json", "--log-level", "error", *options],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield Server(process)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(20)
        assert process.stdout is not None
        process.stdout.close()
