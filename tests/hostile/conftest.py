"""A server that each test attacks, and what must hold after whatever a test did to it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from mockserver.serving.uvicorn_server import ServerThread
from mockserver.settings import Settings
from tests.hostile.wire import CANARY, Target, http
from tests.watchdog import Watchdog, watching


@pytest.fixture(scope="session")
def attacked() -> Iterator[ServerThread]:
    """One server for all of these tests."""
    with ServerThread(Settings(port=0, journal_limit=1_000)) as server:
        yield server


@pytest.fixture(scope="session")
def watchdog_of_attacked(attacked: ServerThread) -> Iterator[Watchdog]:
    """Watches the loop of that server."""
    with watching(attacked) as watchdog:
        yield watchdog


def begin(server: ServerThread) -> None:
    """Have a server as if nobody had called it yet."""
    server.engine.namespaces.reset_all()
    server.engine.refusals.clear()


def end(target: Target, logged: str) -> None:
    """What every row demands: the process lives, the next request is answered, no secret is anywhere."""
    thread = target.server._thread
    assert thread.is_alive() and thread in threading.enumerate()
    for item in [target.calls(space.name) for space in target.engine.namespaces]:
        assert CANARY not in repr(item)
    assert CANARY not in logged
    # A script of the test must not answer in the place of the API.
    target.engine.namespaces.reset_all()
    answer = target.ask(http(key="sk_test_afterwards"))
    assert answer.outcome == (201, "created"), answer.body


@pytest.fixture
def target(
    attacked: ServerThread, watchdog_of_attacked: Watchdog, caplog: pytest.LogCaptureFixture
) -> Iterator[Target]:
    """The server, with an empty journal. Afterwards it must be well, and have logged no error. Its loop must
    not have stood still."""
    begin(attacked)
    watchdog_of_attacked.found.clear()
    caplog.set_level(logging.DEBUG)
    with ExitStack() as stack:
        target = Target(attacked, stack)
        yield target
        end(target, caplog.text)
    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert errors == []
    assert watchdog_of_attacked.found == []
