"""Subject: a request as patterns see it; Content: one value of it, as text and as JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol
from urllib.parse import parse_qs, unquote

from mockserver import json_codec
from mockserver.exceptions import MalformedJson
from mockserver.redaction import holds_hidden, json_holds_hidden
from mockserver.scripting.differences import Doubt
from mockserver.types import UNSET, Json, UnsetType

_FORM_TYPE = "application/x-www-form-urlencoded"
# So many parts of a body are looked at.
MAX_PARTS = 1_000
# So many nodes all JSONPaths together may look at in one request: some hundredths of a second.
MAX_NODES = 20_000


@dataclass(slots=True, eq=False)
class View:
    """How a request is looked at, by all patterns together.

    `is_kept` says that it is the redacted copy that the journal keeps, and not the request as it came;
    `now_millis` is what the clock of the namespace showed when it came; `nodes_left` is how many nodes
    JSONPaths may still look at.
    """

    is_kept: bool = False
    now_millis: int = 0
    nodes_left: int = MAX_NODES


class Content(Protocol):
    """One value that a content pattern looks at. `doubt` says why it may not be what came."""

    @property
    def view(self) -> View: ...

    @property
    def doubt(self) -> Doubt | None: ...

    @property
    def text(self) -> str: ...

    @property
    def json(self) -> Json | UnsetType:
        """The value as JSON, UNSET if it is none."""


class Subject:
    """What a request pattern is matched against; as a Content it stands for its body.

    `path` has no `/~name` prefix and is still percent-encoded; `url` is the path, then "?" and the raw query
    if there is one; `query` is decoded; `headers` has names in lower case; `path_parameters` are
    those of the operation that the path reached, decoded. `other_path` is the path with or without its last
    slash where that reaches the same operations, else None. `is_cut` says that only a part of the body is
    there.
    """

    def __init__(
        self,
        method: str,
        path: str,
        query: Mapping[str, Sequence[str]],
        headers: Mapping[str, Sequence[str]],
        body: bytes,
        *,
        url: str,
        path_parameters: Mapping[str, str] | None = None,
        other_path: str | None = None,
        is_kept: bool = False,
        is_cut: bool = False,
        now_millis: int = 0,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.url = url
        self.path_parameters = path_parameters or {}
        self.other_path = other_path
        self.view = View(is_kept, now_millis)
        self.is_cut = is_cut

    def __repr__(self) -> str:
        return f"<Subject {self.method} {len(self.headers)} headers, {len(self.body)} bytes>"

    @property
    def other_url(self) -> str | None:
        """The URL with `other_path`."""
        if self.other_path is None:
            return None
        _, mark, query = self.url.partition("?")
        return self.other_path + mark + query

    @property
    def doubt(self) -> Doubt | None:
        if not self.view.is_kept:
            return None
        return Doubt.CUT if self.is_cut else Doubt.HIDDEN if holds_hidden(self.text) else None

    # What few patterns ask for is made when the first one asks.

    @cached_property
    def text(self) -> str:
        """The body as UTF-8, what is none replaced by U+FFFD."""
        return self.body.decode("utf-8", "replace")

    @cached_property
    def json(self) -> Json | UnsetType:
        """The body as JSON, UNSET if it is none."""
        return _read_json(self.body)

    @cached_property
    def cookies(self) -> dict[str, list[str]]:
        """The values of each cookie, in the order sent (RFC 6265, section 4.2.1)."""
        cookies: dict[str, list[str]] = {}
        for header in self.headers.get("cookie", ()):
            for pair in header.split(";"):
                name, equals, value = pair.strip().partition("=")
                if equals:
                    cookies.setdefault(name, []).append(value)
        return cookies

    @property
    def part_name(self) -> dict[str, list[str]]:
        """The name of a part of a multipart body, by its Content-Disposition (RFC 7578, section 4.2)."""
        line = next(iter(self.headers.get("content-disposition", ())), "")
        match = _PART_NAME.search(line)
        return {} if match is None else {"name": [match.group(1) or match.group(2) or ""]}

    @property
    def parts(self) -> list[Subject]:
        """The parts of a `multipart/…` body, each with its headers and its body; none for any other body."""
        content_type = next(iter(self.headers.get("content-type", ())), "")
        found = []
        for headers, body in split_multipart(content_type, self.body)[:MAX_PARTS]:
            part = Subject("", "", {}, headers, body, url="")
            part.view = self.view
            found.append(part)
        return found

    @cached_property
    def form(self) -> dict[str, list[str]]:
        """The fields of an `application/x-www-form-urlencoded` body, decoded; empty for any other body."""
        content_type = next(iter(self.headers.get("content-type", ())), "")
        is_form = content_type.partition(";")[0].strip().lower() == _FORM_TYPE
        return parse_qs(self.text, keep_blank_values=True) if is_form else {}


_PART_NAME = re.compile(r"""[;\s]name=(?:"([^"]*)"|([^\s;"]*))""", re.IGNORECASE)
_BOUNDARY = re.compile(r"""boundary=(?:"([^"]{1,200})"|([^\s;"]{1,200}))""", re.IGNORECASE)


def split_multipart(content_type: str, body: bytes) -> list[tuple[dict[str, list[str]], bytes]]:
    """Headers and body of each part (RFC 2046, section 5.1); names of headers in lower case."""
    match = _BOUNDARY.search(content_type)
    if match is None or not content_type.strip().lower().startswith("multipart/"):
        return []
    mark = b"\r\n--" + (match.group(1) or match.group(2)).encode("latin-1", "replace")
    parts: list[tuple[dict[str, list[str]], bytes]] = []
    # What stands before the first mark belongs to nobody, nor what stands behind the last.
    for piece in (b"\r\n" + body).split(mark)[1:]:
        if piece.startswith(b"--"):
            break
        head, found, content = piece.lstrip(b" \t").removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers: dict[str, list[str]] = {}
        for line in head.decode("utf-8", "replace").split("\r\n"):
            name, colon, value = line.partition(":")
            if colon:
                headers.setdefault(name.strip().lower(), []).append(value.strip())
        if found:
            parts.append((headers, content))
    return parts


@dataclass(slots=True, eq=False)
class TextContent:
    """The Content of a text, such as the value of a header."""

    text: str
    view: View

    @property
    def doubt(self) -> Doubt | None:
        return Doubt.HIDDEN if self.view.is_kept and holds_hidden(self.text) else None

    @property
    def json(self) -> Json | UnsetType:
        return _read_json(self.text.encode("utf-8", "replace"))


@dataclass(slots=True, eq=False)
class JsonContent:
    """The Content of a JSON value. Its text is the string itself, else compact JSON."""

    json: Json
    view: View

    @property
    def doubt(self) -> Doubt | None:
        return Doubt.HIDDEN if self.view.is_kept and json_holds_hidden(self.json) else None

    @property
    def text(self) -> str:
        return self.json if isinstance(self.json, str) else json_codec.dumps(self.json).decode("utf-8")


def normal_path(path: str) -> str:
    """One spelling for all percent-encodings of the same segments: `/a%62c` -> `/abc`, `/a%2fb` -> `/a%2Fb`.

    Two paths are equal to a pattern if this is equal; an index over `literal_path` needs it as well.
    """
    if "%" not in path:
        return path
    # What would change the meaning of the path stays encoded; bytes that are no UTF-8 stay apart.
    segments = (unquote(segment, errors="surrogateescape") for segment in path.split("/"))
    return "/".join(segment.replace("%", "%25").replace("/", "%2F") for segment in segments)


def _read_json(data: bytes) -> Json | UnsetType:
    try:
        return json_codec.loads_kept(data)
    except MalformedJson:
        return UNSET
