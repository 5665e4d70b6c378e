"""Calls as a pact: a verifier that is not ours accepts it against this server, and tells what differs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from pact import Verifier

from mockserver import BadQuestion, MockServer, Sandbox
from tests.provider.contracts import change, write_contract

BODY: dict[str, Any] = {
    "name": "n",
    "permissions": {"account:api:key": ["read"]},
    "expires_at": "2030-01-01T00:00:00Z",
}
KEY = "sk_test_abcdefghijklmnop"
HEADERS = {"Authorization": f"Bearer {KEY}"}


def send(sandbox: Sandbox, method: str, **how: Any) -> httpx.Response:
    url = f"{sandbox.base_url}/api-keys/?account_id=acct_1"
    return httpx.request(method, url, trust_env=False, **{"headers": HEADERS, **how})


def make_calls(sandbox: Sandbox) -> None:
    send(sandbox, "POST", json=BODY)
    send(sandbox, "POST", json={})
    send(sandbox, "GET")
    send(sandbox, "GET", headers={})


def verify(pact: Any, sandbox: Sandbox, folder: Path, states: Sandbox | None = None) -> str | None:
    """What the verifier complains of; None where the provider keeps the pact."""
    file = folder / "pact.json"
    file.write_text(json.dumps(pact), "utf-8")
    verifier = Verifier("hsrcpay", host="127.0.0.1").add_transport(url=sandbox.origin).add_source(file)
    if states is not None:
        verifier.state_handler(f"{states.url}/__admin/pact/states", body=True, teardown=True)
    try:
        verifier.verify()
    except RuntimeError:
        return verifier.output(strip_ansi=True)
    return None


@pytest.mark.parametrize("name", ("default", "t1"))
def test_a_verifier_accepts_the_calls_against_this_server(name: str, tmp_path: Path) -> None:
    with MockServer() as server:
        sandbox = server.namespace(name)
        make_calls(sandbox)
        pact = sandbox.pact("checkout", "hsrcpay")
        assert len(pact["interactions"]) == 4
        assert verify(pact, server, tmp_path) is None
        # They came into the same namespace again, with credentials that it lets in.
        assert [call.status for call in sandbox.calls("createApiKey")] == [201, 422] * 2


@pytest.mark.parametrize(
    ("variant", "complaint"),
    (
        ("breaking-wrong-type-name", "$.data.name -> Expected 12345 (Integer) to be the same type"),
        ("breaking-missing-key", "$.data -> Actual map is missing the following keys: key"),
        ("breaking-unknown-status", "$.data.status -> Expected 'MOCKSERVER_UNKNOWN' to match"),
        ("breaking-undocumented-status", "has status code 201 (FAILED)"),
    ),
)
def test_a_verifier_tells_planted_differences(variant: str, complaint: str, tmp_path: Path) -> None:
    with MockServer() as server:
        make_calls(server)
        pact = server.pact("checkout", "hsrcpay", operation="createApiKey")
        server.variant(variant, operation="createApiKey")
        output = verify(pact, server, tmp_path)
        assert output is not None
        assert complaint in output


def test_a_legal_answer_of_another_kind_keeps_the_pact(tmp_path: Path) -> None:
    with MockServer() as server:
        send(server, "POST", json=BODY)
        pact = server.pact("checkout", "hsrcpay")
        for variant in ("null-expires_at", "extra-members-data", "other-status-REVOKED", "pretty-printed"):
            server.variant(variant, operation="createApiKey", status=201)
            output = verify(pact, server, tmp_path)
            # A consumer that was seen with a text there counts on one.
            assert (output is None) == (variant != "null-expires_at")


def test_it_has_the_form_of_version_4_and_no_secret() -> None:
    with MockServer() as server:
        key = send(server, "POST", json=BODY).json()["data"]["key"]
        pact = server.pact("checkout", "hsrcpay")
        assert (pact["consumer"], pact["provider"]) == ({"name": "checkout"}, {"name": "hsrcpay"})
        assert pact["metadata"]["pactSpecification"] == {"version": "4.0"}
        (interaction,) = pact["interactions"]
        assert interaction["type"] == "Synchronous/HTTP"
        assert interaction["request"]["query"] == {"account_id": ["acct_1"]}
        assert interaction["request"]["body"]["content"] == BODY
        rules = interaction["response"]["matchingRules"]["body"]
        assert rules["$.data.id"]["matchers"] == [{"match": "type"}]
        assert rules["$.data.managed"]["matchers"] == [{"match": "boolean"}]
        assert rules["$.data.permissions['account:api:key']"]["matchers"] == [{"match": "type", "min": 0}]
        # What may be null is no part of what is expected.
        assert "last_used_at" not in interaction["response"]["body"]["content"]["data"]
        for secret in (key, KEY):
            assert secret not in json.dumps(pact)


def test_rules_are_those_of_the_contract(tmp_path: Path) -> None:
    order = {
        "type": "object",
        "properties": {
            "code": {"type": "string", "pattern": "^[A-Z]{2}$"},
            "odd": {"type": "string", "pattern": "^(?=a)a$"},
            "price": {"type": "number"},
            "gone": {"type": "null"},
            "it's": {"const": "x"},
            "list": {"type": "array", "items": {"type": "integer"}},
            "nothing": {"type": "array"},
        },
    }
    contract = write_contract(tmp_path / "c.json", change("/components/schemas/Order", order))
    value = {"code": "AB", "odd": "a", "price": 1.5, "gone": None, "it's": "x", "list": [1, 2], "nothing": []}
    with MockServer(contract=contract) as server:
        server.queue("createOrder", [{"status": 201, "body": value}])
        url, headers = f"{server.base_url}/orders", {"X-Api-Key": "k"}
        httpx.post(url, json={"code": "AB"}, headers=headers, trust_env=False)
        httpx.delete(f"{server.base_url}/orders/7", headers=headers, trust_env=False)
        created, deleted = server.pact("a", "b")["interactions"]
    rules = {path: rule["matchers"][0] for path, rule in created["response"]["matchingRules"]["body"].items()}
    assert rules == {
        "$.code": {"match": "regex", "regex": "^[A-Z]{2}$"},
        "$.odd": {"match": "type"},
        "$.price": {"match": "number"},
        "$.gone": {"match": "null"},
        "$['it\\'s']": {"match": "regex", "regex": "^(?:x)$"},
        "$.list": {"match": "type", "min": 0},
        "$.list[*]": {"match": "integer"},
        "$.nothing": {"match": "type", "min": 0},
    }
    assert created["response"]["body"]["content"]["list"] == [1]
    assert created["request"]["matchingRules"]["body"]["$.code"]["matchers"][0]["match"] == "regex"
    assert deleted["response"] == {"status": 204}
    # What hangs on more than the request is named.
    states = [each["providerStates"] for each in (created, deleted)]
    assert states == [[{"name": "createOrder answers 201"}], [{"name": "deleteOrder answers 204"}]]


def test_calls_without_a_whole_answer_and_unknown_ones() -> None:
    with MockServer() as server:
        server.queue("createApiKey", [{"fault": "EMPTY_RESPONSE"}])
        with pytest.raises(httpx.TransportError):
            send(server, "POST", json=BODY)
        httpx.get(f"{server.origin}/nowhere", trust_env=False)
        (interaction,) = server.pact("a", "b")["interactions"]
        assert interaction["description"] == "call 2: GET /nowhere answers 404 (no_such_operation)"
        with pytest.raises(BadQuestion):
            server.pact("a", "b", operation="createKey")


def test_an_issued_key_has_a_stand_in_that_is_let_in(tmp_path: Path) -> None:
    with MockServer(clock="2026-01-01T00:00:00Z") as server:
        body = {"name": "n", "permissions": {"*": ["*"]}}
        key = send(server, "POST", json=body).json()["data"]["key"]
        server.reset()
        send(server, "POST", json=body)
        send(server, "GET", headers={"Authorization": f"Bearer {key}"})
        pact = server.pact("a", "b")
        assert key not in json.dumps(pact)
        assert verify(pact, server, tmp_path) is None


def test_what_was_scripted_is_set_up_for_a_verifier(tmp_path: Path) -> None:
    with MockServer() as server:
        sandbox = server.namespace("t1")
        sandbox.fail_next(429, operation="createApiKey")
        send(sandbox, "POST", json=BODY)
        created = send(sandbox, "POST", json=BODY).json()["data"]["id"]
        url = f"{sandbox.base_url}/api-keys/{created}"
        httpx.delete(url, headers=HEADERS, trust_env=False)
        pact = sandbox.pact("checkout", "hsrcpay")
        names = [each.get("providerStates", [{}])[0].get("name") for each in pact["interactions"]]
        assert names == ["createApiKey answers 429", None, "deleteApiKey answers 200"]
        assert verify(pact, server, tmp_path, states=sandbox) is None
        # Without it, the first one succeeds and the last one finds nothing.
        output = verify(pact, server, tmp_path)
        assert output is not None
        assert output.count("FAILED") >= 2


def test_a_state_of_somebody_else_is_refused() -> None:
    with MockServer() as server:
        answer = httpx.post(f"{server.url}/__admin/pact/states", json={"state": "a user"}, trust_env=False)
        assert answer.status_code == 422
        assert "such as 'createApiKey answers 429'" in answer.text
