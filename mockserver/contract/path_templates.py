"""Which path template a path fits. Literal segments win over parameters, segment by segment.

Templates and paths are cut at `/` while still percent-encoded and each segment is decoded once, so an
encoded slash stays inside its segment. One trailing slash more or less makes no difference; two do.
"""

from __future__ import annotations

from typing import Generic, TypeVar
from urllib.parse import unquote

Target = TypeVar("Target")


class PathTemplates(Generic[Target]):
    """Path templates such as `/v1/api-keys/{id}/regenerate`, each with a target.

    >>> templates = PathTemplates()
    >>> templates.add("/keys/{id}", "one")
    >>> templates.find("/keys/k%201")
    ('one', {'id': 'k 1'})
    """

    def __init__(self) -> None:
        self._literal: dict[str, Target] = {}
        self._root: _Node[Target] = _Node()

    def add(self, template: str, target: Target) -> None:
        """Put in a template.

        Raises ValueError where another template has the same shape, or a parameter fills half a segment.
        """
        node = self._root
        segments = _segments(template)
        names: list[str] = []
        for segment in segments:
            if segment.startswith("{") and segment.endswith("}"):
                names.append(segment[1:-1])
                node.parameter = node.parameter or _Node()
                node = node.parameter
            elif "{" in segment:
                raise ValueError("has a parameter that does not fill a whole segment")
            else:
                node = node.literal.setdefault(unquote(segment), _Node())
        if node.end is not None:
            raise ValueError("has the same shape as another path")
        node.end = (target, tuple(names))
        if not names:
            bare = template.removesuffix("/")
            self._literal[bare or "/"] = self._literal[bare + "/"] = target

    def find(self, path: str) -> tuple[Target, dict[str, str]] | None:
        """The target whose template fits a percent-encoded path, with its parameters decoded; else None."""
        target = self._literal.get(path)
        if target is not None:
            return target, {}
        if not path.startswith("/"):
            # Asterisk form and absolute form of a request line are no paths (RFC 9112, section 3.2).
            return None
        values: list[str] = []
        end = self._root.find([unquote(segment, errors="replace") for segment in _segments(path)], 0, values)
        if end is None:
            return None
        found, names = end
        return found, dict(zip(names, values, strict=True))


class _Node(Generic[Target]):
    __slots__ = ("end", "literal", "parameter")

    def __init__(self) -> None:
        self.literal: dict[str, _Node[Target]] = {}
        self.parameter: _Node[Target] | None = None
        self.end: tuple[Target, tuple[str, ...]] | None = None

    def find(
        self, segments: list[str], index: int, values: list[str]
    ) -> tuple[Target, tuple[str, ...]] | None:
        if index == len(segments):
            return self.end
        segment = segments[index]
        if (node := self.literal.get(segment)) and (end := node.find(segments, index + 1, values)):
            return end
        if self.parameter is not None and segment:
            values.append(segment)
            if end := self.parameter.find(segments, index + 1, values):
                return end
            values.pop()
        return None


def _segments(path: str) -> list[str]:
    segments = path.split("/")[1:]
    if segments and segments[-1] == "":
        segments.pop()
    return segments
