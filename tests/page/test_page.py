"""The page in a real browser: what a person sees, and does with the keyboard alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mockserver import MockServer
from mockserver.serving.uvicorn_server import ServerThread
from mockserver.settings import Settings
from tests.doors import BODY, CREATE, KEY, UNSENT, Api, socket_api

pytest.importorskip("selenium")

from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from tests.page.screen import Screen
from tests.provider.upstreams import answer_wrongly, send

VIEWS = ["calls", "operations", "failures", "stubs", "sandbox", "contract"]


@pytest.fixture
def screen(browser: Any, server: ServerThread) -> Iterator[Screen]:
    """The page of the default namespace, as if nobody had looked at it before."""
    screen = Screen(browser, f"{server.origin}/__admin/")
    browser.get(f"{server.origin}/__admin/page/icon.svg")
    browser.execute_script("sessionStorage.clear(); localStorage.clear()")
    browser.get_log("browser")
    yield screen
    assert screen.complaints() == []


def test_a_person_finds_out_why_makes_the_next_fail_freezes_the_clock_and_copies_a_test(
    screen: Screen, api: Api, tmp_path: Path
) -> None:
    api.configure(clock="real")
    api.send(json={"name": 5})
    screen.open()
    # Why was the call refused?
    screen.wait(lambda: screen.all(".row"))
    screen.press("j", Keys.ARROW_DOWN, Keys.ENTER)
    screen.shows("The request breaks the contract in 2 places.", ".why")
    lines = [item.text for item in screen.all(".json .line.bad")]
    assert any('"name": 5' in line and "must be string, is integer" in line for line in lines)
    assert any('"permissions"' in line and "is missing" in line for line in lines)
    # The call as a pytest test.
    screen.press("p")
    text = screen.one(".exported textarea").get_attribute("value")
    assert text is not None
    assert "def test_call_1(mockserver):" in text
    compile(text, "test_call.py", "exec")
    # The next call fails.
    screen.press("n")
    screen.one("dialog[open]")
    screen.tab_to("Script it")
    screen.press(Keys.ENTER)
    screen.shows("The next call of createApiKey: 500", ".toasts")
    assert api.send().outcome == (500, "stub")
    assert api.send().status == 201
    # The clock stands still.
    screen.press("5")
    screen.shows("Clock", "h2")
    screen.tab_to("Freeze now")
    screen.press(Keys.ENTER)
    screen.shows("The clock stands still", ".toasts")
    assert api.engine.namespaces.default.clock.mode == "frozen"
    screen.one(".clock-chip.frozen")


def test_calls_appear_as_they_come_the_newest_first_and_are_filtered(screen: Screen, api: Api) -> None:
    screen.open()
    screen.shows("No call yet", ".detail")
    for name in ("one", "two"):
        api.send(json={**BODY, "name": name})
    api.send("GET", "/nowhere", json=UNSENT)
    screen.wait(lambda: len(screen.all(".row")) == 3)
    rows = [row.text.split() for row in screen.all(".row")]
    assert [row[0] for row in rows] == ["3", "2", "1"]
    assert "no_such_operation" in rows[0]
    screen.press("/")
    screen.press(*"two")
    screen.wait(lambda: len(screen.all(".row")) == 1)
    screen.type(Keys.BACKSPACE)
    screen.wait(lambda: len(screen.all(".row")) == 3)
    Select(screen.one("select[aria-label=Status]")).select_by_visible_text("4xx")
    screen.wait(lambda: len(screen.all(".row")) == 1)
    assert "404" in screen.all(".row")[0].text


def test_ten_thousand_calls_make_some_dozens_of_rows(
    browser: Any, server: ServerThread, screen: Screen, api: Api
) -> None:
    journal = api.engine.namespaces.default.journal
    for _ in range(300):
        api.engine.handle(_request())
    first = next(iter(journal))
    for number in range(301, 10_001):
        first_copy = _copy(first, number)
        journal.last_number = number
        journal.record(first_copy)
    screen.open()
    screen.shows("10000", ".counts")
    assert len(browser.find_elements("css selector", ".row")) < 120
    screen.press("j", Keys.END)
    screen.wait(lambda: any(row.text.split()[0] == "1" for row in screen.all(".row")))
    assert len(browser.find_elements("css selector", ".row")) < 120
    screen.press(Keys.HOME)
    screen.wait(lambda: any(row.text.split()[0] == "10000" for row in screen.all(".row")))


def _request() -> Any:
    from mockserver.messages import build_request

    return build_request("POST", CREATE, headers={"Authorization": f"Bearer {KEY}"}, json=BODY)


def _copy(call: Any, number: int) -> Any:
    import copy

    again = copy.copy(call)
    again.number, again.id = number, f"call-{number}"
    return again


def test_a_reset_empties_the_list_by_itself(screen: Screen, api: Api) -> None:
    api.send()
    screen.open()
    screen.wait(lambda: screen.all(".row"))
    api.engine.namespaces.default.reset()
    screen.shows("No call yet", ".detail")


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("width", [360, 768, 1400])
def test_each_view_fits_the_width_and_names_its_controls(
    browser: Any, screen: Screen, api: Api, view: str, width: int
) -> None:
    api.script(
        {
            "request": {"urlPath": "/held"},
            "response": {"status": 200},
            "metadata": {"mockserver": {"hold": True}},
        }
    )
    api.script(
        {"scenarioName": "a story with a long name", "requiredScenarioState": "Started",
         "newScenarioState": "over", "request": {"urlPath": "/s"}, "response": {"status": 200}}
    )  # fmt: skip
    api.send(json={"name": "x" * 300})
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        screen.open(view)
        screen.gone(".loading")
        whole, seen = browser.execute_script(
            "const d = document.documentElement; return [d.scrollWidth, d.clientWidth]"
        )
        assert whole <= seen
        assert screen.nameless() == []
    finally:
        metrics["width"] = 1400
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


CONTRAST = (Path(__file__).parent / "contrast.js").read_text("utf-8")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_on_what_it_stands_on(browser: Any, screen: Screen, api: Api, theme: str) -> None:
    api.send(json={"name": 5})
    api.send()
    api.send("GET", "/v1/api-keys/?account_id=acct_error_500", json=UNSENT)
    call = api.calls()[0]["id"]
    screen.open()
    browser.execute_script("localStorage.setItem('mockserver-theme', arguments[0])", theme)
    for view in (*VIEWS, f"calls/{call}"):
        screen.open(view)
        screen.gone(".loading")
        assert browser.execute_script("return document.documentElement.dataset.theme") == theme
        assert browser.execute_script(CONTRAST) == [], view


def test_a_stub_is_added_with_what_is_wrong_shown_at_its_place_then_edited_and_removed(
    screen: Screen, api: Api
) -> None:
    screen.open("stubs")
    screen.click("button", "Add a stub")
    area = screen.one("dialog textarea")
    area.click()
    screen.type(json.dumps({"request": {"urlPath": "/new", "metod": "GET"}, "response": {"status": 99}}))
    screen.click("dialog button", "Save")
    screen.shows("Refused (422)", "dialog .problems")
    marked = [item.text for item in screen.all("dialog .json .line.bad")]
    assert any("metod" in line and "did you mean 'method'?" in line for line in marked)
    assert any("99" in line for line in marked)
    screen.one("dialog textarea").click()
    screen.type(json.dumps({"name": "mine", "request": {"urlPath": "/new"}, "response": {"status": 201}}))
    screen.click("dialog button", "Save")
    screen.shows("mine", "main")
    assert api.send("GET", "/new", json=UNSENT).status == 201
    screen.click("button[aria-label='Edit mine']")
    screen.one("dialog textarea").click()
    screen.type(json.dumps({"name": "mine", "request": {"urlPath": "/new"}, "response": {"status": 202}}))
    screen.click("dialog button", "Save")
    screen.wait(lambda: not screen.all("dialog"))
    assert api.send("GET", "/new", json=UNSENT).status == 202
    screen.click("button[aria-label='Remove mine']")
    screen.shows("Removed", ".toasts")
    assert api.send("GET", "/new", json=UNSENT).status == 404


def test_an_answer_becomes_a_stub_that_answers_alike(screen: Screen, api: Api) -> None:
    api.send("GET", "/v1/api-keys/?account_id=acct_1", json=UNSENT)
    screen.open(f"calls/{api.calls()[-1]['id']}")
    screen.click(".detail button", "Make a stub")
    screen.click("dialog button", "Save")
    screen.shows("The stub is added", ".toasts")
    again = api.send("GET", "/v1/api-keys/?account_id=acct_1", json=UNSENT)
    assert again.outcome == (200, "stub")
    assert again.json["data"] == []


def test_what_is_held_is_released_and_a_scenario_is_set(screen: Screen, api: Api) -> None:
    api.script({"name": "gate", "request": {"urlPath": "/held"}, "response": {"status": 200},
                "metadata": {"mockserver": {"hold": True}}})  # fmt: skip
    api.script({"scenarioName": "story", "requiredScenarioState": "Started", "newScenarioState": "over",
                "request": {"urlPath": "/s"}, "response": {"status": 200}})  # fmt: skip
    screen.open("stubs")
    screen.click("button[aria-label='Release what gate holds']")
    screen.shows("0 released", ".toasts")
    screen.click(".scenario button", "over")
    screen.wait(lambda: "over" in screen.one(".state.now").text)
    assert api.engine.namespaces.default.stubs.scenarios.state("story") == "over"


def test_an_operation_is_tried_with_a_form_and_leads_to_its_call(screen: Screen, api: Api) -> None:
    screen.open("operations/createApiKey")
    screen.click(".try button", "Send POST")
    screen.shows("201", ".result")
    screen.click(".result a", "the call")
    screen.shows("created", ".detail")
    assert api.calls()[-1]["operation"] == "createApiKey"
    screen.open("operations/createApiKey")
    field = screen.wait(
        lambda: next((item for item in screen.all(".try input") if item.accessible_name == "name *"), None)
    )
    field.click()
    screen.type(Keys.BACKSPACE)
    screen.click(".try button", "Send POST")
    screen.shows("422", ".result")


def test_errors_faults_and_variants_are_sent_next(screen: Screen, api: Api) -> None:
    screen.open("failures/createApiKey")
    screen.click("button[aria-label='Send next: 403 missing_permission']")
    screen.shows("403 missing_permission", ".toasts")
    answer = api.send()
    assert (answer.status, answer.json["error"]["details"]["reason"]) == (403, "missing_permission")
    screen.click("[role=tab]", "Faults")
    screen.click("button[aria-label='Send next: NOT_JSON']")
    screen.shows("NOT_JSON", ".toasts")
    assert api.send().status == 502
    screen.click("[role=tab]", "Variants")
    screen.click("button[aria-label='Answer so: null-expires_at']")
    screen.shows("Answers are varied", "main")
    assert api.engine.namespaces.default.variant is not None
    screen.click("button", "Back to plain answers")
    screen.wait(lambda: not screen.all(".banner"))
    assert api.engine.namespaces.default.variant is None


def test_the_clock_moves_options_change_and_a_snapshot_comes_back(screen: Screen, api: Api) -> None:
    namespace = api.engine.namespaces.default
    screen.open("sandbox")
    before = namespace.clock.now_millis()
    screen.click("button[aria-label='Move the clock +1 day']")
    screen.shows("The clock went +1 day", ".toasts")
    assert namespace.clock.now_millis() - before == 86_400_000
    screen.click("button", "Take a snapshot")
    screen.shows("Kept", ".toasts")
    rate = screen.wait(
        lambda: next((item for item in screen.all("input") if item.accessible_name == "Rate limit"), None)
    )
    rate.click()
    screen.type("fast")
    screen.click("button", "Apply")
    screen.shows("such as 100/60s", ".problems")
    rate.click()
    screen.type("1/60s")
    screen.click("button", "Apply")
    screen.shows("The options hold until the reset", ".toasts")
    assert namespace.settings.rate_limit == "1/60s"
    screen.click("button[aria-label^='Restore the snapshot']")
    screen.shows("Restored", ".toasts")
    assert namespace.settings.rate_limit is None


def test_another_namespace_has_a_page_of_its_own(screen: Screen, server: ServerThread, api: Api) -> None:
    api.send(key="sk_test_ns-other_x")
    screen.open("sandbox")
    screen.click("td button[aria-label='Reset other']")
    screen.click("dialog button", "Reset it")
    screen.shows("other is as at its start", ".toasts")
    api.send(key="sk_test_ns-other_x")
    screen.click("th a", "other")
    screen.wait(lambda: "/~other/__admin/" in screen.driver.current_url)
    screen.one("h1", "Sandbox")
    screen.press("1")
    screen.wait(lambda: len(screen.all(".row")) == 1)
    screen.open()


def test_coverage_assumptions_and_refusals_are_shown(screen: Screen, api: Api, server: ServerThread) -> None:
    api.send()
    api.engine.refusals["bad_request"] += 2
    screen.open("contract")
    assert "createApiKey" in screen.text(".coverage")
    assert screen.one("[aria-label='Answers of createApiKey: 1 × 201']")
    screen.click("summary", "Show them")
    screen.shows("invented", "tbody")
    assert "bad_request" in screen.text(".refusals")


@pytest.mark.parametrize("path", ["/docs", "/__admin/docs", "/~t1/__admin/docs"])
def test_the_descriptions_are_read_and_tried(
    browser: Any, screen: Screen, server: ServerThread, path: str
) -> None:
    browser.get(server.origin + path)
    screen.wait(lambda: screen.all("article"))
    if path == "/docs":
        assert "HSRCPAY" in screen.text("h1")
        anchor, expected = "get-api-keys-", "200"
    else:
        assert "The control API" in screen.text("h1")
        anchor, expected = "get-clock", "frozen"
    article = screen.one(f"article#{anchor}")
    browser.execute_script("arguments[0].scrollIntoView()", article)
    screen.one(f"article#{anchor} details.try")
    screen.click(f"article#{anchor} details.try summary")
    if path == "/docs":
        field = screen.one(f"article#{anchor} .try input")
        field.click()
        screen.type("acct_1")
    screen.click(f"article#{anchor} .try button", "Send")
    screen.shows(expected, f"article#{anchor} .try")


def test_a_token_is_asked_for_and_kept_for_the_tab(browser: Any) -> None:
    with ServerThread(Settings(port=0, admin_token="t0ken")) as server, socket_api(server) as api:
        screen = Screen(browser, f"{server.origin}/__admin/")
        browser.get(screen.address)
        screen.one("dialog[open] input[type=password]")
        screen.press(*"wrong", Keys.ENTER)
        screen.wait(lambda: screen.one("dialog[open] input[type=password]").get_attribute("value") == "")
        screen.press(*"t0ken", Keys.ENTER)
        screen.shows("live", ".live.is-live")
        api.send()
        screen.wait(lambda: len(screen.all(".row")) == 1)
        browser.refresh()
        screen.wait(lambda: len(screen.all(".row")) == 1)
        assert "t0ken" not in browser.page_source
        assert browser.execute_script("return localStorage.length") == 0
        browser.get_log("browser")


def test_any_contract_is_tried_with_its_credentials_and_its_kinds_of_body(
    browser: Any, tmp_path: Path
) -> None:
    def operation(name: str, media_type: str, scheme: str) -> Any:
        schema = {"type": "object", "required": ["title"], "properties": {"title": {"type": "string"}}}
        return {
            "operationId": name,
            "security": [{scheme: []}],
            "requestBody": {"required": True, "content": {media_type: {"schema": schema}}},
            "responses": {"200": {"description": "done"}},
        }

    schemes = {
        "header": {"type": "apiKey", "in": "header", "name": "X-Key"},
        "query": {"type": "apiKey", "in": "query", "name": "key"},
        "cookie": {"type": "apiKey", "in": "cookie", "name": "sid"},
    }
    contract = {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "paths": {
            "/form": {"post": operation("form", "application/x-www-form-urlencoded", "header")},
            "/parts": {"post": operation("parts", "multipart/form-data", "query")},
            "/json": {"post": operation("json", "application/json", "cookie")},
        },
        "components": {"securitySchemes": schemes},
    }
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(contract), "utf-8")
    with ServerThread(Settings(port=0, contract=file)) as server, socket_api(server) as api:
        screen = Screen(browser, f"{server.origin}/__admin/")
        for name in ("form", "parts", "json"):
            screen.open(f"operations/{name}")
            screen.click("details[open] .try button", "Send POST")
            screen.shows("200", "details[open] .result")
        assert [(call["operation"], call["reason"]) for call in api.calls()] == [
            ("form", "answered"),
            ("parts", "answered"),
            ("json", "answered"),
        ]
        assert screen.complaints() == []


def test_a_call_that_was_passed_on_and_violates_the_contract_is_shown_as_it_happens(browser: Any) -> None:
    with MockServer() as real, MockServer(upstream=real.origin) as proxy:
        screen = Screen(browser, f"{proxy.origin}/__admin/")
        screen.open()
        screen.shows("No call yet", ".detail")
        data = {"message": "success", "success": True, "data": {"object": 1}}
        headers = {"Content-Type": "application/json"}
        answer_wrongly(real, {"status": 201, "jsonBody": data, "headers": headers})
        send(proxy)
        row = screen.one(".row", "proxied")
        assert screen.one(".row .mark.bad", "✕")
        row.click()
        screen.shows("The answer of the real API breaks the contract", ".why")
        # Each at its place in the answer.
        screen.one(".detail .line.bad", "object")
