"""Settings: the one list of options, whether they come from arguments, environment or a fixture."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from mockserver.clocks import read_clock
from mockserver.exceptions import Problem, SettingsError
from mockserver.json_codec import DEEPEST, LONGEST_NUMBER, MAX_DEPTH, MAX_NUMBER_LENGTH
from mockserver.suggestions import suggest

NAMESPACE_NAME = re.compile(r"[a-z0-9-]{1,40}")
# The one of every request that names none.
DEFAULT_NAMESPACE = "default"
_RATE = re.compile(r"(\d{1,9})/(\d{1,9})(s|m|h|d)?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, None: 1}


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


def _option(default: Any, help: str, **more: Any) -> Any:
    """A setting with the sentence that explains it wherever options are listed."""
    return field(default=default, metadata={"help": help, **more}, repr=more.get("shown", True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every option, with its default.

    Construction checks all values and raises SettingsError with every problem. Secrets are not in the repr.
    """

    host: str = _option("127.0.0.1", "Address to listen on.")
    port: int = _option(4020, "Port to listen on; 0 picks a free one and prints it.")
    contract: Path = _option(
        packaged_folder("schemas") / "openapi.json", "OpenAPI file to answer from.", shown_default="built in"
    )
    fixtures: Path = _option(
        packaged_folder("fixtures"),
        "Folder of credentials, accounts, keys, error texts and stubs.",
        shown_default="built in",
    )
    seed: str = _option("hsrcpay", "What all generated values are derived from.")
    clock: str = _option("real", "real, an instant (frozen there) or a shift such as +90d.")
    success_status: str = _option("201", "Status of a success where the contract documents both.",
                                  choices=("200", "201", "alternate"))  # fmt: skip
    variants: str = _option("off", "What answers are: plain, or each the next legal variant.",
                            choices=("off", "cycle"))  # fmt: skip
    tolerant_reader: bool = _option(False, "Add members that the contract does not name to every success.")
    strict_accounts: bool = _option(False, "Know only the accounts of the fixtures.")
    journal_limit: int = _option(10_000, "Calls that a namespace remembers.")
    admin_token: str | None = _option(None, "Bearer token that the control API asks for.", shown=False)
    allow_live: bool = _option(False, "Let live credentials in (still never kept).")
    rate_limit: str | None = _option(None, "Calls allowed in a time, such as 100/60s; off by default.")
    idempotency: str = _option("on", "What an Idempotency-Key does.", choices=("off", "on", "required"))
    jwt_secret: str | None = _option(None, "HMAC secret that JWTs are checked with.", shown=False)
    jwks: Path | None = _option(None, "JWKS file that JWTs are checked with.")
    jwt_audience: str | None = _option(None, "Audience that JWTs must name.")
    allowed_host: tuple[str, ...] = _option((), "Further Host that requests may name; * allows any.")
    cors_origin: tuple[str, ...] = _option(
        (), "Origin whose pages may call the API, and the control API, from a browser; * any, the API only."
    )
    body_limit: int = _option(1024 * 1024, "Bytes that a request body may have.")
    json_depth: int = _option(
        MAX_DEPTH, f"Levels that the JSON of a request body may have; at most {DEEPEST}."
    )
    json_number_length: int = _option(
        MAX_NUMBER_LENGTH,
        f"Characters that a number beyond 64 bits may have there; at most {LONGEST_NUMBER:,}.",
    )
    header_limit: int = _option(128 * 1024, "Bytes that request line and headers may have.")
    header_count: int = _option(200, "Headers that a request may have.")
    url_limit: int = _option(16 * 1024, "Bytes that a URL may have.")
    read_timeout: int = _option(10, "Seconds in which a request must arrive whole.")
    idle_timeout: int = _option(75, "Seconds that a connection may stay open between two requests.")
    connection_limit: int = _option(4_000, "Connections that may be open at once.")
    workers: int = _option(1, "Processes that answer; 1, since what the server remembers is in its memory.")
    log_level: str = _option("info", "How much is logged.", choices=("debug", "info", "warning", "error"))
    log_format: str = _option("text", "How a log line looks.", choices=("text", "json"))

    def __post_init__(self) -> None:
        problems = [Problem(text, pointer=f"/{name}") for name, text in _check(self)]
        if problems:
            raise SettingsError(problems)

    def with_changes(self, changes: Mapping[str, Any]) -> Settings:
        """A copy with some options changed, written as Python or JSON writes them (see `adapt`).

        Raises SettingsError with every unknown name, with the nearest known one, and every wrong value.
        """
        values: dict[str, Any] = {}
        problems: list[Problem] = []
        for name, value in changes.items():
            if name not in OPTIONS:
                problems.append(Problem(_unknown(name), pointer=f"/{name}"))
                continue
            try:
                values[name] = adapt(name, value)
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


OPTIONS: Mapping[str, Any] = {item.name: item for item in fields(Settings)}
ENVIRONMENT_PREFIX = "MOCKSERVER_"


