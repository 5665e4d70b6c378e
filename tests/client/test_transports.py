"""Transports: a client without a socket sees what it would see on one, exceptions included."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import requests
import urllib3

from mockserver import Fault, MockServer, Sandbox, connect

URL = "https://api.hsrcpay.com/v1/api-keys/?account_id=acct_1"
BODY = {"name": "Reporting", "permissions": {}}
HEADERS = {"Authorization": "Bearer sk_test_any"}
# Longer than any test may take, for what is to be given up or ended at once.
LONG = 120


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    with MockServer(clock="2026-01-01T00:00:00Z") as server:
        yield server


@pytest.fixture(scope="module")
def local(server: MockServer) -> Sandbox:
    """A sandbox of this process."""
    return server.namespace("t1")


@pytest.fixture(scope="module")
def remote(server: MockServer) -> Sandbox:
    """The same sandbox as if its server were elsewhere."""
    return connect(f"{server.origin}/~t1")


@pytest.fixture(autouse=True)
def _reset(local: Sandbox) -> None:
    local.reset()


# What one POST gave: status, headers that say something, and body; or the class of what was raised.
Outcome = tuple[Any, ...]


def post_with_httpx(sandbox: Sandbox, **options: Any) -> Outcome:
    with httpx.Client(transport=sandbox.transport(), timeout=options.pop("timeout", LONG)) as client:
        try:
            return read(client.post(URL, json=BODY, headers=HEADERS, **options))
        except httpx.HTTPError as error:
            assert error.request.url == URL or error.request.url.host == "127.0.0.1"
            return (type(error),)


def post_with_async_httpx(sandbox: Sandbox, **options: Any) -> Outcome:
    async def post() -> Outcome:
        timeout = options.pop("timeout", LONG)
        async with httpx.AsyncClient(transport=sandbox.transport(), timeout=timeout) as client:
            try:
                return read(await client.post(URL, json=BODY, headers=HEADERS, **options))
            except httpx.HTTPError as error:
                return (type(error),)

    return asyncio.run(post())


def post_with_requests(sandbox: Sandbox, **options: Any) -> Outcome:
    with requests.Session() as session:
        session.mount("https://", sandbox.requests_adapter())
        timeout = options.pop("timeout", LONG)
        try:
            answer = session.post(URL, json=BODY, headers=HEADERS, timeout=timeout, **options)
            return (answer.status_code, answer.reason, _plain(answer.headers), answer.content)
        except requests.RequestException as error:
            cause = error.args[0]
            return (type(error), type(cause), type(cause.args[1]) if len(cause.args) > 1 else None)


def read(answer: httpx.Response) -> Outcome:
    return (answer.status_code, answer.reason_phrase, _plain(answer.headers), answer.content)


def _plain(headers: Any) -> dict[str, str]:
    # An id names the call, and each of these is another one; the transport has no connection to close.
    return {
        name.lower(): value
        for name, value in headers.items()
        if name.lower() not in ("mockserver-call-id", "connection")
    }


Post = Callable[..., Outcome]


@pytest.fixture(params=[post_with_httpx, post_with_async_httpx, post_with_requests])
def post(request: pytest.FixtureRequest) -> Post:
    chosen: Post = request.param
    return chosen


# What is seen is the same with and without a socket


@pytest.mark.parametrize("phase", ["before", "after_commit"])
@pytest.mark.parametrize("fault", sorted(set(Fault) - {Fault.HANG}))
def test_a_fault_is_met_as_on_a_socket(
    local: Sandbox, remote: Sandbox, post: Post, fault: str, phase: str
) -> None:
    outcomes = []
    for sandbox in (local, remote):
        local.reset()
        local.fail_next(fault=fault, phase=phase)
        outcomes.append(post(sandbox))
        assert (local.last_call.fault, local.last_call.phase) == (fault, phase)
        if fault == Fault.NOT_JSON:
            assert local.last_call.state in ("answered", "faulted")
        else:
            assert local.last_call.state == "faulted"
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0] == 502 if fault == Fault.NOT_JSON else isinstance(outcomes[0][0], type)


ANSWERS: dict[str, dict[str, Any]] = {
    "plain": {"status": 429},
    "phrase": {"status": 500, "statusMessage": "Gone Fishing"},
    "headers": {"status": 500, "headers": {"X-A": ["1", "2"], "Set-Cookie": "a=b"}},
    "text": {"status": 500, "body": "not JSON"},
    "empty": {"status": 204},
    "undocumented": {"status": 299, "body": ""},
    "dribble": {"status": 500, "chunkedDribbleDelay": {"numberOfChunks": 3, "totalDuration": 3}},
    "delay": {"status": 500, "fixedDelayMilliseconds": 1},
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_is_the_same_as_on_a_socket(
    local: Sandbox, remote: Sandbox, post: Post, answer: dict[str, Any]
) -> None:
    local.stub({"response": answer, "metadata": {"mockserver": {"offContract": True}}})
    assert post(local) == post(remote)
    assert [call.state for call in local.calls()] == ["answered", "answered"]
    assert local.last_call.status == answer["status"]


def test_a_success_is_the_same_as_on_a_socket(local: Sandbox, remote: Sandbox, post: Post) -> None:
    outcomes = []
    for sandbox in (local, remote):
        local.reset()
        outcomes.append(post(sandbox))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0] == 201


def test_what_the_guard_refuses_is_refused_without_a_socket(local: Sandbox, remote: Sandbox) -> None:
    outcomes = []
    for sandbox in (local, remote):
        with httpx.Client(transport=sandbox.transport()) as client:
            outcomes.append(read(client.post(URL, content=b"x" * 2_000_000, headers=HEADERS)))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0] == 413
    assert local.calls() == []


@pytest.mark.parametrize("answer", ["plain", "text", "dribble"])
def test_an_answer_to_head_has_no_body(local: Sandbox, remote: Sandbox, answer: str) -> None:
    local.stub({"response": ANSWERS[answer], "metadata": {"mockserver": {"offContract": True}}})
    outcomes = []
    for sandbox in (local, remote):
        with httpx.Client(transport=sandbox.transport()) as client:
            outcomes.append(read(client.head(URL)))
        with requests.Session() as session:
            session.mount("https://", sandbox.requests_adapter())
            outcomes.append((session.head(URL).status_code, session.head(URL).content))
    assert outcomes[0] == outcomes[2]
    assert outcomes[1] == outcomes[3] == (outcomes[0][0], b"")
    assert outcomes[0][3] == b""


# Patience


@pytest.mark.parametrize(
    ("response", "end"),
    [
        ({"fault": "HANG"}, ("faulted", "stub")),
        ({"status": 500, "fixedDelayMilliseconds": LONG * 1000}, ("disconnected", "client_disconnected")),
    ],
    ids=["hang", "delay"],
)
def test_a_timeout_is_not_waited_out(
    local: Sandbox, post: Post, response: dict[str, Any], end: tuple[str, str]
) -> None:
    local.stub({"response": response})
    kind = post(local, timeout=LONG / 2)[0]
    assert kind in (httpx.ReadTimeout, requests.exceptions.ReadTimeout)
    # As on a socket (see test_delivery).
    assert (local.last_call.state, local.last_call.reason) == end


def test_a_slow_body_runs_into_the_timeout(local: Sandbox, post: Post) -> None:
    dribble = {"numberOfChunks": 2, "totalDuration": LONG * 2000}
    local.stub({"response": {"status": 500, "chunkedDribbleDelay": dribble}})
    kind = post(local, timeout=LONG / 2)[0]
    assert kind in (httpx.ReadTimeout, requests.exceptions.ConnectionError)
    assert local.last_call.state == "disconnected"


def test_a_held_answer_comes_when_it_is_released(local: Sandbox, post: Post) -> None:
    stub = local.stub({"response": {"status": 500}, "metadata": {"mockserver": {"hold": True}}})
    with ThreadPoolExecutor(1) as pool:
        outcome = pool.submit(post, local)
        local.wait_for("createApiKey", timeout=LONG)
        assert local.release(stub) == 1
        assert outcome.result(LONG)[0] == 500
    assert local.last_call.state == "answered"


def test_a_held_answer_is_not_waited_for_beyond_the_timeout(local: Sandbox, post: Post) -> None:
    local.stub({"response": {"status": 500}, "metadata": {"mockserver": {"hold": True}}})
    kind = post(local, timeout=0.001)[0]
    assert kind in (httpx.ReadTimeout, requests.exceptions.ReadTimeout)
    assert local.last_call.state == "disconnected"


def test_a_reset_ends_the_waits(local: Sandbox, post: Post) -> None:
    local.stub({"response": {"status": 500, "fixedDelayMilliseconds": LONG * 1000}})
    with ThreadPoolExecutor(1) as pool:
        outcome = pool.submit(post, local, timeout=None)
        local.wait_for("createApiKey", timeout=LONG)
        local.reset()
        assert outcome.result(LONG)[0] == 500


def test_a_reset_ends_what_hangs(local: Sandbox, post: Post) -> None:
    local.fail_next(fault="HANG")
    with ThreadPoolExecutor(1) as pool:
        outcome = pool.submit(post, local, timeout=None)
        local.wait_for("createApiKey", timeout=LONG)
        local.reset()
        kind = outcome.result(LONG)[0]
    assert kind in (httpx.RemoteProtocolError, requests.exceptions.ConnectionError)


def test_a_coroutine_that_is_cancelled_has_left(local: Sandbox) -> None:
    local.fail_next(fault="HANG")

    async def leave() -> None:
        async with httpx.AsyncClient(transport=local.transport(), timeout=None) as client:
            task = asyncio.ensure_future(client.post(URL, json=BODY))
            await asyncio.to_thread(local.wait_for, "createApiKey", timeout=LONG)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(leave())
    assert local.last_call.state == "faulted"
    threads = [thread for thread in threading.enumerate() if "AnyIO" in thread.name]
    # They are told to end as the loop does, and may not have come to it yet.
    for thread in threads:
        thread.join(LONG)
    assert not any(thread.is_alive() for thread in threads)


def test_many_answers_are_held_at_once(local: Sandbox) -> None:
    stub = local.stub({"response": {"status": 500}, "metadata": {"mockserver": {"hold": True}}})

    async def hold() -> list[int]:
        async with httpx.AsyncClient(transport=local.transport(), timeout=LONG) as client:
            tasks = [asyncio.ensure_future(client.post(URL, json=BODY)) for _ in range(64)]
            await asyncio.to_thread(local.wait_for, "createApiKey", 64, LONG)
            assert await asyncio.to_thread(local.release, stub) == 64
            return [(await task).status_code for task in tasks]

    assert asyncio.run(hold()) == [500] * 64


# Reading by and by


def test_a_body_arrives_in_its_pieces(local: Sandbox) -> None:
    dribble = {"numberOfChunks": 4, "totalDuration": 4}
    local.stub(
        {
            "response": {"status": 500, "body": "abcdefgh", "chunkedDribbleDelay": dribble},
            "metadata": {"mockserver": {"offContract": True}},
        }
    )
    with httpx.Client(transport=local.transport()) as client, client.stream("POST", URL) as answer:
        assert list(answer.iter_raw()) == [b"ab", b"cd", b"ef", b"gh"]
    assert local.last_call.state == "answered"


def test_who_stops_reading_has_left(local: Sandbox) -> None:
    dribble = {"numberOfChunks": 4, "totalDuration": 4}
    local.stub({"response": {"status": 500, "chunkedDribbleDelay": dribble}})
    with httpx.Client(transport=local.transport()) as client:
        with client.stream("POST", URL) as answer:
            next(answer.iter_raw())
        with client.stream("POST", URL):
            pass
    assert [call.state for call in local.calls()] == ["disconnected", "disconnected"]


def test_a_cut_body_is_there_up_to_the_cut(local: Sandbox) -> None:
    local.stub(
        {
            "response": {"status": 500, "body": "abcdefgh", "fault": "TRUNCATED_BODY"},
            "metadata": {"mockserver": {"offContract": True}},
        }
    )
    pieces = []
    with httpx.Client(transport=local.transport()) as client, client.stream("POST", URL) as answer:
        assert answer.headers["content-length"] == "8"
        with pytest.raises(httpx.RemoteProtocolError, match="received 4 bytes, expected 8"):
            pieces += list(answer.iter_raw())
    assert answer.status_code == 500


# Where a request goes


def test_the_namespace_is_that_of_the_transport(server: MockServer, local: Sandbox) -> None:
    server.reset()
    other = server.namespace("t2")
    with httpx.Client(transport=local.transport()) as client:
        client.post(URL, json=BODY, headers={"Authorization": f"Bearer {other.secret_key}"})
        client.post(f"{local.base_url}/api-keys/?account_id=a", json=BODY, headers=HEADERS)
    with httpx.Client(transport=server.transport()) as client:
        client.post(URL, json=BODY, headers={"Authorization": f"Bearer {other.secret_key}"})
    assert [call.path for call in local.calls()] == ["/v1/api-keys/", "/v1/api-keys/"]
    assert (len(server.calls()), len(other.calls())) == (1, 0)


def test_a_transport_needs_no_port() -> None:
    server = MockServer()
    assert (
        post_with_httpx(server)[0] == post_with_async_httpx(server)[0] == post_with_requests(server)[0] == 201
    )
    assert len(server.calls("createApiKey")) == 3


def test_retries_of_urllib3_work_without_a_socket(local: Sandbox) -> None:
    local.queue("createApiKey", [{"fault": "CONNECTION_RESET_BY_PEER"}, 500, 201])
    retry = urllib3.Retry(3, status_forcelist=[500], allowed_methods=None, backoff_factor=0)
    with requests.Session() as session:
        session.mount("https://", local.requests_adapter(max_retries=retry))
        assert session.post(URL, json=BODY, headers=HEADERS).status_code == 201
    local.verify("createApiKey", times=3, nothing_else=True)


def test_a_proxy_of_the_environment_is_not_asked(
    local: Sandbox, remote: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for sandbox in (local, remote):
        assert post_with_requests(sandbox)[0] == 201
        assert post_with_httpx(sandbox)[0] == 201


def test_a_body_may_be_sent_in_chunks(local: Sandbox) -> None:
    pieces = [b'{"name": "x", ', b'"permissions": {}}']
    headers = HEADERS | {"Content-Type": "application/json"}
    with httpx.Client(transport=local.transport()) as client:
        assert client.post(URL, content=iter(pieces), headers=headers).status_code == 201
    with requests.Session() as session:
        session.mount("https://", local.requests_adapter())
        assert session.post(URL, data=iter(pieces), headers=headers).status_code == 201
    assert [call.json for call in local.calls()] == [{"name": "x", "permissions": {}}] * 2


@pytest.mark.parametrize("library", ["httpx", "requests"])
def test_a_missing_library_is_named_with_its_extra(
    local: Sandbox, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    for module in ("httpx_transport", "requests_adapter"):
        monkeypatch.delitem(sys.modules, f"mockserver.client.transports.{module}", raising=False)
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.setitem(sys.modules, "httpx2", None)
    with pytest.raises(ImportError, match=rf"hsrcpay-mockserver\[{library}\]"):
        local.transport() if library == "httpx" else local.requests_adapter()


def test_an_adapter_is_made_without_the_warning_of_a_library_that_nobody_needs(
    local: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """urllib3 warns where PySocks is missing, and in tests warnings are errors."""
    monkeypatch.setitem(sys.modules, "socks", None)
    for module in ("urllib3.contrib.socks", "mockserver.client.transports.requests_adapter"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    local.requests_adapter().close()
