"""Decision: which answer a call gets, and why. Deciders are asked in order; the first answer wins."""

from __future__ import annotations

from mockserver.engine.requirements import (
    REQUIREMENTS,
    by_contract,
    by_credential,
    by_live_credential,
    by_operation,
    by_rate_limit,
)
from mockserver.engine.scripted import by_preference, by_stub
from mockserver.engine.situation import Decider, Decision, Situation
from mockserver.engine.varying import vary


def decide(situation: Situation) -> Decision:
    """The first decider with an answer wins; otherwise the operation's success. It may be varied then."""
    decision = _ask_deciders(situation)
    if situation.namespace.is_varied or situation.head.preferences is not None:
        return vary(situation, decision)
    return decision


def _ask_deciders(situation: Situation) -> Decision:
    for decider in DECIDERS:
        decision = decider(situation)
        if decision is not None:
            return decision
    return by_contract(situation)


DECIDERS: tuple[Decider, ...] = (
    by_live_credential,
    by_stub,
    by_preference,
    by_operation,
    by_credential,
    by_rate_limit,
    *REQUIREMENTS[2:],
)
