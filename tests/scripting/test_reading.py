"""What the readers of a stub's JSON share."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from mockserver.exceptions import Problem
from mockserver.scripting.reading import Reading, name_kind


def test_members_are_read_or_refused_at_their_pointer() -> None:
    reading = Reading()
    members = {"text": "a", "flag": True, "number": 1}
    assert reading.text(members, "text", "/x") == "a"
    assert reading.text(members, "number", "/x") is None
    assert reading.flag(members, "flag", "/x") is True
    assert reading.flag(members, "missing", "/x") is False
    assert reading.flag(members, "text", "/x") is False
    assert reading.problems == [
        Problem("'number' must be text, not a number", "/x/number"),
        Problem("'text' must be true or false, not text", "/x/text"),
    ]


def test_an_unknown_name_is_refused_with_the_nearest_or_with_all() -> None:
    reading = Reading()
    reading.refuse_unknown("/colour", "colour", ("color", "size"), "property")
    reading.refuse_unknown("/zzz", "zzz", ("size", "color"), "property")
    assert [problem.message for problem in reading.problems] == [
        "'colour' is no property; did you mean 'color'?",
        "'zzz' is no property; known: color, size",
    ]


def test_problems_are_redacted() -> None:
    reading = Reading(lambda text: text.replace("hush", "[h]"))
    reading.refuse("/a/hush", "hush is wrong")
    assert reading.problems == [Problem("[h] is wrong", "/a/[h]")]


def test_a_place_of_secrets_hides_what_has_no_shape() -> None:
    reading = Reading(lambda text: text.replace("key", "[k]"))
    secret = reading.hiding(lambda text: "[whole]")
    assert (secret.redact_whole("a key"), secret.redact_whole("other")) == ("[whole]", "[whole]")
    assert (secret.redact("other"), reading.redact_whole("other")) == ("other", "other")
    secret.refuse("/a", "wrong")
    assert reading.problems == [Problem("wrong", "/a")]


def test_without_redaction_nothing_is_hidden() -> None:
    assert Reading().hiding(lambda text: "[whole]").redact_whole("other") == "other"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "null"),
        (True, "a boolean"),
        (1, "a number"),
        (1.5, "a number"),
        (Decimal(1), "a number"),
        ("a", "text"),
        ([], "an array"),
        ({}, "an object"),
        (b"", "a bytes"),
    ],
)
def test_kinds_are_named_in_words(value: Any, kind: str) -> None:
    assert name_kind(value) == kind
