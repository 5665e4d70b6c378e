"""The command `mockserver`: what it prints, where, and with which exit code."""

from __future__ import annotations

import http.client
import json
import logging
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mockserver.cli.main import main
from mockserver.contract import Contract
from mockserver.engine.engine import Engine
from mockserver.settings import OPTIONS
from tests.desk import ORIGIN, Desk
from tests.doors import BODY, CREATE, FROZEN, JSON_TYPE, encode

SECONDS = 30


@pytest.fixture(autouse=True)
def logger_of_the_package() -> Iterator[None]:
    """`serve` sets up the logger of the package, which other tests listen to."""
    logger = logging.getLogger("mockserver")
    before = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.level, logger.propagate = before


def run(*arguments: str | Path, environment: dict[str, str] | None = None) -> Result:
    """A command that ends by itself."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], env=environment)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result


# serve


class Served:
    """A server in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], is_json: bool) -> None:
        self.process = process
        assert process.stdout is not None
        self.welcome: list[str] = []
        pattern = '"origin":"(http://.*?)"' if is_json else r"^Listening on (http://\S+)"
        for line in process.stdout:
            self.welcome.append(line.rstrip("\n"))
            if match := re.search(pattern, line):
                self.origin = match.group(1)
                break
        else:
            raise AssertionError(f"the server ended: {process.communicate(timeout=SECONDS)}")

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.origin.removeprefix("http://"), timeout=SECONDS)

    def send(
        self, method: str, url: str, body: Any = None, *, key: str | None = "sk_test_local"
    ) -> tuple[int, Any]:
        """Status and JSON of an answer."""
        connection = self.connect()
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        headers |= {} if body is None else {"Content-Type": JSON_TYPE}
        try:
            connection.request(method, url, None if body is None else encode(body), headers)
            with connection.getresponse() as response:
                return response.status, json.loads(response.read())
        finally:
            connection.close()

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[list[str], str]:
        """End it by a signal; what is left of standard output, and standard error."""
        self.process.send_signal(number)
        code = self.process.wait(timeout=SECONDS)
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        output, errors = self.process.stdout.read(), self.process.stderr.read()
        assert code == 0, errors
        return output.splitlines(), errors


