"""Parameters: from the text that HTTP has to the value that a schema judges.

`style` and `explode` say how a value is written (OpenAPI 3.1.1, section 4.8.12); the schema says what each
text stands for, through `$ref`, `allOf`, `anyOf` and `oneOf`. Where a schema lets text through as well as
something else, the reading that it accepts is taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Literal
from urllib.parse import unquote_plus

from mockserver.contract.pointers import read_fragment
from mockserver.contract.schema_registry import CompiledSchema
from mockserver.exceptions import MalformedJson
from mockserver.json_codec import loads
from mockserver.types import UNSET, Json, JsonObject, Schema, UnsetType

ParameterPlace = Literal["query", "path", "header", "cookie", "querystring"]
Style = Literal[
    "matrix", "label", "simple", "form", "spaceDelimited", "pipeDelimited", "deepObject", "cookie", "content"
]
STYLES: Mapping[str, tuple[Style, ...]] = {
    "path": ("simple", "matrix", "label"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "querystring": ("content",),
    "header": ("simple",),
    "cookie": ("form", "cookie"),
}
# Headers that are described elsewhere, so that a parameter of their name is ignored (section 4.8.12.2.1).
IGNORED_HEADERS = frozenset({"accept", "authorization", "content-type"})
# How deep a value can be that is written as text, and how often a schema may lead to itself.
_MAX_DEPTH = 8
_MAX_FOLLOWED = 20
_SCALARS = ("string", "integer", "number", "boolean", "null")

Resolve = Callable[[str], Schema]


class Shape:
    """What a schema lets a text stand for.

    `types` are the JSON types that it speaks of, empty where it speaks of none. Read when first asked.
    """

    def __init__(self, schema: Schema, resolve: Resolve, depth: int = 0) -> None:
        self._resolve = resolve
        self._depth = depth
        self._schema = schema

    @cached_property
    def _layers(self) -> tuple[JsonObject, ...]:
        """The schemas that may speak of the value: this one, and those that it combines."""
        return tuple(self._list_layers(self._schema, 0, set()))

    def _list_layers(self, schema: Json, followed: int, seen: set[int]) -> Iterator[JsonObject]:
        # Each once: schemas that lead to each other would be met again and again.
        if not isinstance(schema, dict) or followed > _MAX_FOLLOWED or id(schema) in seen:
            return
        seen.add(id(schema))
        yield schema
        below: list[Json] = []
        if isinstance(reference := schema.get("$ref"), str):
            below.append(self._resolve(reference))
        for key in ("allOf", "anyOf", "oneOf"):
            below += schema.get(key) or ()
        for part in (*below, schema.get("then"), schema.get("else")):
            yield from self._list_layers(part, followed + 1, seen)

    @cached_property
    def types(self) -> frozenset[str]:
        found: set[str] = set()
        for layer in self._layers:
            named = layer.get("type")
            if named is not None:
                found |= {named} if isinstance(named, str) else set(named)
                continue
            values = [layer["const"]] if "const" in layer else layer.get("enum", ())
            found |= {_name_type(value) for value in values}
            if "properties" in layer or "additionalProperties" in layer:
                found.add("object")
            if "items" in layer or "prefixItems" in layer:
                found.add("array")
        return frozenset(found)

    @cached_property
    def items(self) -> Shape:
        """The shape of an array's items."""
        parts = [layer["items"] for layer in self._layers if "items" in layer]
        parts += [part for layer in self._layers for part in layer.get("prefixItems", ())]
        return self._below(parts)

    def member(self, name: str) -> Shape:
        """The shape of an object's member."""
        parts = [layer["properties"][name] for layer in self._layers if name in layer.get("properties", {})]
        if not parts:
            parts = [
                layer["additionalProperties"] for layer in self._layers if "additionalProperties" in layer
            ]
        return self._below(parts)

    @cached_property
    def names(self) -> frozenset[str]:
        """The members that an object is said to have."""
        return frozenset(name for layer in self._layers for name in layer.get("properties", ()))

    @cached_property
    def is_open(self) -> bool:
        """Whether an object may have other members than those."""
        return not any(layer.get("additionalProperties") is False for layer in self._layers)

    @property
    def only(self) -> str | None:
        """The text that alone is allowed, where an `enum` or a `const` says so."""
        values = [
            value
            for layer in self._layers
            for value in ([layer["const"]] if "const" in layer else layer.get("enum", ()))
        ]
        return values[0] if len(values) == 1 and isinstance(values[0], str) else None

    @property
    def default(self) -> Json:
        return next((layer["default"] for layer in self._layers if "default" in layer), None)

    @cached_property
    def formats(self) -> frozenset[str]:
        """The formats that the schema names, with the encoding of its content."""
        keys = ("format", "contentEncoding")
        return frozenset(str(layer[key]) for layer in self._layers for key in keys if key in layer)

    @cached_property
    def xml(self) -> JsonObject:
        """The hints of how the value is written as XML."""
        hints: JsonObject = {}
        for layer in reversed(self._layers):
            if isinstance(layer.get("xml"), dict):
                hints |= layer["xml"]
        return hints

    @cached_property
    def component(self) -> str | None:
        """The name of the component that the schema is a mere reference to."""
        reference = self._schema.get("$ref") if isinstance(self._schema, dict) else None
        return None if reference is None else read_fragment(reference).rpartition("/")[2]

    def _below(self, parts: list[Schema]) -> Shape:
        if self._depth >= _MAX_DEPTH or not parts:
            return Shape(True, self._resolve, self._depth + 1)
        return Shape({"anyOf": parts} if len(parts) > 1 else parts[0], self._resolve, self._depth + 1)

    def read(self, text: str, *, prefers_text: bool) -> Json:
        """The value that one text stands for; `prefers_text` where it could be text or something else."""
        types = self.types
        if not types or types <= {"string"}:
            return text
        if prefers_text and "string" in types:
            return text
        form = _NUMBER if "number" in types else _INTEGER if "integer" in types else None
        if form is not None and form.fullmatch(text):
            # As in a body: of any size, and exact.
            with suppress(MalformedJson):
                return loads(text.encode("ascii"))[0]
        if "boolean" in types and text in ("true", "false"):
            return text == "true"
        if "null" in types and text in ("null", "") and "string" not in types:
            return None
        if ("object" in types and text.startswith("{")) or ("array" in types and text.startswith("[")):
            # No style writes these inside of others, so people write them as JSON.
            with suppress(MalformedJson):
                return loads(text.encode("utf-8"))[0]
        return text


