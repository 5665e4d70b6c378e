"""Calls and journals made by hand."""

from __future__ import annotations

from typing import Any

from mockserver.contract.validation import CallWarning
from mockserver.journal.call import Call
from mockserver.journal.journal import Journal
from mockserver.messages import Response
from mockserver.request.head import ShownHead
from mockserver.security.credential import NO_CREDENTIAL


def make_call(number: int, operation: str | None = "createApiKey", **more: Any) -> Call:
    """A call that was answered with 201 or what is given: status, reason, body, warnings, millis."""
    millis = more.get("millis", number)
    return Call(
        id=f"call-{number}",
        number=number,
        namespace="default",
        head=ShownHead("POST", "/v1/api-keys/", "", (), operation, {}, NO_CREDENTIAL),
        body=more.get("body", b""),
        client=None,
        violations=[],
        warnings=[CallWarning("suspicious", "…")] * more.get("warnings", 0),
        reason=more.get("reason", "created"),
        received_millis=millis,
        started=0.0,
        clock_millis=millis,
        response=Response(more.get("status", 201), (), b""),
    )


def fill(journal: Journal, count: int, **more: Any) -> list[Call]:
    """Record some calls, numbered on."""
    calls = []
    for _ in range(count):
        journal.last_number += 1
        call = make_call(journal.last_number, **more)
        journal.record(call)
        calls.append(call)
    return calls
