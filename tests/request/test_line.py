"""Request lines: what they tell, and which of them may stay in memory."""

from __future__ import annotations

import pytest

from mockserver.contract import Contract
from mockserver.redaction import redact
from mockserver.request.line import MAX_REMEMBERED_LENGTH, LineFacts
from tests.doors import CREATE

PATH, _, QUERY = CREATE.partition("?")


def read(contract: Contract, method: str, path: str, query: str) -> LineFacts:
    return LineFacts(contract, frozenset(), frozenset(), method, path, query)


def test_a_line_tells_its_operation_and_its_parameters(contract: Contract) -> None:
    facts = read(contract, "POST", PATH, QUERY)
    assert facts.operation is not None
    assert facts.operation.id == "createApiKey"
    assert facts.arguments == {"account_id": "acct_1"}
    assert facts.is_cacheable
    other = read(contract, "GET", PATH, QUERY)
    assert other.operation is not None
    assert other.operation.id == "listApiKeys"


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("POST", PATH, f"{QUERY}&key=sk_test_very_secret"),
        ("POST", "/v1/sk_test_very_secret/", QUERY),
        ("POST", "/v1/sk%5ftest%5fvery_secret/", QUERY),
        ("sk_test_very_secret", PATH, QUERY),
        ("POST", PATH, f"{QUERY}&access_token=opaque"),
        ("POST", PATH, f"{QUERY}&pad={'x' * MAX_REMEMBERED_LENGTH}"),
    ],
)
def test_a_line_with_a_secret_or_a_long_one_may_not_stay_in_memory(
    contract: Contract, method: str, path: str, query: str
) -> None:
    facts = read(contract, method, path, query)
    assert not facts.is_cacheable
    shown = (facts.shown_method, facts.shown_path, facts.shown_query, repr(facts))
    assert "very_secret" not in str(shown)


@pytest.mark.parametrize("written", ["sk_test_very_secret", "sk%5ftest%5fvery_secret"])
def test_a_secret_in_the_path_is_known_and_not_shown(contract: Contract, written: str) -> None:
    facts = read(contract, "DELETE", f"/v1/api-keys/{written}", "")
    assert facts.path_parameters == {"id": "sk_test_very_secret"}
    assert facts.shown_path_parameters == {"id": redact("sk_test_very_secret")}
