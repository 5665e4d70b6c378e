"""Stubs, scenarios and settings as WireMock's own clients use them (the journal: test_wiremock_journal)."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest
from wiremock.client import (
    BasicAuthCredentials,
    DelayDistribution,
    GlobalSetting,
    HttpMethods,
    Mapping,
    MappingRequest,
    MappingResponse,
    Mappings,
    NearMissMatchPatternRequest,
    Requests,
    ResponseFaultType,
    Scenarios,
    WireMockMatchers,
)
from wiremock.constants import Config
from wiremock.exceptions import InvalidInputException, NotFoundException
from wiremock.resources.settings.resource import GlobalSettings

from tests.doors import UNSENT, Api


def register(body: str = "pong", **more: Any) -> Mapping:
    """Have `GET /ping` answered."""
    response = MappingResponse(status=200, body=body)
    mapping = {"request": MappingRequest(method=HttpMethods.GET, url="/ping"), "response": response, **more}
    created: Mapping = Mappings.create_mapping(Mapping(**mapping))
    return created


def ping(client: Api) -> tuple[int, bytes]:
    answer = client.send("GET", "/ping", json=UNSENT)
    return answer.status, answer.body


def names() -> list[str]:
    """The bodies of the stubs that are not from a file, newest first."""
    mappings = Mappings.retrieve_all_mappings().mappings
    return [mapping.response.body for mapping in mappings if mapping.response.body]


def test_a_script_registers_counts_verifies_and_resets(client: Api) -> None:
    created = register()
    assert ping(client) == (200, b"pong")
    assert ping(client) == (200, b"pong")
    pattern = NearMissMatchPatternRequest(url="/ping", method="GET")
    assert Requests.get_matching_request_count(pattern).count == 2
    assert [found.url for found in Requests.get_matching_requests(pattern).requests] == ["/ping", "/ping"]
    Mappings.delete_mapping(created)
    Requests.reset_request_journal()
    assert Requests.get_matching_request_count(pattern).count == 0
    assert ping(client)[0] == 404


def test_a_stub_is_created_read_changed_and_deleted(client: Api) -> None:
    created = register(priority=1)
    found = Mappings.retrieve_mapping(created.id)
    assert (found.id, found.priority, found.request.url, found.response.body) == (
        created.id,
        1,
        "/ping",
        "pong",
    )
    found.response.body = "changed"
    assert Mappings.update_mapping(found).id == created.id
    assert ping(client) == (200, b"changed")
    assert Mappings.delete_mapping(created.id).json() == {}
    with pytest.raises(NotFoundException):
        Mappings.retrieve_mapping(created.id)
    with pytest.raises(NotFoundException):
        Mappings.delete_mapping(created.id)


def test_stubs_are_listed_newest_first(client: Api) -> None:
    before = Mappings.retrieve_all_mappings().meta.total
    for body in ("a", "b", "c"):
        register(body)
    assert names() == ["c", "b", "a"]
    assert Mappings.retrieve_all_mappings().meta.total == before + 3
    page = Mappings.retrieve_all_mappings({"limit": 1, "offset": 1}).mappings
    assert [mapping.response.body for mapping in page] == ["b"]


def test_deleting_all_and_resetting(client: Api) -> None:
    total = Mappings.retrieve_all_mappings().meta.total
    register()
    Mappings.delete_all_mappings()
    assert Mappings.retrieve_all_mappings().meta.total == 0
    Mappings.reset_mappings()
    assert Mappings.retrieve_all_mappings().meta.total == total > 0


def test_deleting_by_metadata(client: Api) -> None:
    register("mine", metadata={"test": "t1"})
    register("yours", metadata={"test": "t2"})
    by_path = {WireMockMatchers.MATCHES_JSON_PATH: {"expression": "$.test", "equalTo": "t1"}}
    Mappings.delete_mapping_by_metadata(by_path)
    assert names() == ["yours"]


def test_saving_is_refused_in_words(client: Api) -> None:
    with pytest.raises(InvalidInputException, match="saving is not offered"):
        Mappings.persist_mappings()


def test_a_mistake_is_told_with_its_place_and_changes_nothing(client: Api) -> None:
    register("kept")
    with pytest.raises(InvalidInputException, match="/response/status"):
        Mappings.create_mapping(Mapping(response=MappingResponse(status=99)))
    assert names() == ["kept"]


def test_everything_that_a_request_can_be_matched_by(client: Api) -> None:
    request = MappingRequest(
        method=HttpMethods.POST,
        url_path="/search",
        query_parameters={"q": {WireMockMatchers.CONTAINS: "key"}},
        headers={"X-Trace": {WireMockMatchers.MATCHES: "[0-9]+"}, "X-Not": {WireMockMatchers.ABSENT: True}},
        cookies={"session": {WireMockMatchers.EQUAL_TO: "s1"}},
        basic_auth_credentials=BasicAuthCredentials(username="user", password="word"),
        body_patterns=[
            {WireMockMatchers.EQUAL_TO_JSON: '{"a": 1}', WireMockMatchers.IGNORE_EXTRA_ELEMENTS: True},
            {WireMockMatchers.MATCHES_JSON_PATH: "$.b"},
        ],
    )
    response = MappingResponse(status=200, json_body={"found": 1}, headers={"X-Of": "stub"})
    Mappings.create_mapping(Mapping(request=request, response=response))
    headers = {"X-Trace": "12", "Cookie": "session=s1", "Authorization": "Basic dXNlcjp3b3Jk"}
    answer = client.send("POST", "/search?q=a+key", key=None, headers=headers, json={"a": 1, "b": 2})
    assert (answer.status, answer.json, answer.header("x-of")) == (200, {"found": 1}, "stub")
    for name in headers:
        fewer = {other: value for other, value in headers.items() if other != name}
        assert (
            client.send("POST", "/search?q=a+key", key=None, headers=fewer, json={"a": 1, "b": 2}).status
            == 404
        )
    assert client.send("POST", "/search?q=a+key", key=None, headers=headers, json={"a": 1}).status == 404


def test_faults_and_delays_are_accepted_as_the_client_writes_them(client: Api) -> None:
    delay = DelayDistribution(distribution_type="lognormal", median=1, sigma=0.1)
    response = MappingResponse(status=200, body="late", delay_distribution=delay)
    register(response=response)
    assert ping(client) == (200, b"late")
    fault = MappingResponse(fault=ResponseFaultType.EMPTY_RESPONSE)
    register(response=fault)
    with pytest.raises(ConnectionError):
        ping(client)


def test_a_scenario_goes_from_state_to_state_and_is_reset(client: Api) -> None:
    cart = {"scenario_name": "cart"}
    register("empty", **cart, required_scenario_state="Started", new_scenario_state="full")
    register("full", **cart, required_scenario_state="full")
    assert [ping(client)[1] for _ in range(3)] == [b"empty", b"full", b"full"]
    Scenarios.reset_all_scenarios()
    assert ping(client) == (200, b"empty")


def test_the_delay_of_all_answers(client: Api) -> None:
    GlobalSettings.update_global_settings(GlobalSetting(fixed_delay=1))
    delay = client.engine.namespaces.default.global_delay
    assert delay is not None and delay.fixed == 0.001
    assert client.send().status == 201


# Clients in other languages, by what they send.


def post(client: Api, path: str, document: Any, content_type: str) -> tuple[int, Any]:
    request = urllib.request.Request(
        f"{Config.base_url}{path}",
        json.dumps(document).encode(),
        {"Content-Type": content_type},
        method="POST",
    )
    with urllib.request.urlopen(request) as response:
        return response.status, json.load(response)


def test_wiremock_captain_registers_a_stub(client: Api) -> None:
    # It sends its JSON as text, and every flag.
    document = {
        "request": {
            "method": "POST",
            "urlPath": "/search",
            "bodyPatterns": [
                {"equalToJson": {"a": 1}, "ignoreArrayOrder": False, "ignoreExtraElements": False}
            ],
        },
        "response": {
            "status": 200,
            "jsonBody": {"found": 1},
            "headers": {"Content-Type": "application/json; charset=utf-8"},
            "delayDistribution": {"type": "uniform", "lower": 0, "upper": 1},
        },
        "priority": 1,
        "scenarioName": "s",
        "newScenarioState": "next",
    }
    status, created = post(client, "/mappings", document, "text/plain;charset=UTF-8")
    assert (status, created["id"]) == (201, created["uuid"])
    assert client.send("POST", "/search", json={"a": 1}).json == {"found": 1}


def test_the_java_client_imports_stubs_and_sends_every_member_that_it_knows(client: Api) -> None:
    document = {
        "mappings": [
            {
                "id": "76ada7b0-55ae-4229-91c4-396a36f18347",
                "name": None,
                "request": {"url": "/ping", "method": "GET"},
                "response": {"status": 200, "body": "imported", "fixedDelayMilliseconds": None},
                "uuid": "76ada7b0-55ae-4229-91c4-396a36f18347",
                "persistent": False,
                "priority": None,
                "postServeActions": [],
                "metadata": None,
            }
        ],
        "importOptions": {"duplicatePolicy": "OVERWRITE", "deleteAllNotInImport": None},
    }
    assert post(client, "/mappings/import", document, "application/json") == (200, {})
    assert ping(client) == (200, b"imported")
    settings: Any = {"fixedDelay": None, "delayDistribution": None, "extended": {}, "proxyPassThrough": True}
    assert post(client, "/settings", settings, "application/json") == (200, {})
