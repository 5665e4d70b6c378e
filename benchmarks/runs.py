"""Runs: what a test costs with each fixture, what imports cost, and what the plugin adds to every run."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.figures import Table, Unmeasurable, interleave, quartiles
from benchmarks.options import Options
from benchmarks.peers import peer_python
from benchmarks.servers import clean_environment
from benchmarks.workload import ANSWER, BODY

_PLUGIN = "mockserver.pytest_plugin"


class Kind(NamedTuple):
    """A kind of test: the plugin that it needs, its fixture, and how it asks once and looks what arrived."""

    plugin: str | None
    fixture: str | None
    lines: tuple[str, ...]


_HEAD = f"""
import json
import httpx
import pytest

CLIENT = httpx.Client()
BODY = json.loads({BODY.decode("ascii")!r})
ANSWER = json.loads({ANSWER.decode("ascii")!r})
ACCOUNT = {{"account_id": "acct_bench"}}


def ask(client, base_url, key):
    headers = {{"Authorization": f"Bearer {{key}}"}}
    answer = client.post(base_url + "/api-keys/", params=ACCOUNT, headers=headers, json=BODY)
    assert answer.status_code == 201
"""

KINDS: Mapping[str, Kind] = {
    "no fixture, no call": Kind(None, None, ("assert ANSWER",)),
    "mockserver, over its socket": Kind(
        _PLUGIN,
        "mockserver",
        (
            "ask(CLIENT, mockserver.base_url, mockserver.secret_key)",
            'mockserver.verify("createApiKey", times=1)',
        ),
    ),
    "mockserver, transport()": Kind(
        _PLUGIN,
        "mockserver",
        (
            "with httpx.Client(transport=mockserver.transport()) as client:",
            '    ask(client, "https://api.hsrcpay.com/v1", mockserver.secret_key)',
            'mockserver.verify("createApiKey", times=1)',
        ),
    ),
    "pytest-httpserver": Kind(
        "pytest_httpserver.pytest_plugin",
        "httpserver",
        (
            'expected = httpserver.expect_request("/v1/api-keys/", method="POST", query_string=ACCOUNT)',
            "expected.respond_with_json(ANSWER, status=201)",
            'ask(CLIENT, httpserver.url_for("/v1"), "sk_test_bench")',
            "httpserver.check()",
        ),
    ),
    "respx": Kind(
        "respx.plugin",
        "respx_mock",
        (
            'route = respx_mock.post("https://api.hsrcpay.com/v1/api-keys/", params=ACCOUNT)',
            "route.respond(201, json=ANSWER)",
            'ask(CLIENT, "https://api.hsrcpay.com/v1", "sk_test_bench")',
            "assert route.call_count == 1",
        ),
    ),
}


def write_test_file(folder: Path, kind: Kind, tests: int) -> Path:
    """A file of so many equal tests of a kind."""
    body = "".join(f"    {line}\n" for line in kind.lines)
    arguments = ", ".join(("number", *([kind.fixture] if kind.fixture else [])))
    parametrize = f'@pytest.mark.parametrize("number", range({tests}))'
    path = folder / f"test_{tests}.py"
    path.write_text(f"{_HEAD}\n\n{parametrize}\ndef test_call({arguments}):\n{body}", "utf-8")
    return path


def measure_fixtures(options: Options) -> list[Table]:
    """What one more test costs with a fixture, and what the run costs beside."""
    python = peer_python()
    names = list(KINDS)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)

        def measure(kind: str) -> tuple[float, float]:
            few = _run_pytest(python, write_test_file(folder, KINDS[kind], 1), KINDS[kind].plugin)
            many = _run_pytest(
                python, write_test_file(folder, KINDS[kind], options.tests), KINDS[kind].plugin
            )
            return few, (many - few) / (options.tests - 1)

        done = interleave(options.test_rounds, names, measure)
    rows = tuple(
        (name, quartiles(each * 1e3 for _, each in found), quartiles(few for few, _ in found))
        for name, found in done.results.items()
    )
    notes = (
        "By pytest's own total: of a file of one test, and what each further test adds. Every test makes one "
        "call with httpx and looks what arrived.",
        *(f"Not measured: {name}: {why}." for name, why in done.failures.items()),
    )
    columns = ("fixture", "ms/test", "first test s")
    return [Table("fixtures", "Cost of one test", columns, rows, notes)]


def _run_pytest(python: str, file: Path, plugin: str | None) -> float:
    """The total that pytest tells for a file, in seconds. Raises Unmeasurable."""
    if plugin is not None and plugin == _PLUGIN and importlib.util.find_spec(plugin) is None:
        raise Unmeasurable("there is no such plugin yet")
    # The configuration of this checkout has nothing to do with the tests of a user.
    (file.parent / "pytest.ini").write_text("[pytest]\n", "ascii")
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(("-p", plugin) if plugin else ())]
    done = _run([*command, file.name], file.parent)
    return read_total(done.stdout)


def read_total(output: str) -> float:
    """Seconds from the last line of pytest: `200 passed in 0.85s`. Raises Unmeasurable if tests failed."""
    match = re.search(r"^=*\s*\d+ passed in ([\d.]+)s", output, re.MULTILINE)
    if match is None:
        lines = output.strip().splitlines()
        sys.stderr.write("\n".join(lines[-30:]) + "\n")
        raise Unmeasurable("its tests do not pass")
    return float(match.group(1))


def _run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    # Only the plugins that are named, as every environment has others.
    environment = {**clean_environment(), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    try:
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
        )
    except subprocess.TimeoutExpired:
        raise Unmeasurable("it did not come to an end") from None


# Imports

_IMPORTS: Mapping[str, str] = {
    "import mockserver": "import mockserver",
    "from mockserver import MockServer": "from mockserver import MockServer",
    "import mockserver.cli.main": "import mockserver.cli.main",
    f"import {_PLUGIN}": f"import pytest; start(); import {_PLUGIN}",
    "MockServer() to its start, after the import": (
        "from mockserver import MockServer; start(); server = MockServer(); server.__enter__()"
    ),
}
_TIMED = """
import os, sys, time
def start():
    global began
    began = time.perf_counter()
