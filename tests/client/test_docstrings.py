"""The examples in the docstrings of the verbs run, each in a sandbox that it could stand in."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import requests

from mockserver import MockServer, Sandbox, SandboxClock

_CODE = re.compile(
    r"(assert|await|before|client|for|httpx|print|requests|sandbox|server|session)\b[^ ]*[ .(\[]"
)
BODY = {"name": "ci", "permissions": {}}


def find_examples() -> dict[str, str]:
    """The last paragraph of each docstring, where it is code."""
    found = {}
    for kind in (Sandbox, SandboxClock, MockServer):
        for name in vars(kind):
            text = inspect.getdoc(inspect.getattr_static(kind, name)) or ""
            last = textwrap.dedent(text.split("\n\n")[-1])
            if not name.startswith("_") and _CODE.match(last):
                found[f"{kind.__name__}.{name}"] = last
    return found


EXAMPLES = find_examples()


class World(dict[str, Any]):
    """The names that an example may use."""

    def __init__(self, server: MockServer) -> None:
        sandbox = server.namespace("t1")
        sandbox.reset()
        super().__init__(
            httpx=httpx,
            requests=requests,
            MockServer=MockServer,
            sandbox=sandbox,
            server=server,
            session=requests.Session(),
            client=SimpleNamespace(headers={}),
        )

    def create(self, times: int = 1) -> str:
        """Create keys; the id of the last one."""
        sandbox: Sandbox = self["sandbox"]
        with httpx.Client(transport=sandbox.transport(), base_url="https://api.hsrcpay.com/v1") as client:
            for number in range(times):
                headers = {"Authorization": f"Bearer {sandbox.secret_key}", "Idempotency-Key": str(number)}
                answer = client.post("/api-keys/", params={"account_id": "a"}, json=BODY, headers=headers)
        return str(answer.json()["data"]["id"])

    def list_and_delete(self, key_id: str) -> None:
        sandbox: Sandbox = self["sandbox"]
        with httpx.Client(transport=sandbox.transport(), base_url="https://api.hsrcpay.com/v1") as client:
            headers = {"Authorization": f"Bearer {sandbox.secret_key}"}
            client.get("/api-keys/", params={"account_id": "a"}, headers=headers)
            client.delete(f"/api-keys/{key_id}/", params={"account_id": "a"}, headers=headers)


def hold(world: World) -> None:
    stub = {"response": {"status": 500}, "metadata": {"mockserver": {"hold": True}}}
    world["stub_id"] = world["sandbox"].stub(stub)


PREPARED: dict[str, Callable[[World], object]] = {
    "calls": World.create,
    "curl": World.create,
    "last_call": World.create,
    "release": hold,
    "restore": lambda world: world.update(before=world["sandbox"].snapshot()),
    "stubs": lambda world: world["sandbox"].fail_next(429),
    "verify": lambda world: world.create(3),
    "verify_async": World.create,
    "verify_in_order": lambda world: world.list_and_delete(world.create()),
    "wait_for": lambda world: world.create(2),
    "wait_for_async": lambda world: world.create(2),
}


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    with MockServer() as server:
        yield server


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 40
    assert {name.rpartition(".")[2] for name in EXAMPLES} >= PREPARED.keys()


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs(name: str, server: MockServer, capsys: pytest.CaptureFixture[str]) -> None:
    world = World(server)
    prepare = PREPARED.get(name.rpartition(".")[2])
    if prepare is not None:
        prepare(world)
    if name == "MockServer.stop":
        world["server"] = MockServer().start()
    code = compile(EXAMPLES[name], name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    # With an `await`, the code is that of a coroutine.
    ran = eval(code, world)
    if inspect.iscoroutine(ran):
        asyncio.run(ran)
    if "print(" in EXAMPLES[name]:
        assert capsys.readouterr().out
    for made in (world["server"], world.get("sandbox")):
        if isinstance(made, MockServer) and made is not server:
            made.stop()
