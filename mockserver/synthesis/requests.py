"""Example requests: what an operation takes, as values, as a URL, as a line for a shell."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import quote

from mockserver.contract import Contract, Operation, Parameter
from mockserver.contract.media_types import BOUNDARY, MediaType, usual_name
from mockserver.contract.parameters import read_value
from mockserver.contract.schema_registry import CompiledSchema, SchemaRegistry
from mockserver.exceptions import ContractError, Problem
from mockserver.json_codec import dumps
from mockserver.security.schemes import Shown
from mockserver.seeds import Seed
from mockserver.synthesis.layers import NoValue
from mockserver.synthesis.styles import list_texts, write_pairs, write_segment, write_styled
from mockserver.synthesis.values import make_value
from mockserver.synthesis.writing import make_media_value, write_body
from mockserver.types import UNSET, Json, UnsetType

_CLIENTS_OWN = frozenset({"connection", "content-length", "host", "transfer-encoding"})
# What no value is told of.
_ANY_TEXT = "string"


def example_body(contract: Contract, operation: Operation) -> Json:
    """A body that the operation takes: its first example or a value of its schema; None if it takes none, or
    none can be made."""
    media = None if operation.body is None else operation.body.media
    value: Json | UnsetType = UNSET if media is None else _body_value(contract, operation, media)
    return None if value is UNSET else value


def _body_value(contract: Contract, operation: Operation, media: MediaType) -> Json | UnsetType:
    for example in media.examples.values():
        if media.form != "multipart" or isinstance(example, dict):
            return example
    schemas = contract.request_schemas
    seed = Seed("example", operation.id)
    if media.form == "multipart" and not media.schema_pointer:
        return {}
    if media.form == "binary" or not media.schema_pointer:
        with suppress(NoValue, ContractError):
            return make_media_value(media, media.name, schemas, seed)
        return UNSET
    has_members = media.form in ("form", "multipart")
    value = _make(schemas, media.schema_pointer, seed, is_seen=_shows_all if has_members else None)
    # Parts have names, whatever the schema says.
    return {} if media.form == "multipart" and not isinstance(value, dict) else value


def _make(
    schemas: SchemaRegistry, pointer: str, seed: Seed, *, is_seen: Callable[[Json], bool] | None = None
) -> Json | UnsetType:
    """The smallest value of a schema, else a usual one; UNSET where none can be made.

    `is_seen` says whether nothing of a value gets lost where it is written; another is taken last.
    """
    found: Json | UnsetType = UNSET
    for is_minimal in (True, False):
        with suppress(NoValue, ContractError):
            found = make_value(
                schemas.at(pointer),
                seed,
                resolve=schemas.resolve,
                minimal=is_minimal,
                is_valid=schemas.accepts,
            )
            if is_seen is None or is_seen(found):
                return found
    return found


def _shows(value: Json) -> bool:
    """Whether a URL, a header or a field of a form shows anything of a value."""
    return value not in ("", [], {})


def _shows_all(value: Json) -> bool:
    return _shows(value) and (not isinstance(value, dict) or all(map(_shows, value.values())))


def _body_options(
    contract: Contract, operation: Operation, media: MediaType | None, text: str | None
) -> list[str]:
    """The options of curl that send a body: the given text, else an example in its media type."""
    if media is None:
        return []
    value = _body_value(contract, operation, media) if text is None else text
    if value is UNSET:
        return []
    name = usual_name(media.name)
    if media.form == "multipart" and isinstance(value, dict):
        # curl writes the Content-Type, with the boundary that it has chosen.
        fields = [(name, text) for name, item in value.items() for text in list_texts(item)]
        options = [part for name, item in fields for part in ("--form-string", f"{name}={item}")]
        whole = ["-H", f"Content-Type: {name}; boundary={BOUNDARY}", "--data-binary", f"--{BOUNDARY}--"]
        return options or whole
    data = write_body(media, value).decode("latin-1") if text is None and not media.is_json else text
    if data is None:
        data = dumps(value).decode("utf-8")
    option = "-d" if media.form in ("json", "form") else "--data-binary"
    # What no shell can carry is left to a file of one's own.
    shown = data if data.isprintable() or media.form != "binary" else "@file"
    return ["-H", f"Content-Type: {name}", option, shown]


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
    query = [
        f"{quote(name, safe='')}={quote(value, safe='')}"
        for name, value in operation.conditions.items()
        if value is not None
    ]
    for parameter in _required(operation, "path", "query"):
        if operation.conditions.get(parameter.name) is not None:
            continue
        value = arguments.get(parameter.name, UNSET)
        if value is UNSET:
            value = _example_value(contract, parameter)
        if parameter.place == "query":
            query += write_pairs(parameter, value)
        else:
            path = path.replace(f"{{{parameter.name}}}", write_segment(parameter, value))
    declared = {parameter.name for parameter in _required(operation, "query")}
    query += [
        f"{quote(name, safe='')}={_ANY_TEXT}"
        for name, value in operation.conditions.items()
        if value is None and name not in declared
    ]
    # Of a parameter that the contract does not declare.
    path = re.sub(r"\{[^{}]*\}", _ANY_TEXT, path)
    return f"{path}?{'&'.join(query)}" if query else path


def example_headers(contract: Contract, operation: Operation, place: str) -> dict[str, str]:
    """The headers (or the cookies: `place` is `header` or `cookie`) that the operation requires."""
    texts = {
        parameter.name: write_styled(parameter, _example_value(contract, parameter))
        for parameter in _required(operation, place)
    }
    # Nothing that could end a header, nor what a client writes itself.
    return {name: text for name, text in texts.items() if text.isprintable() and name not in _CLIENTS_OWN}


def _required(operation: Operation, *places: str) -> Iterator[Parameter]:
    return (item for item in operation.parameters if item.required and item.place in places)


def _example_value(contract: Contract, parameter: Parameter) -> Json:
    """A value that the parameter takes: its first example that keeps the schema, else one that is made."""
    for example in parameter.examples:
        for value in (example, *_read_list(parameter, example)):
            if _shows(value) and _fits(parameter.schema, value):
                return value
    made: Json | UnsetType = UNSET
    if parameter.schema_pointer:
        seed = Seed("example", parameter.place, parameter.name)
        made = _make(contract.request_schemas, parameter.schema_pointer, seed, is_seen=_shows)
    if made is UNSET:
        return next(iter(parameter.examples), _ANY_TEXT)
    return made


def _read_list(parameter: Parameter, example: Json) -> Iterator[Json]:
    """The value that an example was written for as it stands in a URL."""
    if parameter.is_list and isinstance(example, str):
        yield read_value(parameter.shape, example.split(","), prefers_text=True)


def _fits(schema: CompiledSchema, value: Json) -> bool:
    with suppress(ContractError):
        return schema.is_valid(value)
    return False


class ExampleHead(NamedTuple):
    """What a request that succeeds has beside its body. `url` is path and query; `cookies` stand apart."""

    url: str
    headers: dict[str, str]
    cookies: dict[str, str]

    def write_headers(self) -> dict[str, str]:
        """The headers, the one with the cookies among them."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {**self.headers, "Cookie": cookie} if cookie else self.headers


