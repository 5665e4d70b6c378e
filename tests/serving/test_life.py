"""The life of `mockserver serve`: when it is ready, how it ends, and what its surroundings may lack.

Rows H44 and H45 of the hostile inputs. Each test runs the command as a user does, in a process of its own.
"""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mockserver.serving.uvicorn_server import ServerThread
from mockserver.settings import Settings, packaged_folder
from tests.hostile.wire import BODY, CREATE, http, read_answer, read_to_end
from tests.served import PATIENCE, SECONDS_TO_END, SERVE, Served, serve


def run(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SERVE, *arguments], capture_output=True, text=True, timeout=PATIENCE, **more)


# Beginning


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_whoever_reads_that_it_listens_is_answered(log_format: str) -> None:
    with serve("--log-format", log_format) as served:
        assert served.ask(http()) == 201


def test_h45_where_the_port_is_taken_one_line_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert re.fullmatch(r"mockserver: cannot listen on 127\.0\.0\.1:\d+: .*--port.*\n", done.stderr)
    assert done.stdout == ""


@pytest.mark.parametrize(
    "options",
    [
        ("--port", "70000"),
        ("--port", "-1"),
        ("--host", "nowhere.invalid"),
        ("--contract", "/nowhere.json"),
        ("--fixtures", "/nowhere"),
        ("--clock", "yesterday"),
        ("--admin-token", ""),
        ("--admin-token", "two words"),
        ("--read-timeout", "0"),
    ],
)
def test_h45_what_cannot_be_is_said_in_a_line_and_the_exit_code_is_2(options: tuple[str, str]) -> None:
    done = run("--port", "0", *options)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 4


def test_h45_a_server_that_others_can_reach_prints_the_token_that_it_made() -> None:
    with serve("--host", "0.0.0.0", "--log-format", "json") as served:
        token = json.loads(served.lines[-1])["adminToken"]
        assert served.ask(http("GET", "/__admin/calls", key=None)) == 401
        assert served.ask(http("GET", "/__admin/calls", key=token)) == 200
        assert served.ask(http("GET", "/__admin/health", key=None)) == 200
        assert served.end() == 0
        assert token.encode() not in served.stderr()


def test_h45_a_token_that_was_given_is_not_printed() -> None:
    with serve("--host", "0.0.0.0", "--admin-token", "s3cret-t0ken") as served:
        assert served.ask(http("GET", "/__admin/calls", key="s3cret-t0ken")) == 200
        assert served.end() == 0
        assert served.process.stdout is not None
        said = b"".join(served.lines) + served.process.stdout.read() + served.stderr()
        assert b"s3cret-t0ken" not in said


# Surroundings


def test_h45_no_home_no_locale_no_terminal() -> None:
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    with serve(env=environment, stdin=subprocess.DEVNULL) as served:
        assert served.ask(http()) == 201


def test_h45_what_the_locale_cannot_write_is_escaped(tmp_path: Path) -> None:
    contract = json.loads((packaged_folder("schemas") / "openapi.json").read_text())
    folder = tmp_path / "Verträge und Übungen"
    folder.mkdir()
    for path in packaged_folder("schemas").glob("*.json"):
        (folder / path.name).write_bytes(path.read_bytes())
    contract["info"]["title"] = "Schlüssel \u20ac \U0001f511"
    (folder / "openapi.json").write_text(json.dumps(contract))
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    with serve("--contract", str(folder / "openapi.json"), env=environment) as served:
        assert b"Schl\\xfcssel \\u20ac \\U0001f511" in served.lines[0]
        assert served.ask(http(body=BODY.replace(b'"n"', '"\u20ac"'.encode()))) == 201
        assert served.end() == 0


def test_h45_a_read_only_folder_is_no_matter(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with serve(cwd=tmp_path, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}) as served:
        assert served.ask(http()) == 201
    tmp_path.chmod(0o700)
    assert list(tmp_path.iterdir()) == []


