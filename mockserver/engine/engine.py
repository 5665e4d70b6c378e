"""The path of one request: inspect, decide, respond, record. Synchronous, without any HTTP."""

from __future__ import annotations

import logging
from collections import Counter
from typing import NamedTuple, Protocol, cast

from mockserver.contract import Contract
from mockserver.engine.deciders import list_deciders, list_passing_deciders
from mockserver.engine.exchange import Exchange, SendWebhooks
from mockserver.engine.failures import fail_call
from mockserver.engine.passing import Passage, Passed, PassesOn, PassingRules
from mockserver.engine.rendering import Renderer
from mockserver.engine.requirements import choose_success, idempotency_key
from mockserver.engine.rules import Rules
from mockserver.engine.scripted import ask_stubs, find_candidates, write_webhooks
from mockserver.engine.situation import CarryOut, Decision, Example, Outcome, Situation
from mockserver.engine.suspicions import note_duplicate, watch_retries
from mockserver.engine.varying import vary
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


class Prepared(NamedTuple):
    """What is known of a call before it is one; `trial` where stubs were asked."""

    inspection: Inspection
    trial: StubTrial | None


class FacetReading(Protocol):
    """Says what one call touched of its operation."""

    def read(self, situation: Situation, effect: str | None) -> tuple[Facet, ...]:
        """The facets of a call that is answered; `effect` is what was done, None where nothing was."""
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
        head = self.read_head(request)
        exchange = self.answer(head, request.body, request.client, is_sent=True)
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

    def answer(self, head: Head, body: bytes, client: str | None, *, is_sent: bool = False) -> Exchange:
        """Inspect, decide, respond, record. The answer is in the journal before it is delivered.

        `client` is the peer's address; `is_sent` as in `admit`. Raises StoreUnavailable, and nothing has
        happened then. Where calls are passed on, it waits for the real API.
        """
        found = self.admit(head, body, client, is_sent=is_sent)
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
        self,
        head: Head,
        body: bytes,
        client: str | None,
        prepared: Prepared | None = None,
        *,
        is_sent: bool = False,
    ) -> Exchange | Passage:
        """As `answer`, but a call that the real API has to answer is left to the caller, to `complete` it.

        `prepared` is what is known of the call, where somebody has asked for that already. With `is_sent` an
        answer that goes at once and whole counts as sent: the caller sends it now, or says that it could not.
        """
        while True:
            if prepared is None:
                inspection, trial = self._inspector.inspect(head, body, client), None
            else:
                inspection, trial = prepared.inspection.copy(), prepared.trial
            try:
                return self._answer(inspection, trial=trial, is_sent=is_sent)
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
        self,
        inspection: Inspection,
        passed: Passed | None = None,
        trial: StubTrial | None = None,
        *,
        is_sent: bool = False,
    ) -> Exchange | Passage:
        """Decide, respond and record, as one transaction of the namespace."""
        namespace = self.namespaces.get(inspection.head.namespace)
        with namespace.transaction(reads_first=False):
            situation = self._situate(inspection, namespace)
            if trial is not None:
                situation.take(trial)
            try:
                decision = self._decide(situation, passed)
                if isinstance(decision, Passage):
                    return decision
                situation.begin_call()
                self._respond(situation, decision, passed)
            except Exception as error:
                # A fault of the mock or of the contract must never look like an answer of the API.
                _fail(situation, error)
            exchange = self._record(situation, passed, is_sent=is_sent)
        if inspection.head.credential.alarm is not None:
            _sound(inspection.head.credential.alarm, exchange.call)
        if situation.webhooks:
            namespace.note_webhooks(situation.webhooks)
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
        """What to answer, or that the real API has to be asked: the first decider that has an answer. A stub
        that decides is used."""
        decision: Decision | None = None
        if passed is not None:
            decision = passed.decision
        else:
            for decider in self._deciders:
                decision = decider(situation)
                if decision is not None:
                    break
            assert decision is not None, "the last decider always has an answer"
            if decision.stub is not None:
                situation.namespace.stubs.use(decision.stub)
            if decision.commits and self.passes_on is not None:
                return Passage(situation.inspection, decision)
        if situation.namespace.is_varied or situation.head.preferences is not None:
            return vary(situation, decision)
        return decision

    def _respond(self, situation: Situation, decision: Decision, passed: Passed | None) -> None:
        """Carry out what is decided, and write the response."""
        situation.decision = decision
        if situation.principal.item_id is not None:
            _note_use(situation, decision)
        if decision.commits:
            self._carry_out(situation, decision)
        outcome, reason = situation.outcome, decision.reason
        if reason == "answered" and outcome is not None:
            reason = outcome.reason
        situation.reason = reason
        response = self.renderer.render(situation, decision)
        situation.response = response if passed is None else passed.mark(response)
        if decision.stub is not None and decision.stub.webhooks:
            situation.webhooks = write_webhooks(situation, decision.stub, situation.call_id)

    def _carry_out(self, situation: Situation, decision: Decision) -> None:
        """Carry the operation out and count it. Where there is an idempotency key, keep the real answer,
        whatever a script makes the client see."""
        operation, namespace = situation.head.operation, situation.namespace
        assert operation is not None, "only operations are carried out"
        # Chosen now: carrying out counts, and the next success may have another status.
        is_real = isinstance(decision.content, CarryOut)
        status = decision.status if is_real else choose_success(situation, operation)
        digest = situation.inspection.parsed.digest
        repetition = namespace.resources.count_request(digest, operation.id)
        if repetition:
            note_duplicate(situation)
        # Where below the namespace's seed the values of a request are derived that came so often before.
        place = digest + repetition.to_bytes(8, "big")
        seed = namespace.seed.at(place)
        if situation.behaviour is not None:
            outcome = situation.behaviour.carry_out(situation, seed)
        else:
            envelope = situation.envelope(status)
            value = None if envelope is None else self.renderer.example(envelope, seed, Example())
            is_created = operation.method == "POST" and 201 in operation.success_statuses
            outcome = Outcome(value, "answered", effect="created" if is_created else None)
        situation.outcome = outcome
        if situation.head.idempotency_key is not None and idempotency_key(situation) is not None:
            body, headers = self.renderer.success(situation, status, outcome)
            secret = None if outcome.secret is None else IssuedSecret(outcome.secret[0], operation.id, place)
            situation.kept = StoredAnswer(digest, status, headers, trim(body), situation.now_millis, secret)

    def _record(self, situation: Situation, passed: Passed | None, *, is_sent: bool) -> Exchange:
        """Write the call into the journal, as what is to be delivered."""
        inspection, namespace, response = situation.inspection, situation.namespace, situation.response
        decision, outcome, delivery = situation.decision, situation.outcome, response.delivery
        if namespace.retries.has_failed_writes or response.status >= 429 or delivery.fault is not None:
            watch_retries(situation)
        rest = None
        if passed is not None:
            inspection.violations += passed.violations
            inspection.warnings += passed.warnings
            rest = passed.rest
        effect = None if outcome is None else outcome.effect or outcome.reason
        call = Call(
            id=situation.call_id,
            number=situation.number,
            namespace=namespace.name,
            head=inspection.head.shown,
            body=inspection.parsed.shown_body,
            client=inspection.client,
            violations=inspection.violations,
            warnings=inspection.warnings,
            reason=situation.reason,
            received_millis=inspection.received_millis,
            started=inspection.started,
            clock_millis=situation.now_millis,
            tenant=situation.principal.tenant,
            stub=None if decision is None else decision.stub,
            effect=effect,
            facets=() if decision is None else self.facets.read(situation, effect),
            response=response,
            secret=None if outcome is None else outcome.secret,
            webhooks=situation.webhooks,
        )
        waiting = None
        if rest is not None or not (delivery is PROMPT or delivery.is_prompt):
            # Before anybody can know of the call: who releases it then must not be too early.
            waiting = Waiting(delivery.held_by)
            namespace.add_waiting(waiting, situation.number)
        elif is_sent and len(response.body) <= SMALL_BYTES:
            namespace.journal.finish(call, "answered")
        key = _keep_answer(situation, is_over=call.state != "in_flight")
        namespace.retries.note_call(call)
        namespace.journal.record(call)
        return Exchange(call, response, namespace, waiting, key, self.send_webhooks, rest)

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
        if head.credential.alarm is not None:
            _sound(head.credential.alarm, call)
        return call


