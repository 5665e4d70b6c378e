"""All that a request line tells: which operation is reached, its parameters, what stubs are looked up by, how
the line may be shown."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote_plus

from mockserver.contract import Contract, Operation, PathItem
from mockserver.contract.parameters import decode_text, find_values, read_pairs, split_values
from mockserver.contract.validation import CallWarning, Violation, read_parameter
from mockserver.http_fields import read_query
from mockserver.json_codec import dumps_canonical
from mockserver.redaction import hide, redact, redact_path, redact_query
from mockserver.scripting.stub_index import BucketKey, list_bucket_keys
from mockserver.settings import NAMESPACE_NAME
from mockserver.types import UNSET, Json, JsonObject

# Longer lines are unusual, and so many of them would take room.
MAX_REMEMBERED_LENGTH = 1_024

_NAMED_PATH = re.compile(rf"/~({NAMESPACE_NAME.pattern})(?=/|$)")
# Names under which people send credentials in URLs, without their underscores.
_TOKEN_NAMES = frozenset({"accesstoken", "apikey", "token", "authorization"})


class LineFacts:
    """What a request line tells.

    `namespace` is the one that the path names; `path` the path without it, still percent-encoded; `query` is
    decoded; `problem` says why the operation cannot be served, None where it can; `nearest` names the
    operation that comes nearest where none is reached; `other_path` is the path
    with or without its last slash, where that reaches the same operations. `arguments` holds the valid
    parameters of path and query by name, converted and with defaults,
    `violations` what is wrong with the others. `shown_…` is each part as it may be kept and shown, and
    `is_clean` says that nothing in it had to be hidden. `canonical` is equal for lines that mean the same to
    their operation; `stub_keys` is what stubs are looked up by; `is_cacheable` says that the line is short
    and holds no secret, so that it may stay in memory.
    """

    __slots__ = (
        "arguments", "canonical", "is_cacheable", "is_clean", "namespace", "nearest", "operation",
        "other_path", "path", "path_item", "path_parameters", "problem", "query", "shown_method",
        "shown_other_path", "shown_path", "shown_path_parameters", "shown_query", "stub_keys", "violations",
        "warnings",
    )  # fmt: skip

    def __init__(
        self,
        contract: Contract,
        secrets: frozenset[str],
        implied: frozenset[str],
        method: str,
        path: str,
        query: str,
    ) -> None:
        self.namespace, self.path = _split_namespace(path)
        self.query = read_query(query)
        self.shown_method, self.shown_path, self.shown_query = (
            redact(method),
            redact_path(self.path),
            _hide_values(redact_query(query), secrets) if secrets else redact_query(query),
        )
        self.is_clean = self.shown_path is self.path and self.shown_query is query
        is_short = len(method) + len(path) + len(query) <= MAX_REMEMBERED_LENGTH
        is_open = self.is_clean and self.shown_method is method and not _names_token(self.query)
        self.is_cacheable = is_short and is_open
        self.arguments: dict[str, Json] = {}
        self.violations: list[Violation] = []
        self.warnings: list[CallWarning] = []
        if (
            self.query
            and secrets.isdisjoint(self.query)
            and (self.shown_query is not query or _names_token(self.query))
        ):
            # Never taken as a credential, and URLs end in logs that nobody watches.
            text = "the query holds what looks like a credential; it is not used, and URLs end in logs"
            self.warnings.append(CallWarning("credential_in_query", text))
        self.nearest: JsonObject | None = None
        self.path_item: PathItem | None = None
        self.operation: Operation | None = None
        self.problem: str | None = None
        self.path_parameters: dict[str, str] = {}
        found = contract.paths.find(self.path, method)
        if found is not None:
            self.path_item, self.path_parameters = found
            self.operation = self.path_item.find(method, self.query, implied)
        self.other_path = None if found is None else find_other_path(contract, self.path)
        self.shown_path_parameters = (
            self.path_parameters
            if self.is_clean
            else {name: redact(value) for name, value in self.path_parameters.items()}
        )
        if self.operation is not None:
            self.problem = self.operation.problem
            if self.problem is None:
                self._read_parameters(self.operation, query)
        else:
            self._hint(contract, method)
        name = self.operation.id if self.operation is not None else None
        self.canonical = dumps_canonical([name or self.path, self.path_parameters, self.query])
        # The stubs know secrets by their redacted form only.
        shown = self.query if self.is_clean else read_query(self.shown_query)
        self.shown_other_path = None if self.other_path is None else redact_path(self.other_path)
        paths = [path for path in (self.shown_path, self.shown_other_path) if path is not None]
        self.stub_keys: tuple[BucketKey, ...] = list_bucket_keys(self.shown_method, paths, shown, name)

    def __repr__(self) -> str:
        return f"<LineFacts {self.shown_method} {self.operation.id if self.operation else None}>"

    def _read_parameters(self, operation: Operation, query: str) -> None:
        pairs = read_pairs(query)
        others = frozenset(parameter.name for parameter in operation.parameters)
        for parameter in operation.parameters:
            if parameter.place == "query":
                parts = find_values(parameter, pairs, others)
            elif parameter.place == "querystring":
                parts = decode_text(query) if query else UNSET
            elif parameter.place == "path":
                text = self.path_parameters.get(parameter.name)
                parts = UNSET if text is None else split_values(parameter, [text])
            else:
                continue
            read_parameter(parameter, parts, self.arguments, self.violations)

    def _hint(self, contract: Contract, method: str) -> None:
        nearest = contract.find_nearest(method, self.path)
        if nearest is not None:
            path = contract.prefix + nearest.path
            self.nearest = {"operation": nearest.id, "method": nearest.method, "path": path}
            where = f"{nearest.id} ({nearest.method} {path})"
            text = f"no operation has this method and path; the nearest is {where}"
            self.warnings.append(CallWarning("unknown_operation", text))


def find_other_path(contract: Contract, path: str) -> str | None:
    """A path with or without its last slash, where that reaches the same operations; else None."""
    other = path[:-1] if path.endswith("/") else f"{path}/"
    found, same = contract.paths.find(other), contract.paths.find(path)
    return other if found is not None and same is not None and found[0] is same[0] else None


def _names_token(query: dict[str, list[str]]) -> bool:
    return any(name.replace("_", "").lower() in _TOKEN_NAMES for name in query)


def _hide_values(query: str, secrets: frozenset[str]) -> str:
    """A query string with the values of these parameters hidden; the same object if there are none."""
    if secrets.isdisjoint(read_query(query)):
        return query

    def hide_value(pair: str) -> str:
        name, _, value = pair.partition("=")
        if not value or unquote_plus(name) not in secrets:
            return pair
        return f"{name}={quote(hide(unquote_plus(value)), safe='[]')}"

    return "&".join(map(hide_value, query.split("&")))


def _split_namespace(path: str) -> tuple[str | None, str]:
    match = _NAMED_PATH.match(path) if path.startswith("/~") else None
    if match is None:
        return None, path
    return match.group(1), path[match.end() :] or "/"
