"""The catalogue: answers that cannot be made are told at load, with the place that forbids them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mockserver.cli.main import main
from mockserver.contract import load_contract
from mockserver.serving.building import build_engine
from mockserver.settings import Settings
from mockserver.synthesis.requests import find_unmakeable
from tests.desk import Desk

POINTER = "#/paths/~1things/get/responses/200/content/application~1json/schema"


def write_contract(folder: Path, schema: Any) -> Path:
    path = folder / "things.json"
    content = {"application/json": {"schema": schema}}
    responses = {"200": {"description": "All things", "content": content}, "204": {"description": "None"}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Things", "version": "1"},
        "paths": {"/things": {"get": {"operationId": "listThings", "responses": responses}}},
    }
    path.write_text(json.dumps(document), "utf-8")
    return path


NOTHING = {"type": "integer", "minimum": 5, "maximum": 3}


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"required": ["a"], "properties": {"a": NOTHING}}, "#/properties/a/minimum"),
        ({"type": "array", "minItems": 1, "items": False}, "#/items"),
        ({"type": "object", "required": ["self"], "properties": {"self": {"$ref": POINTER}}}, "without end"),
    ],
)
def test_an_answer_that_cannot_be_made_is_told_at_load(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, schema: Any, why: str
) -> None:
    path = write_contract(tmp_path, schema)
    # Whatever a server of this process has set up.
    caplog.set_level("WARNING", "mockserver")
    (problem,) = find_unmakeable(load_contract(path))
    assert str(problem).startswith(f"{POINTER}: listThings cannot answer 200, as no value can be made: ")
    assert why in str(problem)
    build_engine(Settings(contract=path))
    assert [record.getMessage() for record in caplog.records] == [f"things.json{problem}"]
    checked = CliRunner().invoke(main, ["check", "--contract", str(path)])
    assert f"warning: things.json{problem}" in checked.output


def test_a_member_that_may_be_left_out_stops_no_answer(tmp_path: Path) -> None:
    path = write_contract(tmp_path, {"type": "object", "properties": {"a": NOTHING}})
    assert list(find_unmakeable(load_contract(path))) == []
    assert list(find_unmakeable(load_contract(Settings().contract))) == []


def test_an_error_without_an_example_is_told_as_it_is_answered(tmp_path: Path) -> None:
    violation = {
        "type": "object",
        "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
    }
    members = {"status": {"type": "integer"}, "errors": {"type": "array", "items": violation}}
    schema = {"type": "object", "required": ["status", "errors"], "properties": members}
    failure = {"description": "", "content": {"application/json": {"schema": schema}}}
    responses = {"200": {"description": ""}, "4XX": failure, "503": {"description": ""}}
    path = write_contract(tmp_path, {})
    document = json.loads(path.read_text("utf-8"))
    operation = {"operationId": "makeThing", "requestBody": {"content": {"application/json": {}}}}
    document["paths"]["/things"] = {"post": operation | {"responses": responses}}
    path.write_text(json.dumps(document), "utf-8")
    desk = Desk(build_engine(Settings(contract=path)))
    listed = {entry["status"]: entry["body"] for entry in desk.get("/errors?operation=makeThing")["errors"]}
    told = [{"pointer": "#", "detail": "The request body is not what its Content-Type says."}]
    assert listed == {400: {"status": 400, "errors": told}, 503: None}

    def send(body: bytes, **headers: str) -> Any:
        names = {"Content-Type": "application/json", **headers}
        return desk.api.send("POST", "/things", key=None, body=body, headers=names)

    assert send(b"{}", Prefer="code=400").json == listed[400]
    broken = send(b"{")
    assert (broken.status, broken.json["errors"][0]["pointer"]) == (400, "#")
    assert "line 1 column 2" in broken.json["errors"][0]["detail"]
