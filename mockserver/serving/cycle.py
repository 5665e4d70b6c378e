"""Cycle: one request that is whole, and the way of its answer onto the connection.

`delivery` writes on the transport of the cycle, since ASGI has no words for a reset connection or a reason
phrase; the door of the control API, an ASGI application, sends its messages through it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from mockserver.engine.failures import fail
from mockserver.messages import UNFRAMED, Response
from mockserver.serving.writing import write_head, write_message

Scope: TypeAlias = MutableMapping[str, Any]


class Cycle:
    """`is_writable` is set while the transport takes more; `keep_alive` says that the connection goes on
    behind the answer, `disconnected` that the client has left. `on_end` is told once nobody works on the
    answer any more. `status` is that of the answer, 0 before it has one."""

    def __init__(
        self,
        transport: asyncio.Transport,
        is_writable: asyncio.Event,
        method: str,
        *,
        keep_alive: bool,
        on_end: Callable[[], None],
    ) -> None:
        self.transport = transport
        self.is_writable = is_writable
        self.method = method
        self.keep_alive = keep_alive
        self.status = 0
        self._is_awaited = self._is_left = False
        self.is_started = False
        self.is_complete = False
        self.disconnected = False
        self._is_chunked = False
        self._on_end = on_end
        self._over = asyncio.Event()

    async def run(self, work: Awaitable[None]) -> None:
        """Do what answers the request. An answer that is not whole in the end closes the connection."""
        try:
            await work
        except Exception as error:
            failure = fail(error)
            if not (self.is_started or self.disconnected):
                self.write(failure)
        finally:
            if not self.is_complete:
                self.transport.close()
            self._on_end()

    def write(self, response: Response) -> None:
        """Write a whole answer."""
        self.keep_alive = self.keep_alive and not response.closes
        self.transport.write(self.format(response))
        self.complete()

    def format(self, response: Response) -> bytes:
        """A whole answer to this request as it goes onto the wire."""
        return write_message(response, keep_alive=self.keep_alive, is_head=self.method == "HEAD")

    def complete(self) -> None:
        """Note that the answer is out."""
        self.is_started = self.is_complete = True
        self._over.set()

    def disconnect(self) -> None:
        """Note that the client has left."""
        self.disconnected = True
        self._over.set()

    async def wait_until_over(self) -> None:
        """Wait until the client has left or the answer is out."""
        self._is_awaited = True
        if self._is_left:
            self.transport.close()
        await self._over.wait()

    def give_up_waiting(self) -> None:
        """The client has probably left: an answer that is waited for, now or later, ends the connection."""
        self._is_left = True
        if self._is_awaited:
            self.transport.close()

    # What the door of the control API is given.

    async def receive(self) -> MutableMapping[str, Any]:
        """Tell that the client has left or the answer is out, once that is so; it is all there is to tell."""
        await self.wait_until_over()
        return {"type": "http.disconnect"}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Write a part of an answer, once the client takes more. It goes nowhere when the client has left."""
        await self.is_writable.wait()
        if self.disconnected:
            return
        if message["type"] == "http.response.start":
            self._start(message["status"], tuple(message.get("headers", ())))
            return
        body, is_last = message.get("body", b""), not message.get("more_body", False)
        if self._is_chunked:
            body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + (b"0\r\n\r\n" if is_last else b"")
        if body and self.method != "HEAD":
            self.transport.write(body)
        if is_last:
            self.complete()

    def _start(self, status: int, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        self.is_started = True
        self.status = status
        has_length = any(name == b"content-length" for name, _ in headers)
        self._is_chunked = not has_length and self.method != "HEAD" and status not in UNFRAMED
        framing = b"transfer-encoding: chunked\r\n" if self._is_chunked else b""
        self.transport.write(write_head(Response(status, headers, b""), framing, keep_alive=self.keep_alive))
