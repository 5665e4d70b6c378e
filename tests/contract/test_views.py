"""Views: a schema as the side that judges it needs it."""

from __future__ import annotations

from typing import Any

import pytest

from mockserver.contract.views import ORIGINAL, SchemaView
from mockserver.exceptions import ContractError


def viewed(schema: Any, hidden: str | None = None, *, runnable: bool = True, **schemas: Any) -> Any:
    document = {"components": {"schemas": schemas}}
    return SchemaView(document, hidden, lambda text: runnable).view(schema)


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def test_a_schema_that_says_nothing_of_it_is_the_object_itself() -> None:
    schema = {"allOf": [{"minLength": 1}], "properties": {"a": {"type": "string"}}, "required": ["a"]}
    assert viewed(schema, "readOnly") is schema
    assert viewed(True) is True


# readOnly and writeOnly

ID = {"type": "string", "readOnly": True}


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"id": ID, "name": {}}, "required": ["id", "name"]},
        {"properties": {"id": ref("Id"), "name": {}}, "required": ["id", "name"]},
        {"properties": {"id": {"allOf": [ID]}, "name": {}}, "required": ["id", "name"]},
        {"allOf": [{"properties": {"id": ID}}, ref("Named")], "required": ["id", "name"]},
        {"allOf": [ref("Known"), ref("Named")], "required": ["id", "name"]},
    ],
)
def test_a_request_needs_no_member_that_is_read_only(schema: Any) -> None:
    parts: dict[str, Any] = {
        "Id": ID,
        "Named": {"properties": {"name": {}}},
        "Known": {"properties": {"id": ID}},
    }
    assert viewed(schema, "readOnly", **parts)["required"] == ["name"]
    assert viewed(schema, "writeOnly", **parts) == schema


def test_the_hidden_member_is_refused_where_its_schema_stands() -> None:
    found = viewed({"properties": {"id": ID, "name": {"type": "string"}}}, "readOnly")
    assert found["properties"] == {"id": False, "name": {"type": "string"}}


def test_what_is_hidden_around_a_branch_is_hidden_in_it() -> None:
    schema = {"properties": {"id": ID}, "oneOf": [{"required": ["id", "a"]}, {"required": ["b"]}]}
    assert viewed(schema, "readOnly")["oneOf"] == [{"required": ["a"]}, {"required": ["b"]}]
    below = {"properties": {"id": ID, "child": {"properties": {"id": {}}, "required": ["id"]}}}
    assert viewed(below, "readOnly")["properties"]["child"] == below["properties"]["child"]


def test_members_are_looked_for_no_further_than_a_schema_leads_to_itself() -> None:
    loop = {**ref("Loop"), "properties": {"a": ref("Ring")}, "required": ["a"]}
    schema = {"allOf": [ref("Loop")], "required": ["a"]}
    assert viewed(schema, "readOnly", Loop=loop, Ring=ref("Ring")) == schema


# Patterns


def test_a_pattern_is_written_for_the_engine_and_remembered() -> None:
    found = viewed({"pattern": r"^\cJ$", "patternProperties": {r"^\cJ$": {"type": "string"}}})
    assert found[ORIGINAL] == r"^\cJ$"
    assert found["pattern"] != r"^\cJ$"
    assert list(found["patternProperties"].values()) == [{"type": "string"}]


@pytest.mark.parametrize("pattern", ["[", "(?<=a)b"])
def test_what_the_engine_cannot_run_is_left_out_with_what_hangs_on_it(pattern: str) -> None:
    schema = {
        "pattern": pattern,
        "patternProperties": {pattern: False, "^x": True},
        "additionalProperties": False,
        "unevaluatedProperties": False,
    }
    found = viewed(schema, runnable=False)
    assert found == {"patternProperties": {}}


# Discriminators

CAT: dict[str, Any] = {"properties": {"kind": {"type": "string"}, "lives": {}}}
DOG: dict[str, Any] = {"properties": {"kind": {"const": "hound"}}}
BIRD: dict[str, Any] = {"allOf": [ref("Winged"), {"properties": {"wings": {}}}]}
WINGED: dict[str, Any] = {"properties": {"kind": ref("Kind")}}
ANIMALS: dict[str, Any] = {
    "Cat": CAT, "Dog": DOG, "Bird": BIRD, "Winged": WINGED, "Kind": {"enum": ["b", "B"]},
    "Number": {"properties": {"kind": {"type": "integer"}}}, "Bare": {}, "Ring": ref("Ring"),
}  # fmt: skip


def branches(names: list[str], **discriminator: Any) -> list[Any]:
    schema = {
        "oneOf": [ref(name) for name in names],
        "discriminator": {"propertyName": "kind", **discriminator},
    }
    found: list[Any] = viewed(schema, **ANIMALS)["oneOf"]
    return found


def named(name: str, *values: str) -> dict[str, Any]:
    return {**ref(name), "required": ["kind"], "properties": {"kind": {"enum": list(values)}}}


def test_a_branch_takes_the_values_that_name_it() -> None:
    assert branches(["Cat", "Bare"]) == [named("Cat", "Cat"), named("Bare", "Bare")]
    mapping = {"tom": "Cat", "puss": "#/components/schemas/Cat", "rex": "Dog"}
    assert branches(["Cat", "Dog"], mapping=mapping) == [named("Cat", "tom", "puss"), named("Dog", "rex")]


def test_a_branch_that_says_its_own_values_needs_the_member_only() -> None:
    assert branches(["Dog", "Bird"]) == [
        {**ref("Dog"), "required": ["kind"]},
        {**ref("Bird"), "required": ["kind"]},
    ]


def test_a_branch_that_no_text_can_name_stays() -> None:
    assert branches(["Number"]) == [ref("Number")]
    assert branches(["Ring"]) == [named("Ring", "Ring")]


def test_the_default_takes_what_names_no_other() -> None:
    found = branches(["Cat", "Number"], defaultMapping="Bare")
    assert found[-1] == {
        **ref("Bare"), "not": {"required": ["kind"], "properties": {"kind": {"enum": ["Cat"]}}},
    }  # fmt: skip


@pytest.mark.parametrize("discriminator", [{}, {"propertyName": 5}])
def test_a_discriminator_without_a_member_changes_nothing(discriminator: Any) -> None:
    schema = {"oneOf": [ref("Cat"), True, {"type": "string"}], "discriminator": discriminator}
    assert viewed(schema, **ANIMALS) == schema


def test_branches_without_a_reference_stay() -> None:
    schema = {
        "anyOf": [True, {"type": "string"}],
        "discriminator": {"propertyName": "kind", "defaultMapping": "Cat"},
    }
    assert viewed(schema, **ANIMALS)["anyOf"][:2] == [True, {"type": "string"}]


# References


def test_a_schema_is_closed_over_what_it_leads_to() -> None:
    schemas = {"A": {"items": ref("B")}, "B": {"anyOf": [ref("A"), ref("B")]}, "C": ref("D"), "D": 5}
    view = SchemaView({"components": {"schemas": schemas}}, None, lambda text: True)
    assert sorted(view.closure(ref("A"))) == ["/components/schemas/A", "/components/schemas/B"]
    with pytest.raises(
        ContractError, match="'#/components/schemas/D' cannot be followed: there is no schema"
    ):
        view.closure(ref("C"))