@contextmanager
def serving(
    *arguments: str, environment: dict[str, str] | None = None, is_json: bool = False
) -> Iterator[Served]:
    process = subprocess.Popen(
        [sys.executable, "-m", "mockserver", "serve", *arguments],
        env={**os.environ, **(environment or {"MOCKSERVER_PORT": "0"})},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Served(process, is_json)
        finally:
            if process.poll() is None:
                process.kill()


def test_it_says_where_it_listens_answers_and_logs_a_line_per_call() -> None:
    with serving("--port", "0") as server:
        assert server.send("POST", CREATE, BODY)[0] == 201
        assert server.send("GET", CREATE, key=None)[0] == 401
        status, journal = server.send("GET", "/__admin/calls", key=None)
        assert (status, [call["reason"] for call in journal["calls"]]) == (
            200,
            ["created", "missing_credential"],
        )
        output, errors = server.end()
    text = "\n".join(output)
    assert f"Base URL     {server.origin}/v1" in output
    assert f"{server.origin}/__admin" in text
    assert f"curl -X POST '{server.origin}/v1/api-keys/?account_id=" in text
    first, second, third = output[-3:]
    assert re.match(
        r"\d\d:\d\d:\d\d\.\d{3}Z  201  created  POST /v1/api-keys/\?\S+  createApiKey  sk_test_\[", first
    )
    told = r"\S+  401  missing_credential  GET /v1/api-keys/\?\S+  listApiKeys  no credential\b"
    assert re.match(told, second)
    assert re.match(r"\S+  200  control  GET /__admin/calls  ", third)
    assert errors == ""


def test_the_lines_to_try_work_in_the_order_in_which_they_stand() -> None:
    with serving("--port", "0") as server:
        assert server.process.stdout is not None
        # An empty line stands before them, and one behind.
        about, to_try = (list(iter(server.process.stdout.readline, "\n")) for _ in range(2))
        assert about
        lines = [line for line in to_try if line.startswith("curl ")]
        assert [line.split()[2] for line in lines] == ["GET", "POST", "POST", "DELETE"]
        for line in lines:
            command = [*shlex.split(line), "--silent", "--output", os.devnull, "--write-out", "%{http_code}"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
            assert done.stdout in ("200", "201"), line
        server.end()


def test_one_json_line_per_call() -> None:
    with serving("--port=0", "--log-format=json", is_json=True) as server:
        server.send("POST", CREATE, {**BODY, "colour": "red"})
        server.send("POST", CREATE, {"name": 5})
        server.send("POST", f"/~t1{CREATE}", BODY, key="sk_live_x")
        output, errors = server.end()
    (listening,) = server.welcome
    assert json.loads(listening) == {
        "event": "listening",
        "origin": server.origin,
        "control": f"{server.origin}/__admin",
    }
    calls = [json.loads(line) for line in output]
    members = ["event", "level", "method", "path", "operation", "status", "reason", "namespace", "fault"]
    common = ["call", "info", "POST", "/v1/api-keys/", "createApiKey"]
    assert [[call[name] for name in members] for call in calls] == [
        [*common, 201, "created", "default", None],
        [*common, 422, "invalid_request", "default", None],
        [*common, 401, "live_credential", "t1", None],
    ]
    assert [item["code"] for item in calls[0]["warnings"]] == ["unknown_member"]
    assert {item["pointer"] for item in calls[1]["violations"]} >= {"/name"}
    # What is no call is told elsewhere, in lines of the same kind.
    (warning,) = map(json.loads, errors.splitlines())
    assert (warning["level"], warning["event"]) == ("warning", "log")
    assert "LIVE CREDENTIAL" in warning["message"]
    assert "sk_live_x" not in "\n".join([*output, errors])


def test_options_come_from_the_environment_and_the_command_line_wins() -> None:
    environment = {
        "MOCKSERVER_PORT": "0",
        "MOCKSERVER_LOG_FORMAT": "json",
        "MOCKSERVER_SUCCESS_STATUS": "200",
        "MOCKSERVER_STRICT_ACCOUNTS": "yes",
        "MOCKSERVER_CLOCK": FROZEN,
        "MOCKSERVER_ALLOWED_HOST": "a.example, b.example",
        "MOCKSERVER_LOG_LEVEL": "debug",
    }
    arguments = ("--clock", "2030-01-01T00:00:00Z", "--log-level", "warning")
    with serving(*arguments, environment=environment, is_json=True) as server:
        url = CREATE.replace("acct_1", "acct_test_main")
        status, value = server.send("POST", url, BODY)
        assert (status, value["data"]["created_at"]) == (200, "2030-01-01T00:00:00.000Z")
        assert server.send("POST", CREATE, BODY)[0] == 404
        connection = server.connect()
        connection.request("GET", "/__admin/health", headers={"Host": "b.example"})
        with connection.getresponse() as response:
            assert response.status == 200
        connection.close()
        assert server.end() == ([], "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_whatever_is_still_open(number: signal.Signals) -> None:
    with serving("--port", "0") as server:
        idle, held, stream = server.connect(), server.connect(), server.connect()
        idle.request("GET", "/__admin/health")
        with idle.getresponse() as response:
            response.read()
        hold = {"metadata": {"mockserver": {"operation": "createApiKey", "hold": True}}, "response": {}}
        assert server.send("POST", "/__admin/mappings", hold)[0] == 201
        stream.request("GET", "/__admin/events")
        assert stream.getresponse().status == 200
        headers = {"Authorization": "Bearer sk_test_local", "Content-Type": JSON_TYPE}
        held.request("POST", CREATE, encode(BODY), headers)
        arrival = {"pattern": {"method": "POST", "urlPath": "/v1/api-keys/"}, "count": 1}
        status, arrived = server.send("POST", "/__admin/requests/wait-for-count", arrival)
        assert (status, arrived["count"]) == (200, 1)
        _, errors = server.end(number)
        assert "Traceback" not in errors
        for connection in (idle, held, stream):
            connection.close()


@contextmanager
def taken_port() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield str(listener.getsockname()[1])


def refused(*arguments: str | Path, environment: dict[str, str] | None = None) -> list[str]:
    """The lines on standard error of a server that does not start."""
    result = run("serve", *arguments, environment=environment)
    assert (result.exit_code, result.stdout) == (2, "")
    return result.stderr.splitlines()


def test_a_port_that_is_taken_is_said_so() -> None:
    with taken_port() as port:
        (line,) = refused("--port", port)
    assert line.startswith(f"mockserver: cannot listen on 127.0.0.1:{port}: Address already in use; choose")
    assert "--port" in line


def test_it_ends_as_a_process_does_without_a_traceback() -> None:
    with taken_port() as port:
        result = subprocess.run(
            [sys.executable, "-m", "mockserver", "serve", "--port", port],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    assert (result.returncode, result.stdout, len(result.stderr.splitlines())) == (2, "", 1)


@pytest.mark.parametrize("option", ["--contract", "--fixtures", "--jwks"])
def test_what_is_not_there_is_named(tmp_path: Path, option: str) -> None:
    missing = tmp_path / "nowhere"
    (line,) = refused("--port", "0", option, missing)
    assert line.startswith(f"mockserver: {missing}: ")


@pytest.mark.parametrize(
    ("arguments", "problems"),
    [
        (["--clock", "noon"], {"--clock": "'noon'"}),
        (
            ["--port", "65536", "--rate-limit", "fast", "--journal-limit", "0", "--admin-token", "a b"],
            {"--port": "65536", "--rate-limit": "'fast'", "--journal-limit": "at least 1",
             "--admin-token": "visible"},
        ),
        (["--jwt-secret", ""], {"--jwt-secret": "must be"}),
    ],
)  # fmt: skip
def test_each_wrong_value_has_a_line(arguments: list[str], problems: dict[str, str]) -> None:
    found = dict(line.removeprefix("mockserver: ").split(": ", 1) for line in refused(*arguments))
    assert found.keys() == problems.keys()
    for option, text in problems.items():
        assert text in found[option]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "http"], "Invalid value for '--port': 'http' is not a valid integer"),
        (["--log-level", "loud"], "'loud' is not one of 'debug', 'info', 'warning', 'error'"),
        (["--sucess-status", "200"], "No such option"),
        (["--contract"], "Option '--contract' requires an argument"),
    ],
)
def test_what_the_command_line_cannot_be_is_said_in_the_last_line(arguments: list[str], words: str) -> None:
    line = refused(*arguments)[-1]
    assert line.startswith("Error: ")
    assert words in line


