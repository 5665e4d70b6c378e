"""What a request must meet before its operation succeeds: one function a requirement, asked in order."""

from __future__ import annotations

import hashlib
from functools import cache

from mockserver.contract import Operation
from mockserver.contract.validation import Violation
from mockserver.engine.nearest import find_nearest
from mockserver.engine.situation import CARRY_OUT, Decision, Literal, Refusal, Situation
from mockserver.request.head import Head
from mockserver.types import UNSET, Headers


def by_operation(situation: Situation) -> Decision | None:
    """A path that the contract lacks: 404; a method that it lacks: 405 with Allow (RFC 9110, 15.5.6).

    OPTIONS, where the rules imply it, gets that header alone."""
    head = situation.head
    if head.operation is not None:
        return None
    path_item = head.line.path_item
    if path_item is None:
        nearest = find_nearest(situation)
        details = {} if nearest is None else {"nearest": nearest}
        return Decision("no_such_operation", 404, Refusal(404, "no_such_operation", details))
    implied = situation.rules.implied_methods
    is_asked = head.method == "OPTIONS" and head.method in implied
    methods = path_item.list_methods(implied if is_asked else implied - {"OPTIONS"})
    allow = ((b"allow", ", ".join(methods).encode("ascii")),)
    if is_asked:
        return Decision("options", 204, Literal(b""), headers=allow)
    return Decision("method_not_allowed", 405, Refusal(405, "method_not_allowed"), headers=allow)


def by_soundness(situation: Situation) -> Decision | None:
    """501 for an operation that the contract describes in a way that cannot be served."""
    problem = situation.head.line.problem
    if problem is None:
        return None
    text = f"The contract is broken: {problem}\n"
    headers = ((b"content-type", b"text/plain; charset=utf-8"),)
    return Decision("broken_contract", 501, Literal(text.encode("utf-8")), headers=headers)


def by_credential(situation: Situation) -> Decision | None:
    """401 for a credential that is missing, malformed, invalid, expired or revoked."""
    operation = situation.head.operation
    principal = situation.principal
    if principal.refusal is None or operation is None or not operation.requires_credential:
        return None
    details = {"hint": principal.refusal_text} if principal.refusal_text else {}
    return situation.rules.refuse(
        situation,
        Refusal(401, principal.refusal, details, headers=situation.rules.challenges(operation)),
    )


def by_rate_limit(situation: Situation) -> Decision | None:
    """429 once the bucket of this credential and operation is empty. Asking takes a token, as one step."""
    namespace = situation.namespace
    limit = namespace.rate
    if limit is None:
        return None
    seconds = namespace.resources.take_token(bucket_key(situation), limit, situation.now_millis)
    if not seconds:
        return None
    headers = ((b"retry-after", str(seconds).encode("ascii")),)
    details = {"retry_after_seconds": seconds}
    return situation.rules.refuse(situation, Refusal(429, "rate_limited", details, headers=headers))


def rate_limit_fields(situation: Situation) -> Headers:
    """What the limit is and what is left of it (draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4).

    `t` is in how many seconds there is one call more, as `Retry-After` says when none is left.
    """
    limit = situation.namespace.rate
    if limit is None or situation.head.operation is None:
        return ()
    bucket = situation.namespace.resources.bucket(bucket_key(situation), limit, situation.now_millis)
    wait = f";t={bucket.wait_seconds}" if bucket.wait_seconds else ""
    return (
        (b"ratelimit-policy", f'"default";q={limit.calls};w={limit.seconds}'.encode("ascii")),
        (b"ratelimit", f'"default";r={bucket.calls_left}{wait}'.encode("ascii")),
    )


def bucket_key(situation: Situation) -> bytes:
    """What a rate limit counts by: credential and operation."""
    operation = situation.head.operation
    return situation.head.credential.digest + (operation.id if operation else "").encode("utf-8")


def by_media_type(situation: Situation) -> Decision | None:
    """415 for a body of a media type that the operation does not take (RFC 9110, section 15.5.16)."""
    wrong = [
        violation for violation in situation.inspection.violations if violation.pointer == "/content-type"
    ]
    if not wrong or wrong[0].place != "header":
        return None
    refusal = Refusal(415, "unsupported_media_type", {"hint": f"Content-Type {wrong[0].message}"})
    return situation.rules.refuse(situation, refusal)


