"""The plugin as its user sees it: small test files, run by pytest."""

from __future__ import annotations

import os
import re
import runpy
import signal
import socket
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver import pytest_plugin
from mockserver.client.reports import MAX_CALLS_SHOWN
from mockserver.pytest_plugin.fixtures import name_namespace
from mockserver.settings import NAMESPACE_NAME
from tests.plugin.running import ALONE, run


def read_lines(pytester: pytest.Pytester, name: str) -> list[str]:
    return sorted((pytester.path / name).read_text("utf-8").split())


# Which pytest


def test_a_pytest_that_is_too_old_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    extras = tomllib.loads(Path(__file__).parents[2].joinpath("pyproject.toml").read_text("utf-8"))["project"]
    (needed,) = extras["optional-dependencies"]["pytest"]
    monkeypatch.setattr(pytest, "version_tuple", (8, 2, 2))
    with pytest.raises(pytest.UsageError, match=r"pip install 'hsrcpay-mockserver\[pytest\]'") as error:
        runpy.run_path(str(pytest_plugin.__file__))
    assert re.findall(r"pytest (\S+) or later", str(error.value)) == re.findall(r">=([\d.]+)", needed)


# A sandbox for each test


def test_a_test_has_a_sandbox_of_its_own(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from client import create
        from mockserver import Sandbox

        @pytest.mark.parametrize("number", range(3))
        def test_alone(mockserver, number):
            assert isinstance(mockserver, Sandbox)
            mockserver.verify({}, times=0)
            mockserver.fail_next(429)
            assert create(mockserver)[0] == 429
            assert len(mockserver.calls("createApiKey")) == 1
        """
    )
    run(pytester).assert_outcomes(passed=3)


def test_issued_keys_are_the_same_in_every_order(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_keys="""
        import pathlib
        import pytest
        from client import create

        @pytest.mark.parametrize("name", ["a", "b"])
        def test_key(mockserver, name):
            status, answer = create(mockserver)
            with (pathlib.Path(__file__).parent / "keys").open("a") as file:
                print(name, answer["data"]["key"], sep="=", file=file)
        """
    )
    tests = [f"test_keys.py::test_key[{name}]" for name in "ab"]
    for order in (tests, tests[::-1], tests[:1]):
        run(pytester, *order)
    lines = read_lines(pytester, "keys")
    assert len(lines) == 5
    assert len(set(lines)) == 2
    assert all(re.fullmatch(r"[ab]=sk_test_mock_ns-test-key-[ab]-[0-9a-f]{8}_\w{32}", line) for line in lines)


def test_a_test_that_is_run_again_starts_anew(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        from _pytest.runner import runtestprotocol

        def pytest_runtest_protocol(item, nextitem):
            for _ in range(2):
                for report in runtestprotocol(item, log=False, nextitem=nextitem):
                    item.ihook.pytest_runtest_logreport(report=report)
            return True
        """
    )
    pytester.makepyfile(
        """
        from client import create

        def test_it(mockserver):
            assert mockserver.calls() == []
            mockserver.clock.advance(99)
            create(mockserver)
        """
    )
    run(pytester).assert_outcomes(passed=2)


@given(st.text(), st.text())
def test_namespaces_are_named_by_tests(first: str, second: str) -> None:
    name = name_namespace(first)
    assert NAMESPACE_NAME.fullmatch(name)
    assert name == name_namespace(first)
    assert (name == name_namespace(second)) == (first == second)


def test_the_name_of_a_namespace_is_readable() -> None:
    assert re.fullmatch(r"test-retries-429-[0-9a-f]{8}", name_namespace("tests/test_k.py::test_retries[429]"))
    assert re.fullmatch(r"test-[0-9a-f]{8}", name_namespace("тест"))


# Markers, ini options, settings


