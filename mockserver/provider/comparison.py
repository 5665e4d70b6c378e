"""Contract against contract: every change, for whom it breaks, and why.

A change breaks the *consumer* where a client that was written for the old contract can fail against a
provider of the new one. It breaks the *provider* where a server that still keeps the old one refuses a
request that the new one allows, or gives an answer that the new one forbids. Requests and answers are judged
in opposite directions. Operations are the same if they are called alike; names of operations, files,
references and schemas do not count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from mockserver.contract import Contract, Envelope, Operation, Parameter
from mockserver.contract.media_types import find_media_type
from mockserver.contract.path_templates import list_names
from mockserver.contract.pointers import find_pointer, read_fragment
from mockserver.coverage import DIMENSIONS
from mockserver.json_codec import escape_pointer
from mockserver.provider.schema_comparison import Effect, SchemaComparison, Side
from mockserver.types import Json, JsonObject, Schema

Breaks = Literal["consumer", "provider", "nobody"]
# An item of a coverage document: its dimension, and its name there.
Item: TypeAlias = tuple[str, str | int]

_BREAKS: Mapping[Side, Mapping[Effect, tuple[Breaks, str]]] = {
    "request": {
        "narrowed": ("consumer", "a request that was right can be refused"),
        "widened": ("provider", "a provider of the old contract refuses what is now right"),
        "shifted": ("consumer", "a request that was right can be refused, or mean something else"),
        "removed": ("consumer", "what a client sends there has no effect"),
        "unread": ("consumer", "what a client sends there has no effect"),
        "none": ("nobody", "every request that was right is right"),
    },
    "answer": {
        "narrowed": ("provider", "an answer of a provider of the old contract can be wrong now"),
        "widened": ("consumer", "a client can meet an answer that could not come before"),
        "shifted": ("consumer", "a client can meet an answer that could not come before"),
        "removed": ("consumer", "a client that reads it finds nothing"),
        "unread": ("consumer", "a client that reads it finds nothing"),
        "none": ("nobody", "a client can leave it aside"),
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """One change: `operation` is its id in the old contract, in the new one where it is new.

    `pointer` leads through the new document to what changed, through the old one to what is gone; references
    on the way are followed. `item` is what of a coverage document it concerns, None for the whole operation;
    `tests` are those that rely on it.
    """

    operation: str
    pointer: str
    breaks: Breaks
    why: str
    item: Item | None = None
    tests: tuple[str, ...] = ()

    def to_json(self) -> JsonObject:
        """`{"operation", "pointer", "breaks", "why", "tests"}`."""
        return {
            "operation": self.operation,
            "pointer": self.pointer,
            "breaks": self.breaks,
            "why": self.why,
            "tests": list(self.tests),
        }


def compare_contracts(old: Contract, new: Contract) -> list[Change]:
    """Every change from one contract to the other, in the order of their operations.

    What only people read (descriptions, titles, examples) is no change.
    """
    return list(_Comparison(old, new).compare())


class _Comparison:
    def __init__(self, old: Contract, new: Contract) -> None:
        self._old = old
        self._new = new
        self._schemas: dict[Side, SchemaComparison] = {
            "request": SchemaComparison(old.document, new.document, "request"),
            "answer": SchemaComparison(old.document, new.document, "answer"),
        }

    def compare(self) -> Iterator[Change]:
        pairs = _pair_operations(self._old, self._new)
        for was in self._old.operations.values():
            now = pairs.get(was.id)
            if now is None:
                text = (
                    f"{was.method} {was.path} is gone: a client that calls it gets no answer of the contract"
                )
                yield Change(was.id, _place(was), "consumer", text)
            else:
                yield from self._compare_operation(was, now)
        taken = {now.id for now in pairs.values()}
        for now in self._new.operations.values():
            if now.id not in taken:
                yield Change(
                    now.id, _place(now), "nobody", f"{now.method} {now.path} is new: nobody calls it yet"
                )

    def _compare_operation(self, was: Operation, now: Operation) -> Iterator[Change]:
        gone = [text for text in _addresses(was) if _shape(text) not in map(_shape, _addresses(now))]
        if gone or was.method != now.method:
            text = f"{was.method} {_addresses(was)[0]} is now {now.method} {_addresses(now)[0]}"
            yield Change(was.id, _place(now), "consumer", f"{text}: a client that calls the old one fails")
        if was.id != now.id:
            text = f"the operationId was {was.id!r}, is {now.id!r}: it is not sent"
            yield Change(was.id, f"{_place(now)}/operationId", "nobody", text)
        if was.permission != now.permission:
            effect: Effect = "narrowed" if now.permission else "widened"
            text = f"the permission was {was.permission or 'none'}, is {now.permission or 'none'}"
            yield self._change(was, f"{_place(now)}/x-permission", "request", effect, text)
        yield from self._compare_security(was, now)
        yield from self._compare_parameters(was, now)
        yield from self._compare_bodies(was, now)
        yield from self._compare_answers(was, now)
        was_deprecated = _read(self._old.document, f"{_place(was)}/deprecated") is True
        is_deprecated = _read(self._new.document, f"{_place(now)}/deprecated") is True
        if was_deprecated != is_deprecated:
            text = f"is {'now' if is_deprecated else 'no longer'} deprecated"
            yield self._change(was, f"{_place(now)}/deprecated", "request", "none", text)

    def _compare_security(self, was: Operation, now: Operation) -> Iterator[Change]:
        place = f"{_place(now)}/security"
        before, after = _read_security(was), _read_security(now)
        refused = [each for each in before if not any(other <= each for other in after)]
        allowed = [each for each in after if not any(other <= each for other in before)]
        if refused:
            text = f"{_name_schemes(refused)} no longer lets a request in"
            yield self._change(was, place, "request", "narrowed", text)
        if allowed:
            yield self._change(
                was, place, "request", "widened", f"{_name_schemes(allowed)} lets a request in"
            )

    @staticmethod
    def _change(
        was: Operation, pointer: str, side: Side, effect: Effect, what: str, item: Item | None = None
    ) -> Change:
        breaks, reason = _BREAKS[side][effect]
        return Change(was.id, pointer, breaks, f"{what}: {reason}", item)

    # Requests.

    def _compare_parameters(self, was: Operation, now: Operation) -> Iterator[Change]:
        before, after = _key_parameters(was), _key_parameters(now)
        effect: Effect
        for key, parameter in before.items():
            other = after.get(key)
            item: Item = "members", f"{parameter.place} {parameter.name}"
            title = f"the {parameter.place} parameter {parameter.name!r}"
            if other is None:
                place = _find_parameter(self._old.document, was, parameter)
                yield self._change(was, place, "request", "unread", f"{title} is gone", item)
                continue
            place = _find_parameter(self._new.document, now, other)
            if other.required and not parameter.required:
                yield self._change(
                    was, f"{place}/required", "request", "narrowed", f"{title} is now required"
                )
            elif parameter.required and not other.required:
                text = f"{title} may now be missing"
                yield self._change(was, f"{place}/required", "request", "widened", text, item)
            if (parameter.style, parameter.is_exploded) != (other.style, other.is_exploded) and (
                parameter.style != other.style or parameter.is_list or "object" in parameter.types
            ):
                text = (
                    f"{title} was written in the style {_name_style(parameter)}, is in {_name_style(other)}"
                )
                yield self._change(was, f"{place}/style", "request", "shifted", text, item)
            schemas = self._at(parameter.schema_pointer, other.schema_pointer)
            found = self._schemas["request"].compare(*schemas)
            for pointer, effect, what, is_absence in found:
                own = None if is_absence else item
                yield self._change(
                    was, f"{place}/schema{pointer}", "request", effect, f"{title}: {what}", own
                )
        for key, parameter in after.items():
            if key not in before:
                place = _find_parameter(self._new.document, now, parameter)
                effect = "narrowed" if parameter.required else "none"
                kind = "required" if parameter.required else "optional"
                text = f"the {kind} {parameter.place} parameter {parameter.name!r} is new"
                yield self._change(was, place, "request", effect, text)

    def _compare_bodies(self, was: Operation, now: Operation) -> Iterator[Change]:
        before, after = was.body, now.body
        place = f"{_place(now)}/requestBody"
        if before is None and after is None:
            return
        if before is None or after is None:
            if after is None:
                yield self._change(was, f"{_place(was)}/requestBody", "request", "unread", "the body is gone")
            else:
                effect: Effect = "narrowed" if after.required else "none"
                text = f"{'a required' if after.required else 'an optional'} body is new"
                yield self._change(was, place, "request", effect, text)
            return
        if before.required != after.required:
            effect = "narrowed" if after.required else "widened"
            text = "the body is now required" if after.required else "the body may now be missing"
            yield self._change(was, f"{place}/required", "request", effect, text)
        for name, media in before.content.items():
            other = find_media_type(after.content, name)
            if other is None:
                gone = f"{_place(was)}/requestBody/content/{escape_pointer(name)}"
                yield self._change(was, gone, "request", "narrowed", f"{name} is no longer taken")
                continue
            below = f"{place}/content/{escape_pointer(other.name)}/schema"
            schemas = self._at(media.schema_pointer, other.schema_pointer)
            for pointer, effect, what, is_absence in self._schemas["request"].compare(*schemas):
                member = re.match(r"/properties/([^/]*)", pointer)
                item: Item | None = None
                if member and not is_absence:
                    name = member[1].replace("~1", "/").replace("~0", "~")
                    item = "members", f"body {name}"
                yield self._change(was, below + pointer, "request", effect, what, item)
        for name in after.content:
            if find_media_type(before.content, name) is None:
                new = f"{place}/content/{escape_pointer(name)}"
                yield self._change(was, new, "request", "widened", f"{name} is now taken as well")

    # Answers.

    def _compare_answers(self, was: Operation, now: Operation) -> Iterator[Change]:
        for status, envelope in was.envelopes.items():
            other = _find_envelope(now, status)
            if other is None:
                yield self._describe_gone(was, status)
            else:
                yield from self._compare_envelopes(was, now, status, envelope, other)
        for status in now.envelopes:
            if status in was.envelopes:
                continue
            known = _find_envelope(was, status)
            place = f"{_place(now)}/responses/{status}"
            if known is not None:
                yield from self._compare_envelopes(was, now, status, known, now.envelopes[status])
            elif _is_error(status):
                text = f"the status {status} is new: clients read one that they do not know by its class"
                yield Change(was.id, place, "nobody", f"{text} (RFC 9110, section 15)")
            else:
                yield self._change(was, place, "answer", "widened", f"the status {status} is new")

    def _describe_gone(self, was: Operation, status: str) -> Change:
        place, item = f"{_place(was)}/responses/{status}", _item_of(status)
        text = f"the status {status} is gone"
        if _is_error(status):
            return self._change(was, place, "answer", "narrowed", text, item)
        return Change(was.id, place, "consumer", f"{text}: a client that waits for it never gets it", item)

    def _compare_envelopes(
        self, was: Operation, now: Operation, status: str, before: Envelope, after: Envelope
    ) -> Iterator[Change]:
        item = _item_of(status)
        place = f"{_place(now)}/responses/{after.status}"
        for name, media in before.content.items():
            other = find_media_type(after.content, name)
            if other is None:
                gone = f"{_place(was)}/responses/{before.status}/content/{escape_pointer(name)}"
                yield self._change(
                    was, gone, "answer", "removed", f"{status} is no longer told in {name}", item
                )
                continue
            below = f"{place}/content/{escape_pointer(other.name)}/schema"
            schemas = self._at(media.schema_pointer, other.schema_pointer)
            for pointer, effect, what, _ in self._schemas["answer"].compare(*schemas):
                yield self._change(was, below + pointer, "answer", effect, what, item)
        for name in after.content:
            if find_media_type(before.content, name) is None:
                new = f"{place}/content/{escape_pointer(name)}"
                yield self._change(
                    was, new, "answer", "none", f"{status} is now told in {name} as well", item
                )
        yield from self._compare_headers(was, now, before, after, item)

    def _compare_headers(
        self, was: Operation, now: Operation, before: Envelope, after: Envelope, item: Item | None
    ) -> Iterator[Change]:
        for name in dict.fromkeys((*before.headers, *after.headers)):
            old, new = before.headers.get(name), after.headers.get(name)
            title = f"the header {name!r}"
            own = _find_header(was, before, name)
            if new is None:
                yield self._change(was, own, "answer", "removed", f"{title} is gone", item)
                continue
            place = _find_header(now, after, name)
            effect: Effect
            if old is None:
                effect = "narrowed" if new.required else "none"
                yield self._change(was, place, "answer", effect, f"{title} is new", item)
                continue
            if old.required != new.required:
                effect = "narrowed" if new.required else "widened"
                text = f"{title} {'always comes now' if new.required else 'may now be missing'}"
                yield self._change(was, f"{place}/required", "answer", effect, text, item)
            schemas = self._at(old.schema_pointer, new.schema_pointer)
            for pointer, effect, what, _ in self._schemas["answer"].compare(*schemas):
                yield self._change(
                    was, f"{place}/schema{pointer}", "answer", effect, f"{title}: {what}", item
                )

    def _at(self, old_pointer: str, new_pointer: str) -> tuple[Schema, Schema]:
        return (
            find_pointer(self._old.document, old_pointer) if old_pointer else True,
            find_pointer(self._new.document, new_pointer) if new_pointer else True,
        )


# Operations of both contracts.


def _pair_operations(old: Contract, new: Contract) -> dict[str, Operation]:
    """The operation of the new contract for each of the old one, by id: called by the same method and path,
    else by the same path below another prefix, else of the same id."""
    pairs: dict[str, Operation] = {}
    left = dict(new.operations)
    keys: tuple[Callable[[Operation], set[str]], ...] = (
        lambda each: {f"{each.method} {_shape(path)}" for path in _addresses(each)},
        lambda each: {f"{each.method} {_shape(each.path)}"},
        lambda each: {each.id},
    )
    for key in keys:
        index = {text: each for each in left.values() for text in key(each)}
        for was in old.operations.values():
            if was.id in pairs:
                continue
            now = next((index[text] for text in sorted(key(was)) if text in index), None)
            if now is not None and now.id in left:
                pairs[was.id] = left.pop(now.id)
    return pairs


def _addresses(operation: Operation) -> list[str]:
    """The paths by which it is called; the sandbox takes each with and without the slash at its end."""
    return [f"{prefix}{operation.path}".rstrip("/") or "/" for prefix in operation.prefixes]


def _shape(path: str) -> str:
    return re.sub(r"\{[^{}]*\}", "{}", path.rstrip("/") or "/")


def _place(operation: Operation) -> str:
    return f"/paths/{escape_pointer(operation.path)}/{operation.method.lower()}"


def _read(document: JsonObject, pointer: str) -> Json:
    """The value at a pointer that may lead through references; None where it leads nowhere."""
    found: Json = document
    for token in ("", *pointer.split("/")[1:]):
        found = find_pointer(found, f"/{token}") if token else found
        while isinstance(found, dict) and isinstance(reference := found.get("$ref"), str):
            found = find_pointer(document, read_fragment(reference))
    return found


def _read_security(operation: Operation) -> list[frozenset[tuple[str, str, str]]]:
    """What lets a request in; an operation that asks for nothing lets in what brings nothing."""
    found: list[frozenset[tuple[str, str, str]]] = [
        frozenset((scheme.kind, scheme.place, scheme.parameter.lower()) for scheme in requirement)
        for requirement in operation.security
    ]
    return found or [frozenset()]


def _name_schemes(requirements: Iterable[frozenset[tuple[str, str, str]]]) -> str:
    return " or ".join(
        " and ".join(sorted(f"{kind} ({place} {name})" for kind, place, name in each)) or "no credential"
        for each in requirements
    )


def _key_parameters(operation: Operation) -> dict[tuple[str, str], Parameter]:
    """Parameters by place and name; those of the path by their order, as their names are not sent."""
    names = list_names(operation.path)
    found: dict[tuple[str, str], Parameter] = {}
    for each in operation.parameters:
        name = each.name.lower() if each.place == "header" else each.name
        if each.place == "path" and name in names:
            name = str(names.index(name) - len(names))
        found[each.place, name] = each
    return found


def _name_style(parameter: Parameter) -> str:
    return f"{parameter.style}{' (exploded)' if parameter.is_exploded else ''}"


def _find_parameter(document: JsonObject, operation: Operation, parameter: Parameter) -> str:
    """Where an operation or its path describes a parameter."""
    place = _place(operation)
    for owner in (place, place.rpartition("/")[0]):
        for index, _ in enumerate(_read(document, f"{owner}/parameters") or ()):
            pointer = f"{owner}/parameters/{index}"
            raw = _read(document, pointer)
            if (raw.get("in"), raw.get("name", "")) == (parameter.place, parameter.name):
                return pointer
    return f"{place}/parameters"


def _find_envelope(operation: Operation, status: str) -> Envelope | None:
    """The envelope for a status as another contract writes it: the same, its range's, the default one."""
    envelopes = operation.envelopes
    return envelopes.get(status) or envelopes.get(f"{status[0]}XX") or envelopes.get("default")


