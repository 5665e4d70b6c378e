"""A folder that WireMock wrote, its stubs, files and templates as its documents show them, runs unchanged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mockserver import MockServer

STUBS: dict[str, Any] = {
    # docs/stubbing, as POST /__admin/mappings/save writes it.
    "mappings/some-thing-9a2d1f2c.json": {
        "id": "9a2d1f2c-7e4e-4c7f-8a3a-5f1d9b3f1a11",
        "name": "some thing",
        "request": {"url": "/some/thing", "method": "GET"},
        "response": {"status": 200, "body": "Hello, world!", "headers": {"Content-Type": "text/plain"}},
        "uuid": "9a2d1f2c-7e4e-4c7f-8a3a-5f1d9b3f1a11",
        "persistent": True,
        "priority": 3,
        "insertionIndex": 1,
    },
    # docs/stubbing#specifying-the-response-body
    "mappings/files/body-file.json": {
        "request": {"method": "GET", "url": "/body-file"},
        "response": {"status": 200, "bodyFileName": "path/to/myfile.xml"},
    },
    # docs/response-templating
    "mappings/templates.json": {
        "mappings": [
            {
                "request": {"urlPath": "/templated"},
                "response": {
                    "body": "{{request.path.[0]}}",
                    "transformers": ["response-template"],
                },
            },
            {
                "request": {"urlPathTemplate": "/contacts/{contactId}/addresses/{addressId}"},
                "response": {
                    "status": 200,
                    "bodyFileName": "templates/contact-{{request.pathSegments.[1]}}.json",
                    "transformers": ["response-template"],
                    "transformerParameters": {"MyCustomParameter": "Parameter Value"},
                },
            },
            {
                "request": {"method": "POST", "urlPath": "/things"},
                "response": {
                    "status": 201,
                    "headers": {"Location": "/things/{{randomValue type='UUID'}}"},
                    "jsonBody": {"name": "{{jsonPath request.body '$.name'}}",
                                 "at": "{{now offset='3 days'}}"},
                    "transformers": ["response-template"],
                },
            },
        ],
        "meta": {"total": 3},
    },
    # docs/request-matching
    "mappings/matching.json": {
        "mappings": [
            {
                "request": {
                    "method": "POST",
                    "urlPath": "/everything",
                    "headers": {"Accept": {"contains": "xml"}},
                    "queryParameters": {"search_term": {"equalTo": "WireMock"}},
                    "cookies": {"session": {"matches": ".*12345.*"}},
                    "bodyPatterns": [{"equalToJson": '{"total_results": 4}', "ignoreExtraElements": True}],
                    "multipartPatterns": None,
                },
                "response": {"status": 202},
            },
            {
                "request": {"url": "/dates", "queryParameters": None,
                            "headers": {"X-Date": {"before": "now +3 days"}}},
                "response": {"status": 200, "jsonBody": {"amount": 10.50}},
            },
            {
                "request": {
                    "method": "POST",
                    "url": "/upload",
                    "multipartPatterns": [
                        {"matchingType": "ANY",
                         "headers": {"Content-Disposition": {"contains": 'name="part1"'}},
                         "bodyPatterns": [{"equalToJson": "{}"}]}
                    ],
                },
                "response": {"status": 200},
            },
            {
                "scenarioName": "To do list",
                "requiredScenarioState": "Started",
                "newScenarioState": "Cancel newspaper item added",
                "request": {"method": "POST", "url": "/todo/items"},
                "response": {"status": 201},
            },
            {
                "request": {"method": "GET", "url": "/fault"},
                "response": {"fault": "MALFORMED_RESPONSE_CHUNK"},
            },
        ]
    },
}  # fmt: skip


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MockServer]:
    for name, document in STUBS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(json.dumps(document).replace("10.5", "10.50"))
    (tmp_path / "__files" / "path" / "to").mkdir(parents=True)
    (tmp_path / "__files" / "path" / "to" / "myfile.xml").write_text("<things/>")
    (tmp_path / "__files" / "templates").mkdir()
    (tmp_path / "__files" / "templates" / "contact-7.json").write_text(
        '{"contact": "{{request.path.contactId}}", "p": "{{parameters.MyCustomParameter}}"}'
    )
    with MockServer(fixtures=tmp_path, clock="2026-01-01T00:00:00Z") as server:
        yield server


@pytest.fixture
def client(server: MockServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.origin) as client:
        yield client


def test_every_stub_answers(client: httpx.Client) -> None:
    assert client.get("/some/thing").text == "Hello, world!"
    assert client.get("/body-file").text == "<things/>"
    assert client.get("/templated").text == "templated"
    assert client.get("/contacts/7/addresses/1").json() == {"contact": "7", "p": "Parameter Value"}
    made = client.post("/things", json={"name": "N"})
    assert (made.status_code, made.json()) == (201, {"name": "N", "at": "2026-01-04T00:00:00Z"})
    assert len(made.headers["location"]) == len("/things/") + 36
    assert client.get("/dates", headers={"X-Date": "2026-01-02T00:00:00Z"}).text == '{"amount":10.50}'
    assert client.get("/dates", headers={"X-Date": "2026-01-05T00:00:00Z"}).status_code == 404
    everything = client.post(
        "/everything?search_term=WireMock",
        headers={"Accept": "application/xml", "Cookie": "session=x12345y"},
        json={"total_results": 4, "more": True},
    )
    assert everything.status_code == 202
    assert client.post("/upload", files={"part1": ("a.json", "{}")}).status_code == 200
    assert client.post("/upload", files={"part2": ("a.json", "{}")}).status_code == 404
    assert client.post("/todo/items").status_code == 201
    assert client.post("/todo/items").status_code == 404
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/fault")


def test_what_it_exports_can_be_imported_again(client: httpx.Client, server: MockServer) -> None:
    exported = client.get("/__admin/mappings").content
    assert json.loads(exported)["meta"]["total"] == 10
    assert client.delete("/__admin/mappings").status_code == 200
    assert client.get("/templated").status_code == 404
    assert client.post("/__admin/mappings/import", content=exported).status_code == 200
    test_every_stub_answers(client)
