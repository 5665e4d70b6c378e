"""JSON by this project's rules: what is taken, what is refused, and that no text takes long to judge."""

from __future__ import annotations

import json
import math
import pickle
import re
from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from mockserver.exceptions import MalformedJson
from mockserver.json_codec import (
    DEEPEST,
    LONGEST_NUMBER,
    MAX_DEPTH,
    MAX_REPORTED,
    WrittenDecimal,
    WrittenFloat,
    dumps,
    dumps_canonical,
    dumps_pretty,
    escape_pointer,
    exact,
    forget_texts,
    loads,
    loads_in_pieces,
    loads_kept,
)
from tests.strategies import json_values

# Half a megabyte, as large as a body may well be. What is not linear in it would take minutes.
HALF = 2**19


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"null", None),
        (b" [] ", []),
        (b"\t{\n}\r", {}),
        (b'"x"', "x"),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'"\\u0000"', "\x00"),
        (b'{"a":{"b":[1,2.5,true,null]}}', {"a": {"b": [1, 2.5, True, None]}}),
        (b'{"":0,"__proto__":1,"$ref":2}', {"": 0, "__proto__": 1, "$ref": 2}),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None),
        (b'"' + b"[" * 1000 + b'"', "[" * 1000),
        (b'"' + b'\\"[' * 1000 + b'"', '"[' * 1000),
    ],
)
def test_json_is_read(data: bytes, value: Any) -> None:
    read, duplicates = loads(data)
    assert read == (value if value is not None else json.loads(data))
    assert duplicates == ()


