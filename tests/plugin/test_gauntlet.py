"""`pytest --mockserver-gauntlet`: each test by itself, under all that its code must survive."""

from __future__ import annotations

import json

import pytest

from tests.plugin.running import run

TESTS = """
import pytest
from client import create

def test_picky(mockserver):
    status, body = create(mockserver)
    assert status < 300
    assert "metadata" in body["data"]

def test_tolerant(mockserver):
    assert create(mockserver)[0] < 300

def test_silent(mockserver):
    pass

def test_unrelated():
    pass

def test_broken(mockserver):
    create(mockserver)
    assert 0

def test_skipped(mockserver):
    pytest.skip("not today")

@pytest.fixture
def elsewhere():
    pytest.skip("not here")

def test_skipped_before(elsewhere, mockserver):
    create(mockserver)

@pytest.mark.mockserver_errors("createApiKey")
def test_deviating(mockserver, mockserver_error):
    assert create(mockserver)[0] >= 400
"""
LEGAL = ("--mockserver-gauntlet", "--mockserver-gauntlet-only=legal")


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["here", "xdist"])
def test_a_test_fails_whose_code_a_legal_answer_breaks(
    pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    pytester.makepyfile(test_it=TESTS)
    plain = run(pytester, "-k", "not deviating")
    plain.assert_outcomes(passed=4, failed=1, skipped=2)
    result = run(pytester, *LEGAL, *workers, "--mockserver-gauntlet-output", "out.json", "--junitxml=j.xml")
    outcomes = result.parseoutcomes()
    assert (outcomes["failed"], outcomes["skipped"]) == (2, 2)
    result.stdout.fnmatch_lines(["BROKE (1)", "  createApiKey 201 absent-metadata"])
    result.stdout.fnmatch_lines(["2 tests tried, 1 left out that call nothing", "1 broke, * survived"])
    written = json.loads((pytester.path / "out.json").read_text("utf-8"))
    assert list(written["tests"]) == ["test_it.py::test_picky", "test_it.py::test_tolerant"]
    assert written["leftOut"] == ["test_it.py::test_silent"]
    picky = written["tests"]["test_it.py::test_picky"]
    assert picky["command"] == ["test_it.py::test_picky"]
    broken = [entry for entry in picky["results"] if entry["outcome"] == "broke"]
    assert [entry["name"] for entry in broken] == ["absent-metadata"]
    assert "assert 'metadata' in" in broken[0]["output"]
    # What the runs of the gauntlet left is not in the report of the plain one.
    assert (pytester.path / "j.xml").read_text("utf-8").count("mockserver calls") == 1


FAILURES = """
from client import create

def test_it(mockserver):
    assert create(mockserver)[0] < 300
"""


def test_recovery_can_be_required_and_a_budget_given(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=FAILURES)
    options = (
        "--mockserver-gauntlet",
        "--mockserver-gauntlet-only=failures",
        "--mockserver-gauntlet-client-timeout=0",
        "--mockserver-gauntlet-repeat=1",
    )
    run(pytester, *options).assert_outcomes(passed=1)
    result = run(pytester, *options, "--mockserver-gauntlet-require=recovery")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["GAVE UP (*)"])
    result = run(pytester, *options, "--mockserver-gauntlet-budget=0.000001")
    result.stdout.fnmatch_lines(["0 tests tried, 0 left out that call nothing"])


def test_what_tests_share_lives_on_and_what_is_their_own_is_made_anew(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_it="""
        import pytest
        from client import create

        made = {"module": 0, "test": 0}

        @pytest.fixture(scope="module")
        def shared():
            made["module"] += 1

        @pytest.fixture
        def own(shared):
            made["test"] += 1

        def test_one(own, mockserver):
            assert create(mockserver)[0] < 300

        def test_two(shared):
            assert made["module"] == 1
            assert made["test"] > 5
        """
    )
    run(pytester, *LEGAL).assert_outcomes(passed=2)
