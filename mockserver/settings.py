"""Settings: the one table of options, whether they come from arguments, environment or a fixture."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from mockserver.budget import DEFAULT_LIMIT
from mockserver.clocks import read_clock
from mockserver.exceptions import Problem, SettingsError
from mockserver.json_codec import DEEPEST, LONGEST_NUMBER, MAX_DEPTH, MAX_NUMBER_LENGTH
from mockserver.suggestions import find_nearest, suggest

NAMESPACE_NAME = re.compile(r"[a-z0-9-]{1,40}")
# The one of every request that names none.
DEFAULT_NAMESPACE = "default"
_RATE = re.compile(r"(\d{1,9})/(\d{1,9})(s|m|h|d)?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, None: 1}


def read_namespace(name: str) -> str:
    """The name of a namespace, as it is. Raises ValueError with what would be right."""
    if not NAMESPACE_NAME.fullmatch(name):
        shown = repr(name if len(name) <= 100 else f"{name[:100]}…")
        raise ValueError(f"{shown} is not a name for a namespace; use 1 to 40 of a-z, 0-9 and -")
    return name


@dataclass(frozen=True, slots=True)
class RateLimit:
    """So many calls in so many seconds, for each credential and operation."""

    calls: int
    seconds: int


def packaged_folder(name: str) -> Path:
    """The folder `schemas` or `fixtures` that comes with the package, installed or in a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / name
    return installed if installed.is_dir() else package.parent / name


# What a value is, and how it is read from a text.


@dataclass(frozen=True, slots=True)
class Kind:
    """What the values of an option are: `type`, which `what` names, and how `read` makes one of a text.

    `read` raises ValueError with what would be right.
    """

    type: type
    what: str
    read: Callable[[str], Any]

    def holds(self, value: Any) -> bool:
        """Whether a value is of this kind. A bool is no number."""
        if isinstance(value, tuple):
            return self.type is tuple and all(isinstance(item, str) for item in value)
        return isinstance(value, self.type) and (self.type is bool or not isinstance(value, bool))


def _read_number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise ValueError(f"{text[:100]!r} must be a whole number")
    return int(text)


def _read_flag(text: str) -> bool:
    if text.lower() not in ("1", "true", "yes", "on", "0", "false", "no", "off"):
        raise ValueError(f"{text[:100]!r} must be true or false")
    return text.lower() in ("1", "true", "yes", "on")


def _read_texts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


TEXT = Kind(str, "a text", str)
NUMBER = Kind(int, "a whole number", _read_number)
FLAG = Kind(bool, "true or false", _read_flag)
PATH = Kind(Path, "a path", Path)
TEXTS = Kind(tuple, "a list of texts", _read_texts)


# What a value must be beyond its kind. Each check raises ValueError with what would be right.


def _between(least: int, most: int) -> Callable[[int], None]:
    def check(value: int) -> None:
        if not least <= value <= most:
            raise ValueError(f"{value} must lie between {least} and {most}")

    return check


def _at_least_one(value: int) -> None:
    if value < 1:
        raise ValueError(f"{value} must be at least 1")


def _at_most(most: int) -> Callable[[int], None]:
    def check(value: int) -> None:
        _at_least_one(value)
        if value > most:
            raise ValueError(f"{value} must be at most {most}")

    return check


def read_rate_limit(text: str) -> RateLimit:
    """`100/60s` -> 100 calls in 60 seconds. Raises ValueError with what would be right."""
    match = _RATE.fullmatch(text)
    if not match or int(match.group(1)) < 1 or int(match.group(2)) < 1:
        raise ValueError(f"{text!r} must be calls per time such as 100/60s")
    return RateLimit(int(match.group(1)), int(match.group(2)) * _SECONDS[match.group(3)])


def read_token(text: str) -> str:
    """A token that a header can carry (RFC 6750, section 2.1). Raises ValueError with what would be right."""
    if not re.fullmatch(r"[!-~]{1,1000}", text):
        raise ValueError("the token must be 1 to 1,000 visible ASCII characters without spaces")
    return text


def _read_import(text: str) -> str:
    if not re.fullmatch(r"[\w.]+:\w+", text):
        raise ValueError(f"{text[:100]!r} must be module:name, such as acme.rules:AcmeRules")
    return text


