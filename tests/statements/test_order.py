"""The order of decisions: of two reasons the earlier one answers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.doors import (
    BODY,
    KEY,
    Api,
    encode,
)

# Each reason: what brings it about, on top of a request that would succeed.
CAUSES: dict[str, dict[str, Any]] = {
    "live_credential": {"key": "sk_live_x"},
    "stub": {"headers": {"X-Scripted": "yes"}},
    "preferred": {"headers": {"Prefer": "code=500"}},
    "no_such_operation": {"path": "/v1/nothing"},
    "method_not_allowed": {"method": "PUT"},
    "missing_credential": {"key": None},
    "expired_credential": {"key": "sk_test_expired"},
    "rate_limited": {"rate_limit": "1/60s"},
    "malformed_json": {"body": b"{"},
    "invalid_request": {"query": "&account_id=again"},
    "account_not_found": {"account": "acct_live_main"},
    "missing_permission": {"key": "sk_test_no_permissions"},
    "foreign_account": {"key": "sk_test_bound"},
    "idempotency_conflict": {"headers": {"Idempotency-Key": "used"}},
}
ORDER = list(CAUSES)
# A request has one path and method, one credential, one account; `Prefer` means nothing without an operation.
IMPOSSIBLE = {
    ("preferred", "no_such_operation"),
    ("preferred", "method_not_allowed"),
    ("no_such_operation", "method_not_allowed"),
    ("missing_permission", "idempotency_conflict"),
}
PAIRS = [
    (first, second)
    for index, first in enumerate(ORDER)
    for second in ORDER[index + 1 :]
    if not ("key" in CAUSES[first] and "key" in CAUSES[second]) and (first, second) not in IMPOSSIBLE
]


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=[f"{a} before {b}" for a, b in PAIRS])
def test_of_two_reasons_the_earlier_one_decides(api: Api, first: str, second: str) -> None:
    causes = [CAUSES[first], CAUSES[second]]
    given = {key: value for cause in causes for key, value in cause.items() if key != "headers"}
    headers = {name: value for cause in causes for name, value in cause.get("headers", {}).items()}
    key = given.get("key", KEY)
    home = "acct_bound" if key == "sk_test_bound" else "acct_1"
    api.script({"request": {"headers": {"X-Scripted": {"equalTo": "yes"}}}, "response": {"status": 500}})
    if "idempotency_conflict" in (first, second):
        api.send(
            key=key,
            url=f"/v1/api-keys/?account_id={home}",
            headers=headers | {"X-Scripted": "", "Prefer": ""},
        )
    if "rate_limit" in given:
        api.configure(rate_limit=given["rate_limit"])
        api.send(key=key)
    account = given.get("account", "acct_1")
    url = f"{given.get('path', '/v1/api-keys/')}?account_id={account}{given.get('query', '')}"
    body = given.get("body", encode(BODY | {"name": "other"}))
    answer = api.send(given.get("method", "POST"), url, key=key, headers=headers, body=body)
    assert answer.reason == first


def test_refused_credentials_take_nothing_from_the_rate(api: Api) -> None:
    api.configure(rate_limit="1/60s")
    for _ in range(3):
        assert api.send(key="sk_test_expired").reason == "expired_credential"
    assert api.send().status == 201
