"""Operators: how WireMock's content patterns are written (docs/request-matching), and what is read from them.

    {"equalTo": "t-17"}   {"matches": "t-.*"}   {"not": {"contains": "x"}}   {"absent": true}

A pattern has one operator and the members that belong to it. Where a value is not there, `anything`,
`doesNotContain`, `doesNotMatch` and a `not` of what misses it fit, as in WireMock.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from operator import eq, ge, gt, le, lt
from typing import Any, TypeVar

from mockserver import json_codec
from mockserver.contract.schema_registry import DIALECTS, compile_dialect
from mockserver.exceptions import ContractError, MalformedJson
from mockserver.json_codec import escape_pointer
from mockserver.redaction import holds_hidden, json_holds_hidden, redact
from mockserver.regexes import compile_regex
from mockserver.scripting.content_patterns import (
    AbsentPattern,
    AllOfPattern,
    AnyOfPattern,
    AnythingPattern,
    AnyValue,
    ContentPattern,
    EachPattern,
    EqualPattern,
    JsonEqualityPattern,
    JsonPathPattern,
    NotEachPattern,
    NotPattern,
    TestedPattern,
    ValuesPattern,
)
from mockserver.scripting.dates import (
    TRUNCATIONS,
    UNITS,
    DateFormat,
    ExpectedTime,
    Offset,
    read_relative,
    read_time,
)
from mockserver.scripting.differences import count_leaves
from mockserver.scripting.json_equality import JsonEquality, find_placeholders, read_placeholder
from mockserver.scripting.reading import Reading, keep, name_kind
from mockserver.scripting.subjects import Content
from mockserver.types import UNSET, Json, JsonObject, UnsetType

# Takes the members of a pattern, the pattern's pointer, and the reading that collects the problems.
Reader = Callable[[JsonObject, str, Reading], ContentPattern | None]


def read_content_pattern(
    document: Json, pointer: str, reading: Reading, *, beside: Collection[str] = ()
) -> ContentPattern | None:
    """The pattern of one value; None if it is refused, the problems are then in `reading`.

    `beside` names members of `document` that are no part of the pattern.
    """
    operator = _find_operator(document, pointer, reading, _OPERATORS, beside)
    return None if operator is None else _OPERATORS[operator].read(document, pointer, reading)


def read_values_pattern(document: Json, pointer: str, reading: Reading) -> ValuesPattern | None:
    """The pattern of all values of one name: any operator, or `hasExactly`, `includes`; None if refused."""
    operator = _find_operator(document, pointer, reading, (*_OPERATORS, *_EACH_OPERATORS))
    if operator is None:
        return None
    if operator in _EACH_OPERATORS:
        patterns = _read_patterns(document, operator, pointer, reading)
        return EachPattern(_list_document(operator, patterns), operator, patterns) if patterns else None
    negated = document.get("not") if isinstance(document, dict) else None
    if operator == "not" and isinstance(negated, dict) and not negated.keys().isdisjoint(_EACH_OPERATORS):
        # None of the values: `not` of a pattern for one value asks for some value that does not fit it.
        each = read_values_pattern(negated, f"{pointer}/not", reading)
        return None if each is None else NotEachPattern({"not": each.document}, each)
    pattern = _OPERATORS[operator].read(document, pointer, reading)
    if pattern is None:
        return None
    return AnyValue(pattern)


def _find_operator(
    document: Json, pointer: str, reading: Reading, known: Collection[str], beside: Collection[str] = ()
) -> str | None:
    """The one operator of a pattern; None if there is not exactly one. Refuses what does not belong to it."""
    if not isinstance(document, dict):
        kind = name_kind(document)
        reading.refuse(pointer, f'a pattern must be an object such as {{"equalTo": "…"}}, not {kind}')
        return None
    operators: list[str] = [name for name in document if name in known]
    own = {member for name in operators if name in _OPERATORS for member in _OPERATORS[name].modifiers}
    strange = [name for name in document if name not in known and name not in own and name not in beside]
    for name in strange:
        _refuse_member(name, pointer, reading, known)
    if len(operators) == 1:
        return operators[0]
    if operators:
        names = ", ".join(map(repr, operators))
        reading.refuse(pointer, f'a pattern has one operator, not {names}; join several with "and"')
    elif not strange:
        reading.refuse(pointer, f"the pattern has no operator; known: {', '.join(sorted(known))}")
    return None


def _refuse_member(name: str, pointer: str, reading: Reading, known: Collection[str]) -> None:
    place = f"{pointer}/{escape_pointer(name)}"
    owner = next((operator for operator, entry in _OPERATORS.items() if name in entry.modifiers), None)
    if owner is not None:
        reading.refuse(place, f"{name!r} belongs to {owner!r}, which is not here")
    elif name in _EACH_OPERATORS:
        reading.refuse(place, f"{name!r} is for query parameters, form parameters and headers")
    elif name in _UNSUPPORTED:
        reading.refuse(place, f"{name!r} is not supported: {_UNSUPPORTED[name]}")
    else:
        reading.refuse_unknown(place, name, known, "operator")


def _text_reader(
    operator: str, build: Callable[[str], Callable[[str], bool]], *, fits_absence: bool = False
) -> Reader:
    """The reader of an operator on texts. `build` makes the test, or raises ValueError with the reason."""

    def read(members: JsonObject, pointer: str, reading: Reading) -> ContentPattern | None:
        expected = reading.text(members, operator, pointer)
        if expected is None:
            return None
        try:
            test = build(expected)
        except ValueError as error:
            reading.refuse(f"{pointer}/{operator}", str(error))
            return None
        return TestedPattern(dict(members), operator, _of_text(test), fits_absence)

    return read


def _of_text(test: Callable[[str], bool]) -> Callable[[Content], bool]:
    return lambda content: test(content.text)


def _literal_reader(
    operator: str,
    build: Callable[[str], Callable[[str], bool]],
    *,
    fits_absence: bool = False,
    is_whole: bool = False,
) -> Reader:
    """The same for an operand that is text, a part of the value or the whole one: it is shown redacted.

    One that is redacted already, as in a stub that was exported, is compared with what redaction shows.
    """

    def read(members: JsonObject, pointer: str, reading: Reading) -> ContentPattern | None:
        expected = reading.text(members, operator, pointer)
        if expected is None:
            return None
        test = build(expected)
        if holds_hidden(expected):
            test = _after(reading.redact_whole, test)
        shown = (reading.redact_whole if is_whole else reading.redact)(expected)
        return TestedPattern({**members, operator: shown}, operator, _of_text(test), fits_absence)

    return read


def _after(redact: Callable[[str], str], test: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda text: test(redact(text))


def _read_equal_to(members: JsonObject, pointer: str, reading: Reading) -> ContentPattern | None:
    if reading.flag(members, "caseInsensitive", pointer):
        return _literal_reader("equalTo", _equals_ignoring_case, is_whole=True)(members, pointer, reading)
    expected = reading.text(members, "equalTo", pointer)
    if expected is None:
        return None
    shown = reading.redact_whole(expected)
    # A secret is known by its fingerprint here as in the journal, so nobody has to keep it.
    kept_test = _equals(shown)
    test = _after(reading.redact_whole, kept_test) if holds_hidden(shown) else _equals(expected)
    return EqualPattern({**members, "equalTo": shown}, test, kept_test)


def _equals(expected: str) -> Callable[[str], bool]:
    return lambda text: text == expected


def _equals_ignoring_case(expected: str) -> Callable[[str], bool]:
    folded = expected.casefold()
    return lambda text: text.casefold() == folded


def _contains(expected: str) -> Callable[[str], bool]:
    return lambda text: expected in text


def _does_not_contain(expected: str) -> Callable[[str], bool]:
    return lambda text: expected not in text


def _matches(pattern: str) -> Callable[[str], bool]:
    # As in WireMock the whole value is meant, and the dot stands for line breaks too.
    regex = compile_regex(f"(?s){pattern}")
    return lambda text: regex.fullmatch(text) is not None


def _does_not_match(pattern: str) -> Callable[[str], bool]:
    matches = _matches(pattern)
    return lambda text: not matches(text)


def _time_reader(operator: str, compare: Callable[[Any, Any], bool]) -> Reader:
    """The reader of "before" and its kin, by WireMock's rules for times without a zone, here UTC."""

    def read(members: JsonObject, pointer: str, reading: Reading) -> ContentPattern | None:
        text = reading.text(members, operator, pointer)
        offset = _read_date_offset(members, pointer, reading)
        format = _read_date_option(members, "actualFormat", DateFormat, pointer, reading)
        truncate_expected, truncate_actual = (
            _read_date_option(members, name, _find_truncation, pointer, reading)
            for name in ("truncateExpected", "truncateActual")
        )
        is_truncated_last = reading.flag(members, "applyTruncationLast", pointer)
        if text is None:
            return None
        expected, relative = None, None
        try:
            relative = read_relative(text)
            expected = read_time(text) if relative is None else None
            if expected is None and relative is None:
                right = "2026-01-31T12:00:00Z (RFC 3339) or 'now +3 days'"
                raise ValueError(f"{text!r} is no time such as {right}")
        except ValueError as error:
            reading.refuse(f"{pointer}/{operator}", str(error))
            return None
        time = ExpectedTime(expected, relative, offset, truncate_expected, is_truncated_last)

        def test(content: Content) -> bool:
            actual = read_time(content.text) if format is None else format.read(content.text)
            if actual is None:
                return False
            if truncate_actual is not None:
                actual = truncate_actual(actual)
            wanted = time.at(content.view.now_millis)
            if wanted.tzinfo is None:
                return compare(actual.replace(tzinfo=None), wanted)
            return compare(actual if actual.tzinfo else actual.replace(tzinfo=UTC), wanted)

        return TestedPattern(dict(members), operator, test)

    return read


