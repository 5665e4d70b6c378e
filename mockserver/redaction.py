"""Secrets never rest: credentials and issued keys become a prefix and a fingerprint, wherever they stand.

    key_4eC39HqLyjWDarjtT1zdp7dc   ->   key_[c3ab8ff13720]

Equal secrets have equal fingerprints, so equality can still be asserted. Redacting twice changes nothing.
JWTs are known by their form everywhere; keys by the shapes that the rules of APIs name, in the alphabet of
RFC 6750, section 2.1. Fingerprints are keyed by the seed of the server: who serves enters `fingerprints_by`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from mockserver.json_codec import escape_pointer, read_pointer
from mockserver.seeds import Seed
from mockserver.settings import Settings
from mockserver.types import Json

# The whole value of these headers is a secret, whatever its form.
SECRET_HEADERS = frozenset({b"authorization", b"proxy-authorization", b"cookie", b"set-cookie"})


def _key_of(seed: str) -> bytes:
    return Seed(seed, "fingerprints").digest()


# The key of the server that is at work. A context has it and not each caller: secrets are hidden in hundreds
# of places, most of them in values that know of no server. Outside of all servers the usual seed keys.
_USUAL_KEY = _key_of(Settings().seed)
_fingerprint_key: ContextVar[bytes] = ContextVar("fingerprint key", default=_USUAL_KEY)

_WORD_BYTES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
# How a key goes on: the marks of base64 and of `name:password` within it, and padding at its end.
_TAIL = r"(?:[.+/:=]+[A-Za-z0-9_\-~]+)*+=*"
# The same behind a slash, where the next one ends the segment of a path, unless base64 goes on behind it.
_BASE64 = (
    r"(?=[A-Za-z0-9_\-~/]{0,64}[+=]|(?=[A-Z0-9]{0,32}[a-z])(?=[a-z0-9]{0,32}[A-Z])(?=[A-Za-z]{0,32}[0-9]))"
)
_SEGMENT_TAIL = rf"(?:(?:[.+:=]+|/{_BASE64})[A-Za-z0-9_\-~]+)*+=*"
_SHORT_START = r"[A-Za-z0-9+/]{14})[A-Za-z0-9_\-~]*"
_KEY_START = r"(?:[A-Za-z0-9_\-~]{6}|[A-Za-z0-9+]{1,5}/" + _SHORT_START
_SEGMENT_START = rf"(?:[A-Za-z0-9_\-~]{{6}}|[A-Za-z0-9+]{{1,5}}/{_BASE64}" + _SHORT_START
_KEY_REST = re.compile((_KEY_START + _TAIL).encode("ascii"))
_KEY_SEGMENT = re.compile((_SEGMENT_START + _SEGMENT_TAIL).encode("ascii"))
_JWT_REST = re.compile(rb"e[yw][A-Za-z0-9_\-]{5,}\.[A-Za-z0-9_\-]*(?:\.[A-Za-z0-9_\-]*){0,3}")
# The whole run of characters: a second `eyJ` in it starts no other token.
_JWT_START = re.compile(rb"eyJ[A-Za-z0-9_\-]*+")
# The same of a JWT whose header has white space behind its brace. Words can look alike, so it is decoded.
_SPACED_START = re.compile(rb"e(?:yA|w[0ko])[JKNgi][A-Za-z0-9_\-]*+")
_PAYLOAD = re.compile(rb"\.[A-Za-z0-9_\-]*+\.")
_SPACED_HEADER = re.compile(rb"\{[ \t\r\n]+\"")
# What is a key even behind a letter or a digit: nobody writes that as a word, as in `desk_manager_2`.
_RANDOM = re.compile(
    rb"(?=[A-Za-z]*[0-9]+[A-Za-z]+[0-9])(?=[a-z0-9]*[A-Z])(?=[A-Z0-9]*[a-z])[A-Za-z0-9+/]{20}"
)
# One character of ASCII in a JSON text or a URL, escaped once or with its escape escaped again (\u0073,
# \\\\u0073, %73, %2573); the slash that JSON may escape; the zeros between ASCII in UTF-16.
_ESCAPED_ASCII = re.compile(rb"(?:(?<!\\)\\++u00|%(?:25)*)([2-7][0-9a-f])|(?<!\\)\\++/|\x00+", re.IGNORECASE)
# Where a text is cut, a secret is known by so much of it.
_LONGEST_START = 4_096
# Escapes of more kinds within each other are undone so many times. What is escaped still then is hidden.
_MAX_ESCAPES = 16
# What ends an escaped character that is no part of a key, in URLs, JSON and JSON pointers.
_ESCAPE = re.compile(rb"%[0-9a-f]{2}|\\u[0-9a-f]{4}|\\[bfnrt]|~[01]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class KeyShape:
    """How the keys of an API look: they contain one of `marks`, behind which one of `modes` may stand.

    Up to `lead` characters of the same key may stand before its mark.
    """

    marks: tuple[str, ...]
    modes: tuple[str, ...] = ()
    lead: int = 29


class _Shapes:
    """All shapes that are known, compiled. `prefix` finds what of a key may be shown."""

    def __init__(self, shapes: frozenset[KeyShape]) -> None:
        self.shapes = shapes
        self.marks = tuple(sorted({mark for shape in shapes for mark in shape.marks}))
        self.bytes = tuple(mark.encode("ascii") for mark in self.marks)
        self.lead = max((shape.lead for shape in shapes), default=0)
        modes = "|".join(sorted({re.escape(mode) for shape in shapes for mode in shape.modes})) or "(?!)"
        marks = "|".join(map(re.escape, self.marks)) or "(?!)"
        rest = rf"(?:{modes})[A-Za-z0-9_\-~]+"
        self.mode = re.compile((rest + _TAIL).encode("ascii"))
        self.mode_segment = re.compile((rest + _SEGMENT_TAIL).encode("ascii"))
        self.prefix = re.compile(rf"(?:{marks})(?:{modes})?")
        self.hidden = re.compile(rf"(?:(?:{marks})(?:{modes})?)?\[[0-9a-f]{{12}}\]")


_known = _Shapes(frozenset())


def hide_keys_of(shape: KeyShape | None) -> None:
    """Hide the keys of this shape from now on, in the whole process: what is a secret to one of its servers
    is shown by none."""
    global _known
    if shape is not None and shape not in _known.shapes:
        _known = _Shapes(_known.shapes | {shape})


@contextmanager
def fingerprints_by(seed: str) -> Iterator[None]:
    """Key each fingerprint that is made meanwhile, in this context (`contextvars`), by the seed of a server.

    Servers of one seed show the same. A person who does not know the seed cannot try weak secrets until one
    has the fingerprint of a public log.
    """
    token = _fingerprint_key.set(_key_of(seed))
    try:
        yield
    finally:
        _fingerprint_key.reset(token)


def digest_secret(secret: str) -> bytes:
    """32 bytes that stand for a secret. Never shown; `fingerprint` is what is shown."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def fingerprint(digest: bytes) -> str:
    """12 hexadecimal digits for a digest, keyed: enough to tell secrets apart, too few to look one up by."""
    return hashlib.blake2b(digest, digest_size=6, key=_fingerprint_key.get()).hexdigest()


