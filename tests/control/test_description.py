"""The description of the control API: made from the table, and true of every route."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest

from mockserver.client.local import wait_for_answer
from mockserver.control import ROUTES, ControlAnswer, Question, Route
from mockserver.control.description import FORMAT_OF, PARAMETERS, operation_id
from mockserver.control.shapes import EXAMPLES, SHAPES
from mockserver.engine.engine import Engine
from mockserver.types import UNSET
from tests.desk import ORIGIN, Desk
from tests.doors import BODY

STUB = {
    "id": "3f1b1e0a-0000-4000-8000-000000000001",
    "request": {"urlPath": "/x"},
    "response": {"status": 200},
}
SCENARIO = {
    "scenarioName": "story", "requiredScenarioState": "Started", "newScenarioState": "over",
    "request": {"urlPath": "/y"}, "response": {"status": 200},
}  # fmt: skip
ROUTE_IDS = [f"{route.method} {route.path}" for route in ROUTES]


@pytest.fixture
def desk(engine: Engine) -> Desk:
    return Desk(engine)


@pytest.fixture
def document(desk: Desk) -> Any:
    return desk.get("/openapi.json")


def fit(value: Any, schema: Any, document: Any) -> None:
    """Raises where a value does not fit a schema of the document."""
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "components": document["components"],
    }
    jsonschema.Draft202012Validator(whole).validate(value)


def prepare(desk: Desk, route: Route) -> tuple[str, Any]:
    """A call of a route that can succeed: its target and its body."""
    desk.api.send(json=BODY)
    desk.api.send(key="sk_test_ns-other_x", json=BODY)
    desk.post_any("/mappings", STUB)
    desk.post_any("/mappings", SCENARIO)
    ids = {"/mappings": STUB["id"], "/calls": desk.last_call.id, "/requests": desk.last_call.id}
    names = {"/scenarios": "story", "/namespaces": "other", "/page": "style.css", "/schemas": "stubs.json"}
    prefix = "/" + route.path.split("/")[1]
    if prefix == "/snapshots" or route.body == "FromSnapshot":
        ids["/snapshots"] = desk.ask("POST", "/snapshots")[1]["id"]
    target = route.path.replace("{id}", str(ids.get(prefix)))
    for mark in ("{name}", "{file}"):
        target = target.replace(mark, names.get(prefix, ""))
    body: Any = UNSET if route.body is None else EXAMPLES[route.body]
    if route.body == "FromSnapshot":
        body = {"snapshot": ids["/snapshots"]}
    if route.path == "/mappings/edit":
        body = STUB
    return target, body


@pytest.mark.parametrize("route", ROUTES, ids=ROUTE_IDS)
def test_each_route_takes_its_example_and_gives_what_is_described(desk: Desk, route: Route) -> None:
    document = desk.get("/openapi.json")
    described = document["paths"][route.path][route.method.lower()]
    target, body = prepare(desk, route)
    if route.body is not None:
        content = described["requestBody"]["content"]["application/json"]
        fit(content["example"], content["schema"], document)
        fit(body, content["schema"], document)
    answer = desk.answer(route.method, target, body)
    if route.path == "/events":
        assert list(described["responses"]["200"]["content"]) == ["text/event-stream"]
        return
    if isinstance(answer, Question):
        answer = wait_for_answer(answer)
    assert isinstance(answer, ControlAnswer)
    assert answer.status in route.answers, answer.value
    content = described["responses"][str(answer.status)].get("content", {})
    if answer.text is not None:
        assert answer.media_type.partition(";")[0] in content
    elif answer.value is not UNSET:
        fit(answer.value, content["application/json"]["schema"], document)


def test_nothing_of_the_table_is_left_out_or_named_twice(document: Any) -> None:
    described = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert described == {(route.method, route.path) for route in ROUTES}
    ids = [operation_id(route) for route in ROUTES]
    assert len(set(ids)) == len(ids)
    assert document["servers"] == [{"url": f"{ORIGIN}/__admin", "description": "This server."}]


def test_a_namespace_describes_its_own_routes(desk: Desk) -> None:
    assert desk.get("/openapi.json", namespace="t1")["servers"][0]["url"] == f"{ORIGIN}/~t1/__admin"


def test_every_schema_is_one_and_every_shape_and_parameter_is_used(document: Any) -> None:
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    text = str(document)
    assert [name for name in SHAPES if f"'#/components/schemas/{name}'" not in text] == []
    queried = {name for route in ROUTES for name in route.query}
    assert queried - {"format"} == PARAMETERS.keys()
    assert {route.path for route in ROUTES if "format" in route.query} == FORMAT_OF.keys()


def test_an_operation_in_a_query_is_one_of_the_contract(document: Any, engine: Engine) -> None:
    (found,) = [
        parameter
        for parameter in document["paths"]["/errors"]["get"]["parameters"]
        if parameter["name"] == "operation"
    ]
    assert found["schema"] == {"enum": list(engine.contract.operations)}


@pytest.mark.parametrize("route", ROUTES, ids=ROUTE_IDS)
def test_each_summary_is_a_sentence(route: Route) -> None:
    assert route.summary.endswith(".")
    assert route.summary[0].isupper()


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("GET", "/nothing", UNSET),
        ("POST", "/queue", {}),
        ("GET", "/calls?status=x", UNSET),
        ("PATCH", "/calls", UNSET),
    ],
)
def test_refusals_have_the_shape_of_errors(
    desk: Desk, document: Any, method: str, target: str, body: Mapping[str, Any]
) -> None:
    status, value = desk.ask(method, target, body)
    assert status >= 400
    fit(value, {"$ref": "#/components/schemas/Errors"}, document)
