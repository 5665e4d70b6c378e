"""Exports: what a recorded call can be written as. A table with one entry for each format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from mockserver.exports.curl import write_curl
from mockserver.exports.har import wrap_har, write_har_entry
from mockserver.exports.pytest_test import write_pytest
from mockserver.journal.call import Call
from mockserver.json_codec import dumps_pretty


class Server(NamedTuple):
    """Where a call can be made again: scheme, host and port, and the path of the contract's server URL."""

    origin: str
    prefix: str


class Format(NamedTuple):
    """How a call is written, and the media type of the text."""

    write: Callable[[Call, Server], str]
    media_type: str


def _write_har(call: Call, server: Server) -> str:
    return dumps_pretty(wrap_har([write_har_entry(call, server.origin)])).decode("utf-8")


# By the name that `GET /calls/{id}?format=` takes.
FORMATS: Mapping[str, Format] = {
    "curl": Format(lambda call, server: write_curl(call, server.origin), "text/plain"),
    "pytest": Format(lambda call, server: write_pytest(call, server.prefix), "text/x-python"),
    "har": Format(_write_har, "application/json"),
}

__all__ = ["FORMATS", "Format", "Server", "wrap_har", "write_har_entry"]
