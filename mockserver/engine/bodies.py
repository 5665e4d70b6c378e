"""Bodies: a value becomes the bytes that its envelope documents."""

from __future__ import annotations

from mockserver.contract import Envelope
from mockserver.json_codec import dumps
from mockserver.synthesis.writing import write_body
from mockserver.types import Headers, Json

JSON_TYPE = (b"content-type", b"application/json")
HTML_TYPE = (b"content-type", b"text/html")


def write_value(envelope: Envelope, value: Json) -> tuple[bytes, Headers]:
    """A body of an envelope, and the header that tells what it is; nothing where it documents no body."""
    if envelope.is_json:
        return dumps(value), envelope.content_type
    if envelope.media is None:
        return b"", ()
    return write_body(envelope.media, value, envelope.media_type), envelope.content_type
