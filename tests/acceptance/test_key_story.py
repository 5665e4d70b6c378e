"""The life of a key, told over a real socket; told twice, it is the same to the byte."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from mockserver.serving.uvicorn_server import ServerThread
from mockserver.settings import Settings
from tests.doors import FROZEN, KEY, UNSENT, Answer, Api, socket_api
from tests.judge import check

ACCOUNT = "acct_test_main"
KEYS = f"/v1/api-keys/?account_id={ACCOUNT}"
MANAGED = "key_mock_managed00000000000000001"
HOUR_SECONDS = 3600


class Story:
    """What happens, in order, and every answer that it gets."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.answers: list[Answer] = []

    def call(self, operation: str, method: str, url: str, key: str, body: Any = UNSENT) -> Answer:
        answer = check(self.api.send(method, url, key=key, json=body), operation)
        self.answers.append(answer)
        return answer

    def create(self, key: str, **body: Any) -> Answer:
        return self.call("createApiKey", "POST", KEYS, key, body)

    def list_keys(self, key: str) -> Answer:
        return self.call("listApiKeys", "GET", KEYS, key)

    def regenerate(self, key: str, id: str) -> Answer:
        return self.call("regenerateManagedApiKey", "POST", f"/v1/api-keys/{id}/regenerate", key)

    def delete(self, key: str, id: str) -> Answer:
        return self.call("deleteApiKey", "DELETE", f"/v1/api-keys/{id}", key)

    def admin(self, method: str, path: str, body: Any = UNSENT) -> Any:
        answer = self.api.send(method, f"/__admin{path}", key=None, json=body)
        assert answer.status < 300, answer
        return answer.json

    def tell(self) -> list[Any]:
        """From the first key to the last call; returns the journal."""
        first = self.create(
            KEY,
            name="Onboarding",
            permissions={"account:api:key": ["create", "read"]},
            expires_at="2026-01-01T01:00:00Z",
            metadata={"team": "payments"},
        )
        assert first.outcome == (201, "created")
        secret, created = first.key, first.json["data"]

        [*_, listed] = self.list_keys(KEY).json["data"]
        assert listed == created | {"key": listed["key"]}
        assert listed["key"] not in (None, secret)

        second = self.create(secret, name="Reporting", permissions={"account:api:key": ["read"]})
        assert second.outcome == (201, "created")
        assert second.key != secret
        reader = second.key

        page = self.list_keys(reader).json
        assert [key["name"] for key in page["data"]] == ["Platform", "Checkout", "Onboarding", "Reporting"]
        used = page["data"][2]
        assert (used["last_used_at"], used["last_used_ip"]) == ("2026-01-01T00:00:00.000Z", "127.0.0.1")

        refused = self.create(reader, name="More", permissions={})
        assert refused.outcome == (403, "missing_permission")
        assert refused.json["error"]["details"]["permission"] == "account:api:key:create"

        assert self.admin("PUT", "/clock", {"advanceSeconds": HOUR_SECONDS}) == {
            "mode": "frozen",
            "now": "2026-01-01T01:00:00.000Z",
        }
        assert self.list_keys(secret).outcome == (401, "expired_credential")
        assert self.list_keys(reader).outcome == (200, "listed")

        platform = self.regenerate(KEY, MANAGED)
        assert platform.outcome == (200, "regenerated")
        assert self.list_keys(platform.key).outcome == (200, "listed")
        assert self.regenerate(KEY, created["id"]).outcome == (409, "conflict")

        assert self.delete(KEY, second.json["data"]["id"]).outcome == (200, "deleted")
        assert self.list_keys(reader).outcome == (401, "revoked_credential")
        assert self.delete(KEY, second.json["data"]["id"]).outcome == (404, "api_key_not_found")
        assert [key["name"] for key in self.list_keys(KEY).json["data"]] == [
            "Platform",
            "Checkout",
            "Onboarding",
        ]

        calls: list[Any] = self.admin("GET", "/calls")["calls"]
        assert [(call["operation"], call["reason"]) for call in calls] == [
            ("createApiKey", "created"),
            ("listApiKeys", "listed"),
            ("createApiKey", "created"),
            ("listApiKeys", "listed"),
            ("createApiKey", "missing_permission"),
            ("listApiKeys", "expired_credential"),
            ("listApiKeys", "listed"),
            ("regenerateManagedApiKey", "regenerated"),
            ("listApiKeys", "listed"),
            ("regenerateManagedApiKey", "conflict"),
            ("deleteApiKey", "deleted"),
            ("listApiKeys", "revoked_credential"),
            ("deleteApiKey", "api_key_not_found"),
            ("listApiKeys", "listed"),
        ]
        assert {call["state"] for call in calls} == {"answered"}
        assert calls[2]["credential"]["display"] == listed["key"], "the journal knows which key it was"
        for plaintext in (secret, reader, platform.key):
            assert plaintext not in json.dumps(calls)
        assert self.admin("GET", "/audits/duplicates")["ok"] is True
        return calls


def tell(**options: Any) -> tuple[list[Answer], list[Any]]:
    """The story, from a server that never heard it."""
    with ServerThread(Settings(port=0, clock=FROZEN, **options)) as server, socket_api(server) as api:
        story = Story(api)
        journal = story.tell()
        return story.answers, journal


def timeless(journal: list[Any]) -> list[Any]:
    """A journal without what real time and the port put into it."""
    journal = copy.deepcopy(journal)
    for call in journal:
        del call["receivedAt"], call["durationMs"], call["request"]["headers"]["host"]
    return journal


@pytest.fixture(scope="module")
def told() -> tuple[list[Answer], list[Any]]:
    return tell()


def test_the_story_ends_as_it_should(told: tuple[list[Answer], list[Any]]) -> None:
    answers, journal = told
    assert len(answers) == len(journal) == 14


def test_the_same_story_gives_the_same_bytes(told: tuple[list[Answer], list[Any]]) -> None:
    answers, journal = tell()
    assert [(answer.status, answer.headers, answer.body) for answer in answers] == [
        (answer.status, answer.headers, answer.body) for answer in told[0]
    ]
    assert timeless(journal) == timeless(told[1])


def test_another_seed_tells_the_same_story_with_other_keys(told: tuple[list[Answer], list[Any]]) -> None:
    answers, _ = tell(seed="another")
    assert [answer.outcome for answer in answers] == [answer.outcome for answer in told[0]]
    assert answers[0].key != told[0][0].key
