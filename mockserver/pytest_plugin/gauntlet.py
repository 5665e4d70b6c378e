"""`--mockserver-gauntlet`: what the code under each test survives.

Each test that uses the fixture `mockserver` runs again and again in its own process, as `mockserver gauntlet`
runs a command. Its last run is plain, and is the one that pytest reports. A test whose code a legal answer
breaks fails.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest
from _pytest.runner import runtestprotocol

from mockserver.pytest_plugin.markers import read_parameters

if TYPE_CHECKING:
    from mockserver.client.sandbox import Sandbox
    from mockserver.gauntlet import Report
    from mockserver.gauntlet.deviations import Deviation
    from mockserver.gauntlet.trials import Trial
    from mockserver.types import JsonObject

SECTION = "mockserver gauntlet"
# The member of a report that carries the result of a test, from workers of pytest-xdist too.
_RESULT = "mockserver_gauntlet"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("mockserver gauntlet", "what the code under test survives")
    group.addoption("--mockserver-gauntlet", action="store_true",
                    help="Run each test under every legal answer and each transient failure.")  # fmt: skip
    group.addoption("--mockserver-gauntlet-only", choices=("legal", "failures"),
                    help="Try legal answers or failures alone.")  # fmt: skip
    group.addoption("--mockserver-gauntlet-budget", type=float, metavar="SECONDS",
                    help="Start no further run of a test after so many seconds.")  # fmt: skip
    group.addoption("--mockserver-gauntlet-client-timeout", type=float, default=5.0, metavar="SECONDS",
                    help="How long the client waits for an answer (default: 5).")  # fmt: skip
    group.addoption("--mockserver-gauntlet-repeat", type=int, default=1, metavar="N",
                    help="How often a run must fail before it counts as failed (default: 1).")  # fmt: skip
    group.addoption("--mockserver-gauntlet-require", choices=("recovery",),
                    help="Fail tests also where a failure is not recovered from.")  # fmt: skip
    group.addoption("--mockserver-gauntlet-output", metavar="FILE",
                    help="Write the results of all tests as JSON.")  # fmt: skip


class RunProbe:
    """What one run of a test is to meet, and what its sandbox saw."""

    def __init__(self, deviations: Sequence[Deviation]) -> None:
        self.deviations = deviations
        self.trial: Trial | None = None
        self.stub_ids: list[str] = []

    def begin(self, sandbox: Sandbox) -> None:
        """The sandbox is ready, and the test has not begun."""
        from mockserver.gauntlet.trials import script

        self.stub_ids = script(sandbox, self.deviations)

    def end(self, sandbox: Sandbox) -> None:
        """The test is over, and the sandbox still there."""
        from mockserver.gauntlet.trials import read_trial

        self.trial = read_trial(sandbox, self.stub_ids)


PROBE = pytest.StashKey[RunProbe]()


class _NotRun(Exception):
    """A test was skipped, or failed before it had its sandbox."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a test under deviations, then once plain for its report."""
    if not item.config.getoption("--mockserver-gauntlet") or not _can_be_tried(item):
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    result = _run_gauntlet(item)
    for report in runtestprotocol(item, nextitem=nextitem, log=False):
        if report.when == "call" and result is not None:
            _add_result(item.config, report, result)
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _can_be_tried(item: pytest.Item) -> bool:
    """Whether a test has a sandbox of its own, and none that deviates already."""
    deviates = read_parameters(item).keys() & {"mockserver_variant", "mockserver_error"}
    return "mockserver" in getattr(item, "fixturenames", ()) and not deviates


def _run_gauntlet(item: pytest.Item) -> Report | None:
    from mockserver.gauntlet import Gauntlet, GauntletOptions

    option = item.config.getoption
    options = GauntletOptions(
        only=option("--mockserver-gauntlet-only"),
        budget_seconds=option("--mockserver-gauntlet-budget"),
        repeats=option("--mockserver-gauntlet-repeat"),
        client_timeout_seconds=option("--mockserver-gauntlet-client-timeout"),
    )
    gauntlet = Gauntlet((item.nodeid,), lambda deviations, attempt: _run_once(item, deviations), options)
    try:
        gauntlet.run()
    except _NotRun:
        return None
    finally:
        # None if there was no run at all.
        if PROBE in item.stash:
            del item.stash[PROBE]
    return gauntlet.report()


def _run_once(item: pytest.Item, deviations: Sequence[Deviation]) -> Trial:
    """One run of a test, of which pytest hears nothing."""
    from mockserver.redaction import redact

    properties, sections = list(item.user_properties), list(item._report_sections)
    probe = item.stash[PROBE] = RunProbe(deviations)
    # All that it shares with others stays: what is next is something in the same place.
    reports = runtestprotocol(item, nextitem=cast(pytest.Item, item.parent), log=False)
    item.user_properties[:], item._report_sections[:] = properties, sections
    if probe.trial is None:
        raise _NotRun
    has_passed = all(report.passed for report in reports)
    output = "\n".join(report.longreprtext for report in reports if report.failed)
    return replace(probe.trial, has_passed=has_passed, output=redact(output))


def _add_result(config: pytest.Config, report: pytest.TestReport, result: Report) -> None:
    """Let the report of a plain run carry what the gauntlet found, and fail where that is bad."""
    from mockserver.gauntlet import FORMATS

    if not report.passed or not result.runs:
        return
    calls_something = any(call.operation for call in result.calls)
    setattr(report, _RESULT, result.to_json() if calls_something else None)
    if not calls_something:
        return
    requires_recovery = config.getoption("--mockserver-gauntlet-require") is not None
    if result.exit_code(requires_recovery=requires_recovery):
        report.outcome = "failed"
        report.longrepr = FORMATS["text"](result)
    else:
        report.sections.append((SECTION, FORMATS["text"](result)))


# The whole run.


class _Collector:
    """Hears of the reports of all tests, and keeps their results by the ids of the tests, None for those that
    call nothing.
    """

    def __init__(self) -> None:
        self.results: dict[str, JsonObject | None] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if hasattr(report, _RESULT):
            self.results[report.nodeid] = getattr(report, _RESULT)


_COLLECTOR = pytest.StashKey[_Collector]()


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--mockserver-gauntlet"):
        collector = config.stash[_COLLECTOR] = _Collector()
        config.pluginmanager.register(collector, "mockserver-gauntlet-collector")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Count the outcomes, and write the results."""
    collector = config.stash.get(_COLLECTOR, None)
    if collector is None:
        return
    results = {name: result for name, result in sorted(collector.results.items()) if result is not None}
    counts = Counter(entry["outcome"] for result in results.values() for entry in result["results"])
    terminalreporter.section(SECTION)
    silent = sorted(collector.results.keys() - results.keys())
    terminalreporter.write_line(f"{len(results)} tests tried, {len(silent)} left out that call nothing")
    terminalreporter.write_line(", ".join(f"{counts[name]} {name}" for name in sorted(counts)))
    path = config.getoption("--mockserver-gauntlet-output")
    if path is not None:
        text = json.dumps({"tests": results, "leftOut": silent}, indent=2) + "\n"
        (config.invocation_params.dir / path).write_text(text, "utf-8")
        terminalreporter.write_line(f"JSON written to {path}")
