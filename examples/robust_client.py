"""The same client, reading what it needs and ignoring the rest.

It tries again what passes by itself, under one Idempotency-Key, so that nothing is created twice.
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class ApiKey:
    """What this program needs of an API key. `expires_at` is None where the server does not say."""

    id: str
    name: str
    key: str
    expires_at: datetime | None


def create_api_key(base_url: str, credential: str, *, name: str, expires_at: str) -> ApiKey:
    """Create a key that expires. Raises ValueError for an answer that is none of the API's, and OSError or
    HTTPException where three tries get none.
    """
    request = urllib.request.Request(
        f"{base_url}/api-keys/?account_id=acct_1",
        json.dumps({"name": name, "permissions": {}, "expires_at": expires_at}).encode(),
        {
            "Authorization": f"Bearer {credential}",
            "Content-Type": "application/json",
            # One for all tries: the server answers a repetition as it answered the first.
            "Idempotency-Key": str(uuid.uuid4()),
        },
    )
    for tries_left in (2, 1, 0):
        try:
            return _send(request)
        except urllib.error.HTTPError as error:
            error.close()
            if not tries_left or (error.code != 429 and error.code < 500):
                raise
            time.sleep(min(float(error.headers.get("Retry-After", 0)), 10))
        except (OSError, http.client.HTTPException):
            if not tries_left:
                raise
    raise AssertionError("the last try returns or raises")


def _send(request: urllib.request.Request) -> ApiKey:
    with urllib.request.urlopen(request, timeout=5) as response:
        if response.status not in (200, 201):
            raise ValueError(f"status {response.status} is no documented success")
        return read_api_key(json.load(response))


def read_api_key(body: Any) -> ApiKey:
    """The key in the answer. Raises ValueError where something that is needed is missing or mistyped."""
    if (
        not isinstance(body, dict)
        or body.get("success") is not True
        or not isinstance(body.get("data"), dict)
    ):
        raise ValueError("the answer is no success of the API")
    data = body["data"]
    for member in ("id", "name", "key"):
        if not isinstance(data.get(member), str):
            raise ValueError(f"the API key has no {member}")
    expires_at = data.get("expires_at")
    return ApiKey(
        data["id"],
        data["name"],
        data["key"],
        datetime.fromisoformat(expires_at) if isinstance(expires_at, str) else None,
    )
