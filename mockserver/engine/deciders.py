"""Deciders: which answer a call gets, and why. They are asked in order; the first answer wins,
and the last always has one."""

from __future__ import annotations

from mockserver.engine.passing import by_passing
from mockserver.engine.requirements import (
    by_contract,
    by_media_type,
    by_operation,
    by_rate_limit,
    by_soundness,
    by_violations,
)
from mockserver.engine.rules import Rules
from mockserver.engine.scripted import by_preference, by_stub
from mockserver.engine.situation import Decider


def list_deciders(rules: Rules) -> tuple[Decider, ...]:
    """The deciders of an API, in order: those before all else, what was scripted, what a request must meet,
    and the operation's success."""
    return (*rules.before, by_stub, by_soundness, by_preference, *rules.requirements, by_contract)


def list_passing_deciders(rules: Rules, *, refuses: bool) -> tuple[Decider, ...]:
    """The deciders where calls are passed on: those before all else, what was scripted, and with `refuses`
    whether the request keeps the contract; then the real API decides."""
    checks: tuple[Decider, ...] = (by_rate_limit,)
    if refuses:
        checks += (by_operation, by_media_type, by_violations)
    return (*rules.before, by_stub, *(each for each in rules.requirements if each in checks), by_passing)