Option = TypeVar("Option")


def _read_date_option(
    members: JsonObject, name: str, build: Callable[[str], Option], pointer: str, reading: Reading
) -> Option | None:
    text = reading.text(members, name, pointer) if name in members else None
    if text is None:
        return None
    try:
        return build(text)
    except ValueError as error:
        reading.refuse(f"{pointer}/{name}", str(error))
        return None


def _find_truncation(text: str) -> Callable[[datetime], datetime]:
    try:
        return TRUNCATIONS[text]
    except KeyError:
        raise ValueError(f"{text!r} is no truncation; known are {', '.join(TRUNCATIONS)}") from None


def _read_date_offset(members: JsonObject, pointer: str, reading: Reading) -> Offset | None:
    amount, unit = members.get("expectedOffset"), members.get("expectedOffsetUnit")
    if amount is None and unit is None:
        return None
    if type(amount) is not int or abs(amount) > 999_999:
        reading.refuse(
            f"{pointer}/expectedOffset", "must be a whole number, and 'expectedOffsetUnit' its unit"
        )
        return None
    if not isinstance(unit, str) or unit.lower() not in UNITS:
        reading.refuse(f"{pointer}/expectedOffsetUnit", f"must be one of {', '.join(UNITS)}")
        return None
    return Offset(amount, unit.lower())


