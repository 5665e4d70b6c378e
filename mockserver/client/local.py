"""MockServer: a server in this process, and the door to its sandboxes."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Self, Unpack

from mockserver.client.doors import AROUND_A_BODY, Reply
from mockserver.client.options import ServerOptions
from mockserver.client.sandbox import Sandbox
from mockserver.client.transports.local import LocalWire
from mockserver.client.wires import Wire
from mockserver.control import ControlAnswer, Listing, Question
from mockserver.exceptions import MockServerError, Problem, SettingsError
from mockserver.journal.call import Call
from mockserver.json_codec import dumps, loads_kept
from mockserver.redaction import fingerprints_by
from mockserver.serving.app import App, create_app
from mockserver.serving.building import build_engine
from mockserver.serving.tls import Tls, open_tls
from mockserver.serving.uvicorn_server import ServerThread
from mockserver.settings import Settings
from mockserver.types import UNSET


class LocalDoor:
    """The control API of an application in this process: nothing is sent, nothing listens."""

    def __init__(self, app: App, tls: Tls | None, listen: Callable[[], object] | None = None) -> None:
        """`listen` opens the port for who asks for the address; without it, there must be one already."""
        self._app = app
        self._tls = tls
        self._listen = listen
        self._process = os.getpid()
        self.thread: ServerThread | None = None

    @property
    def origin(self) -> str:
        """Scheme, host and port. Raises MockServerError where nothing listens."""
        if self.thread is None and self._listen is not None:
            self._listen()
        if self.thread is None:
            hint = "use `with MockServer() as server:` or start(); transport() needs no port"
            raise MockServerError(f"the server is not started; {hint}")
        return self.thread.origin

    @property
    def is_listening(self) -> bool:
        """Whether a port is open already."""
        return self.thread is not None

    @property
    def prefix(self) -> str:
        """The path of the contract's server URL."""
        return self._app.engine.contract.prefix

    @property
    def ca_file(self) -> str | None:
        """The file of the authority that signed the certificate."""
        return None if self._tls is None else self._tls.ca_file

    def call(self, namespace: str, method: str, target: str, body: bytes, wait_seconds: float) -> Reply:
        """Carry out one control call, in this thread. Raises MockServerError in a process that was forked."""
        self._check_process()
        path, _, query = target.partition("?")
        origin = "http://127.0.0.1" if self.thread is None else self.thread.origin
        with fingerprints_by(self._app.engine.settings.seed):
            answer = self._app.control.begin(method, path, query, body, namespace=namespace, origin=origin)
            if isinstance(answer, Question):
                answer = wait_for_answer(answer)
            elif isinstance(answer, Listing):
                answer = answer.finish()
        assert isinstance(answer, ControlAnswer), "no verb asks for a stream"
        if answer.text is not None:
            return Reply(answer.status, answer.text)
        # As it would come over a wire: plain JSON, shared with no one else.
        if answer.value is UNSET:
            return Reply(answer.status, None)
        return Reply(answer.status, loads_kept(dumps(answer.value), around=AROUND_A_BODY))

    def close(self) -> None:
        """Nothing is kept open."""

    def _check_process(self) -> None:
        if self._process != os.getpid():
            raise MockServerError(
                f"this sandbox lives in process {self._process}, and a fork has a copy that no other process "
                "sees: send requests to its `base_url`, or use connect(url) with its `url`"
            )

    def open_wire(self, timeout: float | None) -> Wire:
        """A connection straight to the application. Raises MockServerError in a process that was forked."""
        self._check_process()
        return LocalWire(self._app)


def wait_for_answer(question: Question) -> ControlAnswer:
    """Block this thread, woken by the calls themselves, until there is an answer or its time is up."""
    came, over = threading.Event(), threading.Event()

    def listen(call: Call) -> None:
        came.set()

    def end() -> None:
        over.set()
        came.set()

    journal = question.namespace.journal
    journal.listeners.add(listen)
    journal.endings.add(end)
    try:
        deadline = time.monotonic() + question.seconds
        while True:
            came.clear()
            with question.namespace.transaction():
                while not question.prepare():
                    pass
                answer = question.ask()
            if answer is not None:
                return _finish(answer)
            if not came.wait(max(0.0, deadline - time.monotonic())) or over.is_set():
                with question.namespace.transaction():
                    return _finish(question.give_up())
    finally:
        journal.listeners.discard(listen)
        journal.endings.discard(end)


def _finish(answer: ControlAnswer | Listing) -> ControlAnswer:
    return answer.finish() if isinstance(answer, Listing) else answer


class MockServer(Sandbox):
    """A mock server in this process, and the sandbox of its default namespace.

        with MockServer(seed="s") as server:
            create_key(server.base_url, server.secret_key)
            server.verify("createApiKey", times=1)

    `settings` are the options of `mockserver serve` as keyword arguments (see Settings), but `port` is 0 if
    not given: a free one. Construction reads contract and fixtures, and the verbs, `transport()` included,
    work from then on; `start()` opens the port. Two servers share nothing but a `store`. Raises
    SettingsError, ContractError and FixtureError, each with every problem.

    In unittest: `self.server = self.enterContext(MockServer())`. In a coroutine: `async with MockServer() as
    server:` starts and stops it without blocking the event loop.
    """

    def __init__(self, **settings: Unpack[ServerOptions]) -> None:
        self.settings = Settings(port=0).with_changes(settings)
        if self.settings.workers != 1:
            text = "must be 1 for a server in this process; `mockserver serve` can have more"
            raise SettingsError([Problem(f"{self.settings.workers} {text}", "/workers")])
        self._app = create_app(build_engine(self.settings))
        self._tls = open_tls(self.settings)
        # What cannot be used is refused now.
        self._app.engine.store.open()
        self._starting = threading.Lock()
        self._local = self._make_door()
        super().__init__(self._local)

    def _make_door(self) -> LocalDoor:
        return LocalDoor(self._app, self._tls)

    def __repr__(self) -> str:
        where = "not started" if self._local.thread is None else self._local.thread.origin
        return f"<{type(self).__name__} {where}>"

    def start(self) -> Self:
        """Listen, in a thread; returns when connections are accepted. Does nothing if it listens already.

        Started anew after `stop()` it listens on the same port and has everything that it had. Raises
        SettingsError if the port is taken, and MockServerError where gevent has patched the threads.

            server = MockServer().start()
        """
        with self._starting:
            if self._local.thread is None:
                _refuse_gevent()
                self._local.thread = ServerThread(self.settings, app=self._app, tls=self._tls).start()
                self.settings = dataclasses.replace(self.settings, port=self._local.thread.port)
        return self

    def stop(self) -> None:
        """Stop listening; answers that are held or delayed are let go. Safe to call twice.

        server.stop()
        """
        thread, self._local.thread = self._local.thread, None
        if thread is not None:
            thread.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(self, *error: object) -> None:
        await asyncio.to_thread(self.stop)


class ServerOnDemand(MockServer):
    """A MockServer that opens its port when somebody first asks for its address."""

    def _make_door(self) -> LocalDoor:
        return LocalDoor(self._app, self._tls, self.start)


def _refuse_gevent() -> None:
    """The event loop of a server would never give way to greenlets."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        raise MockServerError(
            "gevent has patched the threads of this process, and a server cannot run among greenlets: "
            "start `mockserver serve`, and use connect(url) or `pytest --mockserver-url=URL`"
        )
