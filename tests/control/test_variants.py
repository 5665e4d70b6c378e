"""Routes onto variants, coverage and assumptions."""

from __future__ import annotations

from typing import Any

import pytest

from mockserver.engine.engine import Engine
from tests.desk import Desk

SHAPE = {"name", "operation", "status", "deviation", "legal"}


def test_variants_are_listed_with_what_differs(desk: Desk) -> None:
    variants = desk.get("/variants")["variants"]
    assert all(variant.keys() == SHAPE for variant in variants)
    assert {variant["operation"] for variant in variants} == set(desk.engine.contract.operations)
    chosen = desk.get("/variants?operation=createApiKey&status=201")["variants"]
    assert {(each["operation"], each["status"]) for each in chosen} == {("createApiKey", 201)}
    assert [each for each in variants if each in chosen] == chosen
    found = {each["name"]: each for each in chosen}
    assert found["null-expires_at"]["deviation"] == "/data/expires_at is null"
    assert found["null-expires_at"]["legal"] is True
    assert found["breaking-missing-id"]["legal"] is False


def test_one_variant_is_shown_as_a_diff(desk: Desk) -> None:
    target = "/variants?operation=createApiKey&status=201&name=null-expires_at&diff=true"
    (variant,) = desk.get(target)["variants"]
    assert '+    "expires_at": null,' in variant["diff"].split("\n")


def test_pairs_are_listed_on_request(desk: Desk) -> None:
    pairs = desk.get("/variants?operation=deleteApiKey&status=200&pairs=true")["variants"]
    assert "extra-members+chunked" in {pair["name"] for pair in pairs}
    assert all(pair["legal"] for pair in pairs)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("/variants?operation=creatApiKey", "did you mean 'createApiKey'? known: listApiKeys"),
        ("/variants?operation=createApiKey&name=null-expires", "did you mean 'null-expires_at'"),
        ("/variants?operation=createApiKey&status=418", "known: 200, 201, 400"),
        ("/variants?status=all", "must be a whole number"),
        ("/variants?pairs=perhaps", "must be true or false"),
    ],
)
def test_what_there_is_not_is_refused_with_the_nearest(desk: Desk, target: str, words: str) -> None:
    status, value = desk.ask("GET", target)
    assert status == 400
    assert words in value["errors"][0]["title"]


def test_a_variant_is_chosen_and_put_back(desk: Desk) -> None:
    plain = {"name": None, "operation": None, "status": None}
    assert desk.ask("GET", "/variant") == (200, plain)
    chosen = {"name": "null-created_at", "operation": "createApiKey", "status": 201}
    assert desk.ask("PUT", "/variant", chosen) == (200, chosen)
    assert desk.api.send().json["data"]["created_at"] is None
    assert desk.ask("PUT", "/variant", {"name": None}) == (200, plain)
    assert desk.api.send().json["data"]["created_at"] is not None


@pytest.mark.parametrize(
    ("body", "pointer", "words"),
    [
        ({"name": "null-expires"}, "/name", "did you mean 'null-expires_at'"),
        (
            {"name": "null-expires_at", "operation": "deleteApiKey"},
            "/name",
            "no such answer has a variant",
        ),
        ({"name": "null-expires_at", "status": 429}, "/name", "no such answer has a variant"),
        ({"name": "chunked", "operation": "x"}, "/operation", "is not in the contract"),
        ({"name": 1}, "/name", "must be a text"),
        ({"name": ""}, "/name", "must be a text"),
        ({"name": "chunked", "status": "201"}, "/status", "must be a status"),
        ({}, "/name", "is missing"),
        ({"nam": "chunked"}, "/nam", "is unknown here"),
        ([], "", "must be a JSON object"),
    ],
)
def test_a_choice_that_cannot_be_is_refused_and_changes_nothing(
    desk: Desk, body: Any, pointer: str, words: str
) -> None:
    desk.ask("PUT", "/variant", {"name": "chunked"})
    status, value = desk.ask("PUT", "/variant", body)
    assert status == 422
    assert value["errors"][0]["source"]["pointer"] == pointer
    assert words in value["errors"][0]["title"]
    assert desk.get("/variant")["name"] == "chunked"


# Coverage.


def hits(desk: Desk, dimension: str, name: str, *, target: str = "/coverage", **more: str) -> Any:
    (entry,) = [item for item in desk.get(target)["operations"] if item["operation"] == "createApiKey"]
    key = {"statuses": "status", "credentials": "credential"}.get(dimension, dimension[:-1])
    (item,) = [
        item
        for item in entry[dimension]
        if str(item[key]) == name and all(item[member] == value for member, value in more.items())
    ]
    return item["hits"]


