"""Makes the pictures of the page that the documents show: `python -m tests.page.screenshots FOLDER`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from mockserver.serving.uvicorn_server import ServerThread
from mockserver.settings import Settings
from tests.doors import BODY, UNSENT, Api, socket_api
from tests.page.browser import open_browser
from tests.page.screen import Screen

WIDTH, HEIGHT = 1360, 860


def play(api: Api) -> str:
    """A story worth a picture; returns the id of the call to look at."""
    api.script({"name": "slow gateway", "request": {"method": "GET", "urlPath": "/v1/health"},
                "response": {"status": 503, "fixedDelayMilliseconds": 120}})  # fmt: skip
    for state, after, status in (("Started", "approved", 202), ("approved", "paid", 200)):
        api.script({"scenarioName": "approval", "requiredScenarioState": state, "newScenarioState": after,
                    "request": {"method": "GET", "urlPath": "/v1/approvals/1"},
                    "response": {"status": status}})  # fmt: skip
    for number in range(18):
        api.send(json={**BODY, "name": f"Report {number}"})
        if number % 3 == 0:
            api.send("GET", "/v1/api-keys/?account_id=acct_1", json=UNSENT)
        if number % 5 == 0:
            api.send("GET", "/v1/health", json=UNSENT)
    api.send("GET", "/v1/api-keys/?account_id=acct_error_429", json=UNSENT)
    api.send("GET", "/v1/api-key/?account_id=acct_1", json=UNSENT)
    api.send(key=None)
    wrong = {"name": 5, "permissions": {"account:api:key": "read"}, "metadata": {"team": "finance"}}
    api.send(json=wrong)
    refused: str = api.calls()[-1]["id"]
    for name in ("Payouts", "Refunds"):
        api.send(json={**BODY, "name": name})
    api.engine.refusals["forbidden_origin"] += 2
    return refused


def main() -> None:
    """One picture of each view, in light and in dark."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with ServerThread(Settings(port=0)) as server, socket_api(server) as api:
        places = {"calls": "calls", "call": f"calls/{play(api)}", "operations": "operations/createApiKey",
                  "failures": "failures/createApiKey", "stubs": "stubs", "sandbox": "sandbox",
                  "contract": "contract"}  # fmt: skip
        for theme in ("light", "dark"):
            with (
                tempfile.TemporaryDirectory() as profile,
                open_browser(Path(profile), width=WIDTH, height=HEIGHT, dark=theme == "dark") as driver,
            ):
                screen = Screen(driver, f"{server.origin}/__admin/")
                for name, place in places.items():
                    screen.open(place)
                    screen.one(".is-live")
                    screen.gone(".loading")
                    driver.execute_script("document.activeElement.blur(); scrollTo(0, 0)")
                    driver.save_screenshot(str(folder / f"{name}-{theme}.png"))
                driver.get(f"{server.origin}/docs")
                screen.one("article")
                driver.save_screenshot(str(folder / f"docs-{theme}.png"))


if __name__ == "__main__":
    main()
