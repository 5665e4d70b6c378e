"""Schemas as they are judged: by the engine's patterns, by discriminators, for requests or for answers.

The document says `readOnly`, `writeOnly`, `discriminator` and patterns of ECMA-262; validators know none of
them. A view rewrites each schema when it is first asked for, into one that says the same in keywords that
they know. A schema in which nothing of that occurs is the object of the document itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, cached_property
from itertools import islice
from typing import Any, NamedTuple

from mockserver.contract.patterns import translate
from mockserver.contract.pointers import (
    DATA_KEYWORDS,
    SCHEMA_LISTS,
    SCHEMA_MAPS,
    SCHEMA_PARTS,
    find_pointer,
    list_at,
    object_at,
    read_fragment,
    write_fragment,
)
from mockserver.contract.problems import BROKEN
from mockserver.exceptions import ContractError, Problem
from mockserver.json_codec import escape_pointer, read_pointer
from mockserver.types import Json, JsonObject, Schema

# Beside a rewritten pattern, as its author wrote it.
ORIGINAL = "x-pattern"
# Where the parts of a schema speak of the same value as the schema.
_IN_PLACE = frozenset({"allOf", "anyOf", "else", "oneOf", "then"})
_MAX_FOLLOWED = 10

IsRunnable = Callable[[str], bool]


class SchemaView:
    """The schemas of a document as one side judges them. `hidden` is the keyword of members that this side
    neither needs nor may have: `readOnly` in requests, `writeOnly` in answers, None for neither."""

    def __init__(self, document: Json, hidden: str | None, is_runnable: IsRunnable) -> None:
        self._document = document
        self._hidden = hidden
        self._is_runnable = is_runnable
        self._parts: dict[str, Schema] = {}
        # The pointers that the schema at a pointer refers to.
        self._references: dict[str, tuple[str, ...]] = {}
        self._small: dict[str, bool] = {}

    def at(self, pointer: str) -> Schema:
        """The schema at a pointer of the document. Raises ContractError where there is none."""
        found = self._parts.get(pointer)
        if found is None:
            raw = find_pointer(self._document, pointer)
            if not isinstance(raw, dict | bool) or (isinstance(raw, dict) and BROKEN in raw):
                text = "there is no schema" if not isinstance(raw, dict) else str(raw[BROKEN])
                raise ContractError([Problem(text, pointer)])
            found = self._parts[pointer] = self.view(raw)
        return found

    def closure(self, schema: Schema) -> dict[str, Schema]:
        """Every schema that a schema leads to by references, by its pointer; those that others hold left out.

        Raises ContractError for a reference that leads to no schema.
        """
        return dict(self._reach(_list_pointers(schema)))

    def is_small(self, pointer: str, limit: int) -> bool:
        """Whether the schema at a pointer leads to no more than so many others."""
        if pointer not in self._small:
            self._small[pointer] = sum(1 for _ in islice(self._reach([pointer]), limit + 1)) <= limit
        return self._small[pointer]

    def _reach(self, pointers: Iterable[str]) -> Iterator[tuple[str, Schema]]:
        """The schemas at some pointers, and those that they lead to, each once. Raises ContractError."""
        seen: set[str] = set()
        waiting = list(pointers)
        while waiting:
            pointer = waiting.pop()
            if pointer not in seen:
                seen.add(pointer)
                yield pointer, self._follow(pointer)
                waiting += self._references[pointer]

    def find_end(self, pointer: str) -> str:
        """The pointer of the schema that a pointer leads to, by schemas that are mere references."""
        seen: set[str] = set()
        while pointer not in seen:
            seen.add(pointer)
            schema = self.at(pointer)
            if isinstance(schema, dict) and len(schema) == 1 and isinstance(schema.get("$ref"), str):
                pointer = read_fragment(schema["$ref"])
        return pointer

    def _follow(self, pointer: str) -> Schema:
        """The schema that a reference leads to, with its own references known. Raises ContractError."""
        try:
            schema = self.at(pointer)
        except ContractError as error:
            reference = f"#{write_fragment(pointer)}"
            text = f"{reference!r} cannot be followed: {error.problems[0].message}"
            raise ContractError([Problem(text)]) from None
        if pointer not in self._references:
            self._references[pointer] = _list_pointers(schema)
        return schema

    def view(
        self, schema: Schema, hidden: frozenset[str] = frozenset(), *, is_parent: bool = False
    ) -> Schema:
        """A schema as it is judged. `hidden` are the members that a schema around it hides; `is_parent` says
        that the schema around it is one of its kinds."""
        if not isinstance(schema, dict):
            return schema
        kinds = [] if is_parent or "oneOf" in schema else self._list_kinds(schema)
        if kinds:
            beside = {key: item for key, item in schema.items() if key != "$ref"}
            return {**self._view_parts(beside, hidden), "oneOf": kinds}
        return self._view_parts(schema, hidden)

    def _view_parts(self, schema: JsonObject, hidden: frozenset[str]) -> JsonObject:
        if self._hidden is not None and ("properties" in schema or "allOf" in schema):
            hidden = hidden | self._list_hidden(schema, 0)
        new: JsonObject = {}
        for key, item in schema.items():
            if key in SCHEMA_LISTS and isinstance(item, list):
                below = hidden if key in _IN_PLACE else frozenset()
                parents = self._families.parents.get(id(schema), ()) if key == "allOf" else ()
                new[key] = [
                    self.view(part, below, is_parent=_find_reference(part) in parents) for part in item
                ]
            elif key in SCHEMA_PARTS:
                new[key] = self.view(item, hidden if key in _IN_PLACE else frozenset())
            elif key == "properties" and isinstance(item, dict):
                own = hidden & item.keys() if hidden else ()
                new[key] = {name: name not in own and self.view(part) for name, part in item.items()}
            elif key in SCHEMA_MAPS and isinstance(item, dict):
                new[key] = {name: self.view(part) for name, part in item.items()}
            elif key == "required" and hidden and isinstance(item, list):
                new[key] = [name for name in item if name not in hidden]
            else:
                new[key] = item
        self._translate(new)
        if isinstance(new.get("discriminator"), dict):
            self._discriminate(new)
        return new if _differs(schema, new) else schema

    # Members of the other side.

    def _list_hidden(self, schema: Schema, followed: int) -> frozenset[str]:
        """The names of members that this side does not have, also those that a part in place declares."""
        if not isinstance(schema, dict) or followed > _MAX_FOLLOWED:
            return frozenset()
        found = {name for name, part in object_at(schema, "properties").items() if self._is_hidden(part, 0)}
        for part in self._list_parts(schema):
            found |= self._list_hidden(part, followed + 1)
        return frozenset(found)

    def _is_hidden(self, schema: Json, followed: int) -> bool:
        if not isinstance(schema, dict) or followed > _MAX_FOLLOWED or self._hidden is None:
            return False
        return schema.get(self._hidden) is True or any(
            self._is_hidden(part, followed + 1) for part in self._list_parts(schema)
        )

    def _list_parts(self, schema: JsonObject) -> list[Schema]:
        """The schemas that speak of the same value without a condition, as they stand in the document."""
        return [*list_at(schema, "allOf"), *self._find_referred(schema)]

    def _find_referred(self, schema: JsonObject) -> Iterator[Schema]:
        """The schema that a reference names, as it stands in the document."""
        reference = schema.get("$ref")
        if isinstance(reference, str):
            found = find_pointer(self._document, read_fragment(reference))
            if isinstance(found, dict):
                yield found

    # Patterns.

    def _translate(self, schema: JsonObject) -> None:
        """Write patterns for the engine, and leave out those that it cannot run."""
        pattern = schema.get("pattern")
        if isinstance(pattern, str):
            text = _write_pattern(pattern)
            if text is None or not self._is_runnable(text):
                del schema["pattern"]
            elif text != pattern:
                schema["pattern"] = text
                schema[ORIGINAL] = pattern
        rules = schema.get("patternProperties")
        if isinstance(rules, dict):
            written = {name: _write_pattern(name) for name in rules}
            runnable = {name: text for name, text in written.items() if text and self._is_runnable(text)}
            schema["patternProperties"] = {text: rules[name] for name, text in runnable.items()}
            if len(runnable) < len(rules):
                # Which members are others cannot be told any more.
                schema.pop("additionalProperties", None)
                schema.pop("unevaluatedProperties", None)

    # Discriminators (OpenAPI 3.1.1, section 4.8.25).

    def _list_kinds(self, schema: JsonObject) -> list[Schema]:
        """What stands for a reference to a schema that others extend by `allOf`: these, as its discriminator
        tells them apart, and itself for any other value. Empty for any other schema."""
        pointer = _find_reference(schema)
        kinds = None if pointer is None else self._families.kinds.get(pointer)
        if pointer is None or not kinds:
            return []
        base: Any = find_pointer(self._document, pointer)
        member = base["discriminator"]["propertyName"]
        mapping = object_at(base["discriminator"], "mapping")
        named: dict[str, Schema] = {}
        for kind in kinds:
            values = [value for value in self._list_names(kind, member, mapping) if value not in named]
            branch = {
                "$ref": f"#{write_fragment(kind)}",
                "required": [member],
                "properties": {member: {"enum": values}},
            }
            named |= dict.fromkeys(values, branch)
        if not named:
            return []
        others = {"required": [member], "properties": {member: {"enum": list(named)}}}
        branches = {id(branch): branch for branch in named.values()}
        return [*branches.values(), {"$ref": schema["$ref"], "not": others}]

    def _list_names(self, kind: str, member: str, mapping: JsonObject) -> list[str]:
        """The values of a discriminator that name a schema: by the mapping, else by its own name, else the
        one that it allows."""
        name = read_pointer(kind)[-1]
        names = [value for value, target in mapping.items() if target in (name, f"#{kind}")] or [name]
        for declared in self._find_members({"$ref": f"#{write_fragment(kind)}"}, member):
            allowed = [declared["const"]] if "const" in declared else declared.get("enum")
            if isinstance(allowed, list):
                names = [value for value in names if value in allowed]
                names = names or (allowed if len(allowed) == 1 and isinstance(allowed[0], str) else [])
        return names

    @cached_property
    def _families(self) -> _Families:
        return _find_families(self._document)

    def _discriminate(self, schema: JsonObject) -> None:
        """Let each branch of `oneOf` or `anyOf` take the values only that name it."""
        member = schema["discriminator"].get("propertyName")
        if not isinstance(member, str):
            return
        mapping = object_at(schema["discriminator"], "mapping")
        for key in ("oneOf", "anyOf"):
            if isinstance(schema.get(key), list):
                named = [self._name_branch(branch, member, mapping) for branch in schema[key]]
                default = schema["discriminator"].get("defaultMapping")
                if isinstance(default, str):
                    values = [value for branch in named for value in _list_named(branch, member)]
                    named.append(_name_others(default, member, values))
                schema[key] = named

    def _name_branch(self, branch: Schema, member: str, mapping: JsonObject) -> Schema:
        reference = branch.get("$ref") if isinstance(branch, dict) else None
        if not isinstance(branch, dict) or not isinstance(reference, str):
            return branch
        name = read_fragment(reference).rpartition("/")[2].replace("~1", "/").replace("~0", "~")
        values: list[Json] = [
            value
            for value, target in mapping.items()
            if target in (reference, name, f"#{read_fragment(reference)}")
        ]
        declared = next(self._find_members(branch, member), None)
        if not values:
            if declared is not None and ("const" in declared or "enum" in declared):
                # The schema itself says by which values it is known.
                return {**branch, "required": [member]}
            values = [name]
        types = [] if declared is None else declared.get("type", [])
        if types and "string" not in types:
            return branch
        return {**branch, "required": [member], "properties": {member: {"enum": values}}}

    def _find_members(self, schema: Json, member: str, followed: int = 0) -> Iterator[JsonObject]:
        """The schemas of a member, whichever parts in place declare it."""
        if not isinstance(schema, dict) or followed > _MAX_FOLLOWED:
            return
        found = object_at(schema, "properties").get(member)
        while isinstance(found, dict) and "$ref" in found and followed <= _MAX_FOLLOWED:
            followed += 1
            found = next(self._find_referred(found), None)
        if isinstance(found, dict):
            yield found
        for part in self._list_parts(schema):
            yield from self._find_members(part, member, followed + 1)


def _list_named(branch: Schema, member: str) -> list[Json]:
    if not isinstance(branch, dict):
        return []
    values: list[Json] = branch.get("properties", {}).get(member, {}).get("enum", [])
    return values


def _name_others(default: str, member: str, values: list[Json]) -> JsonObject:
    """The branch for whatever names none of the others."""
    reference = default if default.startswith("#") else f"#/components/schemas/{escape_pointer(default)}"
    return {"$ref": reference, "not": {"required": [member], "properties": {member: {"enum": values}}}}


def _differs(schema: JsonObject, new: JsonObject) -> bool:
    """Whether a view has anything but the very parts of the schema; lists and maps are compared by theirs."""
    if schema.keys() != new.keys():
        return True
    for key, item in schema.items():
        other = new[key]
        if other is item:
            continue
        if isinstance(item, list) and isinstance(other, list):
            if len(item) != len(other) or any(a is not b for a, b in zip(item, other, strict=True)):
                return True
        elif isinstance(item, dict) and isinstance(other, dict) and item.keys() == other.keys():
            if any(item[name] is not other[name] for name in item):
                return True
        elif other != item:
            return True
    return False


@cache
def _write_pattern(pattern: str) -> str | None:
    try:
        return translate(pattern)
    except ValueError:
        return None


class _Families(NamedTuple):
    """Which schemas extend which: the pointers of the kinds of one with a discriminator, and, by the identity
    of a schema, the pointers of those that it extends."""

    kinds: Mapping[str, tuple[str, ...]]
    parents: Mapping[int, frozenset[str]]


def _find_families(document: Json) -> _Families:
    components = find_pointer(document, "/components/schemas")
    schemas = {
        f"/components/schemas/{escape_pointer(name)}": schema
        for name, schema in (components if isinstance(components, dict) else {}).items()
        if isinstance(schema, dict)
    }
    bases = [pointer for pointer, schema in schemas.items() if _has_kinds(schema)]
    if not bases:
        return _Families({}, {})
    extended = {
        pointer: frozenset(
            reference for part in list_at(schema, "allOf") if (reference := _find_reference(part)) is not None
        )
        for pointer, schema in schemas.items()
    }
    kinds: dict[str, tuple[str, ...]] = {}
    for base in bases:
        found = [base]
        for reached in found:
            found += [kind for kind, parents in extended.items() if reached in parents and kind not in found]
        kinds[base] = tuple(found[1:])
    return _Families(kinds, {id(schema): extended[pointer] for pointer, schema in schemas.items()})


def _has_kinds(schema: JsonObject) -> bool:
    """Whether a schema leaves it to its discriminator which of its kinds a value is."""
    discriminator = schema.get("discriminator")
    return (
        isinstance(discriminator, dict)
        and isinstance(discriminator.get("propertyName"), str)
        and not schema.keys() & {"oneOf", "anyOf"}
    )


def _find_reference(schema: Json) -> str | None:
    """The pointer of the schema that a reference names."""
    reference = schema.get("$ref") if isinstance(schema, dict) else None
    return read_fragment(reference) if isinstance(reference, str) else None


def _list_pointers(schema: Schema) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(read_fragment, list_references(schema))))


def list_references(schema: Json) -> Iterator[str]:
    """The references in a schema and its parts."""
    waiting = [schema]
    while waiting:
        found = waiting.pop()
        if isinstance(found, list):
            waiting += found
        elif isinstance(found, dict):
            if isinstance(reference := found.get("$ref"), str):
                yield reference
            for key, item in found.items():
                if key in SCHEMA_MAPS and isinstance(item, dict):
                    waiting += item.values()
                elif key not in DATA_KEYWORDS and isinstance(item, dict | list):
                    waiting.append(item)
