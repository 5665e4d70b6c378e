"""Deciders: which answer a call gets, and why. They are asked in order; the first answer wins."""

from __future__ import annotations

from mockserver.engine.requirements import by_contract, by_soundness
from mockserver.engine.rules import Rules
from mockserver.engine.scripted import by_preference, by_stub
from mockserver.engine.situation import Decider, Decision, Situation
from mockserver.engine.varying import vary


def list_deciders(rules: Rules) -> tuple[Decider, ...]:
    """The deciders of an API, in order: those before all else, what was scripted, what a request must meet,
    and the operation's success."""
    return (*rules.before, by_stub, by_soundness, by_preference, *rules.requirements, by_contract)


def decide(situation: Situation, deciders: tuple[Decider, ...]) -> Decision:
    """The answer of the first decider that has one. It may be varied then."""
    decision = _ask(situation, deciders)
    if situation.namespace.is_varied or situation.head.preferences is not None:
        return vary(situation, decision)
    return decision


def _ask(situation: Situation, deciders: tuple[Decider, ...]) -> Decision:
    for decider in deciders:
        decision = decider(situation)
        if decision is not None:
            return decision
    raise AssertionError("the last decider always has an answer")
