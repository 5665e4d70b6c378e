"""Content patterns: what is expected of one value, and of all values of one name.

Each pattern has one function, `differences`; a value fits when it yields none. How patterns are written is
in `operators`. Where a value is one that the journal keeps, and redaction hid what is looked at, the
difference is in doubt; only equality is known then, as equal secrets have equal fingerprints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, ClassVar, Protocol

from mockserver.scripting.differences import Difference, Doubt, judge, nearest
from mockserver.scripting.json_equality import JsonEquality
from mockserver.scripting.subjects import Content, JsonContent, TextContent, View
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

    def differences(
        self, values: Sequence[str], view: View, place: str, pointer: str
    ) -> Iterable[Difference]: ...


@dataclass(frozen=True, slots=True)
class TestedPattern:
    """A value that a test accepts. `fits_absence` tells whether no value will do as well."""

    document: JsonObject
    operator: str
    test: Callable[[Content], bool]
    fits_absence: bool = False

    size: ClassVar = 1
    concerns_absence: ClassVar = False

    def differences(self, content: Content | None, place: str, pointer: str) -> Iterable[Difference]:
        doubt = None if content is None else content.doubt
        if doubt is None and (self.fits_absence if content is None else self.test(content)):
            return ()
        return (_differ(self, self.operator, content, place, pointer, doubt),)


@dataclass(frozen=True, slots=True)
class EqualPattern:
    """`equalTo`: one text. `test` judges texts as they came, `kept_test` redacted ones.

    `is_exact` says that just the text of the document fits, once it is redacted.
    """

    document: JsonObject
    test: Callable[[str], bool]
    kept_test: Callable[[str], bool]
    is_exact: bool = True

    size: ClassVar = 1
    concerns_absence: ClassVar = False

    def differences(self, content: Content | None, place: str, pointer: str) -> Iterable[Difference]:
        doubt = None
        if content is not None:
            doubt = content.doubt if content.doubt is Doubt.CUT else None
            test = self.kept_test if content.view.is_kept else self.test
            if doubt is None and test(content.text):
                return ()
        return (_differ(self, "equalTo", content, place, pointer, doubt),)


@dataclass(frozen=True, slots=True)
class AnythingPattern:
    """`anything`: any value, or none."""

    document: JsonObject

    size: ClassVar = 1
    concerns_absence: ClassVar = False

    def differences(self, content: Content | None, place: str, pointer: str) -> Iterable[Difference]:
        return ()


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
        return (_differ(self, "absent", content, place, pointer),)


@dataclass(frozen=True, slots=True)
class JsonEqualityPattern:
    """A JSON value equal to another one, by the rules of `json_equality`.

    `kept` is the same comparison for values that have been redacted.
    """

    document: JsonObject
    equality: JsonEquality
    kept: JsonEquality
    size: int

    concerns_absence: ClassVar = False

    def differences(self, content: Content | None, place: str, pointer: str) -> Iterable[Difference]:
        if content is not None and content.doubt is Doubt.CUT:
            return (_differ(self, "equalToJson", content, place, pointer, Doubt.CUT),)
        if content is None or content.json is UNSET:
            return (Difference(place, pointer, "equalToJson", self.kept.expected, _show(content)),)
        if not content.view.is_kept:
            return self.equality.differences(content.json, place, pointer)
        if self.kept.any_order and self.kept.has_regex and content.doubt is not None:
            # Which item is paired with which hangs on what was hidden.
            if next(self.kept.differences(content.json, place, pointer), None) is None:
                return ()
            return (_differ(self, "equalToJson", content, place, pointer, content.doubt),)
        return self.kept.differences(content.json, place, pointer)


@dataclass(frozen=True, slots=True)
class JsonPathPattern:
    """A JSONPath that selects something, or with an inner pattern something that fits it.

    The differences are those of the selected value that comes closest, at its own pointer. `shown` is the
    expression, redacted.
    """

    document: JsonObject
    path: JsonPath
    shown: str
    inner: ContentPattern | None

    concerns_absence: ClassVar = False

    @property
    def size(self) -> int:
        return self.inner.size if self.inner else 1

    def differences(self, content: Content | None, place: str, pointer: str) -> Iterable[Difference]:
        inner, text = self.inner, self.shown
        if content is not None and content.doubt is Doubt.CUT:
            return (Difference(place, pointer, "matchesJsonPath", text, None, Doubt.CUT),)
        if content is None or content.json is UNSET:
            if inner is not None and inner.concerns_absence:
                return inner.differences(None, place, pointer)
            return (Difference(place, pointer, "matchesJsonPath", text, None),)
        search = self.path.search(content.json, content.view)
        found = list(search if inner else islice(search, 1))
        if search.doubt is not None:
            return (Difference(place, pointer, "matchesJsonPath", text, None, search.doubt),)
        if not found:
            if inner is not None and inner.concerns_absence:
                return inner.differences(None, place, pointer)
            return (Difference(place, pointer, "matchesJsonPath", text, None),)
        if inner is None:
            return ()
        return nearest(
            inner.differences(JsonContent(value, content.view), place, pointer + below)
            for below, value in found
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
        verdict = judge(self.inner.differences(content, place, pointer))
        if verdict is False:
            return ()
        doubt = None if verdict is True else verdict.doubt
        return (_differ(self, "not", content, place, pointer, doubt),)


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

    def differences(
        self, values: Sequence[str], view: View, place: str, pointer: str
    ) -> Iterable[Difference]:
        if not values:
            return self.pattern.differences(None, place, pointer)
        return nearest(self.pattern.differences(TextContent(value, view), place, pointer) for value in values)


@dataclass(frozen=True, slots=True)
class EachPattern:
    """`includes`: each pattern fits some value; `hasExactly`: and there are as many values as patterns."""

    document: JsonObject
    operator: str
    patterns: tuple[ContentPattern, ...]

    @property
    def size(self) -> int:
        return len(self.patterns)

    def differences(
        self, values: Sequence[str], view: View, place: str, pointer: str
    ) -> Iterable[Difference]:
        actual = list(values) or None
        contents = [TextContent(value, view) for value in values]
        for pattern in self.patterns:
            verdicts = [judge(pattern.differences(content, place, pointer)) for content in contents]
            if True not in verdicts:
                doubt = next((item.doubt for item in verdicts if isinstance(item, Difference)), None)
                yield Difference(place, pointer, self.operator, pattern.document, actual, doubt)
        if self.operator == "hasExactly" and values and len(values) != len(self.patterns):
            yield Difference(place, pointer, self.operator, self.document[self.operator], actual)


@dataclass(frozen=True, slots=True)
class NotEachPattern:
    """`not` of `includes` or `hasExactly`: with one pattern in `includes`, that no value fits it."""

    document: JsonObject
    inner: ValuesPattern

    size: ClassVar = 1

    def differences(
        self, values: Sequence[str], view: View, place: str, pointer: str
    ) -> Iterable[Difference]:
        verdict = judge(self.inner.differences(values, view, place, pointer))
        if verdict is False:
            return ()
        doubt = None if verdict is True else verdict.doubt
        return (Difference(place, pointer, "not", self.inner.document, list(values) or None, doubt),)


def _differ(
    pattern: ContentPattern,
    operator: str,
    content: Content | None,
    place: str,
    pointer: str,
    doubt: Doubt | None = None,
) -> Difference:
    return Difference(place, pointer, operator, pattern.document[operator], _show(content), doubt)


def _show(content: Content | None) -> str | None:
    return None if content is None else content.text
