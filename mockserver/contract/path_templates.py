"""Which path template a path fits. Literal segments win over parameters, segment by segment.

Templates and paths are cut at `/` while still percent-encoded and each segment is decoded once, so an
encoded slash stays inside its segment. One trailing slash more or less makes no difference, unless there is a
template for either; two do.
"""

from __future__ import annotations

import re
from typing import Any, Generic, TypeVar
from urllib.parse import unquote

from mockserver.regexes import compile_regex

Target = TypeVar("Target")

_PARAMETER = re.compile(r"\{([^{}]*)\}")


class PathTemplates(Generic[Target]):
    """Path templates such as `/v1/api-keys/{id}/regenerate`, each with a target.

    >>> templates = PathTemplates()
    >>> templates.add("/keys/{id}", "one")
    >>> templates.find("/keys/k%201")
    ('one', {'id': 'k 1'})
    """

    def __init__(self) -> None:
        self._root: _Node[Target] = _Node()

    def add(self, template: str, target: Target, method: str = "") -> None:
        """Put in a template. Templates of one shape are told apart by their methods.

        Raises ValueError where another template has the same shape and method, a brace is not closed or a
        parameter has no name.
        """
        node = self._root
        names: list[str] = []
        for segment in _segments(template):
            literals = [unquote(text) for text in _PARAMETER.split(segment)[::2]]
            if any("{" in text or "}" in text for text in literals):
                raise ValueError("has a brace that is not closed")
            if "{}" in segment:
                raise ValueError("has a parameter without a name")
            names += _PARAMETER.findall(segment)
            node = node.step(tuple(literals))
        ends = node.ends[template.endswith("/") and template != "/"]
        if method in ends:
            raise ValueError("has the same shape as another path")
        ends[method] = (target, tuple(names))

    def find(self, path: str, method: str = "") -> tuple[Target, dict[str, str]] | None:
        """The target whose template fits a percent-encoded path, with its parameters decoded; else None.

        Of several templates of one shape it is that of the method, else the first.
        """
        if not path.startswith("/"):
            # Asterisk form and absolute form of a request line are no paths (RFC 9112, section 3.2).
            return None
        values: list[str] = []
        segments = [unquote(segment, errors="replace") for segment in _segments(path)]
        node = self._root.find(segments, 0, values)
        if node is None:
            return None
        found, names = node.end(path.endswith("/") and path != "/", method)
        return found, dict(zip(names, values, strict=True))


class _Node(Generic[Target]):
    """What can follow a segment, and what ends there: by trailing slash, then by method."""

    __slots__ = ("ends", "literal", "mixed", "parameter")

    def __init__(self) -> None:
        self.literal: dict[str, _Node[Target]] = {}
        # Segments with text beside their parameters, those with the most text first.
        self.mixed: list[tuple[tuple[str, ...], Any, _Node[Target]]] = []
        self.parameter: _Node[Target] | None = None
        self.ends: tuple[dict[str, tuple[Target, tuple[str, ...]]], ...] = ({}, {})

    def step(self, literals: tuple[str, ...]) -> _Node[Target]:
        """The node behind a segment, given by the texts before, between and behind its parameters."""
        if len(literals) == 1:
            return self.literal.setdefault(literals[0], _Node())
        if literals == ("", ""):
            self.parameter = self.parameter or _Node()
            return self.parameter
        for known, _, node in self.mixed:
            if known == literals:
                return node
        # Linear in the path: it comes from outside.
        regex = compile_regex("(?s)" + "(.+?)".join(_quote(text) for text in literals))
        new: _Node[Target] = _Node()
        self.mixed.append((literals, regex, new))
        self.mixed.sort(key=lambda item: -sum(map(len, item[0])))
        return new

    def find(self, segments: list[str], index: int, values: list[str]) -> _Node[Target] | None:
        if index == len(segments):
            return self if self.ends[0] or self.ends[1] else None
        segment = segments[index]
        if (node := self.literal.get(segment)) and (end := node.find(segments, index + 1, values)):
            return end
        if not segment:
            return None
        for _, regex, node in self.mixed:
            if match := regex.fullmatch(segment):
                count = len(values)
                values += match.groups()
                if end := node.find(segments, index + 1, values):
                    return end
                del values[count:]
        if self.parameter is not None:
            values.append(segment)
            if end := self.parameter.find(segments, index + 1, values):
                return end
            values.pop()
        return None

    def end(self, has_slash: bool, method: str) -> tuple[Target, tuple[str, ...]]:
        """The target and names of a path that ends here."""
        ends = self.ends[has_slash] or self.ends[not has_slash]
        found = ends.get(method) or (ends.get("GET") if method == "HEAD" else None)
        return found or next(iter(ends.values()))


def list_names(template: str) -> list[str]:
    """The names of a template's parameters, in order."""
    return _PARAMETER.findall(template)


def _quote(text: str) -> str:
    return re.sub(r"([^A-Za-z0-9_\x80-\U0010ffff])", r"\\\1", text)


def _segments(path: str) -> list[str]:
    segments = path.split("/")[1:]
    if segments and segments[-1] == "":
        segments.pop()
    return segments
