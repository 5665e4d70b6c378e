"""Rendering: a decision becomes bytes. The schema of its status judges each success in JSON
before that is written."""

from __future__ import annotations

from dataclasses import replace

from mockserver.contract import Contract, Envelope
from mockserver.contract.validation import CallWarning
from mockserver.engine.bodies import HTML_TYPE, write_value
from mockserver.engine.requirements import rate_limit_fields
from mockserver.engine.rules import Rules
from mockserver.engine.situation import (
    CarryOut,
    Decision,
    Example,
    Foreign,
    Literal,
    Outcome,
    Refusal,
    Situation,
)
from mockserver.exceptions import MockFailure
from mockserver.faults import Fault
from mockserver.json_codec import loads
from mockserver.messages import BODILESS, PROMPT, Delivery, Response
from mockserver.scripting.delays import draw_delay
from mockserver.scripting.stubs import Stub
from mockserver.seeds import Seed
from mockserver.state.resources import StoredAnswer
from mockserver.synthesis.values import NoValue
from mockserver.synthesis.writing import make_media_value, write_headers
from mockserver.types import Headers, Json
from mockserver.variants import Answer, Variant, write_answer, write_bytes


class Renderer:
    """Makes answers of one contract, by the rules of its API."""

    def __init__(self, contract: Contract, rules: Rules) -> None:
        self._contract = contract
        self._rules = rules

    def render(self, situation: Situation, decision: Decision) -> Response:
        """The answer that the decision of a call stands for. Raises MockFailure when it would break the
        contract."""
        answer: Answer | None = None
        variant: str | None = None
        if decision.variant is not None:
            answer, variant = self._vary(decision.variant, decision, situation)
        status, plain = decision.status, None
        if answer is None:
            if situation.kept is not None and isinstance(decision.content, CarryOut):
                # The same, written already.
                body, headers = situation.kept.body, situation.kept.headers
            else:
                body, headers = self._body(decision, situation)
            if decision.headers:
                headers = _merge(headers, decision.headers)
        else:
            status = answer.status
            headers, body = write_answer(answer)
            plain = answer.write(answer.value) if answer.is_compressed else None
        headers = (
            *headers,
            (b"mockserver-reason", situation.reason.encode("ascii")),
            (b"mockserver-call-id", situation.call_id.encode("ascii")),
        )
        if answer is not None:
            headers += _variant_fields(decision)
        elif decision.preference is not None:
            headers += ((b"preference-applied", decision.preference.encode("ascii")),)
        if situation.namespace.rate is not None and not decision.is_scripted:
            headers += rate_limit_fields(situation)
        stub, delivery = decision.stub, PROMPT
        if stub is not None or situation.namespace.global_delay is not None:
            delivery = self._delivery(stub, situation)
        if answer is not None and (answer.is_chunked or answer.has_upper_case_headers):
            delivery = replace(
                delivery, chunked=answer.is_chunked, upper_case_headers=answer.has_upper_case_headers
            )
        return Response(
            status,
            headers,
            body,
            None if stub is None else stub.response.status_message,
            delivery,
            stub is not None and stub.response.closes,
            variant,
            plain,
        )

    def _vary(
        self, variant: Variant, decision: Decision, situation: Situation
    ) -> tuple[Answer | None, str | None]:
        """The variant of the answer, and the name of what found a place in it; None where the contract would
        refuse it, so that it must stay plain.
        """
        operation = situation.head.operation
        assert operation is not None, "only answers of operations are varied"
        plain = self._plain(decision, situation)
        answer, found = variant.apply(plain)
        # One alone keeps its name: it was asked for, and the answer is what it makes of the plain one.
        name = found if variant.parts else variant.name
        situation.inspection.warnings += [
            CallWarning("variant_hidden", f"the variant {each} changes nothing beside the others")
            for each in variant.hidden(plain, found)
        ]
        if not variant.is_legal or not answer.is_json:
            return answer, name
        envelope = operation.envelope(answer.status)
        if envelope is None or envelope.schema is None or envelope.schema.is_valid(answer.value):
            return answer, name
        text = f"the variant {variant.name} would break the contract here; the answer is plain"
        situation.inspection.warnings.append(CallWarning("variant_ignored", text))
        return None, None

    def _plain(self, decision: Decision, situation: Situation) -> Answer:
        """The plain answer in its parts."""
        envelope, outcome = situation.envelope(decision.status), situation.outcome
        if isinstance(decision.content, CarryOut) and outcome and envelope and envelope.is_json:
            # As `success`, without writing what is read again at once.
            headers = (*envelope.content_type, *self._documented(envelope, situation))
            return Answer(decision.status, _merge(headers, decision.headers), outcome.value)
        body, headers = self._body(decision, situation)
        headers = _merge(headers, decision.headers)
        if b"json" in dict(headers).get(b"content-type", b""):
            return Answer(decision.status, headers, loads(body)[0])
        return Answer(decision.status, headers, body, is_json=False, write=write_bytes)

    def _body(self, decision: Decision, situation: Situation) -> tuple[bytes, Headers]:
        content = decision.content
        if isinstance(content, CarryOut):
            assert situation.outcome is not None, "a decision to carry out has an outcome"
            return self.success(situation, decision.status, situation.outcome)
        if isinstance(content, Refusal):
            return self._refusal(content, situation)
        if isinstance(content, Literal):
            is_page = (
                decision.fault is Fault.NOT_JSON and decision.stub and decision.stub.response.body is None
            )
            return content.body, (HTML_TYPE,) if is_page else ()
        if isinstance(content, Foreign):
            return content.body, ()
        if isinstance(content, StoredAnswer):
            return content.body, content.headers
        return self._example(content, decision.status, situation)

    def success(self, situation: Situation, status: int, outcome: Outcome) -> tuple[bytes, Headers]:
        """Body and headers of a success. Raises MockFailure when its schema refuses it."""
        envelope = situation.envelope(status)
        if envelope is None:
            return b"", ()
        documented = self._documented(envelope, situation)
        if envelope.media_type is None or status in BODILESS:
            return b"", documented
        value, schema = outcome.value, envelope.schema if envelope.is_json else None
        if schema is None or schema.is_valid(value):
            body, headers = write_value(envelope, value)
            return body, (*headers, *documented) if documented else headers
        operation = situation.head.operation
        found = "; ".join(f"{v.pointer} {v.message}" for v in schema.violations(value))
        raise MockFailure(f"the answer to {operation and operation.id} breaks its schema: {found}")

    def _refusal(self, refusal: Refusal, situation: Situation) -> tuple[bytes, Headers]:
        operation = situation.head.operation
        name = operation.id if operation else ""
        seed = situation.namespace.seed.at("example", name, str(refusal.status))
        body, headers = self._rules.write_error(
            refusal, operation, lambda envelope: self.example(envelope, seed, Example())
        )
        envelope = None if operation is None else operation.envelope(refusal.status)
        if envelope is not None and envelope.headers:
            headers = _merge(self._documented(envelope, situation), headers)
        return body, _merge(headers, refusal.headers)

    def _example(self, wish: Example, status: int, situation: Situation) -> tuple[bytes, Headers]:
        operation, envelope = situation.head.operation, situation.envelope(status)
        if envelope is None:
            return b"", ()
        documented = self._documented(envelope, situation)
        if envelope.media_type is None or status in BODILESS:
            return b"", documented
        base = Seed("preferred", wish.seed) if wish.seed is not None else situation.namespace.seed
        name = operation.id if operation else ""
        value = self.example(envelope, base.at("example", name, str(status)), wish)
        body, headers = write_value(envelope, value)
        return body, (*headers, *documented)

    def _documented(self, envelope: Envelope, situation: Situation) -> Headers:
        """The headers that an envelope documents, and that it is one of several where it is."""
        headers: Headers = ((b"vary", b"Accept"),) if len(envelope.content) > 1 else ()
        if not envelope.headers:
            return headers
        operation = situation.head.operation
        seed = situation.namespace.seed.at("header", operation.id if operation else "", envelope.status)
        return (*write_headers(envelope.headers, self._contract.schemas, seed), *headers)

    def example(self, envelope: Envelope, seed: Seed, wish: Example) -> Json:
        """An example of an envelope: the named one, the first one, or a value made from the schema.

        Raises NoValue where none can be made.
        """
        if wish.name is not None and wish.name in envelope.examples:
            return envelope.examples[wish.name]
        if envelope.examples and not wish.is_dynamic:
            return next(iter(envelope.examples.values()))
        if envelope.media is None:
            return {}
        name = envelope.media_type or envelope.media.name
        value = make_media_value(envelope.media, name, self._contract.schemas, seed)
        schema = None if isinstance(value, bytes) else envelope.schema
        if schema is not None and not schema.is_valid(value):
            raise NoValue("no value that was made is valid", envelope.schema_pointer)
        return value

    def _delivery(self, stub: Stub | None, situation: Situation) -> Delivery:
        seconds = 0.0
        for delay in (stub.response.delay if stub else None, situation.namespace.global_delay):
            if delay is not None:
                seed = situation.namespace.seed.at("delay", stub.id if stub else "", str(situation.number))
                seconds += draw_delay(delay, seed)
        if stub is None:
            return Delivery(delay_seconds=seconds)
        return Delivery(
            delay_seconds=seconds,
            dribble=stub.response.dribble,
            fault=stub.response.fault,
            held_by=stub.id if stub.hold else None,
            head_length=stub.response.head_length,
        )


def _variant_fields(decision: Decision) -> Headers:
    """What tells a client which variant it got, and whether it had asked for it."""
    assert decision.variant is not None, "only variants have a name"
    name = decision.variant.name
    fields: Headers = ((b"mockserver-variant", name.encode("ascii")),)
    applied = [] if decision.preference is None else [decision.preference]
    if decision.is_variant_preferred:
        applied.append(f"variant={name}")
    if not applied:
        return fields
    return (*fields, (b"preference-applied", ", ".join(applied).encode("ascii")))


def _merge(headers: Headers, over: Headers) -> Headers:
    """Headers with those of a script on top; a name that the script sets is set by it alone."""
    if not over:
        return headers
    names = {name.lower() for name, _ in over}
    return (*(header for header in headers if header[0] not in names), *over)
