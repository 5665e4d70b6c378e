"""The gauntlet finds what breaks a client, each weakness alone, and in few runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver import BadQuestion, MockServer, Sandbox
from mockserver.gauntlet import Gauntlet, GauntletOptions
from mockserver.gauntlet.deviations import Deviation
from mockserver.gauntlet.trials import Trial
from tests.gauntlet.runs import Bench, Client, create, create_stubbornly, names, run, send

MEMBERS = (
    "object", "id", "account_id", "name", "type", "key", "last_used_ip", "metadata", "permissions", "status",
    "last_used_at", "expires_at", "managed", "deleted", "created_at", "updated_at",
)  # fmt: skip


def use_fragilely(sandbox: Sandbox, client: httpx.Client) -> None:
    response = send(sandbox, client)
    assert response.status_code == 201
    data = response.json()["data"]
    assert sorted(data) == sorted(MEMBERS)
    assert data["expires_at"].startswith("20")


def use_carefully(sandbox: Sandbox, client: httpx.Client) -> Any:
    return create_stubbornly(sandbox, client, idempotency_key="once")


def test_eight_weaknesses_are_found_in_38_runs_each_with_its_member() -> None:
    report = run(use_fragilely)
    assert names(report, "broke") == [
        "status-200", "extra-members-data", "null-expires_at", "absent-last_used_ip", "absent-metadata",
        "absent-last_used_at", "absent-expires_at", "absent-updated_at",
    ]  # fmt: skip
    assert report.runs <= 38
    assert len([result for result in report.results if result.deviation.kind == "legal"]) == 193
    assert not report.untried
    broken = next(result for result in report.results if result.outcome == "broke")
    assert broken.call is not None and broken.call.status == 200
    assert "+status 200" in broken.difference
    assert "AssertionError" in (broken.output or "")


def test_two_runs_give_the_same_report() -> None:
    first, second = run(use_fragilely).to_json(), run(use_fragilely, workers=1).to_json()
    assert first == second


# What a client may demand without right, and the answer that does not give it.
DEMANDS: dict[str, Client] = {
    "absent-last_used_ip": lambda sandbox, client: create(sandbox, client)["last_used_ip"],
    "absent-metadata": lambda sandbox, client: create(sandbox, client)["metadata"],
    "null-created_at": lambda sandbox, client: create(sandbox, client)["created_at"][:4],
    "empty-name": lambda sandbox, client: create(sandbox, client)["name"][0],
}


@pytest.mark.parametrize("name", DEMANDS)
def test_one_weakness_alone_is_found_in_24_runs(name: str) -> None:
    report = run(DEMANDS[name])
    assert names(report, "broke") == [name]
    assert report.runs <= 24


def test_a_careful_client_survives_all_and_recovers_once_from_every_failure() -> None:
    report = run(use_carefully)
    assert not names(report, "broke")
    assert len(names(report, "recovered")) == 9
    assert report.exit_code(requires_recovery=True) == 0
    assert report.audits["retryAfter"] == {"ok": True, "problems": []}
    # The answer has neither permissions nor metadata that could be emptied.
    assert names(report, "not reached", status=201) == ["empty-metadata", "empty-permissions"]


def test_a_careless_client_creates_twice_and_does_not_wait() -> None:
    report = run(lambda sandbox, client: create_stubbornly(sandbox, client, waits=False), only="failures")
    assert {(result.outcome, result.deviation.phase) for result in report.results} == {
        ("recovered", "before"),
        ("recovered twice", "after_commit"),
    }
    assert not report.audits["retryAfter"]["ok"]
    assert (report.exit_code(requires_recovery=False), report.exit_code(requires_recovery=True)) == (0, 1)


def test_a_client_that_does_not_look_survives_a_failure_and_one_that_does_gives_up() -> None:
    def look_away(sandbox: Sandbox, client: httpx.Client) -> None:
        try:
            send(sandbox, client)
        except httpx.TransportError:
            return

    assert len(names(run(look_away, only="failures"), "survived")) == 9
    assert len(names(run(create, only="failures"), "gave up")) == 9


@given(st.data())
@settings(max_examples=15)
def test_what_breaks_is_found_whatever_it_is(data: st.DataObject) -> None:
    known = [
        each.name
        for each in CATALOGUE.variants("createApiKey", status=201)
        if each.legal and each.name not in ("empty-metadata", "empty-permissions")
    ]
    broken = data.draw(st.sets(st.sampled_from(known), max_size=8))

    def use(sandbox: Sandbox, client: httpx.Client) -> None:
        create(sandbox, client)
        assert not broken & {*(sandbox.last_call.variant or "").split("+")}

    report = run(use, only="legal")
    assert set(names(report, "broke")) == broken
    assert set(names(report, "survived")) == {*known} - broken


CATALOGUE = MockServer()


def test_deviations_that_break_only_together_are_named_together() -> None:
    def use(sandbox: Sandbox, client: httpx.Client) -> None:
        data = create(sandbox, client)
        assert "last_used_ip" in data or data["created_at"] is not None

    report = run(use, only="legal")
    assert names(report, "broke") == ["null-created_at", "absent-last_used_ip"]
    first = next(result for result in report.results if result.outcome == "broke")
    assert first.difference.startswith("only together with absent-last_used_ip\n")


def test_exclusive_answers_are_never_tried_together() -> None:
    bench = Bench(create)
    bench.gauntlet(only="legal").run()
    groups = [set(names) for names in bench.trials]
    for exclusive in (
        {"null-expires_at", "absent-expires_at"},
        {"other-status-INACTIVE", "other-status-REVOKED"},
        {"pretty-printed", "escaped-unicode"},
        {"empty-name", "long-strings"},
        {"extra-members-data-metadata", "absent-metadata"},
    ):
        assert not any(exclusive <= group for group in groups)
    assert all(len(group) == 1 for group in groups if "status-200" in group)


def test_answers_that_the_contract_refuses_together_are_tried_apart(tmp_path: Path) -> None:
    # Any two of the three may be absent, but not all of them.
    members = {name: {"type": "string", "format": "date"} for name in "abc"}
    schema = {
        "type": "object",
        "properties": members,
        "anyOf": [{"required": [name]} for name in "abc"],
    }
    answer = {
        "description": "",
        "content": {"application/json": {"schema": schema, "example": dict.fromkeys("abc", "2030-01-01")}},
    }
    operation = {"operationId": "getIt", "responses": {"200": answer}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "It", "version": "1"},
        "servers": [{"url": "https://it.example"}],
        "paths": {"/it": {"get": operation}},
    }
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(document), "utf-8")

    def use(sandbox: Sandbox, client: httpx.Client) -> None:
        client.get("https://it.example/it").raise_for_status()

    report = run(use, {"contract": path}, only="legal")
    assert {"absent-a", "absent-b", "absent-c"} <= {*names(report, "survived")}
    assert not names(report, "not reached")


def test_a_group_that_breaks_by_chance_is_not_searched_for_long() -> None:
    bench = Bench(lambda sandbox, client: create(sandbox, client))
    has_failed: list[str] = []

    def run_flakily(deviations: Sequence[Deviation], attempt: int) -> Trial:
        trial = bench.run(deviations, attempt)
        if len(deviations) > 10 and not has_failed:
            has_failed.append("once")
            return replace(trial, has_passed=False)
        return trial

    gauntlet = Gauntlet(("client",), run_flakily, GauntletOptions(only="legal"))
    gauntlet.run()
    report = gauntlet.report()
    assert not names(report, "broke")
    assert len(names(report, "survived")) == 26
    assert report.runs < 15


def test_what_a_client_gets_that_the_plain_one_never_sees_is_not_reached() -> None:
    def use(sandbox: Sandbox, client: httpx.Client) -> None:
        headers = {"Authorization": f"Bearer {sandbox.secret_key}", "Accept-Encoding": "identity"}
        client.post("https://api.hsrcpay.com/v1/api-keys/?account_id=a", json={"name": "n"}, headers=headers)

    report = run(use, only="legal")
    # Nothing is created, so the 422 is what varies.
    assert not names(report, "broke")
    assert set(names(report, "survived")) == {*names(report, "survived", status=422)} != set()
    assert "gzip" in names(report, "not reached", status=422)


def test_a_second_operation_is_tried_too_and_others_can_be_left_out() -> None:
    def use(sandbox: Sandbox, client: httpx.Client) -> None:
        create(sandbox, client)
        headers = {"Authorization": f"Bearer {sandbox.secret_key}"}
        found = client.get("https://api.hsrcpay.com/v1/api-keys/?account_id=acct_1", headers=headers)
        assert found.json()["data"] is not None

    report = run(use, only="failures")
    assert {result.deviation.operation for result in report.results} == {"createApiKey", "listApiKeys"}
    report = run(use, only="failures", operations=("listApiKeys",))
    assert {result.deviation.operation for result in report.results} == {"listApiKeys"}
    with pytest.raises(BadQuestion, match="does not call 'listApiKey'; did you mean 'listApiKeys'"):
        run(use, operations=("listApiKey",))


def test_plain_runs_that_are_unsound_are_told_before_anything_else() -> None:
    turns: list[int] = []

    def use_differently(sandbox: Sandbox, client: httpx.Client) -> None:
        turns.append(1)
        for _ in turns:
            create(sandbox, client)

    def pass_once(sandbox: Sandbox, client: httpx.Client) -> None:
        create(sandbox, client)
        turns.append(1)
        assert len(turns) != 4

    problems = [
        run(client).problem
        for client in (
            lambda sandbox, client: None,
            lambda sandbox, client: 1 / 0,
            use_differently,
            pass_once,
        )
    ]
    assert problems == [
        "the command calls no operation of the contract; it finds MOCKSERVER_BASE_URL",
        "the command fails without any deviation",
        "two plain runs make different calls",
        "of two plain runs one passes and one fails",
    ]


def test_a_flaky_client_is_run_again_before_it_counts_as_broken() -> None:
    failures: set[str] = set()

    def use(sandbox: Sandbox, client: httpx.Client) -> None:
        create(sandbox, client)
        variant = sandbox.last_call.variant
        if variant and variant not in failures:
            failures.add(variant)
            raise AssertionError("flaky")

    assert not names(run(use, only="legal", repeats=2), "broke")


def test_what_the_budget_leaves_is_listed() -> None:
    report = run(use_carefully, budget_seconds=0.0)
    assert (report.runs, report.results, report.problem) == (0, (), None)


def test_a_gauntlet_that_is_stopped_tells_what_it_knows() -> None:
    bench = Bench(create)
    gauntlet = bench.gauntlet(only="failures")

    def stop(runs: int, left: int, what: str) -> None:
        if what.startswith("createApiKey 500"):
            gauntlet.stop()

    gauntlet._notice = stop
    gauntlet.run()
    report = gauntlet.report()
    assert names(report, "gave up") == ["429", "500"]
    assert [deviation.name for deviation in report.untried][:1] == ["CONNECTION_RESET_BY_PEER"]
    assert len(report.untried) == 7


def test_a_key_that_leaks_is_told() -> None:
    def use(sandbox: Sandbox, client: httpx.Client) -> None:
        key = create(sandbox, client)["key"]
        headers = {"Authorization": f"Bearer {sandbox.secret_key}"}
        client.get(f"https://api.hsrcpay.com/v1/api-keys/?account_id=acct_1&q={key}", headers=headers)

    audit = run(use, only="failures").audits["leakedKeys"]
    assert not audit["ok"]
    assert "sk_test_mock_" not in str(audit["problems"])
