"""uvicorn around the application: in this thread until a signal comes, or in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, Self, cast

import uvicorn

from mockserver.exceptions import MockFailure, SettingsError
from mockserver.redaction import fingerprints_by
from mockserver.serving.app import App, Log, create_app
from mockserver.serving.building import build_engine
from mockserver.serving.connection import Connection, expire_all
from mockserver.serving.tls import Tls, open_tls
from mockserver.serving.watching import find_watched, watching
from mockserver.settings import Settings

# The kernel keeps so many connections until they are accepted. asyncio's own loop accepts a few of them
# before it serves the first: with more it would run out of descriptors before our own limit is seen.
WAITING_CONNECTIONS = 2048
ACCEPTED_A_TURN = 2


_Socket = socket.socket


class _Listener(_Socket):
    """Accepts also while a test of this process may open no socket: pytest-socket then puts another class in
    the place of `socket.socket`, and asyncio's own loop accepts by that name."""

    def accept(self) -> tuple[socket.socket, Any]:
        number, address = self._accept()  # type: ignore[attr-defined]
        return _Socket(self.family, self.type, self.proto, fileno=number), address


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises SettingsError with what to do when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = _Listener(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(WAITING_CONNECTIONS)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise SettingsError(
            f"cannot listen on {host}:{port}: {reason}; choose another --port (0 picks a free one) or --host"
        ) from None
    return listener


# How often the event loop goes round before what is still open at the end counts as busy.
TURNS_TO_END = 100
# What is busy gets so many seconds to end by itself.
SECONDS_TO_END = 1.0


class Uvicorn(uvicorn.Server):
    """uvicorn, telling when it accepts connections, and ending what waits before it ends itself."""

    def __init__(self, app: App, on_started: Callable[[], None], tls: Tls | None = None) -> None:
        config = uvicorn.Config(
            # For `Connection` alone: uvicorn itself would call it by ASGI.
            cast(Any, app),
            http=Connection,
            interface="asgi3",
            ws="none",
            lifespan="off",
            # uvicorn's loggers belong to the program that we are a part of: they are neither set up nor used.
            log_config=None,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            backlog=ACCEPTED_A_TURN,
        )
        super().__init__(config)
        self._mock = app
        self._on_started = on_started
        self._tls = tls
        self._loop: asyncio.AbstractEventLoop | None = None
        self._awake = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let a signal end the server, and the process go on from there. uvicorn would raise the signal once
        more, and the process would end without its last words."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        names = ["SIGINT", "SIGTERM"]
        if getattr(signal, "SIGHUP", None) and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            # Unless it was started by nohup: the terminal is gone.
            names.append("SIGHUP")
        numbers = [getattr(signal, name) for name in names]
        before = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        with self.capture_signals(), fingerprints_by(self._mock.engine.settings.seed):
            self.config.load()
            if self._tls is not None:
                self.config.ssl = self._tls.context
            self.lifespan = self.config.lifespan_class(self.config)
            async with watching(self._mock):
                await self.startup(sockets)
                await self.main_loop()
            await self.shutdown(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():
            # The loop told the kernel that so few may wait as it accepts in a turn.
            listener.listen(WAITING_CONNECTIONS)
        self._loop = asyncio.get_running_loop()
        self._on_started()

    def end(self) -> None:
        """Have the server end, from another thread; without waiting for its next tick."""
        self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._awake.set)

    async def main_loop(self) -> None:
        counter = 0
        while not await self.on_tick(counter):
            counter += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._awake.wait(), 0.1)

    async def on_tick(self, counter: int) -> bool:
        # Ten times a second; once is enough here.
        if counter % 10 == 0:
            expire_all(self.server_state.connections, asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._mock.end_waits()
        for server in self.servers:
            server.close()
        for connection in tuple(self.server_state.connections):
            connection.shutdown()
        for _ in range(TURNS_TO_END):
            if not self.server_state.connections:
                break
            await asyncio.sleep(0)
        else:
            await self._end_busy()
        for listener in sockets or ():
            listener.close()
        # asyncio's servers refer to this object. Without them it ends now, and not when garbage is collected.
        self.servers.clear()

    async def _end_busy(self) -> None:
        """Give those who are still served a moment, then end them too."""
        state = self.server_state
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SECONDS_TO_END):
                while (state.connections or state.tasks) and not self.force_exit:
                    await asyncio.sleep(0.01)
        for connection in tuple(state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)
        for task in tuple(state.tasks):
            task.cancel()


def run(app: App, listener: socket.socket, on_started: Callable[[], None], tls: Tls | None = None) -> None:
    """Serve in this thread until SIGINT, SIGTERM or SIGHUP, then return."""
    Uvicorn(app, on_started, tls).run(sockets=[listener])


def find_origin(listener: socket.socket, tls: Tls | None) -> str:
    """Scheme, host and port of what listens."""
    host, port = listener.getsockname()[:2]
    return f"{'http' if tls is None else 'https'}://{f'[{host}]' if ':' in host else host}:{port}"


class ServerThread:
    """A server on a real port, in a thread of its own. It serves `app`, or one made from the settings."""

    def __init__(
        self,
        settings: Settings,
        *,
        app: App | None = None,
        log: Log | None = None,
        tls: Tls | None = None,
    ) -> None:
        """`tls` stands for the settings' own, for a server that starts again. Raises InvalidInput."""
        # What is wrong is told before anything is served.
        find_watched(settings)
        self.tls = tls or open_tls(settings)
        self.app = app or create_app(build_engine(settings), log=log)
        self.engine = self.app.engine
        self._listener = bind(settings.host, settings.port)
        self.host, self.port = self._listener.getsockname()[:2]
        self._started = threading.Event()
        self._server = Uvicorn(self.app, self._started.set, self.tls)
        self._thread = threading.Thread(target=self._run, name="mockserver", daemon=True)

    @property
    def admin_token(self) -> str | None:
        """What the control API asks for; made where the host is not loopback and none is given."""
        return self.app.guard.admin_token

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return find_origin(self._listener, self.tls)

    def start(self) -> Self:
        """Start the thread; returns when connections are accepted. Raises SettingsError for a store that
        cannot be used."""
        with fingerprints_by(self.engine.settings.seed):
            self.engine.namespaces.open()
        self._thread.start()
        self._started.wait()
        if not self._thread.is_alive():
            raise MockFailure("the server ended while it was starting; the traceback of its thread says why")
        return self

    def _run(self) -> None:
        config = self._server.config
        try:
            with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
                runner.run(self._server.serve(sockets=[self._listener]))
        finally:
            # The thread that waits for the start of a server that failed must not wait for ever.
            self._started.set()

    def stop(self) -> None:
        """End the server and its thread. Safe to call twice."""
        if self._thread.is_alive():
            self._server.end()
            self._thread.join()
        self._listener.close()
        self.engine.namespaces.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()
