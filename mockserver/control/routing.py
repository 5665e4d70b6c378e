"""The way of one control call: the route that its path names, and the answer to all that can be wrong.

A route is a function from a ControlCall to a ControlAnswer, to a Listing, which takes long to write, or to a
Question: something that may have to wait for calls before it can be answered. How to wait, and for whom to
pause, is the door's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias, TypeVar

from mockserver.clocks import read_instant
from mockserver.contract.path_templates import PathTemplates
from mockserver.engine.engine import Engine
from mockserver.exceptions import (
    BadQuestion,
    InvalidInput,
    MalformedJson,
    Problem,
    StoreUnavailable,
    Unanswerable,
    UnknownItem,
)
from mockserver.http_fields import read_query
from mockserver.journal.filters import read_flag, read_whole
from mockserver.json_codec import loads, loads_in_pieces
from mockserver.redaction import redact, redact_pointer
from mockserver.settings import DEFAULT_NAMESPACE, NAMESPACE_NAME
from mockserver.state.ledger import repeat
from mockserver.state.namespace import Namespace
from mockserver.suggestions import suggest
from mockserver.types import UNSET, Headers, Json, JsonObject, UnsetType

Answer = TypeVar("Answer")
Value = TypeVar("Value")

MAX_WAIT_SECONDS = 300.0
PREFIX = "/__admin"

# Documents at the root, by namespace and control route, where neither contract nor a stub has the path.
ROOT_DOCUMENTS = {
    "/": (DEFAULT_NAMESPACE, "/"),
    "/docs": (DEFAULT_NAMESPACE, "/contract/docs"),
    "/favicon.ico": (DEFAULT_NAMESPACE, "/page/icon.svg"),
    "/openapi.json": (DEFAULT_NAMESPACE, "/contract"),
    "/.well-known/jwks.json": (DEFAULT_NAMESPACE, "/jwks"),
    "/.well-known/openid-configuration": (DEFAULT_NAMESPACE, "/discovery"),
}

# Those that only a browser looks for: any other method is a call of the mocked API.
PAGES = frozenset({"/", "/docs", "/favicon.ico"})

# No answer of the control API is a page, whatever was recorded (Fetch, `nosniff`; CSP Level 3).
CONTROL_HEADERS: Headers = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'"),
)
# The page itself runs what this server has, and nothing else; nobody else may frame it.
PAGE_HEADERS: Headers = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (
        b"content-security-policy",
        b"default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
)


class ControlCall(NamedTuple):
    """One control operation: the namespace that it is about and what was sent.

    `origin` is scheme, host and port; `routes` are those that can be asked for.
    """

    engine: Engine
    namespace: Namespace
    parameters: Mapping[str, str]
    query: Mapping[str, list[str]]
    body: Json | UnsetType
    origin: str
    accepts_html: bool
    routes: tuple[Route, ...]

    def __repr__(self) -> str:
        # Path, query and body can hold a secret.
        return f"<ControlCall in {self.namespace.name}>"

    @property
    def path_prefix(self) -> str:
        """`/~name`, and nothing for the default namespace."""
        return "" if self.namespace.name == DEFAULT_NAMESPACE else f"/~{self.namespace.name}"

    @property
    def base(self) -> str:
        """The path that the routes stand below."""
        return self.path_prefix + PREFIX

    def option(self, name: str) -> str | None:
        """The last value of a query parameter."""
        values = self.query.get(name)
        return values[-1] if values else None

    def operation(self) -> str | None:
        """The query parameter `operation`, which names one of the contract. Raises BadRequest."""
        name, known = self.option("operation"), self.engine.contract.operations
        if name is not None and name not in known:
            hint = suggest(name, known, lists_all=True)
            raise BadRequest(f"operation={name[:100]!r} is not in the contract; {hint}")
        return name

    def integer(self, name: str) -> int | None:
        """A query parameter that is a whole number. Raises BadRequest."""
        return self._read(name, read_whole)

    def flag(self, name: str) -> bool:
        """A query parameter that is true or false; false where it is missing. Raises BadRequest."""
        return self._read(name, read_flag) or False

    def _read(self, name: str, read: Callable[[str], Value]) -> Value | None:
        text = self.option(name)
        try:
            return None if text is None else read(text)
        except ValueError as error:
            raise BadRequest(f"{name}={error}") from None

    def since(self) -> int | None:
        """The query parameter `since`, an RFC 3339 time, in milliseconds. Raises BadRequest."""
        text = self.option("since")
        try:
            return None if text is None else read_instant(text)
        except ValueError as error:
            raise BadRequest(f"since: {error}") from None

    def object(self) -> JsonObject:
        """The body, which must be a JSON object. Raises BadQuestion."""
        if not isinstance(self.body, dict):
            raise BadQuestion([Problem("the body must be a JSON object", "")])
        return self.body


class ControlAnswer(NamedTuple):
    """What a control operation gives: a status and a JSON value, or a text of another media type.

    `is_page` says that a browser may show it, with scripts and styles of this server.
    """

    status: int
    value: Json | UnsetType = UNSET
    text: str | None = None
    media_type: str = "application/json"
    headers: Headers = ()
    is_page: bool = False

    def __repr__(self) -> str:
        # A token that was just made is in the value.
        return f"<ControlAnswer {self.status} {self.media_type}>"


class Question(NamedTuple):
    """An answer that calls yet to come may give. `ask` returns None until it is known; `give_up` always
    answers; `seconds` is how long to wait. `prepare` does a part of the work, until it says that all is done:
    what is asked then is quick. What is wrong with the question is for `ask` and `give_up` to raise. `let_go`
    is called once it is over."""

    namespace: Namespace
    ask: Callable[[], ControlAnswer | Listing | None]
    give_up: Callable[[], ControlAnswer | Listing]
    seconds: float
    prepare: Callable[[], bool] = lambda: True
    let_go: Callable[[], None] = lambda: None


class Listing(NamedTuple):
    """An answer with one value for each item, a call or an operation, of which there may be thousands: a door
    that serves others as well writes them some at a time.

    `write` runs under the namespace's lock; `gather` makes the answer of what was written. `at_once` is how
    many are written in one turn; None leaves it to the door.
    """

    namespace: Namespace
    items: Sequence[Any]
    write: Callable[[Any], Json]
    gather: Callable[[list[Json]], ControlAnswer]
    at_once: int | None = None

    def write_some(self, start: int, stop: int) -> list[Json]:
        """The values of some of the items."""
        with self.namespace.lock:
            return [self.write(item) for item in self.items[start:stop]]

    def finish(self) -> ControlAnswer:
        """The whole answer at once."""
        return self.gather(self.write_some(0, len(self.items)))


class Stream(NamedTuple):
    """Server-sent events of a namespace, from the call after `after` on. Over HTTP only."""

    namespace: Namespace
    after: int


class BadRequest(Exception):
    """A control call that is wrong in its query: 400."""


Told: TypeAlias = ControlAnswer | Listing | Question | Stream
Run = Callable[[ControlCall], Told]


class Route(NamedTuple):
    """One row of the table.

    `summary` is a sentence whose subject is the route. `query` names the parameters that it reads (see
    `description.PARAMETERS`), `body` the shape that it takes (see `shapes.SHAPES`). `answers` has by status
    what it gives: shapes, and media types of texts. `is_locked`: it runs as one step of the namespace, under
    its lock; `is_public`: it holds nothing that the admin token protects.
    """

    method: str
    path: str
    run: Run
    summary: str
    query: tuple[str, ...] = ()
    body: str | None = None
    answers: Mapping[int, str | tuple[str, ...]] = {200: "Done"}
    is_locked: bool = True
    is_public: bool = False


def refuse(status: int, text: str) -> ControlAnswer:
    return refuse_all(status, [Problem(text)])


# So many calls are looked at without turns for others: each may take some hundredths of a second.
AT_ONCE = 2
TURN_SECONDS = 0.005
# Bodies of more than so many bytes are read in pieces, if they have at most so many items.
MAX_WHOLE = 2 * 1024 * 1024
MAX_ITEMS = 10_000


def _refuse_unanswerable(error: Unanswerable) -> ControlAnswer:
    """409, with the ids of the calls that could not be decided, if that is the reason."""
    answer = refuse(409, str(error))
    if not error.calls:
        return answer
    value: JsonObject = {**answer.value, "calls": list(error.calls)}  # type: ignore[dict-item]
    return answer._replace(value=value)


def refuse_unavailable(error: StoreUnavailable) -> ControlAnswer:
    """503: the store does not answer."""
    reason = ((b"mockserver-reason", b"store_unavailable"),)
    return refuse(503, str(error))._replace(headers=reason)


def refuse_all(status: int, problems: list[Problem]) -> ControlAnswer:
    """WireMock's error shape (WireMock admin API, `Errors`). What a text quotes of the call is redacted."""
    errors = [
        {
            "code": 10,
            "source": {"pointer": redact_pointer(problem.pointer)},
            "title": redact(problem.message),
            "detail": redact(str(problem)),
        }
        for problem in problems
    ]
    return ControlAnswer(status, {"errors": errors})


