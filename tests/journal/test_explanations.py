"""Explanations: the texts of failed verifications, as files that a person can read and judge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mockserver.journal.explanations import explain
from tests.desk import Desk
from tests.doors import BODY, UNSENT

EXPECTED = Path(__file__).parent / "expected"
LIST = "/v1/api-keys/?account_id=acct_1"
CREATE = {"operation": "createApiKey"}
PERMISSIONS = {"account:api:key": ["create", "read"]}

CASES: dict[str, dict[str, Any]] = {
    "wrong-body-member": {
        "expected": [
            CREATE
            | {
                "request": {
                    "bodyPatterns": [{"equalToJson": {"name": "Checkout", "permissions": PERMISSIONS}}]
                },
                "exactly": 1,
            }
        ]
    },
    "wrong-header-and-query": {
        "expected": [
            {
                "request": {
                    "method": "POST",
                    "urlPath": "/v1/api-keys/",
                    "queryParameters": {"account_id": {"equalTo": "acct_2"}},
                    "headers": {
                        "Idempotency-Key": {"matches": "[0-9a-f-]{36}"},
                        "Authorization": {"equalTo": "Bearer sk_test_checkout"},
                    },
                },
                "atLeast": 2,
            }
        ]
    },
    "missing-member": {
        "expected": [
            {
                "request": {
                    "bodyPatterns": [
                        {
                            "matchesJsonPath": {
                                "expression": "$.metadata.order",
                                "contains": "2026",
                            }
                        }
                    ]
                }
            }
        ]
    },
    "too-few": {"expected": [CREATE | {"exactly": 3}]},
    "too-many": {"expected": [CREATE | {"atMost": 1}]},
    "unwanted": {"expected": [{"request": {"headers": {"X-Trace": {"absent": True}}}, "exactly": 0}]},
    "wrong-order": {"expected": [CREATE, {"operation": "listApiKeys"}], "inOrder": True},
    "something-else": {"expected": [CREATE], "nothingElse": True},
    "several": {
        "expected": [CREATE | {"atLeast": 3, "atMost": 5}, {"operation": "deleteApiKey"}],
        "nothingElse": True,
    },
}


def failures(desk: Desk, question: dict[str, Any]) -> list[Any]:
    answer = desk.post("/verify", question)
    assert answer["ok"] is False
    found: list[Any] = answer["failures"]
    return found


@pytest.fixture
def busy(desk: Desk) -> Desk:
    """A create with a typing error in its name, a list, a create for another path, an odd create."""
    headers = {"X-Trace": "7"}
    desk.api.send(json={"name": "Chekcout", "permissions": PERMISSIONS}, headers=headers)
    desk.api.send("GET", LIST, json=UNSENT, headers=headers)
    desk.api.send("POST", "/v1/api-key/?account_id=acct_1", headers=headers)
    desk.api.send(json={**BODY, "metadata": {"order": "2025/17"}}, headers={"Prefer": "code=429"})
    return desk


@pytest.mark.parametrize("case", CASES)
def test_the_text_is_that_of_the_file(busy: Desk, case: str) -> None:
    text = "\n\n".join(explain(failure) for failure in failures(busy, CASES[case])) + "\n"
    assert text == (EXPECTED / f"verification-{case}.txt").read_text("utf-8")


def test_every_file_has_its_case() -> None:
    assert {path.stem for path in EXPECTED.glob("verification-*.txt")} == {
        *(f"verification-{case}" for case in CASES),
        "verification-empty-journal",
    }


def test_an_empty_journal_says_so(desk: Desk) -> None:
    (failure,) = failures(desk, {"expected": [CREATE]})
    assert explain(failure) + "\n" == (EXPECTED / "verification-empty-journal.txt").read_text("utf-8")


def test_a_text_cannot_steer_a_terminal(desk: Desk) -> None:
    desk.api.send(json={**BODY, "name": "\x1b[2J\x9b\u202e\r\n"})
    pattern = {"bodyPatterns": [{"equalToJson": {**BODY, "name": "\x1b]0;x\x07"}}]}
    (failure,) = failures(desk, {"expected": [{"request": pattern}]})
    text = explain(failure)
    assert all(char.isprintable() or char == "\n" for char in text)
    assert r"\u001b[2J\x9b\u202e\r\n" in text


def test_long_values_are_cut(desk: Desk) -> None:
    desk.api.send(json={**BODY, "name": "x" * 5_000})
    pattern = {"bodyPatterns": [{"equalToJson": {**BODY, "name": "y"}}]}
    (failure,) = failures(desk, {"expected": [{"request": pattern}]})
    text = explain(failure)
    assert "… (5002 characters)" in text
    assert len(text) < 1_000


def test_a_text_shows_no_secret(desk: Desk) -> None:
    secret, other = "sk_test_first_secret", "sk_test_other_secret"
    key = desk.api.send(key=secret).key
    desk.api.send("GET", f"{LIST}&key={key}", json=UNSENT, key=secret)
    pattern = {"headers": {"Authorization": {"equalTo": f"Bearer {other}"}}}
    (failure,) = failures(desk, {"expected": [{"request": pattern}]})
    text = explain(failure)
    assert "header authorization" in text
    assert not any(shown in text for shown in (secret, other, key))


@pytest.mark.parametrize(
    ("operator", "expected", "line"),
    [
        ("equalTo", "x", 'expected  "x"'),
        ("contains", "x", 'expected  a text that contains "x"'),
        ("absent", True, "expected  nothing"),
        ("absent", False, "expected  null"),
        ("before", "now", 'expected  before "now"'),
    ],
)
def test_an_operator_is_told_in_words(busy: Desk, operator: str, expected: Any, line: str) -> None:
    (failure,) = failures(busy, CASES["wrong-body-member"])
    difference = {
        "in": "query",
        "pointer": "/a~1b",
        "operator": operator,
        "expected": expected,
        "actual": None,
    }
    failure["nearest"] = [{"call": failure["nearest"][0]["call"], "differences": [difference]}]
    lines = [item.strip() for item in explain(failure).split("\n")]
    assert lines[-3:] == ["query a/b", line, "was       nothing"]
