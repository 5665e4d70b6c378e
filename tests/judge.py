"""A judge of answers that owes nothing to the package: fastjsonschema on the schema files themselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema

from tests.doors import Answer

SCHEMAS = Path(__file__).parents[1] / "schemas"


def check_schema(answer: Answer, operation: str | None = "createApiKey") -> Answer:
    """The answer itself, once its status is documented and its body keeps the schema of that status.

    Where no operation was reached (None), the body must be an error envelope.
    """
    assert answer.header("content-type") == "application/json"
    _validator(operation, answer.status)(json.loads(answer.body))
    return answer


def check(answer: Answer, operation: str | None = "createApiKey") -> Answer:
    """The same, and an error says of itself what every error of the sandbox says."""
    body = check_schema(answer, operation).json
    if answer.status >= 400:
        error = body["error"]
        assert error["code"] == answer.status
        assert error["message"] == body["message"] != ""
        assert error["details"]["reason"]
    return answer


@cache
def _validator(operation: str | None, status: int) -> Callable[[Any], Any]:
    schema = _inlined("envelope.error.json") if operation is None else _schema_of(operation, status)
    validate: Callable[[Any], Any] = fastjsonschema.compile(schema)
    return validate


def _schema_of(operation: str, status: int) -> Any:
    document = _read("openapi.json")
    methods = (method for item in document["paths"].values() for method in item.values())
    responses = next(item["responses"] for item in methods if item["operationId"] == operation)
    assert str(status) in responses, f"{operation} documents no {status}"
    response = responses[str(status)]
    if "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    return _inlined(response["content"]["application/json"]["schema"]["$ref"])


def _inlined(name: str) -> Any:
    """A schema file with what it refers to in its place; fastjsonschema takes it for draft 7."""

    def inline(value: Any) -> Any:
        if isinstance(value, list):
            return [inline(item) for item in value]
        if not isinstance(value, dict):
            return value
        rest = {key: inline(item) for key, item in value.items() if key not in ("$schema", "$ref")}
        # In draft 7 whatever stands beside a reference is ignored.
        return {"allOf": [_inlined(value["$ref"]), rest]} if "$ref" in value else rest

    return inline(_read(name))


@cache
def _read(name: str) -> Any:
    return json.loads((SCHEMAS / name).read_text("utf-8"))
