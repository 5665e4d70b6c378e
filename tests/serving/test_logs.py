"""The log: one line for each request, of a call, of the control API or of what the guard refused."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from mockserver.serving.logs import RequestLog
from mockserver.serving.uvicorn_server import ServerThread
from tests.doors import CREATE, SETTINGS, UNSENT, socket_api, talk

STAMP = r"\d\d:\d\d:\d\d\.\d{3}Z"
LIST = "/v1/api-keys/"
FINGERPRINT = r"sk_test_\[[0-9a-f]{12}\]"


class Logged:
    """A server and its log. `lines` ends both, and gives what the log holds."""

    def __init__(self, server: ServerThread, stream: io.StringIO, log: RequestLog) -> None:
        self.server = server
        self._stream = stream
        self._log = log

    def ask(self, lines: str, body: bytes = b"") -> bytes:
        return talk(self.server, lines.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)

    def script(self, stub: Any) -> None:
        """Add a stub, which is a line as well."""
        body = json.dumps(stub).encode()
        head = f"POST /__admin/mappings HTTP/1.1\nHost: localhost\nContent-Length: {len(body)}"
        assert b" 201 " in self.ask(f"{head}\nConnection: close", body)

    def lines(self) -> list[str]:
        # A client has its answer before the line is written.
        self.server.stop()
        self._log.close()
        return self._stream.getvalue().splitlines()


def _log_of(is_json: bool) -> Iterator[Logged]:
    stream = io.StringIO()
    log = RequestLog(stream, is_json=is_json)
    with ServerThread(SETTINGS, log=log) as server:
        yield Logged(server, stream, log)


@pytest.fixture
def text() -> Iterator[Logged]:
    yield from _log_of(is_json=False)


@pytest.fixture
def machine() -> Iterator[Logged]:
    yield from _log_of(is_json=True)


def test_a_call_is_a_line_with_zone_query_and_duration(text: Logged) -> None:
    with socket_api(text.server) as api:
        api.send()
    (line,) = text.lines()
    assert re.fullmatch(
        rf"{STAMP}  201  created  POST {re.escape(CREATE)}  createApiKey  {FINGERPRINT}  \d+\.\d ms", line
    )


def test_a_call_for_a_machine_has_level_duration_stub_and_query(machine: Logged) -> None:
    machine.script(
        {
            "name": "busy",
            "request": {"urlPath": LIST},
            "response": {"status": 503},
            "metadata": {"mockserver": {"offContract": True}},
        }
    )
    with socket_api(machine.server) as api:
        api.send()
    _, line = map(json.loads, machine.lines())
    assert (line["event"], line["level"], line["state"]) == ("call", "info", "answered")
    assert line["query"] == CREATE.partition("?")[2]
    assert line["stub"]["name"] == "busy"
    assert line["durationMs"] >= 0
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\dT{STAMP}", line["time"])


def test_a_fault_is_logged_as_such(text: Logged) -> None:
    text.script({"request": {"urlPath": LIST}, "response": {"fault": "EMPTY_RESPONSE"}})
    body = b'{"name": "n", "permissions": {}}'
    text.ask(f"POST {CREATE} HTTP/1.1\nHost: localhost\nContent-Length: {len(body)}", body)
    _, line = text.lines()
    assert "  !!!  " in line
    assert "fault EMPTY_RESPONSE" in line


def test_a_refused_host_is_a_line_with_the_option_that_lets_it_in(text: Logged) -> None:
    answer = text.ask(
        "GET /v1/api-keys/?key=sk_test_never_shown HTTP/1.1\nHost: mockserver:4020\nConnection: close"
    )
    hint = "the Host 'mockserver' does not name this server; --allowed-host mockserver lets it in"
    assert hint.encode() in answer
    (line,) = text.lines()
    assert re.fullmatch(rf"{STAMP}  400  bad_request  GET /v1/api-keys/  {re.escape(hint)}", line)


@pytest.mark.parametrize(
    ("lines", "status", "path", "option"),
    [
        (
            f"POST {CREATE} HTTP/1.1\nHost: localhost\nContent-Length: 99999999",
            413,
            "/v1/api-keys/",
            "--body-limit",
        ),
        (f"GET /{'x' * 20_000} HTTP/1.1\nHost: localhost", 414, f"/{'x' * 199}", "--url-limit"),
        ("GET /a HTTP/1.1\nHost: localhost\n" + "a: b\n" * 300 + "c: d", 431, "/a", "--header-count"),
        (f"POST {CREATE} HTTP/1.1\nHost: localhost\nTransfer-Encoding: gzip", 400, LIST, ""),
        ("GET /__admin/calls HTTP/1.1\nHost: localhost\nOrigin: https://a.test", 403, "/__admin/calls", ""),
    ],
)
def test_each_refusal_names_the_request_and_the_option_if_there_is_one(
    machine: Logged, lines: str, status: int, path: str, option: str
) -> None:
    machine.ask(f"{lines}\nConnection: close")
    (line,) = map(json.loads, machine.lines())
    assert (line["event"], line["status"], line["path"]) == ("refusal", status, path)
    assert option in line["message"]
    assert line["durationMs"] is None


def test_of_a_long_target_the_start_is_a_line(text: Logged) -> None:
    text.ask(f"GET /{'x' * 20_000} HTTP/1.1\nHost: localhost\nConnection: close")
    (line,) = text.lines()
    assert re.fullmatch(rf"{STAMP}  414  \w+  \? /x{{199}}  .*--url-limit.*", line)


def test_a_control_call_is_a_line(machine: Logged) -> None:
    machine.ask("GET /__admin/calls?limit=2 HTTP/1.1\nHost: localhost\nConnection: close")
    machine.ask("GET /~t1/__admin/nothing HTTP/1.1\nHost: localhost\nConnection: close")
    found, lost = map(json.loads, machine.lines())
    assert (found["event"], found["status"], found["path"], found["query"]) == (
        "control",
        200,
        "/__admin/calls",
        "limit=2",
    )
    assert (lost["status"], lost["path"]) == (404, "/~t1/__admin/nothing")
    assert found["durationMs"] >= 0


def test_a_control_call_for_a_person_has_query_and_duration(text: Logged) -> None:
    text.ask("GET /__admin/calls?limit=2 HTTP/1.1\nHost: localhost\nConnection: close")
    (line,) = text.lines()
    assert re.fullmatch(rf"{STAMP}  200  control  GET /__admin/calls\?limit=2  \d+\.\d ms", line)


@pytest.mark.parametrize(
    ("environment", "is_coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_a_terminal_is_coloured_unless_its_user_says_no(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], is_coloured: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ours, theirs = pty.openpty()
    with open(theirs, "w", encoding="utf-8") as stream:
        log = RequestLog(stream, is_json=False)
        with ServerThread(SETTINGS, log=log) as server:
            talk(server, b"GET /v1/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        log.close()
        shown = os.read(ours, 10_000)
    os.close(ours)
    assert (b"\x1b[33m404\x1b[0m" in shown) is is_coloured
    assert b"404" in shown


def test_an_open_stream_is_logged_when_it_ends(machine: Logged) -> None:
    machine.ask("HEAD /__admin/events HTTP/1.1\nHost: localhost\nConnection: close")
    lines: list[Any] = [json.loads(line) for line in machine.lines()]
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("HEAD", "/__admin/events", 200)
    ]


def test_a_control_call_that_fails_is_logged_with_its_answer(
    machine: Logged, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*given: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(machine.server.app.control, "begin", fail)
    answer = machine.ask("GET /__admin/calls HTTP/1.1\nHost: localhost\nConnection: close")
    assert answer.startswith(b"HTTP/1.1 500 ")
    (line,) = map(json.loads, machine.lines())
    assert (line["event"], line["status"]) == ("control", 500)


def test_a_control_call_whose_client_left_is_logged_without_a_status(text: Logged) -> None:
    journal = text.server.engine.namespaces.default.journal
    body = b'{"pattern": {}, "count": 1, "timeoutMillis": 60000}'
    head = f"POST /__admin/requests/wait-for-count HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}"
    with socket.create_connection((text.server.host, text.server.port), timeout=20) as client:
        client.sendall(f"{head}\r\n\r\n".encode() + body)
        while not journal.listeners:
            text.ask("GET /__admin/health HTTP/1.1\nHost: localhost\nConnection: close")
    while journal.listeners:
        text.ask("GET /__admin/health HTTP/1.1\nHost: localhost\nConnection: close")
    assert [
        line for line in text.lines() if "  ---  control  POST /__admin/requests/wait-for-count  " in line
    ]


SECRET = "sk_test_shown_to_nobody"


@pytest.mark.parametrize("kind", ["text", "machine"])
@pytest.mark.parametrize(
    "lines",
    [
        f"POST /v1/{SECRET} HTTP/1.1\nHost: localhost\nContent-Length: 99999999",
        f"GET /{SECRET}/{'x' * 20_000} HTTP/1.1\nHost: localhost",
        f"GET /v1/{SECRET} HTTP/1.1\nHost: mock",
        f"GET /__admin/{SECRET} HTTP/1.1\nHost: localhost\nOrigin: https://a.test",
        f"GET /__admin/calls/{SECRET} HTTP/1.1\nHost: localhost",
        f"GET /__admin/calls?id={SECRET} HTTP/1.1\nHost: localhost",
    ],
)
def test_no_line_of_a_refusal_or_a_control_call_holds_a_secret(
    request: pytest.FixtureRequest, kind: str, lines: str
) -> None:
    logged: Logged = request.getfixturevalue(kind)
    logged.ask(f"{lines}\nConnection: close")
    (line,) = logged.lines()
    assert "shown_to_nobody" not in line
    assert re.search(FINGERPRINT, line)


def test_a_line_names_namespace_stub_and_warnings(text: Logged) -> None:
    text.script({"name": "busy", "request": {"urlPath": LIST}, "response": {"status": 429}})
    with socket_api(text.server) as api:
        api.send()
        api.send()
        api.send("GET", f"/~t1{CREATE}", json=UNSENT)
    _, first, second, other = text.lines()
    assert "  stub busy" in first
    assert "  (warning: call 1 failed, and this repeats it without an Idempotency-Key" in second
    assert "  ~t1  " in other
    assert "  ~" not in first


def test_what_a_client_sends_begins_no_line_of_its_own_and_no_colour(text: Logged) -> None:
    text.ask("GET /__admin/\x1b[31mred HTTP/1.1\nHost: localhost\nConnection: close")
    text.ask("GET /__admin/calls?a=%1b%0a\x9b HTTP/1.1\nHost: localhost\nConnection: close")
    for line in text.lines():
        assert line.isprintable()
