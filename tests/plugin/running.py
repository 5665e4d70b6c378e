"""How the tests of the plugin run pytest."""

from __future__ import annotations

import pytest

# Hypothesis is imported at the end of any run in whose environment it is, which takes a second and more.
USUAL = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run the tests of the folder in this process."""
    return pytester.runpytest_inprocess(*USUAL, *arguments)