def test_each_wrong_variable_of_the_environment_has_a_line() -> None:
    environment = {
        "MOCKSERVER_PORT": "80x",
        "MOCKSERVER_ALLOW_LIVE": "perhaps",
        "MOCKSERVER_SEEED": "s",
        "MOCKSERVER_CREDENTIAL": "is known",
    }
    assert refused(environment=environment) == [
        "mockserver: warning: MOCKSERVER_SEEED: no option has this variable, so it sets nothing;"
        " did you mean MOCKSERVER_SEED?",
        "mockserver: MOCKSERVER_PORT: '80x' must be a whole number",
        "mockserver: MOCKSERVER_ALLOW_LIVE: 'perhaps' must be true or false",
    ]
    (line,) = refused(environment={"MOCKSERVER_CLOCK": "noon"})
    assert "'noon'" in line


# Files with mistakes, for `serve` and `check` alike.


@pytest.fixture
def contract_file(tmp_path: Path) -> Path:
    """A contract with three mistakes."""
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Pets", "version": "1"},
        "paths": {
            "/a": {
                "get": {"operationId": "x", "responses": {"200": {"description": "ok"}}, "parameters": {}},
            },
            "/b": {
                "get": {
                    "operationId": "y",
                    "parameters": [{"name": "p", "in": "nowhere"}],
                    "responses": {"200": {"$ref": "#/components/responses/None"}},
                }
            },
        },
    }
    path = tmp_path / "pets.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


