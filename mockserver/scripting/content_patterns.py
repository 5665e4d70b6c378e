"""Content patterns: what is expected of one value, and of all values of one name.

Each pattern has one function, `differences`; a value fits when it yields none. How patterns are written is
in `operators`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, ClassVar, Protocol

from mockserver.contract.schema_registry import CompiledSchema
from mockserver.scripting.differences import Difference, nearest
from mockserver.scripting.json_equality import JsonEquality
from mockserver.scripting.subjects import Content, JsonContent, TextContent
from mockserver.types import UNSET, JsonObject

if TYPE_CHECKING:
    from mockserver.scripting.json_paths import JsonPath


class ContentPattern(Protocol):
    """What is expected of one value.

    `document` is its JSON; `size` the number of values that it compares, by which distances are scaled;
    `concerns_absence` tells whether it asks for a value that is not there.
    """

    @property
    def document(self) -> JsonObject: ...

    @property
    def size(self) -> int: ...

    @property
    def concerns_absence(self) -> bool: ...

    def differences(self, content: Content | None, place: str, pointer: str) -> Iterable[Difference]:
        """What a value lacks, lazily where that may be much; `content` is None where there is no value."""


class ValuesPattern(Protocol):
    """What is expected of all values of one name, such as those of a repeated query parameter."""

    @property
    def document(self) -> JsonObject: ...

    @property
    def size(self) -> int: ...

    def differences(self, values: Sequence[str], place: str, pointer: str) -> Iterable[Difference]: ...


@dataclass(frozen=True, slots=True)
class TextPattern:
    """A text that a test accepts. `fits_absence` tells whether no value will do as well."""

    document: JsonObject
    operator: str
    test: Callable[[str], bool]
    fits_absence: bool = False

    size: ClassVar = 1
    concerns_absence: ClassVar = False

    def differences(self, content: Content | None, place: str, pointer: str) -> Iterable[Difference]:
        if self.fits_absence if content is None else self.test(content.text):
            return ()
        return (Difference(place, pointer, self.operator, self.document[self.operator], _show(content)),)


@dataclass(frozen=True, slots=True)
class AbsentPattern:
    """No value, or with `{"absent": false}` any."""

    document: JsonObject

    size: ClassVar = 1
    concerns_absence: ClassVar = True

    def differences(self, content: Content | None, place: str, pointer: str) -> Iterable[Difference]:
        expected = self.document["absent"]
        if (content is None) is expected:
            return ()
        return (Difference(place, pointer, "absent", expected, _show(content)),)


@dataclass(frozen=True, slots=True)
class JsonEqualityPattern:
    """A JSON value equal to another one, by the rules of `json_equality`."""

    document: JsonObject
    equality: JsonEquality
    size: int

    concerns_absence: ClassVar = False

    def differences(self, content: Content | None, place: str, pointer: str) -> Iterable[Difference]:
        if content is None or content.json is UNSET:
            return (Difference(place, pointer, "equalToJson", self.equality.expected, _show(content)),)
        return self.equality.differences(content.json, place, pointer)


@dataclass(frozen=True, slots=True)
class JsonSchemaPattern:
    """A JSON value that is valid against a schema."""

    document: JsonObject
    schema: CompiledSchema

    size: ClassVar = 1
    concerns_absence: ClassVar = False

    def differences(self, content: Content | None, place: str, pointer: str) -> Iterable[Difference]:
        if content is not None and content.json is not UNSET and self.schema.is_valid(content.json):
            return ()
        expected = self.document["matchesJsonSchema"]
        return (Difference(place, pointer, "matchesJsonSchema", expected, _show(content)),)


@dataclass(frozen=True, slots=True)
class JsonPathPattern:
    """A JSONPath that selects something, or with an inner pattern something that fits it.

    The differences are those of the selected value that comes closest, at its own pointer.
    """

    document: JsonObject
    path: JsonPath
    inner: ContentPattern | None

    concerns_absence: ClassVar = False

    @property
    def size(self) -> int:
        return self.inner.size if self.inner else 1

    def differences(self, content: Content | None, place: str, pointer: str) -> Iterable[Difference]:
        value = UNSET if content is None else content.json
        nodes = iter(()) if value is UNSET else self.path.find(value)
        first = next(nodes, None)
        inner = self.inner
        if first is None and inner is not None and inner.concerns_absence:
            return inner.differences(None, place, pointer)
        if first is None:
            return (Difference(place, pointer, "matchesJsonPath", self.path.expression, None),)
        if inner is None:
            return ()
        return nearest(
            inner.differences(JsonContent(node), place, pointer + below)
            for below, node in chain((first,), nodes)
        )


@dataclass(frozen=True, slots=True)
class AllOfPattern:
    """`and`."""

    document: JsonObject
    patterns: tuple[ContentPattern, ...]

    @property
    def size(self) -> int:
        return sum(pattern.size for pattern in self.patterns)

    @property
    def concerns_absence(self) -> bool:
        return any(pattern.concerns_absence for pattern in self.patterns)

    def differences(self, content: Content | None, place: str, pointer: str) -> Iterable[Difference]:
        for pattern in self.patterns:
            yield from pattern.differences(content, place, pointer)


@dataclass(frozen=True, slots=True)
class AnyOfPattern:
    """`or`. The differences are those of the pattern that comes closest."""

    document: JsonObject
    patterns: tuple[ContentPattern, ...]

    @property
    def size(self) -> int:
        return max(pattern.size for pattern in self.patterns)

    @property
    def concerns_absence(self) -> bool:
        return any(pattern.concerns_absence for pattern in self.patterns)

    def differences(self, content: Content | None, place: str, pointer: str) -> Iterable[Difference]:
        return nearest(pattern.differences(content, place, pointer) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class NotPattern:
    """`not`."""

    document: JsonObject
    inner: ContentPattern

    size: ClassVar = 1

    @property
    def concerns_absence(self) -> bool:
        return self.inner.concerns_absence

    def differences(self, content: Content | None, place: str, pointer: str) -> Iterable[Difference]:
        if not _fits(self.inner, content):
            return ()
        return (Difference(place, pointer, "not", self.inner.document, _show(content)),)


@dataclass(frozen=True, slots=True)
class AnyValue:
    """One of the values fits a pattern. The differences are those of the value that comes closest."""

    pattern: ContentPattern

    @property
    def document(self) -> JsonObject:
        return self.pattern.document

    @property
    def size(self) -> int:
        return self.pattern.size

    def differences(self, values: Sequence[str], place: str, pointer: str) -> Iterable[Difference]:
        if not values:
            return self.pattern.differences(None, place, pointer)
        return nearest(self.pattern.differences(TextContent(value), place, pointer) for value in values)


@dataclass(frozen=True, slots=True)
class EqualValue:
    """One of the values is this text: `equalTo`, by far the most frequent pattern, made fast."""

    document: JsonObject
    expected: str

    size: ClassVar = 1

    def differences(self, values: Sequence[str], place: str, pointer: str) -> Iterable[Difference]:
        if self.expected in values:
            return ()
        if not values:
            return (Difference(place, pointer, "equalTo", self.expected, None),)
        return nearest((Difference(place, pointer, "equalTo", self.expected, value),) for value in values)


@dataclass(frozen=True, slots=True)
class EachPattern:
    """`includes`: each pattern fits some value; `hasExactly`: and there are as many values as patterns."""

    document: JsonObject
    operator: str
    patterns: tuple[ContentPattern, ...]

    @property
    def size(self) -> int:
        return len(self.patterns)

    def differences(self, values: Sequence[str], place: str, pointer: str) -> Iterable[Difference]:
        actual = list(values) or None
        contents = [TextContent(value) for value in values]
        for pattern in self.patterns:
            if not any(_fits(pattern, content) for content in contents):
                yield Difference(place, pointer, self.operator, pattern.document, actual)
        if self.operator == "hasExactly" and values and len(values) != len(self.patterns):
            yield Difference(place, pointer, self.operator, self.document[self.operator], actual)


def _fits(pattern: ContentPattern, content: Content | None) -> bool:
    return next(iter(pattern.differences(content, "", "")), None) is None


def _show(content: Content | None) -> str | None:
    return None if content is None else content.text
