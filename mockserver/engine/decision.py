"""Decision: which answer a call gets, and why. Small functions are asked in order; the first answer wins."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol

from mockserver.contract import Operation
from mockserver.contract.validation import CallWarning, Violation
from mockserver.engine.identity import Principal
from mockserver.faults import Fault, Phase
from mockserver.journal.journal import make_subject
from mockserver.redaction import redact
from mockserver.request.head import Head
from mockserver.request.inspection import Inspection
from mockserver.scripting.preferences import Preferences
from mockserver.scripting.stubs import Stub
from mockserver.scripting.subjects import Subject
from mockserver.seeds import Seed
from mockserver.state.namespaces import Namespace
from mockserver.state.resources import StoredAnswer
from mockserver.types import Headers, Json, JsonObject, Schema
from mockserver.variants import Variant, VariantBook, combine


@dataclass(slots=True)
class Outcome:
    """What carrying an operation out gave: the envelope's value and the reason slug of the success.

    `secret` is one that the value holds and, beside it, as what that may be shown. `is_own` says that
    everything else in the value came with the request, or was made for it: where the request is plain
    (`Reading.is_plain`), the value holds no other secret.
    """

    value: Json
    reason: str
    secret: tuple[bytes, bytes] | None = None
    is_own: bool = False

    def __repr__(self) -> str:
        # The value may hold a secret that was just issued.
        return f"<Outcome {self.reason}>"


@dataclass(slots=True)
class Refusal:
    """An error answer: status, reason slug, and the members of `error.details` beside the reason."""

    status: int
    reason: str
    details: Mapping[str, Any] = field(default_factory=dict)
    text: str | None = None
    headers: Headers = ()


class Behaviour(Protocol):
    """What an operation does beyond its schemas. All but `promise` run inside the namespace's lock.

    The checks only read. `carry_out` changes the namespace's resources and returns the value of the
    success envelope.
    """

    def promise(self, request: Schema) -> Schema | None:
        """A schema that every value of `carry_out` fits if the request's body fits the given one.

        Where it can be proved to lie within the envelope's, answers to requests that keep the contract need
        no check. None promises nothing.
        """
        ...

    def find_missing(self, situation: Situation) -> Refusal | None:
        """A 404 if what the request addresses is not there for this principal."""
        ...

    def find_conflict(self, situation: Situation) -> Refusal | None:
        """A 409 if what the request asks for cannot be done to what is there."""
        ...

    def carry_out(self, situation: Situation, seed: Seed) -> Outcome:
        """Do it. `seed` is equal for equal requests and another for each repetition of one."""
        ...


@dataclass(slots=True, repr=False)
class Situation:
    """A call and where it happens: all that deciding needs. Never changed, as nothing in this module is.

    `head` is that of the inspection.
    """

    inspection: Inspection
    head: Head
    namespace: Namespace
    principal: Principal
    now_millis: int
    behaviour: Behaviour | None
    variants: VariantBook

    def subject(self) -> Subject:
        """The request as patterns see it."""
        inspection, shown = self.inspection, self.head.shown
        request = shown.with_body(inspection.reading.shown_body, inspection.client)
        return make_subject(request, shown.path_parameters)


class Example(NamedTuple):
    """Answer with an example of the contract, or a value made from its schema."""

    name: str | None = None
    is_dynamic: bool = False
    seed: str | None = None

    def __repr__(self) -> str:
        # Name and seed are texts of the request.
        return f"<Example dynamic={self.is_dynamic}>"


class Literal(NamedTuple):
    """Answer with these bytes."""

    body: bytes

    def __repr__(self) -> str:
        # A script may answer with a secret.
        return f"<Literal {len(self.body)} bytes>"


class CarryOut(NamedTuple):
    """Answer with what carrying the operation out gives."""


CARRY_OUT = CarryOut()


Content = Refusal | Example | Literal | CarryOut | StoredAnswer


@dataclass(slots=True)
class Decision:
    """What shall be answered, and why.

    `commits` says that the operation is carried out, whatever is answered; `stub` is the one that decided;
    `headers` come on top of those that the content brings; `variant` changes what comes of all that, and
    `is_variant_preferred` says that the request asked for it.
    """

    reason: str
    status: int
    content: Content
    commits: bool = False
    headers: Headers = ()
    stub: Stub | None = None
    preference: str | None = None
    variant: Variant | None = None
    is_variant_preferred: bool = False

    @property
    def fault(self) -> Fault | None:
        """The damage that the stub does."""
        return self.stub.response.fault if self.stub else None

    @property
    def is_scripted(self) -> bool:
        """Whether a stub or a preference decided, in place of the API's own checks."""
        return self.stub is not None or self.preference is not None


