"""The tests mirror the package, and what they share stands once, in modules that are no tests."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "mockserver"
FILES = sorted(TESTS.rglob("*.py"))
# Folders of tests about more than one module: sentences of the design, users, attacks, suites of others.
APART = {"acceptance", "hostile", "json_schema", "plugin", "statements", "wiremock"}


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.Module]:
    """The syntax tree of each file, by its path."""
    return {path.relative_to(TESTS).as_posix(): ast.parse(path.read_text("utf-8")) for path in FILES}


def test_folders_are_those_of_the_package() -> None:
    folders = {path.relative_to(TESTS).parent for path in FILES if path.name.startswith("test_")}
    assert folders, "there are no tests"
    strange = {str(folder) for folder in folders if not (PACKAGE / folder).is_dir()}
    assert strange <= APART


def test_every_folder_of_the_package_has_tests() -> None:
    folders = {path.parent for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"}
    tested = {path.parent for path in FILES}
    missing = {folder for folder in folders if TESTS / folder.relative_to(PACKAGE) not in tested}
    # The plugin's tests run small test files, and those of the transports a client.
    assert missing == {PACKAGE / "pytest_plugin", PACKAGE / "client" / "transports"}


def test_no_test_imports_another(trees: dict[str, ast.Module]) -> None:
    wrong = [
        f"{name} imports {node.module}"
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests.")
        if (node.module or "").rpartition(".")[2].startswith("test_")
    ]
    assert wrong == []


def test_a_helper_stands_once(trees: dict[str, ast.Module]) -> None:
    """Functions and classes that are the same but for their docstrings. A fixture may be overridden."""
    shared = {node.name for node in trees["conftest.py"].body if isinstance(node, ast.FunctionDef)}
    places: dict[str, list[str]] = defaultdict(list)
    for name, tree in trees.items():
        for node in tree.body:
            if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name in shared:
                continue
            if not node.name.startswith("test_"):
                if ast.get_docstring(node) is not None:
                    node.body = node.body[1:]
                places[ast.dump(node)].append(f"{name}: {node.name}")
    assert [same for same in places.values() if len(same) > 1] == []


def test_the_guide_names_places_that_are_there() -> None:
    guide = (PACKAGE.parent / "CONTRIBUTING.md").read_text("utf-8")
    named = set(re.findall(r"`((?:mockserver|tests|scripts|docs|schemas|benchmarks)/[\w./-]*)`", guide))
    assert len(named) > 20
    assert [place for place in sorted(named) if not (PACKAGE.parent / place).exists()] == []
