"""Difference: one thing that a request pattern expects and a request lacks, and how far the two are apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import Enum
from itertools import chain

from mockserver.types import Json, JsonObject

# What is compared of two texts; the time grows with the square of it.
_MAX_COMPARED = 80
# Of how many attempts the nearest is looked for.
_MAX_RANKED = 16
# These expect no likeness: the closer the text, the less is right.
_NEGATIVE = frozenset({"doesNotContain", "doesNotMatch", "not", "absent"})


class Doubt(Enum):
    """Why it is not known whether a request fits; the value says it in words."""

    HIDDEN = "redaction hid what is looked at"
    CUT = "the body is kept in part only"
    BUDGET = "a JSONPath would have to look at too many nodes"


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference.

    `place` is "method", "url", "path", "query", "header", "cookie", "body", "operation" or "scenario";
    `pointer` a JSON pointer inside it, "" for the whole; `operator` WireMock's name of the comparison.
    `actual` is None where there is nothing. What should not be there has the operator "absent" and
    `expected` True; a JSON null that should be there and is not has "absent" and False. A `doubt` says that
    it is not known whether this is a difference at all.
    """

    place: str
    pointer: str
    operator: str
    expected: Json
    actual: Json
    doubt: Doubt | None = None

    def to_json(self) -> JsonObject:
        return {
            "in": self.place,
            "pointer": self.pointer,
            "operator": self.operator,
            "expected": self.expected,
            "actual": self.actual,
        }

    @property
    def distance(self) -> float:
        """How far apart: more than 0.0, and 1.0 for each value that has nothing in common."""
        if self.doubt is not None:
            return 0.5
        is_likeness = self.place != "method" and self.operator not in _NEGATIVE
        if is_likeness and isinstance(self.expected, str) and isinstance(self.actual, str):
            return max(0.01, 1.0 - similarity(self.expected, self.actual))
        return float(count_leaves(self.expected)) if self.operator == "equalToJson" else 1.0


def judge(differences: Iterable[Difference]) -> bool | Difference:
    """True where nothing differs, False where something surely does, else a difference that is in doubt.

    For a request as it came, whatever may differ is enough to refuse it: a caller that asks for no more
    looks whether there is any difference.
    """
    doubtful: Difference | None = None
    for difference in differences:
        if difference.doubt is None:
            return False
        doubtful = doubtful or difference
    return True if doubtful is None else doubtful


def nearest(attempts: Iterable[Iterable[Difference]]) -> Sequence[Difference]:
    """The differences of the attempt that comes closest, none if one of the attempts has none.

    If it is in doubt whether an attempt has any, that alone is told.
    """
    failed: list[list[Difference]] = []
    doubtful: Difference | None = None
    for attempt in attempts:
        rest = iter(attempt)
        first = next(rest, None)
        if first is None:
            return ()
        # Beyond what is ranked it matters only whether an attempt fails.
        if len(failed) < _MAX_RANKED:
            found = [first, *rest]
            failed.append(found)
            rest = iter(found)
        elif first.doubt is None:
            continue
        else:
            rest = chain((first,), rest)
        if doubtful is None and first.doubt is not None and isinstance(verdict := judge(rest), Difference):
            doubtful = verdict
    if doubtful is not None:
        return (doubtful,)
    return failed[0] if len(failed) == 1 else min(failed, key=total_distance)


def total_distance(differences: Iterable[Difference]) -> float:
    return sum(difference.distance for difference in differences)


def similarity(left: str, right: str) -> float:
    """0.0 for nothing in common to 1.0 for equal, judged by the first 80 characters."""
    left, right = left[:_MAX_COMPARED], right[:_MAX_COMPARED]
    if left == right:
        return 1.0
    # Most texts differ in one spot, so what surrounds it is set aside first.
    total = len(left) + len(right)
    start = _count_same(left, right)
    left, right = left[start:], right[start:]
    end = _count_same(left[::-1], right[::-1])
    middle = SequenceMatcher(None, left[: len(left) - end], right[: len(right) - end], autojunk=False)
    same = start + end + sum(block.size for block in middle.get_matching_blocks())
    return 2.0 * same / total


def _count_same(left: str, right: str) -> int:
    """With how many characters both texts start."""
    for index, (one, other) in enumerate(zip(left, right, strict=False)):
        if one != other:
            return index
    return min(len(left), len(right))


def count_leaves(value: Json) -> int:
    """How many values without members a JSON value holds; an empty object or array counts as one."""
    if isinstance(value, dict):
        return max(1, sum(map(count_leaves, value.values())))
    if isinstance(value, list):
        return max(1, sum(map(count_leaves, value)))
    return 1
