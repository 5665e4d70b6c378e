"""Ready-to-paste requests: one curl line for each operation, made from the contract."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from urllib.parse import quote

from mockserver.contract import Contract, Operation, Parameter
from mockserver.json_codec import dumps
from mockserver.synthesis.seeds import Seed
from mockserver.synthesis.values import make_value
from mockserver.types import Json

TEST_KEY = "sk_test_local"
TEST_ACCOUNT = "acct_test_main"


def list_operations(contract: Contract) -> Iterator[Operation]:
    """The operations, in the order of the contract."""
    return iter(contract.operations.values())


def example_body(contract: Contract, operation: Operation) -> Json:
    """A body that the operation takes: its first example or a value of its schema; None if it takes none."""
    body = operation.body
    if body is None:
        return None
    if body.examples:
        return next(iter(body.examples.values()))
    reference = {"$ref": f"#{body.schema_pointer}"} if body.schema_pointer else True
    return make_value(
        reference, Seed("example", operation.id), resolve=contract.schemas.resolve, minimal=True
    )


def example_url(contract: Contract, operation: Operation) -> str:
    """Path and query of a request that the operation takes, with what it requires and nothing else."""
    path = contract.prefix + operation.path
    query: list[str] = []
    for parameter in operation.parameters:
        if not parameter.required or parameter.place not in ("path", "query"):
            continue
        value = TEST_ACCOUNT if parameter.names_account else _example_text(parameter)
        if parameter.place == "path":
            path = path.replace(f"{{{parameter.name}}}", quote(value, safe=""))
        else:
            query.append(f"{quote(parameter.name)}={quote(value, safe='')}")
    return f"{path}?{'&'.join(query)}" if query else path


def _example_text(parameter: Parameter) -> str:
    for kind, text in (("integer", "1"), ("number", "1"), ("boolean", "true")):
        if kind in parameter.types:
            return text
    return "key_mock_managed00000000000000001" if parameter.name == "id" else "string"


def curl_line(
    contract: Contract,
    operation: Operation,
    origin: str,
    *,
    credential: str = TEST_KEY,
    headers: tuple[str, ...] = (),
) -> str:
    """A line for a shell that makes a request which succeeds."""
    parts = ["curl", "-X", operation.method, f"{origin}{example_url(contract, operation)}"]
    if operation.requires_credential and credential:
        parts += ["-H", f"Authorization: Bearer {credential}"]
    for header in headers:
        parts += ["-H", header]
    body = example_body(contract, operation)
    if body is not None:
        parts += ["-H", "Content-Type: application/json", "-d", dumps(body).decode("utf-8")]
    return " ".join(shlex.quote(part) for part in parts)
