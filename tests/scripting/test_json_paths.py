"""JSONPath: what it selects, and what is refused because it could hang."""

from __future__ import annotations

from typing import Any

import pytest

from mockserver.json_codec import loads
from mockserver.redaction import redact, redact_json
from mockserver.scripting.differences import Doubt
from mockserver.scripting.json_paths import compile_json_path
from mockserver.scripting.subjects import MAX_NODES, View


def find(expression: str, value: Any) -> list[tuple[str, Any]]:
    search = compile_json_path(expression).search(value, View())
    found = list(search)
    assert search.doubt is None
    return found


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
        ("$.things[?@.name == $.things[1].name].name", [("/things/1/name", "two")]),
        ("$.things[-1, 5]['name', 'none']", [("/things/1/name", "two")]),
        ("$.things[?(!@.size)].name", [("/things/1/name", "two")]),
        ("$.things[0:9:0]", []),
        ("$.things[::-1].name", [("/things/1/name", "two"), ("/things/0/name", "one")]),
        ("$.things[?count(@.*) == 2].name", [("/things/0/name", "one"), ("/things/1/name", "two")]),
        ("$.things[?value(@..size) == 1].name", [("/things/0/name", "one")]),
        ("$.things[?@.size != 1 || @.name < 'a'].name", [("/things/1/name", "two")]),
        ("$.things[?@.size >= 1 && @.size <= 1.0].name", [("/things/0/name", "one")]),
        ("$.things[?@.size > 0 && @.size < 2].name", [("/things/0/name", "one")]),
        ("$.things[?@.none == @.nothing].name", [("/things/0/name", "one"), ("/things/1/name", "two")]),
        ("$.things[?length(@.size) == @.none].name", [("/things/0/name", "one"), ("/things/1/name", "two")]),
        ("$.things[?@.tags == $.things[1].tags].name", [("/things/1/name", "two")]),
        ("$[?(@.things)].things[0].size", [("/things/0/size", 1)]),
        ("$[?(@.size)]", []),
    ],
)
def test_an_expression_selects_nodes_with_their_pointers(expression: str, nodes: list[Any]) -> None:
    assert find(expression, THINGS) == nodes


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
    ],
)
def test_what_is_no_expression_or_could_hang_is_refused_with_the_reason(expression: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        compile_json_path(expression)


def test_a_pattern_that_backtracking_engines_hang_on_returns() -> None:
    path = "$[?match(@, '(a+)+$')]"
    assert find(path, ["a" * 50_000 + "b"]) == []
    assert find(path, ["a" * 50_000]) != []


def test_the_deepest_document_is_searched() -> None:
    value: Any = "leaf"
    for _ in range(64):
        value = [value]
    assert [found for _, found in find("$..[?@ == 'leaf']", value)] == ["leaf"]


@pytest.mark.parametrize(
    ("value", "is_found"),
    [
        ({"name": "Janek"}, True),
        ({"name": "Other", "friend": {"name": "Janek"}}, False),
        ([{"name": "Janek"}], True),
        ([{"name": "Other"}], False),
        ("Janek", False),
    ],
    ids=str,
)
def test_a_filter_at_the_root_of_an_object_asks_the_object_itself(value: Any, is_found: bool) -> None:
    assert bool(find("$[?(@.name == 'Janek')]", value)) is is_found


def test_numbers_are_compared_by_their_digits() -> None:
    value = loads(b'[{"n": 1234567890123456.78}, {"n": 1234567890123456.79}, {"n": 0.10}]')[0]
    assert [pointer for pointer, _ in find("$[?@.n == $[0].n].n", value)] == ["/0/n"]
    assert [pointer for pointer, _ in find("$[?@.n == 0.1].n", value)] == ["/2/n"]
    assert find("$[?@.n == true]", value) == []
    objects = [{"a": {"b": 1}}, {"a": {"b": 1.0}}, {"a": {"c": 1}}]
    assert [pointer for pointer, _ in find("$[?@.a == $[0].a]", objects)] == ["/0", "/1"]
    assert find("$[?@ == $]", [True, 1, [1], {"a": 1}]) == []


@pytest.mark.parametrize("expression", ["$..name", "$[?@..x]", "$..[?@ == 'x']", "$..*..*"])
def test_an_evaluation_has_a_budget_of_nodes(expression: str) -> None:
    deep: Any = ["leaf"] * 10
    for _ in range(50):
        deep = [deep, "leaf"]
    view = View()
    search = compile_json_path(expression).search([deep] * 2_000, view)
    assert len(list(search)) <= MAX_NODES
    assert search.doubt is Doubt.BUDGET
    assert view.nodes_left < 0
    assert list(compile_json_path("$[0]").search([1], view)) == [], "what comes later in the same request"


KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"


@pytest.mark.parametrize(
    ("expression", "pointers", "is_doubtful"),
    [
        ("$.key", ["/key"], False),
        (f"$[?(@.key == '{KEY}')]", [""], False),
        (f"$[?(@.key != '{KEY}')]", [], False),
        ("$[?(@.key == 'x')]", [], False),
        (f"$['{KEY}']", [f"/{redact(KEY)}"], False),
        ("$[?search(@.key, 'x')]", [], True),
        ("$[?length(@.key) == 1]", [], True),
        ("$[?(@.key < 'x')]", [""], True),
        ("$[?search(@.name, 'x')]", [""], False),
        ("$[?length(@) == 3]", [""], False),
    ],
)
def test_in_what_is_redacted_only_equality_is_known(
    expression: str, pointers: list[str], is_doubtful: bool
) -> None:
    value = redact_json({"key": KEY, "name": "x", KEY: 1})
    search = compile_json_path(expression).search(value, View(is_kept=True))
    assert [pointer for pointer, _ in search] == pointers
    assert search.doubt is (Doubt.HIDDEN if is_doubtful else None)
