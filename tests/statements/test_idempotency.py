"""Idempotency-Key: the first answer again, byte for byte; no second key, nobody else's answer."""

from __future__ import annotations

import http.client
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mockserver.engine.engine import Engine
from mockserver.messages import build_request
from mockserver.serving.uvicorn_server import ServerThread
from tests.doors import BODY, CREATE, KEY, UNSENT, Answer, Api, engine_api, socket_api

DAY = 24 * 3_600
RETRY = {"Idempotency-Key": "order-1"}
REGENERATE = "/v1/api-keys/key_mock_managed00000000000000001/regenerate"


def total(api: Api, account: str = "acct_1") -> int:
    """How many custom keys there are."""
    url = f"/v1/api-keys/?account_id={account}&managed=false"
    found: int = api.send("GET", url, json=UNSENT).json["total"]
    return found


def test_the_same_request_again_gets_the_first_answer_byte_for_byte(api: Api) -> None:
    first = api.send(headers=RETRY)
    api.advance(5)
    again = api.send(headers=RETRY)
    assert first.outcome == (201, "created") and again.outcome == (201, "replayed")
    assert again.body == first.body
    assert again.header("idempotent-replayed") == "true"
    assert first.header("idempotent-replayed") is None
    assert again.header("mockserver-call-id") != first.header("mockserver-call-id")
    assert total(api) == 1


def test_a_replay_is_the_answer_that_was_given_even_if_the_options_changed(api: Api) -> None:
    api.configure(success_status="200")
    assert api.send(headers=RETRY).status == 200
    api.configure(success_status="201")
    assert api.send(headers=RETRY).outcome == (200, "replayed")


def test_the_same_meaning_is_the_same_request_however_it_is_written(api: Api) -> None:
    first = api.send(headers=RETRY, body=b'{"name":"a","permissions":{}}')
    again = api.send(headers=RETRY, body=b'{ "permissions": {},  "name": "a" }')
    assert (again.reason, again.body) == ("replayed", first.body)


@pytest.mark.parametrize(
    "change",
    [
        {"json": BODY | {"name": "Another"}},
        {"json": BODY | {"metadata": {}}},
        {"url": "/v1/api-keys/?account_id=acct_2"},
    ],
)
def test_the_key_of_another_request_is_a_conflict(api: Api, change: dict[str, Any]) -> None:
    api.send(headers=RETRY)
    refused = api.send(headers=RETRY, **change)
    assert refused.outcome == (409, "idempotency_conflict")
    assert "another request" in refused.json["error"]["details"]["hint"]
    assert api.send(headers=RETRY).reason == "replayed", "the first answer is still there"


@pytest.mark.parametrize(
    "headers", [{}, {"Idempotency-Key": ""}, {"Idempotency-Key": "order-2"}, {"Idempotency-Key": "Order-1"}]
)
def test_without_that_very_key_another_one_is_created(api: Api, headers: dict[str, str]) -> None:
    first = api.send(headers=RETRY)
    other = api.send(headers=headers)
    assert other.reason == "created"
    assert other.key != first.key
    assert total(api) == 2


def test_an_empty_key_is_none(api: Api) -> None:
    assert {api.send(headers={"Idempotency-Key": ""}).reason for _ in range(2)} == {"created"}


def test_an_answer_is_kept_for_a_day_of_the_clock(api: Api) -> None:
    first = api.send(headers=RETRY)
    api.advance(DAY - 0.001)
    assert api.send(headers=RETRY).body == first.body
    api.advance(0.001)
    later = api.send(headers=RETRY)
    assert later.reason == "created" and later.key != first.key
    assert api.send(headers=RETRY, json=BODY | {"name": "x"}).status == 409


@pytest.mark.parametrize("key", ["sk_test_other", "sk_test_readonly", None])
def test_nobody_gets_the_answer_of_somebody_else(api: Api, key: str | None) -> None:
    first = api.send(headers=RETRY)
    other = api.send(headers=RETRY, key=key)
    assert other.reason != "replayed"
    assert first.key not in other.body.decode()


def test_a_key_counts_for_one_operation(api: Api) -> None:
    assert api.send(headers=RETRY).reason == "created"
    assert api.send("POST", REGENERATE, headers=RETRY, json=UNSENT).reason == "regenerated"


def test_a_namespace_knows_nothing_of_the_keys_of_another(api: Api) -> None:
    first = api.send(headers=RETRY)
    elsewhere = api.send(url=f"/~t1{CREATE}", headers=RETRY)
    assert elsewhere.reason == "created" and elsewhere.key != first.key


