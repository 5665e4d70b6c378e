"""Example requests: what an operation takes, as values, as a URL, as a line for a shell."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from urllib.parse import quote

from mockserver.contract import Contract, Operation, Parameter
from mockserver.contract.media_types import MediaType, usual_name
from mockserver.exceptions import ContractError, Problem
from mockserver.json_codec import dumps
from mockserver.security.schemes import Shown
from mockserver.seeds import Seed
from mockserver.synthesis.layers import NoValue
from mockserver.synthesis.values import make_value
from mockserver.synthesis.writing import make_media_value, write_body, write_simple
from mockserver.types import Json


def example_body(contract: Contract, operation: Operation) -> Json:
    """A body that the operation takes: its first example or a value of its schema; None if it takes none, or
    none can be made."""
    media = None if operation.body is None else operation.body.media
    if media is None:
        return None
    if media.examples:
        return next(iter(media.examples.values()))
    schemas = contract.request_schemas
    seed = Seed("example", operation.id)
    with suppress(NoValue, ContractError):
        if media.form == "binary" or not media.schema_pointer:
            return make_media_value(media, media.name, schemas, seed)
        schema = schemas.at(media.schema_pointer)
        return make_value(schema, seed, resolve=schemas.resolve, minimal=True, is_valid=schemas.accepts)
    return None


def _body_options(
    contract: Contract, operation: Operation, media: MediaType | None, text: str | None
) -> list[str]:
    """The options of curl that send a body: the given text, else an example in its media type."""
    if media is None:
        return []
    value = example_body(contract, operation) if text is None else text
    if media.form == "multipart" and isinstance(value, dict):
        # curl writes the Content-Type, with the boundary that it has chosen.
        fields = [
            (name, item if isinstance(item, str) else dumps(item).decode()) for name, item in value.items()
        ]
        return [part for name, item in fields for part in ("--form-string", f"{name}={item}")]
    data = write_body(media, value).decode("latin-1") if text is None and not media.is_json else text
    if data is None:
        data = dumps(value).decode("utf-8")
    option = "-d" if media.form in ("json", "form") else "--data-binary"
    # What no shell can carry is left to a file of one's own.
    shown = data if data.isprintable() or media.form != "binary" else "@file"
    return ["-H", f"Content-Type: {usual_name(media.name)}", option, shown]


def find_unmakeable(contract: Contract) -> Iterator[Problem]:
    """The answers for which the contract has no example, and of whose schema no value can be made.

    Found out with the smallest values: larger ones leave out what cannot be made.
    """
    schemas = contract.schemas
    for operation in contract.operations.values():
        for status, envelope in operation.envelopes.items():
            if envelope.schema is None or envelope.examples or operation.problem is not None:
                continue
            if envelope.media is not None and envelope.media.form == "binary":
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
        value = (
            arguments.get(parameter.name)
            if parameter.name in arguments
            else _example_text(contract, parameter)
        )
        if parameter.place == "path":
            path = path.replace(f"{{{parameter.name}}}", quote(value or "", safe=""))
        else:
            query.append(f"{quote(parameter.name)}={quote(value or '', safe='')}")
    return f"{path}?{'&'.join(query)}" if query else path


def _example_text(contract: Contract, parameter: Parameter) -> str:
    """A text that the parameter takes: of its first example, else of a value of its schema."""
    value: Json = "string"
    if parameter.examples:
        value = parameter.examples[0]
    elif parameter.schema_pointer:
        schemas = contract.request_schemas
        with suppress(NoValue, ContractError):
            schema = schemas.at(parameter.schema_pointer)
            seed = Seed("example", parameter.place, parameter.name)
            value = make_value(schema, seed, resolve=schemas.resolve, minimal=True, is_valid=schemas.accepts)
    text = dumps(value).decode("utf-8") if parameter.style == "content" else write_simple(value)
    if parameter.style == "label":
        return f".{text}"
    return f";{parameter.name}={text}" if parameter.style == "matrix" else text


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
    if operation.body is not None and operation.problem is None:
        parts += _body_options(contract, operation, operation.body.media, body)
    return " ".join(shlex.quote(part) for part in ("curl", "-X", operation.method, url, *parts))
