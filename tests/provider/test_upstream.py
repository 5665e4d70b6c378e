"""The way to the real API: which origins there are, and which addresses nothing is sent to."""

from __future__ import annotations

import sys

import pytest

from mockserver import MockServer
from mockserver.exceptions import SettingsError
from mockserver.provider.upstream import Upstream, UpstreamError, drop_hop_by_hop, is_metadata, read_origin


@pytest.mark.parametrize(
    ("text", "origin"),
    (
        ("https://api.example.com", ("https", "api.example.com", None)),
        ("https://api.example.com:443/", ("https", "api.example.com", None)),
        ("http://[::1]:8080", ("http", "::1", 8080)),
    ),
)
def test_an_origin_is_read(text: str, origin: tuple[str, str, int | None]) -> None:
    assert read_origin(text) == origin


@pytest.mark.parametrize(
    "text",
    ("api.example.com", "ftp://a", "http://", "http://a:x", "http://u:p@a", "http://a/v1", "http://a?b"),
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="is not an origin"):
        MockServer(upstream=text)


@pytest.mark.parametrize(
    "address",
    ("169.254.169.254", "::ffff:169.254.169.254", "fe80::1%eth0", "fd00:ec2::254", "100.100.100.200"),
)
def test_a_metadata_service_is_no_api(address: str) -> None:
    assert is_metadata(address)
    name = f"[{address}]" if ":" in address else address
    with pytest.raises(SettingsError, match="is a metadata service"):
        Upstream(f"http://{name.replace('%eth0', '')}", timeout_seconds=1)


@pytest.mark.parametrize("address", ("127.0.0.1", "10.0.0.1", "::1", "api.example.com"))
def test_other_addresses_are_not(address: str) -> None:
    assert not is_metadata(address)


def test_a_name_that_nobody_knows_is_told() -> None:
    upstream = Upstream("http://nobody.invalid", timeout_seconds=1)
    assert repr(upstream) == "<Upstream http://nobody.invalid>"
    with pytest.raises(UpstreamError, match="cannot be reached") as caught:
        upstream.send("GET", b"/", (), b"")
    assert caught.value.reason == "upstream_broken"


def test_headers_of_one_connection_are_left_out() -> None:
    headers = (
        (b"connection", b"X-One, close"), (b"x-one", b"1"), (b"te", b"trailers"), (b"upgrade", b"h2c"),
        (b"x-two", b"2"),
    )  # fmt: skip
    assert drop_hop_by_hop(headers) == ((b"x-two", b"2"),)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpcore", None)
    with pytest.raises(SettingsError, match=r"pip install 'hsrcpay-mockserver\[proxy\]'"):
        MockServer(upstream="http://127.0.0.1:1")
