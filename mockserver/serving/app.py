"""The application: the mocked API on every path, the control API under `/__admin`.

A call of the API goes straight from its connection to the engine, one of the control API to its door.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any

from mockserver.clocks import real_millis
from mockserver.control import Control
from mockserver.control.door import ControlDoor
from mockserver.control.routing import PAGES, ROOT_DOCUMENTS, split_path
from mockserver.engine.engine import Engine, Prepared
from mockserver.engine.exchange import Exchange
from mockserver.engine.failures import fail
from mockserver.engine.passing import Passage, Passed
from mockserver.exceptions import StoreUnavailable, TakesLong
from mockserver.journal.call import Call
from mockserver.messages import Response
from mockserver.redaction import redact_bytes
from mockserver.request.head import Head
from mockserver.request.headers import HeaderFacts
from mockserver.scripting.subjects import normal_path
from mockserver.serving.cycle import Cycle, Scope
from mockserver.serving.delivery import send_answer
from mockserver.serving.guard import Guard, Refused, too_large
from mockserver.serving.logs import Visit
from mockserver.serving.passing import in_thread
from mockserver.serving.webhooks import WebhookSender
from mockserver.stores.turns import Turns
from mockserver.types import Headers

logger = logging.getLogger("mockserver")

# Bodies up to so many bytes are read in a few milliseconds.
_LONG_BODY = 64 * 1024

Log = Callable[[Call | Visit], None]


def create_app(engine: Engine, *, log: Log | None = None) -> App:
    """The application for an engine. `log` is told of each request once that is over."""
    return App(engine, log)


class App:
    """The application. `log` is told of each request once that is over."""

    def __init__(self, engine: Engine, log: Log | None) -> None:
        self.engine = engine
        self.control = Control(engine)
        self.guard = Guard(engine.settings, engine.rules, engine.refusals)
        self.log = log
        self._webhooks = WebhookSender(engine.settings.webhook_host)
        engine.send_webhooks = self._webhooks.send
        # One thread: more of them read no faster, and each would hold memory of its own.
        self._reader = ThreadPoolExecutor(1, "mockserver-reading")
        self.turns = Turns(is_shared=engine.store.is_shared, is_remote=engine.store.is_remote)
        self._door = ControlDoor(self.control, self.turns)
        self.take_contract()

    def take_contract(self) -> None:
        """Note what the doors need of the engine's contract; it was given another."""
        self.guard.rules = self.engine.rules
        # Whether each call waits for somebody outside of this process.
        self._is_waited_for = self.turns.is_remote or self.engine.passes_on is not None
        # Where the contract has such a path itself, it is the contract's.
        paths = self.engine.contract.paths
        self.root_documents = {
            path: place for path, place in ROOT_DOCUMENTS.items() if paths.find(path) is None
        }

    def end_waits(self) -> None:
        """Let go every answer that is held or delayed, end every stream, answer every question now."""
        for namespace in self.engine.namespaces.loaded:
            namespace.end_waits()
        self._webhooks.stop()
        if self.engine.passes_on is not None:
            self.engine.passes_on.close()
        self._door.end_waits()

    def find_control(self, method: str, path: str) -> tuple[str, str] | None:
        """Namespace and control route that a raw path leads to; None where it is one of the mocked API."""
        if "__admin" in path:
            return split_path(path)
        place = self.root_documents.get(path)
        if place is None or (path in PAGES and method not in ("GET", "HEAD")):
            return None
        wanted = normal_path(path)
        stubs = self.engine.namespaces.default.stubs
        return None if any(stub.matcher.literal_path == wanted for stub in stubs) else place

    def is_document(self, scope: Scope) -> bool:
        """Whether a control call is for one of the documents at the root."""
        return scope["raw_path"].decode("latin-1") in self.root_documents

    def admit_control(self, found: tuple[str, str], scope: Scope, facts: HeaderFacts) -> None:
        """Judge a call of the control API, or for one of the documents at the root. Raises Refused."""
        needs_token = not self.is_document(scope) and not self.control.is_public(found[1])
        self.guard.check_control(scope, facts, needs_token=needs_token)

    async def answer_control(
        self, found: tuple[str, str], scope: Scope, body: bytes | bytearray, cycle: Cycle
    ) -> None:
        """Answer a call that `admit_control` has let in."""
        scope["mockserver.control"] = *found, body
        started = time.perf_counter()
        origin = dict(scope["headers"]).get(b"origin")
        more = self.guard.cors_headers(origin) if self.is_document(scope) else ()

        async def send(message: MutableMapping[str, Any]) -> None:
            if more and message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *more]
            await cycle.send(message)

        try:
            await self._door(scope, cycle.receive, send)
        finally:
            if self.log is not None:
                duration = (time.perf_counter() - started) * 1000
                # One that failed has its answer, a 500, still to come.
                status = cycle.status or (None if cycle.disconnected else 500)
                self.log(_describe_control(scope, status, duration))

    async def answer_in_turn(
        self, head: Head, body: bytes, client: tuple[str, int] | None, cycle: Cycle
    ) -> None:
        """Answer a call that the guard has let in, once it is read and its store has time for it."""
        prepared = None
        if self._takes_long(head, body):
            prepare = partial(copy_context().run, self._prepare, head, body, client)
            prepared = await asyncio.get_running_loop().run_in_executor(self._reader, prepare)
        found = await self.turns.run(head.namespace, partial(self._begin, head, body, client, prepared))
        if isinstance(found, Passage):
            passed = await in_thread(partial(self._pass_on, found))
            found = await self.turns.run(head.namespace, partial(self._complete, found, passed))
        await send_answer(found, cycle)

    def begin(
        self,
        method: str,
        raw_path: bytes,
        query: bytes,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
        client: tuple[str, int] | None,
    ) -> Exchange | Response:
        """Answer one call of the mocked API, but for its delivery. A Response is the guard's refusal."""
        heads, path = self.engine.heads, raw_path.decode("latin-1")
        key = (method, path, query.decode("latin-1"), tuple(headers))
        try:
            head = heads.find(key)
            if head is None:
                head = self.admit(*key)
                heads.remember(head, key)
            else:
                # Somebody else may have read it, and let it in.
                self.guard.check_call(head)
            if len(body) > self.guard.body_limit:
                raise too_large(self.guard.body_limit)
        except Refused as refusal:
            return self.refuse(refusal, method, raw_path)
        return self.answer(head, body, client)

    def admit(self, method: str, path: str, query: str, headers: Headers) -> Head:
        """The head of a call, once the guard lets it in. Raises Refused."""
        head = self.engine.heads.read(method, path, query, headers)
        self.guard.check_call(head)
        self.engine.heads.remember_credential(head)
        return head

    def _takes_long(self, head: Head, body: bytes) -> bool:
        """Whether reading a body, or asking the stubs, may take so long that others shall have their turn
        meanwhile."""
        return (
            len(body) > _LONG_BODY
            or (len(body) > _LONG_BODY // 64 and bool(head.facts.content_coding))
            or self.engine.is_contested(head)
        )

    def _prepare(self, head: Head, body: bytes, client: tuple[str, int] | None) -> Prepared | None:
        try:
            body = self.guard.inflate(head, body)
            return self.engine.prepare(head, body, None if client is None else client[0])
        except Exception:
            # As `_begin` will find out, who answers that.
            return None

    def answer_at_once(
        self, head: Head, body: bytes, client: tuple[str, int] | None
    ) -> Exchange | Response | None:
        """As `answer`, in the loop; None where that may take long. Nothing has happened then, and
        `answer_in_turn` does it."""
        if self._is_waited_for or self._takes_long(head, body):
            return None
        try:
            found = self.turns.at_once(self._begin, head, body, client)
        except TakesLong:
            return None
        assert not isinstance(found, Passage), "nobody passes on"
        return found

    def answer(self, head: Head, body: bytes, client: tuple[str, int] | None) -> Exchange | Response:
        """Answer a call that the guard has let in. A Response is an answer that belongs to no call.

        Where calls are passed on, it waits for the real API.
        """
        found = self._begin(head, body, client)
        return self._complete(found, self._pass_on(found)) if isinstance(found, Passage) else found

    def _pass_on(self, passage: Passage) -> Passed:
        assert self.engine.passes_on is not None, "somebody passes on"
        return self.engine.passes_on.pass_on(passage)

    def _begin(
        self,
        head: Head,
        body: bytes,
        client: tuple[str, int] | None,
        prepared: Prepared | None = None,
    ) -> Exchange | Passage | Response:
        origin = head.facts.origin
        if origin is not None:
            preflight = self.guard.preflight(head.method, head.headers, origin)
            if preflight is not None:
                return preflight
        try:
            if head.facts.content_coding:
                body = self.guard.inflate(head, body)
            address = None if client is None else client[0]
            # Who asks here sends the answer now, or tells the exchange that the client has left.
            found = self.engine.admit(head, body, address, prepared, is_sent=True)
        except Refused as refusal:
            return self.refuse(refusal, head.method, head.shown.path.encode("latin-1"))
        except StoreUnavailable as error:
            return write_unavailable(error)
        except TakesLong:
            raise
        except Exception as error:
            return fail(error)
        return found if isinstance(found, Passage) else self._hand_out(found, origin)

    def _complete(self, passage: Passage, passed: Passed) -> Exchange | Response:
        """Record and answer a call that was passed on."""
        try:
            exchange = self.engine.complete(passage, passed)
        except StoreUnavailable as error:
            return write_unavailable(error)
        except Exception as error:
            return fail(error)
        return self._hand_out(exchange, passage.inspection.head.facts.origin)

    def _hand_out(self, exchange: Exchange, origin: bytes | None) -> Exchange:
        if self.turns.is_shared:
            exchange.defer = self.turns.defer
        if origin is not None:
            exchange.add_headers(self.guard.cors_headers(origin))
        exchange.log = self.log
        return exchange

    def refuse(self, refusal: Refused, method: str, raw_path: bytes, *, is_control: bool = False) -> Response:
        """The answer for a refused request, which is logged. What is not known of the request is empty."""
        if self.log is not None:
            path = redact_bytes(raw_path).decode("latin-1")
            self.log(
                Visit(
                    "refusal", real_millis(), refusal.status, refusal.reason, method, path, text=refusal.hint
                )
            )
        return self.guard.refuse(refusal, is_control=is_control)

    def record_incomplete(self, head: Head, body: bytes, client: tuple[str, int] | None) -> None:
        """Record a call that the guard has let in, and whose body never arrived whole."""
        self.turns.defer(lambda: self._record_incomplete(head, body, client))

    def _record_incomplete(self, head: Head, body: bytes, client: tuple[str, int] | None) -> None:
        try:
            call = self.engine.record_incomplete(head, body, None if client is None else client[0])
        except StoreUnavailable as error:
            logger.warning("a request that did not arrive whole is not recorded: %s", error)
            return
        if self.log is not None:
            self.log(call)


def _describe_control(scope: Scope, status: int | None, duration_millis: float) -> Visit:
    path, query = (redact_bytes(scope[name]).decode("latin-1") for name in ("raw_path", "query_string"))
    method = scope["method"]
    return Visit("control", real_millis(), status, "control", method, path, query, "", duration_millis)


def write_unavailable(error: StoreUnavailable) -> Response:
    """503: the store does not answer, so nothing happened. Plain text, as it is no answer of the API."""
    logger.error("%s", error)
    return Response(
        503,
        (
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"retry-after", b"1"),
            (b"mockserver-reason", b"store_unavailable"),
            (b"mockserver-call-id", b"none"),
        ),
        f"{error}\n".encode("utf-8", "replace"),
    )
