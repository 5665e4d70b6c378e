"""What only a real socket can show: connections, many clients at once, the control API beside it all."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from mockserver.contract import Contract
from mockserver.serving.uvicorn_server import ServerThread
from mockserver.settings import Settings
from tests.doors import BODY, CREATE, FROZEN, KEY, UNSENT, Answer, Api, encode, parse, socket_api, talk
from tests.judge import check


def control(api: Api, method: str, path: str, body: object = UNSENT) -> Answer:
    return api.send(method, f"/__admin{path}", key=None, json=body)


def request(target: str, *, method: str = "POST", close: bool = False, body: bytes | None = None) -> bytes:
    content = encode(BODY) if body is None else body
    return (
        f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
        f"{'Connection: close' if close else 'X-A: 1'}\r\n\r\n"
    ).encode() + content


# Connections


def test_a_connection_serves_one_call_after_the_other(server: ServerThread) -> None:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
    connection.connect()
    sock = connection.sock
    for status, key in ((201, KEY), (401, "bad"), (400, KEY), (404, KEY), (405, KEY), (201, KEY)):
        url = {404: "/nothing", 405: CREATE}.get(status, CREATE)
        body = b"{" if status == 400 else encode(BODY)
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        connection.request("PUT" if status == 405 else "POST", url, body, headers)
        with connection.getresponse() as response:
            assert response.status == status
            assert int(response.headers["content-length"]) == len(response.read())
        assert connection.sock is sock, "the connection was kept"
    connection.close()


def test_pipelined_calls_are_answered_in_their_order(server: ServerThread) -> None:
    received = talk(
        server,
        request(CREATE) + request("/v1/nothing") + request(CREATE, body=b"{") + request(CREATE, close=True),
    )
    assert re.findall(rb"HTTP/1\.1 (\d{3}) ", received) == [b"201", b"404", b"400", b"201"]
    assert [call.status for call in server.engine.namespaces.default.journal] == [201, 404, 400, 201]


def test_an_answer_says_nothing_of_the_server_or_its_time(socket: Api) -> None:
    assert set(socket.send().headers) == {
        "content-type",
        "content-length",
        "mockserver-reason",
        "mockserver-call-id",
    }


def test_a_head_request_has_a_status_and_no_body(server: ServerThread) -> None:
    received = talk(server, request(CREATE, method="HEAD", close=True, body=b""))
    answer = parse(received)
    assert (answer.outcome, answer.body) == ((405, "method_not_allowed"), b"")
    assert answer.header("allow") == "GET, POST"
    assert int(answer.header("content-length") or 0) > 0


@pytest.mark.parametrize(
    "target",
    [f"*{CREATE}", f"http://localhost{CREATE}", "*", f"https://api.hsrcpay.com{CREATE}", "*/__admin/health",
     "http://localhost/__admin/reset"],
)  # fmt: skip
def test_other_forms_of_a_request_line_lead_nowhere(server: ServerThread, target: str) -> None:
    server.engine.namespaces.default.configure({"seed": "changed"})
    answer = parse(talk(server, request(target, close=True)))
    assert answer.outcome in ((404, "no_such_operation"), (400, "guard"))
    check(answer, None)
    assert server.engine.namespaces.default.settings.seed == "changed", "nothing was reset"


def test_a_body_may_come_in_chunks(server: ServerThread) -> None:
    head = request(CREATE, close=True).partition(b"\r\n\r\n")[0].replace(b"Content-Length", b"X-Length")
    body = encode(BODY)
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:1], body[1:20], body[20:]))
    answer = parse(talk(server, head + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"))
    assert check(answer).outcome == (201, "created")


def test_a_client_may_ask_whether_to_go_on(server: ServerThread) -> None:
    head = (
        request(CREATE, close=True)
        .replace(b"X-A", b"X-B")
        .replace(b"Host:", b"Expect: 100-continue\r\nHost:")
    )
    received = talk(server, head)
    assert b"HTTP/1.1 201 " in received


# Many clients at once


def test_clients_with_namespaces_of_their_own_never_meet(server: ServerThread) -> None:
    def work(number: int) -> list[str]:
        with socket_api(server) as api:
            key = f"sk_test_ns-client-{number}_x"
            return [api.send(key=key).key for _ in range(10)]

    with ThreadPoolExecutor(16) as pool:
        keys = list(pool.map(work, range(32)))
    assert len({key for issued in keys for key in issued}) == 320
    for number, issued in enumerate(keys):
        calls = server.engine.namespaces.get(f"client-{number}").journal
        assert [call.number for call in calls] == list(range(1, 11))
        assert all(f"_ns-client-{number}_" in key for key in issued)


def test_clients_of_one_namespace_get_numbers_without_gaps(server: ServerThread) -> None:
    def work(number: int) -> set[str]:
        with socket_api(server) as api:
            return {api.send(json=BODY | {"name": f"{number}-{index}"}).key for index in range(10)}

    with ThreadPoolExecutor(16) as pool:
        keys = set().union(*pool.map(work, range(32)))
    assert len(keys) == 320
    calls = list(server.engine.namespaces.default.journal)
    assert [call.number for call in calls] == list(range(1, 321))
    assert len({call.id for call in calls}) == 320


def test_a_stub_for_two_answers_exactly_two_of_many_clients(server: ServerThread) -> None:
    def work(_: int) -> str | None:
        with socket_api(server) as api:
            return api.send().reason

    with socket_api(server) as api:
        api.script({"request": {"method": "ANY"}, "response": {"status": 503, "body": "x"},
                    "metadata": {"mockserver": {"times": 2, "offContract": True}}})  # fmt: skip
    with ThreadPoolExecutor(16) as pool:
        reasons = list(pool.map(work, range(40)))
    assert reasons.count("stub") == 2
    assert reasons.count("created") == 38


# A restart


def test_after_a_restart_everything_is_the_same_again() -> None:
    def life() -> list[tuple[int, dict[str, list[str]], bytes]]:
        with ServerThread(Settings(port=0, clock=FROZEN)) as server, socket_api(server) as api:
            answers = [
                api.send(),
                api.send(key=None),
                api.send(),
                api.send(json={}),
                api.send(url="/~a" + CREATE),
            ]
            return [(answer.status, dict(answer.headers), answer.body) for answer in answers]

    first = life()
    assert [status for status, _, _ in first] == [201, 401, 201, 422, 201]
    assert life() == first


# The control API


def test_the_calls_can_be_read(socket: Api) -> None:
    answer = socket.send(json=BODY | {"colour": "red"})
    found = control(socket, "GET", "/calls").json
    assert (found["total"], found["evicted"]) == (1, 0)
    (call,) = found["calls"]
    assert call["id"] == answer.header("mockserver-call-id")
    assert (call["operation"], call["reason"], call["state"]) == ("createApiKey", "created", "answered")
    assert call["request"]["query"] == {"account_id": ["acct_1"]}
    assert call["request"]["body"] == BODY | {"colour": "red"}
    assert call["credential"] | {"fingerprint": ""} == {
        "kind": "secret",
        "mode": "test",
        "display": f"sk_test_[{call['credential']['fingerprint']}]",
        "fingerprint": "",
    }
    assert call["response"]["status"] == 201
    assert KEY not in json.dumps(found)
    assert answer.key not in json.dumps(found)
    assert control(socket, "GET", f"/calls/{call['id']}").json == call
    assert len(control(socket, "GET", "/requests").json["requests"]) == 1


def test_a_reset_forgets_everything_of_its_namespace_and_nothing_else(socket: Api) -> None:
    key = socket.send(json=BODY | {"permissions": {"*": ["*"]}}).key
    socket.send(url=f"/~a{CREATE}")
    assert control(socket, "POST", "/reset").status == 200
    assert control(socket, "GET", "/calls").json["total"] == 0
    assert socket.send(key=key).outcome == (401, "revoked_credential")
    found = socket.send("GET", "/~a/__admin/calls", key=None, json=UNSENT).json
    assert found["total"] == 1


def test_health_contract_and_errors_can_be_asked_for(socket: Api, contract: Contract) -> None:
    assert control(socket, "GET", "/health").json["status"] == "healthy"
    document = control(socket, "GET", "/contract").json
    assert document == socket.send("GET", "/openapi.json", key=None, json=UNSENT).json
    here, *others = document.pop("servers")
    assert here["url"].startswith("http://127.0.0.1:")
    assert here["url"].endswith("/v1")
    assert document | {"servers": others} == contract.document
    errors = control(socket, "GET", "/errors?operation=createApiKey").json["errors"]
    assert {entry["status"] for entry in errors} == {400, 401, 403, 404, 409, 422, 429, 500}


def test_every_error_of_the_catalogue_is_provoked_as_it_says(socket: Api) -> None:
    for entry in control(socket, "GET", "/errors?operation=createApiKey").json["errors"]:
        provoke = entry["provoke"]
        answer = check(socket.send(headers={"Prefer": provoke["prefer"]}))
        assert (answer.status, answer.json) == (entry["status"], entry["body"])
        if provoke["account"]:
            answer = check(socket.send(url=CREATE.replace("acct_1", provoke["account"])))
            assert answer.json["error"]["details"]["reason"] == entry["reason"]
        assert control(socket, "POST", "/queue", provoke["queue"]).status == 201
        answer = check(socket.send())
        assert (answer.outcome, answer.json["error"]["details"]["reason"]) == (
            (entry["status"], "stub"),
            entry["reason"],
        )


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_a_client_runs_into_errors_as_the_catalogue_says(server: ServerThread) -> None:
    with socket_api(server) as api:
        entries = control(api, "GET", "/errors").json["errors"]
    lines = {
        (entry["operation"], entry["reason"]): entry["provoke"]["cause"]
        for entry in entries
        if entry["provoke"]["cause"] is not None and entry["operation"] is not None
    }
    assert {operation for operation, reason in lines if reason == "rate_limited"} == {
        "createApiKey", "listApiKeys", "deleteApiKey", "regenerateManagedApiKey"
    }  # fmt: skip
    assert ("regenerateManagedApiKey", "conflict") in lines
    for (operation, reason), line in lines.items():
        server.engine.namespaces.reset_all()
        done = subprocess.run(["sh", "-ec", line], check=True, timeout=20, capture_output=True)
        assert f'"reason":"{reason}"' in done.stdout.decode("utf-8").replace(" ", ""), line
        (call,) = [
            call
            for namespace in server.engine.namespaces
            for call in namespace.journal
            if call.reason == reason
        ]
        assert call.operation == operation


def test_a_client_runs_into_the_errors_of_no_operation_as_the_catalogue_says(server: ServerThread) -> None:
    with socket_api(server) as api:
        entries = control(api, "GET", "/errors").json["errors"]
    lines = {
        entry["reason"]: (entry["status"], entry["body"], entry["provoke"]["cause"])
        for entry in entries
        if entry["operation"] is None
    }
    assert {reason for reason, (_, _, line) in lines.items() if line} == {
        "no_such_operation", "method_not_allowed", "bad_request", "forbidden_origin"
    }  # fmt: skip
    for reason, (status, body, line) in lines.items():
        assert body["error"]["details"]["reason"] == reason
        if line:
            done = subprocess.run(["sh", "-ec", f"{line} -si"], check=True, timeout=20, capture_output=True)
            assert done.stdout.startswith(f"HTTP/1.1 {status} ".encode()), line


def test_what_the_control_api_lacks_is_said_in_its_own_shape(socket: Api) -> None:
    for method, path, status in (
        ("GET", "/none", 404),
        ("DELETE", "/health", 405),
        ("GET", "/calls?limit=x", 400),
    ):
        answer = control(socket, method, path)
        assert answer.status == status
        assert set(answer.json["errors"][0]) == {"code", "source", "title", "detail"}
