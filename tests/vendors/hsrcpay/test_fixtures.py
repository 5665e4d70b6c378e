"""The fixtures folder: what the sandbox knows beforehand, and every mistake in it with file and place."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mockserver.engine.situation import Refusal
from mockserver.exceptions import FixtureError
from mockserver.serving.building import Sources, build_engine, load_sources
from mockserver.settings import Settings, packaged_folder
from mockserver.vendors.hsrcpay import HsrcpayRules
from mockserver.vendors.hsrcpay.credentials import read_token
from tests.doors import UNSENT, engine_api

CREDENTIAL = {"key": "sk_test_a", "permissions": {"account:api:key": ["create"]}}
KEY = {"id": "key_1", "account_id": "acct_1", "name": "n", "permissions": {}}


def write(folder: Path, files: dict[str, Any]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return folder


def load(folder: Path) -> tuple[HsrcpayRules, Sources]:
    sources = load_sources(Settings(fixtures=folder))
    assert isinstance(sources.rules, HsrcpayRules)
    return sources.rules, sources


def problems_of(folder: Path, files: dict[str, Any]) -> list[tuple[str, str, str]]:
    """File, pointer and message of each problem."""
    with pytest.raises(FixtureError) as error:
        load(write(folder, files))
    return [
        (Path(problem.file or "").relative_to(folder).as_posix(), problem.pointer, problem.message)
        for problem in error.value.problems
    ]


def test_the_fixtures_of_the_package_are_sound(rules: HsrcpayRules, sources: Sources) -> None:
    known = rules.knowledge.credentials
    assert known[read_token("sk_test_expired").digest].is_expired
    assert known[read_token("sk_test_revoked").digest].is_revoked
    assert known[read_token("sk_test_bound").digest].account_id == "acct_bound"
    assert rules.knowledge.accounts["acct_live_main"] == "live"
    assert {stub.name for stub in sources.fixtures.stubs} >= {"acct_error_400", "acct_error_500"}
    assert all(item.value["managed"] for item in sources.fixtures.items.values())


def test_an_empty_folder_adds_nothing_but_the_error_texts(tmp_path: Path, rules: HsrcpayRules) -> None:
    empty, sources = load(tmp_path)
    known = empty.knowledge
    assert (known.credentials, known.accounts, known.keys, sources.fixtures.stubs) == ({}, {}, (), ())
    assert known.errors == rules.knowledge.errors


def test_what_the_files_say_is_known(tmp_path: Path) -> None:
    files = {
        "credentials.json": {
            "credentials": [
                {**CREDENTIAL, "account_id": "acct_1", "description": "for tests"},
                {"key": "pk_test_b", "permissions": {}, "revoked": True},
            ]
        },
        "accounts.json": {"accounts": [{"id": "a", "mode": "test"}, {"id": "b", "mode": "live"}]},
        "keys.json": {"keys": [KEY]},
        "errors.json": {"404": {"gone": "It is gone."}},
        "stubs/b.json": {"request": {"urlPath": "/b"}, "response": {"status": 200}},
        "stubs/a.json": {
            "mappings": [
                {"request": {"urlPath": "/a1"}, "response": {"status": 200}},
                {"request": {"urlPath": "/a2"}, "response": {"status": 200}},
            ]
        },
        "stubs/readme.txt": "no stub",
    }
    rules, sources = load(write(tmp_path, files))
    known = rules.knowledge.credentials[read_token("sk_test_a").digest]
    assert (known.account_id, known.is_expired, known.is_revoked) == ("acct_1", False, False)
    assert known.grants.allows("account:api:key:create")
    assert rules.knowledge.credentials[read_token("pk_test_b").digest].is_revoked
    assert rules.knowledge.accounts == {"a": "test", "b": "live"}
    (key,) = rules.knowledge.keys
    assert key.items() >= {**KEY, "managed": True, "deleted": False, "status": "ACTIVE", "key": None}.items()
    assert (rules.default_reason(404), rules.default_reason(500)) == ("gone", "error")
    messages = [text_of(rules, 404, "gone"), text_of(rules, 500, "x")]
    assert messages == ["It is gone.", "The request failed with status 500."]
    stubs = sources.fixtures.stubs
    assert [stub.document["request"]["urlPath"] for stub in stubs] == ["/a1", "/a2", "/b"]
    assert [stub.id for stub in load(tmp_path)[1].fixtures.stubs] == [stub.id for stub in stubs]
    assert len({stub.id for stub in stubs}) == 3


def text_of(rules: HsrcpayRules, status: int, reason: str) -> str:
    body, _ = rules.write_error(Refusal(status, reason), None, lambda envelope: None)
    return str(json.loads(body)["message"])


def test_the_texts_of_keys_are_not_kept(tmp_path: Path) -> None:
    key = "sk_test_very_secret"
    files = {"credentials.json": {"credentials": [{"key": key, "permissions": {}}]}}
    assert key not in repr(load(write(tmp_path, files))[0].knowledge)


FILES = {
    "credentials.json": "credentials",
    "accounts.json": "accounts",
    "keys.json": "keys",
}
BAD: dict[str, tuple[str, Any, list[tuple[str, str]]]] = {
    "a key without permissions": (
        "credentials.json", [{"key": "sk_test_a"}], [("/credentials/0/permissions", "is missing")]
    ),
    "permissions a list": (
        "credentials.json", [{"key": "sk_test_a", "permissions": []}],
        [("/credentials/0/permissions", "must be object, is array")],
    ),
    "actions a text": (
        "credentials.json", [{"key": "sk_test_a", "permissions": {"a/b": "c"}}],
        [("/credentials/0/permissions/a~1b", "must be array, is string")],
    ),
    "an unknown member": (
        "credentials.json", [{**CREDENTIAL, "expird": True}],
        [("/credentials/0/expird", "is not allowed here")],
    ),
    "expired a text": (
        "credentials.json", [{**CREDENTIAL, "expired": "yes"}],
        [("/credentials/0/expired", "must be boolean, is string")],
    ),
    "an empty key": (
        "credentials.json", [{**CREDENTIAL, "key": ""}],
        [("/credentials/0/key", "must have at least 1 characters")],
    ),
    "a key that is none": (
        "credentials.json", [{**CREDENTIAL, "key": "secret"}],
        [("/credentials/0/key", "must be a secret (sk_) or publishable (pk_) key")],
    ),
    "a live key": (
        "credentials.json", [{**CREDENTIAL, "key": "sk_live_CaNaRy"}],
        [("/credentials/0/key",
          "is a live key; only sandbox keys, with _test_ in them, belong into a fixture")],
    ),
    "a key twice": (
        "credentials.json", [CREDENTIAL, CREDENTIAL, CREDENTIAL],
        [("/credentials/1/key", "is listed twice"), ("/credentials/2/key", "is listed twice")],
    ),
    "an account without a mode": ("accounts.json", [{"id": "a"}], [("/accounts/0/mode", "is missing")]),
    "an unknown mode": (
        "accounts.json", [{"id": "a", "mode": "prod"}],
        [("/accounts/0/mode", "must be one of 'test' or 'live'")],
    ),
    "accounts twice": (
        "accounts.json", [{"id": "a", "mode": "test"}] * 3,
        [("/accounts/1/id", "is listed twice"), ("/accounts/2/id", "is listed twice")],
    ),
    "a key object without a name": (
        "keys.json", [{name: KEY[name] for name in KEY if name != "name"}], [("/keys/0/name", "is missing")]
    ),
    "a key object of wrong types": (
        "keys.json", [{**KEY, "managed": "yes", "status": "active"}],
        [("/keys/0/managed", "must be boolean, is string"),
         ("/keys/0/status", "must be one of 'ACTIVE', 'INACTIVE', 'REVOKED' or 'EXPIRED'")],
    ),
    "a key object with its secret": (
        "keys.json", [{**KEY, "key": "sk_test_CaNaRy"}], [("/keys/0/key", "must be null")]
    ),
    "key objects twice": (
        "keys.json", [KEY, KEY, KEY], [("/keys/1/id", "is listed twice"), ("/keys/2/id", "is listed twice")]
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_is_refused_with_file_and_pointer(tmp_path: Path, case: str) -> None:
    file, items, expected = BAD[case]
    found = problems_of(tmp_path, {file: {FILES[file]: items}})
    assert found == [(file, *place) for place in expected]
    assert "CaNaRy" not in str(found)


@pytest.mark.parametrize("file", [*FILES, "errors.json"])
@pytest.mark.parametrize(
    ("content", "pointer", "words"),
    [
        ("", "", "is not JSON: the body is empty"),
        ("{", "", "is not JSON: "),
        ("[]", "", "must be object, is array"),
        ("{} {}", "", "is not JSON: "),
        ('{"x": 1}', "/x", "is not allowed here"),
        ('{"a": 1, "a": 2}', "/a", "is given twice"),
        ("\ufeff{}", "", "byte order mark"),
    ],
    ids=[
        "empty",
        "cut off",
        "a list",
        "two documents",
        "unknown member",
        "a member twice",
        "byte order mark",
    ],
)
def test_each_file_is_json_of_its_form(
    tmp_path: Path, file: str, content: str, pointer: str, words: str
) -> None:
    found = problems_of(tmp_path, {file: content})
    assert (found[0][0], found[-1][1]) == (file, pointer) or pointer in {place for _, place, _ in found}
    assert any(words in message for _, _, message in found)


@pytest.mark.parametrize(
    ("texts", "pointer"),
    [
        ({"404": {}}, "/404"),
        ({"404": "gone"}, "/404"),
        ({"404": {"gone": 5}}, "/404/gone"),
        ({"4xx": {"gone": "x"}}, "/4xx"),
        ({"4040": {"gone": "x"}}, "/4040"),
        ({"99": {"gone": "x"}}, "/99"),
    ],
)
def test_error_texts_stand_under_status_and_reason(tmp_path: Path, texts: Any, pointer: str) -> None:
    found = problems_of(tmp_path, {"errors.json": texts})
    assert [(file, place) for file, place, _ in found] == [("errors.json", pointer)]


def test_a_stub_that_breaks_the_contract_is_refused_with_file_and_pointer(tmp_path: Path) -> None:
    def mapping(**response: Any) -> Any:
        return {"request": {"urlPath": "/v1/api-keys/", "method": "POST"}, "response": response}

    files = {
        "stubs/a.json": {"mappings": [mapping(status=201, jsonBody={"data": 5}), mapping(status="x")]},
        "stubs/b.json": mapping(status=404, fault="NONE"),
        "stubs/c.json": "[",
    }
    found = problems_of(tmp_path, files)
    assert {file for file, _, _ in found} == set(files)
    pointers = {(file, pointer) for file, pointer, _ in found}
    assert ("stubs/a.json", "/mappings/0/response/jsonBody/data") in pointers
    assert ("stubs/a.json", "/mappings/1/response/status") in pointers
    assert ("stubs/b.json", "/response/fault") in pointers


def test_all_mistakes_of_all_files_come_at_once(tmp_path: Path) -> None:
    files = {
        "credentials.json": {"credentials": [{**CREDENTIAL, "key": "sk_live_x"}, {**CREDENTIAL, "key": "x"}]},
        "accounts.json": {"accounts": [{"mode": "x"}]},
        "keys.json": {"keys": [{}]},
        "errors.json": "[",
        "stubs/a.json": "[",
    }  # fmt: skip
    found = [file for file, _, _ in problems_of(tmp_path, files)]
    assert {file: found.count(file) for file in files} == {
        "credentials.json": 2, "accounts.json": 2, "keys.json": 4, "errors.json": 1, "stubs/a.json": 1,
    }  # fmt: skip


def test_a_reason_that_is_nearly_one_of_the_package_is_a_warning(tmp_path: Path) -> None:
    texts = {"401": {"missing_credentials": "Who is it?", "own": "x"}, "418": {"teapot": "x"}}
    _, sources = load(write(tmp_path, {"errors.json": texts}))
    assert [(warning.pointer, warning.message) for warning in sources.warnings] == [
        ("/401/missing_credentials",
         "'missing_credentials' is no reason of a 401; did you mean 'missing_credential'?"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["none", "file.json"])
def test_what_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.json").write_text("{}", "utf-8")
    with pytest.raises(FixtureError, match=r": is no folder$"):
        load(tmp_path / name)


# The packaged stubs beside a contract that is another


def contract_with(folder: Path, responses: dict[str, Any]) -> Path:
    """A copy of the packaged contract, with one operation more: `GET /webhooks/`."""
    shutil.copytree(packaged_folder("schemas"), folder / "schemas")
    path = folder / "schemas" / "openapi.json"
    document = json.loads(path.read_text("utf-8"))
    parameters = [{"name": "account_id", "in": "query", "x-account": True, "schema": {"type": "string"}}]
    operation = {"operationId": "listWebhooks", "parameters": parameters, "responses": responses}
    document["paths"]["/webhooks/"] = {"get": operation}
    path.write_text(json.dumps(document), "utf-8")
    return path


def test_a_stub_for_any_path_stands_for_the_operations_that_document_its_status(tmp_path: Path) -> None:
    contract = contract_with(tmp_path, {"200": {"description": ""}, "401": {"description": ""}})
    api = engine_api(build_engine(Settings(contract=contract)))
    assert api.send(url="/v1/api-keys/?account_id=acct_error_409").outcome == (409, "stub")
    webhooks = "/v1/webhooks/?account_id="
    assert api.send("GET", f"{webhooks}acct_error_401", json=UNSENT).outcome == (401, "stub")
    assert api.send("GET", f"{webhooks}acct_error_409", json=UNSENT).outcome == (200, "answered")


def test_what_is_left_out_of_the_packaged_stubs_is_named(tmp_path: Path) -> None:
    contract = contract_with(tmp_path, {"200": {"description": ""}})
    document = json.loads(contract.read_text("utf-8"))
    document["paths"] = {"/webhooks/": document["paths"]["/webhooks/"]}
    contract.write_text(json.dumps(document), "utf-8")
    sources = load_sources(Settings(contract=contract))
    assert sources.fixtures.stubs == ()
    told = [warning.message for warning in sources.warnings if warning.file == "acct-errors.json"]
    assert len(told) == 8
    assert told[0].startswith("the stub acct_error_400 is left out: listWebhooks: 400 is not documented")
