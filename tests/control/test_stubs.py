"""Stubs, scenarios, settings and queues over the control API, with WireMock's statuses and shapes."""

from __future__ import annotations

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.control import ControlAnswer, Listing, Question
from mockserver.engine.engine import Engine
from mockserver.exceptions import FixtureError
from mockserver.messages import Response, build_request
from mockserver.scripting import stubs
from mockserver.scripting.bodies import MAX_BODY_BYTES
from mockserver.scripting.delays import MAX_DELAY_MILLISECONDS, write_settings
from mockserver.scripting.documents import (
    read_settings,
    read_stub,
)
from mockserver.serving.building import build_engine
from mockserver.settings import Settings
from mockserver.state.fixtures import load_stubs
from mockserver.types import UNSET
from tests.desk import Desk
from tests.doors import BODY, CREATE, FROZEN, KEY

# A path that is none of the contract, so that answers to it are judged by nothing.
ELSEWHERE = {"method": "GET", "urlPath": "/elsewhere"}
UNKNOWN = "/mappings/2d034383-f059-8bb7-8585-00000000ffff"


class StubDesk(Desk):
    """A desk with what tests of stubs ask again and again."""

    def add(self, document: Any) -> Any:
        """Add a stub; its document."""
        status, value = self.ask("POST", "/mappings", document)
        assert status == 201, value
        return value

    def names(self, target: str = "/mappings") -> list[str | None]:
        """The names of the stubs that a route lists, those of the files left out."""
        names = [stub.get("name") for stub in self.get(target)["mappings"]]
        return [name for name in names if not (name or "").startswith("acct_error_")]

    def call(self, url: str = "/elsewhere") -> Response:
        return self.engine.handle(build_request("GET", url))

    def create(self) -> Response:
        headers = {"Authorization": f"Bearer {KEY}"}
        return self.engine.handle(build_request("POST", CREATE, headers=headers, json=BODY))


@pytest.fixture
def desk(engine: Engine) -> StubDesk:
    return StubDesk(engine)


def stub(name: str, *, status: int = 200, **more: Any) -> dict[str, Any]:
    return {"name": name, "request": ELSEWHERE, "response": {"status": status}, **more}


# Mappings


def test_a_new_stub_is_given_back_with_both_ids_and_nothing_of_ours_beside_them(desk: StubDesk) -> None:
    document = stub("s", priority=None, metadata={"team": "payments", "mockserver": {"times": 2}})
    status, value = desk.ask("POST", "/mappings", document)
    assert status == 201
    assert value == {
        "id": value["id"],
        "uuid": value["id"],
        "name": "s",
        "request": ELSEWHERE,
        "response": {"status": 200},
        "metadata": {"team": "payments", "mockserver": {"times": 2}},
    }
    assert desk.get(f"/mappings/{value['id']}") == value
    assert desk.call().status == 200


def test_a_stub_keeps_the_id_that_it_brings_and_takes_the_place_of_one_that_has_it(desk: StubDesk) -> None:
    desk.add(stub("old", id="a"))
    assert desk.add(stub("new", uuid="a", status=204))["id"] == "a"
    assert desk.names() == ["new"]
    assert desk.call().status == 204


def test_stubs_are_listed_newest_first_and_in_pages(desk: StubDesk) -> None:
    desk.ask("DELETE", "/mappings")
    for name in "abcde":
        desk.add(stub(name))
    assert desk.get("/mappings?limit=2&offset=1")["meta"] == {"total": 5}
    assert desk.names("/mappings") == list("edcba")
    assert desk.names("/mappings?limit=2&offset=1") == ["d", "c"]
    assert desk.names("/mappings?offset=4") == ["a"]
    assert desk.names("/mappings?limit=0") == []
    assert desk.ask("GET", "/mappings?limit=-1")[0] == 400


