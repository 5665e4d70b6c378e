"""A server with a store, as a process: killed, started again, shared, refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mockserver import MockServer
from mockserver.exceptions import SettingsError
from tests.doors import BODY
from tests.serving.processes import LIST, serve


def test_a_killed_server_goes_on_where_it_was(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'state.db'}"
    with serve("--store", store) as server:
        first = server.send(Idempotency_Key="one")
        server.send(json_body={**BODY, "name": "another"})
        listed = server.send("GET", LIST)
        server.kill()
    with serve("--store", store) as server:
        assert server.send("GET", LIST).json == listed.json
        assert server.send("GET", LIST, key=first.key).status == 200
        again = server.send(Idempotency_Key="one")
        assert again.reason == "replayed"
        assert again.body == first.body
        calls = server.send("GET", "/__admin/calls").json["calls"]
        assert [call["number"] for call in calls] == list(range(1, 7))


def test_servers_that_share_a_store_behave_as_one(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'state.db'}"
    with serve("--store", store) as one, serve("--store", store) as two:
        outcomes = [{"status": 500, "times": 2}]
        made = one.send(url="/__admin/queue", json_body={"operation": "createApiKey", "outcomes": outcomes})
        assert made.status == 201
        statuses = [(one, two)[turn % 2].send().status for turn in range(4)]
        assert statuses == [500, 500, 201, 201]
        assert one.send("GET", LIST).json == two.send("GET", LIST).json


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda path: path.write_bytes(b"no database" * 100), "is no SQLite database"),
        (lambda path: path.mkdir(), "is no file"),
        (lambda path: None, "needs the folder"),
    ],
    ids=["foreign", "folder", "nowhere"],
)
def test_a_store_that_cannot_be_used_ends_the_start_with_one_sentence(
    tmp_path: Path, make: Any, text: str
) -> None:
    path = tmp_path / "state.db"
    make(path)
    store = path if path.exists() else tmp_path / "no" / "state.db"
    command = [sys.executable, "-m", "mockserver", "serve", "--port", "0", "--store", f"sqlite:{store}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert text in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_the_state_of_a_server_in_this_process_lasts_too(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'state.db'}"
    with MockServer(store=store) as server:
        server.fail_next(429)
        server.namespace("t1").fail_next(500)
    with MockServer(store=store) as server:
        for name, status in (("default", 429), ("t1", 500)):
            newest = server.namespace(name).stubs()[0]
            assert newest["response"]["status"] == status
        server.stop()
        server.start()
        server.fail_next(500)
        assert len(server.stubs()) == len(server.namespace("t2").stubs()) + 2


def test_a_server_in_this_process_is_one_process() -> None:
    with pytest.raises(SettingsError, match="must be 1 for a server in this process"):
        MockServer(workers=2)
