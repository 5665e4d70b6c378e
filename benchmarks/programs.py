"""The small servers that the others are held against: `python -m benchmarks.programs NAME PORT`."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from typing import Any

from benchmarks.workload import ANSWER

_ASGI_START = {
    "type": "http.response.start",
    "status": 201,
    "headers": [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(ANSWER)).encode("ascii")),
    ],
}
_ASGI_BODY = {"type": "http.response.body", "body": ANSWER}


async def constant_app(scope: Any, receive: Any, send: Any) -> None:
    """The least that an ASGI application can do: it does not even look at the request."""
    await send(_ASGI_START)
    await send(_ASGI_BODY)


def serve_asgi(port: int) -> None:
    """The constant application, with the uvicorn settings of the mock server."""
    import uvicorn

    uvicorn.run(
        constant_app,
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
    )


_RAW_ANSWER = (
    b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(ANSWER)
    + ANSWER
)


class _Constant(asyncio.Protocol):
    """Answers whatever arrives, at once: right for clients that wait for each answer."""

    def connection_made(self, transport: Any) -> None:
        self._write = transport.write

    def data_received(self, data: bytes) -> None:
        self._write(_RAW_ANSWER)


async def _serve_raw(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Constant, "127.0.0.1", port)
    await server.serve_forever()


def serve_raw(port: int) -> None:
    """A constant answer without any HTTP, on the same event loop as the mock server."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve_raw(port))


def serve_pytest_httpserver(port: int) -> None:
    """pytest-httpserver with the matchers that it offers, as its fixture starts it."""
    from pytest_httpserver import HTTPServer

    server = HTTPServer(host="127.0.0.1", port=port)
    server.expect_request(
        "/v1/api-keys/",
        method="POST",
        query_string={"account_id": "acct_bench"},
        headers={"Authorization": "Bearer sk_test_bench", "Content-Type": "application/json"},
    ).respond_with_json(json.loads(ANSWER), status=201)
    server.start()
    threading.Event().wait()


PROGRAMS = {"asgi": serve_asgi, "raw": serve_raw, "pytest-httpserver": serve_pytest_httpserver}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](int(sys.argv[2]))
