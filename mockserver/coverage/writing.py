"""Coverage for people: lines for a terminal, Markdown for the summary of a CI job, a page of HTML."""

from __future__ import annotations

from html import escape

from mockserver.coverage.documents import DIMENSIONS, list_documented, measure
from mockserver.types import JsonObject

_MISSING_SHOWN = 8


def write_text(document: JsonObject) -> str:
    """One line for each operation and dimension, with what is missing."""
    lines = []
    for entry in document["operations"]:
        lines.append(f"{entry['operation']}  {_percent({'operations': [entry]})}")
        for dimension in DIMENSIONS:
            found = measure({"operations": [entry]}, dimension=dimension)
            if found.total:
                line = f"  {dimension:<11} {found.touched:>4} of {found.total:<4}"
                missing = _list_missing(entry, dimension)
                lines.append(f"{line} missing: {_shorten(missing)}" if missing else line.rstrip())
    lines.append(f"TOTAL  {_percent(document)}")
    return "\n".join(lines) + "\n"


def _percent(document: JsonObject) -> str:
    return f"{measure(document).percent:g} %"


def _list_missing(entry: JsonObject, dimension: str) -> list[str]:
    return [_name(item, dimension) for item in list_documented(entry, dimension) if not item["hits"]]


def _name(item: JsonObject, dimension: str) -> str:
    """`429`, `rate_limited`, `error extra-members`, `body metadata`."""
    kind = item.get("answer") or item.get("in")
    name = str(item[DIMENSIONS[dimension]])
    return f"{kind} {name}" if kind else name


def _shorten(names: list[str]) -> str:
    more = len(names) - _MISSING_SHOWN
    return ", ".join(names[:_MISSING_SHOWN]) + (f" and {more} more" if more > 0 else "")


def write_markdown(document: JsonObject) -> str:
    """A table of percentages, and below it what is missing, folded away."""
    columns = ["operation", *DIMENSIONS, "all"]
    lines = [
        f"### Contract coverage: {_percent(document)}",
        "",
        f"| {' | '.join(columns)} |",
        f"| --- |{' ---: |' * (len(columns) - 1)}",
    ]
    for entry in document["operations"]:
        alone = {"operations": [entry]}
        cells = [_cell(alone, dimension) for dimension in (*DIMENSIONS, None)]
        lines.append(f"| `{entry['operation']}` | {' | '.join(cells)} |")
    lines.append(f"| all | {' | '.join(_cell(document, dimension) for dimension in (*DIMENSIONS, None))} |")
    for entry in document["operations"]:
        missing = [
            f"- {dimension}: {', '.join(f'`{name}`' for name in names)}"
            for dimension in DIMENSIONS
            if (names := _list_missing(entry, dimension))
        ]
        if missing:
            summary = f"<details><summary>Missing of {entry['operation']}</summary>"
            lines += ["", summary, "", *missing, "", "</details>"]
    return "\n".join(lines) + "\n"


def _cell(document: JsonObject, dimension: str | None) -> str:
    found = measure(document, dimension=dimension)
    return f"{found.touched}/{found.total}" if found.total else ""


def write_html(document: JsonObject) -> str:
    """A page that needs nothing else: each item of each operation, with its hits."""
    parts = [
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Contract coverage</title>',
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>Contract coverage: {_percent(document)}</h1>",
    ]
    for entry in document["operations"]:
        alone = {"operations": [entry]}
        parts.append(f"<h2>{escape(entry['operation'])}: {_percent(alone)}</h2>")
        for dimension in DIMENSIONS:
            if entry[dimension]:
                items = "".join(
                    f'<li class="{"hit" if item["hits"] else "missing"}">{escape(_name(item, dimension))}'
                    f" <small>{item['hits']}</small></li>"
                    for item in entry[dimension]
                )
                parts.append(f"<h3>{dimension} {_cell(alone, dimension)}</h3><ul>{items}</ul>")
    return "\n".join((*parts, "</body></html>")) + "\n"


_STYLE = (
    "body{font:15px system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}"
    "ul{display:flex;flex-wrap:wrap;gap:.4rem;list-style:none;padding:0}"
    "li{border-radius:.3rem;padding:.1rem .5rem}h3{margin-bottom:.3rem}"
    ".hit{background:#d7f5dd;color:#0b4a1b}.missing{background:#fde2e1;color:#7a1512}"
)
