"""Several processes on one port: they answer as one, each is replaced, all end together."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mockserver.exceptions import MockFailure
from mockserver.serving.workers import Workers
from tests.doors import BODY
from tests.serving.processes import LIST, serve

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").is_dir(), reason="the workers of a server are found in /proc"
)


def test_workers_answer_as_one_under_load() -> None:
    with serve("--workers", "8") as server:
        outcomes = [{"status": 500, "times": 3}]
        queue = {"operation": "createApiKey", "outcomes": outcomes}
        assert server.send(url="/__admin/queue", json_body=queue).status == 201

        def create(number: int) -> int:
            return server.send(json_body={**BODY, "name": f"key {number % 20}"}).status

        with ThreadPoolExecutor(64) as pool:
            statuses = Counter(pool.map(create, range(200)))
        assert statuses == {500: 3, 201: 197}
        calls = server.send("GET", "/__admin/calls").json["calls"]
        assert [call["number"] for call in calls] == list(range(1, 201))
        keys = [call["response"]["body"]["data"]["id"] for call in calls if call["reason"] == "created"]
        assert len(set(keys)) == 197


def test_the_state_of_workers_without_a_store_is_a_file_that_ends_with_them() -> None:
    with serve("--workers", "2") as server:
        path = Path(server.welcome["temporaryStore"].removeprefix("sqlite:"))
        assert server.send().status == 201
        assert path.is_file()
        server.process.terminate()
        assert server.process.wait(20) == 0
        assert not path.parent.exists()


def test_a_worker_that_dies_is_replaced_and_nothing_is_lost(tmp_path: Path) -> None:
    with serve("--workers", "2", "--store", f"sqlite:{tmp_path / 'state.db'}") as server:
        created = server.send()
        before = server.workers
        assert len(before) == 2
        for number in before:
            os.kill(number, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while len(set(server.workers) - set(before)) < 2:
            assert time.monotonic() < deadline
        assert server.send("GET", LIST).json["data"][0]["id"] == created.json["data"]["id"]
        assert server.send("GET", LIST, key=created.key).status == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_of_them(number: signal.Signals) -> None:
    with serve("--workers", "2") as server:
        workers = server.workers
        os.kill(server.process.pid, number)
        assert server.process.wait(20) == 0
        assert not [worker for worker in workers if Path(f"/proc/{worker}").exists()]


def test_workers_end_with_the_process_that_watches_over_them() -> None:
    with serve("--workers", "2") as server:
        folder = Path(server.welcome["temporaryStore"].removeprefix("sqlite:")).parent
        workers = server.workers
        server.process.kill()
        server.process.wait(20)
        deadline = time.monotonic() + 20
        while any(Path(f"/proc/{worker}").exists() for worker in workers):
            assert time.monotonic() < deadline
        # What it would have deleted at its end.
        shutil.rmtree(folder)


def test_workers_that_never_serve_are_given_up() -> None:
    with pytest.raises(MockFailure, match="end before they serve"):
        Workers(2, lambda on_started: None).run(lambda: pytest.fail("nobody serves"))
