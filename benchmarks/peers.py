"""Peers: mock servers of others, installed into `benchmarks/.peers` and set up for the same operation.

Each does as much of the work as it offers by its configuration, in `benchmarks/peer_files`. What cannot be
installed is skipped.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import Unmeasurable
from benchmarks.servers import ROOT, Server, free_port

FOLDER = ROOT / "benchmarks" / ".peers"
_PINS = ROOT / "pins.txt"
_PINNED = dict(re.findall(r"^([\w-]+)==(\S+)$", _PINS.read_text("utf-8"), re.MULTILINE))
NPM_PACKAGES = {
    # Later versions want Node.js 24.
    "prism": ("@stoplight/prism-cli", "5.14.2"),
    "mockoon": ("@mockoon/cli", "9.9.0"),
    "mountebank": ("@mbtest/mountebank", "2.9.2"),
    # Carries the jar of WireMock standalone.
    "wiremock": ("wiremock", "3.13.2"),
}
VERSIONS = {"pytest-httpserver": _PINNED["pytest-httpserver"]} | {
    name: version for name, (_, version) in NPM_PACKAGES.items()
}


def find_peers() -> tuple[list[Server], dict[str, str]]:
    """The peers that are there or could be installed now; the others, with the reason."""
    found: list[Server] = []
    missing: dict[str, str] = {}
    for name, build in _PEERS.items():
        try:
            found.append(build(name))
        except Unmeasurable as error:
            missing[name] = str(error)
    return found, missing


def _npm(name: str) -> Path:
    """The folder of an npm package, installed without running any script of it."""
    package, version = NPM_PACKAGES[name]
    npm = shutil.which("npm")
    if npm is None:
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
        subprocess.run(command, capture_output=True, text=True, timeout=400, check=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        sys.stderr.write(f"{error}\n{str(error.stderr)[-2_000:]}\n")
        raise Unmeasurable("it could not be installed") from None


def read_configuration(name: str) -> Any:
    """What a peer is told to answer."""
    return json.loads((ROOT / "benchmarks" / "peer_files" / f"{name}.json").read_text("utf-8"))


def _write(path: Path, value: Any) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value), "utf-8")
    return str(path)


def _pytest_httpserver(name: str) -> Server:
    """In an environment of its own: a plugin of pytest would take part in the tests of this checkout."""
    python = FOLDER / f"{name}-{VERSIONS[name]}" / "bin" / "python"
    if not python.exists():
        _install(sys.executable, "-m", "venv", "--clear", str(python.parents[1]))
    _install(str(python), "-m", "pip", "install", "-qq", f"--constraint={_PINS}", name)
    does = "matches method, path, query and content type; constant answer; records all"
    return Server(name, does, lambda port, folder: (str(python), "-m", "benchmarks.programs", str(port)))


def _prism(name: str) -> Server:
    command = str(_npm(name).parents[1] / ".bin" / "prism")
    document = str(ROOT / "schemas" / "openapi.json")

    def prepare(port: int, folder: Path) -> Sequence[str]:
        return (command, "mock", "--host", "127.0.0.1", "-p", str(port), "-v", "warn", document)

    does = "validates the request by the same contract; the contract's example; records nothing"
    # Prism leaves out the path of the contract's server.
    return Server(name, does, prepare, path="/api-keys/")


def _wiremock(name: str) -> Server:
    java = shutil.which("java")
    if java is None:
        raise Unmeasurable("Java is not installed")
    jar = str(next((_npm(name) / "build").glob("*.jar")))
    schema = json.loads((ROOT / "schemas" / "create-api-key.request.json").read_text("utf-8"))

    def prepare(port: int, folder: Path) -> Sequence[str]:
        mapping = read_configuration(name)
        mapping["request"]["bodyPatterns"][0]["matchesJsonSchema"] = json.dumps(schema)
        _write(folder / "mappings" / "create.json", mapping)
        options = (
            "--disable-banner",
            "--bind-address",
            "127.0.0.1",
            "--max-request-journal-entries",
            "10000",
        )
        return (java, "-jar", jar, "--port", str(port), "--root-dir", str(folder), *options)

    does = "matches headers and query, validates the body by schema; template; records the last 10,000"
    return Server(name, does, prepare)


def _mountebank(name: str) -> Server:
    command = str(_npm(name).parents[1] / ".bin" / "mb")

    def prepare(port: int, folder: Path) -> Sequence[str]:
        configuration = read_configuration(name)
        configuration["imposters"][0]["port"] = port
        file = _write(folder / "imposters.json", configuration)
        # The log and the process id would be written into the current folder.
        files = ("--nologfile", "--pidfile", str(folder / "mb.pid"), "--loglevel", "warn")
        own = ("--port", str(free_port()), "--host", "127.0.0.1", "--localOnly")
        return (command, "start", *own, *files, "--noParse", "--configfile", file)

    does = "matches method, path, query and header; copies the name; records all"
    return Server(name, does, prepare)


def _mockoon(name: str) -> Server:
    command = str(_npm(name).parents[1] / ".bin" / "mockoon-cli")

    def prepare(port: int, folder: Path) -> Sequence[str]:
        environment = _write(folder / "environment.json", read_configuration(name) | {"port": port})
        return (command, "start", "--data", environment, "--disable-log-to-file", "--repair")

    does = "rules on query, header and body; template; records the last 100"
    return Server(name, does, prepare)


_PEERS: Mapping[str, Callable[[str], Server]] = {
    "wiremock": _wiremock,
    "pytest-httpserver": _pytest_httpserver,
    "prism": _prism,
    "mountebank": _mountebank,
    "mockoon": _mockoon,
}
