"""What a browser asks for: the page, its files, the descriptions. None of it is a call."""

from __future__ import annotations

from pathlib import Path

import pytest

from mockserver.control.pages import read_files
from mockserver.serving.uvicorn_server import ServerThread
from mockserver.settings import Settings
from tests.doors import UNSENT, Answer, Api, socket_api

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
DOCUMENTS = ["/", "/docs", "/favicon.ico", "/openapi.json", "/__admin", "/__admin/", "/__admin/docs",
             "/__admin/contract/docs", "/__admin/openapi.json", "/__admin/page/style.css"]  # fmt: skip


def get(api: Api, path: str, headers: dict[str, str] | None = None, *, method: str = "GET") -> Answer:
    return api.send(method, path, key=None, json=UNSENT, headers=headers)


@pytest.mark.parametrize("path", ["/", "/__admin", "/__admin/", "/~t1/__admin/"])
def test_a_browser_gets_the_page_and_others_an_index(socket: Api, path: str) -> None:
    page, index = get(socket, path, HTML), get(socket, path)
    assert (page.status, page.header("content-type")) == (200, "text/html; charset=utf-8")
    assert (index.status, index.header("content-type")) == (200, "application/json")
    assert page.header("vary") == index.header("vary") == "Accept"
    base = "/~t1/__admin" if "t1" in path else "/__admin"
    assert f'"{base}/page/app.js"' in page.body.decode()
    routes = {(route["method"], route["path"]) for route in index.json["routes"]}
    assert {("GET", f"{base}/calls"), ("POST", f"{base}/verify"), ("GET", f"{base}/metrics")} <= routes
    assert index.json["page"].endswith(f"{base}/")


@pytest.mark.parametrize("path", DOCUMENTS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_a_page_asks_for_is_no_call(socket: Api, path: str, method: str) -> None:
    answer = get(socket, path, HTML, method=method)
    assert answer.status == 200
    assert answer.header("x-content-type-options") == "nosniff"
    assert bool(answer.body) is (method == "GET")
    assert socket.calls() == []


@pytest.mark.parametrize("path", ["/", "/docs", "/__admin/", "/__admin/docs"])
def test_a_page_runs_what_this_server_has_and_nobody_frames_it(socket: Api, path: str) -> None:
    policy = get(socket, path, HTML).header("content-security-policy")
    assert policy is not None
    assert policy.startswith("default-src 'self';")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert get(socket, "/__admin/calls", HTML).header("content-security-policy") == "default-src 'none'"


def test_no_page_holds_a_script_or_a_style_of_its_own_or_asks_elsewhere() -> None:
    for name, text in read_files().items():
        if name.endswith(".html"):
            assert "<script>" not in text
            assert "<style" not in text
            assert " style=" not in text
            assert " on" not in text.replace(" one", "").replace(" only", "")
        assert "innerHTML" not in text
        assert "eval(" not in text
        assert [
            word for word in ("http://", "https://") if word in text.replace("http://www.w3.org/", "")
        ] == []


def test_files_that_the_page_lacks_are_404(socket: Api) -> None:
    for name in ("nothing.js", "..%2fstyle.css", "index.html", "%0a", "__init__.py"):
        answer = get(socket, f"/__admin/page/{name}")
        assert answer.status == 404
        assert answer.header("content-security-policy") == "default-src 'none'"


def test_a_path_below_admin_is_ours_whatever_it_holds(socket: Api) -> None:
    for path in ("/__admin/%0a", "/__admin/calls%0A", "/__admin//", "/__admin/%E2%80%A8"):
        answer = get(socket, path)
        assert (answer.status, answer.header("x-content-type-options")) == (404, "nosniff")
    assert socket.calls() == []


@pytest.mark.parametrize("path", ["/", "/docs", "/favicon.ico"])
def test_other_methods_there_are_calls(socket: Api, path: str) -> None:
    assert get(socket, path, method="POST").status == 404
    assert len(socket.calls()) == 1


def test_a_stub_for_such_a_path_goes_before_the_page(socket: Api) -> None:
    socket.script({"request": {"method": "GET", "urlPath": "/"}, "response": {"status": 418}})
    assert get(socket, "/", HTML).status == 418
    assert len(socket.calls()) == 1


def test_a_contract_that_has_such_a_path_keeps_it(tmp_path: Path) -> None:
    contract = tmp_path / "openapi.yaml"
    contract.write_text(
        "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths:\n  /:\n    get:\n      operationId: home\n"
        "      responses: {'200': {description: d, content: {application/json: {example: {a: 1}}}}}\n",
        "utf-8",
    )
    with ServerThread(Settings(port=0, contract=contract)) as server, socket_api(server) as api:
        assert get(api, "/", HTML).json == {"a": 1}
        assert get(api, "/docs", HTML).status == 200
        assert [call["operation"] for call in api.calls()] == ["home"]


def test_the_page_needs_no_token_and_what_it_asks_for_does() -> None:
    with ServerThread(Settings(port=0, admin_token="t0ken")) as server, socket_api(server) as api:
        for path in DOCUMENTS:
            assert get(api, path, HTML).status == 200
        assert get(api, "/__admin/calls").status == get(api, "/__admin/events").status == 401
        assert get(api, "/__admin/calls", {"Authorization": "Bearer t0ken"}).status == 200


def test_the_page_of_another_site_gets_nothing(socket: Api) -> None:
    assert get(socket, "/__admin/", HTML | {"Sec-Fetch-Site": "cross-site"}).status == 403
    assert get(socket, "/__admin/page/app.js", {"Origin": "http://evil.example"}).status == 403


@pytest.mark.parametrize("path", ["/health", "/calls", "/events", "/metrics", "/contract", "/har"])
def test_head_is_answered_as_get_without_a_body(socket: Api, path: str) -> None:
    head = get(socket, f"/__admin{path}", method="HEAD")
    assert (head.status, head.body) == (200, b"")
    if path != "/events":
        assert get(socket, f"/__admin{path}").header("content-type") == head.header("content-type")


def test_the_schemas_for_editors_are_served(socket: Api) -> None:
    assert get(socket, "/__admin/schemas/stubs.json").json["title"] == "Stubs"
    wrong = get(socket, "/__admin/schemas/stub.json")
    assert wrong.status == 404
    assert (
        "did you mean 'stubs.json'? known: accounts.json, credentials.json"
        in wrong.json["errors"][0]["title"]
    )
