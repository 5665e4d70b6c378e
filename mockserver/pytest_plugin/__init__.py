"""The pytest plugin: a sandbox for each test, one server for the run, and a report that shows the calls.

    def test_retries(mockserver):
        mockserver.fail_next(429, times=2)
        create_key(mockserver.base_url, mockserver.secret_key)
        mockserver.verify("createApiKey", times=3)

pytest loads this module in every run of an environment that has the package, so nothing else of it is
imported before a test asks for the fixture.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from mockserver.client.records import DocumentedError, NamedVariant, RecordedCall
    from mockserver.client.sandbox import Sandbox

SECTION = "mockserver calls"
VARIANT_SECTION = "mockserver variant"
MAX_CALLS_SHOWN = 30
# What a test can have of its own in its namespace, as marker argument and as ini option.
_NAMESPACE_OPTIONS = ("seed", "clock", "success_status")
INI_OPTIONS = {
    "strict": ("bool", "fail tests whose calls break the contract, and the like"),
    "contract": ("string", "OpenAPI file to answer from, relative to the root of the run"),
    "fixtures": ("string", "folder of credentials, accounts, error texts and stubs, relative to the root"),
    "seed": ("string", "what generated values are derived from"),
    "clock": ("string", "real, an instant or a shift such as +90d"),
    "success_status": ("string", "200, 201 or alternate"),
    "strict_assumptions": ("bool", "fail tests whose calls come upon what the contract invents"),
}
# Options of the plugin itself, not of the server.
_CHECKS = ("strict", "strict_assumptions")
MARKER_ARGUMENTS = ("strict", "strict_assumptions", "fail_next", "queue", "contract", *_NAMESPACE_OPTIONS)
_MARKERS = (
    f"mockserver({', '.join(f'{name}=' for name in MARKER_ARGUMENTS)}): "
    "options of the mockserver fixture for one test",
    "mockserver_errors(*operations): run a test once for each documented error of the operations",
    "mockserver_variants(*operations, status=, pairwise=): "
    "run a test once for each answer that the contract allows, one deviation from the plain one each",
    "mockserver_breaking(*operations, status=): "
    "run a test once for each answer that breaks the contract in one way",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    for name, (kind, text) in INI_OPTIONS.items():
        parser.addini(f"mockserver_{name}", f"mockserver: {text}", type=kind, default=None)  # type: ignore[arg-type]
    group = parser.getgroup("mockserver", "how much of a contract the tests touch")
    group.addoption(
        "--mockserver-cov", action="store_true", help="Show what of the contract the tests touched."
    )
    group.addoption("--mockserver-cov-fail-under", type=float, metavar="PERCENT",
                    help="Fail the run if less of the contract was touched.")  # fmt: skip
    group.addoption("--mockserver-cov-operation", action="append", default=[], metavar="OPERATION",
                    help="Look at this operation only; may be repeated.")  # fmt: skip
    group.addoption("--mockserver-cov-report", action="append", default=[], metavar="FORMAT[:PATH]",
                    help="text, json:PATH, html:PATH or markdown:PATH; may be repeated.")  # fmt: skip
    group.addoption("--mockserver-assumptions", action="store_true",
                    help="Show which assumptions of the contract the tests came upon.")  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    for line in _MARKERS:
        config.addinivalue_line("markers", line)
    reports = [_read_report(text) for text in config.getoption("--mockserver-cov-report")]
    names = ("--mockserver-cov", "--mockserver-cov-fail-under", "--mockserver-cov-report")
    has_coverage = any(config.getoption(name) not in (False, None, []) for name in names)
    config.stash[_LEDGER] = Ledger(
        has_coverage=has_coverage,
        has_assumptions=config.getoption("--mockserver-assumptions"),
        reports=reports,
    )


# Markers.


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse a misspelt marker before the first test runs."""
    if hasattr(config, "workerinput"):
        # pytest-xdist loses what a worker says before its first test.
        return
    problems = {problem for item in items for problem in _find_problems(item)}
    if problems:
        raise pytest.UsageError("\n".join(sorted(problems)))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse it in a worker of pytest-xdist."""
    if problems := list(_find_problems(item)):
        pytest.fail("\n".join(problems), pytrace=False)


def _find_problems(item: pytest.Item) -> Iterator[str]:
    for mark in item.iter_markers("mockserver"):
        if mark.args:
            yield f"{item.nodeid}: the marker mockserver takes named arguments: {_list(MARKER_ARGUMENTS)}"
        for name in mark.kwargs:
            if name not in MARKER_ARGUMENTS:
                hint = _unknown(name, MARKER_ARGUMENTS)
                yield f"{item.nodeid}: the marker mockserver has no argument {hint}"


def _unknown(name: str, known: Iterable[str]) -> str:
    from mockserver.suggestions import suggest

    return f"{name!r}; {suggest(name, known, lists_all=True)}"


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)


def _read_marker(item: pytest.Item) -> dict[str, Any]:
    """The arguments of all markers of a test; of two with the same argument the one nearest to it counts."""
    arguments: dict[str, Any] = {}
    for mark in item.iter_markers("mockserver"):
        arguments = dict(mark.kwargs) | arguments
    return arguments


# Servers.


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


# Fixtures.


class Play(NamedTuple):
    """What is going on in one test: its sandbox, and what is checked at its end."""

    sandbox: Sandbox
    is_strict: bool
    is_strict_on_assumptions: bool
    stubs_before: frozenset[str]
    variant: NamedVariant | None


_PLAY = pytest.StashKey[Play]()


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
    arguments = _read_marker(item)
    changes = _read_ini(request.config) | dict(mockserver_settings)
    if arguments.get("contract") is not None:
        changes["contract"] = request.config.rootpath / arguments["contract"]
    sandbox = mockserver_servers.find(changes).namespace(name_namespace(item.nodeid))
    sandbox.reset()
    own = {name: arguments[name] for name in _NAMESPACE_OPTIONS if arguments.get(name) is not None}
    if own:
        sandbox.configure(**own)
    is_strict, is_strict_on_assumptions = (
        bool(request.config.getini(f"mockserver_{name}") if arguments.get(name) is None else arguments[name])
        for name in _CHECKS
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
    item.stash[_PLAY] = Play(sandbox, is_strict, is_strict_on_assumptions, before, variant)
    yield sandbox
    del item.stash[_PLAY]
    request.config.stash[_LEDGER].take_in(sandbox)
    sandbox.forget()


def _read_ini(config: pytest.Config) -> dict[str, Any]:
    """The options of the server that the ini file sets."""
    options: dict[str, Any] = {}
    for name in INI_OPTIONS:
        value = config.getini(f"mockserver_{name}")
        if value is not None and name not in _CHECKS:
            options[name] = config.rootpath / value if name in ("contract", "fixtures") else value
    return options


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


# One run for each documented error, or for each variant of an answer.


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name, parametrize in _PARAMETRIZING.items():
        mark = metafunc.definition.get_closest_marker(name)
        if mark is not None:
            try:
                parametrize(metafunc, mark)
            except pytest.UsageError as error:
                # Shown as it is, without the way through pytest that led to it.
                raise pytest.Collector.CollectError(str(error)) from None


def _parametrize_errors(metafunc: pytest.Metafunc, mark: pytest.Mark) -> None:
    where = metafunc.definition.nodeid
    if mark.kwargs or not mark.args:
        raise pytest.UsageError(f'{where}: the marker mockserver_errors takes operations: ("createApiKey")')
    errors = _list_errors(metafunc, mark.args)
    names_operation = len(mark.args) > 1
    if "mockserver_error" not in metafunc.fixturenames:
        # Whoever does not look at the error still gets it.
        metafunc.fixturenames.append("mockserver_error")
    metafunc.parametrize(
        "mockserver_error",
        errors,
        ids=[
            f"{f'{error.operation}-' if names_operation else ''}{error.status}-{error.reason}"
            for error in errors
        ],
        indirect=True,
    )


def _parametrize_variants(metafunc: pytest.Metafunc, mark: pytest.Mark) -> None:
    where = f"{metafunc.definition.nodeid}: the marker {mark.name}"
    known = ("status", "pairwise") if mark.name == "mockserver_variants" else ("status",)
    if not mark.args:
        raise pytest.UsageError(f'{where} takes operations: ("createApiKey")')
    for name in mark.kwargs:
        if name not in known:
            raise pytest.UsageError(f"{where} has no argument {_unknown(name, known)}")
    variants = [
        variant for operation in mark.args for variant in _list_variants(metafunc, where, operation, mark)
    ]
    names_operation = len(mark.args) > 1
    if "mockserver_variant" not in metafunc.fixturenames:
        metafunc.fixturenames.append("mockserver_variant")
    metafunc.parametrize(
        "mockserver_variant",
        variants,
        ids=[f"{f'{each.operation}-' if names_operation else ''}{each.name}" for each in variants],
        indirect=True,
    )


def _list_variants(
    metafunc: pytest.Metafunc, where: str, operation: str, mark: pytest.Mark
) -> list[NamedVariant]:
    """The variants of the answer that an operation gives, or of the one with the marker's status."""
    from mockserver.client.records import NamedVariant

    catalogue = _open_catalogue(metafunc)
    known = dict.fromkeys(each["operation"] for each in catalogue.variants())
    if operation not in known:
        raise pytest.UsageError(f"{where} knows no operation {_unknown(str(operation), known)}")
    statuses = dict.fromkeys(each["status"] for each in catalogue.variants(operation))
    status = mark.kwargs.get("status")
    documented = _list(map(str, statuses))
    if status is None:
        status = _find_success(metafunc, list(statuses))
        if status is None:
            hint = f"try status=, one of: {documented}; mockserver check tells why"
            raise pytest.UsageError(f"{where} finds no success that {operation} can answer; {hint}")
    elif status not in statuses:
        raise pytest.UsageError(f"{where} knows no answer {status!r} of {operation}; known: {documented}")
    is_legal = mark.name == "mockserver_variants"
    variants = [each for each in catalogue.variants(operation, status=status) if each["legal"] is is_legal]
    if mark.kwargs.get("pairwise"):
        variants += catalogue.variants(operation, status=status, pairs=True)
    return [NamedVariant(**each) for each in variants]


