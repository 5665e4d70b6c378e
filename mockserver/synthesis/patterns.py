"""Text that matches a regular expression, derived from a seed.

A pattern is read into a small tree whose nodes know the least and the most characters they can match, so
that text of a wanted length is written in one pass, without trial and error and without growing beyond
the limit. What the tree does not know (flags, word boundaries, anchors in odd places) is read over: every
text is checked with the real engine before it is given out.

Libraries that do this draw from a random sequence, and iterate over sets where a class is negated, so that
their text changes with the process; this one depends on nothing but the seed.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from mockserver.contract.schema_registry import Pattern, compile_pattern
from mockserver.regexes import Regex, compile_regex
from mockserver.seeds import Seed

# Inclusive ranges of code points.
_Ranges: TypeAlias = tuple[tuple[int, int], ...]

_MAX_GROUPS = 50
_TRIES = 8
# Stands for "no upper limit"; far above any length that is asked for.
_ENDLESS = 1_000_000
# A repetition makes the text at most this much longer than it must be.
_USUAL_SPARE = 8

_DIGITS: _Ranges = ((48, 57),)
_LETTERS: _Ranges = ((65, 90), (97, 122))
_PLAIN = _DIGITS + _LETTERS
_WORD: _Ranges = (*_PLAIN, (95, 95))
_SPACE: _Ranges = ((9, 10), (12, 13), (32, 32))
_PRINTABLE: _Ranges = ((32, 126),)
# Surrogates are no text.
_ANY: _Ranges = ((0, 0xD7FF), (0xE000, 0x10FFFF))
_PUNCTUATION: _Ranges = tuple((ord(sign), ord(sign)) for sign in string.punctuation)

# The ASCII part of each: enough to write text, and right in every engine.
_SHORTHANDS = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_PROPERTIES: dict[str, _Ranges] = {
    "L": _LETTERS, "Lu": ((65, 90),), "Ll": ((97, 122),), "N": _DIGITS, "Nd": _DIGITS, "P": _PUNCTUATION,
    "Z": ((32, 32),), "Zs": ((32, 32),), "Latin": _LETTERS,
}  # fmt: skip
_CONTROLS = {"n": 10, "t": 9, "r": 13, "f": 12, "v": 11, "a": 7}


def compile_any(pattern: str) -> Regex | Pattern:
    """A pattern compiled by the first engine that runs it. Raises ValueError with the reason in words."""
    try:
        return compile_regex(pattern)
    except ValueError:
        # Such as `a{1,2048}`.
        return compile_pattern(pattern)


def make_match(pattern: str, seed: Seed, *, min_length: int = 0, max_length: int = 10_000) -> str:
    """Text in which `pattern` is found, of `min_length` to `max_length` characters.

    Raises ValueError, with the reason in words, for a pattern that cannot be run, for one that has no
    match of such a length, and for one whose match was not found.
    """
    reason = _find_hindrance(pattern, min_length, max_length)
    text = None if reason else _find_match(pattern, seed, min_length, max_length)
    if text is None:
        raise ValueError(reason or _not_found(pattern, min_length, max_length))
    return text


def _not_found(pattern: str, min_length: int, max_length: int) -> str:
    return f"no match of {pattern!r} with {min_length} to {max_length} characters was found"


@lru_cache(maxsize=4_096)
def _read(pattern: str) -> tuple[Regex | Pattern, _Node]:
    return compile_any(pattern), _Reader(pattern).read()


@lru_cache(maxsize=4_096)
def _find_hindrance(pattern: str, min_length: int, max_length: int) -> str | None:
    """Why no match is found, whatever the seed: it costs all tries, so it is found out once."""
    try:
        if _read(pattern)[1].least > max_length:
            return f"a match of {pattern!r} is longer than {max_length} characters"
        found = _find_match(pattern, Seed("match"), min_length, max_length)
    except ValueError as error:
        return str(error)
    return _not_found(pattern, min_length, max_length) if found is None else None


def _find_match(pattern: str, seed: Seed, min_length: int, max_length: int) -> str | None:
    regex, node = _read(pattern)
    for turn in range(_TRIES):
        draw = _Draw(seed.at(str(turn)), is_wide=turn >= _TRIES // 2)
        low = max(min_length, node.least)
        high = min(max_length, node.most, low + _USUAL_SPARE)
        length = low + draw.below(high - low + 1) if low < high else min(low, node.most)
        text = _write(node, length - node.least, draw)
        for candidate in _lengthened(text, min_length, draw):
            if len(candidate) <= max_length and regex.search(candidate):
                return candidate
    return None


def _lengthened(text: str, min_length: int, draw: _Draw) -> Iterable[str]:
    """A pattern without anchors allows anything before and behind its match."""
    missing = min_length - len(text)
    if missing <= 0:
        return (text,)
    filler = "".join(chr(draw.one_of(((97, 122),))) for _ in range(missing))
    return (text + filler, filler + text)


class _Draw:
    """The choices made while one text is written."""

    def __init__(self, seed: Seed, *, is_wide: bool) -> None:
        self._seed = seed
        self._count = 0
        # Letters and digits read best; signs are drawn as well when they alone did not do.
        self._is_wide = is_wide

    def below(self, limit: int) -> int:
        self._count += 1
        return self._seed.at(str(self._count)).below(limit)

    def one_of(self, ranges: _Ranges) -> int:
        preferred = ranges if self._is_wide else _common(ranges, _PLAIN) or ranges
        index = self.below(sum(last - first + 1 for first, last in preferred))
        for first, last in preferred:
            if index <= last - first:
                return first + index
            index -= last - first + 1
        raise AssertionError("an index beyond its ranges")


# The tree. `least` and `most` count characters.


@dataclass(frozen=True, slots=True)
class _Chars:
    """One character out of these."""

    ranges: _Ranges
    least: int = 1
    most: int = 1


@dataclass(frozen=True, slots=True)
class _Sequence:
    parts: tuple[_Node, ...]
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class _Alternatives:
    branches: tuple[_Node, ...]
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class _Repeat:
    item: _Node
    low: int
    high: int
    least: int
    most: int


_Node: TypeAlias = _Chars | _Sequence | _Alternatives | _Repeat


def _sequence(parts: Sequence[_Node]) -> _Node:
    return _Sequence(
        tuple(parts), sum(part.least for part in parts), min(_ENDLESS, sum(part.most for part in parts))
    )


def _choice(branches: Sequence[_Node]) -> _Node:
    if len(branches) == 1:
        return branches[0]
    return _Alternatives(
        tuple(branches), min(branch.least for branch in branches), max(branch.most for branch in branches)
    )


def _repeat(item: _Node, low: int, high: int) -> _Node:
    return _Repeat(item, low, high, item.least * low, min(_ENDLESS, item.most * high))


_EMPTY = _sequence(())


def _write(node: _Node, spare: int, draw: _Draw) -> str:
    """Text of `node.least` to `node.least + spare` characters, as near to the latter as is easily done."""
    match node:
        case _Chars():
            return chr(draw.one_of(node.ranges))
        case _Sequence():
            return _write_in_turn(node.parts, spare, draw)
        case _Alternatives():
            length = node.least + spare
            fitting = [branch for branch in node.branches if branch.least <= length]
            best = [branch for branch in fitting if branch.most >= length] or [
                max(fitting, key=lambda branch: branch.most)
            ]
            branch = best[draw.below(len(best))]
            return _write(branch, length - branch.least, draw)
        case _Repeat():
            length = node.least + spare
            # As few as can fill the length, as many as fit into it.
            fewest = max(node.low, -(-length // node.item.most) if node.item.most else 0)
            most = max(node.low, min(node.high, length // max(node.item.least, 1)))
            count = fewest + draw.below(most - fewest + 1) if fewest < most else most
            return _write_in_turn([node.item] * count, length - count * node.item.least, draw)


def _write_in_turn(parts: Sequence[_Node], spare: int, draw: _Draw) -> str:
    """Each part gets an even share of the spare characters, and what the parts behind it cannot use."""
    texts = []
    room = sum(part.most - part.least for part in parts)
    for part in parts:
        own = part.most - part.least
        room_behind = room - own
        share = min(own, max(spare - room_behind, -(-spare * own // room) if room else 0))
        text = _write(part, share, draw)
        texts.append(text)
        spare -= len(text) - part.least
        room = room_behind
    return "".join(texts)


class _Reader:
    """Reads a pattern that the engine has accepted; so what is odd here is unknown here, not wrong."""

    _COUNTS = re.compile(r"\{(\d+)(,(\d*))?\}")
    _LOOK = re.compile(r"\(\?<?(?P<sign>[=!])")
    _GROUP = re.compile(r"\(\?(?:P?<\w+>|[a-zA-Z-]*(?P<end>[:)]))")

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._groups = 0

    def read(self) -> _Node:
        node = self._read_choice()
        if self._at < len(self._pattern):
            raise self._unknown()
        return node

    def _unknown(self) -> ValueError:
        return ValueError(f"{self._pattern!r} has a part at character {self._at} that cannot be made up")

    def _next(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self) -> str:
        if self._at >= len(self._pattern):
            raise self._unknown()
        self._at += 1
        return self._pattern[self._at - 1]

    def _read_choice(self) -> _Node:
        branches = [self._read_sequence()]
        while self._next() == "|":
            self._at += 1
            branches.append(self._read_sequence())
        return _choice(branches)

    def _read_sequence(self) -> _Node:
        parts = []
        while self._next() not in ("", "|", ")"):
            parts.append(self._read_counts(self._read_atom()))
        return _sequence(parts)

    def _read_counts(self, item: _Node) -> _Node:
        counts = self._COUNTS.match(self._pattern, self._at)
        if counts:
            low = int(counts[1])
            high = low if counts[2] is None else int(counts[3] or _ENDLESS)
            self._at = counts.end()
        elif self._next() and self._next() in "*+?":
            low, high = {"*": (0, _ENDLESS), "+": (1, _ENDLESS), "?": (0, 1)}[self._take()]
        else:
            return item
        if self._next() == "?":
            self._at += 1
        return _repeat(item, low, high)

    def _read_atom(self) -> _Node:
        sign = self._take()
        if sign == "(":
            return self._read_group()
        if sign == "[":
            return _Chars(_writable(self._read_class()))
        if sign == ".":
            return _Chars(_PRINTABLE)
        if sign in "^$":
            return _EMPTY
        if sign == "\\":
            if self._next() and self._next() in "bBAzZ":
                self._at += 1
                return _EMPTY
            return _Chars(_writable(self._read_escape()))
        return _Chars(((ord(sign), ord(sign)),))

    def _read_group(self) -> _Node:
        self._groups += 1
        if self._groups > _MAX_GROUPS:
            raise ValueError(f"a pattern may have at most {_MAX_GROUPS} groups to be made up")
        opening = self._GROUP.match(self._pattern, self._at - 1)
        looking = self._LOOK.match(self._pattern, self._at - 1)
        if looking:
            self._at = looking.end()
        elif opening:
            self._at = opening.end()
            if opening["end"] == ")":  # flags for what follows
                return _EMPTY
        node = self._read_choice()
        if self._take() != ")":
            raise self._unknown()
        # What is looked for is written, what must not be there is not.
        return _EMPTY if looking and looking["sign"] == "!" else node

    def _read_class(self) -> _Ranges:
        is_negated = self._next() == "^"
        self._at += is_negated
        ranges: _Ranges = ()
        is_first = True
        while is_first or self._next() != "]":
            is_first = False
            item = self._read_member()
            if self._next() == "-" and self._pattern[self._at + 1 : self._at + 2] != "]":
                self._at += 1
                item = ((item[0][0], self._read_member()[0][0]),)
            ranges += item
        self._at += 1
        return _others(ranges) if is_negated else ranges

    def _read_member(self) -> _Ranges:
        sign = self._take()
        return self._read_escape() if sign == "\\" else ((ord(sign), ord(sign)),)

    def _read_escape(self) -> _Ranges:
        sign = self._take()
        if sign.lower() in _SHORTHANDS:
            ranges = _SHORTHANDS[sign.lower()]
            return ranges if sign.islower() else _others(ranges)
        if sign in "pP":
            name = self._take()
            if name == "{":
                name = self._until("}")
            is_negated = (sign == "P") != name.startswith("^")
            ranges = _PROPERTIES.get(name.removeprefix("^"), ())
            if not ranges:
                raise self._unknown()
            return _others(ranges) if is_negated else ranges
        if sign == "x":
            digits = self._until("}") if self._next() == "{" else self._take() + self._take()
            code = int(digits.removeprefix("{"), 16)
        elif sign.isalnum() and sign not in _CONTROLS:
            raise self._unknown()
        else:
            code = _CONTROLS.get(sign, ord(sign))
        return ((code, code),)

    def _until(self, end: str) -> str:
        start = self._at
        self._at = self._pattern.find(end, start) + 1
        return self._pattern[start : self._at - 1]


def _others(ranges: _Ranges) -> _Ranges:
    """Every code point outside these."""
    free = []
    start = 0
    for first, last in sorted(ranges):
        if first > start:
            free.append((start, first - 1))
        start = max(start, last + 1)
    return (*free, (start, 0x10FFFF)) if start <= 0x10FFFF else tuple(free)


@lru_cache(maxsize=1_024)
def _common(ranges: _Ranges, others: _Ranges) -> _Ranges:
    both = ((max(a, c), min(b, d)) for a, b in ranges for c, d in others)
    return tuple((first, last) for first, last in both if first <= last)


def _writable(ranges: _Ranges) -> _Ranges:
    """Printable ASCII where the class has some, else whatever of it is text."""
    found = _common(ranges, _PRINTABLE) or _common(ranges, _ANY)
    if not found:
        raise ValueError("a character class of the pattern holds no character")
    return found
