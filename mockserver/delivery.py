"""Delivery: a Response becomes bytes on a connection, late, in pieces or damaged if it says so.

The only module that writes an answer on a transport, lent by `connection`. Under another ASGI server answers
are sent by ASGI's own messages, and what needs the transport is answered with a mock failure.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from itertools import pairwise
from typing import Any, TypeAlias

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from mockserver.engine import Exchange
from mockserver.faults import Fault
from mockserver.messages import PROMPT, Response
from mockserver.namespaces import Waiting
from mockserver.synthesis.seeds import Seed

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# Where a connection lends itself to the scope.
EXTENSION = "mockserver.connection"
REASON_PHRASES: dict[int, bytes] = {
    status: HTTPStatus(status).phrase.encode("ascii") for status in HTTPStatus
}
# A client that reads nothing for so long is given up, in seconds.
WRITE_TIMEOUT_SECONDS = 30.0
GARBAGE_BYTES = 64


async def deliver(exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
    """Send the answer of an exchange as its delivery says, and finish the exchange."""
    response = exchange.response
    if response.delivery is PROMPT:
        # Nearly every answer: nothing to wait for, nothing to damage.
        cycle = find_cycle(scope)
        if cycle is not None:
            is_gone = cycle.disconnected or cycle.transport.is_closing()
            _write(cycle, response)
            if cycle.transport.get_write_buffer_size() and not is_gone:
                is_gone = not await _drained(cycle)
            exchange.finish(*(("disconnected", "client_disconnected") if is_gone else ("answered", None)))
            return
    try:
        is_gone = not await _wait(exchange, receive)
        if is_gone:
            exchange.finish("disconnected", "client_disconnected")
            return
        await _send(exchange, response, scope, receive, send)
    except asyncio.CancelledError:
        exchange.finish("disconnected", "client_disconnected")
        raise


async def send_response(response: Response, scope: Scope, send: Send) -> None:
    """Send an answer that belongs to no call, such as the guard's."""
    cycle = find_cycle(scope)
    if cycle is None:
        await _send_by_asgi(response, send)
        return
    cycle.keep_alive = cycle.keep_alive and not response.closes
    _write(cycle, response)


