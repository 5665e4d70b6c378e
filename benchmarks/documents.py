"""What OpenAPI documents cost: start, memory, the first answer, an unknown path.

    python -m benchmarks.documents FILE …

Each document is read in a process of its own; times are processor time of that process.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

from mockserver.messages import Request, Response
from mockserver.serving.building import build_engine
from mockserver.settings import Settings
from mockserver.synthesis.requests import example_url

# A host, so that the request is one.
_HEADERS = ((b"host", b"127.0.0.1"),)


def measure(path: Path) -> str:
    """One line of the table: the document and what it cost."""
    started = time.process_time()
    engine = build_engine(Settings(contract=path, log_level="error"))
    start_seconds = time.process_time() - started

    def ask(method: str, target: str) -> tuple[Response, float]:
        address, _, query = target.partition("?")
        began = time.process_time()
        response = engine.handle(Request(method, address, query, _HEADERS, b"", None))
        return response, (time.process_time() - began) * 1_000

    operations = list(engine.contract.operations.values())
    first = next((item for item in operations if item.problem is None), operations[0])
    _, first_millis = ask(first.method, example_url(engine.contract, first, {}))
    slowest_millis = max(ask(each.method, example_url(engine.contract, each, {}))[1] for each in operations)
    ask("GET", "/nowhere")
    _, unknown_millis = ask("GET", "/nowhere/else")
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"| {path.name} | {len(operations)} | {start_seconds:.2f} s | {megabytes:.0f} MiB "
        f"| {first_millis:.1f} ms | {slowest_millis:.0f} ms | {unknown_millis:.1f} ms |"
    )


def main(paths: list[str]) -> None:
    """Print the table of the documents."""
    sys.stdout.write("| document | operations | start | memory | first answer | slowest | unknown path |\n")
    sys.stdout.write("| --- | --- | --- | --- | --- | --- | --- |\n")
    for path in paths:
        command = [sys.executable, "-m", "benchmarks.documents", "--one", path]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        sys.stdout.write(result.stdout or f"| {Path(path).name} | {result.stderr.strip()[-200:]} |\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        sys.stdout.write(f"{measure(Path(sys.argv[2]))}\n")
    else:
        main(sys.argv[1:])
