"""What one vendor's API is like stands in its own folder, and nowhere else in the package."""

from __future__ import annotations

import re
from pathlib import Path

import mockserver

PACKAGE = Path(mockserver.__file__).parent
# The distribution is named for the API that it mocked first, and so is its default seed.
WORDS = re.compile(
    r"\b[sp]k_|(?<![a-z])_test_|\bacct_|\bapi_key\b|livemode|HSRCPAY|HsrcpayRules|key_mock_|sk_test_mock"
)
# Where vendors are put together, by name.
BUILDING = PACKAGE / "serving" / "building.py"


def find_words(text: str) -> list[str]:
    return [match.group() for match in WORDS.finditer(text)]


def test_no_word_of_a_vendor_stands_outside_its_folder() -> None:
    found = {
        str(path.relative_to(PACKAGE)): words
        for path in sorted(PACKAGE.rglob("*.py"))
        if "vendors" not in path.parts and path != BUILDING and (words := find_words(path.read_text("utf-8")))
    }
    assert found == {}


def test_the_words_are_found_where_they_stand() -> None:
    folder = PACKAGE / "vendors" / "hsrcpay"
    text = "".join(path.read_text("utf-8") for path in folder.glob("*.py"))
    assert {"sk_", "pk_", "acct_", "api_key", "livemode", "HSRCPAY"} <= set(find_words(text))
