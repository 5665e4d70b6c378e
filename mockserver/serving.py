"""`mockserver serve`: the welcome, the call log, and the server in the foreground."""

from __future__ import annotations

import dataclasses
import gc
import ipaddress
import secrets
import sys
from importlib.metadata import version
from typing import TextIO

from mockserver.app import create_app
from mockserver.catalogue import curl_line, list_operations
from mockserver.engine import Engine
from mockserver.logs import CallLog, set_up_logging
from mockserver.server import bind, build_engine, run
from mockserver.settings import Settings


def serve_forever(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM. Raises InvalidInput before anything is served."""
    set_up_logging(settings.log_level, settings.log_format)
    made_token = None
    if settings.admin_token is None and not is_loopback(settings.host):
        made_token = secrets.token_urlsafe(24)
        settings = dataclasses.replace(settings, admin_token=made_token)
    engine = build_engine(settings)
    listener = bind(settings.host, settings.port)
    host, port = listener.getsockname()[:2]
    origin = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    log = None
    if settings.log_level in ("debug", "info"):
        log = CallLog(sys.stdout, is_json=settings.log_format == "json")
    app = create_app(engine, on_call=log)
    if settings.log_format == "text":
        welcome(engine, origin, made_token, sys.stdout)
    else:
        welcome_machine(origin, made_token, sys.stdout)
    # A process of our own: what was loaded stays, and calls leave no cycles behind, so the collector may
    # look less often.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    try:
        run(app, listener, lambda: None)
    finally:
        if log is not None:
            log.close()


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def welcome(engine: Engine, origin: str, made_token: str | None, stream: TextIO) -> None:
    """Where it listens, what it answers, and how to try it."""
    contract = engine.contract
    lines = [
        f"mockserver {version('hsrcpay-mockserver')} answers for {contract.title}: {contract.server}",
        f"Listening on {origin} (Ctrl-C ends it)",
        f"Base URL     {origin}{contract.prefix}",
        f"Control API  {origin}/__admin/calls  (what came in, and why it was answered so)",
    ]
    if made_token is not None:
        lines.append(
            f"Admin token  {made_token}  (Authorization: Bearer; made now, as the host is not loopback)"
        )
    lines.append("")
    for operation in list_operations(contract):
        lines.append(f"# {operation.id}: {operation.summary}")
        lines.append(curl_line(contract, operation, origin))
    lines.append("")
    _print("\n".join(lines), stream)


def welcome_machine(origin: str, made_token: str | None, stream: TextIO) -> None:
    """The same for a program: one JSON line."""
    from mockserver.json_codec import dumps

    line = {"event": "listening", "origin": origin, "control": f"{origin}/__admin"}
    if made_token is not None:
        line["adminToken"] = made_token
    _print(dumps(line).decode("ascii"), stream)


def _print(text: str, stream: TextIO) -> None:
    stream.write(text + "\n")
    stream.flush()
