"""Reports: what a strict test left behind, the calls of a failing test, and calls that missed its sandbox."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from mockserver.pytest_plugin.markers import has_close_marker, read_marker, read_parameters
from mockserver.pytest_plugin.watching import WATCH, Strays, Window, uses_sandbox

if TYPE_CHECKING:
    from mockserver.client.records import NamedVariant, RecordedCall
    from mockserver.client.sandbox import Sandbox

SECTION = "mockserver calls"
STRAY_SECTION = "mockserver calls outside of the test"
VARIANT_SECTION = "mockserver variant"
_STRAYS = pytest.StashKey[Strays]()
# `127.0.0.1:4020`, `host='localhost', port=4020`, `('127.0.0.1', 4020)`.
_LOCAL_PORT = re.compile(r"(?:127\.0\.0\.1|localhost|::1)\W{1,4}(?:port=)?(\d{2,5})\b")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note where the sandboxes stand that are there already."""
    item.config.stash[WATCH].begin(is_used=uses_sandbox(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Judge a strict test at its end."""
    watch = item.config.stash[WATCH]
    try:
        result = yield
    finally:
        if watch.is_used:
            item.stash[_STRAYS] = _find_strays_safely(item)
    if not watch.is_used and has_close_marker(item):
        pytest.fail("the marker mockserver had no effect: the test asked for no sandbox", pytrace=False)
    if watch.is_used and _is_on(item, "strict") and (problems := find_leftovers(item)):
        pytest.fail("\n".join(["a strict test left behind:", *problems]), pytrace=False)
    if watch.is_used and _is_on(item, "strict_assumptions") and (problems := find_inventions(item)):
        head = "strict assumptions: the calls came upon what the contract invents:"
        pytest.fail("\n".join([head, *problems]), pytrace=False)
    return result


def _is_on(item: pytest.Item, check: str) -> bool:
    """Whether a check holds for a test: by its nearest marker, else by the ini file."""
    asked = read_marker(item).get(check)
    return bool(item.config.getini(f"mockserver_{check}") if asked is None else asked)


def find_inventions(item: pytest.Item) -> list[str]:
    """The invented rules of the contract that the calls came upon, a line each."""
    return [
        f"{each['what']} ({each['source']})"
        for window in item.config.stash[WATCH].windows.values()
        for each in window.sandbox.assumptions(touched=True)
        if each["provenance"] == "invented"
    ]


def find_leftovers(item: pytest.Item) -> list[str]:
    """Everything that a strict test must not leave behind, a line each."""
    windows = item.config.stash[WATCH].windows.values()
    problems = [problem for window in windows for problem in _judge_window(window)]
    strays = item.stash[_STRAYS]
    # Where tests run side by side, a stray call may be another one's; this one has calls of its own, then.
    if strays.calls and (strays.is_alone or not any(window.calls() for window in windows)):
        problems += [
            f"a call missed the sandbox of the test: {_describe_stray(*stray)}" for stray in strays.calls
        ]
    return problems


def _judge_window(window: Window) -> Iterator[str]:
    for call in window.calls():
        yield from _judge(call)
    for stub in window.sandbox.stubs():
        own = stub.get("metadata", {}).get("mockserver", {})
        if own.get("times") is not None and stub["id"] not in window.stubs:
            answer = json.dumps(stub.get("response", {}))
            operation = own.get("operation") or "any operation"
            yield f"never used up: the answer {answer} that was scripted for {operation}"


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


# What a report shows


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a failing test show its calls, and any test those that missed it."""
    report = yield
    watch = item.config.stash[WATCH]
    if report.failed and watch.is_used and watch.windows:
        variant = read_parameters(item).get("mockserver_variant")
        sandbox = getattr(item, "funcargs", {}).get("mockserver")
        if variant and sandbox:
            report.sections.append((VARIANT_SECTION, _show_variant(sandbox, variant)))
        text = _show_safely(item, str(report.longrepr))
        report.sections.append((SECTION, text))
        # pytest writes these into the JUnit file, as properties of the test case.
        item.user_properties.append((SECTION, text))
    strays = item.stash.get(_STRAYS, None)
    if strays is not None and strays.calls and call.when == "call":
        report.sections.append((STRAY_SECTION, _show_strays(strays)))
    return report


def _show_safely(item: pytest.Item, failure: str) -> str:
    from mockserver.client.reports import write_calls
    from mockserver.exceptions import MockServerError

    windows = list(item.config.stash[WATCH].windows.values())
    parts = []
    try:
        for window in windows:
            if calls := window.calls():
                head = f"sandbox {window.sandbox.name}\n" if len(windows) > 1 else ""
                parts.append(head + write_calls(window.sandbox, calls))
        if parts:
            return "\n".join(parts)
        sandboxes = [window.sandbox for window in windows]
        given = list(getattr(item, "funcargs", {}).values())
        # Not those that other tests use.
        asked_for = [sandbox for sandbox in sandboxes if any(sandbox is each for each in given)]
        return "\n".join(_explain_silence(asked_for or sandboxes, failure))
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
    return f"{variant.name}, a variant of {where}: {variant.deviation}{hint}\n{found.diff}"


# No call at all


def _explain_silence(sandboxes: list[Sandbox], failure: str) -> Iterator[str]:
    """That no call came, where it should have gone, and what stands in the way."""
    for sandbox in sandboxes:
        yield f"No call came to the sandbox {sandbox.name!r}."
    # A report must not be what opens the port.
    if not sandboxes[0]._door.is_listening:
        yield "The test did not ask for its address: hand `base_url` or `transport()` to the code under test."
        return
    yield from (f"It should have gone to {sandbox.base_url}" for sandbox in sandboxes)
    yield from find_obstacles(sandboxes[0].origin, failure, os.environ)


def find_obstacles(origin: str, failure: str, environment: Any) -> Iterator[str]:
    """What may keep calls from a server: a proxy, or another port in what failed or in the environment."""
    from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]

    parts = urlsplit(origin)
    proxies = getproxies_environment()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if proxy and not proxy_bypass_environment(parts.hostname or "", proxies):
        yield f"A proxy of the environment takes the calls: {proxy}; set NO_PROXY={parts.hostname}"
    for port in sorted(set(_LOCAL_PORT.findall(failure)) - {str(parts.port)}):
        yield f"The failure names port {port}; the sandbox listens on {parts.port}"
    for name, value in sorted(environment.items()):
        for port in sorted(set(re.findall(rf"://{_LOCAL_PORT.pattern}", value)) - {str(parts.port)}):
            if not name.lower().endswith("_proxy"):
                yield f"The variable {name} names port {port}; the sandbox listens on {parts.port}"


# Calls that missed


def _find_strays_safely(item: pytest.Item) -> Strays:
    from mockserver.exceptions import MockServerError

    try:
        return item.config.stash[WATCH].find_strays()
    except MockServerError:
        # The server is gone; the test has its own failure to tell.
        return Strays()


def _describe_stray(namespace: str, call: RecordedCall) -> str:
    status = "no answer" if call.status is None else call.status
    return (
        f"{call.method} {call.path} {status} came to the namespace {namespace!r} "
        f"with {call.credential['display'] or 'no credential'}"
    )


def _show_strays(strays: Strays) -> str:
    lines = [_describe_stray(*stray) for stray in strays.calls]
    if not strays.is_alone:
        lines.append("Another test that ran at the same time may have made them.")
    lines.append("A call finds its sandbox by `base_url`, or by a credential such as `secret_key`.")
    return "\n".join(lines)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the tests that passed although calls missed their sandboxes."""
    passed = terminalreporter.stats.get("passed", ())
    missed = [report for report in passed if any(name == STRAY_SECTION for name, _ in report.sections)]
    if missed:
        terminalreporter.section("mockserver calls outside of the tests")
        for report in missed:
            terminalreporter.write_line(report.nodeid)
            for name, text in report.sections:
                if name == STRAY_SECTION:
                    terminalreporter.write_line("    " + text.replace("\n", "\n    "))
