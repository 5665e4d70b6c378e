"""The counters of the server as Prometheus text (exposition format 0.0.4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from mockserver.engine.engine import Engine
from mockserver.journal.call import CountKey, Facet
from mockserver.version import VERSION

MEDIA_TYPE = "text/plain; version=0.0.4"

_Sample = tuple[dict[str, str], int]


def write_metrics(engine: Engine) -> str:
    """Every counter of the server, all namespaces together, those that were reset or forgotten too.

    Labels are operation, status and reason; a path or a credential is none.
    """
    counts: Counter[CountKey] = Counter()
    touched: Counter[Facet] = Counter()
    kept = evicted = size = stubs = namespaces = 0
    for namespace in engine.namespaces:
        with namespace.transaction():
            journal = namespace.journal
            counts.update(journal.counts)
            kept += len(journal)
            evicted += journal.evicted
            size += journal.bytes
            stubs += len(namespace.stubs)
            namespaces += 1
    engine.namespaces.past.add_to(counts, touched)
    calls: Iterable[_Sample] = (
        ({"operation": operation or "", "status": str(status or ""), "reason": reason}, count)
        for (operation, status, reason), count in sorted(counts.items(), key=str)
    )
    refused: Iterable[_Sample] = (
        ({"reason": name}, count) for name, count in sorted(engine.refusals.items())
    )
    return "".join(
        (
            _write("info", "gauge", "The version of the server.", [({"version": VERSION}, 1)]),
            _write("calls_total", "counter", "Calls since the server started.", calls),
            _write("refused_total", "counter", "Requests refused before they became calls.", refused),
            _write("journal_calls", "gauge", "Calls that the journals keep.", [({}, kept)]),
            _write("journal_bytes", "gauge", "Bytes that the kept calls take.", [({}, size)]),
            _write("journal_evicted", "gauge", "Calls that made room for others.", [({}, evicted)]),
            _write("stubs", "gauge", "Stubs of all namespaces.", [({}, stubs)]),
            _write("namespaces", "gauge", "Namespaces that are there.", [({}, namespaces)]),
        )
    )


def _write(name: str, kind: str, what: str, samples: Iterable[_Sample]) -> str:
    full = f"mockserver_{name}"
    lines = [f"# HELP {full} {what}", f"# TYPE {full} {kind}"]
    for labels, value in samples:
        pairs = ",".join(f'{label}="{_escape(text)}"' for label, text in labels.items())
        lines.append(f"{full}{{{pairs}}} {value}" if pairs else f"{full} {value}")
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
