"""The route of webhooks: what was sent after answers, and what became of it."""

from __future__ import annotations

from mockserver.control.routing import ControlAnswer, ControlCall, Route


def list_webhooks(call: ControlCall) -> ControlAnswer:
    """`GET /webhooks`: the newest thousand deliveries, in the order of their calls."""
    webhooks = [webhook.to_json() for webhook in call.namespace.webhooks]
    return ControlAnswer(200, {"webhooks": webhooks, "meta": {"total": len(webhooks)}})


ROUTES: tuple[Route, ...] = (
    Route("GET", "/webhooks", list_webhooks, "Lists the newest webhooks, in the order of their calls.",
          answers={200: "Webhooks"}),
)  # fmt: skip
