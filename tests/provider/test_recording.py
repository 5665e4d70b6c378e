"""Recorded calls: files of stubs without secrets, which answer as the real API did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mockserver import MockServer
from mockserver.exceptions import SettingsError
from tests.provider.contracts import BASE, write_contract
from tests.provider.upstreams import BODY, HEADERS, KEY, answer_wrongly, pair, raw_server, send


def read_stubs(folder: Path) -> dict[str, Any]:
    return {path.name: json.loads(path.read_text("utf-8")) for path in sorted((folder / "stubs").iterdir())}


def test_recorded_stubs_answer_as_the_real_api_did(tmp_path: Path) -> None:
    calls: tuple[dict[str, Any], ...] = (
        {},
        {"method": "GET"},
        {"json": {"name": "n"}},
        {"headers": {}},
        {"json": BODY | {"name": "other"}},
        {"method": "GET", "path": "/api-keys/?account_id=acct_1&page=2"},
        {"method": "GET", "path": "/nowhere"},
    )
    with pair(record=tmp_path) as (_, proxy):
        answers = [send(proxy, **call) for call in calls]
    assert len(read_stubs(tmp_path)) == len(calls)
    with MockServer(fixtures=tmp_path) as sandbox:
        for call, before in zip(calls, answers, strict=True):
            after = send(sandbox, **call)
            assert after.status_code == before.status_code
            assert after.headers["content-type"] == before.headers["content-type"]
            assert _hide_key(after.json()) == _hide_key(before.json())
            assert sandbox.calls()[-1].reason == "stub"


def _hide_key(value: Any) -> Any:
    data = value.get("data")
    return value | {"data": data | {"key": "…"}} if isinstance(data, dict) and "key" in data else value


def test_names_are_the_same_in_every_run_and_an_equal_call_is_kept_once(tmp_path: Path) -> None:
    names = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        with pair(record=folder) as (_, proxy):
            for _ in range(3):
                send(proxy, "GET")
            send(proxy, json={})
        names.append(list(read_stubs(folder)))
    assert names[0] == names[1]
    assert [name.partition("-")[0] for name in names[0]] == ["createApiKey", "listApiKeys"]


def test_a_request_that_came_again_and_got_another_answer_is_kept_in_its_order(tmp_path: Path) -> None:
    with pair(record=tmp_path) as (real, proxy):
        real.fail_next(429, times=1)
        recorded = [send(proxy, "GET").status_code for _ in range(3)]
    assert recorded == [429, 200, 200]
    with MockServer(fixtures=tmp_path) as sandbox:
        assert [send(sandbox, "GET").status_code for _ in range(3)] == recorded


def test_secrets_are_replaced_by_the_same_stand_in_each_time(tmp_path: Path) -> None:
    live = "sk_live_" + KEY.removeprefix("sk_test_") + "0123456789"
    with pair(record=tmp_path) as (real, proxy):
        issued = send(proxy).json()["data"]["key"]
        answer = {
            "status": 200,
            "jsonBody": {"a": live, "b": [live, issued]},
            "headers": {"Set-Cookie": "s=1"},
        }
        answer_wrongly(real, answer)
        send(proxy, "GET", f"/api-keys/?account_id=acct_1&next={live}")
    text = json.dumps(read_stubs(tmp_path))
    for secret in (issued, live, KEY, "s=1"):
        assert secret not in text
    stub = read_stubs(tmp_path)[next(name for name in read_stubs(tmp_path) if name.startswith("list"))]
    body = stub["response"]["jsonBody"]
    assert body["a"] == body["b"][0] != body["b"][1]
    assert body["b"][1].startswith("sk_test_recorded")
    # A hidden value is not compared.
    assert set(stub["request"]["queryParameters"]) == {"account_id"}


def test_an_answer_that_violates_the_contract_is_marked(tmp_path: Path) -> None:
    with pair(record=tmp_path) as (real, proxy):
        headers = {"Content-Type": "application/json"}
        answer_wrongly(real, {"status": 201, "jsonBody": {"oops": 1}, "headers": headers})
        send(proxy)
    (stub,) = read_stubs(tmp_path).values()
    assert stub["metadata"] == {"mockserver": {"offContract": True}}
    with MockServer(fixtures=tmp_path) as sandbox:
        assert send(sandbox).json() == {"oops": 1}


def test_bodies_of_all_kinds_are_kept(tmp_path: Path) -> None:
    with pair(record=tmp_path) as (real, proxy):
        answer_wrongly(real, {"status": 200, "base64Body": "AP8=", "headers": {"Content-Type": "image/png"}})
        send(proxy, "PUT", "/a", content=b"text", headers=HEADERS | {"Content-Type": "text/plain"})
        answer_wrongly(real, {"status": 200, "body": "words", "headers": {"Content-Type": "text/plain"}})
        send(proxy, "PUT", "/b", content=b"\xff", headers=HEADERS | {"X-Token": KEY})
        answer_wrongly(real, {"status": 204})
        send(proxy, "DELETE", "/c?a=1&a=2")
    with MockServer(fixtures=tmp_path) as sandbox:
        answers = [
            send(sandbox, "PUT", "/a", content=b"text").content,
            send(sandbox, "PUT", "/b", content=b"\xff").content,
            send(sandbox, "DELETE", "/c?a=1&a=2").status_code,
        ]
        assert answers == [b"\x00\xff", b"words", 204]
        assert send(sandbox, "PUT", "/a", content=b"other").status_code == 404


def test_a_body_that_no_client_may_be_sent_is_left_out(tmp_path: Path) -> None:
    # RFC 9110, section 15.3.6.
    answer = b"HTTP/1.1 205 Reset Content\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"
    with (
        raw_server(lambda client, _: client.sendall(answer)) as (origin, _),
        MockServer(upstream=origin, record=tmp_path) as proxy,
    ):
        assert send(proxy, "PUT", "/a").status_code == 205
    with MockServer(fixtures=tmp_path) as sandbox:
        found = send(sandbox, "PUT", "/a")
        assert (found.status_code, found.content) == (205, b"")
        assert found.headers["content-length"] == "0"


def test_a_credential_is_told_by_its_header_alone(tmp_path: Path) -> None:
    contract = write_contract(tmp_path / "c.json", BASE)
    sent: tuple[dict[str, str], ...] = ({}, {"X-Api-Key": "k"})
    with (
        MockServer(contract=contract) as real,
        MockServer(contract=contract, upstream=real.origin, record=tmp_path / "r") as proxy,
    ):
        statuses = [send(proxy, "GET", "/orders", headers=headers).status_code for headers in sent]
    assert statuses == [401, 200]
    with MockServer(contract=contract, fixtures=tmp_path / "r") as sandbox:
        assert [send(sandbox, "GET", "/orders", headers=headers).status_code for headers in sent] == statuses
    assert '"k"' not in json.dumps(read_stubs(tmp_path / "r"))


def test_recording_needs_somebody_to_record(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="needs --upstream"):
        MockServer(record=tmp_path)


def test_a_folder_that_cannot_be_made_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be made: Not a directory"):
        MockServer(upstream="http://127.0.0.1:1", record=tmp_path / "file")
