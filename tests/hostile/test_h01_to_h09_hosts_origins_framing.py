"""Rows H1 to H9: who may speak to the server, and what is a request at all."""

from __future__ import annotations

import pytest

from mockserver.serving.uvicorn_server import ServerThread
from mockserver.settings import Settings
from tests.hostile.servers import target_with
from tests.hostile.wire import BODY, CREATE, Target, chunked, http, read_answer, read_to_end, split_answers


@pytest.mark.parametrize("path", [CREATE, "/__admin/reset", "/~a/__admin/reset", "/openapi.json"])
def test_h01_a_foreign_host_is_refused_on_either_side(target: Target, path: str) -> None:
    target.ask(http())
    answer = target.is_refused(http("POST", path, host="evil.example"))
    assert answer.status == 400
    assert not {"vary", "location", "access-control-allow-origin"} & answer.headers.keys()
    assert target.reasons() == ["created"]
    assert target.engine.refusals == {"bad_request": 1}


HOSTS = {
    "attackers-name-with-our-address": "127.attacker.example",
    "path-in-host": "x/__admin?",
    "user-info": "localhost@evil.example",
    "ours-as-prefix": "localhost.evil.example",
    "decimal-address": "2130706433",
    "octal-address": "0177.0.0.1",
    "short-address": "127.1",
    "other-address": "192.168.0.1",
    "other-ipv6": "[2001:db8::1]",
    "broken-ipv6": "[::1",
    "port-zero": "localhost:0",
    "port-too-large": "localhost:65536",
    "port-is-a-word": "localhost:http",
    "empty": "",
    "two-dots": "localhost..",
    "a-key": "sk_test_abcdefghijklmnop",
    "list": "localhost, localhost",
}


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
@pytest.mark.parametrize("path", [CREATE, "/__admin/reset"], ids=["data", "control"])
def test_h02_a_host_that_is_none_of_ours_is_refused(target: Target, path: str, host: str) -> None:
    target.ask(http())
    assert target.is_refused(http("POST", path, host=host)).status == 400
    assert target.reasons() == ["created"]


@pytest.mark.parametrize(
    "request_bytes",
    [http(host=None), http("POST", CREATE, "Host: localhost"), http(host=None, version="1.0")],
    ids=["none", "two", "none-in-1.0"],
)
def test_h02_there_must_be_one_host(target: Target, request_bytes: bytes) -> None:
    assert target.is_refused(request_bytes).status == 400
    assert target.calls() == []


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:4020",
        "localhost.",
        "127.0.0.1",
        "127.8.8.8:1",
        "[::1]",
        "[::1]:80",
        "localhost:",
    ],
)
def test_h02_our_own_names_are_accepted_however_they_are_written(target: Target, host: str) -> None:
    assert target.ask(http(host=host)).status == 201


def test_h02_a_listed_host_is_accepted_and_the_others_still_are_not() -> None:
    with target_with(allowed_host=("Mock.Test",)) as target:
        assert target.ask(http(host="mock.test:4020")).status == 201
        assert target.is_refused(http(host="other.test")).status == 400


def test_h02_what_hosts_were_let_in_is_remembered_within_bounds_and_lets_no_other_in() -> None:
    with target_with(allowed_host=("*",)) as target:
        for number in range(70):
            assert target.ask(http(host=f"{number}.test")).status == 201
        assert target.ask(http(host="sk_test_very_secret.test")).status == 201
        hosts = target.server.app.guard._hosts
        assert len(hosts) == 64
        assert "very_secret" not in repr(hosts)
    with target_with() as target:
        for _ in range(2):
            assert target.ask(http(host="localhost")).status == 201
            assert target.is_refused(http(host="other.test")).status == 400
        assert target.server.app.guard._hosts == {b"localhost"}


