"""Waiting: an answer that is on its way, and what ends its waits."""

from __future__ import annotations

from collections.abc import Callable


class Waiting:
    """An answer that is on its way: delayed, dribbled, or held by the stub `stub_id` until it is released.

    A release ends the hold and not the delay behind it. The deliverer says what to do then; any thread may
    release.
    """

    __slots__ = ("_end", "_release", "is_over", "is_released", "stub_id")

    def __init__(self, stub_id: str | None) -> None:
        self.stub_id = stub_id
        self.is_released = stub_id is None
        self.is_over = False
        self._release: Callable[[], None] | None = None
        self._end: Callable[[], None] | None = None

    def on_release(self, act: Callable[[], None]) -> None:
        """Have `act` called when the hold ends; at once if it already has."""
        self._release = act
        if self.is_released:
            act()

    def on_end(self, act: Callable[[], None]) -> None:
        """Have `act` called when nothing shall be waited for any more; at once if that is so already."""
        self._end = act
        if self.is_over:
            act()

    def release(self) -> None:
        """End the hold."""
        self.is_released = True
        if self._release is not None:
            self._release()

    def end(self) -> None:
        """End every wait of the answer."""
        self.is_over = True
        if self._end is not None:
            self._end()
        self.release()