def by_violations(situation: Situation) -> Decision | None:
    """400 for a body that is no JSON, 422 for everything else that breaks the contract, all at once."""
    inspection = situation.inspection
    if inspection.parsed.malformed is not None:
        return situation.rules.refuse(
            situation, Refusal(400, "malformed_json", {"hint": inspection.parsed.malformed})
        )
    head = situation.head
    if (
        head.idempotency_key is None
        and situation.namespace.settings.idempotency == "required"
        and _is_idempotent_operation(head.operation)
    ):
        missing = Violation("header", "/idempotency-key", "required", "is missing")
        if missing not in inspection.violations:
            inspection.violations.append(missing)
    if not inspection.violations:
        return None
    violations = [violation.to_json() for violation in inspection.violations]
    return situation.rules.refuse(situation, Refusal(422, "invalid_request", {"violations": violations}))


def by_accept(situation: Situation) -> Decision | None:
    """406 where no success has a media type that the Accept header lets through (RFC 9110, 15.5.7)."""
    operation = situation.head.operation
    if operation is None:
        return None
    envelope = operation.envelope(choose_success(situation, operation))
    if envelope is None or envelope.accepted(situation.head.facts.accept) is not None:
        return None
    details = {"hint": f"there is {', '.join(envelope.content)}"}
    refusal = Refusal(406, "not_acceptable", details, headers=((b"vary", b"Accept"),))
    return situation.rules.refuse(situation, refusal)


def by_target(situation: Situation) -> Decision | None:
    """404 for a thing that the request addresses and that this principal cannot see."""
    behaviour = situation.behaviour
    missing = None if behaviour is None else behaviour.find_missing(situation)
    return None if missing is None else situation.rules.refuse(situation, missing)


def by_conflict(situation: Situation) -> Decision | None:
    """409 for an idempotency key in other use, the kept answer for one seen before, 409 by behaviour."""
    namespace = situation.namespace
    key = None if situation.head.idempotency_key is None else idempotency_key(situation)
    if key is not None:
        answer = namespace.resources.find_answer(key, situation.now_millis)
        if answer is not None:
            if key in namespace.resources.in_flight:
                text = "the first call with this key is still in flight"
                return situation.rules.refuse(situation, Refusal(409, "idempotency_conflict", {"hint": text}))
            if answer.request != situation.inspection.parsed.digest:
                text = "this key was used for another request"
                return situation.rules.refuse(situation, Refusal(409, "idempotency_conflict", {"hint": text}))
            return Decision("replayed", answer.status, answer, headers=((b"idempotent-replayed", b"true"),))
    if situation.behaviour is not None:
        conflict = situation.behaviour.find_conflict(situation)
        if conflict is not None:
            return situation.rules.refuse(situation, conflict)
    return None


def idempotency_key(situation: Situation) -> bytes | None:
    """What an idempotent answer is kept under: credential, operation and the key, as a digest; else None."""
    if situation.idempotency_key is UNSET:
        situation.idempotency_key = _make_key(situation.head, situation.namespace.settings.idempotency)
    return situation.idempotency_key


def _make_key(head: Head, idempotency: str) -> bytes | None:
    operation = head.operation
    if head.idempotency_key is None or operation is None or not _is_idempotent_operation(operation):
        return None
    if idempotency == "off":
        return None
    text = f"{operation.id}\n{head.idempotency_key}"
    return hashlib.blake2b(head.credential.digest + text.encode("utf-8"), digest_size=32).digest()


def _is_idempotent_operation(operation: Operation | None) -> bool:
    """Whether a key has a meaning: on writes that are not idempotent by their method already."""
    return operation is not None and operation.method in ("POST", "PATCH")


def by_contract(situation: Situation) -> Decision:
    """Nothing speaks against it: the operation succeeds."""
    operation = situation.head.operation
    assert operation is not None, "by_operation has answered what is no operation"
    return _succeed(choose_success(situation, operation))


@cache
def _succeed(status: int) -> Decision:
    """The decision to do what was asked, which most are."""
    return Decision("answered", status, CARRY_OUT, commits=True)


def choose_success(situation: Situation, operation: Operation) -> int:
    """The status of a success: the configured one where it is documented, else the lowest documented."""
    statuses = operation.success_statuses
    status = situation.namespace.success_status
    if status == "alternate":
        done = situation.namespace.resources.successes.get(operation.id, 0)
        return statuses[-1 - done % len(statuses)]
    return status if status in statuses else statuses[0]
