"""Schemathesis against the served contract and the control API: every check, several seeds, no failure.

As a program: `python -m tests.hostile.contract_judge SCHEMATHESIS --max-examples 1000 --seeds 1 2 3`, where
SCHEMATHESIS is the command to run. It ends with 1 if there is a failure with any seed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from mockserver.control import ROUTES
from mockserver.control.description import operation_id
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


# Bodies with rules that no schema can say: a stub must keep the contract, a pattern has operators that depend
# on each other, a clock has an end. Whatever else fits their schemas may be refused.
_RULED = frozenset({
    "NewStub", "Import", "ContentPattern", "RequestPattern", "AskedRequest", "Queue", "Verification",
    "WaitForCount", "Delays", "ClockChange", "VariantChoice", "Settings",
})  # fmt: skip


def write_control_config() -> str:
    """What Schemathesis shall not judge of the control API: that everything which fits a schema is taken,
    where there are such rules; and the stream of events, which does not end."""
    ruled = [operation_id(route) for route in ROUTES if route.body in _RULED]
    ruled += ["getVariants", "postMappingsSave"]
    return (
        "[[operations]]\n"
        f"include-operation-id = {ruled}\n"
        "checks.positive_data_acceptance.enabled = false\n\n"
        '[[operations]]\ninclude-path = "/events"\nenabled = false\n'
    )


def judge_control(command: str, origin: str, seed: int, max_examples: int) -> int:
    """Let Schemathesis judge the control API of the server at `origin`; its exit code."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "schemathesis.toml"
        config.write_text(write_control_config(), "utf-8")
        arguments = [
            *(command, "--config-file", str(config), "run", f"{origin}/__admin/openapi.json"),
            # All checks, less what the file excludes.
            "--continue-on-failure",
            *("--max-examples", str(max_examples), "--seed", str(seed)),
        ]
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
            server.engine.namespaces.reset_all()
            # It has many routes, and most of them little to vary.
            most = max(1, options.max_examples // 20)
            codes.append(judge_control(options.command, server.origin, seed, most))
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
