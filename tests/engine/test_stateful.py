"""The sandbox and a small model of it agree, whatever is done in whatever order."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mockserver.clocks import format_instant, read_instant
from mockserver.control import Control, ControlAnswer
from mockserver.engine.engine import Engine
from mockserver.json_codec import dumps
from mockserver.serving.building import build_engine
from mockserver.settings import Settings
from tests.doors import FROZEN, UNSENT, Answer, engine_api

TENANTS = ("sk_test_one", "sk_test_two")
ACCOUNTS = ("acct_1", "acct_test_main")
MANAGED = ("key_mock_managed00000000000000001", "key_mock_managed00000000000000002")
DAY_SECONDS = 86_400
ALL = {"*": ["*"]}
READ = {"account:api:key": ["read"]}


@dataclass
class Key:
    """What the model knows of a key. `tenant` is None for everybody's."""

    id: str
    tenant: str | None
    account: str
    permissions: dict[str, list[str]]
    managed: bool = False
    expires_millis: int | None = None
    last_used_millis: int | None = None
    is_deleted: bool = False


@dataclass
class Secret:
    """A secret that was issued: of which key, and whose data it sees."""

    key: str
    tenant: str
    is_ended: bool = False


@dataclass
class Model:
    """The whole sandbox, in the simplest form that can be right."""

    now_millis: int = read_instant(FROZEN)
    keys: dict[str, Key] = field(
        default_factory=lambda: {id: Key(id, None, ACCOUNTS[1], READ, True) for id in MANAGED}
    )
    secrets: dict[str, Secret] = field(default_factory=dict)
    answers: dict[tuple[str, str], tuple[int, Any, bytes]] = field(default_factory=dict)

    def visible(self, tenant: str, account: str | None = None) -> list[Key]:
        return [
            key
            for key in self.keys.values()
            if not key.is_deleted and key.tenant in (None, tenant) and account in (None, key.account)
        ]

    def refusal_of(self, secret: str) -> str | None:
        """Why an issued secret is no credential."""
        known = self.secrets.get(secret)
        if known is None or known.is_ended:
            return "revoked_credential"
        expires_millis = self.keys[known.key].expires_millis
        is_expired = expires_millis is not None and expires_millis <= self.now_millis
        return "expired_credential" if is_expired else None

    def end_secrets(self, key: str) -> None:
        for secret in self.secrets.values():
            if secret.key == key:
                secret.is_ended = True


tenants, accounts = st.sampled_from(TENANTS), st.sampled_from(ACCOUNTS)
# Indexes into what there is when the rule runs.
indexes = st.integers(0, 30)


