"""Routes about the server as a whole: operations to try, problems of the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from mockserver.engine.engine import Engine
from mockserver.serving.building import build_engine
from mockserver.settings import Settings
from tests.desk import ORIGIN, Desk
from tests.doors import UNSENT


@pytest.mark.parametrize("namespace", ["default", "t1"])
def test_the_example_of_each_operation_succeeds_in_its_namespace(engine: Engine, namespace: str) -> None:
    desk = Desk(engine)
    listed = desk.get("/operations", namespace=namespace)["operations"]
    assert [operation["id"] for operation in listed] == list(engine.contract.operations)
    for operation in listed:
        example = operation["example"]
        url = example["url"]
        if namespace != "default":
            assert url.startswith("/~t1/v1/")
        if "{id}" in operation["path"] and operation["method"] == "DELETE":
            continue
        answer = desk.api.send(
            example["method"], url, key=None, headers=example["headers"], json=example["body"]
        )
        assert answer.status < 300, answer.body
    assert {call.namespace for call in engine.namespaces.get(namespace).journal} == {namespace}


def test_a_credential_that_is_declared_as_a_parameter_too_is_in_the_example_once(tmp_path: Path) -> None:
    contract = tmp_path / "openapi.yaml"
    contract.write_text(
        "openapi: 3.1.0\ninfo: {title: t, version: '1'}\n"
        "components: {securitySchemes: {k: {type: apiKey, in: query, name: key}}}\n"
        "paths:\n  /a:\n    get:\n      operationId: a\n      security: [{k: []}]\n"
        "      parameters: [{name: key, in: query, required: true, schema: {type: string}}]\n"
        "      responses: {'204': {description: d}}\n",
        "utf-8",
    )
    desk = Desk(build_engine(Settings(contract=contract)))
    (operation,) = desk.get("/operations")["operations"]
    url = operation["example"]["url"]
    assert url.count("key=") == 1
    assert desk.api.send("GET", url, key=None, json=UNSENT).status == 204


def test_the_contract_names_this_server_first(engine: Engine) -> None:
    desk = Desk(engine)
    assert [server["url"] for server in desk.get("/contract")["servers"]] == [
        f"{ORIGIN}/v1",
        "https://api.hsrcpay.com/v1",
    ]
    assert desk.get("/contract", namespace="t1")["servers"][0]["url"] == f"{ORIGIN}/~t1/v1"


def test_problems_of_the_contract_have_their_place(engine: Engine, tmp_path: Path) -> None:
    assert Desk(engine).get("/problems") == {"problems": []}
    contract = tmp_path / "openapi.yaml"
    contract.write_text(
        "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths:\n  /a:\n    get:\n      operationId: a\n"
        "      responses: {'200': {description: d, content: {application/json: "
        "{schema: {type: integer}, example: text}}}}\n",
        "utf-8",
    )
    desk = Desk(build_engine(Settings(contract=contract)))
    (problem,) = desk.get("/problems")["problems"]
    assert problem["pointer"].startswith("/paths/~1a/get/responses/200")
    assert "integer" in problem["message"]
