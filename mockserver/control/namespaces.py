"""Routes onto the namespaces of the server: which there are, and forgetting one."""

from __future__ import annotations

from mockserver.control.routing import ControlAnswer, ControlCall, Route


def list_namespaces(call: ControlCall) -> ControlAnswer:
    """`GET /namespaces`: every namespace by name, with what it holds."""
    found = []
    for namespace in call.engine.namespaces:
        with namespace.transaction():
            found.append(namespace.describe())
    return ControlAnswer(200, {"namespaces": found})


def delete_namespace(call: ControlCall) -> ControlAnswer:
    """`DELETE /namespaces/{name}`: forget one; the default one is reset."""
    call.engine.namespaces.delete(call.parameters["name"])
    return ControlAnswer(200, {})


ROUTES: tuple[Route, ...] = (
    # Both take the locks of other namespaces: under one of their own, two of them could wait for each other.
    Route("GET", "/namespaces", list_namespaces, "Lists the namespaces, with what each holds.",
          answers={200: "Namespaces"}, is_locked=False),
    Route("DELETE", "/namespaces/{name}", delete_namespace, "Forgets a namespace; resets the default one.",
          is_locked=False),
)  # fmt: skip