class Sandbox(RuleBasedStateMachine):
    engine_made_once: Engine | None = None

    def __init__(self) -> None:
        super().__init__()
        if Sandbox.engine_made_once is None:
            Sandbox.engine_made_once = build_engine(Settings(clock=FROZEN))
        engine = Sandbox.engine_made_once
        engine.namespaces.reset_all()
        self.api = engine_api(engine)
        self.control = Control(engine)
        self.model = Model()
        self.snapshots: list[tuple[str, Model]] = []
        # Every secret and id that was ever seen, also those that a reset or a restore took away.
        self.secrets: list[str] = []
        self.ids: list[str] = ["key_mock_unknown", *MANAGED]

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.control.begin(method, path, "", b"" if body is None else dumps(body))
        assert isinstance(answer, ControlAnswer) and answer.status < 300, answer
        return answer.value

    def list(self, credential: str, account: str, query: str = "") -> Answer:
        return self.api.send("GET", f"/v1/api-keys/?account_id={account}{query}", key=credential, json=UNSENT)

    # Creating.

    def create(
        self, credential: str, tenant: str, account: str, body: Any, idempotency_key: str | None
    ) -> None:
        model, place = self.model, (credential, idempotency_key or "")
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        answer = self.api.send(
            url=f"/v1/api-keys/?account_id={account}", key=credential, json=body, headers=headers
        )
        known = model.answers.get(place)
        if idempotency_key and known and model.now_millis - known[0] < DAY_SECONDS * 1000:
            if known[1] == (account, body):
                assert (answer.reason, answer.body) == ("replayed", known[2])
            else:
                assert answer.outcome == (409, "idempotency_conflict")
            return
        assert answer.outcome == (201, "created")
        data = answer.json["data"]
        assert data["id"] not in model.keys and answer.key not in model.secrets
        expires_millis = read_instant(body["expires_at"]) if "expires_at" in body else None
        model.keys[data["id"]] = Key(data["id"], tenant, account, body["permissions"], False, expires_millis)
        model.secrets[answer.key] = Secret(data["id"], tenant)
        if idempotency_key:
            model.answers[place] = (model.now_millis, (account, body), answer.body)
        self.ids.append(data["id"])
        self.secrets.append(answer.key)

    @rule(
        tenant=tenants,
        account=accounts,
        name=st.sampled_from("ab"),
        permissions=st.sampled_from([ALL, READ]),
        lifetime=st.sampled_from([None, -60, 3600, 2 * DAY_SECONDS]),
        idempotency_key=st.sampled_from([None, "k1"]),
    )
    def create_key(
        self,
        tenant: str,
        account: str,
        name: str,
        permissions: Any,
        lifetime: int | None,
        idempotency_key: str | None,
    ) -> None:
        body = {"name": name, "permissions": permissions}
        if lifetime is not None:
            body["expires_at"] = format_instant(self.model.now_millis + lifetime * 1000)
        self.create(tenant, tenant, account, body, idempotency_key)

    # Using.

    @precondition(lambda self: self.secrets)
    @rule(index=indexes, account=accounts, creates=st.booleans())
    def use_issued_key(self, index: int, account: str, creates: bool) -> None:
        model = self.model
        secret = self.secrets[index % len(self.secrets)]
        refusal = model.refusal_of(secret)
        body = {"name": "made by a key", "permissions": READ}
        if refusal is not None:
            assert self.list(secret, account).outcome == (401, refusal)
            return
        known = model.secrets[secret]
        key = model.keys[known.key]
        key.last_used_millis = model.now_millis
        if creates and key.permissions == READ:
            answer = self.api.send(url=f"/v1/api-keys/?account_id={account}", key=secret, json=body)
            assert answer.outcome == (403, "missing_permission")
        elif account != key.account:
            assert self.list(secret, account).outcome == (403, "foreign_account")
        elif creates:
            self.create(secret, known.tenant, account, body, None)
        else:
            data = self.list(secret, account, "&limit=1000").json["data"]
            assert [item["id"] for item in data] == [item.id for item in model.visible(known.tenant, account)]

    # Listing.

    @rule(
        tenant=tenants,
        account=accounts,
        page=st.integers(1, 4),
        limit=st.integers(1, 4),
        managed=st.sampled_from([None, True, False]),
    )
    def list_a_page(self, tenant: str, account: str, page: int, limit: int, managed: bool | None) -> None:
        query = f"&page={page}&limit={limit}" + (
            "" if managed is None else f"&managed={str(managed).lower()}"
        )
        keys = [key for key in self.model.visible(tenant, account) if managed in (None, key.managed)]
        found = self.list(tenant, account, query).json
        first = (page - 1) * limit
        assert [key["id"] for key in found["data"]] == [key.id for key in keys[first : first + limit]]
        assert (found["total"], found["pages"]) == (len(keys), -(-len(keys) // limit))

    # Ending.

    @rule(tenant=tenants, index=indexes)
    def delete_key(self, tenant: str, index: int) -> None:
        id = self.ids[index % len(self.ids)]
        answer = self.api.send("DELETE", f"/v1/api-keys/{id}", key=tenant, json=UNSENT)
        if id not in [key.id for key in self.model.visible(tenant)]:
            assert answer.outcome == (404, "api_key_not_found")
            return
        assert answer.outcome == (200, "deleted")
        self.model.keys[id].is_deleted = True
        self.model.end_secrets(id)

    @rule(tenant=tenants, index=indexes)
    def regenerate_key(self, tenant: str, index: int) -> None:
        id = self.ids[index % len(self.ids)]
        answer = self.api.send("POST", f"/v1/api-keys/{id}/regenerate", key=tenant, json=UNSENT)
        if id not in [key.id for key in self.model.visible(tenant)]:
            assert answer.outcome == (404, "api_key_not_found")
        elif not self.model.keys[id].managed:
            assert answer.outcome == (409, "conflict")
        else:
            assert answer.outcome == (200, "regenerated")
            assert answer.key not in self.model.secrets
            self.model.end_secrets(id)
            self.model.secrets[answer.key] = Secret(id, tenant)
            self.secrets.append(answer.key)

    # Time, reset, snapshots.

    @rule(seconds=st.sampled_from([1, 3599, DAY_SECONDS, 3 * DAY_SECONDS]))
    def advance(self, seconds: int) -> None:
        self.ask("PUT", "/clock", {"advanceSeconds": seconds})
        self.model.now_millis += seconds * 1000

    @rule()
    def reset(self) -> None:
        self.ask("POST", "/reset")
        self.model = Model()

    @rule()
    def snapshot(self) -> None:
        self.snapshots.append((self.ask("POST", "/snapshots")["id"], copy.deepcopy(self.model)))

    @precondition(lambda self: self.snapshots)
    @rule(index=indexes)
    def restore(self, index: int) -> None:
        id, model = self.snapshots[index % len(self.snapshots)]
        self.ask("POST", f"/snapshots/{id}/restore")
        self.model = copy.deepcopy(model)

    @invariant()
    def every_list_is_that_of_the_model(self) -> None:
        for tenant in TENANTS:
            for account in ACCOUNTS:
                data = self.list(tenant, account, "&limit=1000").json["data"]
                used = [
                    None if key.last_used_millis is None else format_instant(key.last_used_millis)
                    for key in self.model.visible(tenant, account)
                ]
                assert [key["id"] for key in data] == [key.id for key in self.model.visible(tenant, account)]
                assert [key["last_used_at"] for key in data] == used
                assert not {key["key"] for key in data} & set(self.secrets)


TestSandbox = Sandbox.TestCase
TestSandbox.settings = settings(max_examples=40, stateful_step_count=30)