def read_store(text: str) -> tuple[str, str]:
    """Kind and place of a store: `sqlite:a.db` -> `("sqlite", "a.db")`. The place of Redis is its whole URL.

    Raises ValueError with what would be right. A URL may hold a password, so it is not repeated.
    """
    kind, colon, place = text.partition(":")
    if text == "memory":
        return "memory", ""
    if kind == "sqlite" and place:
        return "sqlite", place
    if kind in ("redis", "rediss") and place.startswith("//"):
        return "redis", text
    shown = f"{kind}:…" if colon else repr(text)
    raise ValueError(f"{shown} is not a store; use memory, sqlite:PATH, redis://HOST or rediss://HOST")


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its name, its default, the sentence that explains it, and the group that it is listed in.

    `choices` are all its values, if they are few; `is_optional` says that None is one of them. `check` raises
    ValueError for a value of its kind that it cannot have. `is_own` says that each namespace can have its own
    value; `shown_default` stands for the default in lists of options.
    """

    name: str
    default: Any
    help: str
    group: str
    kind: Kind
    choices: tuple[str, ...]
    is_optional: bool
    check: Callable[[Any], object] | None
    is_own: bool
    shown_default: str | None

    @property
    def flag(self) -> str:
        """`journal_limit` -> `--journal-limit`."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def variable(self) -> str:
        """`journal_limit` -> `MOCKSERVER_JOURNAL_LIMIT`."""
        return f"{ENVIRONMENT_PREFIX}{self.name.upper()}"

    def read(self, value: Any) -> Any:
        """A value as it is kept, from Python, JSON or a text: a text may stand for a path, a list or a
        number, and a number for a text. Raises ValueError with what would be right.
        """
        if isinstance(value, str):
            return self.kind.read(value)
        if self.kind is TEXT and NUMBER.holds(value):
            return str(value)
        return tuple(value) if self.kind is TEXTS and isinstance(value, list) else value

    def find_problem(self, value: Any) -> str | None:
        """What is wrong with a value that is kept, and what would be right; None if it is sound."""
        if value is None and self.is_optional:
            return None
        if self.choices:
            return None if value in self.choices else f"{value!r} must be one of {', '.join(self.choices)}"
        if not self.kind.holds(value):
            shown = "" if self.kind.type in (str, Path, tuple) else f"{value!r} "
            return f"{shown}must be {self.kind.what}"
        try:
            if self.check is not None:
                self.check(value)
        except ValueError as error:
            return str(error)
        return None


ENVIRONMENT_PREFIX = "MOCKSERVER_"


def _option(
    default: Any,
    help: str,
    group: str,
    kind: Kind = TEXT,
    *,
    choices: tuple[str, ...] = (),
    check: Callable[[Any], object] | None = None,
    is_own: bool = False,
    is_secret: bool = False,
    shown_default: str | None = None,
) -> Any:
    """A field of Settings, with its row of the table but for the name, which is the field's. The value of one
    that `is_secret` is not in the repr."""
    row = {
        "help": help, "group": group, "kind": kind, "choices": choices, "check": check, "is_own": is_own,
        "shown_default": shown_default,
    }  # fmt: skip
    return field(default=default, metadata=row, repr=not is_secret)


