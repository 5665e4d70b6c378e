"""Watching: which sandboxes are in use, and what came to them, and past them, since a test began."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mockserver.client.records import RecordedCall
    from mockserver.client.sandbox import Sandbox
    from mockserver.pytest_plugin.servers import Servers

FIXTURES = frozenset({"mockserver", "mockserver_module", "mockserver_session", "mockserver_factory"})
# The namespaces of tests, in this process and in others, end in digits of a digest: see `name_namespace`.
_OF_A_TEST = re.compile(r".*-[0-9a-f]{8}")


def uses_sandbox(item: pytest.Item) -> bool:
    """Whether a test asks for a sandbox, itself or by another fixture."""
    return not FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))


@dataclass(slots=True)
class Window:
    """One sandbox, and where it stood when the test began: number of the last call, and the stubs."""

    sandbox: Sandbox
    last_number: int = 0
    stubs: frozenset[str] = frozenset()

    def begin(self) -> None:
        """A test begins."""
        newest = self.sandbox.calls(limit=1)
        self.last_number = newest[-1].number if newest else 0
        self.stubs = frozenset(stub["id"] for stub in self.sandbox.stubs())

    def calls(self) -> list[RecordedCall]:
        """What came since then. After a reset, that is everything."""
        calls = self.sandbox.calls()
        was_reset = not calls or calls[-1].number < self.last_number
        return calls if was_reset else [call for call in calls if call.number > self.last_number]


@dataclass(frozen=True, slots=True)
class Strays:
    """Calls that missed the sandboxes of a test, by namespace; `is_alone`: no other test ran meanwhile."""

    calls: tuple[tuple[str, RecordedCall], ...] = ()
    is_alone: bool = True


@dataclass(slots=True)
class Watch:
    """What is in use in this process."""

    windows: dict[str, Window] = field(default_factory=dict)
    servers: Servers | None = None
    # Calls in the namespaces of each server when the test began, by the server's place in `servers.known()`.
    _before: list[dict[str, int]] = field(default_factory=list)
    # Whether the test that runs now uses a sandbox.
    is_used: bool = False

    def add(self, sandbox: Sandbox, servers: Servers) -> None:
        """A sandbox is made."""
        self.servers = servers
        if not self.is_used:
            self.begin(is_used=True)
        window = self.windows[sandbox.name] = Window(sandbox)
        window.begin()
        if not self._before:
            self._count()

    def begin(self, *, is_used: bool) -> None:
        """A test begins. Whether it uses a sandbox may turn out later."""
        self.is_used = is_used
        self._before = []
        if is_used:
            for window in self.windows.values():
                window.begin()
            if self.servers is not None:
                self._count()

    def _count(self) -> None:
        assert self.servers is not None
        self._before = [server.namespaces() for server in self.servers.known()]

    def find_strays(self) -> Strays:
        """The calls that came to namespaces of no test since this one began. Raises MockServerError."""
        from mockserver.client.sandbox import Sandbox

        strays: list[tuple[str, RecordedCall]] = []
        others: set[str] = set()
        for place, server in enumerate(self.servers.known() if self.servers else ()):
            # A server that was not there when the test began had no calls.
            before = self._before[place] if place < len(self._before) else {}
            after = server.namespaces()
            others |= {name for name in (*before, *after) if _OF_A_TEST.fullmatch(name)}
            for name, total in after.items():
                came = total - before.get(name, 0)
                if came > 0 and name not in server._opened and not _OF_A_TEST.fullmatch(name):
                    strays += [(name, call) for call in Sandbox(server._door, name).calls(limit=came)]
        return Strays(tuple(strays), not others - self.windows.keys())


WATCH = pytest.StashKey[Watch]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[WATCH] = Watch()
