"""Contract, Operation and their parts: read once by the loader, then only looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from mockserver.contract.path_templates import PathTemplates
from mockserver.contract.schema_registry import CompiledSchema, SchemaRegistry
from mockserver.exceptions import Problem
from mockserver.types import Headers, Json, JsonObject

Place = Literal["query", "path", "header", "cookie"]


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
class Parameter:
    """One parameter of an operation.

    `types` are the JSON types that its text can stand for; `is_list` means that it may be repeated;
    `extensions` are its members that begin with `x-`.
    """

    name: str
    place: Place
    required: bool
    schema: CompiledSchema
    types: frozenset[str]
    is_list: bool
    default: Json
    extensions: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class RequestBody:
    """What an operation takes: the schema of each media type, and the members that it names at its top.

    `members` is None where the schema does not say, so that no member is unknown. `examples` and
    `schema_pointer` are those of the last media type.
    """

    required: bool
    schemas: Mapping[str, CompiledSchema]
    members: frozenset[str] | None
    examples: Mapping[str, Json]
    schema_pointer: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """The body of one status: its schema, its named examples, and where they come from.

    `media_type` is None where there is no body; `content_type` is the header that tells it.
    """

    status: str
    media_type: str | None
    is_json: bool
    content_type: Headers
    schema: CompiledSchema | None
    schema_pointer: str
    examples: Mapping[str, Json]
    headers: Mapping[str, JsonObject]
    description: str
    provenance: str
    source: str


@dataclass(frozen=True, slots=True)
class Operation:
    """A method on a path template, with all that the contract says about it.

    `header_parameters` are those of `parameters` that stand in headers, cookies among them. `statuses` are
    the documented ones that are numbers, ascending; `success_statuses` those that it succeeds with. Each of
    `security` lets a request in by itself.
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

    @property
    def requires_credential(self) -> bool:
        """Whether no requirement lets a request in that brings no credential."""
        return bool(self.security) and all(self.security)

    def envelope(self, status: int) -> Envelope | None:
        """The envelope that documents a status: its own, its range's (`4XX`), or the default one."""
        envelopes = self.envelopes
        return envelopes.get(str(status)) or envelopes.get(f"{status // 100}XX") or envelopes.get("default")


@dataclass(frozen=True, slots=True)
class PathItem:
    """The operations of one path, by method. `allow` is the value of the Allow header."""

    path: str
    operations: Mapping[str, Operation]
    allow: bytes


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
    outside references; `warnings` what was wrong with it without making it unusable; `rules` the name of the
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
    assumptions: tuple[Assumption, ...]
    warnings: tuple[Problem, ...]
    security_schemes: Mapping[str, SecurityScheme]
    rules: str | None

    def find_nearest(self, method: str, path: str) -> Operation | None:
        """The operation whose method and path look most like these; for hints only."""
        from difflib import SequenceMatcher

        def likeness(operation: Operation) -> float:
            return SequenceMatcher(
                None, f"{method} {path}"[:300], f"{operation.method} {operation.path}"
            ).ratio()

        return max(self.operations.values(), key=likeness, default=None)
