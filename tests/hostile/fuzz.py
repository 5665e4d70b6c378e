"""Valid requests with damage done to their bytes, each known by its seed.

As a program: `python -m tests.hostile.fuzz --count 100000`. It prints its progress and ends with 1 at the
first answer that no client should ever see: a 5xx that nobody scripted, bytes that are no HTTP, silence, or
memory that grows. The same seed makes the same bytes on every machine.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import re
import select
import socket
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable

from mockserver.serving.uvicorn_server import ServerThread
from mockserver.settings import Settings
from tests.doors import Answer, parse
from tests.hostile.wire import BODY, CREATE, chunked, http

WHOLE = [
    http(),
    http("POST", CREATE, "Transfer-Encoding: chunked", body=chunked(BODY[:20], BODY[20:])),
    http("POST", CREATE, "Idempotency-Key: a", "Prefer: code=422", "Accept: application/json"),
    http("GET", CREATE),
    http("DELETE", "/v1/api-keys/key_mock_unknown?account_id=acct_1"),
    http("POST", "/~fuzz/v1/api-keys/key_mock_unknown/regenerate?account_id=acct_1", body=b""),
    http("POST", CREATE, "Expect: 100-continue", "Connection: keep-alive"),
    http("GET", "/__admin/calls?limit=3&operation=createApiKey", key=None),
    http("GET", "/__admin/requests", key=None),
    http(
        "POST", "/__admin/verify", body=b'{"expected":[{"operation":"createApiKey","atLeast":0}]}', key=None
    ),
    http("POST", "/__admin/mappings", body=b'{"request":{"url":"/x"},"response":{"status":200}}', key=None),
    http("POST", "/__admin/requests/count", body=b'{"method":"POST","urlPathPattern":"/v1/.*"}', key=None),
    http("PUT", "/__admin/clock", body=b'{"mode":"frozen","now":"2026-01-01T00:00:00Z"}', key=None),
    http("GET", "/openapi.json", key=None),
]
# What breaks programs more often than chance does.
WORDS = [
    b"\r\n", b"\n", b"\r", b"\x00", b"\xff", b" ", b"\t", b":", b"%", b"%00", b"%ff", b"..", b"//", b"~",
    b"#", b"?", b"&", b"=", b"{", b"}", b"[", b"]", b'"', b"\\", b"\\u0000", b"\\ud800", b"null", b"true",
    b"-1", b"0", b"9" * 30, b"1e999", b"NaN", b"__proto__", b"$ref", b"HTTP/1.0", b"HTTP/2.0",
    b"Host: evil\r\n",
    b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"0\r\n\r\n",
    b"Upgrade: h2c\r\nConnection: upgrade\r\n", b"sk_live_", b"pk_test_", b"eyJ", b"__admin", b"A" * 300,
    "\u00fc\u2028\U0001f600".encode(), b"<script>", b"${7*7}", b"' OR 1=1", b"\x1b[31m",
]  # fmt: skip


def mutate(seed: int) -> bytes:
    """One request, damaged in one to eight ways."""
    chance = random.Random(seed)
    data = bytearray(chance.choice(WHOLE))
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        place = chance.randrange(len(data) + 1)
        end = min(len(data), place + chance.choice((1, 1, 2, 4, 16, 64)))
        deed = chance.randrange(6) if chance.random() < 0.97 else 6
        if deed == 0 and place < len(data):
            data[place] ^= 1 << chance.randrange(8)
        elif deed == 1 and place < len(data):
            data[place] = chance.randrange(256)
        elif deed == 2:
            data[place:place] = chance.choice(WORDS)
        elif deed == 3:
            data[place:end] = chance.choice(WORDS)
        elif deed == 4:
            del data[place:end]
        elif deed == 5:
            data[place:place] = data[place:end] * chance.choice((1, 2, 30))
        elif deed == 6:
            del data[place + chance.randrange(200) :]
    # Mostly the length is right all the same, or little would get beyond the parser.
    return fit_length(bytes(data)) if chance.random() < 0.8 else bytes(data)


def fit_length(data: bytes) -> bytes:
    """The request with the length of its body where it names one."""
    head, found, body = data.partition(b"\r\n\r\n")
    return re.sub(rb"(?<=Content-Length: )\d+", b"%d" % len(body), head) + found + body


class Found(AssertionError):
    """What a client should never see."""


class Attacker:
    """Sends requests over one connection after the other, each as long as the server keeps it open."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._client: socket.socket | None = None
        self.outcomes: Counter[str] = Counter()

    def attack(self, data: bytes) -> None:
        """Send some bytes and read every answer. Raises Found."""
        if self._client is None:
            self._client = socket.create_connection(self._address, timeout=5)
        client = self._client
        try:
            client.sendall(data)
        except OSError:
            # It was closed after the request before.
            self._leave()
            return
        is_head = data.startswith(b"HEAD ")
        received = self._read(client, is_head)
        if self._client is not None and not _is_whole(received, is_head=is_head):
            # It waits for more: what it got is no whole request.
            client.shutdown(socket.SHUT_WR)
            received += self._read_to_end(client)
            self._leave()
        answers = split(received, is_head=is_head)
        for answer in answers:
            self._judge(answer)
        if answers and answers[-1].header("connection") == "close":
            self._leave()
        if not received:
            self.outcomes["nothing"] += 1

    def _read(self, client: socket.socket, is_head: bool) -> bytes:
        """What comes at once."""
        received = b""
        while not _is_whole(received, is_head=is_head) and select.select([client], [], [], 0.02)[0]:
            try:
                chunk = client.recv(65536)
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                self._leave()
                break
            received += chunk
        return received

    def _read_to_end(self, client: socket.socket) -> bytes:
        received = b""
        try:
            while chunk := client.recv(65536):
                received += chunk
        except ConnectionResetError:
            pass
        except TimeoutError:
            raise Found("the server hangs") from None
        return received

    def _judge(self, answer: Answer) -> None:
        reason = answer.reason or "control"
        self.outcomes[f"{answer.status} {reason}"] += 1
        if answer.status >= 500 and reason not in ("stub", "preferred"):
            raise Found(f"{answer.status} {reason}: {answer.body[:300]!r}")

    def _leave(self) -> None:
        """Close the connection so that the kernel forgets it at once; there are only so many ports."""
        if self._client is not None:
            self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._client.close()
            self._client = None

    close = _leave


