"""What one call touches of its operation, beside its status: read when the call is recorded."""

from __future__ import annotations

from mockserver.contract import Contract, Operation
from mockserver.engine.situation import CarryOut, Decision, Example, Literal, Refusal, Situation
from mockserver.http_fields import read_cookies
from mockserver.journal.call import Facet
from mockserver.json_codec import dumps
from mockserver.request.inspection import Inspection
from mockserver.variants.places import expand, list_named

_MAX_USUAL = 200


class OperationFacets:
    """All that a call can touch of one operation. Each facet is made once, and shared by all calls."""

    def __init__(self, operation: Operation, contract: Contract, kinds: tuple[str, ...]) -> None:
        def facet(kind: str, name: str) -> Facet:
            return Facet(operation.id, kind, name)

        errors = [
            (status, name, value)
            for status in operation.statuses
            if status >= 400 and (envelope := operation.envelope(status)) is not None
            for name, value in envelope.examples.items()
        ]
        self.operation = operation.id
        self.reasons = {name: facet("reason", name) for _, name, _ in errors}
        # An error that was scripted with a body is the one whose example it is.
        self.bodies = {(status, dumps(value)): self.reasons[name] for status, name, value in errors}
        self.defaults = {status: self.reasons[name] for status, name, _ in reversed(errors)}
        asked = kinds if operation.requires_credential else ()
        self.credentials = {kind: facet("credential", kind) for kind in asked}
        self.body = {name: facet("member", f"body {name}") for name in _list_members(operation, contract)}
        self.query = _list_parameters(operation, "query")
        self.path = tuple(_list_parameters(operation, "path").values())
        self.headers = {
            name.encode("latin-1", "replace"): known
            for name, known in _list_parameters(operation, "header").items()
        }
        self.cookies = _list_parameters(operation, "cookie")
        self._usual: dict[object, tuple[Facet, ...]] = {}
        # As many as the answers have variants, in the end.
        self._variants: dict[tuple[str, str], Facet] = {}

    def find_usual(self, inspection: Inspection, effect: str | None) -> tuple[Facet, ...]:
        """What a call touched by its parameters, body and credential, and by its effect if there is one.

        Calls that are alike in this, as most are, share one tuple.
        """
        head, body = inspection.head, inspection.parsed.full_body
        members = tuple(body) if type(body) is dict else ()
        query, kind = head.line.query, head.credential.kind
        # Names of parameters cannot take the place of members: there are as many as the line has.
        key = (effect, kind, len(query), *query, *members)
        usual = self._usual.get(key)
        if usual is None:
            credential = self.credentials.get(kind)
            usual = (
                *self.path,
                *(() if credential is None else (credential,)),
                *(self.body[name] for name in members if name in self.body),
                *(self.query[name] for name in query if name in self.query),
                *(() if effect is None else (Facet(self.operation, "effect", effect),)),
            )
            is_known = self.body.keys() >= set(members) and self.query.keys() >= query.keys()
            # A client can send any name, and in any order.
            if is_known and len(self._usual) < _MAX_USUAL:
                self._usual[key] = usual
        if self.headers:
            sent = {name for name, _ in head.headers}
            usual += tuple(facet for name, facet in self.headers.items() if name in sent)
        if self.cookies:
            cookies = read_cookies(head.headers)
            usual += tuple(facet for name, facet in self.cookies.items() if name in cookies)
        return usual

    def variant(self, answer: str, name: str) -> Facet:
        """A variant of a kind of answer."""
        facet = self._variants.get((answer, name))
        if facet is None:
            facet = self._variants[answer, name] = Facet(self.operation, "variant", f"{answer} {name}")
        return facet

    @property
    def members(self) -> tuple[Facet, ...]:
        """What a request may have: parameters, then members of the body."""
        return (
            *self.path, *self.query.values(), *self.headers.values(), *self.cookies.values(),
            *self.body.values(),
        )  # fmt: skip


def _list_parameters(operation: Operation, place: str) -> dict[str, Facet]:
    return {
        parameter.name: Facet(operation.id, "member", f"{place} {parameter.name}")
        for parameter in operation.parameters
        if parameter.place == place
    }


def _list_members(operation: Operation, contract: Contract) -> list[str]:
    body = operation.body
    if body is None or not body.schema_pointer or operation.problem is not None:
        return []
    resolve = contract.request_schemas.resolve
    return list_named(expand([resolve(f"#{body.schema_pointer}")], resolve))


class FacetReader:
    """Reads what calls touch of the operations of one contract, whose credentials are of these `kinds`."""

    def __init__(self, contract: Contract, kinds: tuple[str, ...]) -> None:
        self._contract = contract
        self._kinds = kinds
        self._known: dict[str, OperationFacets] = {}

    def of(self, operation: Operation) -> OperationFacets:
        """All that a call can touch of an operation."""
        known = self._known.get(operation.id)
        if known is None:
            known = self._known[operation.id] = OperationFacets(operation, self._contract, self._kinds)
        return known

    def read(self, situation: Situation, effect: str | None) -> tuple[Facet, ...]:
        """What one call touched: its credential, the members of its request, its error, its variants.

        `effect` is the reason of the success that was carried out, if any was.
        """
        operation, decision = situation.head.operation, situation.decision
        if operation is None or decision is None:
            return ()
        known = self.of(operation)
        # The call's own reason is counted by the journal, but may yet become another.
        touched = known.find_usual(situation.inspection, None if effect == decision.reason else effect)
        if not isinstance(decision.content, CarryOut):
            error = _find_error(known, decision)
            if error is not None:
                touched += (error,)
        variant = situation.response.variant
        if variant is not None:
            answer = name_answer(decision.status)
            # `a+b` is both.
            touched += tuple(known.variant(answer, name) for name in variant.split("+"))
        return touched


def name_answer(status: int) -> str:
    """Which kind of answer a variant is one of: the same deviations of all errors are counted as one."""
    return "success" if status < 400 else "error"


def _find_error(known: OperationFacets, decision: Decision) -> Facet | None:
    """The documented error that was answered."""
    content = decision.content
    if isinstance(content, Refusal):
        return known.reasons.get(content.reason)
    if isinstance(content, Example) and decision.status >= 400:
        if content.name is not None:
            return known.reasons.get(content.name)
        return known.defaults.get(decision.status)
    if isinstance(content, Literal) and decision.status >= 400:
        return known.bodies.get((decision.status, content.body))
    return None
