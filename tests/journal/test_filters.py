"""Filters of calls: each one by itself, and the question that they make together."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

from mockserver.journal.filters import FILTERS, CallFilter, Evicted, read_filter

CALL: Any = SimpleNamespace(
    operation="createApiKey", status=201, reason="created", received_millis=1_000, warnings=[]
)
KEY = ("createApiKey", 201, "created")


@pytest.mark.parametrize(
    ("name", "text", "fits"),
    [
        ("operation", "createApiKey", True),
        ("operation", "listApiKeys", False),
        ("status", "201", True),
        ("status", "500", False),
        ("reason", "created", True),
        ("reason", "stub", False),
        ("since", "1970-01-01T00:00:00.999Z", True),
        ("since", "1970-01-01T00:00:01Z", False),
        ("warnings", "false", True),
        ("warnings", "true", False),
        ("warnings", "", False),
    ],
)
def test_a_filter_reads_its_text_and_judges_a_call(name: str, text: str, fits: bool) -> None:
    question = read_filter({name: text})
    assert question.fits(CALL) is fits
    if FILTERS[name].fits_key is not None:
        assert question.fits_key(KEY) is fits
        assert question.is_counted


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        ({"stauts": "201"}, "'stauts' is not a filter of calls; did you mean 'status'?"),
        ({"status": "2xx"}, "status='2xx' must be a whole number"),
        ({"warnings": "yes"}, "warnings='yes' must be true or false"),
        ({"since": "soon"}, "since='soon' is not a valid time"),
    ],
)
def test_a_text_that_no_filter_takes_is_refused(texts: dict[str, str], problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        read_filter(texts)


def test_all_filters_must_fit_and_what_is_not_asked_does_not_matter() -> None:
    assert CallFilter(operation="createApiKey", status=None, warnings=False).fits(CALL)
    assert not CallFilter(operation="createApiKey", status=500).fits(CALL)


def test_a_time_and_warnings_are_answered_by_what_is_known_of_evicted_calls() -> None:
    evicted = Evicted(last_millis=500, warned=0)
    assert not CallFilter(since=500).is_counted
    assert CallFilter(since=500).excludes(evicted)
    assert not CallFilter(since=499).excludes(evicted)
    assert CallFilter(warnings=True).excludes(evicted)
    assert not CallFilter(warnings=True).excludes(evicted._replace(warned=1))
    assert not CallFilter(status=500).excludes(evicted)
