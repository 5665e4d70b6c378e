"""Rows H36 to H50 (but for H44 and H45, see test_life): faults, load, memory, clocks, pytest, judges.

Rows of the proxy and of other stores wait for those parts.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mockserver import MockServer
from mockserver.control import door
from mockserver.messages import build_request
from mockserver.serving.building import build_engine
from mockserver.settings import Settings
from tests.hostile.fuzz import Attacker, attack_with, mutate
from tests.hostile.servers import target_with
from tests.hostile.wire import CANARY, CREATE, Target, http, read_answer, read_to_end, split_answers
from tests.plugin.running import ALONE, run_pytest

# H36

DRIP = {"numberOfChunks": 5, "totalDuration": 5}
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "EMPTY_RESPONSE": ({"fault": "EMPTY_RESPONSE"}, ""),
    "RESET": ({"fault": "CONNECTION_RESET_BY_PEER"}, ""),
    "HALF_A_BODY": (
        {"fault": "TRUNCATED_BODY", "status": 200, "body": "0123456789"},
        r"content-length: 10\r\n.*\r\n01234$",
    ),
    "WRONG_LENGTH": (
        {"fault": "WRONG_CONTENT_LENGTH", "status": 200, "body": "0123456789"},
        r"content-length: 17\r\n.*\r\n0123456789$",
    ),
    "GARBAGE": ({"fault": "RANDOM_DATA_THEN_CLOSE"}, r"^\x00\xff.{62}$"),
    "MALFORMED_CHUNK": (
        {"fault": "MALFORMED_RESPONSE_CHUNK", "status": 200},
        r"^HTTP/1.1 200 OK\r\n.*chunked.*\x00\xff",
    ),
    "NOT_JSON": ({"fault": "NOT_JSON"}, r"^HTTP/1.1 502 Bad Gateway\r\n.*text/html"),
    "RETRY_LATER": ({"status": 429, "headers": {"Retry-After": "7"}}, r"^HTTP/1.1 429 .*retry-after: 7\r"),
    "DRIP": (
        {"status": 200, "body": "0123456789", "chunkedDribbleDelay": DRIP},
        r"content-length: 10\r\n.*\r\n0123456789$",
    ),
    "LATE": ({"status": 200, "body": "x", "fixedDelayMilliseconds": 5}, r"^HTTP/1.1 200 OK\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("response, expected", FAULTS.values(), ids=FAULTS)
def test_h36_a_scripted_fault_is_exactly_that_on_the_wire_and_marked(
    target: Target, response: dict[str, Any], expected: str
) -> None:
    other = target.connect()
    other.sendall(http())
    rest = read_answer(other).rest
    target.stub(response, times=1)
    victim = target.connect()
    victim.sendall(http("POST", CREATE, "Connection: close"))
    received = read_to_end(victim).decode("latin-1")
    assert re.search(expected, received, re.DOTALL | re.IGNORECASE) if expected else received == ""
    target.wait_until(lambda: target.calls()[-1]["state"] in ("answered", "faulted"))
    call = target.calls()[-1]
    assert call["reason"] == "stub"
    assert call["fault"] == response.get("fault")
    other.sendall(http())
    assert read_answer(other, rest).answer.status == 201


def test_h36_503_twice_then_well(target: Target) -> None:
    target.stub({"status": 503}, times=2)
    assert [target.ask(http()).outcome for _ in range(3)] == [(503, "stub"), (503, "stub"), (201, "created")]


def test_h36_a_reset_of_the_sandbox_ends_a_delay(target: Target) -> None:
    target.stub({"status": 201, "fixedDelayMilliseconds": 300_000})
    client = target.connect()
    client.sendall(http("POST", CREATE, "Connection: close"))
    target.wait_until(lambda: bool(target.calls()))
    assert target.control("POST", "/reset").status == 200
    assert [answer.status for answer in split_answers(read_to_end(client))] == [201]


# H37


def test_h37_fifty_clients_meet_exactly_three_failures(target: Target) -> None:
    target.stub({"status": 503}, times=3)
    start = threading.Barrier(50)

    def call(_: int) -> int:
        client = target.connect()
        start.wait()
        client.sendall(http("POST", CREATE, "Connection: close"))
        return split_answers(read_to_end(client))[0].status

    with ThreadPoolExecutor(50) as pool:
        statuses = list(pool.map(call, range(50)))
    assert (statuses.count(503), statuses.count(201)) == (3, 47)
    assert len(target.calls()) == 50


# H38


def test_h38_resets_during_load_tear_no_call(target: Target) -> None:
    statuses: list[int] = []
    is_over = threading.Event()

    def load() -> None:
        client, rest = target.connect(), b""
        while not is_over.is_set():
            client.sendall(http())
            reply = read_answer(client, rest)
            statuses.append(reply.answer.status)
            rest = reply.rest

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        assert target.control("POST", "/reset").status == 200
        assert target.control("POST", "/reset").status == 200
        numbers = [call["number"] for call in target.control("GET", "/calls").json["calls"]]
        # No call of before, and none missing.
        assert numbers == list(range(1, len(numbers) + 1))
    is_over.set()
    for thread in threads:
        thread.join()
    assert set(statuses) == {201}


def test_h38_a_stub_that_is_deleted_while_it_answers_answers(target: Target) -> None:
    id = target.stub({"status": 202, "fixedDelayMilliseconds": 300_000}, hold=True)
    client = target.connect()
    client.sendall(http())
    target.wait_until(lambda: bool(target.calls()))
    assert target.control("DELETE", f"/mappings/{id}").status == 200
    assert target.control("DELETE", f"/mappings/{id}").status == 404
    target.engine.namespaces.default.end_waits()
    assert read_answer(client).answer.status == 202
    assert target.ask(http()).outcome == (201, "created")


# H39


def test_h39_the_journal_is_bounded_and_its_counts_are_not() -> None:
    with target_with(journal_limit=100) as target:
        client, rest = target.connect(), b""
        for _ in range(30):
            client.sendall(http() * 100)
            for _ in range(100):
                reply = read_answer(client, rest)
                rest = reply.rest
        client.close()
        answer = target.control("GET", "/calls?operation=createApiKey").json
        assert (len(answer["calls"]), answer["total"], answer["evicted"]) == (100, 3_000, 2_900)


def test_h39_large_calls_are_evicted_by_their_size() -> None:
    from mockserver.budget import ByteBudget

    engine = build_engine(Settings())
    journal = engine.namespaces.default.journal
    journal._budget.limit = 1_000_000
    assert isinstance(journal._budget, ByteBudget)
    for number in range(200):
        # As large in its headers as another in its body.
        headers = {"X-A": f"{number}" * 10_000}
        engine.handle(build_request("POST", CREATE, headers=headers, body=b"x" * 20_000))
    assert 5 < len(journal) < 40
    assert journal.total == 200


def test_h39_ten_thousand_stubs_are_all_that_fit(target: Target) -> None:
    mapping = {"request": {"url": "/x"}, "response": {"status": 200}}
    first = target.control("GET", "/mappings").json["meta"]["total"]
    many = {"mappings": [mapping] * (10_000 - first)}
    assert target.control("POST", "/mappings/import", many).status == 200
    assert target.control("POST", "/mappings", mapping).status == 422
    assert target.ask(http()).status == 201


def test_h39_readers_of_events_that_never_read_cost_nobody_anything(target: Target) -> None:
    readers = [target.connect() for _ in range(100)]
    for reader in readers:
        reader.sendall(http("GET", "/__admin/events", key=None))
    target.wait_until(lambda: len(target.engine.namespaces.default.journal.listeners) == 100)
    client, rest = target.connect(), b""
    for _ in range(300):
        client.sendall(http())
        reply = read_answer(client, rest)
        assert reply.answer.status == 201
        rest = reply.rest
    for reader in readers:
        reader.close()
    target.wait_until(lambda: not target.engine.namespaces.default.journal.listeners)


def test_h39_a_reader_of_events_that_is_too_slow_is_cut_off_with_a_marker(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "MAX_EVENTS_BEHIND", 20)
    reader = target.connect()
    reader.sendall(http("GET", "/__admin/events", "Connection: close", key=None))
    target.wait_until(lambda: len(target.engine.namespaces.default.journal.listeners) == 1)
    client, rest = target.connect(), b""
    # More than every buffer on the way holds.
    body = json.dumps({"name": "x" * 60_000, "permissions": {}}).encode()
    for _ in range(400):
        client.sendall(http(body=body))
        rest = read_answer(client, rest).rest
    *_, last = read_to_end(reader).split(b"event: ")
    # The last chunk of the body, and its end.
    assert re.fullmatch(rb"dropped\ndata: \{\"dropped\":\d+\}\n\n\r\n0\r\n\r\n", last)
    assert not target.engine.namespaces.default.journal.listeners


# H43


@pytest.mark.parametrize("jump", [86_400, -86_400], ids=["forward", "back"])
def test_h43_delays_do_not_follow_the_clock_on_the_wall(
    target: Target, jump: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.stub({"status": 201, "fixedDelayMilliseconds": 300_000})
    client = target.connect()
    client.sendall(http())
    target.wait_until(lambda: bool(target.calls()))
    wall, nanoseconds = time.time, time.time_ns
    monkeypatch.setattr(time, "time", lambda: wall() + jump)
    monkeypatch.setattr(time, "time_ns", lambda: nanoseconds() + jump * 10**9)
    target.pass_time(0)
    target.control("GET", "/health")
    assert target.calls()[0]["state"] == "in_flight"
    target.engine.namespaces.default.end_waits()
    assert read_answer(client).answer.status == 201


MOMENTS = ["2026-03-29T01:00:00Z", "2016-12-31T23:59:60Z", "2024-02-29T23:59:59Z", "1970-01-01T00:00:00Z"]


@pytest.mark.parametrize("moment", MOMENTS, ids=["daylight-saving", "leap-second", "leap-day", "epoch"])
def test_h43_a_frozen_clock_gives_utc_and_decides_on_expiry(target: Target, moment: str) -> None:
    assert target.control("PUT", "/clock", {"mode": "frozen", "now": moment}).status == 200
    body = b'{"name":"n","permissions":{},"expires_at":"2026-06-01T00:00:00Z"}'
    key = target.ask(http(body=body)).json["data"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", key["created_at"])
    assert target.ask(http(key=key["key"])).status == 403
    assert target.control("PUT", "/clock", {"mode": "frozen", "now": "2026-06-01T00:00:01Z"}).status == 200
    assert target.ask(http(key=key["key"])).outcome == (401, "expired_credential")


# H48

TESTS = """
import os
import urllib.error
import urllib.request

