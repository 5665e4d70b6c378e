"""JSONPath: what it selects, and what is refused because it could hang."""

from __future__ import annotations

from typing import Any

import pytest

from mockserver.scripting.json_paths import compile_json_path

THINGS = {"things": [{"name": "one", "size": 1}, {"name": "two", "tags": ["a/b"]}], "a/b~c": None}


@pytest.mark.parametrize(
    ("expression", "nodes"),
    [
        ("$", [("", THINGS)]),
        ("$.things[0].name", [("/things/0/name", "one")]),
        ("$['a/b~c']", [("/a~1b~0c", None)]),
        ("$..name", [("/things/0/name", "one"), ("/things/1/name", "two")]),
        ("$.things[?(@.name == 'two')].tags[*]", [("/things/1/tags/0", "a/b")]),
        ("$.things[?length(@.name) == 3 && @.size].size", [("/things/0/size", 1)]),
        ("$.things[?match(@.name, 't.o')].name", [("/things/1/name", "two")]),
        ("$.things[?match(@.name, 'w')].name", []),
        ("$.things[?search(@.name, 'w')].name", [("/things/1/name", "two")]),
        ("$.things[?search(@.size, '1')]", []),
        ("$.things[?search(@.name, '(')]", []),
        ("$.things[?search(@.name, @.tags)]", []),
        ("$.missing", []),
    ],
)
def test_an_expression_selects_nodes_with_their_pointers(expression: str, nodes: list[Any]) -> None:
    assert list(compile_json_path(expression).find(THINGS)) == nodes


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("name", "RFC 9535"),
        ("", "RFC 9535"),
        ("$.things[?(@.name =~ /o.*/i)]", "no =~"),
        ("$[?(@.things.size() == 2)]", r"no =~, \.size\(\)"),
        ("$[?nonsense(@.a)]", "nonsense"),
        ("$." + "a" * 1_000, "1000 characters"),
        ("$[?" + "(" * 60 + "@.a", "RFC 9535"),
        ("$[?" + "!" * 900 + "@.a]", "tokens, at most 100"),
        ("$..a..b..c", r"3 descendant segments \(\.\.\), at most 2"),
        ("$[*][?@.a][?@.b][?@.c][?@.d][?@.e]", r"5 filters \(\?\), at most 4"),
        ("$" + "[0,0]" * 9, "9 commas, at most 8"),
        ("$[?@.a == $.b]", r"root \(\$\)"),
    ],
)
def test_what_is_no_expression_or_could_hang_is_refused_with_the_reason(expression: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        compile_json_path(expression)


def test_a_pattern_that_backtracking_engines_hang_on_returns() -> None:
    path = compile_json_path("$[?match(@, '(a+)+$')]")
    assert list(path.find(["a" * 50_000 + "b"])) == []
    assert list(path.find(["a" * 50_000])) != []


def test_the_deepest_document_is_searched() -> None:
    value: Any = "leaf"
    for _ in range(64):
        value = [value]
    assert [found for _, found in compile_json_path("$..[?@ == 'leaf']").find(value)] == ["leaf"]
