"""A request as patterns see it."""

from __future__ import annotations

import pytest

from mockserver.scripting.subjects import JsonContent, Subject, TextContent, View, normal_path
from mockserver.types import UNSET


def make_subject(*, headers: dict[str, list[str]] | None = None, body: bytes = b"") -> Subject:
    return Subject("POST", "/", {}, headers or {}, body, url="/")


def test_the_text_of_a_body_replaces_what_is_no_utf8() -> None:
    assert make_subject(body=b"a\xff\xc3\xa9").text == "a�é"


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": [1, null]}', {"a": [1, None]}),
        (b"null", None),
        (b"", UNSET),
        (b"{", UNSET),
        (b"\xef\xbb\xbf{}", UNSET),
    ],
    ids=["object", "null", "empty", "broken", "byte-order-mark"],
)
def test_a_body_is_json_or_unset(body: bytes, value: object) -> None:
    subject = make_subject(body=body)
    assert subject.json == value
    assert subject.json == value, "the second look is at the same value"


def test_cookies_keep_every_value_of_a_name() -> None:
    subject = make_subject(headers={"cookie": ["a=1; b=x=y;a=2", "c=; nonsense", "a=3"]})
    assert subject.cookies == {"a": ["1", "2", "3"], "b": ["x=y"], "c": [""]}
    assert make_subject().cookies == {}


def test_form_fields_are_decoded() -> None:
    headers = {"content-type": ["Application/X-WWW-Form-Urlencoded; charset=utf-8"]}
    assert make_subject(headers=headers, body=b"a=1&a=%C3%A9&b=&c=x+y").form == {
        "a": ["1", "é"],
        "b": [""],
        "c": ["x y"],
    }


@pytest.mark.parametrize("headers", [{}, {"content-type": ["application/json"]}], ids=["none", "json"])
def test_only_a_form_has_form_fields(headers: dict[str, list[str]]) -> None:
    assert make_subject(headers=headers, body=b"a=1").form == {}


def test_a_repr_shows_no_values() -> None:
    subject = make_subject(headers={"authorization": ["Bearer hush"]}, body=b"hush")
    assert repr(subject) == "<Subject POST 1 headers, 4 bytes>"


def test_path_parameters_are_empty_unless_given() -> None:
    assert make_subject().path_parameters == {}
    assert Subject("GET", "/k/1", {}, {}, b"", url="/k/1", path_parameters={"id": "1"}).path_parameters == {
        "id": "1"
    }


def test_a_text_may_be_json() -> None:
    assert TextContent("[1]", View()).json == [1]
    assert TextContent("one", View()).json is UNSET
    assert TextContent("\ud800", View()).json is UNSET


@pytest.mark.parametrize(
    ("value", "text"), [("plain", "plain"), (1.5, "1.5"), (None, "null"), ({"a": [1, "é"]}, '{"a":[1,"é"]}')]
)
def test_the_text_of_json_is_compact_and_of_a_string_itself(value: object, text: str) -> None:
    assert JsonContent(value, View()).text == text


@pytest.mark.parametrize(
    ("one", "other"),
    [("/a%62c", "/abc"), ("/a%2fb", "/a%2Fb"), ("/%c3%a9", "/%C3%A9"), ("/100%", "/100%25")],
)
def test_spellings_of_the_same_segments_have_one_normal_form(one: str, other: str) -> None:
    assert normal_path(one) == normal_path(other)


@pytest.mark.parametrize(
    ("one", "other"), [("/a%2Fb", "/a/b"), ("/%2562", "/%62"), ("/%ff", "/%fe"), ("/a", "/a/")]
)
def test_different_segments_have_different_normal_forms(one: str, other: str) -> None:
    assert normal_path(one) != normal_path(other)
