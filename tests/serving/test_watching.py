"""--watch: contract and fixtures are read anew when they change; state stays, and so does what was sound."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mockserver.exceptions import SettingsError
from mockserver.serving.foreground import serve_forever
from mockserver.serving.uvicorn_server import ServerThread
from mockserver.settings import Settings
from tests.doors import Answer, parse, talk

PATIENCE = 30.0


def contract(*paths: str) -> str:
    answer = {"description": "", "content": {"application/json": {"example": {"from": "contract"}}}}
    operations = {path: {"get": {"operationId": path[1:], "responses": {"200": answer}}} for path in paths}
    return json.dumps({"openapi": "3.1.0", "info": {"title": "Desk", "version": "1"}, "paths": operations})


def stub(id: str, path: str, text: str, **more: Any) -> str:
    answer = {"status": 200, "jsonBody": {"from": text}}
    return json.dumps({"id": id, "request": {"urlPath": path}, "response": answer, **more})


class Desk:
    """A server that watches its files."""

    def __init__(self, server: ServerThread, folder: Path) -> None:
        self.server = server
        self.folder = folder

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def ask(self, path: str, method: str = "GET", body: str = "") -> Answer:
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close"
        return parse(talk(self.server, f"{head}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()))

    def until(self, is_so: Callable[[], bool]) -> None:
        """Ask until something is so: files are noticed in the system's own time."""
        deadline = time.monotonic() + PATIENCE
        while not is_so():
            assert time.monotonic() < deadline


@pytest.fixture(params=["memory", "sqlite"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    folder = tmp_path / "api"
    (folder / "fixtures" / "stubs").mkdir(parents=True)
    (folder / "openapi.json").write_text(contract("/desks", "/chairs"))
    (folder / "fixtures" / "stubs" / "first.json").write_text(stub("first", "/desks", "first"))
    store = "memory" if request.param == "memory" else f"sqlite:{tmp_path / 'state.db'}"
    settings = Settings(
        port=0, contract=folder / "openapi.json", fixtures=folder / "fixtures", watch=True, store=store
    )
    with ServerThread(settings) as server:
        yield Desk(server, folder)


def test_a_changed_stub_answers_and_calls_and_stubs_of_callers_stay(desk: Desk) -> None:
    assert desk.ask("/desks").json == {"from": "first"}
    mine = stub("mine", "/chairs", "caller")
    assert desk.ask("/__admin/mappings", "POST", mine).status == 201
    desk.write("fixtures/stubs/first.json", stub("first", "/desks", "changed"))
    desk.until(lambda: desk.ask("/desks").json == {"from": "changed"})
    assert desk.ask("/chairs").json == {"from": "caller"}
    calls = desk.ask("/__admin/calls?limit=1000").json["calls"]
    assert calls[0]["number"] == 1
    assert calls[0]["request"]["path"] == "/desks"


def test_files_that_come_and_go_are_noticed(desk: Desk) -> None:
    desk.write("fixtures/stubs/second.json", stub("second", "/chairs", "second"))
    desk.until(lambda: desk.ask("/chairs").json == {"from": "second"})
    (desk.folder / "fixtures/stubs/second.json").unlink()
    desk.until(lambda: desk.ask("/chairs").json == {"from": "contract"})


def test_a_stub_that_did_not_change_goes_on_counting(desk: Desk) -> None:
    desk.write(
        "fixtures/stubs/twice.json", stub("twice", "/chairs", "twice", metadata={"mockserver": {"times": 2}})
    )
    desk.until(lambda: "twice" in {item["id"] for item in desk.ask("/__admin/mappings").json["mappings"]})
    assert desk.ask("/chairs").json == {"from": "twice"}
    desk.write("fixtures/stubs/first.json", stub("first", "/desks", "changed"))
    desk.until(lambda: desk.ask("/desks").json == {"from": "changed"})
    assert [desk.ask("/chairs").json["from"] for _ in range(2)] == ["twice", "contract"]


def test_a_changed_contract_is_answered_from_on_open_connections_too(desk: Desk) -> None:
    assert desk.ask("/lamps").status == 404
    desk.write("openapi.json", contract("/desks", "/lamps"))
    desk.until(lambda: desk.ask("/lamps").status == 200)
    assert desk.ask("/chairs").status == 404
    assert desk.ask("/desks").json == {"from": "first"}
    assert "/lamps" in desk.ask("/openapi.json").json["paths"]


@pytest.mark.parametrize(
    ("name", "text"), [("openapi.json", "{"), ("fixtures/stubs/first.json", '{"request": 1}')]
)
def test_what_is_unsound_is_told_and_what_was_served_goes_on(
    desk: Desk, caplog: pytest.LogCaptureFixture, name: str, text: str
) -> None:
    with caplog.at_level(logging.ERROR, logger="mockserver"):
        desk.write(name, text)
        desk.until(lambda: bool(caplog.records) or desk.ask("/chairs").status != 200)
    assert Path(name).name in caplog.text
    assert "what was served before goes on" in caplog.text
    assert desk.ask("/desks").json == {"from": "first"}
    desk.write("openapi.json", contract("/desks", "/lamps"))
    desk.write("fixtures/stubs/first.json", stub("first", "/desks", "mended"))
    desk.until(lambda: desk.ask("/desks").json == {"from": "mended"} and desk.ask("/lamps").status == 200)


def test_nothing_to_watch_is_refused_with_what_to_give() -> None:
    with pytest.raises(SettingsError, match="give the --contract or --fixtures"):
        serve_forever(Settings(port=0, watch=True))
    with pytest.raises(SettingsError, match="nothing to watch"):
        ServerThread(Settings(port=0, watch=True, contract=Path("https://api.test/openapi.json")))


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with pytest.raises(SettingsError, match=r"hsrcpay-mockserver\[watch\]"):
        ServerThread(Settings(port=0, watch=True, fixtures=tmp_path))
