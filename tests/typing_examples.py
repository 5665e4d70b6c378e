"""What a user writes; mypy checks it as strictly as it can (see test_public_api). It is never run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, assert_type

import httpx
import pytest
import requests

from mockserver import (
    DocumentedError,
    MockServer,
    RecordedCall,
    Sandbox,
    StubError,
    VerificationError,
    connect,
)


@pytest.fixture(scope="session")
def mockserver_settings() -> dict[str, Any]:
    return {"seed": "s", "strict_accounts": True}


@pytest.mark.mockserver(strict=True, queue={"createApiKey": [500, 201]})
def test_with_the_fixture(mockserver: Sandbox) -> None:
    assert_type(mockserver.base_url, str)
    assert_type(mockserver.secret_key, str)
    assert_type(mockserver.fail_next(429, times=2, operation="createApiKey"), str)
    assert_type(
        mockserver.queue("createApiKey", [500, {"fault": "HANG", "phase": "after_commit"}, 201]), list[str]
    )
    assert_type(mockserver.stub({"request": {"method": "POST"}, "response": {"status": 503}}), str)
    assert_type(mockserver.calls("createApiKey"), list[RecordedCall])
    assert mockserver.calls("createApiKey")[-1].json["name"] == "ci"
    assert_type(mockserver.last_call.status, int | None)
    mockserver.verify("createApiKey", times=3)
    mockserver.verify({"method": "POST"}, at_least=1, timeout=2.5)
    assert_type(mockserver.wait_for("createApiKey", times=1, timeout=5), list[RecordedCall])
    mockserver.clock.freeze("2026-01-01T00:00:00Z")
    mockserver.clock.freeze(datetime(2026, 1, 1, tzinfo=UTC))
    mockserver.clock.advance(timedelta(days=90))
    assert_type(mockserver.clock.now, datetime)
    mockserver.restore(mockserver.snapshot())
    assert_type(mockserver.jwt(permissions=["account:api:key:create"]), str)


@pytest.mark.mockserver_errors("createApiKey")
def test_with_errors(mockserver: Sandbox, mockserver_error: DocumentedError) -> None:
    assert_type(mockserver_error.status, int)
    assert_type(mockserver_error.reason, str)


def with_a_server() -> None:
    with MockServer(seed="s") as server:
        assert_type(server, MockServer)
        sandbox = server.namespace("t1")
        assert_type(sandbox, Sandbox)
        use(server)
        use(sandbox)
        use(connect("http://127.0.0.1:4020", admin_token=None))


async def with_asyncio() -> None:
    async with MockServer() as server, httpx.AsyncClient(transport=server.transport()) as client:
        await client.get("https://api.hsrcpay.com/v1/api-keys/")


def use(sandbox: Sandbox) -> None:
    with httpx.Client(transport=sandbox.transport(), base_url="https://api.hsrcpay.com/v1") as client:
        client.get("/api-keys/")
    session = requests.Session()
    session.mount("https://api.hsrcpay.com", sandbox.requests_adapter(max_retries=2))
    try:
        sandbox.fail_next(429)
    except StubError as error:
        assert error.problems[0].pointer
    try:
        sandbox.verify("createApiKey")
    except VerificationError as failure:
        raise AssertionError from failure
