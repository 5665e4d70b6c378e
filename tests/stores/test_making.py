"""Which store an option names."""

from __future__ import annotations

import pytest

from mockserver.exceptions import SettingsError
from mockserver.stores import MemoryStore, SqliteStore, make_store
from mockserver.stores.redis import RedisStore


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("memory", MemoryStore),
        ("sqlite:state.db", SqliteStore),
        ("sqlite:/tmp/a b.db", SqliteStore),
        ("redis://127.0.0.1", RedisStore),
        ("rediss://:word@host:7000/3", RedisStore),
    ],
)
def test_an_option_names_a_store(text: str, kind: type) -> None:
    assert isinstance(make_store(text), kind)


@pytest.mark.parametrize(
    "text", ["", "sqlite", "sqlite:", "redis", "redis:x", "Memory", "mysql://:secret@host"]
)
def test_anything_else_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(
        SettingsError, match="use memory, sqlite:PATH, redis://HOST or rediss://HOST"
    ) as caught:
        make_store(text)
    assert "secret" not in str(caught.value)
