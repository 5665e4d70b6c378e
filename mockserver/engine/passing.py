"""Passing on: what the engine and the client of the real API say to each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from mockserver.contract.validation import CallWarning, Violation
from mockserver.engine.rules import Rules
from mockserver.engine.situation import CARRY_OUT, Decider, Decision, Situation
from mockserver.messages import Response
from mockserver.request.inspection import Inspection

PROXIED = "proxied"


@dataclass(slots=True)
class Passage:
    """A call that the real API has to answer. `decision` is what a stub says of it, where one does."""

    inspection: Inspection
    decision: Decision


@dataclass(slots=True)
class Passed:
    """What became of it: the decision to answer so, and what is wrong with request and answer.

    `rest` are the bytes behind those of the decision, as they come; None where those are all. `head_length`
    is how long the body would be, for an answer to HEAD.
    """

    decision: Decision
    violations: list[Violation] = field(default_factory=list)
    warnings: list[CallWarning] = field(default_factory=list)
    rest: Iterator[bytes] | None = None
    head_length: int | None = None

    def mark(self, response: Response) -> Response:
        """The response as one that somebody else has made."""
        delivery = response.delivery
        if self.head_length is not None:
            delivery = replace(delivery, head_length=self.head_length)
        return replace(response, is_foreign=True, delivery=delivery)


class PassesOn(Protocol):
    """Reaches the real API. `refuses` says that a request that violates the contract does not get there."""

    refuses: bool

    def pass_on(self, passage: Passage) -> Passed:
        """Have a call answered. Takes as long as the API does; never raises for what the API does."""
        ...

    def close(self) -> None:
        """Let go of the connections to it."""
        ...


def by_passing(situation: Situation) -> Decision:
    """The real API decides."""
    return Decision(PROXIED, 200, CARRY_OUT, commits=True)


class PassingRules:
    """The rules of an API that somebody else keeps: nothing is required of a request here."""

    requirements: tuple[Decider, ...] = ()

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def __getattr__(self, name: str) -> object:
        return getattr(self._rules, name)