def test_a_replaced_stub_keeps_its_id_and_its_place(desk: StubDesk) -> None:
    first = desk.add(stub("first", metadata={"mockserver": {"times": 1}}))["id"]
    desk.add(stub("second", metadata={"mockserver": {"times": 1}}))
    document = stub("better", id="another", uuid="yet another", metadata={"mockserver": {"times": 2}})
    status, value = desk.ask("PUT", f"/mappings/{first}", document)
    assert (status, value["id"], value["uuid"], value["name"]) == (200, first, first, "better")
    assert desk.names() == ["second", "better"]
    for _ in range(3):
        desk.call()
    assert [call.stub and call.stub.name for call in desk.namespace.journal] == [
        "better",
        "better",
        "second",
    ]


def test_a_deleted_stub_answers_no_more(desk: StubDesk) -> None:
    id = desk.add(stub("s"))["id"]
    assert desk.ask("DELETE", f"/mappings/{id}") == (200, {})
    assert desk.call().status == 404
    assert desk.ask("DELETE", f"/mappings/{id}")[0] == 404


def test_deleting_all_takes_those_of_the_files_too_and_a_reset_brings_them_back(desk: StubDesk) -> None:
    before = desk.get("/mappings")
    desk.add(stub("s"))
    assert desk.ask("DELETE", "/mappings") == (200, {})
    assert desk.get("/mappings") == {"mappings": [], "meta": {"total": 0}}
    assert desk.ask("POST", "/mappings/reset") == (200, {})
    assert desk.get("/mappings") == before


def test_a_reset_of_the_stubs_leaves_everything_else(desk: StubDesk) -> None:
    assert desk.create().status == 201
    desk.ask("POST", "/settings", {"fixedDelay": 5})
    desk.ask("POST", "/mappings/reset")
    assert len(desk.namespace.journal) == 1
    assert len(desk.namespace.resources.items) == 1
    assert desk.get("/settings") == {"settings": {"fixedDelay": 5}}


def test_saving_is_refused(desk: StubDesk) -> None:
    status, value = desk.ask("POST", "/mappings/save")
    assert status == 422
    assert "fixtures" in value["errors"][0]["title"]


@pytest.mark.parametrize(
    ("method", "target", "document"),
    [
        ("GET", UNKNOWN, UNSET),
        ("PUT", UNKNOWN, stub("s")),
        ("DELETE", UNKNOWN, UNSET),
        ("POST", f"{UNKNOWN}/release", UNSET),
        ("POST", "/mappings/edit", stub("s", id="unknown")),
        ("PUT", "/scenarios/unknown/state", UNSET),
        ("PUT", "/scenarios/unknown/state", {"state": "Started"}),
    ],
)
def test_what_is_unknown_is_404(desk: StubDesk, method: str, target: str, document: Any) -> None:
    status, value = desk.ask(method, target, document)
    assert status == 404
    assert value["errors"][0]["title"]


def test_clients_of_wiremock_2_are_understood(desk: StubDesk) -> None:
    status, value = desk.ask("POST", "/mappings/new", stub("old"))
    assert status == 201
    assert desk.ask("POST", "/mappings/edit", stub("edited", uuid=value["id"])) == (204, UNSET)
    assert desk.names() == ["edited"]
    assert desk.misplaced("POST", "/mappings/edit", stub("s")) == ["/id"]


def test_a_stub_is_removed_by_its_id_or_else_by_its_request(desk: StubDesk) -> None:
    kept = desk.add(stub("kept"))
    other = {"name": "other", "request": {"urlPath": "/other"}, "response": {"status": 200}}
    desk.add(other)
    desk.add(other)
    assert desk.ask("POST", "/mappings/remove", {**other, "name": None}) == (200, {})
    assert desk.names() == ["kept"]
    assert desk.ask("POST", "/mappings/remove", {"id": "unknown", "request": ELSEWHERE}) == (200, {})
    assert desk.names() == ["kept"]
    assert desk.ask("POST", "/mappings/remove", kept) == (200, {})
    assert desk.names() == []


