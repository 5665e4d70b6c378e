"""Hostile inputs H51 to H60: what an attack on this product found."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import httpx
import pytest

from mockserver import MockServer
from mockserver.engine.engine import Engine
from mockserver.json_codec import dumps, dumps_pretty, loads
from mockserver.messages import Response, build_request
from mockserver.scripting.json_paths import Search
from mockserver.scripting.subjects import MAX_NODES
from mockserver.serving.building import build_engine
from mockserver.settings import Settings
from tests.desk import Desk
from tests.doors import Answer, make_jwt
from tests.escapes import escape_all, percent_all
from tests.hostile.servers import target_with
from tests.hostile.wire import (
    BODY,
    CANARY,
    CREATE,
    Target,
    chunked,
    http,
    read_answer,
    read_to_end,
    split_answers,
)
from tests.served import PATIENCE, SERVE, Served, serve
from tests.serving.processes import LIST
from tests.serving.processes import serve as start
from tests.stores.servers import run_redis

# H51

# The violations of this body make a long line.
LONG = json.dumps({"name": 1, "permissions": {f"p{'x' * 90}{number}": 1 for number in range(99)}}).encode()
CHUNKED = "Transfer-Encoding: chunked"
LIVE = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"


def create(**more: Any) -> bytes:
    return json.dumps({"name": "n", "permissions": {"a": ["read"]}, **more}).encode()


def ask_json(served: Served, path: str) -> Any:
    with served.connect() as client:
        client.sendall(http("GET", path, key=None))
        return json.loads(read_answer(client).answer.body)


def send_many(client: socket.socket, request: bytes, count: int) -> None:
    """So many calls at once over one connection, each answered."""
    client.sendall(request * count)
    rest = b""
    for _ in range(count):
        reply = read_answer(client, rest)
        rest = reply.rest
        assert reply.answer.status >= 400


def lose_lines(served: Served, stream: str, request: bytes) -> None:
    """Send requests until lines of the log were dropped."""
    with served.connect() as client:
        for _ in range(1_000):
            send_many(client, request, 50)
            if ask_json(served, "/__admin/health")["lostLogLines"].get(stream):
                return
    raise AssertionError("no line was ever dropped")


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_h51_a_pipe_that_nobody_reads_stops_nothing(log_format: str) -> None:
    with serve("--log-format", log_format) as served:
        lose_lines(served, "stdout", http(body=LONG))
        assert served.ask(http()) == 201
        assert served.end() == 0


def test_h51_warnings_that_nobody_reads_stop_nothing() -> None:
    with serve("--log-level", "warning") as served:
        lose_lines(served, "stderr", http(key=LIVE))
        assert served.ask(http()) == 201
        assert served.end() == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_h51_a_full_disk_stops_nothing() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        with serve(preexec_fn=lambda: os.dup2(full, 2)) as served:
            lose_lines(served, "stderr", http(key=LIVE))
            assert served.end() == 0
    finally:
        os.close(full)


# H52


@pytest.mark.parametrize("path", ["/calls", "/requests", "/har", "/mappings", "/requests/unmatched"])
def test_h52_a_listing_in_pieces_is_one_document(target: Target, path: str) -> None:
    for number in range(120):
        url = f"{CREATE}&n={number}" if number % 2 else "/v1/x"
        target.engine.handle(build_request("POST", url, json=GOOD))

    def get(*headers: str) -> Answer:
        client = target.connect()
        client.sendall(http("GET", f"/__admin{path}", *headers, key=None))
        return read_answer(client).answer

    plain, pretty = get(), get("User-Agent: curl/8")
    assert plain.status == 200
    assert pretty.json == plain.json
    assert plain.body == dumps(plain.json)
    assert pretty.body == dumps_pretty(plain.json) + b"\n"


def test_h52_stubs_of_an_import_are_counted_before_they_are_read(target: Target) -> None:
    answer = target.control("POST", "/mappings/import", {"mappings": [{}] * 10_001})
    assert answer.status == 422
    assert [error["source"]["pointer"] for error in answer.json["errors"]] == ["/mappings"]


def test_h52_an_import_in_turns_is_all_or_nothing(target: Target) -> None:
    good: list[dict[str, Any]] = [
        {"request": {"url": f"/x{number}"}, "response": {"status": 200}} for number in range(300)
    ]
    before = target.control("GET", "/mappings").json["meta"]["total"]
    answer = target.control("POST", "/mappings/import", {"mappings": [*good, {"response": 5}]})
    assert answer.status == 422
    assert answer.json["errors"][0]["source"]["pointer"].startswith("/mappings/300")
    assert target.control("GET", "/mappings").json["meta"]["total"] == before
    assert target.control("POST", "/mappings/import", {"mappings": good}).status == 200
    listed = target.control("GET", "/mappings").json["mappings"]
    assert [stub["request"]["url"] for stub in listed[:300]] == [stub["request"]["url"] for stub in good]
    assert len({stub["id"] for stub in listed}) == before + 300


@pytest.fixture
def readers(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """In which threads JSON of control calls was read, and how many bytes at once."""
    read: list[tuple[str, int]] = []

    def note(data: bytes, *limits: int) -> Any:
        read.append((threading.current_thread().name.partition("_")[0], len(data)))
        return loads(data, *limits)

    monkeypatch.setattr("mockserver.control.routing.loads", note)
    monkeypatch.setattr("mockserver.json_codec.loads", note)
    return read


def test_h52_a_long_import_is_read_in_pieces_in_a_thread(
    target: Target, readers: list[tuple[str, int]]
) -> None:
    stub = {"request": {"url": "/long"}, "response": {"status": 200, "body": "x" * 20_000}}
    question = {
        "mappings": [stub | {"id": f"long-{number}"} for number in range(200)],
        "meta": {"total": 200},
    }
    assert target.control("POST", "/mappings/import", question).status == 200
    assert len(target.control("GET", "/mappings").json["mappings"]) >= 200
    assert [name for name, _ in readers] == ["mockserver-control"] * len(readers)
    assert len(readers) > 3
    assert max(size for _, size in readers) < 1_200_000


@pytest.mark.parametrize("count", [3, 4, 10])
def test_h52_an_import_of_large_stubs_is_read(target: Target, count: int) -> None:
    stub = {"request": {"url": "/large"}, "response": {"status": 200, "body": "x" * 1_000_000}}
    assert target.control("POST", "/mappings/import", {"mappings": [stub] * count}).status == 200
    target.control("DELETE", "/mappings")


LARGE = {
    "numbers": b'{"a":[' + b"0," * 3_000_000 + b"0]}",
    "a-text": b'{"a":"' + b"x" * 3_000_000 + b'"}',
    "many": b'{"mappings":[' + b"{}," * 1_000_000 + b"{}]}",
    "broken": b"[" * 5_000_000,
    "not-to-be-cut": b'{"mappings":[' + b'{"a":[{},' * 700_000 + b"]}",
}


@pytest.mark.parametrize("body", LARGE.values(), ids=LARGE)
@pytest.mark.parametrize("path", ["/verify", "/mappings/import", "/mappings"])
def test_h52_a_large_body_that_is_no_list_is_refused(
    target: Target, path: str, body: bytes, readers: list[tuple[str, int]]
) -> None:
    answer = target.ask(http("POST", f"/__admin{path}", body=body, key=None))
    assert answer.status == 413
    assert "bodyFileName" in answer.json["errors"][0]["title"]
    assert all(name == "mockserver-control" and size < 1_200_000 for name, size in readers)


@pytest.mark.parametrize("before, after", [(9_000, 0), (5_000, 4_000), (1, 9_000)])
def test_h52_where_a_large_body_breaks_is_told(
    target: Target, before: int, after: int, readers: list[tuple[str, int]]
) -> None:
    item = b'{"a":"' + b"x" * 400 + b'"}'
    body = b'{"mappings":[\n' + (item + b",\n") * before + b'{"a":x}' + (b"," + item) * after + b"]}"
    answer = target.ask(http("POST", "/__admin/mappings/import", body=body, key=None))
    assert answer.status == 400
    text = f"the body is no JSON: a value is expected at line {before + 2} column 6"
    assert [error["title"] for error in answer.json["errors"]] == [text]
    assert all(name == "mockserver-control" and size < 1_200_000 for name, size in readers)


def test_h52_a_long_body_of_the_control_api_is_refused_as_any_other(target: Target) -> None:
    wrong = target.ask(http("POST", "/__admin/verify", body=b"{" + b" " * 70_000 + b"x", key=None))
    assert (wrong.status, "no JSON" in wrong.json["errors"][0]["title"]) == (400, True)
    nowhere = http("POST", "/__admin/nowhere", body=b"x" * 70_000, key=None)
    assert target.ask(nowhere).status == 404


def test_h52_others_are_answered_while_many_expectations_are_judged(target: Target) -> None:
    for number in range(600):
        target.engine.handle(build_request("POST", CREATE, json=GOOD | {"name": f"n{number}"}))
    patterns = [{"bodyPatterns": [{"contains": f"z{number}"}]} for number in range(60)]
    question = {"expected": [{"request": pattern, "exactly": 1} for pattern in patterns]}
    asking = target.connect()
    asking.sendall(http("POST", "/__admin/verify", body=json.dumps(question).encode(), key=None))
    target.wait_until(
        lambda: any(not (item.is_reading_head or item.is_receiving) for item in target.connections)
    )
    assert target.ask(http()).status == 201
    asking.setblocking(False)
    with pytest.raises(BlockingIOError):
        asking.recv(1)
    asking.setblocking(True)
    assert len(read_answer(asking).answer.json["failures"]) == 60


def test_h52_a_verification_that_is_wrong_at_its_end_is_refused(target: Target) -> None:
    target.engine.handle(build_request("POST", CREATE, json=GOOD))
    good = [{"request": {"url": f"/{number}"}} for number in range(200)]
    answer = target.control("POST", "/verify", {"expected": [*good, {"request": {"bodyPattern": []}}]})
    assert answer.status == 422
    assert answer.json["errors"][0]["source"]["pointer"] == "/expected/200/request/bodyPattern"


LONG_BODIES = {
    "metadata": create(metadata={"a": ["x" * 100] * 2_000}),
    "violations": create(permissions={f"p{number}": number for number in range(20_000)}),
    "no-json": b"[" * 200_000,
    "a-key": create(metadata={"a": LIVE, "b": "x" * 200_000}),
}


@pytest.mark.parametrize("coding", ["", "gzip"])
@pytest.mark.parametrize("body", LONG_BODIES.values(), ids=LONG_BODIES)
def test_h52_a_long_body_is_answered_as_any_other(target: Target, body: bytes, coding: str) -> None:
    headers = {"Authorization": f"Bearer {CANARY}", "Content-Type": "application/json"}
    wanted = build_engine(target.engine.settings).handle(
        build_request("POST", CREATE, headers=headers, body=body)
    )
    gzipped = http("POST", CREATE, "Content-Encoding: gzip", body=gzip.compress(body))
    sent = gzipped if coding else http(body=body)
    answer = target.ask(sent)
    bodies = [re.sub(rb'"20\d\d-[^"]*Z"', b'"then"', found.body) for found in (answer, wanted)]
    assert answer.status == wanted.status
    assert bodies[0] == bodies[1]
    assert LIVE not in json.dumps(target.calls())


def test_h52_a_long_body_that_is_no_gzip_is_refused(target: Target) -> None:
    assert target.ask(http("POST", CREATE, "Content-Encoding: gzip", body=b"x" * 70_000)).status == 400


# H53


def nest(value: Any, levels: int) -> Any:
    for _ in range(levels):
        value = [value]
    return value


def add_stub(target: Target, pattern: dict[str, Any]) -> None:
    mapping = {
        "request": {"method": "POST", "bodyPatterns": [pattern]},
        "response": {"status": 418},
        "metadata": {"mockserver": {"offContract": True}},
    }
    assert target.control("POST", "/mappings", mapping).status == 201


# Each looks innocent, and finds nothing.
PATHS = ["$..nowhere", "$..[?@..x]", "$..[?@.a == 'x']", "$..*..nowhere", "$[?(@..nowhere)]"]
DEEP = create(metadata={"a": [nest(1, 50)] * 5_000})


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("negates", [False, True])
def test_h53_a_jsonpath_looks_at_so_many_nodes(target: Target, path: str, negates: bool) -> None:
    pattern: dict[str, Any] = {"matchesJsonPath": path}
    add_stub(target, {"not": pattern} if negates else pattern)
    assert len(DEEP) > 500_000
    assert target.ask(http(body=DEEP)).status == 201
    (call,) = target.calls()
    (warning,) = [item for item in call["warnings"] if item["code"] == "unfinished_match"]
    assert "too many nodes" in warning["message"]


def test_h53_many_stubs_share_one_budget(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    spent: list[int] = []
    real = Search._spend

    def spend(search: Search, count: int = 1) -> None:
        spent.append(count)
        real(search, count)

    for number in range(50):
        add_stub(target, {"matchesJsonPath": f"$..n{number}"})
    monkeypatch.setattr(Search, "_spend", spend)
    assert target.ask(http(body=DEEP)).status == 201
    # Each of the stubs may ask for one more.
    assert MAX_NODES < sum(spent) <= MAX_NODES + 50


# H54

WAITS = {
    "wait": (
        "/requests/wait-for-count",
        {"pattern": {"url": "/x"}, "count": 9, "timeoutMillis": 60_000},
        408,
    ),
    "verify": ("/verify", {"expected": [{"request": {"url": "/x"}}], "timeoutMillis": 60_000}, 200),
}


@pytest.mark.parametrize("path, question, status", WAITS.values(), ids=WAITS)
def test_h54_deleting_a_namespace_ends_its_waits(
    target: Target, path: str, question: dict[str, Any], status: int
) -> None:
    asking = target.connect()
    body = json.dumps(question).encode()
    asking.sendall(http("POST", f"/~gone/__admin{path}", body=body, key=None))
    target.wait_until(lambda: bool(target.engine.namespaces.get("gone").journal.listeners))
    assert target.control("DELETE", "/namespaces/gone").status == 200
    assert read_answer(asking).answer.status == status
    target.wait_until(lambda: not target.engine.namespaces.get("gone").journal.listeners)


def test_h54_deleting_a_namespace_ends_its_streams(target: Target) -> None:
    listening = target.connect()
    listening.sendall(http("GET", "/~gone/__admin/events", key=None))
    target.wait_until(lambda: bool(target.engine.namespaces.get("gone").journal.listeners))
    assert target.control("DELETE", "/namespaces/gone").status == 200
    received = b""
    while not received.endswith(b"0\r\n\r\n"):
        chunk = listening.recv(65_536)
        assert chunk
        received += chunk


# H55

LIMIT = 4_000_000


def small(**settings: Any) -> Engine:
    """An engine with little memory."""
    return build_engine(Settings(memory_limit=LIMIT, **settings))


def remember(engine: Engine, path: str = CREATE, **more: Any) -> Response:
    request = build_request("POST", path, headers={"Authorization": f"Bearer {CANARY}"}, json=more)
    return engine.handle(request)


def is_bounded(engine: Engine) -> bool:
    """What is counted is what is there, and no more than there may be."""
    budget = engine.namespaces._budget
    counted = budget.used
    budget.relieve()
    return counted <= LIMIT + LIMIT // 16 and abs(counted - budget.used) <= LIMIT // 8


GOOD: dict[str, Any] = {"name": "n", "permissions": {"account:api:key": ["read"]}}
ATTACKS: dict[str, Callable[[int], dict[str, Any]]] = {
    "violations": lambda number: {"name": number, "permissions": {f"p{'x' * 90}{n}": 1 for n in range(300)}},
    "warnings": lambda number: GOOD | {"name": str(number)} | {f"m{n}": 1 for n in range(500)},
    "metadata": lambda number: GOOD | {"name": str(number), "metadata": {"a": "x" * 300_000}},
    "many-values": lambda number: GOOD | {"name": str(number), "metadata": {"a": [[]] * 9_000}},
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
@pytest.mark.parametrize("namespaces", [1, 50])
def test_h55_what_calls_leave_is_bounded_over_all_namespaces(
    attack: Callable[[int], dict[str, Any]], namespaces: int
) -> None:
    engine = small()
    for number in range(100):
        remember(engine, f"/~n{number % namespaces}{CREATE}", **attack(number))
    assert is_bounded(engine)


def test_h55_kept_answers_and_counted_requests_are_bounded() -> None:
    engine = small(idempotency="on")
    for number in range(3_000):
        headers = {"Authorization": f"Bearer {CANARY}", "Idempotency-Key": f"k{number}"}
        engine.handle(build_request("POST", CREATE, headers=headers, json=GOOD | {"name": f"n{number}"}))
    assert is_bounded(engine)
    resources = engine.namespaces.default.resources
    assert 0 < len(resources.items) < 3_000
    assert 0 < len(resources.answers) < 3_000


def test_h55_ten_thousand_namespaces_with_one_large_call_are_bounded_at_constant_cost() -> None:
    engine = small()
    rounds: list[int] = []
    budget = engine.namespaces._budget
    for number in range(10_000):
        slack = budget.used
        remember(engine, f"/~n{number}{CREATE}", **GOOD, metadata={"a": "x" * 9_000} if number % 9 else {})
        if budget.used < slack:
            rounds.append(number)
    assert is_bounded(engine)
    assert len(engine.namespaces) <= LIMIT // 2 // 12_000


def test_h55_stubs_never_make_room_and_are_refused_where_there_is_none() -> None:
    engine = small()
    desk = Desk(engine)
    mapping = {"request": {"url": "/x"}, "response": {"status": 200, "body": "x" * 100_000}}
    statuses = []
    for _ in range(20):
        status, answer = desk.ask("POST", "/mappings", mapping)
        statuses.append(status)
    added = statuses.count(201)
    assert statuses == [201] * added + [422] * (20 - added)
    assert 5 < added < 20
    assert "--memory-limit" in answer["errors"][0]["detail"]
    for number in range(100):
        remember(engine, **ATTACKS["metadata"](number))
    assert len(desk.get("/mappings")["mappings"]) == added + len(engine.fixtures.stubs)
    assert is_bounded(engine)
    desk.ask("DELETE", "/mappings")
    assert desk.ask("POST", "/mappings", mapping)[0] == 201


@pytest.mark.parametrize("options", [{}, {"duplicatePolicy": "IGNORE"}, {"deleteAllNotInImport": True}])
def test_h55_stubs_that_take_the_place_of_others_need_no_more_room(options: dict[str, Any]) -> None:
    engine = small()
    desk = Desk(engine)
    large = {"request": {"url": "/x"}, "response": {"status": 200, "body": "x" * 100_000}}
    ids = [f"large-{number}" for number in range(6)]
    many = {"mappings": [large | {"id": id} for id in ids]}
    assert desk.ask("POST", "/mappings/import", many)[0] == 200
    if options.get("deleteAllNotInImport"):
        many = {"mappings": [large | {"id": id.replace("large", "other")} for id in ids]}
    pinned = engine.namespaces.default._budget.pinned
    assert desk.ask("POST", "/mappings/import", many | {"importOptions": options})[0] == 200
    first = many["mappings"][0]["id"]
    assert desk.ask("PUT", f"/mappings/{first}", large)[0] == 200
    assert engine.namespaces.default._budget.pinned == pinned
    assert desk.ask("POST", "/mappings/import", many | {"mappings": [large] * 6})[0] == 422


def test_h55_what_was_forgotten_is_said() -> None:
    engine = small()
    key = json.loads(remember(engine, **GOOD).body)["data"]["key"]
    for number in range(50):
        remember(engine, **ATTACKS["metadata"](number))
    headers = {"Authorization": f"Bearer {key}"}
    answer = json.loads(engine.handle(build_request("GET", CREATE, headers=headers)).body)
    assert answer["error"]["details"]["reason"] == "revoked_credential"
    assert "--memory-limit" in json.dumps(answer)
    status, problem = Desk(engine).ask("POST", "/requests/count", {"bodyPatterns": [{"contains": "n"}]})
    assert status == 409
    assert "--memory-limit" in json.dumps(problem)


# H56

HEX = "sk_4f3c2a1b9d8e7f60a1b2c3d4e5f60718"
# What begins none of their displays.
BASE64 = "sk_live_4eC39HqLyj/WDarjtT1zdp7dc+Ab=="
MARKS = "sk_test_4eC39HqLyj:WDarjtT1zdp7dc=Ab~c.d"
SECRETS = {"hex": HEX, "base64": BASE64, "marks": MARKS}


HIDDEN = {
    "behind-a-slash": lambda secret: http(body=create(permissions={f"a/{secret}": 1})),
    "behind-a-tilde": lambda secret: http(body=create(permissions={f"a~{secret}": 1})),
    "unknown-member": lambda secret: http(body=create(**{f"a/{secret}": 1})),
    "escaped-twice": lambda secret: http(body=create(name=escape_all(escape_all(secret[:4]) + secret[4:]))),
    "percent-twice": lambda secret: http(
        "POST", f"{CREATE}&x={percent_all(secret).replace('%', '%25')}", body=BODY
    ),
    "percent-of-json": lambda secret: http(body=create(name=percent_all(escape_all(secret)))),
    "utf-16": lambda secret: http(body=create(name=secret).decode().encode("utf-16")),
    "header": lambda secret: http("POST", CREATE, f"X-Api-Key: {secret}", body=BODY),
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize("write", HIDDEN.values(), ids=HIDDEN)
def test_h56_a_key_is_hidden_whole_in_every_report(
    target: Target, write: Callable[[str], bytes], secret: str
) -> None:
    assert target.ask(write(secret)).status < 500
    reports = ["/calls", "/requests", "/har", "/coverage", "/requests/unmatched/near-misses"]
    reports += [f"/calls/{target.calls()[0]['id']}?format={name}" for name in ("curl", "pytest", "har")]
    for report in reports:
        answer = target.control("GET", report)
        assert answer.status == 200, report
        for _ in range(4):
            # However often a reader unescapes it.
            for piece in re.findall(r"[A-Za-z0-9]{5,}", secret):
                assert piece.encode() not in answer.body, (report, answer.body)
            answer = replace(answer, body=unquote_to_bytes(undo_escapes(answer.body).replace(b"\0", b"")))


def undo_escapes(data: bytes) -> bytes:
    return re.sub(rb"\\+u00([0-7][0-9a-f])", lambda match: bytes((int(match[1], 16),)), data)


# H57

FOREIGN = {
    "rtsp": http().replace(b"HTTP/1.1", b"RTSP/1.1", 1),
    "rtsp-options": b"OPTIONS /v1/api-keys/ RTSP/1.1\r\nHost: localhost\r\n\r\n",
    "ice": b"SOURCE /v1/api-keys/ ICE/1.1\r\nHost: localhost\r\n\r\n",
    "many-zeros-too-large": http("POST", CREATE, f"Content-Length: {'0' * 4_400}9999999"),
}


@pytest.mark.parametrize("data", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("cut", [0, 40], ids=["whole", "in-pieces"])
def test_h57_what_is_no_http_or_too_large_is_refused(target: Target, data: bytes, cut: int) -> None:
    client = target.connect()
    client.sendall(data[:cut])
    if cut:
        target.wait_until(lambda: any(item.is_receiving for item in target.connections))
    client.sendall(data[cut:] + http())
    assert [answer.status for answer in split_answers(read_to_end(client))] in ([400], [413])
    assert target.calls() == []


def test_h57_a_length_may_have_thousands_of_zeros(target: Target) -> None:
    length = f"Content-Length: {'0' * 4_400}{len(BODY)}"
    assert target.ask(http("POST", CREATE, length)).status == 201


def test_h57_hundreds_of_upgrades_in_one_packet_are_answered(target: Target) -> None:
    count = 600
    upgrade = http("POST", CREATE, "Connection: Upgrade", "Upgrade: h2c")
    chunks = http("POST", CREATE, "Connection: Upgrade", "Upgrade: h2c", CHUNKED, body=chunked(BODY))
    client = target.connect()
    client.sendall(upgrade * (count - 1) + chunks)
    rest = b""
    for _ in range(count):
        reply = read_answer(client, rest)
        rest = reply.rest
        assert reply.answer.status == 201


@pytest.mark.parametrize("version, asked", [("1.1", True), ("1.0", False)])
def test_h57_a_body_is_asked_for_where_the_version_knows_of_it(
    target: Target, version: str, asked: bool
) -> None:
    data = http("POST", CREATE, "Expect: 100-continue", version=version)
    end = data.index(b"\r\n\r\n") + 4
    client = target.connect()
    client.sendall(data[:end])
    if asked:
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    else:
        target.wait_until(lambda: any(not item.is_reading_head for item in target.connections))
    client.sendall(data[end:])
    assert read_answer(client).answer.status == 201


def test_h57_names_that_are_long_numbers_are_names(target: Target) -> None:
    name = "9" * 5_000
    body = json.dumps({"name": "n", "permissions": {name: [1]}}).encode()
    assert target.ask(http(body=body)).reason == "invalid_request"


def test_h57_numbers_of_thousands_of_digits_are_refused_or_read(target: Target) -> None:
    digits = "9" * 5_000
    for path in (f"/calls?limit={digits}", f"/calls?status={digits}", f"/mappings?offset={digits}"):
        assert target.control("GET", path).status in (400, 422), path
    assert target.ask(http("GET", f"{CREATE}&page={digits}&limit=1")).status < 500
    assert target.ask(http("GET", f"{CREATE}&page=1e99999&limit=1e9")).status < 500
    assert target.ask(http("POST", CREATE, f"Prefer: code={digits}", body=BODY)).status < 500
    answer = target.control("POST", "/requests/wait-for-count", {"pattern": {}, "count": int("9" * 4_000)})
    assert answer.status in (408, 422)
    assert target.control("GET", "/events", None, f"Last-Event-ID: {digits}").status == 400


def test_h57_two_blanks_in_the_request_line_are_answered(target: Target) -> None:
    assert target.ask(http().replace(b"POST ", b"POST  ", 1)).status in (201, 400)


# H58


@pytest.mark.parametrize(
    "key",
    ["sk_live_ns-wanted_4eC39HqLyjWDarjtT1zdp7dc", make_jwt({"ns": "wanted", "livemode": True})],
    ids=["key", "jwt"],
)
def test_h58_a_refused_live_key_names_no_namespace(target: Target, key: str) -> None:
    assert target.ask(http(key=key)).reason in ("live_credential", "invalid_token")
    assert "wanted" not in [item["name"] for item in target.control("GET", "/namespaces").json["namespaces"]]
    assert target.calls()[0]["namespace"] == "default"


# H59

WEAK = "password1"


def show_weak(**settings: Any) -> str:
    """A weak secret as a log shows it."""
    with MockServer(**settings) as server:
        client = socket.create_connection((server._local.thread.host, server._local.thread.port))  # type: ignore[union-attr]
        with client:
            client.sendall(http(key=WEAK))
            read_answer(client)
        display = server.last_call.credential["display"]
    assert isinstance(display, str)
    return display


def test_h59_a_weak_secret_cannot_be_guessed_without_the_seed() -> None:
    shown = show_weak(seed="not public")
    assert shown == show_weak(seed="not public") != show_weak(seed="another")
    guesses = {hashlib.new(name, WEAK.encode()).hexdigest()[:12] for name in ("sha256", "sha512", "blake2b")}
    assert shown.strip("[]") not in guesses


def test_h59_every_door_keys_by_the_seed() -> None:
    key = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
    with MockServer(seed="not public") as server:
        target = Target(server._local.thread, ExitStack())  # type: ignore[arg-type]
        with socket.create_connection((target.server.host, target.server.port)) as client:
            client.sendall(http("POST", CREATE, f"X-Api-Key: {key}", body=BODY, key=key))
            read_answer(client)
        with httpx.Client(transport=server.transport()) as inner:
            inner.post(
                server.base_url + "/api-keys/?account_id=acct_1",
                headers={"X-Api-Key": key, "Authorization": f"Bearer {key}"},
                content=BODY,
            )
        shown = {call.credential["display"] for call in server.calls()}
        shown |= {call.headers["x-api-key"] for call in server.calls()}
        assert len(shown) == 1
        # A question that is asked here finds what came over there.
        server.verify({"headers": {"X-Api-Key": {"equalTo": key}}}, times=2)


# H60


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="workers are found in /proc")
def test_h60_a_worker_that_dies_under_load_is_replaced_and_nothing_answered_is_lost(tmp_path: Path) -> None:
    created: list[str] = []
    with start("--workers", "2", "--store", f"sqlite:{tmp_path / 'state.db'}") as served:
        before = served.workers

        def create_some(number: int) -> None:
            try:
                answer = served.send(json_body=GOOD | {"name": f"n{number}"})
            except (OSError, HTTPException):
                # Its worker died; what it asked for was never promised.
                return
            assert answer.status == 201
            created.append(answer.json["data"]["id"])

        with ThreadPoolExecutor(4) as pool:
            for number in range(60):
                pool.submit(create_some, number)
                if number in (20, 40):
                    os.kill(before[number // 40], signal.SIGKILL)
        deadline = time.monotonic() + 20
        while len(set(served.workers) - set(before)) < 2:
            assert time.monotonic() < deadline
        kept = {item["id"] for item in served.send("GET", LIST).json["data"]}
        assert created and kept >= set(created)


def of_another_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE namespaces (name TEXT)")


def of_another_version(path: Path) -> None:
    with target_with(store=f"sqlite:{path}") as target:
        assert target.ask(http()).status == 201
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version=99")


NOT_OURS: dict[str, tuple[Callable[[Path], object], str]] = {
    "text": (lambda path: path.write_bytes(b"a text of some length " * 100), "is no SQLite database"),
    "program": (of_another_program, "another program's database"),
    "version": (of_another_version, "has format 99"),
}


@pytest.mark.parametrize("make, reason", NOT_OURS.values(), ids=NOT_OURS)
def test_h60_a_store_that_is_not_ours_is_refused_and_left_alone(
    make: Callable[[Path], object], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "state.db"
    make(path)
    before = path.read_bytes()
    line = [*SERVE, "--port", "0", "--store", f"sqlite:{path}"]
    ended = subprocess.run(line, capture_output=True, timeout=PATIENCE, check=False)
    assert ended.returncode == 2
    assert reason in ended.stderr.decode() and b"Traceback" not in ended.stderr
    assert path.read_bytes() == before


def ask_alone(target: Target, data: bytes) -> Answer:
    """One request and nothing behind it, which would wait for the store as well."""
    client = target.connect()
    client.sendall(data)
    return read_answer(client).answer


def test_h60_a_store_that_another_program_holds_is_503_until_it_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with target_with(store=f"sqlite:{path}") as target:
        assert ask_alone(target, http(body=create(name="first"))).status == 201
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            refused = ask_alone(target, http(body=create(name="refused")))
            assert refused.outcome == (503, "store_unavailable")
            assert refused.header("retry-after") == "1"
            health = ask_alone(target, http("GET", "/__admin/health", key=None))
            assert (health.status, health.json["store"]["ok"]) == (503, False)
            other.execute("ROLLBACK")
        assert ask_alone(target, http(body=create(name="second"))).status == 201
        assert ask_alone(target, http("GET", "/__admin/health", key=None)).status == 200
        names = [item["name"] for item in ask_alone(target, http("GET", CREATE)).json["data"]]
        assert sorted(names) == ["first", "second"]


def test_h60_a_store_that_is_away_is_503_until_it_is_back(tmp_path: Path) -> None:
    with run_redis(tmp_path) as redis, target_with(store=redis.url) as target:
        assert ask_alone(target, http()).status == 201
        redis.stop()
        assert ask_alone(target, http()).outcome == (503, "store_unavailable")
        assert ask_alone(target, http("GET", "/__admin/calls", key=None)).status == 503
        redis.start()
        assert ask_alone(target, http()).status == 201


def test_h60_a_store_that_is_slow_keeps_nobody_waiting_who_does_not_ask_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mockserver.stores.redis.ANSWER_SECONDS", float(PATIENCE))
    with run_redis(tmp_path) as redis, target_with(store=redis.url) as target:
        waiting = target.connect()
        with redis.paused():
            waiting.sendall(http())
            assert ask_alone(target, http(host="evil.example")).status == 400
            waiting.setblocking(False)
            with pytest.raises(BlockingIOError):
                waiting.recv(1)
            waiting.setblocking(True)
        assert read_answer(waiting).answer.status == 201