def _number_reader(operator: str, compare: Callable[[Any, Any], bool]) -> Reader:
    def read(members: JsonObject, pointer: str, reading: Reading) -> ContentPattern | None:
        value = members[operator]
        expected = None if isinstance(value, bool | None | list | dict) else _read_number(str(value))
        if expected is None:
            reading.refuse(f"{pointer}/{operator}", f"{operator!r} must be a number, not {name_kind(value)}")
            return None

        def test(text: str) -> bool:
            actual = _read_number(text)
            return actual is not None and compare(actual, expected)

        return TestedPattern(dict(members), operator, _of_text(test))

    return read


def _read_number(text: str) -> Decimal | None:
    """A number as JSON writes it (RFC 8259, section 6), exact."""
    if len(text) > json_codec.MAX_NUMBER_LENGTH or not _NUMBER.fullmatch(text):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _read_equal_to_json(members: JsonObject, pointer: str, reading: Reading) -> ContentPattern | None:
    any_order = reading.flag(members, "ignoreArrayOrder", pointer)
    extra_elements = reading.flag(members, "ignoreExtraElements", pointer)
    written = members["equalToJson"]
    place = f"{pointer}/equalToJson"
    value = _read_json(written, place, reading)
    if value is UNSET:
        return None
    shown_value = _redact_literals(value) if reading.redact is not keep else value
    placeholders = {}
    for below, text in find_placeholders(value):
        try:
            placeholders[text] = read_placeholder(text)
        except ValueError as error:
            reading.refuse(place if isinstance(written, str) else place + below, str(error))
    shown = shown_value
    if isinstance(written, str):
        shown = written if shown_value == value else json_codec.dumps(shown_value).decode("utf-8")
    has_hidden = json_holds_hidden(shown_value)
    # As in `_read_equal_to`: where a secret is expected, fingerprints are compared.
    expected = shown_value if has_hidden else value
    equality = JsonEquality(expected, placeholders, any_order, extra_elements, False, has_hidden)
    kept = JsonEquality(shown_value, placeholders, any_order, extra_elements, True, has_hidden)
    return JsonEqualityPattern({**members, "equalToJson": shown}, equality, kept, count_leaves(value))


