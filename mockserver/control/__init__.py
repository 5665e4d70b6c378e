"""The control API: one table of routes onto a namespace. Synchronous; HTTP and in-process doors share it.

A route is a function from a ControlCall to a ControlAnswer, to a Listing, which takes long to write, or to a
Question: something that may have to wait for calls before it can be answered. How to wait, and for whom to
pause, is the door's business. Each module here holds the
routes of one subject; the table is their sum.
"""

from __future__ import annotations

from contextlib import nullcontext

from mockserver.contract.path_templates import PathTemplates
from mockserver.control import audits, calls, namespaces, requests, sandbox, server, stubs, variants
from mockserver.control.routing import (
    BadRequest,
    ControlAnswer,
    ControlCall,
    Listing,
    Question,
    Route,
    Stream,
    refuse,
    refuse_all,
)
from mockserver.engine.engine import Engine
from mockserver.exceptions import InvalidInput, MalformedJson, Problem, Unanswerable, UnknownItem
from mockserver.json_codec import loads
from mockserver.request.line import read_query
from mockserver.settings import DEFAULT_NAMESPACE, NAMESPACE_NAME
from mockserver.types import UNSET, Json, UnsetType

PREFIX = "/__admin"

ROUTES: tuple[Route, ...] = (
    *audits.ROUTES,
    *calls.ROUTES,
    *namespaces.ROUTES,
    *requests.ROUTES,
    *sandbox.ROUTES,
    *server.ROUTES,
    *stubs.ROUTES,
    *variants.ROUTES,
)


class Control:
    """Answers control calls for one engine."""

    def __init__(self, engine: Engine, routes: tuple[Route, ...] | None = None) -> None:
        self._engine = engine
        self._paths: PathTemplates[dict[str, Route]] = PathTemplates()
        table: dict[str, dict[str, Route]] = {}
        for route in ROUTES if routes is None else routes:
            table.setdefault(route.path, {})[route.method] = route
        for path, methods in table.items():
            self._paths.add(path, methods)

    def answer(
        self,
        method: str,
        path: str,
        query: str,
        body: bytes,
        *,
        namespace: str = DEFAULT_NAMESPACE,
        origin: str = "",
    ) -> ControlAnswer | Question | Stream:
        """Carry out one control call: as `begin`, but a listing is written at once."""
        answer = self.begin(method, path, query, body, namespace=namespace, origin=origin)
        return answer.finish() if isinstance(answer, Listing) else answer

    def begin(
        self,
        method: str,
        path: str,
        query: str,
        body: bytes,
        *,
        namespace: str = DEFAULT_NAMESPACE,
        origin: str = "",
    ) -> ControlAnswer | Listing | Question | Stream:
        """Carry out one control call.

        `path` is below `/__admin`, percent-encoded; `origin` is the scheme, host and port that links lead to.
        Everything that a caller can do wrong is an answer, never an exception.
        """
        found = self._paths.find(path)
        if found is None:
            return refuse(404, f"there is no control route {path!r}")
        methods, parameters = found
        route = methods.get(method)
        if route is None:
            allow = ", ".join(sorted(methods))
            answer = refuse(405, f"{path} takes {allow}, not {method}")
            return answer._replace(headers=((b"allow", allow.encode("ascii")),))
        value: Json | UnsetType = UNSET
        if body.strip():
            try:
                value, _ = loads(body)
            except MalformedJson as error:
                return refuse_all(400, [Problem(f"the body is no JSON: {error}")])
        space = self._engine.namespaces.get(namespace)
        call = ControlCall(self._engine, space, parameters, read_query(query), value, origin)
        try:
            with space.lock if route.is_locked else nullcontext():
                return route.run(call)
        except BadRequest as error:
            return refuse(400, str(error))
        except UnknownItem as error:
            return refuse(404, str(error))
        except Unanswerable as error:
            return refuse(409, str(error))
        except InvalidInput as error:
            return refuse_all(422, list(error.problems))


def split_path(path: str) -> tuple[str, str] | None:
    """Namespace and rest of a raw request path that leads to the control API, else None.

    Only the literal path does: nothing is decoded, doubled slashes and dots lead nowhere.
    """
    name = DEFAULT_NAMESPACE
    if path.startswith("/~"):
        name, slash, rest = path[2:].partition("/")
        if not NAMESPACE_NAME.fullmatch(name):
            return None
        path = slash + rest
    if path == PREFIX or path.startswith(f"{PREFIX}/"):
        return name, path.removeprefix(PREFIX) or "/"
    return None


__all__ = ["ROUTES", "Control", "ControlAnswer", "Listing", "Question", "Route", "Stream", "split_path"]
