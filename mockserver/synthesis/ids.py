"""Deterministic fake keys and ids. A person sees that they are fake, and secret scanners do not fire."""

from __future__ import annotations

from mockserver.seeds import Seed


def make_key(seed: Seed, namespace: str) -> tuple[str, str]:
    """Id and secret of an API key: `key_mock_` and 24 base62 characters, `sk_test_mock_` and 32.

    In a named namespace the secret begins with `sk_test_mock_ns-<name>_`.
    """
    # From one token, as digests are what takes time.
    token = seed.token(24 + 32)
    mark = "" if namespace == "default" else f"ns-{namespace}_"
    return f"key_mock_{token[:24]}", f"sk_test_mock_{mark}{token[24:]}"


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
