"""The plugin's variants, coverage and assumptions, as their user sees them: small test files."""

from __future__ import annotations

import json
import re

import pytest

from tests.plugin.running import ALONE, run

# Variants


def test_a_test_runs_once_for_each_legal_variant(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from client import create
        from mockserver import NamedVariant

        @pytest.mark.mockserver_variants("createApiKey")
        def test_seen(mockserver, mockserver_variant):
            assert isinstance(mockserver_variant, NamedVariant)
            assert (mockserver_variant.operation, mockserver_variant.status) == ("createApiKey", 201)
            assert mockserver_variant.legal
            status, body = create(mockserver)
            call = mockserver.last_call
            assert call.variant == mockserver_variant.name or mockserver_variant.name == "gzip"
            assert status == (200 if call.variant == "status-200" else 201)
            assert body["data"]["expires_at" if call.variant != "absent-expires_at" else "id"] or (
                call.variant == "null-expires_at"
            )

        @pytest.mark.mockserver_variants("createApiKey")
        def test_unseen(mockserver):
            create(mockserver)
            assert mockserver.last_call.headers["host"]
        """
    )
    result = run(pytester, "-v")
    result.assert_outcomes(passed=56)
    result.stdout.fnmatch_lines(["*test_seen[[]null-expires_at] PASSED*"])


def test_variants_are_those_of_the_status_that_the_test_gets(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from client import create

        @pytest.mark.mockserver(success_status=200)
        @pytest.mark.mockserver_variants("createApiKey")
        def test_success(mockserver, mockserver_variant):
            assert mockserver_variant.status == 200
            assert create(mockserver)[0] == (201 if mockserver_variant.name == "status-201" else 200)

        @pytest.mark.mockserver_variants("createApiKey", status=429)
        def test_error(mockserver, mockserver_variant):
            status, body = create(mockserver)
            assert (status, mockserver.last_call.status) == (429, 429)
            assert mockserver.last_call.variant in (mockserver_variant.name, None)
            assert create(mockserver)[0] == 201
            assert mockserver.last_call.variant is None

        @pytest.mark.mockserver_variants("createApiKey", "deleteApiKey")
        def test_two(mockserver, mockserver_variant):
            pass
        """
    )
    result = run(pytester, "-v")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "*test_success[[]status-201]*",
            "*test_error[[]no-retry-after]*",
            "*test_two[[]deleteApiKey-chunked]*",
        ]
    )


def test_pairs_come_on_request(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.mockserver_variants("deleteApiKey", pairwise=True)
        def test_it(mockserver_variant):
            assert mockserver_variant.legal
        """
    )
    result = run(pytester, "-v")
    assert result.ret == 0
    lines = "\n".join(result.outlines)
    assert "[chunked]" in lines
    assert "[extra-members+chunked]" in lines
    assert len(re.findall(r"\+", lines)) >= 20


def test_a_failure_names_the_deviation_and_shows_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from client import create

        @pytest.mark.mockserver_variants("createApiKey")
        def test_it(mockserver):
            assert create(mockserver)[1]["data"]["expires_at"] is not None

        @pytest.mark.mockserver_variants("deleteApiKey")
        def test_uncalled(mockserver, mockserver_variant):
            assert mockserver_variant.name != "chunked"
        """
    )
    result = run(pytester)
    result.assert_outcomes(failed=3, passed=33)
    result.stdout.fnmatch_lines(
        [
            "*- mockserver variant -*",
            "null-expires_at, a variant of createApiKey 201: /data/expires_at is null",
            "--- the plain answer",
            "+++ the answer null-expires_at",
            '-    "expires_at": "*",',
            '+    "expires_at": null,',
            "*- mockserver calls -*",
            "    variant    null-expires_at",
            "chunked, a variant of deleteApiKey 200: Transfer-Encoding: chunked, no Content-Length",
            "No call got this answer.",
        ]
    )


