"""Suspicions: what the real API accepts without a word, and what a payment client should still not do."""

from __future__ import annotations

from mockserver.contract.validation import CallWarning
from mockserver.engine.situation import Situation

DUPLICATE = CallWarning(
    "duplicate_create", "an equal request was carried out before: the same is created again"
)


def watch_retries(situation: Situation) -> None:
    """Warn of a write that repeats a failed one without an idempotency key, and remember one that fails.

    The client cannot know whether the first took effect, so without a key it may be done twice. The situation
    is that of a call with its answer.
    """
    inspection = situation.inspection
    operation = inspection.head.operation
    # PUT and DELETE may be repeated by what they mean (RFC 9110, section 9.2.2).
    if operation is None or operation.method not in ("POST", "PATCH"):
        return
    status = situation.response.status
    has_failed = situation.response.delivery.fault is not None or status >= 500 or status == 429
    watch = situation.namespace.retries
    earlier = watch.note_write(inspection.parsed.digest, situation.number, has_failed=has_failed)
    if earlier is not None and inspection.head.idempotency_key is None:
        text = (
            f"call {earlier} failed, and this repeats it without an Idempotency-Key: "
            "if the first took effect, it is done twice"
        )
        inspection.warnings.append(CallWarning("retry_without_idempotency_key", text))


def note_duplicate(situation: Situation) -> None:
    """Warn of a request that creates something, and was carried out before."""
    operation = situation.head.operation
    if operation is None or operation.method != "POST" or 201 not in operation.success_statuses:
        return
    situation.inspection.warnings.append(DUPLICATE)
