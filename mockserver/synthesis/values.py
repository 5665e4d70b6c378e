"""A JSON value from a schema and a seed: the same two give the same value, everywhere and in any order.

Each part is derived from the seed and its own JSON pointer, never from a position in a random sequence, so
that a member added to an object changes no other member.

Schemas are JSON Schema 2020-12, and what OpenAPI 3.0 does differently (`nullable`, `example`, a boolean
`exclusiveMinimum`). Values are right by construction: all schemas that apply to one place are collected as
layers, and each keyword is met for all of them together. What construction cannot promise (`not`, the
"exactly one" of `oneOf`, `maxContains` …) is checked by the caller's `is_valid`, and tried again with other
seeds a bounded number of times.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

from mockserver.contract.schema_registry import FORMATS
from mockserver.json_codec import dumps_canonical, escape_pointer
from mockserver.seeds import Seed
from mockserver.synthesis.formats import is_known_format, make_format, make_text
from mockserver.synthesis.layers import (
    CONTAINERS,
    Choice,
    Layer,
    Layers,
    NoValue,
    Rule,
    find_keyword,
    freeze,
    has_type,
    is_map,
    is_open,
    list_choices,
    list_contained,
    list_declared,
    list_given,
    list_item_rules,
    list_member_rules,
    list_patterns,
    list_required,
    list_types,
    list_values,
    no_value,
    read_limits,
    read_regex,
    with_dependents,
)
from mockserver.synthesis.numbers import make_number
from mockserver.synthesis.patterns import make_match
from mockserver.types import Json, JsonObject, Schema

__all__ = ["MAX_DEPTH", "MAX_ITEMS", "MAX_LENGTH", "MAX_PARTS", "IsValid", "NoValue", "make_value"]

IsValid: TypeAlias = Callable[[Schema, Json], bool]

MAX_LENGTH = 10_000  # characters of one string
MAX_ITEMS = 1_000  # items of one array, members of one object
MAX_PARTS = 10_000  # values in the whole, discarded tries included; 100 characters count as one more
MAX_DEPTH = 32  # arrays and objects inside each other

# How deep optional parts are made, how many parts the value may then have, and how many may be made for it,
# discarded tries included. What becomes too large is made again with the next ones. A part costs some 50 µs,
# and others wait meanwhile.
_SIZES = ((6, 400, 800), (3, 600, 1_500), (1, 1_000, 2_000), (0, MAX_PARTS, MAX_PARTS))
_WHOLE = ((MAX_DEPTH, MAX_PARTS, MAX_PARTS),)
_MAX_REFERENCES = 50
_MAX_WAYS = 1_000
_TRIES = 20
_CHOICE_TRIES = 6
_STRING_TRIES = 5
# An item that must be unlike all others is worth more tries, so that an enum can be used up.
_UNIQUE_TRIES = 1_000

# Keywords that construction alone cannot promise to meet.
_CHECKED = (
    "not", "oneOf", "if", "dependentSchemas", "propertyNames", "maxContains", "unevaluatedItems",
    "unevaluatedProperties",
)  # fmt: skip

_TRIED = tuple(keyword for keyword in _CHECKED if keyword != "oneOf")


def make_value(
    schema: Schema,
    seed: Seed,
    *,
    resolve: Callable[[str], Schema],
    minimal: bool = False,
    is_valid: IsValid | None = None,
) -> Json:
    """Make a value that the schema allows.

    `resolve` gives the schema that the text of a `$ref` names. With `minimal`, objects have only the members
    that they must have, and arrays only the items.

    `is_valid` says whether a value fits a schema: the one given, a resolved one or a part of one, never a
    copy. With it, each part is its `const`, else the first of these that is valid: the first of `examples`,
    or `example`; `default`; a generated value. Without it, examples and defaults are not used, since nothing
    would show that they contradict their schema, and what only a check can promise is left to the caller.

    Raises NoValue for contradictions, lengths and counts beyond the limits of this module, patterns
    that cannot be run, and schemas that require themselves without end. Time and memory are
    bounded for any schema.
    """
    pointer = ""
    for full_depth, max_size, max_parts in _WHOLE if minimal else _SIZES:
        maker = _Maker(resolve, is_valid, full_depth, max_size, max_parts)
        try:
            return maker.make([(schema, "")], _ValuePlace(is_minimal=minimal, is_thin=minimal), seed)
        except _TooLarge as error:
            pointer = error.pointer
    raise NoValue(f"the value would have more than {MAX_PARTS} parts", pointer)


class _TooLarge(Exception):
    """The whole has more parts than it may have, so no other branch is worth a try."""

    def __init__(self, pointer: str) -> None:
        self.pointer = pointer
        super().__init__(pointer)


@dataclass(frozen=True, slots=True)
class _ValuePlace:
    """Where in the value a part stands, and what that asks of it."""

    pointer: str = ""
    name: str = ""  # of the nearest member
    depth: int = 0
    references: frozenset[str] = frozenset()  # the `$ref`s followed on the way here
    is_minimal: bool = False  # the caller wants required parts only
    is_thin: bool = False  # required parts only, for any reason
    is_deep: bool = False  # far down or inside itself: thin, and better a scalar than a container
    is_retry: bool = False  # what the schema's examples led to was refused

    def below(self, token: str, name: str) -> _ValuePlace:
        pointer = f"{self.pointer}/{escape_pointer(token)}"
        return replace(self, pointer=pointer, name=name, depth=self.depth + 1)


class _Maker:
    """Makes one value. Holds what all its parts share."""

    def __init__(
        self,
        resolve: Callable[[str], Schema],
        is_valid: IsValid | None,
        full_depth: int,
        max_size: int,
        max_parts: int,
    ) -> None:
        self._resolve = resolve
        self._is_valid = is_valid
        self._full_depth = full_depth
        # Of the value, and with what was made and discarded.
        self._size_left = max_size
        self._parts_left = max_parts

    def make(self, rules: Sequence[Rule], place: _ValuePlace, seed: Seed) -> Json:
        """A value for one place, which all rules allow."""
        pointer = rules[0][1] if rules else ""
        if place.depth > MAX_DEPTH:
            raise NoValue(f"requires more than {MAX_DEPTH} levels, perhaps itself without end", pointer)
        layers = self._collect(rules, (), ())
        if self._is_valid is not None and not place.is_retry and not find_keyword(layers, ("const",)):
            for value in list_given(layers):
                if not (place.is_minimal and isinstance(value, list | dict)) and self._fits(rules, value):
                    return copy.deepcopy(value)
        return self._generate(rules, layers, place, seed)

    def _generate(self, rules: Sequence[Rule], layers: Layers, place: _ValuePlace, seed: Seed) -> Json:
        """The first alternative that works, each tried as often as it can make a difference."""
        failures: list[NoValue] = []
        for chosen in self._alternatives(layers, place, failures):
            checked = find_keyword(chosen, _CHECKED) if self._is_valid else None
            size_left = self._size_left
            # More or fewer members can tell the branches of `oneOf` apart, other texts hardly.
            is_choice = checked is not None and find_keyword(chosen, _TRIED) is None
            tries = 1 if checked is None else _CHOICE_TRIES if is_choice else _TRIES
            for turn in range(tries):
                # What was made before is discarded.
                self._size_left = size_left
                try:
                    value = self._build(rules, chosen, self._look_down(place, chosen), seed, turn)
                except NoValue as error:
                    failures.append(error)
                    if turn == 0:
                        break
                    continue
                if not checked or self._fits(rules, value):
                    return value
            else:
                failures.append(NoValue(f"none of {tries} tries is valid", checked or ""))
        raise failures[0] if failures else NoValue("has no alternative", rules[0][1])

    def _build(
        self, rules: Sequence[Rule], layers: Layers, place: _ValuePlace, seed: Seed, turn: int
    ) -> Json:
        """One try. Later ones have other seeds, other types where there is a choice, other members."""
        self._count_parts(1, layers[0].pointer if layers else "")
        if turn:
            seed = seed.at("try", str(turn))
            # Fewer members may be what a check wants; where there are few anyway, more may be.
            is_thin = turn % 2 == 0 if place.is_thin else turn % 2 == 1
            place = replace(place, is_retry=True, is_thin=is_thin or place.is_deep)
        types = list_types(layers)
        if not types:
            raise no_value(layers, "type", "no type is allowed by all schemas of this place")
        values = list_values(layers)
        if values is not None:
            fitting = [value for value in values if has_type(value, types)]
            return self._pick(fitting, rules, layers, seed.at(place.pointer))
        if place.is_deep:
            types.sort(key=lambda kind: kind in CONTAINERS)
        start = turn % len(types)
        failures: list[NoValue] = []
        for kind in types[start:] + types[:start]:
            try:
                return self._make_type(kind, layers, place, seed)
            except NoValue as error:
                failures.append(error)
        raise failures[0]

    def _pick(self, values: Sequence[Json], rules: Sequence[Rule], layers: Layers, own: Seed) -> Json:
        # Each stands by a digest of its own: a value that is added comes before or after, and moves no other.
        for value in sorted(values, key=lambda value: own.at(dumps_canonical(value)).digest()):
            if self._is_valid is None or self._fits(rules, value):
                return copy.deepcopy(value)
        keyword = "const" if find_keyword(layers, ("const",)) else "enum"
        raise no_value(layers, keyword, "no listed value is allowed by the rest of the schema")

    def _make_type(self, kind: str, layers: Layers, place: _ValuePlace, seed: Seed) -> Json:
        own = seed.at(place.pointer)
        match kind:
            case "null":
                return None
            case "boolean":
                return own.below(2) == 1
            case "integer" | "number":
                return make_number(layers, own, is_integer=kind == "integer")
            case "string":
                text = _make_string(layers, place.name, own)
                self._count_parts(len(text) // 100, layers[0].pointer if layers else "")
                return text
            case "array":
                return self._make_array(layers, place, seed)
            case _:
                return self._make_object(layers, place, seed)

    def _count_parts(self, count: int, pointer: str) -> None:
        self._size_left -= count
        self._parts_left -= count
        if self._size_left < 0 or self._parts_left < 0:
            raise _TooLarge(pointer)

    def _fits(self, rules: Sequence[Rule], value: Json) -> bool:
        return self._is_valid is not None and all(self._is_valid(schema, value) for schema, _ in rules)

    # Which schemas apply to a place.

    def _collect(self, rules: Sequence[Rule], references: tuple[str, ...], known: Layers) -> list[Layer]:
        """The known layers and those of the rules, with what `$ref` and `allOf` put beside them."""
        layers = list(known)
        for schema, pointer in rules:
            self._add(schema, pointer, references, layers)
        return layers

    def _add(self, schema: Schema, pointer: str, references: tuple[str, ...], layers: list[Layer]) -> None:
        if schema is False:
            raise NoValue("the schema is false, which allows nothing", pointer)
        if isinstance(schema, bool):
            return
        layer = Layer(schema, pointer, references)
        layers.append(layer)
        if "$ref" in schema:
            reference = schema["$ref"]
            if reference in references or len(references) == _MAX_REFERENCES:
                raise NoValue(f"{reference!r} leads to itself, or through too many others", f"{pointer}/$ref")
            if not any(other.references[-1:] == (reference,) for other in layers):
                target = self._resolve(reference)
                self._add(target, f"{pointer}/$ref", (*references, reference), layers)
        for index in range(len(schema.get("allOf", ()))):
            self._add(*layer.rule("allOf", index), references, layers)

    def _look_down(self, place: _ValuePlace, layers: Layers) -> _ValuePlace:
        """The place, thin where the value gets deep or meets a `$ref` that it is already inside of."""
        references = frozenset(reference for layer in layers for reference in layer.references)
        is_deep = place.is_deep or place.depth >= self._full_depth or bool(references & place.references)
        if references or is_deep:
            return replace(
                place,
                references=place.references | references,
                is_deep=is_deep,
                is_thin=place.is_thin or is_deep,
            )
        return place

    def _alternatives(self, layers: Layers, place: _ValuePlace, failures: list[NoValue]) -> Iterator[Layers]:
        """The layers with every choice made, first branches first. What cannot be chosen is a failure."""
        open_ways: list[tuple[Layers, list[Choice]]] = [(layers, _list_all_choices(layers))]
        for _ in range(_MAX_WAYS):
            if not open_ways:
                return
            chosen, choices = open_ways.pop()
            if not choices:
                yield chosen
                continue
            ways: list[tuple[Layers, list[Choice]]] = []
            for branch in choices[0].branches:
                try:
                    both = self._collect(branch, choices[0].references, chosen)
                except NoValue as error:
                    failures.append(error)
                else:
                    added = both[len(chosen) :]
                    ways.append((both, choices[1:] + _list_all_choices(added)))
            # Where the value gets deep, a scalar ends it.
            ways.sort(
                key=lambda way: (
                    self._look_down(place, way[0]).is_deep
                    and any(kind in CONTAINERS for kind in list_types(way[0])[:1])
                )
            )
            open_ways += reversed(ways)

    # Arrays and objects.

    def _make_array(self, layers: Layers, place: _ValuePlace, seed: Seed) -> list[Json]:
        low, high = read_limits(layers, "minItems", "maxItems", MAX_ITEMS)
        contained = list_contained(layers, high)
        prefix = max((len(layer.schema.get("prefixItems", ())) for layer in layers), default=0)
        # What must be contained stands behind the items that have a schema of their own, if there is room.
        start = min(prefix, high - len(contained))
        if contained:
            low = max(low, start + len(contained))
        count = low
        if not place.is_thin:
            usual = 1 + seed.at(place.pointer, "length").below(3)
            count = max(low, min(high, max(usual, prefix)))
        is_unique = any(layer.schema.get("uniqueItems") is True for layer in layers)
        items: list[Json] = []
        seen: set[Any] = set()
        for index in range(count):
            rules = list_item_rules(layers, index)
            if start <= index < start + len(contained):
                rules.append(contained[index - start])
            tries = 1 if not is_unique else _UNIQUE_TRIES if index < low else _TRIES
            try:
                item = self._make_item(rules, place.below(str(index), place.name), seed, seen, tries)
            except NoValue:
                if index < low:
                    raise
                break
            items.append(item)
            if is_unique:
                seen.add(freeze(item))
        return items

    def _make_item(
        self, rules: Sequence[Rule], place: _ValuePlace, seed: Seed, seen: set[Any], tries: int
    ) -> Json:
        item = self.make(rules, place, seed)
        for turn in range(1, tries):
            if freeze(item) not in seen:
                break
            item = self.make(rules, replace(place, is_retry=True), seed.at("try", str(turn)))
        if freeze(item) in seen:
            raise NoValue(f"no item unlike the {len(seen)} before it was found", rules[0][1] if rules else "")
        return item

    def _make_object(self, layers: Layers, place: _ValuePlace, seed: Seed) -> JsonObject:
        required = list_required(layers)
        impossible: set[str] = set()
        members: JsonObject = {}
        while True:
            names = self._choose_names(layers, required, impossible, place, seed)
            for name in names:
                if name in members:
                    continue
                try:
                    members[name] = self.make(list_member_rules(layers, name), place.below(name, name), seed)
                except NoValue:
                    if name in required:
                        raise
                    impossible.add(name)
                    break
            else:
                return {name: members[name] for name in names}

    def _choose_names(
        self,
        layers: Layers,
        required: Mapping[str, None],
        impossible: set[str],
        place: _ValuePlace,
        seed: Seed,
    ) -> list[str]:
        """The names of the members: declared ones in the order of the schema, then others."""
        low, high = read_limits(layers, "minProperties", "maxProperties", MAX_ITEMS)
        if len(required) > high:
            raise no_value(layers, "maxProperties", f"{high} members are allowed, {len(required)} required")
        declared = list_declared(layers)
        enough = low
        if not place.is_thin and is_map(layers):
            enough = max(low, min(high, 1 + seed.at(place.pointer, "length").below(2)))
        names = dict(required)
        for candidates, wanted in (
            (declared, low if place.is_thin else high),
            (self._other_names(layers, place, seed, enough), enough),
        ):
            for name in candidates:
                if len(names) >= wanted:
                    break
                more = with_dependents(layers, {**names, name: None})
                if len(more) <= high and not more.keys() & impossible:
                    names = more
        if len(names) < low:
            raise no_value(layers, "minProperties", f"only {len(names)} members of {low} can be made")
        return [name for name in declared if name in names] + [name for name in names if name not in declared]

    def _other_names(self, layers: Layers, place: _ValuePlace, seed: Seed, count: int) -> Iterator[str]:
        """Names for members that are not declared: by pattern, by `propertyNames`, or numbered."""
        naming = [layer.rule("propertyNames") for layer in layers if "propertyNames" in layer.schema]
        own = seed.at(place.pointer, "names")
        turns = range(1, count + _TRIES) if count else ()
        for pattern, (schema, _) in list_patterns(layers):
            for turn in turns if schema is not False else ():
                try:
                    name = make_match(pattern, own.at(str(turn)))
                except ValueError:
                    break
                if not naming or self._is_valid is None or self._fits(naming, name):
                    yield name
        for turn in turns if is_open(layers) else ():
            if not naming:
                yield f"property{turn}"
                continue
            try:
                made = self.make(naming, place.below("", ""), own.at(str(turn)))
            except NoValue:
                return
            if isinstance(made, str):
                yield made


def _list_all_choices(layers: Layers) -> list[Choice]:
    return [choice for layer in layers for choice in list_choices(layer)]


def _make_string(layers: Layers, member: str, own: Seed) -> str:
    low, high = read_limits(layers, "minLength", "maxLength", MAX_LENGTH)
    patterns = [
        (layer.schema["pattern"], f"{layer.pointer}/pattern") for layer in layers if "pattern" in layer.schema
    ]
    regexes = [read_regex(pattern, pointer) for pattern, pointer in patterns]
    formats = [layer.schema["format"] for layer in layers if "format" in layer.schema]
    checks = [FORMATS[name] for name in formats if name in FORMATS]
    makers = [partial(make_format, name) for name in formats if is_known_format(name)]
    makers = makers or [partial(make_text, member)]
    makers += [partial(make_match, pattern) for pattern, _ in patterns]
    reason = "no text was found that keeps all rules"
    for turn in range(_STRING_TRIES):
        for make in makers:
            try:
                text = make(own.at("try", str(turn)) if turn else own, min_length=low, max_length=high)
            except ValueError as error:
                reason = str(error)
            else:
                if all(regex.search(text) for regex in regexes) and all(check(text) for check in checks):
                    return text
    raise no_value(layers, "pattern" if patterns else "format", reason)