def _find_success(metafunc: pytest.Metafunc, statuses: list[int]) -> int | None:
    """The status of an operation's success, by the options that hold for the test; None if it has none."""
    wanted = _read_marker(metafunc.definition).get("success_status")
    if wanted is None:
        wanted = metafunc.config.getini("mockserver_success_status") or 201
    successes = [status for status in statuses if 200 <= status < 300]
    chosen = [status for status in successes if str(status) == str(wanted)]
    # In turn, the last one is the first (see `choose_success`).
    return next(iter(chosen or (successes[-1:] if wanted == "alternate" else successes)), None)


_PARAMETRIZING = {
    "mockserver_errors": _parametrize_errors,
    "mockserver_variants": _parametrize_variants,
    "mockserver_breaking": _parametrize_variants,
}
_CATALOGUES = pytest.StashKey[dict[str, "Sandbox"]]()


def _open_catalogue(metafunc: pytest.Metafunc) -> Sandbox:
    """A sandbox of the contract that a test uses, to ask what there is; nobody calls it."""
    from mockserver.client.local import MockServer
    from mockserver.exceptions import InvalidInput

    config = metafunc.config
    changes = {name: value for name, value in _read_ini(config).items() if name in ("contract", "fixtures")}
    contract = _read_marker(metafunc.definition).get("contract")
    if contract is not None:
        changes["contract"] = config.rootpath / contract
    catalogues = config.stash.setdefault(_CATALOGUES, {})
    key = repr(sorted(changes.items()))
    if key not in catalogues:
        try:
            catalogues[key] = MockServer(**changes)
        except InvalidInput as error:
            raise pytest.UsageError(f"{metafunc.definition.nodeid}: {error}") from None
    return catalogues[key]


