"""Fixtures: sandboxes for a test, a module or the run, and factories of more."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from mockserver.pytest_plugin.gauntlet import PROBE
from mockserver.pytest_plugin.ledger import LEDGER
from mockserver.pytest_plugin.markers import NAMESPACE_OPTIONS, read_ini, read_marker, read_parameters
from mockserver.pytest_plugin.servers import Servers, find_url
from mockserver.pytest_plugin.watching import WATCH, uses_sandbox

if TYPE_CHECKING:
    from mockserver.client.records import DocumentedError, NamedVariant
    from mockserver.client.sandbox import Sandbox


def pytest_collection_finish(session: pytest.Session) -> None:
    """Import the ways into a sandbox before any test or fixture patches what they are made of."""
    if any(uses_sandbox(item) for item in session.items):
        for library, module in (("httpx", "httpx_transport"), ("requests", "requests_adapter")):
            if library in sys.modules:
                __import__(f"mockserver.client.transports.{module}")


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


class _Opener:
    """Opens sandboxes, and closes them: what they touched is counted, and the server forgets them."""

    def __init__(self, config: pytest.Config, servers: Servers, settings: Mapping[str, Any]) -> None:
        self._config = config
        self._servers = servers
        self._settings = read_ini(config) | dict(settings)
        # The test or the module that each sandbox is for, by its name.
        self._labels: dict[str, str] = {}
        # Workers of pytest-xdist, and runs against one server that name themselves (`/~name`), are apart.
        self._worker = getattr(config, "workerinput", {}).get("workerid", "")
        self._run = (find_url(config) or "").partition("/~")[2]

    def open(self, label: str, settings: Mapping[str, Any], *, is_shared: bool = False) -> Sandbox:
        """An empty sandbox with settings of its own. One that tests share is another one in each worker."""
        from mockserver.exceptions import Problem, SettingsError
        from mockserver.settings import OPTIONS

        wanted = self._settings | dict(settings)
        own = {name: value for name, value in settings.items() if name in OPTIONS and OPTIONS[name].is_own}
        of_server = {name: value for name, value in wanted.items() if name not in own}
        if self._servers.is_elsewhere:
            own = {name: value for name, value in wanted.items() if name in OPTIONS and OPTIONS[name].is_own}
            refused = sorted(of_server.keys() - own.keys() - {"admin_token"})
            if refused:
                text = "is an option of the server, and --mockserver-url names one that runs already"
                raise SettingsError([Problem(text, f"/{name}") for name in refused])
        name = name_namespace(label, self._run + (self._worker if is_shared else ""))
        self._labels[name] = label
        sandbox = self._servers.find(of_server).namespace(name)
        sandbox.reset()
        if own:
            sandbox.configure(**own)
        self._config.stash[WATCH].add(sandbox, self._servers)
        return sandbox

    def close(self, sandbox: Sandbox) -> None:
        """The end of a sandbox."""
        self._config.stash[WATCH].windows.pop(sandbox.name, None)
        self._config.stash[LEDGER].take_in(sandbox, self._labels.pop(sandbox.name, sandbox.name))
        sandbox.forget()


@pytest.fixture(scope="session")
def mockserver_opener(
    pytestconfig: pytest.Config, mockserver_servers: Servers, mockserver_settings: Mapping[str, Any]
) -> _Opener:
    """For the other fixtures; ask for `mockserver`."""
    return _Opener(pytestconfig, mockserver_servers, mockserver_settings)


def _read_settings(node: Any) -> dict[str, Any]:
    """What the markers of a test or a module want of its server and its namespace."""
    arguments = read_marker(node)
    settings = {name: arguments[name] for name in NAMESPACE_OPTIONS if arguments.get(name) is not None}
    if arguments.get("contract") is not None:
        settings["contract"] = node.config.rootpath / arguments["contract"]
    return settings


@pytest.fixture
def mockserver(request: pytest.FixtureRequest, mockserver_opener: _Opener) -> Iterator[Sandbox]:
    """A sandbox of the API for this test alone, empty at its start: see `mockserver.Sandbox`."""
    item = request.node
    sandbox = mockserver_opener.open(item.nodeid, _read_settings(item))
    _script(sandbox, read_marker(item))
    parameters = read_parameters(item)
    error, variant = parameters.get("mockserver_error"), parameters.get("mockserver_variant")
    if error:
        sandbox.queue(**error.provoke["queue"])
    if variant:
        sandbox.variant(variant.name, operation=variant.operation, status=variant.status)
        if variant.status >= 400:
            sandbox.fail_next(variant.status, operation=variant.operation)
    probe = item.stash.get(PROBE, None)
    if probe is not None:
        probe.begin(sandbox)
    yield sandbox
    if probe is not None:
        probe.end(sandbox)
    mockserver_opener.close(sandbox)


@pytest.fixture(scope="module")
def mockserver_module(request: pytest.FixtureRequest, mockserver_opener: _Opener) -> Iterator[Sandbox]:
    """A sandbox that the tests of this module share, empty at its start."""
    sandbox = mockserver_opener.open(
        request.node.nodeid or "module", _read_settings(request.node), is_shared=True
    )
    yield sandbox
    mockserver_opener.close(sandbox)


@pytest.fixture(scope="session")
def mockserver_session(mockserver_opener: _Opener) -> Iterator[Sandbox]:
    """A sandbox that all tests of the run share (under pytest-xdist, those of one worker)."""
    sandbox = mockserver_opener.open("session", {}, is_shared=True)
    yield sandbox
    mockserver_opener.close(sandbox)


@pytest.fixture(scope="session")
def mockserver_factory(mockserver_opener: _Opener) -> Iterator[Callable[..., Sandbox]]:
    """Makes sandboxes that last until the end of the run, for fixtures of any scope.

    `mockserver_factory("pets", contract="pets.json", strict_accounts=True)` takes a name and the options of
    `MockServer`. A name that was used before gives the same sandbox; ValueError if it had other options.
    """
    made: dict[str, tuple[dict[str, Any], Sandbox]] = {}

    def make(name: str, **settings: Any) -> Sandbox:
        if name not in made:
            made[name] = (settings, mockserver_opener.open(f"factory::{name}", settings, is_shared=True))
        known, sandbox = made[name]
        if known != settings:
            raise ValueError(
                f"the sandbox {name!r} has the options {known}, not {settings}; use another name"
            )
        return sandbox

    yield make
    for _, sandbox in reversed(made.values()):
        mockserver_opener.close(sandbox)


def _script(sandbox: Sandbox, arguments: Mapping[str, Any]) -> None:
    """Script what the marker says: `fail_next=429`, `fail_next={"status": 429, "times": 2}`, `queue={…}`."""
    failure = arguments.get("fail_next")
    if isinstance(failure, Mapping):
        sandbox.fail_next(**failure)
    elif failure is not None:
        sandbox.fail_next(failure)
    for operation, outcomes in (arguments.get("queue") or {}).items():
        sandbox.queue(operation, outcomes)


def name_namespace(label: str, run: str = "") -> str:
    """The namespace of a test or of what shares a sandbox: readable, the same in every run, and no other's.

    `tests/test_keys.py::test_retries[429]` -> `test-retries-429-` and eight digits of a digest.
    """
    words = re.sub("[^a-z0-9]+", "-", label.rpartition("::")[2].lower()).strip("-")
    digest = hashlib.sha256(f"{label}\n{run}".encode() if run else label.encode()).hexdigest()
    return f"{words[:31].rstrip('-') or 'test'}-{digest[:8]}"


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
