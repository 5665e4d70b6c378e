"""The gauntlet finds what breaks a client, each weakness alone, and says the same twice."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from mockserver.cli.main import main

EXAMPLES = Path(__file__).parents[2] / "examples"
ROOT = EXAMPLES.parent
FRAGILE = f"""
import os, sys
sys.path.insert(0, {str(EXAMPLES)!r})
from fragile_client import create_api_key
create_api_key(
    os.environ["MOCKSERVER_BASE_URL"], os.environ["MOCKSERVER_SECRET_KEY"],
    name="reporting", expires_at="2030-01-01T00:00:00.000Z",
)
"""
# A client that tries as often as it takes; what is at its end is what it looks at.
RETRYING = """
import http.client, json, os, time, urllib.error, urllib.request
request = urllib.request.Request(
    os.environ["MOCKSERVER_BASE_URL"] + "/api-keys/?account_id=acct_1",
    json.dumps({"name": "n", "permissions": {}, "expires_at": "2030-01-01T00:00:00Z"}).encode(),
    {"Authorization": "Bearer " + os.environ["MOCKSERVER_SECRET_KEY"],
     "Content-Type": "application/json", **HEADERS},
)
for attempt in range(3):
    try:
        with urllib.request.urlopen(request, timeout=2) as response:
            data = json.load(response)["data"]
        break
    except urllib.error.HTTPError as error:
        error.close()
        if WAITS:
            time.sleep(float(error.headers.get("Retry-After", 0)))
    except (OSError, ValueError, http.client.HTTPException):
        pass
else:
    raise SystemExit("no answer")
"""
CAREFUL = "HEADERS, WAITS = {'Idempotency-Key': 'once'}, True\n" + RETRYING
CARELESS = "HEADERS, WAITS = {}, False\n" + RETRYING


def run(script: str, *options: str) -> Result:
    arguments = ["gauntlet", "--client-timeout", "2", *options, "--", sys.executable, "-c", script]
    return CliRunner(env={"PYTHONPATH": str(ROOT)}).invoke(main, arguments)


def run_json(script: str, *options: str) -> Mapping[str, Any]:
    result = run(script, "--format", "json", *options)
    report: Mapping[str, Any] = json.loads(result.stdout)
    return report


def outcomes(report: Mapping[str, Any], outcome: str) -> list[str]:
    return [entry["name"] for entry in report["results"] if entry["outcome"] == outcome]


def test_the_eight_weaknesses_of_the_fragile_client_are_found_in_38_runs() -> None:
    report = run_json(FRAGILE)
    broken = [entry for entry in report["results"] if entry["outcome"] == "broke"]
    assert [entry["name"] for entry in broken] == [
        "status-200", "extra-members-data", "null-expires_at", "absent-last_used_ip", "absent-metadata",
        "absent-last_used_at", "absent-expires_at", "absent-updated_at",
    ]  # fmt: skip
    assert report["runs"] <= 38
    assert len([entry for entry in report["results"] if entry["kind"] == "legal"]) == 193
    assert report["plain"] == {"passed": True, "calls": ["POST /v1/api-keys/?account_id=acct_1"]}
    assert "updated_at" in broken[-1]["difference"] and "updated_at" in broken[-1]["output"]
    assert "PUBLISHABLE" not in outcomes(report, "broke")


@pytest.mark.parametrize("member", ["last_used_ip", "updated_at"])
def test_one_weakness_alone_is_found_in_24_runs_and_twice_alike(member: str) -> None:
    script = CAREFUL + f"data[{member!r}]\n"
    report = run_json(script)
    assert outcomes(report, "broke") == [f"absent-{member}"]
    assert report["runs"] <= 24
    assert run_json(script, "--workers", "2") == report


def test_a_careful_client_recovers_once_from_every_failure() -> None:
    result = run(CAREFUL, "--only", "failures", "--format", "json", "--require", "recovery")
    report = json.loads(result.stdout)
    assert result.exit_code == 0
    assert [entry["outcome"] for entry in report["results"]] == ["recovered"] * 9
    assert report["audits"]["retryAfter"] == {"ok": True, "problems": []}


def test_a_careless_client_creates_twice_and_does_not_wait() -> None:
    result = run(CARELESS, "--only", "failures", "--format", "json", "--require", "recovery")
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    phases: dict[str, set[str]] = {entry["outcome"]: set() for entry in report["results"]}
    for entry in report["results"]:
        phases[entry["outcome"]].add(entry["phase"])
    assert phases == {"recovered": {"before"}, "recovered twice": {"after_commit"}}
    assert not report["audits"]["retryAfter"]["ok"]


def test_deviations_that_break_only_together_are_named_together() -> None:
    script = CAREFUL + "assert 'last_used_ip' in data or data['created_at'] is not None\n"
    report = run_json(script, "--only", "legal")
    broken = [entry for entry in report["results"] if entry["outcome"] == "broke"]
    assert [entry["name"] for entry in broken] == ["null-created_at", "absent-last_used_ip"]
    assert broken[0]["difference"].startswith("only together with absent-last_used_ip\n")


def test_what_finds_no_place_is_not_reached() -> None:
    # The answer has no permissions and no metadata that could be emptied; urllib does not ask for gzip.
    report = run_json(CAREFUL, "--only", "legal")
    missing = {entry["name"] for entry in report["results"]
               if entry["outcome"] == "not reached" and entry["status"] == 201}  # fmt: skip
    assert missing == {"empty-metadata", "empty-permissions", "gzip"}
    assert not outcomes(report, "broke")


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("print('hello')", "calls no operation"),
        ("raise SystemExit('no')", "fails without any deviation"),
    ],
)
def test_a_command_that_does_not_work_plain_is_told_first(script: str, problem: str) -> None:
    result = run(script)
    assert result.exit_code == 3
    assert problem in result.stdout


def test_a_run_that_hangs_is_ended() -> None:
    result = run("import sys, time; time.sleep(60)", "--timeout", "0.2")
    assert result.exit_code == 3
    assert "ended after 0.2 s" in result.stdout


def test_what_the_budget_leaves_is_listed() -> None:
    report = run_json(CAREFUL, "--budget", "0.000001")
    assert report["runs"] == 0
    report = run_json(CAREFUL, "--operation", "createApiKey", "--only", "failures", "--repeat", "2")
    assert report["untried"] == []


def test_an_operation_that_is_not_called_is_wrong_usage() -> None:
    result = run(CAREFUL, "--operation", "createApiKeys")
    assert result.exit_code == 2
    assert "createApiKey" in result.stderr


def test_a_command_that_is_not_there_is_wrong_usage() -> None:
    result = CliRunner().invoke(main, ["gauntlet", "--", "no-such-command-here"])
    assert result.exit_code == 2
    assert "no-such-command-here" in result.stderr


def test_reports_are_written_in_every_format(tmp_path: Path) -> None:
    for form in ("text", "junit", "html"):
        path = tmp_path / form
        assert run(FRAGILE, "--only", "legal", "--format", form, "--output", os.fspath(path)).exit_code == 1
        text = path.read_text("utf-8")
        assert "absent-updated_at" in text
        assert "8 broke" in text or form == "junit"
        assert "sk_test_ns" not in text
    suite = ElementTree.fromstring((tmp_path / "junit").read_text("utf-8"))
    assert suite.get("failures") == "8"
    assert "http://" not in (tmp_path / "html").read_text("utf-8").replace("http://127.0.0.1", "")
