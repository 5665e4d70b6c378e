"""The examples do what they say: the robust client survives every legal answer, the fragile one does not."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from mockserver.cli.main import main
from mockserver.stores import make_store
from tests.plugin.running import ALONE, run_pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(client: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_pytest(EXAMPLES, *ALONE, "-c", os.devnull, "--rootdir", ".", *arguments, CLIENT=client)


def test_the_robust_client_survives_every_legal_answer_and_accepts_no_broken_one() -> None:
    result = run("robust_client", "-q")
    assert result.returncode == 0, result.stdout
    passed, skipped = map(int, re.findall(r"\d+", result.stdout.splitlines()[-1])[:2])
    assert passed >= 40
    assert skipped > 0


# What each answer has that the fragile client, which knows one, does not expect.
DEVIATIONS = {
    "status-200": "status 200 in place of 201",
    "extra-members-data": "/data has a member that the contract does not name",
    "null-expires_at": "/data/expires_at is null",
    "absent-last_used_ip": "/data/last_used_ip is absent",
    "absent-metadata": "/data/metadata is absent",
    "absent-last_used_at": "/data/last_used_at is absent",
    "absent-expires_at": "/data/expires_at is absent",
    "absent-updated_at": "/data/updated_at is absent",
}


def test_the_fragile_client_fails_on_exactly_the_answers_that_it_should() -> None:
    result = run("fragile_client", "-k", "legal", "-rf", "--tb=line")
    assert result.returncode == 1, result.stdout
    assert re.findall(r"^FAILED .*\[(.+?)\]", result.stdout, re.MULTILINE) == list(DEVIATIONS)
    # Each failure names its one deviation, and shows it.
    reports = re.findall(
        r"^(\S+), a variant of createApiKey 201: (.*)\n--- the plain answer\n\+\+\+ the answer (\S+)\n"
        r"((?:[-+ @].*\n|\n)+)",
        result.stdout,
        re.MULTILINE,
    )
    assert [(name, deviation, shown) for name, deviation, shown, _ in reports] == [
        (name, deviation, name) for name, deviation in DEVIATIONS.items()
    ]
    differences = {
        name: [line.strip() for line in lines.split("\n") if line[:1] in ("-", "+")][:2]
        for name, _, _, lines in reports
    }
    assert differences["status-200"] == ["-status 201", "+status 200"]
    assert differences["null-expires_at"] == [
        '-    "expires_at": "2027-01-01T00:00:00.000Z",',
        '+    "expires_at": null,',
    ]
    assert differences["absent-metadata"][0] == '-    "metadata": {'
    assert "mockserver_unknown" in str(reports)


GAUNTLETS = {
    ("python", "create_key.py", "fragile_client"): (5, 1),
    ("python", "create_key.py", "robust_client"): (5, 0),
    ("node", "create_key.mjs"): (2, 0),
    ("sh", "create_key.sh"): (2, 1),
}


@pytest.mark.parametrize("command", GAUNTLETS, ids=" ".join)
def test_the_page_about_the_gauntlet_shows_what_becomes_of_the_clients(command: tuple[str, ...]) -> None:
    if shutil.which(command[0]) is None or (command[0] == "sh" and shutil.which("curl") is None):
        pytest.skip(f"{command[0]} or curl is not installed")
    seconds, code = GAUNTLETS[command]
    program = sys.executable if command[0] == "python" else command[0]
    options = ["--client-timeout", str(seconds), "--workers", "2", "--format", "text"]
    result = subprocess.run(
        [sys.executable, "-m", "mockserver", "gauntlet", *options, "--", program, *command[1:]],
        cwd=EXAMPLES,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == code, result.stdout + result.stderr
    page = (EXAMPLES.parent / "docs" / "gauntlet.md").read_text("utf-8")
    summary = result.stdout.splitlines()[-1]
    assert f"-- {' '.join(command)}" in page
    assert summary in page


def test_they_run_from_the_folder_above_too() -> None:
    result = run_pytest(EXAMPLES.parent, *ALONE, "-q", "-k", "null-expires_at", "examples")
    assert result.returncode == 0, result.stdout


def test_the_commands_about_stores_are_those_that_there_are() -> None:
    text = (EXAMPLES.parent / "docs" / "stores.md").read_text("utf-8")
    commands = [
        shlex.split(line, comments=True) for line in text.splitlines() if line.startswith("mockserver ")
    ]
    assert len(commands) == 6
    for _, name, *arguments in commands:
        command = main.commands[name]
        while isinstance(command, click.Group):
            name, *arguments = arguments
            command = command.commands[name]
        context = command.make_context(name, arguments, click.Context(main, **main.context_settings))
        make_store(context.params["store"])
