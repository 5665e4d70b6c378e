"""Delivery: a Response becomes bytes on a connection, late, in pieces or damaged if it says so."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

from mockserver.engine.exchange import Exchange
from mockserver.exceptions import MockServerError
from mockserver.faults import Dribble, Fault
from mockserver.journal.call import State
from mockserver.messages import SMALL_BYTES, Response
from mockserver.redaction import redact
from mockserver.serving.cycle import Cycle
from mockserver.serving.passing import in_thread
from mockserver.serving.writing import has_body, write_damaged, write_head
from mockserver.state.waiting import Waiting

logger = logging.getLogger("mockserver")

# A client that reads nothing for so long is given up, in seconds.
WRITE_TIMEOUT_SECONDS = 30.0
# So much of a long answer is kept back until its client has taken what is before it.
_LAST_BYTES = 1024


async def send_answer(answer: Exchange | Response, cycle: Cycle) -> None:
    """Send the answer to a call, or one that belongs to no call."""
    if isinstance(answer, Exchange):
        await deliver(answer, cycle)
    elif not cycle.disconnected:
        cycle.write(answer)


async def deliver(exchange: Exchange, cycle: Cycle) -> None:
    """Send the answer of an exchange as its delivery says, and finish the exchange."""
    cycle.keep_alive = cycle.keep_alive and not exchange.response.closes
    try:
        if await _wait(exchange, cycle):
            await _send(exchange, cycle)
        elif exchange.response.delivery.fault is Fault.HANG:
            exchange.finish("faulted")
    finally:
        # Counts only for what nobody has finished: the client left, or the server stops.
        exchange.finish("disconnected", "client_disconnected")


async def _wait(exchange: Exchange, cycle: Cycle) -> bool:
    """Wait as long as the delivery says, or until somebody ends the wait. False if the client left."""
    delivery, waiting = exchange.response.delivery, exchange.waiting
    hangs = delivery.fault is Fault.HANG
    if waiting is None or not (delivery.delay_seconds or waiting.stub_id or hangs):
        return True
    with closing(_Watch(waiting, cycle)) as watch:
        if not await watch.sit_out_hold():
            return False
        return await watch.pause(None if hangs else delivery.delay_seconds)


class _Watch:
    """What can cut a wait short: the client leaves, or somebody ends hold or wait."""

    def __init__(self, waiting: Waiting, cycle: Cycle) -> None:
        self._left = asyncio.ensure_future(cycle.wait_until_over())
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


def _when(register: Callable[[Callable[[], None]], None]) -> asyncio.Future[None]:
    """A future that is done when what is registered is called, from whatever thread."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()

    def settle() -> None:
        if not future.done():
            future.set_result(None)

    def wake() -> None:
        # In a loop that is closed nobody waits any more.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle)

    register(wake)
    return future


async def _send(exchange: Exchange, cycle: Cycle) -> None:
    """Send an answer, whole, dribbled or damaged."""
    response = exchange.response
    delivery = response.delivery
    state: State = "answered" if delivery.fault is None else "faulted"
    if _has_left(cycle):
        return
    elif delivery.fault is not None and delivery.fault is not Fault.NOT_JSON:
        await _finish(exchange, state)
        if not _has_left(cycle):
            _damage(cycle, response, delivery.fault, exchange.call.id)
            await _drain(cycle)
    elif exchange.rest is not None and cycle.method != "HEAD":
        await _pass_rest(exchange, exchange.rest, cycle)
    elif delivery.dribble is not None and has_body(response, cycle.method):
        await _dribble(exchange, delivery.dribble, cycle)
    else:
        await _write(exchange, cycle.format(response), state, cycle)
        cycle.complete()


def _has_left(cycle: Cycle) -> bool:
    """Whether nobody is there to take an answer."""
    return cycle.disconnected or cycle.transport.is_closing()


async def _write(exchange: Exchange, data: bytes, state: State, cycle: Cycle) -> None:
    """Write the rest of an answer and finish the exchange, unless the client leaves before its last bytes."""
    if len(data) > SMALL_BYTES:
        cycle.transport.write(memoryview(data)[:-_LAST_BYTES])
        if not await _drain(cycle):
            return
        data = data[-_LAST_BYTES:]
    await _finish(exchange, state)
    if not _has_left(cycle):
        cycle.transport.write(data)
        await _drain(cycle)


async def _finish(exchange: Exchange, state: State) -> None:
    """Finish an exchange before its end is sent: a client that has the answer finds the call finished."""
    recorded = exchange.finish(state)
    if recorded is not None:
        # It is recorded, whoever gives up waiting for that.
        await asyncio.shield(asyncio.wrap_future(recorded))


async def _pass_rest(exchange: Exchange, rest: Iterator[bytes], cycle: Cycle) -> None:
    """Send an answer of the real API as it comes. One that breaks off there breaks off here."""
    response = exchange.response
    cycle.is_started = True
    framing = b"transfer-encoding: chunked\r\n"
    cycle.transport.write(write_head(response, framing, keep_alive=cycle.keep_alive))
    piece: bytes | None = response.body
    try:
        while piece is not None:
            if piece:
                cycle.transport.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            if not await _drain(cycle):
                return
            piece = await in_thread(lambda: next(rest, None))
    except MockServerError as error:
        logger.warning("the answer to call %s broke off: %s", exchange.call.id, redact(str(error)))
        exchange.finish("faulted", "upstream_broken")
        return
    state: State = "faulted" if response.delivery.fault else "answered"
    await _write(exchange, b"0\r\n\r\n", state, cycle)
    cycle.complete()


async def _dribble(exchange: Exchange, dribble: Dribble, cycle: Cycle) -> None:
    """Send a body in pieces, spread over time."""
    response, waiting = exchange.response, exchange.waiting
    assert waiting is not None, "a dribbled answer does not go at once"
    pieces = dribble.cut(response.body)
    with closing(_Watch(waiting, cycle)) as watch:
        cycle.is_started = True
        framing = b"content-length: %d\r\n" % len(response.body)
        cycle.transport.write(write_head(response, framing, keep_alive=cycle.keep_alive))
        for piece in pieces[:-1]:
            if not await watch.pause(dribble.seconds / len(pieces)):
                return
            cycle.transport.write(piece)
        if not await watch.pause(dribble.seconds / len(pieces)):
            return
    await _write(exchange, pieces[-1], "faulted" if response.delivery.fault else "answered", cycle)
    cycle.complete()


def _damage(cycle: Cycle, response: Response, fault: Fault, call_id: str) -> None:
    """Do what a fault says, and close the connection."""
    transport = cycle.transport
    if fault is Fault.CONNECTION_RESET_BY_PEER:
        # Closing with SO_LINGER at zero seconds sends RST in place of FIN (socket(7)).
        connected: socket.socket = transport.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        return
    transport.write(write_damaged(response, fault, call_id))
    transport.close()


async def _drain(cycle: Cycle) -> bool:
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
            await asyncio.wait_for(cycle.is_writable.wait(), WRITE_TIMEOUT_SECONDS)
        before, size = size, transport.get_write_buffer_size()
        if size == before:
            transport.abort()
            return False
    if not transport.is_closing():
        transport.set_write_buffer_limits()
    return not cycle.disconnected
