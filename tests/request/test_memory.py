"""Memory: what is asked for stays, the rest makes room, and what is forgotten does not come back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mockserver.request.memory import Memory

SIZE = 4


def filled(*keys: str) -> Memory:
    memory = Memory(SIZE)
    for key in keys:
        memory.put(key, key.upper(), "t1", memory.generation)
    return memory


def test_what_is_asked_for_stays() -> None:
    memory = filled("a")
    for number in range(10 * SIZE):
        memory.put(number, number, None, memory.generation)
        assert memory.get("a") == "A"
        assert len(memory) <= 2 * SIZE


def test_what_is_not_asked_for_makes_room_and_never_all_at_once() -> None:
    memory = filled("a", "b", "c", "d")
    for number in range(2 * SIZE):
        memory.put(number, number, None, memory.generation)
        assert [memory.get(known) for known in range(max(0, number - SIZE + 2), number + 1)]
    assert memory.get("a") is None


def test_one_namespace_is_forgotten_and_no_other() -> None:
    memory = filled("a", "b", "c", "d", "e")
    memory.put("f", "F", "t2", memory.generation)
    memory.put("g", "G", None, memory.generation)
    memory.forget("t1")
    assert [memory.get(key) for key in "abcdefg"] == [None] * 5 + ["F", "G"]
    memory.forget("t2")
    assert repr(memory) == "<Memory of 1>"


def test_what_began_before_something_was_forgotten_is_not_remembered() -> None:
    memory = filled()
    before = memory.generation
    memory.forget("t1")
    memory.put("a", "A", "t1", before)
    assert memory.get("a") is None
    memory.put("a", "A", "t1", memory.generation)
    assert memory.get("a") == "A"


def test_of_what_came_before_no_more_is_known_than_that() -> None:
    memory = Memory(SIZE)
    assert [memory.has_seen("secret"), memory.has_seen("secret")] == [False, True]
    assert "secret" not in repr(vars(memory))
    assert not any(memory.has_seen(f"{number}") for number in range(10 * SIZE))
    assert len(memory._seen) <= SIZE
    assert not memory.has_seen("secret")


KEYS = st.integers(0, 3 * SIZE)
STEPS = st.one_of(
    st.tuples(st.just("put"), KEYS), st.tuples(st.just("get"), KEYS), st.tuples(st.just("forget"), KEYS)
)


@given(st.lists(STEPS))
def test_what_is_found_was_put_and_not_forgotten_since(steps: list[tuple[str, int]]) -> None:
    memory = Memory(SIZE)
    present: dict[int, int] = {}
    recent: list[int] = []
    for number, (act, key) in enumerate(steps):
        if act == "put":
            memory.put(key, number, str(key % 3), memory.generation)
            present[key] = number
            recent = [*(item for item in recent if item != key), key][-SIZE:]
        elif act == "get":
            found = memory.get(key)
            assert found in (None, present.get(key))
            if key in recent:
                assert found == present[key]
            if found is not None:
                recent = [*(item for item in recent if item != key), key][-SIZE:]
        else:
            memory.forget(str(key % 3))
            present = {item: value for item, value in present.items() if item % 3 != key % 3}
            recent = [item for item in recent if item % 3 != key % 3]
        assert len(memory) <= 2 * SIZE
