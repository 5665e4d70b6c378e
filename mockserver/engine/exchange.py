"""A call whose answer is made, and its delivery."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace

from mockserver.exceptions import StoreUnavailable
from mockserver.journal.call import Call, State
from mockserver.messages import Response
from mockserver.scripting.webhooks import Webhook
from mockserver.state.ledger import repeat
from mockserver.state.namespace import Namespace
from mockserver.state.waiting import Waiting
from mockserver.types import Headers

logger = logging.getLogger("mockserver")

SendWebhooks = Callable[[Sequence[Webhook]], None]


class Exchange:
    """A call whose answer is made and not yet delivered. The door that delivers it calls `finish`.

    `waiting` is how the rest of the world ends the waits of an answer that does not go at once and whole;
    None for all others. `rest` are the bytes that come behind the body of the response, as they come.
    """

    __slots__ = (
        "_is_finished",
        "_is_presumed",
        "_key",
        "_send",
        "call",
        "defer",
        "log",
        "namespace",
        "response",
        "rest",
        "waiting",
    )

    def __init__(
        self,
        call: Call,
        response: Response,
        namespace: Namespace,
        waiting: Waiting | None,
        key: bytes | None,
        send: SendWebhooks,
        rest: Iterator[bytes] | None = None,
    ) -> None:
        self.call = call
        self.rest = rest
        self.response = response
        self.namespace = namespace
        self.waiting = waiting
        self._key = key
        self._send = send
        self._is_finished = False
        # It was recorded as answered, which only a client that has left makes untrue.
        self._is_presumed = call.state != "in_flight"
        # How the end is recorded by who must not wait for a store; None does it at once.
        self.defer: Callable[[Callable[[], object]], Future[object] | None] | None = None
        # What is told of the call once it is over.
        self.log: Callable[[Call], None] | None = None

    def add_headers(self, headers: Headers) -> None:
        """Add headers that a door brings, such as those of CORS."""
        self.response = replace(self.response, headers=(*self.response.headers, *headers))

    def finish(self, state: State, reason: str | None = None) -> Future[object] | None:
        """The answer was sent, damaged on purpose, or never read. `reason` replaces the call's, if given.

        What is said first counts. What is returned is done once the end is recorded; None: it is.
        """
        if self._is_finished:
            return None
        self._is_finished = True
        if self.call.webhooks:
            self._send(self.call.webhooks)
        if self._is_presumed and state == "answered":
            self._tell()
        elif self.defer is None:
            self._end(state, reason)
        else:
            return self.defer(lambda: self._end(state, reason))
        return None

    def _end(self, state: State, reason: str | None) -> None:
        try:
            repeat(lambda: self._record_end(state, reason))
        except StoreUnavailable as error:
            logger.warning("the end of call %s is not recorded: %s", self.call.id, error)
        self._tell()

    def _tell(self) -> None:
        if self.log is not None:
            self.log(self.call)

    def _record_end(self, state: State, reason: str | None) -> None:
        namespace = self.namespace
        with namespace.transaction():
            if self.call.state != "in_flight" and not self._is_presumed:
                return
            namespace.journal.finish(self.call, state, reason)
            if self._key is not None:
                namespace.resources.land_answer(self._key, self.call.id)
            if self.waiting is not None:
                namespace.remove_waiting(self.waiting, self.call.number)
