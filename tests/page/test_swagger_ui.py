"""Swagger UI, the page of others that most people know, reads what this server serves and calls it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from selenium.webdriver.common.by import By

from mockserver.serving.uvicorn_server import ServerThread
from mockserver.settings import Settings
from tests.page.screen import Screen

FILES = Path(__file__).parents[2] / ".venv" / "tools" / "node_modules" / "swagger-ui-dist"
PAGE = """<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="swagger-ui.css">
<div id="swagger-ui"></div><script src="swagger-ui-bundle.js"></script>
<script>window.ui = SwaggerUIBundle({url: "%s", dom_id: "#swagger-ui", tryItOutEnabled: true});</script>"""


class Handler(SimpleHTTPRequestHandler):
    """The files of Swagger UI, with a page that reads one description."""

    page = b""

    def do_GET(self) -> None:
        """The page at `/`, else a file."""
        if self.path != "/":
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.page)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def swagger_ui() -> Iterator[tuple[str, ServerThread]]:
    """The address of a Swagger UI, and the server whose contract it shows."""
    if not FILES.is_dir():
        assert not os.environ.get("CI"), "swagger-ui-dist is not installed"
        pytest.skip("swagger-ui-dist is not installed; scripts/test installs it")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(FILES))) as files:
        address = f"http://127.0.0.1:{files.server_port}"
        with ServerThread(Settings(port=0, cors_origin=(address,))) as server:
            Handler.page = (PAGE % f"{server.origin}/openapi.json").encode()
            thread = Thread(target=files.serve_forever)
            thread.start()
            yield address, server
            files.shutdown()
            thread.join()


def test_swagger_ui_shows_every_operation_and_calls_one(
    browser: Any, swagger_ui: tuple[str, ServerThread]
) -> None:
    address, server = swagger_ui
    # What it logged in other tests is not of this one.
    browser.get_log("browser")
    browser.get(f"{address}/")
    screen = Screen(browser, address)
    shown = screen.wait(lambda: screen.all(".opblock-summary-path"))
    assert len(shown) == len(server.engine.contract.operations)
    assert not screen.all(".errors-wrapper"), "it found errors in the description"
    browser.execute_script("ui.preauthorizeApiKey('bearerAuth', 'sk_test_swagger_ui')")
    screen.all(".opblock-post .opblock-summary-control", "/api-keys/")[0].click()
    screen.wait(lambda: screen.all(".opblock-post button.execute"))[0].click()
    status = screen.wait(lambda: screen.all(".live-responses-table .response .response-col_status"))
    assert status[0].text.startswith("201")
    (call,) = server.engine.namespaces.get("default").journal
    assert (call.operation, call.reason) == ("createApiKey", "created")
    severe = [line["message"] for line in browser.get_log("browser") if line["level"] == "SEVERE"]
    assert not [message for message in severe if "favicon.ico" not in message]
    assert browser.find_elements(By.CSS_SELECTOR, ".live-responses-table .microlight")
