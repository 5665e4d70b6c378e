"""JSON equality: WireMock's `equalToJson`, with the placeholders of JsonUnit.

Numbers are equal by value (1 and 1.0), members have no order. `ignoreExtraElements` allows members that are
not expected and items after the expected ones; with `ignoreArrayOrder`, items anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import chain

from mockserver.json_codec import dumps_canonical, escape_pointer, exact
from mockserver.redaction import holds_hidden, redact_json
from mockserver.regexes import compile_regex
from mockserver.scripting.differences import Difference, Doubt
from mockserver.types import Json, is_number

OPERATOR = "equalToJson"
# How often two items are looked at before the rest of an array in any order counts as different: some
# hundreds of items that are expected loosely can be told apart, thousands would take minutes.
MAX_STEPS = 100_000
_PLACEHOLDER = "${json-unit."
_IGNORED_MEMBER = "${json-unit.ignore-element}"
_REGEX = "${json-unit.regex}"

Test = Callable[[Json], bool]


_TESTS: Mapping[str, Test] = {
    "${json-unit.any-string}": lambda value: isinstance(value, str),
    "${json-unit.any-number}": is_number,
    "${json-unit.any-boolean}": lambda value: isinstance(value, bool),
    "${json-unit.ignore}": lambda value: True,
    _IGNORED_MEMBER: lambda value: True,
}


@dataclass(frozen=True, slots=True)
class JsonEquality:
    """A comparison with one expected value. `placeholders` are the texts in it that stand for others.

    `is_kept` says that both values are redacted; `holds_hidden` that the expected one is, so that the other
    is compared as redaction shows it.
    """

    expected: Json
    placeholders: Mapping[str, Test]
    any_order: bool
    extra_elements: bool
    is_kept: bool = False
    holds_hidden: bool = False

    @property
    def has_regex(self) -> bool:
        """Whether a placeholder looks into the text that it stands for."""
        return any(text.startswith(_REGEX) for text in self.placeholders)

    def differences(self, actual: Json, place: str, pointer: str) -> Iterator[Difference]:
        """Every difference, each at its JSON pointer below `pointer`."""
        if self.holds_hidden and not self.is_kept:
            actual = redact_json(actual)
        return self._compare(self.expected, actual, place, pointer)

    def _compare(self, expected: Json, actual: Json, place: str, pointer: str) -> Iterator[Difference]:
        if isinstance(expected, dict) and isinstance(actual, dict):
            yield from self._compare_members(expected, actual, place, pointer)
        elif isinstance(expected, list) and isinstance(actual, list):
            compare = self._compare_unordered if self.any_order else self._compare_items
            yield from compare(expected, actual, place, pointer)
        elif self._is_doubtful(expected, actual):
            yield Difference(place, pointer, OPERATOR, expected, actual, Doubt.HIDDEN)
        elif not self._is_same(expected, actual):
            yield Difference(place, pointer, OPERATOR, expected, actual)

    def _is_doubtful(self, expected: Json, actual: Json) -> bool:
        """Whether a placeholder would have to look into what redaction hid."""
        return (
            self.is_kept
            and isinstance(actual, str)
            and isinstance(expected, str)
            and expected.startswith(_REGEX)
            and holds_hidden(actual)
        )

    def _is_same(self, expected: Json, actual: Json) -> bool:
        """Whether two values without members are equal."""
        if isinstance(expected, str):
            placeholder = self.placeholders.get(expected)
            return placeholder(actual) if placeholder else isinstance(actual, str) and expected == actual
        if is_number(expected) and is_number(actual):
            return exact(expected) == exact(actual)
        return type(expected) is type(actual) and bool(expected == actual)

    def _compare_members(
        self, expected: dict[str, Json], actual: dict[str, Json], place: str, pointer: str
    ) -> Iterator[Difference]:
        for name, item in expected.items():
            below = f"{pointer}/{escape_pointer(name)}"
            if name in actual:
                yield from self._compare(item, actual[name], place, below)
            elif item != _IGNORED_MEMBER:
                yield _missing(item, place, below)
        if not self.extra_elements:
            for name, item in actual.items():
                if name not in expected:
                    yield _unexpected(item, place, f"{pointer}/{escape_pointer(name)}")

    def _compare_items(
        self, expected: list[Json], actual: list[Json], place: str, pointer: str
    ) -> Iterator[Difference]:
        for index, item in enumerate(expected):
            if index < len(actual):
                yield from self._compare(item, actual[index], place, f"{pointer}/{index}")
            else:
                yield _missing(item, place, f"{pointer}/{index}")
        if not self.extra_elements:
            for index in range(len(expected), len(actual)):
                yield _unexpected(actual[index], place, f"{pointer}/{index}")

    def _compare_unordered(
        self, expected: list[Json], actual: list[Json], place: str, pointer: str
    ) -> Iterator[Difference]:
        partners = self._pair(expected, actual)
        paired = set(partners.values())
        free = [index for index in range(len(actual)) if index not in paired]
        # What found no partner is compared with what is left, in order: that tells most.
        for index, item in enumerate(expected):
            if index in partners:
                continue
            if free:
                other = free.pop(0)
                yield from self._compare(item, actual[other], place, f"{pointer}/{other}")
            else:
                yield _missing(item, place, f"{pointer}/{index}")
        if not self.extra_elements:
            for other in free:
                yield _unexpected(actual[other], place, f"{pointer}/{other}")

    def _pair(self, expected: list[Json], actual: list[Json]) -> dict[int, int]:
        """Which item each expected one is: equal ones first, which takes nothing from the others."""
        places: dict[bytes, list[int]] = {}
        for index in reversed(range(len(actual))):
            places.setdefault(dumps_canonical(actual[index]), []).append(index)
        partners: dict[int, int] = {}
        for index, item in enumerate(expected):
            if equal := places.get(dumps_canonical(item)):
                partners[index] = equal.pop()
        paired = set(partners.values())

        def fits(left: int, right: int) -> bool:
            return next(self._compare(expected[left], actual[right], "", ""), None) is None

        lefts = [index for index in range(len(expected)) if index not in partners]
        rights = [index for index in range(len(actual)) if index not in paired]
        return partners | _pair_up(lefts, rights, fits)


def find_placeholders(expected: Json, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Each text in an expected value that is written as a placeholder, with its JSON pointer."""
    if isinstance(expected, str):
        if expected.startswith(_PLACEHOLDER):
            yield pointer, expected
    elif isinstance(expected, dict):
        for name, item in expected.items():
            yield from find_placeholders(item, f"{pointer}/{escape_pointer(name)}")
    elif isinstance(expected, list):
        for index, item in enumerate(expected):
            yield from find_placeholders(item, f"{pointer}/{index}")


