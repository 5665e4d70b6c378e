"""The path of one request: inspect, decide, carry out, render, record. Synchronous, without any HTTP."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol, cast

from mockserver.clocks import real_millis
from mockserver.contract import Contract
from mockserver.engine.deciders import choose, decide, list_deciders, list_passing_deciders, vary_where_asked
from mockserver.engine.passing import Passage, Passed, PassesOn, PassingRules
from mockserver.engine.rendering import Renderer
from mockserver.engine.requirements import choose_success, idempotency_key
from mockserver.engine.rules import Rules
from mockserver.engine.scripted import write_webhooks
from mockserver.engine.situation import CarryOut, Decision, Example, Outcome, Situation
from mockserver.engine.suspicions import note_duplicate, watch_retries
from mockserver.exceptions import ContractError, StoreUnavailable, Superseded
from mockserver.faults import Phase
from mockserver.journal.call import Call, Facet, State
from mockserver.json_codec import trim
from mockserver.messages import PROMPT, SMALL_BYTES, Request, Response
from mockserver.redaction import redact
from mockserver.request.head import Head, HeadReader
from mockserver.request.inspection import Inspection, Inspector, Reading
from mockserver.scripting.documents import read_stub
from mockserver.scripting.stubs import Stub
from mockserver.scripting.webhooks import Webhook
from mockserver.security.tokens import TokenAuthority
from mockserver.settings import Settings
from mockserver.state.fixtures import Fixtures
from mockserver.state.ledger import repeat
from mockserver.state.namespace import Namespace
from mockserver.state.resources import IssuedSecret, StoredAnswer
from mockserver.state.stored import make_namespaces
from mockserver.state.waiting import Waiting
from mockserver.stores.base import Store
from mockserver.synthesis.layers import NoValue
from mockserver.types import Headers, JsonObject
from mockserver.variants import VariantBook

logger = logging.getLogger("mockserver")


SendWebhooks = Callable[[Sequence[Webhook]], None]


class Exchange:
    """A call whose answer is made and not yet delivered. The door that delivers it calls `finish`.

    `waiting` is how the rest of the world ends the waits of an answer that does not go at once and whole;
    None for all others. `rest` are the bytes that come behind the body of the response, as they come.
    """

    __slots__ = (
        "_is_finished",
        "_is_presumed",
        "_key",
        "_send",
        "call",
        "defer",
        "log",
        "namespace",
        "response",
        "rest",
        "waiting",
    )

    def __init__(
        self,
        call: Call,
        response: Response,
        namespace: Namespace,
        waiting: Waiting | None,
        key: bytes | None,
        send: SendWebhooks,
        rest: Iterator[bytes] | None = None,
    ) -> None:
        self.call = call
        self.rest = rest
        self.response = response
        self.namespace = namespace
        self.waiting = waiting
        self._key = key
        self._send = send
        self._is_finished = False
        # It was recorded as answered, which only a client that has left makes untrue.
        self._is_presumed = call.state != "in_flight"
        # How the end is recorded by who must not wait for a store; None does it at once.
        self.defer: Callable[[Callable[[], object]], None] | None = None
        # What is told of the call once it is over.
        self.log: Callable[[Call], None] | None = None

    def add_headers(self, headers: Headers) -> None:
        """Add headers that a door brings, such as those of CORS."""
        self.response = replace(self.response, headers=(*self.response.headers, *headers))

    def finish(self, state: State, reason: str | None = None) -> None:
        """The answer was sent, damaged on purpose, or never read. `reason` replaces the call's, if given.

        What is said first counts.
        """
        if self._is_finished:
            return
        self._is_finished = True
        if self.call.webhooks:
            self._send(self.call.webhooks)
        if self._is_presumed and state == "answered":
            self._tell()
        elif self.defer is None:
            self._end(state, reason)
        else:
            self.defer(lambda: self._end(state, reason))

    def _end(self, state: State, reason: str | None) -> None:
        self._record_end(state, reason)
        self._tell()

    def _tell(self) -> None:
        if self.log is not None:
            self.log(self.call)

    def _record_end(self, state: State, reason: str | None) -> None:
        while True:
            try:
                return self._finish(state, reason)
            except Superseded:
                continue
            except StoreUnavailable as error:
                return logger.warning("the end of call %s is not recorded: %s", self.call.id, error)

    def _finish(self, state: State, reason: str | None) -> None:
        namespace = self.namespace
        with namespace.transaction():
            if self.call.state != "in_flight" and not self._is_presumed:
                return
            namespace.journal.finish(self.call, state, reason)
            if self._key is not None:
                namespace.resources.land_answer(self._key, self.call.id)
            if self.waiting is not None:
                namespace.remove_waiting(self.waiting, self.call.number)


class FacetReading(Protocol):
    """Says what one call touched of its operation."""

    def read(
        self, inspection: Inspection, decision: Decision, response: Response, effect: str | None
    ) -> tuple[Facet, ...]:
        """The facets of a call; `effect` is what was done, None where nothing was."""
        ...


class Engine:
    """Answers requests by a contract.

    `rules` are what its API adds to the contract; `facets` reads what a call touched of it; `store` is where
    state is kept.
    """

    def __init__(
        self,
        contract: Contract,
        rules: Rules,
        fixtures: Fixtures,
        settings: Settings,
        facets: FacetReading,
        store: Store,
    ) -> None:
        self.settings = settings
        # What a guard refused before it could become a call, by reason.
        self.refusals: Counter[str] = Counter()
        # Lines of the logs that nobody took, by stream.
        self.lost_lines: Counter[str] = Counter()
        self.tokens = TokenAuthority.of(settings)
        self.store = store
        self._take(contract, rules, fixtures, facets)
        usual = settings.success_status or rules.success_status
        initial = settings.with_changes({"success_status": usual})
        self.namespaces = make_namespaces(
            initial, fixtures, store=store, read_stub=self._read_stub, reveal=self._reveal,
            on_reset=lambda name: self.heads.forget(name),
        )  # fmt: skip
        # Who delivers answers over a network says how these are sent; nobody does without one.
        self.send_webhooks: SendWebhooks = lambda webhooks: None

    def _take(self, contract: Contract, rules: Rules, fixtures: Fixtures, facets: FacetReading) -> None:
        self.contract = contract
        self.rules = rules
        self.fixtures = fixtures
        self.facets = facets
        self.heads = HeadReader(contract, rules)
        self._inspector = Inspector(
            self.heads.leaks, self.heads.memory, self.settings.json_depth, self.settings.json_number_length
        )
        self.renderer = Renderer(contract, rules)
        self._deciders = list_deciders(rules)
        # What a call meets on its way: where somebody passes calls on, the real API keeps its own rules.
        self._kept_rules = rules
        self.passes_on: PassesOn | None = None
        self.variants = VariantBook(contract)

    def renew(self, contract: Contract, rules: Rules, fixtures: Fixtures, facets: FacetReading) -> None:
        """Go on by sources that were read anew, between two calls. State stays."""
        self._take(contract, rules, fixtures, facets)
        self.namespaces.renew(fixtures, self._read_stub)

    def pass_on(self, passes_on: PassesOn) -> None:
        """Have what no stub answers passed on to the real API from now on."""
        self.passes_on = passes_on
        self._deciders = list_passing_deciders(self.rules, refuses=passes_on.refuses)
        self._kept_rules = cast(Rules, PassingRules(self.rules))

    def _read_stub(self, document: JsonObject) -> Stub:
        """A stub as it was kept, with the id that it had."""
        return read_stub(document, self.contract, new_id=str, files=self.fixtures.files)

    def _reveal(self, operation: str, namespace: Namespace, place: bytes) -> bytes | None:
        """The secret that an operation issued in a namespace, derived again; None where it cannot be."""
        behaviour = self.rules.behaviours.get(operation)
        seed = namespace.seed.at(place)
        return None if behaviour is None else behaviour.find_secret(seed, namespace.name)

    def handle(self, request: Request) -> Response:
        """Answer one request as if it was delivered at once, whatever delay or fault the response carries."""
        exchange = self.begin(request)
        exchange.finish("faulted" if exchange.response.delivery.fault else "answered")
        return exchange.response

    def begin(self, request: Request) -> Exchange:
        """Answer one request, but for its delivery."""
        return self.answer(self.read_head(request), request.body, request.client)

    def read_head(self, request: Request) -> Head:
        """All that a request tells but for its body."""
        key = (request.method, request.path, request.query, request.headers)
        head = self.heads.find(key)
        if head is None:
            head = self.heads.read(*key)
            self.heads.remember(head, key)
        return head

    def answer(self, head: Head, body: bytes, client: str | None) -> Exchange:
        """Inspect, decide, carry out, render, record. The answer is in the journal before it is delivered.

        `client` is the peer's address. Raises StoreUnavailable, and nothing has happened then. Where calls
        are passed on, it waits for the real API.
        """
        found = self.admit(head, body, client)
        if isinstance(found, Passage):
            assert self.passes_on is not None, "somebody passes on"
            return self.complete(found, self.passes_on.pass_on(found))
        return found

    def read_long(self, head: Head, body: bytes) -> Reading:
        """What a request with a long body tells, for `admit`. Pure: others may have their turn meanwhile."""
        reading = self._inspector.read(head, body)
        # What deciding asks for.
        reading.digest  # noqa: B018
        return reading

    def admit(
        self, head: Head, body: bytes, client: str | None, reading: Reading | None = None
    ) -> Exchange | Passage:
        """As `answer`, but a call that the real API has to answer is left to the caller, to `complete` it.

        `reading` is what the request tells, where somebody has read it already.
        """
        while True:
            try:
                return self._answer(head, body, client, reading=reading)
            except Superseded:
                continue

    def complete(self, passage: Passage, passed: Passed) -> Exchange:
        """Record and answer a call that was passed on. Raises StoreUnavailable."""
        inspection = passage.inspection
        while True:
            try:
                found = self._answer(inspection.head, inspection.data, passage.client, passage, passed)
            except Superseded:
                continue
            assert isinstance(found, Exchange), "a call is passed on once"
            return found

    def _answer(
        self,
        head: Head,
        body: bytes,
        client: str | None,
        passage: Passage | None = None,
        passed: Passed | None = None,
        reading: Reading | None = None,
    ) -> Exchange | Passage:
        started = time.perf_counter() if passage is None else passage.started
        if passage is not None:
            inspection = passage.inspection
        elif reading is not None:
            inspection = Inspection(reading, body, client)
        else:
            inspection = self._inspector.inspect(head, body, client)
        namespace = self.namespaces.get(head.namespace)
        with namespace.transaction(reads_first=False):
            received_millis = real_millis() if passage is None else passage.received_millis
            now_millis = namespace.clock.at(received_millis)
            operation = head.operation
            situation = Situation(
                inspection,
                head,
                namespace,
                self.rules.identify(head.credential, namespace, now_millis),
                now_millis,
                self.rules.behaviours.get(operation.id) if operation is not None else None,
                self.variants,
                self._kept_rules,
            )
            decision: Decision | None = None
            if self.passes_on is not None:
                decision = choose(situation, self._deciders) if passed is None else passed.decision
                if passed is None and decision.commits:
                    if decision.stub is not None:
                        namespace.stubs.use(decision.stub)
                    return Passage(inspection, decision, client, started, received_millis)
                decision = vary_where_asked(situation, decision)
            number, call_id = namespace.next_call()
            key: bytes | None = None
            kept: StoredAnswer | None = None
            reason = "mock_failure"
            outcome: Outcome | None = None
            webhooks: tuple[Webhook, ...] = ()
            try:
                decision = decision or decide(situation, self._deciders)
                if decision.stub is not None and passed is None:
                    namespace.stubs.use(decision.stub)
                if situation.principal.item_id is not None:
                    _note_use(situation, decision)
                if decision.commits:
                    # Chosen now: carrying out counts, and the next success may have another status.
                    status = _real_status(situation, decision)
                    outcome = self._carry_out(situation, status)
                    if head.idempotency_key is not None:
                        key, kept = self._keep_answer(situation, status, outcome, call_id)
                        if key and decision.stub is not None and decision.stub.phase is Phase.AFTER_COMMIT:
                            # For the API the call is over, however late the answer arrives or is lost.
                            namespace.resources.land_answer(key, call_id)
                told = outcome.reason if decision.reason == "answered" and outcome else decision.reason
                response = self.renderer.render(decision, outcome, situation, told, call_id, number, kept)
                if passed is not None:
                    delivery = response.delivery
                    if passed.head_length is not None:
                        delivery = replace(delivery, head_length=passed.head_length)
                    response = replace(response, is_foreign=True, delivery=delivery)
                reason = told
                if decision.stub is not None and decision.stub.webhooks:
                    webhooks = write_webhooks(situation, decision.stub, call_id)
            except (ContractError, NoValue) as error:
                # Found out only now: at the start it was told if the contract is small enough.
                logger.error("broken contract in call %s: %s", call_id, redact(str(error)))
                reason = "broken_contract"
                response = broken_contract(call_id, str(error))
            except Exception as error:
                # The mock's own fault: it must never look like an answer of the API.
                logger.error(
                    "mock failure in call %s: %s: %s", call_id, type(error).__name__, redact(str(error))
                )
                response = mock_failure(call_id)
            effect = None if outcome is None else _effect_of(situation, outcome)
            delivery = response.delivery
            if namespace.retries.has_failed_writes or response.status >= 429 or delivery.fault is not None:
                is_faulted = delivery.fault is not None
                watch_retries(situation, response.status, number, is_faulted=is_faulted)
            call = Call(
                call_id,
                number,
                namespace.name,
                head.shown,
                inspection.reading.shown_body,
                client,
                inspection.violations if passed is None else [*inspection.violations, *passed.violations],
                inspection.warnings if passed is None else [*inspection.warnings, *passed.warnings],
                reason,
                received_millis,
                started,
                now_millis,
                situation.principal.tenant,
                None if decision is None else decision.stub,
                effect,
                () if decision is None else self.facets.read(inspection, decision, response, effect),
                response,
                None if outcome is None else outcome.secret,
            )
            call.webhooks = webhooks
            waiting = None
            rest = None if passed is None else passed.rest
            if rest is not None:
                waiting = Waiting(delivery.held_by)
                namespace.add_waiting(waiting, number)
            elif delivery is not PROMPT and not delivery.is_prompt:
                # Before anybody can know of the call: who releases it then must not be too early.
                waiting = Waiting(delivery.held_by)
                namespace.add_waiting(waiting, number)
            elif namespace.finishes_at_once and len(response.body) <= SMALL_BYTES:
                namespace.journal.finish(call, "answered")
                if key is not None:
                    namespace.resources.land_answer(key, call_id)
            namespace.retries.note_call(call)
            namespace.journal.record(call)
        _warn(head, call)
        if call.webhooks:
            namespace.note_webhooks(call.webhooks)
        return Exchange(call, response, namespace, waiting, key, self.send_webhooks, rest)

    def record_incomplete(self, head: Head, body: bytes, client: str | None) -> Call:
        """Record a request of which only a part arrived. Nobody can be answered, and nothing is decided.

        Raises StoreUnavailable.
        """
        return repeat(lambda: self._record_incomplete(head, body, client))

    def _record_incomplete(self, head: Head, body: bytes, client: str | None) -> Call:
        started = time.perf_counter()
        inspection = self._inspector.inspect(head, body, client)
        namespace = self.namespaces.get(head.namespace)
        with namespace.transaction(reads_first=False):
            number, call_id = namespace.next_call()
            received_millis = real_millis()
            call = Call(
                call_id,
                number,
                namespace.name,
                head.shown,
                inspection.reading.shown_body,
                client,
                # Half a body breaks the contract in ways that nobody meant.
                [violation for violation in inspection.violations if violation.place != "body"],
                inspection.warnings,
                "incomplete_request",
                received_millis,
                started,
                received_millis,
            )
            namespace.journal.finish(call, "disconnected")
            namespace.journal.record(call)
        _warn(head, call)
        return call

    def _carry_out(self, situation: Situation, status: int) -> Outcome:
        """Carry the operation out, which succeeds with a status, and count it."""
        operation = situation.head.operation
        assert operation is not None, "only operations are carried out"
        namespace = situation.namespace
        digest = situation.inspection.reading.digest
        repetition = namespace.resources.count_request(digest, operation.id)
        if repetition:
            note_duplicate(situation)
        seed = namespace.seed.at(_place(digest, repetition))
        if situation.behaviour is not None:
            return situation.behaviour.carry_out(situation, seed)
        envelope = situation.envelope(status)
        value = None if envelope is None else self.renderer.example(envelope, seed, Example())
        return Outcome(value, "answered")

    def _keep_answer(
        self, situation: Situation, status: int, outcome: Outcome, call_id: str
    ) -> tuple[bytes | None, StoredAnswer | None]:
        """Keep the real answer under its idempotency key, whatever a script makes the client see."""
        key = idempotency_key(situation)
        operation = situation.head.operation
        if key is None or operation is None:
            return None, None
        body, headers = self.renderer.success(situation, status, outcome)
        request = situation.inspection.reading.digest
        resources = situation.namespace.resources
        secret = None
        if outcome.secret is not None:
            place = _place(request, resources.repetitions[request] - 1)
            secret = IssuedSecret(outcome.secret[0], operation.id, place)
        answer = StoredAnswer(request, status, headers, trim(body), situation.now_millis, secret)
        resources.keep_answer(key, answer, call_id)
        return key, answer


def _place(request: bytes, repetition: int) -> bytes:
    """Where below the namespace's seed the values of a request are derived that came so often before."""
    return request + repetition.to_bytes(8, "big")


