"""The log: one line per call, for a person or a machine. Written late, in batches, off the path of a call.

Every line is one line: what a client sent is escaped, and everything shown is redacted already.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections import deque
from datetime import UTC, datetime
from typing import TextIO

from mockserver.journal.call import Call
from mockserver.json_codec import dumps
from mockserver.redaction import escape_controls
from mockserver.types import JsonObject

_COLOURS = {2: "32", 3: "36", 4: "33", 5: "31"}


def format_call(call: Call, *, colour: bool) -> str:
    """`12:00:01.123  201 created  POST /v1/keys/  createKey  key_[…]  0.2 ms  …`."""
    moment = datetime.fromtimestamp(call.received_millis / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]
    status = str(call.status) if call.status is not None else "---"
    if call.fault is not None:
        status = "!!!"
    if colour:
        code = _COLOURS.get(int(status[0]) if status.isdecimal() else 5, "31")
        status = f"\x1b[{code}m{status}\x1b[0m"
    parts = [moment, status, call.reason, f"{call.head.method} {call.head.path}"]
    if call.operation:
        parts.append(call.operation)
    if call.namespace != "default":
        parts.append(f"~{call.namespace}")
    parts.append(call.credential.display or "no credential")
    if call.fault:
        parts.append(f"fault {call.fault}")
    if call.stub:
        parts.append(f"stub {call.stub.name or call.stub.id}")
    for violation in call.violations:
        parts.append(f"[{violation.place} {violation.pointer} {violation.message}]")
    for warning in call.warnings:
        parts.append(f"(warning: {warning.message})")
    return "  ".join(_escape_keeping_colour(part) for part in parts)


def _escape_keeping_colour(part: str) -> str:
    """The part escaped, leaving the colour codes that `format_call` itself put around a status."""
    if part.startswith("\x1b[") and part.endswith("\x1b[0m"):
        return part
    return escape_controls(part)


def describe_call(call: Call) -> JsonObject:
    """A call as a JSON log line."""
    return {
        "time": datetime.fromtimestamp(call.received_millis / 1000, UTC).isoformat(timespec="milliseconds"),
        "level": "info",
        "event": "call",
        "id": call.id,
        "namespace": call.namespace,
        "method": call.head.method,
        "path": call.head.path,
        "operation": call.operation,
        "status": call.status,
        "reason": call.reason,
        "credential": call.credential.display,
        "fault": call.fault,
        "violations": [violation.to_json() for violation in call.violations],
        "warnings": [warning.to_json() for warning in call.warnings],
    }


class CallLog:
    """Writes a line per call to a stream, from a thread of its own. A closed stream ends it silently."""

    def __init__(self, stream: TextIO, *, is_json: bool) -> None:
        self._stream = stream
        self._is_json = is_json
        self._colour = not is_json and stream.isatty()
        self._calls: deque[Call] = deque(maxlen=100_000)
        self._wake = threading.Event()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="mockserver-log", daemon=True)
        self._thread.start()

    def __call__(self, call: Call) -> None:
        """Take a call; its line follows within milliseconds."""
        self._calls.append(call)
        if not self._wake.is_set():
            self._wake.set()

    def _run(self) -> None:
        while not self._is_closed:
            self._wake.wait()
            self._wake.clear()
            self._flush()

    def _flush(self) -> None:
        lines: list[str] = []
        while self._calls:
            call = self._calls.popleft()
            if self._is_json:
                lines.append(dumps(describe_call(call)).decode("utf-8"))
            else:
                lines.append(format_call(call, colour=self._colour))
        if lines:
            try:
                self._stream.write("\n".join(lines) + "\n")
                self._stream.flush()
            except (OSError, ValueError):
                # Nobody reads any more (EPIPE); serving goes on.
                self._is_closed = True

    def close(self) -> None:
        """Write what is left and end."""
        if not self._is_closed:
            self._is_closed = True
            self._wake.set()
            self._thread.join(timeout=1)
            self._flush()


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": "log",
            "message": escape_controls(record.getMessage()),
        }
        return dumps(line).decode("utf-8")


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"{record.levelname}: {escape_controls(record.getMessage())}"


def set_up_logging(level: str, log_format: str) -> None:
    """Send our own log lines to standard error, one line each, in the chosen format."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if log_format == "json" else _TextFormatter())
    ours = logging.getLogger("mockserver")
    ours.handlers[:] = [handler]
    ours.setLevel(level.upper())
    ours.propagate = False
