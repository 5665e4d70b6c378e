"""The import of stubs: a book takes all of them or none, in turns with all else that uses the book."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator

from mockserver.scripting.stubs import Stub, StubBook

# So often it begins anew because others changed the book; then the rest is done in one go.
_MAX_BEGINNINGS = 3


class StubImport:
    """Stubs on their way into a book. What that will hold is worked out on a copy, so that what is refused
    changes nothing; where others change the stubs of the book meanwhile, it is worked out anew."""

    def __init__(self, book: StubBook, new: list[Stub], *, overwrites: bool, deletes: bool) -> None:
        """`new` is newest first. A stub whose id is known takes the place of the old one if the import
        `overwrites`, else it is left out; stubs that are not among the new ones go if it `deletes`."""
        self._book = book
        self._new = new
        self._overwrites = overwrites
        self._deletes = deletes
        self._beginnings = 0
        self._begin()

    def _begin(self) -> None:
        self._beginnings += 1
        self._revision = self._book.revision
        # The scenarios that are named by stubs which stay; None where all do.
        self._named: Collection[str] | None = None
        self._copy = self._book.copy()
        self._steps = self._work()

    def _work(self) -> Iterator[None]:
        copy, new = self._copy, self._new
        yield
        if self._deletes:
            kept = {stub.id for stub in new}
            gone = [stub.id for stub in copy if stub.id not in kept]
            yield
            for id in gone:
                copy.remove(id)
                yield
            self._named = {step.name for step in copy.steps}
            yield
        known = {stub.id for stub in copy}
        yield
        # The list is newest first, so the last is added first.
        for stub in reversed(new):
            if stub.id not in known:
                copy.append(stub)
                yield
        for stub in new if self._overwrites else ():
            if stub.id in known:
                copy.replace([stub])
                yield
        yield from copy.make_index()

    def go_on(self, seconds: float) -> bool:
        """Work for so long; whether nothing is left but to finish it."""
        if self._revision != self._book.revision:
            if self._beginnings == _MAX_BEGINNINGS:
                return True
            self._begin()
        until = time.perf_counter() + seconds
        return all(time.perf_counter() < until for _ in self._steps)

    def finish(self) -> None:
        """Put the stubs in. Raises StubError where there is no room for them; nothing has changed then."""
        if self._revision != self._book.revision:
            self._begin()
        for _ in self._steps:
            pass
        self._book.go_on_as(self._copy, self._named)
