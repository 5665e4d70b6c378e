"""The stream of events of a running server."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mockserver.serving.uvicorn_server import ServerThread


class Events:
    """An open stream of events. `headers` are those of the answer."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self._response = response
        self.headers = response.headers

    def next(self) -> dict[str, Any] | None:
        """The next event, its data parsed; None at the end of the stream."""
        event: dict[str, Any] = {}
        while line := self._response.readline():
            text = line.decode().rstrip("\n")
            if not text and event:
                return event
            name, _, value = text.partition(": ")
            if name:
                event[name] = json.loads(value) if name == "data" else value
        return None

    def numbers(self, count: int) -> list[int]:
        """The numbers of the next calls."""
        found = [self.next() for _ in range(count)]
        assert all(event and event["event"] == "call" for event in found), found
        return [int(event["id"]) for event in found if event]


@contextmanager
def listening(server: ServerThread, *, namespace: str = "", last_id: str | None = None) -> Iterator[Events]:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
    headers = {} if last_id is None else {"Last-Event-ID": last_id}
    connection.request("GET", f"{namespace}/__admin/events", headers=headers)
    try:
        with connection.getresponse() as response:
            assert response.status == 200, response.read()
            yield Events(response)
    finally:
        connection.close()
