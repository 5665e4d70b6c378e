"""Reports: what a strict test left behind, and the calls of a failing test."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

from mockserver.pytest_plugin.fixtures import ACTIVE_TEST, ActiveTest

if TYPE_CHECKING:
    from mockserver.client.records import NamedVariant, RecordedCall
    from mockserver.client.sandbox import Sandbox

SECTION = "mockserver calls"
VARIANT_SECTION = "mockserver variant"
MAX_CALLS_SHOWN = 30


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    result = yield
    test = item.stash.get(ACTIVE_TEST, None)
    if test is not None and test.is_strict and (problems := find_leftovers(test)):
        pytest.fail("\n".join(["a strict test left behind:", *problems]), pytrace=False)
    if test is not None and test.is_strict_on_assumptions and (problems := find_inventions(test)):
        head = "strict assumptions: the calls came upon what the contract invents:"
        pytest.fail("\n".join([head, *problems]), pytrace=False)
    return result


def find_inventions(test: ActiveTest) -> list[str]:
    """What of the contract nobody documented or inferred, and the calls came upon; a line each."""
    return [
        f"{each['what']} ({each['source']})"
        for each in test.sandbox.assumptions(touched=True)
        if each["provenance"] == "invented"
    ]


def find_leftovers(test: ActiveTest) -> list[str]:
    """Everything that a strict test must not leave behind, a line each."""
    problems = [problem for call in test.sandbox.calls() for problem in _judge(call)]
    for stub in test.sandbox.stubs():
        own = stub.get("metadata", {}).get("mockserver", {})
        if own.get("times") is not None and stub["id"] not in test.stubs_before:
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
    test = item.stash.get(ACTIVE_TEST, None)
    if report.failed and test is not None:
        if test.variant is not None:
            report.sections.append((VARIANT_SECTION, _show_variant(test.sandbox, test.variant)))
        text = _show_safely(test.sandbox)
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
