"""Content codings: request bodies that come compressed (RFC 9110, section 8.4.1), inflated within a bound."""

from __future__ import annotations

import zlib

CODINGS = frozenset({b"gzip", b"x-gzip", b"deflate"})


class TooMuch(ValueError):
    """A body is larger than the bound once it is inflated."""


def inflate(body: bytes, coding: bytes, limit: int) -> bytes:
    """The body that a coding stands for.

    Raises TooMuch where it has more than `limit` bytes, and ValueError where the coding is broken.
    """
    # 32 lets zlib see by itself whether it is gzip or zlib; some clients call raw deflate "deflate" as well.
    ways = (47, -15) if coding == b"deflate" else (47,)
    for way in ways:
        try:
            return _inflate(body, way, limit)
        except zlib.error:
            continue
    raise ValueError(f"the body is no {coding.decode('ascii')}")


def _inflate(body: bytes, way: int, limit: int) -> bytes:
    parts: list[bytes] = []
    left = limit
    # A gzip file may have several members (RFC 1952, section 2.2).
    while body:
        machine = zlib.decompressobj(way)
        part = machine.decompress(body, left + 1)
        if len(part) > left:
            raise TooMuch(f"the body has more than {limit} bytes once it is inflated")
        if not machine.eof:
            raise zlib.error("the body ends too early")
        left -= len(part)
        parts.append(part)
        body = machine.unused_data
    return b"".join(parts)
