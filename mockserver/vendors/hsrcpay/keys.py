"""HSRCPAY's keys: how they look, and deterministic fake ones. A person sees that those are fake, and secret
scanners do not fire."""

from __future__ import annotations

from mockserver.redaction import KeyShape
from mockserver.seeds import Seed

# Secret keys contain `sk_` within their first 32 characters, publishable ones `pk_` (reference page:
# Authorization). Sandbox keys contain `_test_`.
SECRET_MARK, PUBLISHABLE_MARK, TEST_MARK = "sk_", "pk_", "_test_"
SHAPE = KeyShape(marks=(SECRET_MARK, PUBLISHABLE_MARK), modes=("test_", "live_"))

ISSUED_MARK = "sk_test_mock_"
ID_MARK = "key_mock_"


def make_key(seed: Seed, namespace: str) -> tuple[str, str]:
    """Id and secret of an API key: `key_mock_` and 24 base62 characters, `sk_test_mock_` and 32.

    In a named namespace the secret begins with `sk_test_mock_ns-<name>_`.
    """
    # From one token, as digests are what takes time.
    token = seed.token(24 + 32)
    return f"{ID_MARK}{token[:24]}", f"{ISSUED_MARK}{write_mark(namespace)}{token[24:]}"


def write_mark(namespace: str) -> str:
    """What names a namespace inside a key; nothing for the default one."""
    return "" if namespace == "default" else f"ns-{namespace}_"
