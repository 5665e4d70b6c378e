"""The verbs of a sandbox. They are the same at every door, so each of these tests runs at all of them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import requests
import trio
import urllib3

from mockserver import (
    BadQuestion,
    MockServer,
    RecordedCall,
    Sandbox,
    SettingsError,
    StubError,
    UnknownItem,
    VerificationError,
    connect,
)

BODY = {"name": "Reporting", "permissions": {"account:api:key": ["read"]}}
FROZEN = "2026-01-01T00:00:00Z"
NAME = "t1"

Doors = dict[str, Sandbox]


@pytest.fixture(scope="module")
def doors() -> Iterator[Doors]:
    """The sandboxes of one server, by how one comes to them."""
    with MockServer(clock=FROZEN) as server, connect(server.origin) as remote:
        yield {
            "server": server,
            "namespace": server.namespace(NAME),
            "connect": remote,
            "connect, namespace": connect(f"{server.origin}/~{NAME}"),
        }


@pytest.fixture(params=["server", "namespace", "connect", "connect, namespace"])
def sandbox(request: pytest.FixtureRequest, doors: Doors) -> Sandbox:
    """A sandbox that nobody has used yet."""
    chosen = doors[request.param]
    chosen.reset()
    return chosen


@pytest.fixture(scope="module")
def http() -> Iterator[urllib3.PoolManager]:
    """A client that retries nothing."""
    with urllib3.PoolManager(retries=False) as pool:
        yield pool


@pytest.fixture
def create(sandbox: Sandbox, http: urllib3.PoolManager) -> Callable[..., urllib3.BaseHTTPResponse]:
    """Sends createApiKey to the sandbox."""

    def send(
        body: Any = BODY,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        base_url: str | None = None,
    ) -> urllib3.BaseHTTPResponse:
        return http.request(
            "POST",
            f"{base_url or sandbox.base_url}/api-keys/?account_id=acct_1",
            body=json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {key or sandbox.secret_key}",
                "Content-Type": "application/json",
                **(headers or {}),
            },
        )

    return send


Create = Callable[..., urllib3.BaseHTTPResponse]


# Where it is, and who may come in


def test_the_base_url_stands_for_the_contracts_server(sandbox: Sandbox, create: Create) -> None:
    path = "" if sandbox.name == "default" else f"/~{sandbox.name}"
    assert sandbox.base_url == f"{sandbox.origin}{path}/v1"
    assert create().status == 201
    assert [call.operation for call in sandbox.calls()] == ["createApiKey"]


def test_the_secret_key_leads_into_the_sandbox_by_itself(sandbox: Sandbox, create: Create) -> None:
    assert create(base_url=f"{sandbox.origin}/v1").status == 201
    assert sandbox.last_call.raw["namespace"] == sandbox.name


def test_keys_are_the_same_every_time(sandbox: Sandbox) -> None:
    mark = "" if sandbox.name == "default" else f"ns-{sandbox.name}_"
    assert sandbox.secret_key == f"sk_test_{mark}local"
    assert sandbox.publishable_key == f"pk_test_{mark}local"


def test_the_publishable_key_may_not_create(sandbox: Sandbox, create: Create) -> None:
    assert create(key=sandbox.publishable_key).headers["mockserver-reason"] == "publishable_key"
    assert sandbox.last_call.raw["namespace"] == sandbox.name


def test_a_token_leads_into_the_sandbox_and_may_do_everything(sandbox: Sandbox, create: Create) -> None:
    assert create(key=sandbox.jwt(), base_url=f"{sandbox.origin}/v1").status == 201
    assert sandbox.last_call.credential["kind"] == "jwt"


@pytest.mark.parametrize("permissions", [["account:api:key:read"], {"account:api:key": ("read",)}])
def test_a_token_may_do_what_it_says(sandbox: Sandbox, create: Create, permissions: Any) -> None:
    assert create(key=sandbox.jwt(permissions)).headers["mockserver-reason"] == "missing_permission"


def test_a_token_expires_by_the_clock_of_the_sandbox(sandbox: Sandbox, create: Create) -> None:
    token = sandbox.jwt(expires_in_seconds=60)
    assert create(key=token).status == 201
    sandbox.clock.advance(61)
    assert create(key=token).headers["mockserver-reason"] == "expired_credential"


def test_a_token_of_nonsense_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(BadQuestion, match="permissions"):
        sandbox.jwt([1])  # type: ignore[list-item]


# Scripting


def test_the_next_calls_fail_and_then_no_more(sandbox: Sandbox, create: Create) -> None:
    sandbox.fail_next(429, times=2)
    assert [create().status for _ in range(3)] == [429, 429, 201]


def test_a_failure_can_be_meant_for_another_operation(sandbox: Sandbox, create: Create) -> None:
    sandbox.fail_next(500, operation="listApiKeys")
    assert create().status == 201


def test_a_failure_has_the_body_and_headers_that_are_given(sandbox: Sandbox, create: Create) -> None:
    sandbox.fail_next(503, body="busy", headers={"Retry-After": "7"}, off_contract=True)
    answer = create()
    assert (answer.status, answer.data, answer.headers["retry-after"]) == (503, b"busy", "7")


def test_a_failure_has_the_json_that_is_given(sandbox: Sandbox, create: Create) -> None:
    sandbox.fail_next(500, body=["no", None], off_contract=True)
    assert create().json() == ["no", None]


def test_a_fault_after_the_commit_loses_the_answer_only(sandbox: Sandbox, create: Create) -> None:
    sandbox.fail_next(fault="EMPTY_RESPONSE", phase="after_commit")
    headers = {"Idempotency-Key": "once"}
    with pytest.raises(urllib3.exceptions.ProtocolError):
        create(headers=headers)
    assert create(headers=headers).headers["mockserver-reason"] == "replayed"
    lost = sandbox.calls()[0]
    assert (lost.fault, lost.phase, lost.state) == ("EMPTY_RESPONSE", "after_commit", "faulted")


def test_a_failure_can_come_late(sandbox: Sandbox, create: Create) -> None:
    stub = sandbox.fail_next(500, delay=0.002)
    assert sandbox.stubs()[0]["response"]["fixedDelayMilliseconds"] == 2
    assert create().status == 500
    assert sandbox.last_call.stub == {"id": stub, "name": None}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"status": 429, "operation": "createApiKeys"}, ["createApiKeys", "'createApiKey'", "listApiKeys"]),
        ({"status": 418, "operation": "createApiKey"}, ["418", "429"]),
        ({"status": 999}, ["599", "999"]),
        ({"fault": "CONNECTION_RESET"}, ["CONNECTION_RESET_BY_PEER"]),
        ({"status": 500, "phase": "later"}, ["later", "before"]),
        ({"status": 500, "times": 0}, ["times", "1"]),
        ({"status": 500, "body": {"nonsense": 1}}, ["success"]),
        ({"status": 500, "body": object()}, ["JSON"]),
        ({"status": 201}, ["201", "no failure"]),
        ({}, ["status", "fault"]),
    ],
)
def test_a_failure_that_cannot_be_is_refused_at_once(
    sandbox: Sandbox, arguments: dict[str, Any], words: list[str]
) -> None:
    before = sandbox.stubs()
    with pytest.raises(StubError) as caught:
        sandbox.fail_next(**arguments)
    assert [word for word in words if word not in str(caught.value)] == []
    assert sandbox.stubs() == before


def test_a_queue_is_used_up_in_order(sandbox: Sandbox, create: Create) -> None:
    ids = sandbox.queue("createApiKey", [500, {"status": 429, "times": 2}, 201])
    assert [create().status for _ in range(5)] == [500, 429, 429, 201, 201]
    assert [call.stub and call.stub["id"] for call in sandbox.calls()] == [
        ids[0],
        ids[1],
        ids[1],
        ids[2],
        None,
    ]


def test_a_queue_names_every_problem(sandbox: Sandbox) -> None:
    with pytest.raises(StubError) as caught:
        sandbox.queue("createApiKey", [500, {"fault": "NONE"}, {"status": 500, "times": -1}])
    assert [problem.pointer for problem in caught.value.problems] == [
        "/outcomes/1/fault",
        "/outcomes/2/times",
    ]


def test_a_stub_answers_until_it_is_taken_out(sandbox: Sandbox, create: Create) -> None:
    stub = sandbox.stub({"request": {"method": "POST"}, "response": {"status": 500}})
    assert sandbox.stubs()[0]["id"] == stub
    assert [create().status for _ in range(2)] == [500, 500]
    sandbox.remove_stub(stub)
    assert create().status == 201
    with pytest.raises(UnknownItem, match=stub):
        sandbox.remove_stub(stub)


def test_a_broken_stub_is_refused_with_its_place(sandbox: Sandbox) -> None:
    with pytest.raises(StubError) as caught:
        sandbox.stub({"request": {}, "response": {"status": "no"}})
    assert caught.value.problems[0].pointer == "/response/status"


def test_a_held_answer_waits_for_its_release(sandbox: Sandbox, create: Create) -> None:
    stub = sandbox.stub({"response": {"status": 500}, "metadata": {"mockserver": {"hold": True}}})
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(create)
        (held,) = sandbox.wait_for("createApiKey", timeout=10)
        assert (held.state, held.status) == ("in_flight", 500)
        assert sandbox.release(stub) == 1
        assert answer.result(10).status == 500
    assert sandbox.release(stub) == 0
    with pytest.raises(UnknownItem):
        sandbox.release("no such stub")


def test_every_documented_error_is_listed_with_ways_to_get_it(sandbox: Sandbox, create: Create) -> None:
    errors = {(error["operation"], error["status"], error["reason"]): error for error in sandbox.errors}
    error = errors["createApiKey", 403, "foreign_account"]
    sandbox.queue(**error["provoke"]["queue"])
    answer = create()
    assert (answer.status, answer.json()) == (403, error["body"])


# Asking what came


def test_a_call_shows_all_that_was_sent_and_answered(sandbox: Sandbox, create: Create) -> None:
    create({"name": "ci", "permissions": {}, "extra": 1}, headers={"X-Trace": "a"})
    call = sandbox.last_call
    assert (call.number, call.method, call.path, call.query) == (
        1,
        "POST",
        "/v1/api-keys/",
        {"account_id": ["acct_1"]},
    )
    assert call.json["name"] == "ci"
    assert call.text == '{"name":"ci","permissions":{},"extra":1}'
    assert (call.headers["x-trace"], call.headers["X-TRACE"]) == ("a", "a")
    assert "absent" not in call.headers
    assert (call.operation, call.status, call.reason, call.state) == (
        "createApiKey",
        201,
        "created",
        "answered",
    )
    assert (call.violations, [warning["code"] for warning in call.warnings]) == ([], ["unknown_member"])
    assert (call.stub, call.fault, call.phase) == (None, None, None)
    assert call.credential["kind"] == "secret"
    response = call.response
    assert response is not None
    assert (response.status, response.json["data"]["name"]) == (201, "ci")
    assert response.headers["mockserver-call-id"] == call.id == call.raw["id"]
    assert repr(call) == "<RecordedCall 1 POST /v1/api-keys/ 201 created>"


def test_a_body_that_is_no_json_is_a_text(sandbox: Sandbox, http: urllib3.PoolManager) -> None:
    http.request("POST", f"{sandbox.base_url}/api-keys/", body=b"a=1")
    http.request("GET", f"{sandbox.base_url}/api-keys/")
    assert [(call.json, call.text) for call in sandbox.calls()] == [("a=1", "a=1"), (None, "")]


def test_no_secret_is_in_a_call(sandbox: Sandbox, create: Create) -> None:
    key = create().json()["data"]["key"]
    assert key not in str(sandbox.last_call.raw)
    assert sandbox.secret_key not in str(sandbox.last_call.raw)


def test_calls_can_be_chosen(sandbox: Sandbox, create: Create, http: urllib3.PoolManager) -> None:
    create({})
    create()
    http.request("GET", f"{sandbox.base_url}/nowhere")

    def numbers(**question: Any) -> list[int]:
        return [call.number for call in sandbox.calls(**question)]

    assert numbers() == [1, 2, 3]
    assert numbers(operation="createApiKey") == [1, 2]
    assert numbers(status=422) == [1]
    assert numbers(limit=2) == [2, 3]
    assert numbers(since=datetime.now(UTC) + timedelta(days=1)) == []
    assert numbers(since="2020-01-01T00:00:00Z") == [1, 2, 3]
    assert [call.number for call in sandbox.find_calls({"urlPathPattern": ".*/api-keys/"})] == [1, 2]


def test_an_unknown_operation_has_no_calls_to_list(sandbox: Sandbox) -> None:
    with pytest.raises(BadQuestion, match=r"createApiKey.*listApiKeys"):
        sandbox.calls("createApiKeys")


def test_there_is_no_last_call_before_the_first(sandbox: Sandbox) -> None:
    with pytest.raises(VerificationError, match="no call"):
        _ = sandbox.last_call


def test_a_call_can_be_made_again_from_a_shell(sandbox: Sandbox, create: Create) -> None:
    create()
    line = sandbox.curl(sandbox.last_call)
    assert line.startswith("curl ")
    assert "\n" not in line
    assert f"{sandbox.origin}" in line
    assert sandbox.curl(sandbox.last_call.id) == line
    with pytest.raises(UnknownItem):
        sandbox.curl("no such call")


def test_counts_are_verified(sandbox: Sandbox, create: Create) -> None:
    sandbox.verify("createApiKey", times=0)
    for _ in range(2):
        create()
    sandbox.verify("createApiKey")
    sandbox.verify("createApiKey", times=2)
    sandbox.verify("createApiKey", at_least=1, at_most=2)
    sandbox.verify({"method": "POST"}, times=2, nothing_else=True)
    sandbox.verify({"operation": "createApiKey", "request": {"method": "POST"}}, times=2)
    wrong: list[dict[str, Any]] = [{"times": 3}, {"at_least": 3}, {"at_most": 1}]
    for counts in wrong:
        with pytest.raises(VerificationError):
            sandbox.verify("createApiKey", **counts)


def test_a_failed_verification_shows_the_nearest_call(sandbox: Sandbox, create: Create) -> None:
    create({"name": "wrong", "permissions": {}})
    pattern = {"bodyPatterns": [{"equalToJson": {"name": "right"}, "ignoreExtraElements": True}]}
    with pytest.raises(AssertionError) as caught:
        sandbox.verify(pattern, times=1)
    assert "call 1  POST /v1/api-keys/" in str(caught.value)
    assert "/name" in str(caught.value)
    assert '"wrong"' in str(caught.value)


def test_what_has_no_meaning_is_not_verified(sandbox: Sandbox) -> None:
    with pytest.raises(BadQuestion, match="createApiKey"):
        sandbox.verify("createApiKeys", times=0)
    with pytest.raises(BadQuestion, match="contradict"):
        sandbox.verify("createApiKey", at_least=2, at_most=1)
    with pytest.raises(BadQuestion, match="nothing is expected"):
        sandbox.verify_in_order()
    with pytest.raises(BadQuestion):
        sandbox.find_calls({"methods": "POST"})


def test_other_calls_are_found(sandbox: Sandbox, create: Create, http: urllib3.PoolManager) -> None:
    create()
    http.request("GET", f"{sandbox.base_url}/nowhere")
    with pytest.raises(VerificationError, match="nowhere"):
        sandbox.verify("createApiKey", times=1, nothing_else=True)


def test_the_order_of_calls_is_verified(sandbox: Sandbox, create: Create, http: urllib3.PoolManager) -> None:
    create()
    http.request("GET", f"{sandbox.base_url}/api-keys/?account_id=acct_1")
    sandbox.verify_in_order("createApiKey", {"operation": "listApiKeys", "exactly": 1}, nothing_else=True)
    with pytest.raises(VerificationError, match="before"):
        sandbox.verify_in_order("listApiKeys", "createApiKey")


def test_a_verification_waits_for_the_call_that_it_needs(sandbox: Sandbox, create: Create) -> None:
    sandbox.stub({"response": {"status": 500}, "metadata": {"mockserver": {"times": 1}}})
    timer = threading.Timer(0.05, create)
    timer.start()
    sandbox.verify("createApiKey", times=1, timeout=10)
    timer.join()


def test_waiting_gives_the_calls(sandbox: Sandbox, create: Create) -> None:
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(create) for _ in range(2)]
        calls = sandbox.wait_for("createApiKey", times=2, timeout=10)
        assert [call.number for call in calls] == [1, 2]
        assert {answer.result(10).status for answer in answers} == {201}
    assert [call.number for call in sandbox.wait_for({"method": "POST"}, times=2)] == [1, 2]


def test_waiting_in_vain_ends(sandbox: Sandbox, create: Create) -> None:
    create()
    with pytest.raises(VerificationError, match="at least 2 calls"):
        sandbox.wait_for("createApiKey", times=2, timeout=0.01)


def test_duplicates_are_found(sandbox: Sandbox, create: Create) -> None:
    create()
    create(BODY | {"name": "another"})
    sandbox.verify_no_duplicates()
    create()
    with pytest.raises(VerificationError) as caught:
        sandbox.verify_no_duplicates()
    assert str(caught.value).splitlines() == [
        "createApiKey was carried out 2 times with the same meaning:",
        "  call 1  POST /v1/api-keys/?account_id=acct_1  createApiKey  201 created",
        "  call 3  POST /v1/api-keys/?account_id=acct_1  createApiKey  201 created",
    ]


def test_who_does_not_wait_is_found(sandbox: Sandbox, create: Create) -> None:
    sandbox.fail_next(429, headers={"Retry-After": "30"})
    create()
    sandbox.verify_retry_after()
    create()
    with pytest.raises(VerificationError, match=r"call 2 of createApiKey came after .* but 30 s were asked"):
        sandbox.verify_retry_after()


# Time and state


def test_the_clock_stands_and_moves(sandbox: Sandbox, create: Create) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert (sandbox.clock.mode, sandbox.clock.now) == ("frozen", start)
    sandbox.clock.advance(1.5)
    sandbox.clock.advance(timedelta(hours=-1))
    assert sandbox.clock.now == start + timedelta(seconds=1.5, hours=-1)
    sandbox.clock.freeze("2030-02-03T04:05:06+01:00")
    assert create().json()["data"]["created_at"] == "2030-02-03T03:05:06.000Z"
    sandbox.clock.freeze(datetime(2031, 1, 1, tzinfo=UTC))
    assert sandbox.clock.now == datetime(2031, 1, 1, tzinfo=UTC)
    sandbox.clock.run_real()
    assert sandbox.clock.mode == "real"
    before = sandbox.clock.now
    sandbox.clock.freeze()
    assert before <= sandbox.clock.now == sandbox.clock.now


@pytest.mark.parametrize("moment", ["tomorrow", "2026-01-01", datetime(2026, 1, 1)])
def test_a_moment_needs_its_zone(sandbox: Sandbox, moment: str | datetime) -> None:
    with pytest.raises(BadQuestion, match="zone"):
        sandbox.clock.freeze(moment)


def test_the_clock_stays_in_the_calendar(sandbox: Sandbox) -> None:
    with pytest.raises(BadQuestion, match="years"):
        sandbox.clock.advance(timedelta(days=365 * 9000))


def test_options_can_be_changed_until_the_reset(sandbox: Sandbox, create: Create) -> None:
    sandbox.configure(success_status=200, seed="another")
    first = create()
    sandbox.reset()
    again = create()
    assert (first.status, again.status) == (200, 201)
    assert first.json()["data"]["key"] != again.json()["data"]["key"]


def test_wrong_options_are_named(sandbox: Sandbox) -> None:
    with pytest.raises(SettingsError) as caught:
        sandbox.configure(sucess_status=200, rate_limit="often")  # type: ignore[call-arg]
    assert "'success_status'" in str(caught.value)
    assert "often" in str(caught.value)


def test_a_reset_forgets_everything(sandbox: Sandbox, create: Create) -> None:
    stubs = sandbox.stubs()
    key = create().json()["data"]["key"]
    sandbox.fail_next(500, times=9)
    sandbox.clock.advance(60)
    sandbox.reset()
    assert sandbox.calls() == []
    assert sandbox.stubs() == stubs
    assert sandbox.clock.now == datetime(2026, 1, 1, tzinfo=UTC)
    assert create(key=key).headers["mockserver-reason"] == "revoked_credential"


def test_a_snapshot_brings_back_what_was_there(sandbox: Sandbox, create: Create) -> None:
    key = create(BODY | {"permissions": {"*": ["*"]}}).json()["data"]["key"]
    before = sandbox.snapshot()
    sandbox.reset()
    sandbox.fail_next(500, times=9)
    sandbox.restore(before)
    assert create(key=key).status == 201
    with pytest.raises(UnknownItem):
        sandbox.restore("no such snapshot")


def test_namespaces_do_not_see_each_other(sandbox: Sandbox, create: Create) -> None:
    other = sandbox.namespace("other")
    other.reset()
    sandbox.fail_next(500)
    assert create(key=other.secret_key, base_url=other.base_url).status == 201
    assert (len(sandbox.calls()), len(other.calls())) == (0, 1)
    assert create().status == 500
    other.forget()
    assert (len(sandbox.calls()), len(other.calls())) == (1, 0)


@pytest.mark.parametrize("name", ["", "T1", "a_b", "a" * 41, "../x"])
def test_a_namespace_needs_a_name(sandbox: Sandbox, name: str) -> None:
    with pytest.raises(BadQuestion, match="a-z"):
        sandbox.namespace(name)


# Clients without a socket of their own


def test_a_transport_of_httpx_leads_into_the_sandbox(sandbox: Sandbox) -> None:
    sandbox.fail_next(429)
    with httpx.Client(transport=sandbox.transport(), base_url="https://api.hsrcpay.com/v1") as client:
        answers = [
            client.post(
                "/api-keys/?account_id=acct_1", json=BODY, headers={"Authorization": "Bearer sk_test_any"}
            )
            for _ in range(2)
        ]
    assert [answer.status_code for answer in answers] == [429, 201]
    assert [call.status for call in sandbox.calls("createApiKey")] == [429, 201]


def test_an_adapter_of_requests_leads_into_the_sandbox(sandbox: Sandbox) -> None:
    sandbox.fail_next(429)
    with requests.Session() as session:
        session.mount("https://", sandbox.requests_adapter())
        answers = [
            session.post(
                "https://api.hsrcpay.com/v1/api-keys/?account_id=acct_1",
                json=BODY,
                headers={"Authorization": "Bearer sk_test_any"},
            )
            for _ in range(2)
        ]
    assert [answer.status_code for answer in answers] == [429, 201]
    assert answers[1].url == "https://api.hsrcpay.com/v1/api-keys/?account_id=acct_1"
    assert [call.status for call in sandbox.calls("createApiKey")] == [429, 201]


def test_calls_are_values() -> None:
    raw = {"id": "1", "request": {"method": "GET"}}
    assert RecordedCall(raw) == RecordedCall(dict(raw))


# Coroutines


def test_a_coroutine_waits_for_a_client_of_its_own_loop(sandbox: Sandbox) -> None:
    async def call_and_wait() -> list[RecordedCall]:
        async with httpx.AsyncClient(transport=sandbox.transport()) as client:
            task = asyncio.ensure_future(client.post("https://api.hsrcpay.com/v1/api-keys/"))
            calls = await sandbox.wait_for_async("createApiKey", timeout=60)
            await sandbox.verify_async("createApiKey", times=1, nothing_else=True)
            assert (await task).status_code == 401
            return calls

    assert [call.status for call in asyncio.run(call_and_wait())] == [401]


def test_a_blocking_verb_says_what_a_coroutine_uses(sandbox: Sandbox) -> None:
    async def wait() -> None:
        sandbox.wait_for("createApiKey", timeout=0.01)

    with pytest.raises(VerificationError, match="wait_for_async"):
        asyncio.run(wait())
    with pytest.raises(VerificationError, match="wait_for_async"):
        trio.run(wait)
    with pytest.raises(VerificationError) as caught:
        sandbox.wait_for("createApiKey", timeout=0.01)
    assert "event loop" not in str(caught.value)


# Where it is, and what it tells


def test_addresses_are_made_for_their_users(sandbox: Sandbox) -> None:
    assert sandbox.url_for("/api-keys/") == sandbox.url_for("api-keys/") == f"{sandbox.base_url}/api-keys/"
    assert connect(sandbox.url).name == sandbox.name
    assert sandbox.ca_file is None


def test_a_report_shows_the_calls(sandbox: Sandbox, create: Create) -> None:
    assert sandbox.report() == f"No call came to the sandbox {sandbox.name!r}."
    create()
    assert "createApiKey  201 created" in sandbox.report()
    assert "curl -X POST" in sandbox.report()


def test_outcomes_that_are_no_list_are_refused_with_what_would_be_right(sandbox: Sandbox) -> None:
    for outcomes in (500, "500", {"status": 500}):
        with pytest.raises(StubError, match=r"must be a list of outcomes such as \[500, 201\]"):
            sandbox.queue("createApiKey", outcomes)  # type: ignore[arg-type]


def test_namespaces_are_counted(sandbox: Sandbox, create: Create) -> None:
    create()
    assert sandbox.namespaces()[sandbox.name] == 1


def test_entries_are_objects_whose_members_have_the_names_of_the_control_api(sandbox: Sandbox) -> None:
    error = sandbox.errors[0]
    assert (error["status"], error["reason"]) == (error.status, error.reason)
    with pytest.raises(KeyError):
        error["nothing"]
    (variant,) = sandbox.variants("createApiKey", status=201, name="null-expires_at", diff=True)
    assert variant.diff and variant["diff"] == variant.diff
