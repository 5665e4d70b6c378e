"""Clients that nobody here wrote, as they are used: each meets errors, faults and recovery, and copes."""

from __future__ import annotations

import asyncio
import http.client
import importlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import requests.adapters
import tenacity
import urllib3

from mockserver import MockServer, Sandbox

BODY = {"name": "Reporting", "permissions": {"account:api:key": ["read"]}}
# What breaks payment clients: the key is created, but nobody hears of it.
LOST: dict[str, Any] = {"fault": "CONNECTION_RESET_BY_PEER", "phase": "after_commit"}


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    with MockServer(clock="2026-01-01T00:00:00Z") as server:
        yield server


@pytest.fixture
def sandbox(server: MockServer) -> Sandbox:
    server.reset()
    return server


def url_of(sandbox: Sandbox) -> str:
    return f"{sandbox.base_url}/api-keys/?account_id=acct_1"


def headers_of(sandbox: Sandbox, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {sandbox.secret_key}", **more}


def with_httpx(sandbox: Sandbox) -> Any:
    with httpx.Client() as client:
        answer = client.post(url_of(sandbox), json=BODY, headers=headers_of(sandbox))
        return answer.raise_for_status().json()


def with_async_httpx(sandbox: Sandbox) -> Any:
    async def post() -> Any:
        async with httpx.AsyncClient() as client:
            answer = await client.post(url_of(sandbox), json=BODY, headers=headers_of(sandbox))
            return answer.raise_for_status().json()

    return asyncio.run(post())


def with_requests(sandbox: Sandbox) -> Any:
    with requests.Session() as session:
        answer = session.post(url_of(sandbox), json=BODY, headers=headers_of(sandbox))
        answer.raise_for_status()
        return answer.json()


def with_aiohttp(sandbox: Sandbox) -> Any:
    async def post() -> Any:
        async with (
            aiohttp.ClientSession(raise_for_status=True) as session,
            session.post(url_of(sandbox), json=BODY, headers=headers_of(sandbox)) as answer,
        ):
            return await answer.json()

    return asyncio.run(post())


def with_urllib3(sandbox: Sandbox) -> Any:
    with urllib3.PoolManager(retries=False) as pool:
        answer = pool.request("POST", url_of(sandbox), json=BODY, headers=headers_of(sandbox))
        if answer.status >= 400:
            raise urllib3.exceptions.HTTPError(answer.status)
        return answer.json()


def with_urllib(sandbox: Sandbox) -> Any:
    request = urllib.request.Request(
        url_of(sandbox),
        json.dumps(BODY).encode(),
        headers_of(sandbox, **{"Content-Type": "application/json"}),
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


CLIENTS = (with_httpx, with_async_httpx, with_requests, with_aiohttp, with_urllib3, with_urllib)
ERRORS = (
    httpx.HTTPError,
    requests.RequestException,
    aiohttp.ClientError,
    urllib3.exceptions.HTTPError,
    OSError,
    http.client.HTTPException,
)


@pytest.fixture(params=CLIENTS)
def post(request: pytest.FixtureRequest) -> Callable[[Sandbox], Any]:
    chosen: Callable[[Sandbox], Any] = request.param
    return chosen


def test_every_client_gets_a_key(sandbox: Sandbox, post: Callable[[Sandbox], Any]) -> None:
    assert post(sandbox)["data"]["key"].startswith("sk_test_mock_")
    sandbox.verify("createApiKey", times=1, nothing_else=True)
    assert sandbox.last_call.json == BODY


@pytest.mark.parametrize("outcome", [429, 500, {"fault": "EMPTY_RESPONSE"}, LOST], ids=str)
def test_every_client_notices_a_failure(
    sandbox: Sandbox, post: Callable[[Sandbox], Any], outcome: Any
) -> None:
    sandbox.queue("createApiKey", [outcome])
    with pytest.raises(ERRORS):
        post(sandbox)
    assert post(sandbox)["success"] is True


@pytest.mark.parametrize(
    "fault",
    [
        "MALFORMED_RESPONSE_CHUNK",
        "RANDOM_DATA_THEN_CLOSE",
        "TRUNCATED_BODY",
        "WRONG_CONTENT_LENGTH",
        "NOT_JSON",
    ],
)
def test_every_client_notices_damage(sandbox: Sandbox, post: Callable[[Sandbox], Any], fault: str) -> None:
    sandbox.fail_next(fault=fault)
    with pytest.raises(ERRORS):
        post(sandbox)
    assert sandbox.last_call.fault == fault


def test_a_retry_of_urllib3_waits_as_it_is_told_and_recovers(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    sandbox.fail_next(429, times=2, headers={"Retry-After": "3"})
    retry = urllib3.Retry(5, status_forcelist=[429], allowed_methods=["POST"])
    with urllib3.PoolManager(retries=retry) as pool:
        answer = pool.request("POST", url_of(sandbox), json=BODY, headers=headers_of(sandbox))
    assert answer.status == 201
    assert waits == [3, 3]
    sandbox.verify("createApiKey", times=3)


def test_a_retry_of_requests_recovers_from_a_reset(sandbox: Sandbox) -> None:
    sandbox.queue("createApiKey", [{"fault": "CONNECTION_RESET_BY_PEER"}, 500])
    retry = urllib3.Retry(3, status_forcelist=[500], allowed_methods=None, backoff_factor=0)
    with requests.Session() as session:
        session.mount("http://", requests.adapters.HTTPAdapter(max_retries=retry))
        answer = session.post(url_of(sandbox), json=BODY, headers=headers_of(sandbox))
    assert answer.status_code == 201
    assert [call.status for call in sandbox.calls("createApiKey")] == [201, 500, 201]


@pytest.mark.parametrize(("key", "created"), [(None, 2), ("once", 1)])
def test_a_retry_of_tenacity_makes_two_keys_unless_it_says_that_it_is_one(
    sandbox: Sandbox, key: str | None, created: int
) -> None:
    sandbox.queue("createApiKey", [500, LOST, 201])
    headers = headers_of(sandbox) | ({"Idempotency-Key": key} if key else {})

    @tenacity.retry(stop=tenacity.stop_after_attempt(5), wait=tenacity.wait_none())
    def post() -> httpx.Response:
        return client.post(url_of(sandbox), json=BODY, headers=headers).raise_for_status()

    with httpx.Client() as client:
        assert post().status_code == 201
        listed = client.get(url_of(sandbox), headers=headers_of(sandbox)).raise_for_status().json()
    assert [item["name"] for item in listed["data"]].count("Reporting") == created
    if created == 1:
        sandbox.verify_no_duplicates()
    sandbox.verify("createApiKey", times=3)


def test_a_retry_of_tenacity_gives_up(sandbox: Sandbox) -> None:
    sandbox.fail_next(503, times=9, off_contract=True)

    @tenacity.retry(stop=tenacity.stop_after_attempt(3), wait=tenacity.wait_none(), reraise=True)
    def post() -> Any:
        return with_httpx(sandbox)

    with pytest.raises(httpx.HTTPStatusError):
        post()
    sandbox.verify("createApiKey", times=3, nothing_else=True)


@pytest.mark.parametrize("library", ["httpx", "aiohttp"])
def test_a_client_of_asyncio_gives_up_what_hangs(sandbox: Sandbox, library: str) -> None:
    sandbox.fail_next(fault="HANG")

    async def with_httpx_in_time() -> None:
        async with httpx.AsyncClient(timeout=httpx.Timeout(30, read=0.2)) as client:
            await client.post(url_of(sandbox), json=BODY)

    async def with_aiohttp_in_time() -> None:
        timeout = aiohttp.ClientTimeout(total=30, sock_read=0.2)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url_of(sandbox), json=BODY),
        ):
            pass

    with pytest.raises((httpx.TimeoutException, TimeoutError)):
        asyncio.run(with_httpx_in_time() if library == "httpx" else with_aiohttp_in_time())
    # On a busy machine the client may give up before the server has read what it sent.
    sandbox.wait_for("createApiKey", times=1, timeout=10)
    assert sandbox.last_call.fault == "HANG"


def test_a_client_generated_from_the_served_contract_works(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = tmp_path / "openapi.json"
    document.write_bytes(httpx.get(f"{sandbox.origin}/openapi.json").content)
    target = tmp_path / "generated"
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]
    run = subprocess.run(
        [*command, "--path", str(document), "--output-path", str(target)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    monkeypatch.syspath_prepend(str(tmp_path))
    client_of = importlib.import_module("generated").AuthenticatedClient
    models = importlib.import_module("generated.models")
    create = importlib.import_module("generated.api.default.create_api_key").sync_detailed
    listing = importlib.import_module("generated.api.default.list_api_keys").sync

    with client_of(base_url=sandbox.base_url, token=sandbox.secret_key) as client:
        body = models.CreateAPIKeyRequest.from_dict(BODY)
        created = create(client=client, account_id="acct_1", body=body)
        sandbox.fail_next(429)
        refused = create(client=client, account_id="acct_1", body=body)
        listed = listing(client=client, account_id="acct_1")
    assert (created.status_code, created.parsed.data.name) == (201, "Reporting")
    assert (refused.status_code, refused.parsed.error.details["reason"]) == (429, "rate_limited")
    assert [item.id for item in listed.data] == [created.parsed.data.id]
    sandbox.verify_in_order("createApiKey", "listApiKeys", nothing_else=True)
