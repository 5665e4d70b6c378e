"""Answers judged by the contract: status, headers, media type, body, and members that it does not name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mockserver.contract import Contract, Envelope, Operation
from mockserver.contract.media_types import MediaType, find_media_type
from mockserver.contract.parameters import Shape, choose_value
from mockserver.contract.validation import CallWarning, Violation
from mockserver.exceptions import MalformedJson
from mockserver.json_codec import DEEPEST, LONGEST_NUMBER, escape_pointer
from mockserver.messages import BODILESS
from mockserver.redaction import redact
from mockserver.request.body import MalformedBody, parse_body
from mockserver.types import Headers, Json, JsonObject, Schema
from mockserver.variants.places import expand, list_named

_JSON_LIMITS = DEEPEST, LONGEST_NUMBER
_MAX_UNNAMED = 20


class Judgement(NamedTuple):
    """What is wrong with an answer, and what is only unusual: members that the contract does not name."""

    violations: list[Violation]
    warnings: list[CallWarning]


def judge_answer(
    contract: Contract, operation: Operation, status: int, headers: Headers, body: bytes | None
) -> Judgement:
    """Judge an answer. `headers` have names in lower case; `body` is None where it was not read whole."""
    judgement = Judgement([], [])
    envelope = operation.envelope(status)
    if envelope is None:
        known = ", ".join(operation.envelopes)
        text = f"{operation.id} does not document the status {status}; documented: {known}"
        judgement.violations.append(Violation("response header", "/:status", "enum", text))
        return judgement
    judgement.violations.extend(_judge_headers(contract, envelope, headers))
    if body is not None and envelope.content and status not in BODILESS:
        _judge_body(contract, envelope, headers, body, judgement)
    return judgement


def _judge_headers(contract: Contract, envelope: Envelope, headers: Headers) -> Iterator[Violation]:
    sent = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
    for name, header in envelope.headers.items():
        pointer = f"/{escape_pointer(name)}"
        text = sent.get(name)
        if text is None:
            if header.required:
                yield Violation("response header", pointer, "required", "is missing")
            continue
        if not header.schema_pointer:
            continue
        schema = contract.schemas.find(header.schema_pointer)
        shape = Shape(contract.schemas.at(header.schema_pointer), contract.schemas.resolve)
        is_list = "array" in shape.types and "string" not in shape.types
        parts = [part.strip() for part in text.split(",")] if is_list else text
        for breach in schema.violations(choose_value(schema, shape, parts))[:1]:
            yield Violation("response header", pointer, breach.keyword, breach.message)


def _judge_body(
    contract: Contract, envelope: Envelope, headers: Headers, body: bytes, judgement: Judgement
) -> None:
    content_type = dict(headers).get(b"content-type", b"").decode("latin-1")
    media = find_media_type(envelope.content, content_type) if content_type else None
    if media is None:
        known = " or ".join(sorted(envelope.content))
        keyword, text = ("enum", f"must be {known}") if content_type else ("required", "is missing")
        judgement.violations.append(Violation("response header", "/content-type", keyword, text))
        return
    try:
        parsed = parse_body(media, body, content_type, _JSON_LIMITS)
    except (MalformedBody, MalformedJson) as error:
        judgement.violations.append(Violation("response body", "", "contentMediaType", str(error)))
        return
    if media.schema is None or not parsed.is_judged:
        return
    judgement.violations.extend(
        Violation("response body", redact(breach.pointer), breach.keyword, breach.message)
        for breach in media.schema.violations(parsed.value)
    )
    for pointer in find_unnamed(contract, media, parsed.value)[:_MAX_UNNAMED]:
        text = f"the contract does not name the member {redact(pointer)} of the answer"
        judgement.warnings.append(CallWarning("unnamed_member", text))


def find_unnamed(contract: Contract, media: MediaType, value: Json) -> list[str]:
    """Pointers of the members that an answer has and its schema does not name, where it names any there."""
    if not media.schema_pointer:
        return []
    schemas = contract.schemas
    found: list[str] = []

    def walk(applying: list[Schema], value: Json, pointer: str) -> None:
        layers = expand(applying, schemas.resolve)
        if isinstance(value, dict):
            named = list_named(layers)
            required = {each for layer in layers for each in layer.get("required", ())}
            for name, item in value.items():
                place = f"{pointer}/{escape_pointer(name)}"
                below = [layer["properties"][name] for layer in layers if name in layer.get("properties", {})]
                if below:
                    walk(below, item, place)
                elif named and name not in required and not any(_describes_any(layer) for layer in layers):
                    found.append(place)
        elif isinstance(value, list):
            below = [layer["items"] for layer in layers if "items" in layer]
            for index, item in enumerate(value if below else ()):
                walk(below, item, f"{pointer}/{index}")

    walk([schemas.at(media.schema_pointer)], value, "")
    return found


def _describes_any(layer: JsonObject) -> bool:
    """Whether a schema describes members by no name, so that any name is one that it knows."""
    return any(
        isinstance(layer.get(keyword), dict) and layer[keyword] != {}
        for keyword in ("additionalProperties", "patternProperties", "unevaluatedProperties")
    )