Decider = Callable[[Situation], Decision | None]


def decide(situation: Situation) -> Decision:
    """The first decider with an answer wins; otherwise the operation's success. It may be varied then."""
    decision = _ask_deciders(situation)
    if situation.namespace.is_varied or situation.head.preferences is not None:
        return vary(situation, decision)
    return decision


def _ask_deciders(situation: Situation) -> Decision:
    for decider in DECIDERS:
        decision = decider(situation)
        if decision is not None:
            return decision
    return by_contract(situation)


def refuse(situation: Situation, refusal: Refusal) -> Decision | None:
    """A decision to refuse, with a status that the operation documents; None if it documents none."""
    operation = situation.head.operation
    status = refusal.status
    if operation is not None and operation.envelope(status) is None:
        status = next((other for other in _KIN.get(status, ()) if operation.envelope(other)), 0)
        if not status:
            text = f"{operation.id} documents no status for {refusal.reason}; the rule is not applied"
            situation.inspection.warnings.append(CallWarning("undocumented_status", text))
            return None
    return Decision(refusal.reason, status, replace(refusal, status=status), headers=refusal.headers)


# Where a contract does not document a status, its nearest kin is answered instead.
_KIN: Mapping[int, tuple[int, ...]] = {
    400: (422,),
    401: (403,),
    403: (401,),
    404: (400, 422),
    409: (422, 400),
    422: (400,),
    429: (503,),
}


def by_live_credential(situation: Situation) -> Decision | None:
    """A live credential has no business here, before all else."""
    if situation.head.credential.mode != "live" or situation.namespace.settings.allow_live:
        return None
    refusal = Refusal(401, "live_credential", headers=_CHALLENGE)
    # Also where the operation documents no 401: nothing may go on with a live credential.
    return refuse(situation, refusal) or Decision(refusal.reason, 401, refusal, headers=refusal.headers)


_CHALLENGE: Headers = ((b"www-authenticate", b"Bearer"),)


def by_stub(situation: Situation) -> Decision | None:
    """The first stub, in the order of the book, whose matcher fits."""
    head, namespace = situation.head, situation.namespace
    operation = head.shown.operation
    subject: Subject | None = None
    for stub in namespace.stubs.candidates(head.line.stub_keys):
        if subject is None:
            subject = situation.subject()
        if namespace.stubs.accepts(stub, subject, operation):
            return _scripted(situation, stub)
    return None


def _scripted(situation: Situation, stub: Stub) -> Decision:
    """The answer of a stub; the contract fills in what the stub leaves out."""
    operation = situation.head.operation
    response = stub.response
    status, after = response.status, stub.phase is Phase.AFTER_COMMIT
    success = choose_success(situation, operation) if operation else 200
    if response.body is not None:
        return _committing(
            situation, Decision("stub", status or 200, Literal(response.body), after, response.headers, stub)
        )
    if response.fault is Fault.NOT_JSON:
        page = Literal(write_gateway_page(status or 502))
        decision = Decision("stub", status or 502, page, after, response.headers, stub)
        return _committing(situation, decision)
    if status is None and response.fault is not None and not after:
        # Nothing happened, so the damaged answer is one that could have been.
        return Decision("stub", success, Example(), headers=response.headers, stub=stub)
    if status is None or 200 <= status < 300:
        decision = Decision("stub", status or success, CARRY_OUT, True, response.headers, stub)
        return _committing(situation, decision)
    content = _error_content(situation, status)
    return _committing(situation, Decision("stub", status, content, after, response.headers, stub))


def write_gateway_page(status: int) -> bytes:
    """The page with which a gateway says that it could not reach what is behind it."""
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error"
    return (
        f"<html>\r\n<head><title>{status} {phrase}</title></head>\r\n<body>\r\n"
        f"<center><h1>{status} {phrase}</h1></center>\r\n"
        "<hr><center>gateway</center>\r\n</body>\r\n</html>\r\n"
    ).encode("ascii")


def _error_content(situation: Situation, status: int) -> Content:
    """The documented error of a status that was asked for without a body."""
    if status < 400:
        return Literal(b"")
    return Refusal(status, situation.namespace.fixtures.default_reason(status), headers=error_headers(status))


def error_headers(status: int) -> Headers:
    """The headers that belong to an error whoever asked for it."""
    if status == 401:
        return _CHALLENGE
    return ((b"retry-after", b"1"),) if status == 429 else ()


