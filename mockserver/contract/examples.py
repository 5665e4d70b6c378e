"""Examples that a contract gives: judged by their schema when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from mockserver.contract.schema_registry import CompiledSchema
from mockserver.exceptions import ContractError, Problem
from mockserver.types import Json

# File and pointer that a user knows for a pointer of the bundled document.
FindOrigin = Callable[[str], tuple[str, str]]


class PlacedExample(NamedTuple):
    """One example and the pointer to its value."""

    name: str
    value: Json
    pointer: str


class Examples(Mapping[str, Json]):
    """Named examples that keep their schema, in the order of the contract; the others are left out.

    `repair` makes a value of one that does not keep it, such as JSON written as text; None where it cannot.
    """

    def __init__(
        self,
        written: Sequence[PlacedExample],
        schema: CompiledSchema | None,
        find_origin: FindOrigin,
        repair: Callable[[Json], Json] = lambda value: value,
    ) -> None:
        self._written = written
        self._schema = schema
        self._find_origin = find_origin
        self._repair = repair

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the examples that are left out. Raises ContractError for a broken schema."""
        return self._judged[1]

    @cached_property
    def _judged(self) -> tuple[dict[str, Json], tuple[Problem, ...]]:
        """The values that keep the schema, and what is wrong with the others."""
        sound: dict[str, Json] = {}
        problems: list[Problem] = []
        for example in self._written:
            value, found = self._judge_one(example)
            if found:
                problems += found
            else:
                sound[example.name] = value
        return sound, tuple(problems)

    def _judge_one(self, example: PlacedExample) -> tuple[Json, list[Problem]]:
        violations = self._schema.violations(example.value) if self._schema else ()
        if violations and self._schema is not None:
            repaired = self._repair(example.value)
            if self._schema.is_valid(repaired):
                return repaired, []
        found = []
        for violation in violations:
            file, pointer = self._find_origin(f"{example.pointer}{violation.pointer}")
            what = violation.pointer or "it"
            text = f"the example {example.name!r} breaks its schema: {what} {violation.message}"
            found.append(Problem(text, pointer, file))
        return example.value, found

    def __getitem__(self, name: str) -> Json:
        return self._sound_examples()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sound_examples())

    def __len__(self) -> int:
        # Without judging, where there are none.
        return len(self._sound_examples()) if self._written else 0

    def __repr__(self) -> str:
        return f"<Examples {', '.join(example.name for example in self._written)}>"

    def _sound_examples(self) -> dict[str, Json]:
        try:
            return self._judged[0]
        except ContractError:
            # The user of the schema is told.
            return {}
