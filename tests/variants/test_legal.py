"""Other ways to write the same JSON: every reader must get the same value back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given

from mockserver.json_codec import dumps
from mockserver.variants import Answer, write_answer
from mockserver.variants.legal import list_written_candidates
from tests.strategies import json_values

WAYS = {candidate.kind: candidate.alter for candidate in list_written_candidates()}


def write(kind: str, value: Any) -> bytes:
    return write_answer(WAYS[kind](Answer(200, (), value)))[1]


@pytest.mark.parametrize("kind", WAYS)
@given(json_values)
@example({'"\\\b\f\n\r\t/\x00\x1f\x7f': ["\\u006f", "\\", "\ud7ff\ue000", "🔑 Zoë 東京", "goings-on"]})
@example([True, False, None, 1e22, 5e-324, -0.5, 2**63, "true", "null"])
def test_whatever_is_written_in_another_way_is_read_as_before(kind: str, value: Any) -> None:
    assert json.loads(write(kind, value)) == json.loads(dumps(value))


def test_escapes_are_for_letters_too_and_leave_nothing_beyond_ascii() -> None:
    written = write("escaped-unicode", {"object": "api_key", "name": "Zoë 🔑"})
    assert written.isascii()
    assert rb'"\u006fbject"' in written
    assert rb"Z\u006f\u00eb \ud83d\udd11" in written
