"""The ledger: what of the contract the tests of a run touched, and the reports of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest

from mockserver.pytest_plugin.markers import describe_unknown

if TYPE_CHECKING:
    from mockserver.client.sandbox import Sandbox


def pytest_addoption(parser: pytest.Parser) -> None:
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
    reports = [_read_report(text) for text in config.getoption("--mockserver-cov-report")]
    names = ("--mockserver-cov", "--mockserver-cov-fail-under", "--mockserver-cov-report")
    has_coverage = any(config.getoption(name) not in (False, None, []) for name in names)
    config.stash[LEDGER] = RunLedger(
        has_coverage=has_coverage,
        has_assumptions=config.getoption("--mockserver-assumptions"),
        reports=reports,
    )


class RunLedger:
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

    def take_in(self, sandbox: Sandbox, label: str) -> None:
        """A test is over, or whatever the label names that had a sandbox."""
        if self._has_coverage:
            from mockserver.coverage import note_test

            self._merge(note_test(sandbox.coverage(), label))
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


LEDGER = pytest.StashKey[RunLedger]()
_FORMATS = ("text", "json", "html", "markdown")


def _read_report(text: str) -> tuple[str, str]:
    """`json:PATH` -> its parts. Raises UsageError."""
    kind, _, path = text.partition(":")
    if kind not in _FORMATS:
        raise pytest.UsageError(
            f"--mockserver-cov-report={text}: no format {describe_unknown(kind, _FORMATS)}"
        )
    if not path and kind in ("json", "html"):
        raise pytest.UsageError(f"--mockserver-cov-report={text}: must name a file, {kind}:PATH")
    return kind, path


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """A worker of pytest-xdist is over."""
    text = getattr(node, "workeroutput", {}).get("mockserver_ledger")
    if text is not None:
        node.config.stash[LEDGER].add_text(text)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand over to the controller what a worker saw; there, write reports and judge the run."""
    config = session.config
    ledger = config.stash[LEDGER]
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
    coverage = config.stash[LEDGER].coverage
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
    ledger, coverage = config.stash[LEDGER], _find_coverage(config)
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
