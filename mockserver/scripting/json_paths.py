"""JSONPath (RFC 9535) that cannot hang. The only module that knows the JSONPath library."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from jsonpath_rfc9535 import JSONPathEnvironment, JSONPathError, JSONPathQuery
from jsonpath_rfc9535.function_extensions import ExpressionType, FilterFunction
from jsonpath_rfc9535.lex import tokenize
from jsonpath_rfc9535.tokens import TokenType

from mockserver.json_codec import escape_pointer
from mockserver.regexes import Regex, compile_regex
from mockserver.types import Json

MAX_LENGTH = 1_000
# The library goes one level deeper for each sign of a filter.
MAX_TOKENS = 100
# Each of these can multiply the work by the size of the document, so there may be few of them.
_LIMITS = (
    (TokenType.DOUBLE_DOT, 2, "descendant segments (..)"),
    (TokenType.FILTER, 4, "filters (?)"),
    (TokenType.COMMA, 8, "commas"),
)


@dataclass(frozen=True, slots=True)
class JsonPath:
    """One compiled JSONPath expression."""

    expression: str
    _query: JSONPathQuery

    def find(self, value: Json) -> Iterator[tuple[str, Json]]:
        """Each node that the expression selects, as JSON pointer and value, in document order."""
        for node in self._query.finditer(value):
            yield "".join(f"/{escape_pointer(str(step))}" for step in node.location), node.value


def compile_json_path(expression: str) -> JsonPath:
    """Compile an expression. Raises ValueError with the reason in words."""
    if len(expression) > MAX_LENGTH:
        raise ValueError(f"may have at most {MAX_LENGTH} characters")
    try:
        kinds = Counter(token.type_ for token in tokenize(expression))
        _check_size(kinds)
        query = _ENVIRONMENT.compile(expression)
    except JSONPathError as error:
        raise ValueError(
            f"{error} (JSONPath is RFC 9535: match(), search(), length(); no =~, .size())"
        ) from None
    return JsonPath(expression, query)


def _check_size(kinds: Counter[TokenType]) -> None:
    if kinds.total() > MAX_TOKENS:
        raise ValueError(f"has {kinds.total()} tokens, at most {MAX_TOKENS} are allowed")
    for kind, limit, words in _LIMITS:
        if kinds[kind] > limit:
            raise ValueError(f"has {kinds[kind]} {words}, at most {limit} are allowed")
    if kinds[TokenType.ROOT] > 1:
        raise ValueError("has a filter that starts again at the root ($), only @ is allowed there")


class _Environment(JSONPathEnvironment):
    def setup_function_extensions(self) -> None:
        super().setup_function_extensions()
        # The library's own run on an engine that backtracks.
        self.function_extensions["match"] = _RegexFunction(lambda regex, text: regex.fullmatch(text))
        self.function_extensions["search"] = _RegexFunction(lambda regex, text: regex.search(text))


class _RegexFunction(FilterFunction):
    """`match` and `search` of RFC 9535, sections 2.4.6 and 2.4.7."""

    arg_types: ClassVar = [ExpressionType.VALUE, ExpressionType.VALUE]
    return_type: ClassVar = ExpressionType.LOGICAL

    def __init__(self, is_found: Callable[[Regex, str], object | None]) -> None:
        self._is_found = is_found

    def __call__(self, text: object, pattern: object) -> bool:
        if not isinstance(text, str) or not isinstance(pattern, str):
            return False
        regex = _compile(pattern)
        return regex is not None and self._is_found(regex, text) is not None


@lru_cache(maxsize=64)
def _compile(pattern: str) -> Regex | None:
    """None for what is no pattern: it may come from the document, so it is no mistake of the expression."""
    try:
        return compile_regex(pattern)
    except ValueError:
        return None


_ENVIRONMENT = _Environment()
