"""Scenarios: named states that stubs require and move (WireMock, "Stateful Behaviour")."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from typing import NamedTuple

from mockserver.exceptions import UnknownItem

STARTED = "Started"


class ScenarioStep(NamedTuple):
    """What one stub has to do with a scenario."""

    name: str
    required: str | None
    moves_to: str | None


class Scenarios:
    """The states of the scenarios that the stubs of one namespace name. `states` is all that changes."""

    def __init__(self, states: MutableMapping[str, str]) -> None:
        self.states = states

    def state(self, name: str) -> str:
        """The state of a scenario; `Started` before anything moved it."""
        return self.states.get(name, STARTED)

    def allows(self, step: ScenarioStep) -> bool:
        """Whether a stub with this step may answer now."""
        return step.required is None or step.required == self.state(step.name)

    def move(self, step: ScenarioStep) -> None:
        """The stub with this step has answered."""
        if step.moves_to is not None:
            self.states[step.name] = step.moves_to

    def set_state(self, name: str, state: str, steps: Iterable[ScenarioStep]) -> None:
        """Put a scenario into a state that its stubs know.

        Raises UnknownItem for a scenario that no stub names, ValueError for a state that none of them names.
        """
        known = find_states(name, steps)
        if not known:
            raise UnknownItem(f"no stub names the scenario {name!r}")
        if state not in known:
            raise ValueError(f"the scenario {name!r} has no state {state!r}; known: {', '.join(known)}")
        self.states[name] = state

    def reset(self) -> None:
        """All scenarios are `Started` again."""
        self.states.clear()


def find_states(name: str, steps: Iterable[ScenarioStep]) -> list[str]:
    """The states that stubs give to a scenario, sorted after `Started`; empty if no stub names it."""
    mine = [step for step in steps if step.name == name]
    states = {state for step in mine for state in (step.required, step.moves_to) if state} - {STARTED}
    return [STARTED, *sorted(states)] if mine else []
