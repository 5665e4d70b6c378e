"""All schemas that apply to one place of a value, read as one.

`$ref`, `allOf` and the chosen branches of `anyOf`, `oneOf` and `if` put schemas beside each other. They are
not merged: each stays a layer, and each question ("how long at least?", "which rules has this member?") is
asked of all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from mockserver.contract.schema_registry import Pattern, name_type
from mockserver.exceptions import MockServerError
from mockserver.json_codec import escape_pointer
from mockserver.regexes import Regex
from mockserver.synthesis.patterns import compile_any
from mockserver.types import Json, Schema

# A schema and where it stands, as a JSON pointer that runs through `$ref`s.
Rule: TypeAlias = tuple[Schema, str]


class NoValue(MockServerError):
    """No value can be made from a schema.

    `pointer` leads to the keyword or schema that failed, from the schema that was given and through `$ref`s,
    such as `/properties/owner/$ref/minLength`; `reason` says why.
    """

    def __init__(self, reason: str, pointer: str) -> None:
        self.reason = reason
        self.pointer = pointer
        super().__init__(f"#{pointer}: {reason}")


@dataclass(frozen=True, slots=True)
class Layer:
    """One schema object that applies to a place.

    `references` are the `$ref`s that led to it without leaving the place.
    """

    schema: Mapping[str, Any]
    pointer: str
    references: tuple[str, ...]

    def rule(self, *tokens: str | int) -> Rule:
        """The rule below these keywords, names and indexes."""
        found: Any = self.schema
        for token in tokens:
            found = found[token]
        return found, self.pointer + "".join(f"/{escape_pointer(str(token))}" for token in tokens)


@dataclass(frozen=True, slots=True)
class Choice:
    """Branches of which one must apply; each is a set of rules."""

    branches: tuple[tuple[Rule, ...], ...]
    references: tuple[str, ...]


Layers: TypeAlias = Sequence[Layer]


def find_keyword(layers: Layers, keywords: Iterable[str]) -> str | None:
    """The pointer of the first of these keywords that a layer has."""
    for layer in layers:
        for keyword in keywords:
            if keyword in layer.schema:
                return f"{layer.pointer}/{keyword}"
    return None


def no_value(layers: Layers, keyword: str, reason: str) -> NoValue:
    """The error for a keyword, with the place of the first layer that has it."""
    return NoValue(reason, find_keyword(layers, (keyword,)) or (layers[0].pointer if layers else ""))


def list_choices(layer: Layer) -> list[Choice]:
    """What a layer leaves open.

    `if` is a choice between "`if` and `then`" and "`else`". A dependent schema is applied whether or not
    its member is there, or else left aside.
    """
    schema = layer.schema
    found: list[tuple[tuple[Rule, ...], ...]] = [
        tuple((layer.rule(keyword, index),) for index in range(len(schema[keyword])))
        for keyword in ("anyOf", "oneOf")
        if keyword in schema
    ]
    if "if" in schema:
        then = (layer.rule("if"), *([layer.rule("then")] if "then" in schema else []))
        found.append((then, (layer.rule("else"),) if "else" in schema else ()))
    found += [((layer.rule("dependentSchemas", name),), ()) for name in schema.get("dependentSchemas", ())]
    return [Choice(branches, layer.references) for branches in found]


# Values that are written in the schema.


def list_given(layers: Layers) -> Iterator[Json]:
    """The first example of each layer, then the defaults."""
    for layer in layers:
        examples = layer.schema.get("examples")
        if isinstance(examples, list) and examples:
            yield examples[0]
        elif "example" in layer.schema:
            yield layer.schema["example"]
    for layer in layers:
        if "default" in layer.schema:
            yield layer.schema["default"]


def list_values(layers: Layers) -> list[Json] | None:
    """The values that `const` and `enum` leave, or None if no layer has them."""
    lists = [
        [layer.schema["const"]] if keyword == "const" else list(layer.schema["enum"])
        for layer in layers
        for keyword in ("const", "enum")
        if keyword in layer.schema
    ]
    if not lists:
        return None
    others = [{freeze(value) for value in values} for values in lists[1:]]
    return [value for value in lists[0] if all(freeze(value) in other for other in others)]


def freeze(value: Json) -> Any:
    """Something hashable that is equal for equal JSON values only: 1 is 1.0, and true is not 1."""
    if isinstance(value, dict):
        return ("object", frozenset((name, freeze(item)) for name, item in value.items()))
    if isinstance(value, list):
        return ("array", tuple(freeze(item) for item in value))
    return ("boolean", value) if isinstance(value, bool) else value


# Types.

_TYPES = ("string", "integer", "number", "boolean", "object", "array", "null")
# What a schema without `type` speaks of, by its keywords.
_HINTS: Mapping[str, tuple[str, ...]] = {
    "object": (
        "properties", "required", "additionalProperties", "patternProperties", "propertyNames",
        "minProperties", "maxProperties", "dependentRequired", "unevaluatedProperties",
    ),
    "array": (
        "items", "prefixItems", "contains", "minItems", "maxItems", "uniqueItems", "unevaluatedItems",
    ),
    "string": ("pattern", "minLength", "maxLength", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}  # fmt: skip
CONTAINERS = ("object", "array")


def list_types(layers: Layers) -> list[str]:
    """The types that all layers allow, in the order of the first that names some, null last."""
    types: list[str] = []
    is_typed = False
    for layer in layers:
        if "type" in layer.schema:
            named = _expand_types(layer.schema)
            types = [kind for kind in types if kind in named] if is_typed else named
            is_typed = True
    if not is_typed:
        types = [kind for kind, keywords in _HINTS.items() if find_keyword(layers, keywords)] or list(_TYPES)
    if "number" in types and "integer" in types and is_typed:
        types.remove("integer")
    return sorted(types, key=lambda kind: kind == "null")


def _expand_types(schema: Mapping[str, Any]) -> list[str]:
    named = schema["type"]
    types = [named] if isinstance(named, str) else list(named)
    if "number" in types and "integer" not in types:
        types.append("integer")
    # OpenAPI 3.0.3: `nullable` has an effect beside `type` only.
    if schema.get("nullable") is True and "null" not in types:
        types.append("null")
    return types


def has_type(value: Json, types: Sequence[str]) -> bool:
    kind = name_type(value)
    return kind in types or (kind == "integer" and "number" in types)


# Limits.


def read_limits(layers: Layers, lowest: str, highest: str, cap: int) -> tuple[int, int]:
    """The strictest pair of limits, such as `minItems` and `maxItems`, within 0 and `cap`.

    Raises NoValue if there is nothing between them.
    """
    low = max((layer.schema[lowest] for layer in layers if lowest in layer.schema), default=0)
    high = min((layer.schema[highest] for layer in layers if highest in layer.schema), default=cap)
    if low > cap:
        raise no_value(layers, lowest, f"{lowest} is more than {cap}, the most that is made")
    if low > high:
        raise no_value(layers, lowest, f"{lowest} {low} contradicts {highest} {high}")
    return int(low), int(min(high, cap))


def read_regex(pattern: str, pointer: str) -> Regex | Pattern:
    """The compiled pattern; NoValue for one that cannot be run."""
    try:
        return compile_any(pattern)
    except ValueError as error:
        raise NoValue(str(error), pointer) from None


# Arrays.


def list_item_rules(layers: Layers, index: int) -> list[Rule]:
    """What the item at `index` must fit."""
    rules = []
    for layer in layers:
        if index < len(layer.schema.get("prefixItems", ())):
            rules.append(layer.rule("prefixItems", index))
        elif "items" in layer.schema:
            rules.append(layer.rule("items"))
    return rules or [layer.rule("unevaluatedItems") for layer in layers if "unevaluatedItems" in layer.schema]


def list_contained(layers: Layers, cap: int) -> list[Rule]:
    """One rule for each item that `contains` and `minContains` demand. Raises NoValue beyond `cap`."""
    rules: list[Rule] = []
    for layer in layers:
        if "contains" in layer.schema:
            count = layer.schema.get("minContains", 1)
            if len(rules) + count > cap:
                raise no_value(layers, "contains", f"more than {cap} items would have to be contained")
            rules += [layer.rule("contains")] * int(count)
    return rules


# Objects.


def list_declared(layers: Layers) -> list[str]:
    """The names under `properties`, in the order of the schemas."""
    return list(dict.fromkeys(name for layer in layers for name in layer.schema.get("properties", ())))


def list_required(layers: Layers) -> dict[str, None]:
    """The names that must be there, as the keys of a dict: a set that keeps its order."""
    return with_dependents(
        layers, dict.fromkeys(name for layer in layers for name in layer.schema.get("required", ()))
    )


def with_dependents(layers: Layers, names: Mapping[str, None]) -> dict[str, None]:
    """The names, and those that they bring with them by `dependentRequired`."""
    dependents = [
        layer.schema["dependentRequired"] for layer in layers if "dependentRequired" in layer.schema
    ]
    found = dict(names)
    waiting = list(names) if dependents else []
    while waiting:
        name = waiting.pop()
        for rule in dependents:
            for other in rule.get(name, ()):
                if other not in found:
                    found[other] = None
                    waiting.append(other)
    return found


def list_member_rules(layers: Layers, name: str) -> list[Rule]:
    """What the member of that name must fit."""
    rules: list[Rule] = []
    for layer in layers:
        own = [layer.rule("properties", name)] if name in layer.schema.get("properties", ()) else []
        own += [rule for pattern, rule in list_patterns([layer]) if read_regex(pattern, rule[1]).search(name)]
        if not own and "additionalProperties" in layer.schema:
            own = [layer.rule("additionalProperties")]
        rules += own
    return rules or [
        layer.rule("unevaluatedProperties") for layer in layers if "unevaluatedProperties" in layer.schema
    ]


def list_patterns(layers: Layers) -> list[tuple[str, Rule]]:
    """The patterns of `patternProperties` with their rules."""
    return [
        (pattern, layer.rule("patternProperties", pattern))
        for layer in layers
        for pattern in layer.schema.get("patternProperties", ())
    ]


def is_open(layers: Layers) -> bool:
    """Whether members may have names that no schema speaks of."""
    return not any(
        layer.schema.get(keyword) is False
        for layer in layers
        for keyword in ("additionalProperties", "unevaluatedProperties")
    )


def is_map(layers: Layers) -> bool:
    """Whether the schemas describe members by no name: the object is a map from any key to one kind."""
    return not list_declared(layers) and any(
        layer.schema.get(keyword) not in (None, True, False, {})
        for layer in layers
        for keyword in ("additionalProperties", "patternProperties", "unevaluatedProperties")
    )
