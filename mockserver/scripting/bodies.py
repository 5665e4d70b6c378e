"""Bodies of scripted answers: as they stand in the stub, from a file, or written by a template."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TypeVar

from mockserver.exceptions import MalformedJson
from mockserver.json_codec import dumps, loads
from mockserver.scripting.members import Members
from mockserver.scripting.templates import Context, OutputTooLong, Template, TemplateError, Writer
from mockserver.types import Headers, Json

MAX_BODY_BYTES = 1_048_576


class Files:
    """The files that bodies may come from: those below one folder and no others; None for no folder.

    A file is read when it is first asked for; a change of it is seen when the server starts anew.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._known: dict[str, bytes] = {}

    def read(self, name: str) -> bytes:
        """The content of a file. Raises ValueError with what is wrong with its name, or with the file."""
        if name not in self._known:
            self._known[name] = self._read(name)
        return self._known[name]

    def _read(self, name: str) -> bytes:
        path = PurePosixPath(name)
        if (
            not name
            or len(name) > 255
            or path.is_absolute()
            or ".." in path.parts
            or set(name) & {"\\", "\0"}
        ):
            raise ValueError(f"{name!r} is no name of a file below __files, such as 'keys/list.json'")
        if self._folder is None:
            raise ValueError(f"there is no file {name!r}: no folder of fixtures is in use")
        root = self._folder.resolve()
        place = (root / path).resolve()
        # A link may lead out of it.
        if not place.is_relative_to(root) or not place.is_file():
            raise ValueError(f"there is no file {name!r} in the folder __files of the fixtures")
        with place.open("rb") as file:
            data = file.read(MAX_BODY_BYTES + 1)
        if len(data) > MAX_BODY_BYTES:
            raise ValueError(f"the file {name!r} has more than {MAX_BODY_BYTES} bytes, which a body may have")
        return data


NO_FILES = Files(None)


@dataclass(frozen=True, slots=True, eq=False)
class ResponseTemplate:
    """What of an answer is written anew for each request. What is None, or no template, is not."""

    headers: Sequence[tuple[bytes, Template]] = ()
    text: Template | None = field(default=None, repr=False)
    json: Json = field(default=None, repr=False)
    file_name: Template | None = None
    parameters: Mapping[str, Json] = field(default_factory=dict, repr=False)
    has_content_type: bool = False

    @property
    def has_body(self) -> bool:
        """Whether the body is written anew."""
        return self.text is not None or self.json is not None or self.file_name is not None

    def render(self, context: Context, files: Files) -> Rendered:
        """The headers, and the body if there is one. What cannot be written is told in `problem`."""
        writer = Writer(context)
        headers: list[tuple[bytes, bytes]] = []
        body: bytes | None = None
        try:
            for name, template in self.headers:
                headers.append((name, template.render_header(writer)))
            if self.text is not None:
                body = self.text.render(writer).encode("utf-8", "replace")
            elif self.json is not None:
                body = dumps(_render_json(self.json, writer))
            elif self.file_name is not None:
                body = _render_file(self.file_name.render(writer), files, writer)
        except OutputTooLong:
            return Rendered(tuple(headers), b"", "the template writes more than an answer may hold")
        except ValueError as error:
            return Rendered(tuple(headers), b"", str(error))
        if body is not None and not self.has_content_type:
            headers += find_content_type(body, is_text=True)
        return Rendered(tuple(headers), body, None)


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a template wrote; `problem` says why it wrote no body."""

    headers: Headers
    body: bytes | None = field(repr=False)
    problem: str | None


Parsed = TypeVar("Parsed")


def read_template(part: Members, place: str, parse: Callable[[], Parsed]) -> Parsed | None:
    """What `parse` makes of the member at a place of a part; None where it is refused as no template."""
    try:
        return parse()
    except TemplateError as error:
        part.reading.refuse(f"{part.pointer}/{place}", f"the template cannot be read: {error}")
        return None


def parse_json(value: Json) -> Json:
    """A JSON value whose texts, those of member names included, are templates. Raises TemplateError."""
    if isinstance(value, str):
        template = Template(value)
        return value if template.is_plain and "{{" not in value else template
    if isinstance(value, dict):
        return {name: parse_json(item) for name, item in value.items()}
    return [parse_json(item) for item in value] if isinstance(value, list) else value


def _render_json(value: Json, writer: Writer) -> Json:
    if isinstance(value, Template):
        return value.render(writer)
    if isinstance(value, dict):
        return {name: _render_json(item, writer) for name, item in value.items()}
    return [_render_json(item, writer) for item in value] if isinstance(value, list) else value


def _render_file(name: str, files: Files, writer: Writer) -> bytes:
    """The content of a file, which is a template as well if it is text."""
    data = files.read(name)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return data
    return Template(text).render(writer).encode("utf-8", "replace")


def find_content_type(body: bytes, *, is_text: bool) -> Headers:
    """The content type of a body that names none: JSON if it is that, else plain text."""
    try:
        loads(body)
    except MalformedJson:
        # RFC 9110, section 8.3: who does not know the media type leaves it out.
        return ((b"content-type", b"text/plain; charset=utf-8"),) if body and is_text else ()
    return ((b"content-type", b"application/json"),)
