"""Reports: calls as a person reads them when a test has failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mockserver.client.records import RecordedCall
from mockserver.journal.explanations import show_call

if TYPE_CHECKING:
    from mockserver.client.sandbox import Sandbox

MAX_CALLS_SHOWN = 30


def write_calls(sandbox: Sandbox, calls: Sequence[RecordedCall]) -> str:
    """The newest of some calls, what was decided on each and why, and a line that makes it again."""
    hidden = len(calls) - MAX_CALLS_SHOWN
    lines = [f"… and {hidden} earlier calls"] if hidden > 0 else []
    for call in calls[-MAX_CALLS_SHOWN:]:
        lines += [*write_call(call), f"    {sandbox.curl(call)}"]
    return "\n".join(lines)


def write_call(call: RecordedCall) -> list[str]:
    """One call, line by line."""
    lines = [show_call(call.raw)]
    if call.state != "answered":
        lines.append(f"    state      {call.state}")
    if call.stub is not None:
        parts = (call.stub["name"] or call.stub["id"], call.fault, call.phase)
        lines.append(f"    stub       {', '.join(part for part in parts if part)}")
    if call.variant is not None:
        lines.append(f"    variant    {call.variant}")
    for violation in call.violations:
        place = f"{violation['in']} {violation['pointer']}".rstrip()
        lines.append(f"    violation  {place}: {violation['keyword']}: {violation['message']}")
    lines += [f"    warning    {warning['code']}: {warning['message']}" for warning in call.warnings]
    return lines
