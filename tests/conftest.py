"""Fixtures that more than one file of tests uses."""

from __future__ import annotations

from collections.abc import Iterator

import hypothesis
import pytest

from mockserver.contract import Contract
from mockserver.engine.engine import Engine
from mockserver.serving.building import Sources, assemble, load_sources
from mockserver.serving.uvicorn_server import ServerThread
from mockserver.vendors.hsrcpay import HsrcpayRules
from tests.desk import Desk
from tests.doors import SETTINGS, Api, engine_api, socket_api
from tests.stores.servers import RedisServer, run_redis
from tests.watchdog import Watchdog, watching

# Each run sees the same examples; `scripts/explore` looks for others. How long one took is no matter.
hypothesis.settings.register_profile("repeatable", derandomize=True, database=None, deadline=None)
hypothesis.settings.register_profile("roaming", print_blob=True, deadline=None)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def sources() -> Sources:
    """What comes with the package: contract, rules and fixtures. They never change."""
    return load_sources(SETTINGS)


@pytest.fixture(scope="session")
def contract(sources: Sources) -> Contract:
    """The contract that comes with the package."""
    return sources.contract


@pytest.fixture(scope="session")
def rules(sources: Sources) -> HsrcpayRules:
    """The rules of the packaged contract."""
    assert isinstance(sources.rules, HsrcpayRules)
    return sources.rules


@pytest.fixture
def engine(sources: Sources) -> Engine:
    """An engine that nobody has called yet, its clock frozen at `FROZEN`."""
    return assemble(sources.contract, sources.rules, sources.fixtures, SETTINGS)


@pytest.fixture
def desk(engine: Engine) -> Desk:
    """The engine with its control API."""
    return Desk(engine)


@pytest.fixture(scope="module")
def engine_of_all(sources: Sources) -> Engine:
    """One for all examples of a property."""
    return assemble(sources.contract, sources.rules, sources.fixtures, SETTINGS)


@pytest.fixture(scope="session")
def shared_server() -> Iterator[ServerThread]:
    """One server for the whole run: starting costs little, stopping a lot."""
    with ServerThread(SETTINGS) as server:
        yield server


@pytest.fixture(scope="session")
def watchdog(shared_server: ServerThread) -> Iterator[Watchdog]:
    """Watches the loop of the server of the run."""
    with watching(shared_server) as watchdog:
        yield watchdog


@pytest.fixture
def server(shared_server: ServerThread, watchdog: Watchdog) -> Iterator[ServerThread]:
    """The server of the run, as if nobody had called it yet. A test that stops its loop fails."""
    shared_server.engine.namespaces.reset_all()
    watchdog.found.clear()
    yield shared_server
    assert not watchdog.found, f"the loop stood still:\n{watchdog.found[0]}"


@pytest.fixture(params=["engine", "socket"])
def api(request: pytest.FixtureRequest) -> Iterator[Api]:
    """The mocked API at each of its doors: what a test says of it must hold at both."""
    if request.param == "engine":
        yield engine_api(request.getfixturevalue("engine"))
    else:
        with socket_api(request.getfixturevalue("server")) as api:
            yield api


@pytest.fixture(scope="session")
def redis_of_the_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with run_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_server(redis_of_the_run: RedisServer) -> RedisServer:
    """A Redis server with nothing in it."""
    with redis_of_the_run.client() as client:
        client.flushall()
    return redis_of_the_run


@pytest.fixture
def socket(server: ServerThread) -> Iterator[Api]:
    """The mocked API over a socket."""
    with socket_api(server) as api:
        yield api