def test_a_secret_is_rotated_once_by_a_repeated_request(api: Api) -> None:
    first = api.send("POST", REGENERATE, headers=RETRY, json=UNSENT)
    again = api.send("POST", REGENERATE, headers=RETRY, json=UNSENT)
    assert (again.reason, again.body) == ("replayed", first.body)
    listed = api.send("GET", "/v1/api-keys/?account_id=acct_test_main", key=first.key, json=UNSENT)
    assert listed.status == 200, "the secret that was answered still works"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_operations_that_are_idempotent_by_themselves_need_no_key(api: Api, method: str) -> None:
    id = api.send().json["data"]["id"]
    url = "/v1/api-keys/?account_id=acct_1" if method == "GET" else f"/v1/api-keys/{id}"
    answers = [api.send(method, url, headers=RETRY, json=UNSENT).reason for _ in range(2)]
    assert answers == (["listed", "listed"] if method == "GET" else ["deleted", "api_key_not_found"])


@pytest.mark.parametrize(
    ("wrong", "outcome"),
    [
        ({"json": {}}, (422, "invalid_request")),
        ({"body": b"{"}, (400, "malformed_json")),
        ({"url": "/v1/api-keys/?account_id=acct_live_main"}, (404, "account_not_found")),
        ({"url": "/v1/api-keys/?account_id=acct_error_500"}, (500, "stub")),
    ],
)
def test_a_refusal_is_not_kept(api: Api, wrong: dict[str, Any], outcome: tuple[int, str]) -> None:
    assert api.send(headers=RETRY, **wrong).outcome == outcome
    assert api.send(headers=RETRY).outcome == (201, "created")


def test_the_credential_is_judged_before_a_replay(api: Api) -> None:
    owner = api.send(json=BODY | {"permissions": {"*": ["*"]}, "expires_at": "2026-01-01T01:00:00Z"}).key
    assert api.send(key=owner, headers=RETRY).reason == "created"
    api.advance(3_600)
    assert api.send(key=owner, headers=RETRY).outcome == (401, "expired_credential")


# A create whose answer is lost.


@pytest.mark.parametrize(
    ("response", "seen"),
    [
        pytest.param({"status": 500}, (500, "stub"), id="error"),
        pytest.param({"status": 503, "body": "busy"}, (503, "stub"), id="literal"),
        pytest.param({"fault": "NOT_JSON"}, (502, "stub"), id="page-of-a-gateway"),
    ],
)
@pytest.mark.parametrize(("success", "status"), [("201", 201), ("200", 200), ("alternate", 201)])
def test_what_was_committed_before_its_answer_was_lost_is_replayed(
    api: Api, response: Any, seen: tuple[int, str], success: str, status: int
) -> None:
    api.configure(success_status=success)
    own = {"times": 1, "phase": "after_commit", "operation": "createApiKey", "offContract": True}
    api.script({"request": {}, "response": response, "metadata": {"mockserver": own}})
    assert api.send(headers=RETRY).outcome == seen
    replayed = api.send(headers=RETRY)
    assert replayed.outcome == (status, "replayed")
    assert api.send(headers=RETRY).body == replayed.body
    assert (
        api.send("GET", "/v1/api-keys/?account_id=acct_1", json=UNSENT).json["data"][0]["id"]
        == (replayed.json["data"]["id"])
    )
    assert total(api) == 1


def test_a_create_that_fails_before_it_happens_is_carried_out_by_the_retry(api: Api) -> None:
    own = {"times": 1, "operation": "createApiKey"}
    api.script({"request": {}, "response": {"status": 500}, "metadata": {"mockserver": own}})
    assert api.send(headers=RETRY).outcome == (500, "stub")
    assert api.send(headers=RETRY).outcome == (201, "created")


def test_a_connection_that_is_lost_after_the_commit_loses_no_key(server: ServerThread) -> None:
    with socket_api(server) as api:
        own = {"times": 1, "phase": "after_commit", "operation": "createApiKey"}
        fault = {"fault": "CONNECTION_RESET_BY_PEER"}
        api.script({"request": {}, "response": fault, "metadata": {"mockserver": own}})
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            api.send(headers=RETRY)
    with socket_api(server) as api:
        assert api.send(headers=RETRY).outcome == (201, "replayed")
        assert total(api) == 1


def test_a_scripted_success_is_replayed_too(api: Api) -> None:
    first = api.send(headers=RETRY)
    again = api.send(headers=RETRY | {"Prefer": "code=201"})
    assert (again.reason, again.body) == ("preferred", first.body)
    assert again.header("idempotent-replayed") == "true"
    assert total(api) == 1


# In flight.


def test_a_key_whose_first_answer_was_lost_after_the_effect_is_replayed_at_once(engine: Engine) -> None:
    api = engine_api(engine)
    headers = {"Authorization": f"Bearer {KEY}", **RETRY}
    own = {"operation": "createApiKey", "phase": "after_commit", "times": 1}
    late = {"status": 201, "fixedDelayMilliseconds": 9_000}
    api.script({"request": {}, "response": late, "metadata": {"mockserver": own}})
    exchange = engine.begin(build_request("POST", CREATE, headers=headers, json=BODY))
    assert exchange.response.delivery.delay_seconds == 9
    assert api.send(headers=RETRY).outcome == (201, "replayed")
    exchange.finish("disconnected")


