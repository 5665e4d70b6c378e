"""SECURITY.md speaks of options, scripts and tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

from mockserver.settings import ENVIRONMENT_PREFIX, OPTIONS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "SECURITY.md").read_text("utf-8")


def test_every_option_that_it_names_is_one() -> None:
    named = {name.replace("-", "_") for name in re.findall(r"`--([a-z-]+)", PAGE)} - {"version"}
    assert named and named <= OPTIONS.keys() | {"version"}
    variables = {name.lower() for name in re.findall(rf"`{ENVIRONMENT_PREFIX}([A-Z_]+)`", PAGE)}
    assert variables and variables <= OPTIONS.keys()


def test_every_limit_is_named() -> None:
    limits = {
        name for name in OPTIONS if name.endswith(("_limit", "_count", "_timeout", "_depth", "_length"))
    } - {
        "rate_limit",
        "journal_limit",
    }
    assert {name for name in limits if f"--{name.replace('_', '-')}" not in PAGE} == set()


def test_every_place_that_it_names_is_there() -> None:
    places = re.findall(r"`((?:scripts|tests)/[a-z_]+)`", PAGE)
    assert len(places) >= 4
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_each_row_of_the_hostile_inputs_has_a_test() -> None:
    later = {40, 41, 42, 46, 47}
    files = [*(ROOT / "tests" / "hostile").glob("test_*.py"), ROOT / "tests" / "serving" / "test_life.py"]
    rows = {int(row) for file in files for row in re.findall(r"^def test_h(\d\d)_", file.read_text(), re.M)}
    assert set(range(1, 61)) - rows == later
