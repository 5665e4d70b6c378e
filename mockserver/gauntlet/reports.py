"""Reports: what the gauntlet found, for people and for programs."""

from __future__ import annotations

import html
import shlex
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode
from xml.etree import ElementTree

from mockserver.client.records import RecordedCall
from mockserver.gauntlet.deviations import Deviation
from mockserver.json_codec import dumps_pretty
from mockserver.markup import keep_printable
from mockserver.types import JsonObject

OUTCOMES = ("broke", "gave up", "recovered twice", "recovered", "survived", "not reached")
_BAD = ("broke", "gave up", "recovered twice")


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one deviation. `output` is what the command wrote when it first failed under it."""

    deviation: Deviation
    outcome: str
    call: RecordedCall | None
    difference: str
    output: str | None

    def to_json(self) -> JsonObject:
        """The entry of `results`."""
        return {
            **self.deviation.to_json(),
            "outcome": self.outcome,
            "call": None if self.call is None else show_request(self.call),
            "difference": self.difference,
            "output": self.output,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What the gauntlet found. `problem` says why nothing could be tried; None if something could."""

    command: tuple[str, ...]
    has_passed: bool
    calls: tuple[RecordedCall, ...]
    results: tuple[Result, ...]
    audits: dict[str, dict[str, object]]
    untried: tuple[Deviation, ...]
    runs: int
    problem: str | None
    plain_output: str

    def exit_code(self, *, requires_recovery: bool) -> int:
        """0; 1 where something legal broke, or a failure was not recovered from; 3 for unsound plain runs."""
        if self.problem is not None:
            return 3
        bad = {"broke", "gave up", "recovered twice"} if requires_recovery else {"broke"}
        return int(any(result.outcome in bad for result in self.results))

    def to_json(self) -> JsonObject:
        """The report for programs; equal for equal behaviour of the command."""
        return {
            "command": list(self.command),
            "plain": {"passed": self.has_passed, "calls": [show_request(call) for call in self.calls]},
            "results": [result.to_json() for result in self.results],
            "audits": self.audits,
            "untried": [deviation.to_json() for deviation in self.untried],
            "runs": self.runs,
            **({} if self.problem is None else {"problem": self.problem, "output": self.plain_output}),
        }

    def count(self) -> dict[str, int]:
        """How many deviations have each outcome, in the order of `OUTCOMES`."""
        counts = Counter(result.outcome for result in self.results)
        return {outcome: counts[outcome] for outcome in OUTCOMES if counts[outcome]}


def show_request(call: RecordedCall) -> str:
    """A call in one line, without what differs from run to run: `POST /v1/orders?customer=7`."""
    query = urlencode(call.query, doseq=True)
    return f"{call.method} {call.path}{f'?{query}' if query else ''}"


def write_text(report: Report) -> str:
    """For people."""
    lines = [f"$ {shlex.join(report.command)}"]
    if report.problem is not None:
        return "\n".join([*lines, f"Nothing was tried: {report.problem}.", *_indent(report.plain_output)])
    for outcome in OUTCOMES:
        found = [result for result in report.results if result.outcome == outcome]
        if found and outcome in _BAD:
            lines += ["", f"{outcome.upper()} ({len(found)})"]
            for result in found:
                lines += [f"  {_title(result.deviation)}", *_indent(result.difference, 4)]
                lines += [] if result.call is None else [f"    on {show_request(result.call)}"]
                lines += _indent("\n".join((result.output or "").splitlines()[-5:]), 6)
    for name, audit in report.audits.items():
        problems = audit["problems"]
        assert isinstance(problems, list), "audits list texts"
        lines += [""] if problems else []
        lines += [f"{name}: {problem}" for problem in problems]
    counts = ", ".join(f"{count} {outcome}" for outcome, count in report.count().items()) or "nothing tried"
    lines += ["", f"{counts}; {report.runs} runs."]
    if report.untried:
        lines.append(f"{len(report.untried)} deviations were not tried:")
        lines += [f"  {_title(deviation)}" for deviation in report.untried]
    return "\n".join(lines)


def _indent(text: str, width: int = 2) -> list[str]:
    return [f"{' ' * width}{line}" for line in text.splitlines()]


