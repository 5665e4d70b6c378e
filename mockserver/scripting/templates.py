"""Response templates: WireMock's Handlebars (docs/response-templating), with a fixed set of helpers.

    Hello {{request.query.name}}, {{#if (eq request.method 'POST')}}created {{now format='yyyy-MM-dd'}}{{/if}}

A template is parsed once. It runs no code, reads no file and no environment, and its output is bounded. Text
of a request is put in as it is and never looked at as a template.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mockserver.exceptions import MalformedJson
from mockserver.json_codec import dumps, loads_kept, read_index
from mockserver.scripting.dates import DateFormat, Offset, read_offset, to_moment
from mockserver.scripting.subjects import Subject
from mockserver.seeds import BASE62, Seed
from mockserver.suggestions import suggest
from mockserver.types import UNSET, Json, JsonObject

if TYPE_CHECKING:
    from mockserver.scripting.json_paths import JsonPath

MAX_TEMPLATE_LENGTH = 1_048_576
MAX_OUTPUT_LENGTH = 1_048_576
# So many parts of templates one answer may write, those in loops each time.
MAX_STEPS = 20_000
MAX_DEPTH = 32
_MAX_RANDOM = 1_000
_MAX_DIGITS = 100


class Context(NamedTuple):
    """What a template sees: a redacted request, the clock of the namespace, the seed of random values.

    `parameters` are the stub's own (`transformerParameters`).
    """

    subject: Subject
    now_millis: int
    seed: Seed
    parameters: JsonObject


class TemplateError(ValueError):
    """A template that cannot be read. The text says what and at which character."""


class OutputTooLong(Exception):
    """What a template writes is longer, or takes longer, than it may."""


class Template:
    """One text with templates in it, parsed. Raises TemplateError."""

    __slots__ = ("_nodes",)

    def __init__(self, text: str) -> None:
        if len(text) > MAX_TEMPLATE_LENGTH:
            raise TemplateError(f"has {len(text)} characters, at most {MAX_TEMPLATE_LENGTH} are allowed")
        self._nodes = _Parser(text).parse()

    @property
    def is_plain(self) -> bool:
        """Whether it writes the same for each request."""
        return all(isinstance(node, str) for node in self._nodes)

    def render(self, writer: Writer) -> str:
        """What the template writes. Raises OutputTooLong."""
        start = len(writer.parts)
        writer.write(self._nodes, _Scope(UNSET, None, {}, {}))
        text = "".join(writer.parts[start:])
        del writer.parts[start:]
        return text

    def render_header(self, writer: Writer) -> bytes:
        """The same as the value of a header, which nothing that a request holds can end."""
        return "".join(filter(str.isprintable, self.render(writer))).encode("latin-1", "replace")


# Expressions: a literal, a path, or a helper with arguments.


@dataclass(frozen=True, slots=True)
class _Literal:
    value: Json


@dataclass(frozen=True, slots=True)
class _Path:
    """`steps` are names; `up` is how many scopes above the one here they start."""

    steps: tuple[str, ...]
    up: int = 0


@dataclass(frozen=True, slots=True)
class _Call:
    """`prepared` is what the helper made of its constants."""

    name: str
    arguments: tuple[_Expression, ...]
    options: Mapping[str, _Expression]
    prepared: Any


_Expression = _Literal | _Path | _Call


@dataclass(frozen=True, slots=True)
class _Block:
    """`{{#name …}}body{{else}}other{{/name}}`. `names` are those of `as |item key|`."""

    name: str
    argument: _Expression
    names: tuple[str, ...]
    body: tuple[_Node, ...]
    other: tuple[_Node, ...]


_Node = str | _Literal | _Path | _Call | _Block


# Reading.

_TAG = re.compile(
    r"\\\{\{|\{\{(?:!--.*?--(?:~)?\}\}|!.*?\}\}|(\{)?(~)?\s*(.*?)\s*(~)?(?(1)\}\}\}|\}\}))", re.DOTALL
)
_WORD = re.compile(
    r"""\s*(?:(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?)(?=[\s)]|$)"""
    r"""|(?P<mark>[()])|(?P<option>[A-Za-z_][\w-]*)=|(?P<path>(?:@?[\w.$/-]|\[[^\]]*\])+))""",
    re.DOTALL,
)
_STEP = re.compile(r"\[([^\]]*)\]|([^.\[/]+)")
_NAMES = re.compile(r"\s+as\s+\|([^|]*)\|\s*$")
_BLOCKS = ("each", "if", "unless", "eq")


class _Open(NamedTuple):
    """A block that is being read, and where it began."""

    name: str
    argument: _Expression
    names: tuple[str, ...]
    outer: list[_Node]
    bodies: list[list[_Node]]
    place: int
    is_chained: bool


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._open: list[_Open] = []

    def parse(self) -> tuple[_Node, ...]:
        nodes: list[_Node] = []
        end = 0
        trims = False
        for match in _TAG.finditer(self._text):
            plain = self._text[end : match.start()]
            if trims:
                plain = plain.lstrip()
            end, trims = match.end(), match.group(4) is not None
            if match.group(2) is not None:
                plain = plain.rstrip()
            if plain:
                nodes.append(plain)
            if match.group() == "\\{{":
                nodes.append("{{")
            elif match.group(3) is not None:
                nodes = self._tag(match.group(3), match.start(), nodes)
        rest = self._text[end:]
        if "{{" in rest:
            raise TemplateError(f"'{{{{' at character {end + rest.index('{{')} has no end")
        if self._open:
            block = self._open[-1]
            raise TemplateError(
                f"'{{{{#{block.name}}}}}' at character {block.place} has no '{{{{/{block.name}}}}}'"
            )
        if rest := rest.lstrip() if trims else rest:
            nodes.append(rest)
        return tuple(nodes)

    def _tag(self, tag: str, place: int, nodes: list[_Node]) -> list[_Node]:
        """Read one tag; returns the list that what follows belongs to."""
        if tag.startswith("#"):
            return self._begin(tag[1:].strip(), place, nodes, is_chained=False)
        if tag.startswith("/"):
            return self._end(tag[1:].strip(), place)
        if tag in ("else", "^") or tag.startswith("else "):
            return self._otherwise(tag.removeprefix("else").strip(" ^"), place)
        if tag.startswith((">", "*", "^")):
            raise TemplateError(
                f"'{{{{{tag}}}}}' at character {place}: partials and inverse blocks are not supported"
            )
        nodes.append(self._expression(tag.removeprefix("&"), place))
        return nodes

    def _begin(self, tag: str, place: int, nodes: list[_Node], *, is_chained: bool) -> list[_Node]:
        name, _, argument = tag.partition(" ")
        if name not in _BLOCKS:
            raise TemplateError(_unknown(name, _BLOCKS, "block", place))
        if len(self._open) >= MAX_DEPTH:
            raise TemplateError(f"blocks are nested deeper than {MAX_DEPTH} levels at character {place}")
        if not argument.strip():
            raise TemplateError(f"'{{{{#{name}}}}}' at character {place} needs something to look at")
        body: list[_Node] = []
        names: tuple[str, ...] = ()
        if match := _NAMES.search(argument):
            argument, names = argument[: match.start()], tuple(match.group(1).split())
        expression = self._expression(f"eq {argument}" if name == "eq" else argument, place)
        self._open.append(_Open(name, expression, names, nodes, [body], place, is_chained))
        return body

    def _otherwise(self, rest: str, place: int) -> list[_Node]:
        if not self._open or len(self._open[-1].bodies) > 1:
            raise TemplateError(f"'{{{{else}}}}' at character {place} belongs to no block")
        other: list[_Node] = []
        self._open[-1].bodies.append(other)
        return self._begin(rest, place, other, is_chained=True) if rest else other

    def _end(self, name: str, place: int) -> list[_Node]:
        while True:
            if not self._open:
                raise TemplateError(f"'{{{{/{name}}}}}' at character {place} ends no block")
            block = self._open.pop()
            if name != block.name and not block.is_chained:
                raise TemplateError(f"'{{{{/{name}}}}}' at character {place} ends '{{{{#{block.name}}}}}'")
            body, other = (*block.bodies, [])[:2]
            read = _Block(block.name, block.argument, block.names, tuple(body), tuple(other))
            block.outer.append(read)
            if not block.is_chained:
                return block.outer

    def _expression(self, text: str, place: int) -> _Expression:
        words = list(self._words(text, place))
        expression, rest = self._call(words, place, 0)
        if rest:
            raise TemplateError(f"{rest[0][1]!r} at character {place} is too much")
        return expression

    def _words(self, text: str, place: int) -> Iterator[tuple[str, str]]:
        end = 0
        text = text.rstrip()
        while end < len(text):
            match = _WORD.match(text, end)
            if match is None or match.lastgroup is None:
                raise TemplateError(f"{text[end:].strip()[:40]!r} at character {place} cannot be read")
            yield match.lastgroup, match.group(match.lastgroup)
            end = match.end()

    def _call(
        self, words: list[tuple[str, str]], place: int, depth: int
    ) -> tuple[_Expression, list[tuple[str, str]]]:
        """A helper with its arguments, or one value; and the words behind it."""
        if not words:
            raise TemplateError(f"the tag at character {place} is empty")
        if depth > MAX_DEPTH:
            raise TemplateError(f"expressions are nested deeper than {MAX_DEPTH} levels at character {place}")
        (kind, name), rest = words[0], words[1:]
        is_alone = not rest or rest[0] == ("mark", ")")
        if kind != "path" or (is_alone and name not in _HELPERS):
            return self._value(words, place, depth)
        if name not in _HELPERS:
            raise TemplateError(_unknown(name, _HELPERS, "helper", place))
        arguments: list[_Expression] = []
        options: dict[str, _Expression] = {}
        while rest and rest[0] != ("mark", ")"):
            option = None
            if rest[0][0] == "option":
                option, rest = rest[0][1], rest[1:]
            value, rest = self._value(rest, place, depth)
            if option is None:
                arguments.append(value)
            else:
                options[option] = value
        return self._make_call(name, tuple(arguments), options, place), rest

    def _make_call(
        self, name: str, arguments: tuple[_Expression, ...], options: dict[str, _Expression], place: int
    ) -> _Call:
        helper = _HELPERS[name]
        if not helper.least <= len(arguments) <= helper.most:
            text = f"{helper.least}" if helper.least == helper.most else f"{helper.least} to {helper.most}"
            raise TemplateError(f"{name!r} at character {place} takes {text} values, not {len(arguments)}")
        for option in options:
            if option not in helper.options:
                raise TemplateError(_unknown(option, helper.options, f"option of {name!r}", place))
        constants = {key: item.value for key, item in options.items() if isinstance(item, _Literal)}
        texts = [item.value if isinstance(item, _Literal) else UNSET for item in arguments]
        try:
            prepared = helper.prepare(texts, constants)
        except ValueError as error:
            raise TemplateError(f"{name!r} at character {place}: {error}") from None
        return _Call(name, arguments, options, prepared)

    def _value(
        self, words: list[tuple[str, str]], place: int, depth: int
    ) -> tuple[_Expression, list[tuple[str, str]]]:
        if not words:
            raise TemplateError(f"a value is missing at character {place}")
        (kind, text), rest = words[0], words[1:]
        if kind == "text":
            return _Literal(re.sub(r"\\(.)", r"\1", text[1:-1])), rest
        if kind == "number":
            if len(text) > _MAX_DIGITS:
                raise TemplateError(f"a number at character {place} has more than {_MAX_DIGITS} characters")
            return _Literal(float(text) if "." in text else int(text)), rest
        if (kind, text) == ("mark", "("):
            inner, rest = self._call(rest, place, depth + 1)
            if not rest or rest[0] != ("mark", ")"):
                raise TemplateError(f"'(' at character {place} has no ')'")
            return inner, rest[1:]
        if kind != "path":
            raise TemplateError(f"{text!r} at character {place} stands where a value is expected")
        if text in _WORDS:
            return _Literal(_WORDS[text]), rest
        return self._path(text, place), rest

    def _path(self, text: str, place: int) -> _Path:
        up = 0
        while text.startswith("../"):
            text, up = text[3:], up + 1
        text = text.removeprefix("./")
        steps = [bracketed or plain for bracketed, plain in _STEP.findall(text)]
        if steps and steps[0] in ("this", "."):
            return _Path(("this", *steps[1:]), up)
        if not steps:
            return _Path(("this",), up)
        if steps[0] == "originalRequest":
            # As webhooks call it.
            steps[0] = "request"
        if steps[0] == "request" and not up:
            if len(steps) == 1 or steps[1] not in _REQUEST:
                given = ".".join(steps[:2])
                raise TemplateError(_unknown(given, [f"request.{name}" for name in _REQUEST], "value", place))
        elif steps[0] in _REFUSED_HELPERS:
            raise TemplateError(_unknown(steps[0], _HELPERS, "helper", place))
        return _Path(tuple(steps), up)


_WORDS: Mapping[str, Json] = {"true": True, "false": False, "null": None}


def _unknown(name: str, known: Collection[str], what: str, place: int) -> str:
    if what == "helper" and name in _REFUSED_HELPERS:
        return f"the helper {name!r} at character {place} is not offered: {_REFUSED_HELPERS[name]}"
    return f"{name!r} at character {place} is no {what}; {suggest(name, known)}"


# Writing.


class _Scope(NamedTuple):
    """What `this` is, what stands above it, what `@index` and its kin are, and what names were given."""

    this: Json
    above: _Scope | None
    marks: Mapping[str, Json]
    names: Mapping[str, Json]


class Writer:
    """Writes the templates of one answer, within one bound for all of them."""

    __slots__ = ("_context", "_left", "_steps", "_uses", "parts")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._left = MAX_OUTPUT_LENGTH
        self._steps = MAX_STEPS
        self._uses = 0
        self.parts: list[str] = []

    def write(self, nodes: Sequence[_Node], scope: _Scope) -> None:
        for node in nodes:
            self._steps -= 1
            if self._steps < 0:
                raise OutputTooLong
            if isinstance(node, _Block):
                self._write_block(node, scope)
            else:
                text = node if isinstance(node, str) else _to_text(self._evaluate(node, scope))
                self._left -= len(text)
                if self._left < 0:
                    raise OutputTooLong
                self.parts.append(text)

    def _write_block(self, block: _Block, scope: _Scope) -> None:
        value = self._evaluate(block.argument, scope)
        if block.name != "each":
            holds = _is_true(value) is (block.name != "unless")
            self.write(block.body if holds else block.other, scope)
            return
        items: list[tuple[Json, Json]] = []
        if isinstance(value, dict):
            items = list(value.items())
        elif isinstance(value, list):
            items = list(enumerate(value))
        for index, (key, item) in enumerate(items):
            marks = {"index": index, "key": key, "first": index == 0, "last": index == len(items) - 1}
            names = {**scope.names, **dict(zip(block.names, (item, key), strict=False))}
            self.write(block.body, _Scope(item, scope, marks, names))
        if not items:
            self.write(block.other, scope)

    def _evaluate(self, expression: _Expression, scope: _Scope) -> Json:
        if isinstance(expression, _Literal):
            return expression.value
        if isinstance(expression, _Path):
            return self._look_up(expression, scope)
        self._steps -= 1
        arguments = [self._evaluate(item, scope) for item in expression.arguments]
        options = {name: self._evaluate(item, scope) for name, item in expression.options.items()}
        helper = _HELPERS[expression.name]
        self._uses += 1
        use = _Use(self._context, expression.prepared, self._uses)
        try:
            return helper.run(use, arguments, options)
        except ValueError as error:
            # As WireMock writes it: what was given only now is of no use to the helper.
            return f"[ERROR: {error}]"

    def _look_up(self, path: _Path, scope: _Scope) -> Json:
        for _ in range(path.up):
            scope = scope.above or scope
        first, *rest = path.steps
        if first.startswith("@"):
            return scope.marks.get(first[1:])
        if first == "this":
            value = scope.this
        elif first in scope.names:
            value = scope.names[first]
        elif isinstance(scope.this, dict) and first in scope.this:
            value = scope.this[first]
        elif first == "request":
            value, rest = _read_request(self._context.subject, rest)
        elif first == "parameters":
            value = self._context.parameters
        else:
            value = self._context.parameters.get(first)
        return _follow(value, rest)


def _follow(value: Json, steps: Sequence[str]) -> Json:
    for step in steps:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list):
            index = read_index(step)
            value = value[index] if index is not None and index < len(value) else None
        else:
            return None
    return value


class _Several(list[Json]):
    """The values of one name. Written, it is the first of them; `.[1]` and `.1` are the others."""


def _to_text(value: Json) -> str:
    if value is None or value is UNSET:
        return ""
    if isinstance(value, _Several):
        return _to_text(value[0]) if value else ""
    if isinstance(value, _Text):
        return value.text
    return value if isinstance(value, str) else dumps(value).decode("utf-8")


def _is_true(value: Json) -> bool:
    """Handlebars' truth: false, null, 0, and what is empty are not."""
    return value is not UNSET and bool(value)


