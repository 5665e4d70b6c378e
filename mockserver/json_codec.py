"""Reading and writing JSON by this project's rules; the only module that knows the JSON libraries.

`loads` refuses what RFC 8259 refuses, and what no interoperable peer sends: a byte order mark, NaN and
Infinity, lone surrogates, nesting deeper than 64, unless another limit is given. It accepts duplicate members
(the last one counts, and each is reported) and numbers of any size, which it keeps exact.

A number that a double cannot hold as it was written (`1234567890123456.78`, `10.50`) is read as one that
remembers its text: a `WrittenFloat`, or a Decimal beyond the range of doubles and of 64 bits.

orjson reads what is plainly harmless. Whatever raises a doubt (a possible duplicate, depth, a number that
would lose something, any error) is read again by the standard library with all rules on: one place decides.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from functools import partial
from itertools import accumulate, islice
from operator import ne
from typing import Any, TypeAlias

import orjson

from mockserver.exceptions import MalformedJson
from mockserver.types import Json, JsonObject

MAX_DEPTH = 64
# A number with more digits than this is refused: reading it exactly costs more than it is worth to anybody.
MAX_NUMBER_LENGTH = 10_000
# The most that anybody may allow instead: what walks through a value does so by recursion.
DEEPEST = 100
LONGEST_NUMBER = 100_000

# Members that were given twice are reported until their pointers have so many characters together: a small
# text can hold a great many, each with a long one.
MAX_REPORTED = 10_000
# A text of so many bytes is not looked at to tell what its value takes.
_SHORT_TEXT = 1_024

# Possessive, and with the closing quote left open, so that a text without an end is looked at once.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_WHITE_SPACE = b" \t\r\n"
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_ONE_KIND_OF_BRACKETS = bytes.maketrans(b"{}", b"[]")
_STEPS = {ord("["): 1, ord("]"): -1}
_INT64 = range(-(2**63), 2**64)
# orjson reads an integer beyond 64 bits as a float. It has at least so many digits.
_DIGITS_ALIKE = bytes(48 if 48 <= byte <= 57 else 32 for byte in range(256))
_LONG_NUMBER = b"0" * 19
# A point or an exponent between digits, which a text can hold as well as a number.
_FRACTIONS_ALIKE = bytes(
    48 if 48 <= byte <= 57 or byte in b"+-" else 46 if byte in b".eE" else 32 for byte in range(256)
)
_STRING_OR_FRACTION = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|-?[0-9]++[.eE][0-9.eE+-]*+', re.DOTALL)


class WrittenFloat(float):
    """A number that would be written otherwise than it was read: `10.50`, `1e3`. `text` is as it was read."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> WrittenFloat:
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __getnewargs__(self) -> tuple[str]:  # type: ignore[override]
        return (self.text,)