def _real_status(situation: Situation, decision: Decision) -> int:
    """The status of what is carried out, whatever a script makes the client see."""
    operation = situation.head.operation
    if isinstance(decision.content, CarryOut) or operation is None:
        return decision.status
    return choose_success(situation, operation)


def _effect_of(situation: Situation, outcome: Outcome) -> str:
    """What was done, as its behaviour names it; where there is none, a POST that documents 201 creates."""
    operation = situation.head.operation
    if situation.behaviour is None and operation is not None:
        return "created" if operation.method == "POST" and 201 in operation.success_statuses else "answered"
    return outcome.reason


def _note_use(situation: Situation, decision: Decision) -> None:
    """An issued key is used once it is accepted, not where a script answered before anybody looked at it."""
    item_id = situation.principal.item_id
    if item_id is not None and situation.head.operation and (decision.commits or not decision.is_scripted):
        client = situation.inspection.client
        situation.namespace.resources.note_use(item_id, situation.now_millis, client)


def fail(error: BaseException | None) -> Response:
    """Log a fault of the mock that happened outside of a call; the answer for it."""
    logger.error("mock failure: %s: %s", type(error).__name__, redact(str(error)))
    return mock_failure("none")


def broken_contract(call_id: str, problem: str) -> Response:
    """The answer where the contract describes one that cannot be made: plain text, never an envelope."""
    return Response(
        501,
        (
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"mockserver-reason", b"broken_contract"),
            (b"mockserver-call-id", call_id.encode("ascii")),
        ),
        f"The contract is broken: {problem}\n".encode(),
    )


def mock_failure(call_id: str) -> Response:
    """The answer for a fault of the mock itself: plain text, never an envelope."""
    return Response(
        500,
        (
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"mockserver-reason", b"mock_failure"),
            (b"mockserver-call-id", call_id.encode("ascii")),
        ),
        b"The mock server failed; this is a bug of the mock, not an answer of the API. See its log.\n",
    )


def _warn(head: Head, call: Call) -> None:
    """Say in the log what must not be missed of a credential."""
    if head.credential.alarm is not None:
        logger.warning(head.credential.alarm, call.credential.display, call.number, call.reason)
