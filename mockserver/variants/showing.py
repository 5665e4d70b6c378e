"""A deviation as people see it: the lines in which an answer differs from the plain one."""

from __future__ import annotations

from difflib import unified_diff

from mockserver.json_codec import dumps_pretty
from mockserver.types import Json
from mockserver.variants.answers import Answer, write_answer

_WIDTH = 200


def show_difference(plain: Answer, varied: Answer, name: str) -> str:
    """A unified diff of two answers: status, headers, framing, body, one member on a line."""
    is_written_alike = _show_value(plain) != _show_value(varied) or plain.write is varied.write
    before, after = (_list_lines(answer, is_pretty=is_written_alike) for answer in (plain, varied))
    return "\n".join(unified_diff(before, after, "the plain answer", f"the answer {name}", n=2, lineterm=""))


def _list_lines(answer: Answer, *, is_pretty: bool) -> list[str]:
    headers, _ = write_answer(answer)
    if answer.is_chunked:
        headers = (*headers, (b"transfer-encoding", b"chunked"))
    lines = [
        f"{(name.upper() if answer.has_upper_case_headers else name).decode('latin-1')}: "
        f"{value.decode('latin-1')}"
        for name, value in headers
    ]
    body = _show_value(answer) if is_pretty else answer.write(answer.value).decode("utf-8", "replace")
    return [f"status {answer.status}", *lines, "", *map(_shorten, body.split("\n"))]


def _show_value(answer: Answer) -> str:
    value: Json = answer.value
    return (dumps_pretty(value) if answer.is_json else bytes(value)).decode("utf-8", "replace")


def _shorten(line: str) -> str:
    return line if len(line) <= _WIDTH else f"{line[:_WIDTH]} … ({len(line)} characters)"
