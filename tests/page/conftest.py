"""A server and a browser for tests of the page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from mockserver.serving.uvicorn_server import ServerThread
from tests.doors import Api, socket_api


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One browser for the whole run. Where there is none the tests are skipped, but never in CI."""
    selenium = pytest.importorskip("selenium") if not os.environ.get("CI") else __import__("selenium")
    assert selenium
    from tests.page.browser import CHROMIUM, DRIVER, open_browser

    if CHROMIUM is None or DRIVER is None:
        assert not os.environ.get("CI"), "CI needs chromium and chromium-driver; scripts/test installs them"
        pytest.skip(
            "needs chromium and chromium-driver (on Debian: apt-get install chromium chromium-driver)"
        )
    with open_browser(tmp_path_factory.mktemp("browser")) as driver:
        yield driver


@pytest.fixture
def api(server: ServerThread) -> Iterator[Api]:
    """The mocked API of the server that the page shows."""
    with socket_api(server) as api:
        yield api
