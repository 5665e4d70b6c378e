"""API keys: created, listed, regenerated, deleted, and all the while credentials of the sandbox themselves.

A key's item holds the key as a list shows it: in place of its secret stands what the journal calls that
(`sk_test_[c3ab8ff13720]`), so that a listed key and the calls made with it are seen to belong together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

from mockserver.clocks import format_instant, read_instant
from mockserver.engine.situation import Outcome, Refusal, Situation
from mockserver.json_codec import measure_text
from mockserver.redaction import digest_secret, display
from mockserver.seeds import Seed
from mockserver.state.resources import Item, sees
from mockserver.types import JsonObject
from mockserver.vendors.hsrcpay.accounts import Accounts
from mockserver.vendors.hsrcpay.credentials import Caller
from mockserver.vendors.hsrcpay.keys import make_key


class AccountOperation:
    """An operation that addresses nothing but an account, and that nothing stands against."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def find_missing(self, situation: Situation) -> Refusal | None:
        """The account is looked for before."""
        return None

    def find_conflict(self, situation: Situation) -> Refusal | None:
        """No uniqueness rule is documented."""
        return None

    def find_secret(self, seed: Seed, namespace: str) -> bytes | None:
        """Nothing is issued."""
        return None


class KeyOperation:
    """An operation on one key, named by the path parameter `id`."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def find_missing(self, situation: Situation) -> Refusal | None:
        """404 for a key that is unknown, deleted, of another tenant, or of an account out of reach."""
        return Refusal(404, "api_key_not_found") if find_key(situation, self._accounts) is None else None

    def find_conflict(self, situation: Situation) -> Refusal | None:
        """No conflict is documented."""
        return None

    def find_secret(self, seed: Seed, namespace: str) -> bytes | None:
        """Nothing is issued."""
        return None


class CreateApiKey(AccountOperation):
    """`POST /api-keys/`: a new secret key, shown in this answer and nowhere else (reference page)."""

    def carry_out(self, situation: Situation, seed: Seed) -> Outcome:
        """Issue the key: it can be used as a credential from now on."""
        body: JsonObject = situation.inspection.object()
        now = format_instant(situation.now_millis)
        account_id = self._accounts.addressed_by(situation) or ""
        id, secret = make_key(seed, situation.namespace.name)
        digest = digest_secret(secret)
        key = _NEW_KEY.copy()
        key["id"] = id
        key["account_id"] = account_id
        key["name"] = body["name"]
        key["key"] = display(secret, digest)
        key["metadata"] = body.get("metadata", {})
        key["permissions"] = body["permissions"]
        key["expires_at"] = body.get("expires_at")
        key["created_at"] = key["updated_at"] = now
        tenant = situation.principal.tenant
        item = Item(key, account_id, tenant, digest, tenant)
        item.size = _NEW_KEY_BYTES + measure_text(situation.inspection.data)
        return issue(situation, item, secret, "created")

    def find_secret(self, seed: Seed, namespace: str) -> bytes:
        """The key that is created."""
        return make_key(seed, namespace)[1].encode("ascii")


# A new key but for what is its own: filling in a copy takes half the time of writing all of it.
_NEW_KEY: JsonObject = {
    "object": "api_key",
    "id": None,
    "account_id": None,
    "name": None,
    "type": "SECRET",
    "key": None,
    "last_used_ip": None,
    "metadata": None,
    "permissions": None,
    "status": "ACTIVE",
    "last_used_at": None,
    "expires_at": None,
    "managed": False,
    "deleted": False,
    "created_at": None,
    "updated_at": None,
}
# What it takes in memory, but for what comes from the body.
_NEW_KEY_BYTES = 1_500


class ListApiKeys(AccountOperation):
    """`GET /api-keys/`: the keys of an account, one page at a time, oldest first (docs: listApiKeys)."""

    def carry_out(self, situation: Situation, seed: Seed) -> Outcome:
        """A page beyond the last one is empty; of no keys there are no pages."""
        arguments = situation.head.arguments
        page, limit, managed = arguments.get("page", 1), arguments.get("limit", 10), arguments.get("managed")
        keys = [
            item
            for item in visible_keys(situation, self._accounts.addressed_by(situation) or "")
            if managed in (None, item.value["managed"])
        ]
        # Numbers beyond 64 bits are Decimal, which does not divide as int does.
        size = int(limit)
        first = (int(page) - 1) * size
        value = {
            "message": "success",
            "success": True,
            "data": [show(item) for item in keys[first : first + size]],
            "total": len(keys),
            "page": page,
            "limit": limit,
            "pages": -(-len(keys) // size),
        }
        return Outcome(value, "listed")


class RegenerateManagedApiKey(KeyOperation):
    """`POST /api-keys/{id}/regenerate`: a new secret for a managed key (docs: regenerateManagedApiKey)."""

    def find_conflict(self, situation: Situation) -> Refusal | None:
        """409 for a custom key: those are replaced by creating and deleting."""
        item = find_key(situation, self._accounts)
        return Refusal(409, "conflict") if item is None or not item.value["managed"] else None

    def carry_out(self, situation: Situation, seed: Seed) -> Outcome:
        """End the old secret and issue another, which sees the data of the caller."""
        item = find_key(situation, self._accounts)
        assert item is not None, "find_missing was asked before"
        _, secret = make_key(seed, situation.namespace.name)
        digest = digest_secret(secret)
        changes = {"key": display(secret, digest), "updated_at": format_instant(situation.now_millis)}
        holder = situation.principal.tenant
        item = replace(item, value=item.value | changes, credential=digest, holder=holder)
        return issue(situation, item, secret, "regenerated")

    def find_secret(self, seed: Seed, namespace: str) -> bytes:
        """The new secret of the key."""
        return make_key(seed, namespace)[1].encode("ascii")


class DeleteApiKey(KeyOperation):
    """`DELETE /api-keys/{id}`: the key is gone from lists and no longer a credential (docs: deleteApiKey)."""

    def carry_out(self, situation: Situation, seed: Seed) -> Outcome:
        """Delete softly: the item stays, marked."""
        item = find_key(situation, self._accounts)
        assert item is not None, "find_missing was asked before"
        resources = situation.namespace.resources
        changes = {"deleted": True, "updated_at": format_instant(situation.now_millis)}
        resources.put_item(item.value["id"], replace(item, value=item.value | changes, is_deleted=True))
        return Outcome({"message": "success", "success": True}, "deleted")


def issue(situation: Situation, item: Item, secret: str, reason: str) -> Outcome:
    """Put a key in, let its secret be a credential, and answer with both: the only time that it is told."""
    key = item.value
    if key["expires_at"] is not None:
        # What cannot be read fails here, and not in each call that uses the key.
        read_instant(key["expires_at"])
    situation.namespace.resources.issue(key["id"], item)
    data = show(item).copy()
    data["key"] = secret
    value = {"message": "success", "success": True, "data": data}
    return Outcome(value, reason, (secret.encode("ascii"), key["key"].encode("ascii")))


def visible_keys(situation: Situation, account_id: str) -> Iterator[Item]:
    """The keys of an account that the principal sees, oldest first, deleted ones left out."""
    items = situation.namespace.resources.visible_items(account_id, situation.principal.tenant)
    return (item for _, item in items if item.value.get("object") == "api_key")


def find_key(situation: Situation, accounts: Accounts) -> Item | None:
    """The key that the path names, if it is there for the principal."""
    item = situation.namespace.resources.find_item(situation.head.arguments["id"])
    caller = cast(Caller, situation.principal)
    if item is None or item.is_deleted or item.value.get("object") != "api_key":
        return None
    owner = item.owner or ""
    is_reached = caller.account_id in (None, owner) and accounts.sees(situation, owner)
    return item if is_reached and sees(caller.tenant, item) else None


def show(item: Item) -> JsonObject:
    """A key as it is shown: with its last use, without its secret."""
    use = item.last_use
    if use is None:
        return item.value
    return item.value | {"last_used_at": format_instant(use.millis), "last_used_ip": use.client}