def test_coverage_counts_exactly(desk: Desk) -> None:
    assert desk.get("/coverage")["summary"]["touched"] == 0
    full = {"name": "n", "permissions": {}, "metadata": {}, "unknown": 1}
    desk.api.send(json=full)
    desk.api.send(headers={"Prefer": "variant=null-created_at+chunked"})
    desk.api.send(key=None)
    desk.api.send(key=None)
    desk.api.send(headers={"Prefer": "code=429, variant=extra-members"})
    desk.api.script({"request": {}, "response": {"status": 409}, "metadata": {"mockserver": {"times": 1}}})
    desk.api.send()
    assert [hits(desk, "statuses", status) for status in ("200", "201", "401", "409", "429")] == [
        0,
        2,
        2,
        1,
        1,
    ]
    assert hits(desk, "reasons", "missing_credential") == 2
    assert hits(desk, "reasons", "rate_limited") == 1
    assert hits(desk, "reasons", "idempotency_conflict") == 1
    assert (hits(desk, "reasons", "created"), hits(desk, "reasons", "stub")) == (1, 1)
    assert hits(desk, "variants", "null-created_at", answer="success") == 1
    assert hits(desk, "variants", "chunked", answer="success") == 1
    assert hits(desk, "variants", "extra-members", answer="error") == 1
    assert hits(desk, "variants", "extra-members", answer="success") == 0
    assert (hits(desk, "credentials", "secret"), hits(desk, "credentials", "none")) == (4, 2)
    assert (hits(desk, "members", "name"), hits(desk, "members", "metadata")) == (6, 1)
    assert hits(desk, "members", "account_id") == 6
    assert desk.get("/coverage")["summary"]["touched"] == 4 + 3 + 3 + 2 + 4


def test_coverage_survives_eviction_but_not_a_reset(engine: Engine) -> None:
    desk = Desk(engine)
    for _ in range(5):
        desk.api.send()
    desk.journal.shrink(1)
    assert len(desk.journal) == 1
    assert (hits(desk, "statuses", "201"), hits(desk, "members", "name")) == (5, 5)
    desk.ask("DELETE", f"/requests/{desk.last_call.id}")
    assert (hits(desk, "statuses", "201"), hits(desk, "members", "name")) == (4, 4)
    desk.ask("POST", "/reset")
    assert (hits(desk, "statuses", "201"), hits(desk, "members", "name")) == (0, 0)
    assert hits(desk, "members", "name", target="/coverage?all=true") == 4


def test_namespaces_are_covered_apart_and_together(desk: Desk) -> None:
    desk.api.send()
    desk.api.send(url="/~t1/v1/api-keys/?account_id=acct_1")
    assert hits(desk, "statuses", "201") == 1
    assert hits(desk, "statuses", "201", target="/coverage?all=true") == 2
    desk.ask("DELETE", "/namespaces/t1")
    assert hits(desk, "statuses", "201", target="/coverage?all=true") == 2


@pytest.mark.parametrize(
    ("kind", "start"), [("text", "listApiKeys  "), ("markdown", "### Contract"), ("html", "<!DOCTYPE html>")]
)
def test_coverage_is_shown_to_people(desk: Desk, kind: str, start: str) -> None:
    status, text = desk.ask("GET", f"/coverage?format={kind}")
    assert (status, text[: len(start)]) == (200, start)
    assert "null-created_at" in text
    assert desk.ask("GET", "/coverage?format=pdf")[0] == 400


# Assumptions.


def touched(desk: Desk) -> set[str]:
    return {each["what"] for each in desk.get("/assumptions?run=true")["assumptions"]}


def test_only_what_calls_touched_is_an_assumption_of_the_run(desk: Desk) -> None:
    everything = {each["what"] for each in desk.get("/assumptions")["assumptions"]}
    assert touched(desk) == set()
    desk.api.send()
    found = touched(desk)
    assert found < everything
    assert "/components/schemas/api-key/properties/type" in found
    assert "/components/responses/TooManyRequests" not in found
    assert "/components/schemas/create-api-key.request/properties/metadata" not in found
    desk.api.send(json={"name": "n", "permissions": {}, "metadata": {}})
    desk.api.send(headers={"Prefer": "code=429"})
    more = touched(desk)
    assert "/components/schemas/create-api-key.request/properties/metadata" in more
    assert "/components/responses/TooManyRequests/headers/Retry-After" in more
    assert desk.get("/assumptions?run=true")["untold"] > 0
