"""What makes a recorded request again: where it went, its headers, and what stands in for its credential.

What is recorded is redacted, so a stand-in takes the credential's place: of the same kind, in the same
namespace, and another one for another secret. Where nothing can stand in, it is read from the environment.
The rules of the API say what does (`Rules.show_credential`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple
from urllib.parse import quote, unquote_plus

from mockserver.contract import Operation
from mockserver.journal.call import Call
from mockserver.security.schemes import VARIABLE, Shown
from mockserver.settings import DEFAULT_NAMESPACE

__all__ = ["VARIABLE", "Server", "kept_headers", "write_url"]

# What a client writes by itself, and what is written here by other means.
_OWN_HEADERS = frozenset({
    b"accept-encoding", b"authorization", b"connection", b"content-encoding", b"content-length", b"expect",
    b"host", b"proxy-authorization", b"transfer-encoding", b"user-agent",
})  # fmt: skip


class Server(NamedTuple):
    """Where a call can be made again: scheme, host and port, and the path of the contract's server URL.

    `show_credential` gives the stand-in for a call's credential in a namespace; `is_usual` says whether the
    credential is of the kind that a sandbox hands out itself, `show_usual` gives such a one.
    """

    origin: str
    prefix: str
    show_credential: Callable[[Call, str], tuple[Shown, ...]]
    is_usual: Callable[[Call], bool]
    show_usual: Callable[[Operation | None, str], tuple[Shown, ...]]


def write_url(call: Call, origin: str, credentials: Iterable[Shown] = ()) -> str:
    """Where the call went, its namespace in the path, with the stand-ins that belong into its query."""
    head = call.head
    base = origin if call.namespace == DEFAULT_NAMESPACE else f"{origin}/~{call.namespace}"
    query = head.query
    for shown in credentials:
        if shown.place == "query":
            query = "&".join(
                f"{name}={quote(shown.value, safe='')}"
                if unquote_plus(name) == shown.name
                else f"{name}{equals}{value}"
                for name, equals, value in (pair.partition("=") for pair in query.split("&"))
            )
    return f"{base}{head.path}{'?' if query else ''}{query}"


def kept_headers(call: Call, credentials: Iterable[Shown] = ()) -> Iterator[tuple[str, str]]:
    """The headers that make the request what it is, names as a person writes them; credentials first."""
    cookies = {shown.name: shown.value for shown in credentials if shown.place == "cookie"}
    shown_names = {shown.name.lower() for shown in credentials if shown.place == "header"}
    for shown in credentials:
        if shown.place == "header":
            yield shown.name.title(), shown.value
    for raw_name, raw_value in call.head.headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if raw_name in _OWN_HEADERS or name in shown_names or (name, value) == ("accept", "*/*"):
            continue
        if name == "cookie" and cookies:
            pairs = (pair.strip().partition("=") for pair in value.split(";"))
            value = "; ".join(f"{key}{equals}{cookies.get(key, text)}" for key, equals, text in pairs)
        yield name.title(), value
