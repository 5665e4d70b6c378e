"""Reports of `mockserver drift`: for a terminal, for programs, for CI."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from xml.etree import ElementTree

from mockserver.json_codec import dumps, dumps_pretty
from mockserver.markup import keep_printable, write_row
from mockserver.provider.drift import Asked, DriftEntry, DriftReport
from mockserver.types import Json

_STATES = ("refuted", "confirmed", "unknown")


def write_text(report: DriftReport) -> str:
    """For people: differences, then assumptions that showed themselves, then a line of counts."""
    lines = []
    if report.entries:
        lines.append(f"DRIFT ({len(report.entries)})")
    for entry in report.entries:
        lines += [f"  {entry.operation}  {entry.probe}", f"    {_describe(entry)}"]
    for asked in report.asked:
        if asked.outcome == "would be sent":
            lines.append(f"  {asked.operation}  {asked.probe}: {asked.request} -> {asked.expected}")
        elif asked.outcome not in ("kept", "drift"):
            lines.append(f"  {asked.operation}  {asked.probe}: {asked.outcome}")
    lines += [f"refuted: {item['what']}" for item in report.assumptions if item["state"] == "refuted"]
    lines += [f"LEFT BEHIND: {path}" for path in report.left]
    return "\n".join([*lines, *([""] if lines else []), _summarize(report)])


def _describe(entry: DriftEntry) -> str:
    pointer = "status" if entry.pointer == "/:status" else f"{entry.place} {entry.pointer or '/'}"
    return f"{pointer}: expected {_say(entry.expected)}, got {_say(entry.actual)}"


def _say(value: Json) -> str:
    return value if isinstance(value, str) else dumps(value).decode("utf-8")


def _summarize(report: DriftReport) -> str:
    states = Counter(item["state"] for item in report.assumptions)
    told = ", ".join(f"{states[state]} {state}" for state in _STATES if states[state])
    parts = [
        f"{len(report.asked)} probes of {report.upstream}, {len(report.entries)} differences",
        f"assumptions: {told}" if told else "",
        f"created {report.created}, left {len(report.left)}" if report.created else "",
        f"not provoked: {', '.join(report.untried)}" if report.untried else "",
    ]
    return "; ".join(filter(None, parts)) + "."


def write_json(report: DriftReport) -> str:
    """For programs."""
    return dumps_pretty(report.to_json()).decode("utf-8")


def write_junit(report: DriftReport) -> str:
    """JUnit's XML: a test case for each probe; one that got no answer to judge is skipped."""
    failed = sum(asked.outcome == "drift" for asked in report.asked)
    suite = ElementTree.Element(
        "testsuite", name="mockserver drift", tests=str(len(report.asked)), failures=str(failed)
    )
    for asked in report.asked:
        case = ElementTree.SubElement(suite, "testcase", classname=asked.operation, name=asked.probe)
        if asked.outcome == "drift":
            text = keep_printable("\n".join(_list_differences(report, asked)))
            ElementTree.SubElement(case, "failure", message=asked.request).text = text
        elif asked.outcome != "kept":
            ElementTree.SubElement(case, "skipped", message=asked.outcome)
    if report.left:
        case = ElementTree.SubElement(suite, "testcase", classname="undo", name="undo")
        ElementTree.SubElement(case, "error", message="left behind").text = "\n".join(report.left)
    return ElementTree.tostring(suite, encoding="unicode")


def _list_differences(report: DriftReport, asked: Asked) -> list[str]:
    """What is known of a probe's operation: a difference that several probes met is kept with the first."""
    own = [
        entry for entry in report.entries if (entry.operation, entry.probe) == (asked.operation, asked.probe)
    ]
    return [_describe(entry) for entry in own] or ["the same as another probe of the operation"]


def write_markdown(report: DriftReport) -> str:
    """Tables of the differences and of the assumptions that showed themselves."""
    lines = [f"### {_summarize(report)}"]
    if report.entries:
        lines += ["", "| operation | probe | where | expected | actual |", "| --- | --- | --- | --- | --- |"]
    for entry in report.entries:
        cells = (
            entry.operation,
            entry.probe,
            f"{entry.place} `{entry.pointer}`",
            entry.expected,
            entry.actual,
        )
        lines.append(write_row(map(_say, cells)))
    seen = [item for item in report.assumptions if item["state"] != "unknown"]
    if seen:
        lines += ["", "| assumption | state |", "| --- | --- |"]
        lines += [write_row((item["what"], item["state"])) for item in seen]
    lines += ["", *(f"- left behind: `{path}`" for path in report.left)] if report.left else []
    return "\n".join(lines)


DRIFT_FORMATS: dict[str, Callable[[DriftReport], str]] = {
    "text": write_text,
    "json": write_json,
    "junit": write_junit,
    "markdown": write_markdown,
}
