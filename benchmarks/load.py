"""Load: many keep-alive connections, each waiting for its answer before it asks again."""

from __future__ import annotations

import contextlib
import re
import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator

from benchmarks.figures import Unmeasurable

CONNECTIONS = 16
_PATIENCE_SECONDS = 10
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)")


class Waiting:
    """A connection with the part of an answer that has come. Connects anew where the server closes it."""

    def __init__(self, port: int) -> None:
        self._address = ("127.0.0.1", port)
        self._received = b""
        self.socket = socket.create_connection(self._address, timeout=_PATIENCE_SECONDS)

    def receive(self) -> int | None:
        """Take what has come: the status of a whole answer, None while more is missing."""
        data = self.socket.recv(65536)
        if not data:
            raise Unmeasurable("the server closed a connection that waited for an answer")
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        head = head.lower()
        length = _LENGTH.search(head)
        is_chunked = b"\r\ntransfer-encoding: chunked" in head
        is_whole = end and (
            body.endswith(b"0\r\n\r\n") if is_chunked else length and len(body) >= int(length[1])
        )
        if not is_whole:
            return None
        self._received = b""
        if b"\r\nconnection: close" in head or head.startswith(b"http/1.0"):
            self.socket.close()
            self.socket = socket.create_connection(self._address, timeout=_PATIENCE_SECONDS)
        return int(head[9:12])

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()


def ask_over_many(port: int, requests: Iterator[bytes], seconds: float) -> Counter[int]:
    """Ask for so many seconds; the number of answers by status. Raises Unmeasurable if one is missing."""
    statuses: Counter[int] = Counter()
    with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
        end = time.monotonic() + seconds
        for _ in range(CONNECTIONS):
            connection = stack.enter_context(contextlib.closing(Waiting(port)))
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.socket.sendall(next(requests))
        while selector.get_map():
            ready = selector.select(_PATIENCE_SECONDS)
            if not ready:
                raise Unmeasurable("an answer did not come")
            for (asked, *_, connection), _ in ready:
                status = connection.receive()
                if status is None:
                    continue
                statuses[status] += 1
                if time.monotonic() >= end:
                    selector.unregister(asked)
                    continue
                if asked is not connection.socket:
                    selector.unregister(asked)
                    selector.register(connection.socket, selectors.EVENT_READ, connection)
                connection.socket.sendall(next(requests))
    return statuses
