"""All that the headers of a request tell. Whose credential they bring, the head tells."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mockserver.http_fields import quality_of, read_length
from mockserver.redaction import SECRET_HEADERS, hide, redact_bytes, redact_header
from mockserver.request.leaks import LeakWatch
from mockserver.scripting.preferences import Preferences, read_preferences
from mockserver.types import Headers

# Larger header blocks are unusual, and would take room in memory.
MAX_REMEMBERED_HEADERS = 32
MAX_REMEMBERED_BYTES = 4_096
_NOTHING: Mapping[bytes, bytes] = MappingProxyType({})


class HeaderFacts:
    """What headers tell. `recorded` is them redacted; `hosts` every Host value; `authorizations` every
    Authorization; `content_codings` every Content-Encoding, and `transfer_codings` every Transfer-Encoding,
    in lower case; `content_coding` is empty unless there is exactly one; `length` the Content-Length, 0
    without one; `closes` says that Connection ends it; `is_plain` that a length is all that tells where the
    request ends, and what comes behind it; `leaks` are the warnings of the leak watch; `is_cacheable` says
    that they are small, and that none but Authorization holds a secret."""

    __slots__ = (
        "accept", "accepts_json", "authorizations", "closes", "content_coding", "content_codings",
        "content_type", "expects_continue", "hosts", "idempotency_key", "is_ascii", "is_cacheable",
        "is_plain", "leaks", "length", "origin", "preferences", "recorded", "transfer_codings",
    )  # fmt: skip

    def __init__(
        self,
        authorizations: tuple[bytes, ...],
        content_type: str | None,
        content_codings: tuple[bytes, ...],
        transfer_codings: tuple[bytes, ...],
        preferences: Preferences | None,
        idempotency_key: str | None,
        accept: str | None,
        accepts_json: bool,
        hosts: tuple[bytes, ...],
        origin: bytes | None,
        length: int,
        expects_continue: bool,
        closes: bool,
        is_plain: bool,
        recorded: Headers,
        leaks: tuple[str, ...],
        is_ascii: bool,
        is_cacheable: bool,
    ) -> None:
        self.authorizations = authorizations
        self.content_type = content_type
        self.content_codings = content_codings
        self.content_coding = content_codings[0] if len(content_codings) == 1 else b""
        self.transfer_codings = transfer_codings
        self.preferences = preferences
        self.idempotency_key = idempotency_key
        self.accept = accept
        self.accepts_json = accepts_json
        self.hosts = hosts
        self.origin = origin
        self.length = length
        self.expects_continue = expects_continue
        self.closes = closes
        self.is_plain = is_plain
        self.recorded = recorded
        self.leaks = leaks
        self.is_ascii = is_ascii
        self.is_cacheable = is_cacheable

    def __repr__(self) -> str:
        return f"<HeaderFacts {len(self.recorded)} headers>"


class HeaderReader:
    """Reads headers. `secrets` are the names of those whose whole value is a secret."""

    def __init__(self, secrets: frozenset[bytes], leaks: LeakWatch) -> None:
        self._secrets = SECRET_HEADERS | secrets
        # Those but the one in which a secret may stay in memory.
        self._others = self._secrets - {b"authorization"}
        self._leaks = leaks

    def __repr__(self) -> str:
        return f"<HeaderReader {len(self._secrets)} secrets>"

    def read(self, headers: Headers, hidden: Mapping[bytes, bytes] = _NOTHING) -> HeaderFacts:
        """The facts of headers, whose names are in lower case. Never raises for what a client sends.

        `hidden` has values of Authorization as they may be shown, where somebody knows that already.
        """
        authorizations: list[bytes] = []
        content_codings: list[bytes] = []
        transfer_codings: list[bytes] = []
        preferences: list[str] = []
        hosts: list[bytes] = []
        content_type = accept = idempotency_key = origin = None
        length = 0
        expects_continue = closes = False
        is_plain = True
        for name, value in headers:
            if name not in _TELLING:
                continue
            if name == b"host":
                hosts.append(value)
            elif name == b"authorization":
                authorizations.append(value)
            elif name == b"content-type":
                # Two of them are none that anybody could mean.
                content_type = value.decode("latin-1") if content_type is None else f"{content_type}, +"
            elif name == b"content-encoding":
                content_codings.append(value.strip().lower())
            elif name == b"content-length":
                length = read_length(value)
            elif name == b"accept":
                accept = value.decode("latin-1") if accept is None else f"{accept}, {value.decode('latin-1')}"
            elif name == b"prefer":
                preferences.append(value.decode("latin-1"))
            elif name == b"idempotency-key":
                # An empty one could stand for nothing but every request that has it.
                idempotency_key = value.decode("latin-1") or None
            elif name == b"origin":
                origin = value
            elif name == b"connection":
                options = {option.strip() for option in value.lower().split(b",")}
                closes = closes or b"close" in options
                is_plain = is_plain and options == {b"keep-alive"}
            else:
                is_plain = False
                if name == b"transfer-encoding":
                    transfer_codings.append(value.strip().lower())
                elif name == b"expect":
                    expects_continue = expects_continue or value.lower() == b"100-continue"
        recorded, is_clean, is_ascii, size = self._record(headers, hidden)
        is_small = size <= MAX_REMEMBERED_BYTES and len(headers) <= MAX_REMEMBERED_HEADERS
        return HeaderFacts(
            tuple(authorizations),
            content_type,
            tuple(content_codings),
            tuple(transfer_codings),
            read_preferences(", ".join(preferences)) if preferences else None,
            idempotency_key,
            accept,
            accept is None or accept == "*/*" or quality_of(accept, "application/json") > 0,
            tuple(hosts),
            origin,
            length,
            expects_continue,
            closes,
            is_plain,
            recorded,
            # Where nothing had to be hidden is no key either, but in a header that is hidden as a whole.
            () if is_clean else self._leaks.find_in_headers(headers),
            is_ascii,
            is_clean and is_small,
        )

    def _record(self, headers: Headers, hidden: Mapping[bytes, bytes]) -> tuple[Headers, bool, bool, int]:
        """Headers as they may be kept and shown, whether nothing but Authorization had to be hidden, whether
        all are ASCII, and how many bytes there are."""
        secrets, others = self._secrets, self._others
        is_clean, is_ascii, size = True, True, 0
        parts: list[bytes] = []
        recorded: list[tuple[bytes, bytes]] = []
        for header in headers:
            name, value = header
            if name in secrets:
                shown = hidden.get(value) if name == b"authorization" else None
                recorded.append((name, self._hide(name, value) if shown is None else shown))
                is_clean = is_clean and name not in others
                is_ascii = is_ascii and value.isascii()
                size += len(name) + len(value)
            else:
                parts += header
                recorded.append(header)
        # All at once, as in nearly every request there is nothing else to hide.
        rest = b"\n".join(parts)
        is_ascii = is_ascii and rest.isascii()
        size += len(rest)
        if redact_bytes(rest) is not rest:
            recorded = [(redact_bytes(name), self._hide(name, value)) for name, value in headers]
            is_clean = False
        return tuple(recorded), is_clean, is_ascii, size

    def _hide(self, name: bytes, value: bytes) -> bytes:
        """The value of a header as it may be kept and shown."""
        if name in self._secrets and name not in SECRET_HEADERS:
            return hide(value.decode("latin-1")).encode("latin-1") if value.strip() else value
        return redact_header(name, value)


# The headers that tell something here; the others are for stubs.
_TELLING = frozenset({
    b"host", b"authorization", b"content-type", b"content-encoding", b"content-length", b"accept", b"prefer",
    b"idempotency-key", b"origin", b"connection", b"transfer-encoding", b"expect", b"upgrade",
})  # fmt: skip