def _list_errors(metafunc: pytest.Metafunc, operations: tuple[str, ...]) -> list[DocumentedError]:
    from mockserver.client.records import DocumentedError

    found = [DocumentedError(**entry) for entry in _open_catalogue(metafunc).errors]
    known = dict.fromkeys(error.operation for error in found)
    for operation in operations:
        if operation not in known:
            where = f"{metafunc.definition.nodeid}: the marker mockserver_errors"
            raise pytest.UsageError(f"{where} knows no operation {_unknown(str(operation), known)}")
    return [error for operation in operations for error in found if error.operation == operation]


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


# The end of a test.


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    result = yield
    play = item.stash.get(_PLAY, None)
    if play is not None and play.is_strict and (problems := find_leftovers(play)):
        pytest.fail("\n".join(["a strict test left behind:", *problems]), pytrace=False)
    if play is not None and play.is_strict_on_assumptions and (problems := find_inventions(play)):
        head = "strict assumptions: the calls came upon what the contract invents:"
        pytest.fail("\n".join([head, *problems]), pytrace=False)
    return result


def find_inventions(play: Play) -> list[str]:
    """What of the contract nobody documented or inferred, and the calls came upon; a line each."""
    return [
        f"{each['what']} ({each['source']})"
        for each in play.sandbox.assumptions(touched=True)
        if each["provenance"] == "invented"
    ]


