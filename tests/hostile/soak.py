"""Load of every kind for some minutes, with a reset every few seconds: memory and descriptors stay flat.

Hostile readers are among it: nobody reads the log, clients leave or stay without reading. Some bodies have a
megabyte.

As a program: `python -m tests.hostile.soak --seconds 180`. It serves in a process of its own, on the loopback
only, and ends with 1 if that process grows or answers with a 5xx that nobody scripted.

What is judged is what the process holds, so glibc is told to give back what it does not (`MALLOC`). With its
defaults the resident memory rose in steps, here and there, by 15 to 45 MiB within three minutes, and fell
again. That was no leak: after each reset CPython's allocator had 25 MiB in use and malloc 11 MiB, in the
first minute as in the third, and there were as many objects of each type; but 60 to 119 MiB of malloc's heaps
were free blocks between others. Bodies of a megabyte leave them: each that is freed raises the size from
which on blocks are mapped apart. `malloc_trim` brought the process back to 86 MiB at any time; with the
settings below it stays at 84 to 90 MiB by itself, and a leak of 150 bytes for each call is seen.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from tests.hostile.fuzz import Found, say
from tests.hostile.wire import CREATE, http, read_answer

# What a client may do; each with how often, against the others.
GOOD = [
    (20, http()),
    (10, http("GET", CREATE)),
    (3, http("POST", CREATE, "Prefer: code=429")),
    (3, http(body=b'{"name":5}')),
    (3, http(key=None)),
    (3, http("GET", "/v1/nothing")),
    (3, http("POST", CREATE, "Idempotency-Key: k")),
    (2, http("POST", "/~other/v1/api-keys/?account_id=acct_1")),
    (2, http("GET", "/__admin/calls?limit=20", key=None)),
    (1, http("GET", "/__admin/har", key=None)),
    (
        1,
        http(
            "POST", "/__admin/mappings", body=b'{"request":{"url":"/x"},"response":{"status":200}}', key=None
        ),
    ),
]
# Bodies of a megabyte: metadata, violations, and what is not JSON.
LARGE = [
    http(body=json.dumps(document).encode())
    for document in (
        {"name": "n", "permissions": {"a": ["read"]}, "metadata": {"a": "x" * 1_000_000}},
        {"name": "n", "permissions": {"a": ["read"]}, "metadata": {"a": [[]] * 300_000}},
        {"name": 1, "permissions": {f"p{number}": number for number in range(60_000)}},
    )
] + [http(body=b"[" * 1_000_000)]
# Large blocks are mapped each for itself, and free memory goes back at once (`man 3 mallopt`).
MALLOC = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "65536",
}
# So much larger may the last quarter be than the second.
MAX_MEBIBYTES = 5
MAX_DESCRIPTORS = 20
WAIT = b'{"pattern":{"url":"/never"},"count":9,"timeoutMillis":60000}'
# So many connections of each client are left open and unread.
MAX_UNREAD = 5
# What leaves something behind if somebody forgets to clean up.
BAD = [
    http()[:-20],
    b"POST /v1/api-",
    b"GARBAGE\r\n\r\n",
    http("GET", "/__admin/events", key=None),
    http(host="evil.example"),
    http("POST", CREATE, "Transfer-Encoding: chunked", body=b"5\r\nab"),
    http("POST", "/__admin/requests/wait-for-count", body=WAIT, key=None),
]  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """What the process holds after a reset."""

    mebibytes: float
    descriptors: int


class Process:
    """`mockserver serve` in a process of its own."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "mockserver", "serve", "--port", "0"]
        command += ["--log-format", "json", "--log-level", "info"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | MALLOC)
        assert self._process.stdout is not None
        self._lines = self._process.stdout
        origin = json.loads(self._lines.readline())["origin"]
        self.address = ("127.0.0.1", int(origin.rpartition(":")[2]))
        # Nobody reads its log from here on.

    def sample(self) -> Sample:
        """How large it is now."""
        folder = f"/proc/{self._process.pid}"
        with open(f"{folder}/statm") as file:
            pages = int(file.read().split()[1])
        return Sample(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, len(os.listdir(f"{folder}/fd")))

    def stop(self) -> int:
        """End it; its exit code."""
        self._process.terminate()
        code = self._process.wait(timeout=10)
        self._lines.close()
        return code