def _read_request(subject: Subject, steps: Sequence[str]) -> tuple[Json, list[str]]:
    """What a path such as `request.query.name` begins with, and the steps that are left."""
    name, rest = steps[0], list(steps[1:])
    if name in ("headers", "query", "cookies", "formData") and rest:
        key = rest[0].lower() if name == "headers" else rest[0]
        return _Several(_GROUPS[name](subject).get(key, ())), rest[1:]
    return _REQUEST[name](subject), rest


_GROUPS: Mapping[str, Callable[[Subject], Mapping[str, Sequence[str]]]] = {
    "headers": lambda subject: subject.headers,
    "query": lambda subject: subject.query,
    "cookies": lambda subject: subject.cookies,
    "formData": lambda subject: subject.form,
}


def _write_group(name: str) -> Callable[[Subject], Json]:
    return lambda subject: {key: _Several(values) for key, values in _GROUPS[name](subject).items()}


class _Text(dict[str, Json]):
    """A text with members, such as the path with its segments."""

    def __init__(self, text: str, members: JsonObject) -> None:
        super().__init__(members)
        self.text = text


def _segments(subject: Subject) -> JsonObject:
    """The segments of the path by number, and the parameters of the operation that it reached by name."""
    parts = [unquote(part) for part in subject.path.split("/") if part]
    return {**{str(index): part for index, part in enumerate(parts)}, **subject.path_parameters}


