"""What other test libraries patch does not stand between a client and its sandbox, here or elsewhere."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import httpx2
import pytest
import pytest_socket
import requests
import requests_mock
import responses
import respx
import trio

from mockserver import MockServer, Sandbox, connect

URL = "https://api.hsrcpay.com/v1/api-keys/?account_id=acct_1"
OTHER = "https://other.example/"
BODY = {"name": "Reporting", "permissions": {}}
HEADERS = {"Authorization": "Bearer sk_test_any"}


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    with MockServer() as server:
        yield server


@pytest.fixture(params=["local", "remote"])
def sandbox(request: pytest.FixtureRequest, server: MockServer) -> Sandbox:
    """A sandbox of this process, and one of a server that could be anywhere."""
    server.namespace("t1").reset()
    return server.namespace("t1") if request.param == "local" else connect(f"{server.origin}/~t1")


@pytest.fixture(params=["known", "new"])
def _imports(request: pytest.FixtureRequest) -> None:
    """The module of the adapter is there already, or is imported while its library is patched."""
    if request.param == "new":
        sys.modules.pop("mockserver.client.transports.requests_adapter", None)


def post_with_requests(sandbox: Sandbox) -> int:
    with requests.Session() as session:
        session.mount("https://api.hsrcpay.com", sandbox.requests_adapter())
        return session.post(URL, json=BODY, headers=HEADERS).status_code


def post_with_httpx(sandbox: Sandbox) -> int:
    with httpx.Client(transport=sandbox.transport()) as client:
        return client.post(URL, json=BODY, headers=HEADERS).status_code


async def post_with_async_httpx(sandbox: Sandbox) -> int:
    async with httpx.AsyncClient(transport=sandbox.transport()) as client:
        return (await client.post(URL, json=BODY, headers=HEADERS)).status_code


@pytest.mark.usefixtures("_imports")
def test_responses_answers_for_others_only(sandbox: Sandbox) -> None:
    with responses.RequestsMock() as mock:
        mock.get(OTHER, json={"other": True})
        assert post_with_requests(sandbox) == 201
        assert requests.get(OTHER).json() == {"other": True}
    sandbox.verify("createApiKey", times=1)


def test_requests_mock_that_lets_others_pass_lets_the_sandbox_answer(sandbox: Sandbox) -> None:
    with requests_mock.Mocker(real_http=True) as mock:
        mock.get(OTHER, json={"other": True})
        assert post_with_requests(sandbox) == 201
        assert requests.get(OTHER).json() == {"other": True}
    sandbox.verify("createApiKey", times=1)


def test_respx_answers_for_others_only(sandbox: Sandbox) -> None:
    with respx.mock as mock:
        mock.get(OTHER).respond(json={"other": True})
        assert post_with_httpx(sandbox) == 201
        assert asyncio.run(post_with_async_httpx(sandbox)) == 201
        assert httpx.get(OTHER).json() == {"other": True}
    sandbox.verify("createApiKey", times=2)


def test_pytest_httpx_answers_for_others_only(sandbox: Sandbox, httpx_mock: Any) -> None:
    httpx_mock.add_response(url=OTHER, json={"other": True})
    assert post_with_httpx(sandbox) == 201
    assert asyncio.run(post_with_async_httpx(sandbox)) == 201
    assert httpx.get(OTHER).json() == {"other": True}
    sandbox.verify("createApiKey", times=2)


@pytest.fixture
def no_sockets(sandbox: Sandbox) -> Iterator[None]:
    sandbox.reset()
    pytest_socket.disable_socket()
    yield
    pytest_socket.enable_socket()


@pytest.mark.usefixtures("no_sockets")
def test_sockets_may_be_disabled(sandbox: Sandbox) -> None:
    assert post_with_requests(sandbox) == post_with_httpx(sandbox) == 201
    sandbox.verify("createApiKey", times=2)


# httpx2, and the event loop of trio


def test_a_transport_serves_httpx2(sandbox: Sandbox) -> None:
    async def post() -> int:
        async with httpx2.AsyncClient(transport=sandbox.transport()) as client:
            return (await client.post(URL, json=BODY, headers=HEADERS)).status_code

    with httpx2.Client(transport=sandbox.transport(), timeout=2) as client:
        answer = client.post(URL, json=BODY, headers=HEADERS)
        assert (answer.status_code, answer.json()["data"]["name"]) == (201, "Reporting")
        sandbox.fail_next(fault="CONNECTION_RESET_BY_PEER")
        with pytest.raises(httpx2.ReadError):
            client.post(URL, json=BODY, headers=HEADERS)
        sandbox.fail_next(fault="TRUNCATED_BODY")
        with pytest.raises(httpx2.RemoteProtocolError, match="without sending complete message body"):
            client.post(URL, json=BODY, headers=HEADERS)
    assert asyncio.run(post()) == 201


def test_a_transport_serves_trio(sandbox: Sandbox) -> None:
    assert trio.run(post_with_async_httpx, sandbox) == 201


def test_httpx2_alone_suffices(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "mockserver.client.transports.httpx_transport", raising=False)
    monkeypatch.setitem(sys.modules, "httpx", None)
    with httpx2.Client(transport=sandbox.transport()) as client:
        assert client.post(URL, json=BODY, headers=HEADERS).status_code == 201
    monkeypatch.undo()
    importlib.reload(importlib.import_module("mockserver.client.transports.httpx_transport"))


def test_a_server_that_is_gone_is_met_in_the_words_of_each_library(server: MockServer) -> None:
    other = MockServer().start()
    sandbox = connect(other.origin)
    other.stop()
    with pytest.raises(httpx.ConnectError):
        post_with_httpx(sandbox)
    with pytest.raises(requests.ConnectionError):
        post_with_requests(sandbox)
