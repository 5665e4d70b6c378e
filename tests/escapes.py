"""Texts with every character in an escape."""

from __future__ import annotations


def escape_all(text: str) -> str:
    """As JSON escapes: `\\u0061`."""
    return "".join(f"\\u{ord(char):04x}" for char in text)


def percent_all(text: str) -> str:
    """Percent-encoded: `%61`."""
    return "".join(f"%{ord(char):02x}" for char in text)