def _read_json(written: Json, pointer: str, reading: Reading) -> Json | UnsetType:
    """A JSON value that is written as it is, or as a text that holds it; UNSET if it is refused."""
    if not isinstance(written, str):
        return written
    try:
        return json_codec.loads(written.encode("utf-8", "surrogatepass"))[0]
    except MalformedJson as error:
        reading.refuse(pointer, f"the text is no JSON: {error}")
        return UNSET


def _redact_literals(value: Json) -> Json:
    """An expected value as it is shown. Patterns are shown as they are: redacted they would be others."""
    if isinstance(value, str):
        return value if next(find_placeholders(value), None) else redact(value)
    if isinstance(value, dict):
        return {redact(name): _redact_literals(item) for name, item in value.items()}
    return [_redact_literals(item) for item in value] if isinstance(value, list) else value


def _read_json_schema(members: JsonObject, pointer: str, reading: Reading) -> ContentPattern | None:
    version = members.get("schemaVersion", "V202012")
    if version not in DIALECTS:
        known = ", ".join(map(repr, DIALECTS))
        reading.refuse(f"{pointer}/schemaVersion", f"must be one of {known}, not {version!r}")
        version = "V202012"
    written = members["matchesJsonSchema"]
    place = f"{pointer}/matchesJsonSchema"
    schema = _read_json(written, place, reading)
    if schema is UNSET:
        return None
    try:
        compiled = compile_dialect(schema, DIALECTS[version])
    except ContractError as error:
        for problem in error.problems:
            if isinstance(written, str):
                reading.refuse(place, str(problem))
            else:
                reading.refuse(place + problem.pointer, problem.message)
        return None

    def test(content: Content) -> bool:
        value = content.json
        return value is not UNSET and compiled.is_valid(value)

    return TestedPattern(dict(members), "matchesJsonSchema", test)


def _read_json_path(members: JsonObject, pointer: str, reading: Reading) -> ContentPattern | None:
    written = members["matchesJsonPath"]
    place = f"{pointer}/matchesJsonPath"
    inner = None
    if isinstance(written, str):
        expression, at = written, place
    elif not isinstance(written, dict):
        reading.refuse(place, f"must be text, or an object with 'expression', not {name_kind(written)}")
        return None
    else:
        inner = read_content_pattern(written, place, reading, beside=("expression",))
        if "expression" not in written:
            reading.refuse(place, "'expression' is missing, a JSONPath such as $.name")
            return None
        text = reading.text(written, "expression", place)
        if text is None:
            return None
        expression, at = text, f"{place}/expression"
    # Its library takes long to load, and few stubs need it.
    from mockserver.scripting.json_paths import compile_json_path

    try:
        path = compile_json_path(expression)
    except ValueError as error:
        reading.refuse(at, str(error))
        return None
    # A regular expression would be another one.
    shown = expression if path.has_regex else reading.redact(expression)
    if isinstance(written, str):
        return JsonPathPattern({**members, "matchesJsonPath": shown}, path, shown, None)
    if inner is None:
        return None
    document = {**written, **inner.document, "expression": shown}
    return JsonPathPattern({"matchesJsonPath": document}, path, shown, inner)


def _read_absent(members: JsonObject, pointer: str, reading: Reading) -> ContentPattern | None:
    return AbsentPattern({**members, "absent": reading.flag(members, "absent", pointer)})


