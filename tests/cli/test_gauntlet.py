"""`mockserver gauntlet` as people start it."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mockserver.cli.main import main

CLIENT = """
import json, os, sys, urllib.request
request = urllib.request.Request(
    os.environ["MOCKSERVER_BASE_URL"] + "/api-keys/?account_id=acct_1",
    json.dumps({"name": "n", "permissions": {}, "expires_at": "2030-01-01T00:00:00Z"}).encode(),
    {"Authorization": "Bearer " + os.environ["MOCKSERVER_SECRET_KEY"], "Content-Type": "application/json"},
)
with urllib.request.urlopen(request, timeout=30) as response:
    data = json.load(response)["data"]
"""
PICKY = CLIENT + "data['metadata']\n"


def run(script: str, *options: str) -> Result:
    arguments = ["gauntlet", "--only", "legal", *options, "--", sys.executable, "-c", script]
    return CliRunner().invoke(main, arguments)


def start(script: str, *options: str, **how: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "mockserver", "gauntlet", *options, "--", sys.executable, "-c", script]
    return subprocess.Popen(command, **how)


def test_what_breaks_is_reported_and_two_runs_side_by_side_or_not_say_the_same(tmp_path: Path) -> None:
    first = run(PICKY, "--format", "json", "--output", os.fspath(tmp_path / "report"))
    assert (first.exit_code, first.stdout) == (1, "")
    text = (tmp_path / "report").read_text("utf-8")
    report = json.loads(text)
    broken = [entry for entry in report["results"] if entry["outcome"] == "broke"]
    assert [entry["name"] for entry in broken] == ["absent-metadata"]
    assert broken[0]["output"].endswith("KeyError: 'metadata'")
    second = run(PICKY, "--format", "json", "--workers", "3")
    assert second.stdout == text


def test_a_client_that_survives_exits_with_0() -> None:
    result = run(CLIENT)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1] == "25 survived, 168 not reached; 6 runs."


def test_a_command_that_knows_only_the_port_is_tried_as_well() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    script = PICKY.replace('os.environ["MOCKSERVER_BASE_URL"]', f'"http://127.0.0.1:{port}/v1"')
    script = script.replace('os.environ["MOCKSERVER_SECRET_KEY"]', '"sk_test_own"')
    result = run(script, "--port", str(port), "--format", "json")
    broken = [entry for entry in json.loads(result.stdout)["results"] if entry["outcome"] == "broke"]
    assert [entry["name"] for entry in broken] == ["absent-metadata"]
    assert result.exit_code == 1


def test_recovery_can_be_required() -> None:
    for options, code in (((), 0), (("--require", "recovery"), 1)):
        arguments = ["gauntlet", "--only", "failures", "--client-timeout", "0", *options]
        result = CliRunner().invoke(main, [*arguments, "--", sys.executable, "-c", CLIENT])
        assert result.exit_code == code
        assert "GAVE UP" in result.stdout


def test_a_command_that_fails_plain_exits_with_3_and_shows_why() -> None:
    result = run("raise SystemExit('no network today')")
    assert result.exit_code == 3
    assert "no network today" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--", "no-such-command-here"], "'no-such-command-here' cannot be started"),
        (["--operation", "createApiKeys", "--", sys.executable, "-c", CLIENT], "did you mean 'createApiKey'"),
        (["--contract", "no-such-file.json", "--", "true"], "no-such-file.json"),
        ([], "Missing argument 'COMMAND...'"),
        (["--workers", "0", "--", "true"], "--workers"),
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str], text: str) -> None:
    result = CliRunner().invoke(main, ["gauntlet", *arguments])
    assert result.exit_code == 2
    assert text in result.stderr


def test_every_run_sees_the_same_standard_input() -> None:
    script = CLIENT + "assert sys.stdin.read() == 'given'\n"
    process = start(
        script, "--only", "legal", "--workers", "2", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    output, _ = process.communicate(b"given", timeout=120)
    assert (process.returncode, b"25 survived" in output) == (0, True)


def test_ctrl_c_ends_everything_and_reports_what_is_known(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    # The third run, which is the first under a deviation, says that it runs, and never ends.
    script = (
        CLIENT + f"path = {str(tmp_path / 'runs')!r}\n"
        "with open(path, 'a') as file: file.write('.')\n"
        "if len(open(path).read()) > 2:\n"
        f"    open({str(path)!r}, 'w').close()\n"
        "    import signal; signal.pause()\n"
    )
    process = start(script, "--only", "legal", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with path.open("rb"):
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (130, b"")
    assert b"165 not reached; 2 runs.\n28 deviations were not tried:" in output


def test_a_terminal_sees_what_is_tried_and_how_many_are_left() -> None:
    ours, theirs = pty.openpty()
    process = start(CLIENT, "--only", "legal", stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    assert process.stdout is not None
    with process.stdout:
        process.stdout.read()
    process.wait(timeout=60)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert "s, 1 runs: plain" in shown
    assert "s, 3 runs, 28 deviations left: createApiKey 201 status-200" in shown
    assert shown.endswith("\r\x1b[K")


def test_a_fixed_port_is_the_same_in_every_run(free_tcp_port: int) -> None:
    script = CLIENT + f"assert os.environ['MOCKSERVER_ORIGIN'] == 'http://127.0.0.1:{free_tcp_port}'\n"
    assert run(script, "--port", str(free_tcp_port)).exit_code == 0