def test_ids_are_the_same_in_every_run_and_never_taken_twice(desk: StubDesk) -> None:
    id = desk.add(stub("a"))["id"]
    exported = desk.get("/mappings")
    desk.ask("POST", "/reset")
    assert desk.add(stub("b"))["id"] == id
    desk.ask("POST", "/reset")
    # The id that comes next is brought by a stub of the same document.
    exported["mappings"].insert(0, stub("new"))
    assert desk.ask("POST", "/mappings/import", exported) == (200, {})
    desk.add(stub("newer"))
    assert desk.names() == ["newer", "new", "a"]


@pytest.mark.parametrize(
    ("target", "document"),
    [
        ("/mappings", {"response": {"status": 205, "body": "x"}}),
        ("/queue", {"operation": "createApiKey", "outcomes": [500, {"status": 99}]}),
        ("/mappings/import", {"mappings": [{"response": {"status": 200}}, {"response": 1}]}),
    ],
    ids=["mappings", "queue", "import"],
)
def test_what_is_refused_uses_up_no_id(desk: StubDesk, target: str, document: Any) -> None:
    id = desk.add(stub("a"))["id"]
    desk.ask("POST", "/reset")
    assert desk.ask("POST", target, document)[0] == 422
    assert desk.add(stub("a"))["id"] == id


# Bad input


def answer_with(**response: Any) -> dict[str, Any]:
    return {"request": ELSEWHERE, "response": response}


def import_with(options: Any, *pointers: str) -> tuple[str, str, Any, list[str]]:
    """An import whose options are wrong at these places."""
    document = {"mappings": [stub("x")], "importOptions": options}
    return "POST", "/mappings/import", document, [f"/importOptions{pointer}" for pointer in pointers]


BROKEN = {
    "request": {"method": 1, "urlPath": "no slash"},
    "response": {
        "status": 99,
        "headers": {"X": "a\r\nb"},
        "fixedDelayMilliseconds": MAX_DELAY_MILLISECONDS + 1,
    },
    "nonsense": 1,
}
PROBLEMS = [
    "/nonsense",
    "/request/method",
    "/request/urlPath",
    "/response/fixedDelayMilliseconds",
    "/response/headers/X",
    "/response/status",
]


WRONG: dict[str, tuple[str, str, Any, list[str]]] = {
    "broken stub": ("POST", "/mappings", BROKEN, PROBLEMS),
    "204 with a body": ("POST", "/mappings", answer_with(status=204, body="x"), ["/response/body"]),
    "large body": ("POST", "/mappings", answer_with(body="x" * (MAX_BODY_BYTES + 1)), ["/response/body"]),
    "two URLs": ("POST", "/mappings", {"request": {"url": "/x", "urlPath": "/x"}}, ["/request"]),
    "body file": ("POST", "/mappings", answer_with(bodyFileName="x"), ["/response/bodyFileName"]),
    "proxy": ("POST", "/mappings", answer_with(proxyBaseUrl="http://h"), ["/response/proxyBaseUrl"]),
    "template": ("POST", "/mappings", answer_with(transformers=["t"]), ["/response/transformers/0"]),
    "XML": (
        "POST",
        "/mappings",
        {"request": {"bodyPatterns": [{"equalToXml": "<x/>"}]}},
        ["/request/bodyPatterns/0/equalToXml"],
    ),
    "no stub": ("POST", "/mappings", UNSET, [""]),
    "array": ("POST", "/mappings", [], [""]),
    "broken replacement": ("PUT", "/mappings/known", BROKEN, PROBLEMS),
    "no replacement": ("PUT", "/mappings/known", UNSET, [""]),
    "broken stub in an import": (
        "POST",
        "/mappings/import",
        {"mappings": [stub("x"), BROKEN]},
        [f"/mappings/1{pointer}" for pointer in PROBLEMS],
    ),
    "same id twice": (
        "POST",
        "/mappings/import",
        {"mappings": [stub("x", id="a"), stub("y", id="a")]},
        ["/mappings/1/id"],
    ),
    "options that are none": import_with(1, ""),
    "unknown options": import_with({"duplicatePolicy": "MERGE", "delete": 1}, "/delete", "/duplicatePolicy"),
    "option of another type": import_with({"deleteAllNotInImport": "yes"}, "/deleteAllNotInImport"),
    "import of nothing": ("POST", "/mappings/import", {"importOptions": {}}, ["/mappings"]),
    "import of an object": ("POST", "/mappings/import", {"mappings": {}}, ["/mappings"]),
    "XPath": ("POST", "/mappings/find-by-metadata", {"matchesXPath": "/x"}, ["/matchesXPath"]),
    "no pattern": ("POST", "/mappings/remove-by-metadata", {}, [""]),
    "removal of a broken stub": ("POST", "/mappings/remove", BROKEN, PROBLEMS),
    "broken queue": (
        "POST",
        "/queue",
        {"operation": "createApiKeys", "outcomes": [99]},
        ["/operation", "/outcomes/0/status"],
    ),
    "empty queue": ("POST", "/queue", {"outcomes": []}, ["/operation", "/outcomes"]),
    "unknown state": ("PUT", "/scenarios/cart/state", {"state": "nowhere"}, ["/state"]),
    "no state": ("PUT", "/scenarios/cart/state", {}, ["/state"]),
    "state that is none": ("PUT", "/scenarios/cart/state", [], [""]),
    "two delays": (
        "POST",
        "/settings",
        {"fixedDelay": -1, "delayDistribution": {"type": "uniform", "lower": 2, "upper": 1}},
        ["", "/delayDistribution/upper", "/fixedDelay"],
    ),
    "extensions": ("POST", "/settings", {"extended": {"x": 1}}, ["/extended"]),
    "wrapped settings": ("POST", "/settings", {"settings": {"fixedDelay": "1"}}, ["/settings/fixedDelay"]),
}


