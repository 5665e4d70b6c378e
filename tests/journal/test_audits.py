"""Audits: whether a client waited as it was asked to, and whether it created anything twice."""

from __future__ import annotations

from copy import copy
from typing import Any

import pytest

from mockserver.control import Control, ControlAnswer
from mockserver.engine.engine import Engine
from mockserver.exceptions import Unanswerable
from mockserver.journal.audits import find_duplicates, find_retries
from mockserver.journal.journal import Journal
from mockserver.messages import build_request
from mockserver.serving.building import assemble, build_engine
from tests.doors import BODY, CREATE, KEY, UNSENT, Api, engine_api

LIST = "/v1/api-keys/?account_id=acct_1"
REGENERATE = "/v1/api-keys/key_mock_managed00000000000000001/regenerate"


@pytest.fixture
def api(engine: Engine) -> Api:
    return engine_api(engine)


def journal_of(api: Api) -> Journal:
    return api.engine.namespaces.default.journal


def script(api: Api, response: Any, **own: Any) -> None:
    """The next create gets this answer."""
    own = {"times": 1, "operation": "createApiKey", "offContract": True, **own}
    api.script({"request": {}, "response": response, "metadata": {"mockserver": own}})


def waits(api: Api) -> list[tuple[int, float, bool]]:
    """Number, seconds waited, and whether that was enough, of each retry."""
    return [
        (call.number, call.retry.waited_seconds, call.retry.is_respectful)
        for call in find_retries(journal_of(api))
        if call.retry
    ]


# Retry-After.


def test_each_call_after_a_refusal_says_how_long_its_client_waited(api: Api) -> None:
    api.configure(rate_limit="1/60s")
    api.send()
    api.send()
    for seconds in (20, 30, 10, 60):
        api.advance(seconds)
        api.send()
    assert [call.status for call in journal_of(api)] == [201, 429, 429, 429, 201, 201]
    assert waits(api) == [(3, 20, False), (4, 30, False), (5, 10, True)]


def test_who_waits_as_asked_is_blameless(api: Api) -> None:
    api.configure(rate_limit="1/60s")
    api.send()
    refused = api.send()
    api.advance(float(refused.header("retry-after") or "nan"))
    assert api.send().status == 201
    assert waits(api) == [(3, 60, True)]
    assert "retry_after_ignored" not in api.warnings()


def test_an_impatient_call_carries_a_warning_and_the_fact(api: Api) -> None:
    script(api, {"status": 429, "headers": {"Retry-After": "30"}})
    api.send()
    api.advance(12)
    api.send()
    refused, retry = api.calls()
    assert "retry" not in refused
    assert retry["retry"] == {
        "after": refused["id"], "askedSeconds": 30, "waitedSeconds": 12, "respected": False,
    }  # fmt: skip
    text = "call 1 asked to wait 30 s; this one came after 12 s"
    assert {"code": "retry_after_ignored", "message": text} in retry["warnings"]


def test_waiting_in_real_time_counts_where_the_clock_stands_still(api: Api) -> None:
    script(api, {"status": 429})
    api.send()
    [refused] = journal_of(api)
    refused.started -= 1.5
    api.send()
    [(number, waited, is_respectful)] = waits(api)
    assert (number, is_respectful) == (2, True)
    assert waited >= 1.5


