"""The journal: what it keeps, what it forgets, and what it still knows of what it forgot."""

from __future__ import annotations

import json
import threading
from collections import Counter
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.budget import ByteBudget
from mockserver.engine.engine import Engine
from mockserver.exceptions import Unanswerable
from mockserver.journal import journal as module
from mockserver.journal.call import MAX_BODY_BYTES, Call, Facet, make_subject, write_body
from mockserver.journal.filters import CallFilter
from mockserver.journal.journal import Journal
from mockserver.messages import Response, build_request
from mockserver.redaction import redact, redact_bytes, redact_json
from mockserver.request.head import ShownHead
from mockserver.security.credential import NO_CREDENTIAL
from tests.desk import Desk
from tests.doors import BODY, record_incomplete
from tests.journal.calls import fill, make_call

OPERATIONS = ("createApiKey", "listApiKeys", None)


def numbers(journal: Journal) -> list[int]:
    return [call.number for call in journal]


# Bounds, and what survives them.


def test_the_oldest_calls_make_room() -> None:
    journal = Journal(3, ByteBudget())
    fill(journal, 5)
    assert (numbers(journal), journal.evicted, journal.last_evicted) == ([3, 4, 5], 2, 2)
    assert journal.total == 5


@settings(max_examples=60)
@given(
    limit=st.integers(1, 8),
    facts=st.lists(
        st.tuples(
            st.sampled_from(OPERATIONS),
            st.sampled_from((201, 429)),
            st.sampled_from(("created", "stub")),
            st.booleans(),
        ),
        max_size=20,
    ),
)
def test_counts_by_operation_status_and_reason_stay_exact(limit: int, facts: list[Any]) -> None:
    journal = Journal(limit, ByteBudget())
    for operation, status, reason, is_suspicious in facts:
        fill(journal, 1, operation=operation, status=status, reason=reason, warnings=int(is_suspicious))
    expected = Counter(fact[:3] for fact in facts)
    gone = Counter(fact[:3] for fact in facts[: max(0, len(facts) - limit)])
    for operation, status, reason in expected:
        question = CallFilter(operation=operation, status=status, reason=reason)
        wanted = [key for key in expected if operation in (None, key[0]) and key[1:] == (status, reason)]
        counted = sum(expected[key] for key in wanted), sum(gone[key] for key in wanted)
        assert journal.count(question) == counted
    assert journal.count(CallFilter()) == (len(facts), sum(gone.values()))
    suspicious = [fact[3] for fact in facts]
    assert journal.count(CallFilter(warnings=True)) == (
        sum(suspicious),
        sum(suspicious[: sum(gone.values())]),
    )


def test_a_time_before_the_last_evicted_call_is_too_far_back() -> None:
    journal = Journal(2, ByteBudget())
    fill(journal, 5)
    assert journal.count(CallFilter(since=3)) == (2, 0)
    with pytest.raises(Unanswerable, match=r"3 calls were evicted .* raise --journal-limit \(now 2"):
        journal.count(CallFilter(since=2))


def test_a_time_can_be_asked_for_if_what_is_evicted_is_of_another_kind() -> None:
    journal = Journal(2, ByteBudget())
    fill(journal, 3, operation="listApiKeys")
    fill(journal, 2)
    assert journal.count(CallFilter(operation="createApiKey", since=0)) == (2, 0)


def test_warnings_of_one_operation_are_counted_as_long_as_they_can_be() -> None:
    journal = Journal(2, ByteBudget())
    fill(journal, 3)
    fill(journal, 2, warnings=1)
    assert journal.count(CallFilter(operation="createApiKey", warnings=True)) == (2, 0)
    fill(journal, 1)
    with pytest.raises(Unanswerable):
        journal.count(CallFilter(operation="createApiKey", warnings=True))


def test_the_error_tells_one_call_from_many() -> None:
    journal = Journal(1, ByteBudget())
    fill(journal, 2)
    assert str(journal.unanswerable()).startswith("1 call was evicted")


# Bytes, which all journals share.


def test_the_largest_journals_shrink_to_one_size_and_small_ones_keep_all() -> None:
    budget = ByteBudget(200_000)
    small, large, larger = (Journal(1_000, budget) for _ in range(3))
    fill(small, 3)
    fill(large, 8, body=b"x" * 10_000)
    fill(larger, 20, body=b"x" * 10_000)
    assert len(small) == 3
    assert abs(large.bytes - larger.bytes) < 12_000
    assert budget.used <= 200_000
    assert budget.used == small.bytes + large.bytes + larger.bytes
    assert larger.total == 20


def test_the_newest_call_is_kept_however_large_it_is() -> None:
    journal = Journal(10, ByteBudget(1_000))
    fill(journal, 3, body=b"x" * 5_000)
    assert numbers(journal) == [3]


