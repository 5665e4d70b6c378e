"""RequestMatcher: a WireMock request pattern, read once and matched often.

    {"method": "POST", "urlPath": "/v1/keys/", "queryParameters": {"page": {"equalTo": "1"}}}

One function finds the differences between a pattern and a request; matching is the absence of any. What
cannot be honoured here is refused when it is read, never ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy

from mockserver.exceptions import StubError
from mockserver.scripting.differences import Difference, judge, total_distance
from mockserver.scripting.equalities import find_equalities
from mockserver.scripting.reading import Reading, drop_nulls, keep, name_kind
from mockserver.scripting.request_parts import UrlPart
from mockserver.scripting.request_patterns import RequestPattern, read_pattern
from mockserver.scripting.subjects import Subject
from mockserver.types import Json, JsonObject

__all__ = ["Difference", "RequestMatcher", "read_request_pattern"]


class RequestMatcher:
    """A request pattern, ready to match. It never changes.

    For an index: `methods` in upper case, none for any; `literal_path`, to which the path must be equal
    in the spelling of `subjects.normal_path`, None if there is no such path; `literal_query`, a name and
    the text that one of its values must be, or None; `equalities` what else must be equal. `names_url` says
    that not every path fits; `weight` is what its parts count together.
    """

    __slots__ = (
        "_document", "_parts", "_templates", "equalities", "literal_path", "literal_query", "methods",
        "names_url", "weight",
    )  # fmt: skip

    def __init__(self, pattern: RequestPattern) -> None:
        self._document = pattern.document
        self._parts = pattern.parts
        self.weight = sum(part.weight for part in pattern.parts)
        self.methods = pattern.methods
        self._templates = pattern.templates
        self.names_url = any(isinstance(part, UrlPart) for part in pattern.parts)
        self.literal_path = pattern.literal_path
        self.literal_query = pattern.literal_query
        self.equalities = find_equalities(pattern.parts)

    def differences(self, subject: Subject) -> Iterator[Difference]:
        """Everything in which the request differs from the pattern, found one by one."""
        for part in self._parts:
            yield from part.differences(subject)

    def judge(self, subject: Subject) -> bool | Difference:
        """Whether the request fits; a difference in doubt where that is not known."""
        return judge(self.differences(subject))

    def path_parameters(self, path: str) -> dict[str, str]:
        """What stands in a path, which fits, where `urlPathTemplate` has parameters; decoded."""
        found = None if self._templates is None else self._templates.find(path)
        return {} if found is None else dict(found[1])

    def distance(self, subject: Subject) -> float:
        """0.0 for a match to 1.0 for nothing in common: the weighted mean over what the pattern asks for."""
        total = sum(
            part.weight * min(1.0, total_distance(part.differences(subject)) / part.size)
            for part in self._parts
        )
        return total / self.weight if self.weight else 0.0

    def to_json(self) -> JsonObject:
        """The pattern as it was read, secrets redacted. A copy, so it may be changed."""
        return deepcopy(self._document)


def read_request_pattern(
    document: Json, *, pointer: str = "/request", redact: Callable[[str], str] = keep
) -> RequestMatcher:
    """Read WireMock's request pattern.

    `pointer` is where the pattern stands in the document that the user wrote. `redact` is applied to what is
    shown of it; if it is given, what is expected of Authorization and of cookies is hidden as a whole. It
    matches requests as they came, and redacted ones as far as that can be known. Raises StubError with every
    problem.
    """
    reading = Reading(redact)
    if not isinstance(document, dict):
        reading.refuse(pointer, f"a request pattern must be an object, not {name_kind(document)}")
        raise StubError(reading.problems)
    pattern = read_pattern(drop_nulls(document), pointer, reading)
    if pattern is None:
        raise StubError(reading.problems)
    return RequestMatcher(pattern)