def _find_header(operation: Operation, envelope: Envelope, name: str) -> str:
    """Where an operation describes a header of an answer."""
    header = envelope.headers.get(name)
    written = name if header is None else header.name
    return f"{_place(operation)}/responses/{envelope.status}/headers/{escape_pointer(written)}"


def _is_error(status: str) -> bool:
    return status[0] in "45d"


def _item_of(status: str) -> Item | None:
    return ("statuses", int(status)) if status.isdecimal() else None


# Which tests rely on it.


def find_tests(changes: Iterable[Change], coverage: JsonObject) -> list[Change]:
    """The same changes, those that break the consumer with the tests that rely on what they change.

    `coverage` is a document of `pytest --mockserver-cov-report=json:FILE`, whose items name their tests.
    """
    entries = {entry["operation"]: entry for entry in coverage["operations"]}
    return [
        replace(change, tests=tuple(_list_tests(entries[change.operation], change.item)))
        if change.breaks == "consumer" and change.operation in entries
        else change
        for change in changes
    ]


def _list_tests(entry: JsonObject, item: Item | None) -> list[str]:
    found: dict[str, None] = {}
    for dimension, member in DIMENSIONS.items():
        for each in entry.get(dimension, ()):
            name = f"{each['in']} {each[member]}" if dimension == "members" else each[member]
            if item is None or item == (dimension, name):
                found |= dict.fromkeys(each.get("tests", ()))
    return sorted(found)
