"""A recorded call as one line for curl."""

from __future__ import annotations

import shlex
from base64 import b64encode
from urllib.parse import urlsplit

from mockserver.exports.replay import VARIABLE, Server, kept_headers, write_url
from mockserver.journal.call import Call


def write_curl(call: Call, server: Server) -> str:
    """One line for a POSIX shell that makes the same request again."""
    credentials = server.show_credential(call, call.namespace)
    origin = server.origin
    request, url = call.request, write_url(call, origin, credentials)
    parts = ["curl", *_curl_method(request.method, has_body=bool(request.body))]
    if not request.path.startswith("/"):
        parts += ["--request-target", shlex.quote(url.removeprefix(origin))]
        url = origin
    if any(mark in url for mark in "[]{}"):
        parts.append("--globoff")
    if "/." in urlsplit(url).path:
        parts.append("--path-as-is")
    parts.append(shlex.quote(url))
    headers = list(kept_headers(call, credentials))
    for name, value in headers:
        if VARIABLE in value:
            parts.append(f'-H "{name}: {value}"')
        else:
            # curl takes a header without a value away, unless a semicolon ends its name.
            parts += ["-H", shlex.quote(f"{name}: {value}" if value else f"{name};")]
    if not request.body:
        return " ".join(parts)
    if not any(name == "Content-Type" for name, _ in headers):
        parts += ["-H", "Content-Type:"]
    text = _shell_text(request.body)
    if text is not None:
        return " ".join([*parts, "--data-raw", shlex.quote(text)])
    body = b64encode(request.body).decode("ascii")
    return " ".join(["echo", body, "| base64 -d |", *parts, "--data-binary @-"])


def _curl_method(method: str, *, has_body: bool) -> list[str]:
    if method == "HEAD":
        return ["--head"]
    return [] if method == "GET" and not has_body else ["-X", shlex.quote(method)]


def _shell_text(body: bytes) -> str | None:
    """A body as an argument of a command; None if it cannot be one."""
    try:
        return None if b"\x00" in body else body.decode("utf-8")
    except UnicodeDecodeError:
        return None