class Body(NamedTuple):
    """A body, read as JSON; UNSET where there is none. A `refusal` is the answer to what cannot be read."""

    value: Json | UnsetType = UNSET
    refusal: ControlAnswer | None = None

    def __repr__(self) -> str:
        # It can hold a secret.
        return "<Body>"

    def let_go(self) -> None:
        """Nobody reads it any more: its arrays are emptied item by item, so that other threads have their
        turn in between."""
        for value in self.value.values() if isinstance(self.value, dict) else ():
            while isinstance(value, list) and value:
                value.pop()


def read_body(data: bytes | bytearray) -> Body:
    """Read a body, in whatever thread."""
    if not data or data.isspace():
        return Body()
    try:
        if len(data) <= MAX_WHOLE:
            return Body(loads(bytes(data))[0])
        value = loads_in_pieces(data, MAX_ITEMS)
        if value is None:
            text = (
                f"a body of more than {MAX_WHOLE} bytes is read in pieces: it must be sound JSON, an object "
                f"with one array of at most {MAX_ITEMS} objects and no other array beside it, as an import "
                "is; the body of one stub can be a file (bodyFileName)"
            )
            return Body(refusal=refuse(413, text))
        return Body(value)
    except MalformedJson as error:
        return Body(refusal=refuse_all(400, [Problem(f"the body is no JSON: {error}")]))


