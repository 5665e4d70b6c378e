"""A command runs with the same standard input each time, and ends with all that it started."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO

import pytest

from mockserver import SettingsError
from mockserver.gauntlet.commands import MAX_OUTPUT, Command

ENVIRONMENT = {"MOCKSERVER_SECRET_KEY": "sk_test_ns-t1_0123456789ab"}


def make(script: str, timeout_seconds: float = 30, stdin: IO[bytes] | None = None) -> Command:
    return Command([sys.executable, "-c", script], timeout_seconds=timeout_seconds, stdin=stdin)


def test_every_run_sees_the_same_standard_input(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(b"x" * 200_000 + b"end")
    with path.open("rb") as stdin:
        command = make("import sys; data = sys.stdin.read(); print(len(data), data[-3:])", stdin=stdin)
        assert [command.run({}).output for _ in range(3)] == ["200003 end"] * 3


def test_a_pipe_that_stays_open_stops_no_command_that_does_not_read_it() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as source:
        command = Command([sys.executable, "-c", "print('done')"], timeout_seconds=30, stdin=source)
        assert command.run({}).output == "done"
        os.close(writing)


def test_a_command_sees_its_environment_and_its_status_is_told() -> None:
    finished = make("import os, sys; print(os.environ['A']); sys.exit(7)").run({"A": "b"})
    assert (finished.status, finished.output, finished.has_shown_secret) == (7, "b", False)


def test_output_is_bounded_and_cannot_steer_a_terminal() -> None:
    finished = make(f"print('x' * {3 * MAX_OUTPUT}); print('\\x1b[2Jend')").run({})
    assert MAX_OUTPUT - 1 <= len(finished.output) <= MAX_OUTPUT
    assert finished.output.endswith("\n\\x1b[2Jend")


def test_a_secret_in_the_output_is_hidden_and_told() -> None:
    finished = make("import os; print(os.environ['MOCKSERVER_SECRET_KEY'])").run(ENVIRONMENT)
    assert finished.has_shown_secret
    assert ENVIRONMENT["MOCKSERVER_SECRET_KEY"] not in finished.output


# Starts a process that holds a FIFO open for as long as it lives.
HOLDING = """
import os, subprocess, sys
held = open({path!r}, "w")
subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], pass_fds=[held.fileno()])
"""


@pytest.mark.parametrize("end", ["", "import signal; signal.pause()"])
def test_what_a_command_started_ends_with_it(tmp_path: Path, end: str) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        finished = make(HOLDING.format(path=str(path)) + end, timeout_seconds=2 if end else 30).run({})
        os.set_blocking(reading, True)
        assert os.read(reading, 1) == b"", "the end of the file: nobody holds it any more"
    finally:
        os.close(reading)
    assert finished.output.endswith("(ended after 2 s)") is bool(end)


def test_a_command_that_ignores_the_polite_signal_is_ended_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mockserver.gauntlet.commands.GRACE_SECONDS", 0.1)
    script = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: signal.pause()"
    assert make(script, timeout_seconds=1).run({}).status == -9


def test_a_command_that_is_stopped_starts_nothing_that_lasts() -> None:
    command = make("import signal; signal.pause()")
    command.stop()
    assert command.run({}).status == -9


@pytest.mark.parametrize("name", ["no-such-command-here", "nul\0"])
def test_a_command_that_cannot_be_started_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match="cannot be started"):
        Command([name], timeout_seconds=1).run({})
