"""Violations: everything in which a request breaks its operation's part of the contract. And warnings."""

from __future__ import annotations

from typing import Literal, NamedTuple

from mockserver.contract import Parameter
from mockserver.contract.media_types import MediaType
from mockserver.contract.media_types import find_media_type as find_by_name
from mockserver.contract.operations import RequestBody
from mockserver.contract.parameters import choose_value
from mockserver.contract.schema_registry import CompiledSchema
from mockserver.exceptions import MalformedJson
from mockserver.http_fields import read_media_type
from mockserver.json_codec import escape_pointer, loads
from mockserver.redaction import redact_pointer
from mockserver.types import UNSET, Json, JsonObject, UnsetType

ViolationPlace = Literal[
    "query", "querystring", "path", "header", "cookie", "body", "response header", "response body"
]


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
        Violation(place, pointer + redact_pointer(found.pointer), found.keyword, found.message)
        for found in schema.violations(value)
    ]


def read_parameter(
    parameter: Parameter,
    parts: Json | UnsetType,
    arguments: dict[str, Json],
    violations: list[Violation],
) -> None:
    """Convert the texts of one parameter, put its value into `arguments`, or report what is wrong.

    `parts` are the texts as its style cuts them: one, a list or an object of them; UNSET for none.
    """
    if parts is UNSET:
        if parameter.required:
            violations.append(
                Violation(parameter.place, f"/{escape_pointer(parameter.name)}", "required", "is missing")
            )
        elif parameter.default is not None:
            arguments[parameter.name] = parameter.default
        return
    pointer = f"/{escape_pointer(parameter.name)}"
    value: Json
    if parameter.style == "content":
        try:
            value, _ = loads(parts.encode("utf-8", "replace"))
        except MalformedJson as error:
            violations.append(Violation(parameter.place, pointer, "contentMediaType", f"is no JSON: {error}"))
            return
    elif isinstance(parts, list) and not parameter.is_list and parameter.place != "path" and len(parts) > 1:
        violations.append(Violation(parameter.place, pointer, "type", "is given more than once"))
        return
    else:
        value = choose_value(parameter.schema, parameter.shape, parts)
    if parameter.schema.is_valid(value):
        arguments[parameter.name] = value
        return
    found = check_value(parameter.schema, value, parameter.place, pointer)
    violations += found if isinstance(value, dict | list) else found[:1]


def find_media_type(body: RequestBody, content_type: str | None) -> MediaType | Violation:
    """The media type for a Content-Type header (RFC 9110, section 8.3), or the violation that it is.

    JSON is UTF-8 (RFC 8259, section 8.1), so another charset is refused.
    """
    if content_type is None:
        return Violation("header", "/content-type", "required", "is missing")
    media = body.content.get(content_type)
    if media is not None and media.essence == content_type:
        # Nearly always it is written as the contract writes it.
        return media
    sent = read_media_type(content_type)
    if sent is not None:
        media = find_by_name(body.content, sent.essence)
        charset = sent.parameters.get("charset", "utf-8").lower()
        if media is not None and (charset in ("utf-8", "utf8") or media.form in ("text", "xml", "binary")):
            return media
        if media is not None:
            return Violation("header", "/content-type", "enum", "charset must be utf-8")
    known = " or ".join(sorted(body.content))
    return Violation("header", "/content-type", "enum", f"must be {known}")