CROSS_SITE = {
    "text": ("Content-Type: text/plain", "Origin: http://evil.example"),
    "form": ("Content-Type: application/x-www-form-urlencoded", "Origin: http://evil.example"),
    "null-origin": ("Origin: null",),
    "other-port": ("Origin: http://localhost:3000",),
    "other-name": ("Origin: http://127.0.0.1",),
    "ours-as-prefix": ("Origin: http://localhost.evil.example",),
    "two-origins": ("Origin: http://localhost", "Origin: http://evil.example"),
    "no-origin-but-cross-site": ("Sec-Fetch-Site: cross-site",),
    "same-site": ("Sec-Fetch-Site: same-site",),
}


@pytest.mark.parametrize("headers", CROSS_SITE.values(), ids=CROSS_SITE)
def test_h03_a_page_of_another_origin_cannot_post_to_the_control_api(
    target: Target, headers: tuple[str, ...]
) -> None:
    target.ask(http())
    answer = target.ask(http("POST", "/__admin/reset", *headers, body=b"{}", key=None))
    assert answer.outcome == (403, "guard")
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert target.reasons() == ["created"]


@pytest.mark.parametrize(
    "headers",
    [("Origin: http://localhost", "Sec-Fetch-Site: same-origin"), ("Sec-Fetch-Site: none",)],
    ids=["our-own-page", "typed-by-a-person"],
)
def test_h03_our_own_pages_may_use_the_control_api(target: Target, headers: tuple[str, ...]) -> None:
    assert target.ask(http("GET", "/__admin/calls", *headers)).status == 200


@pytest.mark.parametrize("path", ["/__admin/reset", "/__admin/mappings", "/openapi.json", "/~a/__admin"])
def test_h04_a_preflight_to_the_control_side_allows_nothing(target: Target, path: str) -> None:
    headers = ("Origin: http://evil.example", "Access-Control-Request-Method: POST")
    answer = target.ask(http("OPTIONS", path, *headers))
    assert answer.status in (403, 405)
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_h04_a_named_origin_reaches_the_api_and_a_star_does_not_open_the_control_side() -> None:
    page = "Origin: http://app.test"
    with target_with(cors_origin=("*",)) as target:
        assert target.ask(http("POST", CREATE, page)).header("access-control-allow-origin") == "*"
        assert target.ask(http("POST", "/__admin/reset", page)).status == 403
    with target_with(cors_origin=("http://app.test",)) as target:
        preflight = target.ask(http("OPTIONS", CREATE, page, "Access-Control-Request-Method: POST"))
        assert preflight.outcome == (204, "guard")
        assert preflight.header("access-control-allow-origin") == "http://app.test"
        assert target.ask(http("POST", "/__admin/reset", page, "Sec-Fetch-Site: cross-site")).status == 200
        other = target.ask(http("POST", CREATE, "Origin: http://other.test"))
        assert "access-control-allow-origin" not in other.headers


TOKEN = "s3cret-token"
WRONG_TOKENS = {
    "none": (),
    "wrong": ("Authorization: Bearer other",),
    "longer": (f"Authorization: Bearer {TOKEN}x",),
    "shorter": (f"Authorization: Bearer {TOKEN[:-1]}",),
    "other-case": (f"Authorization: Bearer {TOKEN.upper()}",),
    "other-scheme": (f"Authorization: Basic {TOKEN}",),
    "bare": (f"Authorization: {TOKEN}",),
    "twice": (f"Authorization: Bearer {TOKEN}", f"Authorization: Bearer {TOKEN}"),
    "cookie": (f"Cookie: token={TOKEN}",),
}


def test_h05_the_control_api_takes_its_token_from_the_header_alone() -> None:
    with target_with(admin_token=TOKEN) as target:
        for name, headers in WRONG_TOKENS.items():
            answer = target.ask(http("GET", "/__admin/calls", *headers, key=None))
            assert answer.outcome == (401, "guard"), name
            assert answer.header("www-authenticate") == "Bearer"
            assert TOKEN.encode() not in answer.body
        for query in (f"token={TOKEN}", f"access_token={TOKEN}", f"authorization=Bearer+{TOKEN}"):
            assert target.ask(http("GET", f"/__admin/calls?{query}", key=None)).status == 401
        for scheme in ("Bearer", "bearer", "BEARER "):
            headers = (f"Authorization: {scheme} {TOKEN}",)
            assert target.ask(http("GET", "/__admin/calls", *headers, key=None)).status == 200
        assert target.ask(http("GET", "/__admin/health", key=None)).status == 200
        assert target.ask(http("GET", "/openapi.json", key=None)).status == 200
        assert target.ask(http("GET", "/~a/__admin/calls", key=None)).status == 401


