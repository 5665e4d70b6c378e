"""MockServer: puts everything together and runs uvicorn in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import uvicorn

from mockserver.app import App, OnCall, create_app
from mockserver.connection import Connection, expire_all
from mockserver.contract import load_contract
from mockserver.engine import Engine
from mockserver.exceptions import SettingsError
from mockserver.fixtures import load_fixtures
from mockserver.hsrcpay import BEHAVIOURS
from mockserver.settings import Settings


def build_engine(settings: Settings) -> Engine:
    """Load contract and fixtures into an engine. Raises ContractError and FixtureError."""
    contract = load_contract(settings.contract)
    fixtures = load_fixtures(settings.fixtures, contract)
    return Engine(contract, fixtures, settings, BEHAVIOURS)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises SettingsError with what to do when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise SettingsError(
            f"cannot listen on {host}:{port}: {reason}; choose another --port (0 picks a free one) or --host"
        ) from None
    return listener


class Uvicorn(uvicorn.Server):
    """uvicorn, telling when it accepts connections, and ending what waits before it ends itself."""

    def __init__(self, app: App, on_started: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
            timeout_keep_alive=75,
        )
        super().__init__(config)
        self._engine = app.engine
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()

    async def on_tick(self, counter: int) -> bool:
        # Ten times a second; once is enough here.
        if counter % 10 == 0:
            expire_all(self.server_state.connections, asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for namespace in self._engine.namespaces:
            namespace.end_waits()
        await super().shutdown(sockets)


def run(app: App, listener: socket.socket, on_started: Callable[[], None]) -> None:
    """Serve in this thread until SIGINT or SIGTERM, then return."""
    _quiet_uvicorn()
    server = Uvicorn(app, on_started)
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])


def _quiet_uvicorn() -> None:
    """uvicorn's own lines say nothing that ours do not say better."""
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)


class ServerThread:
    """A server on a real port, in a thread of its own."""

    def __init__(self, settings: Settings, *, on_call: OnCall | None = None) -> None:
        self.engine = build_engine(settings)
        self.app = create_app(self.engine, on_call=on_call)
        self._listener = bind(settings.host, settings.port)
        self.host, self.port = self._listener.getsockname()[:2]
        self._started = threading.Event()
        self._server = Uvicorn(self.app, self._started.set)
        self._thread = threading.Thread(target=self._run, name="mockserver", daemon=True)

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def start(self) -> Self:
        """Start the thread; returns when connections are accepted."""
        _quiet_uvicorn()
        self._thread.start()
        self._started.wait()
        return self

    def _run(self) -> None:
        config = self._server.config
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(self._server.serve(sockets=[self._listener]))

    def stop(self) -> None:
        """End the server and its thread. Safe to call twice."""
        if self._thread.is_alive():
            self._server.should_exit = True
            self._thread.join()
        self._listener.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


__all__: list[Any] = ["ServerThread", "bind", "build_engine", "run"]
