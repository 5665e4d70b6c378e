"""What a script promises, kept to clients of a real server: retries, and many of them at once."""

from __future__ import annotations

import http.client
import socket
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mockserver.control import Control, ControlAnswer
from mockserver.serving.uvicorn_server import ServerThread
from tests.doors import BODY, CREATE, JSON_TYPE, KEY, UNSENT, encode, socket_api


def control(server: ServerThread, path: str, document: Any) -> Any:
    answer = Control(server.engine).begin("POST", path, "", encode(document))
    assert isinstance(answer, ControlAnswer) and answer.status == 201, answer
    return answer.value


def create(connection: http.client.HTTPConnection, headers: dict[str, str]) -> tuple[int, bytes]:
    usual = {"Authorization": f"Bearer {KEY}", "Content-Type": JSON_TYPE}
    connection.request("POST", CREATE, encode(BODY), usual | headers)
    with connection.getresponse() as response:
        return response.status, response.read()


def create_with_retries(server: ServerThread, headers: dict[str, str]) -> list[int | type[Exception]]:
    """What a client meets that tries again until its key is created."""
    met: list[int | type[Exception]] = []
    while True:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
        try:
            status, _ = create(connection, headers)
        except ConnectionError as error:
            met.append(type(error))
        else:
            met.append(status)
            if status < 500:
                return met
        finally:
            connection.close()


def list_keys(server: ServerThread) -> list[str]:
    """The ids of the keys of an account, as a client sees them."""
    with socket_api(server) as api:
        return [key["id"] for key in api.send("GET", CREATE, json=UNSENT).json["data"]]


@pytest.mark.parametrize(
    ("headers", "issued"), [({}, 2), ({"Idempotency-Key": "order-1"}, 1)], ids=["blind", "idempotent"]
)
def test_a_client_that_retries_meets_exactly_what_was_scripted(
    server: ServerThread, headers: dict[str, str], issued: int
) -> None:
    outcomes = [500, {"fault": "CONNECTION_RESET_BY_PEER", "phase": "after_commit"}, 201]
    control(server, "/queue", {"operation": "createApiKey", "outcomes": outcomes})
    assert create_with_retries(server, headers) == [500, ConnectionResetError, 201]
    calls = list(server.engine.namespaces.default.journal)
    assert [(call.reason, call.state) for call in calls] == [
        ("stub", "answered"),
        ("stub", "faulted"),
        ("stub", "answered"),
    ]
    assert len(list_keys(server)) == issued
    # The script is used up: the API is itself again.
    assert create_with_retries(server, {"Idempotency-Key": "order-2"}) == [201]
    assert len(list_keys(server)) == issued + 1


CONNECTIONS = 64


def call_at_once(server: ServerThread, call: Callable[[http.client.HTTPConnection], Any]) -> Counter[Any]:
    """What 64 connections get that all call at the same time."""
    barrier = threading.Barrier(CONNECTIONS)

    def work(_: int) -> Any:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
        connection.connect()
        barrier.wait()
        try:
            return call(connection)
        finally:
            connection.close()

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return Counter(pool.map(work, range(CONNECTIONS)))


def test_a_stub_for_seven_calls_answers_exactly_seven_of_64_connections(server: ServerThread) -> None:
    outcomes = [{"status": 429, "times": 7}]
    control(server, "/queue", {"operation": "createApiKey", "outcomes": outcomes})
    statuses = call_at_once(server, lambda connection: create(connection, {})[0])
    assert statuses == {429: 7, 201: CONNECTIONS - 7}
    issued = server.engine.namespaces.default.resources.items.values()
    assert sum(item.owner == "acct_1" for item in issued) == CONNECTIONS - 7


def test_a_scenario_moves_once_for_each_of_64_connections(server: ServerThread) -> None:
    states = ["Started", *(str(number) for number in range(1, CONNECTIONS + 1))]
    for index in range(CONNECTIONS):
        document = {
            "response": {"status": 200, "body": states[index]},
            "scenarioName": "chain",
            "requiredScenarioState": states[index],
            "newScenarioState": states[index + 1],
            "metadata": {"mockserver": {"offContract": True}},
        }
        control(server, "/mappings", document)
    bodies = call_at_once(server, lambda connection: create(connection, {}))
    assert bodies == Counter((200, state.encode()) for state in states[:-1])
    assert server.engine.namespaces.default.stubs.scenarios.state("chain") == states[-1]


@pytest.mark.parametrize("delay", [0, 5])
def test_a_stub_may_end_the_connection(server: ServerThread, delay: int) -> None:
    response = {
        "status": 200,
        "headers": {"Connection": "close"},
        "body": "x",
        "fixedDelayMilliseconds": delay,
    }
    control(server, "/mappings", {"request": {"urlPath": "/bye"}, "response": response})
    connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
    connection.request("GET", "/bye")
    answer = connection.getresponse()
    assert (answer.read(), answer.getheader("Connection"), answer.will_close) == (b"x", "close", True)
    raw = socket.create_connection((server.host, server.port), timeout=20)
    host = f"{server.host}:{server.port}".encode()
    raw.sendall(b"GET /bye HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
    with raw, raw.makefile("rb") as stream:
        assert stream.read().endswith(b"x"), "the stream ends"


def test_an_answer_to_head_may_say_how_long_the_body_is(server: ServerThread) -> None:
    request = {"method": "HEAD", "urlPath": "/file"}
    headers = {"Content-Length": "12345", "Content-Type": "application/pdf"}
    control(server, "/mappings", {"request": request, "response": {"status": 200, "headers": headers}})
    connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
    for _ in range(2):
        connection.request("HEAD", "/file")
        answer = connection.getresponse()
        assert (answer.getheader("Content-Length"), answer.read()) == ("12345", b"")
    connection.close()