def test_a_key_whose_first_answer_is_still_on_its_way_is_a_conflict(engine: Engine) -> None:
    api = engine_api(engine)
    headers = {"Authorization": f"Bearer {KEY}", **RETRY}
    exchange = engine.begin(build_request("POST", CREATE, headers=headers, json=BODY))
    refused = api.send(headers=RETRY)
    assert refused.outcome == (409, "idempotency_conflict")
    assert "in flight" in refused.json["error"]["details"]["hint"]
    api.advance(2 * DAY)
    assert api.send(headers=RETRY).status == 409, "however long it takes"
    exchange.finish("disconnected")
    api.advance(-2 * DAY)
    replayed = api.send(headers=RETRY)
    assert (replayed.reason, replayed.body) == ("replayed", exchange.response.body)


# Options.


def test_where_it_is_off_every_request_is_carried_out(api: Api) -> None:
    api.configure(idempotency="off")
    assert {api.send(headers=RETRY).reason for _ in range(2)} == {"created"}
    assert total(api) == 2


@pytest.mark.parametrize(
    ("request_of", "violations"),
    [
        ({}, {("header", "/idempotency-key", "required")}),
        ({"headers": {"Idempotency-Key": ""}}, {("header", "/idempotency-key", "required")}),
        ({"headers": RETRY}, set()),
        (
            {"json": {"name": 1, "permissions": {}}},
            {("header", "/idempotency-key", "required"), ("body", "/name", "type")},
        ),
        ({"method": "POST", "url": REGENERATE, "json": UNSENT}, {("header", "/idempotency-key", "required")}),
        ({"method": "GET", "url": "/v1/api-keys/?account_id=acct_1", "json": UNSENT}, set()),
    ],
)
def test_where_it_is_required_a_missing_key_is_one_violation_among_all(
    api: Api, request_of: dict[str, Any], violations: set[tuple[str, str, str]]
) -> None:
    api.configure(idempotency="required")
    answer = api.send(**request_of)
    assert (answer.violations if answer.status == 422 else set()) == violations
    assert (answer.status == 422) == bool(violations)


# Under load.


def in_parallel(server: ServerThread, send: Callable[[Api, int], Answer]) -> list[Answer]:
    """64 requests over 16 connections at once."""

    def work(numbers: range) -> list[Answer]:
        with socket_api(server) as api:
            return [send(api, number) for number in numbers]

    with ThreadPoolExecutor(16) as pool:
        batches = pool.map(work, [range(start, 64, 16) for start in range(16)])
        return [answer for batch in batches for answer in batch]


def test_parallel_creates_with_one_key_make_one_api_key(server: ServerThread) -> None:
    answers = in_parallel(server, lambda api, number: api.send(headers=RETRY))
    reasons = Counter(answer.reason for answer in answers)
    assert reasons["created"] == 1
    assert set(reasons) <= {"created", "replayed", "idempotency_conflict"}
    assert len({answer.body for answer in answers if answer.status == 201}) == 1
    with socket_api(server) as api:
        assert total(api) == 1


def test_parallel_creates_with_different_keys_make_as_many(server: ServerThread) -> None:
    answers = in_parallel(server, lambda api, number: api.send(headers={"Idempotency-Key": str(number)}))
    assert {answer.outcome for answer in answers} == {(201, "created")}
    assert len({answer.key for answer in answers}) == 64
    with socket_api(server) as api:
        listed = api.send("GET", "/v1/api-keys/?account_id=acct_1&limit=100", json=UNSENT).json
    assert listed["total"] == len(listed["data"]) == 64
    assert {key["id"] for key in listed["data"]} == {answer.json["data"]["id"] for answer in answers}


def test_lists_are_consistent_while_keys_are_created(server: ServerThread) -> None:
    def send(api: Api, number: int) -> Answer:
        if number % 2:
            return api.send()
        return api.send("GET", "/v1/api-keys/?account_id=acct_1&limit=1000", json=UNSENT)

    listed = [answer.json for answer in in_parallel(server, send) if answer.reason == "listed"]
    assert len(listed) == 32
    for page in listed:
        ids = [key["id"] for key in page["data"]]
        assert page["total"] == len(ids) == len(set(ids))
    longest = max(listed, key=lambda page: len(page["data"]))["data"]
    assert all(page["data"] == longest[: len(page["data"])] for page in listed), "each a start of the longest"


def test_the_bound_forgets_the_oldest_answer_first(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mockserver.state.resources.MAX_ITEMS", 2)
    keys = [{"Idempotency-Key": str(number)} for number in range(3)]
    for headers in keys:
        api.send(headers=headers)
    assert [api.send(headers=headers).reason for headers in reversed(keys)] == [
        "replayed", "replayed", "created",
    ]  # fmt: skip


def test_a_kept_answer_shows_nothing_of_its_body(engine: Engine) -> None:
    api = engine_api(engine)
    secret = api.send(headers=RETRY).key
    [answer] = engine.namespaces.default.resources.answers.values()
    assert secret in answer.body.decode()
    assert secret not in repr(answer) + str(answer)
