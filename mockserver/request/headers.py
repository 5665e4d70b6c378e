"""All that the headers of a request tell. Whose credential they bring, the head tells."""

from __future__ import annotations

from itertools import chain

from mockserver.http_fields import quality_of, read_length
from mockserver.redaction import SECRET_HEADERS, hide, redact_bytes, redact_header
from mockserver.request.leaks import LeakWatch
from mockserver.request.memory import Memory
from mockserver.scripting.preferences import Preferences, read_preferences
from mockserver.types import Headers

# Larger header blocks are unusual, and would take room in memory.
MAX_REMEMBERED_HEADERS = 32
MAX_REMEMBERED_BYTES = 4_096


class HeaderFacts:
    """What headers tell, made by HeaderReader; what they do not tell is as here. `recorded` is them redacted;
    `hosts` every Host value; `authorizations` every Authorization; `content_codings` every Content-Encoding,
    and `transfer_codings` every Transfer-Encoding, in lower case; `content_coding` is empty unless there is
    exactly one; `length` the Content-Length; `closes` says that Connection ends it; `is_plain` that a length
    is all that tells where the request ends, and what comes behind it; `leaks` are the warnings of the leak
    watch; `is_cacheable` says that they are small, and that none but Authorization holds a secret."""

    authorizations: tuple[bytes, ...] = ()
    content_type: str | None = None
    content_codings: tuple[bytes, ...] = ()
    content_coding = b""
    transfer_codings: tuple[bytes, ...] = ()
    preferences: Preferences | None = None
    idempotency_key: str | None = None
    accept: str | None = None
    accepts_json = True
    hosts: tuple[bytes, ...] = ()
    origin: bytes | None = None
    length = 0
    expects_continue = False
    closes = False
    is_plain = True
    recorded: Headers = ()
    leaks: tuple[str, ...] = ()
    is_ascii = True
    is_cacheable = True

    def __repr__(self) -> str:
        return f"<HeaderFacts {len(self.recorded)} headers>"


class HeaderReader:
    """Reads headers. `secrets` are the names of those whose whole value is a secret. `memory` has values of
    Authorization as they may be shown, where they are known."""

    def __init__(self, secrets: frozenset[bytes], leaks: LeakWatch, memory: Memory) -> None:
        self._secrets = SECRET_HEADERS | secrets
        self._telling = _TELLING | self._secrets
        self._memory = memory
        self._leaks = leaks

    def __repr__(self) -> str:
        return f"<HeaderReader {len(self._secrets)} secrets>"

    def read(self, headers: Headers) -> HeaderFacts:
        """The facts of headers, whose names are in lower case. Never raises for what a client sends."""
        facts = HeaderFacts()
        secrets, telling = self._secrets, self._telling
        # The headers as they may be shown, and those that are no secrets as a whole.
        recorded, others = [*headers], [*headers]
        preferences = ""
        size = 0
        for name, value in headers:
            if name not in telling:
                continue
            if name in secrets:
                size += len(name) + len(value)
                shown = None
                if name == b"authorization":
                    facts.authorizations += (value,)
                    shown = self._memory.get((value,))
                else:
                    facts.is_cacheable = False
                others.remove((name, value))
                place = recorded.index((name, value))
                recorded[place] = name, self._hide(name, value) if shown is None else shown
                if not value.isascii():
                    facts.is_ascii = False
                if name not in _TELLING:
                    continue
            if name == b"host":
                facts.hosts += (value,)
            elif name == b"content-length":
                facts.length = read_length(value)
            elif name == b"content-type":
                known, text = facts.content_type, value.decode("latin-1")
                # Two of them are none that anybody could mean.
                facts.content_type = text if known is None else f"{known}, +"
            elif name == b"accept":
                known, text = facts.accept, value.decode("latin-1")
                facts.accept = text if known is None else f"{known}, {text}"
            elif name == b"idempotency-key":
                # An empty one could stand for nothing but every request that has it.
                facts.idempotency_key = value.decode("latin-1") or None
            elif name == b"connection":
                options = {option.strip() for option in value.lower().split(b",")}
                facts.closes = facts.closes or b"close" in options
                facts.is_plain = facts.is_plain and options == {b"keep-alive"}
            elif name == b"origin":
                facts.origin = value
            elif name == b"prefer":
                preferences = f"{preferences},{value.decode('latin-1')}"
            elif name == b"content-encoding":
                coding = value.strip().lower()
                facts.content_coding = b"" if facts.content_codings else coding
                facts.content_codings += (coding,)
            else:
                facts.is_plain = False
                if name == b"transfer-encoding":
                    facts.transfer_codings += (value.strip().lower(),)
                elif name == b"expect" and value.lower() == b"100-continue":
                    facts.expects_continue = True
        # All at once, as in nearly every request there is nothing else to hide.
        rest = b"\n".join(chain.from_iterable(others))
        if not rest.isascii():
            facts.is_ascii = False
        if redact_bytes(rest) is not rest:
            recorded = [(redact_bytes(name), self._hide(name, value)) for name, value in headers]
            facts.is_cacheable = False
        facts.recorded = tuple(recorded)
        if preferences:
            facts.preferences = read_preferences(preferences)
        accept = facts.accept
        if accept is not None and accept != "*/*":
            facts.accepts_json = quality_of(accept, "application/json") > 0
        if not facts.is_cacheable:
            # Where nothing had to be hidden is no key either, but in a header that is hidden as a whole.
            facts.leaks = self._leaks.find_in_headers(headers)
        elif size + len(rest) > MAX_REMEMBERED_BYTES or len(headers) > MAX_REMEMBERED_HEADERS:
            facts.is_cacheable = False
        return facts

    def _hide(self, name: bytes, value: bytes) -> bytes:
        """The value of a header as it may be kept and shown."""
        if name in self._secrets and name not in SECRET_HEADERS:
            return hide(value.decode("latin-1")).encode("latin-1") if value.strip() else value
        return redact_header(name, value)


# The headers that tell something here; the others are for stubs.
_TELLING = frozenset({
    b"host", b"content-type", b"content-encoding", b"content-length", b"accept", b"prefer",
    b"idempotency-key", b"origin", b"connection", b"transfer-encoding", b"expect", b"upgrade",
})  # fmt: skip
