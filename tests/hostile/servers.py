"""Servers with settings of their own, for the length of a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from mockserver.serving.uvicorn_server import ServerThread
from mockserver.settings import Settings
from tests.hostile.wire import Target


@contextmanager
def target_with(**settings: Any) -> Iterator[Target]:
    """A server with these settings."""
    with ServerThread(Settings(**{"port": 0, **settings})) as server, ExitStack() as stack:
        yield Target(server, stack)
