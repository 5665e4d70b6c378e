"""Secrets never rest: whatever is shaped like a credential is replaced, wherever and however it stands."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mockserver.redaction import (
    digest_secret,
    display,
    fingerprint,
    fingerprints_by,
    hide,
    redact,
    redact_authorization,
    redact_bytes,
    redact_header,
    redact_json,
    redact_path,
    redact_pointer,
    redact_query,
    redact_start,
    redact_url,
)
from tests.doors import make_jwt
from tests.escapes import escape_all, percent_all

KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
JWT = make_jwt({"sub": "somebody"})


def encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


# As people write a header by hand, or a library indents it.
SPACED_JWTS = [
    f"{encode(header)}.{encode('{}')}.c2lnbmF0dXJl"
    for header in (
        '{ "alg": "HS256" }', '{\n  "alg": "HS256"\n}', '{\r\n"alg":"HS256"}', '{\t"alg":"HS256"}',
        '{      \n    "alg":"HS256"}',
    )
]  # fmt: skip


def shown(secret: str) -> str:
    return display(secret, digest_secret(secret))


def test_a_secret_is_shown_by_prefix_and_fingerprint() -> None:
    assert re.fullmatch(r"sk_test_\[[0-9a-f]{12}\]", shown(KEY))
    assert shown(KEY) == f"sk_test_[{fingerprint(digest_secret(KEY))}]"
    assert shown("nonsense").startswith("[")


@pytest.mark.parametrize(
    "secret",
    [
        KEY,
        "sk_live_x",
        "pk_test_x",
        "pk_live_51H",
        "sk_test_mock_ns-team-1_" + "A" * 32,
        "sk_51Habcdef",
        "pk_51Habcdef",
        "org-1_sk_test_x",
        "sk_live_part.of.a-key~1",
        JWT,
        make_jwt({}, signature=""),
        *SPACED_JWTS,
        ".".join([*JWT.split("."), "a", "b"]),
    ],
)
def test_a_text_loses_every_secret_in_it_and_nothing_else(secret: str) -> None:
    stand_in = shown(secret)
    for before, after in (
        ("", ""),
        ("a ", " z"),
        ('{"k":"', '"}'),
        ("(", ")."),
        ("ü", "ü"),
        ("k=", "&l=1"),
        ("/", "/x"),
    ):
        assert redact(f"{before}{secret}{after}") == f"{before}{stand_in}{after}"
    assert redact(f"{secret} {secret},{KEY}") == f"{stand_in} {stand_in},{shown(KEY)}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "task_manager_long_name",
        "risk_assessment",
        "a desk_drawer",
        "sk_id",
        "pk_1",
        "eyJ",
        "eyJhbGciOi",
        "keyJust.a.word",
        "moneyAgenda.a.b",
        "surveyAnswersKept.in.a.file",
        "homework.core.utils",
        "a newoverview.and.more",
        "eyAiYWxnIjoi.one-point",
        "ewogICAgICAgICAg.white.space",
        "task_01HZXABCDEFGHJKMNPQRST",
        "task_3f2504e04f8911d39a0c0305e82c3301",
        "disk_UsagePercentOfTheLastDays30",
        "flask_sqlalchemy2",
        "100%",
        "%zz",
        "%C3%BC",
        "\\u00fc",
        "\\",
        "acct_1",
        "\ud800",
    ],
)
def test_a_plain_text_is_left_as_it_is(text: str) -> None:
    assert redact(text) == text
    assert redact_bytes(text.encode("utf-8", "surrogatepass")) == text.encode("utf-8", "surrogatepass")


# The marks of RFC 6750, section 2.1, between letters, and padding at the end.
ALPHABETS = ["sk_live_4eC39Hq/yj+WDa=rjt:T1z.dp~7dc==", "sk_4eC3/9HqLyjWDarjtT1zdp7dc+Ab=", "pk_test_a/b+c=1"]


@pytest.mark.parametrize("secret", ALPHABETS)
def test_a_key_goes_on_behind_the_marks_of_base64(secret: str) -> None:
    for before, after in (
        ("", ""),
        ("a/", ""),
        ('"', '"'),
        ("key=", "&l=1"),
        ("(", ")."),
        ("", ", next"),
        ("x: ", ": y"),
    ):
        assert redact(f"{before}{secret}{after}") == f"{before}{shown(secret)}{after}"


def test_a_pointer_is_redacted_as_its_tokens_were_before_they_were_escaped() -> None:
    for secret in (KEY, *ALPHABETS):
        token = f"a/{secret}".replace("~", "~0").replace("/", "~1")
        assert redact_pointer(f"/x/{token}/0") == f"/x/a~1{shown(secret)}/0"
    assert redact_pointer(f"/a~0{KEY}/b~1c") == f"/a~0{shown(KEY)}/b~1c"
    assert redact_pointer("/a~1b/~0") == "/a~1b/~0"
    assert redact_pointer("") == ""


def test_a_key_in_a_path_or_a_query_ends_where_its_part_ends() -> None:
    secret = "sk_live_4eC39Hq/yj+WDa="
    escaped = quote(secret, safe="")
    assert redact_path(f"/v1/{escaped}/x/{KEY}/y") == f"/v1/{shown(secret)}/x/{shown(KEY)}/y"
    assert redact_query(f"a={escaped}&b={KEY}&{KEY}=c") == f"a={shown(secret)}&b={shown(KEY)}&{shown(KEY)}=c"
    assert redact_query(f"q=a+{KEY}+b") == f"q=a%20{shown(KEY)}%20b"
    assert redact_url(f"/v1/{KEY}?a={KEY}") == f"/v1/{shown(KEY)}?a={shown(KEY)}"
    for text in ("/v1/a%2Fb", "a=1&b=x+y", ""):
        assert redact_path(text) is text and redact_query(text) is text


@pytest.mark.parametrize("before", ["x", "org", "Z", "9", "task"])
def test_letters_before_it_do_not_hide_a_key(before: str) -> None:
    secret = f"{before}sk_4eC39HqLyjWDarjtT1zdp7dc"
    assert redact(f"a {secret} z") == f"a {shown(secret)} z"
    assert shown(secret).startswith("sk_[")


@pytest.mark.parametrize("secret", [KEY, JWT, SPACED_JWTS[0]], ids=["key", "jwt", "spaced jwt"])
@pytest.mark.parametrize(
    "hidden",
    [
        pytest.param(escape_all, id="JSON escapes"),
        pytest.param(lambda text: escape_all(text).upper().replace("\\U", "\\u"), id="capitals"),
        pytest.param(lambda text: text.replace(text[2], escape_all(text[2]), 1), id="one JSON escape"),
        pytest.param(lambda text: escape_all(text).replace("\\", "\\\\"), id="JSON in JSON"),
        pytest.param(lambda text: escape_all(text).replace("\\", "\\\\\\\\"), id="JSON in JSON in JSON"),
        pytest.param(percent_all, id="percent-encoded"),
        pytest.param(lambda text: percent_all(text).upper(), id="percent-encoded, capitals"),
        pytest.param(lambda text: percent_all(text[1]).join([text[0], text[2:]]), id="one character"),
        pytest.param(lambda text: percent_all(text).replace("%", "%25"), id="percent-encoded twice"),
        pytest.param(lambda text: percent_all(text).replace("%", "%2525"), id="percent-encoded three times"),
        pytest.param(lambda text: percent_all(escape_all(text)), id="percent-encoded JSON escapes"),
        pytest.param(lambda text: percent_all(text).replace("%", "\\u0025"), id="percents in JSON escapes"),
        pytest.param(lambda text: percent_all(percent_all(escape_all(text))), id="three kinds"),
        pytest.param("\0".join, id="UTF-16"),
    ],
)
def test_escapes_do_not_hide_a_secret_nor_change_its_fingerprint(
    secret: str, hidden: Callable[[str], str]
) -> None:
    text = hidden(secret)
    for before, after in (
        ('{"a":"', '"}'),
        ("/v1/?a=", "&b=%20"),
        ("", ""),
        ("%20", "%20"),
        ('"\\n', '\\n"'),
    ):
        assert redact(f"{before}{text}{after}") == f"{before}{shown(secret)}{after}"
        data = f"{before}{text}{after}".encode()
        assert redact_bytes(data) == f"{before}{shown(secret)}{after}".encode()


def test_json_stays_json() -> None:
    value = {"a": [KEY, f"x\n{KEY}\t", {KEY: None}], "b": f"ünï {escape_all(KEY)}", "n": 1.5}
    for ensure_ascii in (True, False):
        redacted = json.loads(redact_bytes(json.dumps(value, ensure_ascii=ensure_ascii).encode()))
        short = shown(KEY)
        assert redacted == {"a": [short, f"x\n{short}\t", {short: None}], "b": f"ünï {short}", "n": 1.5}
    assert redact_json(value)["a"] == redacted["a"]


def test_a_url_stays_a_url() -> None:
    url = f"/v1/a%2Fb/{KEY}?q=a+b%26&key={quote(KEY).replace('_', '%5F')}&x=%C3%BC"
    assert redact(url) == f"/v1/a%2Fb/{shown(KEY)}?q=a+b%26&key={shown(KEY)}&x=%C3%BC"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        (f"Bearer {KEY}", f"Bearer {shown(KEY)}"),
        (f"bearer   {KEY} ", f"bearer {shown(KEY)}"),
        ("Bearer nonsense", f"Bearer {shown('nonsense')}"),
        ("Basic c2tfdGVzdF94Og==", f"Basic {shown('c2tfdGVzdF94Og==')}"),
        ("Bearer two words", f"Bearer {shown('two words')}"),
        ("secret-scheme secret-token", shown("secret-scheme secret-token")),
        ("nonsense", shown("nonsense")),
        (KEY, shown(KEY)),
        ("Bearer", "Bearer"),
        ("Bearer ", "Bearer "),
        ("", ""),
    ],
    ids=lambda text: text.partition("[")[0] or "hidden",
)
def test_an_authorization_is_a_secret_as_a_whole(text: str, redacted: str) -> None:
    assert redact_authorization(text) == redacted
    for name in (b"authorization", b"proxy-authorization"):
        assert redact_header(name, text.encode()) == redacted.encode()
    assert redact_authorization(redacted) == redacted


def test_the_values_of_cookies_are_secrets() -> None:
    value = f"session=abc; {KEY}=1; flag; theme=dark"
    assert redact_header(b"cookie", value.encode()).decode() == (
        f"session={shown('abc')}; {shown(KEY)}={shown('1')}; {shown('flag')}; theme={shown('dark')}"
    )


def test_the_value_of_a_cookie_that_is_set_is_a_secret() -> None:
    value = f"session=abc=1; Path=/; Domain={KEY}; HttpOnly"
    assert redact_header(b"set-cookie", value.encode()).decode() == (
        f"session={shown('abc=1')}; Path=/; Domain={shown(KEY)}; HttpOnly"
    )


def test_a_secret_in_more_escapes_than_are_undone_is_hidden_with_its_text() -> None:
    text = KEY
    for escape in (percent_all, escape_all) * 4:
        text = escape(text[0]) + text[1:]
    assert redact(text) == shown(KEY)
    for escape in (percent_all, escape_all) * 8:
        text = escape(text[0]) + text[1:]
    assert re.fullmatch(r"\[[0-9a-f]{12}\]", redact(text))


def test_the_start_of_long_bytes_is_redacted_across_the_cut() -> None:
    long = JWT.encode() * 100
    for before in (100, 90, 0):
        data = b"." * before + b" " + long + b" rest" * 2_000
        start = redact_start(data, 100)
        assert len(start) > 100
        assert b"eyJ" not in start[:100]
        assert redact_bytes(data).startswith(start[:100])
    assert redact_start(b"short", 100) == b"short"
    assert redact_start(long, 10_000) == redact_bytes(long)


def test_fingerprints_are_keyed_by_the_seed() -> None:
    def shown_by(seed: str) -> str:
        with fingerprints_by(seed):
            return shown(KEY)

    assert shown_by("s") == shown_by("s") != shown_by("t")
    assert shown_by("hsrcpay") == shown(KEY)
    # What everybody can compute without the seed is none of it.
    assert digest_secret(KEY).hex()[:12] not in shown(KEY)


@pytest.mark.parametrize("name", [b"x-api-key", b"referer", b"prefer", b"idempotency-key", b"user-agent"])
def test_other_headers_lose_what_is_shaped_like_a_secret(name: bytes) -> None:
    for secret in (KEY, KEY.replace("_", "%5F"), percent_all(KEY)):
        assert redact_header(name, f"https://x/?k={secret}".encode()) == f"https://x/?k={shown(KEY)}".encode()
    assert redact_header(name, b"nothing \xff here") == b"nothing \xff here"


def test_what_is_hidden_already_is_not_hidden_again() -> None:
    for text in (shown(KEY), shown("x"), "sk_[0123456789ab]"):
        assert hide(text) == text
    assert hide("[0123456789]") != "[0123456789]"


@pytest.mark.parametrize(
    "data",
    [
        b"\\" * 2**19,
        b"%25" * 2**18,
        b"sk_" * 2**18,
        b"eyJ" * 2**18,
        b"eyJaaaa." * 2**16,
        b"sk_test_" + b"a." * 2**18,
        b"eyAi" * 2**18 + b"..",
        b"eyAiYWxnIjoiMSJ9.." * 2**14,
        b"xsk_Aa1" * 2**17,
        b"/sk_test_" + b"a/" * 2**19,
        b"sk_test_a" + b"=" * 2**20,
        b"%5c%75%30%30%32%35" * 2**15,
    ],
    ids=[
        "backslashes",
        "percents",
        "marks",
        "jwt marks",
        "jwts",
        "points",
        "spaced",
        "spaced jwts",
        "words",
        "slashes",
        "equals",
        "escapes",
    ],
)
def test_no_text_takes_long_to_redact(data: bytes) -> None:
    assert len(redact_bytes(data)) <= len(data) + 20


pieces = st.sampled_from(
    [KEY, JWT, "sk_", "pk_test_", "eyJ", "live_", ".", "%5F", "%73", "\\u005f", "\\", "%", "25", "a", "[",
     "]", " ", "ü"]
)  # fmt: skip
mixtures = st.lists(pieces | st.text(max_size=3), max_size=10).map("".join)


@given(mixtures)
def test_redacting_twice_changes_nothing(text: str) -> None:
    once = redact(text)
    assert redact(once) == once
    assert redact_bytes(text.encode("utf-8", "surrogatepass")) == once.encode("utf-8", "surrogatepass")


@given(st.text(max_size=20), st.text("abcXYZ019_-", min_size=8, max_size=40), st.text(max_size=20))
def test_no_surroundings_save_a_secret(before: str, rest: str, after: str) -> None:
    assume("%" not in after[:1] and "\\" not in after[:1])
    for mark in ("sk_test_", "pk_live_", "sk_live_mock_"):
        assert rest not in redact(f"{before}{mark}{rest}{after}")
