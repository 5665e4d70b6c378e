"""Request patterns: read once, matched often, shown as they were read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.exceptions import StubError
from mockserver.redaction import redact, redact_bytes, redact_header
from mockserver.scripting.differences import Doubt
from mockserver.scripting.matchers import Difference, RequestMatcher, read_request_pattern
from mockserver.scripting.subjects import Subject


def make_subject(
    method: str = "POST",
    url: str = "/v1/api-keys/",
    *,
    query: dict[str, list[str]] | None = None,
    headers: dict[str, list[str]] | None = None,
    body: bytes = b"",
    path_parameters: dict[str, str] | None = None,
) -> Subject:
    path = url.partition("?")[0]
    return Subject(method, path, query or {}, headers or {}, body, url=url, path_parameters=path_parameters)


def find_differences(pattern: Any, subject: Subject) -> list[tuple[Any, ...]]:
    """Each as (in, pointer, operator, expected, actual)."""
    matcher = read_request_pattern(pattern)
    differences = list(matcher.differences(subject))
    assert (matcher.judge(subject) is True) == (not differences)
    assert (matcher.distance(subject) == 0.0) == (not differences)
    return [tuple(difference.to_json().values()) for difference in differences]


def find_problems(pattern: Any, **options: Any) -> list[tuple[str, str]]:
    with pytest.raises(StubError) as caught:
        read_request_pattern(pattern, **options)
    return [(problem.pointer, problem.message) for problem in caught.value.problems]


def test_an_empty_pattern_matches_everything() -> None:
    assert find_differences({}, make_subject()) == []


@pytest.mark.parametrize("method", ["POST", "post", "ANY", "any"])
def test_methods_that_match(method: str) -> None:
    assert find_differences({"method": method}, make_subject("POST")) == []


def test_several_methods_may_be_meant() -> None:
    pattern = {"method": ["GET", "put"]}
    assert find_differences(pattern, make_subject("PUT")) == []
    assert find_differences(pattern, make_subject("POST")) == [
        ("method", "", "equalTo", ["GET", "PUT"], "POST")
    ]


def test_another_method_is_a_difference() -> None:
    assert find_differences({"method": "get"}, make_subject("POST")) == [
        ("method", "", "equalTo", "GET", "POST")
    ]


@pytest.mark.parametrize(
    ("pattern", "url"),
    [
        ({"url": "/a"}, "/a"),
        ({"url": "/a?b=c&d"}, "/a?b=c&d"),
        ({"url": "/%61?b=%20"}, "/a?b=%20"),
        ({"urlPath": "/a/b"}, "/a/b?c=d"),
        ({"urlPath": "/a%20b/%C3%A9"}, "/a%20%62/%c3%a9"),
        ({"urlPattern": r"/a/[0-9]+\?b=.*"}, "/a/12?b=c"),
        ({"urlPathPattern": "/a/[0-9]+"}, "/a/12?b=c"),
        ({"urlPathTemplate": "/a/{b}/c"}, "/a/x%2Fy/c?d"),
        ({"urlPathTemplate": "/a/{b}/c"}, "/a/b/c/"),
    ],
    ids=str,
)
def test_urls_that_match(pattern: Any, url: str) -> None:
    assert find_differences(pattern, make_subject(url=url)) == []


@pytest.mark.parametrize(
    ("pattern", "url", "place", "operator"),
    [
        ({"url": "/a"}, "/a?b", "url", "equalTo"),
        ({"url": "/a?b=1&c=2"}, "/a?c=2&b=1", "url", "equalTo"),
        ({"url": "/a?b=%20"}, "/a?b=+", "url", "equalTo"),
        ({"urlPath": "/a"}, "/a/", "path", "equalTo"),
        ({"urlPath": "/a%2Fb"}, "/a/b", "path", "equalTo"),
        ({"urlPattern": "/a"}, "/a?b", "url", "matches"),
        ({"urlPathPattern": "/a"}, "/ab", "path", "matches"),
        ({"urlPathTemplate": "/a/{b}"}, "/a/b/c", "path", "matchesPathTemplate"),
        ({"urlPathTemplate": "/a/{b}"}, "/a//", "path", "matchesPathTemplate"),
    ],
    ids=str,
)
def test_urls_that_differ(pattern: Any, url: str, place: str, operator: str) -> None:
    expected = next(iter(pattern.values()))
    actual = url.partition("?")[0] if place == "path" else url
    assert find_differences(pattern, make_subject(url=url)) == [(place, "", operator, expected, actual)]


def test_path_parameters_are_those_of_the_template() -> None:
    pattern = {"urlPathTemplate": "/keys/{id}/x/{n}", "pathParameters": {"id": {"equalTo": "k 1"}}}
    assert find_differences(pattern, make_subject(url="/keys/k%201/x/2")) == []
    assert find_differences(pattern, make_subject(url="/keys/k2/x/2")) == [
        ("path", "/id", "equalTo", "k 1", "k2")
    ]


def test_path_parameters_without_a_url_are_those_of_the_operation() -> None:
    pattern = {"pathParameters": {"id": {"matches": "k.*"}}}
    assert find_differences(pattern, make_subject(path_parameters={"id": "k1"})) == []
    assert find_differences(pattern, make_subject()) == [("path", "/id", "matches", "k.*", None)]


def test_query_parameters() -> None:
    pattern = {"queryParameters": {"a/b": {"equalTo": "1"}, "c": {"absent": True}}}
    assert find_differences(pattern, make_subject(query={"a/b": ["0", "1"]})) == []
    assert find_differences(pattern, make_subject(query={"c": [""]})) == [
        ("query", "/a~1b", "equalTo", "1", None),
        ("query", "/c", "absent", True, ""),
    ]


def test_header_names_compare_without_case() -> None:
    pattern = {"headers": {"Content-TYPE": {"contains": "json"}}}
    assert find_differences(pattern, make_subject(headers={"content-type": ["application/json"]})) == []
    assert find_differences(pattern, make_subject(headers={"content-type": ["text/plain"]})) == [
        ("header", "/content-type", "contains", "json", "text/plain")
    ]


def test_cookies() -> None:
    pattern = {"cookies": {"session": {"matches": "[0-9]+"}}}
    assert find_differences(pattern, make_subject(headers={"cookie": ["a=b; session=12"]})) == []
    assert find_differences(pattern, make_subject(headers={"cookie": ["a=b"]})) == [
        ("cookie", "/session", "matches", "[0-9]+", None)
    ]


def test_form_parameters() -> None:
    pattern = {"formParameters": {"tool": {"hasExactly": [{"equalTo": "a b"}]}}}
    headers = {"content-type": ["application/x-www-form-urlencoded"]}
    assert find_differences(pattern, make_subject(headers=headers, body=b"tool=a+b")) == []
    assert find_differences(pattern, make_subject(headers=headers, body=b"tool=c")) == [
        ("body", "/tool", "hasExactly", {"equalTo": "a b"}, ["c"])
    ]


def test_every_body_pattern_counts() -> None:
    pattern = {
        "bodyPatterns": [{"contains": "x"}, {"equalToJson": {"a": {"b": 1}}}, {"matchesJsonPath": "$.c"}]
    }
    assert find_differences(pattern, make_subject(body=b'{"a": {"b": 2}}')) == [
        ("body", "", "contains", "x", '{"a": {"b": 2}}'),
        ("body", "/a/b", "equalToJson", 1, 2),
        ("body", "", "matchesJsonPath", "$.c", None),
    ]


def test_an_empty_body_is_an_empty_text_and_absent() -> None:
    empty = make_subject(body=b"")
    for pattern in ({"equalTo": ""}, {"absent": True}, {"doesNotContain": "a"}, {"or": [{"absent": True}]}):
        assert find_differences({"bodyPatterns": [pattern]}, empty) == []
    assert find_differences({"bodyPatterns": [{"absent": False}]}, empty) == [
        ("body", "", "absent", False, None)
    ]
    assert find_differences({"bodyPatterns": [{"absent": True}]}, make_subject(body=b"a")) == [
        ("body", "", "absent", True, "a")
    ]


@pytest.mark.parametrize("member", ["basicAuth", "basicAuthCredentials"])
def test_basic_credentials_are_the_authorization_header(member: str) -> None:
    pattern = {member: {"username": "jeff", "password": "teen:é"}}
    header = "Basic amVmZjp0ZWVuOsOp"
    assert find_differences(pattern, make_subject(headers={"authorization": [header]})) == []
    assert (
        find_differences(pattern, make_subject(headers={"authorization": [header.replace("B", "b")]})) == []
    )
    assert find_differences(pattern, make_subject(headers={"authorization": ["Basic abc"]})) == [
        ("header", "/authorization", "equalTo", header, "Basic abc")
    ]
    assert find_differences(pattern, make_subject()) == [
        ("header", "/authorization", "equalTo", header, None)
    ]


def test_matching_stops_at_the_first_difference() -> None:
    class Untouchable(Subject):
        @property
        def json(self) -> Any:
            raise AssertionError("the body was read")

    matcher = read_request_pattern({"method": "GET", "bodyPatterns": [{"equalToJson": {}}]})
    assert matcher.judge(Untouchable("POST", "/", {}, {}, b"{}", url="/")) is not True


# What an index needs.


@pytest.mark.parametrize(
    ("pattern", "methods", "literal_path", "literal_query"),
    [
        ({}, (), None, None),
        ({"method": "ANY", "urlPathPattern": "/a.*"}, (), None, None),
        ({"method": ["POST", "ANY"]}, (), None, None),
        ({"method": "post", "url": "/a%20b?c=d"}, ("POST",), "/a%20b", None),
        ({"method": ["post", "PUT", "Post"]}, ("POST", "PUT"), None, None),
        ({"urlPath": "/a"}, (), "/a", None),
        ({"urlPathTemplate": "/a/{b}"}, (), None, None),
        ({"queryParameters": {"a": {"matches": "1"}, "b": {"equalTo": "2"}}}, (), None, ("b", "2")),
        ({"queryParameters": {"a": {"equalTo": "1", "caseInsensitive": True}}}, (), None, None),
        ({"queryParameters": {"a": {"equalTo": "1", "caseInsensitive": False}}}, (), None, ("a", "1")),
        ({"headers": {"a": {"equalTo": "1"}}}, (), None, None),
    ],
    ids=str,
)
def test_what_must_be_equal_is_known(
    pattern: Any, methods: tuple[str, ...], literal_path: str | None, literal_query: Any
) -> None:
    matcher = read_request_pattern(pattern)
    assert (matcher.methods, matcher.literal_path, matcher.literal_query) == (
        methods,
        literal_path,
        literal_query,
    )


def test_what_is_paired_in_any_order_is_in_doubt_where_a_regex_meets_the_hidden() -> None:
    def ask(expected: Any, body: Any) -> bool | Difference:
        pattern = {"bodyPatterns": [{"equalToJson": expected, "ignoreArrayOrder": True}]}
        kept = redact_bytes(json.dumps(body).encode())
        matcher = read_request_pattern(pattern, redact=redact)
        return matcher.judge(Subject("POST", "/", {}, {}, kept, url="/", is_kept=True))

    regex = "${json-unit.regex}sk_.*"
    assert ask([regex, 1], [1, "sk_x", "y"]) is False, "nothing is hidden"
    assert isinstance(ask([regex, 1], [1, KEY]), Difference)
    assert ask([KEY, 1], [1, KEY]) is True


def test_a_pattern_that_was_exported_selects_by_what_redaction_shows() -> None:
    for expression in (f"$[?(@.key == '{KEY}')]", f"$['{KEY}']"):
        matcher = read_request_pattern({"bodyPatterns": [{"matchesJsonPath": expression}]}, redact=redact)
        assert KEY not in json.dumps(matcher.to_json())
        again = read_request_pattern(matcher.to_json(), redact=redact)
        right = make_subject(body=json.dumps({"key": KEY, KEY: 1}).encode())
        wrong = make_subject(body=json.dumps({"key": OTHER_KEY, OTHER_KEY: 1}).encode())
        for each in (matcher, again):
            assert each.judge(right) is True
            assert each.judge(wrong) is not True


# Multipart bodies.

UPLOAD = (
    b'preamble\r\n--b\r\nContent-Disposition: form-data; name="title"\r\n\r\nA text\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.json"\r\n'
    b'Content-Type: application/json\r\n\r\n{"id": 7}\r\n--b--\r\nepilogue'
)


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ({"name": "title", "bodyPatterns": [{"equalTo": "A text"}]}, True),
        ({"name": "title", "bodyPatterns": [{"equalTo": "Another"}]}, False),
        ({"name": "file", "headers": {"Content-Type": {"contains": "json"}},
          "bodyPatterns": [{"matchesJsonPath": {"expression": "$.id", "equalTo": "7"}}, None]}, True),
        ({"headers": {"Content-Disposition": {"contains": 'filename="a.json"'}}}, True),
        ({"name": "other"}, False),
        ({"matchingType": "ALL", "headers": {"content-disposition": {"contains": "form-data"}}}, True),
        ({"matchingType": "ALL", "bodyPatterns": [{"contains": "A"}]}, False),
        ({"matchingType": "ANY", "bodyPatterns": [{"contains": "A"}]}, True),
    ],
    ids=str,
)  # fmt: skip
def test_parts_of_a_multipart_body(pattern: Any, fits: bool) -> None:
    matcher = read_request_pattern({"multipartPatterns": [pattern, None]})
    headers = {"content-type": ['multipart/form-data; boundary="b"']}
    assert (matcher.judge(make_subject(headers=headers, body=UPLOAD)) is True) is fits
    assert matcher.judge(make_subject(headers={"content-type": ["text/plain"]}, body=UPLOAD)) is not True
    assert matcher.judge(make_subject(headers=headers, body=b"--b")) is not True
    assert read_request_pattern(matcher.to_json()).to_json() == matcher.to_json()


def test_a_secret_in_a_part_is_in_doubt_once_it_is_kept() -> None:
    pattern = {"multipartPatterns": [{"matchingType": "ALL", "bodyPatterns": [{"contains": "A"}]}]}
    matcher = read_request_pattern(pattern, redact=redact)
    headers = {"content-type": ["multipart/form-data; boundary=b"]}
    hidden = b"--b\r\nA: b\r\n\r\n" + redact("sk_test_4eC39HqLyjWDarjtT1zdp7dc").encode() + b"\r\n--b--"
    subject = Subject("POST", "/", {}, headers, hidden, url="/", is_kept=True)
    doubt = matcher.judge(subject)
    assert isinstance(doubt, Difference)
    assert doubt.doubt is Doubt.HIDDEN
    cut = matcher.judge(Subject("POST", "/", {}, headers, hidden, url="/", is_kept=True, is_cut=True))
    assert isinstance(cut, Difference)
    assert cut.doubt is Doubt.CUT


# Distance.


def rank(pattern: Any, *subjects: Subject) -> list[float]:
    matcher = read_request_pattern(pattern)
    return [matcher.distance(subject) for subject in subjects]


def test_nothing_in_common_is_one() -> None:
    assert rank({"method": "GET", "urlPath": "/a"}, make_subject("POST", "bbb")) == [1.0]


def test_the_url_counts_more_than_the_method_and_that_more_than_the_rest() -> None:
    pattern = {"method": "GET", "urlPath": "/abc", "headers": {"x": {"equalTo": "1"}}}
    right = {"x": ["1"]}
    distances = rank(
        pattern,
        make_subject("GET", "/abc", headers=right),
        make_subject("GET", "/abc"),
        make_subject("POST", "/abc", headers=right),
        make_subject("GET", "xyz", headers=right),
    )
    assert distances == [0.0, 1 / 14, 3 / 14, 10 / 14]


def test_likeness_shortens_the_distance() -> None:
    near, far = rank(
        {"urlPath": "/v1/api-keys/"}, make_subject(url="/v1/api-keys"), make_subject(url="/healthz")
    )
    assert 0.0 < near < 0.1 < far < 1.0


def test_a_group_counts_once_however_many_patterns_it_has() -> None:
    headers = {name: {"equalTo": "1"} for name in "abcd"}
    pattern = {"method": "GET", "headers": headers}
    assert rank(pattern, make_subject("GET", headers={"a": ["1"], "b": ["1"]})) == [0.5 / 4]


def test_each_field_of_a_json_body_counts() -> None:
    pattern = {"bodyPatterns": [{"equalToJson": {"a": 1, "b": [2, 3], "c": {"d": 4}}}]}
    bodies = (
        b'{"a": 1, "b": [2, 3], "c": {"d": 5}}',
        b'{"a": 1, "c": {"d": 4}}',
        b"[]",
        b"no json",
        b'{"x": 1, "y": 1, "z": 1}',
    )
    assert rank(pattern, *(make_subject(body=body) for body in bodies)) == [0.25, 0.5, 1.0, 1.0, 1.0]


@settings(max_examples=50)
@given(st.text("/ab%é1", max_size=30), st.text("ab%é1", max_size=30), st.binary(max_size=30))
def test_a_distance_is_a_fraction_and_zero_only_for_a_match(path: str, value: str, body: bytes) -> None:
    matcher = read_request_pattern(
        {
            "urlPath": "/" + path,
            "queryParameters": {"a": {"or": [{"contains": value}, {"equalTo": value}]}},
            "bodyPatterns": [{"not": {"equalTo": value}}, {"equalToJson": {"a": value}}],
        }
    )
    subject = make_subject(url="/a", query={"a": ["b", value[1:]]}, body=body)
    assert 0.0 <= matcher.distance(subject) <= 1.0
    assert (matcher.distance(subject) == 0.0) == (matcher.judge(subject) is True)


# Refusals.


@pytest.mark.parametrize(
    ("pattern", "pointer", "message"),
    [
        ([], "", "must be an object, not an array"),
        ({"method": 5}, "/method", "must be text, or an array of texts, not a number"),
        ({"method": ["GET", "G T"]}, "/method/1", "no method"),
        ({"method": []}, "/method", "at least one"),
        ({"method": {"oneOf": ["GET"]}}, "/method", "not an object"),
        ({"method": "GET POST"}, "/method", "no method such as POST"),
        ({"url": "a"}, "/url", "must start with '/'"),
        ({"urlPath": "http://localhost/a"}, "/urlPath", "must start with '/'"),
        ({"urlPath": "/a?b"}, "/urlPath", "use 'url'"),
        ({"urlPattern": "("}, "/urlPattern", "RE2"),
        ({"urlPathPattern": r"(a)\1"}, "/urlPathPattern", "RE2"),
        ({"urlPathTemplate": "/a/{b"}, "/urlPathTemplate", "not closed"),
        ({"urlPathTemplate": "/a/**"}, "/urlPathTemplate", "no path such as"),
        ({"urlPath": "/a", "urlPattern": "/b"}, "", "'urlPath' and 'urlPattern' cannot be given together"),
        (
            {"urlPathTemplate": "/a/{b}", "pathParameters": {"c": {"equalTo": "1"}}},
            "/pathParameters/c", "known: b",
        ),
        (
            {"urlPath": "/a", "pathParameters": {"a": {"equalTo": "1"}}},
            "/pathParameters", "needs 'urlPathTemplate'",
        ),
        ({"headers": ["a"]}, "/headers", "must be an object of patterns, not an array"),
        ({"headers": {"A/b": {"equalTo": 1}}}, "/headers/A~1b/equalTo", "must be text"),
        ({"cookies": {"a": "b"}}, "/cookies/a", "must be an object such as"),
        ({"bodyPatterns": {"equalTo": "a"}}, "/bodyPatterns", "must be an array"),
        ({"bodyPatterns": [{"hasExactly": []}]}, "/bodyPatterns/0/hasExactly", "is for query"),
        ({"basicAuth": {"username": "a"}}, "/basicAuth", "'username' and 'password'"),
        ({"basicAuth": {"username": "a", "password": 1}}, "/basicAuth/password", "must be text"),
        ({"scheme": "https"}, "/scheme", "not supported"),
        ({"host": {"equalTo": "a"}}, "/host", "not supported"),
        ({"port": 80}, "/port", "not supported"),
        ({"clientIp": {"equalTo": "127.0.0.1"}}, "/clientIp", "not supported"),
        ({"multipartPatterns": {}}, "/multipartPatterns", "must be an array"),
        ({"multipartPatterns": [1]}, "/multipartPatterns/0", "must be an object"),
        ({"multipartPatterns": [{"nme": "a"}]}, "/multipartPatterns/0/nme", "did you mean 'name'?"),
        ({"multipartPatterns": [{"matchingType": "X"}]}, "/multipartPatterns/0/matchingType", "'ANY' or"),
        ({"multipartPatterns": [{"name": 1}]}, "/multipartPatterns/0/name", "must be text"),
        ({"multipartPatterns": [{"headers": {"a": {"x": 1}}}]}, "/multipartPatterns/0/headers/a/x", "known"),
        ({"customMatcher": {"name": "a"}}, "/customMatcher", "not supported"),
        ({"querryParameters": {}}, "/querryParameters", "did you mean 'queryParameters'?"),
        ({"~": 1}, "/~0", "known: basicAuth"),
    ],
    ids=str,
)  # fmt: skip
def test_a_mistake_is_refused_at_its_pointer(pattern: Any, pointer: str, message: str) -> None:
    [(found, told)] = find_problems(pattern)
    assert found == "/request" + pointer
    assert message in told


def test_every_mistake_is_told_at_once_below_the_pointer_given() -> None:
    pattern = {
        "method": 1,
        "urlPathPattern": "(",
        "url": "a",
        "nonsense": 1,
        "headers": {"a": {"equalTo": 1}, "b": {"matches": "("}},
        "queryParameters": {"c": {"absent": 1}},
        "basicAuth": {"username": 1, "password": 2},
        "bodyPatterns": [{"equalTo": "a"}, {}, {"equalToJson": "{"}],
    }
    assert sorted(pointer for pointer, _ in find_problems(pattern, pointer="/mappings/3/request")) == [
        "/mappings/3/request",
        "/mappings/3/request/basicAuth/password",
        "/mappings/3/request/basicAuth/username",
        "/mappings/3/request/bodyPatterns/1",
        "/mappings/3/request/bodyPatterns/2/equalToJson",
        "/mappings/3/request/headers/a/equalTo",
        "/mappings/3/request/headers/b/matches",
        "/mappings/3/request/method",
        "/mappings/3/request/nonsense",
        "/mappings/3/request/queryParameters/c/absent",
        "/mappings/3/request/url",
        "/mappings/3/request/urlPathPattern",
    ]


def test_credentials_are_given_once() -> None:
    credentials = {"username": "a", "password": "b"}
    problems = find_problems({"basicAuth": credentials, "basicAuthCredentials": credentials})
    assert problems == [("/request", "'basicAuth' and 'basicAuthCredentials' cannot be given together")]
    problems = find_problems({"basicAuth": credentials, "headers": {"AUTHORIZATION": {"absent": True}}})
    assert [pointer for pointer, _ in problems] == ["/request/basicAuth"]


# Round trip.

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | texts,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(texts, children, max_size=3),
    max_leaves=6,
)
content_patterns: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.fixed_dictionaries({"equalTo": texts}, optional={"caseInsensitive": st.booleans()}),
        st.fixed_dictionaries({"contains": texts}),
        st.fixed_dictionaries({"doesNotContain": texts}),
        st.sampled_from(
            [{"matches": "a+"}, {"doesNotMatch": "[^b]"}, {"absent": True}, {"anything": "anything"}]
        ),
        st.sampled_from([{"before": "2026-01-31"}, {"equalToNumber": 1.5}, {"lessThanNumber": "2"}]),
        st.sampled_from([{"matchesJsonPath": "$.a"}, {"matchesJsonSchema": {"type": "object"}}]),
        st.fixed_dictionaries(
            {"equalToJson": json_values.filter(lambda value: not isinstance(value, str | None))},
            optional={"ignoreArrayOrder": st.booleans(), "ignoreExtraElements": st.booleans()},
        ),
        st.builds(lambda value: {"equalToJson": json.dumps(value, indent=1)}, json_values),
    ),
    lambda inner: st.one_of(
        st.builds(lambda patterns: {"and": patterns}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda patterns: {"or": patterns}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda pattern: {"not": pattern}, inner),
        st.builds(lambda pattern: {"matchesJsonPath": {"expression": "$.a", **pattern}}, inner),
    ),
    max_leaves=4,
)
values_patterns = content_patterns | st.builds(
    lambda operator, patterns: {operator: patterns},
    st.sampled_from(["hasExactly", "includes"]),
    st.lists(content_patterns, min_size=1, max_size=2),
)
request_patterns = st.builds(
    lambda method_and_rest, url: {**method_and_rest, **url},
    st.fixed_dictionaries(
        {},
        optional={
            "method": st.sampled_from(["ANY", "GET", "post"]),
            "queryParameters": st.dictionaries(texts, values_patterns, max_size=2),
            "headers": st.dictionaries(
                texts.filter(lambda name: name != "AUTHORIZATION"), values_patterns, max_size=2
            ),
            "cookies": st.dictionaries(texts, content_patterns, max_size=2),
            "formParameters": st.dictionaries(texts, values_patterns, max_size=2),
            "bodyPatterns": st.lists(content_patterns, max_size=2),
            "basicAuth": st.fixed_dictionaries({"username": texts, "password": texts}),
        },
    ),
    st.sampled_from(
        [
            {},
            {"url": "/a%20b?c"},
            {"urlPath": "/a"},
            {"urlPattern": "/a.*"},
            {"urlPathPattern": "/a.*"},
            {"urlPathTemplate": "/{a}", "pathParameters": {"a": {"equalTo": "b"}}},
        ]
    ),
)


@settings(max_examples=150)
@given(request_patterns)
def test_a_pattern_is_shown_as_it_was_read(pattern: Any) -> None:
    matcher = read_request_pattern(pattern)
    assert matcher.to_json() == pattern
    assert json.dumps(matcher.to_json()) == json.dumps(pattern), "the order of members is kept"
    assert read_request_pattern(matcher.to_json()).to_json() == matcher.to_json()


@settings(max_examples=100)
@given(request_patterns, st.binary(max_size=20))
def test_matching_distance_and_differences_agree(pattern: Any, body: bytes) -> None:
    matcher = read_request_pattern(pattern)
    subject = make_subject("GET", "/a", query={"a": ["1", ""]}, body=body)
    differences = list(matcher.differences(subject))
    assert (matcher.judge(subject) is True) == (differences == []) == (matcher.distance(subject) == 0.0)
    assert 0.0 <= matcher.distance(subject) <= 1.0
    json.dumps([difference.to_json() for difference in differences])


def test_what_is_shown_is_apart_from_what_is_matched() -> None:
    pattern: Any = {"headers": {"a": {"equalTo": "b"}}, "bodyPatterns": [{"equalToJson": {"c": [1]}}]}
    matcher = read_request_pattern(pattern)
    matcher.to_json()["bodyPatterns"].clear()
    pattern["bodyPatterns"][0]["equalToJson"]["c"].append(2)
    assert matcher.to_json() == {
        "headers": {"a": {"equalTo": "b"}},
        "bodyPatterns": [{"equalToJson": {"c": [1]}}],
    }
    assert matcher.judge(make_subject(headers={"a": ["b"]}, body=b'{"c": [1]}')) is True


# Redaction.

KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
OTHER_KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dX"


def make_redacted(key: str, *, header: str = "Bearer {}", cookie: str = "hush") -> Subject:
    """A request with a key in every place, redacted as the journal does it."""
    headers = {"authorization": header.format(key), "cookie": f"session={cookie}", "x-key": key}
    return Subject(
        "POST",
        redact(f"/v1/{key}"),
        {"key": [redact(key)]},
        {name: [redact_header(name.encode(), value.encode()).decode()] for name, value in headers.items()},
        redact_bytes(json.dumps({"key": key, "list": [key]}).encode()),
        url=redact(f"/v1/{key}?key={key}"),
        is_kept=True,
    )


def make_raw(key: str) -> Subject:
    """The same request as it came."""
    headers = {"authorization": f"Bearer {key}", "cookie": "session=hush", "x-key": key}
    return Subject(
        "POST",
        f"/v1/{key}",
        {"key": [key]},
        {name: [value] for name, value in headers.items()},
        json.dumps({"key": key, "list": [key]}).encode(),
        url=f"/v1/{key}?key={key}",
    )


SECRET_PATTERNS: list[Any] = [
    {"url": f"/v1/{KEY}?key={KEY}"},
    {"urlPath": f"/v1/{KEY}"},
    {"urlPathTemplate": "/v1/{key}", "pathParameters": {"key": {"equalTo": KEY}}},
    {"queryParameters": {"key": {"equalTo": KEY}}},
    {"queryParameters": {"key": {"hasExactly": [{"equalTo": KEY}]}}},
    {"queryParameters": {"key": {"or": [{"absent": True}, {"equalTo": KEY}]}}},
    {"headers": {"Authorization": {"equalTo": f"Bearer {KEY}"}}},
    {"headers": {"X-Key": {"and": [{"equalTo": KEY}]}}},
    {"headers": {"X-Key": {"includes": [{"equalTo": KEY}]}}},
    {"bodyPatterns": [{"equalToJson": {"key": KEY, "list": [KEY]}}]},
    {"bodyPatterns": [{"equalToJson": json.dumps({"key": KEY, "list": [KEY]})}]},
    {"bodyPatterns": [{"matchesJsonPath": {"expression": "$.key", "equalTo": KEY}}]},
]


@pytest.mark.parametrize("pattern", SECRET_PATTERNS, ids=str)
def test_equality_works_on_credentials_as_they_came_and_redacted(pattern: Any) -> None:
    matcher = read_request_pattern(pattern, redact=redact)
    for make in (make_raw, make_redacted):
        assert list(matcher.differences(make(KEY))) == []
        assert matcher.judge(make(KEY)) is True
        assert matcher.judge(make(OTHER_KEY)) is False


@pytest.mark.parametrize("pattern", SECRET_PATTERNS, ids=str)
def test_no_secret_rests_in_a_pattern(pattern: Any) -> None:
    matcher = read_request_pattern(pattern, redact=redact)
    again = read_request_pattern(matcher.to_json(), redact=redact)
    assert again.to_json() == matcher.to_json()
    assert again.judge(make_redacted(KEY)) is True
    assert again.judge(make_raw(KEY)) is True
    assert again.judge(make_raw(OTHER_KEY)) is not True
    differences = [difference.to_json() for difference in matcher.differences(make_redacted(OTHER_KEY))]
    for text in (matcher.to_json(), matcher.literal_path, matcher.literal_query, differences):
        assert "4eC39Hq" not in json.dumps(text)


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ({"headers": {"Authorization": {"contains": "4eC39Hq"}}}, True),
        ({"headers": {"Authorization": {"doesNotContain": "4eC39Hq"}}}, False),
        ({"headers": {"Authorization": {"matches": ".*4eC39Hq.*"}}}, True),
        ({"headers": {"Authorization": {"doesNotMatch": ".*4eC39Hq.*"}}}, False),
        ({"headers": {"Authorization": {"equalTo": f"bearer {KEY}", "caseInsensitive": True}}}, True),
        ({"headers": {"Authorization": {"not": {"matches": "Basic .*"}}}}, True),
        ({"headers": {"X-Key": {"contains": KEY}}}, True),
        ({"headers": {"X-Key": {"contains": KEY[:-4]}}}, True),
        ({"headers": {"X-Key": {"hasExactly": [{"contains": "4eC39Hq"}]}}}, True),
        ({"cookies": {"session": {"contains": "hus"}}}, True),
        ({"urlPathPattern": "/v1/sk_test_4.*"}, True),
        ({"urlPattern": ".*[?]key=.*X"}, False),
        ({"queryParameters": {"key": {"and": [{"contains": "sk"}, {"contains": "4eC"}]}}}, True),
        ({"queryParameters": {"key": {"or": [{"contains": "nothing"}, {"contains": "at all"}]}}}, False),
        ({"bodyPatterns": [{"contains": "4eC39Hq"}]}, True),
        ({"bodyPatterns": [{"matchesJsonPath": "$[?search(@.key, '4eC')]"}]}, True),
        ({"bodyPatterns": [{"matchesJsonPath": {"expression": "$.list[*]", "matches": ".*X"}}]}, False),
        ({"bodyPatterns": [{"matchesJsonSchema": {"properties": {"key": {"maxLength": 30}}}}]}, False),
        ({"bodyPatterns": [{"equalToJson": {"key": "${json-unit.regex}sk_.*", "list": [KEY]}}]}, True),
    ],
    ids=str,
)
def test_a_part_of_a_credential_can_be_asked_for_as_long_as_it_is_not_redacted(
    pattern: Any, fits: bool
) -> None:
    matcher = read_request_pattern(pattern, redact=redact)
    assert matcher.judge(make_raw(KEY)) is fits
    doubt = matcher.judge(make_redacted(KEY))
    assert isinstance(doubt, Difference)
    assert doubt.doubt is Doubt.HIDDEN
    assert "4eC39HqLyjWDarjtT1zdp7dc" not in json.dumps(doubt.to_json())


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ({"method": "GET", "headers": {"X-Key": {"contains": "4eC39Hq"}}}, False),
        ({"headers": {"X-Key": {"anything": "anything"}}}, True),
        ({"headers": {"X-Key": {"absent": True}}}, False),
        ({"headers": {"X-Key": {"not": {"equalTo": OTHER_KEY}}}}, True),
        ({"headers": {"X-Key": {"not": {"absent": True}}}}, True),
        ({"headers": {"X-Key": {"or": [{"contains": "x"}, {"equalTo": KEY}]}}}, True),
        ({"headers": {"X-Key": {"and": [{"contains": "x"}, {"equalTo": OTHER_KEY}]}}}, False),
        ({"headers": {"X-Key": {"hasExactly": [{"contains": "x"}, {"anything": ""}]}}}, False),
        ({"headers": {"X-Other": {"doesNotContain": "x"}}}, True),
        ({"cookies": {"other": {"contains": "x"}}}, False),
        ({"bodyPatterns": [{"matchesJsonPath": "$.key"}]}, True),
        ({"bodyPatterns": [{"matchesJsonPath": {"expression": "$.none", "contains": "x"}}]}, False),
        ({"bodyPatterns": [{"equalToJson": {"key": "${json-unit.any-string}", "list": [KEY]}}]}, True),
        ({"bodyPatterns": [{"equalToJson": {"key": "${json-unit.regex}x", "list": []}}]}, False),
    ],
    ids=str,
)
def test_what_does_not_hang_on_the_hidden_is_known(pattern: Any, fits: bool) -> None:
    matcher = read_request_pattern(pattern, redact=redact)
    assert matcher.judge(make_raw(KEY)) is matcher.judge(make_redacted(KEY)) is fits


def test_secrets_without_a_shape_are_hidden_where_every_value_is_one() -> None:
    subject = make_redacted("opaque", header="Bearer {}", cookie="hush")
    pattern = {
        "headers": {"Authorization": {"equalTo": "Bearer opaque"}, "Cookie": {"equalTo": "session=hush"}},
        "cookies": {"session": {"equalTo": "hush"}},
    }
    matcher = read_request_pattern(pattern, redact=redact)
    assert list(matcher.differences(subject)) == []
    assert "opaque" not in json.dumps(matcher.to_json())
    assert "hush" not in json.dumps(matcher.to_json())
    assert matcher.judge(make_redacted("other")) is not True
    assert matcher.judge(make_redacted("opaque", cookie="other")) is not True


def test_a_basic_password_is_shown_as_the_header_that_it_makes() -> None:
    pattern = {"basicAuth": {"username": "jeff", "password": "hush"}, "headers": {"a": {"absent": True}}}
    matcher = read_request_pattern(pattern, redact=redact)
    shown = matcher.to_json()
    assert shown.keys() == {"headers"}
    assert shown["headers"].keys() == {"a", "Authorization"}
    right, wrong = (
        make_redacted("amVmZjpodXNo", header="Basic {}"),
        make_redacted("amVmZjpodXN1", header="Basic {}"),
    )
    for each in (matcher, read_request_pattern(shown, redact=redact)):
        assert each.judge(right) is True
        assert each.judge(wrong) is not True


def test_problems_quote_no_secret() -> None:
    problems = find_problems({"urlPath": f"v1/{KEY}", "headers": {"a": {"after": KEY}}}, redact=redact)
    assert len(problems) == 2
    assert KEY not in json.dumps(problems)


def test_the_public_names_are_here() -> None:
    assert isinstance(read_request_pattern({}), RequestMatcher)
    assert Difference("method", "", "equalTo", "GET", "POST").place == "method"
