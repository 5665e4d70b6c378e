"""Codecs: how the rows of each table are written as JSON and read again. No row holds a secret.

Bytes that stand for a secret are written as hexadecimal digits, other bytes as a text of the same characters
(latin-1). What is not there is null.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from mockserver.clocks import real_millis
from mockserver.contract.validation import CallWarning, Violation
from mockserver.exceptions import InvalidInput
from mockserver.faults import Fault, Phase
from mockserver.journal.call import Call, Facet, Retry
from mockserver.json_codec import dumps, loads_kept, prewrite
from mockserver.redaction import digest_secret, redact_json
from mockserver.request.head import ShownHead
from mockserver.scripting.matchers import read_request_pattern
from mockserver.scripting.stubs import ResponseDefinition, Stub, StubEntry
from mockserver.security.credential import Credential
from mockserver.settings import RateLimit
from mockserver.state.resources import Bucket, IssuedSecret, Item, StoredAnswer, Use
from mockserver.state.rows import Codec
from mockserver.types import UNSET, Headers, Json, JsonObject, UnsetType

# Reads the document of a stub. Raises StubError.
ReadStub = Callable[[JsonObject], Stub]
# The secret that an operation issued with a namespace's seed at a place; None where it issues none.
Reveal = Callable[[str, bytes], bytes | None]


def _same(value: Any) -> Any:
    return value


def _to_hex(data: bytes | None) -> str | None:
    return None if data is None else data.hex()


def _from_hex(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


PLAIN: Codec[Any, Any] = Codec(_same, _same, _same, _same)
# By digests.
BY_DIGEST: Codec[bytes, Any] = Codec(bytes.hex, bytes.fromhex, _same, _same)


def owned(write: Callable[[str], Json], read: Callable[[Json], str]) -> Codec[bytes, str]:
    """Ids of calls by digests, each with the process that makes the call."""
    return Codec(bytes.hex, bytes.fromhex, write, read)


TURNS: Codec[tuple[str, int], int] = Codec(list, tuple, _same, _same)


def _write_item(item: Item) -> Json:
    return [
        item.value,
        item.owner,
        _to_hex(item.tenant),
        _to_hex(item.credential),
        _to_hex(item.holder),
        None if item.last_use is None else list(item.last_use),
        item.is_deleted,
    ]


def _read_item(row: Json) -> Item:
    value, owner, tenant, credential, holder, use, is_deleted = row
    return Item(
        value,
        owner,
        _from_hex(tenant),
        _from_hex(credential),
        _from_hex(holder),
        None if use is None else Use(*use),
        is_deleted,
    )


ITEMS: Codec[str, Item] = Codec(_same, _same, _write_item, _read_item)


def _write_bucket(bucket: Bucket) -> Json:
    return [bucket.limit.calls, bucket.limit.seconds, bucket.level, bucket.millis]


def _read_bucket(row: Json) -> Bucket:
    calls, seconds, level, millis = row
    return Bucket(RateLimit(calls, seconds), level, millis)


BUCKETS: Codec[bytes, Bucket] = Codec(bytes.hex, bytes.fromhex, _write_bucket, _read_bucket)


def answers(reveal: Reveal) -> Codec[bytes, StoredAnswer]:
    """Kept answers, without the secret that they gave: it is derived again."""

    def write(answer: StoredAnswer) -> Json:
        body, secret, origin = answer.body, answer.secret, None
        parts = [body]
        if secret is not None:
            before, found, after = body.partition(secret.text)
            if found:
                parts = [before, after]
                digest = digest_secret(secret.text.decode("latin-1"))
                origin = [secret.operation, secret.place.hex(), digest.hex()]
        return [
            answer.request.hex(),
            answer.status,
            _write_headers(answer.headers),
            [part.decode("latin-1") for part in parts],
            answer.millis,
            origin,
        ]

    def read(row: Json) -> StoredAnswer | UnsetType:
        request, status, headers, parts, millis, origin = row
        pieces = [part.encode("latin-1") for part in parts]
        secret = None
        if origin is not None:
            operation, place, digest = origin[0], bytes.fromhex(origin[1]), bytes.fromhex(origin[2])
            text = reveal(operation, place)
            if text is None or digest_secret(text.decode("latin-1")) != digest:
                # The server has another seed now: what the answer gave cannot be told any more.
                return UNSET
            secret = IssuedSecret(text, operation, place)
            pieces.insert(1, text)
        body = b"".join(pieces)
        return StoredAnswer(bytes.fromhex(request), status, _read_headers(headers), body, millis, secret)

    return Codec(bytes.hex, bytes.fromhex, write, read)


def stubs(read_stub: ReadStub) -> Codec[str, StubEntry]:
    """Stubs as they were written, with their place in the order."""

    def write(entry: StubEntry) -> Json:
        return [entry.stub.document, entry.number]

    def read(row: Json) -> StubEntry | UnsetType:
        document, number = row
        try:
            return StubEntry(read_stub(document), number)
        except InvalidInput:
            # The contract has changed since: what cannot be served is left out.
            return UNSET

    return Codec(_same, _same, write, read)


def asked_to_wait(find: Callable[[int], Call | None]) -> Codec[tuple[bytes, str | None], Call]:
    """Answers that ask to wait, as the numbers of their calls."""

    def read(number: Json) -> Call | UnsetType:
        return find(number) or UNSET

    return Codec(
        lambda key: [key[0].hex(), key[1]],
        lambda key: (bytes.fromhex(key[0]), key[1]),
        lambda call: call.number,
        read,
    )


# Calls. They are redacted already.


def _write_headers(headers: Headers) -> Json:
    return [[name.decode("latin-1"), value.decode("latin-1")] for name, value in headers]


def _read_headers(row: Json) -> Headers:
    return tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in row)


class CallCodec:
    """Writes calls and reads them. Equal heads that follow each other are written, and kept, once."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._written: tuple[ShownHead | None, Json] = (None, None)
        self._read: tuple[Json, ShownHead | None] = (None, None)

    def write(self, call: Call) -> Json:
        """The row of a call."""
        head, stub, retry = call.head, call.stub, call.retry
        if self._written[0] is not head:
            self._written = (head, prewrite(_write_head(head)))
        return [
            call.number,
            call.id,
            self._written[1],
            call.body.decode("latin-1"),
            call.body_truncated,
            call.client,
            [list(violation) for violation in call.violations],
            [list(warning) for warning in call.warnings],
            call.reason,
            call.received_millis,
            call.clock_millis,
            _to_hex(call.tenant),
            None if stub is None else _write_used_stub(stub),
            call.effect,
            _write_facets(call.facets),
            None if retry is None else list(retry),
            call.state,
            call.duration_millis,
            call.status,
            call.variant,
            _write_headers(call.response_headers),
            call.response_body.decode("latin-1"),
            call.response_truncated,
        ]

    def read(self, row: Json) -> Call:
        """The call of a row."""
        (
            number, id, head, body, body_truncated, client, violations, warnings, reason, received_millis,
            clock_millis, tenant, stub, effect, facets, retry, state, duration_millis, status, variant,
            headers, response_body, response_truncated,
        ) = row  # fmt: skip
        if self._read[1] is None or self._read[0] != head:
            self._read = (head, _read_head(head))
        shown = self._read[1]
        assert shown is not None, "it was just read"
        call = Call(
            id=id,
            number=number,
            namespace=self._namespace,
            head=shown,
            body=body.encode("latin-1"),
            client=client,
            violations=[Violation(*violation) for violation in violations],
            warnings=[CallWarning(*warning) for warning in warnings],
            reason=reason,
            received_millis=received_millis,
            # On the clock of this process.
            started=time.perf_counter() - (real_millis() - received_millis) / 1000,
            clock_millis=clock_millis,
            tenant=_from_hex(tenant),
            stub=None if stub is None else _read_used_stub(stub),
            effect=effect,
            facets=read_facets(facets),
        )
        call.body_truncated = body_truncated
        call.retry = None if retry is None else Retry(*retry)
        call.state = state
        call.duration_millis = duration_millis
        call.status = status
        call.variant = variant
        call.response_headers = _read_headers(headers)
        call.response_body = response_body.encode("latin-1")
        call.response_truncated = response_truncated
        call.size += len(call.response_body)
        return call


