"""Plain rules: what an API does that has no rules of its own. Everything is read from its contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from mockserver.contract import Contract, Operation
from mockserver.contract.operations import SecurityScheme
from mockserver.contract.validation import CallWarning
from mockserver.engine.bodies import write_value
from mockserver.engine.errors import fill_error, phrase_of, to_details
from mockserver.engine.requirements import (
    by_accept,
    by_conflict,
    by_credential,
    by_media_type,
    by_operation,
    by_rate_limit,
    by_violations,
)
from mockserver.engine.rules import MakeValue
from mockserver.engine.situation import Behaviour, Decider, Decision, Principal, Refusal, Situation
from mockserver.exceptions import Problem, UnknownItem
from mockserver.json_codec import dumps
from mockserver.redaction import KeyShape
from mockserver.security.credential import Credential, Sent
from mockserver.security.schemes import (
    Shown,
    find_any,
    list_schemes,
    read_requirements,
    show_credential,
    write_challenges,
    write_credential,
)
from mockserver.security.tokens import TokenAuthority
from mockserver.settings import DEFAULT_NAMESPACE, Settings
from mockserver.state.namespace import Namespace
from mockserver.state.resources import Item
from mockserver.suggestions import suggest
from mockserver.types import Headers, JsonObject

# Form of an error where the contract documents none (RFC 9457, section 3).
PROBLEM_TYPE = (b"content-type", b"application/problem+json")
# The scheme of a request to a contract that declares none.
_BEARER = SecurityScheme("bearer", "bearer", "header", "authorization")

# Where the contract does not document a status, this one stands for it as well.
_KIN = {400: 422, 422: 400}
_REASONS = {
    400: "malformed_json",
    401: "missing_credential",
    404: "no_such_operation",
    405: "method_not_allowed",
    406: "not_acceptable",
    409: "conflict",
    415: "unsupported_media_type",
    422: "invalid_request",
    429: "rate_limited",
    500: "internal_error",
}
_TEXTS = {
    "malformed_json": "The request body is not what its Content-Type says.",
    "missing_credential": "The request carries no credential. Send one that this operation asks for.",
    "malformed_credential": "The credential does not have the form that this operation asks for.",
    "invalid_token": "The access token cannot be verified.",
    "no_such_operation": "The API has no operation at this path.",
    "method_not_allowed": "The path does not take this method. The Allow header lists those that it takes.",
    "not_acceptable": "The operation has no answer of a media type that the Accept header lets through.",
    "unsupported_media_type": "The operation does not take a body of this media type.",
    "invalid_request": "The request violates the contract. Fix every violation that is listed.",
    "idempotency_conflict": "The Idempotency-Key is in use for another request.",
    "rate_limited": "There were too many requests. Wait as long as Retry-After says.",
    "no_such_response": "The contract documents no such answer for this operation.",
}


class PlainRules:
    """The rules of an API whose contract names none."""

    fixtures: ClassVar[Path | None] = None
    shape: ClassVar[KeyShape | None] = None

    name = "plain"
    # RFC 9110, sections 9.1 and 9.3.7.
    implied_methods = frozenset({"HEAD", "OPTIONS"})
    issued_mark: str | None = None
    before: tuple[Decider, ...] = ()
    requirements: tuple[Decider, ...] = (
        by_operation,
        by_credential,
        by_rate_limit,
        by_media_type,
        by_violations,
        by_accept,
        by_conflict,
    )
    behaviours: Mapping[str, Behaviour] = {}
    success_status: str | None = None
    inventory: tuple[str, ...] = ()
    items: Mapping[str, Item] = {}
    warnings: tuple[Problem, ...] = ()

    def __init__(self, contract: Contract, settings: Settings, folder: Path | None) -> None:
        self._contract = contract
        self._schemes = contract.security_schemes
        self._tokens = TokenAuthority.of(settings)
        keys = [scheme for scheme in self._schemes.values() if scheme.kind == "apiKey"]
        self.secret_headers = frozenset(
            scheme.parameter.encode("latin-1", "replace") for scheme in keys if scheme.place == "header"
        )
        self.secret_query = frozenset(scheme.parameter for scheme in keys if scheme.place == "query")
        self.reads_cookies = any(scheme.place == "cookie" for scheme in keys)
        kinds = dict.fromkeys(scheme.kind for scheme in self._schemes.values())
        self.credential_kinds: tuple[str, ...] = (*kinds, "none", "malformed")
        self._challenges = {
            operation.id: write_challenges(operation.security, contract.title)
            for operation in contract.operations.values()
        }

    # Who calls.

    def read_credential(self, sent: Sent, operation: Operation | None) -> Credential:
        """By the security requirements of the operation; where it has none, by any scheme of the contract."""
        if operation is not None and operation.security:
            return read_requirements(operation.security, sent, self._tokens)
        return find_any(self._schemes.values() or (_BEARER,), sent, self._tokens)

    def identify(self, credential: Credential, namespace: Namespace, now_millis: int) -> Principal:
        """A mock has no users: any value of the right form is let in."""
        return Principal(refusal=credential.problem, refusal_text=credential.problem_text)

    def write_credential(self, namespace: str, scheme: str | None = None) -> str:
        """A credential of one scheme, else of the first that an operation asks for. Raises UnknownItem."""
        return write_credential(self._find_scheme(scheme), _mark(namespace))

    def _find_scheme(self, name: str | None) -> SecurityScheme:
        if name is not None:
            if name not in self._schemes:
                raise UnknownItem(f"{name!r} is no security scheme; {suggest(name, self._schemes)}")
            return self._schemes[name]
        asked = (
            scheme
            for operation in self._contract.operations.values()
            for scheme in list_schemes(operation.security)
        )
        return next(asked, next(iter(self._schemes.values()), _BEARER))

    def show_credential(
        self, operation: Operation | None, namespace: str, like: Credential | None = None
    ) -> tuple[Shown, ...]:
        """A credential for each scheme of the operation's first requirement, or that `like` answered."""
        if like is not None and like.kind in ("none", "malformed"):
            return ()
        if like is not None:
            schemes = [self._schemes.get(name, _BEARER) for name in like.schemes]
        else:
            schemes = [] if operation is None else list(list_schemes(operation.security))
        mark = "" if like is None or like.fingerprint is None else like.fingerprint
        return tuple(
            show_credential(scheme, write_credential(scheme, _mark(namespace), mark)) for scheme in schemes
        )

    def write_claims(self, *, account: str | None, is_live: bool) -> JsonObject:
        """There are neither accounts nor a live mode."""
        return {}

    # What is decided.

    def refuse(self, situation: Situation, refusal: Refusal) -> Decision:
        """Refuse with the documented status, else all the same: a wrong request never passes in silence."""
        operation = situation.head.operation
        status = refusal.status
        if operation is not None:
            kin = _KIN.get(status, status)
            exact = [other for other in (status, kin) if str(other) in operation.envelopes]
            covered = [other for other in (status, kin) if operation.envelope(other)]
            if exact or covered:
                status = (exact or covered)[0]
            else:
                text = f"{operation.id} documents no status {status} for {refusal.reason}"
                situation.inspection.warnings.append(CallWarning("undocumented_status", text))
        return Decision(refusal.reason, status, replace(refusal, status=status), headers=refusal.headers)

    def refuse_preference(self, situation: Situation, problem: str) -> Decision:
        """404, as users of Prism expect."""
        refusal = Refusal(404, "no_such_response", {"hint": problem})
        return Decision(refusal.reason, 404, refusal)

    # What an error looks like.

    def challenges(self, operation: Operation | None) -> Headers:
        """One for each scheme that could have been used."""
        return () if operation is None else self._challenges[operation.id]

    def default_reason(self, status: int) -> str:
        """A slug of the status."""
        return _REASONS.get(status) or phrase_of(status).lower().replace(" ", "_").replace("-", "_")

    def write_error(
        self, refusal: Refusal, operation: Operation | None, make: MakeValue
    ) -> tuple[bytes, Headers]:
        """The contract's own body for the status, else `application/problem+json`."""
        text = refusal.text or _TEXTS.get(refusal.reason) or f"{phrase_of(refusal.status)}."
        if hint := refusal.details.get("hint"):
            text = f"{text} {hint[:1].upper()}{hint[1:]}."
        envelope = None if operation is None else operation.envelope(refusal.status)
        if envelope is not None and refusal.reason != "no_such_response":
            value = make(envelope) if envelope.media_type is not None else None
            if not envelope.examples:
                value = fill_error(value, envelope, refusal, text)
            return write_value(envelope, value)
        details: dict[str, Any] = to_details(refusal)
        details.pop("hint", None)
        problem = {
            "type": "about:blank",
            "title": phrase_of(refusal.status),
            "status": refusal.status,
            "detail": text,
            **details,
        }
        return dumps(problem), (PROBLEM_TYPE,)

    # What the sandbox knows beforehand, and tells.

    def example_arguments(self, operation: Operation) -> Mapping[str, str]:
        """None that the contract does not give."""
        return {}

    def find_account(self, operation: Operation, status: int) -> str | None:
        """There are no accounts."""
        return None

    def find_cause(self, operation: Operation, reason: str, origin: str) -> str | None:
        """Filled in by the catalogue, which knows how to break a request by the contract."""
        return None


def _mark(namespace: str) -> str | None:
    return None if namespace == DEFAULT_NAMESPACE else namespace