class WrittenDecimal(Decimal):
    """The same for a number beyond the range of a double: `1e400`."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> WrittenDecimal:
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __reduce__(self) -> tuple[type[WrittenDecimal], tuple[str]]:
        return WrittenDecimal, (self.text,)

    def __copy__(self) -> WrittenDecimal:
        return self

    def __deepcopy__(self, memo: object) -> WrittenDecimal:
        return self


def exact(number: int | float | Decimal) -> int | Decimal:
    """A number by its digits, for comparing: that `0.1` and `0.10` are one number a double does not say."""
    if isinstance(number, WrittenFloat | WrittenDecimal):
        return Decimal(number.text)
    return Decimal(repr(number)) if isinstance(number, float) else number


def forget_texts(value: Json) -> Json:
    """A value whose numbers are plain int, float and Decimal, for a library that knows no others; the value
    itself where it has no others."""
    try:
        # It takes no number that remembers its text.
        orjson.dumps(value)
    except TypeError:
        return _forget_texts(value)
    return value


def _forget_texts(value: Json) -> Json:
    if isinstance(value, WrittenFloat | WrittenDecimal):
        return Decimal(value.text)
    if isinstance(value, dict):
        return {name: _forget_texts(item) for name, item in value.items()}
    return [_forget_texts(item) for item in value] if isinstance(value, list) else value


def loads(
    data: bytes, max_depth: int = MAX_DEPTH, max_number_length: int = MAX_NUMBER_LENGTH
) -> tuple[Json, tuple[str, ...]]:
    """Parse one JSON text, with at most so many levels, and characters in a number that is kept exact.

    Returns the value and the JSON pointers of members that were given more than once, the first
    `MAX_REPORTED` characters of them.
    Raises MalformedJson with the reason in words.
    """
    try:
        value = orjson.loads(data)
        is_flat = len(data) < 2 * max_depth or data.count(b"[") + data.count(b"{") <= max_depth
        text = orjson.dumps(value if is_flat else _wrap(value, _ORJSON_DEPTH - max_depth))
    except (orjson.JSONDecodeError, TypeError):
        return _loads_strictly(data, max_depth, max_number_length)
    # A value that is written as it was, but for white space, has lost nothing. A member that was given twice
    # is in the value once, and so is its colon. One that is written as an escape, or so many digits that some
    # may be lost, is left to the strict reading.
    if data.translate(None, _WHITE_SPACE) == text.translate(None, _WHITE_SPACE) or (
        data.count(b":") == text.count(b":")
        and data.find(b"\\u003") < 0
        and data.translate(_DIGITS_ALIKE).find(_LONG_NUMBER) < 0
        and not _loses_digits(data)
    ):
        return value, ()
    return _loads_strictly(data, max_depth, max_number_length)


# So many bytes of a long text are read in one go, in some hundredths of a second.
_PIECE = 1024 * 1024
# Between two objects of an array; at so many such places is tried to end a piece.
_BETWEEN = re.compile(rb"\}[ \t\r\n]*,(?=[ \t\r\n]*\{)")
_MAX_PLACES = 16


def loads_in_pieces(data: bytes | bytearray, most: int) -> JsonObject | None:
    """As `loads`, for an object with one long array of objects, not many more than `most`, and no other
    array, such as a list of stubs. It is read a piece at a time, and other threads have their turn in
    between. None for any other text, but MalformedJson is raised where a piece shows what is wrong with it.

    A piece that is an array of its own, once it stands in brackets, ends where one of the items ends: in any
    other place the closing bracket would close something else. So nothing has to be looked at twice.
    """
    start, end = data.find(b"[") + 1, data.rfind(b"]")
    if not 0 < start <= end or len(data) - (end - start) > _PIECE:
        return None
    piece = (0, bytes(data[:start]))
    try:
        frame, _ = loads(piece[1] + bytes(data[end:]))
        # The only array of the frame, if it is a member of its own.
        name = next((name for name, value in frame.items() if value == []), None)
        if name is None:
            return None
        items = frame[name]
        for piece in _cut(data, start, end):
            items += loads(piece[1], MAX_DEPTH - 1)[0]
            if len(items) > most:
                return None
    except AttributeError:
        return None
    except _Broken:
        raise
    except MalformedJson:
        _refuse_broken(data, *piece)
        return None
    return frame  # type: ignore[no-any-return]


def _cut(data: bytes | bytearray, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """The content of an array of objects as arrays of about a megabyte, each with the place of its first
    bracket. Raises MalformedJson where it cannot be cut."""
    while end - start > _PIECE:
        piece = b""
        for place in islice(_BETWEEN.finditer(data, start + _PIECE, end), _MAX_PLACES):
            piece = b"[%b]" % bytes(data[start : place.start() + 1])
            with suppress(orjson.JSONDecodeError):
                orjson.loads(piece)
                yield start - 1, piece
                start = place.end()
                break
        else:
            _refuse_broken(data, start - 1, piece)
            # The last items may be large ones.
            if end - start > 4 * _PIECE:
                raise MalformedJson("it cannot be cut")
            break
    yield start - 1, b"[%b]" % bytes(data[start:end])


# What is only wrong because a text was cut where an array or a string goes on.
_UNSURE = ("Extra data", "Unterminated string")


class _Broken(MalformedJson):
    """What is no JSON for sure, with the place."""


def _refuse_broken(data: bytes | bytearray, at: int, piece: bytes) -> None:
    """Raises _Broken where a piece, which begins at a place of a text, breaks that text as well. Its
    last bracket need not be one of the text."""
    if _is_too_deep(piece, MAX_DEPTH):
        return
    try:
        json.loads(piece.decode("utf-8"), parse_int=str, parse_float=str)
    except UnicodeDecodeError:
        return
    except json.JSONDecodeError as error:
        is_added = piece[-1:] != data[at + len(piece) - 1 : at + len(piece)]
        if error.pos < len(error.doc) - is_added and not error.msg.startswith(_UNSURE):
            words, place = _explain(error)
            raise _Broken(_place(words, data, at + len(error.doc[:place].encode()))) from None


def _place(words: str, data: bytes | bytearray, place: int) -> str:
    """What is wrong at a byte of a text."""
    # A piece at a time, as other threads have no turn while one is counted.
    line = 1 + sum(piece.count(b"\n") for piece in _slice(data, 0, place))
    start = data.rfind(b"\n", 0, place) + 1
    column = 1 + sum(len(piece.translate(None, _CONTINUATION)) for piece in _slice(data, start, place))
    return f"{words} at line {line} column {column}"


def _slice(data: bytes | bytearray, start: int, end: int) -> Iterator[bytes]:
    return (bytes(data[begin : min(end, begin + _PIECE)]) for begin in range(start, end, _PIECE))


# Bytes of UTF-8 that begin no character.
_CONTINUATION = bytes(range(0x80, 0xC0))


def _loses_digits(data: bytes) -> bool:
    """Whether a number in a JSON text would be written otherwise than it is."""
    if data.translate(_FRACTIONS_ALIKE).find(b"0.0") < 0:
        return False
    numbers = [token for token in _STRING_OR_FRACTION.findall(data) if token[0] != ord('"')]
    # Without a step in Python for each, which takes half as long.
    return any(map(ne, map(repr, map(float, numbers)), map(bytes.decode, numbers)))


def _wrap(value: Json, levels: int) -> Json:
    for _ in range(levels):
        value = [value]
    return value


def _find_orjson_depth() -> int:
    """How many levels orjson writes. A value in so many lists that these are full is measured in C."""
    levels = 0
    value: Json = []
    try:
        while levels < 10_000:
            orjson.dumps(value)
            levels, value = levels + 1, [value]
    except TypeError:
        pass
    return levels


_ORJSON_DEPTH = _find_orjson_depth()


def loads_kept(data: bytes, *, around: int = 0) -> Json:
    """A text that may have been let in under whatever limits, perhaps with so many levels put around it.

    Raises MalformedJson.
    """
    return loads(data, DEEPEST + around, LONGEST_NUMBER)[0]


def dumps(value: Json) -> bytes:
    """One line of compact UTF-8 JSON, members in the order given. Decimal is written as a number."""
    return orjson.dumps(value, default=_default)


def dumps_own(value: Json) -> tuple[bytes, bool]:
    """As `dumps`, for what is read again here; and whether only `loads_kept` reads all its numbers as they
    are, and not `loads_own`."""
    is_exact = False

    def write(item: Any) -> Any:
        nonlocal is_exact
        is_exact = True
        return _default(item)

    return orjson.dumps(value, default=write), is_exact


def loads_own(data: bytes) -> Json:
    """What `dumps_own` has written, read without the rules for what others write. Raises MalformedJson."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise MalformedJson(str(error)) from None


