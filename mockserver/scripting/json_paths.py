"""JSONPath (RFC 9535) that cannot hang. The only module that knows the JSONPath library.

The library reads an expression; it is evaluated here, as an evaluation has a budget of nodes, compares
numbers by their digits, and must know when its answer hangs on what redaction hid.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from jsonpath_rfc9535 import JSONPathEnvironment, JSONPathError, JSONPathQuery
from jsonpath_rfc9535 import filter_expressions as ast
from jsonpath_rfc9535.lex import tokenize
from jsonpath_rfc9535.segments import JSONPathRecursiveDescentSegment
from jsonpath_rfc9535.selectors import (
    FilterSelector,
    IndexSelector,
    NameSelector,
    SliceSelector,
    WildcardSelector,
)

from mockserver.json_codec import escape_pointer, exact
from mockserver.redaction import holds_hidden, redact, redact_json
from mockserver.regexes import Regex, compile_regex
from mockserver.scripting.differences import Doubt
from mockserver.scripting.subjects import View
from mockserver.types import Json, is_number

MAX_LENGTH = 1_000
# The library goes one level deeper for each sign of a filter.
MAX_TOKENS = 100


class JsonPath:
    """One compiled JSONPath expression. It never changes.

    `holds_hidden` says that it names something that is redacted already, as in a stub that was exported: then
    it selects from what redaction shows of a value. `has_regex` says that it holds a regular expression.
    """

    __slots__ = ("_query", "expression", "has_regex", "holds_hidden")

    def __init__(self, expression: str, query: JSONPathQuery) -> None:
        self.expression = expression
        self._query = query
        self.holds_hidden = holds_hidden(expression)
        self.has_regex = "match(" in expression or "search(" in expression

    @property
    def names(self) -> tuple[str, ...] | None:
        """The names of the members that lead to the one value that is selected; None for any other path."""
        names: list[str] = []
        for segment in self._query.segments:
            selectors = segment.selectors
            is_child = not isinstance(segment, JSONPathRecursiveDescentSegment)
            if not is_child or len(selectors) != 1 or not isinstance(selectors[0], NameSelector):
                return None
            names.append(selectors[0].name)
        return tuple(names)

    def search(self, value: Json, view: View) -> Search:
        """Evaluate the expression, as far as the nodes that the view may still look at reach.

        A filter at the root of an object, `$[?(@.name == 'x')]`, asks the object itself, as WireMock's engine
        does.
        """
        if self.holds_hidden and not view.is_kept:
            value = redact_json(value)
        return Search(self._query, value, view)


# The node above, the name or index below it, the value. The root is above all.
Node = tuple[Any, "str | int", Json]


class Search:
    """One evaluation. Iterating gives the nodes as JSON pointer and value, in document order; `doubt` tells
    what happened until then.

    A doubt says that what was found, and what was not, is unsure: the budget of nodes is used up, or it hangs
    on something that redaction hid.
    """

    __slots__ = ("_nodes", "_root", "_view", "doubt")

    def __init__(self, query: JSONPathQuery, value: Json, view: View) -> None:
        self._root = value
        self._view = view
        self.doubt: Doubt | None = None
        self._nodes = self._run(query)

    def __iter__(self) -> Iterator[tuple[str, Json]]:
        return ((_point_to(node), node[2]) for node in self._nodes)

    def _run(self, query: JSONPathQuery) -> Iterator[Node]:
        root: Node = (None, "", self._root)
        try:
            filter = _find_root_filter(query) if isinstance(self._root, dict) else None
            if filter is None:
                yield from self._select(query.segments, root)
            elif self._is_true(filter, self._root):
                yield from self._select(query.segments[1:], root)
        except _BudgetSpent:
            self.doubt = Doubt.BUDGET

    def _spend(self, count: int = 1) -> None:
        view = self._view
        view.nodes_left -= count
        if view.nodes_left < 0:
            raise _BudgetSpent

    def _select(self, segments: Iterable[Any], root: Node) -> Iterator[Node]:
        nodes: Iterable[Node] = (root,)
        for segment in segments:
            nodes = self._apply(segment, nodes)
        return iter(nodes)

    def _apply(self, segment: Any, nodes: Iterable[Node]) -> Iterator[Node]:
        descends = isinstance(segment, JSONPathRecursiveDescentSegment)
        for start in nodes:
            for node in self._descend(start) if descends else (start,):
                for selector in segment.selectors:
                    yield from self._children(selector, node)

    def _descend(self, node: Node) -> Iterator[Node]:
        """The node and all below it that have members or items, each before what is below it."""
        waiting = [node]
        while waiting:
            node = waiting.pop()
            yield node
            below = [child for child in self._all(node) if isinstance(child[2], dict | list)]
            waiting += reversed(below)

    def _all(self, node: Node) -> Iterator[Node]:
        value = node[2]
        if isinstance(value, dict):
            for name, item in value.items():
                self._spend()
                yield node, name, item
        elif isinstance(value, list):
            for index, item in enumerate(value):
                self._spend()
                yield node, index, item

    def _children(self, selector: Any, node: Node) -> Iterator[Node]:
        value = node[2]
        self._spend()
        match selector:
            case NameSelector():
                name = redact(selector.name) if self._view.is_kept else selector.name
                if isinstance(value, dict) and name in value:
                    yield node, name, value[name]
            case IndexSelector():
                if isinstance(value, list) and -len(value) <= selector.index < len(value):
                    index = selector.index % len(value)
                    yield node, index, value[index]
            case SliceSelector():
                if isinstance(value, list) and selector.slice.step != 0:
                    for index in range(*selector.slice.indices(len(value))):
                        self._spend()
                        yield node, index, value[index]
            case WildcardSelector():
                yield from self._all(node)
            case FilterSelector():
                for child in self._all(node):
                    if self._is_true(selector.expression, child[2]):
                        yield child

    # Filters. A query gives a list of nodes; what is no value is _NOTHING.

    def _is_true(self, expression: Any, current: Json) -> bool:
        self._spend()
        match expression:
            case ast.FilterExpression():
                return self._is_true(expression.expression, current)
            case ast.LogicalExpression():
                left = self._is_true(expression.left, current)
                if expression.operator == "&&":
                    return left and self._is_true(expression.right, current)
                return left or self._is_true(expression.right, current)
            case ast.PrefixExpression():
                return not self._is_true(expression.right, current)
            case ast.ComparisonExpression():
                left, right = (self._value(side, current) for side in (expression.left, expression.right))
                return self._compare(left, expression.operator, right)
            case ast.FunctionExtension():
                return self._call(expression, current) is True
            case _:
                return next(self._query(expression, current), None) is not None

    def _query(self, expression: Any, current: Json) -> Iterator[Node]:
        value = self._root if isinstance(expression, ast.RootFilterQuery) else current
        return self._select(expression.query.segments, (None, "", value))

    def _value(self, expression: Any, current: Json) -> Json:
        """What a side of a comparison, or an argument, stands for."""
        match expression:
            case ast.FilterExpressionLiteral():
                return redact_json(expression.value) if self._view.is_kept else expression.value
            case ast.FunctionExtension():
                return self._call(expression, current)
            case _:
                node = next(self._query(expression, current), None)
                return _NOTHING if node is None else node[2]

    def _call(self, function: Any, current: Json) -> Json:
        """The functions of RFC 9535, section 2.4."""
        name, arguments = function.name, function.args
        if name in ("count", "value"):
            nodes = list(self._query(arguments[0], current))
            if name == "count":
                return len(nodes)
            return nodes[0][2] if len(nodes) == 1 else _NOTHING
        values = [self._value(argument, current) for argument in arguments]
        self._look_at(*(value for value in values if isinstance(value, str)))
        if name == "length":
            return len(values[0]) if isinstance(values[0], str | list | dict) else _NOTHING
        text, pattern = values
        if not isinstance(text, str) or not isinstance(pattern, str):
            return False
        regex = _compile(pattern)
        if regex is None:
            return False
        return (regex.fullmatch(text) if name == "match" else regex.search(text)) is not None

    def _look_at(self, *texts: str) -> None:
        if self._view.is_kept and any(map(holds_hidden, texts)):
            self.doubt = Doubt.HIDDEN

    def _compare(self, left: Json, operator: str, right: Json) -> bool:
        """RFC 9535, section 2.3.5.2.2."""
        match operator:
            case "==":
                return self._is_equal(left, right)
            case "!=":
                return not self._is_equal(left, right)
            case "<":
                return self._is_less(left, right)
            case ">":
                return self._is_less(right, left)
            case "<=":
                return self._is_less(left, right) or self._is_equal(left, right)
            case _:
                return self._is_less(right, left) or self._is_equal(left, right)

    def _is_equal(self, left: Json, right: Json) -> bool:
        """Equal secrets have equal fingerprints, so this is known of what was hidden as well."""
        if is_number(left) and is_number(right):
            return exact(left) == exact(right)
        if type(left) is not type(right):
            return False
        if isinstance(left, list):
            self._spend(len(left))
            return len(left) == len(right) and all(map(self._is_equal, left, right))
        if isinstance(left, dict):
            self._spend(len(left))
            return left.keys() == right.keys() and all(
                self._is_equal(item, right[name]) for name, item in left.items()
            )
        return bool(left == right)

    def _is_less(self, left: Json, right: Json) -> bool:
        if isinstance(left, str) and isinstance(right, str):
            self._look_at(left, right)
            return left < right
        return is_number(left) and is_number(right) and exact(left) < exact(right)


def _point_to(node: Node) -> str:
    """The JSON pointer of a node."""
    steps: list[str] = []
    above, step, _ = node
    while above is not None:
        steps.append(f"/{escape_pointer(str(step))}")
        above, step, _ = above
    return "".join(reversed(steps))


class _BudgetSpent(Exception):
    """An evaluation has cost what it may cost."""


class _Nothing:
    """What a query stands for that selects nothing (RFC 9535, section 2.4.1)."""


_NOTHING = _Nothing()


def _find_root_filter(query: JSONPathQuery) -> Any:
    """The filter that an expression begins with, None if it begins otherwise."""
    first = query.segments[0] if query.segments else None
    if first is None or isinstance(first, JSONPathRecursiveDescentSegment) or len(first.selectors) != 1:
        return None
    selector = first.selectors[0]
    return selector.expression if isinstance(selector, FilterSelector) else None


def compile_json_path(expression: str) -> JsonPath:
    """Compile an expression. Raises ValueError with the reason in words."""
    if len(expression) > MAX_LENGTH:
        raise ValueError(f"may have at most {MAX_LENGTH} characters")
    try:
        count = sum(1 for _ in tokenize(expression))
        if count > MAX_TOKENS:
            raise ValueError(f"has {count} tokens, at most {MAX_TOKENS} are allowed")
        query = _ENVIRONMENT.compile(expression)
    except JSONPathError as error:
        raise ValueError(
            f"{error} (JSONPath is RFC 9535: match(), search(), length(); no =~, .size())"
        ) from None
    return JsonPath(expression, query)


@lru_cache(maxsize=64)
def _compile(pattern: str) -> Regex | None:
    """None for what is no pattern: it may come from the document, so it is no mistake of the expression."""
    try:
        return compile_regex(pattern)
    except ValueError:
        return None


_ENVIRONMENT = JSONPathEnvironment()