async def _wait(exchange: Exchange, receive: Receive) -> bool:
    """Wait as long as the delivery says, or until somebody ends the wait. False if the client left."""
    delivery = exchange.response.delivery
    hangs = delivery.fault is Fault.HANG
    if not (delivery.delay_seconds or delivery.held_by or hangs):
        return True
    waiting = exchange.wait()
    woken = _wakes(waiting)
    left = asyncio.ensure_future(_client_left(receive))
    timeout = delivery.delay_seconds if not (delivery.held_by or hangs) else None
    try:
        await asyncio.wait({woken, left}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if delivery.held_by and delivery.delay_seconds and not left.done():
            await asyncio.wait({left}, timeout=delivery.delay_seconds)
        return not left.done()
    finally:
        left.cancel()
        woken.cancel()
        exchange.end_wait(waiting)


def _wakes(waiting: Waiting) -> asyncio.Future[None]:
    """A future that is done when the wait is ended early, from whatever thread."""
    loop = asyncio.get_running_loop()
    woken: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not woken.done():
            woken.set_result(None)

    def wake_from_thread() -> None:
        loop.call_soon_threadsafe(wake)

    waiting.on_wake(wake_from_thread)
    return woken


async def _client_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(exchange: Exchange, response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Send an answer that may be dribbled or damaged."""
    delivery = response.delivery
    cycle = find_cycle(scope)
    if cycle is None:
        await _send_by_asgi(response, send)
        exchange.finish("answered")
        return
    if delivery.fault is not None and delivery.fault is not Fault.NOT_JSON:
        _damage(cycle, response, delivery.fault, exchange.call.id)
        exchange.finish("faulted")
        return
    if delivery.dribble is not None and response.body:
        is_gone = not await _dribble(cycle, response, exchange, receive)
    else:
        _write(cycle, response)
        is_gone = not await _drained(cycle)
    state = "faulted" if delivery.fault else "answered"
    exchange.finish(*(("disconnected", "client_disconnected") if is_gone else (state, None)))


async def _dribble(
    cycle: RequestResponseCycle, response: Response, exchange: Exchange, receive: Receive
) -> bool:
    """Send a body in pieces, spread over time. False if the client left."""
    dribble = response.delivery.dribble
    assert dribble is not None, "only called for a dribble"
    body = response.body
    chunks = min(dribble.chunks, len(body))
    bounds = [len(body) * index // chunks for index in range(chunks + 1)]
    head = write_head(response, b"content-length: %d\r\n" % len(body), keep_alive=cycle.keep_alive)
    left = asyncio.ensure_future(_client_left(receive))
    waiting = exchange.wait()
    woken = _wakes(waiting)
    try:
        cycle.response_started = True
        cycle.transport.write(head)
        for start, stop in pairwise(bounds):
            if not woken.done():
                await asyncio.wait(
                    {left, woken},
                    timeout=dribble.seconds / chunks,
                    return_when=asyncio.FIRST_COMPLETED,
                )
            if left.done() or cycle.transport.is_closing():
                return False
            cycle.transport.write(body[start:stop])
    finally:
        left.cancel()
        woken.cancel()
        exchange.end_wait(waiting)
    _complete(cycle)
    return True


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
    seed = Seed("garbage", call_id)
    return b"\x00\xff" + seed.digest() + seed.at("more").digest()[: GARBAGE_BYTES - 34]


def find_cycle(scope: Scope) -> RequestResponseCycle | None:
    """uvicorn's record of the request that a scope stands for; None under another server."""
    connection = scope.get("extensions", {}).get(EXTENSION)
    if connection is None:
        return None
    cycle: RequestResponseCycle = connection.cycle
    if cycle.scope is scope:
        return cycle
    return next((waiting for waiting, _ in connection.pipeline if waiting.scope is scope), None)


def write_message(response: Response, *, keep_alive: bool, is_head: bool = False) -> bytes:
    """A whole, undamaged answer as it goes onto the wire. `is_head`: it answers HEAD and has no body."""
    body = response.body
    if response.status in (204, 304):
        framing, body = b"", b""
    elif response.delivery.chunked:
        framing = b"transfer-encoding: chunked\r\n"
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    else:
        framing = b"content-length: %d\r\n" % len(body)
    head = write_head(response, framing, keep_alive=keep_alive)
    return head if is_head else head + body


def write_head(response: Response, framing: bytes, *, keep_alive: bool) -> bytes:
    """Status line and headers as they go onto the wire. `framing`: the header lines that frame the body."""
    phrase = response.status_message
    lines = [
        b"HTTP/1.1 %d " % response.status,
        REASON_PHRASES.get(response.status, b"") if phrase is None else phrase.encode("latin-1", "replace"),
        b"\r\n",
    ]
    for name, value in response.headers:
        lines += (name, b": ", value, b"\r\n")
    lines.append(framing)
    lines.append(b"\r\n" if keep_alive else b"connection: close\r\n\r\n")
    return b"".join(lines)


def _write(cycle: RequestResponseCycle, response: Response) -> None:
    """Write a whole, undamaged answer in one piece."""
    if cycle.disconnected:
        return
    is_head = cycle.scope["method"] == "HEAD"
    cycle.transport.write(write_message(response, keep_alive=cycle.keep_alive, is_head=is_head))
    _complete(cycle)


def _complete(cycle: RequestResponseCycle) -> None:
    """Tell uvicorn that the answer is out, so that the connection goes on to its next request."""
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()


async def _drained(cycle: RequestResponseCycle) -> bool:
    """Wait until the client has taken the answer; give it up when it takes nothing for too long."""
    transport = cycle.transport
    waited = 0.0
    size = transport.get_write_buffer_size()
    while size and not cycle.disconnected:
        await asyncio.sleep(0.05)
        now = transport.get_write_buffer_size()
        waited = 0.0 if now < size else waited + 0.05
        size = now
        if waited >= WRITE_TIMEOUT_SECONDS:
            transport.abort()
            return False
    return not (size and cycle.disconnected)


async def _send_by_asgi(response: Response, send: Send) -> None:
    fault = response.delivery.fault
    if fault is not None and fault is not Fault.NOT_JSON:
        text = f"the fault {fault} needs the server of this package: `mockserver serve` or MockServer()"
        response = response._replace(
            status=500,
            headers=((b"content-type", b"text/plain"), (b"mockserver-reason", b"mock_failure")),
            body=text.encode("ascii"),
        )
    length = (b"content-length", b"%d" % len(response.body))
    headers = [*response.headers, *([length] if response.status not in (204, 304) else [])]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})