def test_limits_can_be_given_and_what_was_let_in_is_read_again() -> None:
    deep, number = b"[" * DEEPEST + b"]" * DEEPEST, b"1" * LONGEST_NUMBER
    for text in (deep, number):
        with pytest.raises(MalformedJson):
            loads(text)
        assert loads(text, DEEPEST, LONGEST_NUMBER)[0] == loads_kept(text)
        with pytest.raises(MalformedJson):
            loads(text, DEEPEST - 1, LONGEST_NUMBER - 1)
    with pytest.raises(MalformedJson, match="deeper than 3 levels"):
        loads(b"[[[[]]]]", 3)
    with pytest.raises(MalformedJson, match="more than 30 characters"):
        loads(b"1" * 31, 64, 30)
    with pytest.raises(MalformedJson):
        loads_kept(b"[%b]" % deep)
    assert loads_kept(b"[%b]" % deep, around=1) == [loads_kept(deep)]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"", "empty", id="nothing"),
        pytest.param(b" \r\n", "empty", id="white space"),
        pytest.param(b"\xef\xbb\xbf{}", "byte order mark", id="byte order mark"),
        pytest.param(b"NaN", "NaN", id="NaN"),
        pytest.param(b"[-Infinity]", "-Infinity", id="-Infinity"),
        pytest.param(b'"\\ud800"', "lone surrogate", id="high surrogate"),
        pytest.param(b'{"\\udfff":1}', "lone surrogate", id="low surrogate in a name"),
        pytest.param(b'"\\ude00\\ud83d"', "lone surrogate", id="pair the wrong way round"),
        pytest.param(b'"\xed\xa0\x80"', "byte 1 is not UTF-8", id="surrogate in UTF-8"),
        pytest.param(b'"\xc0\xaf"', "byte 1 is not UTF-8", id="overlong UTF-8"),
        pytest.param('"ü"'.encode("utf-16"), "byte 0 is not UTF-8", id="UTF-16"),
        pytest.param(b"[" * 65 + b"]" * 65, "deeper than 64", id="65 levels"),
        pytest.param(b'{"a":' * 65 + b"1" + b"}" * 65, "deeper than 64", id="65 objects"),
        pytest.param(b"[" * 100_000, "deeper than 64", id="100,000 brackets"),
        pytest.param(b"1" * 10_001, "more than 10000", id="10,001 digits"),
        pytest.param(b"-" + b"1" * 10_001, "more than 10000", id="negative, 10,001 digits"),
        pytest.param(b"1e99999999999999999999", "exponent", id="an exponent beyond all"),
        pytest.param(b"[1,\n ]", "a value is expected at line 2 column 2", id="trailing comma"),
        pytest.param(b'{"a":1, }', "a member name .* line 1 column 9", id="trailing comma in an object"),
        pytest.param(b"[1 2]", "',' or the end is expected at line 1 column 4", id="no comma"),
        pytest.param(b'{"a" 1}', "':' is expected at line 1 column 6", id="no colon"),
        pytest.param(b"{a:1}", "a member name in double quotes is expected", id="a bare name"),
        pytest.param(b'["a', "a string without an end begins at line 1 column 2", id="cut off"),
        pytest.param(b"{} {}", "nothing more is expected at line 1 column 4", id="two documents"),
        pytest.param(b"01", "line 1 column", id="leading zero"),
        pytest.param(b"+1", "line 1 column", id="plus"),
        pytest.param(b".5", "line 1 column", id="no digit before the point"),
        pytest.param(b"0x1F", "line 1 column", id="hexadecimal"),
        pytest.param(b"'a'", "line 1 column", id="single quotes"),
        pytest.param(b"// x\n1", "line 1 column", id="comment"),
        pytest.param(b'"a\tb"', "control character", id="tab in a text"),
        pytest.param(b'"\\x41"', "escape", id="unknown escape"),
        pytest.param(b"True", "line 1 column", id="True"),
        pytest.param(b"[1\x00]", "line 1 column", id="NUL"),
    ],
)
def test_what_is_no_json_is_refused_with_the_reason_in_words(data: bytes, words: str) -> None:
    with pytest.raises(MalformedJson, match=words):
        loads(data)


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        ("[1, ]", ("Expecting value", 4), ("Illegal trailing comma before end of array", 2)),
        (
            '{"a":1,\n}',
            ("Expecting property name enclosed in double quotes", 8),
            ("Illegal trailing comma before end of object", 6),
        ),
    ],
)
def test_the_reason_is_the_same_in_each_version_of_python(
    text: str, old: tuple[str, int], new: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The standard library's words and places changed with Python 3.13."""
    said = []
    for message, place in (old, new):

        def refuse(*args: object, message: str = message, place: int = place, **options: object) -> None:
            raise json.JSONDecodeError(message, text, place)

        monkeypatch.setattr(json, "loads", refuse)
        with pytest.raises(MalformedJson) as caught:
            loads(text.encode())
        said.append(str(caught.value))
    assert said[0] == said[1]


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"9007199254740993", 9007199254740993),
        (b"-9223372036854775808", -(2**63)),
        (b"18446744073709551615", 2**64 - 1),
        (b"18446744073709551616", Decimal(2**64)),
        (b"-9223372036854775809", Decimal(-(2**63) - 1)),
        (b"1e400", WrittenDecimal("1e400")),
        (b"-1.5E+4000", Decimal("-1.5E4000")),
        (b"0.1", 0.1),
        (b"1e2", WrittenFloat("1e2")),
        (b"1e-400", WrittenFloat("1e-400")),
        (b"10.50", WrittenFloat("10.50")),
        (b"1234567890123456.78", WrittenFloat("1234567890123456.78")),
        (b"1" + b"0" * 400, Decimal(10) ** 400),
    ],
)
def test_numbers_are_kept_exact_whatever_their_size(data: bytes, value: Any) -> None:
    for text, expected in ((data, value), (b"[%b]" % data, [value]), (b'{"n":%b}' % data, {"n": value})):
        read, _ = loads(text)
        assert read == expected
        assert type(read) is type(expected)
        assert loads(dumps(read))[0] == expected
        assert dumps(read) == text, "written as it was read"
        assert dumps(deepcopy(read)) == dumps(pickle.loads(pickle.dumps(read))) == text


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True))
def test_a_number_is_written_and_compared_as_it_was_read(text: str) -> None:
    assume(text != "-0")
    read = loads(f'["1.0", {text}]'.encode())[0]
    assert dumps(read) == f'["1.0",{text}]'.encode()
    assert exact(read[1]) == Decimal(text)
    assert exact(forget_texts(read)[1]) == Decimal(text)