def _host(subject: Subject) -> str:
    return next(iter(subject.headers.get("host", ())), "localhost")


_REQUEST: Mapping[str, Callable[[Subject], Json]] = {
    "method": lambda subject: subject.method,
    "url": lambda subject: subject.url,
    "baseUrl": lambda subject: f"http://{_host(subject)}",
    "host": lambda subject: _host(subject).partition(":")[0],
    "port": lambda subject: _host(subject).partition(":")[2] or "80",
    "path": lambda subject: _Text(subject.path, _segments(subject)),
    "pathSegments": _segments,
    "query": _write_group("query"),
    "headers": _write_group("headers"),
    "cookies": _write_group("cookies"),
    "formData": _write_group("formData"),
    "body": lambda subject: subject.text,
}


# Helpers.


class _Use(NamedTuple):
    """One use of a helper while an answer is written; `number` tells it from the others of this answer."""

    context: Context
    prepared: Any
    number: int


Run = Callable[[_Use, Sequence[Json], JsonObject], Json]
Prepare = Callable[[Sequence[Json], JsonObject], Any]


class _Helper(NamedTuple):
    """`run` gives the value; `prepare` reads what is constant once, and refuses what is wrong in it."""

    least: int
    most: int
    options: tuple[str, ...]
    run: Run
    prepare: Prepare = lambda arguments, options: None


