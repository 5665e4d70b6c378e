"""Media types of bodies: what each is written in, which of them a header names, what its schema judges."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from mockserver.contract.parameters import Shape
from mockserver.contract.schema_registry import CompiledSchema
from mockserver.types import Headers, Json

# How a body is written. `lines` are JSON texts one after the other; `binary` is whatever else there is.
Form = Literal["json", "lines", "form", "multipart", "xml", "text", "binary"]

_LINES = frozenset({
    "application/json-lines", "application/json-seq", "application/jsonl", "application/jsonlines",
    "application/ndjson", "application/x-jsonlines", "application/x-ndjson", "text/x-ndjson",
})  # fmt: skip
_TEXTS = frozenset({
    "application/ecmascript", "application/graphql", "application/javascript", "application/jwt",
    "application/pem-certificate-chain", "application/sdp", "application/sql", "application/toml",
    "application/x-javascript", "application/x-pem-file", "application/x-sh", "application/x-yaml",
    "application/yaml",
})  # fmt: skip
# What a range is answered with where the request does not say.
_USUAL = {
    "*/*": "application/json", "application/*": "application/json", "text/*": "text/plain",
    "image/*": "image/png", "audio/*": "audio/wav", "video/*": "video/mp4",
    "multipart/*": "multipart/form-data", "font/*": "font/woff2",
    "application/*+json": "application/json", "application/*+xml": "application/xml",
}  # fmt: skip
# Between the parts of an answer; no value has it by chance.
BOUNDARY = "mockserver-boundary"
NAME = re.compile(r"[!#$%&'*+.^_`|~\w-]+/[!#$%&'*+.^_`|~\w-]+(?:\s*;[ -~]*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Encoding:
    """How one member of a form is written (OpenAPI 3.1.1, section 4.8.15)."""

    content_type: str | None
    style: str | None
    is_exploded: bool


@dataclass(frozen=True, slots=True)
class MediaType:
    """One media type of a request body or of an answer.

    `name` is as the contract writes it, `essence` without parameters in lower case; `schema` is None where
    the contract has none, and `schema_pointer` is then "". `members` are those that the schema names at its
    top, None where it does not say. `content_type` is the header that announces it.
    """

    name: str
    essence: str
    form: Form
    schema: CompiledSchema | None
    schema_pointer: str
    shape: Shape
    examples: Mapping[str, Json]
    encoding: Mapping[str, Encoding]
    members: frozenset[str] | None
    content_type: Headers

    @property
    def is_json(self) -> bool:
        return self.form == "json"


def essence_of(name: str) -> str:
    """`Application/JSON; charset=utf-8` -> `application/json`."""
    return name.partition(";")[0].strip().lower()


def find_form(name: str) -> Form:
    """How bodies of a media type or of a range are written."""
    essence = essence_of(name)
    essence = _USUAL.get(essence, essence)
    if essence in _LINES:
        return "lines"
    if essence in ("application/json", "text/json") or essence.endswith("+json"):
        return "json"
    if essence == "application/x-www-form-urlencoded":
        return "form"
    if essence.startswith("multipart/"):
        return "multipart"
    if essence in ("application/xml", "text/xml") or essence.endswith("+xml"):
        return "xml"
    return "text" if essence.startswith("text/") or essence in _TEXTS else "binary"


def usual_name(name: str) -> str:
    """A media type as it is, the usual member of a range."""
    essence = essence_of(name)
    return _USUAL.get(essence, name.replace("*", "octet-stream") if "*" in essence else name)


def announce(name: str) -> Headers:
    """The Content-Type header of an answer in a media type; a range stands for its usual member."""
    shown = usual_name(name)
    if shown.startswith("multipart/") and "boundary" not in shown:
        shown += f"; boundary={BOUNDARY}"
    return ((b"content-type", shown.encode("latin-1", "replace")),)


def find_media_type(content: Mapping[str, MediaType], sent: str) -> MediaType | None:
    """The media type of a contract that a Content-Type names: the same, else a range that covers it.

    `application/problem+json` is no `application/json`: who wants it says so, or takes a range.
    """
    essence = essence_of(sent)
    exact = content.get(sent) or next((item for item in content.values() if item.essence == essence), None)
    if exact is not None:
        return exact
    kind, _, subtype = essence.partition("/")
    syntax = f"{kind}/*+{subtype.rpartition('+')[2]}"
    ranges = (syntax, f"{kind}/*", "*/*")
    return next((item for item in content.values() if item.essence in ranges), None)


def negotiate(content: Mapping[str, MediaType], accept: str | None) -> tuple[MediaType, str] | None:
    """The media type to answer in, and the name to announce it by; None where none is acceptable.

    Of equally welcome ones JSON comes first, then the contract's order (RFC 9110, section 12.5.1).
    """
    items = sorted(content.values(), key=lambda item: item.form != "json")
    if accept is None or not accept.strip():
        return (items[0], items[0].name) if items else None
    ranges = list(_read_accept(accept))
    best: tuple[float, int, MediaType, str] | None = None
    for index, item in enumerate(items):
        found = _judge(item, ranges)
        if found is not None and found[0] > 0 and (best is None or found[0] > best[0]):
            best = (found[0], index, item, found[1])
    return None if best is None else (best[2], best[3])


def _judge(item: MediaType, ranges: list[tuple[str, dict[str, str], float]]) -> tuple[float, str] | None:
    """How welcome a media type is by the most specific range that covers it, and its name there."""
    best: tuple[tuple[int, int], float, str] | None = None
    for essence, parameters, quality in ranges:
        rank = _covers(essence, parameters, item)
        if quality == 0 and essence != item.essence and "*" not in essence:
            # Who refuses JSON does not refuse every type that is written in it.
            continue
        if rank is not None and (best is None or rank > best[0]):
            # A range of the contract is answered with what the client asks for.
            name = essence if "*" in item.essence and "*" not in essence else item.name
            best = rank, quality, name
    return None if best is None else (best[1], best[2])


def _covers(essence: str, parameters: dict[str, str], item: MediaType) -> tuple[int, int] | None:
    kind, _, subtype = item.essence.partition("/")
    asked_kind, _, asked_subtype = essence.partition("/")
    own = read_parameters(item.name)
    if any(own[name] != value for name, value in parameters.items() if name in own):
        return None
    count = sum(name in own for name in parameters)
    if essence == item.essence:
        return 3, count
    if "*" in item.essence and (kind in ("*", asked_kind)) and subtype == "*":
        return 2, count
    if asked_kind == kind and asked_subtype.startswith("*+") and subtype.endswith(asked_subtype[1:]):
        return 2, count
    # `application/json` takes what is written in JSON; vendors' types are asked for by the syntax they have.
    if asked_kind == kind and subtype.endswith(f"+{asked_subtype}"):
        return 1, count
    if essence == f"{kind}/*":
        return 1, count
    return (0, count) if essence == "*/*" else None


def _read_accept(accept: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for part in re.findall(r"(?:[^,\"]|\"(?:[^\"\\]|\\.)*+\"?)++", accept):
        essence = essence_of(part)
        if not essence:
            continue
        parameters = read_parameters(part)
        quality = 1.0
        weight = parameters.pop("q", None)
        if weight is not None:
            match = re.fullmatch(r"[01](\.\d{0,3})?", weight)
            quality = min(float(weight), 1.0) if match else 1.0
        yield essence, parameters, quality


_PARAMETER = re.compile(r";\s*+([\w!#$%&'*+.^`|~-]++)\s*+=\s*+(\"(?:[^\"\\]|\\.)*+\"|[^\s;,\"]++)")


def read_parameters(name: str) -> dict[str, str]:
    """The parameters of a media type, names and values in lower case, without quotes."""
    return {key.lower(): value.strip('"').lower() for key, value in _PARAMETER.findall(name)}