def test_a_marker_scripts_and_sets_one_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from client import create

        @pytest.mark.mockserver(fail_next=429)
        def test_fail_next(mockserver):
            assert [create(mockserver)[0] for _ in range(2)] == [429, 201]

        @pytest.mark.mockserver(fail_next={"status": 500, "times": 2, "operation": "createApiKey"})
        def test_fail_next_more(mockserver):
            assert [create(mockserver)[0] for _ in range(3)] == [500, 500, 201]

        @pytest.mark.mockserver(queue={"createApiKey": [500, {"status": 429}]})
        def test_queue(mockserver):
            assert [create(mockserver)[0] for _ in range(3)] == [500, 429, 201]

        @pytest.mark.mockserver(clock="2030-01-01T00:00:00Z", success_status=200)
        def test_options(mockserver):
            status, answer = create(mockserver)
            assert status == 200
            assert answer["data"]["created_at"] == "2030-01-01T00:00:00.000Z"

        keys = set()

        @pytest.mark.mockserver(seed="one")
        @pytest.mark.parametrize("number", range(2))
        def test_seed(mockserver, number):
            keys.add(create(mockserver)[1]["data"]["key"])
            mockserver.configure(seed="two")
            keys.add(create(mockserver)[1]["data"]["key"])
            assert len(keys) == 2 * (number + 1)

        def test_nothing(mockserver):
            assert create(mockserver)[0] == 201
        """
    )
    run(pytester).assert_outcomes(passed=7)


def test_of_two_markers_the_nearer_one_counts(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from client import create

        @pytest.mark.mockserver(success_status=200, fail_next=500)
        class TestClass:
            @pytest.mark.mockserver(fail_next=429)
            def test_it(self, mockserver):
                assert [create(mockserver)[0] for _ in range(2)] == [429, 200]
        """
    )
    run(pytester).assert_outcomes(passed=1)


CONTRACT = """
{"openapi": "3.1.0", "info": {"title": "Pets", "version": "1"}, "servers": [{"url": "https://pets.example/v2"}],
 "paths": {"/dogs": {"post": {"operationId": "addDog", "responses": {
   "200": {"description": "ok", "content": {"application/json": {"schema": {"const": "rex"}}}},
   "418": {"description": "no", "content": {"application/json": {
     "schema": {}, "examples": {"teapot": {"value": 1}}}}}
 }}}}}
"""


def test_a_test_with_another_contract_has_a_server_of_its_own(pytester: pytest.Pytester) -> None:
    (pytester.path / "contracts").mkdir()
    (pytester.path / "contracts" / "pets.json").write_text(CONTRACT, "utf-8")
    pytester.makepyfile(
        """
        import pytest
        from client import create

        @pytest.mark.mockserver(contract="contracts/pets.json")
        def test_pets(mockserver):
            assert mockserver.base_url.endswith("/v2")
            assert create(mockserver, path="/dogs") == (200, "rex")

        @pytest.mark.mockserver(contract="contracts/pets.json")
        @pytest.mark.mockserver_errors("addDog")
        def test_errors(mockserver, mockserver_error):
            assert create(mockserver, path="/dogs") == (418, 1)

        def test_keys(mockserver):
            assert create(mockserver)[0] == 201
        """
    )
    result = run(pytester, "-v")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*test_errors[[]418-teapot[]] PASSED*"])


@pytest.mark.parametrize(
    ("marker", "words"),
    [
        ("mockserver(fail_nxt=429)", ["fail_nxt", "did you mean 'fail_next'?", "success_status"]),
        ("mockserver(429)", ["named arguments", "fail_next"]),
        ("mockserver_errors()", ["takes operations", "createApiKey"]),
        ("mockserver_errors('createApiKeys')", ["createApiKeys", "did you mean 'createApiKey'?"]),
        ("mockserver_errors(operation='createApiKey')", ["takes operations"]),
    ],
)
def test_a_misspelt_marker_is_a_usage_error(pytester: pytest.Pytester, marker: str, words: list[str]) -> None:
    pytester.makepyfile(f"import pytest\n@pytest.mark.{marker}\ndef test_it(mockserver): pass")
    result = run(pytester)
    assert result.ret in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.INTERRUPTED)
    text = result.stdout.str() + result.stderr.str()
    assert [word for word in ("test_it", *words) if word not in text] == []


