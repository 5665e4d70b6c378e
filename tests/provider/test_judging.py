"""Answers are judged by the contract, and what it does not name is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mockserver.contract import load_contract
from mockserver.provider.judging import judge_answer
from tests.provider.contracts import BASE, ORDER, change, write_contract

JSON = ((b"content-type", b"application/json"),)


def judge(tmp_path: Path, value: Any, document: Any = BASE) -> tuple[list[str], list[str]]:
    """Pointers of the violations, and texts of the warnings, of an answer to createOrder."""
    contract = load_contract(write_contract(tmp_path / "c.json", document))
    operation = contract.operations["createOrder"]
    found = judge_answer(contract, operation, 201, JSON, json.dumps(value).encode())
    assert {item.place for item in found.violations} <= {"response body"}
    return [item.pointer for item in found.violations], [item.message for item in found.warnings]


ORDER_VALUE: dict[str, Any] = {"id": "1", "state": "open", "amount": 1}


def test_a_sound_answer_has_nothing_wrong(tmp_path: Path) -> None:
    assert judge(tmp_path, ORDER_VALUE) == ([], [])


def test_every_violation_is_told_at_once(tmp_path: Path) -> None:
    assert judge(tmp_path, {"state": "void", "amount": -1}) == (["/amount", "/id", "/state"], [])


def test_members_that_no_schema_names_are_told_wherever_they_stand(tmp_path: Path) -> None:
    _, warnings = judge(tmp_path, ORDER_VALUE | {"extra": 1, "buyer": {"name": None, "age": 3}})
    assert [text.split()[-4] for text in warnings] == ["/extra", "/buyer/age"]


def test_a_member_that_is_only_required_is_named(tmp_path: Path) -> None:
    document = change("/components/schemas/Order/required", ["id", "memo"])
    assert judge(tmp_path, {"id": "1", "memo": 1}, document) == ([], [])


def test_an_answer_that_has_no_body_is_not_asked_for_its_type(tmp_path: Path) -> None:
    media = {"application/json": {"schema": {"type": "object"}}}
    place = "/paths/~1orders~1{id}/delete/responses/204"
    document = change(place, {"description": "gone", "content": media})
    contract = load_contract(write_contract(tmp_path / "c.json", document))
    found = judge_answer(contract, contract.operations["deleteOrder"], 204, (), b"")
    assert (found.violations, found.warnings) == ([], [])


def test_a_map_and_an_open_object_name_none(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {
        "map": {"type": "object", "additionalProperties": {"type": "integer"}},
        "open": {"type": "object"},
        "list": {"type": "array", "items": ORDER},
    }}  # fmt: skip
    document = change("/components/schemas/Order", schema)
    value = {"map": {"a": 1}, "open": {"b": 2}, "list": [ORDER_VALUE, ORDER_VALUE | {"c": 3}]}
    violations, warnings = judge(tmp_path, value, document)
    assert violations == []
    assert [text.split()[-4] for text in warnings] == ["/list/1/c"]