def test_a_test_runs_once_for_each_breaking_answer(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from client import create

        @pytest.mark.mockserver_breaking("createApiKey")
        def test_it(mockserver, mockserver_variant):
            assert not mockserver_variant.legal
            if mockserver_variant.name in ("breaking-html-page", "breaking-cut-json"):
                with pytest.raises(ValueError):
                    create(mockserver)
            else:
                status, body = create(mockserver)
                assert mockserver_variant.name != "breaking-missing-data" or "data" not in body
                assert mockserver_variant.name != "breaking-undocumented-status" or status == 202
        """
    )
    result = run(pytester, "-v")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*test_it[[]breaking-missing-id] PASSED*"])


@pytest.mark.parametrize(
    ("marker", "words"),
    [
        ("mockserver_variants", "takes operations"),
        ("mockserver_variants()", "takes operations"),
        ("mockserver_variants('creatApiKey')", "did you mean 'createApiKey'"),
        (
            "mockserver_variants('createApiKey', status=418)",
            "knows no answer 418 of createApiKey; known: 200, 201",
        ),
        ("mockserver_variants('createApiKey', pairs=True)", "did you mean 'pairwise'"),
        ("mockserver_breaking('createApiKey', pairwise=True)", "has no argument 'pairwise'"),
    ],
)
def test_a_misspelt_marker_is_a_usage_error(pytester: pytest.Pytester, marker: str, words: str) -> None:
    pytester.makepyfile(f"import pytest\n@pytest.mark.{marker}\ndef test_it(mockserver): pass")
    result = run(pytester)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    lines = "\n".join(result.outlines + result.errlines)
    assert words in lines
    # The message stands alone: whoever misspells a word need not read how pytest came to see it.
    assert "pytest_plugin" not in lines


NO_SUCCESS = """
{
  "openapi": "3.1.0", "info": {"title": "Things", "version": "1"},
  "paths": {"/things": {"get": {"operationId": "listThings", "responses": {
    "200": {"description": "", "content": {"application/json": {"schema": {"not": {}}}}},
    "404": {"description": "", "content": {"application/json": {"schema": {"type": "object"}}}}
  }}}}
}
"""


@pytest.mark.parametrize(
    ("contract", "words"),
    [
        ("things.json", "finds no success that listThings can answer; try status=, one of: 404"),
        ("nowhere.json", "nowhere.json: cannot be read"),
    ],
)
def test_a_contract_without_such_an_answer_is_named(
    pytester: pytest.Pytester, contract: str, words: str
) -> None:
    pytester.makefile(".json", things=NO_SUCCESS)
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.mockserver(contract="{contract}")
        @pytest.mark.mockserver_variants("listThings")
        def test_it(mockserver): pass
        """
    )
    result = run(pytester)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    lines = "\n".join(result.outlines)
    assert words in lines
    assert "pytest_plugin" not in lines


