"""What is let go is gone, sooner or later, and nobody waits for it."""

from __future__ import annotations

import threading
import weakref

import pytest

from mockserver.leftovers import let_go


class Thing:
    """Something of which can be seen in which thread it goes."""

    def __init__(self, gone: list[str]) -> None:
        weakref.finalize(self, lambda: gone.append(threading.current_thread().name))


@pytest.mark.parametrize("count", [0, 1, 500])
def test_a_few_things_go_at_once(count: int) -> None:
    gone: list[str] = []
    let_go([Thing(gone) for _ in range(count)])
    assert gone == [threading.current_thread().name] * count


def test_many_things_go_in_a_thread_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("mockserver.leftovers.time.sleep", pauses.append)
    gone: list[str] = []
    items = [Thing(gone) for _ in range(1_050)]
    let_go(items)
    for thread in threading.enumerate():
        if thread.name == "mockserver-leftovers":
            thread.join(20)
    assert items == []
    assert gone == ["mockserver-leftovers"] * 1_050
    # Others have their turn in between.
    assert pauses == [0] * 11
