"""Servers: in this process, in the controller of pytest-xdist, or wherever `--mockserver-url` says.

The controller of pytest-xdist lives longer than its workers, so it runs the servers that they share: a worker
asks its coordinator for one, and the first that asks has it started. Both end with the run.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import logging
import os
import secrets
import socketserver
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mockserver.client.sandbox import Sandbox
    from mockserver.serving.logs import RequestLog
    from mockserver.serving.uvicorn_server import ServerThread
    from mockserver.types import JsonObject

_WORKER_INPUT = "mockserver_coordinator"
ANSWER_SECONDS = 60.0


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("mockserver")
    group.addoption("--mockserver-url", metavar="URL",
                    help="Use the mock server that runs there, and start none.")  # fmt: skip


class Servers:
    """The servers that the tests of this process use: one for each set of settings, usually one in all."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._coordinator: tuple[int, str] | None = getattr(config, "workerinput", {}).get(_WORKER_INPUT)
        self._known: dict[str, Sandbox] = {}
        self._ending = contextlib.ExitStack()
        self._process = os.getpid()

    @property
    def is_elsewhere(self) -> bool:
        """Whether the server was there before the run, with options of its own."""
        return find_url(self._config) is not None

    def find(self, changes: Mapping[str, Any]) -> Sandbox:
        """The default sandbox of a server with these settings. Raises MockServerError."""
        key = repr(sorted(changes.items()))
        self._forget_parent()
        if key not in self._known:
            self._known[key] = self._open(changes)
        return self._known[key]

    def _forget_parent(self) -> None:
        """In a fork, as pytest-forked makes them, the servers of the parent cannot be used."""
        if self._process != os.getpid():
            self._known, self._process = {}, os.getpid()
            self._ending = contextlib.ExitStack()

    def _open(self, changes: Mapping[str, Any]) -> Sandbox:
        from mockserver.client.doors import connect
        from mockserver.client.local import ServerOnDemand

        if elsewhere := connect_elsewhere(self._config, changes.get("admin_token")):
            return elsewhere
        if self._coordinator is not None:
            answer = ask(*self._coordinator, write_settings(changes))
            return connect(answer["url"], admin_token=answer["admin_token"], ca_file=answer["ca_file"])
        server = ServerOnDemand(**changes)
        self._ending.callback(server.stop)
        return server

    def known(self) -> list[Sandbox]:
        """The servers that were asked for so far."""
        self._forget_parent()
        return list(self._known.values())

    def end(self) -> None:
        """Stop what runs in this process."""
        self._ending.close()
        self._known.clear()


def find_url(config: pytest.Config) -> str | None:
    """Where the server of the run is already, if it is."""
    url: str | None = config.getoption("--mockserver-url") or config.getini("mockserver_url")
    return url or None


def connect_elsewhere(config: pytest.Config, admin_token: str | None = None) -> Sandbox | None:
    """The default sandbox of the server that runs already; None where the run has servers of its own.

    Without `admin_token`, MOCKSERVER_ADMIN_TOKEN is taken. Raises MockServerError.
    """
    from mockserver.client.doors import connect

    url = find_url(config)
    if url is None:
        return None
    return connect(
        url.partition("/~")[0], admin_token=admin_token or os.environ.get("MOCKSERVER_ADMIN_TOKEN")
    )


def write_settings(changes: Mapping[str, Any]) -> JsonObject:
    """Settings for another process, with paths in full."""
    return {
        name: str(value.resolve()) if isinstance(value, Path) else value for name, value in changes.items()
    }


# Between worker and controller: one line of JSON there and one back.


def ask(port: int, key: str, settings: JsonObject) -> JsonObject:
    """The server of the controller with these settings: `url`, `admin_token`, `ca_file`.

    Raises MockServerError with what the controller says.
    """
    from mockserver.client.wires import SocketWire
    from mockserver.exceptions import MockServerError

    try:
        with contextlib.closing(SocketWire("127.0.0.1", port, timeout=ANSWER_SECONDS)) as wire:
            wire.sendall(json.dumps({"key": key, "settings": settings}).encode() + b"\n")
            with wire.makefile() as lines:
                answer = json.loads(lines.readline())
    except (OSError, ValueError) as error:
        raise MockServerError(f"the controller of pytest-xdist does not answer: {error}") from None
    if "error" in answer:
        raise MockServerError(answer["error"])
    return dict(answer)


