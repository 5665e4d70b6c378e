"""Fixtures: a sandbox for each test, one server for the run."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from mockserver.pytest_plugin.ledger import LEDGER
from mockserver.pytest_plugin.markers import CHECKS, NAMESPACE_OPTIONS, read_ini, read_marker

if TYPE_CHECKING:
    from mockserver.client.records import DocumentedError, NamedVariant
    from mockserver.client.sandbox import Sandbox


class Servers:
    """The servers of this process: one for each set of settings, usually one in all. Ended with the run.

    Under pytest-xdist a server is a process of its own, shared with the other workers.
    """

    def __init__(self, config: pytest.Config) -> None:
        worker = getattr(config, "workerinput", None)
        self._run: str | None = None if worker is None else worker["testrunuid"]
        self._sandboxes: dict[str, Sandbox] = {}
        self._ending = ExitStack()

    def find(self, changes: Mapping[str, Any]) -> Sandbox:
        """The default sandbox of a server with these settings. Raises InvalidInput."""
        key = repr(sorted(changes.items()))
        sandbox = self._sandboxes.get(key)
        if sandbox is None:
            sandbox = self._join(changes) if self._run and _can_share() else self._start(changes)
            self._sandboxes[key] = sandbox
        return sandbox

    def _start(self, changes: Mapping[str, Any]) -> Sandbox:
        from mockserver.client.local import MockServer

        return self._ending.enter_context(MockServer(**changes))

    def _join(self, changes: Mapping[str, Any]) -> Sandbox:
        from mockserver.client.doors import connect
        from mockserver.pytest_plugin.servers import join
        from mockserver.settings import Settings

        assert self._run is not None
        settings = Settings(port=0).with_changes(changes)
        membership = join(self._run, settings)
        self._ending.callback(membership.leave)
        return connect(membership.origin, admin_token=settings.admin_token)

    def end(self) -> None:
        """Stop what was started here, and leave what is shared."""
        self._ending.close()
        self._sandboxes.clear()


def _can_share() -> bool:
    # Sharing needs locks that end with their process (flock); elsewhere each worker has its own server.
    return sys.platform != "win32"


class ActiveTest(NamedTuple):
    """What is going on in one test: its sandbox, and what is checked at its end."""

    sandbox: Sandbox
    is_strict: bool
    is_strict_on_assumptions: bool
    stubs_before: frozenset[str]
    variant: NamedVariant | None


ACTIVE_TEST = pytest.StashKey[ActiveTest]()


@pytest.fixture(scope="session")
def mockserver_settings() -> dict[str, Any]:
    """Options of the server, as `MockServer` takes them. Override it to set more than the ini file can."""
    return {}


@pytest.fixture(scope="session")
def mockserver_servers(pytestconfig: pytest.Config) -> Iterator[Servers]:
    """The servers of the run. For the other fixtures; ask for `mockserver`."""
    servers = Servers(pytestconfig)
    yield servers
    servers.end()


@pytest.fixture
def mockserver(
    request: pytest.FixtureRequest, mockserver_settings: Mapping[str, Any], mockserver_servers: Servers
) -> Iterator[Sandbox]:
    """A sandbox of the HSRCPAY API for this test alone, empty at its start: see `mockserver.Sandbox`."""
    item = request.node
    arguments = read_marker(item)
    changes = read_ini(request.config) | dict(mockserver_settings)
    if arguments.get("contract") is not None:
        changes["contract"] = request.config.rootpath / arguments["contract"]
    sandbox = mockserver_servers.find(changes).namespace(name_namespace(item.nodeid))
    sandbox.reset()
    own = {name: arguments[name] for name in NAMESPACE_OPTIONS if arguments.get(name) is not None}
    if own:
        sandbox.configure(**own)
    is_strict, is_strict_on_assumptions = (
        bool(request.config.getini(f"mockserver_{name}") if arguments.get(name) is None else arguments[name])
        for name in CHECKS
    )
    before = frozenset(stub["id"] for stub in sandbox.stubs()) if is_strict else frozenset()
    _script(sandbox, arguments)
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    error, variant = parameters.get("mockserver_error"), parameters.get("mockserver_variant")
    if error:
        sandbox.queue(**error.provoke["queue"])
    if variant:
        sandbox.variant(variant.name, operation=variant.operation, status=variant.status)
        if variant.status >= 400:
            sandbox.fail_next(variant.status, operation=variant.operation)
    item.stash[ACTIVE_TEST] = ActiveTest(sandbox, is_strict, is_strict_on_assumptions, before, variant)
    yield sandbox
    del item.stash[ACTIVE_TEST]
    request.config.stash[LEDGER].take_in(sandbox)
    sandbox.forget()


def _script(sandbox: Sandbox, arguments: Mapping[str, Any]) -> None:
    """Script what the marker says: `fail_next=429`, `fail_next={"status": 429, "times": 2}`, `queue={…}`."""
    failure = arguments.get("fail_next")
    if isinstance(failure, Mapping):
        sandbox.fail_next(**failure)
    elif failure is not None:
        sandbox.fail_next(failure)
    for operation, outcomes in (arguments.get("queue") or {}).items():
        sandbox.queue(operation, outcomes)


def name_namespace(node_id: str) -> str:
    """The namespace of a test: readable, the same in every run, and no other test's.

    `tests/test_keys.py::test_retries[429]` -> `test-retries-429-` and eight digits of a digest.
    """
    words = re.sub("[^a-z0-9]+", "-", node_id.rpartition("::")[2].lower()).strip("-")
    return f"{words[:31].rstrip('-') or 'test'}-{hashlib.sha256(node_id.encode()).hexdigest()[:8]}"


@pytest.fixture
def mockserver_error(request: pytest.FixtureRequest, mockserver: Sandbox) -> DocumentedError:
    """The error that the next call of its operation gets, in a test with `@pytest.mark.mockserver_errors(…)`.

    It has `operation`, `status`, `reason` and `body`; the call after it is answered normally again. A test
    with the marker gets the error whether it asks for this fixture or not.
    """
    if not hasattr(request, "param"):
        pytest.fail('the fixture mockserver_error needs @pytest.mark.mockserver_errors("createApiKey")')
    error: DocumentedError = request.param
    return error


@pytest.fixture
def mockserver_variant(request: pytest.FixtureRequest, mockserver: Sandbox) -> NamedVariant:
    """The variant that the answers of its operation are, in a test with `@pytest.mark.mockserver_variants(…)`
    or `@pytest.mark.mockserver_breaking(…)`.

    It has `name`, `operation`, `status`, `deviation` and `legal`. A variant of an error is the next answer
    of the operation, one of a success each. A test with the marker gets it whether it asks for this fixture
    or not.
    """
    if not hasattr(request, "param"):
        pytest.fail('the fixture mockserver_variant needs @pytest.mark.mockserver_variants("createApiKey")')
    variant: NamedVariant = request.param
    return variant