def test_wrong_values_in_a_marker_are_errors_of_the_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.mockserver(clock="noon")
        def test_clock(mockserver): pass

        @pytest.mark.mockserver(queue={"createApiKeys": [500]})
        def test_queue(mockserver): pass

        @pytest.mark.mockserver(contract="nowhere.json")
        def test_contract(mockserver): pass
        """
    )
    result = run(pytester)
    result.assert_outcomes(errors=3)
    text = result.stdout.str()
    assert "'noon' is not a valid clock" in text
    assert "did you mean 'createApiKey'?" in text
    assert "nowhere.json" in text


def test_ini_options_hold_for_the_run_and_markers_win(pytester: pytest.Pytester) -> None:
    pytester.makeini(
        """
        [pytest]
        mockserver_success_status = 200
        mockserver_clock = 2030-01-01T00:00:00Z
        mockserver_seed = ini
        mockserver_strict = true
        """
    )
    pytester.makepyfile(
        """
        import pytest
        from client import create

        def test_ini(mockserver):
            status, answer = create(mockserver)
            assert (status, answer["data"]["created_at"]) == (200, "2030-01-01T00:00:00.000Z")

        @pytest.mark.mockserver(success_status=201, clock="real")
        def test_marker(mockserver):
            status, answer = create(mockserver)
            assert (status, answer["data"]["created_at"][:5]) != (200, "2030-")

        def test_strict(mockserver):
            create(mockserver, body={})

        @pytest.mark.mockserver(strict=False)
        def test_not_strict(mockserver):
            create(mockserver, body={})
        """
    )
    result = run(pytester)
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["FAILED *::test_strict*"])


def test_the_contract_of_the_ini_file_lies_below_the_root(pytester: pytest.Pytester) -> None:
    (pytester.path / "pets.json").write_text(CONTRACT, "utf-8")
    pytester.makeini("[pytest]\nmockserver_contract = pets.json")
    (pytester.path / "deep").mkdir()
    (pytester.path / "deep" / "test_it.py").write_text(
        "import pytest\n"
        "@pytest.mark.mockserver_errors('addDog')\n"
        "def test_it(mockserver): assert mockserver.base_url.endswith('/v2')\n",
        "utf-8",
    )
    run(pytester, "deep").assert_outcomes(passed=1)


def test_settings_are_a_fixture_to_override(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def mockserver_settings():
            return {"strict_accounts": True, "admin_token": "secret"}
        """
    )
    pytester.makepyfile(
        """
        from client import create

        def test_it(mockserver):
            assert create(mockserver)[1]["error"]["details"]["reason"] == "account_not_found"
        """
    )
    run(pytester).assert_outcomes(passed=1)


