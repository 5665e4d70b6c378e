"""Many tests at once on one server: processes that share it, and threads that share a namespace."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from mockserver.budget import ByteBudget
from mockserver.engine.engine import Engine
from mockserver.journal.filters import CallFilter
from mockserver.journal.journal import Journal
from mockserver.serving.uvicorn_server import ServerThread
from tests.doors import BODY, UNSENT, engine_api
from tests.journal.calls import make_call

WORKER = Path(__file__).parent / "parallel_worker.py"
PROCESSES, TESTS = 8, 25
THREADS, ROUNDS = 8, 60


def test_eight_processes_share_a_server_and_each_test_counts_exactly(server: ServerThread) -> None:
    command = [sys.executable, "-I", str(WORKER), server.host, str(server.port)]
    workers = [
        subprocess.Popen([*command, str(number), str(TESTS)], stdout=subprocess.PIPE)
        for number in range(PROCESSES)
    ]
    problems = []
    for worker in workers:
        output, _ = worker.communicate(timeout=120)
        assert worker.returncode == 0
        problems += json.loads(output)
    assert problems == []
    assert len(server.engine.namespaces) == PROCESSES * TESTS + 1
    assert server.engine.namespaces.default.journal.total == 0


def in_threads(act: Callable[[int], None]) -> None:
    """Do something in several threads at once; what one of them raises is raised."""
    errors: list[BaseException] = []
    barrier = threading.Barrier(THREADS)

    def run(number: int) -> None:
        barrier.wait(20)
        try:
            act(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]


def test_threads_that_share_a_namespace_lose_no_call(engine: Engine) -> None:
    api = engine_api(engine)

    def act(number: int) -> None:
        for index in range(ROUNDS):
            api.send(json={**BODY, "name": f"{number}-{index}"})
            api.send("GET", f"/~t{number}/v1/api-keys/?account_id=acct_1", json=UNSENT)

    in_threads(act)
    journal = engine.namespaces.default.journal
    assert journal.count(CallFilter(operation="createApiKey", status=201)) == (THREADS * ROUNDS, 0)
    assert [call.number for call in journal] == list(range(1, THREADS * ROUNDS + 1))
    assert len({call.id for call in journal}) == THREADS * ROUNDS
    for number in range(THREADS):
        assert engine.namespaces.get(f"t{number}").journal.total == ROUNDS


def test_threads_that_fill_the_memory_keep_every_count() -> None:
    budget = ByteBudget(100_000)
    locks = [threading.RLock() for _ in range(THREADS)]
    journals = [Journal(1_000, budget, lock) for lock in locks]

    def act(number: int) -> None:
        journal = journals[number]
        for _ in range(ROUNDS * 5):
            with locks[number]:
                journal.last_number += 1
                journal.record(make_call(journal.last_number, body=b"x" * 2_000))

    in_threads(act)
    budget.relieve()
    assert [journal.total for journal in journals] == [ROUNDS * 5] * THREADS
    assert all(journal.total == len(journal) + journal.evicted for journal in journals)
    assert all(len(journal) for journal in journals)
    assert budget.used == sum(call.size for journal in journals for call in journal)
    assert budget.used <= 100_000


def test_a_reset_under_load_leaves_no_call_of_before(engine: Engine) -> None:
    api = engine_api(engine)
    namespace = engine.namespaces.default

    def act(number: int) -> None:
        for index in range(ROUNDS):
            if number == 0 and index % 10 == 0:
                with namespace.lock:
                    namespace.reset()
            api.send(json={**BODY, "name": f"{number}-{index}"})

    in_threads(act)
    journal = namespace.journal
    assert [call.number for call in journal] == list(range(1, journal.total + 1))
    assert all(call.state == "answered" for call in journal)