def _committing(situation: Situation, decision: Decision) -> Decision:
    """A scripted decision, carried out only if the request can be: else the contract's example stands in."""
    if not decision.commits:
        return decision
    obstacle = None
    if situation.head.operation is None:
        return replace(decision, commits=False, content=_without_operation(decision.content))
    for decider in REQUIREMENTS:
        obstacle = decider(situation)
        if obstacle is not None:
            break
    if obstacle is None:
        return decision
    if not isinstance(decision.content, CarryOut):
        return replace(decision, commits=False)
    if isinstance(obstacle.content, StoredAnswer):
        headers = (*obstacle.headers, *decision.headers)
        return replace(decision, commits=False, content=obstacle.content, headers=headers)
    return replace(decision, commits=False, content=Example())


def _without_operation(content: Content) -> Content:
    return Literal(b"") if isinstance(content, CarryOut) else content


def by_preference(situation: Situation) -> Decision | None:
    """`Prefer: code=…` and its kin (RFC 7240), on operations and documented codes only."""
    wish = situation.head.preferences
    if wish is None:
        return None
    operation = situation.head.operation
    problem = wish.problem or _find_problem(wish, operation)
    if problem is not None:
        situation.inspection.warnings.append(CallWarning("preference_ignored", problem))
        return None
    if operation is None or (wish.code is None and wish.example is None and not wish.dynamic):
        return None
    status = wish.code or choose_success(situation, operation)
    applied = ", ".join(
        part
        for part in (
            f"code={status}" if wish.code else "",
            "example" if wish.example is not None else "",
            "dynamic=true" if wish.dynamic else "",
        )
        if part
    )
    if wish.example is not None or wish.dynamic:
        content: Content = Example(wish.example, wish.dynamic, wish.seed)
        return Decision("preferred", status, content, headers=error_headers(status), preference=applied)
    if 200 <= status < 300:
        return _committing(situation, Decision("preferred", status, CARRY_OUT, True, preference=applied))
    content = _error_content(situation, status)
    return Decision("preferred", status, content, headers=error_headers(status), preference=applied)


def _find_problem(wish: Preferences, operation: Operation | None) -> str | None:
    """Why a preference cannot be followed; None if it can."""
    if operation is None:
        return "no operation was reached, so no answer is documented that could be preferred"
    if wish.code is not None and operation.envelope(wish.code) is None:
        known = ", ".join(str(status) for status in operation.statuses)
        return f"{operation.id} documents no status {wish.code}; documented: {known}"
    if wish.example is not None:
        statuses = [wish.code] if wish.code else list(operation.success_statuses)
        envelopes = [operation.envelope(status) for status in statuses]
        names = [name for envelope in envelopes if envelope for name in envelope.examples]
        if wish.example not in names:
            return f"there is no such example for this status; known: {', '.join(names) or 'none'}"
    return None


def by_operation(situation: Situation) -> Decision | None:
    """A path that the contract lacks: 404; a method that it lacks: 405 with Allow (RFC 9110, 15.5.6)."""
    head = situation.head
    if head.operation is not None:
        return None
    path_item = head.line.path_item
    if path_item is None:
        return Decision("no_such_operation", 404, Refusal(404, "no_such_operation"))
    allow = ((b"allow", path_item.allow),)
    return Decision("method_not_allowed", 405, Refusal(405, "method_not_allowed"), headers=allow)


def by_credential(situation: Situation) -> Decision | None:
    """401 for a credential that is missing, malformed, invalid, expired or revoked."""
    operation = situation.head.operation
    principal = situation.principal
    if principal.refusal is None or operation is None or not operation.requires_credential:
        return None
    details = {"hint": principal.refusal_text} if principal.refusal_text else {}
    return refuse(situation, Refusal(401, principal.refusal, details, headers=_CHALLENGE))


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
    return refuse(situation, Refusal(429, "rate_limited", details, headers=headers))


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


def by_violations(situation: Situation) -> Decision | None:
    """400 for a body that is no JSON, 422 for everything else that breaks the contract, all at once."""
    inspection = situation.inspection
    if inspection.reading.malformed is not None:
        return refuse(situation, Refusal(400, "malformed_json", {"hint": inspection.reading.malformed}))
    if (
        situation.head.idempotency_key is None
        and situation.namespace.settings.idempotency == "required"
        and _is_idempotent_operation(situation.head.operation)
    ):
        missing = Violation("header", "/idempotency-key", "required", "is missing")
        if missing not in inspection.violations:
            inspection.violations.append(missing)
    if not inspection.violations:
        return None
    violations = [violation.to_json() for violation in inspection.violations]
    return refuse(situation, Refusal(422, "invalid_request", {"violations": violations}))


