"""How much is measured: how often, how long, how large."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """`rounds` of `seconds` each for load; sizes of what a cost is measured against; tests in a test file.

    `costs_rounds` is how often the short measurements are repeated; `warm_up` is in seconds.
    """

    rounds: int = 7
    seconds: int = 1
    warm_up: int = 3
    costs_rounds: int = 11
    start_rounds: int = 7
    test_rounds: int = 5
    calls: tuple[int, ...] = (1, 1_000, 10_000, 100_000)
    stubs: tuple[int, ...] = (10, 100, 1_000, 10_000)
    namespaces: tuple[int, ...] = (1, 100, 1_000, 10_000)
    operations: tuple[int, ...] = (4, 50, 200, 500)
    tests: int = 200


USUAL = Options()
FULL = Options(
    rounds=15,
    costs_rounds=21,
    start_rounds=15,
    test_rounds=9,
    calls=(1, 1_000, 10_000, 100_000, 1_000_000),
)
# Shows that every part works; its figures mean nothing.
SMOKE = Options(
    rounds=1,
    warm_up=1,
    costs_rounds=2,
    start_rounds=1,
    test_rounds=1,
    calls=(1, 100),
    stubs=(10, 100),
    namespaces=(1, 20),
    operations=(4, 20),
    tests=20,
)