def test_h05_tokens_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    import hmac

    compared: list[bytes] = []
    compare = hmac.compare_digest

    def note(given: bytes, right: bytes) -> bool:
        compared.append(given)
        return compare(given, right)

    with target_with(admin_token=TOKEN) as target:
        monkeypatch.setattr(hmac, "compare_digest", note)
        target.ask(http("GET", "/__admin/calls", "Authorization: Bearer wrong", key=None))
        assert compared == [b"wrong"]


def test_h05_a_server_that_others_can_reach_never_goes_without_a_token() -> None:
    with target_with(host="0.0.0.0") as target:
        assert target.ask(http("GET", "/__admin/calls", key=None)).status == 401
        headers = (f"Authorization: Bearer {target.server.admin_token}",)
        assert target.ask(http("GET", "/__admin/calls", *headers, key=None)).status == 200
        assert target.ask(http(host="192.0.2.1")).status == 201


UPGRADE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: YQ==",
)


def test_h06_an_upgrade_is_not_accepted_before_the_token_is_seen() -> None:
    with target_with(admin_token=TOKEN) as target:
        for path in ("/__admin/events", "/__admin/calls"):
            answer = target.ask(http("GET", path, *UPGRADE, key=None))
            assert answer.outcome == (401, "guard")
        assert target.ask(http("GET", "/__admin/events", "Accept: text/event-stream", key=None)).status == 401


def test_h06_a_page_of_another_origin_reads_no_events(target: Target) -> None:
    assert target.ask(http("GET", "/__admin/events", "Origin: http://evil.example")).status == 403
    assert target.ask(http("GET", "/__admin/events", *UPGRADE, "Origin: http://evil.example")).status == 403


@pytest.mark.parametrize("where", ["one-piece", "two-pieces"])
def test_h06_a_request_that_offers_http2_is_answered_with_its_body_read(target: Target, where: str) -> None:
    # As Java's HttpClient sends its first request.
    headers = (
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
    )
    data = http("POST", CREATE, *headers)
    cut = len(data) if where == "one-piece" else len(data) - len(BODY)
    client = target.connect()
    client.sendall(data[:cut])
    target.wait_until(
        lambda: any(connection.is_receiving or target.calls() for connection in target.connections)
    )
    client.sendall(data[cut:])
    reply = read_answer(client)
    assert reply.answer.status == 201
    client.sendall(http())
    assert read_answer(client, reply.rest).answer.status == 201


@pytest.mark.parametrize("path", ["/v1/%ff", "/v1/#x", CREATE + "&x=" + "a" * 20_000])
def test_h06_a_request_that_offers_http2_is_judged_like_any_other(target: Target, path: str) -> None:
    data = http("POST", path, "Connection: Upgrade", "Upgrade: h2c")
    assert target.is_refused(data).status in (400, 414)
    assert (
        target.is_refused(http("POST", CREATE, "Connection: Upgrade", "Upgrade: h2c", host="evil")).status
        == 400
    )


DISGUISES = {
    "absolute": "http://evil/__admin/reset",
    "absolute-ours": "http://localhost/__admin/reset",
    "doubled-slash": "//__admin/reset",
    "doubled-inside": "/__admin//reset",
    "encoded": "/%5f%5fadmin/reset",
    "encoded-letters": "/__%61dmin/reset",
    "dots": "/x/../__admin/reset",
    "encoded-dots": "/x/%2e%2e/__admin/reset",
    "dot": "/./__admin/reset",
    "encoded-slash": "/__admin%2freset",
    "other-case": "/__ADMIN/reset",
    "semicolon": "/__admin;/reset",
    "backslash": "/\\__admin/reset",
    "longer": "/__administrator/reset",
    "below-the-api": "/v1/__admin/reset",
    "bad-namespace": "/~A_B/__admin/reset",
    "asterisk": "*",
    "absolute-without-a-path": "http://evil",
}


