"""The journal as WireMock's own Python client sees it."""

from __future__ import annotations

from typing import Any

import pytest
from wiremock.client import (
    Mapping,
    MappingRequest,
    MappingResponse,
    Mappings,
    NearMissMatchPatternRequest,
    NearMissMatchRequest,
    Requests,
)
from wiremock.exceptions import NotFoundException
from wiremock.resources.near_misses.resource import NearMisses

from tests.doors import UNSENT, Api

LIST = "/v1/api-keys/?account_id=acct_1"


def pattern(**members: Any) -> NearMissMatchPatternRequest:
    return NearMissMatchPatternRequest(**members)


def test_received_requests_newest_first(client: Api) -> None:
    client.send()
    client.send("GET", LIST, json=UNSENT)
    received = Requests.get_all_received_requests()
    assert [item.request.method for item in received.requests] == ["GET", "POST"]
    assert received.meta.total == 2
    assert received.request_journal_disabled is False
    assert received.requests[1].response_definition.status == 201
    newest = Requests.get_all_received_requests(limit=1, parameters={}).requests
    assert [item.request.url for item in newest] == [LIST]
    late = Requests.get_all_received_requests(since="2999-01-01T00:00:00Z", parameters={})
    assert late.requests == []


def test_one_request_by_its_id(client: Api) -> None:
    id = client.send().header("mockserver-call-id")
    found = Requests.get_request(id)
    assert (found.id, found.request.method) == (id, "POST")
    with pytest.raises(NotFoundException):
        Requests.get_request("nix")


def test_counting_and_finding(client: Api) -> None:
    client.send(headers={"X-Trace": "7"})
    client.send(headers={"X-Trace": "8"})
    wanted = pattern(method="POST", headers={"X-Trace": {"equalTo": "7"}})
    assert Requests.get_matching_request_count(wanted).count == 1
    (found,) = Requests.get_matching_requests(wanted).requests
    assert found.headers["x-trace"] == "7"
    assert found.client_ip == "127.0.0.1"
    assert found.logged_date_string.endswith("Z")


def test_unmatched_requests_and_their_near_misses(client: Api) -> None:
    Mappings.create_mapping(
        Mapping(
            request=MappingRequest(method="GET", url="/ping"),
            response=MappingResponse(status=200, body="pong"),
        )
    )
    assert client.send("GET", "/ping", json=UNSENT).body == b"pong"
    client.send("GET", "/pin", json=UNSENT)
    (unmatched,) = Requests.get_unmatched_requests().requests
    assert unmatched.url == "/pin"
    nearest = Requests.get_unmatched_requests_near_misses().near_misses[0]
    assert nearest.request.url == "/pin"
    assert 0 < nearest.match_result.distance < 0.5


def test_near_misses_of_a_request_and_of_a_pattern(client: Api) -> None:
    client.send("GET", "/ping", json=UNSENT)
    by_pattern = NearMisses.find_nearest_misses_by_request_pattern(pattern(method="GET", url="/pong"))
    (near,) = by_pattern.near_misses
    assert (near.request.url, near.request_pattern.url) == ("/ping", "/pong")
    by_request = NearMisses.find_nearest_misses_by_request(NearMissMatchRequest(method="GET", url="/pong"))
    assert len(by_request.near_misses) == 3
    assert all(item.request.url == "/pong" for item in by_request.near_misses)


def test_resetting_the_journal(client: Api) -> None:
    client.send()
    Requests.reset_request_journal()
    assert Requests.get_all_received_requests(parameters={}).meta.total == 0
