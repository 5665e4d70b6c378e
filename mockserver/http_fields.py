"""Fields of HTTP, one reader each: query, cookies, media types, Accept, content codings."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from mockserver.types import Headers

# A name of a method, of a header and the like (RFC 9110, section 5.6.2).
TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
# More digits are a number beyond every limit.
_LENGTH_DIGITS = 30


def read_query(query: str) -> dict[str, list[str]]:
    """A query string, decoded (WHATWG URL, application/x-www-form-urlencoded), names in order received."""
    if not query:
        return {}
    values: dict[str, list[str]] = {}
    is_encoded = "%" in query or "+" in query or not query.isascii()
    for pair in query.split("&"):
        if not pair:
            continue
        name, _, value = pair.partition("=")
        if is_encoded:
            name, value = _decode(name), _decode(value)
        if name in values:
            values[name].append(value)
        else:
            values[name] = [value]
    return values


def _decode(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ").encode("latin-1", "replace")).decode("utf-8", "replace")


def read_length(value: bytes) -> int:
    """The length of a body as its header gives it; 0 for what is none."""
    # Python reads no more than 4,300 digits, and zeros can be any number (RFC 9110, section 8.6).
    digits = value.strip().lstrip(b"0")[:_LENGTH_DIGITS]
    return int(digits) if digits.isdigit() else 0


def read_cookies(headers: Headers) -> dict[str, list[str]]:
    """The cookies of a request by name (RFC 6265, section 5.4). Names of headers are in lower case."""
    cookies: dict[str, list[str]] = {}
    for header, value in headers:
        if header == b"cookie":
            for pair in value.decode("latin-1").split(";"):
                name, _, text = pair.strip().partition("=")
                cookies.setdefault(name, []).append(text)
    return cookies


class MediaTypeField(NamedTuple):
    """`Application/JSON; Charset=UTF-8` -> `application/json`, {"charset": "UTF-8"}."""

    essence: str
    parameters: dict[str, str]


# Possessive, so that no header takes long to be refused.
_MEDIA_TYPE = re.compile(
    r"\s*+([\w!#$&^.+-]++/[\w!#$&^.+-]++)\s*+"
    r"((?:;\s*+[\w!#$&^.+-]++=(?:[^\s;\",]++|\"[^\"]*+\")\s*+)*+);?\s*+"
)
_PARAMETER = re.compile(r";\s*+([\w!#$&^.+-]++)=([^\s;\",]++|\"[^\"]*+\")")


def read_media_type(text: str) -> MediaTypeField | None:
    """The value of a Content-Type header (RFC 9110, section 8.3.1); None where it is none."""
    match = _MEDIA_TYPE.fullmatch(text)
    if match is None:
        return None
    parameters = {name.lower(): value.strip('"') for name, value in _PARAMETER.findall(match.group(2))}
    return MediaTypeField(match.group(1).lower(), parameters)


def quality_of(accept: str, media_type: str) -> float:
    """How welcome a media type is to an Accept header, from 0 to 1 (RFC 9110, section 12.5.1).

    The most specific range that covers it decides; an empty header takes everything.
    """
    kind, _, _ = media_type.partition("/")
    ranks = {"*/*": 0, f"{kind}/*": 1, media_type: 2}
    best: tuple[int, float] = (-1, 1.0 if not accept.strip() else 0.0)
    for item in accept.split(","):
        media, *parameters = (part.strip().lower() for part in item.split(";"))
        rank = ranks.get(media)
        if rank is None or rank < best[0]:
            continue
        weight = next((text[2:] for text in parameters if text.startswith("q=")), "1")
        best = (rank, _read_quality(weight))
    return best[1]


def _read_quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0


def accepts_gzip(headers: Headers) -> bool:
    """Whether Accept-Encoding names gzip, and not with `q=0` (RFC 9110, section 12.5.3)."""
    sent = next((value for name, value in headers if name == b"accept-encoding"), b"")
    for item in sent.lower().split(b","):
        coding, _, weight = item.partition(b";")
        if coding.strip() in (b"gzip", b"x-gzip"):
            return weight.replace(b" ", b"").rstrip(b"0.") != b"q="
    return False
