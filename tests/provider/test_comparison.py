"""Contract against contract: each change is told, with its place and for whom it breaks."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from mockserver.contract import load_contract
from mockserver.coverage import merge_coverage
from mockserver.provider.comparison import Change, compare_contracts, find_tests
from tests.provider.contracts import BASE, ORDER, change, write_contract

ORDERS = "/components/schemas/Order"
POST = "/paths/~1orders/post"
GET = "/paths/~1orders/get"
BODY = f"{POST}/requestBody/content/application~1json/schema"
ANSWER = f"{POST}/responses/201/content/application~1json/schema"
LIST = f"{GET}/responses/200/content/application~1json/schema/items"


def compare(tmp_path: Path, old: Any, new: Any) -> list[Change]:
    contracts = [
        load_contract(write_contract(tmp_path / f"{name}.json", document))
        for name, document in (("old", old), ("new", new))
    ]
    return compare_contracts(*contracts)


def told(changes: list[Change]) -> set[tuple[str, str, str]]:
    return {(change.operation, change.pointer, change.breaks) for change in changes}


def of_order(pointer: str, request: str, answer: str) -> set[tuple[str, str, str]]:
    """What is told of a change of the schema that one request and two answers have."""
    found = {("createOrder", BODY + pointer, request)} if request else set()
    if answer:
        found |= {("createOrder", ANSWER + pointer, answer), ("listOrders", LIST + pointer, answer)}
    return found


ENUM = "/properties/state/enum"
NOTE = "/properties/note"
PAIRS: dict[str, tuple[Any, set[tuple[str, str, str]]]] = {
    "a value more": (
        change(f"{ORDERS}{ENUM}", ["open", "paid", "void"]),
        of_order(ENUM, "provider", "consumer"),
    ),
    "a value less": (change(f"{ORDERS}{ENUM}", ["open"]), of_order(ENUM, "consumer", "provider")),
    "a tighter bound": (
        change(f"{ORDERS}{NOTE}/maxLength", 50),
        of_order(f"{NOTE}/maxLength", "consumer", "provider"),
    ),
    "no bound": (
        change(f"{ORDERS}/properties/amount/minimum"),
        of_order("/properties/amount/minimum", "provider", "consumer"),
    ),
    "another type": (
        change(f"{ORDERS}/properties/amount", {"type": "string"}),
        of_order("/properties/amount/type", "consumer", "consumer"),
    ),
    "a wider type": (
        change(f"{ORDERS}/properties/amount/type", "number"),
        of_order("/properties/amount/type", "provider", "consumer"),
    ),
    "null as well": (
        change(f"{ORDERS}{NOTE}/type", ["string", "null"]),
        of_order(f"{NOTE}/type", "provider", "consumer"),
    ),
    "a required member more": (
        change(f"{ORDERS}/required", ["id", "state", "amount", "note"]),
        of_order(NOTE, "consumer", "provider"),
    ),
    "a required member less": (
        change(f"{ORDERS}/required", ["id", "state"]),
        of_order("/properties/amount", "provider", "consumer"),
    ),
    "an optional member more": (
        change(f"{ORDERS}/properties/memo", {"type": "string"}),
        of_order("/properties/memo", "nobody", "nobody"),
    ),
    "a member less": (change(f"{ORDERS}{NOTE}"), of_order(NOTE, "consumer", "consumer")),
    "a member deep inside less": (
        change("/components/schemas/Buyer/properties/name"),
        of_order("/properties/buyer/properties/name", "consumer", "consumer"),
    ),
    "a member that only answers have": (
        change(f"{ORDERS}/properties/id/readOnly"),
        {("createOrder", f"{BODY}/properties/id", "consumer")},
    ),
    "a format": (
        change(f"{ORDERS}{NOTE}/format", "email"),
        of_order(f"{NOTE}/format", "consumer", "provider"),
    ),
    "a pattern that changed": (
        change(f"{ORDERS}{NOTE}", {"type": "string", "maxLength": 100, "pattern": "^a"}),
        of_order(f"{NOTE}/pattern", "consumer", "provider"),
    ),
    "an operation less": (
        change("/paths/~1orders~1{id}/delete"),
        {("deleteOrder", "/paths/~1orders~1{id}/delete", "consumer")},
    ),
    "an operation more": (
        change(
            "/paths/~1orders~1{id}/get",
            {"operationId": "getOrder", "responses": {"200": {"description": "ok"}}},
        ),
        {("getOrder", "/paths/~1orders~1{id}/get", "nobody")},
    ),
    "an operation elsewhere": (
        change("/servers/0/url", "https://api.example.com/v2"),
        {
            ("listOrders", GET, "consumer"),
            ("createOrder", POST, "consumer"),
            ("deleteOrder", "/paths/~1orders~1{id}/delete", "consumer"),
        },
    ),
    "another method": (
        change(
            "/paths/~1orders~1{id}",
            {
                "parameters": BASE["paths"]["/orders/{id}"]["parameters"],
                "post": BASE["paths"]["/orders/{id}"]["delete"],
            },
        ),
        {("deleteOrder", "/paths/~1orders~1{id}/post", "consumer")},
    ),
    "an optional parameter more": (
        change(f"{GET}/parameters/0", {"name": "sort", "in": "query", "schema": {"type": "string"}}),
        {("listOrders", f"{GET}/parameters/0", "nobody")},
    ),
    "a required parameter more": (
        change(f"{GET}/parameters/2", {"name": "sort", "in": "query", "required": True, "schema": {}}),
        {("listOrders", f"{GET}/parameters/2", "consumer")},
    ),
    "a parameter less": (change(f"{GET}/parameters/1"), {("listOrders", f"{GET}/parameters/1", "consumer")}),
    "a parameter that is required now": (
        change(f"{GET}/parameters/1/required", True),
        {("listOrders", f"{GET}/parameters/1/required", "consumer")},
    ),
    "a parameter's bound": (
        change(f"{GET}/parameters/0/schema/maximum", 50),
        {("listOrders", f"{GET}/parameters/0/schema/maximum", "consumer")},
    ),
    "a parameter's default": (
        change(f"{GET}/parameters/0/schema/default", 10),
        {("listOrders", f"{GET}/parameters/0/schema/default", "consumer")},
    ),
    "a success more": (
        change(f"{POST}/responses/202", {"description": "later"}),
        {("createOrder", f"{POST}/responses/202", "consumer")},
    ),
    "a success less": (
        change(f"{GET}/responses", {"204": {"description": "none"}, "422": {"description": "refused"}}),
        {
            ("listOrders", f"{GET}/responses/200", "consumer"),
            ("listOrders", f"{GET}/responses/204", "consumer"),
        },
    ),
    "an error more": (
        change(f"{POST}/responses/409", {"description": "twice"}),
        {("createOrder", f"{POST}/responses/409", "nobody")},
    ),
    "an error less": (
        change(f"{POST}/responses/422"),
        {("createOrder", f"{POST}/responses/422", "provider")},
    ),
    "a header less": (
        change(f"{GET}/responses/200/headers/X-Total"),
        {("listOrders", f"{GET}/responses/200/headers/X-Total", "consumer")},
    ),
    "a header that need not come": (
        change(f"{GET}/responses/200/headers/X-Total/required", False),
        {("listOrders", f"{GET}/responses/200/headers/X-Total/required", "consumer")},
    ),
    "another media type": (
        change(f"{POST}/requestBody/content", {"application/xml": {"schema": {"type": "object"}}}),
        {
            ("createOrder", f"{POST}/requestBody/content/application~1json", "consumer"),
            ("createOrder", f"{POST}/requestBody/content/application~1xml", "provider"),
        },
    ),
    "a body that may be missing": (
        change(f"{POST}/requestBody/required", False),
        {("createOrder", f"{POST}/requestBody/required", "provider")},
    ),
    "another credential": (
        change("/components/securitySchemes/key/name", "X-Token"),
        {
            (operation, f"{place}/security", breaks)
            for operation, place in (
                ("listOrders", GET),
                ("createOrder", POST),
                ("deleteOrder", "/paths/~1orders~1{id}/delete"),
            )
            for breaks in ("consumer", "provider")
        },
    ),
    "an open operation": (change(f"{GET}/security", []), {("listOrders", f"{GET}/security", "provider")}),
    "another permission": (
        change(f"{POST}/x-permission", "orders:create"),
        {("createOrder", f"{POST}/x-permission", "consumer")},
    ),
    "deprecated": (
        change(f"{POST}/deprecated", True),
        {("createOrder", f"{POST}/deprecated", "nobody")},
    ),
    "another id of an operation": (
        change(f"{POST}/operationId", "makeOrder"),
        {("createOrder", f"{POST}/operationId", "nobody")},
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_each_change_is_told_once_with_its_place_and_for_whom_it_breaks(name: str, tmp_path: Path) -> None:
    document, expected = PAIRS[name]
    assert told(compare(tmp_path, BASE, document)) == expected


@pytest.mark.parametrize("name", PAIRS)
def test_the_way_back_is_a_change_too(name: str, tmp_path: Path) -> None:
    document, _ = PAIRS[name]
    assert compare(tmp_path, document, BASE)


def _rename_components(document: Any) -> Any:
    text = (
        json.dumps(document).replace("schemas/Order", "schemas/Purchase").replace('"Order":', '"Purchase":')
    )
    return json.loads(text)


def _inline(document: Any) -> Any:
    new = copy.deepcopy(document)
    order = copy.deepcopy(ORDER)
    order["properties"]["buyer"] = copy.deepcopy(document["components"]["schemas"]["Buyer"])
    new["paths"]["/orders"]["post"]["requestBody"]["content"]["application/json"]["schema"] = order
    return new


def _split(document: Any) -> Any:
    new = copy.deepcopy(document)
    properties = ORDER["properties"]
    new["components"]["schemas"]["Order"] = {
        "allOf": [
            {"type": "object", "properties": {name: properties[name] for name in ("id", "state")}},
            {"properties": {name: properties[name] for name in ("amount", "note", "buyer")}},
            {"required": ["amount", "state", "id"]},
        ]
    }
    return new


def _write_otherwise(document: Any) -> Any:
    """Other keywords that say the same."""
    new = copy.deepcopy(document)
    schemas = new["components"]["schemas"]
    schemas["Order"]["properties"]["state"] = {"oneOf": [{"const": "open"}, {"const": "paid"}]}
    schemas["Buyer"]["properties"]["name"] = {"anyOf": [{"type": "string"}, {"type": "null"}]}
    schemas["Order"]["description"] = "An order."
    schemas["Order"]["properties"]["note"] |= {"title": "Note", "examples": ["x"], "minLength": 0}
    return new


def _move_parts(document: Any) -> Any:
    """Parameters of the path item, another name in the path, the prefix in the paths."""
    new = json.loads(
        json.dumps(document).replace("{id}", "{order_id}").replace('"name": "id"', '"name": "order_id"')
    )
    paths = new["paths"]
    paths["/orders/{order_id}"]["delete"]["parameters"] = paths["/orders/{order_id}"].pop("parameters")
    new["paths"] = {f"/v1{path}": item for path, item in reversed(paths.items())}
    new["servers"] = [{"url": "https://api.example.com"}]
    new["components"]["securitySchemes"] = {"other": new["components"]["securitySchemes"]["key"]}
    new["security"] = [{"other": []}]
    return new


@pytest.mark.parametrize(
    "rewrite", (copy.deepcopy, _rename_components, _inline, _split, _write_otherwise, _move_parts)
)
def test_a_document_that_is_written_otherwise_has_no_change(rewrite: Any, tmp_path: Path) -> None:
    document = rewrite(BASE)
    assert compare(tmp_path, BASE, document) == []
    assert compare(tmp_path, document, BASE) == []


def test_a_document_in_several_files_has_no_change(tmp_path: Path) -> None:
    new = copy.deepcopy(BASE)
    order = new["components"]["schemas"].pop("Order")
    buyer = new["components"]["schemas"].pop("Buyer")
    order["properties"]["buyer"] = {"$ref": "buyer.json"}
    text = json.dumps(new).replace("#/components/schemas/Order", "order.json")
    write_contract(tmp_path / "order.json", order)
    write_contract(tmp_path / "buyer.json", buyer)
    assert compare(tmp_path, BASE, json.loads(text)) == []


def test_a_schema_that_leads_to_itself_is_compared_once(tmp_path: Path) -> None:
    def nest(limit: int) -> Any:
        tree = {
            "type": "object",
            "properties": {"value": {"type": "integer", "maximum": limit}, "next": {"$ref": f"#{ORDERS}"}},
        }
        return change(ORDERS, tree)

    assert compare(tmp_path, nest(3), nest(3)) == []
    assert told(compare(tmp_path, nest(3), nest(2))) == of_order(
        "/properties/value/maximum", "consumer", "provider"
    )


def _group(key: str, branches: list[Any]) -> Any:
    return change(ORDERS, {key: branches})


def _kind(name: str, **members: Any) -> Any:
    return {"type": "object", "required": ["kind"], "properties": {"kind": {"const": name}, **members}}


def test_alternatives_are_matched_whatever_their_order(tmp_path: Path) -> None:
    card, cash = _kind("card", number={"type": "string"}), _kind("cash")
    old = _group("oneOf", [card, cash])
    assert compare(tmp_path, old, _group("oneOf", [cash, card])) == []
    gone = told(compare(tmp_path, old, _group("oneOf", [card, _kind("cheque")])))
    assert gone == of_order("/oneOf/1", "consumer", "provider") | of_order("/oneOf/1", "provider", "consumer")
    changed = told(compare(tmp_path, old, _group("oneOf", [cash, _kind("card", number={"type": "integer"})])))
    assert changed == of_order("/oneOf/1/properties/number/type", "consumer", "consumer")


@pytest.mark.parametrize(
    ("keyword", "value"),
    (
        ("not", {"required": ["note"]}),
        ("propertyNames", {"maxLength": 9}),
        ("if", {"required": ["note"]}),
        ("dependentRequired", {"note": ["buyer"]}),
        ("patternProperties", {"^x": False}),
    ),
)
def test_rules_that_are_judged_whole_are_told(keyword: str, value: Any, tmp_path: Path) -> None:
    new = change(f"{ORDERS}/{keyword}", value)
    assert told(compare(tmp_path, BASE, new)) == of_order(f"/{keyword}", "consumer", "provider")
    assert told(compare(tmp_path, new, BASE)) == of_order(f"/{keyword}", "provider", "consumer")


def test_members_of_a_closed_object_are_judged_strictly(tmp_path: Path) -> None:
    closed = change(f"{ORDERS}/additionalProperties", False)
    assert told(compare(tmp_path, BASE, closed)) == of_order("/additionalProperties", "consumer", "provider")
    more = change(f"{ORDERS}/properties/memo", {"type": "string"}, closed)
    assert told(compare(tmp_path, closed, more)) == of_order("/properties/memo", "provider", "consumer")
    assert told(compare(tmp_path, more, closed)) == of_order("/properties/memo", "consumer", "consumer")


@pytest.mark.parametrize(
    ("old", "new", "request_breaks", "answer_breaks"),
    (
        ({"type": "integer", "multipleOf": 2}, {"type": "integer", "multipleOf": 4}, "consumer", "provider"),
        ({"type": "integer", "multipleOf": 4}, {"type": "integer", "multipleOf": 2}, "provider", "consumer"),
        ({"type": "integer", "multipleOf": 4}, {"type": "integer", "multipleOf": 3}, "consumer", "consumer"),
        ({"format": "int32"}, {"format": "int64"}, "provider", "consumer"),
        ({"format": "int64"}, {"format": "int32"}, "consumer", "provider"),
        ({"type": "string"}, {"type": "string", "format": "colour"}, "nobody", "nobody"),
        ({"type": "string", "pattern": "a"}, {"type": "string", "pattern": "b"}, "consumer", "consumer"),
        ({"type": "string"}, {"enum": ["a"]}, "consumer", "provider"),
        ({"enum": ["a"]}, {"type": "string"}, "provider", "consumer"),
        ({}, {"type": "string"}, "consumer", "provider"),
        ({"type": "string"}, True, "provider", "consumer"),
        ({"type": "array", "items": {"type": "string"}}, {"type": "array"}, "provider", "consumer"),
        (
            {"type": "array", "prefixItems": [{"type": "string"}]},
            {"type": "array", "prefixItems": [{"type": "integer"}]},
            "consumer",
            "consumer",
        ),
        ({"type": "string"}, {"type": "string", "deprecated": True}, "nobody", "nobody"),
        ({"type": "string", "default": "a"}, {"type": "string", "default": "b"}, "consumer", "nobody"),
    ),
)  # fmt: skip
def test_keywords_are_judged_in_both_directions(
    old: Any, new: Any, request_breaks: str, answer_breaks: str, tmp_path: Path
) -> None:
    place = f"{ORDERS}{NOTE}"
    found = compare(tmp_path, change(place, old), change(place, new))
    judged = {(item.pointer.startswith(BODY), item.breaks) for item in found}
    assert judged == {(True, request_breaks), (False, answer_breaks)}


def test_an_answer_that_a_range_covers_is_compared_with_it(tmp_path: Path) -> None:
    ranged = change(f"{POST}/responses", {"201": {"description": "made"}, "4XX": {"description": "refused"}})
    exact = change(f"{POST}/responses", {"201": {"description": "made"}, "422": {"description": "refused"}})
    assert told(compare(tmp_path, exact, ranged)) == {("createOrder", f"{POST}/responses/4XX", "nobody")}
    assert told(compare(tmp_path, ranged, exact)) == {("createOrder", f"{POST}/responses/4XX", "provider")}


def test_a_body_that_comes_or_goes_is_told(tmp_path: Path) -> None:
    without = change(f"{POST}/requestBody")
    assert told(compare(tmp_path, BASE, without)) == {("createOrder", f"{POST}/requestBody", "consumer")}
    assert told(compare(tmp_path, without, BASE)) == {("createOrder", f"{POST}/requestBody", "consumer")}


def test_the_style_of_a_parameter_is_told(tmp_path: Path) -> None:
    place = f"{GET}/parameters/0"
    listed = {"name": "limit", "in": "query", "schema": {"type": "array", "items": {"type": "integer"}}}
    old = change(f"{GET}/parameters", [listed])
    new = change(f"{GET}/parameters", [listed | {"explode": False}])
    assert told(compare(tmp_path, old, new)) == {("listOrders", f"{place}/style", "consumer")}


def test_tests_that_rely_on_what_breaks_are_named(tmp_path: Path) -> None:
    def touch(test: str, status: int, member: str) -> Any:
        return {
            "operations": [
                {
                    "operation": "createOrder",
                    "statuses": [{"status": status, "hits": 1, "tests": [test]}],
                    "members": [
                        {"member": name, "in": "body", "hits": int(name == member)}
                        | ({"tests": [test]} if name == member else {})
                        for name in ("note", "state")
                    ],
                    "reasons": [], "variants": [], "credentials": [],
                    "beyond": {"statuses": [], "reasons": []},
                }
            ]
        }  # fmt: skip

    coverage = merge_coverage([touch("test_a", 201, "note"), touch("test_b", 422, "state")])
    changes = compare(tmp_path, BASE, change(f"{ORDERS}{NOTE}"))
    tests = {item.pointer: item.tests for item in find_tests(changes, coverage)}
    assert tests == {f"{BODY}{NOTE}": ("test_a",), f"{ANSWER}{NOTE}": ("test_a",), f"{LIST}{NOTE}": ()}
    # A member that is required now breaks those who leave it out.
    changes = compare(tmp_path, BASE, change(f"{ORDERS}/required", ["id", "state", "amount", "note"]))
    tests = {item.pointer: item.tests for item in find_tests(changes, coverage)}
    assert tests == {f"{BODY}{NOTE}": ("test_a", "test_b"), f"{ANSWER}{NOTE}": (), f"{LIST}{NOTE}": ()}
