"""Varying: another legal answer in place of the plain one."""

from __future__ import annotations

from mockserver.contract import Operation
from mockserver.contract.validation import CallWarning
from mockserver.engine.situation import Decision, Literal, Situation
from mockserver.http_fields import accepts_gzip
from mockserver.redaction import redact
from mockserver.variants import Variant, combine


def vary(situation: Situation, decision: Decision) -> Decision:
    """The same decision with the variant that the request prefers, else that of the namespace's settings.

    What a script wrote word by word, or damages, stays as it is.
    """
    inspection = situation.inspection
    operation, wish = situation.head.operation, situation.head.preferences
    if operation is None:
        return decision
    is_fixed = isinstance(decision.content, Literal) or decision.fault is not None
    name = wish.variant if wish is not None and wish.problem is None else None
    if name is None:
        variant = None if is_fixed else _next_variant(situation, operation, decision.status)
        return decision if variant is None else _with_variant(decision, variant, decision.reason)
    variant, problem = None, "the answer is scripted word by word"
    if not is_fixed:
        variant, problem = _find_preferred(situation, operation, decision.status, name)
    if variant is None:
        inspection.warnings.append(CallWarning("preference_ignored", problem))
        return decision
    reason = "preferred" if decision.reason == "answered" else decision.reason
    return _with_variant(decision, variant, reason, is_preferred=True)


def _with_variant(
    decision: Decision, variant: Variant, reason: str, *, is_preferred: bool = False
) -> Decision:
    # As `replace`, which takes many times as long: it is done for every call of a run with variants.
    return Decision(
        reason, decision.status, decision.content, decision.commits, decision.headers, decision.stub,
        decision.preference, variant, is_preferred,
    )  # fmt: skip


def _find_preferred(
    situation: Situation, operation: Operation, status: int, name: str
) -> tuple[Variant | None, str]:
    """The variant of a name; None, and why not, where the answer has none that this client can read."""
    variant = situation.variants.find(operation, status, name)
    if variant is None:
        near = situation.variants.find_nearest(name, operation)
        hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
        known = f"GET /__admin/variants?operation={operation.id}&status={status} lists them"
        text = f"the answer {status} of {operation.id} has no variant {redact(name[:100])!r}; {hint}{known}"
        return None, text
    if variant.needs_gzip and not accepts_gzip(situation.head.headers):
        return None, f"the variant {variant.name} needs a request with Accept-Encoding: gzip"
    return variant, ""


def _next_variant(situation: Situation, operation: Operation, status: int) -> Variant | None:
    """What the namespace makes of an answer. Asking in a cycle takes the turn, as one step."""
    namespace, book, headers = situation.namespace, situation.variants, situation.head.headers
    variant: Variant | None = None
    choice = namespace.variant
    if choice is not None:
        if choice.fits(operation.id, status):
            variant = book.find(operation, status, choice.name)
        if variant is not None and variant.needs_gzip and not accepts_gzip(headers):
            variant = variant.without_gzip()
    elif namespace.settings.variants == "cycle":
        legal = book.legal(operation, status, accepts_gzip=accepts_gzip(headers))
        if legal:
            variant = legal[namespace.resources.take_turn(operation.id, status) % len(legal)]
    if namespace.settings.tolerant_reader and 200 <= status < 300:
        extra = book.extra_members(operation, status)
        variant = combine(variant, extra) if variant is not None and extra is not None else variant or extra
    return variant
