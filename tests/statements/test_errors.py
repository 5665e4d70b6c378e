"""What an error says, and what a fault of the mock itself looks like."""

from __future__ import annotations

import logging

import pytest

from mockserver.vendors.hsrcpay import HsrcpayRules
from tests.doors import (
    UNSENT,
    Api,
)
from tests.judge import check


def test_an_error_has_its_text_from_the_fixtures_and_its_reason_in_the_details(
    api: Api, rules: HsrcpayRules
) -> None:
    answer = api.send(key=None)
    text = rules.knowledge.errors[401]["missing_credential"]
    assert answer.json == {
        "message": text,
        "success": False,
        "error": {"code": 401, "message": text, "details": {"reason": "missing_credential"}},
    }


def test_the_rate_limit_is_429_with_retry_after(api: Api) -> None:
    api.configure(rate_limit="2/60s")
    assert [api.send().status for _ in range(2)] == [201, 201]
    answer = check(api.send())
    assert answer.outcome == (429, "rate_limited")
    assert answer.header("retry-after") == "30"
    assert answer.json["error"]["details"]["retry_after_seconds"] == 30
    assert api.send(key="sk_test_other").status == 201, "each credential has its own"
    assert api.send("GET", json=UNSENT).status == 200, "each operation has its own"
    api.engine.namespaces.default.clock.advance(29_999)
    assert api.send().header("retry-after") == "1"
    api.engine.namespaces.default.clock.advance(1)
    assert api.send().status == 201


def test_every_reason_that_an_answer_can_have_has_a_text(rules: HsrcpayRules) -> None:
    named = {(status, reason) for status, texts in rules.knowledge.errors.items() for reason in texts}
    assert named >= {
        (400, "malformed_json"), (401, "missing_credential"), (401, "malformed_credential"),
        (401, "invalid_token"), (401, "not_yet_valid"), (401, "expired_credential"),
        (401, "revoked_credential"), (401, "live_credential"), (403, "missing_permission"),
        (403, "publishable_key"), (403, "foreign_account"), (404, "account_not_found"),
        (404, "api_key_not_found"), (404, "no_such_operation"), (405, "method_not_allowed"),
        (409, "idempotency_conflict"), (409, "conflict"), (422, "invalid_request"), (429, "rate_limited"),
        (500, "internal_error"),
    }  # fmt: skip


class Broken:
    """A behaviour with a bug."""

    def find_missing(self, situation: object) -> None: ...

    def find_conflict(self, situation: object) -> None: ...

    def carry_out(self, situation: object, seed: object) -> None:
        raise ZeroDivisionError("while holding sk_live_marker")


def test_a_fault_of_the_mock_itself_never_looks_like_the_api(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(api.engine.rules, "behaviours", {"createApiKey": Broken()})
    with caplog.at_level(logging.ERROR, "mockserver"):
        answer = api.send()
    assert answer.outcome == (500, "mock_failure")
    assert answer.header("content-type") == "text/plain; charset=utf-8"
    assert not answer.body.startswith(b"{")
    call = api.calls()[-1]
    assert (call["reason"], call["id"]) == ("mock_failure", answer.header("mockserver-call-id"))
    assert "ZeroDivisionError" in caplog.text
    assert "sk_live_marker" not in caplog.text
    monkeypatch.undo()
    assert api.send().status == 201
