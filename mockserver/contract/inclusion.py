"""Inclusion: whether every value of one schema is a value of another, as far as that can be seen.

Where it is proved once that all answers of an operation keep their schema, none has to be checked any more.
Nothing is guessed: a keyword that is not known here, or a rule that does not plainly follow, is no proof.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mockserver.types import Json, JsonObject, Schema

Resolve = Callable[[str], Schema]
# Schemas can contain themselves: what is nested deeper is not followed, what takes more steps is given up.
_MAX_DEPTH = 40
_MAX_STEPS = 2_000
_NOTES = frozenset({
    "$comment", "$defs", "$id", "$schema", "default", "deprecated", "description", "discriminator", "example",
    "examples", "externalDocs", "readOnly", "title", "writeOnly", "xml",
})  # fmt: skip
_LOWEST = frozenset({"exclusiveMinimum", "minItems", "minLength", "minProperties", "minimum"})
_HIGHEST = frozenset({"exclusiveMaximum", "maxItems", "maxLength", "maxProperties", "maximum"})
_SAME = frozenset({"format", "multipleOf", "pattern", "uniqueItems"})


def includes(wide: Schema, narrow: Schema, resolve: Resolve, accepts: Callable[[Schema, Json], bool]) -> bool:
    """Whether it is certain that every value of `narrow` is a value of `wide`.

    `resolve` gives the schema of a `#/…` reference in either; `accepts` says whether a value fits `wide` or a
    part of it.
    """
    return _Proof(resolve, accepts).includes(wide, narrow, 0)


class _Proof:
    def __init__(self, resolve: Resolve, accepts: Callable[[Schema, Json], bool]) -> None:
        self._resolve = resolve
        self._accepts = accepts
        self._steps = 0

    def includes(self, wide: Schema, narrow: Schema, depth: int) -> bool:
        self._steps += 1
        if wide is narrow:
            return True
        if depth > _MAX_DEPTH or self._steps > _MAX_STEPS:
            return False
        if isinstance(wide, bool) or isinstance(narrow, bool):
            return wide is True or narrow is False or (narrow is True and _rules(wide) == {})
        below = depth + 1
        if "const" in narrow or "enum" in narrow:
            values = [narrow["const"]] if "const" in narrow else narrow["enum"]
            return all(self._accepts(wide, value) for value in values)
        if "anyOf" in narrow and all(self.includes(wide, part, below) for part in narrow["anyOf"]):
            return True
        if "$ref" in narrow and self.includes(wide, self._resolve(narrow["$ref"]), below):
            return True
        return all(self._follows(key, rule, wide, narrow, below) for key, rule in _rules(wide).items())

    def _follows(self, key: str, rule: Any, wide: JsonObject, narrow: JsonObject, depth: int) -> bool:
        """Whether one keyword of `wide` lets every value of `narrow` through."""
        if key == "$ref":
            return self.includes(self._resolve(rule), narrow, depth)
        if key == "allOf":
            return all(self.includes(part, narrow, depth) for part in rule)
        if key == "anyOf":
            return any(self.includes(part, narrow, depth) for part in rule)
        if key == "type":
            return "type" in narrow and _types(narrow["type"]) <= _types(rule, is_wide=True)
        if key == "required":
            return set(rule) <= set(narrow.get("required", ()))
        if key == "properties":
            return all(self.includes(part, _member(narrow, name), depth) for name, part in rule.items())
        if key == "additionalProperties":
            named = wide.get("properties", {})
            others = [part for name, part in narrow.get("properties", {}).items() if name not in named]
            return "patternProperties" not in wide and all(
                self.includes(rule, part, depth) for part in (*others, _member(narrow, None))
            )
        if key == "items":
            return "prefixItems" not in wide and self.includes(rule, _item(narrow), depth)
        given = narrow.get(key)
        if given is None:
            return False
        if key in _LOWEST:
            return bool(given >= rule)
        if key in _HIGHEST:
            return bool(given <= rule)
        return key in _SAME and bool(given == rule)


def _rules(schema: Schema) -> Mapping[str, Any]:
    """The keywords of a schema that say what is allowed."""
    if isinstance(schema, bool):
        return {} if schema else {"not": {}}
    return {key: rule for key, rule in schema.items() if key not in _NOTES and not key.startswith("x-")}


def _types(given: str | list[str], *, is_wide: bool = False) -> set[str]:
    types = {given} if isinstance(given, str) else set(given)
    # Every integer is a number.
    return types | {"integer"} if is_wide and "number" in types else types


def _member(schema: JsonObject, name: str | None) -> Schema:
    """What a member is that a schema names, or one that it does not name."""
    if "patternProperties" in schema:
        # Which of them a name fits is not asked.
        return True
    rest: Schema = schema.get("additionalProperties", True)
    return rest if name is None else schema.get("properties", {}).get(name, rest)


def _item(schema: JsonObject) -> Schema:
    found: Schema = True if "prefixItems" in schema else schema.get("items", True)
    return found