@pytest.mark.parametrize(("method", "target", "document", "pointers"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_said_all_at_once_and_nothing_is_lost(
    desk: StubDesk, method: str, target: str, document: Any, pointers: list[str]
) -> None:
    desk.add(stub("known", id="known", scenarioName="cart", newScenarioState="full"))
    desk.ask("POST", "/settings", {"fixedDelay": 7})
    before = [desk.get(route) for route in ("/mappings", "/scenarios", "/settings")]
    found = desk.misplaced(method, target, document)
    assert sorted(found) == pointers
    assert [desk.get(route) for route in ("/mappings", "/scenarios", "/settings")] == before


def test_an_answer_that_breaks_the_contract_is_refused_unless_that_is_meant(desk: StubDesk) -> None:
    document: Any = {
        "response": {"status": 404, "jsonBody": {"message": 1, "success": True}},
        "metadata": {"mockserver": {"operation": "createApiKey"}},
    }
    pointers = desk.misplaced("POST", "/mappings", document)
    assert {"/response/jsonBody/message", "/response/jsonBody/success", "/response/jsonBody/error"} <= set(
        pointers
    )
    document["metadata"]["mockserver"]["offContract"] = True
    desk.add(document)
    assert json.loads(desk.create().body) == {"message": 1, "success": True}


# Many stubs


def test_there_are_at_most_so_many_stubs(desk: StubDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stubs, "MAX_STUBS", len(desk.namespace.stubs) + 2)
    first = desk.add(stub("first"))
    desk.add(stub("second"))
    assert desk.misplaced("POST", "/mappings", stub("third")) == [""]
    assert desk.misplaced("POST", "/queue", {"operation": "createApiKey", "outcomes": [500]}) == [""]
    assert desk.misplaced("POST", "/mappings/import", {"mappings": [stub("third")]}) == [""]
    assert desk.names() == ["second", "first"]
    # What takes the place of another needs no room.
    desk.add({**first, "name": "other"})
    options = {"deleteAllNotInImport": True}
    document = {"mappings": [stub("third")], "importOptions": options}
    assert desk.ask("POST", "/mappings/import", document) == (200, {})
    assert desk.names() == ["third"]


def test_ten_thousand_stubs_are_the_limit(desk: StubDesk) -> None:
    desk.ask("DELETE", "/mappings")
    one = read_stub(stub("one"), desk.engine.contract, new_id=str)
    desk.namespace.stubs.add(replace(one, id=str(number)) for number in range(9_999))
    assert desk.ask("POST", "/mappings", stub("last"))[0] == 201
    assert desk.misplaced("POST", "/mappings", stub("one more")) == [""]
    assert desk.get("/mappings?limit=1")["meta"]["total"] == 10_000
    assert desk.names("/mappings?limit=1") == ["last"]


# Import


def test_what_was_exported_is_imported_in_the_same_order(desk: StubDesk) -> None:
    desk.ask("DELETE", "/mappings")
    for name, times in (("a", None), ("b", 1), ("c", 2), ("d", None)):
        own: Any = {} if times is None else {"metadata": {"mockserver": {"times": times}}}
        desk.add(stub(name, **own))
    exported = desk.get("/mappings")
    desk.ask("DELETE", "/mappings")
    assert desk.ask("POST", "/mappings/import", exported) == (200, {})
    assert desk.get("/mappings") == exported
    for _ in range(5):
        desk.call()
    assert [call.stub and call.stub.name for call in desk.namespace.journal] == ["b", "c", "c", "d", "d"]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (None, ["new", "other", "better"]),
        ({}, ["new", "other", "better"]),
        ({"duplicatePolicy": "OVERWRITE", "deleteAllNotInImport": False}, ["new", "other", "better"]),
        ({"duplicatePolicy": "IGNORE"}, ["new", "other", "known"]),
        ({"deleteAllNotInImport": True}, ["new", "better"]),
        ({"duplicatePolicy": "IGNORE", "deleteAllNotInImport": True}, ["new", "known"]),
    ],
)
def test_an_import_says_what_becomes_of_known_stubs(desk: StubDesk, options: Any, names: list[str]) -> None:
    desk.ask("DELETE", "/mappings")
    desk.add(stub("known", id="known"))
    desk.add(stub("other", id="other"))
    mappings = [stub("better", id="known"), stub("new")]
    assert desk.ask("POST", "/mappings/import", {"mappings": mappings, "importOptions": options}) == (
        200,
        {},
    )
    assert desk.names() == names


