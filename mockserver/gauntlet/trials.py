"""Trials: one run of the command against a sandbox of its own, scripted beforehand and read afterwards."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mockserver.client.local import MockServer
from mockserver.client.records import RecordedCall
from mockserver.client.sandbox import Sandbox
from mockserver.gauntlet.commands import Command
from mockserver.gauntlet.deviations import Deviation, join_names
from mockserver.settings import DEFAULT_NAMESPACE


@dataclass(frozen=True, slots=True)
class Trial:
    """What one run showed. `has_passed` is the word of the command; `created_twice` how many creates were
    carried out again with the same meaning; `ignored_retry_after` and `leaks` are what the audits say;
    `stub_ids` are those of the scripted failure, `catalogue` is a sandbox of the same contract.
    """

    has_passed: bool
    calls: tuple[RecordedCall, ...]
    output: str
    created_twice: int
    ignored_retry_after: tuple[str, ...]
    leaks: tuple[str, ...]
    stub_ids: tuple[str, ...]
    catalogue: Sandbox

    @property
    def signature(self) -> Counter[tuple[str | None, str, int | None]]:
        """What two plain runs must have in common. Calls that are made side by side may come in any order."""
        return Counter((call.operation, call.method, call.status) for call in self.calls)

    @property
    def was_refused(self) -> bool:
        """Whether legal answers that were asked for together would have broken the contract together."""
        return any(warning["code"] == "variant_ignored" for call in self.calls for warning in call.warnings)

    def hides(self, deviation: Deviation) -> bool:
        """Whether a legal answer found no place only because of those that were tried beside it."""
        text = f"the variant {deviation.name} changes nothing beside the others"
        return any(warning["message"] == text for call in self.calls for warning in call.warnings)

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
        return sum(call.operation == operation for call in self.calls)


def run_command(
    server: MockServer,
    command: Command,
    deviations: Sequence[Deviation],
    attempt: int,
    *,
    has_namespace: bool = True,
) -> Trial:
    """Run a command under deviations, in a namespace of its own; without one in the default one, where those
    arrive that know nothing but the port. Raises SettingsError as its `run` does."""
    # The same trial has the same name, and so the same values, whatever ran before or beside it.
    parts = [f"{each.operation} {each.kind} {each.name} {each.status} {each.phase}" for each in deviations]
    digest = hashlib.sha256("\n".join([*parts, str(attempt)]).encode()).hexdigest()[:12]
    sandbox = server.namespace(f"gauntlet-{digest}" if has_namespace else DEFAULT_NAMESPACE)
    sandbox.reset()
    try:
        stub_ids = script(sandbox, deviations)
        finished = command.run(
            {
                "MOCKSERVER_BASE_URL": sandbox.base_url,
                "MOCKSERVER_ORIGIN": sandbox.origin,
                "MOCKSERVER_SECRET_KEY": sandbox.secret_key,
            }
        )
        trial = read_trial(sandbox, stub_ids)
    finally:
        sandbox.forget()
    # The port differs from run to run, and says nothing.
    port = sandbox.origin.rpartition(":")[2]
    leaks = (_SHOWN,) if finished.has_shown_secret else ()
    return replace(
        trial,
        has_passed=finished.status == 0,
        output=finished.output.replace(f":{port}", ":PORT"),
        leaks=(*trial.leaks, *leaks),
        catalogue=server,
    )


_SHOWN = "the command wrote a credential or an issued key to its output"


def script(sandbox: Sandbox, deviations: Sequence[Deviation]) -> list[str]:
    """Let a sandbox answer so: with legal answers of one operation and status, or with one failure.

    Returns the ids of the stubs that do it.
    """
    if not deviations:
        return []
    first = deviations[0]
    if first.kind == "legal":
        sandbox.variant(join_names(deviations), operation=first.operation, status=first.status)
        return []
    return sandbox.queue(first.operation, [first.outcome])


def read_trial(sandbox: Sandbox, stub_ids: Sequence[str]) -> Trial:
    """What a sandbox has seen of a run. How the run ended is for its runner to add."""
    calls = tuple(sandbox.calls())
    warnings = [(call, warning) for call in calls for warning in call.warnings]
    # How long it waited differs from run to run.
    ignored = [
        f"call {call.number} of {call.operation} came before the time was over that Retry-After asked for"
        for call, warning in warnings
        if warning["code"] == "retry_after_ignored"
    ]
    leaks = [str(warning["message"]) for _, warning in warnings if warning["code"] == "leaked_key"]
    created_twice = sum(len(calls) - 1 for calls in sandbox.duplicates())
    return Trial(False, calls, "", created_twice, tuple(ignored), tuple(leaks), tuple(stub_ids), sandbox)
