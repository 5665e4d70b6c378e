"""JSON pointers (RFC 6901), which members of a schema hold schemas, and members that may be anything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

from mockserver.json_codec import read_index, read_pointer
from mockserver.types import Json, JsonObject

# Keywords whose members are named by the author of the schema, each with a schema.
SCHEMA_MAPS = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})
# Keywords with a schema each, and with a list of them.
SCHEMA_PARTS = frozenset({
    "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not", "propertyNames",
    "then", "unevaluatedItems", "unevaluatedProperties",
})  # fmt: skip
SCHEMA_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
# Keywords that hold data.
DATA_KEYWORDS = frozenset({"const", "default", "enum", "example", "examples"})


def find_pointer(document: Json, pointer: str) -> Json:
    """The value at a JSON pointer, or None where it leads nowhere."""
    if pointer and not pointer.startswith("/"):
        return None
    found = document
    for name in read_pointer(pointer):
        if isinstance(found, Mapping):
            found = found.get(name)
        elif isinstance(found, list) and (index := read_index(name)) is not None and index < len(found):
            found = found[index]
        else:
            return None
    return found


def object_at(owner: JsonObject, name: str) -> JsonObject:
    """The object under a name; an empty one where nothing stands there, or something else."""
    found = owner.get(name)
    return found if isinstance(found, dict) else {}


def list_at(owner: JsonObject, name: str) -> list[Json]:
    """The list under a name; an empty one where nothing stands there, or something else."""
    found = owner.get(name)
    return found if isinstance(found, list) else []


def write_fragment(pointer: str) -> str:
    """A JSON pointer as a URI fragment (RFC 6901, section 6)."""
    return re.sub(r"[^A-Za-z0-9\-._~/!$&'()*+,;=:@?]", lambda match: _percent(match.group()), pointer)


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8"))


def read_fragment(reference: str) -> str:
    """The JSON pointer of a `#/…` reference."""
    return unquote(reference.removeprefix("#"))