def test_a_long_import_takes_turns_and_loses_nothing_that_others_did_meanwhile(
    desk: StubDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mockserver.control.stubs.TURN_SECONDS", 0.0)
    desk.ask("DELETE", "/mappings")
    for name, times in (("once", 1), ("often", 3)):
        own = {"mockserver": {"times": times}}
        desk.add(stub(name, id=name, metadata=own, scenarioName=name, newScenarioState="moved"))
    new = [stub(f"new {number}") for number in range(100)]
    question = desk.answer("POST", "/mappings/import", {"mappings": new})
    assert isinstance(question, Question)
    turns = 1
    while not question.prepare():
        turns += 1
        if turns == 150:
            # All are read, and some are worked in.
            assert desk.names() == ["often", "once"]
            desk.add(stub("meanwhile"))
            assert [desk.call().status for _ in range(2)] == [200, 200]
    assert turns > 300
    answer = question.ask()
    assert isinstance(answer, ControlAnswer) and answer.status == 200
    assert desk.names() == [*(item["name"] for item in new), "meanwhile", "often"]
    assert desk.namespace.stubs.remaining("often") == 2
    assert desk.namespace.stubs.scenarios.states == {"often": "moved", "once": "moved"}
    assert desk.call().status == 200


def test_a_long_import_that_is_refused_changes_nothing(
    desk: StubDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.ask("DELETE", "/mappings")
    desk.add(stub("known"))
    monkeypatch.setattr(stubs, "MAX_STUBS", 100)
    new = [stub(f"new {number}") for number in range(100)]
    assert desk.refused("POST", "/mappings/import", {"mappings": new}) == (
        422,
        ["101 stubs would be more than 100 in one namespace"],
    )
    assert desk.misplaced("POST", "/mappings/import", {"mappings": [*new, {"request": 5}]}) == [
        "/mappings/100/request",
    ]
    assert desk.names() == ["known"]


# Metadata


def test_stubs_are_found_and_removed_by_their_metadata(desk: StubDesk) -> None:
    desk.add(stub("a", metadata={"team": {"name": "payments"}}))
    desk.add(stub("b", metadata={"team": {"name": "orders"}}))
    desk.add(stub("c"))
    by_path = {"matchesJsonPath": {"expression": "$.team.name", "equalTo": "payments"}}
    status, found = desk.ask("POST", "/mappings/find-by-metadata", by_path)
    assert status == 200
    assert [one["name"] for one in found["mappings"]] == ["a"]
    assert found["meta"] == {"total": 1}
    by_value = {"equalToJson": {"team": {"name": "orders"}}}
    assert desk.ask("POST", "/mappings/remove-by-metadata", by_value) == (200, {})
    assert desk.names() == ["c", "a"]
    assert desk.ask("POST", "/mappings/remove-by-metadata", {"matchesJsonPath": "$.team"}) == (200, {})
    assert desk.names() == ["c"]


# Unmatched stubs


@pytest.mark.parametrize(
    "path, body",
    [
        ("/mappings/remove-by-metadata", {"matchesJsonPath": "$.team"}),
        ("/mappings/find-by-metadata", {"matchesJsonPath": "$.team"}),
        ("/mappings/remove", {"request": ELSEWHERE}),
    ],
)
def test_many_stubs_are_looked_at_in_turns(
    desk: StubDesk, monkeypatch: pytest.MonkeyPatch, path: str, body: Any
) -> None:
    monkeypatch.setattr("mockserver.control.stubs.TURN_SECONDS", 0.0)
    desk.ask("DELETE", "/mappings")
    desk.add({"id": "stays", "request": {"url": "/other"}})
    for number in range(150):
        desk.add(stub(f"team {number}", id=str(number), metadata={"team": 1}))
    question = desk.answer("POST", path, body)
    assert isinstance(question, Question)
    turns = 1
    while not question.prepare():
        turns += 1
        if turns == 151:
            # It was meant, and is another one now.
            desk.add({"id": "7", "request": {"url": "/other"}})
            desk.ask("DELETE", "/mappings/8")
    assert turns >= 151
    answer = question.ask()
    if isinstance(answer, Listing):
        answer = answer.finish()
        assert len(answer.value["mappings"]) == 148  # type: ignore[index]
    else:
        assert [item["id"] for item in desk.get("/mappings")["mappings"]] == ["7", "stays"]
    assert answer is not None and answer.status == 200


def test_unmatched_stubs_are_those_that_answered_no_call_of_the_journal(desk: StubDesk) -> None:
    desk.ask("DELETE", "/mappings")
    desk.add(stub("used"))
    other = {"name": "unused", "request": {"urlPath": "/other"}, "response": {"status": 200}}
    desk.add(other)
    desk.call()
    assert desk.names("/mappings/unmatched") == ["unused"]
    assert desk.get("/mappings/unmatched")["meta"] == {"total": 1}
    assert desk.ask("DELETE", "/mappings/unmatched") == (200, {})
    assert desk.names() == ["used"]
    assert desk.names("/mappings/unmatched") == []


def test_what_eviction_made_unknowable_is_409(engine: Engine) -> None:
    few = build_engine(Settings(clock=FROZEN, journal_limit=1))
    desk = StubDesk(few)
    desk.ask("DELETE", "/mappings")
    desk.add(stub("used"))
    desk.call()
    desk.create()
    assert desk.ask("GET", "/mappings/unmatched")[0] == 409
    assert desk.ask("DELETE", "/mappings/unmatched")[0] == 409
    assert desk.names() == ["used"]
    # A call that no stub answered can be gone: it would not change the answer.
    desk.namespace.journal.clear()
    desk.create()
    desk.create()
    assert desk.names("/mappings/unmatched") == ["used"]


# Queue


def test_outcomes_are_ordinary_stubs_used_up_in_order(desk: StubDesk) -> None:
    outcomes = [500, {"status": 429, "times": 2, "headers": {"Retry-After": "7"}}, 201]
    status, value = desk.ask("POST", "/queue", {"operation": "createApiKey", "outcomes": outcomes})
    assert status == 201
    assert value.keys() == {"mappings"}
    assert value["mappings"] == [desk.get(f"/mappings/{one['id']}") for one in value["mappings"]]
    # Behind what is left of the first one.
    desk.ask("POST", "/queue", {"operation": "createApiKey", "outcomes": [409]})
    answers = [desk.create() for _ in range(6)]
    assert [answer.status for answer in answers] == [500, 429, 429, 201, 409, 201]
    assert (b"Retry-After", b"7") in answers[1].headers


def test_outcomes_of_a_file_are_used_up_in_order(engine: Engine, tmp_path: Path) -> None:
    times: Any = {"metadata": {"mockserver": {"times": 1}}}
    mappings = [stub(name, **times) for name in ("first", "second")]
    (tmp_path / "stubs").mkdir()
    (tmp_path / "stubs" / "a.json").write_text(json.dumps({"mappings": mappings}))
    (tmp_path / "stubs" / "b.json").write_text(json.dumps(stub("third", **times)))
    desk = StubDesk(build_engine(Settings(clock=FROZEN, fixtures=tmp_path)))
    for _ in range(2):
        for _ in range(4):
            desk.call()
        used = [call.stub.name if call.stub else None for call in desk.namespace.journal]
        assert used == ["first", "second", "third", None]
        desk.ask("POST", "/mappings/reset")
        desk.namespace.journal.clear()


def test_an_id_belongs_to_one_stub_of_all_files(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "stubs").mkdir()
    for name in ("a.json", "b.json"):
        (tmp_path / "stubs" / name).write_text(json.dumps(stub("s", id="same")))
    with pytest.raises(FixtureError, match=r"b\.json: 'same' is the id of a stub in stubs/a\.json as well"):
        load_stubs(tmp_path, engine.contract)


# Scenarios


def step(name: str, required: str | None, moves_to: str | None, body: str) -> dict[str, Any]:
    return {
        "request": ELSEWHERE,
        "response": {"status": 200, "body": body},
        "scenarioName": name,
        "requiredScenarioState": required,
        "newScenarioState": moves_to,
    }


def test_scenarios_are_listed_as_wiremock_lists_them(desk: StubDesk) -> None:
    assert desk.get("/scenarios") == {"scenarios": []}
    first = desk.add(step("cart", "Started", "full", "1"))
    second = desk.add(step("cart", "full", "paid", "2"))
    desk.add(step("a", None, None, "3"))
    listed = desk.get("/scenarios")["scenarios"]
    assert [one["name"] for one in listed] == ["a", "cart"]
    assert listed[1] == {
        "id": "cart",
        "name": "cart",
        "state": "Started",
        "possibleStates": ["Started", "full", "paid"],
        "mappings": [second, first],
    }


def test_a_scenario_moves_with_its_calls_and_can_be_set_and_reset(desk: StubDesk) -> None:
    def state() -> str:
        state: str = desk.get("/scenarios")["scenarios"][0]["state"]
        return state

    desk.add(step("my cart", "Started", "full", "1"))
    desk.add(step("my cart", "full", "paid", "2"))
    assert (desk.call().body, state()) == (b"1", "full")
    assert (desk.call().body, state()) == (b"2", "paid")
    assert desk.call().status == 404
    assert desk.ask("PUT", "/scenarios/my%20cart/state", {"state": "full"}) == (200, {})
    assert desk.call().body == b"2"
    assert desk.ask("PUT", "/scenarios/my%20cart/state") == (200, {})
    assert state() == "Started"
    desk.call()
    assert desk.ask("POST", "/scenarios/reset") == (200, {})
    assert state() == "Started"
    desk.call()
    desk.ask("POST", "/mappings/reset")
    desk.add(step("my cart", "Started", "full", "1"))
    assert state() == "Started"


def test_a_scenario_that_no_stub_names_any_more_starts_anew(desk: StubDesk) -> None:
    id = desk.add(step("cart", "Started", "full", "1"))["id"]
    desk.call()
    desk.ask("DELETE", f"/mappings/{id}")
    desk.add(step("cart", "Started", "full", "again"))
    assert desk.call().body == b"again"


# Settings


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ({"fixedDelay": 500}, {"fixedDelay": 500}),
        ({"fixedDelay": 0, "delayDistribution": None, "proxyPassThrough": True}, {"fixedDelay": 0}),
        (
            {"delayDistribution": {"type": "uniform", "lower": 10, "upper": 20.5}},
            {"delayDistribution": {"type": "uniform", "lower": 10, "upper": 20.5}},
        ),
        (
            {"settings": {"delayDistribution": {"type": "lognormal", "median": 80, "sigma": 0.4}}},
            {"delayDistribution": {"type": "lognormal", "median": 80, "sigma": 0.4}},
        ),
        (
            {"delayDistribution": {"type": "lognormal", "median": 80, "sigma": 0.4, "maxValue": 100}},
            {"delayDistribution": {"type": "lognormal", "median": 80, "sigma": 0.4, "maxValue": 100}},
        ),
        ({}, {}),
    ],
)
def test_settings_are_given_back_as_they_were_set(desk: StubDesk, sent: Any, shown: Any) -> None:
    assert desk.get("/settings") == {"settings": {}}
    desk.ask("POST", "/settings", {"fixedDelay": 1})
    assert desk.ask("PUT", "/settings", sent) == (200, {})
    assert desk.get("/settings") == {"settings": shown}
    # What is shown can be sent again.
    assert desk.ask("POST", "/settings", desk.get("/settings")) == (200, {})
    assert desk.get("/settings") == {"settings": shown}