def read_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """The options set as `MOCKSERVER_…` variables, converted.

    Raises SettingsError with every unknown name and every value of the wrong kind.
    """
    found: dict[str, Any] = {}
    problems: list[Problem] = []
    for variable, text in environment.items():
        if not variable.startswith(ENVIRONMENT_PREFIX):
            continue
        name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
        if name not in OPTIONS:
            if name not in _OTHER_VARIABLES:
                problems.append(Problem(_unknown(name), file=variable))
            continue
        try:
            found[name] = convert(name, text)
        except ValueError as error:
            problems.append(Problem(str(error), file=variable))
    if problems:
        raise SettingsError(problems)
    return found


# Variables with our prefix that are not options of the server.
_OTHER_VARIABLES = frozenset({"credential"})


def convert(name: str, text: str) -> Any:
    """The value of an option from its text. Raises ValueError with what would be right."""
    kind = OPTIONS[name].type
    if kind == "bool":
        if text.lower() not in ("1", "true", "yes", "on", "0", "false", "no", "off"):
            raise ValueError(f"{text!r} must be true or false")
        return text.lower() in ("1", "true", "yes", "on")
    if kind == "int":
        if not text.strip().isdecimal():
            raise ValueError(f"{text!r} must be a whole number")
        return int(text)
    if kind.startswith("Path"):
        return Path(text)
    if kind.startswith("tuple"):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text


def adapt(name: str, value: Any) -> Any:
    """The value of an option as it is kept: a text may stand for a path, a list or a number, a number for a
    status. Raises ValueError with what would be right.
    """
    kind = OPTIONS[name].type
    if isinstance(value, str):
        return convert(name, value)
    if kind.startswith("str") and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if kind.startswith("tuple") and isinstance(value, list):
        return tuple(value)
    return value


def read_rate_limit(text: str) -> RateLimit:
    """`100/60s` -> 100 calls in 60 seconds. Raises ValueError with what would be right."""
    match = _RATE.fullmatch(text)
    if not match or int(match.group(1)) < 1 or int(match.group(2)) < 1:
        raise ValueError(f"{text!r} must be calls per time such as 100/60s")
    return RateLimit(int(match.group(1)), int(match.group(2)) * _SECONDS[match.group(3)])


def _unknown(name: str) -> str:
    return f"{name!r} is not an option; {suggest(name, OPTIONS)}"


def _check(settings: Settings) -> list[tuple[str, str]]:
    problems: list[tuple[str, str]] = []

    def refuse(name: str, text: str) -> None:
        problems.append((name, text))

    for name, option in OPTIONS.items():
        value = getattr(settings, name)
        choices = option.metadata.get("choices")
        if choices and value not in choices:
            refuse(name, f"{value!r} must be one of {', '.join(choices)}")
        if option.type == "int" and (isinstance(value, bool) or not isinstance(value, int)):
            refuse(name, f"{value!r} must be a whole number")
        if option.type == "bool" and not isinstance(value, bool):
            refuse(name, f"{value!r} must be true or false")
        is_missing = value is None and "None" in option.type
        if option.type.startswith("str") and not (choices or is_missing or isinstance(value, str)):
            refuse(name, "must be a text")
        if option.type.startswith("Path") and not (is_missing or isinstance(value, Path)):
            refuse(name, "must be a path")
        if option.type.startswith("tuple") and not (
            isinstance(value, tuple) and all(isinstance(item, str) for item in value)
        ):
            refuse(name, "must be a list of texts")
    if isinstance(settings.port, int) and not 0 <= settings.port <= 65535:
        refuse("port", f"{settings.port} must lie between 0 and 65535")
    if settings.workers != 1:
        refuse("workers", _ONE_PROCESS.format(settings.workers))
    for name in _AT_LEAST_ONE:
        value = getattr(settings, name)
        if isinstance(value, int) and value < 1:
            refuse(name, f"{value} must be at least 1")
    for name, most in _AT_MOST.items():
        value = getattr(settings, name)
        if isinstance(value, int) and value > most:
            refuse(name, f"{value} must be at most {most}")
    for name, read in _READERS.items():
        value = getattr(settings, name)
        if isinstance(value, str):
            try:
                read(value)
            except ValueError as error:
                refuse(name, str(error))
    return problems


_ONE_PROCESS = (
    "{!r} must be 1: what the server remembers is in the memory of its one process; "
    "start several servers, each with its own --port, or give each test a namespace of one server"
)
_AT_LEAST_ONE = (
    "journal_limit", "body_limit", "header_limit", "header_count", "url_limit", "read_timeout",
    "idle_timeout", "connection_limit", "json_depth", "json_number_length",
)  # fmt: skip
_AT_MOST = {"json_depth": DEEPEST, "json_number_length": LONGEST_NUMBER}


def read_token(text: str) -> str:
    """A token that a header can carry (RFC 6750, section 2.1). Raises ValueError with what would be right."""
    if not re.fullmatch(r"[!-~]{1,1000}", text):
        raise ValueError("the token must be 1 to 1,000 visible ASCII characters without spaces")
    return text


_READERS: dict[str, Callable[[str], object]] = {
    "rate_limit": read_rate_limit, "clock": read_clock, "admin_token": read_token,
}  # fmt: skip
