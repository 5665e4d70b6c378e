"""Webhooks: what is sent after a stub has answered (WireMock's docs/webhooks-and-callbacks).

    {"serveEventListeners": [{"name": "webhook", "parameters": {"method": "POST", "url": "http://localhost:9000/",
     "headers": {"Content-Type": "application/json"}, "body": "{{jsonPath originalRequest.body '$.id'}}",
     "delay": {"type": "fixed", "milliseconds": 500}}}]}

URL, headers and body are templates. Here they are described; `serving/webhooks` sends them.
"""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass, field
from functools import partial
from typing import Literal
from urllib.parse import urlsplit
from uuid import UUID

from mockserver.clocks import format_instant
from mockserver.faults import Delay
from mockserver.http_fields import TOKEN
from mockserver.json_codec import escape_pointer
from mockserver.redaction import redact, redact_bytes, redact_header
from mockserver.scripting.bodies import read_template
from mockserver.scripting.delays import read_distribution
from mockserver.scripting.members import Members, show
from mockserver.scripting.reading import name_kind
from mockserver.scripting.templates import Context, OutputTooLong, Template, Writer
from mockserver.types import Headers, Json, JsonObject

# WireMock 3 writes the first, WireMock 2 wrote the second.
LISTENERS = ("serveEventListeners", "postServeActions")
MAX_WEBHOOKS = 10
# So much of a body is shown in a record.
MAX_SHOWN_BYTES = 8 * 1024
_METHOD = re.compile(r"[A-Z]{1,20}")
# These belong to the connection.
_FRAMING = frozenset(
    {"connection", "content-length", "transfer-encoding", "host", "upgrade", "te", "trailer"}
)
_PARAMETERS = ("method", "url", "headers", "body", "base64Body", "delay")


@dataclass(frozen=True, slots=True)
class WebhookDefinition:
    """One request that a stub sends after its answer."""

    method: str
    url: Template
    headers: tuple[tuple[str, Template], ...]
    body: Template | bytes
    delay: Delay | None


def read_webhooks(mapping: Members) -> tuple[WebhookDefinition, ...]:
    """The webhooks of a stub; what is refused is in its reading."""
    webhooks: list[WebhookDefinition] = []
    for member in LISTENERS:
        items = mapping.values.get(member)
        if items in (None, [], {}):
            mapping.values.pop(member, None)
            continue
        if not isinstance(items, list) or len(items) > MAX_WEBHOOKS:
            mapping.refuse(member, f"{member!r} must be an array of at most {MAX_WEBHOOKS} listeners")
            continue
        for index, item in enumerate(items):
            if item is None:
                continue
            place = f"{mapping.pointer}/{member}/{index}"
            listener = Members(item, place, mapping.reading, "a listener", ("name", "parameters"))
            if (name := listener.values.get("name")) != "webhook":
                listener.refuse("name", f"{show(name)} is no listener; the one here is 'webhook'")
            elif (read := _read_webhook(listener)) is not None:
                webhooks.append(read)
    return tuple(webhooks)


def _read_webhook(listener: Members) -> WebhookDefinition | None:
    part = listener.part("parameters", "the parameters of a webhook", _PARAMETERS)
    part.require("url")
    method = part.text("method") or "GET"
    if not _METHOD.fullmatch(method.upper()):
        part.refuse("method", f"{method!r} is no method such as POST")
    url = part.text("url")
    template = None if url is None else read_template(part, "url", partial(Template, url))
    if url is not None and "{{" not in url and (problem := find_problem(url)):
        part.refuse("url", problem)
    headers = _read_headers(part)
    body = _read_body(part)
    delay = read_distribution(part, "delay") if "delay" in part.values else None
    if template is None or body is None:
        return None
    return WebhookDefinition(method.upper(), template, tuple(headers), body, delay)


def find_problem(url: str) -> str | None:
    """Why nothing can be sent to a URL; None if something can."""
    try:
        parts = urlsplit(url)
        is_right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_right = False
    if not is_right or not url.isascii() or not url.isprintable() or " " in url or "@" in url.split("?")[0]:
        return f"{show(url)} is no URL such as http://localhost:9000/hook"
    return None


