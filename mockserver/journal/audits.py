"""Audits: what a client did that no single answer shows. They read the journal, or remember what it lacks.

A retry is a call that comes, with the same credential to the same operation, after an answer that asked to
wait. A duplicate is a second create with the same meaning: what a retry without an idempotency key makes.
"""

from __future__ import annotations

import email.utils
from collections import OrderedDict

from mockserver.contract.validation import CallWarning
from mockserver.exceptions import MalformedJson
from mockserver.http_fields import read_query
from mockserver.journal.call import Call, Retry
from mockserver.journal.journal import Journal
from mockserver.json_codec import dumps_canonical, loads_kept
from mockserver.types import MakeTable, make_plain_table

# So many are remembered in a namespace: clients that were asked to wait, and writes that failed.
MAX_WAITING = 10_000
MAX_FAILED_WRITES = 1_000


class RetryWatch:
    """What a namespace remembers of calls that may be repeated: answers that asked to wait, failed writes."""

    __slots__ = ("_failed_writes", "_waiting")

    def __init__(self, table: MakeTable = make_plain_table) -> None:
        # The number of the call that failed, by the digest of its request.
        self._failed_writes: OrderedDict[bytes, int] = table("failed_writes")
        # The answer that asks to wait, by whom it asks, and where.
        self._waiting: OrderedDict[tuple[bytes, str | None], Call] = table("asked_to_wait")

    @property
    def has_failed_writes(self) -> bool:
        """Whether any write failed and was not repeated yet."""
        return bool(self._failed_writes)

    def note_write(self, request: bytes, number: int, *, has_failed: bool) -> int | None:
        """A write came, by the digest of its request and the number of its call. Returns the number of the
        failed call that it repeats, which is then forgotten."""
        failed = self._failed_writes
        earlier = failed.pop(request, None)
        if has_failed:
            failed[request] = number
            if len(failed) > MAX_FAILED_WRITES:
                del failed[next(iter(failed))]
        return earlier

    def note_call(self, call: Call) -> None:
        """Before a call is recorded: note how long its client waited if it was asked to; warn if too short.

        Any answer to it ends the wait, and 429 or 503 with `Retry-After` (RFC 9110, section 10.2.3)
        begins the next.
        """
        waiting = self._waiting
        if not waiting and call.status not in (429, 503):
            return
        key = (call.credential.digest, call.operation)
        refused = waiting.get(key)
        # A client that has not got the answer yet cannot know what it asks for.
        if refused is not None and refused.state != "in_flight":
            del waiting[key]
            asked_seconds = _find_wait(refused)
            if refused.state == "answered" and asked_seconds is not None:
                call.retry = Retry(refused.id, asked_seconds, _measure_wait(refused, call))
                if not call.retry.is_respectful:
                    text = f"call {refused.number} asked to wait {asked_seconds:g} s; this one came after "
                    text += f"{call.retry.waited_seconds:g} s"
                    call.warnings.append(CallWarning("retry_after_ignored", text))
        if call.status in (429, 503) and _find_wait(call) is not None:
            waiting[key] = call
            if len(waiting) > MAX_WAITING:
                del waiting[next(iter(waiting))]

    def clear(self) -> None:
        """Forget all of it, as the calls that it speaks of are forgotten."""
        self._failed_writes.clear()
        self._waiting.clear()


def _find_wait(call: Call) -> float | None:
    """The seconds that an answer asks to wait; None where it does not, or not in a way that can be read."""
    for name, value in call.response_headers:
        if name.lower() == b"retry-after":
            text = value.decode("latin-1").strip()
            if text.isascii() and text.isdecimal() and len(text) < 10:
                return float(text)
            try:
                moment = email.utils.parsedate_to_datetime(text)
            except ValueError:
                return None
            return max(0.0, moment.timestamp() - call.clock_millis / 1000)
    return None


def _measure_wait(refused: Call, call: Call) -> float:
    """Seconds between an answer and the next call: of real time, or of the clock if a test moved it on."""
    answered = refused.started + (refused.duration_millis or 0.0) / 1000
    by_clock = (call.clock_millis - refused.clock_millis) / 1000
    return round(max(call.started - answered, by_clock, 0.0), 3)


def find_retries(journal: Journal) -> list[Call]:
    """The calls that came after an answer that asked to wait, oldest first; each has its `retry`.

    Raises Unanswerable when calls are evicted.
    """
    journal.require_kept(lambda key: True)
    return [call for call in journal if call.retry is not None]


def find_duplicates(journal: Journal) -> list[list[Call]]:
    """Groups of two or more creates that were carried out with the same meaning, oldest first.

    The same meaning is: operation, path, query and body, whatever their spelling, for the same data: a client
    that renews its token between two tries is still the same client. Whether the answer arrived does not
    matter. Raises Unanswerable when calls are evicted.
    """
    journal.require_kept(lambda key: True)
    groups: dict[tuple[bytes | None, bytes], list[Call]] = {}
    for call in journal:
        if call.effect == "created":
            groups.setdefault((call.tenant, _canonical(call)), []).append(call)
    return [calls for calls in groups.values() if len(calls) > 1]


def _canonical(call: Call) -> bytes:
    head = call.head
    try:
        body = loads_kept(call.body)
    except MalformedJson:
        body = call.body.decode("latin-1")
    return dumps_canonical([head.operation, head.path_parameters, read_query(head.query), body])
