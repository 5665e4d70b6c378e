"""Answers from files and from templates (design, section 13), asked of the whole."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mockserver.scripting.bodies import Files
from tests.desk import Desk
from tests.doors import UNSENT

TEMPLATE = {"transformers": ["response-template"]}


def add(desk: Desk, response: Any, **request: Any) -> tuple[int, Any]:
    stub = {"request": {"urlPathPattern": "/t.*", **request}, "response": response}
    return desk.ask("POST", "/mappings", stub)


@pytest.fixture
def files(desk: Desk, tmp_path: Path) -> Path:
    """The folder `__files` of the default namespace."""
    folder = tmp_path / "__files"
    (folder / "sub").mkdir(parents=True)
    namespace = desk.engine.namespaces.default
    namespace.fixtures = replace(namespace.fixtures, files=Files(folder))
    return folder


def test_a_template_is_written_for_each_request(desk: Desk) -> None:
    response = {
        **TEMPLATE, "status": 200,
        "headers": {"X-Echo": "{{request.headers.X-Id}}", "X-Plain": "as it is"},
        "jsonBody": {"path": "{{request.pathSegments.[1]}}", "n": 10.50,
                     "name": "{{jsonPath request.body '$.name'}}",
                     "all": ["{{request.query.q}}", "{{request.query.q.[1]}}"]},
    }  # fmt: skip
    assert add(desk, response)[0] == 201
    answer = desk.api.send(url="/t/a%20b?q=1&q=2", json={"name": 'a "quoted" {{now}}'}, headers={"X-Id": "7"})
    assert answer.json == {"path": "a b", "n": 10.5, "name": 'a "quoted" {{now}}', "all": ["1", "2"]}
    assert (answer.header("x-echo"), answer.header("x-plain")) == ("7", "as it is")
    assert answer.header("content-type") == "application/json"


def test_without_the_transformer_a_text_is_what_it_is(desk: Desk) -> None:
    add(desk, {"status": 200, "body": "{{request.path}}"})
    assert desk.api.send("GET", "/t", json=UNSENT).body == b"{{request.path}}"


def test_a_credential_is_written_as_its_fingerprint(desk: Desk) -> None:
    body = "{{request.headers.Authorization}} {{request.cookies.s}} {{request.query.k}} {{request.body}}"
    add(desk, {**TEMPLATE, "status": 200, "body": body})
    key = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
    answer = desk.api.send(url=f"/t?k={key}", json={"k": key}, key=key, headers={"Cookie": "s=hush"})
    text = answer.body.decode()
    assert key not in text
    assert "hush" not in text
    assert text.count("sk_test_[") == 3


def test_random_values_are_derived(desk: Desk) -> None:
    def ask(*bodies: Any) -> list[bytes]:
        desk.post("/reset", {})
        add(desk, {**TEMPLATE, "status": 200, "body": "{{randomValue type='UUID'}} {{randomValue length=4}}"})
        return [desk.api.send(url="/t", json=body).body for body in bodies]

    first = ask(1, 1, 2)
    assert len(set(first)) == 3
    assert ask(2, 1, 1) == [first[2], first[0], first[1]], "in any order"


def test_time_is_that_of_the_namespace(desk: Desk) -> None:
    add(desk, {**TEMPLATE, "status": 200, "body": "{{now}} {{now offset='3 days' format='dd/MM/yyyy'}}"})
    assert desk.api.send("GET", "/t", json=UNSENT).body == b"2026-01-01T00:00:00Z 04/01/2026"
    desk.api.advance(86_400)
    assert desk.api.send("GET", "/t", json=UNSENT).body == b"2026-01-02T00:00:00Z 05/01/2026"


@pytest.mark.parametrize(
    ("response", "pointer", "words"),
    [
        ({"body": "{{nope 1}}"}, "/response/body", "'nope' at character 0 is no helper"),
        ({"jsonBody": {"a": ["{{#if x}}"]}}, "/response/jsonBody", "has no '{{/if}}'"),
        ({"headers": {"X-A": "{{math 1 '+' 1}}"}}, "/response/headers/X-A", "'math' at character 0 is not"),
        ({"body": "{{systemValue key='PATH'}}"}, "/response/body", "nothing of the machine"),
        ({"bodyFileName": "{{request.bdy}}.json"}, "/response/bodyFileName", "did you mean 'request.body'"),
        ({"transformers": ["mine"]}, "/response/transformers/0", "the one here is 'response-template'"),
        ({"transformers": "mine"}, "/response/transformers", "must be an array"),
        ({"transformerParameters": 1}, "/response/transformerParameters", "must be an object"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_with_its_place(desk: Desk, response: Any, pointer: str, words: str) -> None:
    status, value = add(desk, {**TEMPLATE, "status": 200, **response})
    assert status == 422
    (error,) = value["errors"]
    assert error["source"]["pointer"] == pointer
    assert words in error["title"]


def test_output_is_bounded_and_the_call_is_warned(desk: Desk) -> None:
    loop = "{{#each (jsonPath request.body '$')}}"
    body = loop * 4 + "x" * 50 + "{{/each}}" * 4
    add(desk, {**TEMPLATE, "status": 200, "body": body.replace("request.body", "this", 0)})
    nested: Any = list(range(200))
    answer = desk.api.send(url="/t", json=nested)
    assert (answer.status, answer.body) == (200, b"")
    assert "template_problem" in [item["code"] for item in desk.get("/calls")["calls"][-1]["warnings"]]


def test_an_answer_that_breaks_the_contract_is_warned_of(desk: Desk) -> None:
    response = {**TEMPLATE, "status": 500, "jsonBody": {"nothing": "{{now}}"}}
    stub = {"request": {"method": "POST", "urlPath": "/v1/api-keys"}, "response": response}
    assert desk.ask("POST", "/mappings", stub)[0] == 201
    assert desk.api.send().status == 500
    warnings = desk.get("/calls")["calls"][-1]["warnings"]
    assert [item["code"] for item in warnings].count("template_breaks_contract") >= 1


def test_a_body_comes_from_a_file(desk: Desk, files: Path) -> None:
    (files / "sub" / "a.json").write_text('{"from":"a file","n":10.50}')
    (files / "b.bin").write_bytes(b"\xff\x00{{now}}")
    (files / "t.txt").write_text("{{request.path}}")
    for name, body, kind in (
        ("sub/a.json", b'{"from":"a file","n":10.50}', "application/json"),
        ("b.bin", b"\xff\x00{{now}}", None),
        ("t.txt", b"{{request.path}}", "text/plain; charset=utf-8"),
    ):
        assert add(desk, {"bodyFileName": name})[0] == 201
        answer = desk.api.send("GET", "/t", json=UNSENT)
        assert (answer.status, answer.body, answer.header("content-type")) == (200, body, kind)
    for name, body in (("t.txt", b"/tz"), ("{{request.query.f}}", b"/tz"), ("b.bin", b"\xff\x00{{now}}")):
        assert add(desk, {**TEMPLATE, "status": 200, "bodyFileName": name})[0] == 201
        assert desk.api.send("GET", "/tz?f=t.txt", json=UNSENT).body == body
    add(desk, {**TEMPLATE, "status": 200, "bodyFileName": "{{request.query.f}}"})
    assert desk.api.send("GET", "/t?f=../../etc/passwd", json=UNSENT).body == b""
    assert "template_problem" in [item["code"] for item in desk.get("/calls")["calls"][-1]["warnings"]]


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/passwd", "sub/../../x", "a\\b", "a\0b", "", "x" * 300, "missing", "sub", "out", "CON"],
)
def test_no_name_leads_out_of_the_folder(desk: Desk, files: Path, name: str) -> None:
    (files.parent / "x").write_text("secret")
    (files / "out").symlink_to(files.parent / "x")
    status, value = add(desk, {"status": 200, "bodyFileName": name})
    assert status == 422
    assert value["errors"][0]["source"]["pointer"] == "/response/bodyFileName"
    assert "secret" not in json.dumps(value)


def test_a_file_that_is_too_large_is_refused(desk: Desk, files: Path) -> None:
    (files / "large").write_bytes(b"x" * (1024 * 1024 + 1))
    assert add(desk, {"status": 200, "bodyFileName": "large"})[0] == 422
