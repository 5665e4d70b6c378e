"""Near misses: what comes closest, in which order, and why it is not quite it."""

from __future__ import annotations

from typing import Any

import pytest

from mockserver.journal.near_misses import (
    MAX_NEAR_MISSES,
    NearCall,
    Target,
    find_nearest_calls,
    find_nearest_stubs,
    measure,
)
from mockserver.redaction import redact
from mockserver.scripting.matchers import read_request_pattern
from tests.desk import Desk
from tests.doors import BODY, UNSENT

LIST = "/v1/api-keys/?account_id=acct_1"


@pytest.fixture
def desk(desk: Desk) -> Desk:
    """Without the stubs of the files."""
    desk.engine.namespaces.default.stubs.clear()
    return desk


def target(operation: str | None = None, **pattern: Any) -> Target:
    return Target(operation, read_request_pattern(pattern, redact=redact) if pattern else None)


def places(near: NearCall) -> list[tuple[str, str]]:
    return [(item.place, item.pointer) for item in near.differences]


def nearest_stubs(desk: Desk) -> list[tuple[str | None, list[tuple[str, str]]]]:
    """Name and differences of the stubs nearest to the last call."""
    call = desk.last_call
    found = find_nearest_stubs(desk.engine.namespaces.default.stubs, call.subject(), call.operation)
    return [(near.stub.name, [(item.place, item.pointer) for item in near.differences]) for near in found]


# Calls.


def test_the_nearest_call_comes_first_with_its_differences(desk: Desk) -> None:
    desk.api.send("GET", LIST, json=UNSENT)
    desk.api.send(json={**BODY, "name": "Something else"})
    desk.api.send(json={**BODY, "name": "Reportng"})
    wanted = target("createApiKey", bodyPatterns=[{"equalToJson": BODY}])
    found = find_nearest_calls(desk.journal, wanted)
    assert [near.call.number for near in found] == [3, 2, 1]
    assert [places(near) for near in found] == [
        [("body", "/name")],
        [("body", "/name")],
        [("operation", ""), ("body", "")],
    ]
    assert [item.to_json() for item in found[0].differences] == [
        {
            "in": "body",
            "pointer": "/name",
            "operator": "equalToJson",
            "expected": "Reporting",
            "actual": "Reportng",
        }
    ]


def test_a_wrong_operation_is_farther_than_a_wrong_header(desk: Desk) -> None:
    desk.api.send("GET", LIST, json=UNSENT, headers={"X-Trace": "7"})
    desk.api.send(headers={"X-Trace": "8"})
    wanted = target("createApiKey", headers={"X-Trace": {"equalTo": "7"}})
    assert [near.call.number for near in find_nearest_calls(desk.journal, wanted)] == [2, 1]


def test_equal_distances_keep_the_order_of_the_calls(desk: Desk) -> None:
    for _ in range(MAX_NEAR_MISSES + 2):
        desk.api.send()
    found = find_nearest_calls(desk.journal, target(method="POST", urlPath="/v1/api-key"))
    assert [near.call.number for near in found] == list(range(1, MAX_NEAR_MISSES + 1))
    assert {near.distance for near in found} == {found[0].distance}


def test_what_fits_is_nearest_of_all_or_left_out(desk: Desk) -> None:
    desk.api.send("GET", LIST, json=UNSENT)
    desk.api.send()
    wanted = target("createApiKey")
    assert [near.distance == 0 for near in find_nearest_calls(desk.journal, wanted)] == [True, False]
    assert [near.call.number for near in find_nearest_calls(desk.journal, wanted, exact=False)] == [1]


@pytest.mark.parametrize(
    "wanted",
    [
        target("createApiKey"),
        target(method="POST"),
        target("createApiKey", queryParameters={"account_id": {"equalTo": "acct_1"}}),
        target("listApiKeys", method="GET", bodyPatterns=[{"equalToJson": {}}]),
        target(headers={"Authorization": {"equalTo": "Bearer sk_test_local"}}),
    ],
)
def test_fitting_is_having_no_difference_and_no_distance(desk: Desk, wanted: Target) -> None:
    desk.api.send()
    desk.api.send("GET", "/nowhere", json=UNSENT, key=None)
    for call in desk.journal:
        near = measure(call, wanted)
        assert (near.distance == 0) == (not near.differences) == (wanted.judge(call) is True)
        assert 0 <= near.distance <= 1


def test_credentials_are_compared_by_what_is_shown_of_them(desk: Desk) -> None:
    desk.api.send(key="sk_test_somebody_else")
    wanted = target(headers={"Authorization": {"equalTo": "Bearer sk_test_local"}})
    (difference,) = measure(desk.last_call, wanted).differences
    assert difference.pointer == "/authorization"
    assert "somebody_else" not in str(difference)
    assert "local" not in str(difference)


# Stubs.


def test_the_stub_that_lacks_least_comes_first(desk: Desk) -> None:
    for name, pattern in (
        ("other account", {"urlPath": "/v1/api-keys/", "queryParameters": {"account_id": {"equalTo": "x"}}}),
        ("other path", {"urlPath": "/accounts", "method": "GET"}),
        ("typing error", {"urlPath": "/v1/api-key/", "method": "POST"}),
    ):
        desk.api.script({"name": name, "request": pattern, "response": {"status": 500}})
    desk.api.send()
    assert nearest_stubs(desk) == [
        ("typing error", [("path", "")]),
        ("other account", [("query", "/account_id")]),
        ("other path", [("method", ""), ("path", "")]),
    ]


def test_a_stub_of_another_operation_or_state_says_so(desk: Desk) -> None:
    desk.api.script(
        {
            "name": "list",
            "request": {},
            "response": {"status": 500},
            "metadata": {"mockserver": {"operation": "listApiKeys"}},
        }
    )
    desk.api.script(
        {
            "name": "later",
            "request": {"method": "POST"},
            "response": {"status": 500},
            "scenarioName": "a/b",
            "requiredScenarioState": "Second",
        }
    )
    desk.api.send()
    assert nearest_stubs(desk) == [
        ("later", [("scenario", "/a~1b")]),
        ("list", [("operation", "")]),
    ]


def test_a_stub_that_answers_has_no_distance(desk: Desk) -> None:
    desk.api.script({"name": "mine", "request": {"method": "POST"}, "response": {"status": 500}})
    desk.api.send()
    assert nearest_stubs(desk) == [("mine", [])]
