"""Webhooks (design, section 13), sent to a server that listens."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from mockserver import MockServer, StubError

Received = list[tuple[str, str, dict[str, str], bytes]]


class Target:
    """A server that notes what it gets, and tells who waits."""

    def __init__(self) -> None:
        self.received: Received = []
        came = self.came = threading.Condition()
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                with came:
                    received.append((self.command, self.path, dict(self.headers), body))
                    came.notify_all()
                self.send_response(204)
                self.end_headers()

            do_GET = do_POST = do_PUT = answer

            def log_message(self, format: str, *arguments: Any) -> None:
                """Nothing on stderr."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def wait_for(self, number: int) -> Received:
        with self.came:
            assert self.came.wait_for(lambda: len(self.received) >= number, 10)
            return list(self.received)


@pytest.fixture
def target() -> Iterator[Target]:
    target = Target()
    thread = threading.Thread(target=target.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield target
    target.server.shutdown()
    target.server.server_close()
    thread.join()


@pytest.fixture
def server() -> Iterator[MockServer]:
    with MockServer(clock="2026-01-01T00:00:00Z") as server:
        yield server


def hook(url: str, **parameters: Any) -> dict[str, Any]:
    return {"name": "webhook", "parameters": {"url": url, **parameters}}


def stub(*hooks: Any, **more: Any) -> dict[str, Any]:
    answer = {"request": {"urlPath": "/w"}, "response": {"status": 202}, "serveEventListeners": list(hooks)}
    return answer | more


def call(server: MockServer, **options: Any) -> int:
    with httpx.Client() as client:
        return client.post(f"{server.origin}/w?id=7", **options).status_code


def deliveries(server: MockServer, *states: str) -> list[Any]:
    """The records, once none is pending; their states are those given."""
    deadline = time.monotonic() + 10
    while True:
        with httpx.Client() as client:
            records: list[Any] = client.get(f"{server.origin}/__admin/webhooks").json()["webhooks"]
        if all(record["state"] != "pending" for record in records) or time.monotonic() > deadline:
            assert [record["state"] for record in records] == list(states)
            return records
        threading.Event().wait(0.02)


def test_webhooks_are_sent_after_the_answer_in_order_with_what_their_templates_write(
    server: MockServer, target: Target
) -> None:
    first = hook(
        f"{target.url}/hook?id={{{{originalRequest.query.id}}}}",
        method="post",
        headers={"Content-Type": "application/json", "X-At": ["{{now}}", "b"]},
        body='{"name":"{{jsonPath originalRequest.body \'$.name\'}}"}',
    )
    id = server.stub(stub(first, hook(f"{target.url}/second")))
    assert call(server, json={"name": "N"}) == 202
    one, two = target.wait_for(2)
    assert (one[0], one[1], one[3]) == ("POST", "/hook?id=7", b'{"name":"N"}')
    assert one[2]["Content-Type"] == "application/json"
    assert (two[0], two[1], two[3]) == ("GET", "/second", b"")
    record, _ = deliveries(server, "delivered", "delivered")
    last = server.last_call
    assert last is not None
    assert (record["call"], record["stub"], record["status"]) == (last.id, id, 204)
    assert record["request"]["headers"]["X-At"] == ["2026-01-01T00:00:00Z", "b"]
    assert [item["state"] for item in last.raw["webhooks"]] == ["delivered", "delivered"]


def test_a_delay_is_real_time_and_orders_what_is_sent(server: MockServer, target: Target) -> None:
    late = hook(f"{target.url}/late", delay={"type": "fixed", "milliseconds": 150})
    server.stub(stub(late, hook(f"{target.url}/soon")))
    call(server)
    assert [path for _, path, _, _ in target.wait_for(2)] == ["/soon", "/late"]


def test_a_delivery_that_fails_is_a_record_and_nothing_else(server: MockServer, target: Target) -> None:
    target.server.server_close()
    server.stub(stub(hook(target.url)))
    assert call(server) == 202
    (record,) = deliveries(server, "failed")
    assert "Connection" in record["error"]
    last = server.last_call
    assert last is not None
    assert last.raw["state"] == "answered"


@pytest.mark.parametrize("host", ["example.com", "192.0.2.1", "127.0.0.1.example.com"])
def test_only_loopback_is_sent_to_unless_a_host_is_named(server: MockServer, host: str) -> None:
    server.stub(stub(hook(f"http://{host}/hook")))
    assert call(server) == 202
    (record,) = deliveries(server, "refused")
    assert f"--webhook-host {host}" in record["error"]
    assert record["sentAt"] is None


def test_a_url_that_a_template_makes_is_judged_as_well(server: MockServer) -> None:
    server.stub(stub(hook("{{originalRequest.body}}")))
    call(server, content=b"ftp://localhost/")
    (record,) = deliveries(server, "refused")
    assert "is no URL such as" in record["error"]


def test_a_host_that_is_allowed_is_sent_to(target: Target) -> None:
    with MockServer(webhook_host=["localhost.localdomain.invalid"]) as server:
        server.stub(stub(hook("http://localhost.localdomain.invalid:1/")))
        call(server)
        deliveries(server, "failed")


def test_a_reset_and_the_end_of_the_server_cancel_what_is_not_sent(target: Target) -> None:
    late = hook(target.url, delay={"type": "fixed", "milliseconds": 100_000})
    with MockServer() as server:
        server.stub(stub(late))
        call(server)
        kept = server.last_call
        assert kept is not None
        assert kept.raw["webhooks"][0]["state"] == "pending"
        server.reset()
        deliveries(server)
        server.stub(stub(late))
        call(server)
    last = server.last_call
    assert last is not None
    assert last.raw["webhooks"][0]["state"] == "cancelled"
    assert target.received == []


def test_no_secret_rests_in_a_record(server: MockServer, target: Target) -> None:
    key = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
    headers = {"Authorization": f"Bearer {key}"}
    server.stub(stub(hook(f"{target.url}/?k={key}", method="POST", headers=headers, body=key)))
    call(server)
    ((_, path, sent, body),) = target.wait_for(1)
    assert (path, sent["Authorization"], body) == (f"/?k={key}", f"Bearer {key}", key.encode())
    assert key not in json.dumps(deliveries(server, "delivered"))
    assert key not in json.dumps([item.raw for item in server.calls()])


@pytest.mark.parametrize(
    ("listener", "pointer"),
    [
        ({"name": "mine", "parameters": {}}, "/serveEventListeners/0/name"),
        (hook("ftp://localhost/"), "/serveEventListeners/0/parameters/url"),
        (hook("{{nope 1}}"), "/serveEventListeners/0/parameters/url"),
        (hook("http://localhost/", method="G T"), "/serveEventListeners/0/parameters/method"),
        (hook("http://localhost/", headers={"Host": "x"}), "/serveEventListeners/0/parameters/headers/Host"),
        (hook("http://localhost/", headers={"A": 1}), "/serveEventListeners/0/parameters/headers/A"),
        (hook("http://localhost/", headers=[]), "/serveEventListeners/0/parameters/headers"),
        (hook("http://localhost/", body={}), "/serveEventListeners/0/parameters/body"),
        (hook("http://localhost/", base64Body="?"), "/serveEventListeners/0/parameters/base64Body"),
        (hook("http://localhost/", delay={"type": "x"}), "/serveEventListeners/0/parameters/delay/type"),
        ({"name": "webhook", "parameters": {"method": "GET"}}, "/serveEventListeners/0/parameters/url"),
        (hook("http://[/"), "/serveEventListeners/0/parameters/url"),
        (hook("http://localhost:0/"), "/serveEventListeners/0/parameters/url"),
        (hook("http://user@localhost/"), "/serveEventListeners/0/parameters/url"),
    ],
)
def test_a_mistake_is_refused_with_its_place(server: MockServer, listener: Any, pointer: str) -> None:
    with httpx.Client() as client:
        answer = client.post(f"{server.origin}/__admin/mappings", json=stub(listener))
    assert answer.status_code == 422
    assert [error["source"]["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_the_older_name_of_the_member_is_read_as_well(server: MockServer, target: Target) -> None:
    server.stub(stub(postServeActions=[hook(target.url, base64Body="AP8=", method="PUT")]))
    call(server)
    ((method, _, _, body),) = target.wait_for(1)
    assert (method, body) == ("PUT", b"\x00\xff")


def test_no_listeners_are_no_webhooks_and_too_many_are_refused(server: MockServer) -> None:
    parameters = {"url": "http://localhost/", "headers": {"A": None, "B": ["1", None]}}
    listeners: list[Any] = [None, {"name": "webhook", "parameters": parameters}]
    server.stub(stub(*listeners, postServeActions={}))
    for wrong in ({"name": "webhook"}, [hook("http://localhost/")] * 11):
        with pytest.raises(StubError, match="an array of at most 10 listeners"):
            server.stub({"request": {}, "response": {"status": 200}, "serveEventListeners": wrong})


def test_a_webhook_that_writes_too_much_is_refused(server: MockServer) -> None:
    loop = "{{#each (jsonPath originalRequest.body '$')}}"
    server.stub(stub(hook("http://localhost:1/", body=f"{loop * 3}x{'{{/each}}' * 3}")))
    call(server, json=list(range(100)))
    (record,) = deliveries(server, "refused")
    assert "more than a request may hold" in record["error"]


def test_localhost_is_loopback_by_its_name(server: MockServer) -> None:
    server.stub(stub(hook("http://LOCALHOST:1/", method="DELETE")))
    call(server)
    deliveries(server, "failed")
