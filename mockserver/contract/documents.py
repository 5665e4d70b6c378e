"""Files of a contract and of fixtures, read safely: JSON or YAML, inside one folder, bounded in size.

The only module that knows the YAML library. YAML is read by its 1.2 core rules (`NO` is text, `200:` is a
member name), without object tags, and with aliases bounded, so that ten lines cannot become ten gigabytes.
"""

from __future__ import annotations

import copy
import math
import re
from pathlib import Path
from typing import Any, NoReturn

from mockserver.exceptions import ContractError, InvalidInput, MalformedJson, Problem
from mockserver.json_codec import MAX_DEPTH, escape_pointer, loads
from mockserver.types import Json

MAX_FILE_BYTES = 16 * 1024 * 1024
_MAX_YAML_NODES = 1_000_000


def read_document(path: Path, *, shown: str | None = None, error: type[InvalidInput] = ContractError) -> Json:
    """The value in a `.json`, `.yaml` or `.yml` file.

    `shown` is the file's name in error texts. Raises `error` with every problem: unreadable, too large, no
    JSON or YAML, members given twice.
    """
    name = shown or str(path)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise error([Problem(f"the file is larger than {MAX_FILE_BYTES // 2**20} MiB", file=name)])
        data = path.read_bytes()
    except OSError as problem:
        raise error([Problem(f"cannot be read: {problem.strerror}", file=name)]) from None
    if path.suffix.lower() in (".yaml", ".yml"):
        value, duplicates = _read_yaml(data, name, error)
    else:
        try:
            value, duplicates = loads(data)
        except MalformedJson as problem:
            raise error([Problem(f"is not JSON: {problem}", file=name)]) from None
    if duplicates:
        raise error([Problem("is given twice", pointer, name) for pointer in duplicates])
    return value


def find_inside(folder: Path, reference: str) -> Path | None:
    """The file that a relative reference names, or None if that would leave `folder`.

    Absolute paths, `..`, other schemes, backslashes, NUL and symbolic links that lead out are all None.
    """
    if not reference or re.search(r"[\\\x00:]", reference) or reference.startswith("/"):
        return None
    if ".." in reference.split("/"):
        return None
    path = (folder / reference).resolve()
    return path if path.is_relative_to(folder.resolve()) else None


def _read_yaml(data: bytes, name: str, error: type[InvalidInput]) -> tuple[Json, tuple[str, ...]]:
    import yaml

    reader = _YamlReader(name, error)
    try:
        # As events, since libyaml's nodes nest on the C stack, which some thousand brackets overflow.
        for event in yaml.parse(data.decode("utf-8"), Loader=yaml.CSafeLoader):
            reader.take(event)
    except UnicodeDecodeError:
        raise error([Problem("is not UTF-8", file=name)]) from None
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        # The library looks ahead, and has a bound of its own, before the reader sees how deep it goes.
        if mark is not None and _is_deep(data.decode("utf-8")[: mark.index]):
            reader.refuse_depth()
        place = f" at line {mark.line + 1} column {mark.column + 1}" if mark else ""
        text = getattr(problem, "problem", None) or "cannot be parsed"
        raise error([Problem(f"is not YAML: {text}{place}", file=name)]) from None
    return reader.value, tuple(reader.duplicates)


_QUOTED_OR_BRACKET = re.compile(r"""'[^']*+'?|"(?:[^"\\]|\\.)*+"?|[\[\]{}]""", re.DOTALL)


def _is_deep(text: str) -> bool:
    """Whether more brackets are open at the end of a YAML text than may be nested."""
    tokens = _QUOTED_OR_BRACKET.findall(text)
    return sum((token in "[{") - (token in "]}") for token in tokens) > MAX_DEPTH


_YAML_INT = re.compile(r"[-+]?[0-9]+")
_YAML_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


class _Open:
    """A mapping or a sequence that is being read: its value, where it stands, the member whose value is next.

    `before` is how many nodes there were before it, to know its size at its end.
    """

    __slots__ = ("anchor", "before", "member", "pointer", "value")

    def __init__(self, value: Any, pointer: str, anchor: str | None, before: int) -> None:
        self.value = value
        self.pointer = pointer
        self.anchor = anchor
        self.before = before
        self.member: str | None = None


