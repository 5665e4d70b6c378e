"""What earlier calls left behind, and the bounds of it."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.json_codec import loads
from mockserver.settings import RateLimit
from mockserver.state import resources as module
from mockserver.state.resources import (
    IDEMPOTENCY_MILLIS,
    MEASURES,
    Bucket,
    Item,
    Resources,
    StoredAnswer,
    measure_item,
    sees,
)

MINUTE = 60_000


def item(account: str = "a", tenant: bytes | None = b"t", **more: Any) -> Item:
    return Item({"id": "x"}, account, tenant, **more)


def answer(*, millis: int = 0) -> StoredAnswer:
    return StoredAnswer(b"request", 201, (), b"body", millis)


# Items and credentials


@pytest.mark.parametrize(
    ("tenant", "owner", "is_seen"),
    [(b"t", b"t", True), (b"t", b"u", False), (b"t", None, True), (None, b"t", True), (None, None, True)],
)
def test_a_tenant_sees_its_own_and_what_is_the_accounts_at_large(
    tenant: bytes | None, owner: bytes | None, is_seen: bool
) -> None:
    assert sees(tenant, item(tenant=owner)) is is_seen


def test_items_are_listed_by_account_and_tenant_oldest_first_without_deleted_ones() -> None:
    resources = Resources()
    for id, found in {
        "1": item(),
        "2": item("b"),
        "3": item(tenant=None),
        "4": item(is_deleted=True),
        "5": item(tenant=b"u"),
        "6": item(),
    }.items():
        resources.put_item(id, found)
    assert [id for id, _ in resources.visible_items("a", b"t")] == ["1", "3", "6"]
    assert [id for id, _ in resources.visible_items("a", None)] == ["1", "3", "5", "6"]
    resources.put_item("1", item("b"))
    assert [id for id, _ in resources.visible_items("b", None)] == ["1", "2"], "a new value keeps its place"


def test_beyond_the_bound_the_oldest_is_forgotten_with_its_credential(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_ITEMS", 3)
    resources = Resources()
    resources.given["given"] = item()
    for number in range(5):
        digest = bytes([number])
        resources.issue(str(number), item(credential=digest))
    assert list(resources.items) == ["2", "3", "4"]
    assert (resources.find_item("given"), resources.find_item("1")) == (item(), None)
    assert resources.credentials == {b"\x02": "2", b"\x03": "3", b"\x04": "4"}


def test_what_is_given_can_be_more_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ITEMS", 1)
    resources = Resources()
    for id in ("g1", "g2", "g3"):
        resources.given[id] = item()
    resources.put_item("g2", item(is_deleted=True))
    assert resources.given["g2"].is_deleted
    for id in ("1", "2"):
        resources.copy().put_item(id, item())
        resources.put_item(id, item())
    assert [id for id, _ in resources.visible_items("a", None)] == ["g1", "g3", "2"]


def test_of_all_secrets_that_items_have_or_had_the_newest_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ITEMS", 2)
    resources = Resources()
    for number in range(6):
        resources.issue("1", item(credential=bytes([number])))
    assert list(resources.credentials) == [b"\x02", b"\x03", b"\x04", b"\x05"]
    assert set(resources.credentials.values()) == {"1"}


def test_the_last_use_of_an_item_is_noted() -> None:
    resources = Resources()
    resources.put_item("1", item())
    resources.note_use("1", 5, "10.0.0.1")
    resources.note_use("unknown", 5, None)
    assert resources.items["1"].last_use == (5, "10.0.0.1")
    assert list(resources.items) == ["1"]


# Counts


def test_repetitions_and_successes_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_COUNTED_REQUESTS", 2)
    resources = Resources()
    for request in (b"a", b"b", b"a", b"c", b"c"):
        resources.count_request(request, "create")
    assert [resources.repetitions.get(request, 0) for request in (b"a", b"b", b"c", b"d")] == [0, 1, 2, 0]
    assert resources.successes == {"create": 5}


# Idempotency


def test_an_answer_is_kept_for_a_day_of_the_clock() -> None:
    resources = Resources()
    resources.keep_answer(b"k", answer(millis=1000), "c")
    resources.land_answer(b"k", "c")
    assert resources.find_answer(b"k", 1000 + IDEMPOTENCY_MILLIS - 1) == answer(millis=1000)
    assert resources.find_answer(b"other", 1000) is None
    assert resources.find_answer(b"k", 1000 + IDEMPOTENCY_MILLIS) is None
    assert resources.find_answer(b"k", 1000) is None, "it is gone for good"


def test_an_answer_in_flight_stays_until_its_own_call_lands() -> None:
    resources = Resources()
    resources.keep_answer(b"k", answer(), "first")
    resources.land_answer(b"k", "second")
    resources.land_answer(b"other", "first")
    assert resources.find_answer(b"k", IDEMPOTENCY_MILLIS) is not None
    assert b"k" in resources.in_flight
    resources.land_answer(b"k", "first")
    assert resources.find_answer(b"k", 1) is not None
    assert b"k" not in resources.in_flight
    assert resources.find_answer(b"k", IDEMPOTENCY_MILLIS) is None


def test_of_answers_and_buckets_the_oldest_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ITEMS", 2)
    resources = Resources()
    for key in (b"1", b"2", b"3"):
        resources.keep_answer(key, answer(), "c")
        resources.take_token(key, RateLimit(1, 60), 0)
    assert list(resources.answers) == list(resources.buckets) == list(resources.in_flight) == [b"2", b"3"]


# Rate limits


def test_a_bucket_lets_so_many_calls_through_and_refills_evenly() -> None:
    resources, limit = Resources(), RateLimit(2, 60)
    assert [resources.take_token(b"k", limit, 0) for _ in range(4)] == [0, 0, 30, 30]
    assert resources.take_token(b"k", limit, 29_000) == 1
    assert resources.take_token(b"k", limit, 30_000) == 0
    assert resources.take_token(b"k", limit, 30_000) == 30
    assert [resources.take_token(b"k", limit, 10 * MINUTE) for _ in range(3)] == [0, 0, 30]
    assert resources.take_token(b"other", limit, 0) == 0


def test_a_clock_that_is_put_back_neither_brings_nor_takes() -> None:
    resources, limit = Resources(), RateLimit(1, 60)
    assert resources.take_token(b"k", limit, 5 * MINUTE) == 0
    assert resources.take_token(b"k", limit, 0) == 60
    assert resources.take_token(b"k", limit, MINUTE) == 0


def test_another_limit_is_another_bucket() -> None:
    resources = Resources()
    assert resources.take_token(b"k", RateLimit(1, 60), 0) == 0
    assert resources.bucket(b"k", RateLimit(5, 60), 0).calls_left == 5
    assert resources.bucket(b"k", RateLimit(1, 60), 0).calls_left == 0


@given(
    st.builds(RateLimit, st.integers(1, 50), st.integers(1, 100)),
    st.lists(st.integers(0, 40_000), min_size=1, max_size=30),
)
def test_who_waits_as_long_as_it_was_told_is_let_in(limit: RateLimit, pauses: list[int]) -> None:
    resources, now = Resources(), 0
    for pause in pauses:
        now += pause
        wait_seconds = resources.take_token(b"k", limit, now)
        if wait_seconds:
            assert wait_seconds <= -(-limit.seconds // limit.calls)
            now += wait_seconds * 1000
            assert resources.take_token(b"k", limit, now) == 0


def test_a_full_bucket_waits_for_nothing() -> None:
    limit = RateLimit(3, 60)
    full = Bucket(limit, 3 * 60_000, 0)
    assert (full.calls_left, full.wait_seconds, full.at(10**9)) == (3, 0, full._replace(millis=10**9))


# What makes room


def fill(count: int, text: str = "") -> Resources:
    """So many of each kind, oldest first."""
    resources = Resources()
    for number in range(count):
        key = bytes([number])
        resources.issue(str(number), Item({"id": str(number), "text": text}, "a", b"t", key))
        resources.keep_answer(key, answer(), "c")
        resources.count_request(key, "create")
        resources.take_token(key, RateLimit(5, 60), 0)
    return resources


def held(resources: Resources) -> int:
    """How many bytes the tables that make room say they take."""
    return sum(getattr(resources, name).bytes for name in MEASURES)


def test_the_oldest_of_what_there_is_most_of_is_forgotten() -> None:
    resources = fill(3, "x" * 5_000)
    resources.forget_oldest(held(resources) - 5_000)
    assert (list(resources.items), list(resources.credentials)) == (["1", "2"], [b"\1", b"\2"])
    resources.forget_oldest(1)
    assert {name: len(getattr(resources, name)) for name in MEASURES} == dict.fromkeys(MEASURES, 1)
    assert list(resources.answers) == list(resources.in_flight) == [b"\2"], "the newest stays"
    resources.forget_oldest(0)
    assert not any(getattr(resources, name) for name in MEASURES)
    assert not resources.in_flight


def test_where_the_newest_takes_more_than_there_may_be_the_others_make_room() -> None:
    resources = fill(20)
    resources.put_item("large", Item({"text": "x" * 100_000}, "a", None))
    resources.forget_oldest(50_000)
    assert {name: len(getattr(resources, name)) for name in MEASURES if name != "credentials"} == {
        "items": 1, "repetitions": 1, "answers": 1, "buckets": 1
    }  # fmt: skip


@given(st.integers(0, 30), st.integers(0, 60_000))
def test_what_is_left_fits_and_is_the_newest_of_each_kind(count: int, size: int) -> None:
    resources, whole = fill(count), fill(count)
    resources.forget_oldest(size)
    assert held(resources) <= size or all(len(getattr(resources, name)) <= min(size, 1) for name in MEASURES)
    for name in MEASURES:
        kept, before = getattr(resources, name), list(getattr(whole, name))
        assert list(kept) == before[len(before) - len(kept) :]
        assert kept.bytes == sum(sizes(name, kept))
    assert len(resources.credentials) == len(resources.items) or len(resources.credentials) == 1
    assert list(resources.in_flight) == list(resources.answers)


def sizes(name: str, rows: dict[Any, Any]) -> list[int]:
    """What each row of a table takes."""
    row = MEASURES[name]
    return [row if isinstance(row, int) else row(value) for value in rows.values()]


@pytest.mark.parametrize(
    "value",
    [{"a": [[]] * 20_000}, {"a": list(range(20_000))}, {str(number): {} for number in range(9_000)},
     {"a": "x" * 50_000}, {"a": [{"b": 1, "c": None}] * 3_000}],
    ids=["lists", "numbers", "objects", "text", "members"],
)  # fmt: skip
def test_an_item_is_measured_by_what_it_takes_in_memory(value: dict[str, Any]) -> None:
    fresh = json.dumps(value)
    tracemalloc.start()
    try:
        read, _ = loads(fresh.encode())
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert taken / 3 < measure_item(Item(read, "a", None)) < taken * 4


# Copies


def test_a_copy_is_independent_and_has_nothing_in_flight() -> None:
    resources = Resources()
    resources.issue("1", item(credential=b"d"))
    resources.keep_answer(b"k", answer(), "c")
    resources.count_request(b"r", "create")
    resources.take_token(b"b", RateLimit(5, 60), 0)
    copy = resources.copy()
    assert copy.find_answer(b"k", 0) is not None
    assert (copy.in_flight, resources.in_flight) == ({}, {b"k": "c"})
    copy.put_item("2", item())
    copy.issue("1", item(credential=b"e"))
    copy.count_request(b"r", "create")
    copy.take_token(b"b", RateLimit(5, 60), 0)
    assert list(resources.items) == ["1"]
    assert resources.items["1"].credential == b"d"
    assert resources.credentials == {b"d": "1"}
    assert (resources.repetitions[b"r"], resources.successes) == (1, {"create": 1})
    assert resources.bucket(b"b", RateLimit(5, 60), 0).calls_left == 4


def test_what_is_kept_shows_no_body() -> None:
    assert repr(answer()) == "<StoredAnswer 201>"
