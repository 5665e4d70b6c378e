"""Exports: what a recorded call can be written as. A table with one entry for each format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from mockserver.exports.curl import write_curl
from mockserver.exports.har import wrap_har, write_har_entry
from mockserver.exports.pytest_test import write_pytest
from mockserver.exports.replay import Server
from mockserver.journal.call import Call
from mockserver.json_codec import dumps_pretty


class Format(NamedTuple):
    """How a call is written, and the media type of the text."""

    write: Callable[[Call, Server], str]
    media_type: str


def _write_har(call: Call, server: Server) -> str:
    return dumps_pretty(wrap_har([write_har_entry(call, server.origin)])).decode("utf-8")


# By the name that `GET /calls/{id}?format=` takes.
FORMATS: Mapping[str, Format] = {
    "curl": Format(write_curl, "text/plain"),
    "pytest": Format(write_pytest, "text/x-python"),
    "har": Format(_write_har, "application/json"),
}

__all__ = ["FORMATS", "Format", "Server", "wrap_har", "write_har_entry"]
