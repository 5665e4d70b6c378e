"""Request lines: what they tell is read once, and never of a line that holds a secret."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.contract import Contract
from mockserver.redaction import redact
from mockserver.request.line import MAX_REMEMBERED, MAX_REMEMBERED_LENGTH, LineFacts, LineReader
from tests.doors import CREATE

PATH, _, QUERY = CREATE.partition("?")


def test_equal_lines_are_read_once(contract: Contract) -> None:
    reader = LineReader(contract, frozenset())
    facts = reader.read("POST", PATH, QUERY)
    assert reader.read("POST", PATH, QUERY) is facts
    assert facts.operation is not None
    assert facts.operation.id == "createApiKey"
    assert facts.arguments == {"account_id": "acct_1"}
    other = reader.read("GET", PATH, QUERY)
    assert other is not facts
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
def test_a_line_with_a_secret_or_a_long_one_is_not_remembered(
    contract: Contract, method: str, path: str, query: str
) -> None:
    reader = LineReader(contract, frozenset())
    facts = reader.read(method, path, query)
    assert reader.read(method, path, query) is not facts
    shown = (facts.shown_method, facts.shown_path, facts.shown_query, repr(facts), repr(reader))
    assert "very_secret" not in str(shown)


@pytest.mark.parametrize("written", ["sk_test_very_secret", "sk%5ftest%5fvery_secret"])
def test_a_secret_in_the_path_is_known_and_not_shown(contract: Contract, written: str) -> None:
    facts = LineReader(contract, frozenset()).read("DELETE", f"/v1/api-keys/{written}", "")
    assert facts.path_parameters == {"id": "sk_test_very_secret"}
    assert facts.shown_path_parameters == {"id": redact("sk_test_very_secret")}


def test_so_many_lines_are_remembered_and_no_more(contract: Contract) -> None:
    reader = LineReader(contract, frozenset())
    for number in range(3 * MAX_REMEMBERED):
        reader.read("GET", f"/v1/api-keys/{number}", "")
        assert len(reader._remembered) <= MAX_REMEMBERED


LINES = st.tuples(
    st.sampled_from(("GET", "POST", "DELETE", "PATCH", "get")),
    st.sampled_from(
        ("/v1/api-keys", "/v1/api-keys/", "/v1/api-keys/a%2Fb", "/~t1/v1/api-keys/", "/~T/", "*")
    ),
    st.sampled_from(
        ("", "account_id=a", "account_id=a&account_id=b", "limit=x", "limit=5&managed=true", "q=%zz")
    ),
)


@settings(deadline=None)
@given(st.lists(LINES, max_size=8))
def test_what_is_remembered_is_what_is_read(contract: Contract, lines: list[tuple[str, str, str]]) -> None:
    reader = LineReader(contract, frozenset())
    for line in (*lines, *lines):
        found, fresh = reader.read(*line), LineFacts(contract, frozenset(), *line)
        for name in set(LineFacts.__slots__) - {"may_rest"}:
            assert getattr(found, name) == getattr(fresh, name), name
