"""What `scripts/soak` calls flat. The soak itself takes minutes, and is run before a release."""

from __future__ import annotations

import pytest

from tests.hostile.soak import Sample, is_flat, soak

# A reset every three seconds, for three minutes.
FLAT = [85.0 + (number * 7 % 5) for number in range(60)]
BEGINNING = [70.0 + number for number in range(15)]


@pytest.mark.parametrize(
    "sizes, holds",
    [
        (FLAT, True),
        ([*FLAT[:50], 120.0, *FLAT[51:]], True),
        (BEGINNING + FLAT[15:], True),
        ([size + 0.2 * number for number, size in enumerate(FLAT)], False),
        ([*FLAT[:40], *(size + 20 for size in FLAT[40:])], False),
    ],
    ids=["flat", "one-peak", "grows-at-the-beginning", "leaks", "a-step"],
)
def test_memory_is_flat_or_grows(sizes: list[float], holds: bool) -> None:
    assert is_flat([Sample(size, 40) for size in sizes]) is holds


@pytest.mark.parametrize("each, holds", [(0, True), (1, False)])
def test_descriptors_are_flat_or_grow(each: int, holds: bool) -> None:
    assert is_flat([Sample(85.0, 40 + each * number) for number in range(60)]) is holds


def test_a_second_of_soaking_finds_nothing() -> None:
    told: list[Sample] = []
    samples = soak(1.0, told.append, pause=0)
    assert samples == told != []
