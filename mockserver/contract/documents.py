"""Files of a contract and of fixtures, read safely: JSON or YAML, inside one folder, bounded in size.

The only module that knows the YAML library. YAML is read by its 1.2 core rules (`NO` is text, `200:` is a
member name), without object tags, and with aliases bounded, so that ten lines cannot become ten gigabytes.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from mockserver.exceptions import ContractError, InvalidInput, MalformedJson, Problem
from mockserver.json_codec import escape_pointer, loads
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

    try:
        node = yaml.compose(data.decode("utf-8"), Loader=yaml.CSafeLoader)
    except UnicodeDecodeError:
        raise error([Problem("is not UTF-8", file=name)]) from None
    except (yaml.YAMLError, RecursionError) as problem:
        mark = getattr(problem, "problem_mark", None)
        place = f" at line {mark.line + 1} column {mark.column + 1}" if mark else ""
        text = getattr(problem, "problem", None) or "cannot be parsed"
        raise error([Problem(f"is not YAML: {text}{place}", file=name)]) from None
    reader = _YamlReader(name, error)
    value = reader.value(node, "", ())
    return value, tuple(reader.duplicates)


_YAML_INT = re.compile(r"[-+]?[0-9]+")
_YAML_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


class _YamlReader:
    """YAML nodes to JSON values by the 1.2 core schema (YAML 1.2.2, section 10.3)."""

    def __init__(self, name: str, error: type[InvalidInput]) -> None:
        self._name = name
        self._error = error
        self._nodes = 0
        self.duplicates: list[str] = []

    def value(self, node: Any, pointer: str, above: tuple[int, ...]) -> Json:
        if node is None:
            return None
        self._nodes += 1
        if self._nodes > _MAX_YAML_NODES or id(node) in above or len(above) > 200:
            self._refuse("aliases make the document too large or endless", pointer)
        if not node.tag.startswith("tag:yaml.org,2002:") or ":python/" in node.tag:
            self._refuse(f"the tag {node.tag} is not allowed", pointer)
        inside = (*above, id(node))
        if node.id == "mapping":
            members: dict[str, Any] = {}
            for key, item in node.value:
                member = str(key.value) if key.id == "scalar" else ""
                place = f"{pointer}/{escape_pointer(member)}"
                if key.id != "scalar":
                    self._refuse("a member name must be text", pointer)
                if member in members:
                    self.duplicates.append(place)
                members[member] = self.value(item, place, inside)
            return members
        if node.id == "sequence":
            return [self.value(item, f"{pointer}/{index}", inside) for index, item in enumerate(node.value)]
        return self._scalar(node)

    def _scalar(self, node: Any) -> Json:
        text = str(node.value)
        if node.style in ("'", '"', "|", ">") or node.tag.endswith((":str", ":timestamp", ":binary")):
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

    def _refuse(self, message: str, pointer: str) -> None:
        raise self._error([Problem(message, pointer, self._name)])