def _read_headers(part: Members) -> list[tuple[str, Template]]:
    written = part.values.get("headers", {})
    if not isinstance(written, dict):
        part.refuse("headers", f"'headers' must be an object of texts, not {name_kind(written)}")
        return []
    read: list[tuple[str, Template]] = []
    for name, values in written.items():
        place = f"headers/{escape_pointer(name)}"
        for value in values if isinstance(values, list) else [values]:
            if value is None:
                continue
            if not isinstance(value, str):
                part.reading.refuse(f"{part.pointer}/{place}", f"must be text, not {name_kind(value)}")
            elif not TOKEN.fullmatch(name) or name.lower() in _FRAMING:
                part.reading.refuse(
                    f"{part.pointer}/{place}", f"{name!r} is no header that a webhook can set"
                )
            elif (template := read_template(part, place, partial(Template, value))) is not None:
                read.append((name, template))
    return read


def _read_body(part: Members) -> Template | bytes | None:
    body: Json = part.values.get("body", "")
    if "base64Body" in part.values:
        text = part.text("base64Body")
        try:
            return b64decode(text or "", validate=True)
        except ValueError as error:
            part.refuse("base64Body", f"must be base64 (RFC 4648, section 4): {error}")
            return None
    if not isinstance(body, str):
        part.refuse("body", f"'body' must be text, not {name_kind(body)}")
        return None
    return read_template(part, "body", partial(Template, body))


State = Literal["pending", "delivered", "failed", "refused", "cancelled"]


@dataclass(slots=True)
class Webhook:
    """One request that is sent, or was: a record of plain values. Only what follows `delay_seconds` changes.

    `delivered` says that an answer came, whatever its `status`; `failed` that none did, `refused` that
    nothing was sent, both with `error`; `cancelled` that a reset or the end of the server came first.
    """

    id: str
    call: str
    stub: str
    method: str
    url: str
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    delay_seconds: float
    state: State = "pending"
    status: int | None = None
    error: str | None = None
    sent_millis: int | None = None

    def cancel(self) -> None:
        """Nothing shall be sent any more."""
        if self.state == "pending":
            self.state = "cancelled"

    def to_json(self) -> JsonObject:
        """The record as the control API shows it, secrets redacted."""
        headers: dict[str, list[str]] = {}
        for name, value in self.headers:
            shown = redact_header(name.lower(), value).decode("latin-1")
            headers.setdefault(name.decode("latin-1"), []).append(shown)
        return {
            "id": self.id,
            "call": self.call,
            "stub": self.stub,
            "request": {
                "method": self.method,
                "url": redact(self.url),
                "headers": {name: all[0] if len(all) == 1 else all for name, all in headers.items()},
                "body": redact_bytes(self.body)[:MAX_SHOWN_BYTES].decode("utf-8", "replace"),
            },
            "delaySeconds": self.delay_seconds,
            "state": self.state,
            "status": self.status,
            "error": None if self.error is None else redact(self.error),
            "sentAt": None if self.sent_millis is None else format_instant(self.sent_millis),
        }


def make_webhook(
    definition: WebhookDefinition, context: Context, *, call: str, stub: str, delay_seconds: float
) -> Webhook:
    """What a stub sends after a call. A template that writes too much is a record of its own: `refused`."""
    id = str(UUID(bytes=context.seed.digest()[:16], version=4))
    writer = Writer(context)
    url, headers, body = "", [], b""
    error: str | None = None
    try:
        url = definition.url.render(writer)
        headers = [(name.encode("ascii"), value.render_header(writer)) for name, value in definition.headers]
        given = definition.body
        body = given if isinstance(given, bytes) else given.render(writer).encode("utf-8", "replace")
        error = find_problem(url)
    except OutputTooLong:
        error = "its template writes more than a request may hold"
    webhook = Webhook(id, call, stub, definition.method, url, tuple(headers), body, delay_seconds)
    if error is not None:
        webhook.state, webhook.error = "refused", error
    return webhook