def _title(deviation: Deviation) -> str:
    phases = {"after_commit": " after the effect", "before": " before the effect"}
    phase = phases.get(deviation.phase or "", "") if deviation.kind == "fault" else ""
    name = "" if deviation.kind == "error" else f" {deviation.name}"
    return f"{deviation.operation} {deviation.status}{name}{phase}"


def write_json(report: Report) -> str:
    """For programs."""
    return dumps_pretty(report.to_json()).decode("utf-8")


def write_junit(report: Report) -> str:
    """JUnit's XML: a test case for each deviation; one that was not reached or not tried is skipped."""
    bad = [result for result in report.results if result.outcome in _BAD]
    count = len(report.results) + len(report.untried)
    suite = ElementTree.Element(
        "testsuite", name="mockserver gauntlet", tests=str(count), failures=str(len(bad))
    )
    if report.problem is not None:
        case = ElementTree.SubElement(suite, "testcase", classname="plain", name="plain")
        ElementTree.SubElement(case, "error", message=report.problem).text = keep_printable(
            report.plain_output
        )
    for result in report.results:
        case = _add_case(suite, result.deviation)
        if result.outcome in _BAD:
            text = keep_printable(f"{result.difference}\n\n{result.output or ''}")
            ElementTree.SubElement(case, "failure", message=result.outcome).text = text
        elif result.outcome == "not reached":
            ElementTree.SubElement(case, "skipped", message=result.outcome)
    for deviation in report.untried:
        ElementTree.SubElement(_add_case(suite, deviation), "skipped", message="not tried")
    return ElementTree.tostring(suite, encoding="unicode")


def _add_case(suite: ElementTree.Element, deviation: Deviation) -> ElementTree.Element:
    return ElementTree.SubElement(
        suite, "testcase", classname=f"{deviation.operation}.{deviation.kind}", name=_title(deviation)
    )


_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em}"
    ":root{color-scheme:light dark}"
    "pre{overflow:auto;padding:.7em;background:#8881}.bad{color:#c33}.good{color:#283}"
    "summary{cursor:pointer}"
)


def write_html(report: Report) -> str:
    """One page without anything from elsewhere."""
    parts = [
        "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>The gauntlet</title>",
        f"<style>{_STYLE}</style><h1>The gauntlet</h1><pre>{html.escape(shlex.join(report.command))}</pre>",
    ]
    if report.problem is not None:
        parts.append(f"<p class=bad>Nothing was tried: {html.escape(report.problem)}.</p>")
        parts.append(f"<pre>{html.escape(report.plain_output)}</pre>")
    counts = ", ".join(f"{count} {outcome}" for outcome, count in report.count().items())
    parts.append(f"<p>{counts}; {report.runs} runs.</p>")
    for outcome in OUTCOMES:
        found = [result for result in report.results if result.outcome == outcome]
        if found:
            kind = "bad" if outcome in _BAD else "good"
            parts.append(f"<h2 class={kind}>{outcome} ({len(found)})</h2>")
            parts += [_write_result(result) for result in found]
    if report.untried:
        titles = "\n".join(map(_title, report.untried))
        parts.append(f"<h2>not tried ({len(report.untried)})</h2><pre>{html.escape(titles)}</pre>")
    for name, audit in report.audits.items():
        text = "ok" if audit["ok"] else "\n".join(map(str, audit["problems"]))  # type: ignore[call-overload]
        parts.append(f"<h2>{html.escape(name)}</h2><pre>{html.escape(text)}</pre>")
    return "".join(parts)


def _write_result(result: Result) -> str:
    call = "" if result.call is None else f"<p>{html.escape(show_request(result.call))}</p>"
    output = f"<pre>{html.escape(result.output)}</pre>" if result.output else ""
    is_open = " open" if result.outcome in _BAD else ""
    return (
        f"<details{is_open}><summary>{html.escape(_title(result.deviation))}</summary>{call}"
        f"<pre>{html.escape(result.difference)}</pre>{output}</details>"
    )


FORMATS: dict[str, Callable[[Report], str]] = {
    "text": write_text,
    "json": write_json,
    "junit": write_junit,
    "html": write_html,
}
