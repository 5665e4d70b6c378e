"""H27: scripts, markup, links and braces in every text that the page shows: nothing runs, nothing breaks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from mockserver.serving.uvicorn_server import ServerThread
from mockserver.settings import Settings
from tests.doors import Api, socket_api

pytest.importorskip("selenium")

from tests.page.screen import Screen

TEXTS = {
    "markup": "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
    "<svg/onload=window.hacked=1>"
    "</script></textarea></title><script>window.hacked = 1</script>",
    "link": "javascript:window.hacked=1",
    "braces": "{{constructor.constructor('window.hacked=1')()}} ${window.hacked=1} #{7*7} <%= 7*7 %>"
    "\" onmouseover=\"window.hacked=1\" style=\"position:fixed;inset:0\" x=\"",
    "marks": "\u202e\u2066 \u0000 \ud7ff \x1b[31m \r\n event: call",
    "members": "__proto__",
}  # fmt: skip


_MADE = """
const made = "script, img, iframe, object, embed, style, [onerror], [onload], [onmouseover]";
return [...document.querySelector("main").querySelectorAll(made)].map((item) => item.outerHTML);
"""
_LEADING_AWAY = """
return [...document.links].map((a) => a.href).filter((href) => !href.startsWith(location.origin));
"""


def contract_of(text: str) -> Any:
    """A contract that says this text wherever it can say one."""
    members = {
        "name": {"type": "string", "description": text, "enum": [text, "other"]},
        text: {"type": "string"},
    }
    schema = {
        "type": "object",
        "title": text,
        "description": text,
        "required": ["name"],
        "properties": members,
    }
    body = {"application/json": {"schema": schema, "example": {"name": text}}}
    answer = {
        "description": text,
        "content": {"application/json": {"schema": {"type": "object"}, "example": {text: text}}},
    }
    query = {"name": "q", "in": "query", "description": text, "schema": {"type": "string", "default": text}}
    return {
        "openapi": "3.1.0",
        "info": {"title": text, "version": text, "description": text},
        "servers": [{"url": "https://api.example/v1", "description": text}],
        "paths": {
            "/things": {
                "post": {
                    "operationId": "make",
                    "summary": text,
                    "description": text,
                    "tags": [text],
                    "parameters": [query],
                    "requestBody": {"description": text, "content": body},
                    "responses": {"201": answer, "400": answer},
                }
            }
        },
    }  # fmt: skip


@pytest.fixture(scope="module", params=list(TEXTS.values()), ids=list(TEXTS))
def hostile(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, ServerThread, Api]]:
    """A text, and a server to which it was sent in every place that it can stand in."""
    text: str = request.param
    contract = tmp_path_factory.mktemp("contract") / "openapi.json"
    contract.write_text(json.dumps(contract_of(text)), "utf-8")
    with ServerThread(Settings(port=0, contract=contract)) as server, socket_api(server) as api:
        line = (
            text.encode("ascii", "replace")
            .decode()
            .replace("\r", " ")
            .replace("\n", " ")
            .replace("\x00", " ")
            .replace("\x1b", " ")
        )
        escaped = quote(text.replace("\x00", " "), safe="")
        namespace = server.engine.namespaces.default
        api.script({"name": text, "scenarioName": text, "requiredScenarioState": "Started",
                    "newScenarioState": text,
                    "request": {"urlPath": "/stub", "headers": {"X-Text": {"equalTo": text}}},
                    "response": {"status": 200, "headers": {"X-Text": line.strip()}, "body": text},
                    "metadata": {"note": text, "mockserver": {"hold": False}}})  # fmt: skip
        api.send("POST", f"/v1/things?q={escaped}", headers={"X-Text": line}, json={"name": 5, text: text})
        api.send("POST", "/v1/things", headers={"X-Text": line}, body=text.encode("utf-8", "replace"))
        api.send(
            "GET", f"/stub/{escaped}", headers={"X-Text": line, "Cookie": line}, json={text: {text: [text]}}
        )
        api.send("GET", "/stub", headers={"X-Text": line.strip()}, body=b"")
        assert len(namespace.journal) == 4
        yield text, server, api


def test_h27_nothing_is_executed_and_nothing_breaks(
    browser: Any, hostile: tuple[str, ServerThread, Api]
) -> None:
    text, server, api = hostile
    screen = Screen(browser, f"{server.origin}/__admin/")
    browser.get(f"{server.origin}/__admin/page/icon.svg")
    browser.get_log("browser")
    shown = ""
    screen.open()
    places = ["calls", "operations/make", "failures/make", "stubs", "sandbox", "contract"]
    places += [f"calls/{call['id']}" for call in api.calls()]
    for place in places:
        screen.go(place)
        browser.execute_script("for (const d of document.querySelectorAll('details')) d.open = true")
        if place.startswith("calls/"):
            screen.wait(lambda: "Looking" not in screen.text(".near") if screen.all(".near") else True)
            screen.press("p")
            screen.one(".exported textarea")
        shown += screen.text("body")
        look(browser, screen, place)
    for path in ("/docs", "/__admin/docs"):
        browser.get(server.origin + path)
        screen.wait(lambda: screen.all("article"))
        browser.execute_script("for (const d of document.querySelectorAll('details')) d.open = true")
        shown += screen.text("body")
        look(browser, screen, path)
    wanted = text.splitlines()[-1].strip() if "\n" in text else text
    assert wanted.split("`")[0][:60] in shown


def look(browser: Any, screen: Screen, place: str) -> None:
    """Nothing ran, no text became an element or a link elsewhere, and the browser has no complaint."""
    assert browser.execute_script("return window.hacked") is None, place
    assert browser.execute_script(_MADE) == [], place
    assert browser.execute_script(_LEADING_AWAY) == [], place
    assert screen.complaints() == [], place


def test_h27_an_answer_of_the_control_api_is_no_page(hostile: tuple[str, ServerThread, Api]) -> None:
    _, _, api = hostile
    for path in ("/calls", "/har", "/mappings", "/coverage?format=html", "/openapi.json", "/contract"):
        answer = api.send("GET", f"/__admin{path}", key=None, headers={"Accept": "text/html"}, body=b"")
        assert answer.header("content-security-policy") == "default-src 'none'"
        assert answer.header("x-content-type-options") == "nosniff"


_WRITING_HTML = (
    "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "DOMParser",
)  # fmt: skip


def test_no_file_of_the_page_writes_html() -> None:
    folder = Path(__file__).parents[2] / "mockserver" / "page"
    for path in folder.glob("*.js"):
        text = path.read_text("utf-8")
        for word in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "DOMParser",
        ):
            assert word not in text, path.name
