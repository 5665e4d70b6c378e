"""`mockserver proxy` as people start it."""

from __future__ import annotations

import gc
from pathlib import Path

import httpx
from click.testing import CliRunner

from mockserver import MockServer
from mockserver.cli.main import main
from tests.provider.upstreams import answer_wrongly
from tests.served import serve


def test_without_an_upstream_it_says_what_is_missing() -> None:
    result = CliRunner().invoke(main, ["proxy"])
    assert result.exit_code == 2
    assert "--upstream: is missing; name the origin of the real API" in result.stderr
    # It was off while the command was loaded.
    assert gc.isenabled()


def test_it_says_where_it_passes_on_and_logs_each_violation_live(tmp_path: Path) -> None:
    with (
        MockServer() as real,
        serve("--upstream", real.origin, "--record", str(tmp_path), command="proxy") as served,
    ):
        answer_wrongly(real, {"status": 418, "body": ""})
        url = f"http://127.0.0.1:{served.port}/v1/api-keys/?account_id=a"
        assert httpx.get(url, trust_env=False, timeout=20).status_code == 418
        assert served.process.stdout is not None
        lines = iter(served.process.stdout.readline, b"")
        log = next(line for line in lines if b" 418 " in line)
        assert b"proxied" in log
        assert b"[response header /:status listApiKeys does not document the status 418" in log
        assert served.end() == 0
    assert len(list((tmp_path / "stubs").iterdir())) == 1
