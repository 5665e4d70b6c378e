"""Probes: the requests of drift. Sound ones of each operation, and one for each error that does no harm."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from mockserver.contract import Contract, Operation
from mockserver.contract.media_types import MediaType, usual_name
from mockserver.contract.path_templates import list_names
from mockserver.json_codec import dumps
from mockserver.messages import Request
from mockserver.security.schemes import Shown
from mockserver.synthesis.requests import example_body, example_head
from mockserver.synthesis.writing import write_body
from mockserver.types import Json

# In a text of everything that is created, so that it is found again where an answer is lost.
MARKER = "mockserver-drift"
_MARKED = ("name", "title", "description", "label", "reference", "note")
_SOUND = ("success", "first page", "repeated")
_PAGE_SIZES = ("limit", "per_page", "page_size")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two that are asked: the credentials that it lets in for an operation, and the newest id of
    what it created, by the path of the collection."""

    credentials: Callable[[Operation], tuple[Shown, ...]]
    ids: dict[str, str]


@dataclass(frozen=True, slots=True)
class Probe:
    """A request, by its operation and its name. `build` writes it for a side; None where that lacks what it
    is about.

    `fallback` is the status that the contract documents for it, where the sandbox knows no better. `repeats`:
    it is sent twice, and the second answer has to be the first one again.
    """

    operation: Operation
    name: str
    build: Callable[[Side], Request | None]
    fallback: int | None = None
    repeats: bool = False

    @property
    def is_sound(self) -> bool:
        """Whether it is a request that keeps the contract in every way."""
        return self.name in _SOUND


