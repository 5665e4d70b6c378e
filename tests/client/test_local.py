"""MockServer: a server in this process, started, stopped and started again."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import threading
import unittest
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from mockserver import ContractError, MockServer, MockServerError, Sandbox, Settings, SettingsError, connect
from mockserver.serving.uvicorn_server import ServerThread

URL = "/api-keys/?account_id=acct_1"
BODY = {"name": "Reporting", "permissions": {}}


def create(sandbox: Sandbox) -> httpx.Response:
    """Create a key over a real connection."""
    with httpx.Client(transport=httpx.HTTPTransport(verify=False)) as client:
        return client.post(
            f"{sandbox.base_url}{URL}", json=BODY, headers={"Authorization": f"Bearer {sandbox.secret_key}"}
        )


def listens(origin: str) -> bool:
    url = httpx.URL(origin)
    try:
        socket.create_connection((url.host, url.port)).close()
    except ConnectionRefusedError:
        return False
    return True


def test_two_servers_share_nothing() -> None:
    with MockServer() as one, MockServer(seed="another") as other:
        assert one.origin != other.origin
        one.fail_next(500, times=9)
        assert (create(one).status_code, create(other).status_code) == (500, 201)
        assert (one.last_call.status, other.last_call.status) == (500, 201)
        assert one.namespace("t1").calls() == other.namespace("t1").calls() == []


def test_servers_of_one_seed_issue_the_same_keys() -> None:
    keys = []
    for seed in ("s", "s", "t"):
        with MockServer(seed=seed) as server:
            keys.append(create(server).json()["data"]["key"])
    assert keys[0] == keys[1] != keys[2]


def test_nothing_listens_before_the_start_and_after_the_stop() -> None:
    server = MockServer()
    assert repr(server) == "<MockServer not started>"
    with pytest.raises(MockServerError, match="not started"):
        _ = server.base_url
    server.start()
    origin = server.origin
    assert repr(server) == f"<MockServer {origin}>"
    assert listens(origin)
    server.stop()
    assert not listens(origin)
    with pytest.raises(MockServerError, match="not started"):
        _ = server.origin


def test_the_verbs_need_no_port() -> None:
    server = MockServer()
    server.fail_next(429)
    with httpx.Client(transport=server.transport(), base_url="https://api.hsrcpay.com/v1") as client:
        assert client.post(URL, json=BODY).status_code == 429
    server.verify("createApiKey", times=1)


def test_starting_and_stopping_twice_is_once() -> None:
    server = MockServer()
    assert server.start() is server.start()
    origin = server.origin
    server.stop()
    server.stop()
    assert not listens(origin)


def test_a_server_starts_again_where_it_was_with_what_it_had() -> None:
    server = MockServer()
    with server:
        origin = server.origin
        create(server)
    with server:
        assert server.origin == origin
        assert create(server).status_code == 201
        assert len(server.calls("createApiKey")) == 2


def test_a_port_that_is_taken_is_said_so() -> None:
    with MockServer() as server:
        port = httpx.URL(server.origin).port
        assert port is not None
        other = MockServer(port=port)
        with pytest.raises(SettingsError, match=f"{port}.*in use"):
            other.start()
    with other:
        assert create(other).status_code == 201


def test_a_stop_lets_go_what_waits() -> None:
    with MockServer() as server:
        server.fail_next(500, delay=120)
        answers: list[httpx.Response] = []
        thread = threading.Thread(target=lambda: answers.append(create(server)))
        thread.start()
        server.wait_for("createApiKey", timeout=30)
    thread.join(30)
    assert [answer.status_code for answer in answers] == [500]


def test_a_stop_ends_an_idle_connection() -> None:
    with MockServer() as server:
        url = httpx.URL(server.origin)
        client = socket.create_connection((url.host, url.port or 0), timeout=30)
    with client:
        assert client.recv(1) == b""


def test_no_thread_is_left_behind() -> None:
    before = threading.active_count()
    with MockServer() as server:
        create(server)
        assert threading.active_count() > before
    assert threading.active_count() == before


def test_wrong_settings_are_all_named() -> None:
    with pytest.raises(SettingsError) as caught:
        MockServer(sead="s", port=70000, clock="noon")  # type: ignore[call-arg]
    assert "did you mean 'seed'?" in str(caught.value)
    with pytest.raises(SettingsError) as caught:
        MockServer(port=70000, clock="noon")
    assert len(caught.value.problems) == 2


def test_settings_may_be_texts_and_numbers(tmp_path: Path) -> None:
    contract = tmp_path / "openapi.json"
    contract.write_text(json.dumps(PETS), encoding="utf-8")
    with MockServer(contract=str(contract), success_status=200, journal_limit="5") as server:  # type: ignore[arg-type]
        assert server.base_url == f"{server.origin}/pets/v2"
        assert httpx.get(f"{server.base_url}/dogs").json() == "rex"
        server.verify("listDogs", times=1)
    assert (server.settings.journal_limit, server.settings.success_status) == (5, "200")


PETS: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Pets", "version": "1"},
    "servers": [{"url": "https://pets.example/pets/v2/"}],
    "paths": {
        "/dogs": {
            "get": {
                "operationId": "listDogs",
                "responses": {
                    "200": {
                        "description": "ok",
                        "content": {"application/json": {"schema": {"type": "string"}, "example": "rex"}},
                    }
                },
            }
        }
    },
}


def test_another_contract_is_known_to_a_remote_client_too(tmp_path: Path) -> None:
    contract = tmp_path / "openapi.json"
    contract.write_text(json.dumps(PETS), encoding="utf-8")
    with MockServer(contract=contract) as server:
        assert connect(server.origin).namespace("t1").base_url == f"{server.origin}/~t1/pets/v2"


def test_a_broken_contract_is_refused_at_once(tmp_path: Path) -> None:
    contract = tmp_path / "openapi.json"
    contract.write_text("{}", encoding="utf-8")
    with pytest.raises(ContractError, match=r"openapi\.json"):
        MockServer(contract=contract)


def test_a_coroutine_starts_and_stops_it_without_blocking_the_loop() -> None:
    async def use() -> str:
        async with MockServer() as server, httpx.AsyncClient() as client:
            answer = await client.post(
                f"{server.base_url}{URL}", json=BODY, headers={"Authorization": "Bearer sk_test_a"}
            )
            assert answer.status_code == 201
            calls = await asyncio.to_thread(server.wait_for, "createApiKey")
            assert len(calls) == 1
            return server.origin

    assert not listens(asyncio.run(use()))


def test_unittest_enters_it_as_a_context() -> None:
    class Case(unittest.TestCase):
        def test_it(self) -> None:
            server = self.enterContext(MockServer())
            self.assertEqual(create(server).status_code, 201)
            server.verify("createApiKey", times=1)

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Case).run(result)
    assert (result.testsRun, result.errors, result.failures) == (1, [], [])


def test_an_address_of_version_6_is_written_as_one() -> None:
    with MockServer(host="::1") as server:
        assert server.origin.startswith("http://[::1]:")
        assert create(server).status_code == 201


def test_a_thread_serves_an_app_that_is_given() -> None:
    with ServerThread(Settings(port=0)) as first, ServerThread(Settings(port=0), app=first.app) as second:
        for thread in (first, second):
            httpx.get(f"{thread.origin}/v1/api-keys/?account_id=a")
        assert len(first.engine.namespaces.default.journal) == 2
        assert first.port != second.port


# Processes and threads that are not what they seem


def test_a_fork_is_told_that_it_has_a_copy() -> None:
    with MockServer() as server:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                server.calls()
            except MockServerError as error:
                os.write(writing, str(error).encode())
            os._exit(0)
        os.close(writing)
        with open(reading, "rb") as told:
            assert f"lives in process {os.getpid()}, and a fork has a copy".encode() in told.read()
        os.waitpid(child, 0)


def test_a_fork_may_ask_a_server_over_http() -> None:
    with MockServer() as server:
        sandbox = connect(server.origin)
        assert sandbox.calls() == []
        child = os.fork()
        if child == 0:
            os._exit(0 if sandbox.calls() == [] else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert sandbox.calls() == []


def test_a_server_among_greenlets_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkey = SimpleNamespace(is_module_patched=lambda name: name == "threading")
    monkeypatch.setitem(sys.modules, "gevent.monkey", monkey)
    with pytest.raises(MockServerError, match="gevent has patched the threads"):
        MockServer().start()