def prewrite(value: Json) -> Json:
    """A stand-in for a value, written already: `dumps` copies it as it is. For nothing else."""
    return orjson.Fragment(dumps(value))  # type: ignore[no-any-return, unused-ignore]


def measure(value: Json) -> int:
    """About how many bytes a JSON value takes in memory."""
    return measure_text(dumps(value))


def measure_text(text: bytes) -> int:
    """The same, of the value of a JSON text: each value, member and container costs more than what is written
    of it."""
    if len(text) <= _SHORT_TEXT:
        # As most take that people write; the most that any can take is three times as much.
        return 8 * len(text)
    values, members, objects, lists = map(text.count, (b",", b":", b"{", b"["))
    return len(text) + 60 * (values + members + lists) + 180 * objects


def trim(data: bytes) -> bytes:
    """The same bytes without the 4 KB that orjson leaves allocated behind its own: for what is kept."""
    return b"%b" % data


def dumps_canonical(value: Json) -> bytes:
    """The same bytes for equal values: members sorted, no white space."""
    return orjson.dumps(value, default=_default, option=orjson.OPT_SORT_KEYS)


def dumps_pretty(value: Json) -> bytes:
    """JSON for people: two spaces of indentation."""
    return orjson.dumps(value, default=_default, option=orjson.OPT_INDENT_2)


