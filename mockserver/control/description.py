"""The description of the control API: an OpenAPI 3.1 document, made from the table of routes."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterable, Mapping

from mockserver.control.routing import Route
from mockserver.control.shapes import EXAMPLES, SHAPES, ref
from mockserver.exports import FORMATS
from mockserver.settings import NAMESPACE_NAME
from mockserver.types import Json, JsonObject
from mockserver.version import VERSION

_WHOLE: JsonObject = {"type": "integer", "minimum": 0, "maximum": 999_999_999}
_FLAG: JsonObject = {"type": "boolean"}

# The query parameters, by name: schema and what the parameter does.
PARAMETERS: Mapping[str, tuple[JsonObject, str]] = {
    "all": (_FLAG, "Count the calls of all namespaces since the server started."),
    "consumer": ({"type": "string"}, "The name of the side that calls."),
    "diff": (_FLAG, "Add how each differs from the plain answer, line by line."),
    "limit": (_WHOLE, "At most so many, the newest."),
    "matchingStub": ({"type": "string"}, "Only those that this stub answered, by its id."),
    "name": ({"type": "string"}, "Only those of this name."),
    "offset": (_WHOLE, "Skip so many, the newest."),
    "operation": ({"type": "string"}, "Only those of this operation."),
    "pairs": (_FLAG, "List any two legal ones at once instead."),
    "provider": ({"type": "string"}, "The name of the side that answers."),
    "reason": ({"type": "string"}, "Only those that were answered for this reason."),
    "run": (_FLAG, "Only what the calls touched."),
    "scheme": ({"type": "string"}, "A security scheme of the contract; else the first."),
    "since": ({"type": "string", "format": "date-time"}, "Only those that came after this time."),
    "status": (_WHOLE, "Only those with this status."),
    "unmatched": (_FLAG, "Only those that no stub and no operation answered."),
    "warnings": (_FLAG, "Only those with warnings."),
}
# `format` has other values on each route.
FORMAT_OF: Mapping[str, tuple[str, ...]] = {
    "/calls/{id}": ("json", *FORMATS),
    "/coverage": ("json", "text", "markdown", "html"),
}
_PATH_PARAMETERS: Mapping[str, str] = {
    "id": "The id of a call, a stub or a snapshot.",
    "name": "The name of a namespace, or of a scenario.",
    "file": "The name of a file of the page.",
}

# What can be wrong with any call, by status; with some only.
_ERRORS: Mapping[int, str] = {
    400: "The request is no sound HTTP, names no Host of this server, or has a wrong query or body.",
    401: "The admin token is missing or wrong.",
    403: "The request comes from a page of another site.",
}
_NOT_FOUND = "What the path names is unknown."
_GONE = "Evicted calls could change the answer; or something is there already."
_TOO_LARGE = "The body is larger than 64 MiB, or than 2 MiB and no list."
_UNSOUND = "The body is JSON, but not what the route takes; every problem is listed."
_MEANINGS: Mapping[int, str] = {
    200: "It is done.", 201: "It is made.", 204: "It is done; there is nothing to say.",
    408: "The time is up.", 422: "It is not offered.", 503: "The store does not answer.",
}  # fmt: skip


def describe(routes: Iterable[Route], *, origin: str, base: str, operations: Collection[str]) -> JsonObject:
    """The description of a table of routes.

    `origin` is scheme, host and port, `base` the path that the routes stand below; `operations` are the ids
    of the contract's operations.
    """
    paths: dict[str, JsonObject] = {}
    tags: dict[str, str] = {}
    for route in routes:
        tag, text = _read_tag(route)
        tags[tag] = text
        paths.setdefault(route.path, {})[route.method.lower()] = _describe_route(route, tag, operations)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "The control API of mockserver",
            "version": VERSION,
            "description": "WireMock's routes and shapes where WireMock has them, this server's own beside "
            "them. `HEAD` is answered wherever `GET` is. A namespace has its own below `/~name/__admin`.",
        },
        "servers": [{"url": f"{origin}{base}", "description": "This server."}],
        "security": [{}, {"adminToken": []}],
        "tags": [{"name": name, "description": text} for name, text in sorted(tags.items())],
        "paths": paths,
        "components": {
            "schemas": dict(SHAPES),
            "securitySchemes": {
                "adminToken": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Needed where the server has an `--admin-token`, or made one itself.",
                }
            },
        },
    }


def _read_tag(route: Route) -> tuple[str, str]:
    """The subject of a route: the name of its module, and what that says of itself."""
    module = sys.modules[route.run.__module__]
    return module.__name__.rpartition(".")[2], (module.__doc__ or "").partition("\n\n")[0].replace("\n", " ")


def operation_id(route: Route) -> str:
    """`GET /calls/{id}` -> `getCallsById`."""
    words = re.findall(r"\{?[A-Za-z]+", route.path)
    named = (f"By{word[1:].capitalize()}" if word[0] == "{" else word.capitalize() for word in words)
    return route.method.lower() + ("".join(named) or "Index")


def _describe_route(route: Route, tag: str, operations: Collection[str]) -> JsonObject:
    parameters = [_path_parameter(name, route.path) for name in re.findall(r"\{(\w+)\}", route.path)]
    parameters += [_query_parameter(name, route, operations) for name in route.query]
    written: JsonObject = {
        "operationId": operation_id(route),
        "tags": [tag],
        "summary": route.summary,
        **({"parameters": parameters} if parameters else {}),
        **({"security": []} if route.is_public else {}),
        "responses": {str(status): answer for status, answer in sorted(_describe_answers(route).items())},
    }
    if route.body is not None:
        content: JsonObject = {"schema": ref(route.body)}
        if route.body in EXAMPLES:
            content["example"] = EXAMPLES[route.body]
        is_required = not route.path.startswith("/scenarios")
        written["requestBody"] = {"required": is_required, "content": {"application/json": content}}
    return written


def _path_parameter(name: str, path: str) -> JsonObject:
    schema: JsonObject = {"type": "string", "minLength": 1}
    if path == "/namespaces/{name}":
        schema = {"type": "string", "pattern": f"^{NAMESPACE_NAME.pattern}$"}
    return {"name": name, "in": "path", "required": True, "description": _PATH_PARAMETERS[name],
            "schema": schema}  # fmt: skip


def _query_parameter(name: str, route: Route, operations: Collection[str]) -> JsonObject:
    if name == "format":
        schema: JsonObject = {"enum": list(FORMAT_OF[route.path])}
        text = "How the answer is written."
    else:
        schema, text = PARAMETERS[name]
        if name == "operation":
            schema = {"enum": list(operations)}
    return {"name": name, "in": "query", "required": False, "description": text, "schema": schema}


def _describe_answers(route: Route) -> dict[int, JsonObject]:
    errors = dict(_ERRORS)
    if "{" in route.path or route.path in ("/credential", "/mappings/edit"):
        errors[404] = _NOT_FOUND
    if route.path.startswith(_ABOUT_CALLS) or route.method in ("POST", "PUT"):
        errors[409] = _GONE
    if route.body is not None:
        errors |= {413: _TOO_LARGE, 422: _UNSOUND}
    answers: dict[int, JsonObject] = {
        status: {"description": text, "content": {"application/json": {"schema": ref("Errors")}}}
        for status, text in errors.items()
    }
    for status, given in route.answers.items():
        names = (given,) if isinstance(given, str) else given
        answer: JsonObject = {"description": _MEANINGS[status]}
        content = _describe_content(names)
        answers[status] = answer | ({"content": content} if content else {})
    return answers


_ABOUT_CALLS = ("/calls", "/har", "/pact", "/requests", "/near-misses", "/audits", "/mappings/unmatched")


def _describe_content(names: Iterable[str]) -> JsonObject:
    """Shapes are JSON, any of them; what else is named is a media type of texts."""
    content: dict[str, Json] = {}
    shapes = []
    for name in names:
        if name in SHAPES:
            shapes.append(ref(name))
        else:
            content[name] = {"schema": {"type": "string"}}
    if shapes:
        content["application/json"] = {"schema": shapes[0] if len(shapes) == 1 else {"anyOf": shapes}}
    return content