def find_leftovers(play: Play) -> list[str]:
    """Everything that a strict test must not leave behind, a line each."""
    problems = [problem for call in play.sandbox.calls() for problem in _judge(call)]
    for stub in play.sandbox.stubs():
        own = stub.get("metadata", {}).get("mockserver", {})
        if own.get("times") is not None and stub["id"] not in play.stubs_before:
            answer = json.dumps(stub.get("response", {}))
            operation = own.get("operation") or "any operation"
            problems.append(f"never used up: the answer {answer} that was scripted for {operation}")
    return problems


def _judge(call: RecordedCall) -> Iterator[str]:
    where = f"call {call.number}, {call.method} {call.path}"
    for violation in call.violations:
        place = f"{violation['in']} {violation['pointer']}"
        yield f"{where}: breaks the contract: {place}: {violation['keyword']}: {violation['message']}"
    if call.reason == "malformed_json":
        yield f"{where}: breaks the contract: its body is no JSON"
    if call.reason in ("no_such_operation", "method_not_allowed"):
        yield f"{where}: neither the contract nor a stub knows it"
    if call.reason == "live_credential":
        yield f"{where}: came with a live credential, {call.credential['display']}"
    for warning in call.warnings:
        if warning["code"] in ("leaked_key", "foreign_key"):
            yield f"{where}: {warning['message']}"


# A failing test shows its calls.


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    play = item.stash.get(_PLAY, None)
    if report.failed and play is not None:
        if play.variant is not None:
            report.sections.append((VARIANT_SECTION, _show_variant(play.sandbox, play.variant)))
        text = _show_safely(play.sandbox)
        if text:
            report.sections.append((SECTION, text))
            # pytest writes these into the JUnit file, as properties of the test case.
            item.user_properties.append((SECTION, text))
    return report


def _show_safely(sandbox: Sandbox) -> str:
    from mockserver.exceptions import MockServerError

    try:
        return show_calls(sandbox)
    except MockServerError as error:
        return f"(the calls cannot be shown: {error})"


def _show_variant(sandbox: Sandbox, variant: NamedVariant) -> str:
    """What the answer of a failed test had that the plain one has not."""
    from mockserver.exceptions import MockServerError

    where = f"{variant.operation} {variant.status}"
    try:
        is_answered = any(call.variant == variant.name for call in sandbox.calls(variant.operation))
        (found,) = sandbox.variants(variant.operation, status=variant.status, name=variant.name, diff=True)
    except MockServerError as error:
        return f"(the variant cannot be shown: {error})"
    hint = "" if is_answered else "\nNo call got this answer."
    return f"{variant.name}, a variant of {where}: {variant.deviation}{hint}\n{found['diff']}"


def show_calls(sandbox: Sandbox) -> str:
    """The newest calls of a sandbox, what was decided on each and why, and how to make it again."""
    calls = sandbox.calls()
    lines = [f"… and {len(calls) - MAX_CALLS_SHOWN} earlier calls"] if len(calls) > MAX_CALLS_SHOWN else []
    for call in calls[-MAX_CALLS_SHOWN:]:
        lines += [*_show_call(call), f"    {sandbox.curl(call)}"]
    return "\n".join(lines)


def _show_call(call: RecordedCall) -> list[str]:
    from mockserver.journal.explanations import show_call

    lines = [show_call(call.raw)]
    if call.state != "answered":
        lines.append(f"    state      {call.state}")
    if call.stub is not None:
        parts = (call.stub["name"] or call.stub["id"], call.fault, call.phase)
        lines.append(f"    stub       {', '.join(part for part in parts if part)}")
    if call.variant is not None:
        lines.append(f"    variant    {call.variant}")
    for violation in call.violations:
        place = f"{violation['in']} {violation['pointer']}".rstrip()
        lines.append(f"    violation  {place}: {violation['keyword']}: {violation['message']}")
    lines += [f"    warning    {warning['code']}: {warning['message']}" for warning in call.warnings]
    return lines


# What the run touched of the contract.