def _default(value: Any) -> Any:
    if isinstance(value, WrittenFloat | WrittenDecimal):
        return orjson.Fragment(value.text)
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(f"{type(value).__name__} is not JSON")


def _loads_strictly(data: bytes, max_depth: int, max_number_length: int) -> tuple[Json, tuple[str, ...]]:
    if not data.strip(_WHITE_SPACE):
        raise MalformedJson("the body is empty")
    if data.startswith(b"\xef\xbb\xbf"):
        raise MalformedJson("the text starts with a byte order mark")
    if _is_too_deep(data, max_depth):
        raise MalformedJson(f"nested deeper than {max_depth} levels")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedJson(f"byte {error.start} is not UTF-8") from None
    repeated: list[bool] = []
    try:
        # Objects with a repeated name arrive as _Pairs, so that it is still visible.
        tree = json.loads(
            text,
            object_pairs_hook=partial(_read_object, repeated),
            parse_int=partial(_read_int, max_number_length),
            parse_float=partial(_read_float, max_number_length),
            parse_constant=_refuse_constant,
        )
    except json.JSONDecodeError as error:
        words, place = _explain(error)
        raise MalformedJson(_place(words, data, len(text[:place].encode("utf-8")))) from None
    duplicates = _Duplicates()
    value = _plain(tree, None, duplicates) if repeated else tree
    try:
        orjson.dumps(value, default=_default)
    except TypeError:
        raise MalformedJson("a string holds a lone surrogate") from None
    return value, tuple(duplicates.pointers)


# How the standard library begins its sentences, which change with its version, and what is said here.
_REASONS = {
    "Expecting value": "a value is expected",
    "Expecting property name": "a member name in double quotes is expected",
    "Illegal trailing comma before end of array": "a value is expected",
    "Illegal trailing comma before end of object": "a member name in double quotes is expected",
    "Expecting ':'": "':' is expected",
    "Expecting ','": "',' or the end is expected",
    "Extra data": "nothing more is expected",
    "Unterminated string": "a string without an end begins",
    "Invalid control character": "a string holds a control character",
    "Invalid \\": "a string holds an escape sequence that JSON lacks",
}
_AFTER_COMMA = re.compile(r",[ \t\r\n]*")


def _explain(error: json.JSONDecodeError) -> tuple[str, int]:
    """What is wrong and at which character, the same in each version of Python."""
    words = next((ours for theirs, ours in _REASONS.items() if error.msg.startswith(theirs)), "is no JSON")
    place = error.pos
    # Newer versions name the comma before a missing value, older ones what stands after it.
    if error.msg.startswith("Illegal") and (comma := _AFTER_COMMA.match(error.doc, place)):
        place = comma.end()
    return words, place


