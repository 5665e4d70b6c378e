"""`mockserver drift` as people start it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from mockserver import MockServer
from mockserver.cli.main import main
from tests.provider.upstreams import KEY, PATIENCE, Relayed, relay

CREDENTIAL = "MOCKSERVER_UPSTREAM_CREDENTIAL"


def run(origin: str, *options: str, credential: str = KEY) -> Result:
    arguments = ["drift", "--upstream", origin, *options]
    return CliRunner().invoke(main, arguments, env={CREDENTIAL: credential})


@pytest.fixture(scope="module")
def drifted() -> Iterator[str]:
    """The origin of an API whose answers have a member too few, and one that cannot be undone."""

    def change(answer: Relayed) -> None:
        if answer.status == 201:
            answer.replace('"type":"SECRET",', "")
        if answer.method == "DELETE":
            answer.status = 500

    with MockServer(seed="real") as real, relay(real, change) as origin:
        yield origin


def test_an_api_that_keeps_its_contract_exits_with_0() -> None:
    with MockServer(seed="real") as real:
        result = run(real.origin, "--only", "listApiKeys")
        origin = real.origin
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"8 probes of {origin}, 0 differences; assumptions: ")


def test_differences_and_what_is_left_exit_with_1(drifted: str) -> None:
    result = run(drifted, "--only", "createApiKey")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[:3] == [
        "DRIFT (1)",
        "  createApiKey  success",
        "    response body /data/type: expected present, got missing",
    ]
    assert sum(line.startswith("LEFT BEHIND: /api-keys/key_mock_") for line in lines) == 2
    assert any(line.startswith("refuted: /") for line in lines)


def test_json_has_every_difference_and_every_assumption(drifted: str) -> None:
    document = json.loads(run(drifted, "--only", "createApiKey", "--format", "json").stdout)
    (entry,) = document["drift"]
    assert (entry["operation"], entry["pointer"]) == ("createApiKey", "/data/type")
    assert (entry["expected"], entry["actual"]) == ("present", "missing")
    assert {"what", "state"} <= document["assumptions"][0].keys()
    assert (document["created"], len(document["left"])) == (2, 2)


def test_junit_has_a_case_for_each_probe(drifted: str) -> None:
    suite = ElementTree.fromstring(run(drifted, "--only", "createApiKey", "--format", "junit").stdout)
    failed = [case.get("name") for case in suite if case.find("failure") is not None]
    assert failed == ["success", "repeated"]
    assert suite[-1].find("error") is not None
    dry = run(drifted, "--dry-run", "--format", "junit", credential="")
    assert {child.tag for case in ElementTree.fromstring(dry.stdout) for child in case} == {"skipped"}


def test_markdown_has_tables(drifted: str) -> None:
    text = run(drifted, "--only", "createApiKey", "--format", "markdown").stdout
    assert "| createApiKey | success | response body `/data/type` | present | missing |" in text
    assert "| refuted |" in text
    assert "- left behind: `/api-keys/" in text


def test_a_dry_run_shows_what_would_be_sent() -> None:
    result = run("http://127.0.0.1:1", "--dry-run", "--argument", "account_id=acct_7", credential="")
    assert result.exit_code == 0
    assert "  createApiKey  success: POST /v1/api-keys/?account_id=acct_7 -> 201" in result.stdout


@pytest.mark.parametrize(
    ("options", "problem"),
    (
        (("--argument", "x"), "--argument: 'x' must be NAME=VALUE"),
        (("--only", "createKey"), "--only: 'createKey' is not in the contract"),
        (("--upstream", "nonsense"), "--upstream: 'nonsense' is not an origin"),
    ),
)
def test_wrong_usage_exits_with_2(options: tuple[str, ...], problem: str) -> None:
    result = run("http://127.0.0.1:1", *options)
    assert result.exit_code == 2
    assert problem in result.stderr


def test_without_an_upstream_or_a_credential_it_says_what_is_missing() -> None:
    result = CliRunner().invoke(main, ["drift"])
    assert (result.exit_code, "--upstream: is missing" in result.stderr) == (2, True)
    result = run("http://127.0.0.1:1", credential="")
    assert (result.exit_code, f"{CREDENTIAL}: is not set" in result.stderr) == (2, True)


def test_an_api_that_cannot_be_reached_exits_with_2() -> None:
    result = run("http://127.0.0.1:1")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "http://127.0.0.1:1 cannot be reached" in result.stderr


def test_after_ctrl_c_nothing_is_left() -> None:
    reached, go_on = threading.Event(), threading.Event()

    def wait(answer: Relayed) -> None:
        if answer.method == "GET":
            reached.set()
            go_on.wait(PATIENCE)

    with MockServer(seed="real") as real, relay(real, wait) as origin:
        command = [sys.executable, "-m", "mockserver", "drift", "--upstream", origin]
        environment = {**os.environ, CREDENTIAL: KEY}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
            assert reached.wait(PATIENCE)
            process.send_signal(signal.SIGINT)
            go_on.set()
            output, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130
        assert b"created 2, left 0" in output
        assert len(real.calls("deleteApiKey", status=200)) == 2
