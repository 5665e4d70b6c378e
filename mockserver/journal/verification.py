"""Verification: what a test expects of the journal, and whether it holds.

    {"expected": [{"operation": "createApiKey", "exactly": 2}], "inOrder": false, "nothingElse": true}

Neither eviction nor redaction makes an answer wrong: where calls that are gone could change it, or what was
hidden in those that are kept, there is none (Unanswerable).
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache

from mockserver.exceptions import BadQuestion, Problem, StubError, Unanswerable
from mockserver.journal.call import Call, CountKey
from mockserver.journal.journal import Journal
from mockserver.journal.near_misses import (
    MAX_NEAR_MISSES,
    NearCall,
    Target,
    Undecided,
    find_nearest_calls,
    measure,
    undecidable,
)
from mockserver.json_codec import dumps, escape_pointer
from mockserver.redaction import redact
from mockserver.scripting.differences import Difference
from mockserver.scripting.matchers import read_request_pattern
from mockserver.scripting.reading import Reading, drop_nulls, name_kind
from mockserver.scripting.subjects import Subject
from mockserver.types import Json, JsonObject, UnsetType

MAX_COUNT = 10**9
# So many expectations may be in one question.
MAX_EXPECTATIONS = 1_000
# Among how many calls the nearest are looked for, by all failed expectations together, and by each that has
# any: where more than so many of them fail, the first ones name the nearest calls.
MAX_COMPARED = 600
MIN_COMPARED = 20


@dataclass(frozen=True, slots=True)
class Expectation:
    """How often calls are expected; `at_most` is None for any number. `document` is its JSON, redacted."""

    target: Target
    at_least: int
    at_most: int | None
    document: JsonObject


@dataclass(frozen=True, slots=True)
class Verification:
    """A question to the journal: at least one expectation, and what holds for all of them together."""

    expected: tuple[Expectation, ...]
    in_order: bool
    nothing_else: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """What was expected and what came instead, with the calls that show it best: none where many other
    expectations failed before."""

    expected: JsonObject
    actual: Json
    nearest: tuple[NearCall, ...]

    def to_json(self) -> JsonObject:
        """`{"expected", "actual", "nearest": [{"call", "differences"}]}`."""
        nearest = [
            {"call": near.call.to_json(), "differences": [item.to_json() for item in near.differences]}
            for near in self.nearest
        ]
        return {"expected": self.expected, "actual": self.actual, "nearest": nearest}


# The question, as it is written.

_COUNTS = ("exactly", "atLeast", "atMost")
_EXPECTATION = ("operation", "request", *_COUNTS)
# The caller that waits reads how long to wait.
_VERIFICATION = ("expected", "inOrder", "nothingElse", "timeoutMillis")


class VerificationReader:
    """Reads the body of `POST /__admin/verify`, some expectations at a time. It has `count` of them.
    `reading` is for what else is wrong with the body."""

    def __init__(self, document: Json | UnsetType, operations: Collection[str]) -> None:
        """`operations` are those of the contract. Raises BadQuestion for what is no object."""
        if not isinstance(document, dict):
            raise BadQuestion([Problem("a verification must be a JSON object", "")])
        self._operations = operations
        self.reading = reading = Reading(redact)
        self._expected: list[Expectation] = []
        rest = {name: value for name, value in document.items() if name != "expected" and value is not None}
        _refuse_others(rest, _VERIFICATION, "", reading)
        entries = document.get("expected")
        if entries is not None and not isinstance(entries, list):
            reading.refuse("/expected", f"'expected' must be an array, not {name_kind(entries)}")
            entries = []
        elif entries is None or all(entry is None for entry in entries):
            text = 'nothing is expected; that no call came is [{"request": {}, "exactly": 0}]'
            reading.refuse("/expected", text)
            entries = []
        elif len(entries) > MAX_EXPECTATIONS:
            # Looked at before they are read.
            reading.refuse("/expected", f"{len(entries)} expectations are more than {MAX_EXPECTATIONS}")
            entries = []
        self.count = len(entries)
        self._entries = iter(enumerate(entries))
        self._flags = [reading.flag(rest, name, "") for name in ("inOrder", "nothingElse")]

    def go_on(self, seconds: float = math.inf) -> bool:
        """Read on for so long; whether all are read."""
        until = time.perf_counter() + seconds
        for index, entry in self._entries:
            if entry is not None:
                place = f"/expected/{index}"
                item = _read_expectation(drop_nulls(entry), place, self._operations, self.reading)
                if item is not None:
                    self._expected.append(item)
            if time.perf_counter() > until:
                return False
        return True

    @property
    def is_refused(self) -> bool:
        """Whether something that was read so far is wrong."""
        return bool(self.reading.problems)

    def finish(self) -> Verification:
        """The whole question. Raises BadQuestion with every problem: a verification of nothing is one."""
        self.go_on()
        if self.reading.problems:
            raise BadQuestion(self.reading.problems)
        return Verification(tuple(self._expected), *self._flags)


def _read_expectation(
    entry: Json, pointer: str, operations: Collection[str], reading: Reading
) -> Expectation | None:
    if not isinstance(entry, dict):
        reading.refuse(pointer, f"an expectation must be an object, not {name_kind(entry)}")
        return None
    _refuse_others(entry, _EXPECTATION, pointer, reading)
    if not entry.keys() & {"operation", "request"}:
        reading.refuse(pointer, "an expectation names an 'operation', a 'request' pattern, or both")
    target = _read_target(entry, pointer, operations, reading)
    counts = {
        name: count
        for name in _COUNTS
        if name in entry and (count := read_count(entry[name], f"{pointer}/{name}", reading)) is not None
    }
    exactly = counts.get("exactly")
    at_least = max(exactly or 0, counts.get("atLeast", 0 if counts else 1))
    limits = [counts[name] for name in ("exactly", "atMost") if name in counts]
    at_most = min(limits, default=None)
    if at_most is not None and at_least > at_most:
        reading.refuse(pointer, f"{' and '.join(map(repr, counts))} contradict each other: no count fits")
    if target is None:
        return None
    return Expectation(target, at_least, at_most, _show(target) | counts)


def read_target(
    pattern: Json, pointer: str, operations: Collection[str], reading: Reading | None = None
) -> Target:
    """Read which calls are meant: a request pattern, in which also `operation` may stand; or `{"operation",
    "request"}` as in a verification.

    `pointer` is where it stands. Raises BadQuestion with every problem, those that `reading` has already
    included.
    """
    pattern = drop_nulls(pattern)
    reading = Reading(redact) if reading is None else reading
    target = None
    if not isinstance(pattern, dict):
        reading.refuse(pointer, f"a request pattern must be an object, not {name_kind(pattern)}")
    elif "request" in pattern:
        _refuse_others(pattern, ("operation", "request"), pointer, reading)
        target = _read_target(pattern, pointer, operations, reading)
    else:
        rest = {name: value for name, value in pattern.items() if name != "operation"}
        named = {"operation": pattern["operation"]} if "operation" in pattern else {}
        if rest or not named:
            named["request"] = rest
        target = _read_target(named, pointer, operations, reading, request=pointer)
    if target is None or reading.problems:
        raise BadQuestion(reading.problems)
    return target


def _read_target(
    entry: JsonObject,
    pointer: str,
    operations: Collection[str],
    reading: Reading,
    *,
    request: str | None = None,
) -> Target | None:
    """The members `operation` and `request` of an object; None if one of them is refused."""
    problems = len(reading.problems)
    operation = reading.text(entry, "operation", pointer) if "operation" in entry else None
    if operation is not None and operation not in operations:
        reading.refuse_unknown(f"{pointer}/operation", operation, operations, "operation of the contract")
    matcher = None
    if "request" in entry:
        place = f"{pointer}/request" if request is None else request
        try:
            matcher = read_request_pattern(entry["request"], pointer=place, redact=redact)
        except StubError as error:
            reading.problems += error.problems
    return None if len(reading.problems) > problems else Target(operation, matcher)


def _refuse_others(document: JsonObject, known: Collection[str], pointer: str, reading: Reading) -> None:
    for name in document:
        if name not in known:
            reading.refuse_unknown(f"{pointer}/{escape_pointer(name)}", name, known, "member here")


def read_count(value: Json, pointer: str, reading: Reading) -> int | None:
    """A number of calls; None if it is refused."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_COUNT:
        reading.refuse(pointer, f"{dumps(value).decode()} must be a whole number from 0 to {MAX_COUNT}")
        return None
    return value


