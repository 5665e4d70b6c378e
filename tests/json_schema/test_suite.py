"""The official test suite of JSON Schema 2020-12, through the engine: a body that fits is let in, no other.

`cases` and `remotes.json` are the suite (github.com/json-schema-org/JSON-Schema-Test-Suite, under LICENSE) as
the source distribution of jsonschema 4.26.0 brings it, without its blanks; `optional` is left out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mockserver.contract.schema_registry import FORMATS
from mockserver.exceptions import ContractError
from mockserver.messages import Request
from mockserver.serving.building import build_engine
from mockserver.settings import Settings

HERE = Path(__file__).parent
REMOTES: dict[str, Any] = json.loads((HERE / "remotes.json").read_text("utf-8"))
GROUPS = [
    (path.stem, group)
    for path in sorted((HERE / "cases").glob("*.json"))
    for group in json.loads(path.read_text("utf-8"))
]
HEADERS = ((b"host", b"localhost"), (b"content-type", b"application/json"))

# What is judged otherwise here, and why.
FETCHED = {"remote HTTP ref with different $id", "remote HTTP ref with different URN $id"}
NO_VOCABULARY = "no validation: invalid number, but it still validates"


def is_right(keyword: str, group: Any, test: Any) -> bool:
    """Whether a body is to be let in: as the suite says, but for formats, which are judged here, and for
    meta-schemas that take keywords away."""
    if keyword == "format" and "annotation" in test["description"]:
        return group["schema"]["format"] not in FORMATS
    return bool(test["valid"]) and test["description"] != NO_VOCABULARY


def write_contract(folder: Path, schema: Any) -> Path:
    """A document whose operation takes what fits the schema. What the suite expects at an address is there by
    its `$id`, as nothing is fetched."""
    text = json.dumps(schema)
    remotes = REMOTES if "localhost:1234" in text else {}
    (folder / "schema.json").write_text(text, "utf-8")
    body = {"required": True, "content": {"application/json": {"schema": {"$ref": "schema.json"}}}}
    operation = {"requestBody": body, "responses": {"200": {"description": ""}}}
    schemas = {
        f"remote{number}": {"$id": address, **remote} if isinstance(remote, dict) else remote
        for number, (address, remote) in enumerate(remotes.items())
    }
    document = {
        "openapi": "3.1.0",
        "info": {"title": "suite", "version": "1"},
        "paths": {"/": {"post": operation}},
        "components": {"schemas": schemas},
    }
    path = folder / "openapi.json"
    path.write_text(json.dumps(document), "utf-8")
    return path


@pytest.mark.parametrize(
    ("keyword", "group"), GROUPS, ids=[f"{keyword}: {group['description']}" for keyword, group in GROUPS]
)
def test_a_body_is_let_in_as_the_suite_says(keyword: str, group: Any, tmp_path: Path) -> None:
    path = write_contract(tmp_path, group["schema"])
    if group["description"] in FETCHED:
        # The schema has another address than the one that it would be fetched from.
        with pytest.raises(ContractError, match="files below the contract's folder only"):
            build_engine(Settings(contract=path))
        return
    engine = build_engine(Settings(contract=path, log_level="error"))
    found = {}
    for test in group["tests"]:
        body = json.dumps(test["data"]).encode()
        found[test["description"]] = engine.handle(Request("POST", "/", "", HEADERS, body, None)).status
    assert found == {
        test["description"]: 200 if is_right(keyword, group, test) else 422 for test in group["tests"]
    }


def test_the_suite_is_whole() -> None:
    assert (len(GROUPS), sum(len(group["tests"]) for _, group in GROUPS)) == (368, 1257)
