"""Suspicions: retries that may do a thing twice, and things that were done twice."""

from __future__ import annotations

from typing import Any

import pytest

from mockserver.journal.audits import MAX_FAILED_WRITES
from tests.desk import Desk
from tests.doors import BODY, UNSENT

LIST = "/v1/api-keys/?account_id=acct_1"
REGENERATE = "/v1/api-keys/key_mock_managed00000000000000001/regenerate?account_id=acct_test_main"
RETRY, TWICE = "retry_without_idempotency_key", "duplicate_create"


def warnings(desk: Desk) -> list[str]:
    return [item.code for item in desk.last_call.warnings if item.code in (RETRY, TWICE)]


def fail_once(desk: Desk, response: Any, **own: Any) -> None:
    own = {"times": 1, "offContract": True, **own}
    desk.api.script({"request": {}, "response": response, "metadata": {"mockserver": own}})


# Retries.


@pytest.mark.parametrize(
    "response",
    [{"status": 429}, {"status": 500}, {"status": 503}, {"fault": "EMPTY_RESPONSE"}, {"fault": "NOT_JSON"}],
)
def test_repeating_a_failed_write_without_a_key_is_suspicious(desk: Desk, response: Any) -> None:
    fail_once(desk, response)
    desk.api.send()
    assert warnings(desk) == []
    desk.api.send()
    assert warnings(desk) == [RETRY]
    assert desk.last_call.warnings[0].message.startswith("call 1 failed, and this repeats it")
    desk.api.send(json={**BODY, "name": "Another"})
    assert warnings(desk) == []


def test_each_of_several_retries_is_suspicious_until_one_succeeds(desk: Desk) -> None:
    for _ in range(2):
        fail_once(desk, {"status": 500})
    for _ in range(4):
        desk.api.send()
    found = [[item.code for item in call.warnings] for call in desk.journal]
    assert found == [[], [RETRY], [RETRY], [TWICE]]


def test_a_retry_with_a_key_is_as_it_should_be(desk: Desk) -> None:
    fail_once(desk, {"status": 500})
    desk.api.send(headers={"Idempotency-Key": "1"})
    desk.api.send(headers={"Idempotency-Key": "1"})
    assert warnings(desk) == []


def test_forgetting_the_key_in_the_retry_is_suspicious(desk: Desk) -> None:
    fail_once(desk, {"status": 500})
    desk.api.send(headers={"Idempotency-Key": "1"})
    desk.api.send()
    assert warnings(desk) == [RETRY]


@pytest.mark.parametrize(
    "other",
    [
        {"json": {**BODY, "name": "Another"}},
        {"key": "sk_test_another"},
        {"url": "/v1/api-keys/?account_id=acct_2"},
        {"method": "GET", "json": UNSENT},
        {"url": f"/~t1{LIST}"},
    ],
)
def test_another_request_is_no_retry(desk: Desk, other: Any) -> None:
    fail_once(desk, {"status": 500})
    desk.api.send()
    desk.api.send(**other)
    calls = [call for space in desk.engine.namespaces for call in space.journal]
    assert not any(call.warnings for call in calls)


def test_an_error_of_the_request_itself_is_no_failure(desk: Desk) -> None:
    for _ in range(2):
        desk.api.send(json={})
    assert warnings(desk) == []


def test_reading_may_be_repeated(desk: Desk) -> None:
    fail_once(desk, {"status": 500})
    for _ in range(2):
        desk.api.send("GET", LIST, json=UNSENT)
    assert warnings(desk) == []


def test_a_reset_forgets_failures(desk: Desk) -> None:
    fail_once(desk, {"status": 500})
    desk.api.send()
    desk.engine.namespaces.default.reset()
    desk.api.send()
    assert warnings(desk) == []


def test_failures_that_are_remembered_are_bounded(desk: Desk) -> None:
    desk.api.script({"request": {}, "response": {"status": 500}})
    for number in range(MAX_FAILED_WRITES + 5):
        desk.api.send(json={**BODY, "name": str(number)})
    desk.api.send(json={**BODY, "name": "0"})
    assert warnings(desk) == []
    desk.api.send(json={**BODY, "name": str(MAX_FAILED_WRITES)})
    assert warnings(desk) == [RETRY]


# Duplicates.


def test_creating_the_same_twice_is_suspicious(desk: Desk) -> None:
    for _ in range(3):
        desk.api.send()
    texts = [[item.message.partition(":")[0] for item in call.warnings] for call in desk.journal]
    assert texts == [
        [],
        ["an equal request was carried out before"],
        ["an equal request was carried out before"],
    ]


def test_an_answer_that_was_lost_makes_the_retry_a_duplicate(desk: Desk) -> None:
    fail_once(desk, {"fault": "CONNECTION_RESET_BY_PEER"}, phase="after_commit")
    desk.api.send()
    desk.api.send()
    assert sorted(warnings(desk)) == [TWICE, RETRY]


@pytest.mark.parametrize(
    "other",
    [{"json": {**BODY, "name": "Another"}}, {"key": "sk_test_another"}, {"url": f"/~t1{LIST}"}],
)
def test_another_create_is_no_duplicate(desk: Desk, other: Any) -> None:
    desk.api.send()
    desk.api.send(**other)
    calls = [call for space in desk.engine.namespaces for call in space.journal]
    assert not any(call.warnings for call in calls)


def test_a_replay_creates_nothing(desk: Desk) -> None:
    for _ in range(2):
        desk.api.send(headers={"Idempotency-Key": "1"})
    assert desk.last_call.reason == "replayed"
    assert warnings(desk) == []


def test_what_creates_nothing_may_be_repeated(desk: Desk) -> None:
    for _ in range(2):
        desk.api.send("GET", LIST, json=UNSENT)
        desk.api.send("POST", REGENERATE, json=UNSENT)
        desk.api.send(json={})
    assert not any(call.warnings for call in desk.journal)