def _show(target: Target) -> JsonObject:
    shown = {"operation": target.operation} if target.operation is not None else {}
    return shown | ({"request": target.matcher.to_json()} if target.matcher is not None else {})


# The answer.


class _State(Enum):
    """How an expectation stands. What is short, calls to come may mend; what is broken, nothing will."""

    MET = "met"
    SHORT = "short"
    BROKEN = "broken"
    UNKNOWN = "unknown"


Judge = Callable[[Call, Callable[[], Subject]], bool | Difference]


class Tally:
    """Counts calls that fit.

    `count` is how many were seen, `first` and `last` are the numbers of the first and the last of them,
    `earliest` and `latest` some of them; `undecided` are those of which it is not known, and `unseen` counts
    by their keys the calls that were evicted before they could be seen. `verdict` is about the call that was
    looked at last.
    """

    __slots__ = ("_judge", "count", "earliest", "first", "last", "latest", "undecided", "unseen", "verdict")

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self.begin({})

    def begin(self, unseen: Mapping[CountKey, int]) -> None:
        """Count anew."""
        self.unseen = unseen
        self.verdict: bool | Difference = False
        self.count = self.first = self.last = 0
        self.earliest: list[Call] = []
        self.latest: deque[Call] = deque(maxlen=MAX_NEAR_MISSES)
        self.undecided: list[Undecided] = []

    def look_at(self, call: Call, subject: Callable[[], Subject]) -> None:
        """Count a call, if it fits."""
        self.verdict = verdict = self._judge(call, subject)
        if verdict is True:
            self.count += 1
            self.first = self.first or call.number
            self.last = call.number
            self.latest.append(call)
            if len(self.earliest) < MAX_NEAR_MISSES:
                self.earliest.append(call)
        elif verdict is not False:
            self.undecided.append((call, verdict))


