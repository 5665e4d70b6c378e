"""Property tests with fresh seeds, round after round, for as long as one says: what `scripts/explore` runs.

Each round is one run of pytest over the tests that Hypothesis makes examples for. A round that fails prints
each failing example, how to reproduce it, and its seed. Exits with 1 if anything was found.
"""

from __future__ import annotations

import argparse
import secrets
import signal
import subprocess
import sys
import time


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/explore", description="Property tests with fresh examples."
    )
    parser.add_argument("--seconds", type=float, default=600, help="for how long (default: 600)")
    parser.add_argument("--seed", type=int, help="one round with this seed, to see again what it found")
    options, arguments = parser.parse_known_args()
    end = time.monotonic() + options.seconds
    rounds = found = 0
    while time.monotonic() < end:
        seed = secrets.randbelow(2**32) if options.seed is None else options.seed
        text, has_failed = run_round(seed, arguments, end - time.monotonic())
        rounds += 1
        found += has_failed
        say(f"{text}\nround {rounds}, seed {seed}: {'FAILED' if has_failed else 'nothing found'}")
        if options.seed is not None:
            break
    say(f"{rounds} rounds, {found} of them found something")
    return 1 if found else 0


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run_round(seed: int, arguments: list[str], seconds: float) -> tuple[str, bool]:
    """One run of the property tests, broken off when the time is up.

    Returns what failed in it, and whether anything did.
    """
    options = "-m pytest -q -p no:cacheprovider -n auto -m hypothesis --hypothesis-profile roaming"
    command = [sys.executable, *options.split(), f"--hypothesis-seed={seed}", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        output, _ = process.communicate(timeout=seconds)
        has_failed = process.returncode != 0
    except subprocess.TimeoutExpired:
        # As Ctrl-C: pytest still tells what failed until now.
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate()
        has_failed = "\nFAILED " in output
    _, _, failures = output.partition("= FAILURES =")
    return (failures or output if has_failed else "").strip("=\n "), has_failed


if __name__ == "__main__":
    sys.exit(main())
