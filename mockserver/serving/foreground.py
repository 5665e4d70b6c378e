"""`mockserver serve`: the welcome, the call log, and the server in the foreground."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from collections.abc import Callable
from itertools import islice

from mockserver.engine.catalogue import example_line
from mockserver.engine.engine import Engine
from mockserver.json_codec import dumps
from mockserver.redaction import fingerprints_by
from mockserver.serving.app import create_app
from mockserver.serving.building import build_engine
from mockserver.serving.guard import SPARE_FILES
from mockserver.serving.logs import RequestLog, set_up_logging
from mockserver.serving.tls import open_tls
from mockserver.serving.uvicorn_server import bind, find_origin, run
from mockserver.serving.watching import find_watched
from mockserver.serving.workers import Workers, share_state
from mockserver.settings import Settings
from mockserver.version import VERSION

# So many operations are shown with a line to try each.
_SHOWN = 10


def serve_forever(settings: Settings) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP, then return. Raises InvalidInput before anything is served."""
    lost: Counter[str] = Counter()
    errors = set_up_logging(settings.log_level, settings.log_format, lost)
    try:
        _allow_files(settings.connection_limit)
        with fingerprints_by(settings.seed):
            if settings.workers == 1:
                _serve(settings, lost)
            else:
                with share_state(settings) as shared:
                    _serve(shared, lost, is_temporary=shared is not settings)
    finally:
        errors.close()


# Objects more than went, then collections of those, then of these: a collection looks at some ten thousand
# objects, in a few hundredths of a second, and at all of them once in fifty million. Every second one looks
# at what the last one left, so that most objects are looked at once.
_COLLECTED_AFTER = (20_000, 0, 1_250)


def settle_memory() -> None:
    """In a process of our own: what was loaded stays, and calls leave no cycles behind, so the garbage
    collector may look less often, and never at much."""
    gc.freeze()
    gc.set_threshold(*_COLLECTED_AFTER)
    gc.enable()


def _serve(settings: Settings, lost: Counter[str], *, is_temporary: bool = False) -> None:
    engine = build_engine(settings)
    engine.lost_lines = lost
    # What is wrong is told before anything is served.
    find_watched(settings)
    tls = open_tls(settings)
    engine.namespaces.open()
    listener = bind(settings.host, settings.port)
    origin = find_origin(listener, tls)
    ca_file = None if tls is None else tls.ca_file
    log = RequestLog(sys.stdout, is_json=settings.log_format == "json", lost=lost, name="stdout")
    app = create_app(engine, log=log if settings.log_level in ("debug", "info") else None)
    made_token = app.guard.admin_token if settings.admin_token is None else None
    greet = welcome if settings.log_format == "text" else welcome_machine
    settle_memory()

    def work(on_started: Callable[[], None]) -> None:
        """What the one process does, or each worker."""
        try:
            engine.namespaces.open()
            run(app, listener, on_started, tls)
        finally:
            engine.namespaces.close()
            log.close()

    def greet_all() -> None:
        # A reader of the welcome may send the first request.
        temporary = settings.store if is_temporary else None
        log.put(greet(engine, origin, made_token, ca_file=ca_file, temporary=temporary))

    try:
        if settings.workers == 1:
            work(greet_all)
        else:
            # What was opened to see whether it can be is not for several processes.
            engine.namespaces.close()
            Workers(settings.workers, work).run(greet_all)
    finally:
        log.close()


def _allow_files(connections: int) -> None:
    """Have file descriptors for so many connections, as far as that is ours to decide."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        ceiling = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (ceiling, hard))


def welcome(
    engine: Engine,
    origin: str,
    made_token: str | None,
    *,
    ca_file: str | None = None,
    temporary: str | None = None,
) -> str:
    """Where it listens, what it answers, and how to try it. `temporary` is a store that ends with it."""
    contract = engine.contract
    lines = [
        f"mockserver {VERSION} answers for {contract.title}: {contract.server}",
        f"Listening on {origin} (Ctrl-C ends it)",
        f"Base URL     {origin}{contract.prefix}",
        f"Control API  {origin}/__admin/calls  (what came in, and why it was answered so)",
    ]
    if engine.settings.upstream is not None:
        lines.append(f"Passes on    {engine.settings.upstream}  (what no stub answers)")
    if made_token is not None:
        lines.append(
            f"Admin token  {made_token}  (Authorization: Bearer; made now, as the host is not loopback)"
        )
    if ca_file is not None:
        lines.append(f"Authority    {ca_file}  (curl --cacert, SSL_CERT_FILE, NODE_EXTRA_CA_CERTS)")
    if temporary is not None:
        lines.append(f"State        {temporary}  (shared by the workers, and deleted at the end)")
    lines.append("")
    # In this order each line finds what it speaks of: nothing is deleted before the others have used it.
    shown = sorted(islice(contract.operations.values(), _SHOWN), key=lambda item: item.method == "DELETE")
    for operation in shown:
        lines.append(f"# {operation.id}" + (f": {operation.summary}" if operation.summary else ""))
        lines.append(example_line(contract, engine.rules, operation, origin))
    if len(contract.operations) > _SHOWN:
        lines.append(f"# and {len(contract.operations) - _SHOWN} more: {origin}/openapi.json")
    lines.append("")
    return "\n".join(lines)


def welcome_machine(
    engine: Engine,
    origin: str,
    made_token: str | None,
    *,
    ca_file: str | None = None,
    temporary: str | None = None,
) -> str:
    """The same for a program: one JSON line."""
    line = {"event": "listening", "origin": origin, "control": f"{origin}/__admin"}
    if engine.settings.upstream is not None:
        line["upstream"] = engine.settings.upstream
    if made_token is not None:
        line["adminToken"] = made_token
    if ca_file is not None:
        line["caFile"] = ca_file
    if temporary is not None:
        line["temporaryStore"] = temporary
    return dumps(line).decode("ascii")