@pytest.mark.parametrize(
    ("data", "value", "duplicates"),
    [
        (b'{"a":1,"a":2}', {"a": 2}, ("/a",)),
        (b'{"a":1,"a":2,"a":3}', {"a": 3}, ("/a",)),
        (b'{"a":1,"\\u0061":2}', {"a": 2}, ("/a",)),
        (b'{"a" :1,"a"\n:2}', {"a": 2}, ("/a",)),
        (b'[{},{"a/b":{"x~":1,"x~":2}}]', [{}, {"a/b": {"x~": 2}}], ("/1/a~1b/x~0",)),
        (b'{"a":{"b":1,"b":2},"a":{"b":3,"b":4}}', {"a": {"b": 4}}, ("/a/b", "/a", "/a/b")),
        (b'{"a":"\\":","b":1}', {"a": '":', "b": 1}, ()),
    ],
)
def test_of_members_given_twice_the_last_one_counts_and_each_is_reported(
    data: bytes, value: Any, duplicates: tuple[str, ...]
) -> None:
    assert loads(data) == (value, duplicates)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"[" * HALF, id="brackets"),
        pytest.param(b'[{"":' * (HALF // 5), id="mixed brackets"),
        pytest.param(b'"' + b'\\"' * (HALF // 2), id="escaped quotes without an end"),
        pytest.param(b'"' + b"\\" * (HALF + 1), id="backslashes without an end"),
        pytest.param(b'"' * HALF, id="quotes"),
        pytest.param(b"[" + b'"[",' * (HALF // 4), id="brackets in texts"),
        pytest.param(b"1" * HALF, id="digits"),
        pytest.param(b"1e" + b"1" * HALF, id="digits of an exponent"),
        pytest.param(b" " * HALF + b"x", id="white space"),
        pytest.param(b'"' + b"\\ud800" * (HALF // 6) + b'"', id="lone surrogates"),
    ],
)
def test_no_text_takes_long_to_refuse(data: bytes) -> None:
    with pytest.raises(MalformedJson):
        loads(data)


LONG = b'"%b":{' % (b"x" * (HALF // 2))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b",".join(b'"%06d":1,"%06d":1' % (i, i) for i in range(HALF // 22)), id="different"),
        pytest.param(b",".join([b'"a":1'] * (HALF // 6)), id="equal"),
        pytest.param(LONG + b",".join([b'"a":1'] * (HALF // 12)) + b"}", id="equal, far down"),
        pytest.param(
            LONG + b",".join(b'"%d":0,"%d":0' % (i, i) for i in range(HALF // 40)) + b"}",
            id="different, far down",
        ),
    ],
)
def test_a_great_many_duplicates_are_reported_as_far_as_that_is_cheap(data: bytes) -> None:
    _, duplicates = loads(b"{%b}" % data)
    assert duplicates
    assert sum(map(len, duplicates[:-1])) <= MAX_REPORTED


def test_pointers_are_escaped() -> None:
    assert escape_pointer("a/b~c~1") == "a~1b~0c~01"


def test_json_is_written_short_or_for_people() -> None:
    value = {"b": [1, Decimal("1E+400")], "a": "ü\n"}
    assert dumps(value) == '{"b":[1,1E+400],"a":"ü\\n"}'.encode()
    assert dumps_canonical(value) == '{"a":"ü\\n","b":[1,1E+400]}'.encode()
    assert dumps_pretty({"a": [1]}) == b'{\n  "a": [\n    1\n  ]\n}'
    with pytest.raises(TypeError, match="set"):
        dumps({1, 2})


@given(json_values)
def test_what_was_written_is_read_back(value: Any) -> None:
    for write in (dumps, dumps_canonical, dumps_pretty):
        assert loads(write(value)) == (value, ())
    assert dumps_canonical(loads(json.dumps(value, indent=1).encode())[0]) == dumps_canonical(value)


def read_by_the_standard(data: bytes) -> Any:
    """What the standard library makes of a text, less what is refused on purpose. Raises ValueError."""

    def refuse(name: str) -> Any:
        raise ValueError(name)

    text = data.decode("utf-8")
    value = json.loads(text, parse_constant=refuse)
    json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def same(left: Any, right: Any) -> bool:
    """Equal, numbers as far as a double tells them apart."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[name], right[name]) for name in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, Decimal):
        return float(left) == float(right) or math.isinf(float(right))
    return bool(left == right)


TOKENS = st.sampled_from(
    [b"{", b"}", b"[", b"]", b":", b",", b'"a"', b'"a":', b'"', b"\\", b"\\u", b"d800", b"\\ude00", b"1",
     b"0", b"-", b".", b"e", b"E5", b"400", b"true", b"null", b"NaN", b" ", b"\n", b"\x00",
     b"\xff", b"\xc3\xbc"]
)  # fmt: skip
texts = st.lists(TOKENS, max_size=12).map(b"".join)


@settings(max_examples=500)
@given(texts | st.binary(max_size=40))
@example(b'{"a":1,"a":2}')
@example(b'{"a":9223372036854775808e0}')
def test_all_that_the_standard_library_reads_is_read_alike_and_nothing_else(data: bytes) -> None:
    try:
        expected = read_by_the_standard(data)
    except (ValueError, RecursionError):
        with pytest.raises(MalformedJson):
            loads(data)
    else:
        try:
            value, _ = loads(data)
        except MalformedJson as refusal:
            assert "byte order mark" in str(refusal) or "exponent" in str(refusal) or "deeper" in str(refusal)
        else:
            assert same(value, expected)


# In pieces.

ITEMS = st.lists(
    st.dictionaries(st.text(max_size=3) | st.sampled_from(["},{", '"', "[", "]"]), json_values, max_size=3),
    max_size=12,
)


@given(
    ITEMS, st.sampled_from([{}, {"b": 1}, {"b": {"c": "x"}}]), st.sampled_from([None, 1]), st.integers(1, 40)
)
def test_what_is_read_in_pieces_is_what_is_read_as_a_whole(
    items: list[Any], rest: dict[str, Any], indent: int | None, size: int
) -> None:
    for document in ({"a": items, **rest}, {**rest, "a": items}):
        text = json.dumps(document, indent=indent).encode()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("mockserver.json_codec._PIECE", size + len(json.dumps(rest, indent=1)) + 20)
            found = loads_in_pieces(text, 500)
        assert found in (document, None)
        assert found is None or list(found) == list(document)


def test_a_long_array_of_objects_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    document = {"mappings": [{"a": [{"b": "},{"}, {"c": number}]} for number in range(500)], "meta": {"x": 1}}
    read: list[int] = []
    monkeypatch.setattr("mockserver.json_codec._PIECE", 1_000)

    def note(data: bytes, *limits: int) -> Any:
        read.append(len(data))
        return loads(data, *limits)

    monkeypatch.setattr("mockserver.json_codec.loads", note)
    assert loads_in_pieces(dumps(document), 500) == document
    assert len(read) > 15
    assert max(read) < 1_100
    assert loads_in_pieces(dumps(document), 400) is None


@pytest.mark.parametrize(
    "text",
    [
        b"[{},{}]",
        b"{}",
        b"null",
        b'{"a":"[{},{}]"}',
        b'{"a":{"b":[{},{}]}}',
        b'{"a":[{},{}],"b":[]}',
        b'{"a":[{},{}]',
        b'{"a":[{},{}],}',
        b'{"a":[{},{"b":"\xff"}]}',
        b'{"a":[{}],"a":[{}]}',
        b"]{}[",
    ],
)
def test_what_cannot_be_cut_is_not_read(text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (12, 50):
        monkeypatch.setattr("mockserver.json_codec._PIECE", size)
        assert loads_in_pieces(text, 500) is None


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":[{},{},]}',
        b'{"a":[,{},{}]}',
        b'{"a":[{} {}]}',
        b'{"a" [{},{}]}',
        b'{"a":[{},\n{"\xc3\xa4":x},{}]}',
        b'{"a":[{},{"b":"\\x"},{}]}',
        b'{"a":[' + b'{"b":1},\n' * 40 + b'{"b"},{}' + b',{"b":1}' * 40 + b"]}",
        b'{"a":[' + b'{"b":1},\n' * 40 + b"  {]}",
    ],
)
def test_what_breaks_in_a_piece_is_refused_with_its_place(
    text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MalformedJson) as whole:
        loads(text)
    for size in (12, 50):
        monkeypatch.setattr("mockserver.json_codec._PIECE", size)
        with pytest.raises(MalformedJson, match=re.escape(str(whole.value))):
            loads_in_pieces(text, 500)


@given(ITEMS, st.sampled_from([{}, {"b": "x"}]), st.data())
def test_what_is_refused_in_pieces_is_no_json(
    items: list[Any], rest: dict[str, Any], data: st.DataObject
) -> None:
    text = json.dumps({**rest, "a": items}, indent=data.draw(st.sampled_from([None, 1]))).encode()
    place = data.draw(st.integers(0, len(text) - 1))
    some = data.draw(
        st.sampled_from([b"", b"]", b"[", b"{", b"}", b",", b'"', b"\\", b"x", b"\n", b"\xc3\xa4"])
    )
    text = text[:place] + some + text[place + data.draw(st.integers(0, 1)) :]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mockserver.json_codec._PIECE", data.draw(st.integers(20, 60)))
        try:
            loads_in_pieces(text, 500)
        except MalformedJson as error:
            refusal = str(error)
        else:
            return
    with pytest.raises(MalformedJson) as whole:
        loads(text)
    assert str(whole.value) == refusal
