"""Clock, options, snapshots and tokens over the control API."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from mockserver.engine.engine import Engine
from mockserver.messages import build_request
from mockserver.serving.building import build_engine
from mockserver.settings import Settings
from tests.desk import Desk
from tests.doors import BODY, CREATE, FROZEN, KEY, UNSENT, Answer, make_jwt

NOW = "2026-01-01T00:00:00.000Z"


def list_keys(desk: Desk, key: str, namespace: str = "") -> Answer:
    url = f"{namespace}/v1/api-keys/?account_id=acct_1"
    return desk.api.send("GET", url, key=key, json=UNSENT)


# Clock.


def test_a_clock_says_its_mode_and_the_time(desk: Desk) -> None:
    assert desk.ask("GET", "/clock") == (200, {"mode": "frozen", "now": NOW})


@pytest.mark.parametrize(
    ("body", "mode", "now"),
    [
        ({"mode": "frozen", "now": "2030-06-01T12:00:00.250+02:00"}, "frozen", "2030-06-01T10:00:00.250Z"),
        ({"mode": "frozen"}, "frozen", NOW),
        ({"advanceSeconds": 3600}, "frozen", "2026-01-01T01:00:00.000Z"),
        ({"advanceSeconds": -0.5}, "frozen", "2025-12-31T23:59:59.500Z"),
        ({"advanceSeconds": 0}, "frozen", NOW),
    ],
)
def test_a_frozen_clock_is_set_and_moved_exactly(desk: Desk, body: Any, mode: str, now: str) -> None:
    assert desk.ask("PUT", "/clock", body) == (200, {"mode": mode, "now": now})
    assert desk.ask("GET", "/clock") == (200, {"mode": mode, "now": now})


def test_a_shifted_clock_runs_on_from_its_instant(desk: Desk) -> None:
    status, value = desk.ask("PUT", "/clock", {"mode": "shifted", "now": "2040-01-01T00:00:00Z"})
    assert (status, value["mode"]) == (200, "shifted")
    assert value["now"].startswith("2040-01-01T00:0")


def test_a_real_clock_that_is_advanced_is_shifted(desk: Desk) -> None:
    status, value = desk.ask("PUT", "/clock", {"mode": "real"})
    assert (status, value["mode"]) == (200, "real")
    _, before = desk.ask("GET", "/clock")
    _, after = desk.ask("PUT", "/clock", {"advanceSeconds": 86_400 * 366})
    assert after["mode"] == "shifted"
    assert int(after["now"][:4]) > int(before["now"][:4])


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/mode"]),
        ([], [""]),
        ({"now": NOW}, ["/mode"]),
        ({"mode": "stopped"}, ["/mode"]),
        ({"mode": ["frozen"]}, ["/mode"]),
        ({"mode": "frozen", "now": "yesterday"}, ["/now"]),
        ({"mode": "frozen", "now": 5}, ["/now"]),
        ({"mode": "frozen", "now": "2026-01-01T00:00:00"}, ["/now"]),
        ({"mode": "shifted"}, ["/now"]),
        ({"mode": "real", "now": NOW}, ["/now"]),
        ({"advanceSeconds": "60"}, ["/advanceSeconds"]),
        ({"advanceSeconds": True}, ["/advanceSeconds"]),
        ({"advanceSeconds": None}, ["/advanceSeconds"]),
        ({"advanceSeconds": Decimal("1e400")}, ["/advanceSeconds"]),
        ({"advanceSeconds": 10**12}, ["/advanceSeconds"]),
        ({"advanceSeconds": 1, "mode": "real"}, ["/advanceSeconds"]),
        ({"mode": "stopped", "now": "soon", "when": 1}, ["/mode", "/now", "/when"]),
    ],
)
def test_a_clock_that_cannot_be_is_refused_and_nothing_moves(
    desk: Desk, body: Any, pointers: list[str]
) -> None:
    assert desk.misplaced("PUT", "/clock", body) == pointers
    assert desk.ask("GET", "/clock") == (200, {"mode": "frozen", "now": NOW})


def test_every_namespace_has_its_own_clock(desk: Desk) -> None:
    desk.ask("PUT", "/clock", {"advanceSeconds": 60}, "t1")
    assert desk.ask("GET", "/clock", namespace="t2")[1]["now"] == NOW
    assert desk.ask("GET", "/clock", namespace="t1")[1]["now"] == "2026-01-01T00:01:00.000Z"


def test_a_reset_sets_the_clock_back(desk: Desk) -> None:
    desk.ask("PUT", "/clock", {"mode": "real"})
    desk.ask("POST", "/reset")
    assert desk.ask("GET", "/clock") == (200, {"mode": "frozen", "now": NOW})


# Options.


def test_options_of_a_namespace_are_changed_and_read(desk: Desk) -> None:
    before = {
        "seed": "hsrcpay",
        "clock": FROZEN,
        "successStatus": "201",
        "variants": "off",
        "tolerantReader": False,
        "strictAccounts": False,
        "rateLimit": None,
        "idempotency": "on",
    }
    assert desk.ask("PATCH", "/settings", {}) == (200, before)
    changes = {"rateLimit": "2/60s", "successStatus": 200, "strictAccounts": True, "idempotency": "off"}
    assert desk.ask("PATCH", "/settings", changes) == (200, before | changes | {"successStatus": "200"})
    assert desk.ask("PATCH", "/settings", {}, "t1") == (200, before)


def test_options_take_effect_at_once_and_end_with_a_reset(desk: Desk) -> None:
    desk.ask("PATCH", "/settings", {"successStatus": "200", "strictAccounts": True})
    assert desk.api.send(url="/v1/api-keys/?account_id=acct_test_main").status == 200
    assert desk.api.send().outcome == (404, "account_not_found")
    desk.ask("POST", "/reset")
    assert desk.api.send().status == 201


def test_an_option_may_be_spelled_as_in_python(desk: Desk) -> None:
    assert desk.ask("PATCH", "/settings", {"rate_limit": "5/1m"})[1]["rateLimit"] == "5/1m"


def test_the_clock_goes_on_when_other_options_change(desk: Desk) -> None:
    desk.ask("PUT", "/clock", {"advanceSeconds": 60})
    desk.ask("PATCH", "/settings", {"rateLimit": "1/1s"})
    assert desk.ask("GET", "/clock")[1]["now"] == "2026-01-01T00:01:00.000Z"
    desk.ask("PATCH", "/settings", {"clock": "2027-01-01T00:00:00Z"})
    assert desk.ask("GET", "/clock")[1]["now"] == "2027-01-01T00:00:00.000Z"


def test_another_seed_makes_other_keys(desk: Desk) -> None:
    first = desk.api.send().key
    desk.ask("POST", "/reset")
    desk.ask("PATCH", "/settings", {"seed": "another"})
    assert desk.api.send().key != first


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        ({"rateLimit": "fast"}, ["/rateLimit"]),
        ({"rateLimit": ["2/60s"]}, ["/rateLimit"]),
        ({"successStatus": 204}, ["/successStatus"]),
        ({"strictAccounts": "perhaps"}, ["/strictAccounts"]),
        ({"strictAccounts": None}, ["/strictAccounts"]),
        ({"seed": None}, ["/seed"]),
        ({"clock": "noon"}, ["/clock"]),
        ({"colour": "red"}, ["/colour"]),
        ({"allowLive": True}, ["/allowLive"]),
        ({"port": 1}, ["/port"]),
        ({"rateLimit": "fast", "idempotency": "maybe", "a/b": 1, "journalLimit": 5},
         ["/journalLimit", "/a~1b", "/idempotency", "/rateLimit"]),
        ({"rateLimit": "fast", "idempotency": "maybe"}, ["/idempotency", "/rateLimit"]),
    ],
)  # fmt: skip
def test_options_that_cannot_be_are_refused_and_nothing_changes(
    desk: Desk, changes: Any, pointers: list[str]
) -> None:
    before = desk.ask("PATCH", "/settings", {})
    assert desk.misplaced("PATCH", "/settings", changes) == pointers
    assert desk.ask("PATCH", "/settings", {}) == before


# Snapshots.


def test_a_snapshot_brings_back_keys_clock_options_and_stubs_but_no_calls(desk: Desk) -> None:
    desk.ask("PATCH", "/settings", {"successStatus": "200"})
    desk.api.script({"request": {"method": "DELETE"}, "response": {"status": 500}})
    kept = desk.api.send().key
    status, snapshot = desk.ask("POST", "/snapshots")
    assert status == 201

    desk.ask("POST", "/reset")
    desk.ask("PUT", "/clock", {"advanceSeconds": 60})
    assert list_keys(desk, kept).outcome == (401, "revoked_credential")
    calls = len(desk.api.calls())

    assert desk.ask("POST", f"/snapshots/{snapshot['id']}/restore") == (200, {})
    assert list_keys(desk, kept).outcome == (200, "listed")
    assert desk.ask("GET", "/clock")[1]["now"] == NOW
    assert desk.api.send().status == 200
    assert desk.api.send("DELETE", "/v1/api-keys/x").outcome == (500, "stub")
    assert len(desk.api.calls()) == calls + 3


def test_a_snapshot_stays_as_it_was_taken(desk: Desk) -> None:
    first = desk.api.send().json["data"]["id"]
    _, snapshot = desk.ask("POST", "/snapshots")
    path = f"/snapshots/{snapshot['id']}/restore"
    desk.api.send("DELETE", f"/v1/api-keys/{first}", json=UNSENT)
    for _ in range(2):
        desk.ask("POST", path)
        assert [key["id"] for key in list_keys(desk, KEY).json["data"]] == [first]
        desk.api.send(json=BODY | {"name": "only after the snapshot"})
        assert list_keys(desk, KEY).json["total"] == 2


def test_after_a_restore_the_same_requests_get_the_same_keys(desk: Desk) -> None:
    desk.api.send()
    _, snapshot = desk.ask("POST", "/snapshots")
    second = desk.api.send().key
    desk.ask("POST", f"/snapshots/{snapshot['id']}/restore")
    assert desk.api.send().key == second


def test_ids_of_snapshots_are_equal_from_run_to_run_and_never_used_twice(desk: Desk, engine: Engine) -> None:
    other = Desk(build_engine(engine.settings))
    ids = []
    for _ in range(3):
        status, value = desk.ask("POST", "/snapshots")
        assert (status, value) == other.ask("POST", "/snapshots")
        desk.ask("POST", "/reset")
        other.ask("POST", "/reset")
        ids.append(value["id"])
    assert len(set(ids)) == 3


def test_the_newest_snapshots_are_kept(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mockserver.state.namespaces.MAX_SNAPSHOTS", 2)
    ids = [desk.ask("POST", "/snapshots")[1]["id"] for _ in range(3)]
    answers = [desk.ask("POST", f"/snapshots/{id}/restore")[0] for id in ids]
    assert answers == [404, 200, 200]


def test_large_snapshots_make_room_for_newer_ones() -> None:
    desk = Desk(build_engine(Settings().with_changes({"memory_limit": 1_000_000})))
    desk.api.send(json=BODY | {"metadata": {"a": "x" * 100_000}})
    ids = [desk.ask("POST", "/snapshots")[1]["id"] for _ in range(20)]
    answers = [desk.ask("POST", f"/snapshots/{id}/restore") for id in ids]
    kept = [status for status, _ in answers].count(200)
    assert 1 <= kept <= 8
    assert [status for status, _ in answers] == [404] * (20 - kept) + [200] * kept
    assert "--memory-limit" in json.dumps(answers[0][1])


def test_an_answer_in_flight_has_landed_in_a_snapshot(desk: Desk) -> None:
    headers = {"Idempotency-Key": "k"}
    request = build_request("POST", CREATE, headers=headers | {"Authorization": f"Bearer {KEY}"}, json=BODY)
    exchange = desk.engine.begin(request)
    _, snapshot = desk.ask("POST", "/snapshots")
    assert desk.api.send(headers=headers).outcome == (409, "idempotency_conflict")
    desk.ask("POST", f"/snapshots/{snapshot['id']}/restore")
    replayed = desk.api.send(headers=headers)
    assert replayed.reason == "replayed"
    assert replayed.body == exchange.response.body


def test_a_namespace_is_made_from_a_snapshot_of_another(desk: Desk) -> None:
    key = desk.api.send().key
    desk.ask("PUT", "/clock", {"advanceSeconds": 60})
    _, snapshot = desk.ask("POST", "/snapshots")
    for name in ("copy-1", "copy-2"):
        body = {"snapshot": snapshot["id"]}
        assert desk.ask("PUT", f"/namespaces/{name}", body) == (201, {"name": name})
        assert list_keys(desk, key, f"/~{name}").json["total"] == 1
        assert desk.ask("GET", "/clock", namespace=name)[1]["now"] == "2026-01-01T00:01:00.000Z"
        assert [call["number"] for call in desk.api.calls(name)] == [1]
    id = desk.api.send(url="/~copy-1" + CREATE).json["data"]["id"]
    assert id not in str(list_keys(desk, KEY, "/~copy-2").json)
    assert list_keys(desk, KEY).json["total"] == 1


def test_a_namespace_that_is_there_is_made_anew(desk: Desk) -> None:
    _, snapshot = desk.ask("POST", "/snapshots")
    for name in ("default", "t1"):
        prefix = "" if name == "default" else f"/~{name}"
        desk.api.send(url=prefix + CREATE)
        assert desk.ask("PUT", f"/namespaces/{name}", {"snapshot": snapshot["id"]})[0] == 201
        assert desk.api.calls(name) == []
        assert list_keys(desk, KEY, prefix).json["total"] == 0


@pytest.mark.parametrize(
    ("name", "body", "status", "pointers"),
    [
        ("t1", {}, 422, ["/snapshot"]),
        ("t1", {"snapshot": 1}, 422, ["/snapshot"]),
        ("t1", {"snapshot": "nope", "name": "t2"}, 422, ["/name"]),
        ("t1", {"snapshot": "nope"}, 404, [""]),
        ("Upper", {"snapshot": "nope"}, 422, [""]),
        ("x" * 41, {}, 422, ["", "/snapshot"]),
    ],
)
def test_a_namespace_needs_a_name_and_a_snapshot(
    desk: Desk, name: str, body: Any, status: int, pointers: list[str]
) -> None:
    answer, value = desk.ask("PUT", f"/namespaces/{name}", body)
    assert (answer, [error["source"]["pointer"] for error in value["errors"]]) == (status, pointers)
    assert name not in [namespace.name for namespace in desk.engine.namespaces]


# Tokens.


def create_with(desk: Desk, token: str, prefix: str = "") -> tuple[int, str | None]:
    return desk.api.send(url=prefix + CREATE, key=token).outcome


def test_a_token_carries_its_permissions_and_namespace(desk: Desk) -> None:
    body = {"permissions": ["account:api:key:create"], "ns": "t1", "expiresInSeconds": 60}
    status, value = desk.ask("POST", "/tokens", body)
    assert status == 201 and list(value) == ["token"]
    assert create_with(desk, value["token"]) == (201, "created")
    refused = list_keys(desk, value["token"])
    assert refused.outcome == (403, "missing_permission")
    assert [call["reason"] for call in desk.api.calls("t1")] == ["created", "missing_permission"]


def test_a_token_lives_by_the_clock_of_its_namespace(desk: Desk) -> None:
    desk.ask("PUT", "/clock", {"mode": "frozen", "now": "2031-01-01T00:00:00Z"}, "t1")
    _, value = desk.ask("POST", "/tokens", {"ns": "t1", "expiresInSeconds": 60, "notBeforeSeconds": 10})
    outcomes = []
    for seconds in (9, 1, 49, 1):
        desk.ask("PUT", "/clock", {"advanceSeconds": seconds}, "t1")
        outcomes.append(create_with(desk, value["token"]))
    created = (201, "created")
    assert outcomes == [(401, "not_yet_valid"), created, created, (401, "expired_credential")]


@pytest.mark.parametrize(
    "body", [{}, {"permissions": None}, {"permissions": {"account:api:key": ["create"]}}]
)
def test_a_token_leads_into_the_namespace_that_was_asked_and_expires_in_an_hour(
    desk: Desk, body: Any
) -> None:
    _, value = desk.ask("POST", "/tokens", body, "t1")
    assert create_with(desk, value["token"]) == (201, "created")
    assert len(desk.api.calls("t1")) == 1
    desk.ask("PUT", "/clock", {"advanceSeconds": 3600}, "t1")
    assert create_with(desk, value["token"]) == (401, "expired_credential")


def test_a_token_may_never_expire_or_be_expired_already(desk: Desk) -> None:
    tokens = [
        desk.ask("POST", "/tokens", {"expiresInSeconds": seconds})[1]["token"] for seconds in (None, -1)
    ]
    desk.ask("PUT", "/clock", {"advanceSeconds": 86_400 * 3650})
    assert create_with(desk, tokens[0]) == (201, "created")
    assert create_with(desk, tokens[1]) == (401, "expired_credential")


def test_a_token_may_be_bound_to_an_account(desk: Desk) -> None:
    _, value = desk.ask("POST", "/tokens", {"accountId": "acct_2"})
    assert create_with(desk, value["token"]) == (403, "foreign_account")


def test_a_token_may_be_wrong_on_purpose(desk: Desk) -> None:
    _, value = desk.ask("POST", "/tokens", {"claims": {"exp": "soon", "livemode": False}})
    assert create_with(desk, value["token"]) == (401, "invalid_token")
    _, value = desk.ask("POST", "/tokens", {"claims": {"livemode": True}})
    assert create_with(desk, value["token"]) == (401, "live_credential")


def test_equal_questions_get_equal_tokens(desk: Desk) -> None:
    body = {"permissions": ["account:api:key:read"], "subject": "u", "audience": "a"}
    assert desk.ask("POST", "/tokens", body) == desk.ask("POST", "/tokens", body)
    assert desk.ask("POST", "/tokens", body) != desk.ask("POST", "/tokens", body | {"subject": "v"})


def test_a_token_that_somebody_changed_is_refused(desk: Desk) -> None:
    _, value = desk.ask("POST", "/tokens", {})
    head, _, signature = value["token"].split(".")
    payload = make_jwt({"ns": "t1"}).split(".")[1]
    assert create_with(desk, f"{head}.{payload}.{signature}") == (401, "invalid_token")


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ([], [""]),
        ({"permissions": "account:api:key:read"}, ["/permissions"]),
        ({"permissions": [1]}, ["/permissions"]),
        ({"permissions": {"account": "read"}}, ["/permissions"]),
        ({"ns": "No"}, ["/ns"]),
        ({"expiresInSeconds": 1.5}, ["/expiresInSeconds"]),
        ({"expiresInSeconds": "60"}, ["/expiresInSeconds"]),
        ({"notBeforeSeconds": None}, ["/notBeforeSeconds"]),
        ({"subject": ""}, ["/subject"]),
        ({"claims": []}, ["/claims"]),
        ({"expires_in": 1, "ns": 5, "audience": []}, ["/expires_in", "/ns", "/audience"]),
    ],
)
def test_a_token_that_cannot_be_is_refused_with_every_mistake(
    desk: Desk, body: Any, pointers: list[str]
) -> None:
    assert desk.misplaced("POST", "/tokens", body) == pointers


def test_the_provider_shows_its_public_key_and_where_it_is(desk: Desk) -> None:
    _, jwks = desk.ask("GET", "/jwks")
    [key] = jwks["keys"]
    assert key["kty"] == "EC" and "d" not in key
    _, discovery = desk.ask("GET", "/discovery")
    assert discovery["jwks_uri"] == "http://localhost:4020/.well-known/jwks.json"
