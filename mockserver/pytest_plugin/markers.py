"""Markers and ini options: what a test can ask of its sandbox, and one run for each error or variant."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from mockserver.pytest_plugin.servers import connect_elsewhere
from mockserver.pytest_plugin.watching import uses_sandbox

if TYPE_CHECKING:
    from mockserver.client.records import DocumentedError, NamedVariant
    from mockserver.client.sandbox import Sandbox

# What a test can have of its own in its namespace, as marker argument and as ini option.
NAMESPACE_OPTIONS = ("seed", "clock", "success_status")
INI_OPTIONS = {
    "strict": ("bool", "fail tests whose calls break the contract, and the like"),
    "contract": ("string", "OpenAPI file to answer from, relative to the root of the run"),
    "fixtures": ("string", "folder of credentials, accounts, error texts and stubs, relative to the root"),
    "seed": ("string", "what generated values are derived from"),
    "clock": ("string", "real, an instant or a shift such as +90d"),
    "success_status": ("string", "200, 201 or alternate"),
    "strict_assumptions": ("bool", "fail tests whose calls come upon what the contract invents"),
    "url": ("string", "a mock server that runs already, as --mockserver-url"),
}
# Options of the plugin itself, not of the server.
_OWN_INI = ("strict", "strict_assumptions", "url")
MARKER_ARGUMENTS = ("strict", "strict_assumptions", "fail_next", "queue", "contract", *NAMESPACE_OPTIONS)
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


def pytest_configure(config: pytest.Config) -> None:
    for line in _MARKERS:
        config.addinivalue_line("markers", line)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse markers that are wrong or cannot take effect. Workers of pytest-xdist report it as well."""
    for item in tuple(items):
        if problems := list(_find_problems(item)):
            items.remove(item)
            report = pytest.CollectReport(item.nodeid, "failed", "\n".join(problems), [])
            item.ihook.pytest_collectreport(report=report)


def _find_problems(item: pytest.Item) -> Iterator[str]:
    for mark in item.iter_markers("mockserver"):
        if mark.args:
            yield f"{item.nodeid}: the marker mockserver takes named arguments: {', '.join(MARKER_ARGUMENTS)}"
        for name in mark.kwargs:
            if name not in MARKER_ARGUMENTS:
                hint = describe_unknown(name, MARKER_ARGUMENTS)
                yield f"{item.nodeid}: the marker mockserver has no argument {hint}"
    for name, fixture in _PARAMETRIZED.items():
        if item.get_closest_marker(name) and fixture not in read_parameters(item):
            yield (
                f"{item.nodeid}: the marker {name} would have no effect: pytest does not repeat "
                f"{_kind(item)}; write a function or a method of a plain class"
            )
    if has_close_marker(item) and not uses_sandbox(item) and "request" not in _own_arguments(item):
        hint = "ask for the fixture mockserver"
        if _is_of_test_case(item):
            hint = "ask for the fixture in an autouse fixture of the class that sets `self.mockserver`"
        yield f"{item.nodeid}: the marker mockserver would have no effect: {hint}"


def read_parameters(item: pytest.Item) -> Mapping[str, Any]:
    """What a test is parametrized with."""
    callspec = getattr(item, "callspec", None)
    return {} if callspec is None else dict(callspec.params)


def has_close_marker(item: pytest.Item) -> bool:
    """Whether the marker mockserver stands on a test or its class; on a module it is a default."""
    return any(
        not isinstance(node, pytest.Module | pytest.Package)
        for node, _ in item.iter_markers_with_node("mockserver")
    )


def _own_arguments(item: pytest.Item) -> Iterable[str]:
    """The fixtures that a test names itself. One that names `request` may ask for any by their names."""
    info = getattr(item, "_fixtureinfo", None)
    return () if info is None else info.argnames


def _kind(item: pytest.Item) -> str:
    return "a method of a unittest.TestCase" if _is_of_test_case(item) else "it"


def _is_of_test_case(item: pytest.Item) -> bool:
    unittest = sys.modules.get("unittest")
    kind = getattr(item, "cls", None)
    return unittest is not None and kind is not None and issubclass(kind, unittest.TestCase)


def describe_unknown(name: str, known: Iterable[str]) -> str:
    from mockserver.suggestions import suggest

    return f"{name!r}; {suggest(name, known, lists_all=True)}"


def read_marker(item: pytest.Item | pytest.Collector) -> dict[str, Any]:
    """The arguments of all markers of a test; of two with the same argument the one nearest to it counts."""
    arguments: dict[str, Any] = {}
    for mark in item.iter_markers("mockserver"):
        arguments = dict(mark.kwargs) | arguments
    return arguments


def read_ini(config: pytest.Config) -> dict[str, Any]:
    """The options of the server that the ini file sets."""
    options: dict[str, Any] = {}
    for name in INI_OPTIONS:
        value = config.getini(f"mockserver_{name}")
        if value is not None and name not in _OWN_INI:
            options[name] = config.rootpath / value if name in ("contract", "fixtures") else value
    return options


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
    _repeat(metafunc, mark, errors, lambda error: f"{error.status}-{error.reason}")