class _YamlReader:
    """YAML events to a JSON value by the 1.2 core schema (YAML 1.2.2, section 10.3)."""

    def __init__(self, name: str, error: type[InvalidInput]) -> None:
        self._name = name
        self._error = error
        self._nodes = 0
        self._documents = 0
        self._open: list[_Open] = []
        # Value and size of what an alias can name; None while it is being read.
        self._anchors: dict[str, tuple[Json, int] | None] = {}
        self.value: Json = None
        self.duplicates: list[str] = []

    def take(self, event: Any) -> None:
        """Take the next event. Raises the error with the first thing that cannot be read."""
        kind = type(event).__name__
        if kind == "ScalarEvent":
            self._take_scalar(event)
        elif kind == "AliasEvent":
            self._take_alias(event.anchor)
        elif kind in ("MappingStartEvent", "SequenceStartEvent"):
            self._start({} if kind == "MappingStartEvent" else [], event)
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            done = self._open.pop()
            if done.anchor is not None:
                self._anchors[done.anchor] = done.value, self._nodes - done.before
        elif kind == "DocumentStartEvent":
            self._documents += 1
            if self._documents > 1:
                self._refuse("the file holds more than one document", "")

    def _take_scalar(self, event: Any) -> None:
        above = self._open[-1] if self._open else None
        if above is not None and isinstance(above.value, dict) and above.member is None:
            self._take_member(above, str(event.value))
            return
        pointer = self._count(1)
        self._check_tag(event, pointer)
        value = _read_scalar(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = value, 1
        self._put(value)

    def _take_member(self, above: _Open, member: str) -> None:
        above.member = member
        if member in above.value:
            self.duplicates.append(f"{above.pointer}/{escape_pointer(member)}")

    def _take_alias(self, anchor: str) -> None:
        found = self._anchors.get(anchor)
        pointer = self._count(found[1] if found else 1)
        if found is None:
            what = "leads back to itself" if anchor in self._anchors else "names nothing"
            self._refuse(f"the alias {anchor!r} {what}", pointer)
        else:
            self._put(copy.deepcopy(found[0]))

    def _start(self, value: Any, event: Any) -> None:
        pointer = self._count(1)
        self._check_tag(event, pointer)
        if len(self._open) >= MAX_DEPTH:
            self.refuse_depth(pointer)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._put(value)
        self._open.append(_Open(value, pointer, event.anchor, self._nodes - 1))

    def refuse_depth(self, pointer: str = "") -> NoReturn:
        """Raise the error of a document that is nested too deep."""
        self._refuse(f"nested deeper than {MAX_DEPTH} levels", pointer)

    def _count(self, nodes: int) -> str:
        """Count nodes that come next; the pointer to where they come."""
        above = self._open[-1] if self._open else None
        pointer = ""
        if above is not None:
            if isinstance(above.value, dict) and above.member is None:
                self._refuse("a member name must be text", above.pointer)
            token = str(len(above.value)) if above.member is None else escape_pointer(above.member)
            pointer = f"{above.pointer}/{token}"
        self._nodes += nodes
        if self._nodes > _MAX_YAML_NODES:
            self._refuse("aliases make the document too large", pointer)
        return pointer

    def _put(self, value: Json) -> None:
        if not self._open:
            self.value = value
            return
        above = self._open[-1]
        if above.member is None:
            above.value.append(value)
        else:
            above.value[above.member] = value
            above.member = None

    def _check_tag(self, event: Any, pointer: str) -> None:
        tag = event.tag
        if tag is not None and tag != "!" and tag not in _YAML_TAGS:
            self._refuse(f"the tag {tag} is not allowed", pointer)

    def _refuse(self, message: str, pointer: str) -> NoReturn:
        raise self._error([Problem(message, pointer, self._name)])


_YAML_TAGS = frozenset(
    f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str", "int", "float", "bool", "null")
)


def _read_scalar(event: Any) -> Json:
    text = str(event.value)
    if event.style in ("'", '"', "|", ">") or (event.tag or "").endswith(":str") or event.tag == "!":
        return text
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text.lower() == "true"
    if _YAML_INT.fullmatch(text) and len(text) < 300:
        return int(text)
    if _YAML_FLOAT.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text
