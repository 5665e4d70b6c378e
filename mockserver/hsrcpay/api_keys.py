"""API keys: created, and from then on credentials of the sandbox themselves."""

from __future__ import annotations

from mockserver.clocks import format_instant, read_instant
from mockserver.credentials import read_permission_map
from mockserver.decision import Outcome, Refusal, Situation, account_of
from mockserver.redaction import digest_secret
from mockserver.resources import IssuedCredential, Item
from mockserver.synthesis.keys import make_key_id, make_secret_key
from mockserver.synthesis.seeds import Seed
from mockserver.types import JsonObject


class CreateApiKey:
    """`POST /api-keys/`: a new secret key, shown in this answer and nowhere else (reference page)."""

    def find_missing(self, situation: Situation) -> Refusal | None:
        """Nothing is addressed but the account."""
        return None

    def find_conflict(self, situation: Situation) -> Refusal | None:
        """No uniqueness rule is documented."""
        return None

    def carry_out(self, situation: Situation, seed: Seed) -> Outcome:
        """Issue the key: it can be used as a credential from now on."""
        body: JsonObject = situation.inspection.object()
        account_id = account_of(situation.inspection) or ""
        created_at = format_instant(situation.now_millis)
        expires_at = body.get("expires_at")
        id = make_key_id(seed.at("/data/id"))
        secret = make_secret_key(seed.at("/data/key"), situation.namespace.name)
        key: JsonObject = {
            "object": "api_key",
            "id": id,
            "account_id": account_id,
            "name": body["name"],
            "type": "SECRET",
            "last_used_ip": None,
            "metadata": body.get("metadata", {}),
            "permissions": body["permissions"],
            "status": "ACTIVE",
            "last_used_at": None,
            "expires_at": expires_at,
            "managed": False,
            "deleted": False,
            "created_at": created_at,
            "updated_at": created_at,
        }
        resources = situation.namespace.resources
        tenant = situation.principal.tenant
        resources.add_item(id, Item(key, account_id, tenant))
        expires_millis = read_instant(expires_at) if expires_at is not None else None
        resources.add_credential(
            digest_secret(secret),
            IssuedCredential(
                id, read_permission_map(body["permissions"]), account_id, tenant, expires_millis, False
            ),
        )
        return Outcome(envelope(key | {"key": secret}), "created")


def envelope(data: JsonObject) -> JsonObject:
    """The success envelope (reference page, Response Body)."""
    return {"message": "success", "success": True, "data": data}