def read_placeholder(text: str) -> Test:
    """What a placeholder demands of a value. Raises ValueError with the reason in words.

    `${json-unit.any-string}`, `any-number`, `any-boolean`, `ignore`, `ignore-element` (which may be missing)
    and `${json-unit.regex}` with a pattern behind it, as in `${json-unit.regex}[A-Z]+`.
    """
    if text.startswith(_REGEX):
        regex = compile_regex(text.removeprefix(_REGEX))
        return lambda value: isinstance(value, str) and regex.fullmatch(value) is not None
    if text in _TESTS:
        return _TESTS[text]
    raise ValueError(f"{text!r} is no placeholder; known: {', '.join(sorted((*_TESTS, _REGEX)))}")


def _missing(expected: Json, place: str, pointer: str) -> Difference:
    if expected is None:
        return Difference(place, pointer, "absent", False, None)
    return Difference(place, pointer, OPERATOR, expected, None)


def _unexpected(actual: Json, place: str, pointer: str) -> Difference:
    return Difference(place, pointer, "absent", True, actual)


def _pair_up(lefts: list[int], rights: list[int], fits: Callable[[int, int], bool]) -> dict[int, int]:
    """As many pairs as possible, each left with one right that it fits (augmenting paths).

    Taking the first that fits would not do: of [any, 1] and [1, 2], "any" must leave the 1.
    """
    fits = cache(fits)
    right_of: dict[int, int] = {}
    left_of: dict[int, int] = {}
    steps = 0
    for position, start in enumerate(lefts):
        # The item in the same position is the likeliest.
        likeliest = rights[position : position + 1]
        asked_by: dict[int, int] = {}
        waiting = [start]
        for left in waiting:
            for right in chain(likeliest, rights):
                steps += 1
                if steps > MAX_STEPS:
                    return right_of
                if right in asked_by or not fits(left, right):
                    continue
                asked_by[right] = left
                if right in left_of:
                    waiting.append(left_of[right])
                    continue
                # A free one: each on the way to it hands over what it had.
                free: int | None = right
                while free is not None:
                    owner = asked_by[free]
                    right_of[owner], left_of[free], free = free, owner, right_of.get(owner)
                break
            else:
                continue
            break
    return right_of
