"""Load: wrk for throughput, one patient keep-alive connection for the cost of single calls."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from benchmarks.figures import Unmeasurable
from benchmarks.workload import Workload


class Load(NamedTuple):
    """What a run of load measured: how many answers in how many seconds, and how long they took."""

    requests: int
    seconds: float
    p50_ms: float
    p95_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        """Answers per second."""
        return self.requests / self.seconds


def require_wrk() -> str:
    """The command wrk. Raises Unmeasurable with what to do."""
    found = shutil.which("wrk")
    if found is None:
        raise Unmeasurable("wrk is not installed (Debian and Ubuntu: apt-get install wrk)")
    return found


def run_load(port: int, workload: Workload, *, connections: int, seconds: int) -> Load:
    """Ask over so many keep-alive connections, each waiting for its answer before it asks again.

    Raises Unmeasurable if requests were lost or got another answer than the workload expects.
    """
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "workload.lua")
        script.write_text(workload.to_lua(secrets.token_hex(4)), "ascii")
        command = [
            *(require_wrk(), "--threads", "1", "--connections", str(connections)),
            *("--duration", f"{seconds}s", "--timeout", "10s"),
            *("--script", str(script), f"http://127.0.0.1:{port}{workload.url}"),
        ]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60)
        except subprocess.TimeoutExpired:
            raise Unmeasurable("wrk did not come to an end") from None
    return read_load(done.stdout, workload)


def read_load(output: str, workload: Workload) -> Load:
    """What wrk printed. Raises Unmeasurable, as `run_load`."""
    line = next((line for line in output.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        raise Unmeasurable("wrk could not run")
    found = json.loads(line.removeprefix("RESULT "))
    wanted = found["requests"] if min(workload.statuses) >= 400 else 0
    if not found["requests"] or found["lost"] or found["refused"] != wanted:
        raise Unmeasurable(
            f"of {found['requests']} requests {found['lost']} were lost, and {found['refused']} were "
            f"answered with an error where {wanted} were expected"
        )
    times = (found[name] / 1000 for name in ("p50", "p95", "p99"))
    return Load(found["requests"], found["micros"] / 1e6, *times)


class KeepAlive:
    """One connection that is asked one thing after the other, with as little work of its own as possible."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> int:
        """Send a request and read its answer, which must have a Content-Length or be chunked; returns the
        status.
        """
        self._socket.sendall(request)
        data = self._read()
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._read()
        head = data[:end].lower()
        if b"\r\ntransfer-encoding: chunked" in head:
            while not data.endswith(b"\r\n0\r\n\r\n"):
                data += self._read()
            return int(data[9:12])
        start = head.index(b"content-length:") + 15
        line_end = head.find(b"\r\n", start)
        missing = int(head[start : line_end if line_end > 0 else end]) - (len(data) - end - 4)
        while missing > 0:
            missing -= len(self._read())
        return int(data[9:12])

    def _read(self) -> bytes:
        data = self._socket.recv(65536)
        if not data:
            raise Unmeasurable("the server closed the connection")
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