class ProbeWriter:
    """Writes the probes of a contract. `arguments` are values of parameters by name."""

    def __init__(self, contract: Contract, arguments: Callable[[Operation], Mapping[str, str]]) -> None:
        self._contract = contract
        self._arguments = arguments
        # A key that an earlier run sent would bring back what that run created, and deleted since.
        self._key = f"{MARKER}-{secrets.token_hex(8)}"

    def list_probes(self) -> Iterator[Probe]:
        """All probes, in an order in which one finds what those before it created; deletions come last."""
        ranks = {"POST": 0, "GET": 1, "HEAD": 1, "OPTIONS": 1, "DELETE": 3}
        operations = sorted(
            (each for each in self._contract.operations.values() if each.problem is None),
            key=lambda each: (ranks.get(each.method, 2), each.path.count("{")),
        )
        for operation in operations:
            # What ends something comes behind the errors that are about it.
            sound = list(self._list_sound(operation))
            errors = list(self._list_errors(operation))
            yield from (*errors, *sound) if operation.method == "DELETE" else (*sound, *errors)

    def write_plain(self, operation: Operation, side: Side) -> Request | None:
        """A sound request, and nothing more; None where the side lacks what it is about."""
        return self._builder(operation)(side)

    def _list_sound(self, operation: Operation) -> Iterator[Probe]:
        yield Probe(operation, "success", self._builder(operation))
        limits = [
            each.name for each in operation.parameters if each.place == "query" and each.name in _PAGE_SIZES
        ]
        if operation.method == "GET" and limits:
            yield Probe(operation, "first page", self._builder(operation, query=f"{limits[0]}=1"))
        if self._is_idempotent(operation):
            key = (("Idempotency-Key", f"{self._key}-{operation.id}"),)
            yield Probe(operation, "repeated", self._builder(operation, headers=key), repeats=True)

    def _is_idempotent(self, operation: Operation) -> bool:
        """Whether an Idempotency-Key counts: by the operation's parameters, or by the rules of its API."""
        is_declared = any(each.name.lower() == "idempotency-key" for each in operation.parameters)
        return creates(operation) and (is_declared or self._contract.rules is not None)

    def _list_errors(self, operation: Operation) -> Iterator[Probe]:
        if operation.requires_credential:
            yield Probe(operation, "no credential", self._builder(operation, has_credential=False))
            yield Probe(operation, "malformed credential", self._builder(operation, token="malformed"))
        names = list_names(operation.path)
        if names and operation.envelope(404) is not None:
            yield Probe(operation, "unknown id", self._builder(operation, is_unknown=True), 404)
        media = None if operation.body is None else operation.body.media
        if media is not None and media.is_json and operation.body is not None:
            yield Probe(operation, "malformed body", self._builder(operation, body=b"{"))
            if media.schema is not None and not media.schema.is_valid({}):
                yield Probe(operation, "empty object", self._builder(operation, body=b"{}"))
            if media.schema is not None and not media.schema.is_valid([]):
                yield Probe(operation, "a list", self._builder(operation, body=b"[]"))
            for name, body in self._list_broken(operation, media):
                yield Probe(operation, f"wrong type of {name}", self._builder(operation, body=body))
        for parameter in operation.parameters:
            if parameter.place != "query":
                continue
            if parameter.required:
                yield Probe(
                    operation, f"no {parameter.name}", self._builder(operation, without=parameter.name)
                )
            elif parameter.types and "string" not in parameter.types and not parameter.is_list:
                query = f"{quote(parameter.name)}=mockserver"
                yield Probe(
                    operation, f"wrong type of {parameter.name}", self._builder(operation, query=query)
                )

    def _list_broken(self, operation: Operation, media: MediaType) -> Iterator[tuple[str, bytes]]:
        """Bodies of which one member has a type that it cannot have."""
        value = example_body(self._contract, operation)
        for name, item in value.items() if isinstance(value, dict) else ():
            other: Json = 1 if isinstance(item, str | list | dict) else "x"
            broken = value | {name: other}
            if media.schema is not None and not media.schema.is_valid(broken):
                yield name, dumps(broken)

    def _builder(
        self,
        operation: Operation,
        *,
        has_credential: bool = True,
        token: str | None = None,
        is_unknown: bool = False,
        body: bytes | None = None,
        query: str = "",
        without: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Callable[[Side], Request | None]:
        def build(side: Side) -> Request | None:
            arguments = dict(self._arguments(operation))
            names = list_names(operation.path)
            if names:
                known = side.ids.get(collection_of(operation)) or arguments.get(names[-1])
                if known is None:
                    return None
                arguments[names[-1]] = _make_unknown(known) if is_unknown else known
            credentials = side.credentials(operation) if has_credential else ()
            if token is not None:
                credentials = tuple(
                    shown._replace(value=f"{shown.value.partition(' ')[0]} {token}") for shown in credentials
                )
            head = example_head(self._contract, operation, arguments, credentials)
            path, _, own_query = head.url.partition("?")
            pairs = [pair for pair in own_query.split("&") if pair and pair.partition("=")[0] != without]
            pairs += [query] if query else []
            sent = head.write_headers()
            media = None if operation.body is None else operation.body.media
            data = b""
            if media is not None:
                data = self._write_body(operation, media) if body is None else body
                sent["Content-Type"] = usual_name(media.name)
            lines = (*((name, value) for name, value in sent.items()), *headers)
            return Request(
                operation.method,
                path,
                "&".join(pairs),
                tuple((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in lines),
                data,
            )

        return build

    def _write_body(self, operation: Operation, media: MediaType) -> bytes:
        value = example_body(self._contract, operation)
        if isinstance(value, dict) and operation.method == "POST":
            for name in _MARKED:
                marked = value | {name: MARKER}
                if isinstance(value.get(name), str) and (
                    media.schema is None or media.schema.is_valid(marked)
                ):
                    value = marked
                    break
        return dumps(value) if media.is_json else write_body(media, value)


def collection_of(operation: Operation) -> str:
    """The path in which the items stand that an operation is about: `/keys/{id}/renew` -> `/keys`."""
    return operation.path.partition("/{")[0].rstrip("/")


def creates(operation: Operation) -> bool:
    """Whether an operation puts something into a collection."""
    return operation.method == "POST" and "{" not in operation.path


def _make_unknown(id: str) -> str:
    """An id of the same form that nobody has."""
    if id.isdecimal():
        return str(int(id) + 987_654_321)
    digits = "0123456789abcdef"
    changed = "".join(
        digits[(digits.index(letter) + 1) % 16] if letter in digits else letter for letter in id[-8:]
    )
    return id[:-8] + changed if changed != id[-8:] else f"{id}x"
