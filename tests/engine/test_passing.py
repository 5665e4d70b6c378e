"""Passing on, without a network: who answers in the place of the real API is asked once for each call."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from mockserver.contract.validation import CallWarning, Violation
from mockserver.engine.engine import Engine
from mockserver.engine.passing import Passage, Passed
from mockserver.engine.situation import Decision, Foreign
from mockserver.exceptions import Superseded
from mockserver.messages import build_request
from mockserver.state.namespace import Namespace
from tests.doors import CREATE


class Upstream:
    """Answers each call alike, and finds something wrong with it."""

    refuses = False

    def __init__(self) -> None:
        self.asked: list[Passage] = []

    def pass_on(self, passage: Passage) -> Passed:
        self.asked.append(passage)
        decision = Decision("proxied", 201, Foreign(b'{"there":true}'))
        violations = [Violation("response body", "/data", "required", "is missing")]
        return Passed(decision, violations, [CallWarning("unknown_member", "there")])

    def close(self) -> None:
        pass


@pytest.fixture
def upstream(engine: Engine) -> Upstream:
    upstream = Upstream()
    engine.pass_on(upstream)
    return upstream


def only_call(engine: Engine) -> dict[str, Any]:
    (call,) = engine.namespaces.default.journal
    found: dict[str, Any] = call.to_json()
    return found


def test_an_answer_waits_for_the_real_api(engine: Engine, upstream: Upstream) -> None:
    response = engine.handle(build_request("POST", CREATE, json={"name": "n"}))
    assert (response.status, json.loads(response.body), len(upstream.asked)) == (201, {"there": True}, 1)
    call = only_call(engine)
    assert call["reason"] == "proxied"
    assert [(item["in"], item["pointer"]) for item in call["violations"]] == [
        ("body", "/permissions"),
        ("response body", "/data"),
    ]


def test_what_was_found_is_told_once_however_often_the_end_is_begun(
    engine: Engine, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, begun = Namespace.transaction, 0

    @contextmanager
    def superseded(namespace: Namespace, **options: Any) -> Iterator[None]:
        nonlocal begun
        with usual(namespace, **options):
            yield
            begun += 1
            # The first to decide, then the first that records; others of the same store were quicker.
            if begun in (1, 3):
                namespace.journal.clear()
                raise Superseded

    monkeypatch.setattr(Namespace, "transaction", superseded)
    engine.handle(build_request("POST", CREATE, json={"name": "n"}))
    assert len(upstream.asked) == 1
    call = only_call(engine)
    assert [item["pointer"] for item in call["violations"] if item["in"] == "response body"] == ["/data"]
    assert [item["code"] for item in call["warnings"]].count("unknown_member") == 1