class _Now(NamedTuple):
    offset: Offset | None
    format: DateFormat | None
    zone: tzinfo | None


def _prepare_now(arguments: Sequence[Json], options: JsonObject) -> _Now:
    offset, format, zone = (options.get(name) for name in ("offset", "format", "timezone"))
    return _Now(
        read_offset(_to_text(offset)) if offset else None,
        DateFormat(_to_text(format)) if format else None,
        _find_zone(_to_text(zone)) if zone else None,
    )


def _find_zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone such as Europe/Berlin") from None


def _now(use: _Use, arguments: Sequence[Json], options: JsonObject) -> Json:
    """WireMock's `now`: RFC 3339 in UTC, unless a format is given."""
    offset, format, zone = _prepare_now((), {**options})
    moment = to_moment(use.context.now_millis)
    if zone is not None:
        moment = moment.astimezone(zone)
    if offset is not None:
        moment = offset.apply(moment)
    return (format or _RFC_3339).write(moment)


_RFC_3339 = DateFormat("yyyy-MM-dd'T'HH:mm:ssXXX")
_ALPHABETS = {
    "ALPHANUMERIC": BASE62,
    "ALPHABETIC": BASE62[:52],
    "NUMERIC": "0123456789",
    "HEXADECIMAL": "0123456789abcdef",
    "ALPHANUMERIC_AND_SYMBOLS": BASE62 + "-_.~!*()+$@",
    "UUID": "",
}


