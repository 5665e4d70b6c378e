"""Schemas compared: what a changed schema forbids that the old one allowed, and what it newly allows.

`{"type": "string"}` -> `{"type": ["string", "null"]}`: widened at "". How a schema is written does not count:
references are followed, `allOf` is taken together, a lone branch is the schema itself, `const` is an `enum`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from operator import gt, lt
from typing import Any, Literal, NamedTuple, TypeAlias

from mockserver.contract.pointers import find_pointer, read_fragment
from mockserver.contract.schema_registry import FORMATS, name_type
from mockserver.json_codec import dumps, dumps_canonical, escape_pointer
from mockserver.types import Json, JsonObject, Schema

# `shifted`: the schema forbids what it allowed and allows what it forbade, or nobody can tell.
Effect = Literal["narrowed", "widened", "shifted", "removed", "unread", "none"]
Side = Literal["request", "answer"]


class SchemaChange(NamedTuple):
    """One difference: where (a pointer from the schema on, through references), what it does, in words.

    `removed` is a member that answers no longer have, `unread` one that requests may still have in vain.
    `is_absence`: it concerns values that lack what the pointer names.
    """

    pointer: str
    effect: Effect
    what: str
    is_absence: bool = False


_TYPES = frozenset({"null", "boolean", "object", "array", "string", "integer", "number"})
_HIDDEN: Mapping[Side, str] = {"request": "readOnly", "answer": "writeOnly"}
# Lower and upper bounds: a value below or above is forbidden.
_LOWER = {
    "minimum": "number", "exclusiveMinimum": "number", "minLength": "string", "minItems": "array",
    "minProperties": "object", "minContains": "array",
}  # fmt: skip
_UPPER = {
    "maximum": "number", "exclusiveMaximum": "number", "maxLength": "string", "maxItems": "array",
    "maxProperties": "object", "maxContains": "array",
}  # fmt: skip
# Judged as a whole: what a change of these means cannot be told in general.
_OPAQUE = (
    "contains", "contentEncoding", "contentMediaType", "dependentRequired", "dependentSchemas",
    "discriminator", "if", "not", "patternProperties", "propertyNames", "unevaluatedItems",
    "unevaluatedProperties",
)  # fmt: skip
# Formats of which one takes every value of the other.
_WIDER_FORMATS = frozenset({("int32", "int64"), ("float", "double")})
_MAX_DEPTH = 40
# So many references, one behind the other, are followed where a rule is looked at as a whole.
_MAX_FOLLOWED = 3
_MAX_CHANGES = 500


@dataclass(slots=True)
class _Flat:
    """A schema with all that applies beside it taken together. `enum` is None where there is none."""

    types: set[str] = field(default_factory=lambda: set(_TYPES))
    enum: list[Json] | None = None
    properties: dict[str, list[Schema]] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    additional: list[Schema] = field(default_factory=list)
    items: list[Schema] = field(default_factory=list)
    prefix: list[Schema] = field(default_factory=list)
    bounds: dict[str, Any] = field(default_factory=dict)
    formats: set[str] = field(default_factory=set)
    patterns: set[str] = field(default_factory=set)
    others: dict[str, list[Json]] = field(default_factory=dict)
    groups: list[tuple[str, list[Schema]]] = field(default_factory=list)
    default: list[Json] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)

    @property
    def is_trivial(self) -> bool:
        """Whether any value fits."""
        return self.types == _TYPES and self.enum is None and not (
            self.properties or self.required or self.additional or self.items or self.prefix or self.bounds
            or self.formats or self.patterns or self.others or self.groups
        )  # fmt: skip

    def allow_null(self) -> None:
        self.types.add("null")
        if self.enum is not None and None not in self.enum:
            self.enum.append(None)


_Pair: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]


class SchemaComparison:
    """Compares schemas of two documents, each of which holds what its references name."""

    def __init__(self, old: JsonObject, new: JsonObject, side: Side) -> None:
        self._old = _Flattener(old, side)
        self._new = _Flattener(new, side)
        self._side: Side = side
        # Pairs in which nothing differs, with whatever they lead to, and those that are being compared.
        self._seen: set[_Pair] = set()
        self._trail: list[_Pair] = []
        self._depth = 0
        self._trials = 0

    def compare(self, old: Schema, new: Schema) -> list[SchemaChange]:
        """Every difference of two schemas, each place of the documents once."""
        start = len(self._trail)
        found = list(dict.fromkeys(self._compare([old], [new], "")))
        self._forget(start, is_equal=not found)
        return found[:_MAX_CHANGES]

    def _forget(self, start: int, *, is_equal: bool) -> None:
        """Forget the pairs that were met since then, unless nothing differs in them."""
        if not is_equal:
            self._seen.difference_update(self._trail[start:])
        del self._trail[start:]

    def _compare(
        self, old_parts: list[Schema], new_parts: list[Schema], pointer: str
    ) -> Iterator[SchemaChange]:
        pair = tuple(map(id, old_parts)), tuple(map(id, new_parts))
        if pair in self._seen or self._depth > _MAX_DEPTH:
            return
        self._seen.add(pair)
        self._trail.append(pair)
        self._depth += 1
        old, new = self._old.flatten(old_parts), self._new.flatten(new_parts)
        yield from self._compare_flat(old, new, pointer)
        self._depth -= 1

    def _compare_flat(self, old: _Flat, new: _Flat, pointer: str) -> Iterator[SchemaChange]:
        if old.is_trivial != new.is_trivial:
            effect: Effect = "narrowed" if old.is_trivial else "widened"
            words = ("any value", "one form") if old.is_trivial else ("one form", "any value")
            yield SchemaChange(pointer, effect, f"was {words[0]}, is {words[1]}")
            return
        yield from _compare_types(old, new, pointer)
        if not old.types & new.types:
            return
        yield from _compare_enums(old, new, pointer)
        yield from _compare_bounds(old, new, pointer)
        yield from _compare_texts(old, new, pointer)
        for keyword in _OPAQUE:
            yield from self._compare_opaque(old, new, keyword, pointer)
        if "object" in old.types & new.types:
            yield from self._compare_objects(old, new, pointer)
        if "array" in old.types & new.types:
            yield from self._compare_arrays(old, new, pointer)
        yield from self._compare_groups(old, new, pointer)
        if old.default != new.default:
            shown = [_show(value[0]) if value else "none" for value in (old.default, new.default)]
            # An answer says what it means; a request that leaves the member out now means something else.
            effect = "shifted" if self._side == "request" else "none"
            yield SchemaChange(f"{pointer}/default", effect, f"the default was {shown[0]}, is {shown[1]}")
        for flag in sorted(old.flags ^ new.flags):
            words = ("is now", "is no longer") if flag in new.flags else ("is no longer", "is now")
            yield SchemaChange(f"{pointer}/{flag}", "none", f"{words[0]} {flag}")

    def _compare_objects(self, old: _Flat, new: _Flat, pointer: str) -> Iterator[SchemaChange]:
        for name in dict.fromkeys((*old.properties, *new.properties)):
            place = f"{pointer}/properties/{escape_pointer(name)}"
            was, now = old.properties.get(name), new.properties.get(name)
            if was is None:
                yield self._describe_added(old, name, place, is_required=name in new.required)
            elif now is None:
                yield self._describe_removed(new, name, place)
            else:
                yield from self._compare(was, now, place)
        for name in sorted(old.required ^ new.required):
            is_known = name in old.properties and name in new.properties
            if is_known or (name not in old.properties and name not in new.properties):
                place = f"{pointer}/properties/{escape_pointer(name)}" if is_known else f"{pointer}/required"
                if name in new.required:
                    yield SchemaChange(place, "narrowed", f"the member {name!r} is now required", True)
                else:
                    yield SchemaChange(place, "widened", f"the member {name!r} may now be missing")
        if old.additional or new.additional:
            place = f"{pointer}/additionalProperties"
            yield from self._compare(old.additional or [True], new.additional or [True], place)

    def _describe_added(self, old: _Flat, name: str, place: str, *, is_required: bool) -> SchemaChange:
        if is_required:
            return SchemaChange(place, "narrowed", f"the required member {name!r} is new", True)
        if False in old.additional:
            return SchemaChange(
                place, "widened", f"the member {name!r} is new, and no other member was allowed"
            )
        return SchemaChange(place, "none", f"the optional member {name!r} is new")

    def _describe_removed(self, new: _Flat, name: str, place: str) -> SchemaChange:
        if self._side == "answer":
            return SchemaChange(place, "removed", f"the member {name!r} is gone")
        if False in new.additional:
            return SchemaChange(place, "narrowed", f"the member {name!r} is no longer allowed")
        return SchemaChange(place, "unread", f"the member {name!r} is no longer read")

    def _compare_arrays(self, old: _Flat, new: _Flat, pointer: str) -> Iterator[SchemaChange]:
        for index in range(max(len(old.prefix), len(new.prefix))):
            was = [old.prefix[index]] if index < len(old.prefix) else old.items or [True]
            now = [new.prefix[index]] if index < len(new.prefix) else new.items or [True]
            yield from self._compare(was, now, f"{pointer}/prefixItems/{index}")
        if old.items or new.items:
            yield from self._compare(old.items or [True], new.items or [True], f"{pointer}/items")

    def _compare_opaque(self, old: _Flat, new: _Flat, keyword: str, pointer: str) -> Iterator[SchemaChange]:
        was, now = old.others.get(keyword, []), new.others.get(keyword, [])
        if (was or now) and self._old.write(was) != self._new.write(now):
            effect: Effect = "narrowed" if not was else "widened" if not now else "shifted"
            words = "is new" if not was else "is gone" if not now else "has changed"
            yield SchemaChange(f"{pointer}/{keyword}", effect, f"the rule {keyword!r} {words}")

    # Alternatives.

    def _compare_groups(self, old: _Flat, new: _Flat, pointer: str) -> Iterator[SchemaChange]:
        if len(old.groups) != len(new.groups):
            effect: Effect = "narrowed" if len(old.groups) < len(new.groups) else "widened"
            place = f"{pointer}/{(old.groups or new.groups)[0][0]}"
            yield SchemaChange(place, effect, "the alternatives have changed")
            return
        for (was_key, was), (key, now) in zip(old.groups, new.groups, strict=True):
            place = f"{pointer}/{key}"
            left = list(enumerate(now))
            unmatched: list[tuple[int, Schema]] = []
            for index, branch in enumerate(was):
                # Equal ones first, so that a branch that stayed is not taken for one that changed.
                match = next((item for item in left if not self._count(branch, item[1])), None)
                if match is None:
                    unmatched.append((index, branch))
                else:
                    left.remove(match)
            for index, branch in unmatched:
                match = min(
                    (item for item in left if self._is_akin(branch, item[1])),
                    key=lambda item: self._count(branch, item[1]),
                    default=None,
                )
                if match is None:
                    text = "an alternative is gone"
                    yield SchemaChange(f"{pointer}/{was_key}/{index}", "narrowed", text)
                else:
                    left.remove(match)
                    yield from self._compare([branch], [match[1]], f"{place}/{match[0]}")
            for index, _ in left:
                yield SchemaChange(f"{place}/{index}", "widened", "an alternative is new")

    def _count(self, old: Schema, new: Schema) -> int:
        """How many differences two branches have."""
        if self._trials > 2:
            return int(not self._is_akin(old, new))
        self._trials += 1
        start = len(self._trail)
        count = sum(1 for _ in self._compare([old], [new], ""))
        self._forget(start, is_equal=not count)
        self._trials -= 1
        return count

    def _is_akin(self, old: Schema, new: Schema) -> bool:
        """Whether two branches are taken for one that changed: types that meet, members of one name."""
        was, now = self._old.flatten([old]), self._new.flatten([new])
        if not was.types & now.types:
            return False
        if was.properties and now.properties:
            shared = was.properties.keys() & now.properties.keys()
            tags = [(self._tags(self._old, was, name), self._tags(self._new, now, name)) for name in shared]
            told = [(one, other) for one, other in tags if one and other]
            return bool(shared) and (not told or any(one & other for one, other in told))
        return True

    @staticmethod
    def _tags(flattener: _Flattener, flat: _Flat, name: str) -> set[bytes]:
        """The values that tell a branch by a member, where it lists them."""
        return set(map(dumps_canonical, flattener.flatten(flat.properties[name]).enum or ()))


# Each schema by itself.


class _Flattener:
    """The schemas of one document as one side has them."""

    def __init__(self, document: JsonObject, side: Side) -> None:
        self._document = document
        self._hidden = _HIDDEN[side]
        self._known: dict[tuple[int, ...], _Flat] = {}

    def flatten(self, parts: list[Schema]) -> _Flat:
        """Schemas that apply to one place, taken together."""
        key = tuple(map(id, parts))
        if key not in self._known:
            # Alternatives can lead back to here.
            self._known[key] = flat = _Flat()
            self._fill(flat, parts)
        return self._known[key]

    def _fill(self, flat: _Flat, parts: list[Schema]) -> None:
        for layer in self._layers(parts):
            self._take(flat, layer)
        if flat.enum is not None:
            flat.types &= {name for value in flat.enum for name in _types_of(value)}
        hidden = [name for name, found in flat.properties.items() if self._is_hidden(found)]
        for name in hidden:
            del flat.properties[name]
            flat.required.discard(name)

    def _layers(self, parts: list[Schema]) -> Iterator[Schema]:
        waiting, seen = list(parts), set[int]()
        while waiting:
            schema = waiting.pop(0)
            if not isinstance(schema, dict):
                yield schema
                continue
            if id(schema) in seen:
                continue
            seen.add(id(schema))
            yield schema
            if isinstance(reference := schema.get("$ref"), str):
                waiting.insert(0, self._follow(reference))
            waiting += schema.get("allOf") or ()

    def _follow(self, reference: str) -> Schema:
        found = find_pointer(self._document, read_fragment(reference))
        return found if isinstance(found, dict | bool) else True

    def _is_hidden(self, parts: list[Schema]) -> bool:
        return any(
            layer is False or (isinstance(layer, dict) and layer.get(self._hidden) is True)
            for layer in self._layers(parts)
        )

    def _take(self, flat: _Flat, layer: Schema) -> None:
        if isinstance(layer, bool):
            flat.types &= _TYPES if layer else set()
            return
        if "type" in layer:
            named = layer["type"]
            names = {named} if isinstance(named, str) else set(named)
            # Each integer is a number.
            flat.types &= names | ({"integer"} if "number" in names else set())
        values = [layer["const"]] if "const" in layer else layer.get("enum")
        if values is not None:
            same = None if flat.enum is None else set(map(dumps_canonical, flat.enum))
            flat.enum = [value for value in values if same is None or dumps_canonical(value) in same]
        for name, schema in layer.get("properties", {}).items():
            flat.properties.setdefault(name, []).append(schema)
        flat.required |= set(layer.get("required", ()))
        if layer.get("additionalProperties", True) not in (True, {}):
            flat.additional.append(layer["additionalProperties"])
        if layer.get("items", True) not in (True, {}):
            flat.items.append(layer["items"])
        flat.prefix = flat.prefix or layer.get("prefixItems", [])
        for bounds, choose in ((_LOWER, max), (_UPPER, min)):
            for keyword in bounds:
                if layer.get(keyword) is not None:
                    known = flat.bounds.get(keyword, layer[keyword])
                    flat.bounds[keyword] = choose(known, layer[keyword])
        for keyword in ("minLength", "minItems", "minProperties"):
            if flat.bounds.get(keyword) == 0:
                del flat.bounds[keyword]
        for keyword in ("multipleOf", "uniqueItems"):
            if layer.get(keyword):
                flat.bounds[keyword] = layer[keyword]
        if isinstance(layer.get("format"), str):
            flat.formats.add(layer["format"])
        if isinstance(layer.get("pattern"), str):
            flat.patterns.add(layer["pattern"])
        if "default" in layer and not flat.default:
            flat.default.append(layer["default"])
        flat.flags |= {flag for flag in ("deprecated",) if layer.get(flag) is True}
        for keyword in _OPAQUE:
            if keyword in layer:
                flat.others.setdefault(keyword, []).append(
                    [layer[keyword], layer.get("then"), layer.get("else")]
                    if keyword == "if"
                    else layer[keyword]
                )
        if isinstance(layer.get("discriminator"), dict):
            flat.others["discriminator"] = [layer["discriminator"].get("propertyName")]
        for key in ("anyOf", "oneOf"):
            if isinstance(layer.get(key), list):
                self._take_group(flat, key, layer[key])

    def _take_group(self, flat: _Flat, key: str, branches: list[Schema]) -> None:
        """Take in alternatives: a null beside one branch, mere types and mere values are told plainly."""
        flats = [(branch, self.flatten([branch])) for branch in branches]
        others = [(branch, found) for branch, found in flats if found.types != {"null"}]
        is_nullable = len(others) < len(flats)
        if len(others) == 1:
            # What lies beside the group holds as well: `type: object` with `anyOf: [X, null]` is no null.
            allowed = set(flat.types)
            for layer in self._layers([others[0][0]]):
                self._take(flat, layer)
            if is_nullable and "null" in allowed:
                flat.allow_null()
            return
        if all(found.enum is not None and not found.properties for _, found in others):
            values = [value for _, found in others for value in found.enum or ()]
            self._take(flat, {"enum": values + [None] * is_nullable})
            return
        if all(self._is_mere_type(branch) for branch, _ in others):
            names = {name for _, found in others for name in found.types}
            self._take(flat, {"type": sorted(names | ({"null"} if is_nullable else set()))})
            return
        names = {name for _, found in flats for name in found.types}
        flat.types &= names
        flat.groups.append((key, [branch for branch, _ in others]))

    def _is_mere_type(self, branch: Schema) -> bool:
        notes = ("title", "description", "example", "examples", "type")
        return isinstance(branch, dict) and "type" in branch and all(key in notes for key in branch)

    def write(self, value: Json) -> bytes:
        """A part of a schema with its references put in place, without what only people read."""
        return dumps_canonical(self._expand(value, ()))

    def _expand(self, value: Json, above: tuple[str, ...]) -> Json:
        if isinstance(value, list):
            return [self._expand(item, above) for item in value]
        if not isinstance(value, dict):
            return value
        reference = value.get("$ref")
        if isinstance(reference, str):
            if len(above) == _MAX_FOLLOWED:
                return {}
            rest = {key: item for key, item in value.items() if key != "$ref"}
            target = self._expand(self._follow(reference), (*above, reference))
            return self._expand({"allOf": [target], **rest}, above) if rest else target
        return {
            key: self._expand(item, above)
            for key, item in value.items()
            if key not in ("description", "title", "example", "examples") and not key.startswith("x-")
        }


def _types_of(value: Json) -> tuple[str, ...]:
    name = name_type(value)
    return (name, "number") if name == "integer" else (name,)


def _compare_types(old: _Flat, new: _Flat, pointer: str) -> Iterator[SchemaChange]:
    if old.types == new.types:
        return
    gone, come = old.types - new.types, new.types - old.types
    # The values tell it where there are both times some.
    if old.enum is not None and new.enum is not None and old.types & new.types:
        return
    effect: Effect = "shifted" if gone and come else "narrowed" if gone else "widened"
    text = f"the type was {_name_types(old.types)}, is {_name_types(new.types)}"
    yield SchemaChange(f"{pointer}/type", effect, text)


def _name_types(types: set[str]) -> str:
    if types == _TYPES:
        return "any"
    shown = types - {"integer"} if "number" in types else types
    return " or ".join(sorted(shown, key=lambda name: (name == "null", name))) or "none"


def _compare_enums(old: _Flat, new: _Flat, pointer: str) -> Iterator[SchemaChange]:
    place = f"{pointer}/enum"
    if old.enum is None or new.enum is None:
        if new.enum is not None:
            yield SchemaChange(place, "narrowed", f"only {_list(new.enum)} are allowed now")
        elif old.enum is not None:
            yield SchemaChange(place, "widened", "other values than the listed ones are allowed now")
        return
    was, now = ({dumps_canonical(value): value for value in enum} for enum in (old.enum, new.enum))
    if gone := [value for key, value in was.items() if key not in now]:
        yield SchemaChange(place, "narrowed", f"{_list(gone)} {_are(gone)} gone")
    if come := [value for key, value in now.items() if key not in was]:
        yield SchemaChange(place, "widened", f"{_list(come)} {_are(come)} new")


def _compare_bounds(old: _Flat, new: _Flat, pointer: str) -> Iterator[SchemaChange]:
    both = old.types & new.types
    for bounds, tightens in ((_LOWER, gt), (_UPPER, lt)):
        for keyword, kind in bounds.items():
            was, now = old.bounds.get(keyword), new.bounds.get(keyword)
            if was == now or not both & ({"integer", "number"} if kind == "number" else {kind}):
                continue
            effect: Effect = (
                "narrowed" if was is None or (now is not None and tightens(now, was)) else "widened"
            )
            yield SchemaChange(f"{pointer}/{keyword}", effect, _tell(keyword, was, now))
    for keyword in ("multipleOf", "uniqueItems"):
        was, now = old.bounds.get(keyword), new.bounds.get(keyword)
        if was != now:
            effect = "narrowed" if was is None else "widened" if now is None else "shifted"
            if keyword == "multipleOf" and was is not None and now is not None:
                effect = "narrowed" if now % was == 0 else "widened" if was % now == 0 else "shifted"
            yield SchemaChange(f"{pointer}/{keyword}", effect, _tell(keyword, was, now))


def _compare_texts(old: _Flat, new: _Flat, pointer: str) -> Iterator[SchemaChange]:
    for keyword, was, now in (
        ("format", old.formats, new.formats),
        ("pattern", old.patterns, new.patterns),
    ):
        if was == now:
            continue
        effect: Effect = "narrowed" if was < now else "widened" if now < was else "shifted"
        if keyword == "format":
            effect = _judge_formats(was, now, effect)
        shown = [" and ".join(sorted(texts)) or None for texts in (was, now)]
        yield SchemaChange(f"{pointer}/{keyword}", effect, _tell(keyword, *shown))


def _judge_formats(was: set[str], now: set[str], effect: Effect) -> Effect:
    for one in was:
        for other in now:
            if (one, other) in _WIDER_FORMATS:
                return "widened"
            if (other, one) in _WIDER_FORMATS:
                return "narrowed"
    # Formats that nobody asserts are notes for people.
    known = {*FORMATS, *(name for pair in _WIDER_FORMATS for name in pair)}
    return effect if (was ^ now) & known else "none"


def _tell(keyword: str, was: Any, now: Any) -> str:
    if was is None:
        return f"{keyword} is now {_show(now)}"
    return f"{keyword} was {_show(was)}, is {_show(now) if now is not None else 'gone'}"


def _show(value: Any) -> str:
    return dumps(value).decode("utf-8")


def _list(values: list[Json]) -> str:
    return ", ".join(map(_show, values))


def _are(values: list[Json]) -> str:
    return "is" if len(values) == 1 else "are"
