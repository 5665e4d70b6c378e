"""Bodies: bytes in a media type become the value that its schema judges."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from mockserver.contract.media_types import MediaType, essence_of, find_form, read_parameters
from mockserver.contract.parameters import (
    Shape,
    choose_value,
    decode_text,
    pair_up,
    read_deep_object,
    read_pairs,
)
from mockserver.exceptions import MalformedJson, MockServerError
from mockserver.json_codec import loads
from mockserver.types import UNSET, Json, JsonObject, UnsetType

# More parts than anybody sends; each costs more than its bytes.
_MAX_PARTS = 1_000


class MalformedBody(MockServerError):
    """Bytes that are not written in a media type other than JSON. The text says why."""


class ParsedBody(NamedTuple):
    """The value of a body, the pointers of JSON members that were given more than once, and whether the
    schema speaks of the value."""

    value: Json | UnsetType
    duplicates: tuple[str, ...] = ()
    is_judged: bool = True


def parse_body(media: MediaType, data: bytes, content_type: str, json_limits: tuple[int, int]) -> ParsedBody:
    """The value of a body. `json_limits` are the levels and the characters of a number that JSON may have.

    Raises MalformedBody or MalformedJson for bytes that are not what their media type says.
    """
    form = media.form if "*" not in media.essence else find_form(content_type)
    if form == "json":
        return ParsedBody(*loads(data, *json_limits))
    if form == "lines":
        return ParsedBody(_read_lines(data, json_limits), is_judged=False)
    if form == "form":
        return ParsedBody(_read_form(media, _decode(data, content_type)))
    if form == "multipart":
        return ParsedBody(_read_multipart(media, data, content_type, json_limits))
    if form == "xml":
        _check_xml(data)
        return ParsedBody(data.decode("utf-8", "replace"), is_judged=False)
    if form == "text":
        text = _decode(data, content_type)
        value = text if media.schema is None else choose_value(media.schema, media.shape, text)
        return ParsedBody(value)
    # Each byte is a character, so that lengths are lengths.
    is_text = not media.shape.types or "string" in media.shape.types
    return ParsedBody(data.decode("latin-1"), is_judged=is_text)


def _read_lines(data: bytes, limits: tuple[int, int]) -> list[Json]:
    # RFC 7464 puts a record separator before each text.
    lines = [line for line in re.split(rb"[\n\x1e]", data) if line.strip()]
    found = []
    for number, line in enumerate(lines, 1):
        try:
            found.append(loads(line, *limits)[0])
        except MalformedJson as error:
            raise MalformedBody(f"line {number} is no JSON: {error}") from None
    return found


def _decode(data: bytes, content_type: str) -> str:
    charset = read_parameters(content_type).get("charset", "utf-8")
    try:
        return data.decode(charset)
    except (LookupError, UnicodeDecodeError):
        raise MalformedBody(f"the body is not in {charset if charset.isalnum() else 'the'} charset") from None


# Forms.


def _read_form(media: MediaType, text: str) -> Json:
    """Pairs as an object; `encoding` says how each member is written (OpenAPI 3.1.1, section 4.8.15.1)."""
    if media.shape.types == {"string"}:
        # The schema speaks of the form as it was written.
        return text
    pairs = read_pairs(text)
    parts: JsonObject = {}
    for key, value in pairs:
        parts.setdefault(decode_text(key), []).append(decode_text(value))
    return _choose(media, _fold(media, parts, pairs))


def _fold(media: MediaType, parts: JsonObject, pairs: Sequence[tuple[str, str]]) -> JsonObject:
    """The texts of each member, by how it is written."""
    found: JsonObject = {}
    for name, texts in parts.items():
        base, bracket, _ = name.partition("[")
        if bracket and base in media.shape.names and name not in media.shape.names:
            # `tags[]=a` and `owner[name]=b`, as PHP, Rails and jQuery write them.
            if base not in found:
                nested = read_deep_object(base, pairs)
                found[base] = texts if nested is UNSET or name == f"{base}[]" else nested
            continue
        shape, encoding = media.shape.member(name), media.encoding.get(name)
        if "array" in shape.types and len(texts) == 1 and encoding is not None and not encoding.is_exploded:
            separator = {"spaceDelimited": " ", "pipeDelimited": "|"}.get(encoding.style or "form", ",")
            found[name] = texts[0].split(separator)
        elif "array" in shape.types or len(texts) > 1:
            found[name] = texts
        elif encoding is not None and encoding.style == "form" and "object" in shape.types:
            found[name] = pair_up(texts[0].split(","))
        else:
            found[name] = texts[0]
    return found


def _choose(media: MediaType, parts: JsonObject) -> Json:
    return parts if media.schema is None else choose_value(media.schema, media.shape, parts)


# Multipart (RFC 7578).

_DISPOSITION = re.compile(r";\s*+(name|filename\*?)\s*+=\s*+(\"(?:[^\"\\]|\\.)*+\"|[^\s;]++)", re.IGNORECASE)


class _Part(NamedTuple):
    name: str | None
    filename: str | None
    content_type: str | None
    data: bytes


def _read_multipart(media: MediaType, data: bytes, content_type: str, limits: tuple[int, int]) -> Json:
    # With its case, which the boundary has.
    match = re.search(r";\s*boundary=(\"[^\"]{1,70}\"|[^\s;\"]{1,70})", content_type, re.IGNORECASE)
    if match is None:
        raise MalformedBody("the Content-Type of a multipart body must name its boundary")
    parts: JsonObject = {}
    for part in _split_parts(data, match[1].strip('"').encode("latin-1", "replace")):
        if part.name is None:
            raise MalformedBody("a part has no name; give it Content-Disposition: form-data; name=…")
        shape = media.shape.member(part.name)
        parts.setdefault(part.name, []).append(_read_part(part, shape, media, limits))
    if media.shape.types == {"string"}:
        # The schema speaks of the body as it was written.
        return data.decode("latin-1")
    texts = {
        name: values if "array" in media.shape.member(name).types or len(values) > 1 else values[0]
        for name, values in parts.items()
    }
    return texts if media.schema is None else _choose(media, texts)


def _read_part(part: _Part, shape: Shape, media: MediaType, limits: tuple[int, int]) -> Json:
    encoding = media.encoding.get(part.name or "")
    form = find_form(part.content_type) if part.content_type else None
    is_complex = not part.filename and bool(shape.types & {"object", "array"}) and "string" not in shape.types
    if form == "json" or (is_complex and part.data[:1] in (b"{", b"[")):
        return loads(part.data, *limits)[0]
    if encoding is not None and encoding.content_type and part.content_type:
        allowed = [essence_of(name) for name in encoding.content_type.split(",")]
        kind = essence_of(part.content_type)
        if not any(name in (kind, "*/*", f"{kind.partition('/')[0]}/*") for name in allowed):
            raise MalformedBody(f"a part must be {' or '.join(allowed)}")
    return part.data.decode("latin-1") if part.filename is not None else part.data.decode("utf-8", "replace")


def _split_parts(data: bytes, boundary: bytes) -> list[_Part]:
    delimiter = b"\r\n--" + boundary
    chunks = (b"\r\n" + data).split(delimiter)
    if len(chunks) < 2 or not chunks[-1].startswith(b"--"):
        raise MalformedBody("the multipart body does not end with its boundary")
    if len(chunks) - 2 > _MAX_PARTS:
        raise MalformedBody(f"a multipart body may have at most {_MAX_PARTS} parts")
    parts = []
    for chunk in chunks[1:-1]:
        head, separator, body = chunk.lstrip(b" \t").removeprefix(b"\r\n").partition(b"\r\n\r\n")
        if not separator and not chunk.startswith(b"\r\n\r\n"):
            raise MalformedBody("a part of the multipart body has no empty line behind its headers")
        headers: dict[str, str] = {}
        for line in head.split(b"\r\n"):
            name, _, value = line.decode("utf-8", "replace").partition(":")
            headers[name.strip().lower()] = value.strip()
        named = {
            key.lower(): re.sub(r"\\(.)", r"\1", value.strip('"'))
            for key, value in _DISPOSITION.findall(headers.get("content-disposition", ""))
        }
        filename = named.get("filename", named.get("filename*"))
        parts.append(_Part(named.get("name"), filename, headers.get("content-type"), body))
    return parts


# XML.


def _check_xml(data: bytes) -> None:
    """Refuse what is not well-formed; nothing is fetched, and no entity is declared."""
    from xml.parsers import expat

    def refuse(*_: object) -> None:
        raise MalformedBody("XML with entity declarations is refused")

    parser = expat.ParserCreate()
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        reason = expat.errors.messages.get(error.code, "not well-formed")
        text = f"is not well-formed XML: {reason} at line {error.lineno} column {error.offset}"
        raise MalformedBody(text) from None
