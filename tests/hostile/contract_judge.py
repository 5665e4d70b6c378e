"""Schemathesis against the served contract: every check, several seeds, no failure.

As a program: `python -m tests.hostile.contract_judge SCHEMATHESIS --max-examples 1000 --seeds 1 2 3`, where
SCHEMATHESIS is the command to run. It ends with 1 if there is a failure with any seed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile

from mockserver.serving.uvicorn_server import ServerThread
from mockserver.settings import Settings


def judge(command: str, origin: str, seed: int, max_examples: int) -> int:
    """Let Schemathesis judge the server at `origin`; its exit code."""
    arguments = [
        *(command, "run", f"{origin}/openapi.json"),
        *("--url", f"{origin}/v1"),
        *("--header", "Authorization: Bearer sk_test_schemathesis"),
        *("--checks", "all", "--continue-on-failure"),
        *("--max-examples", str(max_examples), "--seed", str(seed)),
    ]
    # It keeps what it found in the folder that it runs in.
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(arguments, cwd=folder, check=False).returncode


def main() -> int:
    """Judge with each seed, each time with an empty sandbox."""
    parser = argparse.ArgumentParser(
        description="Runs all checks of Schemathesis against a server of its own."
    )
    parser.add_argument("command", help="the program `schemathesis`")
    parser.add_argument("--max-examples", type=int, default=1_000, help="for each operation and seed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args()
    codes = []
    with ServerThread(Settings(port=0)) as server:
        for seed in options.seeds:
            server.engine.namespaces.reset_all()
            codes.append(judge(options.command, server.origin, seed, options.max_examples))
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
