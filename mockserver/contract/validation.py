"""Violations: everything in which a request breaks its operation's part of the contract. And warnings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Literal, NamedTuple

from mockserver.contract import Parameter
from mockserver.contract.operations import RequestBody
from mockserver.contract.schema_registry import CompiledSchema
from mockserver.exceptions import MalformedJson
from mockserver.http_fields import read_media_type
from mockserver.json_codec import escape_pointer, loads
from mockserver.redaction import redact
from mockserver.types import Json, JsonObject

ViolationPlace = Literal["query", "path", "header", "cookie", "body"]


class Violation(NamedTuple):
    """One breach: where (`place` and JSON pointer to the member itself), which keyword, and in words."""

    place: ViolationPlace
    pointer: str
    keyword: str
    message: str

    def to_json(self) -> JsonObject:
        """`{"in", "pointer", "keyword", "message"}`."""
        return {
            "in": self.place,
            "pointer": self.pointer,
            "keyword": self.keyword,
            "message": self.message,
        }


class CallWarning(NamedTuple):
    """Something suspicious that does not change the answer."""

    code: str
    message: str

    def to_json(self) -> JsonObject:
        """`{"code", "message"}`."""
        return {"code": self.code, "message": self.message}


def check_value(schema: CompiledSchema, value: Json, place: ViolationPlace, pointer: str) -> list[Violation]:
    """The violations of one value, with pointers below `pointer`."""
    return [
        Violation(place, pointer + redact(found.pointer), found.keyword, found.message)
        for found in schema.violations(value)
    ]


def read_parameter(
    parameter: Parameter,
    values: Sequence[str] | None,
    arguments: dict[str, Json],
    violations: list[Violation],
) -> None:
    """Convert the texts of one parameter, put its value into `arguments`, or report what is wrong."""
    if not values:
        if parameter.required:
            violations.append(
                Violation(parameter.place, f"/{escape_pointer(parameter.name)}", "required", "is missing")
            )
        elif parameter.default is not None:
            arguments[parameter.name] = parameter.default
        return
    pointer = f"/{escape_pointer(parameter.name)}"
    value: Json
    if parameter.is_list:
        texts = values if len(values) > 1 else values[0].split(",")
        value = [_convert(text, parameter.types) for text in texts]
    elif len(values) > 1:
        violations.append(Violation(parameter.place, pointer, "type", "is given more than once"))
        return
    else:
        value = _convert(values[0], parameter.types)
    if parameter.schema.is_valid(value):
        arguments[parameter.name] = value
    else:
        violations += check_value(parameter.schema, value, parameter.place, pointer)[:1]


# JSON's numbers (RFC 8259, section 6).
_INTEGER = re.compile(r"-?(0|[1-9]\d*)", re.ASCII)
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)


def _convert(text: str, types: frozenset[str]) -> Json:
    """The JSON value that a parameter's text stands for, by the types that its schema allows."""
    if "string" in types or not types:
        return text
    form = _NUMBER if "number" in types else _INTEGER if "integer" in types else None
    if form is not None and form.fullmatch(text):
        # As in a body: of any size, and exact.
        with suppress(MalformedJson):
            return loads(text.encode("ascii"))[0]
    if "boolean" in types and text in ("true", "false"):
        return text == "true"
    if "null" in types and text == "null":
        return None
    return text


def find_media_type(body: RequestBody, content_type: str | None) -> CompiledSchema | Violation:
    """The schema for a Content-Type header (RFC 9110, section 8.3), or the violation that it is.

    JSON is UTF-8 (RFC 8259, section 8.1), so another charset is refused.
    """
    if content_type is None:
        return Violation("header", "/content-type", "required", "is missing")
    schema = body.schemas.get(content_type)
    if schema is not None:
        return schema
    sent = read_media_type(content_type)
    if sent is not None:
        schema = body.schemas.get(sent.essence) or _find_range(body.schemas, sent.essence)
        if schema is not None and sent.parameters.get("charset", "utf-8").lower() in ("utf-8", "utf8"):
            return schema
        if schema is not None:
            return Violation("header", "/content-type", "enum", "charset must be utf-8")
    known = " or ".join(sorted(body.schemas))
    return Violation("header", "/content-type", "enum", f"must be {known}")


def _find_range(schemas: Mapping[str, CompiledSchema], media_type: str) -> CompiledSchema | None:
    kind = media_type.partition("/")[0]
    return schemas.get(f"{kind}/*") or schemas.get("*/*")
