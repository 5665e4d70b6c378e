"""Near misses: the stubs that come closest to a request, the calls that come closest to what is looked for.

Everything here asks one function, `RequestMatcher.differences`, so what a near miss shows is exactly what
kept the two from matching.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from mockserver.exceptions import Unanswerable
from mockserver.journal.call import Call
from mockserver.journal.journal import Journal
from mockserver.json_codec import escape_pointer
from mockserver.scripting.differences import Difference
from mockserver.scripting.matchers import RequestMatcher
from mockserver.scripting.request_parts import METHOD_WEIGHT, URL_WEIGHT
from mockserver.scripting.stubs import Stub, StubBook
from mockserver.scripting.subjects import MAX_NODES, Subject

# As many as WireMock shows.
MAX_NEAR_MISSES = 3
# Among how many the nearest are looked for; comparing texts takes time.
MAX_COMPARED = 1_000

# An operation is a method and a path.
_OPERATION_WEIGHT = METHOD_WEIGHT + URL_WEIGHT
_SCENARIO_WEIGHT = 1.0

Thing = TypeVar("Thing")


# A call of which it is not known whether it is meant, and why.
Undecided = tuple[Call, Difference]
# So many of them are named.
_MAX_NAMED = 10


def undecidable(undecided: Sequence[Undecided]) -> Unanswerable:
    """The error for a question that what is kept of some calls does not answer."""
    named = "; ".join(
        f"call {call.number} ({call.id}), {' '.join((why.place, why.pointer[1:])).rstrip()}: "
        f"{why.doubt.value if why.doubt else ''}"
        for call, why in undecided[:_MAX_NAMED]
    )
    more = f"; and {len(undecided) - _MAX_NAMED} more" if len(undecided) > _MAX_NAMED else ""
    return Unanswerable(
        f"it cannot be decided whether {'this call fits' if len(undecided) == 1 else 'these calls fit'}: "
        f"{named}{more}. What was hidden can be compared by equalTo, absent and anything",
        (call.id for call, _ in undecided),
    )


@dataclass(frozen=True, slots=True)
class Target:
    """Which calls are meant: those of an operation, those that a pattern matches, or those that are both."""

    operation: str | None
    matcher: RequestMatcher | None

    def judge(self, call: Call, subject: Callable[[], Subject] | None = None) -> bool | Difference:
        """Whether a call is meant; a difference in doubt where what is kept of it does not tell.

        `subject` gives the call as patterns see it, for those who ask several things of it.
        """
        if self.operation is not None and call.operation != self.operation:
            return False
        if self.matcher is None:
            return True
        seen = call.subject() if subject is None else subject()
        # Each question has the whole budget of nodes.
        seen.view.nodes_left = MAX_NODES
        return self.matcher.judge(seen)

    def select(self, calls: Iterable[Call]) -> list[Call]:
        """The calls that are meant, in the order given. Raises Unanswerable if that is not known of each."""
        found: list[Call] = []
        undecided: list[Undecided] = []
        for call in calls:
            verdict = self.judge(call)
            if verdict is True:
                found.append(call)
            elif verdict is not False:
                undecided.append((call, verdict))
        if undecided:
            raise undecidable(undecided)
        return found

    @property
    def is_counted(self) -> bool:
        """Whether the operation alone decides, so that the journal's counters answer for every call."""
        return self.matcher is None or not self.matcher.weight

    def fits_operation(self, operation: str | None) -> bool:
        """Whether calls of an operation can be meant at all."""
        return self.operation is None or operation == self.operation

    @property
    def weight(self) -> float:
        """What is asked for counts so much, in the weights of the parts of a pattern."""
        operation = 0.0 if self.operation is None else _OPERATION_WEIGHT
        return operation + (0.0 if self.matcher is None else self.matcher.weight)

    def differences(self, subject: Subject, operation: str | None) -> tuple[Difference, ...]:
        """In what a request, of which `operation` was called, differs from what is meant."""
        rest = self.matcher.differences(subject) if self.matcher is not None else ()
        return (*_differs(self.operation, operation), *rest)

    def distance(self, subject: Subject, operation: str | None) -> float:
        """0.0 for what is meant to 1.0 for nothing in common, weighted as in `RequestMatcher.distance`."""
        total = sum(_OPERATION_WEIGHT * item.distance for item in _differs(self.operation, operation))
        if self.matcher is not None:
            total += self.matcher.weight * self.matcher.distance(subject)
        return total / self.weight if self.weight else 0.0


