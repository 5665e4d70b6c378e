"""WireMock's own client for Python, and the server that it configures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from wiremock.constants import Config

from mockserver.serving.uvicorn_server import ServerThread
from tests.doors import Api, socket_api


@pytest.fixture
def client(server: ServerThread) -> Iterator[Api]:
    """The API; WireMock's client, which is configured for the whole process, speaks to its control API."""
    before = Config.base_url
    Config.base_url = f"{server.origin}/__admin"
    try:
        with socket_api(server) as api:
            yield api
    finally:
        Config.base_url = before
