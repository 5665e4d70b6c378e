"""`mockserver diff` as people start it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mockserver.cli.main import main
from tests.plugin.running import ALONE
from tests.provider.contracts import BASE, change, write_contract

NOTE = "/components/schemas/Order/properties/note"


def run(tmp_path: Path, new: object, *options: str) -> Result:
    files = [write_contract(tmp_path / "old.json", BASE), write_contract(tmp_path / "new.json", new)]
    return CliRunner().invoke(main, ["diff", *map(os.fspath, files), *options])


def test_a_contract_that_did_not_change_exits_with_0(tmp_path: Path) -> None:
    result = run(tmp_path, BASE)
    assert (result.exit_code, result.stdout) == (0, "No change.\n")


def test_what_breaks_only_the_provider_exits_with_0(tmp_path: Path) -> None:
    result = run(tmp_path, change("/paths/~1orders/post/requestBody/required", False))
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "BREAKS PROVIDER (1)"


def test_text_says_where_and_why_and_exits_with_1_where_a_consumer_breaks(tmp_path: Path) -> None:
    result = run(tmp_path, change("/paths/~1orders/get/parameters/0/schema/maximum", 50))
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "BREAKS CONSUMER (1)",
        "  listOrders  /paths/~1orders/get/parameters/0/schema/maximum",
        "    the query parameter 'limit': maximum was 100, is 50: a request that was right can be refused",
        "",
        "1 changes: 1 break consumer, 0 break provider, 0 break nobody.",
    ]


def test_json_has_every_change(tmp_path: Path) -> None:
    result = run(tmp_path, change(f"{NOTE}/maxLength", 50), "--format", "json")
    document = json.loads(result.stdout)
    assert document["summary"] == {"consumer": 1, "provider": 2, "nobody": 0}
    assert set(document["changes"][0]) == {"operation", "pointer", "breaks", "why", "tests"}


def test_coverage_of_a_run_names_the_tests_that_rely_on_what_breaks(
    pytester: pytest.Pytester, tmp_path: Path
) -> None:
    contract = write_contract(tmp_path / "contract.json", BASE)
    pytester.makepyfile(
        test_orders=f"""
        import httpx, pytest
        pytestmark = pytest.mark.mockserver(contract={os.fspath(contract)!r})
        def send(sandbox, method, path, **how):
            client = httpx.Client(transport=sandbox.transport(), base_url=sandbox.base_url)
            client.headers["X-Api-Key"] = "k"
            return client.request(method, sandbox.base_url + path, **how).status_code
        def test_note(mockserver):
            body = {{"state": "open", "amount": 1, "note": "n"}}
            assert send(mockserver, "POST", "/orders", json=body) == 201
        def test_plain(mockserver):
            assert send(mockserver, "POST", "/orders", json={{"state": "open", "amount": 1}}) == 201
        def test_list(mockserver):
            assert send(mockserver, "GET", "/orders") == 200
        """
    )
    report = tmp_path / "coverage.json"
    ran = pytester.runpytest_subprocess(*ALONE, f"--mockserver-cov-report=json:{report}")
    ran.assert_outcomes(passed=3)
    new = change("/paths/~1orders/post/requestBody/content/application~1json/schema", {
        "allOf": [{"$ref": "#/components/schemas/Order"}, {"properties": {"note": {"maxLength": 5}}}]
    })  # fmt: skip
    result = run(tmp_path, new, "--coverage", os.fspath(report), "--format", "json")
    assert [item["tests"] for item in json.loads(result.stdout)["changes"]] == [["test_orders.py::test_note"]]
    gone = change("/paths/~1orders/post")
    text = run(tmp_path, gone, "--coverage", os.fspath(report)).stdout
    assert "    relied on by test_orders.py::test_note\n    relied on by test_orders.py::test_plain\n" in text
    markdown = run(tmp_path, gone, "--coverage", os.fspath(report), "--format", "markdown").stdout
    assert markdown.splitlines()[-2:] == ["- `test_orders.py::test_note`", "- `test_orders.py::test_plain`"]


@pytest.mark.parametrize(
    ("text", "problem"),
    (
        (None, "cannot be read: No such file or directory"),
        ("{", "is no JSON"),
        ("[]", "/operations: is no coverage report; write one with pytest --mockserver-cov-report=json:FILE"),
    ),
)
def test_what_is_no_coverage_report_is_refused(text: str | None, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "coverage.json"
    if text is not None:
        file.write_text(text, "utf-8")
    result = run(tmp_path, BASE, "--coverage", os.fspath(file))
    assert result.exit_code == 2
    assert problem in result.stderr


def test_a_document_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["diff", "schemas/openapi.json", os.fspath(tmp_path / "none.json")])
    assert result.exit_code == 2
    assert "none.json" in result.stderr
