"""Delivery: a Response becomes bytes on a connection, late, in pieces or damaged if it says so.

The only module that writes an answer on a transport, lent by `connection`. Under another ASGI server answers
are sent by ASGI's own messages, and what needs the transport is answered with a mock failure.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from http import HTTPStatus
from typing import Any, TypeAlias

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from mockserver.engine.engine import Exchange
from mockserver.faults import Dribble, Fault
from mockserver.journal.call import State
from mockserver.messages import BODILESS, SMALL_BYTES, Response
from mockserver.seeds import Seed
from mockserver.state.waiting import Waiting

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# Where a connection lends its record of the request to the scope, and where it marks one that was refused
# while it was being read.
EXTENSION = "mockserver.connection"
REJECTED = "mockserver.rejected"
REASON_PHRASES: dict[int, bytes] = {
    status: HTTPStatus(status).phrase.encode("ascii") for status in HTTPStatus
}
_STATUS_LINES = {status: b"HTTP/1.1 %d %b\r\n" % (status, text) for status, text in REASON_PHRASES.items()}
# A client that reads nothing for so long is given up, in seconds.
WRITE_TIMEOUT_SECONDS = 30.0
GARBAGE_BYTES = 64


async def deliver(exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
    """Send the answer of an exchange as its delivery says, and finish the exchange."""
    if exchange.response.closes and (cycle := find_cycle(scope)) is not None:
        cycle.keep_alive = False
    try:
        if await _wait(exchange, receive):
            await _send(exchange, scope, receive, send)
        elif exchange.response.delivery.fault is Fault.HANG:
            exchange.finish("faulted")
    finally:
        # Counts only for what nobody has finished: the client left, or the server stops.
        exchange.finish("disconnected", "client_disconnected")


async def send_response(response: Response, scope: Scope, send: Send) -> None:
    """Send an answer that belongs to no call, such as the guard's."""
    cycle = find_cycle(scope)
    if cycle is None:
        await _send_by_asgi(response, scope, send)
    elif not cycle.disconnected:
        cycle.keep_alive = cycle.keep_alive and not response.closes
        cycle.transport.write(_write_for(cycle, response))
        _complete(cycle)


async def _wait(exchange: Exchange, receive: Receive) -> bool:
    """Wait as long as the delivery says, or until somebody ends the wait. False if the client left."""
    delivery, waiting = exchange.response.delivery, exchange.waiting
    hangs = delivery.fault is Fault.HANG
    if waiting is None or not (delivery.delay_seconds or waiting.stub_id or hangs):
        return True
    with _watch(waiting, receive) as watch:
        if not await watch.sit_out_hold():
            return False
        return await watch.pause(None if hangs else delivery.delay_seconds)


