"""Fixtures: what a namespace holds at its start, and how files of a fixtures folder are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast

from mockserver.contract import Contract
from mockserver.contract.documents import read_document
from mockserver.contract.schema_registry import CompiledSchema, compile_schema
from mockserver.exceptions import FixtureError, InvalidInput, Problem, StubError
from mockserver.scripting.bodies import NO_FILES, Files
from mockserver.scripting.documents import read_stubs
from mockserver.scripting.stubs import Stub, StubBook
from mockserver.seeds import Seed
from mockserver.settings import packaged_folder
from mockserver.state.resources import Item
from mockserver.synthesis.ids import UuidSeries
from mockserver.types import Json, JsonObject


@dataclass(frozen=True, slots=True)
class Fixtures:
    """What a namespace holds at its start: the stubs of the files, and the items that the API's rules bring,
    by id. `files` are those that bodies of stubs can name; `book` holds the stubs."""

    stubs: tuple[Stub, ...] = ()
    items: Mapping[str, Item] = field(default_factory=dict)
    files: Files = NO_FILES
    book: StubBook = field(
        default_factory=lambda: StubBook(is_given=True), init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        # As if they had been added one by one, as WireMock does: outcomes in a file are used up in its order.
        self.book.add(self.stubs)

    def brings(self, stub: Stub) -> bool:
        """Whether a stub is one of theirs, which all namespaces share."""
        return self.book.find_by_id(stub.id) is stub


def read_fixture(path: Path) -> Any:
    """A fixture file, checked by the schema of its name in `schemas/editors`; None where it is not there.

    Raises FixtureError with every problem.
    """
    if not path.exists():
        return None
    value = read_document(path, error=FixtureError)
    violations = _read_schema(path.name).violations(value)
    if violations:
        raise FixtureError(
            Problem(violation.message, violation.pointer, str(path)) for violation in violations
        )
    # What names the schema, for editors.
    value.pop("$schema", None)
    return value


@cache
def _read_schema(name: str) -> CompiledSchema:
    schema = read_document(packaged_folder("schemas") / "editors" / name, error=FixtureError)
    return compile_schema(cast(JsonObject, schema))


def load_stubs(
    folder: Path, contract: Contract, files: Files = NO_FILES, *, is_lenient: bool = False
) -> tuple[tuple[Stub, ...], tuple[Problem, ...]]:
    """The stubs of a fixtures folder, and what was left out.

    They stand in all files in `stubs` and, as WireMock calls it, `mappings`, with the folders below them, in
    the order of the file names. Ids that a file leaves out count through it.

    A lenient reading leaves out the stubs that have problems; any other leaves out nothing, and raises
    FixtureError with every problem of every file.
    """
    stubs: list[Stub] = []
    left_out: list[Problem] = []
    problems: list[Problem] = []
    places: dict[str, Path] = {}
    places_of_stubs = (folder / name for name in ("stubs", "mappings"))
    for path in (path for place in places_of_stubs for path in sorted(place.rglob("*.json"))):
        name = path.relative_to(folder).parts[1:]
        series, count = UuidSeries(Seed("stub", "/".join(name))), iter(range(2**48))
        try:
            document = read_document(path, error=FixtureError)
            new_id = lambda series=series, count=count: series.number(next(count))  # noqa: E731
            if is_lenient:
                document = _without_problems(document, contract, path, files, left_out)
            read = read_stubs(document, contract, new_id=new_id, file=str(path), files=files)
            for stub in read:
                other = places.setdefault(stub.id, path)
                if other != path:
                    problems.append(
                        Problem(
                            f"{stub.id!r} is the id of a stub in {other.relative_to(folder)} as well",
                            file=str(path),
                        )
                    )
            stubs += read
        except InvalidInput as error:
            problems += error.problems
    if problems:
        raise FixtureError(problems)
    return tuple(stubs), tuple(left_out)


def _without_problems(
    document: Json, contract: Contract, path: Path, files: Files, left_out: list[Problem]
) -> Json:
    """A document of stubs without those that cannot be used by this contract, which are told."""
    mappings = document.get("mappings") if isinstance(document, dict) else None
    if not isinstance(mappings, list):
        return document
    sound: list[Json] = []
    for index, mapping in enumerate(mappings):
        try:
            read_stubs(mapping, contract, new_id=lambda: "unused", file=str(path), files=files)
            sound.append(mapping)
        except StubError as error:
            name = mapping.get("name") if isinstance(mapping, dict) else None
            told = "; ".join(problem.message for problem in error.problems)
            text = f"the stub {name or index} is left out: {told}"
            left_out.append(Problem(text, f"/mappings/{index}", path.name))
    return document | {"mappings": sound}
