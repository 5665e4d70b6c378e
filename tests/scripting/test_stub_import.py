"""The import of stubs: all of them or none, in turns, and nothing that others did meanwhile is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.contract import Contract
from mockserver.exceptions import Problem, StubError
from mockserver.scripting import stubs
from mockserver.scripting.documents import read_stub
from mockserver.scripting.stub_import import StubImport
from mockserver.scripting.stub_index import list_bucket_keys
from mockserver.scripting.stubs import Stub, StubBook
from mockserver.scripting.subjects import Subject

IDS = "abcdef"
KEYS = list_bucket_keys("GET", ["/x"], {}, None)


def make(contract: Contract, id: str, name: str = "", times: int | None = None) -> Stub:
    document = {
        "id": id,
        "name": name,
        "request": {"urlPath": "/x"},
        "response": {"status": 200},
        "metadata": {"mockserver": {"times": times}},
        "scenarioName": f"scenario {ord(id) % 4}",
        "newScenarioState": "moved",
    }
    return read_stub(document, contract, new_id=str)


def never() -> Subject:
    raise AssertionError("nothing is looked up by the request itself")


def describe(book: StubBook) -> tuple[object, ...]:
    """All that can be asked of a book."""
    return (
        [(stub.id, stub.name, book.remaining(stub.id)) for stub in book],
        [(stub.id, stub.name) for stub in book.candidates(KEYS, never)],
        dict(book.scenarios.states),
        book.next_number,
    )


def import_at_once(book: StubBook, new: list[Stub], *, overwrites: bool, deletes: bool) -> None:
    if deletes:
        book.delete({stub.id for stub in book} - {stub.id for stub in new})
    known = {stub.id for stub in book}
    book.add(stub for stub in reversed(new) if stub.id not in known)
    if overwrites:
        book.replace([stub for stub in new if stub.id in known])


def use(book: StubBook, id: str) -> None:
    known = book.find_by_id(id)
    if known is not None:
        book.use(known)


Change = Callable[[StubBook, Stub], object]
CHANGES: dict[str, Change] = {
    "add": lambda book, stub: book.add([stub]),
    "delete": lambda book, stub: book.delete([stub.id]),
    "use": lambda book, stub: use(book, stub.id),
    "move": lambda book, stub: book.scenarios.states.update({f"scenario {ord(stub.id) % 4}": "moved"}),
    "clear": lambda book, stub: book.clear(),
    "restart": lambda book, stub: book.scenarios.reset(),
    "nothing": lambda book, stub: None,
}

some_stubs = st.lists(
    st.tuples(st.sampled_from(IDS), st.none() | st.integers(1, 3)), unique_by=lambda x: x[0]
)


@settings(max_examples=300)
@given(
    before=some_stubs,
    new=some_stubs,
    overwrites=st.booleans(),
    deletes=st.booleans(),
    changes=st.lists(st.tuples(st.sampled_from(sorted(CHANGES)), st.sampled_from(IDS)), max_size=30),
    are_finished=st.booleans(),
)
def test_an_import_in_turns_is_one_at_once_after_all_that_others_did(
    contract: Contract,
    before: Any,
    new: Any,
    overwrites: bool,
    deletes: bool,
    changes: Any,
    are_finished: bool,
) -> None:
    book = StubBook()
    book.add(make(contract, id, "old", times) for id, times in before)
    stubs = [make(contract, id, "new", times) for id, times in new]
    work = StubImport(book, stubs, overwrites=overwrites, deletes=deletes)
    for change, id in changes:
        work.go_on(0.0)
        CHANGES[change](book, make(contract, id, "meanwhile", 2))
    while are_finished and not work.go_on(0.0):
        pass
    expected = book.copy()
    import_at_once(expected, stubs, overwrites=overwrites, deletes=deletes)
    work.finish()
    assert describe(book) == describe(expected)


def test_an_import_takes_a_turn_for_each_stub(contract: Contract) -> None:
    book = StubBook()
    book.add(make(contract, id) for id in "abc")
    work = StubImport(book, [make(contract, id) for id in "def"], overwrites=True, deletes=True)
    turns = 1
    while not work.go_on(0.0):
        turns += 1
    # One to take out, to put in and to list each of them, at least.
    assert turns >= 9
    assert [stub.id for stub in book] == ["c", "b", "a"]
    work.finish()
    assert [stub.id for stub in book] == ["d", "e", "f"]


def test_an_import_ends_although_others_never_stop_to_change_the_stubs(contract: Contract) -> None:
    book = StubBook()
    work = StubImport(book, [make(contract, id) for id in "abc"], overwrites=True, deletes=False)
    for _ in range(20):
        book.add([make(contract, "z")])
        if work.go_on(0.0):
            break
    else:
        pytest.fail("it begins anew for ever")
    work.finish()
    assert [stub.id for stub in book] == ["a", "b", "c", "z"]


def test_an_import_for_which_there_is_no_room_changes_nothing(
    contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stubs, "MAX_STUBS", 3)
    limit = 10**9

    def admit(new: list[Stub], freed: int) -> None:
        if sum(stub.size for stub in new) - freed > limit:
            raise StubError([Problem("too many bytes")])

    book = StubBook(admit=admit)
    book.add(make(contract, id) for id in "ab")
    before = describe(book)
    size = make(contract, "a").size

    def take_in(ids: str, *, deletes: bool = False) -> None:
        new = [make(contract, id) for id in ids]
        StubImport(book, new, overwrites=True, deletes=deletes).finish()

    with pytest.raises(StubError, match="4 stubs would be more than 3 in one namespace"):
        take_in("cd")
    limit = size - 1
    with pytest.raises(StubError, match="too many bytes"):
        take_in("c")
    assert describe(book) == before
    # What takes the place of others needs no more than they had.
    take_in("ab")
    take_in("cd", deletes=True)
    assert [stub.id for stub in book] == ["c", "d"]
