"""Bundling: a document and the files beside it become one document whose references all begin with `#/`.

Schemas of other files become components; all other parts are put in place of the reference to them. The
addresses that JSON Schema knows (`$id`, `$anchor`, `$dynamicAnchor`) are followed here and then left out, so
that the reader of the result knows one kind of reference. A schema whose `$dynamicRef` means something else
under another way to it is copied for each such way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias
from urllib.parse import unquote, urldefrag, urljoin

from mockserver.contract.documents import DocumentFolder
from mockserver.contract.pointers import (
    DATA_KEYWORDS,
    SCHEMA_MAPS,
    find_pointer,
    list_at,
    object_at,
    read_fragment,
    write_fragment,
)
from mockserver.contract.problems import BROKEN, Origins, Problems
from mockserver.contract.schema_registry import check_schema, find_bad_patterns, find_meta_schema
from mockserver.contract.upgrades import is_older_draft, upgrade_draft, upgrade_schema, upgrade_swagger
from mockserver.exceptions import ContractError, Problem
from mockserver.json_codec import escape_pointer
from mockserver.types import Json, JsonObject

# Members of a document whose own members are named by its author.
_MAPS = frozenset({
    "additionalOperations", "callbacks", "content", "definitions", "encoding", "examples", "headers", "links",
    "mediaTypes", "parameters", "pathItems", "paths", "requestBodies", "responses", "schemas",
    "securityDefinitions", "securitySchemes", "variables", "webhooks",
})  # fmt: skip
_SCHEMA_ROOTS = ("/components/schemas", "/definitions")
_ADDRESSES = ("$id", "$schema", "$anchor", "$dynamicAnchor", "$vocabulary", "$recursiveAnchor")
# The address of the document's folder: relative references are resolved against it as URLs are.
_BASE = "http://contract.invalid/"
# So many parts may all references together put in place of themselves.
_MAX_INLINED = 2_000_000

# Which place a dynamic anchor means on the way to here: (name, file, pointer), by name.
_Bindings: TypeAlias = tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Bundle:
    """One document and what was found on the way. `is_old`: its schemas were those of OpenAPI 3.0 or 2.0."""

    document: JsonObject
    folder: DocumentFolder
    origins: Origins
    problems: Problems
    warnings: Problems


def bundle(path: Path | str) -> Bundle:
    """Read the document at a path or URL, with everything that it refers to.

    A part that cannot be read is replaced by an object with the member `BROKEN`, and its problem is told.
    Raises ContractError where there is no document.
    """
    return _Bundler(path).bundle()


class _Bundler:
    def __init__(self, path: Path | str) -> None:
        self._folder = DocumentFolder(path)
        self._root = self._folder.root
        self._files: dict[str, Json] = {}
        self._unreadable: dict[str, str] = {}
        self._addresses = _Addresses()
        self._origins = Origins(self._root)
        self._problems = Problems()
        self._warnings = Problems()
        self._is_old = False
        self._schema_root = _SCHEMA_ROOTS[0]
        # Schemas that became components: where each comes from, what its name is.
        self._names: dict[tuple[str, str, _Bindings], str] = {}
        self._schemas: JsonObject = {}
        self._waiting: list[tuple[str, str, str, Json, _Bindings]] = []
        self._inlined: dict[tuple[str, str], tuple[Json, int]] = {}
        self._inlined_size = 0
        self._size = 0

    def bundle(self) -> Bundle:
        document = self._files[self._root] = self._folder.read(self._root)
        if not isinstance(document, dict):
            raise ContractError([Problem("an OpenAPI document must be an object", file=self._root)])
        is_swagger = self._read_version(document)
        self._addresses.add(self._root, document, has_addresses=self._folder.has_addresses(self._root))
        above, _, last = self._schema_root.removeprefix("/").rpartition("/")
        owner = document.get(above, {}) if above else document
        if not isinstance(owner, dict) or not isinstance(owner.get(last, {}), dict):
            place = f"/{above}" if above else self._schema_root
            raise ContractError([Problem("must be an object, and so must its schemas", place, self._root)])
        # Taken first, so that a file imported under the same name gives way.
        self._schemas.update(dict.fromkeys(owner.get(last, {})))
        copy = self._copy(document, self._root, "", ())
        while self._waiting:
            name, file, pointer, target, bindings = self._waiting.pop()
            self._schemas[name] = self._schema(target, file, pointer, bindings)
        imported = {name: schema for name, schema in self._schemas.items() if schema is not None}
        if imported:
            owner = copy.setdefault(above, {}) if above else copy
            owner.setdefault(last, {}).update(imported)
        for loop, pointer in find_loops(copy):
            file, original = self._origins.find(pointer)
            broken = self._problems.add("leads back to itself", original, file)
            loop.clear()
            loop.update(broken)
        if is_swagger:
            copy = upgrade_swagger(copy, self._origins)
        elif self._is_old:
            copy["openapi"] = "3.1.0"
        else:
            copy["openapi"] = str(copy["openapi"])
        return Bundle(copy, self._folder, self._origins, self._problems, self._warnings)

    def _read_version(self, document: JsonObject) -> bool:
        """Whether the document is Swagger 2.0. Raises ContractError for a version that is not known."""
        name = "swagger" if "swagger" in document and "openapi" not in document else "openapi"
        version = document.get(name)
        # YAML reads 3.1 without quotes as a number.
        text = str(version) if isinstance(version, str | float | int) and version is not True else ""
        if name == "swagger" and text in ("2.0", "2"):
            self._is_old, self._schema_root = True, _SCHEMA_ROOTS[1]
            return True
        if name == "openapi" and re.match(r"3\.[012](\.|$)", text):
            self._is_old = text.startswith("3.0")
            return False
        given = "is missing" if version is None else f"is {version!r}"
        text = f"{given}; must be 3.0.x, 3.1.x or 3.2.x, or `swagger` must be 2.0"
        raise ContractError([Problem(text, f"/{name}", self._root)])

    # Parts that are no schemas.

    def _copy(
        self,
        value: Json,
        file: str,
        pointer: str,
        inlined: tuple[tuple[str, str], ...],
        *,
        has_names: bool = False,
    ) -> Any:
        """A part of the document that is no schema. `has_names`: its author gave its members their names."""
        if isinstance(value, list):
            return [self._copy(item, file, f"{pointer}/{index}", inlined) for index, item in enumerate(value)]
        if not isinstance(value, dict):
            return value
        self._size += 1
        if isinstance(value.get("$ref"), str) and not has_names:
            return self._copy_reference(value, file, pointer, inlined)
        copy: JsonObject = {}
        for key, item in value.items():
            place = f"{pointer}/{escape_pointer(key)}"
            if has_names:
                if pointer == self._schema_root and file == self._root:
                    copy[key] = self._schema(item, file, place, self._addresses.enter(file, place))
                else:
                    copy[key] = self._copy(item, file, place, inlined)
            elif key in ("schema", "itemSchema"):
                copy[key] = self._schema(item, file, place, self._addresses.enter(file, place))
            elif key in ("example", "value"):
                copy[key] = self._example(item, file, place)
            elif key == "externalValue" and isinstance(item, str):
                copy |= self._external(item, file, place)
            elif key.startswith("x-"):
                copy[key] = item
            else:
                copy[key] = self._copy(
                    item, file, place, inlined, has_names=key in _MAPS and isinstance(item, dict)
                )
        return copy

    def _copy_reference(
        self, value: JsonObject, file: str, pointer: str, inlined: tuple[tuple[str, str], ...]
    ) -> Any:
        reference = value["$ref"]
        is_path_item = re.fullmatch(r"/(?:paths|webhooks)/[^/]*", pointer) and file == self._root
        if file == self._root and reference.startswith("#") and not is_path_item:
            return {"$ref": reference}
        found = self._follow(reference, file, pointer)
        if isinstance(found, dict):
            return found
        where, place, target = found
        if (where, place) in inlined:
            return self._problems.add("leads back to itself", f"{pointer}/$ref", file)
        if (where, place) not in self._inlined:
            before = self._size
            part = self._copy(target, where, place, (*inlined, (where, place)))
            self._inlined[where, place] = part, self._size - before
        copy, size = self._inlined[where, place]
        if file == self._root:
            self._origins.add(pointer, where, place)
        self._inlined_size += size
        if self._inlined_size > _MAX_INLINED:
            raise ContractError([Problem("references make the document too large", pointer, file)])
        if isinstance(copy, dict) and is_path_item:
            # OpenAPI 3.1, section 4.8.9: what stands beside such a reference belongs to the path item too.
            beside = {key: item for key, item in value.items() if key != "$ref"}
            copy = {**copy, **self._copy(beside, file, pointer, inlined)}
            for key in beside:
                below = f"{pointer}/{escape_pointer(key)}"
                self._origins.add(below, file, below)
        return copy

    def _example(self, value: Json, file: str, pointer: str) -> Json:
        """A value that stands in the document; a mere reference to a file is what the file holds."""
        reference = value.get("$ref") if isinstance(value, dict) and len(value) == 1 else None
        if isinstance(reference, str) and reference and not reference.startswith("#"):
            address, _, fragment = reference.partition("#")
            name = self._folder.find(unquote(address), file)
            if name is not None and self._load(name, self._warnings):
                found = find_pointer(self._files[name], unquote(fragment))
                return value if found is None else found
        return value

    def _external(self, reference: str, file: str, pointer: str) -> JsonObject:
        """The member `value` that an example in a file has, `externalValue` where its bytes are no text."""
        name = self._folder.find(unquote(reference), file)
        if name is None:
            text = f"{reference!r} is not read: an external value is a file below the contract's folder"
            self._warnings.add(text, pointer, file)
            return {}
        try:
            if PurePosixPath(name).suffix.lower() in (".json", ".yaml", ".yml"):
                return {"value": self._folder.read(name)}
            data = self._folder.read_bytes(name)
        except ContractError as error:
            self._warnings.extend(error.problems)
            return {}
        try:
            return {"value": data.decode("utf-8")}
        except UnicodeDecodeError:
            return {"externalValue": name}

    # Schemas.

    def _schema(self, schema: Json, file: str, pointer: str, bindings: _Bindings) -> Json:
        """A schema copied with its references rewritten, and checked as a whole."""
        is_older = self._is_old or (isinstance(schema, dict) and is_older_draft(schema))
        copy = self._schema_part(schema, file, pointer, bindings, is_older=is_older)
        problems = check_schema(copy, pointer)
        for problem in find_bad_patterns(copy, pointer):
            self._warnings.add(problem.message, problem.pointer, file)
        # What only describes is left out, and the schema judges without it.
        kept = [problem for problem in problems if not _leave_out(copy, problem.pointer[len(pointer) :])]
        broken = {problem: self._problems.add(problem.message, problem.pointer, file) for problem in problems}
        return broken[kept[0]] if kept and not _find_broken(copy) else copy

    def _schema_part(
        self, value: Json, file: str, pointer: str, bindings: _Bindings, *, is_older: bool
    ) -> Json:
        if isinstance(value, list):
            return [
                self._schema_part(item, file, f"{pointer}/{index}", bindings, is_older=is_older)
                for index, item in enumerate(value)
            ]
        if not isinstance(value, dict):
            return value
        if self._addresses.is_dynamic and "$id" in value:
            bindings = self._addresses.bind(file, pointer, bindings)
        reference = value.get("$ref")
        if self._is_old and isinstance(reference, str):
            # What stands beside a reference is ignored (OpenAPI 3.0.3, section 4.7.24).
            return self._schema_reference(reference, file, pointer, "$ref", bindings)
        copy: JsonObject = {}
        for key, item in value.items():
            place = f"{pointer}/{escape_pointer(key)}"
            if key in SCHEMA_MAPS and isinstance(item, dict):
                copy[key] = {
                    name: self._schema_part(
                        part, file, f"{place}/{escape_pointer(name)}", bindings, is_older=is_older
                    )
                    for name, part in item.items()
                }
            elif key in ("$ref", "$dynamicRef") and isinstance(item, str):
                found = self._schema_reference(item, file, pointer, key, bindings)
                if "$ref" in copy or "$ref" not in found:
                    copy.setdefault("allOf", []).insert(0, found)
                    if BROKEN in found:
                        copy |= found
                else:
                    copy |= found
            elif key in _ADDRESSES and isinstance(item, str | bool | dict):
                continue
            elif key == "allOf" and isinstance(item, list):
                parts = self._schema_part(item, file, place, bindings, is_older=is_older)
                copy[key] = [*copy.get(key, []), *parts]
            elif key == "discriminator" and isinstance(item, dict) and isinstance(item.get("mapping"), dict):
                mapping = {
                    name: self._mapped(target, file, place, bindings)
                    for name, target in item["mapping"].items()
                }
                copy[key] = {**item, "mapping": mapping}
            elif (
                key in DATA_KEYWORDS
                or key.startswith("x-")
                or key in ("discriminator", "xml", "externalDocs")
            ):
                copy[key] = item
            else:
                copy[key] = self._schema_part(item, file, place, bindings, is_older=is_older)
        if is_older:
            return upgrade_schema(copy) if self._is_old else upgrade_draft(copy)
        return copy

    def _mapped(self, target: Json, file: str, pointer: str, bindings: _Bindings) -> Json:
        """The schema of a discriminator's value, which is a reference or the name of a component."""
        if not isinstance(target, str):
            return target
        components = find_pointer(self._files[self._root], self._schema_root)
        if isinstance(components, dict) and target in components:
            return f"#{write_fragment(f'{self._schema_root}/{escape_pointer(target)}')}"
        if not re.search(r"[#/.]", target):
            return target
        # A name that leads nowhere is no schema less.
        found = self._schema_reference(target, file, pointer, "mapping", bindings, self._warnings)
        return found.get("$ref", target)

    def _schema_reference(
        self,
        reference: str,
        file: str,
        pointer: str,
        key: str,
        bindings: _Bindings,
        tell: Problems | None = None,
    ) -> JsonObject:
        """The same reference as one into the bundled document, as an object."""
        found = self._follow(reference, file, pointer, key, tell)
        if isinstance(found, dict):
            return found
        where, place, target = found
        if self._addresses.is_dynamic:
            if key == "$dynamicRef":
                bound = self._addresses.find_bound(where, place, target, urldefrag(reference)[1], bindings)
                where, place = bound
                target = find_pointer(self._files[where], place)
            bindings = self._addresses.bind(where, place, bindings)
        name = self._names.get((where, place, bindings))
        if name is None:
            if (
                where == self._root
                and self._is_schema_place(place)
                and (not bindings or bindings == self._addresses.enter(where, place))
            ):
                return {"$ref": f"#{write_fragment(place)}"}
            name = self._free_name(where, place)
            self._names[where, place, bindings] = name
            self._schemas[name] = {}
            self._origins.add(f"{self._schema_root}/{escape_pointer(name)}", where, place)
            self._waiting.append((name, where, place, target, bindings))
        return {"$ref": f"#{write_fragment(f'{self._schema_root}/{escape_pointer(name)}')}"}

    def _is_schema_place(self, pointer: str) -> bool:
        """Whether the part of the root document at a pointer is copied as a schema where it stands."""
        tokens = pointer.split("/")
        return pointer.startswith(f"{self._schema_root}/") or "schema" in tokens or "itemSchema" in tokens

    def _free_name(self, file: str, pointer: str) -> str:
        stem = pointer.rpartition("/")[2] if pointer else PurePosixPath(file).name.rpartition(".")[0]
        stem = stem.replace("~1", "/").replace("~0", "~") or "schema"
        name, number = stem, 2
        while name in self._schemas:
            name, number = f"{stem}-{number}", number + 1
        return name

    # References.

    def _follow(
        self, reference: str, file: str, pointer: str, key: str = "$ref", tell: Problems | None = None
    ) -> tuple[str, str, Json] | JsonObject:
        """File, pointer and value that a reference in an object names; a stand-in, with the problem told, if
        it may not or leads nowhere."""
        tell = self._problems if tell is None else tell
        place = f"{pointer}/{key}"
        if reference.startswith("#"):
            where, (_, start), fragment = (
                file,
                self._addresses.find_base(file, pointer),
                unquote(reference[1:]),
            )
        else:
            resolved = self._resolve(reference, file, pointer, place, tell)
            if isinstance(resolved, dict):
                return resolved
            where, start, fragment = resolved
        full: str | None = start + fragment
        if fragment and not fragment.startswith("/"):
            full = self._addresses.find_anchor(where, start, fragment)
        target = None if full is None else find_pointer(self._files[where], full)
        if full is None or target is None:
            return tell.add(f"{reference!r} leads to nothing", place, file)
        return where, full, target

    def _resolve(
        self, reference: str, file: str, pointer: str, place: str, tell: Problems
    ) -> tuple[str, str, str] | JsonObject:
        """File, pointer of the resource and fragment: what a reference means by JSON Schema's rules, else a
        file beside this one; or a stand-in."""
        relative, _, fragment = reference.partition("#")
        fragment = unquote(fragment)
        base, _ = self._addresses.find_base(file, pointer)
        try:
            address, _ = urldefrag(urljoin(base, reference))
        except ValueError:
            address = ""
        known = self._addresses.find(address)
        if known is None and (meta_schema := find_meta_schema(address)) is not None:
            self._files[address] = meta_schema
            self._addresses.add(address, meta_schema, has_addresses=True, base=address)
            known = address, ""
        if known is not None:
            return *known, fragment
        name = self._folder.find(unquote(relative), file)
        if name is None:
            text = f"{reference!r} is not allowed: a $ref reaches files below the contract's folder only"
            return tell.add(text, place, file)
        if not self._load(name, tell):
            return {BROKEN: self._unreadable[name]}
        # What was just read may give itself the address.
        known = self._addresses.find(address)
        return (*known, fragment) if known is not None else (name, "", fragment)

    def _load(self, name: str, tell: Problems) -> bool:
        """Read a file once; False, with its problems told, if it cannot be read."""
        if name not in self._files and name not in self._unreadable:
            try:
                self._files[name] = self._folder.read(name)
            except ContractError as error:
                tell.extend(error.problems)
                self._unreadable[name] = str(error)
            else:
                self._addresses.add(name, self._files[name], has_addresses=self._folder.has_addresses(name))
        return name in self._files


