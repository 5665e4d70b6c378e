"""Reading request patterns, as WireMock writes them (docs/request-matching).

Each function reads some members of the document; what it refuses is in the `Reading` afterwards.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from operator import attrgetter

from mockserver.contract.path_templates import PathTemplates
from mockserver.http_fields import TOKEN
from mockserver.json_codec import escape_pointer
from mockserver.redaction import SECRET_HEADERS, hide, holds_hidden, redact_header, redact_url
from mockserver.regexes import compile_regex
from mockserver.scripting.content_patterns import AnyValue, EqualPattern, ValuesPattern
from mockserver.scripting.operators import read_content_pattern, read_values_pattern
from mockserver.scripting.reading import Reading, name_kind
from mockserver.scripting.request_parts import (
    BodyPart,
    FindValues,
    MethodPart,
    MultipartPart,
    Part,
    UrlPart,
    ValuesPart,
)
from mockserver.scripting.subjects import Subject, normal_path
from mockserver.types import Json, JsonObject


@dataclass(frozen=True, slots=True)
class RequestPattern:
    """What was read: the document, redacted; its parts; what an index can look up (see RequestMatcher)."""

    document: JsonObject
    parts: tuple[Part, ...]
    methods: tuple[str, ...]
    literal_path: str | None
    literal_query: tuple[str, str] | None
    templates: PathTemplates[bool] | None


def read_pattern(document: JsonObject, pointer: str, reading: Reading) -> RequestPattern | None:
    """Read a request pattern that stands at `pointer`; None if anything was refused."""
    _check_members(document, pointer, reading)
    methods = _read_methods(document, pointer, reading)
    url = _read_url(document, pointer, reading)
    groups = {member: _read_values(document, member, pointer, reading, url) for member in _GROUPS}
    credentials = _read_credentials(document, pointer, reading)
    body = _read_body(document, pointer, reading)
    multipart = _read_multipart(document, pointer, reading)
    if reading.problems:
        return None
    parts: tuple[Part, ...] = (
        *([MethodPart(methods, tuple(map(reading.redact, methods)))] if methods else []),
        *([url.part] if url else []),
        *(part for group in groups.values() for part in group),
        *([credentials.part] if credentials else []),
        *body,
        *multipart,
    )
    return RequestPattern(
        _show(document, url, groups, credentials, body, multipart),
        parts,
        methods,
        url.literal_path if url else None,
        _find_literal_query(groups["queryParameters"]),
        url.templates if url else None,
    )


@dataclass(frozen=True, slots=True)
class _Url:
    """The URL member of a pattern; `templates` holds its path template, if it is one."""

    member: str
    part: UrlPart
    literal_path: str | None = None
    templates: PathTemplates[bool] | None = None


@dataclass(frozen=True, slots=True)
class _Credentials:
    """`basicAuth` as the header that it stands for; `is_hidden` if redaction changed that."""

    member: str
    part: ValuesPart
    is_hidden: bool


def _check_members(document: JsonObject, pointer: str, reading: Reading) -> None:
    for name in document:
        place = f"{pointer}/{escape_pointer(name)}"
        if name in _UNSUPPORTED:
            reading.refuse(place, f"{name!r} is not supported: {_UNSUPPORTED[name]}")
        elif name not in _MEMBERS:
            reading.refuse_unknown(place, name, _MEMBERS, "member of a request pattern")
    for names in (_URL_READERS, _CREDENTIALS):
        given = [repr(name) for name in names if name in document]
        if len(given) > 1:
            reading.refuse(pointer, f"{' and '.join(given)} cannot be given together")


def _read_methods(document: JsonObject, pointer: str, reading: Reading) -> tuple[str, ...]:
    """The methods that are meant, in upper case; empty for any."""
    given = document.get("method", "ANY")
    methods: list[str] = []
    for index, item in enumerate(given if isinstance(given, list) else [given]):
        place = f"{pointer}/method/{index}" if isinstance(given, list) else f"{pointer}/method"
        if item is None:
            continue
        if not isinstance(item, str):
            reading.refuse(place, f"'method' must be text, or an array of texts, not {name_kind(item)}")
        elif not TOKEN.fullmatch(item):
            reading.refuse(place, f"{item!r} is no method such as POST, nor ANY")
        else:
            methods.append(item.upper())
    if isinstance(given, list) and not methods:
        reading.refuse(f"{pointer}/method", "'method' must name at least one method")
    return () if "ANY" in methods else tuple(dict.fromkeys(methods))


def _read_url(document: JsonObject, pointer: str, reading: Reading) -> _Url | None:
    url = None
    for member, read in _URL_READERS.items():
        text = reading.text(document, member, pointer) if member in document else None
        if text is not None:
            try:
                url = read(member, text, reading)
            except ValueError as error:
                reading.refuse(f"{pointer}/{member}", str(error))
    return url


def _read_literal_url(member: str, text: str, reading: Reading) -> _Url:
    """`url`, `urlPath`. Paths are equal if their decoded segments are, queries if they are spelled alike."""
    if not text.startswith("/"):
        raise ValueError(f"{text!r} must start with '/'")
    if member == "urlPath" and "?" in text:
        raise ValueError("'urlPath' has no query; use 'url', or 'queryParameters'")
    redact_whole = reading.hiding(redact_url).redact_whole
    expected = redact_whole(text)
    is_equal, is_shown_equal = _equals_url(text), _equals_url(expected)
    if holds_hidden(expected):
        # A secret is known by its fingerprint.
        is_equal = lambda actual: is_shown_equal(redact_whole(actual))  # noqa: E731
    place = "path" if member == "urlPath" else "url"
    part = UrlPart(place, "equalTo", expected, is_equal, is_shown_equal)
    return _Url(member, part, expected.partition("?")[0])


def _equals_url(expected: str) -> Callable[[str], bool]:
    normal = _normal_url(expected)
    return lambda actual: actual == expected or _normal_url(actual) == normal


def _normal_url(url: str) -> str:
    path, mark, query = url.partition("?")
    return normal_path(path) + mark + query


def _read_url_pattern(member: str, text: str, reading: Reading) -> _Url:
    """`urlPattern`, `urlPathPattern`: a regular expression for the whole, percent-encoded as it is sent."""
    regex = compile_regex(text)

    def is_matched(actual: str) -> bool:
        return regex.fullmatch(actual) is not None

    return _Url(member, UrlPart("path" if member == "urlPathPattern" else "url", "matches", text, is_matched))


def _read_path_template(member: str, text: str, reading: Reading) -> _Url:
    """`urlPathTemplate`: a parameter fills a segment, one slash more at the end makes no difference."""
    if not text.startswith("/") or "?" in text or "*" in text:
        raise ValueError(f"{text!r} is no path such as /keys/{{id}}")
    templates: PathTemplates[bool] = PathTemplates()
    templates.add(text, True)

    def is_reached(actual: str) -> bool:
        return templates.find(actual) is not None

    # What was hidden is one segment, as it was.
    kept_test = None if holds_hidden(reading.hiding(redact_url).redact_whole(text)) else is_reached
    part = UrlPart("path", "matchesPathTemplate", text, is_reached, kept_test)
    return _Url(member, part, templates=templates)


def _read_values(
    document: JsonObject, member: str, pointer: str, reading: Reading, url: _Url | None
) -> list[ValuesPart]:
    """The patterns of one group such as `headers`, by name; none if the group is refused or not there."""
    if member not in document:
        return []
    patterns = document[member]
    place = f"{pointer}/{member}"
    if not isinstance(patterns, dict):
        reading.refuse(place, f"{member!r} must be an object of patterns, not {name_kind(patterns)}")
        return []
    group = _GROUPS[member]
    find = group.find
    if member == "pathParameters":
        find = _check_path_parameters(patterns, place, reading, url)
    parts = []
    for written, pattern in patterns.items():
        name = written.lower() if member == "headers" else written
        below = f"{place}/{escape_pointer(written)}"
        values = _read_pattern(pattern, below, group, _hiding(reading, member, name))
        if values is not None:
            shown = reading.redact(name)
            at = f"/{escape_pointer(shown)}"
            parts.append(ValuesPart(group.place, name, shown, at, find, values, 1.0 / len(patterns)))
    return parts


def _read_pattern(document: Json, pointer: str, group: _Group, reading: Reading) -> ValuesPattern | None:
    if group.is_repeatable:
        return read_values_pattern(document, pointer, reading)
    pattern = read_content_pattern(document, pointer, reading)
    return None if pattern is None else AnyValue(pattern)


def _hiding(reading: Reading, member: str, name: str) -> Reading:
    """The reading for one name, whose values may be secrets as a whole."""
    header = name.encode("utf-8", "replace")
    if member == "cookies":
        return reading.hiding(hide)
    if member == "headers" and header in SECRET_HEADERS:
        return reading.hiding(
            lambda text: redact_header(header, text.encode("latin-1", "replace")).decode("latin-1")
        )
    return reading


def _check_path_parameters(
    patterns: JsonObject, pointer: str, reading: Reading, url: _Url | None
) -> FindValues:
    """Where path parameters come from: the template, or without any URL the operation that was reached."""
    if url is None:
        return _find_operation_parameters
    templates = url.templates
    if templates is None:
        reading.refuse(pointer, f"needs 'urlPathTemplate', not {url.member!r}")
        return _find_operation_parameters
    known = _PARAMETER.findall(url.part.expected)
    for name in patterns:
        if name not in known:
            place = f"{pointer}/{escape_pointer(name)}"
            reading.refuse_unknown(place, name, known, "parameter of the path template")

    def find(subject: Subject) -> Mapping[str, Sequence[str]]:
        found = templates.find(subject.path)
        return {name: (value,) for name, value in found[1].items()} if found else {}

    return find


def _find_operation_parameters(subject: Subject) -> Mapping[str, Sequence[str]]:
    return {name: (value,) for name, value in subject.path_parameters.items()}


def _read_credentials(document: JsonObject, pointer: str, reading: Reading) -> _Credentials | None:
    member = next((name for name in _CREDENTIALS if name in document), None)
    if member is None:
        return None
    place = f"{pointer}/{member}"
    written = document[member]
    if not isinstance(written, dict) or written.keys() != {"username", "password"}:
        reading.refuse(place, f"{member!r} must be an object with 'username' and 'password'")
        return None
    username, password = (reading.text(written, name, place) for name in ("username", "password"))
    headers = document.get("headers")
    if isinstance(headers, dict) and any(name.lower() == "authorization" for name in headers):
        reading.refuse(
            place, f"{member!r} and a pattern for the header Authorization cannot be given together"
        )
    if username is None or password is None:
        return None
    header = "Basic " + b64encode(f"{username}:{password}".encode("utf-8", "replace")).decode("ascii")
    redact_whole = _hiding(reading, "headers", "authorization").redact_whole
    shown = redact_whole(header)
    is_shown_equal = _equals_basic(shown)
    test = lambda text: is_shown_equal(redact_whole(text))  # noqa: E731
    pattern = AnyValue(EqualPattern({"equalTo": shown}, test, is_shown_equal, is_exact=False))
    find = attrgetter("headers")
    part = ValuesPart("header", "authorization", "authorization", "/authorization", find, pattern, 1.0)
    return _Credentials(member, part, shown != header)


def _equals_basic(expected: str) -> Callable[[str], bool]:
    """Scheme names compare without case (RFC 9110, section 11.1)."""
    value = expected.partition(" ")[2]

    def test(text: str) -> bool:
        scheme, _, actual = text.partition(" ")
        return scheme.lower() == "basic" and actual == value

    return test


def _read_body(document: JsonObject, pointer: str, reading: Reading) -> list[BodyPart]:
    items = _list_patterns(document, "bodyPatterns", pointer, reading)
    read = [read_content_pattern(item, place, reading) for place, item in items]
    return [BodyPart(pattern, 1.0 / len(read)) for pattern in read if pattern is not None]


def _read_multipart(document: JsonObject, pointer: str, reading: Reading) -> list[MultipartPart]:
    items = _list_patterns(document, "multipartPatterns", pointer, reading)
    read = [_read_part(item, place, reading) for place, item in items]
    return [
        MultipartPart(shown, parts, is_for_all, 1.0 / len(read))
        for shown, parts, is_for_all in (item for item in read if item is not None)
    ]


def _list_patterns(
    document: JsonObject, member: str, pointer: str, reading: Reading
) -> list[tuple[str, Json]]:
    """The items of a list of patterns, each behind its pointer; none if the list is refused or not there."""
    patterns = document.get(member, [])
    place = f"{pointer}/{member}"
    if not isinstance(patterns, list):
        reading.refuse(place, f"{member!r} must be an array of patterns, not {name_kind(patterns)}")
        return []
    return [(f"{place}/{index}", item) for index, item in enumerate(patterns) if item is not None]


_PART_MEMBERS = ("name", "matchingType", "headers", "bodyPatterns")


def _read_part(
    item: Json, pointer: str, reading: Reading
) -> tuple[JsonObject, tuple[Part, ...], bool] | None:
    """What one of `multipartPatterns` says: what is shown of it, its parts, and whether it is for all."""
    if not isinstance(item, dict):
        reading.refuse(pointer, f"a pattern of a part must be an object, not {name_kind(item)}")
        return None
    for name in item:
        if name not in _PART_MEMBERS:
            place = f"{pointer}/{escape_pointer(name)}"
            reading.refuse_unknown(place, name, _PART_MEMBERS, "member of a pattern of a part")
    matching = item.get("matchingType", "ANY")
    if matching not in ("ANY", "ALL"):
        reading.refuse(f"{pointer}/matchingType", "'matchingType' must be 'ANY' or 'ALL'")
    name_ = reading.text(item, "name", pointer) if "name" in item else None
    headers = _read_values(item, "headers", pointer, reading, None)
    body = _read_body(item, pointer, reading)
    parts: list[Part] = [*headers, *body]
    if name_ is not None:
        find = attrgetter("part_name")
        pattern = {"equalTo": name_}
        read = read_content_pattern(pattern, f"{pointer}/name", reading)
        if read is not None:
            parts.append(ValuesPart("body", "name", "name", "/name", find, AnyValue(read), 1.0))
    shown = dict(item)
    if headers:
        shown["headers"] = {
            written: part.pattern.document for written, part in zip(item["headers"], headers, strict=False)
        }
    if body:
        shown["bodyPatterns"] = [part.pattern.document for part in body]
    return shown, tuple(parts), matching == "ALL"


def _show(
    document: JsonObject,
    url: _Url | None,
    groups: Mapping[str, Sequence[ValuesPart]],
    credentials: _Credentials | None,
    body: Sequence[BodyPart],
    multipart: Sequence[MultipartPart],
) -> JsonObject:
    """The document with every secret redacted, members in the order given."""
    shown = dict(document)
    if url is not None:
        shown[url.member] = url.part.expected
    for member, parts in groups.items():
        if member in document:
            names = zip(document[member], parts, strict=True)
            shown[member] = {name: part.pattern.document for name, part in names}
    if "bodyPatterns" in document:
        shown["bodyPatterns"] = [part.pattern.document for part in body]
    if multipart:
        shown["multipartPatterns"] = [part.document for part in multipart]
    if credentials is not None and credentials.is_hidden:
        # A password that must not be shown cannot be written as one; read again, the header does the same.
        del shown[credentials.member]
        shown["headers"] = {**shown.get("headers", {}), "Authorization": credentials.part.pattern.document}
    return deepcopy(shown)


def _find_literal_query(parts: Sequence[ValuesPart]) -> tuple[str, str] | None:
    for part in parts:
        if isinstance(part.pattern, AnyValue) and isinstance(part.pattern.pattern, EqualPattern):
            return part.shown_name, part.pattern.document["equalTo"]
    return None


@dataclass(frozen=True, slots=True)
class _Group:
    """Patterns by name. `is_repeatable`: a name may have several values, which `hasExactly` can count."""

    place: str
    find: FindValues
    is_repeatable: bool = True


_GROUPS = {
    "pathParameters": _Group("path", _find_operation_parameters, is_repeatable=False),
    "queryParameters": _Group("query", attrgetter("query")),
    "headers": _Group("header", attrgetter("headers")),
    "cookies": _Group("cookie", attrgetter("cookies"), is_repeatable=False),
    "formParameters": _Group("body", attrgetter("form")),
}
_URL_READERS = {
    "url": _read_literal_url,
    "urlPath": _read_literal_url,
    "urlPattern": _read_url_pattern,
    "urlPathPattern": _read_url_pattern,
    "urlPathTemplate": _read_path_template,
}
# WireMock's documentation shows both.
_CREDENTIALS = ("basicAuth", "basicAuthCredentials")
_MEMBERS = ("method", *_URL_READERS, *_GROUPS, *_CREDENTIALS, "bodyPatterns", "multipartPatterns")
_ONE_SERVER = "one server is mocked here, whatever name it is called by"
# What WireMock knows beyond that, and why it is not here.
_UNSUPPORTED = {
    "scheme": _ONE_SERVER,
    "host": _ONE_SERVER,
    "port": _ONE_SERVER,
    "clientIp": "callers are told apart by their namespace",
    "customMatcher": "a pattern runs no code",
    "custom": "a pattern runs no code",
}
_PARAMETER = re.compile(r"\{([^{}/]+)\}")
