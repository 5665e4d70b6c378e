"""Routes onto the variants: which answers the contract allows, and choosing one for a namespace."""

from __future__ import annotations

from difflib import get_close_matches

from mockserver.contract import Operation
from mockserver.control.exchange import BadRequest, ControlAnswer, ControlCall, Route
from mockserver.exceptions import BadQuestion, Problem
from mockserver.redaction import redact
from mockserver.types import Json
from mockserver.variants import list_statuses


def list_variants(call: ControlCall) -> ControlAnswer:
    """`GET /variants`: every legal answer by name, and with `legal: false` those that break the contract.

    `operation` and `status` choose among them; `pairs=true` lists any two legal ones at once instead.
    """
    book = call.engine.variants
    wanted, is_paired = call.integer("status"), call.flag("pairs")
    variants = [
        variant.to_json()
        for operation in _find_operations(call)
        for status in list_statuses(operation)
        if wanted in (None, status)
        for variant in (book.pairs(operation, status) if is_paired else book.of(operation, status))
    ]
    return ControlAnswer(200, {"variants": variants})


def _find_operations(call: ControlCall) -> list[Operation]:
    """The operation that the query names, or all of them. Raises BadRequest."""
    operations = call.engine.contract.operations
    name = call.option("operation")
    if name is None:
        return list(operations.values())
    if name not in operations:
        near = get_close_matches(name, operations, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        known = ", ".join(operations)
        raise BadRequest(f"operation={redact(name)!r} is not in the contract; {hint}known: {known}")
    return [operations[name]]


def get_variant(call: ControlCall) -> ControlAnswer:
    """`GET /variant`: the name of the variant that answers are, null where they are plain."""
    return ControlAnswer(200, {"name": call.namespace.variant})


def put_variant(call: ControlCall) -> ControlAnswer:
    """`PUT /variant`: let every answer that has a variant of this `{"name"}` be it; null ends that.

    Two at once are `"first+second"`.
    """
    body = call.object()
    problems = [
        Problem("is unknown here; known: name", f"/{redact(member)}") for member in body if member != "name"
    ]
    name: Json = body.get("name")
    if "name" not in body:
        problems.append(Problem("is missing; must be the name of a variant, or null", "/name"))
    elif name is not None and not isinstance(name, str):
        problems.append(Problem("must be the name of a variant, or null", "/name"))
    elif name is not None:
        problems += _judge_name(call, name)
    if problems:
        raise BadQuestion(problems)
    call.namespace.choose_variant(name)
    return get_variant(call)


def _judge_name(call: ControlCall, name: str) -> list[Problem]:
    """What is wrong with a name that no answer has a variant of."""
    book = call.engine.variants
    if any(
        book.find(operation, status, name) is not None
        for operation in call.engine.contract.operations.values()
        for status in list_statuses(operation)
    ):
        return []
    near = book.find_nearest(name)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    known = ", ".join(book.names())
    return [Problem(f"{redact(name[:100])!r} is the variant of no answer; {hint}known: {known}", "/name")]


ROUTES: tuple[Route, ...] = (
    Route("GET", "/variants", list_variants),
    Route("GET", "/variant", get_variant),
    Route("PUT", "/variant", put_variant),
)
