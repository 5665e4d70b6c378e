"""Routes of the page, of its files, and of the descriptions. What a browser asks for here is no call."""

from __future__ import annotations

import html
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from mockserver.control.description import describe
from mockserver.control.routing import ControlAnswer, ControlCall, Route
from mockserver.exceptions import UnknownItem
from mockserver.json_codec import loads
from mockserver.settings import packaged_folder
from mockserver.suggestions import suggest
from mockserver.types import Json
from mockserver.version import VERSION

_FOLDER = Path(__file__).resolve().parents[1] / "page"
_MEDIA_TYPES: Mapping[str, str] = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
_VARY = ((b"vary", b"Accept"),)


@cache
def read_files() -> Mapping[str, str]:
    """The text of every file of the page, by name."""
    return {path.name: path.read_text("utf-8") for path in sorted(_FOLDER.iterdir()) if path.is_file()}


def get_index(call: ControlCall) -> ControlAnswer:
    """`GET /`: the page for a browser, an index of the routes for anybody else; also at `/` of the root."""
    if call.accepts_html:
        return _show(call, "index.html")._replace(headers=_VARY)
    base = call.base
    value = {
        "name": "mockserver",
        "version": VERSION,
        "page": f"{call.origin}{base}/",
        "docs": f"{call.origin}{base}/docs",
        "openapi": f"{call.origin}{base}/openapi.json",
        "routes": [
            {"method": route.method, "path": f"{base}{route.path}", "summary": route.summary}
            for route in call.routes
        ],
    }
    return ControlAnswer(200, value, headers=_VARY)


def get_docs(call: ControlCall) -> ControlAnswer:
    """`GET /docs`: the description of the control API, to read and to try."""
    return _show(call, "docs.html", f"{call.base}/openapi.json")


def get_contract_docs(call: ControlCall) -> ControlAnswer:
    """`GET /contract/docs`: the contract, to read and to try; also at `/docs` of the root."""
    return _show(call, "docs.html", f"{call.base}/contract")


def _show(call: ControlCall, name: str, document: str = "") -> ControlAnswer:
    """A page, told where the control API stands, and which document it shows."""
    text = read_files()[name]
    for mark, value in (("{{base}}", call.base), ("{{document}}", document)):
        text = text.replace(mark, html.escape(value))
    return ControlAnswer(200, text=text, media_type="text/html", is_page=True)


def get_file(call: ControlCall) -> ControlAnswer:
    """`GET /page/{file}`: a file of the page."""
    name = call.parameters["file"]
    media_type = _MEDIA_TYPES.get(Path(name).suffix)
    if media_type is None or name not in read_files():
        raise UnknownItem("the page has no file of this name")
    cache_control = ((b"cache-control", b"no-cache"),)
    return ControlAnswer(200, text=read_files()[name], media_type=media_type, headers=cache_control)


def get_description(call: ControlCall) -> ControlAnswer:
    """`GET /openapi.json`: the control API as an OpenAPI document."""
    operations = call.engine.contract.operations
    return ControlAnswer(
        200, describe(call.routes, origin=call.origin, base=call.base, operations=operations)
    )


def get_schema(call: ControlCall) -> ControlAnswer:
    """`GET /schemas/{file}`: the JSON Schema of a kind of fixture file, or of what a contract may say to this
    server beyond OpenAPI."""
    files = read_schemas()
    name = call.parameters["file"]
    if name not in files:
        raise UnknownItem(f"there is no schema {name!r}; {suggest(name, files, lists_all=True)}")
    return ControlAnswer(200, files[name])


@cache
def read_schemas() -> dict[str, Json]:
    """The schemas that editors need, by the name of the file."""
    paths = sorted((packaged_folder("schemas") / "editors").iterdir())
    return {path.name: loads(path.read_bytes())[0] for path in paths}


ROUTES: tuple[Route, ...] = (
    Route("GET", "/", get_index, "Shows the page to a browser, and an index of the routes to others.",
          answers={200: ("Index", "text/html")}, is_locked=False, is_public=True),
    Route("GET", "/page/{file}", get_file, "Gives a file of the page.",
          answers={200: tuple(_MEDIA_TYPES.values())}, is_locked=False, is_public=True),
    Route("GET", "/openapi.json", get_description, "Describes the control API as an OpenAPI document.",
          answers={200: "OpenAPI"}, is_locked=False, is_public=True),
    Route("GET", "/schemas/{file}", get_schema, "Gives the JSON Schema of a kind of fixture file.",
          answers={200: "Schema"}, is_locked=False, is_public=True),
    Route("GET", "/docs", get_docs, "Shows the description of the control API, to read and to try.",
          answers={200: "text/html"}, is_locked=False, is_public=True),
    Route("GET", "/contract/docs", get_contract_docs,
          "Shows the contract, to read and to try; also at `/docs` of the root.",
          answers={200: "text/html"}, is_locked=False, is_public=True),
)  # fmt: skip