def display(secret: str, digest: bytes) -> str:
    """A secret as it may be shown: the prefix that tells its kind and mode, then the fingerprint."""
    prefix = _known.prefix.search(secret)
    return f"{prefix.group() if prefix else ''}[{fingerprint(digest)}]"


def redact(text: str) -> str:
    """A text with everything in it that is shaped like a key or a JWT replaced."""
    data = text.encode("utf-8", "surrogatepass")
    redacted = redact_bytes(data)
    return text if redacted is data else redacted.decode("utf-8", "surrogatepass")


def redact_bytes(data: bytes) -> bytes:
    """The same for bytes; the escapes of JSON and URLs (`sk\\u005ftest%5f…`) and UTF-16 hide no secret."""
    # Parts are found much faster in a text than in bytes, and mostly there are none.
    text = data.decode("latin-1")
    if "%" not in text and "\0" not in text and ("\\" not in text or not ("\\u00" in text or "\\/" in text)):
        secrets = _find_secrets(data, text)
        return _replace(data, secrets) if secrets else data
    layers = [data]
    while (plain := _ESCAPED_ASCII.sub(_unescape, layers[-1])) != layers[-1]:
        layers.append(plain)
        if len(layers) > _MAX_ESCAPES:
            return hide(text).encode("ascii")
    secrets = _find_secrets(plain, plain.decode("latin-1"))
    # Every other escape stays as it is: what is hidden is the secret and nothing else.
    for layer in reversed(layers[:-1]):
        secrets = _find_below(layer, secrets) if secrets else []
    return _replace(data, secrets) if secrets else data


