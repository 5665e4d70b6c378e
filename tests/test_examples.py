"""The examples do what they say: the robust client survives every legal answer, the fragile one does not."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(client: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-c",
            os.devnull,
            "--rootdir",
            ".",
            *arguments,
        ],
        cwd=EXAMPLES,
        env={**os.environ, "CLIENT": client, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_robust_client_survives_every_legal_answer_and_accepts_no_broken_one() -> None:
    result = run("robust_client", "-q")
    assert result.returncode == 0, result.stdout
    passed, skipped = map(int, re.findall(r"\d+", result.stdout.splitlines()[-1])[:2])
    assert passed >= 40
    assert skipped > 0


def test_the_fragile_client_fails_on_exactly_the_answers_that_it_should() -> None:
    result = run("fragile_client", "-k", "legal", "-rf", "--tb=line")
    assert result.returncode == 1, result.stdout
    failed = re.findall(r"^FAILED .*\[(.+?)\]", result.stdout, re.MULTILINE)
    assert failed == [
        "status-200", "extra-members-data", "null-expires_at", "absent-last_used_ip", "absent-metadata",
        "absent-last_used_at", "absent-expires_at", "absent-updated_at",
    ]  # fmt: skip
    for deviation in (
        "status-200, a variant of createApiKey 201: status 200 in place of 201",
        "extra-members-data, a variant of createApiKey 201: /data has a member that the contract",
        "null-expires_at, a variant of createApiKey 201: /data/expires_at is null",
        '-    "expires_at": "2027-01-01T00:00:00.000Z",\n+    "expires_at": null,',
    ):
        assert deviation in result.stdout
