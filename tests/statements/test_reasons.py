"""`reason`: which of the errors of a status is meant (design, section 13)."""

from __future__ import annotations

from typing import Any

import pytest

from mockserver import MockServer, StubError
from tests.desk import Desk

EXPIRED = (401, "expired_credential")


def outcome(answer: Any) -> tuple[int, str]:
    return answer.status, answer.json["error"]["details"]["reason"]


def test_a_queue_names_the_reason_of_an_error(desk: Desk) -> None:
    outcomes = [{"status": 401, "reason": "expired_credential"}, 401]
    status, _ = desk.ask("POST", "/queue", {"operation": "createApiKey", "outcomes": outcomes})
    assert status == 201
    documented = next(
        entry
        for entry in desk.get("/errors?operation=createApiKey")["errors"]
        if entry["reason"] == EXPIRED[1]
    )
    first = desk.api.send()
    assert (outcome(first), first.json) == (EXPIRED, documented["body"])
    assert first.header("www-authenticate")
    assert outcome(desk.api.send()) == (401, "missing_credential")


def test_a_preference_names_the_reason_of_an_error(desk: Desk) -> None:
    for prefer in ("code=401, reason=expired_credential", "reason=expired_credential"):
        answer = desk.api.send(headers={"Prefer": prefer})
        assert outcome(answer) == EXPIRED
        assert answer.header("preference-applied") == "code=401, reason"
    assert desk.api.send(headers={"Prefer": "code=404, reason=expired_credential"}).status == 201
    warnings = desk.get("/calls")["calls"][-1]["warnings"]
    assert any("there is no error of this reason" in warning["message"] for warning in warnings)


def test_the_verb_names_the_reason_of_an_error() -> None:
    server = MockServer()
    id = server.fail_next(401, reason="expired_credential", operation="createApiKey")
    assert server.stubs()[0]["metadata"]["mockserver"]["reason"] == "expired_credential"
    server.remove_stub(id)
    with pytest.raises(StubError, match="did you mean 'expired_credential'"):
        server.fail_next(401, reason="expired_credentials", operation="createApiKey")
    with pytest.raises(StubError, match="needs an error status"):
        server.fail_next(401, reason="expired_credential", body="x", off_contract=True)


def test_every_recipe_of_an_error_and_of_a_fault_means_the_same(desk: Desk) -> None:
    catalogue = desk.get("/errors?operation=createApiKey")
    for entry in catalogue["errors"]:
        if entry["provoke"]["queue"] is None:
            continue
        assert desk.ask("POST", "/queue", entry["provoke"]["queue"])[0] == 201
        answer = desk.api.send()
        assert (answer.status, answer.json) == (entry["status"], entry["body"])
        preferred = desk.api.send(headers={"Prefer": entry["provoke"]["prefer"]})
        assert (preferred.status, preferred.json) == (entry["status"], entry["body"])
    for fault in catalogue.get("faults", []):
        provoke = fault["provoke"]
        phases = {item.get("phase") for item in provoke["queue"]["outcomes"]}
        assert phases == {"after_commit"}
        assert '"phase": "after_commit"' in provoke["python"]