class Coordinator:
    """Runs the servers of a run of pytest-xdist, in its controller.

    `log_path` is the file with their calls; None before the first server starts.
    """

    def __init__(self) -> None:
        self.key = secrets.token_hex(16)
        self.log_path: Path | None = None
        self._log: RequestLog | None = None
        self._servers: dict[str, ServerThread] = {}
        self._ending = contextlib.ExitStack()
        self._lock = threading.Lock()
        coordinator = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                question = json.loads(self.rfile.readline() or "{}")
                if hmac.compare_digest(str(question.get("key")), coordinator.key):
                    self.wfile.write(json.dumps(coordinator.find(question["settings"])).encode() + b"\n")

        self._listener = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._listener.daemon_threads = True
        self.port = int(self._listener.server_address[1])
        serve = self._listener.serve_forever
        threading.Thread(target=serve, name="mockserver-coordinator", daemon=True).start()

    def find(self, settings: JsonObject) -> JsonObject:
        """What a worker needs to know of the server with these settings. The first to ask has it started."""
        from mockserver.exceptions import MockServerError

        key = json.dumps(settings, sort_keys=True)
        with self._lock:
            try:
                server = self._servers.get(key) or self._start(settings)
            except MockServerError as error:
                return {"error": f"the shared server did not start: {error}"}
            self._servers[key] = server
        ca_file = None if server.tls is None else server.tls.ca_file
        return {"url": server.origin, "admin_token": server.admin_token, "ca_file": ca_file}

    def _start(self, settings: JsonObject) -> ServerThread:
        from mockserver.serving.uvicorn_server import ServerThread
        from mockserver.settings import Settings

        chosen = Settings(port=0).with_changes(settings)
        return self._ending.enter_context(ServerThread(chosen, log=self._log or self._open_log()))

    def _open_log(self) -> RequestLog:
        from mockserver.serving.logs import RequestLog

        handle, path = tempfile.mkstemp(prefix="mockserver-", suffix=".log")
        file = open(handle, "w", encoding="utf-8")  # noqa: SIM115 - it is open as long as the servers are
        self._ending.callback(file.close)
        self.log_path = Path(path)
        handler = logging.StreamHandler(file)
        logging.getLogger("mockserver").addHandler(handler)
        self._ending.callback(logging.getLogger("mockserver").removeHandler, handler)
        self._log = RequestLog(file, is_json=False)
        self._ending.callback(self._log.close)
        return self._log

    def end(self) -> None:
        """Stop everything."""
        self._listener.shutdown()
        self._listener.server_close()
        self._ending.close()


COORDINATOR = pytest.StashKey[Coordinator]()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """A worker of pytest-xdist is about to start. One on another machine has servers of its own."""
    config = node.config
    if find_url(config) is None and node.gateway.spec.popen:
        if COORDINATOR not in config.stash:
            config.stash[COORDINATOR] = Coordinator()
        coordinator = config.stash[COORDINATOR]
        node.workerinput[_WORKER_INPUT] = (coordinator.port, coordinator.key)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    """Name the log of the shared server after a run that failed."""
    coordinator = config.stash.get(COORDINATOR, None)
    if coordinator is not None and coordinator.log_path is not None and exitstatus != pytest.ExitCode.OK:
        terminalreporter.write_line(f"mockserver: the shared server logged to {coordinator.log_path}")


def pytest_unconfigure(config: pytest.Config) -> None:
    """End with the run, and leave the log of a run that failed."""
    coordinator = config.stash.get(COORDINATOR, None)
    if coordinator is not None:
        del config.stash[COORDINATOR]
        coordinator.end()
        if coordinator.log_path is not None and not config.stash.get(HAS_FAILED, False):
            coordinator.log_path.unlink(missing_ok=True)


HAS_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Whether the log is kept."""
    session.config.stash[HAS_FAILED] = exitstatus != pytest.ExitCode.OK
