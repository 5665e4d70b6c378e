"""Material: stubs and contracts of any size, written into a folder."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

from benchmarks.servers import ROOT

_PATH = "/v1/api-keys/"


def stubs_that_do_not_fit(count: int) -> list[dict[str, Any]]:
    """Stubs for the measured path that must all be tried, since only a header tells that they do not fit."""
    return [
        {
            "request": {"method": "POST", "urlPath": _PATH, "headers": {"x-stub": {"equalTo": str(number)}}},
            "response": {"status": 429},
        }
        for number in range(count)
    ]


def stubs_for_others(count: int) -> list[dict[str, Any]]:
    """Stubs for other accounts, as tests that share a server would have them."""
    return [
        {
            "request": {"urlPath": _PATH, "queryParameters": {"account_id": {"equalTo": f"acct_{number}"}}},
            "response": {"status": 429},
        }
        for number in range(count)
    ]


def stub_that_answers() -> list[dict[str, Any]]:
    """A stub that fits the measured request."""
    return [{"request": {"method": "POST", "urlPath": _PATH}, "response": {"status": 409}}]


def write_fixtures(folder: Path, stubs: list[dict[str, Any]], *, alone: bool = False) -> Path:
    """A folder of the package's fixtures, with these stubs beside theirs or in their place."""
    fixtures = folder / "fixtures"
    shutil.copytree(ROOT / "fixtures", fixtures)
    if alone:
        shutil.rmtree(fixtures / "stubs")
        (fixtures / "stubs").mkdir()
    (fixtures / "stubs" / "more.json").write_text(json.dumps({"mappings": stubs}), "utf-8")
    return fixtures


def write_contract(folder: Path, operations: int) -> Path:
    """The contract that comes with the package, with copies of createApiKey up to so many operations."""
    schemas = folder / "schemas"
    shutil.copytree(ROOT / "schemas", schemas)
    index = schemas / "openapi.json"
    document = json.loads(index.read_text("utf-8"))
    paths = document["paths"]
    original = paths["/api-keys/"]["post"]
    known = sum("operationId" in method for path in paths.values() for method in path.values())
    for number in range(operations - known):
        twin = copy.deepcopy(original)
        twin["operationId"] = f"createThing{number}"
        paths[f"/things-{number}/"] = {"post": twin}
    index.write_text(json.dumps(document), "utf-8")
    return index
