"""The tested versions: everything is pinned, within its range, and what does not pass stays behind."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from scripts.pins import PINS, find_lowest, normalize, read_pins, read_project, settle, write_pins

PROJECT = read_project()["project"]
EXTRAS = PROJECT["optional-dependencies"]
REQUIREMENTS = sorted({*PROJECT["dependencies"], *(item for items in EXTRAS.values() for item in items)})


def test_the_file_holds_names_and_versions_only() -> None:
    lines = [line for line in PINS.read_text("utf-8").splitlines() if not line.startswith("#")]
    assert lines == sorted(lines, key=lambda line: line.partition("==")[0])
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][\w.]*", line) for line in lines)


@pytest.mark.parametrize("requirement", REQUIREMENTS)
def test_what_is_required_is_pinned_within_its_range(requirement: str) -> None:
    read = Requirement(requirement)
    assert read.specifier.contains(read_pins(PINS.read_text("utf-8"))[normalize(read.name)])


def test_the_lowest_versions_are_those_of_what_users_install() -> None:
    project = {
        "dependencies": ["A.b>=1.2,<3", "c>=4; sys_platform != 'win32'"],
        "optional-dependencies": {"dev": ["pytest>=9"], "http": ["d_e>=0.5"]},
    }
    assert write_pins(find_lowest(project)) == "a-b==1.2\nc==4\nd-e==0.5\n"


def test_an_extra_that_tests_need_has_the_range_that_users_get() -> None:
    assert {*EXTRAS["fast"], *EXTRAS["pytest"]} <= {*EXTRAS["dev"]}


def test_a_range_without_a_lower_end_is_an_error() -> None:
    with pytest.raises(AssertionError, match="c<3 has no lower end"):
        find_lowest({"dependencies": ["c<3"], "optional-dependencies": {}})


@given(st.sets(st.integers(0, 12)), st.sets(st.integers(0, 12)))
def test_every_version_that_passes_is_taken_and_no_other(newer: set[int], broken: set[int]) -> None:
    old = {f"p{number}": "1" for number in range(13)}
    new = old | {f"p{number}": "2" for number in newer}
    refused = {f"p{number}" for number in broken}
    kept = settle(old, new, lambda pins: not any(pins[name] == "2" for name in refused))
    assert kept == old | {name: "2" for name in new if new[name] == "2" and name not in refused}