class Selection(Tally):
    """Keeps the calls that fit, beside counting them: `calls`, oldest first."""

    __slots__ = ("calls",)

    def begin(self, unseen: Mapping[CountKey, int]) -> None:
        super().begin(unseen)
        self.calls: list[Call] = []

    def look_at(self, call: Call, subject: Callable[[], Subject]) -> None:
        before = self.count
        super().look_at(call, subject)
        if self.count > before:
            self.calls.append(call)


class Sweep:
    """Looks at each call of a journal once, for several tallies in their order, however often it is asked to
    go on."""

    __slots__ = ("_journal", "_looks", "_revision", "_seen", "_tallies")

    def __init__(self, journal: Journal, tallies: Iterable[Tally]) -> None:
        self._journal = journal
        self._tallies = tuple(tallies)
        self._begin()

    def _begin(self) -> None:
        self._revision = self._journal.revision
        self._seen = self._journal.last_evicted
        unseen = dict(self._journal.evicted_counts)
        for tally in self._tallies:
            tally.begin(unseen)
        self._looks = self._look()

    def _look(self) -> Iterator[None]:
        """Look at the calls that came since, at each step for one tally."""
        while calls := self._journal.after(self._seen):
            for call in calls:
                subject = cache(call.subject)
                for tally in self._tallies:
                    tally.look_at(call, subject)
                    yield
                self._seen = call.number

    def go_on(self, seconds: float | None = None) -> bool:
        """Look at the calls that came since, for so many seconds at most; whether all are seen."""
        journal = self._journal
        if journal.revision != self._revision or journal.last_evicted > self._seen:
            self._begin()
        until = None if seconds is None else time.perf_counter() + seconds
        for _ in self._looks:
            if until is not None and time.perf_counter() > until:
                return False
        self._looks = self._look()
        return True


