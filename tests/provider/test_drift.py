"""Drift: each difference of a real API from its contract is told, and the API is left as it was."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from mockserver import MockServer, Sandbox, drift
from mockserver.client.drift import CREDENTIAL, prepare_drift
from mockserver.exceptions import MockServerError, SettingsError
from mockserver.provider.drift import DriftReport
from mockserver.provider.probes import MARKER, Probe
from mockserver.settings import Settings
from tests.provider.contracts import BASE, change, write_contract
from tests.provider.upstreams import HEADERS, KEY, PATIENCE, Lost, Relayed, relay

ENVIRONMENT = {CREDENTIAL: KEY}


def find(origin: str, **options: Any) -> DriftReport:
    return drift(origin, environment=ENVIRONMENT, **options)


def list_left(real: Sandbox) -> list[str]:
    """The ids of the keys that are there."""
    answer = httpx.get(
        f"{real.base_url}/api-keys/?account_id=acct_test_main&limit=100", headers=HEADERS, trust_env=False
    )
    return [item["id"] for item in answer.json()["data"] if not item["managed"]]


def told(report: DriftReport) -> set[tuple[str, str, str, Any, Any]]:
    return {(each.operation, each.place, each.pointer, each.expected, each.actual) for each in report.entries}


def on(method: str, status: int, act: Callable[[Relayed], object]) -> Callable[[Relayed], None]:
    def act_there(answer: Relayed) -> None:
        if (answer.method, answer.status) == (method, status):
            act(answer)

    return act_there


def test_an_api_that_keeps_its_contract_has_not_drifted_and_is_left_as_it_was() -> None:
    with MockServer(seed="real") as real:
        report = find(real.origin)
        assert told(report) == set()
        assert {asked.outcome for asked in report.asked} == {"kept"}
        assert not report.has_drifted
        assert (report.created, report.left, list_left(real)) == (2, [], [])
        asked = {(each.operation, each.expected) for each in report.asked}
        assert {("createApiKey", status) for status in (201, 400, 401, 422)} <= asked
        assert {("deleteApiKey", status) for status in (200, 401, 404)} <= asked
        assert "createApiKey 403" in report.untried
        # Whatever is sent can be told from what others sent.
        bodies = [call.json for call in real.calls("createApiKey") if call.status == 201]
        assert {body["name"] for body in bodies} == {MARKER}


def test_two_runs_say_the_same() -> None:
    with MockServer(seed="real", clock="2026-01-01T00:00:00Z") as real:
        first = find(real.origin).to_json()
        real.reset()
        assert find(real.origin).to_json() == first


def test_what_an_earlier_run_left_in_memory_is_no_drift() -> None:
    with MockServer(seed="real") as real:
        for _ in range(2):
            assert told(find(real.origin)) == set()


def _rename(answer: Relayed) -> None:
    answer.replace('"name":', '"title":')


def _add(answer: Relayed) -> None:
    answer.replace('"data":{', '"data":{"region":"eu",')


def _conflict(answer: Relayed) -> None:
    answer.status = 409


def _accept(answer: Relayed) -> None:
    answer.status, answer.body = 201, json.dumps({"message": "", "success": True, "data": {}}).encode()


PLANTED: dict[str, tuple[Callable[[Relayed], None], set[tuple[str, str, str, Any, Any]]]] = {
    "a renamed member": (
        on("POST", 201, _rename),
        {
            ("createApiKey", "response body", "/data/name", "present", "missing"),
            ("createApiKey", "response body", "/data/title", "not named by the contract", MARKER),
        },
    ),
    "a wrong type": (
        on("POST", 201, lambda answer: answer.replace('"managed":false', '"managed":"no"')),
        {("createApiKey", "response body", "/data/managed", "must be boolean", "no")},
    ),
    "an extra member": (
        on("POST", 201, _add),
        {("createApiKey", "response body", "/data/region", "not named by the contract", "eu")},
    ),
    "a 409 in place of 422": (
        on("POST", 422, _conflict),
        {("createApiKey", "response header", "/:status", 422, 409)},
    ),
    "no media type": (
        on("DELETE", 200, lambda answer: answer.headers.pop("content-type")),
        {("deleteApiKey", "response header", "/content-type", "present", "missing")},
    ),
    "an undocumented status": (
        on("GET", 200, lambda answer: setattr(answer, "status", 206)),
        {("listApiKeys", "response header", "/:status", 200, 206)},
    ),
    "a page that is too long": (
        on("GET", 200, lambda answer: answer.replace('"data":[', '"data":[{},{},')),
        {("listApiKeys", "response body", "/data", "at most 1 item", "3 items")},
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_each_planted_difference_is_told_and_nothing_is_left(name: str) -> None:
    plant, expected = PLANTED[name]
    with MockServer(seed="real") as real, relay(real, plant) as origin:
        report = find(origin)
        assert expected <= told(report)
        operations = {entry[0] for entry in expected}
        assert {entry[0] for entry in told(report)} == operations
        assert report.has_drifted
        assert (report.left, list_left(real)) == ([], [])


def test_a_missing_status_is_told_and_what_was_created_by_mistake_is_undone() -> None:
    with MockServer(seed="real") as real:

        def accept(answer: Relayed) -> None:
            if answer.status == 422 and answer.method == "POST":
                _accept(answer)
                body = {"name": MARKER, "permissions": {}}
                created = httpx.post(
                    f"{real.base_url}/api-keys/?account_id=acct_test_main",
                    json=body,
                    headers=HEADERS,
                    trust_env=False,
                )
                answer.body = created.content

        with relay(real, accept) as origin:
            report = find(origin)
        assert ("createApiKey", "response header", "/:status", 422, 201) in told(report)
        assert report.created > 2
        assert (report.left, list_left(real)) == ([], [])


def test_a_slow_answer_is_told_and_what_it_created_is_undone() -> None:
    release = threading.Event()
    slow = iter([True])

    def wait(answer: Relayed) -> None:
        if answer.status == 201 and next(slow, False):
            release.wait(PATIENCE)
            raise Lost

    with MockServer(seed="real") as real, relay(real, wait) as origin:
        report = find(origin, upstream_timeout=1)
        release.set()
        (entry,) = report.entries
        assert (entry.pointer, entry.expected) == ("/:status", 201)
        assert entry.actual == f"{origin} gave no answer in 1 s"
        assert (report.created, report.left, list_left(real)) == (2, [], [])


def test_an_answer_that_was_lost_is_undone_by_the_mark_that_its_item_has() -> None:
    def lose(answer: Relayed) -> None:
        raise Lost

    with MockServer(seed="real") as real:
        other = httpx.post(
            f"{real.base_url}/api-keys/?account_id=acct_test_main",
            json={"name": "of somebody else", "permissions": {}},
            headers=HEADERS,
            trust_env=False,
        )
        with relay(real, on("POST", 201, lose)) as origin:
            report = find(origin)
        assert report.left == []
        # What others have stays.
        assert list_left(real) == [other.json()["data"]["id"]]


def test_an_idempotency_key_that_counts_for_nothing_is_told() -> None:
    with MockServer(seed="real", idempotency="off") as real:
        report = find(real.origin)
        text = "the first answer again, for the same Idempotency-Key"
        assert ("createApiKey", "response body", "/id", text, "another item") in told(report)
        assert (report.created, list_left(real)) == (3, [])
        refuted = [item["what"] for item in report.assumptions if item["state"] == "refuted"]
        assert [what for what in refuted if what.startswith("Where it is on, a request repeated")]


def test_what_it_created_is_undone_when_it_is_interrupted() -> None:
    with MockServer(seed="real") as real:

        def interrupt(probe: Probe) -> None:
            if probe.operation.id == "listApiKeys":
                raise KeyboardInterrupt

        search = prepare_drift(
            Settings(upstream=real.origin), only=(), arguments={}, environment=ENVIRONMENT,
            needs_credential=True, show=interrupt,
        )  # fmt: skip
        with pytest.raises(KeyboardInterrupt):
            search.run()
        assert (search.report.created, search.report.left, list_left(real)) == (2, [], [])
        assert search.report.asked


def test_an_interruption_while_an_answer_is_on_its_way_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with MockServer(seed="real") as real:
        search = prepare_drift(
            Settings(upstream=real.origin),
            only=(),
            arguments={},
            environment=ENVIRONMENT,
            needs_credential=True,
        )
        usual, calls = search._fetch, iter([True])

        def fetch(request: Any) -> Any:
            answer = usual(request)
            if next(calls, False):
                raise KeyboardInterrupt
            return answer

        monkeypatch.setattr(search, "_fetch", fetch)
        with pytest.raises(KeyboardInterrupt):
            search.run()
        assert (search.report.left, list_left(real)) == ([], [])


def test_what_cannot_be_undone_is_told() -> None:
    def refuse(answer: Relayed) -> None:
        if answer.method == "DELETE":
            answer.status = 500

    def lose(answer: Relayed) -> None:
        if answer.method == "DELETE":
            raise Lost

    for change_it in (refuse, lose):
        with MockServer(seed="real") as real, relay(real, change_it) as origin:
            report = find(origin, only=["createApiKey"])
            assert len(report.left) == 2
            assert report.has_drifted


def test_what_cannot_be_listed_after_a_lost_answer_is_told() -> None:
    def change_it(answer: Relayed) -> None:
        if answer.method == "GET":
            answer.status = 403
        elif answer.status == 201:
            raise Lost

    with MockServer(seed="real") as real, relay(real, change_it) as origin:
        report = find(origin, only=["createApiKey"])
        assert report.left == ["/api-keys (an answer was lost, and what is there cannot be listed)"]


@pytest.mark.parametrize("status", [429, 503])
def test_undoing_waits_as_long_as_the_real_api_asks(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    busy, waited = iter([True]), list[int]()
    monkeypatch.setattr("mockserver.provider.undoing.sleep", waited.append)

    def be_busy(answer: Relayed) -> None:
        if answer.method == "DELETE" and next(busy, False):
            answer.status, answer.headers["Retry-After"] = status, "7"

    with MockServer(seed="real") as real, relay(real, be_busy) as origin:
        report = find(origin, only=["createApiKey"])
        assert (report.left, list_left(real), waited) == ([], [], [7])


def test_the_real_api_may_ask_for_patience() -> None:
    def limit(answer: Relayed) -> None:
        if answer.method == "GET":
            answer.status = 429

    with MockServer(seed="real") as real, relay(real, limit) as origin:
        report = find(origin)
        assert report.entries == []
        outcomes = {asked.outcome for asked in report.asked if asked.operation == "listApiKeys"}
        assert outcomes == {"not reached: the real API asks for patience"}


def test_assumptions_are_confirmed_refuted_or_unknown() -> None:
    with MockServer(seed="real") as real:
        states = {item["what"]: item["state"] for item in find(real.origin).assumptions}
    rule = next(what for what in states if what.startswith("422 invalid_request"))
    assert states[rule] == "confirmed"
    assert states["Keys are listed oldest first."] == "unknown"
    with MockServer(seed="real") as real, relay(real, on("POST", 422, _conflict)) as origin:
        again = {item["what"]: item["state"] for item in find(origin, only=["createApiKey"]).assumptions}
    assert again[rule] == "refuted"
    assert set(again.values()) == {"confirmed", "refuted", "unknown"}


def test_one_operation_alone_is_asked_about_with_what_it_needs() -> None:
    with MockServer(seed="real") as real:
        report = find(real.origin, only=["deleteApiKey"])
        assert {
            (each.operation, each.probe) for each in report.asked if each.operation != "deleteApiKey"
        } == {("createApiKey", "success")}
        assert {call.operation for call in real.calls()} == {"createApiKey", "deleteApiKey"}
        assert list_left(real) == []


def test_a_dry_run_sends_nothing_and_needs_no_credential() -> None:
    report = drift("http://127.0.0.1:1", dry_run=True, environment={})
    assert {asked.outcome for asked in report.asked} == {"would be sent"}
    lines = [asked.request for asked in report.asked if asked.probe == "success"]
    assert "DELETE /v1/api-keys/ID" in lines
    assert report.entries == []


@pytest.mark.parametrize(
    ("environment", "problem"),
    (({}, "is not set"), ({CREDENTIAL: "sk_live_" + "x" * 20}, "is a live credential; use one of test mode")),
)
def test_the_credential_is_one_of_test_mode_in_the_environment(
    environment: dict[str, str], problem: str
) -> None:
    with pytest.raises(SettingsError, match=problem) as caught:
        drift("http://127.0.0.1:1", environment=environment)
    assert "x" * 20 not in str(caught.value)


def test_an_unknown_operation_is_refused() -> None:
    with pytest.raises(
        SettingsError, match="'createKey' is not in the contract; did you mean 'createApiKey'"
    ):
        drift("http://127.0.0.1:1", only=["createKey"], environment=ENVIRONMENT)


def test_an_api_that_cannot_be_reached_is_an_error_of_its_own() -> None:
    with pytest.raises(MockServerError, match="cannot be reached"):
        drift("http://127.0.0.1:1", environment=ENVIRONMENT)


def test_another_contract_is_asked_with_its_own_credentials_and_arguments(tmp_path: Path) -> None:
    contract = write_contract(tmp_path / "c.json", BASE)
    other = change("/components/schemas/Order/properties/amount", {"type": "string"})
    with MockServer(contract=write_contract(tmp_path / "other.json", other)) as real:
        report = find(real.origin, contract=contract, arguments={"state": "open"})
        assert ("createOrder", "response body", "/amount", "must be integer") in {
            entry[:4] for entry in told(report)
        }
        assert {"listOrders", "createOrder"} <= {
            call.operation for call in real.calls() if call.status == 200 or call.status == 201
        }
        assert "deleteOrder" in {asked.operation for asked in report.asked}


def test_an_open_contract_needs_no_credential(tmp_path: Path) -> None:
    contract = write_contract(tmp_path / "c.json", change("/security", []))
    with MockServer(contract=contract) as real:
        assert drift(real.origin, contract=contract, environment={}).entries == []


def test_an_answer_without_an_id_where_nothing_can_be_deleted_tells_of_no_item(tmp_path: Path) -> None:
    document = change("/paths/~1orders~1{id}")
    document = change("/components/schemas/Order", {"type": "object"}, document)
    contract = write_contract(tmp_path / "c.json", document)
    with MockServer(contract=contract) as real:
        report = find(real.origin, contract=contract)
        assert (report.created, report.left) == (0, [])
        with relay(real, on("POST", 201, _lose)) as origin:
            report = find(origin, contract=contract)
        assert report.left == []


def _lose(answer: Relayed) -> None:
    raise Lost