def redact_start(data: bytes, length: int) -> bytes:
    """`redact_bytes` of the start of long bytes: the result has more than `length` bytes, or is the whole."""
    end = length + _LONGEST_START
    while (shown := redact_bytes(data[:end])) and len(shown) <= length and end < len(data):
        end *= 2
    return shown


def _unescape(match: re.Match[bytes]) -> bytes:
    """The character itself if it can be a part of a key or of an escape; else its shortest escape."""
    digits = match.group(1)
    if digits is None:
        return b"" if match.group().startswith(b"\0") else b"/"
    byte = int(digits, 16)
    if byte in _WORD_BYTES or byte in b".~+/:=%\\":
        return bytes((byte,))
    # Others could change what the text means.
    return (b"%" if match.group().startswith(b"%") else b"\\u00") + digits


def _find_below(layer: bytes, secrets: list[_Secret]) -> list[_Secret]:
    """Where secrets stand in a text, that were found in what its escapes stand for."""
    ends: list[int] = []
    longer: list[int] = [0]
    for match in _ESCAPED_ASCII.finditer(layer):
        gained = len(match.group()) - len(_unescape(match))
        if gained:
            ends.append(match.end() - longer[-1] - gained)
            longer.append(longer[-1] + gained)

    def place(index: int) -> int:
        return index + longer[bisect_right(ends, index)]

    return [(place(first), place(stop), shown) for first, stop, shown in secrets]


# Where a secret begins and ends, and as what it is shown.
_Secret = tuple[int, int, bytes]


def _find_secrets(data: bytes, text: str) -> list[_Secret]:
    """The secrets in bytes without escapes, in order. `text` is the same in Latin-1."""
    # A loop, as it is asked of every text: a generator takes twice as long.
    for mark in _known.marks:
        if mark in text:
            break
    else:
        # A JWT begins with an object, which may have white space behind its brace. One character is found ten
        # times as fast as several.
        if "." not in text or not (
            ("J" in text and "eyJ" in text) or ("A" in text and "eyA" in text) or "ew" in text
        ):
            return []
    secrets: list[_Secret] = []
    end = 0
    for start in _find_marks(data):
        found = _secret_at(data, start, end) if start >= end else None
        if found is not None:
            first, end = found
            secret = data[first:end].decode("ascii")
            secrets.append((first, end, display(secret, digest_secret(secret)).encode("ascii")))
    return secrets


def _replace(data: bytes, secrets: list[_Secret]) -> bytes:
    parts: list[bytes] = []
    end = 0
    for first, stop, shown in secrets:
        parts += (data[end:first], shown)
        end = stop
    return b"".join((*parts, data[end:]))


def _find_marks(data: bytes) -> list[int]:
    """Where marks of keys and JWTs begin, in order. Plain searches: they are far faster than a pattern."""
    marks: list[int] = []
    for mark in _known.bytes:
        place = data.find(mark)
        while place >= 0:
            marks.append(place)
            place = data.find(mark, place + len(mark))
    marks += (match.start() for match in _JWT_START.finditer(data))
    marks += (
        match.start()
        for match in _SPACED_START.finditer(data)
        if _PAYLOAD.match(data, match.end()) and _is_header(match.group())
    )
    marks.sort()
    return marks