def _keep_answer(situation: Situation, *, is_over: bool) -> bytes | None:
    """Keep what a call committed under its idempotency key, if it has one. Returns the key where its call is
    in flight from now on."""
    key, kept, decision = situation.idempotency_key, situation.kept, situation.decision
    if kept is None or not isinstance(key, bytes):
        return None
    # For the API a call is over that was committed, however late its answer arrives or is lost.
    stub = None if decision is None else decision.stub
    is_over = is_over or (stub is not None and stub.phase is Phase.AFTER_COMMIT)
    situation.namespace.resources.keep_answer(key, kept, None if is_over else situation.call_id)
    return None if is_over else key


def _note_use(situation: Situation, decision: Decision) -> None:
    """An issued key is used once it is accepted, not where a script answered before anybody looked at it."""
    item_id = situation.principal.item_id
    if item_id is not None and situation.head.operation and (decision.commits or not decision.is_scripted):
        client = situation.inspection.client
        situation.namespace.resources.note_use(item_id, situation.now_millis, client)


def _fail(situation: Situation, error: Exception) -> None:
    """An error takes the place of the answer."""
    if not situation.number:
        situation.begin_call()
    situation.reason, situation.response = fail_call(error, situation.call_id)
    situation.webhooks = ()


def _sound(alarm: str, call: Call) -> None:
    """Say in the log what must not be missed of a credential."""
    logger.warning(alarm, call.credential.display, call.number, call.reason)