class _Watch:
    """What can cut a wait short: the client leaves, or somebody ends hold or wait."""

    def __init__(self, waiting: Waiting, receive: Receive) -> None:
        self._left = asyncio.ensure_future(_client_left(receive))
        self._released = _when(waiting.on_release)
        self._ended = _when(waiting.on_end)

    async def sit_out_hold(self) -> bool:
        """Wait until the hold ends, if there is one. False if the client left."""
        await asyncio.wait({self._left, self._released}, return_when=asyncio.FIRST_COMPLETED)
        return not self._left.done()

    async def pause(self, seconds: float | None) -> bool:
        """Wait for some time, None for ever, or until somebody ends the wait. False if the client left."""
        await asyncio.wait({self._left, self._ended}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return not self._left.done()

    def close(self) -> None:
        for future in (self._left, self._released, self._ended):
            future.cancel()


@contextmanager
def _watch(waiting: Waiting, receive: Receive) -> Iterator[_Watch]:
    watch = _Watch(waiting, receive)
    try:
        yield watch
    finally:
        watch.close()


def _when(register: Callable[[Callable[[], None]], None]) -> asyncio.Future[None]:
    """A future that is done when what is registered is called, from whatever thread."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()

    def settle() -> None:
        if not future.done():
            future.set_result(None)

    register(lambda: _call_in(loop, settle))
    return future


def _call_in(loop: asyncio.AbstractEventLoop, act: Callable[[], None]) -> None:
    # In a loop that is closed nobody waits any more.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(act)


async def _client_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
    """Send an answer, whole, dribbled or damaged."""
    response = exchange.response
    delivery = response.delivery
    cycle = find_cycle(scope)
    state: State = "answered" if delivery.fault is None else "faulted"
    if cycle is None:
        await _send_by_asgi(response, scope, send)
        exchange.finish(state)
    elif cycle.disconnected or cycle.transport.is_closing():
        return
    elif delivery.fault is not None and delivery.fault is not Fault.NOT_JSON:
        exchange.finish(state)
        _damage(cycle, response, delivery.fault, exchange.call.id)
        await _drain(cycle)
    elif delivery.dribble is not None and has_body(response, cycle.scope["method"]):
        await _dribble(exchange, delivery.dribble, cycle, receive)
    else:
        await _write(exchange, _write_for(cycle, response), state, cycle)
        _complete(cycle)


async def _write(exchange: Exchange, data: bytes, state: State, cycle: RequestResponseCycle) -> None:
    """Write the rest of an answer and finish the exchange, unless the client leaves before they are out."""
    if len(data) <= SMALL_BYTES:
        # A client that has the answer finds the call finished.
        exchange.finish(state)
    cycle.transport.write(data)
    if await _drain(cycle):
        exchange.finish(state)


async def _dribble(
    exchange: Exchange, dribble: Dribble, cycle: RequestResponseCycle, receive: Receive
) -> None:
    """Send a body in pieces, spread over time."""
    response, waiting = exchange.response, exchange.waiting
    assert waiting is not None, "a dribbled answer does not go at once"
    pieces = dribble.cut(response.body)
    with _watch(waiting, receive) as watch:
        cycle.response_started = True
        framing = b"content-length: %d\r\n" % len(response.body)
        cycle.transport.write(write_head(response, framing, keep_alive=cycle.keep_alive))
        for piece in pieces[:-1]:
            if not await watch.pause(dribble.seconds / len(pieces)):
                return
            cycle.transport.write(piece)
        if not await watch.pause(dribble.seconds / len(pieces)):
            return
    await _write(exchange, pieces[-1], "faulted" if response.delivery.fault else "answered", cycle)
    _complete(cycle)


def _damage(cycle: RequestResponseCycle, response: Response, fault: Fault, call_id: str) -> None:
    """Do what a fault says, and close the connection."""
    transport = cycle.transport
    # uvicorn would log that nobody answered: for it the client has left.
    cycle.disconnected = True
    if fault is Fault.CONNECTION_RESET_BY_PEER:
        # Closing with SO_LINGER at zero seconds sends RST in place of FIN (socket(7)).
        connected: socket.socket = transport.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        return
    transport.write(write_damaged(response, fault, call_id))
    transport.close()


def write_damaged(response: Response, fault: Fault, call_id: str) -> bytes:
    """What a client sees of an answer before its connection ends; nothing, of most faults."""
    body = response.body
    if fault is Fault.MALFORMED_RESPONSE_CHUNK:
        return write_head(response, b"transfer-encoding: chunked\r\n", keep_alive=False) + _garbage(call_id)
    if fault is Fault.RANDOM_DATA_THEN_CLOSE:
        return _garbage(call_id)
    if fault is Fault.TRUNCATED_BODY:
        head = write_head(response, b"content-length: %d\r\n" % len(body), keep_alive=False)
        return head + body[: len(body) // 2]
    if fault is Fault.WRONG_CONTENT_LENGTH:
        return write_head(response, b"content-length: %d\r\n" % (len(body) + 7), keep_alive=False) + body
    return b""


def _garbage(call_id: str) -> bytes:
    """Bytes that are no HTTP and no chunk, the same for the same call."""
    return b"\x00\xff" + Seed("garbage", call_id).digest()[: GARBAGE_BYTES - 2]


def find_cycle(scope: Scope) -> RequestResponseCycle | None:
    """uvicorn's record of the request that a scope stands for; None under another server."""
    cycle: RequestResponseCycle | None = scope.get("extensions", {}).get(EXTENSION)
    return cycle


def write_message(response: Response, *, keep_alive: bool, is_head: bool = False) -> bytes:
    """A whole, undamaged answer as it goes onto the wire. `is_head`: it answers HEAD and has no body."""
    body = response.body
    if response.status in BODILESS:
        framing, body = b"", b""
    elif response.delivery.chunked:
        framing = b"transfer-encoding: chunked\r\n"
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    else:
        length = response.delivery.head_length if is_head else None
        framing = b"content-length: %d\r\n" % (len(body) if length is None else length)
    head = write_head(response, framing, keep_alive=keep_alive and not response.closes)
    return head if is_head else head + body


def write_head(response: Response, framing: bytes, *, keep_alive: bool) -> bytes:
    """Status line and headers as they go onto the wire. `framing`: the header lines that frame the body."""
    line = _STATUS_LINES.get(response.status) if response.status_message is None else None
    if line is None:
        phrase = (response.status_message or "").encode("latin-1", "replace")
        line = b"HTTP/1.1 %d %b\r\n" % (response.status, phrase)
    fields = b"".join([b"%b: %b\r\n" % header for header in response.sent_headers])
    end = b"\r\n" if keep_alive else b"connection: close\r\n\r\n"
    return line + fields + framing + end


def has_body(response: Response, method: str) -> bool:
    """Whether bytes of a body stand in an answer to a request of this method (RFC 9110, section 6.4.1)."""
    return bool(response.body) and method != "HEAD" and response.status not in BODILESS


def _write_for(cycle: RequestResponseCycle, response: Response) -> bytes:
    is_head = cycle.scope["method"] == "HEAD"
    return write_message(response, keep_alive=cycle.keep_alive, is_head=is_head)


def _complete(cycle: RequestResponseCycle) -> None:
    """Tell uvicorn that the answer is out, so that the connection goes on to its next request."""
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.message_event.set()
    cycle.on_response()


async def _drain(cycle: RequestResponseCycle) -> bool:
    """Wait until the client has taken all that was written, giving it up when it takes nothing for too long.

    False if it is gone.
    """
    transport = cycle.transport
    size = transport.get_write_buffer_size()
    if size:
        # The transport now tells of every byte that it keeps, and not only of too many.
        transport.set_write_buffer_limits(0)
    while size:
        with suppress(TimeoutError):
            await asyncio.wait_for(cycle.flow.drain(), WRITE_TIMEOUT_SECONDS)
        before, size = size, transport.get_write_buffer_size()
        if size == before:
            transport.abort()
            return False
    return not cycle.disconnected


async def _send_by_asgi(response: Response, scope: Scope, send: Send) -> None:
    """Send an answer under a server that lends no transport."""
    fault = response.delivery.fault
    if fault is not None and fault is not Fault.NOT_JSON:
        text = f"the fault {fault} needs the server of this package: `mockserver serve` or MockServer()"
        response = replace(
            response,
            status=500,
            headers=((b"content-type", b"text/plain"), (b"mockserver-reason", b"mock_failure")),
            body=text.encode("ascii"),
        )
    head_length = response.delivery.head_length if scope["method"] == "HEAD" else None
    length = (b"content-length", b"%d" % (len(response.body) if head_length is None else head_length))
    headers = [*response.headers, *([length] if response.status not in BODILESS else [])]
    body = response.body if has_body(response, scope["method"]) else b""
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