def test_settings_that_are_wrong_are_named(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def mockserver_settings():
            return {"sead": 1}
        """
    )
    pytester.makepyfile("def test_it(mockserver): pass")
    result = run(pytester)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*did you mean 'seed'?*"])


# Strict


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (
            "create(mockserver, body={'name': 1})",
            "call 1, POST /v1/api-keys/: breaks the contract: body /name",
        ),
        (
            "create(mockserver, path='/api-keys/')",
            "call 1, POST /v1/api-keys/: breaks the contract: query /account_id",
        ),
        (
            "create(mockserver, path='/nowhere')",
            "call 1, POST /v1/nowhere: neither the contract nor a stub knows it",
        ),
        ("create(mockserver, key='sk_live_abcdefghij')", "came with a live credential, sk_live_["),
        (
            "mockserver.queue('createApiKey', [500])",
            'the answer {"status": 500} that was scripted for createApiKey',
        ),
        ("mockserver.fail_next(429, times=2); create(mockserver)", "scripted for any operation"),
        (
            "create(mockserver, path='/api-keys/?account_id=' + create(mockserver)[1]['data']['key'])",
            "call 2, POST /v1/api-keys/: ",
        ),
    ],
)
def test_a_strict_test_fails_by_what_it_leaves_behind(
    pytester: pytest.Pytester, body: str, problem: str
) -> None:
    pytester.makepyfile(
        f"""
        import pytest
        from client import create

        @pytest.mark.mockserver(strict=True)
        def test_strict(mockserver):
            {body}

        def test_lenient(mockserver):
            {body}
        """
    )
    result = run(pytester)
    result.assert_outcomes(passed=1, failed=1)
    text = result.stdout.str()
    assert "a strict test left behind:" in text
    assert problem in text


def test_a_body_that_is_no_json_breaks_the_contract(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest, urllib.request, urllib.error

        @pytest.mark.mockserver(strict=True)
        def test_strict(mockserver):
            request = urllib.request.Request(
                mockserver.base_url + "/api-keys/?account_id=a",
                b"{",
                {"Authorization": f"Bearer {mockserver.secret_key}", "Content-Type": "application/json"},
            )
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(request)
            caught.value.close()
        """
    )
    result = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*breaks the contract: its body is no JSON"])


def test_a_strict_test_that_leaves_nothing_behind_passes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from client import create

        @pytest.mark.mockserver(strict=True, fail_next=429)
        def test_strict(mockserver):
            mockserver.stub({"request": {"urlPath": "/elsewhere"}, "response": {"status": 200}})
            mockserver.stub({
                "request": {"urlPath": "/v1/nowhere"}, "response": {"status": 200, "jsonBody": {}},
            })
            assert create(mockserver)[0] == 429
            assert create(mockserver, path="/nowhere") == (200, {})
        """
    )
    run(pytester).assert_outcomes(passed=1)


def test_a_strict_test_that_fails_by_itself_says_only_that(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.mockserver(strict=True, fail_next=429)
        def test_strict(mockserver):
            assert 1 == 2
        """
    )
    result = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*left behind*")


# The report


def test_a_failing_test_shows_its_calls(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from client import create

        def test_it(mockserver):
            key = create(mockserver, body={"name": "n", "permissions": {}, "extra": 1})[1]["data"]["key"]
            mockserver.fail_next(429)
            create(mockserver, body={}, key=key)
            raise ValueError("the client broke")

        def test_passes(mockserver):
            create(mockserver)
        """
    )
    result = run(pytester, "--junitxml=junit.xml")
    result.assert_outcomes(passed=1, failed=1)
    text = result.stdout.str()
    section = text[text.index(" mockserver calls ") :]
    assert re.search(
        r"call 1  POST /v1/api-keys/\?account_id=acct_1  createApiKey  201 created\n"
        r"    warning    unknown_member: .*\n"
        r"    curl -X POST .*\n"
        r"call 2  POST /v1/api-keys/\?account_id=acct_1  createApiKey  429 stub\n"
        r"    stub       [-0-9a-f]{36}, before\n"
        r"    violation  body /name: required: is missing\n"
        r"    violation  body /permissions: required: is missing\n"
        r"    curl -X POST .*\n",
        section,
    )
    assert section.count("call 1  ") == 1
    secret = re.compile(r"sk_test_mock_\w+_\w{32}")
    assert not secret.search(text)
    (failing,) = (case for case in junit_cases(pytester) if case.get("name") == "test_it")
    (told,) = failing.iterfind("properties/property[@name='mockserver calls']")
    assert "call 2  POST /v1/api-keys/?account_id=acct_1  createApiKey  429 stub" in told.get("value", "")
    (passing,) = (case for case in junit_cases(pytester) if case.get("name") == "test_passes")
    assert list(passing) == []


def junit_cases(pytester: pytest.Pytester) -> list[ElementTree.Element]:
    return list(ElementTree.parse(pytester.path / "junit.xml").iter("testcase"))


def test_many_calls_are_shown_from_the_end(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        f"""
        from client import create

        def test_it(mockserver):
            for _ in range({MAX_CALLS_SHOWN + 2}):
                create(mockserver)
            assert False
        """
    )
    text = run(pytester).stdout.str()
    assert "… and 2 earlier calls\ncall 3  " in text
    assert f"\ncall {MAX_CALLS_SHOWN + 2}  " in text


def test_no_calls_are_told(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(mockserver): assert False")
    result = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*mockserver calls*",
            "No call came to the sandbox 'test-it-*'.",
            "The test did not ask for its address: *",
        ]
    )


def test_a_fixture_that_breaks_shows_the_calls_too(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from client import create

        @pytest.fixture
        def key(mockserver):
            create(mockserver)
            raise ValueError

        def test_it(key): pass
        """
    )
    result = run(pytester)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*mockserver calls*", "call 1  POST *"])