@pytest.mark.parametrize(
    ("headers", "asked"),
    [
        ({"Retry-After": "30"}, 30),
        ({"retry-after": " 5 "}, 5),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "Thu, 01 Jan 2026 00:02:00 GMT"}, 120),
        ({"Retry-After": "Wed, 31 Dec 2025 23:00:00 GMT"}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": ""}, None),
        ({"X-Retry": "1"}, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_seconds_and_dates_are_understood(
    api: Api, status: int, headers: dict[str, str], asked: float | None
) -> None:
    script(api, {"status": status, "headers": headers, "body": "later"})
    api.send()
    api.send()
    retries = [call.retry.asked_seconds for call in find_retries(journal_of(api)) if call.retry]
    assert retries == ([] if asked is None else [asked])


@pytest.mark.parametrize(
    "other",
    [
        {"key": "sk_test_other"},
        {"method": "GET", "url": LIST, "json": UNSENT},
        {"url": f"/~t1{CREATE}"},
    ],
)
def test_only_the_same_client_and_operation_make_a_retry(api: Api, other: dict[str, Any]) -> None:
    script(api, {"status": 429})
    api.send()
    api.send(**other)
    assert waits(api) == []
    assert [call.retry for call in api.engine.namespaces.get("t1").journal] in ([], [None])


def test_other_statuses_ask_nobody_to_wait(api: Api) -> None:
    script(api, {"status": 500, "headers": {"Retry-After": "30"}})
    api.send()
    api.send()
    assert waits(api) == []


def test_a_call_that_came_before_the_refusal_was_sent_is_no_retry(api: Api) -> None:
    script(api, {"status": 429})
    request = build_request("POST", CREATE, headers={"Authorization": f"Bearer {KEY}"}, json=BODY)
    exchange = api.engine.begin(request)
    api.send()
    assert waits(api) == []
    exchange.finish("answered")
    api.send()
    assert [number for number, _, _ in waits(api)] == [3]


def test_a_refusal_that_nobody_read_asks_nobody_to_wait(api: Api) -> None:
    script(api, {"status": 429, "fault": "EMPTY_RESPONSE"})
    api.send()
    api.send()
    assert waits(api) == []


def test_a_reset_forgets_who_was_asked_to_wait(api: Api) -> None:
    script(api, {"status": 429})
    api.send()
    api.engine.namespaces.default.reset()
    api.send()
    assert waits(api) == []


def test_clients_that_wait_are_bounded(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mockserver.journal.audits.MAX_WAITING", 2)
    for name in "abc":
        script(api, {"status": 429})
        api.send(key=f"sk_test_{name}")
    for name in "abc":
        api.send(key=f"sk_test_{name}")
    assert [number for number, _, _ in waits(api)] == [5, 6]


# Duplicates.


def duplicates(api: Api) -> list[list[int]]:
    return [[call.number for call in calls] for calls in find_duplicates(journal_of(api))]


def test_a_retry_without_an_idempotency_key_after_a_lost_answer_is_a_duplicate(api: Api) -> None:
    script(api, {"status": 500}, phase="after_commit")
    assert api.send().status == 500
    assert api.send().status == 201
    assert duplicates(api) == [[1, 2]]


def test_with_an_idempotency_key_it_is_none(api: Api) -> None:
    script(api, {"status": 500}, phase="after_commit")
    headers = {"Idempotency-Key": "k"}
    assert [api.send(headers=headers).status for _ in range(3)] == [500, 201, 201]
    assert duplicates(api) == []


def test_what_failed_before_it_happened_is_no_create(api: Api) -> None:
    script(api, {"status": 500})
    api.send()
    api.send(json=BODY | {"name": 1})
    api.send(headers={"Prefer": "example=created"})
    api.send()
    assert duplicates(api) == []


@pytest.mark.parametrize(
    ("first", "second", "is_duplicate"),
    [
        pytest.param({}, {}, True, id="equal"),
        pytest.param({"body": b'{"name":"a","permissions":{}}'}, {"body": b'{"permissions":{},\n"name":"a"}'},
                     True, id="another-spelling"),
        pytest.param({"url": "/v1/api-keys?account_id=acct%5F1"}, {}, True, id="another-spelling-of-the-url"),
        pytest.param({}, {"json": BODY | {"name": "b"}}, False, id="another-body"),
        pytest.param({}, {"url": "/v1/api-keys/?account_id=acct_2"}, False, id="another-account"),
        pytest.param({}, {"key": "sk_test_other"}, False, id="another-tenant"),
        pytest.param({}, {"method": "GET", "url": LIST, "json": UNSENT}, False, id="no-create"),
    ],
)  # fmt: skip
def test_duplicates_are_creates_with_the_same_meaning(
    api: Api, first: dict[str, Any], second: dict[str, Any], is_duplicate: bool
) -> None:
    api.send(**first)
    api.send(**second)
    assert duplicates(api) == ([[1, 2]] if is_duplicate else [])


def test_a_client_that_renews_its_token_is_still_the_same(api: Api) -> None:
    sign = api.engine.tokens.sign
    api.send(key=sign(now_seconds=1_767_225_600))
    api.send(key=sign(now_seconds=1_767_225_601))
    assert duplicates(api) == [[1, 2]]


def test_an_issued_key_creates_for_the_tenant_that_made_it(api: Api) -> None:
    issued = api.send(json=BODY | {"permissions": {"*": ["*"]}}).key
    api.send()
    api.send(key=issued)
    assert duplicates(api) == [[2, 3]]


def test_rotating_a_secret_twice_creates_nothing(api: Api) -> None:
    for _ in range(2):
        assert api.send("POST", REGENERATE, json=UNSENT).reason == "regenerated"
    assert duplicates(api) == []


def test_without_a_behaviour_what_documents_201_creates(engine: Engine) -> None:
    rules = copy(engine.rules)
    rules.behaviours = {}  # type: ignore[misc]
    api = engine_api(assemble(engine.contract, rules, engine.fixtures, engine.settings))
    for method, url, body in (("POST", CREATE, BODY), ("POST", REGENERATE, UNSENT), ("GET", LIST, UNSENT)):
        for _ in range(2):
            assert api.send(method, url, json=body).reason == "answered"
    assert duplicates(api) == [[1, 2]]


def test_every_repetition_is_in_its_group(api: Api) -> None:
    for name in "abacab":
        api.send(json=BODY | {"name": name})
    assert duplicates(api) == [[1, 3, 5], [2, 6]]


# Both.


@pytest.mark.parametrize("audit", [find_duplicates, find_retries])
def test_what_eviction_made_unanswerable_is_not_answered(engine: Engine, audit: Any) -> None:
    settings = engine.settings.with_changes({"journal_limit": 2})
    api = engine_api(build_engine(settings))
    for _ in range(2):
        api.send()
    assert audit(journal_of(api)) is not None
    api.send()
    with pytest.raises(Unanswerable):
        audit(journal_of(api))


def ask(api: Api, path: str) -> tuple[int, Any]:
    answer = Control(api.engine).begin("GET", path, "", b"")
    assert isinstance(answer, ControlAnswer)
    return answer.status, answer.value


def test_the_control_api_answers_both_audits(api: Api) -> None:
    assert ask(api, "/audits/duplicates") == (200, {"ok": True, "duplicates": []})
    assert ask(api, "/audits/retry-after") == (200, {"ok": True, "retries": []})
    script(api, {"status": 429, "headers": {"Retry-After": "60"}})
    for seconds in (0, 60, 0):
        api.advance(seconds)
        api.send()
    calls = api.calls()
    duplicate = {"operation": "createApiKey", "calls": calls[1:]}
    assert ask(api, "/audits/duplicates") == (200, {"ok": False, "duplicates": [duplicate]})
    retry = {
        "call": calls[1]["id"], "number": 2, "operation": "createApiKey", "after": calls[0]["id"],
        "askedSeconds": 60, "waitedSeconds": 60, "respected": True,
    }  # fmt: skip
    assert ask(api, "/audits/retry-after") == (200, {"ok": True, "retries": [retry]})