def _is_header(segment: bytes) -> bool:
    """Whether base64url text begins as a JSON object does that has a member."""
    start = segment[:256]
    return _SPACED_HEADER.match(base64.urlsafe_b64decode(start[: len(start) // 4 * 4])) is not None


def _secret_at(data: bytes, start: int, floor: int) -> tuple[int, int] | None:
    """The bounds of the secret whose mark stands at `start`; None where the mark is part of a plain word."""
    if data[start] == ord("e"):
        match = _JWT_REST.match(data, start)
        return (start, match.end()) if match else None
    mark = next((mark for mark in _known.bytes if data.startswith(mark, start)), b"")
    for escape in _ESCAPE.finditer(data, max(floor, start - 32), start):
        floor = escape.end()
    first = start
    while first > floor and start - first < _known.lead and data[first - 1] in _WORD_BYTES:
        first -= 1
    is_segment = first > 0 and data[first - 1] == ord("/")
    mode, key = (_known.mode_segment, _KEY_SEGMENT) if is_segment else (_known.mode, _KEY_REST)
    rest = mode.match(data, start + len(mark))
    if rest is None:
        is_inside_word = start > floor and data[start - 1 : start].isalnum()
        if not is_inside_word or _RANDOM.match(data, start + len(mark)):
            rest = key.match(data, start + len(mark))
    return None if rest is None else (first, rest.end())


def redact_pointer(pointer: str) -> str:
    """The same for a JSON pointer (RFC 6901): each token is redacted as it was before it was escaped."""
    tokens = read_pointer(pointer)
    shown = [redact(token) for token in tokens]
    return pointer if shown == tokens else "".join(f"/{escape_pointer(token)}" for token in shown)


def redact_path(path: str) -> str:
    """The same for the path of a URL, segment by segment: an escaped slash is part of one."""
    return path if redact(path) is path else "/".join(map(redact, path.split("/")))


def redact_query(query: str) -> str:
    """The same for the query of a URL: a key ends where its value begins."""
    if redact(query) is query:
        return query
    return "&".join(map(_redact_pair, query.split("&")))


def _redact_pair(pair: str) -> str:
    # What a plus means in a query ends a key as well.
    return pair if redact(pair) is pair else "=".join(map(redact, pair.replace("+", "%20").split("=", 1)))


def redact_url(url: str) -> str:
    """The same for path and query together."""
    path, mark, query = url.partition("?")
    return redact_path(path) + mark + redact_query(query)


def redact_json(value: Json) -> Json:
    """The same for every text and member name of a JSON value."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [redact_json(item) for item in value]
    if isinstance(value, dict):
        return {redact(name): redact_json(item) for name, item in value.items()}
    return value


_CREDENTIAL = re.compile(r"(\s*)(\S+)(\s+)(\S.*)", re.DOTALL)
_SCHEMES = frozenset({"bearer", "basic", "digest", "negotiate", "apikey", "token"})


def redact_header(name: bytes, value: bytes) -> bytes:
    """A header's value: whole for those that are secrets, else whatever in it is shaped like one."""
    if name not in SECRET_HEADERS:
        return redact_bytes(value)
    text = value.decode("latin-1")
    if name == b"cookie":
        return "; ".join(map(_redact_cookie, text.split(";"))).encode("latin-1")
    if name == b"set-cookie":
        pair, *attributes = text.split(";")
        return ";".join((_redact_cookie(pair), *map(redact, attributes))).encode("latin-1")
    return redact_authorization(text).encode("latin-1")


def redact_authorization(text: str) -> str:
    """`Bearer key_…` -> `Bearer key_[c3ab8ff13720]`; the scheme stays only if it is a known one."""
    match = _CREDENTIAL.fullmatch(text)
    if match and match.group(2).lower() in _SCHEMES:
        return f"{match.group(2)} {hide(match.group(4).strip())}"
    return hide(text.strip()) if text.strip() and text.strip().lower() not in _SCHEMES else text


def hide(secret: str) -> str:
    """`display` of a text that is a secret as a whole; what is hidden already stays as it is."""
    return secret if _known.hidden.fullmatch(secret) else display(secret, digest_secret(secret))


_MARK = re.compile(r"\[[0-9a-f]{12}\]")


def holds_hidden(text: str) -> bool:
    """Whether something in a redacted text may have been hidden, so that a fingerprint stands there."""
    return "[" in text and _MARK.search(text) is not None


def json_holds_hidden(value: Json) -> bool:
    """The same for every text and member name of a redacted JSON value."""
    if isinstance(value, str):
        return holds_hidden(value)
    if isinstance(value, list):
        return any(map(json_holds_hidden, value))
    if isinstance(value, dict):
        return any(holds_hidden(name) or json_holds_hidden(item) for name, item in value.items())
    return False


def _redact_cookie(pair: str) -> str:
    name, equals, value = pair.strip().partition("=")
    return f"{redact(name)}={hide(value)}" if equals else hide(name)


def escape_controls(text: str) -> str:
    """A text that cannot steer a terminal or break a line: control characters are shown as `\\xNN`."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )
