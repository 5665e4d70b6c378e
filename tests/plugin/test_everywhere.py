"""Small tests run in this process, under pytest-xdist and against a server elsewhere, with the same results.

One project of small tests runs once in each of the three ways; what each of its tests must give stands here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from mockserver import MockServer
from mockserver.pytest_plugin.fixtures import name_namespace
from tests.plugin.running import USUAL, run_pytest

PROJECT = {
    "conftest.py": """
import pytest

@pytest.fixture(scope="session")
def issued_once(mockserver_session):
    from client import create
    return create(mockserver_session)[1]["data"]["key"]
""",
    "client.py": """
import json
import urllib.error
import urllib.request

BODY = json.dumps({"name": "n", "permissions": {}, "expires_at": "2030-01-01T00:00:00Z"}).encode()

def create(sandbox, base_url=None, key=None, body=BODY):
    request = urllib.request.Request(
        (base_url or sandbox.base_url) + "/api-keys/?account_id=acct_1",
        body,
        {"Authorization": f"Bearer {key or sandbox.secret_key}", "Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
""",
    "test_calls.py": """
import httpx
import pytest
import requests
import responses
import respx
from client import create

URL = "https://api.hsrcpay.com/v1/api-keys/?account_id=acct_1"
BODY = {"name": "n", "permissions": {}, "expires_at": "2030-01-01T00:00:00Z"}
HEADERS = {"Authorization": "Bearer sk_test_any"}

def post_with_requests(sandbox):
    with requests.Session() as session:
        session.mount("https://api.hsrcpay.com", sandbox.requests_adapter())
        return session.post(URL, json=BODY, headers=HEADERS).status_code

def post_with_httpx(sandbox):
    with httpx.Client(transport=sandbox.transport()) as client:
        return client.post(URL, json=BODY, headers=HEADERS).status_code

@pytest.mark.mockserver(strict=True)
def test_own_calls(mockserver):
    assert create(mockserver)[0] == 201
    mockserver.verify("createApiKey", times=1, nothing_else=True)

@responses.activate
def test_responses_beside_it(mockserver):
    responses.get("https://other.example/", json={})
    assert post_with_requests(mockserver) == 201
    assert requests.get("https://other.example/").json() == {}
    mockserver.verify("createApiKey", times=1)

@respx.mock
def test_respx_beside_it(mockserver):
    respx.get("https://other.example/").respond(json={})
    assert post_with_httpx(mockserver) == 201
    assert httpx.get("https://other.example/").json() == {}
    mockserver.verify("createApiKey", times=1)

def test_pytest_httpx_beside_it(mockserver, httpx_mock):
    httpx_mock.add_response(url="https://other.example/", json={})
    assert post_with_httpx(mockserver) == 201
    assert httpx.get("https://other.example/").json() == {}
    mockserver.verify("createApiKey", times=1)

@pytest.mark.disable_socket
def test_no_sockets(mockserver):
    assert post_with_httpx(mockserver) == post_with_requests(mockserver) == 201
    mockserver.verify("createApiKey", times=2)

def test_the_key_is_the_same_everywhere(mockserver):
    from expected import KEY
    assert create(mockserver)[1]["data"]["key"] == KEY
""",
    "test_times.py": """
import asyncio
import datetime
import freezegun
import httpx
import time_machine
from client import create

def test_frozen_time_is_not_followed(mockserver):
    present = mockserver.clock.now
    with freezegun.freeze_time("2001-01-01"):
        assert abs(mockserver.clock.now - present) < datetime.timedelta(hours=1)
        assert create(mockserver)[1]["data"]["created_at"][:4] == str(present.year)
    with time_machine.travel("2001-01-01", tick=False):
        assert abs(mockserver.clock.now - present) < datetime.timedelta(hours=1)

def test_a_coroutine_waits(mockserver):
    async def call_and_wait():
        async with httpx.AsyncClient(base_url=mockserver.base_url, trust_env=False) as client:
            task = asyncio.ensure_future(client.get("/api-keys/"))
            await mockserver.wait_for_async("listApiKeys", timeout=60)
            return (await task).status_code
    assert asyncio.run(call_and_wait()) == 401

def test_a_coroutine_that_blocks(mockserver):
    async def wait():
        mockserver.wait_for("listApiKeys", timeout=0.01)
    asyncio.run(wait())
""",
    "test_missed.py": """
import pytest
from client import create

@pytest.mark.mockserver(strict=True)
def test_missed_strict(mockserver):
    assert create(mockserver, base_url=mockserver.origin + "/v1", key="sk_test_fixed")[0] == 201

@pytest.mark.mockserver(strict=True)
def test_missed_namespace(mockserver):
    create(mockserver, base_url=mockserver.origin + "/v1", key="sk_test_ns-elsewhere_x")

def test_missed_lenient(mockserver):
    create(mockserver, base_url=mockserver.origin + "/v1", key="sk_test_fixed")

@pytest.mark.mockserver(strict=True)
def test_opened_on_purpose(mockserver):
    other = mockserver.namespace("on-purpose")
    assert create(mockserver)[0] == create(other)[0] == 201
    other.forget()

def test_silent(mockserver, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("API_URL", "http://localhost:4020")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    mockserver.base_url
    raise ConnectionError("HTTPConnectionPool(host='127.0.0.1', port=4444): refused")
""",
    "test_shared.py": """
import pytest
from client import create

def test_session(mockserver_session, issued_once):
    assert create(mockserver_session, key=issued_once)[0] in (201, 403)

def test_session_again(mockserver_session, issued_once):
    assert issued_once.startswith("sk_test_mock_ns-session-")

@pytest.mark.mockserver(strict=True)
def test_session_strict(mockserver_session):
    assert create(mockserver_session, body=b"{")[0] == 400

def test_session_reported(mockserver_session):
    create(mockserver_session)
    raise ValueError("broken")

@pytest.fixture(scope="module")
def prepared(mockserver_module):
    mockserver_module.fail_next(500)
    return mockserver_module

def test_module(prepared):
    assert create(prepared)[0] == 500
    assert create(prepared)[0] == 201

@pytest.fixture(scope="session")
def shop(mockserver_factory):
    return mockserver_factory("shop", clock="2026-01-01T00:00:00Z")

def test_factory(shop, mockserver_factory):
    assert create(shop)[1]["data"]["created_at"] == "2026-01-01T00:00:00.000Z"
    assert mockserver_factory("shop", clock="2026-01-01T00:00:00Z") is shop
    with pytest.raises(ValueError, match="has the options"):
        mockserver_factory("shop")

def test_by_name(request):
    assert create(request.getfixturevalue("mockserver"))[0] == 201

@pytest.mark.mockserver(fail_next=429)
def test_by_name_never(request):
    pass

@pytest.mark.mockserver(fail_next=429)
def test_by_name_with_a_marker(request):
    assert create(request.getfixturevalue("mockserver"))[0] == 429
""",
}

FAILED = {
    "test_a_coroutine_that_blocks": ["wait_for_async"],
    "test_missed_strict": [
        "a call missed the sandbox of the test: POST /v1/api-keys/ 201 came to the namespace 'default'",
    ],
    "test_missed_namespace": ["came to the namespace 'elsewhere'"],
    "test_silent": [
        "No call came to the sandbox 'test-silent-",
        "It should have gone to http://127.0.0.1:",
        "A proxy of the environment takes the calls: http://proxy.example:3128; set NO_PROXY=127.0.0.1",
        "The failure names port 4444; the sandbox listens on ",
        "The variable API_URL names port 4020; the sandbox listens on ",
    ],
    "test_session_strict": ["breaks the contract: its body is no JSON"],
    "test_session_reported": ["broken", "createApiKey  201 created"],
    "test_by_name_never": ["the marker mockserver had no effect: the test asked for no sandbox"],
}


@dataclass(frozen=True)
class Run:
    """One run of the project: what pytest said, and each test with its failure, empty for one that passed."""

    text: str
    tests: dict[str, str]


@pytest.fixture(scope="module", params=["in process", "xdist", "remote"])
def way(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """The arguments of pytest for each way."""
    if request.param == "remote":
        with MockServer() as server:
            yield ["--mockserver-url", server.origin]
    else:
        yield ["-n2"] if request.param == "xdist" else ["-n0"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    for name, source in PROJECT.items():
        (folder / name).write_text(source, "utf-8")
    # The key that one of the tests is to get: that of its namespace, on every machine.
    client: dict[str, Any] = {}
    exec(PROJECT["client.py"], client)
    with MockServer() as server:
        namespace = name_namespace("test_calls.py::test_the_key_is_the_same_everywhere")
        key = client["create"](server.namespace(namespace))[1]["data"]["key"]
    (folder / "expected.py").write_text(f"KEY = {key!r}\n", "utf-8")
    (folder / "pytest.ini").write_text(
        "[pytest]\naddopts = --strict-markers\nfilterwarnings = error\n", "utf-8"
    )
    return folder


@pytest.fixture(scope="module")
def run(project: Path, way: list[str]) -> Run:
    ran = run_pytest(project, *USUAL, "-rA", "--junitxml=junit.xml", *way)
    tests = {}
    for case in ElementTree.parse(project / "junit.xml").iter("testcase"):
        problems = [*case.iterfind("failure"), *case.iterfind("error")]
        told = [each.get("value", "") for each in case.iterfind("properties/property")]
        tests[str(case.get("name"))] = "\n".join([each.text or "" for each in problems] + told)
    return Run(ran.stdout + ran.stderr, tests)


def test_all_tests_ran(run: Run) -> None:
    names = {name for source in PROJECT.values() for name in re.findall(r"(?m)^def (test_\w+)", source)}
    assert run.tests.keys() == names, run.text


def test_the_rest_passed(run: Run) -> None:
    assert {name: text for name, text in run.tests.items() if text and name not in FAILED} == {}


@pytest.mark.parametrize("name", FAILED)
def test_a_failure_says_what_is_wrong(run: Run, name: str) -> None:
    for part in FAILED[name]:
        assert part in run.tests[name], run.text


def test_calls_that_missed_are_shown_of_tests_that_passed(run: Run) -> None:
    section = run.text[run.text.index("mockserver calls outside of the tests") :]
    assert "test_missed.py::test_missed_lenient\n" in section
    assert "POST /v1/api-keys/ 201 came to the namespace 'default' with sk_test_" in section


def test_a_run_under_xdist_names_its_log(run: Run, way: list[str]) -> None:
    found = re.search(r"the shared server logged to (\S+)", run.text)
    assert (found is not None) == (way == ["-n2"])
    if found:
        assert "POST /v1/api-keys/" in Path(found[1]).read_text("utf-8")
        os.unlink(found[1])


# Markers that cannot take effect


REFUSED = {
    "errors on a method of a TestCase": (
        """
class TestIt(unittest.TestCase):
    @pytest.mark.mockserver_errors("createApiKey")
    def test_it(self): pass
""",
        "the marker mockserver_errors would have no effect: pytest does not repeat a method of a unittest",
    ),
    "variants on a TestCase": (
        """
@pytest.mark.mockserver_variants("createApiKey")
class TestIt(unittest.TestCase):
    def test_it(self): pass
""",
        "the marker mockserver_variants would have no effect",
    ),
    "breaking on a method of a TestCase": (
        """
class TestIt(unittest.TestCase):
    @pytest.mark.mockserver_breaking("createApiKey")
    def test_it(self): pass
""",
        "the marker mockserver_breaking would have no effect",
    ),
    "a method of a TestCase without the fixture": (
        """
class TestIt(unittest.TestCase):
    @pytest.mark.mockserver(fail_next=429)
    def test_it(self): pass
""",
        "the marker mockserver would have no effect: ask for the fixture in an autouse fixture",
    ),
    "a test without the fixture": (
        """
@pytest.mark.mockserver(strict=True)
def test_it(): pass
""",
        "the marker mockserver would have no effect: ask for the fixture mockserver",
    ),
    "an unknown argument": (
        """
@pytest.mark.mockserver(fial_next=429)
def test_it(mockserver): pass
""",
        "the marker mockserver has no argument 'fial_next'; did you mean 'fail_next'?",
    ),
    "an unknown operation": (
        """
@pytest.mark.mockserver_errors("createApiKeys")
def test_it(): pass
""",
        "knows no operation 'createApiKeys'; did you mean 'createApiKey'?",
    ),
}


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory, way: list[str]) -> str:
    folder = tmp_path_factory.mktemp("refused")
    for number, (source, _) in enumerate(REFUSED.values()):
        (folder / f"test_{number}.py").write_text(f"import pytest\nimport unittest\n{source}", "utf-8")
    ran = run_pytest(folder, *USUAL, *way)
    return ran.stdout + ran.stderr


@pytest.mark.parametrize("what", REFUSED)
def test_a_marker_that_cannot_take_effect_is_an_error_at_collection(refusals: str, what: str) -> None:
    assert REFUSED[what][1] in refusals
    assert re.search(rf"{len(REFUSED)} errors", refusals), refusals
    assert "passed" not in refusals


def test_markers_that_take_effect_on_a_test_case_are_let_in(tmp_path: Path, way: list[str]) -> None:
    (tmp_path / "test_it.py").write_text(
        """
import pytest
import unittest

pytestmark = pytest.mark.mockserver(success_status=200)

@pytest.fixture
def given(request, mockserver):
    request.instance.sandbox = mockserver

@pytest.mark.usefixtures("given")
class TestIt(unittest.TestCase):
    @pytest.mark.mockserver(fail_next=429)
    def test_it(self):
        assert len(self.sandbox.stubs()) > 8

def test_another(): pass
""",
        "utf-8",
    )
    assert "2 passed" in run_pytest(tmp_path, *USUAL, *way).stdout
