"""A pattern on a kept call: the answer is that on the request as it came, or it is in doubt."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.engine.engine import Engine
from mockserver.journal.call import MAX_BODY_BYTES, make_subject
from mockserver.messages import Request, build_request
from mockserver.redaction import redact
from mockserver.scripting.differences import Difference, Doubt
from mockserver.scripting.matchers import read_request_pattern
from mockserver.scripting.subjects import Subject
from tests.desk import Desk
from tests.doors import engine_api

KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
texts = st.sampled_from(
    [KEY, f"Bearer {KEY}", f"x {KEY}", KEY[:-3], "Bearer hush", "hush", "plain", "", "%41", "A b",
     "[0123456789ab]", redact(KEY), f"Bearer {redact(KEY)}", "1.50", "1"]
) | st.text("ab%4+ =;&", max_size=4)  # fmt: skip
names = st.sampled_from(["a", "b", KEY])
json_values = st.recursive(
    texts | st.none() | st.booleans() | st.sampled_from([1, 1.5]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2),
    max_leaves=5,
)


def regex(text: str) -> str:
    return "".join(f"\\x{{{ord(char):x}}}" for char in text)


contents: Any = st.deferred(
    lambda: st.one_of(
        texts.map(lambda text: {"equalTo": text}),
        texts.map(lambda text: {"equalTo": text.upper(), "caseInsensitive": True}),
        texts.map(lambda text: {"contains": text}),
        texts.map(lambda text: {"doesNotContain": text[:5]}),
        texts.map(lambda text: {"matches": f".*{regex(text[1:])}"}),
        texts.map(lambda text: {"doesNotMatch": regex(text)}),
        json_values.filter(lambda value: value is not None).map(
            lambda value: {"equalToJson": value if not isinstance(value, str) else json.dumps(value)}
        ),
        st.sampled_from([
            {"equalToJson": {"a": "${json-unit.regex}.*hush.*", "b": "${json-unit.any-string}"},
             "ignoreExtraElements": True},
            {"equalToJson": ["${json-unit.regex}sk_.*", "${json-unit.ignore}"], "ignoreArrayOrder": True},
            {"matchesJsonSchema": {"type": "object", "properties": {"a": {"maxLength": 12}}}},
            {"absent": True}, {"absent": False}, {"anything": "anything"},
        ]),
        st.tuples(
            st.sampled_from(["$.a", "$..b", "$[0]", "$.*", f"$['{KEY}']", "$[?@.a == 'plain']",
                             "$[?@ == 'plain']", f"$[?@.a != '{KEY}']", "$[?search(@.a, 'hush')]",
                             "$[?@.a < 'b']"]),
            st.none() | contents,
        ).map(lambda pair: {"matchesJsonPath": {"expression": pair[0], **pair[1]} if pair[1] else pair[0]}),
        st.lists(contents, min_size=1, max_size=2).map(lambda items: {"and": items}),
        st.lists(contents, min_size=1, max_size=2).map(lambda items: {"or": items}),
        contents.map(lambda inner: {"not": inner}),
    )
)  # fmt: skip
values = contents | st.tuples(
    st.sampled_from(["hasExactly", "includes"]), st.lists(contents, min_size=1, max_size=2)
).map(lambda pair: {pair[0]: pair[1]})
places = st.fixed_dictionaries(
    {},
    optional={
        "headers": st.dictionaries(st.sampled_from(["Authorization", "X-Key"]), values, max_size=2),
        "cookies": st.dictionaries(st.sampled_from(["s", "t"]), contents, max_size=1),
        "queryParameters": st.dictionaries(st.sampled_from(["q", KEY]), values, max_size=1),
        "formParameters": st.dictionaries(st.just("q"), values, max_size=1),
        "bodyPatterns": st.lists(contents, max_size=2),
    },
)
urls = st.sampled_from([
    {}, {"urlPath": "/v1/api-keys"}, {"url": f"/v1/api-keys/{KEY}"}, {"urlPathPattern": "/v1/.*4eC.*"},
    {"urlPathTemplate": "/v1/api-keys/{id}", "pathParameters": {"id": {"contains": "4eC"}}},
])  # fmt: skip
patterns = st.builds(lambda place, url: {**place, **url}, places, urls)
header_texts = st.sampled_from(
    [f"Bearer {KEY}", "Bearer hush", f"x {KEY}", "plain", redact(KEY), "Basic YTpi"]
)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    path = draw(st.sampled_from(["/v1/api-keys", "/v1/api-keys/", f"/v1/api-keys/{KEY}", "/v1/a%62"]))
    query = draw(st.sampled_from(["", f"q={KEY}", "q=plain&q=%2541", f"q=%2541&k={KEY}", f"{KEY}=1"]))
    headers = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "Authorization": header_texts,
                "X-Key": header_texts,
                "Cookie": st.sampled_from(["s=hush", f"s={KEY}; t=plain", "s", "t=a=b"]),
                "Content-Type": st.just("application/x-www-form-urlencoded"),
            },
        )
    )
    form = st.sampled_from([f"q={KEY}".encode(), b"q=%41", f"q=%41&x={KEY}".encode(), b""])
    body = draw(json_values.map(lambda value: json.dumps(value).encode()) | form)
    return build_request("POST", f"{path}?{query}" if query else path, headers=headers, body=body)


def as_it_came(request: Request, kept: Subject) -> Subject:
    parameters = {"id": KEY} if request.path.endswith(KEY) else {}
    return make_subject(request, parameters, kept.other_path, is_kept=False)


@settings(max_examples=400)
@given(patterns, requests())
def test_the_answer_on_a_kept_call_is_that_on_the_request_or_in_doubt(
    engine_of_all: Engine, pattern: Any, request: Request
) -> None:
    namespace = engine_of_all.namespaces.default
    engine_of_all.begin(request)
    kept = next(reversed(namespace.journal)).subject()
    matcher = read_request_pattern(pattern, redact=redact)
    told = matcher.judge(kept)
    if not isinstance(told, Difference):
        assert told is matcher.judge(as_it_came(request, kept)), pattern
    assert KEY[8:] not in json.dumps([item.to_json() for item in matcher.differences(kept)])
    again = read_request_pattern(matcher.to_json(), redact=redact)
    if not isinstance(told, Difference):
        assert again.judge(kept) is told, "a pattern that was exported means the same"


def test_what_is_cut_of_a_body_is_in_doubt(desk: Desk) -> None:
    api = engine_api(desk.engine)
    api.send(json={"name": "x" * MAX_BODY_BYTES, "z": 1})
    subject = desk.last_call.subject()
    asked: list[Any] = [{"contains": "y"}, {"equalTo": "y"}, {"equalToJson": {}}, {"matchesJsonPath": "$.z"},
                 {"matchesJsonSchema": {"type": "object"}}, {"not": {"contains": "y"}}]  # fmt: skip
    for body in asked:
        told = read_request_pattern({"bodyPatterns": [body]}, redact=redact).judge(subject)
        assert isinstance(told, Difference)
        assert told.doubt is Doubt.CUT
    form = read_request_pattern({"formParameters": {"a": {"absent": True}}}, redact=redact).judge(subject)
    assert isinstance(form, Difference)
    known: list[tuple[Any, bool]] = [({"anything": ""}, True), ({"absent": True}, False)]
    for body, fits in known:
        assert read_request_pattern({"bodyPatterns": [body]}, redact=redact).judge(subject) is fits