_SERVER, _CONTRACT, _ANSWERS, _CREDENTIALS = "Server", "Contract and fixtures", "Answers", "Credentials"
_UPSTREAM = "The real API"
_CONTROL, _BROWSERS, _LIMITS, _LOG = "Control API", "Hosts and browsers", "Limits", "Log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every option, with its default.

    Construction checks all values and raises SettingsError with every problem. Secrets are not in the repr.
    """

    host: str = _option("127.0.0.1", "Address to listen on.", _SERVER)
    port: int = _option(4020, "Port to listen on; 0 picks a free one and prints it.", _SERVER, NUMBER,
                        check=_between(0, 65535))  # fmt: skip
    tls: bool = _option(False, "Serve HTTPS, with a certificate made for this run (extra `tls`).", _SERVER,
                        FLAG)  # fmt: skip
    tls_cert: Path | None = _option(None, "Serve HTTPS with this certificate, a PEM file.", _SERVER, PATH)
    tls_key: Path | None = _option(None, "PEM file with the key of --tls-cert.", _SERVER, PATH)
    workers: int = _option(1, "Number of processes that answer; they share the store.", _SERVER, NUMBER,
                           check=_between(1, 64))  # fmt: skip
    store: str = _option(
        "memory", "Where state is kept: memory, sqlite:PATH, redis://HOST or rediss://HOST.", _SERVER,
        check=read_store, is_secret=True, shown_default="memory",
    )  # fmt: skip
    contract: Path = _option(packaged_folder("schemas") / "openapi.json", "OpenAPI file to answer from.",
                             _CONTRACT, PATH, shown_default="built in")  # fmt: skip
    fixtures: Path | None = _option(
        None, "Folder with stubs, and with what the API's rules read.", _CONTRACT, PATH,
        shown_default="that of the rules",
    )  # fmt: skip
    pact: Path | None = _option(None, "Pact file whose interactions are answered first.", _CONTRACT, PATH)
    rules: str | None = _option(None, "Rules of the API as module:name.", _CONTRACT, check=_read_import,
                                shown_default="those that the contract names")  # fmt: skip
    watch: bool = _option(False, "Read contract and fixtures anew when they change (extra `watch`).",
                          _CONTRACT, FLAG)  # fmt: skip
    seed: str = _option("hsrcpay", "Text that all generated values are derived from.", _ANSWERS, is_own=True)
    clock: str = _option(
        "real", "What time it is: real, an instant (the clock stands still) or a shift such as +90d.",
        _ANSWERS, check=read_clock, is_own=True,
    )  # fmt: skip
    success_status: str | None = _option(
        None, "Status of a success where the contract documents both.", _ANSWERS,
        choices=("200", "201", "alternate"), is_own=True, shown_default="that of the rules",
    )  # fmt: skip
    variants: str = _option(
        "off", "Which answers to give: always plain, or the next legal variant each time.", _ANSWERS,
        choices=("off", "cycle"), is_own=True,
    )  # fmt: skip
    tolerant_reader: bool = _option(False, "Add members that the contract does not name to every success.",
                                    _ANSWERS, FLAG, is_own=True)  # fmt: skip
    strict_accounts: bool = _option(False, "Know only the accounts of the fixtures.", _ANSWERS, FLAG,
                                    is_own=True)  # fmt: skip
    idempotency: str = _option("on", "What an Idempotency-Key does.", _ANSWERS,
                               choices=("off", "on", "required"), is_own=True)  # fmt: skip
    rate_limit: str | None = _option(None, "Calls allowed in a time, such as 100/60s; off by default.",
                                     _ANSWERS, check=read_rate_limit, is_own=True)  # fmt: skip
    upstream: str | None = _option(None, "Origin of the real API, for `mockserver proxy` and `drift`.",
                                   _UPSTREAM)  # fmt: skip
    upstream_timeout: int = _option(30, "Seconds that it may take to answer.", _UPSTREAM, NUMBER,
                                    check=_at_least_one)  # fmt: skip
    upstream_proxy: str | None = _option(
        None, "URL of a proxy on the way there; those of the environment are not used.", _UPSTREAM,
        is_secret=True,
    )  # fmt: skip
    errors: bool = _option(False, "Answer violations of the contract with 422 and 502.", _UPSTREAM, FLAG)
    record: Path | None = _option(None, "Folder to write the calls to as stubs, for --fixtures.", _UPSTREAM,
                                  PATH)  # fmt: skip
    allow_live: bool = _option(False, "Let live credentials in; their text is still never kept.",
                               _CREDENTIALS, FLAG)  # fmt: skip
    jwt_secret: str | None = _option(None, "HMAC secret to check JWTs with.", _CREDENTIALS, is_secret=True)
    jwks: Path | None = _option(None, "JWKS file to check JWTs with.", _CREDENTIALS, PATH)
    jwt_audience: str | None = _option(None, "Audience that JWTs must name.", _CREDENTIALS)
    admin_token: str | None = _option(None, "Bearer token that the control API asks for.", _CONTROL,
                                      check=read_token, is_secret=True)  # fmt: skip
    journal_limit: int = _option(10_000, "Number of calls that a namespace remembers.", _CONTROL, NUMBER,
                                 check=_at_least_one)  # fmt: skip
    memory_limit: int = _option(
        DEFAULT_LIMIT, "Bytes that calls, items, answers, stubs and snapshots of all namespaces may take.",
        _CONTROL, NUMBER, check=_at_least_one,
    )  # fmt: skip
    allowed_host: tuple[str, ...] = _option(
        (), "Further Host that requests may name; * allows any.", _BROWSERS, TEXTS
    )
    webhook_host: tuple[str, ...] = _option(
        (), "Host that webhooks of stubs may be sent to, beside loopback.", _BROWSERS, TEXTS
    )
    cors_origin: tuple[str, ...] = _option(
        (), "Origin whose pages may call the API, and the control API, from a browser; * any, the API only.",
        _BROWSERS, TEXTS,
    )  # fmt: skip
    body_limit: int = _option(1024 * 1024, "Bytes that a request body may have.", _LIMITS, NUMBER,
                              check=_at_least_one)  # fmt: skip
    json_depth: int = _option(
        MAX_DEPTH, f"Levels that the JSON of a request body may have; at most {DEEPEST}.", _LIMITS, NUMBER,
        check=_at_most(DEEPEST),
    )  # fmt: skip
    json_number_length: int = _option(
        MAX_NUMBER_LENGTH,
        f"Characters that a number beyond 64 bits may have there; at most {LONGEST_NUMBER:,}.", _LIMITS,
        NUMBER, check=_at_most(LONGEST_NUMBER),
    )  # fmt: skip
    header_limit: int = _option(128 * 1024, "Bytes that request line and headers may have.", _LIMITS, NUMBER,
                                check=_at_least_one)  # fmt: skip
    header_count: int = _option(200, "Headers that a request may have.", _LIMITS, NUMBER,
                                check=_at_least_one)  # fmt: skip
    url_limit: int = _option(16 * 1024, "Bytes that a URL may have.", _LIMITS, NUMBER, check=_at_least_one)
    read_timeout: int = _option(10, "Seconds in which a request must arrive whole.", _LIMITS, NUMBER,
                                check=_at_least_one)  # fmt: skip
    idle_timeout: int = _option(75, "Seconds that a connection may stay open between two requests.", _LIMITS,
                                NUMBER, check=_at_least_one)  # fmt: skip
    connection_limit: int = _option(4_000, "Connections that may be open at once.", _LIMITS, NUMBER,
                                    check=_at_least_one)  # fmt: skip
    log_level: str = _option("info", "How much is logged.", _LOG,
                             choices=("debug", "info", "warning", "error"))  # fmt: skip
    log_format: str = _option("text", "How a log line looks.", _LOG, choices=("text", "json"))

    def __post_init__(self) -> None:
        found = ((name, option.find_problem(getattr(self, name))) for name, option in OPTIONS.items())
        problems = [Problem(text, pointer=f"/{name}") for name, text in found if text is not None]
        if problems:
            raise SettingsError(problems)

    def with_changes(self, changes: Mapping[str, Any]) -> Settings:
        """A copy with some options changed, written as Python or JSON writes them (see `Option.read`).

        Raises SettingsError with every unknown name, with the nearest known one, and every wrong value.
        """
        values: dict[str, Any] = {}
        problems: list[Problem] = []
        for name, value in changes.items():
            if name not in OPTIONS:
                problems.append(Problem(_unknown(name), pointer=f"/{name}"))
                continue
            try:
                values[name] = OPTIONS[name].read(value)
            except ValueError as error:
                problems.append(Problem(str(error), pointer=f"/{name}"))
        try:
            changed = dataclasses.replace(self, **values)
        except SettingsError as error:
            problems += error.problems
        if problems:
            raise SettingsError(problems)
        return changed

    @property
    def rate(self) -> RateLimit | None:
        """`rate_limit`, read."""
        return read_rate_limit(self.rate_limit) if self.rate_limit else None


OPTIONS: Mapping[str, Option] = {
    item.name: Option(item.name, item.default, is_optional="None" in str(item.type), **item.metadata)
    for item in fields(Settings)
}


def read_environment(environment: Mapping[str, str], given: Collection[str] = ()) -> dict[str, Any]:
    """The options set as `MOCKSERVER_…` variables, converted, but for those that are `given` otherwise.

    Raises SettingsError with every value of the wrong kind. A variable that names no option is left to
    `find_unknown_variables`; one that Kubernetes sets is left out.
    """
    found: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, variable, text in _list_variables(environment):
        if name in OPTIONS and name not in given:
            try:
                found[name] = OPTIONS[name].read(text)
            except ValueError as error:
                problems.append(Problem(str(error), file=variable))
    if problems:
        raise SettingsError(problems)
    return found


def find_unknown_variables(environment: Mapping[str, str]) -> list[Problem]:
    """A warning for each `MOCKSERVER_…` variable that sets nothing, with the nearest name that would."""
    unknown = []
    for name, variable, _ in _list_variables(environment):
        if name not in OPTIONS and name not in _OTHER_VARIABLES:
            near = [OPTIONS[found].variable for found in find_nearest(name, OPTIONS)]
            hint = f"; did you mean {near[0]}?" if near else ""
            unknown.append(Problem(f"no option has this variable, so it sets nothing{hint}", file=variable))
    return unknown


def _list_variables(environment: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Name of the option, name and value of each variable with our prefix that a person may have set."""
    for variable, text in environment.items():
        name = variable.removeprefix(ENVIRONMENT_PREFIX)
        if name != variable and not _INJECTED.fullmatch(f"{name}={text}"):
            yield name.lower(), variable, text


# What a Kubernetes service named `mockserver` puts into each pod beside it (its documentation, "Discovering
# services").
_INJECTED = re.compile(
    r"(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)=.*|PORT=\w+://.*", re.S
)
# Variables with our prefix that are not options of the server.
_OTHER_VARIABLES = frozenset({"base_url", "credential", "origin", "secret_key", "upstream_credential"})


def _unknown(name: str) -> str:
    return f"{name!r} is not an option; {suggest(name, OPTIONS)}"
