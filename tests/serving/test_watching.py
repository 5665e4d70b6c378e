"""--watch: contract and fixtures are read anew when they change; state stays, and so does what was sound."""

from __future__ import annotations

import json
import logging
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mockserver.exceptions import SettingsError
from mockserver.serving.building import build_engine, load_sources, renew
from mockserver.serving.foreground import serve_forever
from mockserver.serving.uvicorn_server import ServerThread
from mockserver.settings import Settings, packaged_folder
from tests.doors import UNSENT, Answer, engine_api, parse, talk
from tests.provider.upstreams import raw_server

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


def test_a_stub_of_a_caller_is_read_anew_with_its_file_and_goes_on_counting(desk: Desk) -> None:
    (desk.folder / "fixtures/__files").mkdir()
    desk.write("fixtures/__files/chair.json", '{"from": "file"}')
    answer = {"status": 200, "bodyFileName": "chair.json"}
    mine = stub("mine", "/chairs", "", response=answer, metadata={"mockserver": {"times": 2}})
    assert desk.ask("/__admin/mappings", "POST", mine).status == 201
    assert desk.ask("/chairs").json == {"from": "file"}
    desk.write("fixtures/__files/chair.json", '{"from": "changed file"}')
    desk.write("fixtures/stubs/first.json", stub("first", "/desks", "changed"))
    desk.until(lambda: desk.ask("/desks").json == {"from": "changed"})
    assert [desk.ask("/chairs").json["from"] for _ in range(2)] == ["changed file", "contract"]


def test_a_stub_of_a_caller_that_does_not_fit_the_new_contract_is_back_with_one_that_it_fits(
    desk: Desk,
) -> None:
    mine = stub("mine", "/chairs", "caller", metadata={"mockserver": {"operation": "chairs"}})
    assert desk.ask("/__admin/mappings", "POST", mine).status == 201
    desk.write("openapi.json", contract("/desks", "/lamps"))
    desk.until(lambda: desk.ask("/lamps").status == 200)
    assert desk.ask("/chairs").status == 404
    desk.write("openapi.json", contract("/desks", "/chairs"))
    desk.until(lambda: desk.ask("/chairs").json == {"from": "caller"})


def test_every_namespace_answers_by_what_was_read_anew(desk: Desk) -> None:
    assert desk.ask("/~known/desks").json == {"from": "first"}
    desk.write("fixtures/stubs/first.json", stub("first", "/desks", "changed"))
    desk.until(lambda: desk.ask("/desks").json == {"from": "changed"})
    assert desk.ask("/~known/desks").json == {"from": "changed"}
    assert desk.ask("/~new/desks").json == {"from": "changed"}


def test_a_page_gives_way_to_a_path_of_the_new_contract(desk: Desk) -> None:
    assert desk.ask("/docs").body.startswith(b"<!doctype html>")
    desk.write("openapi.json", contract("/desks", "/docs", "/lamps"))
    desk.until(lambda: desk.ask("/lamps").status == 200)
    assert desk.ask("/docs").json == {"from": "contract"}


def test_what_of_a_new_contract_cannot_be_answered_is_a_warning(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    broken = json.loads(contract("/desks", "/lamps"))
    broken["paths"]["/lamps"]["get"]["responses"]["200"] = {"$ref": "#/components/responses/Nowhere"}
    with caplog.at_level(logging.WARNING, logger="mockserver"):
        desk.write("openapi.json", json.dumps(broken))
        desk.until(lambda: desk.ask("/lamps").status == 501)
    assert "Nowhere" in caplog.text


def test_calls_are_passed_on_and_judged_by_the_new_contract(tmp_path: Path) -> None:
    def respond(client: socket.socket, data: bytes) -> None:
        body = b'{"from": "real"}'
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d"
        client.sendall(head % len(body) + b"\r\n\r\n" + body)

    document = tmp_path / "openapi.json"
    document.write_text(contract("/desks"))
    with raw_server(respond) as (origin, _):
        settings = Settings(port=0, contract=document, upstream=origin)
        with ServerThread(settings) as server:
            desk = Desk(server, tmp_path)
            assert desk.ask("/lamps").header("mockserver-violations") == "1"
            desk.write("openapi.json", contract("/desks", "/lamps"))
            renew(server.engine, load_sources(settings))
            answer = desk.ask("/lamps")
            assert (answer.json, answer.header("mockserver-violations")) == ({"from": "real"}, None)


def test_items_of_changed_fixtures_take_the_place_of_the_old_ones(tmp_path: Path) -> None:
    folder = tmp_path / "fixtures"
    shutil.copytree(str(packaged_folder("fixtures")), folder)
    settings = Settings(fixtures=folder)
    engine = build_engine(settings)
    keys = json.loads((folder / "keys.json").read_text("utf-8"))
    first, gone = keys["keys"][0], keys["keys"].pop()
    first["name"] = "Renamed"
    (folder / "keys.json").write_text(json.dumps(keys), "utf-8")
    renew(engine, load_sources(settings))
    given = engine.namespaces.default.resources.given
    assert given[first["id"]].value["name"] == "Renamed"
    assert gone["id"] not in given


def test_what_calls_made_of_an_item_stays_while_its_file_says_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "fixtures"
    shutil.copytree(str(packaged_folder("fixtures")), folder)
    settings = Settings(fixtures=folder)
    engine = build_engine(settings)
    api = engine_api(engine)
    kept, changed = (key["id"] for key in json.loads((folder / "keys.json").read_text("utf-8"))["keys"][:2])
    for id in (kept, changed):
        assert api.send("DELETE", f"/v1/api-keys/{id}", json=UNSENT).status == 200
    keys = json.loads((folder / "keys.json").read_text("utf-8"))
    keys["keys"][1]["name"] = "Renamed"
    (folder / "keys.json").write_text(json.dumps(keys), "utf-8")
    renew(engine, load_sources(settings))
    assert api.send("DELETE", f"/v1/api-keys/{kept}", json=UNSENT).status == 404
    assert api.send("DELETE", f"/v1/api-keys/{changed}", json=UNSENT).status == 200


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
