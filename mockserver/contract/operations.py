"""Contract, Operation and their parts: read once by the loader, then only looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Literal, TypeAlias

from mockserver.contract.media_types import MediaType, announce, negotiate
from mockserver.contract.nearest import NearestFinder
from mockserver.contract.parameters import Parameter, ParameterPlace
from mockserver.contract.path_templates import PathTemplates
from mockserver.contract.schema_registry import CompiledSchema, SchemaRegistry
from mockserver.exceptions import Problem
from mockserver.types import Headers, Json, JsonObject

__all__ = [
    "Assumption",
    "Contract",
    "Envelope",
    "Operation",
    "Parameter",
    "ParameterPlace",
    "PathItem",
    "RequestBody",
    "Requirement",
    "ResponseHeader",
    "SecurityScheme",
    "Soundness",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class SecurityScheme:
    """One way in which a request can say who makes it (OpenAPI 3.1.1, section 4.8.27).

    `kind` is `apiKey`, `oauth2`, `openIdConnect` or `mutualTLS`, or the HTTP authentication scheme in lower
    case (`basic`, `bearer`); `place` and `parameter` say where the credential stands.
    """

    name: str
    kind: str
    place: Literal["header", "query", "cookie"]
    parameter: str


# All of these schemes together let a request in.
Requirement: TypeAlias = tuple[SecurityScheme, ...]


@dataclass(frozen=True, slots=True)
class RequestBody:
    """What an operation takes: its media types, by the names that the contract gives them.

    `media` is the one that an example request is written in: JSON, where that is among them.
    """

    required: bool
    content: Mapping[str, MediaType]
    media: MediaType | None

    @property
    def examples(self) -> Mapping[str, Json]:
        return {} if self.media is None else self.media.examples

    @property
    def schema_pointer(self) -> str:
        return "" if self.media is None else self.media.schema_pointer

    @property
    def members(self) -> frozenset[str] | None:
        return None if self.media is None else self.media.members


@dataclass(frozen=True, slots=True)
class ResponseHeader:
    """A header of an answer: the values that the contract gives for it, the schema that others have, and
    whether it always comes."""

    name: str
    examples: tuple[Json, ...]
    schema_pointer: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Envelope:
    """The body of one status in one media type: its schema and its named examples.

    `media_type` is None where there is no body; `content_type` is the header that tells it. `content` are all
    media types of the status, by name; `media` is this one.
    """

    status: str
    media_type: str | None
    is_json: bool
    content_type: Headers
    schema: CompiledSchema | None
    schema_pointer: str
    examples: Mapping[str, Json]
    headers: Mapping[str, ResponseHeader]
    media: MediaType | None
    content: Mapping[str, MediaType]

    def accepted(self, accept: str | None) -> Envelope | None:
        """The envelope in the media type that an Accept header likes best; None where it likes none."""
        if self.media is None or accept is None or (self.is_json and accept in ("*/*", "application/json")):
            return self
        found = negotiate(self.content, accept)
        if found is None:
            return None
        media, name = found
        if media is self.media and name == media.name:
            return self
        return replace(
            self,
            media_type=name,
            is_json=media.is_json,
            content_type=announce(name),
            schema=media.schema,
            schema_pointer=media.schema_pointer,
            examples=media.examples,
            media=media,
        )


class Soundness:
    """Whether an operation can be served: found out when it is first asked, unless that is known already."""

    __slots__ = ("_check", "_problem")

    def __init__(self, problem: str | None, check: Callable[[], str | None] | None = None) -> None:
        self._problem = problem
        self._check = check

    @property
    def problem(self) -> str | None:
        """Why it cannot be served; None where it can."""
        if self._check is not None:
            self._problem, self._check = self._check(), None
        return self._problem


@dataclass(frozen=True, slots=True)
class Operation:
    """A method on a path template, with all that the contract says about it.

    `header_parameters` are those of `parameters` that stand in headers, cookies among them. `statuses` are
    the documented ones that are numbers, ascending; `success_statuses` those that it succeeds with. Each of
    `security` lets a request in by itself; `requires_credential` says that none does so without a credential.
    `prefixes` are the paths of its servers' URLs.
    """

    id: str
    method: str
    path: str
    summary: str
    parameters: tuple[Parameter, ...]
    header_parameters: tuple[Parameter, ...]
    body: RequestBody | None
    envelopes: Mapping[str, Envelope]
    permission: str | None
    security: tuple[Requirement, ...]
    statuses: tuple[int, ...]
    success_statuses: tuple[int, ...]
    prefixes: tuple[str, ...]
    soundness: Soundness
    conditions: Mapping[str, str | None] = field(default_factory=dict)
    requires_credential: bool = field(init=False)
    # Those of `envelopes` whose status is one number.
    _of_numbers: Mapping[int, Envelope] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        numbers = {int(status): each for status, each in self.envelopes.items() if status.isdecimal()}
        object.__setattr__(self, "_of_numbers", numbers)
        object.__setattr__(self, "requires_credential", bool(self.security) and all(self.security))

    @property
    def problem(self) -> str | None:
        """Why the operation cannot be served; None where it can."""
        return self.soundness.problem

    @property
    def media_types(self) -> Iterator[MediaType]:
        """Those of its body and of its answers."""
        if self.body is not None:
            yield from self.body.content.values()
        for envelope in self.envelopes.values():
            yield from envelope.content.values()

    def envelope(self, status: int) -> Envelope | None:
        """The envelope that documents a status: its own, its range's (`4XX`), or the default one."""
        found = self._of_numbers.get(status)
        return found or self.envelopes.get(f"{status // 100}XX") or self.envelopes.get("default")


