"""A recorded call as a pytest test."""

from __future__ import annotations

from collections.abc import Iterable

from mockserver.exports.replay import VARIABLE, Server, kept_headers, write_url
from mockserver.faults import Fault
from mockserver.journal.call import Call
from mockserver.json_codec import dumps
from mockserver.security.schemes import Shown
from mockserver.settings import DEFAULT_NAMESPACE

# Faults that a client sees as a broken connection, not as an answer.
_BREAKING = frozenset(Fault) - {Fault.NOT_JSON}


def write_pytest(call: Call, server: Server) -> str:
    """A test that makes the same request to the fixture `mockserver` and expects the same status.

    What a stub answered is scripted again.
    """
    # The path of the fixture's base URL names the namespace.
    credentials = server.show_credential(call, DEFAULT_NAMESPACE)
    is_broken = call.fault in _BREAKING
    imports = ["http.client"]
    imports += ["os"] if any(VARIABLE in shown.value for shown in credentials) else []
    lines = ["", "", f"def test_call_{call.number}(mockserver):"]
    if call.stub is not None and call.operation is not None:
        lines.append(f"    mockserver.queue({_quote(call.operation)}, [{_write_outcome(call)}])")
    timeout = 1 if call.fault == Fault.HANG else 10
    lines += [
        "    base = urlsplit(mockserver.base_url)",
        f"    connection = http.client.HTTPConnection(base.netloc, timeout={timeout})",
        "    connection.request(",
        f"        {_quote(call.head.method)},",
        f"        {_write_target(call, server.prefix, credentials)},",
    ]
    if call.body:
        lines.append(f"        body={call.body!r},")
    is_usual = server.is_usual(call)
    headers = [
        f"            {_quote(name)}: {_write_value(name, value, credentials, is_usual=is_usual)},"
        for name, value in _joined_headers(call, credentials)
    ]
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


def _joined_headers(call: Call, credentials: tuple[Shown, ...]) -> Iterable[tuple[str, str]]:
    """The kept headers, each name once (RFC 9110, section 5.3)."""
    joined: dict[str, str] = {}
    for name, value in kept_headers(call, credentials):
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


def _write_target(call: Call, prefix: str, credentials: tuple[Shown, ...]) -> str:
    request = call.request
    target = write_url(call, "", credentials)
    target = target[target.index(request.path) :]
    if prefix and request.path.startswith(f"{prefix}/"):
        return f"base.path + {_quote(target.removeprefix(prefix))}"
    return f"base.path.removesuffix({_quote(prefix)}) + {_quote(target)}"


def _write_value(name: str, value: str, credentials: tuple[Shown, ...], *, is_usual: bool) -> str:
    """The value of a header; for a credential, an expression that gives one."""
    if not any(shown.place == "header" and shown.name.title() == name for shown in credentials):
        return _quote(value)
    scheme, _, credential = value.rpartition(" ")
    before = f"{_quote(f'{scheme} ')} + " if scheme else ""
    if credential == VARIABLE:
        return f'{before}os.environ.get("{VARIABLE[1:]}", mockserver.secret_key)'
    return f"{before}mockserver.secret_key" if is_usual else _quote(value)