CONTRACT_PLACES = [
    "pets.json#/paths/~1a/get/parameters",
    "pets.json#/paths/~1b/get/parameters/0",
    "pets.json#/paths/~1b/get/responses/200/$ref",
]


@pytest.fixture
def fixtures_folder(tmp_path: Path) -> Path:
    """Fixtures with a mistake in each file, and two in some."""
    files = {
        "credentials.json": '{"credentials": [{"key": 5}]}',
        "accounts.json": "[]",
        "keys.json": "{",
        "stubs/a.json": '{"request": {"urlPath": 5}, "response": {"status": 9}}',
        "stubs/b.json": '{"request": {"urlPaht": "/x"}}',
    }
    folder = tmp_path / "fixtures"
    (folder / "stubs").mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


FIXTURE_PLACES = [
    "credentials.json#/credentials/0/key",
    "credentials.json#/credentials/0/permissions",
    "accounts.json",
    "keys.json",
    "stubs/a.json#/request/urlPath",
    "stubs/a.json#/response/status",
    "stubs/b.json#/request/urlPaht",
]


def places(lines: Sequence[str], folder: Path | None = None) -> list[str]:
    """The places of problems, each in a line of its own with what is wrong there."""
    found = []
    for line in lines:
        place, colon, text = line.removeprefix("mockserver: ").partition(": ")
        assert colon
        assert text
        found.append(place.removeprefix(f"{folder}/") if folder else place)
    return found


def test_serve_names_every_mistake_in_its_files(contract_file: Path, fixtures_folder: Path) -> None:
    assert places(refused("--contract", contract_file)) == CONTRACT_PLACES
    assert places(refused("--fixtures", fixtures_folder), fixtures_folder) == FIXTURE_PLACES


# check


def test_check_sums_up_what_is_sound(contract: Contract) -> None:
    result = run("check")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        f"{contract.title} {contract.version}: 4 operations, 5 credentials, 3 accounts, 8 stubs. "
        "No problem.\n"
    )


def test_check_names_every_mistake_at_once(contract_file: Path, fixtures_folder: Path) -> None:
    result = run("check", "--contract", contract_file)
    *lines, last = result.stderr.splitlines()
    assert (result.exit_code, result.stdout, last) == (1, "", "3 problems.")
    assert places(lines) == CONTRACT_PLACES

    result = run("check", environment={"MOCKSERVER_FIXTURES": str(fixtures_folder)})
    *lines, last = result.stderr.splitlines()
    assert (result.exit_code, result.stdout, last) == (1, "", "7 problems.")
    assert places(lines, fixtures_folder) == FIXTURE_PLACES


def test_check_counts_one_problem_as_one(tmp_path: Path) -> None:
    result = run("check", "--contract", tmp_path / "nowhere.json")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[1:] == ["1 problem."]


# errors


