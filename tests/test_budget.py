"""One budget of bytes for all that a server remembers: who makes room, and what that costs."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from mockserver.budget import SETTLED_AT_ONCE, Account, ByteBudget, LateAccount, find_share


class Shelf:
    """Things of some sizes, oldest first, in an account."""

    def __init__(self, budget: ByteBudget, *, kind: type[Account] = Account) -> None:
        self.budget = budget
        self.sizes: list[int] = []
        self.lock = threading.RLock()
        self.account = kind(budget, self.lock, self._forget_oldest)

    def put(self, *sizes: int) -> None:
        for size in sizes:
            self.sizes.append(size)
            self.account.charge(size)
            self.budget.relieve_if_used_up()

    def _forget_oldest(self, size: int) -> None:
        while self.account.bytes > size and len(self.sizes) > (size > 0):
            self.account.charge(-self.sizes.pop(0))


def test_the_largest_make_room_and_the_small_keep_all() -> None:
    budget = ByteBudget(1_600)
    small, large = Shelf(budget), Shelf(budget)
    small.put(100, 100)
    large.put(*[100] * 20)
    assert small.sizes == [100, 100]
    assert 1_000 <= sum(large.sizes) <= 1_400
    assert budget.used == sum(small.sizes) + sum(large.sizes) <= 1_600


def test_where_each_has_one_thing_those_that_were_not_used_for_longest_make_room() -> None:
    budget = ByteBudget(16_000)
    shelves = [Shelf(budget) for _ in range(1_000)]
    for shelf in shelves:
        shelf.put(100)
    kept = [bool(shelf.sizes) for shelf in shelves]
    assert kept == sorted(kept), "the newest are kept"
    assert 150 <= sum(kept) <= 160
    assert budget.used == 100 * sum(kept)


def test_one_that_was_used_again_is_among_the_newest() -> None:
    budget = ByteBudget(16_000)
    shelves = [Shelf(budget) for _ in range(170)]
    for shelf in shelves[:100]:
        shelf.put(100)
    again = shelves[0]
    again.account.charge(-100)
    again.account.charge(100)
    for shelf in shelves[100:]:
        shelf.put(100)
    assert again.sizes == [100]
    assert not shelves[1].sizes


def test_room_asked_for_in_a_transaction_is_made_once() -> None:
    shelf = Shelf(ByteBudget(10_000), kind=LateAccount)
    shelf.put(100, 100, 100)
    assert isinstance(shelf.account, LateAccount)
    shelf.account.shrink(100)
    shelf.account.settle()
    assert shelf.sizes == [100]
    shelf.put(100, 100)
    shelf.account.settle()
    assert shelf.sizes == [100, 100, 100]


def test_room_is_made_a_sixteenth_at_once() -> None:
    rounds = []

    class Counting(ByteBudget):
        def relieve(self) -> None:
            rounds.append(self.used)
            super().relieve()

    budget = Counting(16_000)
    for _ in range(1_000):
        Shelf(budget).put(100)
    assert 70 <= len(rounds) <= 110, "once for ten things, however many shelves there are"


def test_what_cannot_make_room_is_not_asked_at_every_step() -> None:
    budget = ByteBudget(1_600)
    pinned, shelf = Shelf(budget), Shelf(budget)
    budget.pin(1_700)
    pinned.put(100)
    shelf.put(10)
    assert (pinned.sizes, shelf.sizes) == ([100], [10]), "the one that asks keeps what it asks for"
    assert budget.slack == 300
    budget.pin(-1_700)
    shelf.put(*[100] * 18)
    assert budget.slack == 0
    assert budget.used <= 1_600


def test_what_is_pinned_leaves_a_quarter() -> None:
    budget = ByteBudget(1_600)
    assert budget.can_pin(1_200)
    assert not budget.can_pin(1_201)
    budget.pin(1_000)
    assert budget.can_pin(200)
    assert not budget.can_pin(201)


def test_one_that_somebody_uses_has_its_turn_later() -> None:
    budget = ByteBudget(1_600)
    busy, other = Shelf(budget), Shelf(budget)
    busy.put(*[100] * 15)
    with busy.lock:
        thread = threading.Thread(target=other.put, args=(100, 100))
        thread.start()
        thread.join()
    assert len(busy.sizes) == 15
    other.put(100, 100)
    assert len(busy.sizes) < 15


def test_the_others_keep_their_newest_while_somebody_uses_the_largest() -> None:
    budget = ByteBudget(1_600)
    small, busy, other = Shelf(budget), Shelf(budget), Shelf(budget)
    small.put(100)
    busy.put(*[100] * 14)
    with busy.lock:
        thread = threading.Thread(target=other.put, args=(100, 100))
        thread.start()
        thread.join()
    assert (small.sizes, len(busy.sizes), other.sizes) == ([100], 14, [100, 100])
    budget.relieve()
    assert small.sizes == [100]
    assert budget.used <= 1_600


def test_one_that_takes_in_much_while_room_is_made_costs_the_others_nothing() -> None:
    budget = ByteBudget(1_600)
    small, large, busy = Shelf(budget), Shelf(budget), Shelf(budget)
    small.put(100)
    busy.put(100)
    large.put(*[100] * 13)
    forget = large.account._forget_oldest

    def forget_while_another_grows(size: int) -> None:
        forget(size)
        busy.sizes.append(1_400)
        busy.account.charge(1_400)

    large.account._forget_oldest = forget_while_another_grows
    with busy.lock:
        thread = threading.Thread(target=large.put, args=(200,))
        thread.start()
        thread.join()
    assert (small.sizes, busy.sizes) == ([100], [100, 1_400])
    assert len(large.sizes) > 1


def test_what_changes_in_transactions_only_makes_room_in_the_next() -> None:
    budget = ByteBudget(1_600)
    shelf = Shelf(budget, kind=LateAccount)
    account = shelf.account
    assert isinstance(account, LateAccount)
    shelf.put(*[100] * 17)
    assert len(shelf.sizes) == 17
    account.settle()
    assert len(shelf.sizes) == 15
    account.settle()
    assert len(shelf.sizes) == 15
    account.shrink(0)
    account.settle()
    assert len(shelf.sizes) == 1, "the newest is what the next call asks about"


def test_much_that_changes_in_transactions_only_makes_room_bit_by_bit() -> None:
    size = SETTLED_AT_ONCE // 4
    shelf = Shelf(ByteBudget(), kind=LateAccount)
    shelf.put(*[size] * 15)
    assert isinstance(shelf.account, LateAccount)
    shelf.account.shrink(2 * size)
    counts: list[int] = []
    while not counts or counts[-1] > 2:
        shelf.account.settle()
        counts.append(len(shelf.sizes))
    assert counts == [10, 5, 2], "a little more than so much at once"
    shelf.put(size)
    shelf.account.settle()
    assert len(shelf.sizes) == 3


def test_room_that_was_made_in_full_is_not_asked_for_again() -> None:
    shelf = Shelf(ByteBudget(10_000), kind=LateAccount)
    shelf.put(*[100] * 5)
    assert isinstance(shelf.account, LateAccount)
    shelf.account.shrink(100)
    shelf.account.settle()
    shelf.put(100)
    shelf.account.settle()
    assert shelf.sizes == [100, 100]


def test_what_is_closed_counts_no_more() -> None:
    budget = ByteBudget()
    shelf = Shelf(budget)
    shelf.put(100)
    shelf.account.close()
    assert budget.used == 0
    shelf.put(100)
    assert budget.used == 0


@given(st.lists(st.integers(0, 1_000)), st.integers(0, 5_000))
def test_what_each_may_hold_fills_what_all_may_hold(sizes: list[int], rest: int) -> None:
    share = find_share(sizes, rest)
    kept = [min(size, share) for size in sizes]
    assert sum(kept) <= rest
    if sum(sizes) > rest:
        assert rest - sum(kept) < len(sizes), "no more goes than has to"
    else:
        assert kept == sizes
