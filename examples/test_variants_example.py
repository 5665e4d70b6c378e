"""Which of all legal answers a client survives.

pytest examples                          # the robust client passes
CLIENT=fragile_client pytest examples    # the fragile one shows where it breaks
"""

from __future__ import annotations

import os
from importlib import import_module

import pytest

from mockserver import NamedVariant, Sandbox

client = import_module(os.environ.get("CLIENT", "robust_client"))
EXPIRES_AT = "2030-01-01T00:00:00.000Z"
# What this client needs of an answer. Whatever else is broken is none of its business.
NEEDED = ("success", "data", "id", "name", "key", "html-page", "cut-json", "undocumented-status")


@pytest.mark.mockserver_variants("createApiKey")
def test_every_legal_answer_is_understood(mockserver: Sandbox) -> None:
    key = client.create_api_key(
        mockserver.base_url, mockserver.secret_key, name="reporting", expires_at=EXPIRES_AT
    )
    assert key.key.startswith("sk_test_mock_")


@pytest.mark.mockserver_breaking("createApiKey")
def test_no_broken_answer_is_accepted(mockserver: Sandbox, mockserver_variant: NamedVariant) -> None:
    if not mockserver_variant.name.endswith(tuple(f"-{name}" for name in NEEDED)):
        pytest.skip("this client does not look at it")
    with pytest.raises(ValueError):
        client.create_api_key(
            mockserver.base_url, mockserver.secret_key, name="reporting", expires_at=EXPIRES_AT
        )