@settings(max_examples=50)
@given(st.integers(0, MAX_DELAY_MILLISECONDS))
def test_a_delay_is_shown_to_the_millisecond(milliseconds: int) -> None:
    assert write_settings(read_settings({"fixedDelay": milliseconds})) == {"fixedDelay": milliseconds}


def test_namespaces_have_stubs_scenarios_and_settings_of_their_own(desk: StubDesk) -> None:
    desk.add(step("cart", None, "full", "1"))
    desk.ask("POST", "/settings", {"fixedDelay": 5})
    assert desk.ask("GET", "/scenarios", namespace="t1") == (200, {"scenarios": []})
    assert desk.ask("GET", "/settings", namespace="t1") == (200, {"settings": {}})
    assert desk.call("/~t1/elsewhere").status == 404
    assert desk.call("/elsewhere").status == 200


# Under load


def call_at_once(desk: StubDesk, threads: int, calls: int) -> list[Response]:
    """Answers to calls that all threads make at the same time."""
    barrier = threading.Barrier(threads)

    def work(_: int) -> list[Response]:
        barrier.wait()
        return [desk.call() for _ in range(calls)]

    with ThreadPoolExecutor(threads) as pool:
        return [answer for answers in pool.map(work, range(threads)) for answer in answers]


def test_a_stub_for_seven_calls_answers_exactly_seven_of_many_threads(desk: StubDesk) -> None:
    desk.add(stub("seven", status=418, metadata={"mockserver": {"times": 7}}))
    statuses = Counter(answer.status for answer in call_at_once(desk, 64, 5))
    assert statuses == {418: 7, 404: 64 * 5 - 7}


def test_a_scenario_moves_once_for_each_of_many_calls(desk: StubDesk) -> None:
    states = ["Started", *(str(number) for number in range(1, 21))]
    for index, state in enumerate(states[:-1]):
        desk.add(step("chain", state, states[index + 1], f"step {index}"))
    bodies = Counter(answer.body for answer in call_at_once(desk, 16, 2))
    assert {f"step {index}".encode(): 1 for index in range(20)}.items() <= bodies.items()
    assert sum(bodies.values()) == 32
    assert desk.get("/scenarios")["scenarios"][0]["state"] == "20"
