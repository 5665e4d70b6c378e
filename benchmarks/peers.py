"""Peers: mock servers of others, installed into `benchmarks/.peers` and set up for the same operation.

Each does as much of the work as it offers by configuration. Whatever cannot be installed is skipped.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import Unmeasurable
from benchmarks.servers import ROOT, Server, program
from benchmarks.workload import ANSWER, Workload, free_port

FOLDER = ROOT / "benchmarks" / ".peers"
_INSTALL_SECONDS = 400

NPM_PACKAGES = {
    # Later versions want Node.js 24.
    "prism": ("@stoplight/prism-cli", "5.14.2"),
    "mockoon": ("@mockoon/cli", "9.9.0"),
    "mountebank": ("@mbtest/mountebank", "2.9.2"),
    # Carries the jar of WireMock standalone.
    "wiremock": ("wiremock", "3.13.2"),
}

NOT_INSTALLABLE = {"stripe-mock": "a Go program, to be had neither by pip nor by npm"}


def find_peers() -> tuple[list[Server], dict[str, str]]:
    """The peers that are there or could be installed now; the others, with the reason."""
    found: list[Server] = []
    missing = dict(NOT_INSTALLABLE)
    for name, build in _PEERS.items():
        try:
            found.append(build(name))
        except Unmeasurable as error:
            missing[name] = str(error)
    return found, missing


def peer_python() -> str:
    """A Python that has this package, pytest-httpserver and respx. Raises Unmeasurable."""
    folder = FOLDER / "python"
    python = folder / "bin" / "python"
    stamp = folder / "installed"
    pins = ROOT / "pins.txt"
    wanted = "\n".join((sys.version, (ROOT / "pyproject.toml").read_text("utf-8"), pins.read_text("utf-8")))
    if not stamp.exists() or stamp.read_text("utf-8") != wanted:
        _install(sys.executable, "-m", "venv", "--clear", str(folder))
        pip = (str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check")
        _install(*pip, "--constraint", str(pins), "--editable", f"{ROOT}[httpx,bench]")
        stamp.write_text(wanted, "utf-8")
    return str(python)


def _npm(name: str) -> Path:
    """The folder of an npm package, installed without running any script of it."""
    package, version = NPM_PACKAGES[name]
    node = shutil.which("node")
    npm = shutil.which("npm")
    if node is None or npm is None:
        raise Unmeasurable("Node.js with npm is not installed")
    folder = FOLDER / name
    installed = folder / "node_modules" / package
    manifest = installed / "package.json"
    if not manifest.exists() or json.loads(manifest.read_text("utf-8"))["version"] != version:
        options = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
        _install(npm, "install", "--prefix", str(folder), *options, f"{package}@{version}")
    return installed


def _install(*command: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        raise Unmeasurable("its installation did not come to an end") from None
    if done.returncode != 0:
        sys.stderr.write(done.stderr[-2_000:])
        raise Unmeasurable("it could not be installed")


def _command(name: str, command: str) -> str:
    return str(_npm(name).parents[len(Path(NPM_PACKAGES[name][0]).parts) - 1] / ".bin" / command)


def _write(path: Path, value: Any) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), "utf-8")
    return str(path)


def _pytest_httpserver(name: str) -> Server:
    python = peer_python()
    does = "matches method, path, query and headers; constant answer; records all"
    return Server(name, does, program("pytest-httpserver", python=python))


def _prism(name: str) -> Server:
    command = _command(name, "prism")
    document = str(ROOT / "schemas" / "openapi.json")

    def prepare(port: int, folder: Path) -> Sequence[str]:
        return (command, "mock", "--host", "127.0.0.1", "-p", str(port), "-v", "warn", document)

    does = "validates the request by the same contract; the contract's example; records nothing"
    # Prism leaves out the path of the contract's server.
    return Server(name, does, prepare, Workload(path="/api-keys/"))


def _wiremock(name: str) -> Server:
    java = shutil.which("java")
    if java is None:
        raise Unmeasurable("Java is not installed")
    jar = str(next((_npm(name) / "build").glob("*.jar")))
    schema = json.loads((ROOT / "schemas" / "create-api-key.request.json").read_text("utf-8"))
    mapping = {
        "request": {
            "method": "POST",
            "urlPath": "/v1/api-keys/",
            "queryParameters": {"account_id": {"matches": ".+"}},
            "headers": {
                "Authorization": {"matches": "Bearer .*sk_.*"},
                "Content-Type": {"contains": "application/json"},
            },
            "bodyPatterns": [{"matchesJsonSchema": json.dumps(schema), "schemaVersion": "V202012"}],
        },
        "response": {
            "status": 201,
            "headers": {"Content-Type": "application/json"},
            "body": _template(
                "{{jsonPath request.body '$.name'}}", "{{randomValue length=32 type='ALPHANUMERIC'}}"
            ),
            "transformers": ["response-template"],
        },
    }
    options = ("--disable-banner", "--bind-address", "127.0.0.1", "--max-request-journal-entries", "10000")

    def prepare(port: int, folder: Path) -> Sequence[str]:
        _write(folder / "mappings" / "create.json", mapping)
        return (java, "-jar", jar, "--port", str(port), "--root-dir", str(folder), *options)

    does = "matches headers and query, validates the body by schema; template; records the last 10,000"
    return Server(name, does, prepare)


def _mountebank(name: str) -> Server:
    command = _command(name, "mb")
    answer = {
        "is": {
            "statusCode": 201,
            "headers": {"Content-Type": "application/json"},
            "body": _template("${name}", "0" * 32),
        },
        "_behaviors": {
            "copy": [
                {
                    "from": "body",
                    "into": "${name}",
                    "using": {"method": "jsonpath", "selector": "$.name"},
                }
            ]
        },
    }
    predicates = [
        {"equals": {"method": "POST", "path": "/v1/api-keys/"}},
        {"matches": {"headers": {"Authorization": "^Bearer .*sk_"}}},
        {"exists": {"query": {"account_id": True}, "body": True}},
    ]

    def prepare(port: int, folder: Path) -> Sequence[str]:
        imposter = {
            "port": port,
            "host": "127.0.0.1",
            "protocol": "http",
            "recordRequests": True,
            "stubs": [
                {"predicates": predicates, "responses": [answer]},
                {"responses": [{"is": {"statusCode": 401}}]},
            ],
        }
        config = _write(folder / "imposters.json", {"imposters": [imposter]})
        # The log and the process id would be written into the current folder.
        files = ("--nologfile", "--pidfile", str(folder / "mb.pid"), "--loglevel", "warn")
        own = ("--port", str(free_port()), "--host", "127.0.0.1", "--localOnly")
        return (command, "start", *own, *files, "--noParse", "--configfile", config)

    does = "matches method, path, query and header; copies the name; records all"
    return Server(name, does, prepare)


def _mockoon(name: str) -> Server:
    command = _command(name, "mockoon-cli")

    def prepare(port: int, folder: Path) -> Sequence[str]:
        environment = _write(folder / "environment.json", _mockoon_environment(port))
        return (command, "start", "--data", environment, "--disable-log-to-file", "--repair")

    does = "rules on query, header and body; template; records the last 100"
    return Server(name, does, prepare)


def _mockoon_environment(port: int) -> dict[str, Any]:
    def response(number: int, status: int, body: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "uuid": f"00000000-0000-4000-8000-00000000000{number}",
            "body": body,
            "statusCode": status,
            "headers": [{"key": "Content-Type", "value": "application/json"}],
            "bodyType": "INLINE",
            "rules": rules,
            "rulesOperator": "AND",
            "default": not rules,
        }

    rules = [
        {"target": "query", "modifier": "account_id", "operator": "regex", "value": ".+", "invert": False},
        {
            "target": "header",
            "modifier": "Authorization",
            "operator": "regex",
            "value": "^Bearer .*sk_",
            "invert": False,
        },
        {"target": "body", "modifier": "$.name", "operator": "regex", "value": ".+", "invert": False},
    ]
    body = _template("{{body 'name'}}", "{{faker 'string.alphanumeric' 32}}")
    route = {
        "uuid": "00000000-0000-4000-8000-000000000010",
        "type": "http",
        "method": "post",
        "endpoint": "v1/api-keys/",
        "responses": [response(1, 201, body, rules), response(2, 401, "{}", [])],
    }
    return {
        "uuid": "00000000-0000-4000-8000-000000000100",
        "lastMigration": 33,
        "name": "api-keys",
        "port": port,
        "hostname": "127.0.0.1",
        "rootChildren": [{"type": "route", "uuid": route["uuid"]}],
        "routes": [route],
    }


def _template(name: str, secret: str) -> str:
    """The constant answer with two of its values made by a template."""
    answer = json.loads(ANSWER)
    answer["data"]["name"] = name
    answer["data"]["key"] = f"sk_test_{secret}"
    return json.dumps(answer)


_PEERS: Mapping[str, Callable[[str], Server]] = {
    "wiremock": _wiremock,
    "pytest-httpserver": _pytest_httpserver,
    "prism": _prism,
    "mountebank": _mountebank,
    "mockoon": _mockoon,
}


def peer_versions() -> dict[str, str]:
    """The versions of the peers that are installed."""
    npm = {name: version for name, (_, version) in NPM_PACKAGES.items() if (FOLDER / name).exists()}
    python = FOLDER / "python" / "bin" / "python"
    if not python.exists():
        return npm
    listed = subprocess.run(
        [python, "-m", "pip", "freeze"], check=True, capture_output=True, text=True
    ).stdout
    pairs = (
        line.split("==") for line in listed.splitlines() if line.startswith(("pytest_httpserver=", "respx="))
    )
    return npm | {name.replace("_", "-"): version for name, version in pairs}