def count_bounds(target: Target, tally: Tally, journal: Journal) -> tuple[int, int]:
    """The least and the greatest number of calls that can have fitted a target, evicted ones included."""
    if target.is_counted:
        count = journal.count_keys(lambda key: target.fits_operation(key[0]))
        return count, count
    unseen = sum(count for key, count in tally.unseen.items() if target.fits_operation(key[0]))
    return tally.count, tally.count + unseen + len(tally.undecided)


def unanswerable(tallies: Iterable[Tally], journal: Journal) -> Unanswerable:
    """The error for a question of which these tallies do not know enough."""
    undecided = {call.number: (call, why) for tally in tallies for call, why in tally.undecided}
    return (
        undecidable([undecided[number] for number in sorted(undecided)])
        if undecided
        else journal.unanswerable()
    )


class Verifier:
    """Answers one verification, at once or when more calls have come, under the lock of the journal.

    `ask` and `conclude` give the failures; none means that everything is as expected.
    """

    def __init__(self, verification: Verification, journal: Journal) -> None:
        self._expected = verification.expected
        self._in_order = verification.in_order
        self._journal = journal
        self._tallies = [Tally(item.target.judge) for item in self._expected]
        # It is asked behind the others, and so knows what they say of a call.
        self._others = Tally(self._judge_other) if verification.nothing_else else None
        self._sweep = Sweep(journal, [*self._tallies, *([self._others] if self._others else [])])

    def _judge_other(self, call: Call, subject: Callable[[], Subject]) -> bool | Difference:
        """Whether a call fits no expectation."""
        verdicts = [tally.verdict for tally in self._tallies]
        if True in verdicts:
            return False
        return next((verdict for verdict in verdicts if isinstance(verdict, Difference)), True)

    def prepare(self, seconds: float) -> bool:
        """Look at calls for so many seconds at most; whether all are seen. What is asked then is quick."""
        return self._sweep.go_on(seconds)

    def ask(self) -> list[Failure] | None:
        """The answer as soon as no further call can change it; None before."""
        states = self._judge()
        if all(state is _State.MET for state in states):
            return []
        return self._explain(states) if _State.BROKEN in states else None

    def conclude(self) -> list[Failure]:
        """The answer if no further call comes. Raises Unanswerable."""
        states = self._judge()
        failures = self._explain(states)
        if not failures and _State.UNKNOWN in states:
            others = [] if self._others is None else [self._others]
            raise unanswerable([*self._tallies, *others], self._journal)
        return failures

    def _judge(self) -> list[_State]:
        """How each expectation stands, then the order, then that nothing else came."""
        self._sweep.go_on()
        counts = map(self._judge_count, range(len(self._expected)))
        return [*counts, self._judge_order(), self._judge_others()]

    def _bounds(self, index: int) -> tuple[int, int]:
        return count_bounds(self._expected[index].target, self._tallies[index], self._journal)

    def _judge_count(self, index: int) -> _State:
        least, most = self._bounds(index)
        expectation = self._expected[index]
        limit = MAX_COUNT if expectation.at_most is None else expectation.at_most
        if least > limit:
            return _State.BROKEN
        if most < expectation.at_least:
            return _State.SHORT
        return _State.MET if expectation.at_least <= least and most <= limit else _State.UNKNOWN

    def _judge_order(self) -> _State:
        if not self._in_order:
            return _State.MET
        if self._find_disorder() is not None:
            return _State.BROKEN
        if len(self._tallies) > 1 and any(tally.undecided for tally in self._tallies):
            return _State.UNKNOWN
        has_earlier = False
        for index, (expectation, tally) in enumerate(zip(self._expected, self._tallies, strict=True)):
            if has_earlier and any(expectation.target.fits_operation(key[0]) for key in tally.unseen):
                return _State.UNKNOWN
            has_earlier = has_earlier or self._bounds(index)[1] > 0
        return _State.MET

    def _find_disorder(self) -> tuple[int, int] | None:
        """Two expectations of which the second has a call before the last one of the first."""
        latest = 0
        for index, tally in enumerate(self._tallies[1:], start=1):
            if tally.first and tally.first < self._tallies[latest].last:
                return latest, index
            if tally.last > self._tallies[latest].last:
                latest = index
        return None

    def _judge_others(self) -> _State:
        if self._others is None:
            return _State.MET
        if self._count_others():
            return _State.BROKEN
        is_certain = all(self._must_be_expected(key[0]) for key in self._others.unseen)
        is_certain = is_certain and not self._others.undecided
        return _State.MET if is_certain else _State.UNKNOWN

    def _count_others(self) -> int:
        """The calls that surely fit no expectation."""
        assert self._others is not None, "asked only where nothing else is allowed"
        unseen = sum(count for key, count in self._others.unseen.items() if not self._can_be_expected(key[0]))
        return self._others.count + unseen

    def _must_be_expected(self, operation: str | None) -> bool:
        """Whether every call of an operation fits an expectation."""
        return any(
            item.target.is_counted and item.target.fits_operation(operation) for item in self._expected
        )

    def _can_be_expected(self, operation: str | None) -> bool:
        """Whether a call of an operation can fit an expectation."""
        return any(item.target.fits_operation(operation) for item in self._expected)

    # What failed, for people.

    def _explain(self, states: list[_State]) -> list[Failure]:
        *counts, order, others = states
        wrong = [index for index, state in enumerate(counts) if state in (_State.SHORT, _State.BROKEN)]
        # The first of them share what is compared.
        compared = max(MIN_COMPARED, MAX_COMPARED // max(len(wrong), 1))
        failures = [
            self._explain_count(index, counts[index], compared if place * compared < MAX_COMPARED else 0)
            for place, index in enumerate(wrong)
        ]
        if order is _State.BROKEN:
            failures.append(self._explain_order())
        if others is _State.BROKEN:
            failures.append(self._explain_others())
        return failures

    def _explain_count(self, index: int, state: _State, compared: int) -> Failure:
        expectation = self._expected[index]
        if state is _State.SHORT:
            target = expectation.target
            exact = target.is_counted
            nearest = find_nearest_calls(self._journal, target, exact=exact, compared=compared)
        else:
            nearest = _exact(self._tallies[index].latest)
        return Failure(expectation.document, self._bounds(index)[0], tuple(nearest))

    def _explain_order(self) -> Failure:
        disorder = self._find_disorder()
        assert disorder is not None, "explained only where it is broken"
        before, after = disorder
        numbers = [self._tallies[after].first, self._tallies[before].last]
        expected = {"inOrder": [self._expected[index].document for index in disorder]}
        return Failure(
            expected, numbers, tuple(_exact(call for call in self._journal if call.number in numbers))
        )

    def _explain_others(self) -> Failure:
        others = [] if self._others is None else self._others.earliest
        return Failure({"nothingElse": True}, self._count_others(), tuple(map(self._find_nearest, others)))

    def _find_nearest(self, call: Call) -> NearCall:
        """A call that fits no expectation, with its differences from the nearest of the first ones."""
        compared = self._expected[: MAX_COMPARED // MAX_NEAR_MISSES]
        return min((measure(call, item.target) for item in compared), key=lambda near: near.distance)


def _exact(calls: Iterable[Call]) -> list[NearCall]:
    return [NearCall(call, 0.0, ()) for call in calls]
