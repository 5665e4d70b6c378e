"""Rows: a transaction can be undone exactly, and its record rebuilds the same rows elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.json_codec import dumps, loads
from mockserver.state.rows import Codec, Measure, Rows, SizedTable, Table
from mockserver.types import UNSET

PLAIN: Codec[Any, Any] = Codec(
    lambda key: key, lambda key: key, lambda value: value, lambda value: UNSET if value == "gone" else value
)
KEYS = st.sampled_from("abcdef")
Step = tuple[str, str, int]
STEP_NAMES = (
    "set", "delete", "pop", "oldest", "newest", "forget", "discard", "clear", "update", "setdefault", "other",
)  # fmt: skip
STEPS = st.lists(
    st.tuples(
        st.sampled_from(STEP_NAMES),
        KEYS,
        st.integers(0, 9),
    ),
    max_size=30,
)


def make() -> tuple[Rows, Table[str, int], Table[str, int]]:
    rows = Rows()
    return rows, rows.table("one", PLAIN), rows.table("two", PLAIN)


def take(table: SizedTable[str, int], other: SizedTable[str, int], step: Step) -> None:
    """Carry out one step as a caller might write it."""
    what, key, value = step
    acts: dict[str, Callable[[], object]] = {
        "set": lambda: table.__setitem__(key, value),
        "delete": lambda: table.__delitem__(key) if key in table else None,
        "pop": lambda: table.pop(key, None),
        "oldest": lambda: table.popitem(last=False) if table else None,
        "newest": lambda: table.popitem() if table else None,
        "forget": lambda: table.forget_oldest(value, 1),
        "discard": lambda: table.discard((key, "a", "b")),
        "clear": table.clear,
        "update": lambda: table.update({key: value, "z": 0}),
        "setdefault": lambda: table.setdefault(key, value),
        "other": lambda: other.__setitem__(key, value),
    }
    acts[what]()


def content(*tables: Table[str, int]) -> list[list[tuple[str, int]]]:
    """Rows in their order."""
    return [list(table.items()) for table in tables]


@given(before=STEPS, steps=STEPS)
def test_an_undone_transaction_leaves_everything_as_it_was(before: list[Step], steps: list[Step]) -> None:
    rows, one, two = make()
    rows.begin()
    for step in before:
        take(one, two, step)
    rows.commit()
    was = content(one, two)
    rows.begin()
    for step in steps:
        take(one, two, step)
    rows.undo()
    assert content(one, two) == was


@given(transactions=st.lists(STEPS, max_size=5))
def test_records_rebuild_the_same_rows_elsewhere(transactions: list[list[Step]]) -> None:
    rows, *tables = make()
    there, *copies = make()
    for steps in transactions:
        rows.begin()
        for step in steps:
            take(tables[0], tables[1], step)
        record, _ = loads(dumps(rows.write_record()))
        rows.commit()
        there.apply(record)
        assert content(*copies) == content(*tables)


@given(steps=STEPS, old=STEPS)
def test_a_dump_rebuilds_the_rows_whatever_was_there(steps: list[Step], old: list[Step]) -> None:
    rows, *tables = make()
    there, *copies = make()
    for target, (first, second), done in ((rows, tables, steps), (there, copies, old)):
        target.begin()
        for step in done:
            take(first, second, step)
        target.commit()
    there.apply(rows.dump())
    assert content(*copies) == content(*tables)


@given(start=STEPS, steps=STEPS)
def test_a_dump_of_changes_rebuilds_the_rows_from_their_start(start: list[Step], steps: list[Step]) -> None:
    rows, *tables = make()
    there, *copies = make()
    for target, (first, second) in ((rows, tables), (there, copies)):
        target.begin()
        for step in start:
            take(first, second, step)
        target.commit()
    rows.note_start()
    rows.begin()
    for step in steps:
        take(tables[0], tables[1], step)
    rows.commit()
    there.apply(rows.dump_changes())
    assert content(*copies) == content(*tables)


def test_a_dump_of_changes_says_nothing_of_what_stands_since_the_start() -> None:
    rows, one, two = make()
    rows.begin()
    one.update({"a": 1, "b": 1, "c": 1})
    rows.commit()
    rows.note_start()
    rows.begin()
    del one["a"]
    one["b"] = 2
    two["x"] = 1
    rows.commit()
    assert list(rows.dump_changes()) == [["one", "a"], ["one", "b", 2], ["two", "x", 1]]


def test_a_record_holds_each_row_once_and_nothing_of_what_came_and_went() -> None:
    rows, one, _ = make()
    rows.begin()
    one["a"] = 1
    one["b"] = 1
    rows.commit()
    rows.begin()
    one["a"] = 2
    one["a"] = 3
    one["c"] = 1
    del one["c"]
    del one["b"]
    assert rows.write_record() == [["one", "a", 3], ["one", "b"]]
    rows.undo()
    assert content(one) == [[("a", 1), ("b", 1)]]


def test_a_table_that_is_emptied_is_one_entry() -> None:
    rows, one, _ = make()
    rows.begin()
    one["a"] = 1
    one.clear()
    one["b"] = 1
    assert rows.write_record() == [["one"], ["one", "b", 1]]


def test_a_transaction_that_changes_nothing_has_an_empty_record() -> None:
    rows, one, _ = make()
    rows.begin()
    one.clear()
    assert one.pop("a", 5) == 5
    assert rows.write_record() == []


def test_rows_are_changed_in_a_transaction_only() -> None:
    rows, one, _ = make()
    with pytest.raises(AssertionError, match="in a transaction only"):
        one["a"] = 1
    with rows.loading():
        one["a"] = 1
    with pytest.raises(AssertionError, match="in a transaction only"):
        del one["a"]
    with pytest.raises(AssertionError, match="in a transaction only"):
        rows.stage(None, lambda: None)


def test_a_row_that_is_not_there_cannot_be_taken_out() -> None:
    rows, one, _ = make()
    rows.begin()
    with pytest.raises(KeyError, match="a"):
        one.pop("a")
    with pytest.raises(KeyError, match="the table is empty"):
        one.popitem()


def test_an_event_happens_at_the_commit_here_and_by_the_record_elsewhere() -> None:
    rows, one, _ = make()
    heard: list[int] = []
    rows.begin()
    one["a"] = 1
    rows.stage(lambda: ["rang", 7], lambda: heard.append(7))
    rows.stage(None, lambda: heard.append(8))
    assert (heard, rows.write_record()) == ([], [["rang", 7], ["one", "a", 1]])
    rows.commit()
    assert heard == [7, 8]
    there, *_ = make()
    there.on_event("rang", heard.append)
    there.apply([["rang", 9]])
    assert heard == [7, 8, 9]


def test_an_undone_event_never_happens() -> None:
    rows, *_ = make()
    rows.begin()
    rows.stage(lambda: ["rang"], lambda: pytest.fail("it was undone"))
    rows.undo()
    rows.begin()
    assert rows.write_record() == []


def test_a_row_that_its_reader_leaves_out_is_not_there() -> None:
    rows, one, _ = make()
    rows.apply([["one", "a", "gone"], ["one", "b", 2]])
    assert content(one) == [[("b", 2)]]


@pytest.mark.parametrize("entry", [["three", "a", 1], [], [7], 7, None], ids=str)
def test_an_entry_that_cannot_be_read_is_refused(entry: Any) -> None:
    rows, *_ = make()
    with pytest.raises(ValueError, match="Error"):
        rows.apply([entry])


def test_a_dump_leaves_out_what_it_is_told_to() -> None:
    rows, one, two = make()
    rows.begin()
    one["a"] = two["b"] = 1
    rows.commit()
    assert list(rows.dump(leave_out=("two",))) == [["one"], ["one", "a", 1]]


def test_rows_that_are_put_into_an_empty_table_are_charged_at_once() -> None:
    charges: list[int] = []
    table = SizedTable[str, int](lambda value: value, charges.append)
    table.update({"a": 1, "b": 2})
    assert charges == [3]
    table.update({"b": 5, "c": 4})
    assert list(table.items()) == [("a", 1), ("b", 5), ("c", 4)]
    assert charges == [3, 3, 4]


@pytest.mark.parametrize("measure", [3, lambda value: value], ids=["alike", "by value"])
@given(steps=STEPS, undone=STEPS)
def test_what_is_charged_is_what_the_rows_take(
    measure: Measure, steps: list[Step], undone: list[Step]
) -> None:
    def check(table: SizedTable[str, int], charges: list[int]) -> None:
        taken = [measure if isinstance(measure, int) else measure(value) for value in table.values()]
        assert table.bytes == sum(charges) == sum(taken)

    charges: list[int] = []
    table, other = SizedTable[str, int](measure, charges.append), SizedTable[str, int]()
    for step in steps:
        take(table, other, step)
        check(table, charges)
    rows = Rows()
    noted: list[int] = []
    kept = rows.table("one", PLAIN, measure, noted.append)
    rows.begin()
    for step in steps:
        take(kept, other, step)
    rows.commit()
    assert list(kept.items()) == list(table.items()), "a table of a transaction does the same"
    rows.begin()
    for step in undone:
        take(kept, other, step)
        check(kept, noted)
    rows.undo()
    check(kept, noted)


def test_of_rows_that_make_room_so_many_of_the_newest_stay() -> None:
    table = SizedTable[str, int](lambda value: value)
    table.update({"a": 5, "b": 1, "c": 3})
    assert table.forget_oldest(4) == [("a", 5)]
    assert table.forget_oldest(0, 1) == [("b", 1)]
    assert list(table) == ["c"]
