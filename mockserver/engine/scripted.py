"""Answers that somebody asked for: by a stub, or by `Prefer` in the request."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

from mockserver.contract import Operation
from mockserver.contract.validation import CallWarning
from mockserver.engine.errors import error_content, error_headers, write_gateway_page
from mockserver.engine.requirements import by_rate_limit, choose_success
from mockserver.engine.situation import (
    CARRY_OUT,
    CarryOut,
    Content,
    Decision,
    Example,
    Literal,
    Situation,
)
from mockserver.faults import Fault, Phase
from mockserver.scripting.delays import draw_delay
from mockserver.scripting.judgement import find_body_breaches, stands_for
from mockserver.scripting.preferences import Preferences
from mockserver.scripting.stubs import ResponseDefinition, Stub
from mockserver.scripting.subjects import Subject
from mockserver.scripting.templates import Context
from mockserver.scripting.webhooks import Webhook, make_webhook
from mockserver.state.resources import StoredAnswer


def by_stub(situation: Situation) -> Decision | None:
    """The first stub, in the order of the book, whose matcher fits."""
    stub, unfinished = ask_stubs(situation, find_candidates(situation))
    for text in unfinished:
        situation.inspection.warnings.append(CallWarning("unfinished_match", text))
    return None if stub is None else _scripted(situation, stub, _write_out(situation, stub))


def find_candidates(situation: Situation) -> list[Stub]:
    """The stubs that may answer, in order."""
    return situation.namespace.stubs.candidates(situation.head.line.stub_keys, situation.subject)


def ask_stubs(situation: Situation, candidates: list[Stub]) -> tuple[Stub | None, list[str]]:
    """The first of the stubs that answers, and what could not be found out of those before it. Nothing is
    changed but what the situation's trial remembers."""
    head, namespace = situation.head, situation.namespace
    operation = head.shown.operation
    unfinished: list[str] = []
    for stub in candidates:
        if head.operation is not None and not stands_for(stub, head.operation):
            continue
        accepted = namespace.stubs.accepts(stub, situation.trial(), operation)
        if accepted is True:
            return stub, unfinished
        if accepted is not False and accepted.doubt is not None:
            unfinished.append(f"the stub {stub.id} was not tried to its end: {accepted.doubt.value}")
    return None, unfinished


def _write_out(situation: Situation, stub: Stub) -> ResponseDefinition:
    """What a stub answers, with what its templates write for this request."""
    response = stub.response
    template = response.template
    if template is None:
        return response
    inspection, namespace, operation = situation.inspection, situation.namespace, situation.head.operation
    # Where no operation is reached, the digest says nothing of the body.
    seed = namespace.seed.at("template", stub.id, inspection.parsed.digest, inspection.data)
    # A request that comes again gets other random values, in each run the same ones.
    seed = seed.at(str(namespace.resources.count_repetition(seed.digest()[:32])))
    parameters = dict(template.parameters)
    context = Context(_shown(situation, stub), situation.now_millis, seed, parameters)
    rendered = template.render(context, namespace.fixtures.files)
    if rendered.problem is not None:
        inspection.warnings.append(CallWarning("template_problem", rendered.problem))
    status = response.status or 200
    envelope = operation.envelope(status) if operation is not None else None
    if rendered.body is not None and envelope is not None and not stub.off_contract:
        for below, breach in islice(find_body_breaches(rendered.body, envelope), _MAX_BREACHES):
            text = f"the body of status {status}{below and ', ' + below}: {breach}"
            inspection.warnings.append(CallWarning("template_breaks_contract", text))
    body = response.body if rendered.body is None else rendered.body
    return replace(response, headers=(*response.headers, *rendered.headers), body=body)


# So many are told.
_MAX_BREACHES = 5


def _shown(situation: Situation, stub: Stub) -> Subject:
    """The request as templates of a stub see it, with the parameters of its path template."""
    subject = situation.shown_subject()
    subject.path_parameters = {**subject.path_parameters, **stub.matcher.path_parameters(subject.path)}
    return subject


