"""Values in the bytes of their media type: JSON, lines, forms, XML by its hints, text, binary.

A binary type without an example gets the least file that programs take for one of its kind.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape, quoteattr

from mockserver.contract.media_types import BOUNDARY, MediaType, essence_of, usual_name
from mockserver.contract.operations import ResponseHeader
from mockserver.contract.parameters import Shape
from mockserver.contract.schema_registry import SchemaRegistry
from mockserver.exceptions import MockServerError
from mockserver.json_codec import dumps
from mockserver.seeds import Seed
from mockserver.synthesis.styles import list_texts, write_simple, write_text
from mockserver.synthesis.values import make_value
from mockserver.types import Headers, Json


def make_media_value(media: MediaType, name: str, schemas: SchemaRegistry, seed: Seed) -> Json:
    """A value for a media type that has no example: of its schema, or a file of its kind as bytes.

    `name` is the type that is announced. Raises NoValue and ContractError.
    """
    essence = essence_of(usual_name(name))
    is_text = media.schema is not None and media.shape.types == {"string"} and not media.shape.formats
    if media.form == "binary" and (essence in _FILES or not is_text):
        return make_file(essence)
    if media.schema is None:
        return {} if media.form in ("json", "lines") else ""
    schema = schemas.at(media.schema_pointer)
    return make_value(schema, seed, resolve=schemas.resolve, is_valid=schemas.accepts)


def write_body(media: MediaType, value: Json, name: str | None = None) -> bytes:
    """The bytes of a value in a media type. `name` is the type that is announced, where that is a range."""
    if isinstance(value, bytes):
        return value
    match media.form:
        case "json":
            return dumps(value)
        case "lines":
            items = value if isinstance(value, list) else [value]
            return (
                value.encode("utf-8") if isinstance(value, str) else b"".join(dumps(i) + b"\n" for i in items)
            )
        case "form" if isinstance(value, dict):
            pairs = [(key, text) for key, item in value.items() for text in _list_texts(media, key, item)]
            return urlencode(pairs, quote_via=quote).encode()
        case "multipart" if isinstance(value, dict):
            return _write_multipart(value)
        case "xml" if not isinstance(value, str) or not value.lstrip().startswith("<"):
            return write_xml(value, media.shape)
        case "binary" if isinstance(value, str):
            return _write_binary(value, media.shape, essence_of(name or media.name))
    if media.essence == "text/event-stream":
        text = write_text(value)
        return (text if text.startswith(("data:", "event:", "id:", ":")) else f"data: {text}\n\n").encode(
            "utf-8"
        )
    return write_text(value).encode("utf-8")


def _list_texts(media: MediaType, name: str, value: Json) -> list[str]:
    """The texts that a form has for a member, by its `encoding` (OpenAPI 3.1.1, section 4.8.15.1)."""
    encoding = media.encoding.get(name)
    if encoding is None or encoding.is_exploded or not isinstance(value, list):
        return list_texts(value)
    separator = {"spaceDelimited": " ", "pipeDelimited": "|"}.get(encoding.style or "form", ",")
    return [separator.join(list_texts(value))]


def _write_binary(text: str, shape: Shape, essence: str) -> bytes:
    """The bytes that a text in a schema or an example stands for."""
    if {"byte", "base64"} & shape.formats or not text.isascii():
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            return text.encode("utf-8")
    if "binary" in shape.formats and essence in _FILES:
        # People write words there; a program wants a file of its kind.
        return make_file(essence)
    return text.encode("utf-8")


def _write_multipart(value: Mapping[str, Json]) -> bytes:
    parts = ""
    for name, item in value.items():
        disposition = f'form-data; name="{quote(name, safe=" ")}"'
        for text in list_texts(item):
            parts += f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n{text}\r\n"
    return f"{parts}--{BOUNDARY}--\r\n".encode()


# XML (OpenAPI 3.1.1, section 4.8.26).

_NAME = re.compile(r"[A-Za-z_][\w.\-]*(:[A-Za-z_][\w.\-]*)?")


def write_xml(value: Json, shape: Shape) -> bytes:
    """A document whose names, attributes and wrappers are those of the schema's `xml` hints.

    The root is named by its hint, else by its component, else `root`.
    """
    name = shape.xml.get("name") or shape.component or "root"
    body = "".join(_write_element(str(name), value, shape, is_root=True))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'.encode()


def _write_element(name: str, value: Json, shape: Shape, *, is_root: bool = False) -> Iterator[str]:
    hints = shape.xml
    tag = _tag(name, hints)
    namespace = hints.get("namespace")
    attributes = ""
    if isinstance(namespace, str):
        prefix = f":{hints['prefix']}" if isinstance(hints.get("prefix"), str) else ""
        attributes = f" xmlns{prefix}={quoteattr(namespace)}"
    if isinstance(value, list):
        item_name = str(shape.items.xml.get("name") or name)
        items = [text for item in value for text in _write_element(item_name, item, shape.items)]
        if is_root or hints.get("wrapped") is True:
            yield f"<{tag}{attributes}>{''.join(items)}</{tag}>"
        else:
            yield from items
    elif isinstance(value, dict):
        inner: list[str] = []
        for key, item in value.items():
            member = shape.member(key)
            own = str(member.xml.get("name") or key)
            if member.xml.get("attribute") is True and not isinstance(item, dict | list):
                attributes += f" {_tag(own, member.xml)}={quoteattr(_write_scalar(item))}"
            else:
                # A list without a wrapper names each of its items as the member.
                inner += _write_element(own, item, member)
        yield f"<{tag}{attributes}>{''.join(inner)}</{tag}>"
    else:
        text = escape(_write_scalar(value))
        yield f"<{tag}{attributes}>{text}</{tag}>" if text else f"<{tag}{attributes}/>"


def _tag(name: str, hints: Mapping[str, Json]) -> str:
    prefix = hints.get("prefix")
    full = f"{prefix}:{name}" if isinstance(prefix, str) and prefix else name
    if _NAME.fullmatch(full):
        return full
    return "_" + re.sub(r"[^\w.\-]", "_", name)


def _write_scalar(value: Json) -> str:
    text = "" if value is None else write_text(value)
    # What XML 1.0 has no way to write (section 2.2).
    return re.sub(
        r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\N{REPLACEMENT CHARACTER}", text
    )


# Files.


def make_file(essence: str) -> bytes:
    """The least file of a media type, by its signature; some bytes where the type has none."""
    return _FILES.get(essence, b"mock")


def _png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 6, 0, 0, 0)
    # A stored block, so that the bytes do not hang on the version of the library.
    pixels = zlib.compress(b"\x00\x00\x00\x00\x00", 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def _pdf() -> bytes:
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>>",
    )
    text = b"%PDF-1.4\n"
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(text))
        text += b"%d 0 obj%bendobj\n" % (number, content)
    start = len(text)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return (
        text
        + b"xref\n0 4\n0000000000 65535 f \n"
        + table
        + b"trailer<</Size 4/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % start
    )


def _wav() -> bytes:
    # PCM, one channel, 8,000 samples of 8 bits a second, and none of them.
    form = struct.pack("<HHIIHH", 1, 1, 8_000, 8_000, 1, 8)
    return b"RIFF" + struct.pack("<I", 36) + b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + bytes(4)


_JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9"
# The end of the central directory of an archive without members.
_ZIP = b"PK\x05\x06" + bytes(18)
_GZIP = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00"
_FILES: Mapping[str, bytes] = {
    "image/png": _png(),
    # Its header, then its one image.
    "image/gif": b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff"
    b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;",
    "image/jpeg": _JPEG,
    "image/jpg": _JPEG,
    "image/webp": b"RIFF\x04\x00\x00\x00WEBP",
    "image/bmp": b"BM\x1a\x00\x00\x00\x00\x00\x00\x00\x1a\x00\x00\x00\x0c\x00\x00\x00" + bytes(8),
    "image/tiff": b"II*\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    "application/pdf": _pdf(),
    "application/zip": _ZIP,
    "application/x-zip-compressed": _ZIP,
    "application/gzip": _GZIP,
    "application/x-gzip": _GZIP,
    "application/x-tar": bytes(1024),
    "audio/wav": _wav(),
    "audio/x-wav": _wav(),
    "audio/mpeg": b"ID3\x04\x00\x00\x00\x00\x00\x00",
    "audio/ogg": b"OggS\x00\x02",
    "video/mp4": b"\x00\x00\x00\x10ftypisom\x00\x00\x00\x00",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": _ZIP,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": _ZIP,
    "font/woff2": b"wOF2",
}


# Headers.


def write_headers(headers: Mapping[str, ResponseHeader], schemas: SchemaRegistry, seed: Seed) -> Headers:
    """The headers that an answer documents: their first example, else a value of their schema."""
    found: list[tuple[bytes, bytes]] = []
    for name, header in headers.items():
        if name in _OWN_HEADERS:
            continue
        value = _make_header(header, schemas, seed.at(name))
        text = None if value is None else write_simple(value)
        # Nothing that could end the header.
        if text is not None and text.isprintable() and text.isascii():
            found.append((name.encode("latin-1"), text.strip().encode("ascii")))
    return tuple(found)


# What the server itself says of a body.
_OWN_HEADERS = frozenset({"content-type", "content-length", "transfer-encoding", "connection", "date"})


def _make_header(header: ResponseHeader, schemas: SchemaRegistry, seed: Seed) -> Json:
    if header.examples:
        return header.examples[0]
    if not header.schema_pointer:
        return None
    try:
        schema = schemas.at(header.schema_pointer)
        return make_value(schema, seed, resolve=schemas.resolve, is_valid=schemas.accepts)
    except MockServerError:
        # An answer without it is better than none.
        return None