def test_errors_lists_each_documented_error_with_every_way_to_provoke_it(engine: Engine) -> None:
    result = run("errors", "--origin", ORIGIN)
    assert (result.exit_code, result.stderr) == (0, "")
    catalogue = Desk(engine).get("/errors")
    heads = [line for line in result.stdout.splitlines() if re.match(r"(\w+|\(any path\))  \d{3} ", line)]
    assert heads == [
        f"{entry['operation'] or '(any path)'}  {entry['status']} {entry['reason']}"
        for entry in catalogue["errors"]
    ]
    documented = {(item.id, status) for item in engine.contract.operations.values()
                  for status in item.statuses if status >= 400}  # fmt: skip
    told = {(entry["operation"], entry["status"]) for entry in catalogue["errors"]}
    assert {entry for entry in told if entry[0]} == documented
    assert {status for operation, status in told if operation is None} >= {400, 403, 404, 405, 413, 503}
    lines = result.stdout.splitlines()
    for entry in catalogue["errors"]:
        provoke = entry["provoke"]
        for name in ("curl", "python", "cause"):
            assert provoke[name] is None or f"  {name:8} {provoke[name]}" in lines
        assert provoke["prefer"] is None or f"  prefer   Prefer: {provoke['prefer']}" in lines
    assert [line for line in lines if line.startswith("fault ")] == [
        f"fault {fault['fault']}" for fault in catalogue["faults"]
    ]


def test_errors_in_short_are_a_line_for_each_status_and_reason(engine: Engine) -> None:
    lines = run("errors", "--short").stdout.splitlines()
    reasons = {(entry["status"], entry["reason"]) for entry in Desk(engine).get("/errors")["errors"]}
    assert sorted(tuple(line.split()[:2]) for line in lines) == sorted(
        (str(status), reason) for status, reason in reasons
    )
    prefer = "Prefer: code=409, example=conflict"
    assert f"409  conflict              (every operation)  {prefer}" in lines
    one = run("errors", "--short", "--operation", "createApiKey").stdout.splitlines()
    assert f"409  conflict              (createApiKey)  {prefer}" in one


def test_errors_as_json_are_those_of_the_control_api(engine: Engine) -> None:
    catalogue = Desk(engine).get("/errors")
    assert json.loads(run("errors", "--json", "--origin", ORIGIN).stdout) == catalogue
    elsewhere = run("errors", "--json").stdout
    assert ORIGIN not in elsewhere
    assert json.loads(elsewhere.replace("http://127.0.0.1:4020", ORIGIN)) == catalogue


def test_errors_of_one_operation(engine: Engine) -> None:
    value = json.loads(run("errors", "--json", "--operation", "deleteApiKey").stdout)
    everything = Desk(engine).get("/errors")["errors"]
    assert [(entry["status"], entry["reason"]) for entry in value["errors"]] == [
        (entry["status"], entry["reason"]) for entry in everything if entry["operation"] == "deleteApiKey"
    ]
    assert {entry["operation"] for entry in value["errors"]} == {"deleteApiKey"}


def test_errors_of_an_unknown_operation_or_contract_are_refused(contract_file: Path) -> None:
    result = run("errors", "--operation", "createKey")
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("mockserver: --operation: 'createKey' is not in the contract; did you mean ")
    result = run("errors", "--contract", contract_file)
    assert (result.exit_code, result.stdout) == (2, "")
    assert places(result.stderr.splitlines()) == CONTRACT_PLACES


# Help.


def test_the_version_is_that_of_the_package() -> None:
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"mockserver, version {version('hsrcpay-mockserver')}\n")


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_lists_the_commands(flag: str) -> None:
    result = run(flag)
    assert (result.exit_code, result.stderr) == (0, "")
    commands = re.findall(r"^  ([a-z]+)  ", result.stdout, re.MULTILINE)
    assert commands == [
        "check",
        "diff",
        "drift",
        "errors",
        "gauntlet",
        "init",
        "proxy",
        "serve",
        "state",
        "token",
    ]
    for command in commands:
        assert run(command, flag).stdout.startswith(f"Usage: main {command} ")


def test_the_help_of_serve_explains_each_option_and_its_variable() -> None:
    text = " ".join(run("serve", "--help").stdout.split())
    for name, option in OPTIONS.items():
        assert f"--{name.replace('_', '-')} " in text
        assert option.help in text
        assert f"{option.group}:" in text
        assert f"[MOCKSERVER_{name.upper()}]" in text


def test_an_unknown_command_is_refused() -> None:
    result = run("sevre")
    assert result.exit_code == 2
    assert "No such command 'sevre'" in result.stderr