def test_a_journal_in_use_is_left_out() -> None:
    budget = ByteBudget(100_000)
    busy, other = Journal(1_000, budget), Journal(1_000, budget)
    fill(busy, 7, body=b"x" * 10_000)
    is_held, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with busy._lock:
            is_held.set()
            may_end.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    is_held.wait(20)
    fill(other, 3, body=b"x" * 10_000)
    before = len(busy)
    may_end.set()
    holder.join()
    fill(other, 1, body=b"x" * 10_000)
    assert (before, len(busy) < 7) == (7, True)


def test_a_namespace_that_is_forgotten_gives_its_bytes_back() -> None:
    budget = ByteBudget()
    journal = Journal(10, budget)
    fill(journal, 3)
    journal.close()
    assert budget.used == 0
    fill(journal, 1)
    assert budget.used == 0


def test_long_bodies_are_cut_and_marked(desk: Desk) -> None:
    desk.api.send(body=b"x" * (MAX_BODY_BYTES + 1))
    call = desk.api.calls()[-1]
    assert call["request"]["bodyTruncated"] is True
    assert call["request"]["body"] == "x" * MAX_BODY_BYTES
    desk.api.script(
        {
            "request": {"urlPath": "/long"},
            "response": {"status": 200, "body": "y" * (MAX_BODY_BYTES + 1)},
        }
    )
    desk.api.send("GET", "/long")
    response = desk.api.calls()[-1]["response"]
    assert (response["bodyTruncated"], len(response["body"])) == (True, MAX_BODY_BYTES)


# Ends of calls.


def test_a_call_is_in_the_journal_before_its_answer_is_sent(engine: Engine) -> None:
    exchange = engine.begin(build_request("GET", "/nowhere"))
    journal = engine.namespaces.default.journal
    assert [(call.state, call.status) for call in journal] == [("in_flight", 404)]
    exchange.finish("answered")
    assert [call.state for call in journal] == ["answered"]
    assert next(iter(journal)).duration_millis is not None


def test_a_reason_that_changes_late_is_counted_anew() -> None:
    journal = Journal(2, ByteBudget())
    first, second, third = fill(journal, 3)
    for call in (first, second):
        journal.finish(call, "disconnected", "client_disconnected")
    left = CallFilter(reason="client_disconnected")
    assert journal.count(left) == (2, 1)
    assert journal.count(CallFilter(reason="created")) == (1, 0)
    assert journal.total == 3
    fill(journal, 1)
    assert journal.count(left) == (2, 2)
    assert third.state == "in_flight"


def test_what_was_forgotten_is_not_counted_when_it_ends() -> None:
    journal = Journal(10, ByteBudget())
    removed, forgotten = fill(journal, 2)
    journal.remove([removed])
    journal.finish(removed, "disconnected", "client_disconnected")
    assert journal.count(CallFilter()) == (1, 0)
    journal.clear()
    fill(journal, 2)
    journal.finish(forgotten, "disconnected", "client_disconnected")
    assert journal.counts == {("createApiKey", 201, "created"): 2}


def test_removed_calls_are_as_if_they_had_never_come() -> None:
    budget = ByteBudget()
    journal = Journal(10, budget)
    calls = fill(journal, 3, warnings=1)
    journal.remove(calls[:2])
    assert numbers(journal) == [3]
    assert (journal.total, journal.warned, journal.evicted) == (1, 1, 0)
    assert budget.used == journal.bytes == calls[2].size
    journal.remove(calls[2:])
    assert (journal.counts, journal.bytes) == ({}, 0)


def test_numbers_start_again_after_a_reset(desk: Desk) -> None:
    desk.api.send()
    desk.api.send()
    desk.engine.namespaces.default.reset()
    desk.api.send()
    assert numbers(desk.journal) == [1]
    assert desk.journal.total == 1


def test_calls_after_a_number_are_the_newer_ones() -> None:
    journal = Journal(3, ByteBudget())
    fill(journal, 5)
    assert [call.number for call in journal.after(3)] == [4, 5]
    assert [call.number for call in journal.after(0)] == [3, 4, 5]
    assert journal.after(5) == []


# What a call shows.


def test_a_call_shows_no_secret(desk: Desk) -> None:
    key = desk.api.send(key="sk_test_very_secret_indeed").key
    desk.api.send("GET", f"/v1/api-keys/?account_id=acct_1&key={key}", headers={"Referer": f"/{key}"})
    desk.api.send(json={**BODY, "metadata": {"old": key}})
    shown = repr(desk.api.calls()) + repr(list(desk.journal))
    assert "very_secret_indeed" not in shown
    assert key not in shown
    assert key[-20:] not in shown


