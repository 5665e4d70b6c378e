"""Reports of `mockserver diff`: for a terminal, for programs, for the summary of a CI job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from mockserver.json_codec import dumps_pretty
from mockserver.markup import write_row
from mockserver.provider.comparison import Breaks, Change

_ORDER: tuple[Breaks, ...] = ("consumer", "provider", "nobody")


def count_changes(changes: Sequence[Change]) -> dict[str, int]:
    """How many changes break whom."""
    counts = Counter(change.breaks for change in changes)
    return {breaks: counts[breaks] for breaks in _ORDER}


def write_text(changes: Sequence[Change]) -> str:
    """For people: what breaks a consumer first."""
    lines: list[str] = []
    for breaks in _ORDER:
        found = [change for change in changes if change.breaks == breaks]
        if found:
            lines += [f"BREAKS {breaks.upper()} ({len(found)})"]
        for change in found:
            lines += [f"  {change.operation}  {change.pointer}", f"    {change.why}"]
            lines += [f"    relied on by {test}" for test in change.tests]
        lines += [""] if found else []
    return "\n".join([*lines, _summarize(changes)])


def write_json(changes: Sequence[Change]) -> str:
    """`{"changes": […], "summary": {"consumer", "provider", "nobody"}}`."""
    document = {"changes": [change.to_json() for change in changes], "summary": count_changes(changes)}
    return dumps_pretty(document).decode("utf-8")


def write_markdown(changes: Sequence[Change]) -> str:
    """A table, and below it the tests that rely on what breaks."""
    lines = [f"### {_summarize(changes)}"]
    if changes:
        lines += ["", "| breaks | operation | why | where |", "| --- | --- | --- | --- |"]
    for breaks in _ORDER:
        for change in changes:
            if change.breaks == breaks:
                cells = (breaks, f"`{change.operation}`", change.why, f"`{change.pointer}`")
                lines.append(write_row(cells))
    tests = sorted({test for change in changes for test in change.tests})
    if tests:
        lines += ["", "Tests that rely on what breaks:", "", *(f"- `{test}`" for test in tests)]
    return "\n".join(lines)


def _summarize(changes: Sequence[Change]) -> str:
    if not changes:
        return "No change."
    counts = count_changes(changes)
    return f"{len(changes)} changes: {', '.join(f'{count} break {who}' for who, count in counts.items())}."


DIFF_FORMATS: dict[str, Callable[[Sequence[Change]], str]] = {
    "text": write_text,
    "json": write_json,
    "markdown": write_markdown,
}
