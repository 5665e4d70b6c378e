"""Coverage documents: merged, measured, written."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from mockserver.coverage import measure, merge_coverage, write_html, write_markdown, write_text


def document(status: int = 1, stub: int = 0) -> Any:
    return {
        "operations": [
            {
                "operation": "a<b",
                "statuses": [{"status": 200, "hits": status}, {"status": 404, "hits": 0}],
                "reasons": [
                    {"reason": "gone", "hits": 0},
                    *([{"reason": "stub", "hits": stub}] if stub else []),
                ],
                "variants": [
                    {"variant": "chunked", "answer": "success", "hits": 0},
                    {"variant": "chunked", "answer": "error", "hits": 2},
                ],
                "credentials": [],
                "members": [{"member": "id", "in": "path", "hits": 0}],
                "beyond": {"statuses": [], "reasons": ["stub"] if stub else []},
            }
        ]
    }


def test_what_is_not_documented_counts_for_nothing() -> None:
    assert (measure(document()).touched, measure(document()).total) == (2, 6)
    assert measure(document(stub=5)) == measure(document())
    assert measure(document(), dimension="statuses").percent == 50.0


@pytest.mark.parametrize(
    ("touched", "total", "percent"),
    [(0, 3, 0.0), (2, 3, 66.6), (3, 3, 100.0), (9_999, 10_000, 99.9), (0, 0, 100.0)],
)
def test_a_hundred_percent_is_all(touched: int, total: int, percent: float) -> None:
    items = [{"status": number, "hits": int(number < touched)} for number in range(total)]
    entry: dict[str, list[Any]] = {name: [] for name in ("reasons", "variants", "credentials", "members")}
    found = measure({"operations": [{"operation": "a", "statuses": items, "beyond": {}, **entry}]})
    assert found.to_json() == {"touched": touched, "total": total, "percent": percent}


def test_documents_are_merged_by_adding_hits() -> None:
    first, second = document(status=1), document(status=3, stub=5)
    before = copy.deepcopy((first, second))
    merged = merge_coverage([first, second])
    (entry,) = merged["operations"]
    assert entry["statuses"][0] == {"status": 200, "hits": 4}
    assert entry["reasons"][-1] == {"reason": "stub", "hits": 5}
    assert entry["beyond"]["reasons"] == ["stub"]
    assert [item["hits"] for item in entry["variants"]] == [0, 4]
    assert merged["summary"]["total"] == 6
    assert (first, second) == before
    assert merge_coverage([merge_coverage([first]), second])["operations"] == merged["operations"]
    assert merge_coverage([])["operations"] == []


def test_what_is_missing_is_named() -> None:
    text = write_text(document())
    assert "statuses       1 of 2    missing: 404" in text
    assert "missing: success chunked" in text
    assert text.endswith("TOTAL  33.3 %\n")
    assert "- members: `path id`" in write_markdown(document())
    page = write_html(document())
    assert "a&lt;b" in page
    assert "a<b" not in page
