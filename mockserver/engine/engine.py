"""The path of one request: inspect, decide, respond, record. Synchronous, without any HTTP."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, cast

from mockserver.contract import Contract
from mockserver.engine.deciders import choose, list_deciders, list_passing_deciders, vary_where_asked
from mockserver.engine.exchange import Exchange, SendWebhooks
from mockserver.engine.failures import fail_call
from mockserver.engine.passing import Passage, Passed, PassesOn, PassingRules
from mockserver.engine.rendering import Renderer
from mockserver.engine.requirements import choose_success, idempotency_key
from mockserver.engine.rules import Rules
from mockserver.engine.scripted import ask_stubs, find_candidates, write_webhooks
from mockserver.engine.situation import CarryOut, Decision, Example, Outcome, Situation
from mockserver.engine.suspicions import note_duplicate, watch_retries
from mockserver.exceptions import Superseded
from mockserver.faults import Phase
from mockserver.journal.call import Call, Facet
from mockserver.json_codec import trim
from mockserver.messages import PROMPT, SMALL_BYTES, Request, Response
from mockserver.request.head import Head, HeadReader
from mockserver.request.inspection import Inspection, Inspector
from mockserver.scripting.documents import read_stub
from mockserver.scripting.equalities import count_repeated
from mockserver.scripting.stubs import Stub, StubTrial
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
from mockserver.types import JsonObject
from mockserver.variants import VariantBook

logger = logging.getLogger("mockserver")

# So many stubs are asked in a millisecond or two.
FEW_STUBS = 100


@dataclass(slots=True)
class Progress:
    """What has become of a call so far; what fails in the middle leaves what was done before."""

    number: int = 0
    call_id: str = ""
    decision: Decision | None = None
    outcome: Outcome | None = None
    # What the answer is kept under, where a repetition of the call shall get it.
    key: bytes | None = None
    reason: str = ""
    response: Response = field(init=False)
    webhooks: tuple[Webhook, ...] = ()

    def begin(self, namespace: Namespace, decision: Decision) -> None:
        """It becomes a call, and this is its answer."""
        self.number, self.call_id = namespace.next_call()
        self.decision = decision

    def fail(self, namespace: Namespace, error: Exception) -> None:
        """An error takes the place of the answer."""
        if not self.number:
            self.number, self.call_id = namespace.next_call()
        self.reason, self.response = fail_call(error, self.call_id)
        self.webhooks = ()


class Prepared(NamedTuple):
    """What is known of a call before it is one; `trial` where stubs were asked."""

    inspection: Inspection
    trial: StubTrial | None


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
            self.heads.leaks, self.settings.json_depth, self.settings.json_number_length
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
            self.heads.remember_credential(head)
        return head

    def answer(self, head: Head, body: bytes, client: str | None) -> Exchange:
        """Inspect, decide, respond, record. The answer is in the journal before it is delivered.

        `client` is the peer's address. Raises StoreUnavailable, and nothing has happened then. Where calls
        are passed on, it waits for the real API.
        """
        found = self.admit(head, body, client)
        if isinstance(found, Passage):
            assert self.passes_on is not None, "somebody passes on"
            return self.complete(found, self.passes_on.pass_on(found))
        return found

    def is_contested(self, head: Head) -> bool:
        """Whether so many stubs may answer a call that asking them takes longer than a moment."""
        namespace = self.namespaces.get(head.namespace)
        if len(namespace.stubs) <= FEW_STUBS:
            return False
        if not namespace.lock.acquire(blocking=False):
            # Whoever has it may be making the index.
            return True
        try:
            repeated = count_repeated(head.headers, head.line.query)
            return namespace.stubs.count_candidates(head.line.stub_keys, repeated) > FEW_STUBS
        finally:
            namespace.lock.release()

    def prepare(self, head: Head, body: bytes, client: str | None) -> Prepared:
        """What can be found out about a call before it is one, for `admit`: what it tells, and what stubs say
        of it. Others may have their turn meanwhile. Nothing is decided, as the stubs may be others then."""
        inspection = self._inspector.inspect(head, body, client)
        # What deciding asks for.
        inspection.parsed.digest  # noqa: B018
        if self.store.is_shared:
            # Its lock may be held for as long as the store takes. In its turn it asks in a thread too.
            return Prepared(inspection, None)
        namespace = self.namespaces.get(head.namespace)
        with namespace.lock:
            situation = self._situate(inspection, namespace)
            candidates = find_candidates(situation)
        ask_stubs(situation, candidates)
        return Prepared(inspection, situation.trial())

    def admit(
        self, head: Head, body: bytes, client: str | None, prepared: Prepared | None = None
    ) -> Exchange | Passage:
        """As `answer`, but a call that the real API has to answer is left to the caller, to `complete` it.

        `prepared` is what is known of the call, where somebody has asked for that already.
        """
        while True:
            if prepared is None:
                inspection, trial = self._inspector.inspect(head, body, client), None
            else:
                inspection, trial = prepared.inspection.copy(), prepared.trial
            try:
                return self._answer(inspection, trial=trial)
            except Superseded:
                continue

    def complete(self, passage: Passage, passed: Passed) -> Exchange:
        """Record and answer a call that was passed on. Raises StoreUnavailable."""
        while True:
            try:
                found = self._answer(passage.inspection.copy(), passed)
            except Superseded:
                continue
            assert isinstance(found, Exchange), "a call is passed on once"
            return found

    def _answer(
        self, inspection: Inspection, passed: Passed | None = None, trial: StubTrial | None = None
    ) -> Exchange | Passage:
        """Decide, respond and record, as one transaction of the namespace."""
        namespace = self.namespaces.get(inspection.head.namespace)
        with namespace.transaction(reads_first=False):
            situation = self._situate(inspection, namespace)
            if trial is not None:
                situation.take(trial)
            progress = Progress()
            try:
                decision = self._decide(situation, passed)
                if isinstance(decision, Passage):
                    return decision
                progress.begin(namespace, decision)
                self._respond(situation, decision, passed, progress)
            except Exception as error:
                # A fault of the mock or of the contract must never look like an answer of the API.
                progress.fail(namespace, error)
            exchange = self._record(situation, progress, passed)
        _warn(inspection.head, exchange.call)
        if progress.webhooks:
            namespace.note_webhooks(progress.webhooks)
        return exchange

    def _situate(self, inspection: Inspection, namespace: Namespace) -> Situation:
        head, now_millis = inspection.head, namespace.clock.at(inspection.received_millis)
        operation = head.operation
        return Situation(
            inspection,
            head,
            namespace,
            self.rules.identify(head.credential, namespace, now_millis),
            now_millis,
            self.rules.behaviours.get(operation.id) if operation is not None else None,
            self.variants,
            self._kept_rules,
        )

    def _decide(self, situation: Situation, passed: Passed | None) -> Decision | Passage:
        """What to answer, or that the real API has to be asked. A stub that decides is used."""
        if passed is not None:
            return vary_where_asked(situation, passed.decision)
        decision = choose(situation, self._deciders)
        if self.passes_on is not None and decision.commits:
            found: Decision | Passage = Passage(situation.inspection, decision)
        else:
            found = vary_where_asked(situation, decision)
        if decision.stub is not None:
            situation.namespace.stubs.use(decision.stub)
        return found

    def _respond(
        self, situation: Situation, decision: Decision, passed: Passed | None, progress: Progress
    ) -> None:
        """Carry out what is decided, and write the response."""
        kept: StoredAnswer | None = None
        if situation.principal.item_id is not None:
            _note_use(situation, decision)
        if decision.commits:
            # Chosen now: carrying out counts, and the next success may have another status.
            status = _real_status(situation, decision)
            progress.outcome = self._carry_out(situation, status)
            if situation.head.idempotency_key is not None:
                progress.key, kept = self._keep_answer(situation, status, progress.outcome, progress.call_id)
                if progress.key and decision.stub is not None and decision.stub.phase is Phase.AFTER_COMMIT:
                    # For the API the call is over, however late the answer arrives or is lost.
                    situation.namespace.resources.land_answer(progress.key, progress.call_id)
        outcome, reason = progress.outcome, decision.reason
        if reason == "answered" and outcome is not None:
            reason = outcome.reason
        response = self.renderer.render(
            decision, outcome, situation, reason, progress.call_id, progress.number, kept
        )
        progress.response = response if passed is None else passed.mark(response)
        progress.reason = reason
        if decision.stub is not None and decision.stub.webhooks:
            progress.webhooks = write_webhooks(situation, decision.stub, progress.call_id)

    def _record(self, situation: Situation, progress: Progress, passed: Passed | None) -> Exchange:
        """Write the call into the journal, as what is to be delivered."""
        inspection, namespace, response = situation.inspection, situation.namespace, progress.response
        decision, outcome, delivery = progress.decision, progress.outcome, response.delivery
        if namespace.retries.has_failed_writes or response.status >= 429 or delivery.fault is not None:
            is_faulted = delivery.fault is not None
            watch_retries(situation, response.status, progress.number, is_faulted=is_faulted)
        rest = None
        if passed is not None:
            inspection.violations += passed.violations
            inspection.warnings += passed.warnings
            rest = passed.rest
        effect = None if outcome is None else _effect_of(situation, outcome)
        call = Call(
            id=progress.call_id,
            number=progress.number,
            namespace=namespace.name,
            head=inspection.head.shown,
            body=inspection.parsed.shown_body,
            client=inspection.client,
            violations=inspection.violations,
            warnings=inspection.warnings,
            reason=progress.reason,
            received_millis=inspection.received_millis,
            started=inspection.started,
            clock_millis=situation.now_millis,
            tenant=situation.principal.tenant,
            stub=None if decision is None else decision.stub,
            effect=effect,
            facets=() if decision is None else self.facets.read(inspection, decision, response, effect),
            response=response,
            secret=None if outcome is None else outcome.secret,
            webhooks=progress.webhooks,
        )
        waiting = None
        if rest is not None or not (delivery is PROMPT or delivery.is_prompt):
            # Before anybody can know of the call: who releases it then must not be too early.
            waiting = Waiting(delivery.held_by)
            namespace.add_waiting(waiting, progress.number)
        elif namespace.finishes_at_once and len(response.body) <= SMALL_BYTES:
            namespace.journal.finish(call, "answered")
            if progress.key is not None:
                namespace.resources.land_answer(progress.key, progress.call_id)
        namespace.retries.note_call(call)
        namespace.journal.record(call)
        return Exchange(call, response, namespace, waiting, progress.key, self.send_webhooks, rest)

    def record_incomplete(self, head: Head, body: bytes, client: str | None) -> Call:
        """Record a request of which only a part arrived. Nobody can be answered, and nothing is decided.

        Raises StoreUnavailable.
        """
        return repeat(lambda: self._record_incomplete(head, body, client))

    def _record_incomplete(self, head: Head, body: bytes, client: str | None) -> Call:
        inspection = self._inspector.inspect(head, body, client)
        namespace = self.namespaces.get(head.namespace)
        with namespace.transaction(reads_first=False):
            number, call_id = namespace.next_call()
            call = Call(
                id=call_id,
                number=number,
                namespace=namespace.name,
                head=head.shown,
                body=inspection.parsed.shown_body,
                client=client,
                # Half a body breaks the contract in ways that nobody meant.
                violations=[violation for violation in inspection.violations if violation.place != "body"],
                warnings=inspection.warnings,
                reason="incomplete_request",
                received_millis=inspection.received_millis,
                started=inspection.started,
                clock_millis=inspection.received_millis,
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
        digest = situation.inspection.parsed.digest
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
        request = situation.inspection.parsed.digest
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


def _warn(head: Head, call: Call) -> None:
    """Say in the log what must not be missed of a credential."""
    if head.credential.alarm is not None:
        logger.warning(head.credential.alarm, call.credential.display, call.number, call.reason)
