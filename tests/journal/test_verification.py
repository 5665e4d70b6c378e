"""Verification: what holds, what fails, what nobody can know any more, and what is no question."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.budget import ByteBudget
from mockserver.engine.engine import Engine
from mockserver.exceptions import BadQuestion, Unanswerable
from mockserver.journal.call import Call
from mockserver.journal.journal import Journal
from mockserver.journal.near_misses import NearCall, Target, find_nearest_calls, measure
from mockserver.journal.verification import (
    MAX_COMPARED,
    MAX_EXPECTATIONS,
    MIN_COMPARED,
    Failure,
    VerificationReader,
    Verifier,
    read_target,
)
from mockserver.scripting.differences import Difference
from tests.desk import Desk
from tests.doors import BODY, UNSENT
from tests.journal.calls import fill

OPERATIONS = ("createApiKey", "listApiKeys")
CREATE, LIST = {"operation": "createApiKey"}, {"operation": "listApiKeys"}
ANY_POST = {"request": {"method": "POST"}}


def verify(journal: Journal, *expected: Any, **more: Any) -> list[Failure]:
    question = VerificationReader({"expected": list(expected), **more}, OPERATIONS).finish()
    return Verifier(question, journal).conclude()


def refusals(document: Any) -> list[str]:
    with pytest.raises(BadQuestion) as caught:
        VerificationReader(document, OPERATIONS).finish()
    return [str(problem) for problem in caught.value.problems]


@pytest.fixture
def journal() -> Journal:
    """Two creates, then one list."""
    journal = Journal(100, ByteBudget())
    fill(journal, 2)
    fill(journal, 1, operation="listApiKeys", reason="listed", status=200)
    return journal


# Counts.


@pytest.mark.parametrize(
    ("counts", "holds"),
    [
        ({}, True),
        ({"exactly": 2}, True),
        ({"exactly": 1}, False),
        ({"exactly": 3}, False),
        ({"exactly": 0}, False),
        ({"atLeast": 2}, True),
        ({"atLeast": 3}, False),
        ({"atMost": 2}, True),
        ({"atMost": 1}, False),
        ({"atMost": 0}, False),
        ({"atLeast": 1, "atMost": 2}, True),
        ({"atLeast": 3, "atMost": 5}, False),
        ({"exactly": 2, "atLeast": 1}, True),
        ({"exactly": 2, "atMost": 9}, True),
        ({"exactly": 3, "atLeast": 1}, False),
    ],
)
def test_a_count_holds_or_fails(journal: Journal, counts: dict[str, int], holds: bool) -> None:
    for what in (CREATE, {"operation": "createApiKey", "request": {"method": "POST"}}):
        failures = verify(journal, what | counts)
        assert (failures == []) == holds
        assert [failure.actual for failure in failures] == ([] if holds else [2])


def test_no_count_means_at_least_one(journal: Journal) -> None:
    assert verify(journal, LIST) == []
    assert [failure.actual for failure in verify(journal, {"request": {"method": "PUT"}})] == [0]


def test_every_failed_expectation_is_told(journal: Journal) -> None:
    failures = verify(journal, CREATE | {"exactly": 5}, LIST, ANY_POST | {"exactly": 9})
    assert [failure.expected for failure in failures] == [
        CREATE | {"exactly": 5},
        ANY_POST | {"exactly": 9},
    ]


def test_a_failure_shows_the_nearest_calls(journal: Journal) -> None:
    (failure,) = verify(journal, {"request": {"method": "PUT", "urlPath": "/v1/api-keys/"}})
    shown = failure.to_json()
    assert [near["call"]["number"] for near in shown["nearest"]] == [1, 2, 3]
    assert shown["nearest"][0]["differences"] == [
        {"in": "method", "pointer": "", "operator": "equalTo", "expected": "PUT", "actual": "POST"}
    ]


def test_too_many_calls_are_shown_as_they_are(journal: Journal) -> None:
    (failure,) = verify(journal, CREATE | {"atMost": 1})
    assert [(near.call.number, near.differences) for near in failure.nearest] == [(1, ()), (2, ())]


def test_of_many_failures_the_first_ones_show_the_nearest_calls(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[int] = []

    def compare(journal: Journal, target: Target, **options: Any) -> list[NearCall]:
        compared.append(options["compared"])
        return find_nearest_calls(journal, target, **options)

    monkeypatch.setattr("mockserver.journal.verification.find_nearest_calls", compare)
    for count in (1, 2, 40, MAX_EXPECTATIONS):
        failures = verify(journal, *[{"request": {"method": "PUT"}}] * count)
        assert len(failures) == count
        shown = [len(failure.nearest) for failure in failures]
        assert shown == [3] * min(count, MAX_COMPARED // MIN_COMPARED) + [0] * (count - 30)
        assert sum(compared) <= MAX_COMPARED
        compared.clear()


def test_what_is_not_expected_is_compared_with_so_many_expectations(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[Target] = []

    def compare(call: Call, target: Target) -> NearCall:
        compared.append(target)
        return measure(call, target)

    monkeypatch.setattr("mockserver.journal.verification.measure", compare)
    puts = [{"request": {"method": "PUT"}, "exactly": 0}] * MAX_EXPECTATIONS
    (failure,) = verify(journal, *puts, nothingElse=True)
    assert (failure.actual, len(failure.nearest)) == (3, 3)
    assert len(compared) == MAX_COMPARED


def test_what_others_said_of_a_call_is_not_asked_again(journal: Journal) -> None:
    asked: list[int] = []

    class Counted(Target):
        def judge(self, call: Call, subject: Any = None) -> bool | Difference:
            asked.append(call.number)
            return super().judge(call, subject)

    question = VerificationReader({"expected": [ANY_POST], "nothingElse": True}, OPERATIONS).finish()
    (item,) = question.expected
    counted = replace(item, target=Counted(item.target.operation, item.target.matcher))
    assert Verifier(replace(question, expected=(counted,)), journal).conclude() == []
    assert asked == [1, 2, 3]


# Order, and nothing else.


def test_calls_in_order(journal: Journal) -> None:
    assert verify(journal, CREATE, LIST, inOrder=True) == []
    (failure,) = verify(journal, LIST, CREATE, inOrder=True)
    assert failure.expected == {"inOrder": [LIST, CREATE]}
    assert failure.actual == [1, 3]
    assert [near.call.number for near in failure.nearest] == [1, 3]


def test_one_expectation_is_always_in_order(journal: Journal) -> None:
    assert verify(journal, CREATE, inOrder=True) == []


def test_all_calls_of_one_come_before_those_of_the_next(journal: Journal) -> None:
    fill(journal, 1)
    (failure,) = verify(journal, CREATE, LIST, inOrder=True)
    assert failure.actual == [3, 4]


def test_an_expectation_without_calls_does_not_hide_disorder(journal: Journal) -> None:
    nothing = {"request": {"method": "PUT"}, "exactly": 0}
    (failure,) = verify(journal, LIST, nothing, CREATE, inOrder=True)
    assert failure.expected == {"inOrder": [LIST, CREATE]}


@settings(max_examples=100)
@given(names=st.lists(st.sampled_from((*OPERATIONS, None)), max_size=12), limit=st.integers(3, 20))
def test_order_is_what_the_numbers_say(names: list[str | None], limit: int) -> None:
    journal = Journal(limit, ByteBudget())
    for name in names:
        fill(journal, 1, operation=name)
    creates = [index for index, name in enumerate(names) if name == "createApiKey"]
    lists = [index for index, name in enumerate(names) if name == "listApiKeys"]
    is_ordered = not creates or not lists or max(creates) < min(lists)
    try:
        failures = verify(journal, CREATE | {"atLeast": 0}, LIST | {"atLeast": 0}, inOrder=True)
    except Unanswerable:
        assert journal.evicted
    else:
        assert (failures == []) == is_ordered


def test_nothing_else(journal: Journal) -> None:
    assert verify(journal, CREATE, LIST, nothingElse=True) == []
    (failure,) = verify(journal, CREATE, nothingElse=True)
    assert (failure.expected, failure.actual) == ({"nothingElse": True}, 1)
    (near,) = failure.nearest
    assert near.call.number == 3
    assert [(item.place, item.expected) for item in near.differences] == [("operation", "createApiKey")]


def test_what_is_not_expected_is_compared_with_what_comes_nearest(journal: Journal) -> None:
    far = {"request": {"method": "DELETE", "urlPath": "/elsewhere"}, "exactly": 0}
    near = {"request": {"method": "POST", "urlPath": "/v1/api-keys"}, "exactly": 0}
    (failure,) = verify(journal, far, near, nothingElse=True)
    assert failure.actual == 3
    assert [item.expected for item in failure.nearest[0].differences] == ["/v1/api-keys"]


# Evicted calls.


@pytest.fixture
def short() -> Journal:
    """Five creates, of which the first three are evicted."""
    journal = Journal(2, ByteBudget())
    fill(journal, 5)
    return journal


@pytest.mark.parametrize("what", [CREATE, {"request": {}}, {"operation": "createApiKey", "request": {}}])
def test_what_is_counted_by_operation_alone_is_known_for_ever(short: Journal, what: Any) -> None:
    assert verify(short, what | {"exactly": 5}) == []
    assert [failure.actual for failure in verify(short, what | {"exactly": 4})] == [5]


@pytest.mark.parametrize("counts", [{"atLeast": 1}, {"atLeast": 2}, {"atMost": 5}, {}])
def test_what_evicted_calls_cannot_change_holds(short: Journal, counts: dict[str, int]) -> None:
    assert verify(short, ANY_POST | counts) == []


@pytest.mark.parametrize("counts", [{"exactly": 1}, {"atMost": 1}, {"atLeast": 6}, {"exactly": 7}])
def test_what_evicted_calls_cannot_mend_fails(short: Journal, counts: dict[str, int]) -> None:
    assert [failure.actual for failure in verify(short, ANY_POST | counts)] == [2]


@pytest.mark.parametrize("counts", [{"exactly": 2}, {"exactly": 5}, {"atLeast": 3}, {"atMost": 4}])
def test_what_evicted_calls_decide_is_unanswerable(short: Journal, counts: dict[str, int]) -> None:
    with pytest.raises(Unanswerable, match="3 calls were evicted"):
        verify(short, ANY_POST | counts)


def test_evicted_calls_of_another_operation_decide_nothing(short: Journal) -> None:
    fill(short, 2, operation="listApiKeys")
    posted = {"operation": "listApiKeys", "request": {"method": "POST"}}
    assert verify(short, posted | {"exactly": 2}) == []


def test_a_definite_failure_is_told_though_another_answer_is_unknown(short: Journal) -> None:
    (failure,) = verify(short, ANY_POST | {"exactly": 4}, CREATE | {"exactly": 1})
    assert failure.expected == CREATE | {"exactly": 1}


def test_the_order_of_evicted_calls_is_unknown(short: Journal) -> None:
    fill(short, 2, operation="listApiKeys")
    assert verify(short, CREATE, LIST, inOrder=True) == []
    fill(short, 1, operation="listApiKeys")
    with pytest.raises(Unanswerable):
        verify(short, CREATE, LIST, inOrder=True)


def test_evicted_calls_may_have_been_something_else(short: Journal) -> None:
    assert verify(short, CREATE, nothingElse=True) == []
    with pytest.raises(Unanswerable):
        verify(short, ANY_POST, nothingElse=True)
    (failure,) = verify(short, LIST | {"exactly": 0}, nothingElse=True)
    assert (failure.actual, len(failure.nearest)) == (5, 2)


@settings(max_examples=200)
@given(
    names=st.lists(st.sampled_from(OPERATIONS), max_size=14),
    limit=st.integers(1, 6),
    counts=st.fixed_dictionaries(
        {}, optional={"atLeast": st.integers(0, 5), "atMost": st.integers(5, 9), "exactly": st.just(5)}
    ),
    shape=st.sampled_from((CREATE, ANY_POST, {**CREATE, **ANY_POST})),
    nothing_else=st.booleans(),
)
def test_an_answer_is_that_of_a_journal_that_forgets_nothing(
    names: list[str], limit: int, counts: dict[str, int], shape: Any, nothing_else: bool
) -> None:
    """Eviction may take the answer away, but never change it."""
    short, long = Journal(limit, ByteBudget()), Journal(100, ByteBudget())
    for name in names:
        fill(short, 1, operation=name)
        fill(long, 1, operation=name)
    expected = shape | counts
    truth = verify(long, expected, nothingElse=nothing_else)
    try:
        failures = verify(short, expected, nothingElse=nothing_else)
    except Unanswerable:
        assert short.evicted
    else:
        assert (failures == []) == (truth == [])


# Waiting.


def asker(journal: Journal, *expected: Any, **more: Any) -> Callable[[], list[Failure] | None]:
    return Verifier(
        VerificationReader({"expected": list(expected), **more}, OPERATIONS).finish(), journal
    ).ask


def test_an_answer_comes_when_no_call_can_change_it(journal: Journal) -> None:
    ask = asker(journal, ANY_POST | {"exactly": 4})
    assert ask() is None
    fill(journal, 1)
    assert ask() == []
    fill(journal, 1)
    failures = ask()
    assert failures is not None and [failure.actual for failure in failures] == [5]


def test_disorder_and_something_else_end_the_wait(journal: Journal) -> None:
    for ask in (
        asker(journal, LIST, CREATE, CREATE | {"atLeast": 9}, inOrder=True),
        asker(journal, CREATE | {"atLeast": 9}, nothingElse=True),
    ):
        assert ask()


def test_waiting_sees_calls_that_are_evicted_meanwhile() -> None:
    journal = Journal(2, ByteBudget())
    ask = asker(journal, ANY_POST | {"exactly": 6})
    for _ in range(3):
        fill(journal, 2)
        answer = ask()
    assert answer == []
    assert journal.evicted == 4


def test_waiting_starts_anew_after_a_reset_and_after_a_removal(journal: Journal) -> None:
    ask = asker(journal, ANY_POST | {"exactly": 4})
    assert ask() is None
    journal.clear()
    fill(journal, 3)
    assert ask() is None
    journal.remove([next(iter(journal))])
    fill(journal, 1)
    assert ask() is None
    fill(journal, 1)
    assert ask() == []


def test_asking_often_gives_the_answer_of_asking_once() -> None:
    source = random.Random(4)
    for _ in range(30):
        journal = Journal(source.randint(2, 6), ByteBudget())
        ask = asker(journal, ANY_POST | {"exactly": 8})
        for _ in range(8):
            fill(journal, 1)
            if source.random() < 0.7:
                ask()
            if source.random() < 0.05:
                journal.clear()
        if journal.total == 8:
            assert ask() == [] or journal.evicted
        else:
            assert ask() is None


# What is no question.


@pytest.mark.parametrize(
    ("document", "problems"),
    [
        (None, ["a verification must be a JSON object"]),
        ([], ["a verification must be a JSON object"]),
        (
            {"expected": [{"a": 1}] * (MAX_EXPECTATIONS + 1)},
            ["#/expected: 1001 expectations are more than 1000"],
        ),
        (
            {},
            ['#/expected: nothing is expected; that no call came is [{"request": {}, "exactly": 0}]'],
        ),
        (
            {"expected": [None]},
            ['#/expected: nothing is expected; that no call came is [{"request": {}, "exactly": 0}]'],
        ),
        (
            {"expected": [], "nothingElse": True},
            ['#/expected: nothing is expected; that no call came is [{"request": {}, "exactly": 0}]'],
        ),
        ({"expected": {}}, ["#/expected: 'expected' must be an array, not an object"]),
        ({"expected": [3]}, ["#/expected/0: an expectation must be an object, not a number"]),
        (
            {"expected": [{"exactly": 1}]},
            ["#/expected/0: an expectation names an 'operation', a 'request' pattern, or both"],
        ),
        (
            {"expected": [{"operation": "creatApiKey"}]},
            [
                "#/expected/0/operation: 'creatApiKey' is no operation of the contract; "
                "did you mean 'createApiKey'?"
            ],
        ),
        (
            {"expected": [{"operation": 7}]},
            ["#/expected/0/operation: 'operation' must be text, not a number"],
        ),
        (
            {"expected": [{"request": {"metod": "POST"}}]},
            ["#/expected/0/request/metod: 'metod' is no member of a request pattern; did you mean 'method'?"],
        ),
        (
            {"expected": [CREATE | {"exactly": 2, "atLeast": 3}]},
            ["#/expected/0: 'exactly' and 'atLeast' contradict each other: no count fits"],
        ),
        (
            {"expected": [CREATE | {"atLeast": 3, "atMost": 2}]},
            ["#/expected/0: 'atLeast' and 'atMost' contradict each other: no count fits"],
        ),
        (
            {"expected": [CREATE | {"times": 3}]},
            [
                "#/expected/0/times: 'times' is no member here; "
                "known: atLeast, atMost, exactly, operation, request"
            ],
        ),
        ({"expected": [CREATE], "inOrder": 1}, ["#/inOrder: 'inOrder' must be true or false, not a number"]),
        (
            {"expected": [CREATE], "nothingElsee": True},
            ["#/nothingElsee: 'nothingElsee' is no member here; did you mean 'nothingElse'?"],
        ),
    ],
)
def test_what_is_no_question_is_refused(document: Any, problems: list[str]) -> None:
    assert refusals(document) == problems


@pytest.mark.parametrize("count", [-1, 1.5, True, "2", 10**10])
def test_a_count_is_a_whole_number(count: Any) -> None:
    (problem,) = refusals({"expected": [CREATE | {"exactly": count}]})
    assert problem.startswith("#/expected/0/exactly: ")
    assert problem.endswith(" must be a whole number from 0 to 1000000000")


def test_every_mistake_is_told_at_once() -> None:
    problems = refusals(
        {"expected": [{"operation": "x", "exactly": -1}, {"request": {"method": 1, "y": 2}}], "inOrder": 0}
    )
    assert [problem.partition(":")[0] for problem in problems] == [
        "#/inOrder",
        "#/expected/0/operation",
        "#/expected/0/exactly",
        "#/expected/1/request/y",
        "#/expected/1/request/method",
    ]


def test_expectations_are_read_in_turns() -> None:
    reader = VerificationReader({"expected": [ANY_POST, None, *[CREATE] * 8]}, OPERATIONS)
    turns = 1
    while not reader.go_on(0.0):
        turns += 1
    assert turns >= reader.count == 10
    assert len(reader.finish().expected) == 9


def test_a_question_shows_no_secret() -> None:
    secret = "sk_test_never_to_be_seen"
    pattern = {"headers": {"Authorization": {"equalTo": f"Bearer {secret}"}}}
    question = VerificationReader({"expected": [{"request": pattern}]}, OPERATIONS).finish()
    assert secret not in str(question.expected[0].document)
    assert secret not in str(refusals({"expected": [{"operation": secret, secret: 1}]}))


@pytest.mark.parametrize(
    ("pattern", "operation", "shown"),
    [
        ({}, None, {}),
        ({"method": "POST"}, None, {"method": "POST"}),
        (CREATE, "createApiKey", None),
        (CREATE | {"method": "POST"}, "createApiKey", {"method": "POST"}),
        (CREATE | {"request": {"method": "POST"}}, "createApiKey", {"method": "POST"}),
        ({"request": {}}, None, {}),
    ],
)
def test_a_target_is_a_pattern_an_operation_or_both(pattern: Any, operation: str | None, shown: Any) -> None:
    target = read_target(pattern, "/pattern", OPERATIONS)
    assert target.operation == operation
    assert (target.matcher.to_json() if target.matcher else None) == shown


@pytest.mark.parametrize(
    ("pattern", "pointers"),
    [
        ([], ["/pattern"]),
        ({"operation": "createApiKeys"}, ["/pattern/operation"]),
        ({"metod": "POST"}, ["/pattern/metod"]),
        ({"request": {"metod": "POST"}, "method": "POST"}, ["/pattern/method", "/pattern/request/metod"]),
    ],
)
def test_what_is_no_target_is_refused_with_its_place(pattern: Any, pointers: list[str]) -> None:
    with pytest.raises(BadQuestion) as caught:
        read_target(pattern, "/pattern", OPERATIONS)
    assert [problem.pointer for problem in caught.value.problems] == pointers


def test_credentials_can_be_asserted(engine: Engine) -> None:
    desk = Desk(engine)
    desk.api.send("POST", json=BODY, key="sk_test_mine")
    desk.api.send("GET", "/v1/api-keys/?account_id=acct_1", json=UNSENT, key="sk_test_yours")
    mine = {"request": {"headers": {"Authorization": {"equalTo": "Bearer sk_test_mine"}}}}
    assert verify(desk.journal, mine | {"exactly": 1}) == []
