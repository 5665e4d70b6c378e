"""The control API: each module here holds the routes of one subject, the table is their sum.

Synchronous; HTTP (`door`) and in-process doors share it.
"""

from __future__ import annotations

from mockserver.control import (
    audits,
    calls,
    namespaces,
    pages,
    requests,
    sandbox,
    server,
    stubs,
    variants,
    webhooks,
)
from mockserver.control.routing import ControlAnswer, Listing, Question, Route, Router, Stream
from mockserver.engine.engine import Engine

_SUBJECTS = (
    pages, audits, calls, namespaces, requests, sandbox, server, stubs, variants, webhooks,
)  # fmt: skip
ROUTES: tuple[Route, ...] = tuple(route for subject in _SUBJECTS for route in subject.ROUTES)


class Control(Router):
    """Answers control calls for one engine: the router of the whole table."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, ROUTES)


__all__ = ["ROUTES", "Control", "ControlAnswer", "Listing", "Question", "Route", "Stream"]