def _write_head(head: ShownHead) -> Json:
    credential = head.credential
    return [
        head.method,
        head.path,
        head.query,
        _write_headers(head.headers),
        head.operation,
        head.path_parameters,
        head.other_path,
        [
            credential.kind,
            credential.mode,
            credential.display,
            credential.digest.hex(),
            credential.namespace,
            credential.problem,
            credential.problem_text,
            credential.is_issued,
            credential.schemes,
        ],
    ]


def _read_head(row: Json) -> ShownHead:
    method, path, query, headers, operation, path_parameters, other_path, shown = row
    kind, mode, display, digest, *rest = shown
    *rest, schemes = rest
    credential = Credential(kind, mode, display, bytes.fromhex(digest), *rest)
    credential.schemes = tuple(schemes)
    return ShownHead(
        method, path, query, _read_headers(headers), operation, path_parameters, credential, other_path
    )


@lru_cache(maxsize=1_000)
def _write_facets(facets: tuple[Facet, ...]) -> Json:
    """The same few come again and again."""
    return prewrite([list(facet) for facet in facets])


def read_facets(row: Json) -> tuple[Facet, ...]:
    """What a call touched."""
    return tuple(Facet(*facet) for facet in row)


@lru_cache(maxsize=256)
def _write_used_stub(stub: Stub) -> str:
    """A text, as it is read again for few calls only."""
    document = redact_json(stub.document)
    return dumps([stub.id, stub.name, document, stub.response.fault, stub.phase]).decode("utf-8")


@lru_cache(maxsize=256)
def _read_used_stub(text: str) -> Stub:
    """What a call tells of the stub that answered it: enough to show it, not to answer with it."""
    id, name, document, fault, phase = loads_kept(text.encode("utf-8"), around=1)
    return Stub(
        id,
        name,
        read_request_pattern({}),
        ResponseDefinition(fault=None if fault is None else Fault(fault)),
        0,
        None,
        None,
        None,
        Phase(phase),
        False,
        False,
        None,
        (),
        document,
    )
