"""Seeds: digests of stable parts. Nothing here depends on a sequence, a clock or `hash()`."""

from __future__ import annotations

import hashlib
import string

BASE62 = string.ascii_uppercase + string.ascii_lowercase + string.digits
# 256 bytes onto 62 characters: the first eight characters are a little likelier, which a fake may be.
_TO_BASE62 = bytes(ord(BASE62[byte % 62]) for byte in range(256))


class Seed:
    """A point from which values are derived.

    >>> seed = Seed("my-seed", "default", "createApiKey")
    >>> seed.at("/data/id").token(24) == Seed("my-seed", "default", "createApiKey").at("/data/id").token(24)
    True

    Each part enters with its length, so ("ab", "c") and ("a", "bc") are different seeds.
    """

    __slots__ = ("_state",)

    def __init__(self, *parts: str | bytes) -> None:
        self._state = _enter(hashlib.blake2b(), parts)

    def at(self, *parts: str | bytes) -> Seed:
        """The seed of a part below this one, such as a JSON pointer. This one stays as it is."""
        seed = object.__new__(Seed)
        seed._state = _enter(self._state.copy(), parts)
        return seed

    def digest(self) -> bytes:
        """64 bytes."""
        return self._state.digest()

    def token(self, length: int) -> str:
        """`length` base62 characters."""
        data = self._state.digest()
        while len(data) < length:
            data += hashlib.blake2b(data).digest()
        return data[:length].translate(_TO_BASE62).decode("ascii")

    def below(self, limit: int) -> int:
        """An integer from 0 up to, and without, `limit`, which is at least 1."""
        return int.from_bytes(self._state.digest(), "big") % limit

    def fraction(self) -> float:
        """A number from 0.0 up to, and without, 1.0."""
        return self.below(1 << 53) / (1 << 53)


def _enter(state: hashlib.blake2b, parts: tuple[str | bytes, ...]) -> hashlib.blake2b:
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "big") + data)
    return state
