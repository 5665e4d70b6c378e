"""Example requests: what an operation takes, as values, as a URL, as a line for a shell."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from urllib.parse import quote

from mockserver.contract import Contract, Operation, Parameter
from mockserver.exceptions import Problem
from mockserver.json_codec import dumps
from mockserver.security.schemes import Shown
from mockserver.seeds import Seed
from mockserver.synthesis.layers import NoValue
from mockserver.synthesis.values import make_value
from mockserver.types import Json


def example_body(contract: Contract, operation: Operation) -> Json:
    """A body that the operation takes: its first example or a value of its schema; None if it takes none, or
    none can be made."""
    body = operation.body
    if body is None:
        return None
    if body.examples:
        return next(iter(body.examples.values()))
    schemas = contract.request_schemas
    schema = schemas.at(body.schema_pointer) if body.schema_pointer else True
    seed = Seed("example", operation.id)
    with suppress(NoValue):
        return make_value(schema, seed, resolve=schemas.resolve, minimal=True, is_valid=schemas.accepts)
    return None


def find_unmakeable(contract: Contract) -> Iterator[Problem]:
    """The answers for which the contract has no example, and of whose schema no value can be made.

    Found out with the smallest values: larger ones leave out what cannot be made.
    """
    schemas = contract.schemas
    for operation in contract.operations.values():
        for status, envelope in operation.envelopes.items():
            if envelope.schema is None or envelope.examples or operation.problem is not None:
                continue
            pointer = envelope.schema_pointer
            try:
                schema = schemas.at(pointer)
                seed = Seed("check", operation.id, status)
                make_value(schema, seed, resolve=schemas.resolve, minimal=True, is_valid=schemas.accepts)
            except NoValue as error:
                text = f"{operation.id} cannot answer {status}, as no value can be made: {error}"
                yield Problem(text, pointer)


def example_url(contract: Contract, operation: Operation, arguments: Mapping[str, str]) -> str:
    """Path and query of a request that the operation takes, with what it requires and nothing else.

    `arguments` are the values of parameters by name; any other is made up.
    """
    path = operation.prefixes[0] + operation.path
    query: list[str] = []
    for parameter in operation.parameters:
        if not parameter.required or parameter.place not in ("path", "query"):
            continue
        value = arguments.get(parameter.name) if parameter.name in arguments else _example_text(parameter)
        if parameter.place == "path":
            path = path.replace(f"{{{parameter.name}}}", quote(value or "", safe=""))
        else:
            query.append(f"{quote(parameter.name)}={quote(value or '', safe='')}")
    return f"{path}?{'&'.join(query)}" if query else path


def _example_text(parameter: Parameter) -> str:
    for kind, text in (("integer", "1"), ("number", "1"), ("boolean", "true")):
        if kind in parameter.types:
            return text
    return "string"


def curl_line(
    contract: Contract,
    operation: Operation,
    origin: str,
    arguments: Mapping[str, str],
    *,
    credentials: Iterable[Shown] = (),
    headers: Iterable[str] = (),
    body: str | None = None,
) -> str:
    """A line for a shell that makes a request which succeeds, but for what is given otherwise."""
    url, cookies = f"{origin}{example_url(contract, operation, arguments)}", []
    parts: list[str] = []
    for shown in credentials:
        if shown.place == "query":
            url += f"{'&' if '?' in url else '?'}{quote(shown.name)}={quote(shown.value, safe='')}"
        elif shown.place == "cookie":
            cookies.append(f"{shown.name}={shown.value}")
        else:
            parts += ["-H", f"{shown.name}: {shown.value}"]
    if cookies:
        parts += ["-H", f"Cookie: {'; '.join(cookies)}"]
    for header in headers:
        parts += ["-H", header]
    if operation.body is not None:
        text = body if body is not None else dumps(example_body(contract, operation)).decode("utf-8")
        parts += ["-H", "Content-Type: application/json", "-d", text]
    return " ".join(shlex.quote(part) for part in ("curl", "-X", operation.method, url, *parts))
