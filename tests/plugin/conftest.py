"""What the small test files use that the tests of the plugin write."""

from __future__ import annotations

import pytest

# A client that retries nothing.
CLIENT = """
import json
import urllib.error
import urllib.request

FULL = {"name": "n", "permissions": {}, "expires_at": "2030-01-01T00:00:00Z"}


def create(sandbox, body=None, path="/api-keys/?account_id=acct_1", key=None):
    request = urllib.request.Request(
        sandbox.base_url + path,
        json.dumps(FULL if body is None else body).encode(),
        {"Authorization": f"Bearer {key or sandbox.secret_key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
"""


@pytest.fixture(autouse=True)
def _client(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(client=CLIENT)
    pytester.syspathinsert()