def _is_whole(received: bytes, *, is_head: bool) -> bool:
    try:
        return bool(split(received, is_head=is_head))
    except Found:
        return False


def split(received: bytes, *, is_head: bool) -> list[Answer]:
    """The answers in bytes that a server sent, without bodies if they are to HEAD. Raises Found where they
    are none."""
    answers = []
    while received:
        received = received.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not received:
            break
        try:
            answer = parse(received)
            end = received.index(b"\r\n\r\n") + 4
        except (AssertionError, ValueError):
            raise Found(f"no HTTP: {received[:300]!r}") from None
        length = 0 if is_head else int(answer.header("content-length") or 0)
        if len(answer.body) < length:
            raise Found(f"cut short: {received[:300]!r}")
        answers.append(parse(received[: end + length]))
        received = received[end + length :]
    return answers


class Errors(logging.Handler):
    """Keeps what is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))


def resident_mebibytes() -> int:
    """What the process holds in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20


def attack_with(seeds: Iterable[int], tell: Callable[[int, Attacker], None]) -> Attacker:
    """Send a damaged request for each seed to a server in this process. Raises Found, with the seed."""
    errors = Errors()
    loggers = [logging.getLogger("mockserver")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(errors)
        logger.setLevel(logging.ERROR)
    try:
        with ServerThread(Settings(port=0, journal_limit=500)) as server:
            attacker = Attacker((server.host, server.port))
            for count, seed in enumerate(seeds):
                if count % 2_000 == 0:
                    server.engine.namespaces.reset_all()
                    tell(count, attacker)
                data = mutate(seed)
                try:
                    attacker.attack(data)
                    if errors.texts:
                        raise Found(f"logged: {errors.texts[0]}")
                except Found as found:
                    raise Found(f"seed {seed}: {found}\n{data!r}") from None
            attacker.close()
            return attacker
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(errors)
            logger.setLevel(level)


def say(text: str) -> None:
    """Write to standard output at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def main() -> int:
    """Attack, and say what came of it."""
    parser = argparse.ArgumentParser(description="Sends damaged requests to a mock server of its own.")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    options = parser.parse_args()
    started = time.monotonic()
    sizes: list[int] = []

    def tell(count: int, attacker: Attacker) -> None:
        sizes.append(resident_mebibytes())
        seconds = time.monotonic() - started
        say(f"\r{count} of {options.count}, {seconds:.0f} s, {sizes[-1]} MiB ")

    try:
        attacker = attack_with(range(options.seed, options.seed + options.count), tell)
    except Found as found:
        say(f"\n{found}\n")
        return 1
    tell(options.count, attacker)
    say("\n")
    for outcome, count in attacker.outcomes.most_common():
        say(f"{count:8d}  {outcome}\n")
    # What a run of any length needs is there after its first tenth.
    growth = sizes[-1] - sizes[max(1, len(sizes) // 10)]
    say(f"No fault found. Memory grew by {growth} MiB.\n")
    return int(growth > 30)


if __name__ == "__main__":
    sys.exit(main())