import pytest

def send(mockserver, name="n"):
    request = urllib.request.Request(
        f"{mockserver.base_url}/api-keys/?account_id=acct_1",
        b'{"name": "n", "permissions": {}}',
        {"Authorization": f"Bearer {mockserver.secret_key}", "Content-Type": "application/json", "X-A": name},
    )
    return urllib.request.urlopen(request).read().decode()

@pytest.mark.parametrize("number", range(40))
def test_alone(mockserver, number):
    assert mockserver.calls() == []
    send(mockserver)
    assert len(mockserver.calls()) == 1

def test_fork(mockserver):
    send(mockserver)
    child = os.fork()
    if child == 0:
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    send(mockserver)
    assert len(mockserver.calls()) == 2
"""

FAILING = """
import os

from tests_of_mine import send

def test_secret_in_the_diff(mockserver):
    send(mockserver, name=os.environ["CANARY"])
    call = mockserver.calls()[-1]
    assert call == {"id": "other"}
"""

INTERRUPTED = """
from tests_of_mine import send

def test_interrupted(mockserver):
    send(mockserver)
    raise KeyboardInterrupt

def test_never(mockserver):
    pass
"""


def run_tests(folder: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "tests_of_mine.py").write_text(TESTS)
    (folder / "test_mine.py").write_text(text)
    return run_pytest(folder, *ALONE, "-q", "--rootdir", str(folder), *options, CANARY=CANARY)


def test_h48_tests_in_several_processes_share_nothing(tmp_path: Path) -> None:
    # Eight of them are in test_parallel.
    done = run_tests(tmp_path, TESTS, "-n", "3")
    assert done.returncode == 0, done.stdout
    assert "41 passed" in done.stdout


def test_h48_a_failing_test_shows_no_secret(tmp_path: Path) -> None:
    done = run_tests(tmp_path, FAILING, "-vv")
    assert "1 failed" in done.stdout
    assert "mockserver calls" in done.stdout
    assert CANARY not in done.stdout + done.stderr


def test_h48_an_interrupted_run_leaves_no_process_behind(tmp_path: Path) -> None:
    done = run_tests(tmp_path, INTERRUPTED, "-n", "2")
    assert done.returncode == 2, done.stdout
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [command for command in commands if str(tmp_path).encode() in command]


# H49


def test_h49_a_question_that_nothing_can_answer_never_passes(target: Target) -> None:
    once = {"expected": [{"operation": "createApiKey", "exactly": 1}]}
    assert target.control("POST", "/verify", once).json["ok"] is False
    nothing = target.control("POST", "/verify", {"expected": []})
    assert nothing.status == 422 or nothing.json["ok"] is False


def test_h49_what_was_dropped_is_unknown_and_not_zero() -> None:
    with target_with(journal_limit=5) as target:
        for _ in range(20):
            target.ask(http())
        by_operation = {"expected": [{"operation": "createApiKey", "exactly": 20}]}
        assert target.control("POST", "/verify", by_operation).json["ok"] is True
        by_pattern = {"expected": [{"request": {"urlPathPattern": "/v1/.*"}, "exactly": 7}]}
        answer = target.control("POST", "/verify", by_pattern)
        assert answer.status == 409
        assert re.search(r"\d+ calls were evicted.*--journal-limit", answer.json["errors"][0]["title"])


def test_h49_python_says_so_too() -> None:
    with MockServer() as server, pytest.raises(AssertionError):
        server.verify("createApiKey", times=1)


# H50


def test_h50_two_thousand_damaged_requests_find_no_fault() -> None:
    attacker = attack_with(range(2_000), lambda count, attacker: None)
    assert attacker.outcomes.total() > 1_500
    # Not everything was turned away at the door.
    assert {
        "201 created",
        "422 invalid_request",
        "400 malformed_json",
        "400 guard",
    } <= attacker.outcomes.keys()


def test_h50_the_same_seed_does_the_same_damage() -> None:
    assert mutate(1) == mutate(1) != mutate(2)


def test_h50_the_attacker_notices_what_no_client_should_see(target: Target) -> None:
    attacker = Attacker((target.server.host, target.server.port))
    target.stub({"status": 200, "fault": "TRUNCATED_BODY", "body": "0123456789"})
    with pytest.raises(AssertionError, match="cut short"):
        attacker.attack(http())
    attacker.close()


STRINGS = [
    "", " ", "\t", "null", "undefined", "NaN", "true", "0", "-1", "1e309", "\\", "'", '"', "<b>", "${HOME}",
    "%s%n",
    "../../etc/passwd", "\u0000", "\u200b", "\ufeff", "\u202e", "\U0001f9d1\u200d\U0001f680", "a\u0301" * 50,
    "Z\u0351\u036b\u0343" * 50,
    "\u0130", "\u1e9e", "\ufffe", "\U0010ffff", "x" * 5_000, "sk_live_x", "' OR 1=1 --",
]  # fmt: skip


def test_h50_naughty_strings_in_every_field_are_taken_or_refused(target: Target) -> None:
    client, rest = target.connect(), b""
    for text in STRINGS:
        bodies = [
            {"name": text, "permissions": {}},
            {"name": "n", "permissions": {text: ["read"]}},
            {"name": "n", "permissions": {"a": [text]}},
            {"name": "n", "permissions": {}, "expires_at": text},
            {"name": "n", "permissions": {}, "metadata": {text: text}},
            {text: text},
        ]
        for body in bodies:
            client.sendall(http(body=json.dumps(body).encode()))
            reply = read_answer(client, rest)
            rest = reply.rest
            assert reply.answer.status in (200, 201, 422), (text, reply.answer.body)
            assert reply.answer.reason != "mock_failure"


def test_h50_a_socket_is_what_these_tests_use(target: Target) -> None:
    assert isinstance(target.connect(), socket.socket)