class Ledger:
    """What the tests of a run touched: of this process, and in the controller of pytest-xdist of all workers.

    `reports` are pairs of format and path, the path empty for the terminal.
    """

    def __init__(self, *, has_coverage: bool, has_assumptions: bool, reports: list[tuple[str, str]]) -> None:
        self._has_coverage = has_coverage
        self._has_assumptions = has_assumptions
        self.reports = reports or [("text", "")] * has_coverage
        self.coverage: dict[str, Any] | None = None
        self.assumptions: dict[str, dict[str, Any]] = {}
        # Files that could not be written, and why.
        self.unwritten: dict[str, str] = {}

    def take_in(self, sandbox: Sandbox) -> None:
        """A test is over."""
        if self._has_coverage:
            self._merge(sandbox.coverage())
        if self._has_assumptions:
            self._note(sandbox.assumptions(touched=True))

    def _merge(self, coverage: dict[str, Any]) -> None:
        from mockserver.coverage import merge_coverage

        self.coverage = coverage if self.coverage is None else merge_coverage([self.coverage, coverage])

    def _note(self, assumptions: Iterable[dict[str, Any]]) -> None:
        self.assumptions |= {each["what"]: each for each in assumptions}

    def to_text(self) -> str:
        """All of it, for another process."""
        return json.dumps({"coverage": self.coverage, "assumptions": list(self.assumptions.values())})

    def add_text(self, text: str) -> None:
        """What `to_text` gave in another process."""
        other = json.loads(text)
        if other["coverage"] is not None:
            self._merge(other["coverage"])
        self._note(other["assumptions"])


_LEDGER = pytest.StashKey[Ledger]()
_FORMATS = ("text", "json", "html", "markdown")


def _read_report(text: str) -> tuple[str, str]:
    """`json:PATH` -> its parts. Raises UsageError."""
    kind, _, path = text.partition(":")
    if kind not in _FORMATS:
        raise pytest.UsageError(f"--mockserver-cov-report={text}: no format {_unknown(kind, _FORMATS)}")
    if not path and kind in ("json", "html"):
        raise pytest.UsageError(f"--mockserver-cov-report={text}: must name a file, {kind}:PATH")
    return kind, path


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """A worker of pytest-xdist is over."""
    text = getattr(node, "workeroutput", {}).get("mockserver_ledger")
    if text is not None:
        node.config.stash[_LEDGER].add_text(text)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand over to the controller what a worker saw; there, write reports and judge the run."""
    config = session.config
    ledger = config.stash[_LEDGER]
    if hasattr(config, "workeroutput"):
        config.workeroutput["mockserver_ledger"] = ledger.to_text()
        return
    coverage = _find_coverage(config)
    for kind, path in ledger.reports:
        if path and coverage is not None:
            file = config.invocation_params.dir / path
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(_write_report(kind, coverage), "utf-8")
            except OSError as error:
                ledger.unwritten[path] = error.strerror or str(error)
    if (ledger.unwritten or _find_shortfall(config)) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _find_coverage(config: pytest.Config) -> dict[str, Any] | None:
    """The coverage of the run, of the chosen operations; None if no test used a sandbox."""
    coverage = config.stash[_LEDGER].coverage
    chosen = config.getoption("--mockserver-cov-operation")
    if coverage is None or not chosen:
        return coverage
    operations = [entry for entry in coverage["operations"] if entry["operation"] in chosen]
    return {"operations": operations}


def _find_shortfall(config: pytest.Config) -> str:
    """Why the run fails by what it touched; empty if it does not."""
    least = config.getoption("--mockserver-cov-fail-under")
    if least is None:
        return ""
    coverage = _find_coverage(config)
    if coverage is None:
        return f"no test touched the contract, and {least:g} % were asked for"
    from mockserver.coverage import measure

    touched = {entry["operation"] for entry in coverage["operations"]}
    for name in config.getoption("--mockserver-cov-operation"):
        if name not in touched:
            return f"--mockserver-cov-operation={name}: the contract has no such operation"
    percent = measure(coverage).percent
    if percent >= least:
        return ""
    return f"{percent:g} % of the contract were touched, and {least:g} % were asked for"


def _write_report(kind: str, coverage: dict[str, Any]) -> str:
    from mockserver.coverage import write_html, write_markdown, write_text

    if kind == "json":
        return json.dumps(coverage, indent=2) + "\n"
    write = {"text": write_text, "html": write_html, "markdown": write_markdown}[kind]
    return write(coverage)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show what was asked for at the end of a run."""
    ledger, coverage = config.stash[_LEDGER], _find_coverage(config)
    for kind, path in ledger.reports:
        if coverage is None:
            break
        terminalreporter.section("mockserver coverage")
        if path in ledger.unwritten:
            terminalreporter.write_line(
                f"{kind} could not be written to {path}: {ledger.unwritten[path]}", red=True
            )
        else:
            terminalreporter.write_line(
                f"{kind} written to {path}" if path else _write_report(kind, coverage).rstrip()
            )
    if ledger.assumptions:
        terminalreporter.section("mockserver assumptions")
        for each in ledger.assumptions.values():
            terminalreporter.write_line(f"{each['provenance']:<9} {each['what']} ({each['source']})")
    if shortfall := _find_shortfall(config):
        terminalreporter.write_line(f"mockserver: {shortfall}", red=True)