@dataclass(frozen=True, slots=True)
class PathItem:
    """The operations of one path, by method; `others` are further ones, which their conditions tell apart."""

    path: str
    operations: Mapping[str, Operation]
    others: Mapping[str, tuple[Operation, ...]] = field(default_factory=dict)

    def find(
        self, method: str, query: Mapping[str, Sequence[str]], implied: frozenset[str] = frozenset()
    ) -> Operation | None:
        """The operation for a method and the pairs of a query; HEAD is GET's, where it is `implied`."""
        if method == "HEAD" and method not in self.operations and method in implied:
            method = "GET"
        found = self.operations.get(method)
        if found is None or method not in self.others:
            return found
        fitting = [
            operation
            for operation in (found, *self.others[method])
            if all(
                name in query and (value is None or value in query[name])
                for name, value in operation.conditions.items()
            )
        ]
        return max(fitting, key=lambda operation: len(operation.conditions), default=found)

    def list_operations(self) -> list[Operation]:
        """All operations of the path."""
        return [*self.operations.values(), *chain.from_iterable(self.others.values())]

    def list_methods(self, implied: frozenset[str] = frozenset()) -> list[str]:
        """The methods that the path takes, for the Allow header (RFC 9110, section 10.2.1)."""
        more = implied if "GET" in self.operations else implied - {"HEAD"}
        return sorted(self.operations.keys() | more)


@dataclass(frozen=True, slots=True)
class Assumption:
    """Something that the contract says and nobody documented. `provenance` is inferred or invented."""

    what: str
    provenance: str
    source: str


@dataclass(frozen=True, slots=True)
class Contract:
    """A loaded contract.

    `prefix` is the path of its server URL (`/v1`); `document` the whole as one OpenAPI document without
    outside references. `schemas` are those that answers are judged and made by, `request_schemas` those of
    requests. `problems` make it or an operation of it unusable, `warnings` do not. `rules` is the name of the
    rules that it asks for (`x-mockserver`), None where it names none.
    """

    title: str
    version: str
    server: str
    prefix: str
    operations: Mapping[str, Operation]
    paths: PathTemplates[PathItem]
    document: JsonObject
    schemas: SchemaRegistry
    request_schemas: SchemaRegistry
    assumptions: tuple[Assumption, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    nearest: NearestFinder
    security_schemes: Mapping[str, SecurityScheme]
    rules: str | None

    def find_nearest(self, method: str, path: str) -> Operation | None:
        """The operation whose method and path look most like these; for hints only."""
        operations = tuple(self.operations.values())
        index = self.nearest.find(f"{method} {path}")
        return None if index is None else operations[index]
