"""Ids that count."""

from __future__ import annotations

from mockserver.seeds import Seed


class UuidSeries:
    """UUIDs (RFC 9562, version 8) that count: the same series gives the same ids in every run.

    The number stands in the last twelve hexadecimal digits.
    """

    __slots__ = ("_prefix",)

    def __init__(self, seed: Seed) -> None:
        digits = seed.digest().hex()
        self._prefix = f"{digits[:8]}-{digits[8:12]}-8{digits[12:15]}-8{digits[15:18]}-"

    def number(self, number: int) -> str:
        """The UUID of a number from 0 up to 2**48 - 1."""
        return f"{self._prefix}{number:012x}"