def by_target(situation: Situation) -> Decision | None:
    """404 for an account, or another thing that the request addresses, that this principal cannot see."""
    account_id = situation.head.account_id
    if account_id is not None and not sees_account(situation, account_id):
        return refuse(situation, Refusal(404, "account_not_found"))
    if situation.behaviour is not None:
        missing = situation.behaviour.find_missing(situation)
        if missing is not None:
            return refuse(situation, missing)
    return None


def sees_account(situation: Situation, account_id: str) -> bool:
    """Whether an account exists for this call: known if only known ones do, and of the credential's mode."""
    mode = situation.namespace.fixtures.accounts.get(account_id)
    if mode is None:
        return not situation.namespace.settings.strict_accounts
    return mode == (situation.head.credential.mode or "test")


def by_permission(situation: Situation) -> Decision | None:
    """403 for a credential that may not do this, or not to this account."""
    head, principal = situation.head, situation.principal
    operation = head.operation
    if operation is None or not operation.requires_credential:
        return None
    if operation.permission is not None and not principal.grants.allows(operation.permission):
        publishable = head.credential.kind == "publishable"
        reason = "publishable_key" if publishable else "missing_permission"
        return refuse(situation, Refusal(403, reason, {"permission": operation.permission}))
    if head.account_id is not None and principal.account_id not in (None, head.account_id):
        return refuse(situation, Refusal(403, "foreign_account"))
    return None


def by_conflict(situation: Situation) -> Decision | None:
    """409 for an idempotency key in other use, the kept answer for one seen before, 409 by behaviour."""
    namespace = situation.namespace
    key = None if situation.head.idempotency_key is None else idempotency_key(situation)
    if key is not None:
        answer = namespace.resources.find_answer(key, situation.now_millis)
        if answer is not None:
            if key in namespace.resources.in_flight:
                text = "the first call with this key is still in flight"
                return refuse(situation, Refusal(409, "idempotency_conflict", {"hint": text}))
            if answer.request != situation.inspection.reading.digest:
                text = "this key was used for another request"
                return refuse(situation, Refusal(409, "idempotency_conflict", {"hint": text}))
            return Decision("replayed", answer.status, answer, headers=((b"idempotent-replayed", b"true"),))
    if situation.behaviour is not None:
        conflict = situation.behaviour.find_conflict(situation)
        if conflict is not None:
            return refuse(situation, conflict)
    return None


def idempotency_key(situation: Situation) -> bytes | None:
    """What an idempotent answer is kept under: credential, operation and the key, as a digest; else None."""
    head = situation.head
    operation = head.operation
    if head.idempotency_key is None or operation is None or not _is_idempotent_operation(operation):
        return None
    if situation.namespace.settings.idempotency == "off":
        return None
    text = f"{operation.id}\n{head.idempotency_key}"
    return hashlib.sha256(head.credential.digest + text.encode("utf-8")).digest()


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
    if status is None:
        done = situation.namespace.resources.successes.get(operation.id, 0)
        return statuses[-1 - done % len(statuses)]
    return status if status in statuses else statuses[0]


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
        hint = f"did you mean {' or '.join(near)}? " if near else ""
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
            variant = None
    elif namespace.settings.variants == "cycle":
        legal = book.legal(operation, status, accepts_gzip=accepts_gzip(headers))
        if legal:
            variant = legal[namespace.resources.take_turn(operation.id, status) % len(legal)]
    if namespace.settings.tolerant_reader and 200 <= status < 300:
        extra = book.extra_members(operation, status)
        variant = combine(variant, extra) if variant is not None and extra is not None else variant or extra
    return variant


def accepts_gzip(headers: Headers) -> bool:
    """Whether Accept-Encoding names gzip, and not with `q=0` (RFC 9110, section 12.5.3)."""
    sent = next((value for name, value in headers if name == b"accept-encoding"), b"")
    for item in sent.lower().split(b","):
        coding, _, weight = item.partition(b";")
        if coding.strip() in (b"gzip", b"x-gzip"):
            return weight.replace(b" ", b"").rstrip(b"0.") != b"q="
    return False


REQUIREMENTS: tuple[Decider, ...] = (
    by_operation,
    by_credential,
    by_violations,
    by_target,
    by_permission,
    by_conflict,
)
DECIDERS: tuple[Decider, ...] = (
    by_live_credential,
    by_stub,
    by_preference,
    by_operation,
    by_credential,
    by_rate_limit,
    *REQUIREMENTS[2:],
)


def to_details(refusal: Refusal) -> JsonObject:
    """`error.details` of a refusal."""
    return {"reason": refusal.reason, **refusal.details}
