"""Fields of HTTP: one reader each."""

from __future__ import annotations

import pytest

from mockserver.http_fields import quality_of, read_cookies, read_media_type, read_query


@pytest.mark.parametrize(
    ("accept", "quality"),
    [
        ("*/*", 1),
        ("application/json", 1),
        ("", 1),
        ("text/html", 0),
        ("text/html, application/*;q=0.1", 0.1),
        ("application/json;q=0, */*", 0),
        ("application/json;q=x", 1),
        ("*/*;q=0.2, application/json;q=0.7", 0.7),
    ],
)
def test_the_most_specific_range_says_how_welcome_a_media_type_is(accept: str, quality: float) -> None:
    assert quality_of(accept, "application/json") == quality


@pytest.mark.parametrize(
    ("text", "essence", "parameters"),
    [
        ("application/json", "application/json", {}),
        ("Application/JSON ; Charset=UTF-8", "application/json", {"charset": "UTF-8"}),
        ('text/plain; a="b c";d=e', "text/plain", {"a": "b c", "d": "e"}),
    ],
)
def test_a_media_type_is_told_from_its_parameters(
    text: str, essence: str, parameters: dict[str, str]
) -> None:
    assert read_media_type(text) == (essence, parameters)


@pytest.mark.parametrize("text", ["", "json", "application/json, text/html", "a/b; c", "a/b;c=d e"])
def test_what_is_no_media_type_is_none(text: str) -> None:
    assert read_media_type(text) is None


def test_names_that_come_again_keep_all_their_values() -> None:
    assert read_query("a=1&b=2&a=%203&&c") == {"a": ["1", " 3"], "b": ["2"], "c": [""]}
    headers = ((b"cookie", b"a=1; b=2"), (b"x", b"a=9"), (b"cookie", b"a=3"))
    assert read_cookies(headers) == {"a": ["1", "3"], "b": ["2"]}