def write_webhooks(situation: Situation, stub: Stub, call_id: str) -> tuple[Webhook, ...]:
    """What a stub sends after a call."""
    webhooks = []
    for index, definition in enumerate(stub.webhooks):
        seed = situation.namespace.seed.at("webhook", call_id, str(index))
        parameters = stub.response.template.parameters if stub.response.template else {}
        context = Context(_shown(situation, stub), situation.now_millis, seed, dict(parameters))
        seconds = 0.0 if definition.delay is None else draw_delay(definition.delay, seed.at("delay"))
        webhooks.append(make_webhook(definition, context, call=call_id, stub=stub.id, delay_seconds=seconds))
    return tuple(webhooks)


def _scripted(situation: Situation, stub: Stub, response: ResponseDefinition) -> Decision:
    """The answer of a stub; the contract fills in what the stub leaves out."""
    operation = situation.head.operation
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
    content, headers = error_content(situation, status, stub.reason), response.headers
    if isinstance(content, Example):
        names = {name.lower() for name, _ in headers}
        usual = error_headers(situation, status)
        headers = (*(header for header in usual if header[0] not in names), *headers)
    return _committing(situation, Decision("stub", status, content, after, headers, stub))


def _committing(situation: Situation, decision: Decision) -> Decision:
    """A scripted decision, carried out only if the request can be: else the contract's example stands in."""
    if not decision.commits:
        return decision
    obstacle = None
    if situation.head.operation is None:
        return replace(decision, commits=False, content=_without_operation(decision.content))
    for decider in situation.rules.requirements:
        # What a script answers takes nothing out of a bucket.
        obstacle = None if decider is by_rate_limit else decider(situation)
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
    if operation is not None and wish.reason is not None:
        wish = _as_example(wish, operation)
    problem = wish.problem or _find_problem(wish, operation)
    if problem is not None:
        return situation.rules.refuse_preference(situation, problem)
    if operation is None or (wish.code is None and wish.example is None and not wish.dynamic):
        return None
    status = wish.code or choose_success(situation, operation)
    applied = ", ".join(
        part
        for part in (
            f"code={status}" if wish.code else "",
            "reason" if wish.reason is not None else "example" if wish.example is not None else "",
            "dynamic=true" if wish.dynamic else "",
        )
        if part
    )
    if wish.example is not None or wish.dynamic:
        content: Content = Example(wish.example, wish.dynamic, wish.seed)
        return Decision(
            "preferred", status, content, headers=error_headers(situation, status), preference=applied
        )
    if 200 <= status < 300:
        return _committing(situation, Decision("preferred", status, CARRY_OUT, True, preference=applied))
    content = error_content(situation, status)
    return Decision(
        "preferred", status, content, headers=error_headers(situation, status), preference=applied
    )


def _as_example(wish: Preferences, operation: Operation) -> Preferences:
    """`reason=` as the example of that name, of the first error status that has one."""
    statuses = [status for status in operation.statuses if status >= 400 and wish.code in (None, status)]
    names: list[str] = []
    for status in statuses:
        envelope = operation.envelope(status)
        names += envelope.examples if envelope else ()
        if envelope is not None and wish.reason in envelope.examples:
            return wish._replace(code=status, example=wish.reason)
    text = f"there is no error of this reason; known: {', '.join(names) or 'none'}"
    return wish._replace(problem=wish.problem or text)


def _find_problem(wish: Preferences, operation: Operation | None) -> str | None:
    """Why a preference cannot be followed; None if it can."""
    if operation is None:
        return "no operation was reached, so no answer is documented that could be preferred"
    if wish.code is not None and operation.envelope(wish.code) is None:
        known = ", ".join(str(status) for status in operation.statuses)
        return f"the operation {operation.id} documents no status {wish.code}; documented: {known}"
    if wish.example is not None:
        statuses = [wish.code] if wish.code else list(operation.success_statuses)
        envelopes = [operation.envelope(status) for status in statuses]
        names = [name for envelope in envelopes if envelope for name in envelope.examples]
        if wish.example not in names:
            return f"there is no such example for this status; known: {', '.join(names) or 'none'}"
    return None
