"""Regular expressions that cannot hang: RE2 runs in time linear in its input, whatever the pattern.

The only module that knows the regular-expression engine for patterns that users write. RE2 has no
back-references and no look-around; a pattern that needs them is refused where it is written.
"""

from __future__ import annotations

from typing import Protocol

import re2

MAX_PATTERN_LENGTH = 2_000


class Regex(Protocol):
    """What a compiled pattern can do here; `re2` and `re` both fit."""

    def search(self, text: str, /) -> object | None: ...

    def fullmatch(self, text: str, /) -> object | None: ...


def compile_regex(pattern: str) -> Regex:
    """Compile a pattern. Raises ValueError with the reason in words."""
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise ValueError(f"a pattern may have at most {MAX_PATTERN_LENGTH} characters")
    options = re2.Options()
    options.log_errors = False
    try:
        compiled: Regex = re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "not a regular expression"
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"{text} (patterns are RE2: no look-around, no back-references)") from None
    return compiled
