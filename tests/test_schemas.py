"""The contract in schemas/ and the fixtures: each sound, and both at one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from mockserver.contract.spelling import EXTENSIONS
from mockserver.scripting import documents
from scripts.tables import STUBS, stub_schema

ROOT = Path(__file__).parents[1]
DRAFT = "https://json-schema.org/draft/2020-12/schema"
ERROR_STATUSES = ("400", "401", "403", "404", "409", "422", "429", "500")
# Answered where no operation is reached, so no operation documents them.
OUTSIDE_OPERATIONS = {"bad_request", "forbidden_origin", "no_such_operation"}


def read(path: str) -> Any:
    return json.loads((ROOT / path).read_text(encoding="utf-8"))


OPENAPI: dict[str, Any] = read("schemas/openapi.json")
SCHEMAS = {path.name: read(f"schemas/{path.name}") for path in sorted((ROOT / "schemas").glob("*.json"))}
del SCHEMAS["openapi.json"]
ERRORS = read("fixtures/errors.json")
del ERRORS["$schema"]
# Files refer to each other by name alone, so a file's name is its address.
REGISTRY: Registry[Any] = Registry().with_resources(
    (name, Resource.from_contents(schema)) for name, schema in SCHEMAS.items()
)
OPERATIONS = {
    operation["operationId"]: operation
    for methods in OPENAPI["paths"].values()
    for operation in methods.values()
}
RULES = OPENAPI["x-rules"]


def resolve(part: dict[str, Any]) -> dict[str, Any]:
    """The part itself, or what its reference inside openapi.json leads to."""
    if "$ref" not in part:
        return part
    target = OPENAPI
    for token in part["$ref"].removeprefix("#/").split("/"):
        target = target[token]
    return target


def walk(value: Any, pointer: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object below `value` with its pointer, save those inside examples, which are data."""
    if isinstance(value, dict):
        yield pointer, value
        for name, item in value.items():
            if name != "examples":
                yield from walk(item, f"{pointer}/{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from walk(item, f"{pointer}/{index}")


def bodies() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each request and response body of the contract: where it stands, and its media type object."""
    for name, operation in OPERATIONS.items():
        if "requestBody" in operation:
            yield f"{name} request", operation["requestBody"]["content"]["application/json"]
        for status, response in operation["responses"].items():
            yield f"{name} {status}", resolve(response)["content"]["application/json"]


EXAMPLES = [
    pytest.param(media["schema"], example["value"], id=f"{place} {name}")
    for place, media in bodies()
    for name, example in media["examples"].items()
]


def problems(schema: Any, value: Any) -> list[str]:
    validator = Draft202012Validator(schema, registry=REGISTRY)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_file_is_a_valid_schema_resolved_by_its_file(name: str) -> None:
    schema = SCHEMAS[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == DRAFT
    assert schema["title"] and schema["description"]
    assert not [pointer for pointer, part in walk(schema) if "$id" in part]


def test_every_reference_leads_to_a_file_beside_the_contract_or_into_it() -> None:
    documents = {"openapi.json": OPENAPI, **SCHEMAS}
    references = {
        part["$ref"] for document in documents.values() for _, part in walk(document) if "$ref" in part
    }
    outside = {reference for reference in references if not reference.startswith("#")}
    assert outside == set(SCHEMAS)
    assert all(resolve({"$ref": reference})["description"] for reference in references - outside)


def test_every_schema_operation_parameter_body_response_header_and_rule_says_where_it_comes_from() -> None:
    parts: dict[str, dict[str, Any]] = dict(SCHEMAS)
    for name, operation in OPERATIONS.items():
        parts[name] = operation
        parts |= {f"{name} {parameter['name']}": parameter for parameter in operation["parameters"]}
        parts |= {f"{name} {status}": resolve(part) for status, part in operation["responses"].items()}
        if "requestBody" in operation:
            parts[f"{name} request"] = operation["requestBody"]
    for response in OPENAPI["components"]["responses"].values():
        parts |= response.get("headers", {})
    parts |= OPENAPI["components"]["securitySchemes"]
    parts |= {rule["id"]: rule for rule in RULES}
    assert not [place for place, part in parts.items() if "x-provenance" not in part]


@pytest.mark.parametrize("name", ["openapi.json", *SCHEMAS])
def test_provenance_is_one_of_three_words_and_always_has_a_source(name: str) -> None:
    marked = [
        (pointer, part)
        for pointer, part in walk(read(f"schemas/{name}"))
        if "x-provenance" in part or "x-source" in part
    ]
    assert marked
    for pointer, part in marked:
        assert part.get("x-provenance") in ("documented", "inferred", "invented"), pointer
        assert part.get("x-source"), pointer


def test_what_the_reference_page_does_not_show_is_not_called_documented() -> None:
    request = SCHEMAS["create-api-key.request.json"]["properties"]
    api_key = SCHEMAS["api-key.json"]["properties"]
    guessed = [request["expires_at"], request["metadata"], api_key["status"], api_key["type"]]
    guessed += [OPENAPI["components"]["responses"][name] for name in ("Conflict", "TooManyRequests")]
    assert [part["x-provenance"] for part in guessed] == ["inferred"] * 6


def test_rules_have_ids_of_their_own_and_say_what() -> None:
    assert len({rule["id"] for rule in RULES}) == len(RULES)
    keys = {"id", "what", "x-provenance", "x-source"}
    assert all(rule.keys() - {"x-reasons"} == keys and rule["what"] for rule in RULES)


@pytest.mark.parametrize(("schema", "value"), EXAMPLES)
def test_an_example_keeps_its_schema(schema: Any, value: Any) -> None:
    assert problems(schema, value) == []


def test_every_body_has_an_example() -> None:
    assert not [place for place, media in bodies() if not media["examples"]]


def test_create_api_key_has_the_ten_documented_answers_and_its_neighbours_nine() -> None:
    answers = {name: tuple(operation["responses"]) for name, operation in OPERATIONS.items()}
    nine = ("200", *ERROR_STATUSES)
    assert answers == {
        "createApiKey": ("200", "201", *ERROR_STATUSES),
        "listApiKeys": nine,
        "regenerateManagedApiKey": nine,
        "deleteApiKey": nine,
    }


def test_operations_stand_at_their_paths_with_their_permissions() -> None:
    assert OPENAPI["servers"] == [{"url": "https://api.hsrcpay.com/v1"}]
    assert OPENAPI["security"] == [{"bearerAuth": []}]
    assert {
        f"{method.upper()} {path}": (operation["operationId"], operation["x-permission"])
        for path, methods in OPENAPI["paths"].items()
        for method, operation in methods.items()
    } == {
        "GET /api-keys/": ("listApiKeys", "account:api:key:read"),
        "POST /api-keys/": ("createApiKey", "account:api:key:create"),
        "POST /api-keys/{id}/regenerate": ("regenerateManagedApiKey", "account:api:key:update"),
        "DELETE /api-keys/{id}": ("deleteApiKey", "account:api:key:delete"),
    }


def test_the_account_parameter_is_marked() -> None:
    marked = {
        name: [parameter["name"] for parameter in operation["parameters"] if parameter.get("x-account")]
        for name, operation in OPERATIONS.items()
    }
    assert marked == {
        "createApiKey": ["account_id"],
        "listApiKeys": ["account_id"],
        "regenerateManagedApiKey": [],
        "deleteApiKey": [],
    }


MINIMAL = {"name": "n", "permissions": {"account:api:key": ["read"]}}


@pytest.mark.parametrize(
    "body",
    [
        MINIMAL,
        {"name": "", "permissions": {}},
        {**MINIMAL, "expires_at": None},
        {**MINIMAL, "expires_at": "2000-01-01T00:00:00Z", "metadata": {"any": [None]}},
        {**MINIMAL, "unheard_of": 1},
    ],
    ids=["minimal", "empty values", "null expiry", "past expiry and open metadata", "unknown member"],
)
def test_a_request_without_a_documented_fault_is_accepted(body: dict[str, Any]) -> None:
    assert problems(SCHEMAS["create-api-key.request.json"], body) == []


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ({}, ["$", "$"]),
        ([], ["$"]),
        ({"name": 1, "permissions": []}, ["$.name", "$.permissions"]),
        ({"name": "n", "permissions": {"x": "read"}}, ["$.permissions.x"]),
        ({"name": "n", "permissions": {"x": [1]}}, ["$.permissions.x[0]"]),
        ({**MINIMAL, "expires_at": 1, "metadata": []}, ["$.expires_at", "$.metadata"]),
    ],
    ids=["empty object", "array", "wrong types", "bare action", "number as action", "optional members"],
)
def test_a_request_outside_the_schema_is_refused_at_each_place(body: Any, places: list[str]) -> None:
    found = problems(SCHEMAS["create-api-key.request.json"], body)
    assert sorted(text.partition(": ")[0] for text in found) == places


def examples(operation: str, status: str) -> dict[str, Any]:
    """Values of the named examples of one answer, free to be changed."""
    named = resolve(OPERATIONS[operation]["responses"][status])["content"]["application/json"]["examples"]
    return {name: deepcopy(example["value"]) for name, example in named.items()}


@pytest.mark.parametrize("key", [None, ...], ids=["null", "absent"])
def test_an_issued_key_has_its_plaintext_and_a_listed_one_need_not(key: Any) -> None:
    issued = examples("createApiKey", "201")["created"]
    listed = examples("listApiKeys", "200")["listed"]
    for api_key in (issued["data"], listed["data"][0]):
        api_key["key"] = key
        if key is ...:
            del api_key["key"]
    assert problems(SCHEMAS["envelope.api-key.json"], issued)
    assert problems(SCHEMAS["envelope.list.json"], listed) == []


def test_envelopes_are_told_apart_and_open() -> None:
    issued = examples("createApiKey", "201")["created"]
    error = examples("createApiKey", "409")["conflict"]
    assert problems(SCHEMAS["envelope.error.json"], issued)
    assert problems(SCHEMAS["envelope.api-key.json"], error)
    error["trace_id"] = error["error"]["trace_id"] = "t"
    assert problems(SCHEMAS["envelope.error.json"], error) == []


def test_each_reason_of_a_documented_error_has_an_example_with_its_text() -> None:
    expected = {
        status: {
            reason: {
                "message": text,
                "success": False,
                "error": {"code": int(status), "message": text, "details": {"reason": reason}},
            }
            for reason, text in ERRORS[status].items()
            if reason not in OUTSIDE_OPERATIONS
        }
        for status in ERROR_STATUSES
    }
    for operation in OPERATIONS:
        assert {status: examples(operation, status) for status in ERROR_STATUSES} == expected, operation


def test_the_first_reason_of_a_status_is_its_default() -> None:
    assert {status: next(iter(reasons)) for status, reasons in ERRORS.items()} == {
        "400": "malformed_json",
        "401": "missing_credential",
        "403": "missing_permission",
        "404": "account_not_found",
        "405": "method_not_allowed",
        "408": "request_timeout",
        "409": "idempotency_conflict",
        "413": "body_too_large",
        "414": "uri_too_long",
        "422": "invalid_request",
        "429": "rate_limited",
        "431": "headers_too_large",
        "500": "internal_error",
        "503": "overloaded",
    }


def test_a_reason_stands_under_one_status_and_its_text_says_what_is_wrong_and_what_would_be_right() -> None:
    reasons = [reason for texts in ERRORS.values() for reason in texts]
    assert len(set(reasons)) == len(reasons)
    for texts in ERRORS.values():
        for reason, text in texts.items():
            assert text.endswith(".") and text.count(". ") == 1, reason


def test_managed_keys_keep_the_contract_and_hide_their_secret() -> None:
    keys = read("fixtures/keys.json")["keys"]
    accounts = {account["id"]: account["mode"] for account in read("fixtures/accounts.json")["accounts"]}
    assert len({key["id"] for key in keys}) == len(keys) > 0
    for key in keys:
        assert problems(SCHEMAS["api-key.json"], key) == []
        assert key["managed"] is True and "key" not in key
        assert len(key["id"]) == len("key_mock_") + 24
        assert accounts[key["account_id"]] == "test"


def test_listed_credentials_are_test_keys_with_permission_maps_and_known_accounts() -> None:
    credentials = read("fixtures/credentials.json")["credentials"]
    accounts = {account["id"] for account in read("fixtures/accounts.json")["accounts"]}
    permissions = SCHEMAS["create-api-key.request.json"]["properties"]["permissions"]
    assert len({credential["key"] for credential in credentials}) == len(credentials) > 0
    for credential in credentials:
        assert credential["key"].startswith("sk_test_")
        assert problems(permissions, credential["permissions"]) == []
        assert credential.get("account_id", "acct_bound") in accounts
        assert credential.keys() <= {"key", "permissions", "account_id", "expired", "revoked"}


def test_each_documented_error_has_an_account_that_provokes_it() -> None:
    mappings = read("fixtures/stubs/acct-errors.json")["mappings"]
    assert [mapping["response"]["status"] for mapping in mappings] == [
        int(status) for status in ERROR_STATUSES
    ]
    assert len({UUID(mapping["id"]) for mapping in mappings}) == len(mappings)
    for mapping in mappings:
        name = f"acct_error_{mapping['response']['status']}"
        assert mapping["name"] == name
        assert mapping["request"] == {
            "method": "ANY",
            "queryParameters": {"account_id": {"equalTo": name}},
        }
    assert mappings[ERROR_STATUSES.index("429")]["response"]["headers"] == {"Retry-After": "1"}


def test_an_example_of_a_request_has_the_same_name_at_every_parameter_that_it_needs() -> None:
    # Tools that run examples take a parameter, a body and an answer of one name together.
    for item in OPENAPI["paths"].values():
        for operation in item.values():
            content = operation.get("requestBody", {}).get("content", {}).values()
            names = {name for media in content for name in media.get("examples", {})}
            for parameter in operation["parameters"]:
                if parameter.get("required"):
                    assert names <= parameter["examples"].keys(), operation["operationId"]


# The schemas for editors.

EDITORS = {path.name: read(f"schemas/editors/{path.name}") for path in (ROOT / "schemas/editors").iterdir()}


@pytest.mark.parametrize("name", sorted(EDITORS))
def test_a_schema_for_editors_is_a_sound_schema(name: str) -> None:
    Draft202012Validator.check_schema(EDITORS[name])


@pytest.mark.parametrize("path", sorted((ROOT / "fixtures").rglob("*.json")), ids=lambda path: path.name)
def test_each_packaged_fixture_names_its_schema_and_keeps_it(path: Path) -> None:
    value = json.loads(path.read_text("utf-8"))
    schema = (path.parent / value["$schema"]).resolve()
    assert schema.parent == ROOT / "schemas" / "editors"
    assert not list(Draft202012Validator(EDITORS[schema.name]).iter_errors(value))


def test_the_schema_of_stubs_is_that_of_the_control_api() -> None:
    assert (ROOT / STUBS).read_text("utf-8") == stub_schema()


def test_the_schema_of_stubs_has_every_member_that_is_read() -> None:
    stub = EDITORS["stubs.json"]["$defs"]["NewStub"]["properties"]
    response, metadata = (
        next(part for part in stub[name]["anyOf"] if "properties" in part)["properties"]
        for name in ("response", "metadata")
    )
    own = next(part for part in metadata["mockserver"]["anyOf"] if "properties" in part)["properties"]
    assert set(stub) == set(documents._STUB_MEMBERS)
    assert set(response) == set(documents._RESPONSE_MEMBERS)
    assert set(own) == set(documents._OWN_MEMBERS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"respons": {}},
        {"response": {"statuss": 1}},
        {"response": {"status": "429"}},
        {"mappings": [{"priority": "high"}]},
        {"mappings": [], "mapings": []},
        {"metadata": {"mockserver": {"tims": 2}}},
    ],
)
def test_an_editor_sees_what_is_wrong_with_a_stub(wrong: Any) -> None:
    assert list(Draft202012Validator(EDITORS["stubs.json"]).iter_errors(wrong))


def test_notes_for_people_are_no_mistake() -> None:
    note = {"name": "n", "metadata": {"ticket": 7}, "request": {"url": "/"}, "response": {"status": 200}}
    assert not list(Draft202012Validator(EDITORS["stubs.json"]).iter_errors(note))


def test_the_extensions_of_the_contract_keep_their_schema() -> None:
    validator = Draft202012Validator(EDITORS["extensions.json"])
    assert not list(validator.iter_errors(OPENAPI))
    assert set(re.findall(r'"(x-[a-z]+)"', json.dumps(EDITORS["extensions.json"]))) == EXTENSIONS
    wrong = {
        "x-mockserver": {"rule": "plain"},
        "paths": {"/a": {"get": {"x-permission": 1, "parameters": [{"x-account": "yes"}]}}},
        "info": {"x-provenance": "guessed"},
        "x-rules": [{}],
    }
    found = {"/".join(map(str, error.absolute_path)) for error in validator.iter_errors(wrong)}
    assert found == {
        "x-mockserver",
        "paths//a/get/x-permission",
        "paths//a/get/parameters/0/x-account",
        "info/x-provenance",
        "x-rules/0",
    }