def _check_random(arguments: Sequence[Json], options: JsonObject) -> None:
    length, type_ = options.get("length"), options.get("type")
    if length is not None and not (isinstance(length, int) and 1 <= length <= _MAX_RANDOM):
        raise ValueError(f"'length' must be a whole number from 1 to {_MAX_RANDOM}")
    if type_ is not None and type_ not in _ALPHABETS:
        raise ValueError(f"'type' must be one of {', '.join(_ALPHABETS)}")


def _random_value(use: _Use, arguments: Sequence[Json], options: JsonObject) -> Json:
    """Derived from the request, not drawn: the same request gets the same value again."""
    _check_random(arguments, options)
    seed = use.context.seed.at(str(use.number))
    kind = options.get("type") or "ALPHANUMERIC"
    if kind == "UUID":
        text = str(UUID(bytes=seed.digest()[:16], version=4))
    else:
        alphabet = _ALPHABETS[kind]
        length = options.get("length") or 36
        text = "".join(alphabet[seed.at(str(index)).below(len(alphabet))] for index in range(length))
    return text.upper() if options.get("uppercase") else text.lower() if kind == "ALPHANUMERIC" else text


def _prepare_path(arguments: Sequence[Json], options: JsonObject) -> JsonPath | None:
    return _compile_path(arguments[1]) if arguments[1] is not UNSET else None


