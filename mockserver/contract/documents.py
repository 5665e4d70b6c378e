"""Files of a contract and of fixtures, read safely: JSON or YAML, inside one folder, bounded in size.

The only module that knows the YAML library. YAML is read by its 1.2 core rules (`NO` is text, `200:` is a
member name) with the merge keys (`<<`) of 1.1, without object tags, and with aliases bounded, so that ten
lines cannot become ten gigabytes. A folder can stand on a disk or behind a URL.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from mockserver.exceptions import ContractError, InvalidInput, MalformedJson, Problem
from mockserver.json_codec import MAX_DEPTH, escape_pointer, loads
from mockserver.types import Json

MAX_FILE_BYTES = 16 * 1024 * 1024
_MAX_ALIASED_NODES = 1_000_000
_DOWNLOAD_SECONDS = 30
_YAML_SUFFIXES = (".yaml", ".yml")


def read_document(path: Path, *, shown: str | None = None, error: type[InvalidInput] = ContractError) -> Json:
    """The value in a `.json`, `.yaml` or `.yml` file.

    `shown` is the file's name in error texts. Raises `error` with every problem: unreadable, too large, no
    JSON or YAML, members given twice.
    """
    name = shown or str(path)
    return parse_document(_read_file(path, name, error), name, error=error)


def parse_document(data: bytes, name: str, *, error: type[InvalidInput] = ContractError) -> Json:
    """The value in the bytes of a file of that name. Raises `error` with every problem."""
    if PurePosixPath(name).suffix.lower() in _YAML_SUFFIXES:
        value, duplicates = _read_yaml(data, name, error)
    else:
        try:
            value, duplicates = loads(data)
        except MalformedJson as problem:
            raise error([Problem(f"is not JSON: {problem}", file=name)]) from None
    if duplicates:
        raise error([Problem("is given twice", pointer, name) for pointer in duplicates])
    return value


def _read_file(path: Path, name: str, error: type[InvalidInput]) -> bytes:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise error([Problem(_too_large(), file=name)])
        return path.read_bytes()
    except OSError as problem:
        raise error([Problem(f"cannot be read: {problem.strerror}", file=name)]) from None


def _too_large() -> str:
    return f"the file is larger than {MAX_FILE_BYTES // 2**20} MiB"


def find_inside(folder: Path, reference: str, *, base: str = "") -> Path | None:
    """The file that a relative reference names, or None if it lies outside of `folder`.

    The reference stands in a file of the folder `base` below it, from where `..` may lead back up. Absolute
    paths, other schemes, backslashes, NUL and symbolic links that lead out are all None.
    """
    if not reference or re.search(r"[\\\x00:]", reference) or reference.startswith("/"):
        return None
    steps: list[str] = []
    for step in (*base.split("/"), *reference.split("/")):
        if step == ".." and not steps:
            return None
        if step == "..":
            steps.pop()
        elif step not in ("", "."):
            steps.append(step)
    path = folder.joinpath(*steps).resolve()
    return path if path.is_relative_to(folder.resolve()) else None


class DocumentFolder:
    """The folder that a document stands in, on a disk or behind a URL, and the files below it.

    `root` is the name of the document itself. Names are relative to the folder, with `/` between their parts.
    """

    def __init__(self, document: Path | str) -> None:
        self._url: str | None = None
        self._path = Path()
        self._shown = str(document)
        self._addressed: set[str] = set()
        if address := find_address(document):
            parts = urlsplit(address)
            above, _, name = parts.path.rpartition("/")
            self._url = urlunsplit((parts.scheme, parts.netloc, f"{above}/", "", ""))
            self._query = parts.query
            self.root = unquote(name) or "openapi.json"
        else:
            self._path, self.root = Path(document).parent, Path(document).name

    def has_addresses(self, name: str) -> bool:
        """Whether a file that was read speaks of `$id` or of anchors anywhere."""
        return name in self._addressed

    def find(self, reference: str, base: str) -> str | None:
        """The name of the file that a relative reference in the file `base` means; None if outside."""
        path = find_inside(self._path, reference, base=str(PurePosixPath(base).parent))
        return None if path is None else path.relative_to(self._path.resolve()).as_posix()

    def read_bytes(self, name: str) -> bytes:
        """The bytes of a file. Raises ContractError."""
        if self._url is None:
            return _read_file(self._path / name, self._show(name), ContractError)
        address = self._url + quote(name)
        return _download(f"{address}?{self._query}" if name == self.root and self._query else address, name)

    def _show(self, name: str) -> str:
        """The name of a file in texts: that of the document as the user gave it."""
        return self._shown if name == self.root else name

    def read(self, name: str) -> Json:
        """The value in a file; the text of one that is neither JSON nor YAML. Raises ContractError."""
        data = self.read_bytes(name)
        if any(word in data for word in (b"$id", b"$anchor", b"$dynamicAnchor")):
            self._addressed.add(name)
        if PurePosixPath(name).suffix.lower() in (".json", *_YAML_SUFFIXES):
            return parse_document(data, self._show(name))
        for stand_in in (f"{name}.json", f"{name}.yaml"):
            try:
                value = parse_document(data, stand_in)
            except ContractError:
                continue
            if isinstance(value, dict | list):
                return value
        return data.decode("utf-8", "replace")


def find_address(document: Path | str) -> str | None:
    """The `http` or `https` URL that is given in place of a path, which takes one slash of it; else None."""
    match = re.fullmatch(r"(?i)(https?):/{1,2}([^/].*)", str(document), re.DOTALL)
    return None if match is None else f"{match[1].lower()}://{match[2]}"


def _download(address: str, name: str) -> bytes:
    # Only who names a URL needs them, and they take a while to import.
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    request = Request(address, headers={"Accept": "application/json, application/yaml, */*"})
    try:
        with urlopen(request, timeout=_DOWNLOAD_SECONDS) as answer:
            data: bytes = answer.read(MAX_FILE_BYTES + 1)
    except HTTPError as problem:
        problem.close()
        raise ContractError(
            [Problem(f"cannot be read: {address} answers {problem.code}", file=name)]
        ) from None
    except (OSError, ValueError, HTTPException) as problem:
        reason = getattr(problem, "reason", None) or problem
        raise ContractError([Problem(f"cannot be read: {address}: {reason}", file=name)]) from None
    if len(data) > MAX_FILE_BYTES:
        raise ContractError([Problem(_too_large(), file=name)])
    return data


def _read_yaml(data: bytes, name: str, error: type[InvalidInput]) -> tuple[Json, tuple[str, ...]]:
    import yaml

    reader = _YamlReader(name, error)
    takers: dict[type, Callable[[Any], None]] = {
        yaml.ScalarEvent: reader.take_scalar,
        yaml.AliasEvent: reader.take_alias,
        yaml.MappingStartEvent: partial(reader.take_start, dict),
        yaml.SequenceStartEvent: partial(reader.take_start, list),
        yaml.MappingEndEvent: reader.take_end,
        yaml.SequenceEndEvent: reader.take_end,
        yaml.DocumentStartEvent: reader.take_document,
    }
    try:
        # As events, since libyaml's nodes nest on the C stack, which some thousand brackets overflow.
        for event in yaml.parse(data.decode("utf-8-sig"), Loader=yaml.CSafeLoader):
            take = takers.get(type(event))
            if take is not None:
                take(event)
    except UnicodeDecodeError:
        raise error([Problem("is not UTF-8", file=name)]) from None
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        # The library looks ahead, and has a bound of its own, before the reader sees how deep it goes.
        if mark is not None and _is_deep(data.decode("utf-8")[: mark.index]):
            raise reader.too_deep() from None
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
_MERGE = "<<"


class _Open:
    """A mapping or a sequence that is being read: its value, and the member whose value is next.

    `merged` are the mappings of its merge keys; `before` is how many nodes there were before it, to know its
    size at its end.
    """

    __slots__ = ("anchor", "before", "is_mapping", "is_merge", "member", "merged", "value")

    def __init__(self, value: Any, anchor: str | None, before: int) -> None:
        self.value = value
        self.anchor = anchor
        self.before = before
        self.is_mapping = isinstance(value, dict)
        self.member: str | None = None
        self.is_merge = False
        self.merged: list[Json] | None = None


class _YamlReader:
    """YAML events to a JSON value by the 1.2 core schema (YAML 1.2.2, section 10.3)."""

    def __init__(self, name: str, error: type[InvalidInput]) -> None:
        self._name = name
        self._error = error
        self._nodes = 0
        self._aliased = 0
        self._documents = 0
        self._open: list[_Open] = []
        # Value and size of what an alias can name; None while it is being read.
        self._anchors: dict[str, tuple[Json, int] | None] = {}
        self.value: Json = None
        self.duplicates: list[str] = []

    def take_document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            raise self._error([Problem("the file holds more than one document", file=self._name)])

    def take_scalar(self, event: Any) -> None:
        above = self._open[-1] if self._open else None
        if above is not None and above.is_mapping and above.member is None:
            self._take_member(above, event)
            return
        self._nodes += 1
        tag = event.tag
        if tag is not None:
            self._check_tag(tag)
        value = _read_scalar(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = value, 1
        self._put(value)

    def _take_member(self, above: _Open, event: Any) -> None:
        member = event.value
        above.member = member
        if member == _MERGE and not event.style:
            above.is_merge = True
        elif member in above.value:
            self.duplicates.append(self._pointer())

    def take_alias(self, event: Any) -> None:
        anchor = event.anchor
        self._check_member()
        found = self._anchors.get(anchor)
        if found is None:
            what = "leads back to itself" if anchor in self._anchors else "names nothing"
            raise self._refused(f"the alias {anchor!r} {what}")
        self._nodes += found[1]
        self._aliased += found[1]
        if self._aliased > _MAX_ALIASED_NODES:
            raise self._refused("aliases make the document too large")
        self._put(copy.deepcopy(found[0]))

    def take_start(self, kind: type, event: Any) -> None:
        self._check_member()
        if event.tag is not None:
            self._check_tag(event.tag)
        if len(self._open) >= MAX_DEPTH:
            raise self.too_deep()
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._open.append(_Open(kind(), event.anchor, self._nodes))
        self._nodes += 1

    def take_end(self, event: Any) -> None:
        done = self._open.pop()
        for mapping in done.merged or ():
            # What stands in the mapping itself counts, then what is merged first.
            for name, item in mapping.items():
                done.value.setdefault(name, item)
        if done.anchor is not None:
            self._anchors[done.anchor] = done.value, self._nodes - done.before
        self._put(done.value)

    def _put(self, value: Json) -> None:
        if not self._open:
            self.value = value
            return
        above = self._open[-1]
        if not above.is_mapping:
            above.value.append(value)
        elif above.is_merge:
            mappings = value if isinstance(value, list) else [value]
            if not all(isinstance(mapping, dict) for mapping in mappings):
                raise self._refused("a merge key takes a mapping or a list of mappings")
            above.merged = [*(above.merged or ()), *mappings]
            above.is_merge = False
            above.member = None
        else:
            above.value[above.member] = value
            above.member = None

    def _check_member(self) -> None:
        above = self._open[-1] if self._open else None
        if above is not None and above.is_mapping and above.member is None:
            raise self._refused("a member name must be text")

    def _check_tag(self, tag: str) -> None:
        if tag != "!" and tag not in _YAML_TAGS:
            raise self._refused(f"the tag {tag} is not allowed")

    def _pointer(self) -> str:
        """The pointer to what is being read."""
        tokens = [
            above.member if above.is_mapping else str(len(above.value))
            for above in self._open
            if not above.is_mapping or above.member is not None
        ]
        return "".join(f"/{escape_pointer(token or '')}" for token in tokens)

    def too_deep(self) -> InvalidInput:
        """The error of a document that is nested too deep."""
        return self._refused(f"nested deeper than {MAX_DEPTH} levels")

    def _refused(self, message: str) -> InvalidInput:
        return self._error([Problem(message, self._pointer(), self._name)])


_YAML_TAGS = frozenset(
    f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str", "int", "float", "bool", "null")
)
_YAML_WORDS: dict[str, Json] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER_SIGNS = frozenset("0123456789+-.")


def _read_scalar(event: Any) -> Json:
    text = event.value
    style = event.style
    if style or (event.tag or "").endswith(":str") or event.tag == "!":
        return text
    if text in _YAML_WORDS:
        return _YAML_WORDS[text]
    if text[0] not in _NUMBER_SIGNS:
        return text
    if _YAML_INT.fullmatch(text) and len(text) < 300:
        return int(text)
    if _YAML_FLOAT.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text