@pytest.mark.parametrize("path", DISGUISES.values(), ids=DISGUISES)
def test_h07_no_disguise_reaches_the_control_api(target: Target, path: str) -> None:
    target.ask(http())
    answer = target.ask(http("POST", path))
    assert answer.status in (404, 405)
    assert target.reasons()[0] == "created", "the journal was not reset"


def test_h07_the_absolute_form_of_a_path_of_the_api_is_not_cut_down_to_it(target: Target) -> None:
    answer = target.ask(http("POST", "http://127.0.0.1/v1/api-keys/?account_id=acct_1"))
    assert answer.outcome == (404, "no_such_operation")
    assert target.calls()[0]["request"]["path"] == "http://127.0.0.1/v1/api-keys/"


@pytest.mark.parametrize("path", ["/v1/api-keys/#/__admin", "/__admin#x"])
def test_h07_a_target_that_is_none_is_refused(target: Target, path: str) -> None:
    assert target.is_refused(http("GET", path)).status == 400


def test_h07_this_is_no_proxy(target: Target) -> None:
    assert target.is_refused(http("CONNECT", "localhost:4020")).status == 400


CHUNKED = "Transfer-Encoding: chunked"
CHUNKS = chunked(BODY)
AMBIGUOUS = {
    "length-and-chunked": http("POST", CREATE, "Content-Length: 5", CHUNKED, body=CHUNKS),
    "chunked-and-length": http("POST", CREATE, CHUNKED, "Content-Length: 5", body=CHUNKS),
    "two-lengths": http("POST", CREATE, "Content-Length: 4", "Content-Length: 55"),
    "same-length-twice": http("POST", CREATE, "Content-Length: 55", "Content-Length: 55"),
    "list-of-lengths": http("POST", CREATE, "Content-Length: 55, 55"),
    "plus": http("POST", CREATE, "Content-Length: +55"),
    "minus": http("POST", CREATE, "Content-Length: -1"),
    "hexadecimal-length": http("POST", CREATE, "Content-Length: 0x37"),
    "empty-length": http("POST", CREATE, "Content-Length: "),
    "huge-length": http("POST", CREATE, "Content-Length: 99999999999999999999999"),
    "xchunked": http("POST", CREATE, "Transfer-Encoding: xchunked", body=CHUNKS),
    "gzip-chunked": http("POST", CREATE, "Transfer-Encoding: gzip, chunked", body=CHUNKS),
    "chunked-twice": http("POST", CREATE, CHUNKED, CHUNKED, body=CHUNKS),
    "chunked-identity": http("POST", CREATE, "Transfer-Encoding: chunked, identity", body=CHUNKS),
    "chunked-in-1.0": http("POST", CREATE, CHUNKED, body=CHUNKS, version="1.0"),
    "hexadecimal-chunk": http("POST", CREATE, CHUNKED, body=b"0x3\r\nabc\r\n0\r\n\r\n"),
    "negative-chunk": http("POST", CREATE, CHUNKED, body=b"-3\r\nabc\r\n0\r\n\r\n"),
    "huge-chunk": http("POST", CREATE, CHUNKED, body=b"fffffffffffffffff\r\nabc\r\n"),
    "unterminated-chunk": http("POST", CREATE, CHUNKED, body=b"3\r\nabcXX0\r\n\r\n"),
    "chunk-ends-with-lf": http("POST", CREATE, CHUNKED, body=b"3\nabc\n0\n\n"),
    "space-before-colon": http("POST", CREATE, "Content-Length : 55"),
    "folded-header": http("POST", CREATE, "X-A: b\r\n c"),
    "bare-lf": http().replace(b"\r\n", b"\n"),
    "bare-cr": http("POST", CREATE, "X-A: b\rX-C: d"),
    "no-version": b"GET /v1/api-keys/\r\n\r\n",
    "http-2": http(version="2.0"),
    "http-9": http(version="9.9"),
    "preface-of-http-2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    "no-method": b" / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "text": b"hello, is it me you are looking for?\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("data", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_h08_what_can_be_read_in_two_ways_is_refused_and_nothing_behind_it_is_served(
    target: Target, data: bytes
) -> None:
    assert target.is_refused(data + http()).status in (400, 413)
    assert target.calls() == []
    assert sum(target.engine.refusals.values()) == 1


