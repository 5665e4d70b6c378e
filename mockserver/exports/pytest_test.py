"""A recorded call as a pytest test."""

from __future__ import annotations

from collections.abc import Iterable

from mockserver.exports.replay import VARIABLE, kept_headers, make_stand_in, needs_secret
from mockserver.faults import Fault
from mockserver.journal.call import Call
from mockserver.json_codec import dumps
from mockserver.security.credential import Credential
from mockserver.settings import DEFAULT_NAMESPACE

# Faults that a client sees as a broken connection, not as an answer.
_BREAKING = frozenset(Fault) - {Fault.NOT_JSON}


def write_pytest(call: Call, prefix: str) -> str:
    """A test that makes the same request to the fixture `mockserver` and expects the same status.

    `prefix` is the path of the contract's server URL. What a stub answered is scripted again.
    """
    credential = call.credential
    is_broken = call.fault in _BREAKING
    imports = ["http.client"]
    imports += ["os"] if needs_secret(credential) else []
    lines = ["", "", f"def test_call_{call.number}(mockserver):"]
    if call.stub is not None and call.operation is not None:
        lines.append(f"    mockserver.queue({_quote(call.operation)}, [{_write_outcome(call)}])")
    timeout = 1 if call.fault == Fault.HANG else 10
    lines += [
        "    base = urlsplit(mockserver.base_url)",
        f"    connection = http.client.HTTPConnection(base.netloc, timeout={timeout})",
        "    connection.request(",
        f"        {_quote(call.head.method)},",
        f"        {_write_target(call, prefix)},",
    ]
    if call.body:
        lines.append(f"        body={call.body!r},")
    headers = [f"            {_quote(name)}: {_quote(value)}," for name, value in _joined_headers(call)]
    token = _write_token(credential)
    if token is not None:
        headers.insert(0, f'            "Authorization": {token},')
    if headers:
        lines += ["        headers={", *headers, "        },"]
    lines.append("    )")
    if is_broken:
        imports.append("pytest")
        lines += [
            "    with pytest.raises((http.client.HTTPException, OSError)):",
            "        connection.getresponse().read()",
            "    connection.close()",
        ]
    else:
        lines += ["    response = connection.getresponse()", "    connection.close()"]
        if call.status is not None:
            lines += ["", f"    assert response.status == {call.status}"]
    head = [f"import {name}" for name in imports if name != "pytest"]
    head.append("from urllib.parse import urlsplit")
    head += ["", "import pytest"] if "pytest" in imports else []
    return "\n".join([*head, *lines, ""])


def _joined_headers(call: Call) -> Iterable[tuple[str, str]]:
    """The kept headers, each name once (RFC 9110, section 5.3)."""
    joined: dict[str, str] = {}
    for name, value in kept_headers(call):
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined.items()


def _quote(text: str) -> str:
    """A text as Python writes it."""
    return dumps(text).decode("utf-8")


def _write_outcome(call: Call) -> str:
    """The entry of `mockserver.queue` that answers as the stub did."""
    answer = {"status": call.status} if call.fault is None else {"fault": call.fault}
    phase = {} if call.phase in (None, "before") else {"phase": call.phase}
    # JSON of texts and numbers is Python as well.
    return dumps(answer | phase).decode("ascii")


def _write_target(call: Call, prefix: str) -> str:
    request = call.request
    target = f"{request.path}{'?' if request.query else ''}{request.query}"
    if prefix and request.path.startswith(f"{prefix}/"):
        return f"base.path + {_quote(target.removeprefix(prefix))}"
    return f"base.path.removesuffix({_quote(prefix)}) + {_quote(target)}"


def _write_token(credential: Credential) -> str | None:
    if needs_secret(credential):
        return f'"Bearer " + os.environ.get("{VARIABLE}", mockserver.secret_key)'
    if credential.kind == "secret" and credential.mode == "test":
        return '"Bearer " + mockserver.secret_key'
    # The path of the fixture's base URL names the namespace.
    stand_in = make_stand_in(credential, DEFAULT_NAMESPACE)
    return None if stand_in is None else _quote(f"Bearer {stand_in}")
