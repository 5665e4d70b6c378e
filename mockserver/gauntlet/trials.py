"""Trials: one run of the command against a sandbox of its own, scripted beforehand and read afterwards."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mockserver.client.local import MockServer
from mockserver.client.records import RecordedCall
from mockserver.client.sandbox import Sandbox
from mockserver.exceptions import VerificationError
from mockserver.gauntlet.commands import Command, Finished
from mockserver.gauntlet.deviations import Deviation, join_names


@dataclass(frozen=True, slots=True)
class Trial:
    """What one run showed. `has_passed` is the word of the command; `created_twice` how many creates were
    carried out again with the same meaning; `ignored_retry_after` and `leaks` are what the audits say;
    `stub_ids` are those of the scripted failure.
    """

    has_passed: bool
    calls: tuple[RecordedCall, ...]
    output: str
    created_twice: int
    ignored_retry_after: str
    leaks: tuple[str, ...]
    stub_ids: tuple[str, ...]

    @property
    def signature(self) -> list[tuple[str | None, str, int | None]]:
        """What two plain runs must have in common."""
        return [(call.operation, call.method, call.status) for call in self.calls]

    def reached(self, deviation: Deviation) -> RecordedCall | None:
        """The first call that the deviation reached."""
        for call in self.calls:
            if call.operation != deviation.operation:
                continue
            if deviation.kind == "legal":
                if deviation.name in (call.variant or "").split("+"):
                    return call
            elif call.stub is not None and call.stub["id"] in self.stub_ids:
                return call
        return None

    def count(self, operation: str) -> int:
        """How often an operation was called."""
        return Counter(call.operation for call in self.calls)[operation]


def run_trial(
    server: MockServer, command: Command, deviations: Sequence[Deviation] = (), attempt: int = 0
) -> Trial:
    """Run a command under deviations: legal answers of one operation and status, or one failure."""
    # The same trial has the same name, and so the same values, whatever ran before or beside it.
    parts = [f"{each.operation} {each.kind} {each.name} {each.status} {each.phase}" for each in deviations]
    digest = hashlib.sha256("\n".join([*parts, str(attempt)]).encode()).hexdigest()[:12]
    sandbox = server.namespace(f"gauntlet-{digest}")
    sandbox.reset()
    try:
        stub_ids = _script(sandbox, deviations)
        finished = command.run(
            {
                "MOCKSERVER_BASE_URL": sandbox.base_url,
                "MOCKSERVER_ORIGIN": sandbox.origin,
                "MOCKSERVER_SECRET_KEY": sandbox.secret_key,
            }
        )
        return _read(sandbox, finished, stub_ids)
    finally:
        sandbox.forget()


def _script(sandbox: Sandbox, deviations: Sequence[Deviation]) -> list[str]:
    if not deviations:
        return []
    first = deviations[0]
    if first.kind == "legal":
        sandbox.variant(join_names(deviations), operation=first.operation, status=first.status)
        return []
    return sandbox.queue(first.operation, [first.outcome])


def _read(sandbox: Sandbox, finished: Finished, stub_ids: Sequence[str]) -> Trial:
    calls = tuple(sandbox.calls())
    ignored = ""
    try:
        sandbox.verify_retry_after()
    except VerificationError as error:
        ignored = str(error)
    leaks = [
        str(warning["message"])
        for call in calls
        for warning in call.warnings
        if warning["code"] == "leaked_key"
    ]
    if finished.has_shown_secret:
        leaks.append("the command wrote a credential or an issued key to its output")
    duplicates = sum(len(group) - 1 for group in sandbox.duplicates())
    # The port differs from run to run, and says nothing.
    port = sandbox.origin.rpartition(":")[2]
    output = finished.output.replace(f":{port}", ":PORT")
    return Trial(
        finished.status == 0, calls, output, duplicates, ignored, tuple(dict.fromkeys(leaks)), tuple(stub_ids)
    )
