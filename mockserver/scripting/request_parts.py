"""The parts of a request pattern. Each compares one thing of a request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar, Protocol

from mockserver.redaction import holds_hidden
from mockserver.scripting.content_patterns import ContentPattern, ValuesPattern
from mockserver.scripting.differences import Difference, Doubt, judge
from mockserver.scripting.subjects import Subject
from mockserver.types import JsonObject

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
    """The method, one of several, in upper case. `methods` are as they came, `shown` redacted."""

    methods: tuple[str, ...]
    shown: tuple[str, ...]

    weight: ClassVar = METHOD_WEIGHT
    size: ClassVar = 1

    def differences(self, subject: Subject) -> Iterable[Difference]:
        if subject.method in (self.shown if subject.view.is_kept else self.methods):
            return ()
        expected = self.shown[0] if len(self.shown) == 1 else list(self.shown)
        return (Difference("method", "", "equalTo", expected, subject.method),)


@dataclass(frozen=True, slots=True)
class UrlPart:
    """A test of the path (`place` "path") or of path and query ("url").

    A path that reaches the same operations with and without its last slash is tried both ways. `kept_test`
    is for a URL in which something was hidden; None where only the URL that came could be tested.
    """

    place: str
    operator: str
    expected: str
    test: Callable[[str], bool]
    kept_test: Callable[[str], bool] | None = None

    weight: ClassVar = URL_WEIGHT
    size: ClassVar = 1

    def differences(self, subject: Subject) -> Iterable[Difference]:
        is_path = self.place == "path"
        actual, other = (subject.path, subject.other_path) if is_path else (subject.url, subject.other_url)
        test: Callable[[str], bool] | None = self.test
        if subject.view.is_kept and holds_hidden(actual):
            test = self.kept_test
        if test is not None and (test(actual) or (other is not None and test(other))):
            return ()
        doubt = Doubt.HIDDEN if test is None else None
        return (Difference(self.place, "", self.operator, self.expected, actual, doubt),)


@dataclass(frozen=True, slots=True)
class ValuesPart:
    """The values of one name: a query parameter, a header, a cookie, a form field, a path parameter.

    `shown_name` is the name, and `pointer` leads to it, as redaction leaves it.
    """

    place: str
    name: str
    shown_name: str
    pointer: str
    find: FindValues
    pattern: ValuesPattern
    weight: float

    @property
    def size(self) -> int:
        return self.pattern.size

    def differences(self, subject: Subject) -> Iterable[Difference]:
        view = subject.view
        if view.is_kept and subject.is_cut and self.place == "body":
            return (Difference(self.place, self.pointer, "anything", None, None, Doubt.CUT),)
        values = self.find(subject).get(self.shown_name if view.is_kept else self.name, ())
        return self.pattern.differences(values, view, self.place, self.pointer)


@dataclass(frozen=True, slots=True)
class MultipartPart:
    """What is expected of one part of a multipart body, or with `is_for_all` of each of them."""

    document: JsonObject
    parts: tuple[Part, ...]
    is_for_all: bool
    weight: float

    size: ClassVar = 1

    def differences(self, subject: Subject) -> Iterable[Difference]:
        found = subject.parts
        verdict = self._judge(found)
        if subject.view.is_kept and subject.is_cut:
            doubt: Doubt | None = Doubt.CUT
        elif verdict is True:
            return ()
        else:
            doubt = verdict.doubt if isinstance(verdict, Difference) else None
        return (Difference("body", "", "multipartPatterns", self.document, f"{len(found)} parts", doubt),)

    def _judge(self, found: Sequence[Subject]) -> bool | Difference:
        verdicts = [
            judge(chain.from_iterable(part.differences(item) for part in self.parts)) for item in found
        ]
        decisive = not self.is_for_all
        if decisive in verdicts or not found:
            return decisive and bool(found)
        doubtful = next((item for item in verdicts if isinstance(item, Difference)), None)
        return (not decisive) if doubtful is None else doubtful


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
