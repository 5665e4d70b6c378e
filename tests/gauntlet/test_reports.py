"""A report is written for people and for programs, and says the same to both."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import httpx
import pytest

from mockserver import Sandbox
from mockserver.gauntlet import FORMATS, Report
from tests.gauntlet.runs import Bench, create, create_stubbornly, run

RESULT = {"operation", "kind", "name", "status", "phase", "outcome", "call", "difference", "output"}


def need_all(sandbox: Sandbox, client: httpx.Client) -> None:
    data = create_stubbornly(sandbox, client, waits=False)
    if "metadata" not in data:
        raise ValueError("<no metadata>")


@pytest.fixture(scope="module")
def report() -> Report:
    return run(need_all)


def test_json_has_the_members_of_the_design(report: Report) -> None:
    document = json.loads(FORMATS["json"](report))
    assert document.keys() == {"command", "plain", "results", "audits", "untried", "runs"}
    assert document["plain"] == {"passed": True, "calls": ["POST /v1/api-keys/?account_id=acct_1"]}
    assert all(entry.keys() == RESULT for entry in document["results"])
    assert {entry["kind"] for entry in document["results"]} == {"legal", "error", "fault"}
    broken = next(entry for entry in document["results"] if entry["outcome"] == "broke")
    assert (broken["name"], broken["call"]) == ("absent-metadata", "POST /v1/api-keys/?account_id=acct_1")
    assert (broken["status"], broken["phase"], broken["output"]) == (
        201,
        None,
        "ValueError: <no metadata>",
    )
    assert document["runs"] == report.runs


def test_text_names_what_is_bad_and_counts_the_rest(report: Report) -> None:
    text = FORMATS["text"](report)
    assert "BROKE (1)\n  createApiKey 201 absent-metadata\n" in text
    assert "RECOVERED TWICE (4)\n  createApiKey 201 CONNECTION_RESET_BY_PEER after the effect\n" in text
    assert "retryAfter: call 2 of createApiKey came before the time was over" in text
    assert text.splitlines()[-1].startswith("1 broke, 4 recovered twice, 5 recovered, 25 survived, ")


def test_junit_has_a_case_for_each_deviation(report: Report) -> None:
    suite = ElementTree.fromstring(FORMATS["junit"](report))
    assert (suite.get("tests"), suite.get("failures")) == (str(len(report.results)), "5")
    failures = [case for case in suite if case.find("failure") is not None]
    assert failures[0].get("name") == "createApiKey 201 absent-metadata"
    assert len(suite.findall("testcase/skipped")) == report.count()["not reached"]


def test_html_is_one_page_with_nothing_from_elsewhere_and_text_is_never_html(report: Report) -> None:
    page = FORMATS["html"](report)
    assert "&lt;no metadata&gt;" in page and "<no metadata>" not in page
    assert not any(word in page for word in ("http://", "https://", "<script", "<link", "<img", "@import"))


@pytest.mark.parametrize("form", FORMATS)
def test_a_command_that_fails_plain_is_told_in_every_format(form: str) -> None:
    text = FORMATS[form](run(lambda sandbox, client: [][0]))
    assert "the command fails without any deviation" in text
    assert "IndexError" in text


@pytest.mark.parametrize("form", FORMATS)
def test_what_was_not_tried_is_told_in_every_format(form: str) -> None:
    gauntlet = Bench(create).gauntlet(only="failures")
    gauntlet._notice = lambda runs, left, what: gauntlet.stop() if left else None
    gauntlet.run()
    text = FORMATS[form](gauntlet.report())
    assert {"text": "were not tried", "junit": "not tried", "html": "not tried", "json": '"untried"'}[
        form
    ] in text
    assert "NOT_JSON" in text