def _read_anything(members: JsonObject, pointer: str, reading: Reading) -> ContentPattern | None:
    # The operand means nothing; WireMock writes "anything" or "(always)".
    return AnythingPattern(dict(members))


def _read_and(members: JsonObject, pointer: str, reading: Reading) -> ContentPattern | None:
    patterns = _read_patterns(members, "and", pointer, reading)
    return AllOfPattern(_list_document("and", patterns), patterns) if patterns else None


def _read_or(members: JsonObject, pointer: str, reading: Reading) -> ContentPattern | None:
    patterns = _read_patterns(members, "or", pointer, reading)
    return AnyOfPattern(_list_document("or", patterns), patterns) if patterns else None


def _read_not(members: JsonObject, pointer: str, reading: Reading) -> ContentPattern | None:
    inner = read_content_pattern(members["not"], f"{pointer}/not", reading)
    return NotPattern({"not": inner.document}, inner) if inner else None


def _read_patterns(
    members: JsonObject, operator: str, pointer: str, reading: Reading
) -> tuple[ContentPattern, ...] | None:
    """The patterns of a list such as that of "and"; None if it is refused."""
    items = members[operator]
    place = f"{pointer}/{operator}"
    if not isinstance(items, list) or all(item is None for item in items):
        reading.refuse(place, f"{operator!r} must be an array of patterns, at least one")
        return None
    read = [
        read_content_pattern(item, f"{place}/{index}", reading)
        for index, item in enumerate(items)
        if item is not None
    ]
    patterns = tuple(pattern for pattern in read if pattern is not None)
    return patterns if len(patterns) == len(read) else None


def _list_document(operator: str, patterns: tuple[ContentPattern, ...]) -> JsonObject:
    return {operator: [pattern.document for pattern in patterns]}


@dataclass(frozen=True, slots=True)
class _Operator:
    """How one operator is read, and the members that may stand beside it."""

    read: Reader
    modifiers: tuple[str, ...] = ()


_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_DATE_OPTIONS = (
    "actualFormat", "expectedOffset", "expectedOffsetUnit", "truncateExpected", "truncateActual",
    "applyTruncationLast",
)  # fmt: skip
_EACH_OPERATORS = ("hasExactly", "includes")
_OPERATORS = {
    "equalTo": _Operator(_read_equal_to, ("caseInsensitive",)),
    "contains": _Operator(_literal_reader("contains", _contains)),
    "doesNotContain": _Operator(_literal_reader("doesNotContain", _does_not_contain, fits_absence=True)),
    "matches": _Operator(_text_reader("matches", _matches)),
    "doesNotMatch": _Operator(_text_reader("doesNotMatch", _does_not_match, fits_absence=True)),
    "equalToJson": _Operator(_read_equal_to_json, ("ignoreArrayOrder", "ignoreExtraElements")),
    "matchesJsonPath": _Operator(_read_json_path),
    "matchesJsonSchema": _Operator(_read_json_schema, ("schemaVersion",)),
    "before": _Operator(_time_reader("before", lt), _DATE_OPTIONS),
    "after": _Operator(_time_reader("after", gt), _DATE_OPTIONS),
    "equalToDateTime": _Operator(_time_reader("equalToDateTime", eq), _DATE_OPTIONS),
    "equalToNumber": _Operator(_number_reader("equalToNumber", eq)),
    "greaterThanNumber": _Operator(_number_reader("greaterThanNumber", gt)),
    "greaterThanEqualNumber": _Operator(_number_reader("greaterThanEqualNumber", ge)),
    "lessThanNumber": _Operator(_number_reader("lessThanNumber", lt)),
    "lessThanEqualNumber": _Operator(_number_reader("lessThanEqualNumber", le)),
    "absent": _Operator(_read_absent),
    "anything": _Operator(_read_anything),
    "and": _Operator(_read_and),
    "or": _Operator(_read_or),
    "not": _Operator(_read_not),
}
# What WireMock knows beyond that, and why it is not here.
_UNSUPPORTED = {
    "equalToXml": "XML bodies are only compared as text",
    "matchesXPath": "XML bodies are only compared as text",
    "binaryEqualTo": "bodies are compared as text or as JSON",
    "matchesPathTemplate": "'urlPathTemplate' of the request is",
}
