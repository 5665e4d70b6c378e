"""Writing: a Response as the bytes that go onto the wire, whole or damaged."""

from __future__ import annotations

from http import HTTPStatus

from mockserver.faults import Fault
from mockserver.messages import UNFRAMED, Response
from mockserver.seeds import Seed

_STATUS_LINES: dict[int, bytes] = {
    status: b"HTTP/1.1 %d %b" % (status, status.phrase.encode("ascii")) for status in HTTPStatus
}
GARBAGE_BYTES = 64


def write_message(response: Response, *, keep_alive: bool, is_head: bool = False) -> bytes:
    """A whole, undamaged answer as it goes onto the wire. `is_head`: it answers HEAD and has no body."""
    body = response.body
    if response.status in UNFRAMED:
        framing, body = b"", b""
    elif response.delivery.chunked:
        framing = b"transfer-encoding: chunked\r\n"
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    else:
        length = response.delivery.head_length if is_head else None
        framing = b"content-length: %d\r\n" % (len(body) if length is None else length)
    head = write_head(response, framing, keep_alive=keep_alive and not response.closes)
    return head if is_head else head + body


def write_head(response: Response, framing: bytes, *, keep_alive: bool) -> bytes:
    """Status line and headers as they go onto the wire. `framing`: the header lines that frame the body."""
    line = _STATUS_LINES.get(response.status) if response.status_message is None else None
    if line is None:
        phrase = (response.status_message or "").encode("latin-1", "replace")
        line = b"HTTP/1.1 %d %b" % (response.status, phrase)
    lines = b"\r\n".join([line, *map(b": ".join, response.sent_headers), framing])
    return lines + (b"\r\n" if keep_alive else b"connection: close\r\n\r\n")


def has_body(response: Response, method: str) -> bool:
    """Whether bytes of a body stand in an answer to a request of this method (RFC 9110, section 6.4.1)."""
    return bool(response.body) and method != "HEAD" and response.status not in UNFRAMED


def write_damaged(response: Response, fault: Fault, call_id: str) -> bytes:
    """What a client sees of an answer before its connection ends; nothing, of most faults."""
    body = response.body
    if fault is Fault.MALFORMED_RESPONSE_CHUNK:
        return write_head(response, b"transfer-encoding: chunked\r\n", keep_alive=False) + _garbage(call_id)
    if fault is Fault.RANDOM_DATA_THEN_CLOSE:
        return _garbage(call_id)
    if fault is Fault.TRUNCATED_BODY:
        head = write_head(response, b"content-length: %d\r\n" % len(body), keep_alive=False)
        return head + body[: len(body) // 2]
    if fault is Fault.WRONG_CONTENT_LENGTH:
        return write_head(response, b"content-length: %d\r\n" % (len(body) + 7), keep_alive=False) + body
    return b""


def _garbage(call_id: str) -> bytes:
    """Bytes that are no HTTP and no chunk, the same for the same call."""
    return b"\x00\xff" + Seed("garbage", call_id).digest()[: GARBAGE_BYTES - 2]
