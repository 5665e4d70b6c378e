"""The small servers that the others are held against."""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

from benchmarks.workload import ANSWER, PATH

_START = {
    "type": "http.response.start",
    "status": 201,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER))],
}


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """The least that an ASGI application can do: it takes the body and looks at nothing."""
    while (await receive()).get("more_body"):
        pass
    await send(_START)
    await send({"type": "http.response.body", "body": ANSWER})


def serve_pytest_httpserver(port: int) -> None:
    """pytest-httpserver with the matchers that it offers, as its fixture starts it."""
    from pytest_httpserver import HTTPServer

    server = HTTPServer(host="127.0.0.1", port=port)
    server.expect_request(
        PATH,
        method="POST",
        query_string={"account_id": "acct_bench"},
        headers={"Content-Type": "application/json"},
    ).respond_with_json(json.loads(ANSWER), status=201)
    server.start()
    threading.Event().wait()


if __name__ == "__main__":
    serve_pytest_httpserver(int(sys.argv[1]))
