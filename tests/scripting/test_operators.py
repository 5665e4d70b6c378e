"""Each operator: what fits it, how it tells what does not, and which mistakes are refused where."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.exceptions import StubError
from mockserver.scripting.matchers import Difference, read_request_pattern
from mockserver.scripting.subjects import Subject

NAME_SCHEMA = {"type": "object", "required": ["name"]}


def find_differences(pattern: Any, *values: str) -> list[Difference]:
    """Between the pattern of the query parameter `x` and its values."""
    matcher = read_request_pattern({"queryParameters": {"x": pattern}})
    subject = Subject("GET", "/", {"x": list(values)} if values else {}, {}, b"", url="/")
    differences = list(matcher.differences(subject))
    assert (matcher.judge(subject) is True) == (not differences)
    assert (matcher.distance(subject) == 0.0) == (not differences)
    return differences


FITTING: list[tuple[Any, str]] = [
    ({"equalTo": "a"}, "a"),
    ({"equalTo": ""}, ""),
    ({"equalTo": "Ä", "caseInsensitive": True}, "ä"),
    ({"equalTo": "a", "caseInsensitive": False}, "a"),
    ({"contains": "b"}, "abc"),
    ({"doesNotContain": "x"}, "abc"),
    ({"matches": "a.c"}, "abc"),
    ({"matches": "a.*c"}, "a\nc"),
    ({"matches": "^[a-z]+$"}, "abc"),
    ({"doesNotMatch": "b"}, "abc"),
    ({"equalToJson": {"a": [1, 2]}}, '{"a": [1.0, 2]}'),
    ({"equalToJson": '{"a": 1}'}, '{"a": 1}'),
    (
        {"equalToJson": [1, {"a": 2}], "ignoreArrayOrder": True, "ignoreExtraElements": True},
        '[{"b":1,"a":2},1,3]',
    ),
    ({"equalToJson": {"a": "${json-unit.any-string}"}}, '{"a": "x"}'),
    ({"equalToJson": "null", "absent": None}, "null"),
    ({"equalToJson": {"a": None}}, '{"a": null}'),
    ({"or": [None, {"equalTo": "a", "caseInsensitive": None}]}, "a"),
    ({"matchesJsonPath": "$.a"}, '{"a": null}'),
    ({"matchesJsonPath": {"expression": "$.a", "equalTo": "x"}}, '{"a": "x"}'),
    ({"matchesJsonPath": {"expression": "$.a", "equalTo": "1"}}, '{"a": 1}'),
    ({"matchesJsonPath": {"expression": "$.a", "contains": '{"b":['}}, '{"a": {"b": [1]}}'),
    ({"matchesJsonPath": {"expression": "$.a", "equalToJson": {"b": 1}}}, '{"a": {"b": 1}}'),
    ({"matchesJsonPath": {"expression": "$..a", "equalTo": "2"}}, '[{"a": 1}, {"a": 2}]'),
    ({"matchesJsonPath": {"expression": "$.a", "absent": True}}, '{"b": 1}'),
    ({"matchesJsonPath": {"expression": "$.a", "or": [{"absent": True}, {"equalTo": "x"}]}}, "{}"),
    (
        {"matchesJsonPath": {"expression": "$.a", "and": [{"contains": "x"}, {"contains": "y"}]}},
        '{"a": "xy"}',
    ),
    ({"matchesJsonSchema": NAME_SCHEMA}, '{"name": 1}'),
    ({"matchesJsonSchema": '{"type": "array"}', "schemaVersion": "V202012"}, "[]"),
    ({"before": "2026-01-31T00:00:00Z"}, "2026-01-30T23:59:59Z"),
    ({"before": "2026-01-31T00:00:00Z"}, "2026-01-31T00:30:00+01:00"),
    ({"after": "2026-01-31T00:00:00Z"}, "Sat, 31 Jan 2026 00:00:01 GMT"),
    ({"after": "2026-01-31T00:00:00"}, "2026-01-31T00:30:00+01:00"),
    ({"equalToDateTime": "2026-01-31T00:00:00Z"}, "2026-01-31T01:00:00+01:00"),
    ({"equalToDateTime": "2026-01-31T00:00:00Z"}, "2026-01-31T00:00:00"),
    ({"before": "now +3 days"}, "1970-01-03T23:59:59Z"),
    ({"after": "now -1 months"}, "1970-01-01"),
    ({"after": "now", "expectedOffset": -1, "expectedOffsetUnit": "days"}, "1970-01-01"),
    (
        {
            "equalToDateTime": "now",
            "truncateExpected": "first day of year",
            "truncateActual": "first day of year",
        },
        "1970-07-07T12:00:00Z",
    ),
    (
        {
            "equalToDateTime": "now +7 days",
            "truncateExpected": "first day of month",
            "applyTruncationLast": True,
        },
        "1970-01-01T00:00:00Z",
    ),
    ({"equalToDateTime": "1970-01-31T00:00:00Z", "actualFormat": "dd/MM/yyyy"}, "31/01/1970"),
    ({"equalToDateTime": "1970-01-01T00:00:10Z", "actualFormat": "unix"}, "10"),
    ({"equalToDateTime": "1970-01-01T00:00:10Z", "actualFormat": "epoch"}, "10000"),
    ({"matchesJsonSchema": {"minimum": 5, "exclusiveMinimum": True}, "schemaVersion": "V4"}, "6"),
    ({"matchesJsonSchema": {"items": [{"type": "string"}]}, "schemaVersion": "V7"}, '["a", 1]'),
    ({"matchesJsonSchema": True, "schemaVersion": "V201909"}, "1"),
    ({"equalToNumber": 1}, "1.0"),
    ({"equalToNumber": "0.1"}, "0.10"),
    ({"equalToNumber": 0.1}, "1e-1"),
    ({"greaterThanNumber": 1}, "1.01"),
    ({"greaterThanEqualNumber": 1}, "1"),
    ({"lessThanNumber": 1}, "-2e3"),
    ({"lessThanEqualNumber": 1}, "1"),
    ({"absent": False}, "a"),
    ({"anything": "(always)"}, "a"),
    ({"and": [{"contains": "a"}, {"contains": "b"}]}, "ab"),
    ({"or": [{"equalTo": "a"}, {"equalTo": "b"}]}, "b"),
    ({"not": {"equalTo": "a"}}, "b"),
    ({"not": {"absent": True}}, "b"),
    ({"not": {"includes": [{"contains": "b"}]}}, "a"),
    ({"hasExactly": [{"equalTo": "a"}]}, "a"),
    ({"includes": [{"equalTo": "a"}]}, "a"),
]


@pytest.mark.parametrize(("pattern", "value"), FITTING, ids=str)
def test_a_value_that_fits_has_no_differences(pattern: Any, value: str) -> None:
    assert find_differences(pattern, value) == []


@pytest.mark.parametrize(
    ("pattern", "value", "differences"),
    [
        ({"equalTo": "a"}, "A", [("", "equalTo", "a", "A")]),
        ({"equalTo": "a", "caseInsensitive": True}, "b", [("", "equalTo", "a", "b")]),
        ({"contains": "x"}, "abc", [("", "contains", "x", "abc")]),
        ({"doesNotContain": "b"}, "abc", [("", "doesNotContain", "b", "abc")]),
        ({"matches": "b"}, "abc", [("", "matches", "b", "abc")]),
        ({"doesNotMatch": "a.*"}, "abc", [("", "doesNotMatch", "a.*", "abc")]),
        ({"equalToJson": {"a": 1}}, "no json", [("", "equalToJson", {"a": 1}, "no json")]),
        ({"equalToJson": '{"a": {"b": [1, 2]}}'}, '{"a": {"b": [1, 3]}, "c": 4}', [
            ("/a/b/1", "equalToJson", 2, 3), ("/c", "absent", True, 4),
        ]),
        ({"matchesJsonPath": "$.a"}, "{}", [("", "matchesJsonPath", "$.a", None)]),
        ({"matchesJsonPath": "$.a"}, "no json", [("", "matchesJsonPath", "$.a", None)]),
        (
            {"matchesJsonPath": {"expression": "$.a", "equalTo": "x"}},
            '{"a": "y"}', [("/a", "equalTo", "x", "y")],
        ),
        (
            {"matchesJsonPath": {"expression": "$.a", "equalTo": "x"}},
            "{}", [("", "matchesJsonPath", "$.a", None)],
        ),
        ({"matchesJsonPath": {"expression": "$.a", "doesNotContain": "x"}}, "{}", [
            ("", "matchesJsonPath", "$.a", None),
        ]),
        (
            {"matchesJsonPath": {"expression": "$.a", "absent": True}},
            '{"a": [1]}', [("/a", "absent", True, "[1]")],
        ),
        ({"matchesJsonPath": {"expression": "$[*].a", "equalTo": "abcd"}}, '[{"a": "x"}, {"a": "abcX"}]', [
            ("/1/a", "equalTo", "abcd", "abcX"),
        ]),
        ({"matchesJsonPath": {"expression": "$.a", "equalToJson": {"b": 1}}}, '{"a": {"b": 2}}', [
            ("/a/b", "equalToJson", 1, 2),
        ]),
        ({"matchesJsonSchema": NAME_SCHEMA}, "{}", [("", "matchesJsonSchema", NAME_SCHEMA, "{}")]),
        ({"matchesJsonSchema": NAME_SCHEMA}, "no json", [("", "matchesJsonSchema", NAME_SCHEMA, "no json")]),
        ({"before": "2026-01-31T00:00:00Z"}, "2026-01-31T00:00:00Z", [
            ("", "before", "2026-01-31T00:00:00Z", "2026-01-31T00:00:00Z"),
        ]),
        (
            {"after": "2026-01-31T00:00:00Z"},
            "yesterday", [("", "after", "2026-01-31T00:00:00Z", "yesterday")],
        ),
        ({"equalToDateTime": "2026-01-31T00:00:00"}, "2026-01-31T00:00:01Z", [
            ("", "equalToDateTime", "2026-01-31T00:00:00", "2026-01-31T00:00:01Z"),
        ]),
        ({"equalToNumber": 1}, "one", [("", "equalToNumber", 1, "one")]),
        ({"equalToNumber": 1}, "1_0", [("", "equalToNumber", 1, "1_0")]),
        ({"greaterThanNumber": 1}, "1", [("", "greaterThanNumber", 1, "1")]),
        ({"greaterThanEqualNumber": 1}, "0.9", [("", "greaterThanEqualNumber", 1, "0.9")]),
        ({"lessThanNumber": 1}, "1.0", [("", "lessThanNumber", 1, "1.0")]),
        ({"lessThanEqualNumber": "1"}, "1.1", [("", "lessThanEqualNumber", "1", "1.1")]),
        ({"absent": True}, "a", [("", "absent", True, "a")]),
        ({"and": [{"contains": "a"}, {"contains": "b"}]}, "c", [
            ("", "contains", "a", "c"), ("", "contains", "b", "c"),
        ]),
        ({"or": [{"equalTo": "abcd"}, {"equalTo": "wxyz"}]}, "wxy", [("", "equalTo", "wxyz", "wxy")]),
        ({"not": {"contains": "a"}}, "abc", [("", "not", {"contains": "a"}, "abc")]),
        ({"not": {"anything": "anything"}}, "a", [("", "not", {"anything": "anything"}, "a")]),
        ({"hasExactly": [{"equalTo": "b"}]}, "a", [("", "hasExactly", {"equalTo": "b"}, ["a"])]),
        ({"includes": [{"equalTo": "b"}]}, "a", [("", "includes", {"equalTo": "b"}, ["a"])]),
    ],
    ids=str,
)  # fmt: skip
def test_a_value_that_does_not_fit_has_these_differences(
    pattern: Any, value: str, differences: list[tuple[str, str, Any, Any]]
) -> None:
    assert find_differences(pattern, value) == [
        Difference("query", "/x" + pointer, operator, expected, actual)
        for pointer, operator, expected, actual in differences
    ]


@pytest.mark.parametrize(
    "pattern",
    [
        {"absent": True},
        {"anything": "(always)"},
        {"doesNotContain": "a"},
        {"doesNotMatch": "a"},
        {"not": {"equalTo": "a"}},
        {"or": [{"equalTo": "a"}, {"absent": True}]},
    ],
    ids=str,
)
def test_these_fit_where_there_is_no_value(pattern: Any) -> None:
    assert find_differences(pattern) == []


@pytest.mark.parametrize(
    ("pattern", "operator", "expected"),
    [
        ({"equalTo": ""}, "equalTo", ""),
        ({"equalTo": "", "caseInsensitive": True}, "equalTo", ""),
        ({"contains": ""}, "contains", ""),
        ({"matches": ".*"}, "matches", ".*"),
        ({"equalToJson": '{"a": 1}'}, "equalToJson", {"a": 1}),
        ({"matchesJsonPath": "$"}, "matchesJsonPath", "$"),
        ({"matchesJsonSchema": True}, "matchesJsonSchema", True),
        ({"before": "2026-01-31"}, "before", "2026-01-31"),
        ({"lessThanNumber": 9}, "lessThanNumber", 9),
        ({"absent": False}, "absent", False),
        ({"not": {"absent": True}}, "not", {"absent": True}),
        ({"hasExactly": [{"absent": True}]}, "hasExactly", {"absent": True}),
        ({"includes": [{"doesNotContain": "a"}]}, "includes", {"doesNotContain": "a"}),
    ],
    ids=str,
)
def test_these_need_a_value(pattern: Any, operator: str, expected: Any) -> None:
    assert find_differences(pattern) == [Difference("query", "/x", operator, expected, None)]


def test_one_of_several_values_is_enough() -> None:
    assert find_differences({"equalTo": "b"}, "a", "b") == []
    assert find_differences({"matches": "b+"}, "a", "bb") == []
    assert find_differences({"doesNotContain": "a"}, "a", "b") == []
    assert find_differences({"absent": True}, "a", "b") == [Difference("query", "/x", "absent", True, "a")]


@pytest.mark.parametrize("operator", ["equalTo", "contains"])
def test_of_several_values_the_nearest_is_told(operator: str) -> None:
    assert find_differences({operator: "abcd"}, "x", "abc", "ab") == [
        Difference("query", "/x", operator, "abcd", "abc")
    ]


def test_has_exactly_counts_the_values() -> None:
    pattern = {"hasExactly": [{"equalTo": "1"}, {"contains": "2"}]}
    assert find_differences(pattern, "12", "1") == []
    assert find_differences(pattern, "1", "2", "3") == [
        Difference("query", "/x", "hasExactly", pattern["hasExactly"], ["1", "2", "3"])
    ]
    assert find_differences(pattern, "1", "3") == [
        Difference("query", "/x", "hasExactly", {"contains": "2"}, ["1", "3"])
    ]
    assert len(find_differences(pattern)) == 2


def test_includes_allows_other_values() -> None:
    pattern = {"includes": [{"equalTo": "1"}, {"equalTo": "2"}]}
    assert find_differences(pattern, "3", "2", "1") == []
    assert find_differences(pattern, "3", "2") == [
        Difference("query", "/x", "includes", {"equalTo": "1"}, ["3", "2"])
    ]


def test_a_pattern_that_backtracking_engines_hang_on_returns() -> None:
    text = "a" * 50_000 + "b"
    assert find_differences({"matches": "(a+)+$"}, text) != []
    assert find_differences({"doesNotMatch": "(a+)+$"}, text) == []
    assert find_differences({"equalToJson": '"${json-unit.regex}(a+)+$"'}, f'"{text}"') != []


@given(st.text(max_size=40) | st.from_regex(r"\w{3}, \d+ \w{3} \d+ \d+:\d+:\d+ \w+", fullmatch=True))
def test_no_text_upsets_times_and_numbers(text: str) -> None:
    for operator in ("before", "after", "equalToDateTime"):
        assert len(find_differences({operator: "2026-01-31T00:00:00Z"}, text)) <= 1
    assert len(find_differences({"lessThanNumber": 1}, text)) <= 1


@pytest.mark.parametrize("edge", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_the_first_and_the_last_moment_are_compared(edge: str) -> None:
    assert find_differences({"equalToDateTime": edge}, edge) == []
    assert find_differences({"before": edge}, edge) != []


@pytest.mark.parametrize("number", ["1e999999999999999999999", "9" * 10_001, "٣", "1.", "NaN", ""])
def test_what_json_would_not_take_for_a_number_is_none(number: str) -> None:
    assert find_differences({"lessThanNumber": 1}, number) != []
    assert find_differences({"greaterThanNumber": 1}, number) != []


# Mistakes.


def find_problems(pattern: Any, *, member: str = "queryParameters") -> dict[str, str]:
    """Messages by pointer, below that of the pattern."""
    with pytest.raises(StubError) as caught:
        read_request_pattern({member: {"x": pattern}})
    start = f"/request/{member}/x"
    assert all(problem.pointer.startswith(start) for problem in caught.value.problems)
    return {problem.pointer.removeprefix(start): problem.message for problem in caught.value.problems}


@pytest.mark.parametrize(
    ("pattern", "pointer", "message"),
    [
        ("a", "", "not text"),
        ({}, "", "no operator"),
        ({"equalTo": "a", "contains": "b"}, "", "one operator, not 'equalTo', 'contains'"),
        ({"caseInsensitive": True}, "/caseInsensitive", "belongs to 'equalTo'"),
        ({"contains": "a", "ignoreArrayOrder": True}, "/ignoreArrayOrder", "belongs to 'equalToJson'"),
        ({"equalTo": "a", "caseInsensitive": "yes"}, "/caseInsensitive", "true or false, not text"),
        ({"equalTo": 5}, "/equalTo", "must be text, not a number"),
        ({"equalTo": None}, "", "has no operator"),
        ({"equalsTo": "a"}, "/equalsTo", "did you mean 'equalTo'?"),
        ({"a/b": "a"}, "/a~1b", "known:"),
        ({"contains": ["a"]}, "/contains", "not an array"),
        ({"matches": "(?=a)"}, "/matches", "RE2"),
        ({"matches": "a" * 3_000}, "/matches", "at most"),
        ({"doesNotMatch": "("}, "/doesNotMatch", "RE2"),
        ({"equalToJson": "{"}, "/equalToJson", "is no JSON"),
        ({"equalToJson": {"a": ["${json-unit.any}"]}}, "/equalToJson/a/0", "no placeholder"),
        ({"equalToJson": '{"a": "${json-unit.any}"}'}, "/equalToJson", "no placeholder"),
        ({"equalToJson": {}, "ignoreExtraElements": 1}, "/ignoreExtraElements", "true or false"),
        ({"matchesJsonPath": "a"}, "/matchesJsonPath", "RFC 9535"),
        ({"matchesJsonPath": 1}, "/matchesJsonPath", "must be text, or an object"),
        ({"matchesJsonPath": {"equalTo": "a"}}, "/matchesJsonPath", "'expression' is missing"),
        ({"matchesJsonPath": {"expression": "$.a"}}, "/matchesJsonPath", "no operator"),
        (
            {"matchesJsonPath": {"expression": 1, "equalTo": "a"}},
            "/matchesJsonPath/expression", "must be text",
        ),
        ({"matchesJsonPath": {"expression": "a", "equalTo": "a"}}, "/matchesJsonPath/expression", "RFC 9535"),
        ({"matchesJsonPath": {"expression": "$", "equalTo": 1}}, "/matchesJsonPath/equalTo", "must be text"),
        (
            {"matchesJsonPath": {"expression": "$", "includes": []}},
            "/matchesJsonPath/includes", "is for query",
        ),
        ({"matchesJsonSchema": 5}, "/matchesJsonSchema", "must be an object or a boolean"),
        ({"matchesJsonSchema": {"type": "text"}}, "/matchesJsonSchema/type", "text"),
        ({"matchesJsonSchema": '{"type": "text"}'}, "/matchesJsonSchema", "/type"),
        ({"matchesJsonSchema": "{"}, "/matchesJsonSchema", "is no JSON"),
        ({"matchesJsonSchema": True, "schemaVersion": "V3"}, "/schemaVersion", "'V4', 'V6'"),
        (
            {"matchesJsonSchema": {"exclusiveMinimum": 5}, "schemaVersion": "V4"},
            "/matchesJsonSchema", "no schema",
        ),
        ({"before": "now +3 lightyears"}, "/before", "no offset such as '3 days'"),
        ({"before": "soon"}, "/before", "'now +3 days'"),
        ({"after": "now", "actualFormat": "QQ"}, "/actualFormat", "letters: y, M"),
        ({"after": "now", "truncateExpected": "first day"}, "/truncateExpected", "first day of month"),
        ({"after": "now", "expectedOffset": 3}, "/expectedOffsetUnit", "one of seconds"),
        ({"after": "now", "expectedOffset": "3", "expectedOffsetUnit": "days"}, "/expectedOffset", "whole"),
        ({"after": "tomorrow"}, "/after", "RFC 3339"),
        ({"equalToDateTime": 5}, "/equalToDateTime", "must be text"),
        (
            {"before": "2026-01-31", "truncateActual": "today"},
            "/truncateActual", "known are first second",
        ),
        ({"equalToNumber": True}, "/equalToNumber", "must be a number, not a boolean"),
        ({"lessThanNumber": "one"}, "/lessThanNumber", "must be a number"),
        ({"absent": "yes"}, "/absent", "true or false"),
        ({"and": []}, "/and", "at least one"),
        ({"or": {"equalTo": "a"}}, "/or", "must be an array"),
        ({"and": [{"equalTo": "a"}, {"equalTo": 1}]}, "/and/1/equalTo", "must be text"),
        ({"not": {"matches": "("}}, "/not/matches", "RE2"),
        ({"not": "a"}, "/not", "must be an object"),
        ({"hasExactly": [{"hasExactly": [{"equalTo": "a"}]}]}, "/hasExactly/0/hasExactly", "is for query"),
        ({"includes": "a"}, "/includes", "must be an array"),
        ({"equalToXml": "<a/>"}, "/equalToXml", "not supported"),
        ({"matchesXPath": "//a"}, "/matchesXPath", "not supported"),
        ({"binaryEqualTo": "AQID"}, "/binaryEqualTo", "not supported"),
    ],
    ids=str,
)  # fmt: skip
def test_a_mistake_is_refused_at_its_pointer(pattern: Any, pointer: str, message: str) -> None:
    problems = find_problems(pattern)
    assert list(problems) == [pointer]
    assert message in problems[pointer]


def test_every_mistake_of_a_pattern_is_told() -> None:
    problems = find_problems(
        {"and": [{"equalTo": 1}, {"matches": "("}, {"not": {"or": [{"nonsense": 1}, {}]}}]}
    )
    assert list(problems) == [
        "/and/0/equalTo",
        "/and/1/matches",
        "/and/2/not/or/0/nonsense",
        "/and/2/not/or/1",
    ]


@pytest.mark.parametrize("member", ["cookies"])
def test_what_has_one_value_cannot_be_counted(member: str) -> None:
    problems = find_problems({"hasExactly": [{"equalTo": "a"}]}, member=member)
    assert "query parameters" in problems["/hasExactly"]


def test_none_of_several_values_can_be_asked_for() -> None:
    pattern = {"not": {"includes": [{"contains": "b"}]}}
    assert find_differences(pattern, "a", "c") == []
    assert find_differences(pattern) == []
    [difference] = find_differences(pattern, "a", "b")
    assert (difference.operator, difference.actual) == ("not", ["a", "b"])
    assert find_differences({"not": {"contains": "b"}}, "a", "b") == [], "some value that does not fit"
    assert find_differences({"not": {"hasExactly": [{"equalTo": "a"}]}}, "a", "b") == []