@dataclass(frozen=True, slots=True)
class NearStub:
    """A stub and how far it is from a request: 0.0 if it would answer it, 1.0 for nothing in common."""

    stub: Stub
    distance: float
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class NearCall:
    """A call and how far it is from what is looked for; no differences if it is just that."""

    call: Call
    distance: float
    differences: tuple[Difference, ...]


# Of so many stubs the nearest is looked for while a call waits, and what is farther is not near.
MAX_TRIED = 100
NEAR = 0.35


def find_near_stub(stubs: StubBook, subject: Subject, *, within: float = NEAR) -> NearStub | None:
    """The stub with a URL that comes nearest to a request which no operation took; None if none is near.

    Bounded: only the newest hundred are compared.
    """
    with_url = (stub for stub in islice(stubs, MAX_TRIED) if stub.matcher.weight >= URL_WEIGHT)
    best = min(
        ((_stub_distance(stub, stubs, subject, None), index, stub) for index, stub in enumerate(with_url)),
        default=None,
    )
    if best is None or best[0] > min(within, NEAR):
        return None
    differences = tuple(islice(_stub_differences(best[2], stubs, subject, None), 1))
    return NearStub(best[2], best[0], differences)


def find_nearest_stubs(stubs: StubBook, subject: Subject, operation: str | None) -> list[NearStub]:
    """The stubs nearest to a request, the nearest first, among equals the newest."""
    ranked = _rank(
        (_stub_distance(stub, stubs, subject, operation), stub) for stub in islice(stubs, MAX_COMPARED)
    )
    return [
        NearStub(stub, distance, tuple(_stub_differences(stub, stubs, subject, operation)))
        for distance, stub in ranked
    ]


def find_nearest_calls(
    journal: Journal,
    target: Target,
    *,
    exact: bool = True,
    compared: int = MAX_COMPARED,
) -> list[NearCall]:
    """The calls nearest to what is looked for, the nearest first, among equals the oldest.

    Only the newest are compared, as many as `compared` says. `exact` says whether calls that are just it
    belong to the answer.
    """
    newest = islice(reversed(journal), compared)
    calls = [(call, call.subject()) for call in newest][::-1]
    distances = ((target.distance(subject, call.operation), (call, subject)) for call, subject in calls)
    near = (item for item in distances if exact or item[0] > 0.0)
    return [
        NearCall(call, distance, target.differences(subject, call.operation))
        for distance, (call, subject) in _rank(near)
    ]


def measure(call: Call, target: Target) -> NearCall:
    """How far a call is from what is looked for."""
    subject = call.subject()
    distance = target.distance(subject, call.operation)
    return NearCall(call, distance, target.differences(subject, call.operation))


def _rank(things: Iterable[tuple[float, Thing]]) -> list[tuple[float, Thing]]:
    """Those with the least distance, equals in the order given."""
    return sorted(things, key=lambda thing: thing[0])[:MAX_NEAR_MISSES]


def _differs(expected: str | None, operation: str | None) -> tuple[Difference, ...]:
    if expected is None or operation == expected:
        return ()
    return (Difference("operation", "", "equalTo", expected, operation),)


def _stub_differences(
    stub: Stub, stubs: StubBook, subject: Subject, operation: str | None
) -> Iterator[Difference]:
    yield from Target(stub.operation, stub.matcher).differences(subject, operation)
    step = stub.scenario
    if step is not None and not stubs.scenarios.allows(step):
        state = stubs.scenarios.state(step.name)
        yield Difference("scenario", f"/{escape_pointer(step.name)}", "equalTo", step.required, state)


def _stub_distance(stub: Stub, stubs: StubBook, subject: Subject, operation: str | None) -> float:
    target = Target(stub.operation, stub.matcher)
    distance = target.distance(subject, operation)
    if stub.scenario is None:
        return distance
    missed = 0.0 if stubs.scenarios.allows(stub.scenario) else _SCENARIO_WEIGHT
    return (distance * target.weight + missed) / (target.weight + _SCENARIO_WEIGHT)
