"""The servers of a run of pytest-xdist: its controller runs them, and its workers ask for them."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mockserver import MockServerError, connect
from mockserver.pytest_plugin.servers import Coordinator, ask, write_settings


@pytest.fixture
def coordinator() -> Iterator[Coordinator]:
    coordinator = Coordinator()
    yield coordinator
    coordinator.end()
    if coordinator.log_path is not None:
        coordinator.log_path.unlink()


def test_there_is_no_server_before_one_is_asked_for(coordinator: Coordinator) -> None:
    assert coordinator.log_path is None


def test_workers_that_come_at_once_get_one_server(coordinator: Coordinator) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: ask(coordinator.port, coordinator.key, {"seed": "s"}), range(4)))
    assert len({answer["url"] for answer in answers}) == 1
    assert connect(answers[0]["url"]).calls() == []


def test_other_settings_have_another_server(coordinator: Coordinator) -> None:
    urls = {ask(coordinator.port, coordinator.key, {"seed": seed})["url"] for seed in ("a", "b", "a")}
    assert len(urls) == 2


def test_its_servers_end_with_it_and_have_logged_their_calls() -> None:
    coordinator = Coordinator()
    url = ask(coordinator.port, coordinator.key, {"admin_token": "t"})["url"]
    sandbox = connect(url, admin_token="t")
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as client:
        client.sendall(b"GET /v1/elsewhere HTTP/1.1\r\nHost: localhost\r\n\r\n")
        sandbox.wait_for({"urlPath": "/v1/elsewhere"})
    sandbox._door.close()
    coordinator.end()
    with pytest.raises(MockServerError, match="no mock server answers"):
        sandbox.calls()
    assert coordinator.log_path is not None
    assert "GET /v1/elsewhere" in coordinator.log_path.read_text("utf-8")
    coordinator.log_path.unlink()


def test_the_token_of_a_server_comes_with_it(coordinator: Coordinator) -> None:
    answer = ask(coordinator.port, coordinator.key, {"admin_token": "secret"})
    assert connect(answer["url"], admin_token=answer["admin_token"]).calls() == []


def test_a_server_that_cannot_start_says_why(coordinator: Coordinator, tmp_path: Path) -> None:
    contract = tmp_path / "openapi.json"
    contract.write_text("{}", encoding="utf-8")
    for _ in range(2):
        with pytest.raises(MockServerError, match=r"(?s)did not start: .*openapi\.json"):
            ask(coordinator.port, coordinator.key, write_settings({"contract": contract}))


def test_a_stranger_gets_no_answer(coordinator: Coordinator) -> None:
    with pytest.raises(MockServerError, match="the controller of pytest-xdist does not answer"):
        ask(coordinator.port, "another key", {})
    with socket.create_connection(("127.0.0.1", coordinator.port)) as client:
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""


def test_settings_survive_the_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    written = write_settings({"contract": Path("a.json"), "allowed_host": ("a", "b"), "seed": "s"})
    assert json.loads(json.dumps(written)) == {
        "contract": str(tmp_path / "a.json"),
        "allowed_host": ["a", "b"],
        "seed": "s",
    }