def _parametrize_variants(metafunc: pytest.Metafunc, mark: pytest.Mark) -> None:
    where = f"{metafunc.definition.nodeid}: the marker {mark.name}"
    known = ("status", "pairwise") if mark.name == "mockserver_variants" else ("status",)
    if not mark.args:
        raise pytest.UsageError(f'{where} takes operations: ("createApiKey")')
    for name in mark.kwargs:
        if name not in known:
            raise pytest.UsageError(f"{where} has no argument {describe_unknown(name, known)}")
    variants = [
        variant for operation in mark.args for variant in _list_variants(metafunc, where, operation, mark)
    ]
    _repeat(metafunc, mark, variants, lambda variant: variant.name)


def _repeat(
    metafunc: pytest.Metafunc, mark: pytest.Mark, cases: Sequence[Any], name: Callable[[Any], str]
) -> None:
    """Run a test once for each error or variant."""
    fixture = _PARAMETRIZED[mark.name]
    if fixture not in metafunc.fixturenames:
        # A test that does not look at it still gets it.
        metafunc.fixturenames.append(fixture)
    names_operation = len(mark.args) > 1
    ids = [f"{f'{case.operation}-' if names_operation else ''}{name(case)}" for case in cases]
    metafunc.parametrize(fixture, cases, ids=ids, indirect=True)


def _list_variants(
    metafunc: pytest.Metafunc, where: str, operation: str, mark: pytest.Mark
) -> list[NamedVariant]:
    """The variants of the answer that an operation gives, or of the one with the marker's status."""
    catalogue = _open_catalogue(metafunc)
    known = dict.fromkeys(each.operation for each in catalogue.variants())
    if operation not in known:
        raise pytest.UsageError(f"{where} knows no operation {describe_unknown(str(operation), known)}")
    statuses = dict.fromkeys(each.status for each in catalogue.variants(operation))
    status = mark.kwargs.get("status")
    documented = ", ".join(map(str, statuses))
    if status is None:
        status = _find_success(metafunc, list(statuses))
        if status is None:
            hint = f"try status=, one of: {documented}; mockserver check tells why"
            raise pytest.UsageError(f"{where} finds no success that {operation} can answer; {hint}")
    elif status not in statuses:
        raise pytest.UsageError(f"{where} knows no answer {status!r} of {operation}; known: {documented}")
    is_legal = mark.name == "mockserver_variants"
    variants = [each for each in catalogue.variants(operation, status=status) if each.legal is is_legal]
    if mark.kwargs.get("pairwise"):
        variants += catalogue.variants(operation, status=status, pairs=True)
    if not variants:
        raise pytest.UsageError(f"{where} would have no effect: {operation} {status} has no such answer")
    return variants


def _find_success(metafunc: pytest.Metafunc, statuses: list[int]) -> int | None:
    """The status of an operation's success, by the options that hold for the test; None if it has none."""
    wanted = read_marker(metafunc.definition).get("success_status")
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
# The fixture that each of them adds to a test.
_PARAMETRIZED = {
    "mockserver_errors": "mockserver_error",
    "mockserver_variants": "mockserver_variant",
    "mockserver_breaking": "mockserver_variant",
}
_CATALOGUES = pytest.StashKey[dict[str, "Sandbox"]]()


def _open_catalogue(metafunc: pytest.Metafunc) -> Sandbox:
    """A sandbox of the contract that a test uses, to list its errors and variants."""
    from mockserver.client.local import MockServer
    from mockserver.exceptions import MockServerError

    config = metafunc.config
    changes = {name: value for name, value in read_ini(config).items() if name in ("contract", "fixtures")}
    contract = read_marker(metafunc.definition).get("contract")
    if contract is not None:
        changes["contract"] = config.rootpath / contract
    catalogues = config.stash.setdefault(_CATALOGUES, {})
    key = repr(sorted(changes.items()))
    if key not in catalogues:
        try:
            catalogues[key] = connect_elsewhere(config) or MockServer(**changes)
        except MockServerError as error:
            raise pytest.UsageError(f"{metafunc.definition.nodeid}: {error}") from None
    return catalogues[key]


def _list_errors(metafunc: pytest.Metafunc, operations: tuple[str, ...]) -> list[DocumentedError]:
    catalogue = _open_catalogue(metafunc)
    # Those that belong to no operation cannot be scripted.
    found = [error for error in catalogue.errors if error.operation is not None]
    where = f"{metafunc.definition.nodeid}: the marker mockserver_errors"
    known = [entry["operation"] for entry in catalogue.coverage()["operations"]]
    for operation in operations:
        if operation not in known:
            raise pytest.UsageError(f"{where} knows no operation {describe_unknown(str(operation), known)}")
        if not any(error.operation == operation for error in found):
            raise pytest.UsageError(f"{where} would have no effect: {operation} documents no error")
    return [error for operation in operations for error in found if error.operation == operation]