start()
{statement}
sys.stdout.write(str(time.perf_counter() - began))
sys.stdout.flush()
os._exit(0)
"""


def measure_imports(options: Options) -> list[Table]:
    """Milliseconds of imports, and what the plugin adds to a run that does not use it."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        done = interleave(
            options.costs_rounds, _IMPORTS, lambda statement: _time_statement(_IMPORTS[statement], folder)
        )
        unrelated = folder / "test_unrelated.py"
        unrelated.write_text("def test_nothing():\n    assert True\n", "ascii")
        added = interleave(options.costs_rounds, ["plugin"], lambda _: _time_plugin(unrelated))
    rows = [(name, quartiles(seconds * 1e3 for seconds in found)) for name, found in done.results.items()]
    for found in added.results.values():
        rows.append(("pytest with one empty test", quartiles(without * 1e3 for without, _ in found)))
        rows.append(("the plugin adds to it", quartiles((own - without) * 1e3 for without, own in found)))
    failures = {**done.failures, **added.failures}
    notes = tuple(f"Not measured: {name}: {why}." for name, why in failures.items())
    return [Table("imports", "Imports and starts in one process", ("what", "ms"), tuple(rows), notes)]


def _time_statement(statement: str, folder: Path) -> float:
    done = _run([sys.executable, "-c", _TIMED.format(statement=statement)], folder)
    if done.returncode != 0:
        raise Unmeasurable("it does not run")
    return float(done.stdout)


def _time_plugin(file: Path) -> tuple[float, float]:
    """Seconds of a whole run without and with the plugin."""
    seconds: list[float] = []
    for plugin in (None, _PLUGIN):
        started = time.perf_counter()
        _run_pytest(sys.executable, file, plugin)
        seconds.append(time.perf_counter() - started)
    return seconds[0], seconds[1]