_ANNOTATIONS = frozenset({"$comment", "deprecated", "description", "examples", "title"})


def _leave_out(schema: Json, pointer: str) -> bool:
    """Whether a pointer leads to a keyword that only describes, which is then taken out of the schema."""
    owner, _, keyword = pointer.rpartition("/")
    found = find_pointer(schema, owner)
    if keyword not in _ANNOTATIONS or owner.rpartition("/")[2] in SCHEMA_MAPS or not isinstance(found, dict):
        return False
    del found[keyword]
    return True


def _find_broken(value: Json) -> bool:
    if isinstance(value, dict):
        return BROKEN in value or any(map(_find_broken, value.values()))
    return isinstance(value, list) and any(map(_find_broken, value))


def find_loops(document: JsonObject) -> Iterator[tuple[JsonObject, str]]:
    """Where a schema of a document is applied to the very value that it is being applied to, without end.

    A schema that contains itself further down, in a member or an item, is no loop. Yields each and its place.
    """
    done: set[int] = set()
    for start in _list_applied(document):
        # The way from `start`: each object on it with the parts that are still to be followed.
        way: dict[int, Iterator[JsonObject]] = {}
        following: JsonObject | None = start
        while way or following is not None:
            if following is None:
                last, parts = next(reversed(way.items()))
                following = next(parts, None)
                if following is None:
                    del way[last]
                    done.add(last)
            elif id(following) in way:
                yield following, _find_place(document, following)
                following = None
            elif id(following) in done:
                following = None
            else:
                way[id(following)] = _find_parts_in_place(following, document)
                following = None