def limit(what: int, amount: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(what, (amount, amount))


@pytest.mark.usefixtures("loop")
def test_h45_with_64_descriptors_it_goes_on_serving_and_does_not_spin() -> None:
    with serve(preexec_fn=limit(resource.RLIMIT_NOFILE, 64)) as served:
        clients = [served.connect() for _ in range(200)]
        for client in clients:
            client.sendall(b"POST /v1/api-keys/ HTTP/1.1\r\nHost: local")
        before = seconds_used(served.process.pid)
        for _ in range(20):
            assert served.ask(http()) == 201
        # A loop that accepts in vain uses all the time there is.
        assert seconds_used(served.process.pid) - before < 5
        for client in clients:
            client.close()
        assert served.ask(http()) == 201
        assert served.end() == 0


def seconds_used(pid: int) -> float:
    """The time for which a process has kept a processor busy."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_h45_with_little_memory_it_serves_or_says_why_not() -> None:
    command = [*SERVE, "--port", "0"]
    memory = limit(resource.RLIMIT_AS, 256 * 1024 * 1024)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=memory
    ) as process:
        try:
            served = Served(process)
        except AssertionError:
            assert process.wait(timeout=PATIENCE) != 0
        else:
            assert served.ask(http()) == 201
        finally:
            process.kill()


# The end


def hanging(served: Served) -> socket.socket:
    """A client whose request is half a head."""
    client = served.connect()
    client.sendall(b"POST /v1/api-keys/ HTTP/1.1\r\nHost: local")
    return client


def half_a_body(served: Served) -> socket.socket:
    client = served.connect()
    client.sendall(http("POST", CREATE, "Content-Length: 100", body=b"{"))
    return client


def held(served: Served) -> socket.socket:
    """A client whose answer is held by a stub."""
    return scripted(served, {"response": {"status": 201}, "metadata": {"mockserver": {"hold": True}}})


def hung(served: Served) -> socket.socket:
    return scripted(served, {"response": {"fault": "HANG"}})


def dribbled(served: Served) -> socket.socket:
    """A client in the middle of an answer that takes five minutes."""
    drip = {"numberOfChunks": 100, "totalDuration": 300_000}
    client = scripted(
        served,
        {"response": {"status": 200, "body": "x" * 1_000, "chunkedDribbleDelay": drip},
         "metadata": {"mockserver": {"offContract": True}}},
    )  # fmt: skip
    assert b"HTTP/1.1 200" in client.recv(65536)
    return client


def scripted(served: Served, stub: dict[str, Any]) -> socket.socket:
    mapping = {"request": {"method": "POST", "urlPath": "/v1/api-keys/"}, **stub}
    assert served.ask(http("POST", "/__admin/mappings", body=json.dumps(mapping).encode(), key=None)) == 201
    client = served.connect()
    client.sendall(http())
    wait = b'{"pattern":{"urlPath":"/v1/api-keys/"},"count":1,"timeoutMillis":20000}'
    assert served.ask(http("POST", "/__admin/requests/wait-for-count", body=wait, key=None)) == 200
    return client


def reading_events(served: Served) -> socket.socket:
    client = served.connect()
    client.sendall(http("GET", "/__admin/events", key=None))
    assert b"text/event-stream" in client.recv(65536)
    return client


def waiting(served: Served) -> socket.socket:
    """A client that waits for calls that never come."""
    body = b'{"pattern":{"urlPath":"/never"},"count":1,"timeoutMillis":300000}'
    client = served.connect()
    client.sendall(http("POST", "/__admin/requests/wait-for-count", body=body, key=None))
    return client


def reading_nothing(served: Served) -> socket.socket:
    """A client that asks for much and reads none of it."""
    stub = {"request": {"url": "/x"}, "response": {"body": "x" * 1_000_000}}
    body = json.dumps({"mappings": [stub] * 10}).encode()
    assert served.ask(http("POST", "/__admin/mappings/import", body=body, key=None)) == 200
    client = served.connect()
    client.sendall(http("GET", "/__admin/mappings", key=None))
    assert client.recv(10) == b"HTTP/1.1 2"
    return client


CLIENTS = [hanging, half_a_body, held, hung, dribbled, reading_events, waiting, reading_nothing]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_h44_a_signal_ends_it_with_0_whoever_is_still_there(number: int) -> None:
    with serve("--log-format", "json") as served:
        clients = [make(served) for make in (hanging, half_a_body, reading_events, waiting)]
        assert served.ask(http()) == 201
        assert served.end(number) == 0
        assert served.stderr() == b""
        for client in clients:
            read_to_end(client)
            client.close()
        # What was answered has been logged.
        assert served.process.stdout is not None
        assert b'"operation":"createApiKey"' in served.process.stdout.read()


@pytest.mark.parametrize("make", CLIENTS)
def test_h44_no_client_keeps_it_alive(make: Callable[[Served], socket.socket]) -> None:
    with serve("--log-level", "error") as served:
        client = make(served)
        assert served.end() == 0
        assert served.stderr() == b""
        client.close()


def test_h44_an_answer_that_was_held_is_given_at_the_end() -> None:
    with serve() as served:
        client = held(served)
        assert served.end() == 0
        assert b"HTTP/1.1 201 Created" in read_to_end(client)
        client.close()


def test_h44_nohup_is_respected() -> None:
    with serve(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as served:
        served.process.send_signal(signal.SIGHUP)
        assert served.ask(http()) == 201
        assert served.end() == 0


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_h44_it_goes_on_when_nobody_reads_what_it_says(log_format: str) -> None:
    with serve("--log-format", log_format) as served:
        assert served.process.stdout is not None
        served.process.stdout.close()
        for _ in range(3):
            assert served.ask(http()) == 201
        assert served.end() == 0
        assert served.stderr() == b""


def test_h44_it_serves_without_standard_streams() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = f'exec "$0" -m mockserver serve --port {port} <&- >&- 2>&-'
    with subprocess.Popen(["sh", "-c", command, sys.executable]) as process:
        try:
            while process.poll() is None:
                try:
                    client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
                except ConnectionRefusedError:
                    continue
                with client:
                    client.sendall(http())
                    assert read_answer(client).answer.status == 201
                break
            process.terminate()
            assert process.wait(timeout=SECONDS_TO_END) == 0
        finally:
            process.kill()


def test_h44_two_servers_in_one_process_share_nothing() -> None:
    with ServerThread(Settings(port=0)) as one, ServerThread(Settings(port=0, seed="other")) as other:
        for server in (one, other):
            with socket.create_connection((server.host, server.port), timeout=PATIENCE) as client:
                client.sendall(http())
                assert read_answer(client).answer.status == 201
        one.engine.namespaces.reset_all()
        assert len(one.engine.namespaces.default.journal) == 0
        assert len(other.engine.namespaces.default.journal) == 1
        one.stop()
        with socket.create_connection((other.host, other.port), timeout=PATIENCE) as client:
            client.sendall(http())
            assert read_answer(client).answer.status == 201


def test_h44_a_server_in_a_program_leaves_its_loggers_and_signals_alone() -> None:
    import logging

    names = ["uvicorn", "uvicorn.error", "uvicorn.access", "root"]

    def state() -> Any:
        loggers = [logging.getLogger(name) for name in names]
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        return [(item.level, item.propagate, list(item.handlers)) for item in loggers], handlers

    before = state()
    with ServerThread(Settings(port=0)):
        assert state() == before
    assert state() == before
