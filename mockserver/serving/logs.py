"""The log: one line per request, for a person or a machine. Written late, in batches, off the path of a call.

Every line is one line: what a client sent is escaped, and everything shown is redacted already.
"""

from __future__ import annotations

import logging
import os
import select
import sys
import threading
import time
from collections import Counter, deque
from typing import Any, Literal, NamedTuple, TextIO

from mockserver.clocks import format_instant
from mockserver.journal.call import Call
from mockserver.json_codec import dumps
from mockserver.redaction import escape_controls
from mockserver.types import JsonObject

_COLOURS = {2: "32", 3: "36", 4: "33", 5: "31"}
# A target that was refused, which may have any length, is shown so far.
_SHOWN_TARGET = 200


class Visit(NamedTuple):
    """A request that is no call: one of the control API, or one that the guard refused. It holds no secret.

    `millis` is when it was answered, in real time; `status` is None where the client left before; `text` is
    what to do about a refusal; `duration_millis` is None where nothing was carried out.
    """

    event: Literal["control", "refusal"]
    millis: int
    status: int | None
    reason: str
    method: str
    path: str
    query: str = ""
    text: str = ""
    duration_millis: float | None = None


def format_call(call: Call, *, colour: bool) -> str:
    """`12:00:01.123Z  201  created  POST /v1/keys/?page=1  createKey  key_[…]  0.2 ms  …`."""
    parts = [
        _write_moment(call.received_millis),
        _write_status("!!!" if call.fault is not None else call.status, colour=colour),
        call.reason,
        f"{call.head.method} {_write_target(call.head.path, call.head.query)}",
    ]
    if call.operation:
        parts.append(call.operation)
    if call.namespace != "default":
        parts.append(f"~{call.namespace}")
    parts.append(call.credential.display or "no credential")
    if call.duration_millis is not None:
        parts.append(f"{call.duration_millis:.1f} ms")
    if call.fault:
        parts.append(f"fault {call.fault}")
    if call.stub:
        parts.append(f"stub {call.stub.name or call.stub.id}")
    for violation in call.violations:
        parts.append(f"[{violation.place} {violation.pointer} {violation.message}]")
    for warning in call.warnings:
        parts.append(f"(warning: {warning.message})")
    return "  ".join(_escape_keeping_colour(part) for part in parts)


def format_visit(visit: Visit, *, colour: bool) -> str:
    """`12:00:01.123Z  200  control  PUT /__admin/clock  0.2 ms`; of a refusal, what lets the request in."""
    parts = [
        _write_moment(visit.millis),
        _write_status(visit.status, colour=colour),
        visit.reason,
        f"{visit.method or '?'} {_write_target(visit.path[:_SHOWN_TARGET], visit.query)}",
    ]
    if visit.duration_millis is not None:
        parts.append(f"{visit.duration_millis:.1f} ms")
    if visit.text:
        parts.append(visit.text)
    return "  ".join(_escape_keeping_colour(part) for part in parts)


def _write_moment(millis: int) -> str:
    return format_instant(millis).partition("T")[2]