class Router:
    """Answers control calls for one engine, by a table of routes."""

    def __init__(self, engine: Engine, routes: Iterable[Route]) -> None:
        self._engine = engine
        self._routes = tuple(routes)
        self._paths: PathTemplates[dict[str, Route]] = PathTemplates()
        table: dict[str, dict[str, Route]] = {}
        for route in self._routes:
            table.setdefault(route.path, {})[route.method] = route
        for path, methods in table.items():
            if "GET" in methods:
                methods["HEAD"] = methods["GET"]
            self._paths.add(path, methods)

    def is_public(self, path: str) -> bool:
        """Whether a path below `/__admin` leads to what the admin token does not protect."""
        found = self._paths.find(path)
        return found is not None and all(route.is_public for route in found[0].values())

    def begin(
        self,
        method: str,
        path: str,
        query: str,
        body: bytes | Body,
        *,
        namespace: str = DEFAULT_NAMESPACE,
        origin: str = "",
        accepts_html: bool = False,
    ) -> Told:
        """Carry out one control call.

        `path` is below `/__admin`, percent-encoded; `body` may have been read already; `origin` is the
        scheme, host and port that links lead to; `accepts_html` says that a browser asks, which shows pages.
        Everything that a caller can do wrong is an answer, never an exception.
        """
        found = self._paths.find(path)
        if found is None:
            return refuse(404, f"there is no control route {path!r}")
        methods, parameters = found
        route = methods.get(method)
        if route is None:
            allow = ", ".join(sorted(methods))
            refusal = refuse(405, f"{path} takes {allow}, not {method}")
            return refusal._replace(headers=((b"allow", allow.encode("ascii")),))
        if isinstance(body, bytes):
            body = read_body(body)
        if body.refusal is not None:
            return body.refusal
        space = self._engine.namespaces.get(namespace)
        call = ControlCall(
            self._engine, space, parameters, read_query(query), body.value, origin, accepts_html, self._routes
        )
        answer: Told = _tell(partial(repeat, partial(_run, route, call)))
        if isinstance(answer, Question):
            return answer._replace(ask=partial(_tell, answer.ask), give_up=partial(_tell, answer.give_up))
        return answer


def _tell(work: Callable[[], Answer]) -> Answer | ControlAnswer:
    """What some work gives, or the answer to what is wrong with the call."""
    try:
        return work()
    except BadRequest as error:
        return refuse(400, str(error))
    except UnknownItem as error:
        return refuse(404, str(error))
    except Unanswerable as error:
        return _refuse_unanswerable(error)
    except StoreUnavailable as error:
        return refuse_unavailable(error)
    except InvalidInput as error:
        return refuse_all(422, list(error.problems))


def _run(route: Route, call: ControlCall) -> Told:
    if not route.is_locked:
        return route.run(call)
    with call.namespace.transaction():
        number = call.namespace.last_stub_number
        try:
            return route.run(call)
        except Exception:
            # What is refused uses up no id; a store takes that back with all else.
            call.namespace.last_stub_number = number
            raise


def split_path(path: str) -> tuple[str, str] | None:
    """Namespace and rest of a raw request path that leads to the control API, else None.

    Only the literal path does: nothing is decoded, doubled slashes and dots lead nowhere.
    """
    name = DEFAULT_NAMESPACE
    if path.startswith("/~"):
        name, slash, rest = path[2:].partition("/")
        if not NAMESPACE_NAME.fullmatch(name):
            return None
        path = slash + rest
    if path == PREFIX or path.startswith(f"{PREFIX}/"):
        return name, path.removeprefix(PREFIX) or "/"
    return None