def test_a_variant_needs_its_marker(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(mockserver_variant): pass")
    result = run(pytester)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*needs @pytest.mark.mockserver_variants*"])


# Coverage

TESTS = """
import pytest
from client import create

@pytest.mark.parametrize("number", range(4))
def test_create(mockserver, number):
    create(mockserver)

def test_throttled(mockserver):
    mockserver.fail_next(429)
    create(mockserver)

@pytest.mark.mockserver_variants("createApiKey")
def test_variants(mockserver):
    create(mockserver)
"""


TEST_LIVE = """
def test_live(mockserver):
    assert create(mockserver, key="sk_live_nobody")[0] == 401
"""


def items(coverage: object, operation: str, dimension: str) -> dict[str, int]:
    assert isinstance(coverage, dict)
    (entry,) = [entry for entry in coverage["operations"] if entry["operation"] == operation]
    names = {"statuses": "status", "reasons": "reason", "variants": "variant", "members": "member"}
    return {str(item[names[dimension]]): item["hits"] for item in reversed(entry[dimension])}


REPORTS = (
    "--mockserver-cov", "--mockserver-cov-report=json:reports/cov.json",
    "--mockserver-cov-report=markdown:cov.md", "--mockserver-cov-report=html:cov.html",
    "--mockserver-cov-report=text",
)  # fmt: skip


def test_coverage_is_of_the_whole_run(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    result = run(pytester, *REPORTS)
    assert result.ret == 0
    coverage = check_reports(pytester, result)
    assert items(coverage, "createApiKey", "members")["expires_at"] == 33


def test_coverage_and_assumptions_are_those_of_all_workers(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS + TEST_LIVE)
    result = pytester.runpytest_subprocess(*ALONE, "-n", "2", *REPORTS, "--mockserver-assumptions")
    assert result.ret == 0
    check_reports(pytester, result)
    check_assumptions(result)


def check_reports(pytester: pytest.Pytester, result: pytest.RunResult) -> object:
    """What TESTS touch, in every format. Returns the JSON."""
    coverage = json.loads((pytester.path / "reports" / "cov.json").read_text("utf-8"))
    assert items(coverage, "createApiKey", "statuses")["201"] == 4 + 28 - 1
    assert items(coverage, "createApiKey", "statuses")["200"] == 1
    assert items(coverage, "createApiKey", "reasons")["rate_limited"] == 1
    variants = items(coverage, "createApiKey", "variants")
    assert (variants["null-expires_at"], variants["gzip"]) == (1, 0)
    assert items(coverage, "deleteApiKey", "statuses")["200"] == 0
    result.stdout.fnmatch_lines(["*= mockserver coverage =*", "createApiKey  * %", "TOTAL  * %"])
    assert (pytester.path / "cov.md").read_text("utf-8").startswith("### Contract coverage: ")
    assert "</html>" in (pytester.path / "cov.html").read_text("utf-8")
    return coverage


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--mockserver-cov-fail-under=5"], 0, "createApiKey  "),
        (["--mockserver-cov-fail-under=95"], 1, "% of the contract were touched, and 95 % were asked for"),
        (["--mockserver-cov-fail-under=30", "--mockserver-cov-operation=createApiKey"], 0, "TOTAL"),
        (
            ["--mockserver-cov-fail-under=30", "--mockserver-cov-operation=creatApiKey"],
            1,
            "has no such operation",
        ),
        (["--mockserver-cov-fail-under=5", "-k", "nothing_of_ours"], 1, "no test touched the contract"),
        (["--mockserver-cov-report=pdf"], 4, "no format 'pdf'; known: text, json, html, markdown"),
        (["--mockserver-cov-report=json"], 4, "must name a file"),
    ],
)
def test_a_run_fails_under_what_was_asked_for(
    pytester: pytest.Pytester, arguments: list[str], code: int, words: str
) -> None:
    pytester.makepyfile(TESTS + "\ndef test_nothing_of_ours(): pass\n")
    result = run(pytester, *arguments)
    assert result.ret == code
    assert words in "\n".join(result.outlines + result.errlines)


def test_a_report_that_cannot_be_written_fails_the_run_and_hides_no_other(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    pytester.makefile(".txt", taken="a file, and no folder")
    result = run(
        pytester,
        "-k",
        "throttled",
        "--mockserver-cov-report=html:taken.txt/cov.html",
        "--mockserver-cov-report=markdown:cov.md",
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1, deselected=32)
    result.stdout.fnmatch_lines(["html could not be written to taken.txt/cov.html: *"])
    assert (pytester.path / "cov.md").exists()


def test_a_failed_run_stays_failed(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(mockserver): assert False")
    assert run(pytester, "--mockserver-cov-fail-under=0").ret == 1


def test_nothing_is_shown_that_nobody_asked_for(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    result = run(pytester)
    assert result.ret == 0
    assert "mockserver coverage" not in result.stdout.str()
    assert "mockserver assumptions" not in result.stdout.str()


# Assumptions

LIVE = f"""
import pytest
from client import create

def test_plain(mockserver):
    create(mockserver)
{TEST_LIVE}"""


def test_strict_assumptions_refuse_what_is_invented(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nmockserver_strict_assumptions = true")
    pytester.makepyfile(LIVE)
    result = run(pytester)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*strict assumptions: the calls came upon what the contract invents:",
            "*A live credential is refused*",
        ]
    )


def test_a_marker_wins_over_the_ini_file(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nmockserver_strict_assumptions = true")
    pytester.makepyfile(f"{LIVE}\ntest_live = pytest.mark.mockserver(strict_assumptions=False)(test_live)\n")
    run(pytester).assert_outcomes(passed=2)


def test_the_assumptions_of_a_run_are_shown(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(LIVE)
    result = run(pytester, "--mockserver-assumptions")
    assert result.ret == 0
    check_assumptions(result)


def check_assumptions(result: pytest.RunResult) -> None:
    """What LIVE comes upon."""
    lines = result.outlines[
        result.outlines.index(next(line for line in result.outlines if "assumptions" in line)) :
    ]
    assert any(line.startswith("invented  A live credential is refused") for line in lines)
    assert any(line.startswith("inferred  A new key is SECRET and ACTIVE") for line in lines)
    assert not any("405" in line for line in lines)