def _list_applied(value: Json) -> Iterator[JsonObject]:
    """The objects of a document that can apply others to their own value."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            if not _APPLYING.isdisjoint(found):
                yield found
            waiting += [item for item in found.values() if isinstance(item, dict | list)]
        else:
            waiting += [item for item in found if isinstance(item, dict | list)]


_APPLYING = frozenset({"$ref", "not", "if", "then", "else", "allOf", "anyOf", "oneOf", "dependentSchemas"})


def _find_parts_in_place(schema: JsonObject, document: JsonObject) -> Iterator[JsonObject]:
    """The schemas that are applied to the same value as a schema is (JSON Schema core, section 10.2)."""
    parts: list[Json] = [schema.get(key) for key in ("not", "if", "then", "else")]
    for key in ("allOf", "anyOf", "oneOf"):
        parts += list_at(schema, key)
    parts += object_at(schema, "dependentSchemas").values()
    if isinstance(reference := schema.get("$ref"), str) and reference.startswith("#"):
        parts.append(find_pointer(document, read_fragment(reference)))
    return (part for part in parts if isinstance(part, dict))


def _find_place(document: Json, wanted: JsonObject) -> str:
    """The pointer of an object of a document."""
    waiting = [(document, "")]
    while waiting:
        found, pointer = waiting.pop()
        if found is wanted:
            return pointer
        members = found.items() if isinstance(found, dict) else enumerate(found)
        waiting += [
            (item, f"{pointer}/{escape_pointer(str(token))}")
            for token, item in members
            if isinstance(item, dict | list)
        ]
    raise AssertionError("the object is of the document")


class _Addresses:
    """What `$id`, `$anchor`, `$dynamicAnchor` and `$self` name in the files that were read.

    `is_dynamic` says that there is a dynamic anchor.
    """

    def __init__(self) -> None:
        self.is_dynamic = False
        self._places: dict[str, tuple[str, str]] = {}
        # By file: the pointers of its resources, with their base address.
        self._resources: dict[str, dict[str, str]] = {}
        self._anchors: dict[tuple[str, str, str], str] = {}
        self._dynamic: dict[tuple[str, str], dict[str, str]] = {}

    def add(self, file: str, document: Json, *, has_addresses: bool, base: str | None = None) -> None:
        """Learn the addresses of a file, whose own is `base` where that is not its place in the folder."""
        own = base or urljoin(_BASE, file.replace("%", "%25").replace("#", "%23").replace("?", "%3F"))
        if isinstance(document, dict) and isinstance(document.get("$self"), str):
            own = urljoin(own, document["$self"])
        self._resources[file] = {"": own}
        self._places.setdefault(own, (file, ""))
        self._places.setdefault(urljoin(_BASE, file), (file, ""))
        for pointer, schema in _list_addressed(document, "", has_names=False) if has_addresses else ():
            self._learn(file, pointer, schema)

    def _learn(self, file: str, pointer: str, schema: JsonObject) -> None:
        resources = self._resources[file]
        if isinstance(identifier := schema.get("$id"), str):
            base, _ = self.find_base(file, pointer.rpartition("/")[0] if pointer else "")
            try:
                address, fragment = urldefrag(urljoin(base, identifier))
            except ValueError:
                address, fragment = base, ""
            if not fragment:
                resources[pointer] = address
                self._places.setdefault(address, (file, pointer))
        _, start = self.find_base(file, pointer)
        if isinstance(anchor := schema.get("$anchor"), str):
            self._anchors.setdefault((file, start, anchor), pointer)
        if isinstance(anchor := schema.get("$dynamicAnchor"), str):
            self.is_dynamic = True
            self._anchors.setdefault((file, start, anchor), pointer)
            self._dynamic.setdefault((file, start), {}).setdefault(anchor, pointer)

    def find(self, address: str) -> tuple[str, str] | None:
        """File and pointer of the resource with an address."""
        return self._places.get(address)

    def find_base(self, file: str, pointer: str) -> tuple[str, str]:
        """The address of the resource that a place is in, and the pointer to that resource."""
        resources = self._resources[file]
        if len(resources) == 1:
            return resources[""], ""
        while pointer not in resources:
            pointer = pointer.rpartition("/")[0]
        return resources[pointer], pointer

    def find_anchor(self, file: str, start: str, name: str) -> str | None:
        """The pointer of an anchor in the resource at `start`."""
        return self._anchors.get((file, start, name))

    def enter(self, file: str, pointer: str) -> _Bindings:
        """What dynamic anchors mean at a place of a document that nobody was sent to by a reference."""
        if not self.is_dynamic:
            return ()
        bindings: _Bindings = ()
        for start in sorted(self._resources[file]):
            if not start or pointer == start or pointer.startswith(f"{start}/"):
                bindings = self.bind(file, start, bindings)
        return bindings

    def bind(self, file: str, pointer: str, bindings: _Bindings) -> _Bindings:
        """The same once the resource of a place is entered: what was bound before stays."""
        _, start = self.find_base(file, pointer)
        known = {name for name, _, _ in bindings}
        new = [
            (name, file, place)
            for name, place in self._dynamic.get((file, start), {}).items()
            if name not in known
        ]
        return tuple(sorted((*bindings, *new))) if new else bindings

    def find_bound(
        self, file: str, pointer: str, target: Json, name: str, bindings: _Bindings
    ) -> tuple[str, str]:
        """The place that a `$dynamicRef` means, which by itself leads to this one (2020-12, 8.2.3.2)."""
        if isinstance(target, Mapping) and target.get("$dynamicAnchor") == name:
            for bound, where, place in bindings:
                if bound == name:
                    return where, place
        return file, pointer


def _list_addressed(value: Json, pointer: str, *, has_names: bool) -> Iterator[tuple[str, JsonObject]]:
    """The objects with an address of their own, outer ones first."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, dict | list):
                yield from _list_addressed(item, f"{pointer}/{index}", has_names=False)
    if not isinstance(value, dict):
        return
    if not has_names and any(isinstance(value.get(key), str) for key in ("$id", "$anchor", "$dynamicAnchor")):
        yield pointer, value
    for key, item in value.items():
        if not isinstance(item, dict | list) or (not has_names and key in (*DATA_KEYWORDS, "value")):
            continue
        names = not has_names and (key in SCHEMA_MAPS or key in _MAPS) and isinstance(item, dict)
        yield from _list_addressed(item, f"{pointer}/{escape_pointer(key)}", has_names=names)