def example_head(
    contract: Contract,
    operation: Operation,
    arguments: Mapping[str, str],
    credentials: Sequence[Shown],
    *,
    others: Sequence[str] = (),
) -> ExampleHead:
    """The head of a request that the operation takes. `others` are headers that are given beside it."""
    # A credential can be declared once more, as a parameter.
    declared = {parameter.name for parameter in _required(operation, "query")}
    named = {shown.name: shown.value for shown in credentials if shown.place == "query"}
    url = example_url(contract, operation, {**arguments, **named})
    cookies = example_headers(contract, operation, "cookie")
    sent: dict[str, str] = {}
    for shown in credentials:
        if shown.place == "query":
            if shown.name not in declared:
                url += f"{'&' if '?' in url else '?'}{quote(shown.name)}={quote(shown.value, safe='')}"
        elif shown.place == "cookie":
            cookies[shown.name] = shown.value
        else:
            # Two schemes can share a header.
            sent.setdefault(shown.name, shown.value)
    taken = {name.lower() for name in sent} | {header.partition(":")[0].lower() for header in others}
    for name, value in example_headers(contract, operation, "header").items():
        if name not in taken:
            sent[name] = value
    return ExampleHead(url, sent, cookies)


def curl_line(
    contract: Contract,
    operation: Operation,
    origin: str,
    arguments: Mapping[str, str],
    *,
    credentials: Sequence[Shown] = (),
    headers: Sequence[str] = (),
    body: str | None = None,
) -> str:
    """A line for a shell that makes a request which succeeds, but for what is given otherwise."""
    head = example_head(contract, operation, arguments, credentials, others=headers)
    sent = head.write_headers().items()
    # curl takes a header without a value away, unless a semicolon ends its name.
    lines = [*(f"{name}: {value}" if value else f"{name};" for name, value in sent), *headers]
    parts = [part for line in lines for part in ("-H", line)]
    if operation.body is not None and operation.problem is None:
        parts += _body_options(contract, operation, operation.body.media, body)
    method = ["--head"] if operation.method == "HEAD" else ["-X", operation.method]
    return " ".join(shlex.quote(part) for part in ("curl", *method, origin + head.url, *parts))