def test_h08_a_trailer_is_not_taken_for_a_header(target: Target) -> None:
    body = chunked(BODY)[:-2] + b"Authorization: Bearer sk_test_trailer\r\nHost: evil.example\r\n\r\n"
    data = http("POST", CREATE, CHUNKED, body=body, key=None)
    assert target.ask(data).outcome == (401, "missing_credential")
    assert "authorization" not in target.calls()[0]["request"]["headers"]


@pytest.mark.parametrize("size", [1, 7, 65_000], ids=["byte", "few", "large"])
def test_h08_good_chunks_of_any_size_are_read(target: Target, size: int) -> None:
    body = BODY[:-1] + b" " * 70_000 + b"}" if size > 1 else BODY
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    data = http("POST", CREATE, CHUNKED, body=chunked(*chunks))
    assert target.ask(data).status == 201


REJECTED = {
    "no-host": http(host=None),
    "foreign-host": http(host="evil.example"),
    "not-http": b"GARBAGE\r\n\r\n",
    "bad-chunk": http("POST", CREATE, CHUNKED, body=b"x\r\n"),
    "too-large": http("POST", CREATE, "Content-Length: 1048577"),
    "eight-bit": http("POST", CREATE, b"X-A: \xff"),
    "control-side": http("POST", "/__admin/reset", host="evil.example"),
    "expecting": http("POST", CREATE, "Expect: 100-continue", host="evil.example"),
    "expecting-bad-chunk": http("POST", CREATE, "Expect: 100-continue", CHUNKED, body=b"x\r\n"),
}


@pytest.mark.parametrize("data", REJECTED.values(), ids=REJECTED)
def test_h09_nothing_pipelined_behind_a_rejected_request_is_executed(target: Target, data: bytes) -> None:
    target.is_refused(data + http() + http("POST", "/__admin/reset"))
    assert target.calls() == []


@pytest.mark.parametrize("data", REJECTED.values(), ids=REJECTED)
def test_h09_a_request_before_a_rejected_one_keeps_its_answer(target: Target, data: bytes) -> None:
    client = target.connect()
    client.sendall(http("GET", "/__admin/health") + http() + data + http())
    answers = split_answers(read_to_end(client))
    assert [answer.outcome for answer in answers][:2] == [(200, None), (201, "created")]
    assert [answer.reason for answer in answers][2:] == ["guard"]
    assert target.reasons() == ["created"]


@pytest.mark.parametrize(
    "data",
    [
        b"GARBAGE\r\n\r\n",
        http("GET", "/#x"),
        http(version="2.0"),
        http("CONNECT", "a:1"),
        REJECTED["bad-chunk"],
    ],
    ids=["not-http", "fragment", "version", "connect", "bad-chunk"],
)
def test_h09_a_rejected_request_waits_behind_an_answer_that_is_held(target: Target, data: bytes) -> None:
    held = target.stub({"status": 201}, hold=True, times=1)
    client = target.connect()
    client.sendall(http() + data + http())
    target.wait_until(lambda: any(connection.is_receiving for connection in target.connections))
    assert target.control("POST", f"/mappings/{held}/release").json == {"released": 1}
    answers = split_answers(read_to_end(client))
    assert [answer.status for answer in answers] == [201, 400]


def test_h09_a_server_is_made_for_each_test_that_wants_other_settings() -> None:
    # What the tests above rest on: servers share nothing.
    with target_with() as one, target_with() as other:
        one.ask(http())
        assert (len(one.calls()), len(other.calls())) == (1, 0)
        assert isinstance(one.server, ServerThread) and one.engine.settings == Settings(port=0)
