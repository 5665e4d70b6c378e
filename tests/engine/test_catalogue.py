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
