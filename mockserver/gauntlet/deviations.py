"""What is tried: the legal answers of an operation, and the failures that pass."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mockserver.client.sandbox import Sandbox
from mockserver.faults import Fault, Phase
from mockserver.types import JsonObject

# The name of an answer that comes too late.
LATE = "LATE"


@dataclass(frozen=True, slots=True)
class Deviation:
    """One thing that differs from the plain run.

    `kind` is `legal`, `error` or `fault`; `name` that of a variant, a status or a fault; `status` that of the
    answer. `difference` shows it beside the plain answer; `outcome` is what a failure queues.
    """

    operation: str
    kind: str
    name: str
    status: int
    phase: str | None
    difference: str
    outcome: JsonObject = field(default_factory=dict, hash=False)

    def to_json(self) -> JsonObject:
        """What names it: `{"operation", "kind", "name", "status", "phase"}`."""
        return {
            "operation": self.operation,
            "kind": self.kind,
            "name": self.name,
            "status": self.status,
            "phase": self.phase,
        }


def list_legal(sandbox: Sandbox, operation: str) -> list[Deviation]:
    """Every legal answer of an operation that is not the plain one, in the order of the contract."""
    return [
        Deviation(operation, "legal", each.name, each.status, None, each.diff or each.deviation)
        for each in sandbox.variants(operation, diff=True)
        if each.legal
    ]


def list_failures(operation: str, status: int, client_timeout_seconds: float) -> list[Deviation]:
    """The failures that pass by themselves. `status` is that of the plain answer.

    An answer that is damaged on its way was sent, so the operation was carried out. What a gateway or a rate
    limit answers never reached it. A reset can be either.
    """
    before, after = Phase.BEFORE, Phase.AFTER_COMMIT

    def error(status: int, text: str, outcome: JsonObject) -> Deviation:
        # An operation need not document it: a gateway in front of it answers so all the same.
        queued = {"status": status, "offContract": True, **outcome}
        return Deviation(operation, "error", str(status), status, before.value, text, queued)

    def fault(name: str, phase: Phase, text: str, outcome: JsonObject | None = None) -> Deviation:
        queued = outcome or {"fault": name, "phase": phase.value}
        shown = 502 if name == Fault.NOT_JSON else status
        return Deviation(operation, "fault", name, shown, phase.value, text, queued)

    late_seconds = client_timeout_seconds + 1
    reset = Fault.CONNECTION_RESET_BY_PEER.value
    return [
        error(429, "status 429 with Retry-After: 1", {"headers": {"Retry-After": "1"}}),
        error(500, "status 500", {}),
        fault(reset, before, "the connection is reset; nothing happened"),
        fault(reset, after, "the connection is reset after the effect; the answer is lost"),
        fault(Fault.EMPTY_RESPONSE.value, before, "the connection ends without an answer; nothing happened"),
        fault(Fault.TRUNCATED_BODY.value, after, "half of the body, then the end, after the effect"),
        fault(Fault.RANDOM_DATA_THEN_CLOSE.value, after, "bytes that are no HTTP, after the effect"),
        fault(Fault.NOT_JSON.value, before, "a gateway's HTML page with status 502; nothing happened"),
        fault(
            LATE,
            after,
            f"the answer comes after {late_seconds:g} s; the effect happened",
            {"status": status, "delay": late_seconds} | ({"phase": after.value} if status < 400 else {}),
        ),
    ]


def group(sandbox: Sandbox, deviations: Sequence[Deviation]) -> list[list[Deviation]]:
    """Legal answers of one operation and status, in their order, in groups that can stand together.

    Another status stands alone: what is tried beside it would never be seen under the plain one.
    """
    first = deviations[0]
    pairs = sandbox.variants(first.operation, status=first.status, pairs=True)
    together = {pair.name for pair in pairs}
    groups: list[list[Deviation]] = []
    for deviation in deviations:
        for members in groups:
            if not members[0].name.startswith("status-") and all(
                f"{member.name}+{deviation.name}" in together for member in members
            ):
                members.append(deviation)
                break
        else:
            groups.append([deviation])
    return groups


def join_names(deviations: Iterable[Deviation]) -> str:
    """How a sandbox is asked for several deviations at once.

    A single one is named twice, which counts once: only of several the journal says which found a place.
    """
    names = [deviation.name for deviation in deviations]
    return "+".join(names if len(names) > 1 else names * 2)
