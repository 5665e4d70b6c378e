"""Deterministic fake keys and ids. A person sees that they are fake, and secret scanners do not fire."""

from __future__ import annotations

from mockserver.synthesis.seeds import Seed


def make_secret_key(seed: Seed, namespace: str) -> str:
    """`sk_test_mock_` and 32 base62 characters; in a named namespace `sk_test_mock_ns-<name>_` and 32."""
    mark = "" if namespace == "default" else f"ns-{namespace}_"
    return f"sk_test_mock_{mark}{seed.token(32)}"


def make_key_id(seed: Seed) -> str:
    """`key_mock_` and 24 base62 characters."""
    return f"key_mock_{seed.token(24)}"


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
