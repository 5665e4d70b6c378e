"""Places: where in a body a contract names something, found by walking a schema and a sample side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from mockserver.json_codec import escape_pointer
from mockserver.types import Json, JsonObject, Schema

# A member's name, or None for every item of an array.
Path: TypeAlias = tuple[str | None, ...]
Resolve: TypeAlias = Callable[[str], Schema]
# Schemas of one place, and all that may apply beside them.
Expand: TypeAlias = Callable[[list[Schema]], tuple[JsonObject, ...]]

MAX_PLACES = 300
_MAX_SCHEMAS = 500


class Removed:
    """Stands for a member that is taken out."""


REMOVED = Removed()


@dataclass(frozen=True, slots=True)
class Place:
    """One place that the contract names: the way to it, every schema that may apply there, a sample of what
    stands there.
    """

    path: Path
    schemas: tuple[JsonObject, ...]
    sample: Json

    @property
    def names(self) -> tuple[str, ...]:
        """The members on the way."""
        return tuple(step for step in self.path if step is not None)

    @property
    def is_member(self) -> bool:
        """Whether it is a member of an object, neither the whole nor an item."""
        return bool(self.path) and self.path[-1] is not None

    @property
    def pointer(self) -> str:
        """The way as a JSON pointer, with `*` for every item: `/data/*/expires_at`."""
        return "".join(f"/{'*' if step is None else escape_pointer(step)}" for step in self.path)

    def keywords(self, keyword: str) -> list[Json]:
        """What the schemas of the place say under a keyword."""
        return [schema[keyword] for schema in self.schemas if keyword in schema]

    @property
    def types(self) -> frozenset[str]:
        """The types that the schemas name; empty where they name none."""
        named = self.keywords("type")
        return frozenset(kind for item in named for kind in ([item] if isinstance(item, str) else item))


def find_places(schema: Schema, samples: Iterable[Json], resolve: Resolve) -> list[Place]:
    """The places of a body, the outermost first, each once: the whole, every member that a schema names and
    a sample has, and the items of arrays.
    """
    found: dict[Path, Place] = {}
    known: dict[tuple[int, ...], tuple[JsonObject, ...]] = {}

    def expand_once(schemas: list[Schema]) -> tuple[JsonObject, ...]:
        # Every sample is walked by the same schemas.
        key = tuple(map(id, schemas))
        if key not in known:
            known[key] = expand(schemas, resolve)
        return known[key]

    for sample in samples:
        for place in _walk((), expand_once([schema]), sample, expand_once):
            if place.path not in found or found[place.path].sample is None:
                found[place.path] = place
            if len(found) >= MAX_PLACES:
                break
    return sorted(found.values(), key=lambda place: len(place.path))


def _walk(path: Path, schemas: tuple[JsonObject, ...], sample: Json, expand: Expand) -> Iterator[Place]:
    yield Place(path, schemas, sample)
    if isinstance(sample, dict):
        for name in list_named(schemas):
            if name in sample:
                below = [
                    schema["properties"][name] for schema in schemas if name in schema.get("properties", ())
                ]
                yield from _walk((*path, name), expand(below), sample[name], expand)
    elif isinstance(sample, list) and sample:
        items = [schema["items"] for schema in schemas if "items" in schema]
        items += [schema["prefixItems"][0] for schema in schemas if schema.get("prefixItems")]
        yield from _walk((*path, None), expand(items), sample[0], expand)


def list_named(schemas: Iterable[JsonObject]) -> list[str]:
    """The members that schemas name, in their order."""
    return list(dict.fromkeys(name for schema in schemas for name in schema.get("properties", ())))


def expand(schemas: Iterable[Schema], resolve: Resolve) -> tuple[JsonObject, ...]:
    """Schemas, and all that may apply to the same place beside them: through references and every branch."""
    found: list[JsonObject] = []
    waiting = list(schemas)
    seen: set[int] = set()
    while waiting and len(found) < _MAX_SCHEMAS:
        schema = waiting.pop(0)
        if not isinstance(schema, dict) or id(schema) in seen:
            continue
        seen.add(id(schema))
        found.append(schema)
        if "$ref" in schema:
            waiting.append(resolve(schema["$ref"]))
        for keyword in ("allOf", "anyOf", "oneOf"):
            waiting += schema.get(keyword, ())
        waiting += (schema[keyword] for keyword in ("if", "then", "else") if keyword in schema)
        waiting += schema.get("dependentSchemas", {}).values()
    return tuple(found)


def change_at(value: Json, path: Path, change: Callable[[Json], Json]) -> Json:
    """A value with what stands at every place of a path changed, REMOVED taking a member out.

    The given value is never touched; it is returned itself where nothing changes.
    """
    if not path:
        return change(value)
    step, rest = path[0], path[1:]
    if step is None:
        if not isinstance(value, list):
            return value
        items = [change_at(item, rest, change) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    if not isinstance(value, dict) or step not in value:
        return value
    old = value[step]
    new = change_at(old, rest, change)
    if new is old:
        return value
    if new is REMOVED:
        return {name: item for name, item in value.items() if name != step}
    return {**value, step: new}
