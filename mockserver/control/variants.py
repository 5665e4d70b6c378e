"""Routes onto the variants: which answers the contract allows, and choosing one for a namespace."""

from __future__ import annotations

from collections.abc import Iterable

from mockserver.contract import Operation
from mockserver.control.routing import BadRequest, ControlAnswer, ControlCall, Route
from mockserver.control.sandbox import read_members
from mockserver.exceptions import BadQuestion, Problem
from mockserver.redaction import redact
from mockserver.state.namespace import VariantChoice
from mockserver.suggestions import suggest
from mockserver.types import Json
from mockserver.variants import Variant, VariantBook, list_statuses


def list_variants(call: ControlCall) -> ControlAnswer:
    """`GET /variants`: every legal answer by name, and with `legal: false` those that break the contract.

    `operation`, `status` and `name` choose among them; `pairs=true` lists any two legal ones at once instead;
    `diff=true` adds how each differs from the plain answer, line by line.
    """
    book = call.engine.variants
    wanted, is_paired, is_shown = call.integer("status"), call.flag("pairs"), call.flag("diff")
    name = call.option("name")
    operations = _find_operations(call)
    known = sorted({status for operation in operations for status in list_statuses(operation)})
    if wanted not in (None, *known):
        raise BadRequest(f"status={wanted} is documented nowhere; known: {', '.join(map(str, known))}")
    found = [
        variant.to_json() | ({"diff": book.show(operation, variant)} if is_shown else {})
        for operation in operations
        for status in list_statuses(operation)
        if wanted in (None, status)
        for variant in _choose(book, operation, status, name, is_paired=is_paired)
    ]
    if name is not None and not found:
        raise BadRequest(_explain_unknown(book, name, operations))
    return ControlAnswer(200, {"variants": found})


def _choose(
    book: VariantBook, operation: Operation, status: int, name: str | None, *, is_paired: bool
) -> Iterable[Variant]:
    if name is not None:
        variant = book.find(operation, status, name)
        return () if variant is None or variant.status != status else (variant,)
    return book.pairs(operation, status) if is_paired else book.of(operation, status)


def _find_operations(call: ControlCall) -> list[Operation]:
    """The operation that the query names, or all of them. Raises BadRequest."""
    operations = call.engine.contract.operations
    name = call.operation()
    return list(operations.values()) if name is None else [operations[name]]


def _explain_unknown(book: VariantBook, name: str, operations: Iterable[Operation]) -> str:
    known = list(dict.fromkeys(each for operation in operations for each in book.names(operation)))
    hint = suggest(name, known, limit=3, lists_all=True)
    return f"no such answer has a variant {redact(name[:100])!r}; {hint}"


def get_variant(call: ControlCall) -> ControlAnswer:
    """`GET /variant`: the variant that answers are, `name` null where they are plain."""
    choice = call.namespace.variant
    names = ("name", "operation", "status")
    return ControlAnswer(200, dict.fromkeys(names) if choice is None else choice._asdict())


def put_variant(call: ControlCall) -> ControlAnswer:
    """`PUT /variant`: let every answer that has a variant of this `{"name"}` be it; null ends that.

    Two at once are `"first+second"`. `operation` and `status`, if given, mean the answers of these alone.
    """
    given = read_members(call.object(), {"name": _read_name, "operation": _read_name, "status": _read_status})
    if "name" not in given:
        raise BadQuestion([Problem("is missing; must be the name of a variant, or null", "/name")])
    choice = VariantChoice(given["name"], given.get("operation"), given.get("status"))
    contract, book = call.engine.contract, call.engine.variants
    if choice.operation is not None and choice.operation not in contract.operations:
        hint = suggest(choice.operation, contract.operations, lists_all=True)
        text = f"{redact(choice.operation[:100])!r} is not in the contract; {hint}"
        raise BadQuestion([Problem(text, "/operation")])
    if choice.name is None:
        call.namespace.choose_variant(None)
        return get_variant(call)
    operations = [
        operation for operation in contract.operations.values() if choice.operation in (None, operation.id)
    ]
    if not any(
        book.find(operation, status, choice.name)
        for operation in operations
        for status in list_statuses(operation)
        if choice.status in (None, status)
    ):
        raise BadQuestion([Problem(_explain_unknown(book, choice.name, operations), "/name")])
    call.namespace.choose_variant(choice)
    return get_variant(call)


def _read_name(value: Json) -> str | None:
    if value is not None and (not isinstance(value, str) or not value):
        raise ValueError("must be a text that is not empty, or null")
    return value


def _read_status(value: Json) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise ValueError("must be a status such as 201, or null")
    return value


ROUTES: tuple[Route, ...] = (
    Route("GET", "/variants", list_variants,
          "Lists every legal answer by name, and with `legal: false` those that break the contract.",
          query=("operation", "status", "name", "pairs", "diff"), answers={200: "Variants"}),
    Route("GET", "/variant", get_variant, "Gives the variant of every answer; `name` null means plain.",
          answers={200: "VariantChoice"}),
    Route("PUT", "/variant", put_variant,
          "Gives every answer a variant, where it has that one; null ends that.",
          body="VariantChoice", answers={200: "VariantChoice"}),
)  # fmt: skip
