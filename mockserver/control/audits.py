"""Routes of the audits: what a client did that no single answer shows."""

from __future__ import annotations

from mockserver.control.routing import ControlAnswer, ControlCall, Route
from mockserver.journal.audits import find_duplicates, find_retries


def get_duplicates(call: ControlCall) -> ControlAnswer:
    """`GET /audits/duplicates`: creates that were carried out more than once with the same meaning."""
    duplicates = [
        {"operation": calls[0].operation, "calls": [item.to_json() for item in calls]}
        for calls in find_duplicates(call.namespace.journal)
    ]
    return ControlAnswer(200, {"ok": not duplicates, "duplicates": duplicates})


def get_retries(call: ControlCall) -> ControlAnswer:
    """`GET /audits/retry-after`: for each call after one that asked to wait, how long its client waited."""
    retries = [
        {"call": item.id, "number": item.number, "operation": item.operation, **item.retry.to_json()}
        for item in find_retries(call.namespace.journal)
        if item.retry is not None
    ]
    return ControlAnswer(200, {"ok": all(retry["respected"] for retry in retries), "retries": retries})


ROUTES: tuple[Route, ...] = (
    Route("GET", "/audits/duplicates", get_duplicates,
          "Lists the creates that were carried out more than once with the same meaning.",
          answers={200: "Duplicates"}),
    Route("GET", "/audits/retry-after", get_retries,
          "Says of each call after one that asked to wait how long its client waited.",
          answers={200: "Retries"}),
)  # fmt: skip