# JSON's numbers (RFC 8259, section 6).
_INTEGER = re.compile(r"-?(0|[1-9]\d*)", re.ASCII)
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)


def _name_type(value: Json) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case list():
            return "array"
        case dict():
            return "object"
        case int():
            return "integer"
        case _:
            return "number"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an operation.

    `types` are the JSON types that its text can stand for; `is_list` means that it may be repeated;
    `examples` are the values that the contract gives for it; `extensions` are its members that begin with
    `x-`. A parameter with `content` has the style of that name: its text is JSON.
    """

    name: str
    place: ParameterPlace
    required: bool
    schema: CompiledSchema
    shape: Shape
    types: frozenset[str]
    is_list: bool
    default: Json
    extensions: Mapping[str, Json]
    schema_pointer: str = ""
    examples: tuple[Json, ...] = ()
    style: Style = "simple"
    is_exploded: bool = False


def read_pairs(query: str) -> list[tuple[str, str]]:
    """The pairs of a query as they were sent, still percent-encoded."""
    pairs = []
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if pair:
            pairs.append((name, value))
    return pairs


def find_values(
    parameter: Parameter, pairs: Sequence[tuple[str, str]], others: frozenset[str] = frozenset()
) -> Json | UnsetType:
    """The text of a query's parameter in its parts: a text, a list or an object of texts; UNSET if not there.

    `others` are the names of the other parameters, which no exploded object takes for its own.
    """
    name = parameter.name
    kinds = parameter.types
    if parameter.style == "deepObject":
        return read_deep_object(name, pairs)
    values = [value for key, value in pairs if decode_text(key) == name]
    if parameter.style == "content":
        return decode_text(values[-1]) if values else UNSET
    is_object = "object" in kinds and not kinds & {"array", "string", "integer", "number", "boolean"}
    if is_object and parameter.is_exploded and parameter.style == "form" and not values:
        return _read_exploded_object(parameter, pairs, others)
    if not values:
        return UNSET
    separator = {"spaceDelimited": "(?:%20|\\+)", "pipeDelimited": "(?:%7[Cc]|\\|)"}.get(parameter.style, ",")
    if is_object:
        return pair_up([decode_text(part) for part in re.split(separator, values[-1])])
    if "array" in kinds:
        if parameter.is_exploded or len(values) > 1:
            return [decode_text(value) for value in values]
        if not kinds & {"string"}:
            return [decode_text(part) for part in re.split(separator, values[0])] if values[0] else []
        return [decode_text(part) for part in re.split(separator, values[0])]
    return [decode_text(value) for value in values] if len(values) > 1 else decode_text(values[0])


def split_values(parameter: Parameter, values: Sequence[str]) -> Json | UnsetType:
    """The same for the decoded texts of a path, a header or a cookie."""
    if not values:
        return UNSET
    if parameter.style == "content":
        return values[-1]
    kinds = parameter.types
    text = ",".join(values) if parameter.place == "header" else values[-1]
    separator = ","
    if parameter.style == "label":
        if not text.startswith("."):
            return values[-1]
        text, separator = text[1:], "." if parameter.is_exploded else ","
    elif parameter.style == "matrix":
        return _read_matrix(parameter, text)
    is_object = "object" in kinds and "array" not in kinds
    if not is_object and "array" not in kinds:
        return text
    if parameter.place == "cookie" and parameter.is_exploded and len(values) > 1:
        return list(values)
    parts = [part.strip() if parameter.place == "header" else part for part in text.split(separator)]
    if is_object:
        return _read_members(parts) if parameter.is_exploded else pair_up(parts)
    return [] if text == "" else parts


def _read_matrix(parameter: Parameter, text: str) -> Json:
    """`;color=blue,black` or `;color=blue;color=black`, `;R=100;G=200`, `;color=R,100,G,200`."""
    if not text.startswith(";"):
        return text
    parts = text[1:].split(";")
    kinds = parameter.types
    if "object" in kinds and "array" not in kinds and parameter.is_exploded:
        return _read_members(parts)
    values = [part.partition("=")[2] for part in parts if part.partition("=")[0] == parameter.name]
    if not values:
        return text
    if "array" in kinds:
        return values if parameter.is_exploded else values[0].split(",")
    return pair_up(values[0].split(",")) if "object" in kinds else values[0]


def _read_members(parts: Sequence[str]) -> JsonObject:
    return {name: value for name, _, value in (part.partition("=") for part in parts)}


def pair_up(parts: Sequence[str]) -> Json:
    """`R,100,G,200` in its parts as an object; as a list where one is left over."""
    if len(parts) % 2:
        return list(parts)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _read_exploded_object(
    parameter: Parameter, pairs: Sequence[tuple[str, str]], others: frozenset[str]
) -> Json | UnsetType:
    shape = parameter.shape
    found: JsonObject = {}
    for key, value in pairs:
        name = decode_text(key)
        if name in shape.names or (shape.is_open and not shape.names and name not in others):
            text = decode_text(value)
            if name in found:
                earlier = found[name]
                found[name] = [*earlier, text] if isinstance(earlier, list) else [earlier, text]
            else:
                found[name] = text
    return found or UNSET


_BRACKETS = re.compile(r"\[([^\[\]]*)\]")


def read_deep_object(name: str, pairs: Sequence[tuple[str, str]]) -> Json | UnsetType:
    """`filter[color]=red&filter[size][gt]=5`."""
    found: JsonObject = {}
    for key, value in pairs:
        decoded = decode_text(key)
        if not decoded.startswith(f"{name}["):
            continue
        steps = _BRACKETS.findall(decoded[len(name) :])
        if (
            not steps
            or len(steps) > _MAX_DEPTH
            or f"{name}" + "".join(f"[{step}]" for step in steps) != decoded
        ):
            continue
        _put(found, steps, decode_text(value))
    return found or UNSET


def _put(owner: JsonObject, steps: Sequence[str], text: str) -> None:
    *above, last = steps
    is_list = last == "" and bool(above)
    if is_list:
        *above, last = above
    for step in above:
        below = owner.setdefault(step, {})
        if not isinstance(below, dict):
            return
        owner = below
    if is_list or last in owner:
        earlier = owner.get(last, [])
        owner[last] = [*earlier, text] if isinstance(earlier, list) else [earlier, text]
    else:
        owner[last] = text


def read_value(shape: Shape, parts: Json, *, prefers_text: bool) -> Json:
    """The value that texts in their parts stand for."""
    if isinstance(parts, list):
        if "array" not in shape.types and len(parts) == 1:
            return shape.read(parts[0], prefers_text=prefers_text)
        return [read_value(shape.items, part, prefers_text=prefers_text) for part in parts]
    if isinstance(parts, dict):
        return {
            name: read_value(shape.member(name), part, prefers_text=prefers_text)
            for name, part in parts.items()
        }
    if not isinstance(parts, str):
        # A part of a form that was JSON.
        return parts
    kinds = shape.types
    if "array" in kinds and not kinds & set(_SCALARS) - {"null"} and not parts.startswith("["):
        return [shape.items.read(parts, prefers_text=prefers_text)]
    return shape.read(parts, prefers_text=prefers_text)


def choose_value(schema: CompiledSchema, shape: Shape, parts: Json) -> Json:
    """The reading of texts that a schema accepts; the one that speaks of text last where it accepts none."""
    value = read_value(shape, parts, prefers_text=True)
    if schema.is_valid(value):
        return value
    other = read_value(shape, parts, prefers_text=False)
    return other if schema.is_valid(other) or "string" not in shape.types else value


def decode_text(text: str) -> str:
    """A name or a value of a query or a form, decoded."""
    return unquote_plus(text, errors="replace") if "%" in text or "+" in text else text
