"""A client that has met one answer: it works with the plain one and breaks on others that are as legal."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class ApiKey:
    """An API key, with every member that the documentation shows, and room for no other."""

    object: str
    id: str
    account_id: str
    name: str
    type: str
    key: str
    last_used_ip: str | None
    metadata: dict[str, Any]
    permissions: dict[str, list[str]]
    status: str
    last_used_at: str | None
    expires_at: datetime
    managed: bool
    deleted: bool
    created_at: str
    updated_at: str


def create_api_key(base_url: str, credential: str, *, name: str, expires_at: str) -> ApiKey:
    """Create a key that expires."""
    request = urllib.request.Request(
        f"{base_url}/api-keys/?account_id=acct_1",
        json.dumps({"name": name, "permissions": {}, "expires_at": expires_at}).encode(),
        {"Authorization": f"Bearer {credential}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5) as response:
        # The documentation calls 200 a success too.
        if response.status != 201:
            raise RuntimeError(f"unexpected status {response.status}")
        data = json.load(response)["data"]
    # Fails on a member that is new, and on one that is left out.
    # Fails on null, which the contract allows: expires_at has no type.
    return ApiKey(**data | {"expires_at": datetime.fromisoformat(data["expires_at"])})