class _Pairs(list[tuple[str, Any]]):
    """The members of one JSON object as read, repeated names included."""


def _read_object(repeated: list[bool], pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Pairs:
    """The members of one object; `repeated` gets an entry where a name is."""
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    repeated.append(True)
    return _Pairs(pairs)


_CONTAINERS = (dict, list, _Pairs)


# The way to a value from the root, the last step first; its pointer is made only if it is needed.
Way: TypeAlias = "tuple[Way, str | int] | None"


class _Duplicates:
    """Collects the pointers of members that were given more than once."""

    def __init__(self) -> None:
        self.pointers: list[str] = []
        self._room = MAX_REPORTED

    def add(self, way: Way) -> None:
        if self._room > 0:
            pointer = write_pointer(way)
            self._room -= len(pointer)
            self.pointers.append(pointer)


def _plain(tree: Any, way: Way, duplicates: _Duplicates) -> Json:
    """A value without _Pairs, whose members that were given more than once are noted in order."""
    if isinstance(tree, list) and not isinstance(tree, _Pairs):
        return [
            _plain(item, (way, index), duplicates) if type(item) in _CONTAINERS else item
            for index, item in enumerate(tree)
        ]
    members: dict[str, Any] = {}
    repeated: set[str] = set()
    for name, item in tree if isinstance(tree, _Pairs) else tree.items():
        if name in members and name not in repeated:
            repeated.add(name)
            duplicates.add((way, name))
        members[name] = _plain(item, (way, name), duplicates) if type(item) in _CONTAINERS else item
    return members


def write_pointer(way: Way) -> str:
    """The JSON pointer of the value that a way leads to."""
    tokens: list[str] = []
    while way is not None:
        way, token = way
        tokens.append(f"/{escape_pointer(str(token))}")
    return "".join(reversed(tokens))


def read_pointer(pointer: str) -> list[str]:
    """The reference tokens of a JSON pointer (RFC 6901, section 4)."""
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]


def read_index(token: str) -> int | None:
    """The place in a list that a reference token names; None for one that names none."""
    # It may be of any length, and Python reads no more than 4,300 digits.
    return int(token) if len(token) <= 15 and token.isascii() and token.isdecimal() else None


def escape_pointer(name: str) -> str:
    """One reference token of a JSON pointer (RFC 6901, section 3)."""
    return name.replace("~", "~0").replace("/", "~1")


def _is_too_deep(data: bytes, max_depth: int) -> bool:
    """Whether brackets are nested deeper than this, in a text that need not be JSON."""
    if data.count(b"[") + data.count(b"{") <= max_depth:
        return False
    # Without an escape, what stands between two quotes is a string.
    plain = _STRING.sub(b"", data) if b"\\" in data else b"".join(data.split(b'"')[::2])
    brackets = plain.translate(_ONE_KIND_OF_BRACKETS, _NO_BRACKETS)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > max_depth


def _read_int(max_length: int, text: str) -> int | Decimal:
    if len(text) <= 20 and (number := int(text)) in _INT64:
        return number
    return _exact(max_length, text)


def _read_float(max_length: int, text: str) -> float | Decimal:
    value = float(text)
    if repr(value) == text:
        return value
    if math.isinf(value):
        return _exact(max_length, text)
    if len(text) > max_length:
        raise MalformedJson(f"a number has more than {max_length} characters")
    return WrittenFloat(text)


def _exact(max_length: int, text: str) -> Decimal:
    if len(text) > max_length:
        raise MalformedJson(f"a number has more than {max_length} characters")
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise MalformedJson("a number has an exponent that cannot be held") from None
    if not number.is_finite():
        raise MalformedJson("a number has an exponent that cannot be held")
    return number if str(number) == text else WrittenDecimal(text)


def _refuse_constant(name: str) -> Any:
    raise MalformedJson(f"{name} is no JSON number")
