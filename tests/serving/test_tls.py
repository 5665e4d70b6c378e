"""HTTPS, by a certificate made for the run and by one's own: clients of all kinds trust it."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import httpx
import pytest
import requests
import trustme

from mockserver import MockServer, Settings, SettingsError, connect
from mockserver.serving.tls import open_tls

KEY = {"Authorization": "Bearer sk_test_x"}
PATH = "/api-keys/?account_id=acct_1"


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    with MockServer(tls=True, allowed_host=["mockserver.test:8443", "api.example"]) as server:
        yield server


@pytest.fixture
def ca_file(server: MockServer) -> str:
    assert server.ca_file is not None
    return server.ca_file


def test_the_address_says_so(server: MockServer) -> None:
    assert server.base_url.startswith("https://127.0.0.1:")


def test_requests_trusts_it(server: MockServer, ca_file: str) -> None:
    assert requests.get(server.url_for(PATH), headers=KEY, verify=ca_file, timeout=30).status_code == 200
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(server.url_for(PATH), headers=KEY, timeout=30)


def test_httpx_trusts_it(server: MockServer, ca_file: str) -> None:
    context = ssl.create_default_context(cafile=ca_file)
    for host in ("127.0.0.1", "localhost"):
        url = server.url_for(PATH).replace("127.0.0.1", host)
        with httpx.Client(verify=context, trust_env=False) as client:
            assert client.get(url, headers=KEY).status_code == 200


def test_aiohttp_trusts_it(server: MockServer, ca_file: str) -> None:
    async def get() -> int:
        context = ssl.create_default_context(cafile=ca_file)
        async with (
            aiohttp.ClientSession() as session,
            session.get(server.url_for(PATH), headers=KEY, ssl=context) as answer,
        ):
            return answer.status

    assert asyncio.run(get()) == 200


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_curl_trusts_it(server: MockServer, ca_file: str) -> None:
    url = server.url_for(PATH)
    command = [
        "curl",
        "-sS",
        "-o",
        os.devnull,
        "-w",
        "%{http_code}",
        "--cacert",
        ca_file,
        "--noproxy",
        "*",
        url,
    ]
    run = subprocess.run([*command, "-H", f"Authorization: {KEY['Authorization']}"], capture_output=True)
    assert run.stdout == b"200", run.stderr


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node here")
def test_fetch_of_node_trusts_it(server: MockServer, ca_file: str) -> None:
    script = (
        "fetch(process.argv[1], {headers: {authorization: 'Bearer sk_test_x'}})"
        ".then(answer => console.log(answer.status))"
    )
    run = subprocess.run(
        ["node", "-e", script, server.url_for(PATH)],
        env={**os.environ, "NODE_EXTRA_CA_CERTS": ca_file},
        capture_output=True,
    )
    assert run.stdout == b"200\n", run.stderr


def test_python_trusts_it_by_the_environment(server: MockServer, ca_file: str) -> None:
    script = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1] + '/openapi.json').status)"
    run = subprocess.run(
        [sys.executable, "-c", script, server.origin],
        env={**os.environ, "SSL_CERT_FILE": ca_file, "NO_PROXY": "*"},
        capture_output=True,
    )
    assert run.stdout == b"200\n", run.stderr


def test_a_certificate_has_the_names_of_the_hosts_that_are_allowed() -> None:
    made = open_tls(
        Settings(tls=True, host="0.0.0.0", allowed_host=("*", "api.example", "mockserver.test:8443"))
    )
    assert made is not None and made.ca_file is not None
    for name in ("localhost", "127.0.0.1", "::1", "api.example", "mockserver.test"):
        client, outgoing, incoming = (
            ssl.create_default_context(cafile=made.ca_file),
            ssl.MemoryBIO(),
            ssl.MemoryBIO(),
        )
        side = client.wrap_bio(incoming, outgoing, server_hostname=name)
        other = made.context.wrap_bio(outgoing, incoming, server_side=True)
        for _ in range(3):
            for each in (side, other):
                try:
                    each.do_handshake()
                except ssl.SSLWantReadError:
                    continue
        assert side.version() is not None


# The doors and the faults


def test_a_client_that_ends_the_session_ends_its_waiting_without_a_warning(
    server: MockServer, ca_file: str, caplog: pytest.LogCaptureFixture
) -> None:
    body = b'{"pattern": {}, "count": 9, "timeoutMillis": 60000}'
    head = b"POST /__admin/requests/wait-for-count HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    url = urlsplit(server.origin)
    journal = server._app.engine.namespaces.default.journal
    with (
        socket.create_connection((url.hostname, url.port), timeout=20) as connection,
        ssl.create_default_context(cafile=ca_file).wrap_socket(
            connection, server_hostname="localhost"
        ) as client,
    ):
        client.sendall(head % len(body) + body)
        while not journal.listeners:
            server.calls()
        client.unwrap()
        while journal.listeners:
            server.calls()
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == []


@pytest.mark.usefixtures("loop")
@pytest.mark.parametrize("fault", ["EMPTY_RESPONSE", "TRUNCATED_BODY", "WRONG_CONTENT_LENGTH"])
def test_a_fault_ends_the_session_without_a_warning(caplog: pytest.LogCaptureFixture, fault: str) -> None:
    with MockServer(tls=True) as server:
        server.fail_next(fault=fault, status=500)
        url = urlsplit(server.origin)
        with (
            socket.create_connection((url.hostname, url.port), timeout=20) as connection,
            ssl.create_default_context(cafile=server.ca_file).wrap_socket(
                connection, server_hostname="localhost", suppress_ragged_eofs=True
            ) as client,
        ):
            client.sendall(b"GET /v1/api-keys/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            while client.recv(65536):
                pass
        assert server.last_call.state == "faulted"
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_the_verbs_reach_it_from_elsewhere(server: MockServer, ca_file: str) -> None:
    sandbox = connect(f"{server.origin}/~far", ca_file=ca_file)
    sandbox.fail_next(fault="CONNECTION_RESET_BY_PEER")
    with httpx.Client(transport=sandbox.transport()) as client:
        # Python's ssl tells of a reset as of an end: so do all its clients.
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("https://api.hsrcpay.com/v1/api-keys/", headers=KEY)
        sandbox.fail_next(fault="TRUNCATED_BODY")
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("https://api.hsrcpay.com/v1/api-keys/", headers=KEY)
    with requests.Session() as session:
        session.mount("https://", sandbox.requests_adapter())
        assert session.get(f"https://api.hsrcpay.com/v1{PATH}", headers=KEY).status_code == 200
    assert len(sandbox.calls()) == 3
    sandbox._door.close()


@pytest.mark.usefixtures("loop")
def test_the_file_of_the_authority_ends_with_the_server() -> None:
    server = MockServer(tls=True)
    path = Path(str(server.ca_file))
    assert path.read_text("ascii").startswith("-----BEGIN CERTIFICATE-----")
    with server:
        pass
    with server:
        assert server.ca_file == str(path)
    del server
    assert not path.exists()


# A certificate of one's own


@pytest.fixture
def own(tmp_path: Path) -> tuple[str, Path, Path]:
    """The file of an authority, a certificate that it signed, and its key."""
    authority = trustme.CA()
    leaf = authority.issue_cert("127.0.0.1")
    ca_file, certificate, key = (tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem"))
    authority.cert_pem.write_to_path(str(ca_file))
    certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    leaf.private_key_pem.write_to_path(str(key))
    return str(ca_file), certificate, key


def test_a_certificate_of_ones_own_is_used(own: tuple[str, Path, Path]) -> None:
    ca_file, certificate, key = own
    with MockServer(tls_cert=certificate, tls_key=str(key)) as server:
        assert server.ca_file is None
        assert requests.get(server.url_for(PATH), headers=KEY, verify=ca_file, timeout=30).status_code == 200


def test_a_certificate_and_its_key_come_together(own: tuple[str, Path, Path]) -> None:
    _, certificate, key = own
    with pytest.raises(SettingsError, match="tls_key: is missing beside tls_cert"):
        MockServer(tls_cert=certificate)
    with pytest.raises(SettingsError, match="tls_cert: is missing beside tls_key"):
        MockServer(tls_key=key)


def test_files_that_are_no_certificate_are_named(own: tuple[str, Path, Path], tmp_path: Path) -> None:
    key = own[2]
    for cert, reason in ((key, "not a certificate in PEM"), (tmp_path / "no.pem", "No such file")):
        with pytest.raises(SettingsError, match=reason):
            MockServer(tls_cert=cert, tls_key=key)


def test_the_library_that_makes_certificates_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trustme", None)
    with pytest.raises(SettingsError, match=r"hsrcpay-mockserver\[tls\]"):
        MockServer(tls=True)