class Load:
    """Clients in threads, until they are stopped."""

    def __init__(self, address: tuple[str, int], threads: int) -> None:
        self._address = address
        self._is_over = threading.Event()
        self.outcomes: Counter[str] = Counter()
        self.errors: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(threads)]
        for thread in self._threads:
            thread.start()

    def _run(self, number: int) -> None:
        chance = random.Random(number)
        weights, requests = zip(*GOOD, strict=True)
        unread: deque[socket.socket] = deque()
        try:
            while not self._is_over.is_set():
                with socket.create_connection(self._address, timeout=10) as client:
                    rest = b""
                    for _ in range(chance.randrange(1, 60)):
                        client.sendall(chance.choices(requests, weights)[0])
                        reply = read_answer(client, rest)
                        rest = reply.rest
                        self._note(reply.answer.status, reply.answer.reason)
                    if chance.random() < 0.05:
                        client.sendall(chance.choice(LARGE))
                        read_answer(client, rest)
                    client.sendall(chance.choice(BAD))
                    # Some stay for a while, and read nothing of what they asked for.
                    unread.append(client.dup())
                    while len(unread) > MAX_UNREAD:
                        unread.popleft().close()
        except BaseException as error:
            self.errors.append(error)
        finally:
            for client in unread:
                client.close()

    def _note(self, status: int, reason: str | None) -> None:
        self.outcomes[f"{status} {reason or 'control'}"] += 1
        if status >= 500:
            raise Found(f"{status} {reason}")

    def stop(self) -> None:
        """End it, and raise what a client met."""
        self._is_over.set()
        for thread in self._threads:
            thread.join()
        if self.errors:
            raise self.errors[0]


def reset(address: tuple[str, int]) -> None:
    """Reset the sandbox, and forget the other namespaces."""
    with socket.create_connection(address, timeout=10) as client:
        for method, path in (("POST", "/__admin/reset"), ("DELETE", "/__admin/namespaces/other")):
            client.sendall(http(method, path, body=b"", key=None))
            answer = read_answer(client).answer
            if answer.status not in (200, 404):
                raise Found(f"{path}: {answer.status} {answer.body!r}")


def soak(seconds: float, tell: Callable[[Sample], None], *, pause: float = 3.0) -> list[Sample]:
    """Load a server for so long, with a reset at each pause; a sample for each reset. Raises Found."""
    process = Process()
    samples = []
    try:
        load = Load(process.address, threads=4)
        is_over = threading.Event()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not load.errors:
            is_over.wait(pause)
            reset(process.address)
            samples.append(process.sample())
            tell(samples[-1])
        load.stop()
        if not load.outcomes:
            raise Found("nothing was answered")
    finally:
        code = process.stop()
    if code != 0:
        raise Found(f"the server ended with {code}")
    return samples


def growth(samples: list[Sample]) -> tuple[float, float]:
    """How much larger the last quarter is than the second, in MiB and in descriptors (medians)."""
    quarter = max(1, len(samples) // 4)
    early, late = samples[quarter : 2 * quarter] or samples[:1], samples[-quarter:]

    def compare(read: Callable[[Sample], float]) -> float:
        return statistics.median(map(read, late)) - statistics.median(map(read, early))

    return compare(lambda sample: sample.mebibytes), compare(lambda sample: float(sample.descriptors))


def is_flat(samples: list[Sample]) -> bool:
    """Whether a process that gave these samples has not grown."""
    mebibytes, descriptors = growth(samples)
    return mebibytes <= MAX_MEBIBYTES and descriptors <= MAX_DESCRIPTORS


def main() -> int:
    """Soak, and judge."""
    parser = argparse.ArgumentParser(description="Loads a mock server of its own, and watches it grow.")
    parser.add_argument("--seconds", type=float, default=180)
    options = parser.parse_args()
    started = time.monotonic()

    def tell(sample: Sample) -> None:
        seconds = time.monotonic() - started
        say(f"\r{seconds:.0f} s  {sample.mebibytes:.1f} MiB  {sample.descriptors} descriptors ")

    try:
        samples = soak(options.seconds, tell)
    except (Found, OSError, EOFError) as error:
        say(f"\n{type(error).__name__}: {error}\n")
        return 1
    mebibytes, descriptors = growth(samples)
    say(f"\nGrew by {mebibytes:.1f} MiB and {descriptors:.0f} descriptors.\n")
    return int(not is_flat(samples))


if __name__ == "__main__":
    sys.exit(main())