def test_calls_that_cannot_be_shown_hide_no_failure(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_it(mockserver, monkeypatch):
            from mockserver import MockServerError, Sandbox

            def fail(*arguments, **options):
                raise MockServerError("gone")

            monkeypatch.setattr(Sandbox, "calls", fail)
            assert "this" == "that"
        """
    )
    result = run(pytester)
    result.stdout.fnmatch_lines(["*'this' == 'that'*", "(the calls cannot be shown: gone)"])


# Errors


def test_a_test_runs_once_for_each_documented_error(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from client import create
        from mockserver import DocumentedError

        @pytest.mark.mockserver_errors("createApiKey")
        def test_error(mockserver, mockserver_error):
            assert isinstance(mockserver_error, DocumentedError)
            status, answer = create(mockserver)
            assert (status, answer) == (mockserver_error.status, mockserver_error.body)
            assert answer["error"]["details"]["reason"] == mockserver_error.reason
            assert create(mockserver)[0] == 201

        @pytest.mark.mockserver_errors("createApiKey")
        def test_unseen(mockserver):
            assert create(mockserver)[0] >= 400
            assert create(mockserver)[0] == 201
        """
    )
    result = run(pytester, "-v")
    passed = result.parseoutcomes()["passed"]
    assert passed >= 2 * 16
    result.assert_outcomes(passed=passed)
    for line in (
        "*::test_error[[]429-rate_limited[]] PASSED*",
        "*::test_unseen[[]403-foreign_account[]] PASSED*",
    ):
        result.stdout.fnmatch_lines([line])


def test_errors_of_several_operations_are_told_apart(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.mockserver_errors("createApiKey", "listApiKeys")
        def test_error(mockserver_error):
            assert mockserver_error.operation in ("createApiKey", "listApiKeys")
        """
    )
    result = run(pytester, "--collect-only", "-q")
    result.stdout.fnmatch_lines(
        ["*[[]createApiKey-429-rate_limited[]]", "*[[]listApiKeys-429-rate_limited[]]"]
    )


def test_an_error_needs_its_marker(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(mockserver_error): pass")
    result = run(pytester)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*needs @pytest.mark.mockserver_errors*"])


# Runs that do not use it


def test_a_run_that_does_not_use_it_imports_nothing_of_the_package(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import sys

        def pytest_unconfigure():
            print("imported:", *sorted(name for name in sys.modules if name.startswith("mockserver")))
        """
    )
    pytester.makepyfile("def test_it(): pass")
    result = pytester.runpytest_subprocess(*ALONE, "-s", "--strict-markers")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "imported: mockserver mockserver.pytest_plugin "
            + " ".join(
                f"mockserver.pytest_plugin.{part}"
                for part in ("fixtures", "gauntlet", "ledger", "markers", "reports", "servers", "watching")
            )
        ]
    )


