"""The parts of a request pattern. Each compares one thing of a request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from mockserver.scripting.content_patterns import ContentPattern, ValuesPattern
from mockserver.scripting.differences import Difference
from mockserver.scripting.subjects import Subject

# WireMock's weights (RequestPattern.java). All headers together count 1.0, and so does each other group.
URL_WEIGHT = 10.0
METHOD_WEIGHT = 3.0

FindValues = Callable[[Subject], Mapping[str, Sequence[str]]]


class Part(Protocol):
    """`size` is the number of values that it compares, `weight` how much it counts in a distance."""

    @property
    def weight(self) -> float: ...

    @property
    def size(self) -> int: ...

    def differences(self, subject: Subject) -> Iterable[Difference]: ...


@dataclass(frozen=True, slots=True)
class MethodPart:
    """The method, in upper case."""

    method: str

    weight: ClassVar = METHOD_WEIGHT
    size: ClassVar = 1

    def differences(self, subject: Subject) -> Iterable[Difference]:
        if subject.method == self.method:
            return ()
        return (Difference("method", "", "equalTo", self.method, subject.method),)


@dataclass(frozen=True, slots=True)
class UrlPart:
    """A test of the path (`place` "path") or of path and query ("url")."""

    place: str
    operator: str
    expected: str
    test: Callable[[str], bool]

    weight: ClassVar = URL_WEIGHT
    size: ClassVar = 1

    def differences(self, subject: Subject) -> Iterable[Difference]:
        actual = subject.path if self.place == "path" else subject.url
        if self.test(actual):
            return ()
        return (Difference(self.place, "", self.operator, self.expected, actual),)


@dataclass(frozen=True, slots=True)
class ValuesPart:
    """The values of one name: a query parameter, a header, a cookie, a form field, a path parameter."""

    place: str
    name: str
    pointer: str
    find: FindValues
    pattern: ValuesPattern
    weight: float

    @property
    def size(self) -> int:
        return self.pattern.size

    def differences(self, subject: Subject) -> Iterable[Difference]:
        return self.pattern.differences(self.find(subject).get(self.name, ()), self.place, self.pointer)


@dataclass(frozen=True, slots=True)
class BodyPart:
    """One pattern of the body."""

    pattern: ContentPattern
    weight: float

    @property
    def size(self) -> int:
        return self.pattern.size

    def differences(self, subject: Subject) -> Iterable[Difference]:
        # An empty body is an empty text, and absent to who asks for absence.
        is_absent = not subject.body and self.pattern.concerns_absence
        return self.pattern.differences(None if is_absent else subject, "body", "")
