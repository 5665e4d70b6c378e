"""Generated values follow from seed, namespace and request."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mockserver.serving.building import build_engine
from mockserver.settings import Settings
from tests.doors import (
    BODY,
    CREATE,
    FROZEN,
    Api,
    engine_api,
)


def test_the_same_request_gets_the_same_values_from_any_engine(api: Api) -> None:
    other = engine_api(build_engine(Settings(clock=FROZEN)))
    assert [api.send().body for _ in range(3)] == [other.send().body for _ in range(3)]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"json": BODY | {"name": "Other"}}, id="body"),
        pytest.param({"json": BODY | {"colour": "red"}}, id="a member that is dropped"),
        pytest.param({"key": "sk_test_other"}, id="credential"),
        pytest.param({"url": CREATE.replace("acct_1", "acct_2")}, id="account"),
        pytest.param({"url": f"{CREATE}&x=1"}, id="query"),
    ],
)
def test_a_different_request_gets_another_key(api: Api, change: dict[str, Any]) -> None:
    assert api.send().key != api.send(**change).key


def test_how_the_same_request_is_written_changes_nothing(api: Api) -> None:
    namespace = api.engine.namespaces.default
    first = api.send(url=f"{CREATE}&b=1&a=2").json["data"]
    namespace.reset()
    body = b' { "permissions" : {"account:api:key":["re\\u0061d"]},\n"name":"Reporting"} '
    url = "/v1/api-keys?a=2&account%5Fid=acct%5f1&b=1"
    headers = {"X-Other": "1", "User-Agent": "test", "Content-Type": "application/json; charset=utf-8"}
    second = api.send(url=url, body=body, headers=headers).json["data"]
    assert (first["key"], first["id"]) == (second["key"], second["id"])


def test_only_a_request_that_was_carried_out_counts_as_a_repetition(api: Api) -> None:
    keys = [api.send().key, api.send().key]
    assert keys[0] != keys[1]
    api.engine.namespaces.default.reset()
    # Refused, scripted and preferred on the way: the values stay those of the first and the second time.
    api.send(headers={"Prefer": "code=429"})
    api.script({"request": {"urlPath": "/v1/api-keys/"}, "response": {"status": 500},
                "metadata": {"mockserver": {"times": 1}}})  # fmt: skip
    assert api.send().status == 500
    assert api.send().key == keys[0]
    again = {"Idempotency-Key": "once"}
    assert api.send(headers=again).key == keys[1]
    assert api.send(headers=again).outcome == (201, "replayed")
    assert api.send().key not in keys


def test_seed_and_namespace_change_the_values() -> None:
    keys = set()
    for seed in ("one", "two"):
        engine = build_engine(Settings(clock=FROZEN, seed=seed))
        keys |= {engine_api(engine).send(url=f"{prefix}{CREATE}").key[-32:] for prefix in ("", "/~a", "/~b")}
    assert len(keys) == 6


def test_a_key_is_seen_to_be_fake_by_people_and_by_secret_scanners(api: Api) -> None:
    for key in (api.send().key, api.send(url=f"/~team-1{CREATE}").key):
        assert key.startswith("sk_test_mock_")
        # The rules of gitleaks and trufflehog for keys that look like this.
        assert not re.search(r"\b(?:sk|rk)_(?:test|live|prod)_[a-zA-Z0-9]{10,99}\b", key)