# Under pytest-xdist

SHARED = """
import os
import pathlib
import pytest
from client import create

@pytest.mark.parametrize("number", range(6))
def test_it(mockserver, number):
    mockserver.fail_next(429)
    assert [create(mockserver)[0] for _ in range(2)] == [429, 201]
    mockserver.verify("createApiKey", times=2)
    with (pathlib.Path(__file__).parent / "origins").open("a") as file:
        print(mockserver.origin, file=file)
"""


def is_gone(origin: str) -> bool:
    """Whether a server has ended, or does so now."""
    url = urlsplit(origin)
    try:
        client = socket.create_connection((url.hostname, url.port or 0), timeout=60)
    except ConnectionRefusedError:
        return True
    with client:
        return client.recv(1) == b""


def test_all_workers_share_one_server_that_ends_with_them(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SHARED)
    pytester.runpytest_subprocess(*ALONE, "-n2").assert_outcomes(passed=6)
    (origin,) = set(read_lines(pytester, "origins"))
    assert is_gone(origin)


def test_a_worker_that_crashes_takes_nothing_with_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        SHARED
        + """
@pytest.mark.parametrize("number", range(2))
def test_crash(mockserver, number):
    os.kill(os.getpid(), 9)
"""
    )
    result = pytester.runpytest_subprocess(*ALONE, "-n2")
    result.assert_outcomes(passed=6, failed=2)
    for origin in set(read_lines(pytester, "origins")):
        assert is_gone(origin)


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_broken_off_leaves_no_server(
    pytester: pytest.Pytester, signal_number: signal.Signals
) -> None:
    origin = pytester.path / "origin"
    os.mkfifo(origin)
    pytester.makepyfile(
        f"""
        def test_it(mockserver):
            with open({str(origin)!r}, "w") as file:
                file.write(mockserver.origin)
            mockserver.wait_for("createApiKey", timeout=120)
        """
    )
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", *ALONE, "-n1"],
        cwd=pytester.path,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        started = origin.read_text("utf-8")
        os.killpg(process.pid, signal_number)
    assert started.startswith("http://127.0.0.1:")
    assert is_gone(started)


def test_a_usage_error_is_one_under_xdist_too(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.mockserver(strickt=True)
        def test_it(mockserver): pass
        """
    )
    result = pytester.runpytest_subprocess(*ALONE, "-n2")
    assert result.ret != pytest.ExitCode.OK
    assert "did you mean 'strict'?" in result.stdout.str() + result.stderr.str()


def test_a_failing_test_of_a_worker_shows_its_calls(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from client import create

        def test_it(mockserver):
            create(mockserver)
            assert False
        """
    )
    result = pytester.runpytest_subprocess(*ALONE, "-n1", "--junitxml=junit.xml")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*mockserver calls*", "call 1  POST *"])
    (case,) = junit_cases(pytester)
    assert case.find("properties/property[@name='mockserver calls']") is not None


def test_a_test_that_runs_in_a_fork_has_a_server_of_its_own(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import os
        from _pytest.runner import runtestprotocol

        def pytest_runtest_protocol(item):
            if "forked" not in item.name:
                return None
            child = os.fork()
            if child == 0:
                os._exit(not all(report.passed for report in runtestprotocol(item, log=False)))
            assert os.waitpid(child, 0)[1] == 0, item.name
            return True
        """
    )
    pytester.makepyfile(
        """
        import pytest
        from client import create

        def test_first(mockserver):
            assert create(mockserver)[0] == 201

        @pytest.mark.parametrize("number", range(2))
        def test_forked(mockserver, number):
            assert create(mockserver)[0] == 201
            mockserver.verify("createApiKey", times=1)

        def test_last(mockserver):
            assert create(mockserver)[0] == 201
        """
    )
    result = run(pytester)
    result.assert_outcomes(passed=2)
    assert result.ret == pytest.ExitCode.OK