def test_equal_credentials_have_equal_fingerprints(desk: Desk) -> None:
    for key in ("sk_test_one", "sk_test_two", "sk_test_one"):
        desk.api.send(key=key)
    first, second, third = (call["credential"] for call in desk.api.calls())
    assert first == third
    assert first["fingerprint"] != second["fingerprint"]
    assert first["display"] == f"sk_test_[{first['fingerprint']}]"


def test_a_repeated_header_is_a_list(desk: Desk) -> None:
    desk.api.send(headers=[("X-Tag", "a"), ("X-Tag", "b"), ("X-Tag", "c")])
    assert desk.api.calls()[0]["request"]["headers"]["x-tag"] == ["a", "b", "c"]


def test_a_body_is_json_or_text_or_nothing(desk: Desk) -> None:
    for body in (b'{"a": 1}', b"no json", b"", b"\xff"):
        desk.api.send("GET", "/nowhere", body=body)
    assert [call["request"]["body"] for call in desk.api.calls()] == [{"a": 1}, "no json", None, "\\xff"]


texts = st.text(st.sampled_from('sk_test_pkeyJ.\\u0073%5F"/ +ab'), max_size=30)


@settings(max_examples=300)
@given(value=st.recursive(texts, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner)))
def test_what_is_read_of_a_redacted_request_needs_no_redaction(value: Any) -> None:
    """Reading again what was redacted as bytes brings no secret to light, however it was escaped."""
    for body in (json.dumps(value).encode(), json.dumps(value, ensure_ascii=False).encode()):
        shown = write_body(redact_bytes(body))
        assert shown == redact_json(shown)
    query = redact(urlencode({"a": json.dumps(value)}))
    request = build_request("GET", f"/?{query}")
    seen = make_subject(request, None, None, is_kept=True).query
    assert seen == redact_json(seen)


# Requests that never arrive whole.


def test_a_part_of_a_request_is_a_call_without_an_answer(engine: Engine) -> None:
    headers = {"Authorization": "Bearer sk_test_ns-t1_x", "Content-Type": "application/json"}
    request = build_request("POST", "/v1/api-keys/", headers=headers, body=b'{"name": "sk_test_abcdef')
    record_incomplete(engine, request)
    (call,) = engine.namespaces.get("t1").journal
    shown = call.to_json()
    assert (shown["state"], shown["reason"]) == ("disconnected", "incomplete_request")
    assert shown["operation"] == "createApiKey"
    assert shown["response"] is None
    assert "sk_test_abcdef" not in str(shown)
    # What is missing in the query is missing; what is missing in the body may not have come yet.
    assert [(item["in"], item["pointer"]) for item in shown["violations"]] == [("query", "/account_id")]


@pytest.mark.parametrize("secret", [None, (b"sk_test_other", b"sk_test_[]")])
def test_an_answer_is_kept_as_bytes_of_its_own(secret: tuple[bytes, bytes] | None) -> None:
    response = Response(500, (), b'{"plain": true}')
    call = Call(
        id="call-1",
        number=1,
        namespace="default",
        head=ShownHead("GET", "/", "", (), None, {}, NO_CREDENTIAL),
        body=b"",
        client=None,
        violations=[],
        warnings=[],
        reason="stub",
        received_millis=0,
        started=0.0,
        clock_millis=0,
        response=response,
        secret=secret,
    )
    assert call.response_body == response.body
    assert call.response_body is not response.body


# What calls touched.

FACETS = [Facet("createApiKey", "member", str(number)) for number in range(4)]
SETS = st.lists(st.sampled_from(FACETS), unique=True, max_size=4).map(tuple)


@given(st.lists(SETS, max_size=12), st.integers(1, 12), st.sets(st.integers(1, 12)), st.integers(0, 5))
def test_each_facet_is_counted_however_many_sets_of_them_there_are(
    sets: list[tuple[Facet, ...]], limit: int, removed: set[int], bound: int
) -> None:
    journal = Journal(limit, ByteBudget())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_MAX_TOUCHED", bound)
        for number, facets in enumerate(sets, 1):
            call = make_call(number)
            call.facets = facets
            journal.record(call)
        assert journal.touched == Counter(facet for facets in sets for facet in facets)
        # Calls that are evicted are counted for good.
        gone = [call for call in journal if call.number in removed]
        journal.remove(gone)
        taken = {call.number for call in gone}
        kept = [facets for number, facets in enumerate(sets, 1) if number not in taken]
        assert journal.touched == Counter(facet for facets in kept for facet in facets)
        assert len(journal._touched) <= max(bound, 1) + len(FACETS)
    journal.clear()
    assert journal.touched == Counter()