def _compile_path(expression: Json) -> JsonPath:
    # Its library takes long to load, and few stubs need it.
    from mockserver.scripting.json_paths import compile_json_path

    if not isinstance(expression, str):
        raise ValueError("a JSONPath must be text such as '$.name'")
    return compile_json_path(expression)


def _json_path(use: _Use, arguments: Sequence[Json], options: JsonObject) -> Json:
    """The value that a path of names selects, all that another path selects; nothing for what is no JSON."""
    document, expression = arguments
    if isinstance(document, str):
        try:
            document = loads_kept(document.encode("utf-8", "replace"))
        except MalformedJson:
            return options.get("default")
    path = use.prepared or _compile_path(expression)
    found = [value for _, value in path.search(document, use.context.subject.view)]
    if path.names is None and len(found) != 1:
        return found or options.get("default")
    return found[0] if found else options.get("default")


def _equals(use: _Use, arguments: Sequence[Json], options: JsonObject) -> Json:
    left, right = arguments
    if isinstance(left, str | _Several | _Text) or isinstance(right, str | _Several | _Text):
        return _to_text(left) == _to_text(right)
    return bool(left == right) and isinstance(left, bool) is isinstance(right, bool)


def _on_text(change: Callable[[str], str]) -> _Helper:
    return _Helper(1, 1, (), lambda use, arguments, options: change(_to_text(arguments[0])))


def _size(use: _Use, arguments: Sequence[Json], options: JsonObject) -> Json:
    value = arguments[0]
    return len(value) if isinstance(value, list | dict | str) and not isinstance(value, _Text) else 0


_HELPERS: Mapping[str, _Helper] = {
    "now": _Helper(0, 0, ("offset", "format", "timezone"), _now, _prepare_now),
    "randomValue": _Helper(0, 0, ("length", "type", "uppercase"), _random_value, _check_random),
    "jsonPath": _Helper(2, 2, ("default",), _json_path, _prepare_path),
    "eq": _Helper(2, 2, (), _equals),
    "lower": _on_text(str.lower),
    "upper": _on_text(str.upper),
    "trim": _on_text(str.strip),
    "capitalize": _on_text(lambda text: text[:1].upper() + text[1:]),
    "size": _Helper(1, 1, (), _size),
}
_OTHERS = "the helpers here are " + ", ".join((*_HELPERS, *(f"#{name}" for name in _BLOCKS)))
_NOT_HERE = """
    assign array arrayAdd arrayJoin arrayRemove base64 contains date dateFormat formData gte gt lte lt neq
    and or not join jsonArrayAdd jsonMerge jsonRemove jsonSort lookup matches math numberFormat parseDate
    parseJson range regexExtract replace split stringFormat substring toJson truncateDate urlEncode val
    with log formatJson formatXml
"""
# What WireMock knows beyond that, and why it is not here.
_REFUSED_HELPERS: Mapping[str, str] = {
    **dict.fromkeys(("systemValue", "hostname"), "nothing of the machine is shown"),
    **dict.fromkeys(("xPath", "soapXPath"), "XML bodies are texts here"),
    **dict.fromkeys(("randomInt", "randomDecimal", "pickRandom"), "use randomValue"),
    **dict.fromkeys(_NOT_HERE.split(), _OTHERS),
}
