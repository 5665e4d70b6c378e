"""What makes a recorded request again: where it went, its headers, and what stands in for its credential.

What is recorded is redacted, so a stand-in takes the credential's place: of the same kind and mode, in the
same namespace, and another one for another secret. Nothing can stand in for issued keys and JWTs: they are
read from the environment.
"""

from __future__ import annotations

from collections.abc import Iterator

from mockserver.journal.call import Call
from mockserver.security.credential import Credential
from mockserver.settings import DEFAULT_NAMESPACE

VARIABLE = "MOCKSERVER_CREDENTIAL"

# What a client writes by itself, and what is written here by other means.
_OWN_HEADERS = frozenset({
    b"accept-encoding", b"authorization", b"connection", b"content-length", b"expect", b"host",
    b"proxy-authorization", b"transfer-encoding", b"user-agent",
})  # fmt: skip


def make_stand_in(credential: Credential, namespace: str) -> str | None:
    """A token that is judged as the recorded one was; None where there was none or only its owner has it."""
    if credential.kind == "none" or needs_secret(credential):
        return None
    if credential.kind == "malformed":
        return "malformed"
    prefix = "sk" if credential.kind == "secret" else "pk"
    name = "" if namespace == DEFAULT_NAMESPACE else f"ns-{namespace}_"
    return f"{prefix}_{credential.mode}_{name}{credential.fingerprint}"


def needs_secret(credential: Credential) -> bool:
    """Whether nothing can stand in for a credential."""
    return credential.kind == "jwt" or credential.is_issued


def write_url(call: Call, origin: str) -> str:
    """Where the call went, its namespace in the path."""
    head = call.head
    base = origin if call.namespace == DEFAULT_NAMESPACE else f"{origin}/~{call.namespace}"
    return f"{base}{head.path}{'?' if head.query else ''}{head.query}"


def kept_headers(call: Call) -> Iterator[tuple[str, str]]:
    """The headers that make the request what it is, as a person would write their names."""
    for name, value in call.head.headers:
        if name not in _OWN_HEADERS and (name, value) != (b"accept", b"*/*"):
            yield name.decode("latin-1").title(), value.decode("latin-1")