def _write_status(status: int | str | None, *, colour: bool) -> str:
    """A status, or `!!!` for a fault. None, of a request that got no answer, is `---`."""
    text = "---" if status is None else str(status)
    if not colour:
        return text
    code = _COLOURS.get(status // 100 if isinstance(status, int) else 5, "31")
    return f"\x1b[{code}m{text}\x1b[0m"


def _write_target(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path


def _escape_keeping_colour(part: str) -> str:
    """The part escaped, leaving the colour codes that `format_call` itself put around a status."""
    if part.startswith("\x1b[") and part.endswith("\x1b[0m"):
        return part
    return escape_controls(part)


def describe_call(call: Call) -> JsonObject:
    """A call as a JSON log line."""
    return {
        "time": format_instant(call.received_millis),
        "level": "info",
        "event": "call",
        "id": call.id,
        "namespace": call.namespace,
        "method": call.head.method,
        "path": call.head.path,
        "query": call.head.query,
        "operation": call.operation,
        "status": call.status,
        "reason": call.reason,
        "credential": call.credential.display,
        "stub": {"id": call.stub.id, "name": call.stub.name} if call.stub else None,
        "fault": call.fault,
        "state": call.state,
        "durationMs": _round(call.duration_millis),
        "violations": [violation.to_json() for violation in call.violations],
        "warnings": [warning.to_json() for warning in call.warnings],
    }


def describe_visit(visit: Visit) -> JsonObject:
    """A request that is no call as a JSON log line."""
    return {
        "time": format_instant(visit.millis),
        "level": "info",
        "event": visit.event,
        "method": visit.method,
        "path": visit.path[:_SHOWN_TARGET],
        "query": visit.query,
        "status": visit.status,
        "reason": visit.reason,
        "message": visit.text,
        "durationMs": _round(visit.duration_millis),
    }


def _round(millis: float | None) -> float | None:
    return None if millis is None else round(millis, 3)


# What a log holds that nobody has taken: lines not yet written out, and bytes.
MAX_WAITING_LINES = 10_000
MAX_WAITING_BYTES = 256 * 1024
# At its end a log is given so many seconds to a reader.
SECONDS_TO_END = 1.0
# A pipe that can be written to at all takes so many bytes without waiting (POSIX: at least 512).
_AT_ONCE = getattr(select, "PIPE_BUF", 512)


class LineLog:
    """Writes lines to a stream, from a thread of its own, as far as somebody takes them.

    It never waits for a reader: what has no room is dropped, and counted in `lost` under the stream's name.
    """

    def __init__(self, stream: TextIO | None, lost: Counter[str], name: str) -> None:
        self._stream = stream
        self._lost = lost
        self._name = name
        # Past Python's own buffers: their locks would be held while the stream takes nothing.
        self._file, self._poll = _open_file(stream)
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._items: deque[Any] = deque()
        self._waiting = bytearray()
        self._wake = threading.Event()
        self._is_ending = False
        self._thread: threading.Thread | None = None
        self._process = 0

    def _begin(self) -> None:
        """Start the thread, in each process that writes: a fork does not take it along."""
        self._process = os.getpid()
        self._items, self._waiting = deque(), bytearray()
        self._wake = threading.Event()
        self._is_ending = False
        thread = threading.Thread(target=self._run, name=f"mockserver-{self._name}", daemon=True)
        thread.start()
        self._thread = thread

    def put(self, item: Any) -> None:
        """Take what becomes a line, which follows within milliseconds."""
        if self._process != os.getpid():
            self._begin()
        if len(self._items) >= MAX_WAITING_LINES:
            self._lost[self._name] += 1
            return
        self._items.append(item)
        if not self._wake.is_set():
            self._wake.set()

    def format(self, item: Any) -> str:
        """The line of an item: the item itself, here."""
        return str(item)

    def close(self) -> None:
        """Write what is left, as far as somebody takes it at once, and end; the next line begins anew."""
        if self._thread is not None and self._process == os.getpid():
            self._is_ending = True
            self._wake.set()
            self._thread.join(timeout=2 * SECONDS_TO_END)
            self._process = 0

    def _run(self) -> None:
        while not self._is_ending:
            self._wake.wait()
            self._wake.clear()
            self._gather()
            while self._waiting and not self._is_ending:
                self._write(0.1)
                self._gather()
        deadline = time.monotonic() + SECONDS_TO_END
        self._gather()
        while self._waiting and time.monotonic() < deadline:
            self._write(0.1)
        self._drop()

    def _gather(self) -> None:
        """Turn what was taken into lines, as far as there is room."""
        while self._items:
            line = f"{self.format(self._items.popleft())}\n".encode(self._encoding, "backslashreplace")
            if len(self._waiting) + len(line) > MAX_WAITING_BYTES:
                self._lost[self._name] += 1
            else:
                self._waiting += line

    def _write(self, seconds: float) -> None:
        """Write what the stream takes; waits for it at most so long."""
        try:
            if self._file is None:
                if self._stream is not None:
                    self._stream.write(self._waiting.decode(self._encoding))
                    self._stream.flush()
                self._waiting.clear()
            elif self._poll is not None and self._poll.poll(seconds * 1000):
                del self._waiting[: os.write(self._file, self._waiting[:_AT_ONCE])]
        except (OSError, ValueError):
            # Nobody reads any more (EPIPE), or the disk is full: serving goes on.
            self._drop()

    def _drop(self) -> None:
        self._lost[self._name] += self._waiting.count(b"\n")
        self._waiting.clear()


def _open_file(stream: TextIO | None) -> tuple[int | None, select.poll | None]:
    """The descriptor of a stream, and what tells when it can be written to; None where there is none."""
    try:
        file = stream.fileno() if stream is not None else None
    except (OSError, ValueError):
        # A stream in memory.
        file = None
    if file is None or not hasattr(select, "poll"):
        return None, None
    poll = select.poll()
    poll.register(file, select.POLLOUT)
    return file, poll


class RequestLog(LineLog):
    """A line for each request. Coloured on a terminal, unless NO_COLOR is set (https://no-color.org) or TERM
    is `dumb`."""

    def __init__(
        self, stream: TextIO | None, *, is_json: bool, lost: Counter[str] | None = None, name: str = "calls"
    ) -> None:
        self._is_json = is_json
        wants_colour = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._colour = wants_colour and not is_json and stream is not None and stream.isatty()
        super().__init__(stream, Counter() if lost is None else lost, name)

    def __call__(self, request: Call | Visit) -> None:
        """Take a request."""
        self.put(request)

    def format(self, item: Call | Visit | str) -> str:
        """The line of a request; a text is a line already."""
        if isinstance(item, str):
            return item
        if isinstance(item, Call):
            if self._is_json:
                return dumps(describe_call(item)).decode("utf-8")
            return format_call(item, colour=self._colour)
        if self._is_json:
            return dumps(describe_visit(item)).decode("utf-8")
        return format_visit(item, colour=self._colour)


class _Handler(logging.Handler):
    """Hands log records to a LineLog."""

    def __init__(self, lines: LineLog) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.put(self.format(record))

    def flush(self) -> None:
        self._lines.close()


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": format_instant(int(record.created * 1000)),
            "level": record.levelname.lower(),
            "event": "log",
            "message": escape_controls(record.getMessage()),
        }
        return dumps(line).decode("utf-8")


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"{record.levelname}: {escape_controls(record.getMessage())}"


def set_up_logging(level: str, log_format: str, lost: Counter[str]) -> LineLog:
    """Send our own log lines to standard error, one line each, in the chosen format.

    Returns what writes them, to be closed at the end; `lost` counts what nobody took.
    """
    lines = LineLog(sys.stderr, lost, "stderr")
    handler = _Handler(lines)
    handler.setFormatter(_JsonFormatter() if log_format == "json" else _TextFormatter())
    ours = logging.getLogger("mockserver")
    ours.handlers[:] = [handler]
    ours.setLevel(level.upper())
    ours.propagate = False
    return lines
