"""A call on its way to an answer: where it happens, what can be decided, what carrying it out gave."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from mockserver.contract import Envelope
from mockserver.faults import Fault
from mockserver.journal.call import make_subject
from mockserver.messages import Request, Response
from mockserver.redaction import redact_bytes
from mockserver.request.head import Head
from mockserver.request.inspection import MAX_KEPT_LENGTH, Inspection
from mockserver.scripting.stubs import Stub, StubTrial
from mockserver.scripting.subjects import Subject
from mockserver.scripting.webhooks import Webhook
from mockserver.seeds import Seed
from mockserver.state.namespace import Namespace
from mockserver.state.resources import StoredAnswer
from mockserver.types import UNSET, Headers, Json, UnsetType
from mockserver.variants import Variant, VariantBook

if TYPE_CHECKING:
    from mockserver.engine.rules import Rules


@dataclass(slots=True)
class Principal:
    """Who makes a call, as far as every API knows that; an API's rules add what else they know.

    `tenant` is whose data it sees, None for all; `refusal` the reason slug of a 401, with a text where the
    reason alone says too little; `item_id` the item whose credential it is.
    """

    tenant: bytes | None = None
    refusal: str | None = None
    refusal_text: str | None = None
    item_id: str | None = None


@dataclass(slots=True)
class Outcome:
    """What carrying an operation out gave: the envelope's value and the reason slug of the success.

    `secret` is one that the value holds and, beside it, as what that may be shown. `effect` is what was done,
    where the reason does not say it.
    """

    value: Json
    reason: str
    secret: tuple[bytes, bytes] | None = None
    effect: str | None = None

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
    """What an operation does beyond its schemas. All of it runs inside the namespace's lock.

    The checks only read. `carry_out` changes the namespace's resources and returns the value of the
    success envelope.
    """

    def find_missing(self, situation: Situation) -> Refusal | None:
        """A 404 if what the request addresses is not there for this principal."""
        ...

    def find_conflict(self, situation: Situation) -> Refusal | None:
        """A 409 if what the request asks for cannot be done to what is there."""
        ...

    def carry_out(self, situation: Situation, seed: Seed) -> Outcome:
        """Do it. `seed` is equal for equal requests and another for each repetition of one."""
        ...

    def find_secret(self, seed: Seed, namespace: str) -> bytes | None:
        """The secret that `carry_out` issues with a seed in a namespace; None where it issues none.

        A store keeps no secret: a kept answer gets it from here.
        """
        ...


@dataclass(slots=True, repr=False)
class Situation:
    """A call on its way to an answer: where it happens, and what has become of it so far.

    `head` is that of the inspection. What patterns see of the request is made once it is asked for. `number`
    and all below it are there as soon as they are known, so what fails in the middle leaves what was done
    before: `kept` is the answer that a repetition of the call shall get, under the idempotency key; `reason`
    and `response` are those of the call.
    """

    inspection: Inspection
    head: Head
    namespace: Namespace
    principal: Principal
    now_millis: int
    behaviour: Behaviour | None
    variants: VariantBook
    rules: Rules
    _trial: StubTrial | None = None
    # What an idempotent answer is kept under; UNSET until somebody asks (`requirements`).
    idempotency_key: bytes | UnsetType | None = UNSET
    number: int = 0
    call_id: str = ""
    decision: Decision | None = None
    outcome: Outcome | None = None
    kept: StoredAnswer | None = None
    reason: str = ""
    response: Response = field(init=False)
    webhooks: tuple[Webhook, ...] = ()

    def begin_call(self) -> None:
        """It becomes a call: it gets its number and its id."""
        self.number, self.call_id = self.namespace.next_call()

    def envelope(self, status: int) -> Envelope | None:
        """What the operation documents for a status, in the media type that the request likes best; in the
        usual one where it likes none."""
        head = self.head
        found = None if head.operation is None else head.operation.envelope(status)
        accept = head.facts.accept
        return found if found is None or accept is None else found.accepted(accept) or found

    def subject(self) -> Subject:
        """The request as it came, as patterns see it."""
        return self.trial().subject

    def trial(self) -> StubTrial:
        """The same, with what stubs said of it."""
        if self._trial is None:
            head, line, inspection = self.head, self.head.line, self.inspection
            request = Request(head.method, line.path, head.query, head.headers, inspection.data)
            self._trial = StubTrial(
                make_subject(
                    request, line.path_parameters, line.other_path, is_kept=False, now_millis=self.now_millis
                )
            )
        return self._trial

    def take(self, trial: StubTrial) -> None:
        """Go on from what stubs said of the same request before, if the namespace's clock is where it was."""
        if trial.subject.view.now_millis == self.now_millis:
            self._trial = trial

    def shown_subject(self, *, is_whole: bool = True) -> Subject:
        """The request as it may be shown, its secrets redacted; without `is_whole` no more of its body than
        the journal keeps."""
        shown, inspection = self.head.shown, self.inspection
        body = inspection.parsed.shown_body
        is_long = len(body) > MAX_KEPT_LENGTH
        if is_long:
            body = redact_bytes(inspection.data) if is_whole else body[:MAX_KEPT_LENGTH]
        request = shown.with_body(body, inspection.client)
        return make_subject(
            request,
            shown.path_parameters,
            shown.other_path,
            is_kept=True,
            is_cut=is_long and not is_whole,
            now_millis=self.now_millis,
        )


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


class Foreign(NamedTuple):
    """Answer with these bytes, which the real API has given; unlike those of a script they can be varied."""

    body: bytes

    def __repr__(self) -> str:
        return f"<Foreign {len(self.body)} bytes>"


class CarryOut(NamedTuple):
    """Answer with what carrying the operation out gives."""


CARRY_OUT = CarryOut()


Content = Refusal | Example | Literal | Foreign | CarryOut | StoredAnswer


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
