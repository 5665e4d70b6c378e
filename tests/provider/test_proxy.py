"""The proxy: calls go on and come back as they were; what violates the contract is told."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from typing import Any

import httpx
import pytest

from mockserver import MockServer
from mockserver.provider.proxy import MAX_JUDGED_BYTES
from tests.provider.contracts import BASE, change, write_contract
from tests.provider.upstreams import BODY, HEADERS, KEY, PATIENCE, answer_wrongly, pair, raw_server, send

OK = {"message": "success", "success": True}


def test_a_call_goes_on_and_its_answer_comes_back_as_it_was() -> None:
    with pair() as (real, proxy):
        answer = send(proxy, headers=HEADERS | {"X-Own": "1", "Connection": "X-Own"})
        assert answer.status_code == 201
        (there,), (here,) = real.calls(), proxy.calls()
        assert answer.json()["data"]["id"] == there.raw["response"]["body"]["data"]["id"]
        assert (here.reason, here.operation, here.status, here.violations) == (
            "proxied",
            "createApiKey",
            201,
            [],
        )
        assert "mockserver-violations" not in answer.headers
        # What belongs to a connection does not go on; the real API gets its own Host.
        assert "x-own" not in there.headers
        assert there.headers["host"] == real.origin.removeprefix("http://")
        # The key that was issued rests nowhere.
        assert answer.json()["data"]["key"] not in json.dumps(here.raw)


def test_path_query_and_body_go_on_byte_by_byte() -> None:
    def respond(client: socket.socket, data: bytes) -> None:
        client.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with raw_server(respond) as (origin, heads), MockServer(upstream=origin) as proxy:
        url = f"{proxy.origin}/v1/a%2Fb/?x=%7e&y=a+b"
        httpx.request("PUT", url, content=b"\x00\xff", trust_env=False, timeout=PATIENCE)
        line, _, rest = heads[0].partition(b"\r\n")
        assert line == b"PUT /v1/a%2Fb/?x=%7e&y=a+b HTTP/1.1"
        assert b"Content-Length: 2\r\n" in rest


def test_a_namespace_has_its_own_calls_and_stubs_in_front() -> None:
    with pair() as (real, proxy):
        sandbox = proxy.namespace("t1")
        sandbox.fail_next(429, operation="createApiKey")
        assert [send(each).status_code for each in (sandbox, sandbox, proxy)] == [429, 201, 201]
        assert [call.reason for call in sandbox.calls()] == ["stub", "proxied"]
        assert [call.path for call in real.calls()] == ["/v1/api-keys/"] * 2


def test_an_answer_that_is_lost_after_the_effect_had_one_on_the_real_api() -> None:
    with pair() as (real, proxy):
        proxy.queue("createApiKey", [{"fault": "CONNECTION_RESET_BY_PEER", "phase": "after_commit"}])
        with pytest.raises(httpx.TransportError):
            send(proxy)
        assert len(real.calls()) == 1
        proxy.queue("createApiKey", [{"status": 500, "phase": "after_commit"}, {"status": 500}])
        assert [send(proxy).status_code for _ in range(2)] == [500, 500]
        assert [call.status for call in real.calls()] == [201, 201]


def test_a_stub_changes_what_the_real_api_answers() -> None:
    with pair() as (real, proxy):
        proxy.stub({
            "request": {"method": "POST"},
            "response": {"headers": {"X-Stub": "1"}, "fixedDelayMilliseconds": 1},
        })  # fmt: skip
        answer = send(proxy)
        assert (answer.status_code, answer.headers["x-stub"]) == (201, "1")
        assert (answer.headers["mockserver-reason"], len(real.calls())) == ("stub", 1)


VIOLATIONS: dict[str, tuple[dict[str, Any], tuple[str, str, str]]] = {
    "an undocumented status": ({"status": 418, "body": ""}, ("response header", "/:status", "enum")),
    "another media type": (
        {"status": 201, "body": "x", "headers": {"Content-Type": "text/plain"}},
        ("response header", "/content-type", "enum"),
    ),
    "no JSON": (
        {"status": 201, "body": "<", "headers": {"Content-Type": "application/json"}},
        ("response body", "", "contentMediaType"),
    ),
    "a missing member": (
        {"status": 201, "jsonBody": OK, "headers": {"Content-Type": "application/json"}},
        ("response body", "/data", "required"),
    ),
    "a wrong type": (
        {"status": 201, "jsonBody": OK | {"data": 1}, "headers": {"Content-Type": "application/json"}},
        ("response body", "/data", "type"),
    ),
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_an_answer_that_violates_the_contract_goes_on_and_is_told(name: str) -> None:
    response, expected = VIOLATIONS[name]
    with pair() as (real, proxy):
        answer_wrongly(real, response)
        answer = send(proxy)
        assert answer.status_code == response["status"]
        (call,) = proxy.calls()
        found = [(item["in"], item["pointer"], item["keyword"]) for item in call.violations]
        assert expected in found
        assert answer.headers["mockserver-violations"] == str(len(found))


@pytest.mark.parametrize("name", VIOLATIONS)
def test_with_errors_such_an_answer_is_502_in_the_form_of_the_api(name: str) -> None:
    response, (place, pointer, keyword) = VIOLATIONS[name]
    with pair(errors=True) as (real, proxy):
        answer_wrongly(real, response)
        answer = send(proxy)
        assert (answer.status_code, answer.headers["mockserver-reason"]) == (502, "upstream_broken")
        details = answer.json()["error"]["details"]
        assert details["reason"] == "upstream_broken"
        assert (place, pointer, keyword) in [
            (item["in"], item["pointer"], item["keyword"]) for item in details["violations"]
        ]
        assert len(proxy.calls()[0].violations) == len(details["violations"])


def test_a_request_that_violates_the_contract_goes_on_and_is_told() -> None:
    with pair() as (real, proxy):
        answer = send(proxy, json={})
        assert (answer.status_code, answer.headers["mockserver-violations"]) == (422, "2")
        assert {item["pointer"] for item in proxy.calls()[0].violations} == {"/permissions", "/name"}
        assert len(real.calls()) == 1
        send(proxy, content=b"{", headers=HEADERS | {"Content-Type": "application/json"})
        assert [(item["in"], item["keyword"]) for item in proxy.calls()[1].violations] == [
            ("body", "contentMediaType")
        ]
        send(proxy, "GET", "/unknown")
        assert [(item["in"], item["keyword"]) for item in proxy.calls()[2].violations] == [
            ("path", "operation")
        ]


def test_with_errors_such_a_request_does_not_reach_the_real_api() -> None:
    with pair(errors=True) as (real, proxy):
        assert send(proxy, json={"name": "n"}).status_code == 422
        assert send(proxy, "GET", "/unknown").status_code == 404
        assert send(proxy, "PATCH").status_code == 405
        assert real.calls() == []
        assert send(proxy).status_code == 201


def test_what_is_legal_and_yet_strange_is_a_warning() -> None:
    with pair() as (real, proxy):
        good = send(proxy).json()
        answer_wrongly(
            real,
            {"status": 201, "jsonBody": good | {"extra": 1}, "headers": {"Content-Type": "application/json"}},
        )
        assert "mockserver-violations" not in send(proxy).headers
        assert [item["code"] for item in proxy.calls()[1].warnings] == ["unnamed_member"]
        assert "/extra" in proxy.calls()[1].warnings[0]["message"]
        real.fail_next(409)
        send(proxy, json={"name": "n"})
        assert [item["code"] for item in proxy.calls()[2].warnings] == ["other_error"]


def test_headers_of_an_answer_are_judged(tmp_path: Any) -> None:
    contract = write_contract(tmp_path / "c.json", change("/components/schemas/Order/required", []))
    with MockServer(contract=contract) as real, MockServer(contract=contract, upstream=real.origin) as proxy:
        for headers in ({}, {"X-Total": "many"}, {"X-Total": "3"}):
            answer_wrongly(
                real,
                {"status": 200, "jsonBody": [], "headers": {"Content-Type": "application/json", **headers}},
            )
            send(proxy, "GET", "/orders", headers={"X-Api-Key": "k"})
        found = [[(item["pointer"], item["keyword"]) for item in call.violations] for call in proxy.calls()]
        assert found == [[("/x-total", "required")], [("/x-total", "type")], []]


def test_a_redirect_and_cookies_are_passed_on() -> None:
    with pair() as (real, proxy):
        headers = {"Location": "http://127.0.0.1:1/", "Set-Cookie": ["a=secretvalue; Path=/", "b=2"]}
        answer_wrongly(real, {"status": 302, "body": "", "headers": headers})
        answer = send(proxy)
        assert (answer.status_code, answer.headers["location"]) == (302, "http://127.0.0.1:1/")
        assert answer.headers.get_list("set-cookie") == headers["Set-Cookie"]
        assert "secretvalue" not in json.dumps(proxy.calls()[0].raw)
        send(proxy)
        assert "cookie" not in real.calls()[1].headers


def test_a_compressed_answer_goes_on_as_it_is_and_is_judged() -> None:
    body = gzip.compress(json.dumps(OK).encode())
    head = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"

    def respond(client: socket.socket, data: bytes) -> None:
        client.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    with raw_server(respond) as (origin, _), MockServer(upstream=origin) as proxy:
        answer = send(proxy)
        assert (answer.headers["content-encoding"], answer.json()) == ("gzip", OK)
        assert [item["pointer"] for item in proxy.calls()[0].violations] == ["/data"]


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("gzip, deflate", b"gzip, deflate"),
        ("br, gzip;q=0.5 , zstd", b"gzip;q=0.5"),
        ("br", b"identity"),
        ("*", b"identity"),
        ("identity;q=1", b"identity;q=1"),
    ],
)
def test_an_answer_is_asked_for_in_a_coding_that_can_be_undone(asked: str, sent: bytes) -> None:
    def respond(client: socket.socket, data: bytes) -> None:
        client.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with raw_server(respond) as (origin, heads), MockServer(upstream=origin) as proxy:
        send(proxy, headers=HEADERS | {"Accept-Encoding": asked})
        (line,) = [each for each in heads[0].split(b"\r\n") if each.lower().startswith(b"accept-encoding:")]
        assert line.partition(b": ")[2] == sent


@pytest.mark.parametrize(
    ("coding", "body", "violations", "warnings"),
    [
        ("br", b"\x8b\x00", [], ["not_judged"]),
        ("gzip", b"no gzip", ["contentEncoding"], []),
        ("gzip", gzip.compress(bytes(MAX_JUDGED_BYTES + 1)), [], ["not_judged"]),
    ],
    ids=["unknown", "broken", "too long"],
)
def test_a_body_that_cannot_be_judged_is_told(
    coding: str, body: bytes, violations: list[str], warnings: list[str]
) -> None:
    lines = ["HTTP/1.1 201 Created", "Content-Type: application/json", f"Content-Encoding: {coding}"]
    head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode()

    def respond(client: socket.socket, data: bytes) -> None:
        client.sendall(head + body)

    with raw_server(respond) as (origin, _), MockServer(upstream=origin) as proxy:
        url = f"{proxy.base_url}/api-keys/?account_id=acct_1"
        with httpx.stream("POST", url, headers=HEADERS, json=BODY, trust_env=False) as answer:
            assert b"".join(answer.iter_raw()) == body
        (call,) = proxy.calls()
        assert [item["keyword"] for item in call.violations] == violations
        assert [item["code"] for item in call.warnings] == warnings


def test_a_compressed_request_goes_on_as_what_it_stands_for() -> None:
    with pair() as (real, proxy):
        headers = HEADERS | {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        assert (
            send(
                proxy, json=None, content=gzip.compress(json.dumps(BODY).encode()), headers=headers
            ).status_code
            == 201
        )
        assert "content-encoding" not in real.calls()[0].headers


def test_an_answer_without_a_media_type_is_told() -> None:
    def respond(client: socket.socket, data: bytes) -> None:
        client.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}")

    with raw_server(respond) as (origin, _), MockServer(upstream=origin) as proxy:
        assert send(proxy).headers["mockserver-violations"] == "1"
        (violation,) = proxy.calls()[0].violations
        assert (violation["pointer"], violation["keyword"]) == ("/content-type", "required")


def _die(client: socket.socket, data: bytes) -> None:
    client.close()


def _lie(client: socket.socket, data: bytes) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{}")


def _babble(client: socket.socket, data: bytes) -> None:
    client.sendall(b"this is no HTTP\r\n\r\n")


@pytest.mark.parametrize("respond", (_die, _lie, _babble))
def test_an_api_that_gives_no_whole_answer_is_502_in_the_form_of_the_api(respond: Any) -> None:
    with raw_server(respond) as (origin, _), MockServer(upstream=origin) as proxy:
        answer = send(proxy)
        assert (answer.status_code, answer.headers["mockserver-reason"]) == (502, "upstream_broken")
        assert answer.json()["error"]["details"]["reason"] == "upstream_broken"
        assert "gave no whole answer" in answer.json()["message"]


def test_an_api_that_is_not_there_is_502_and_in_plain_rules_a_problem(tmp_path: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    contract = write_contract(tmp_path / "c.json", BASE)
    with MockServer(contract=contract, upstream=f"http://127.0.0.1:{port}") as proxy:
        answer = send(proxy, "GET", "/orders", headers={"X-Api-Key": "k"})
        assert (answer.status_code, answer.headers["content-type"]) == (502, "application/problem+json")
        assert answer.json()["reason"] == "upstream_broken"
        proxy.fail_next(422, operation="listOrders")
        assert send(proxy, "GET", "/orders", headers={"X-Api-Key": "k"}).status_code == 422


def test_an_api_that_is_slow_is_504() -> None:
    release = threading.Event()

    def respond(client: socket.socket, data: bytes) -> None:
        release.wait(PATIENCE)

    with raw_server(respond) as (origin, _), MockServer(upstream=origin, upstream_timeout=1) as proxy:
        answer = send(proxy)
        release.set()
        assert (answer.status_code, answer.headers["mockserver-reason"]) == (504, "upstream_late")
        assert answer.json()["error"]["details"] == {"reason": "upstream_late"}


def test_a_name_that_leads_to_a_metadata_service_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(host: str, port: int, **more: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", port))]

    with MockServer(upstream="http://api.example.com") as proxy:
        monkeypatch.setattr("mockserver.provider.upstream.socket.getaddrinfo", resolve)
        with httpx.Client(transport=proxy.transport()) as client:
            answer = client.post(f"{proxy.base_url}/api-keys/?account_id=a", json=BODY, headers=HEADERS)
        assert answer.status_code == 502
        assert "metadata service" in answer.json()["message"]


def test_proxies_of_the_environment_count_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with pair() as (_, proxy):
        assert send(proxy).status_code == 201


def test_a_proxy_that_is_named_is_used() -> None:
    def respond(client: socket.socket, data: bytes) -> None:
        client.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with raw_server(respond) as (origin, heads):
        with MockServer(upstream="http://api.example.com", upstream_proxy=origin) as proxy:
            assert send(proxy, "GET", "/x").status_code == 204
        assert heads[0].startswith(b"GET http://api.example.com/v1/x HTTP/1.1\r\n")


def test_a_stream_goes_on_as_it_comes() -> None:
    seen = threading.Event()

    def respond(client: socket.socket, data: bytes) -> None:
        client.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        client.sendall(b"8\r\ndata: 1\n\r\n")
        assert seen.wait(PATIENCE)
        client.sendall(b"8\r\ndata: 2\n\r\n0\r\n\r\n")

    with raw_server(respond) as (origin, _), MockServer(upstream=origin) as proxy:
        with httpx.stream("GET", f"{proxy.origin}/v1/events", trust_env=False, timeout=PATIENCE) as answer:
            pieces = answer.iter_raw()
            assert next(pieces) == b"data: 1\n"
            seen.set()
            assert b"".join(pieces) == b"data: 2\n"
        assert proxy.calls()[0].state == "answered"
        seen.set()
        with httpx.Client(transport=proxy.transport()) as client:
            assert client.get(f"{proxy.origin}/v1/events").content == b"data: 1\ndata: 2\n"


def test_a_stream_that_breaks_off_breaks_off_here() -> None:
    def respond(client: socket.socket, data: bytes) -> None:
        client.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        client.sendall(b"8\r\ndata: 1\n\r\n")

    with raw_server(respond) as (origin, _), MockServer(upstream=origin) as proxy:
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(f"{proxy.origin}/v1/events", trust_env=False, timeout=PATIENCE)
        with httpx.Client(transport=proxy.transport()) as client, pytest.raises(httpx.RemoteProtocolError):
            client.get(f"{proxy.origin}/v1/events")
        assert {(call.state, call.reason) for call in proxy.calls()} == {("faulted", "upstream_broken")}


def test_an_answer_to_head_has_no_body() -> None:
    def respond(client: socket.socket, data: bytes) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n")

    with raw_server(respond) as (origin, _), MockServer(upstream=origin) as proxy:
        answer = send(proxy, "HEAD", "/x")
        assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "9")


def test_a_live_key_stays_here_and_with_allow_live_it_goes_on_and_rests_nowhere() -> None:
    live = "sk_live_" + KEY.removeprefix("sk_test_") + "0123456789"
    with pair() as (real, proxy):
        assert send(proxy, headers={"Authorization": f"Bearer {live}"}).status_code == 401
        assert real.calls() == []
    with (
        MockServer(allow_live=True) as real,
        MockServer(upstream=real.origin, allow_live=True) as proxy,
    ):
        answer_wrongly(
            real, {"status": 201, "jsonBody": {"key": live}, "headers": {"Content-Type": "application/json"}}
        )
        assert send(proxy, headers={"Authorization": f"Bearer {live}"}).json() == {"key": live}
        (call,) = proxy.calls()
        assert live not in json.dumps(call.raw)
        assert call.credential["mode"] == "live"


def test_the_rate_limit_of_the_proxy_holds_in_front_of_the_real_api() -> None:
    with pair(rate_limit="1/60s", clock="2026-01-01T00:00:00Z") as (real, proxy):
        assert [send(proxy).status_code for _ in range(2)] == [201, 429]
        assert len(real.calls()) == 1


def test_a_variant_is_one_of_what_the_real_api_answered() -> None:
    with pair() as (_, proxy):
        proxy.variant("absent-metadata", operation="createApiKey", status=201)
        answer = send(proxy)
        assert answer.headers["mockserver-variant"] == "absent-metadata"
        assert "metadata" not in answer.json()["data"]


def test_with_a_store_on_disk_calls_are_passed_on_as_well(tmp_path: Any) -> None:
    with pair(store=f"sqlite:{tmp_path / 'a.db'}") as (_, proxy):
        answer = send(proxy)
        assert (answer.status_code, proxy.calls()[0].reason) == (201, "proxied")
