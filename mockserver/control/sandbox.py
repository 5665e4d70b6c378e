"""Routes onto what a namespace holds beside stubs and calls: clock, options, snapshots; and access tokens."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

from mockserver.clocks import format_instant, read_instant
from mockserver.control.routing import ControlAnswer, ControlCall, Route
from mockserver.exceptions import BadQuestion, Problem, SettingsError
from mockserver.json_codec import escape_pointer
from mockserver.settings import DEFAULT_NAMESPACE, OPTIONS, read_namespace
from mockserver.types import Json, JsonObject, is_number

# Longer than the calendar, short enough to count in.
MAX_SECONDS = 10**12

Reader: TypeAlias = Callable[[Json], Any]


def get_clock(call: ControlCall) -> ControlAnswer:
    """`GET /clock`: what time it is in the namespace, and whether its clock is real, frozen or shifted."""
    clock = call.namespace.clock
    return ControlAnswer(200, {"mode": clock.mode, "now": format_instant(clock.now_millis())})


def put_clock(call: ControlCall) -> ControlAnswer:
    """`PUT /clock`: set the clock with `{"mode", "now"}`, or move it with `{"advanceSeconds"}`."""
    given = read_members(
        call.object(), {"mode": _read_mode, "now": _read_now, "advanceSeconds": _read_millis}
    )
    clock = call.namespace.clock
    mode, now, millis = given.get("mode"), given.get("now"), given.get("advanceSeconds")
    if millis is not None and len(given) == 1:
        try:
            clock.advance(millis)
        except ValueError as error:
            raise BadQuestion([Problem(str(error), "/advanceSeconds")]) from None
    elif millis is not None:
        raise BadQuestion([Problem("must stand alone, without mode and now", "/advanceSeconds")])
    elif mode is None:
        raise BadQuestion([Problem("is missing; must be real, frozen or shifted", "/mode")])
    elif mode == "frozen":
        clock.freeze(now)
    elif mode == "shifted" and now is not None:
        clock.shift_to(now)
    elif mode == "real" and now is None:
        clock.run_real()
    else:
        is_real = mode == "real"
        text = "must not be given: a real clock has the machine's time" if is_real else "is missing"
        raise BadQuestion([Problem(text, "/now")])
    return get_clock(call)


# The options that a namespace can have of its own; all others are the server's.
_OPTIONS = tuple(name for name, option in OPTIONS.items() if option.is_own)


def patch_settings(call: ControlCall) -> ControlAnswer:
    """`PATCH /settings`: change options of this namespace alone, until it is reset; answers with all of them.

    Members are named as the options, in camelCase: `{"rateLimit": "2/60s", "successStatus": 200}`.
    """
    changes: JsonObject = {}
    names: dict[str, str] = {}
    problems: list[Problem] = []
    for name, value in call.object().items():
        option = re.sub("[A-Z]", lambda match: f"_{match.group().lower()}", name)
        names[f"/{option}"] = f"/{escape_pointer(name)}"
        if option in OPTIONS and option not in _OPTIONS:
            text = f"is an option of the server; a namespace has {', '.join(map(_to_camel, _OPTIONS))}"
            problems.append(Problem(text, names[f"/{option}"]))
        else:
            changes[option] = value
    try:
        call.namespace.settings.with_changes(changes)
    except SettingsError as error:
        problems += (Problem(found.message, names[found.pointer]) for found in error.problems)
    if problems:
        raise SettingsError(problems)
    call.namespace.configure(changes)
    settings = call.namespace.settings
    return ControlAnswer(200, {_to_camel(option): getattr(settings, option) for option in _OPTIONS})


def _to_camel(option: str) -> str:
    first, *others = option.split("_")
    return first + "".join(other.capitalize() for other in others)


def post_snapshot(call: ControlCall) -> ControlAnswer:
    """`POST /snapshots`: keep all that the namespace holds but its calls; answers with an id."""
    return ControlAnswer(201, {"id": call.engine.namespaces.keep(call.namespace)})


def restore_snapshot(call: ControlCall) -> ControlAnswer:
    """`POST /snapshots/{id}/restore`: hold again what a snapshot held, of this or another namespace."""
    call.namespace.restore(call.engine.namespaces.find_snapshot(call.parameters["id"]))
    return ControlAnswer(200, {})


def put_namespace(call: ControlCall) -> ControlAnswer:
    """`PUT /namespaces/{name}`: make a namespace, anew if there is one, from a `{"snapshot"}`."""
    name = call.parameters["name"]
    given = read_members(call.object(), {"snapshot": _read_text})
    problems: list[Problem] = []
    try:
        read_namespace(name)
    except ValueError as error:
        problems.append(Problem(str(error)))
    if "snapshot" not in given:
        problems.append(Problem("is missing; must be the id of a snapshot", "/snapshot"))
    if problems:
        raise BadQuestion(problems)
    call.engine.namespaces.create(name, call.engine.namespaces.find_snapshot(given["snapshot"]))
    return ControlAnswer(201, {"name": name})


def post_token(call: ControlCall) -> ControlAnswer:
    """`POST /tokens`: an access token, signed by the built-in provider, for this namespace or that of `ns`.

    It expires `expiresInSeconds` after that namespace's present, an hour by default, never if that is null.
    """
    readers: dict[str, Reader] = {
        "permissions": _read_permissions,
        "ns": _read_namespace,
        "expiresInSeconds": lambda value: None if value is None else _read_seconds(value),
        "notBeforeSeconds": _read_seconds,
        "subject": _read_text,
        "audience": _read_text,
        "accountId": _read_text,
        "claims": _read_object,
    }
    given = read_members(call.object(), readers)
    name = given.get("ns") or call.namespace.name
    now_seconds = call.engine.namespaces.get(name).clock.now_millis() // 1000
    starts = given.get("notBeforeSeconds")
    claims = {"aud": given["audience"]} if "audience" in given else {}
    claims |= call.engine.rules.write_claims(account=given.get("accountId"), is_live=False)
    token = call.engine.tokens.sign(
        permissions=given.get("permissions"),
        namespace=name if name != DEFAULT_NAMESPACE else None,
        now_seconds=now_seconds,
        expires_in_seconds=given.get("expiresInSeconds", 3600),
        not_before_seconds=None if starts is None else now_seconds + starts,
        subject=given.get("subject", "user_mock"),
        claims=claims | given.get("claims", {}),
    )
    return ControlAnswer(201, {"token": token})


def get_jwks(call: ControlCall) -> ControlAnswer:
    """`GET /jwks`: the public key of the built-in provider; also at `/.well-known/jwks.json` of the root."""
    return ControlAnswer(200, call.engine.tokens.jwks())


def get_discovery(call: ControlCall) -> ControlAnswer:
    """`GET /discovery`: the provider's discovery document; also at `/.well-known/openid-configuration`."""
    return ControlAnswer(200, call.engine.tokens.discovery(call.origin))


# Members of a body.


def read_members(body: JsonObject, readers: Mapping[str, Reader]) -> dict[str, Any]:
    """The members of a body, read. A reader raises ValueError with what would be right.

    Raises BadQuestion with every wrong value and every member that no reader is for.
    """
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, value in body.items():
        pointer = f"/{escape_pointer(name)}"
        if name not in readers:
            problems.append(Problem(f"is unknown here; known: {', '.join(readers)}", pointer))
            continue
        try:
            values[name] = readers[name](value)
        except ValueError as error:
            problems.append(Problem(str(error), pointer))
    if problems:
        raise BadQuestion(problems)
    return values


def _read_text(value: Json) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("must be a text that is not empty")
    return value


def _read_object(value: Json) -> JsonObject:
    if not isinstance(value, dict):
        raise ValueError("must be an object")
    return value


def _read_mode(value: Json) -> str:
    if value not in ("real", "frozen", "shifted"):
        raise ValueError("must be real, frozen or shifted")
    return str(value)


def _read_now(value: Json) -> int:
    return read_instant(_read_text(value))


def _read_millis(value: Json) -> int:
    if not is_number(value) or not -MAX_SECONDS <= value <= MAX_SECONDS:
        raise ValueError(f"must be a number of seconds of at most {MAX_SECONDS}")
    millis: int = round(value * 1000)
    return millis


def _read_seconds(value: Json) -> int:
    if isinstance(value, float | Decimal) and value == int(value):
        # JSON has one kind of number: 60.0 is a whole one.
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -MAX_SECONDS <= value <= MAX_SECONDS:
        raise ValueError(f"must be a whole number of seconds of at most {MAX_SECONDS}")
    return value


def _read_namespace(value: Json) -> str:
    return read_namespace(_read_text(value))


def _read_permissions(value: Json) -> list[str] | JsonObject | None:
    lists = value.values() if isinstance(value, dict) else [value]
    if value is not None and not all(
        isinstance(texts, list) and all(isinstance(text, str) for text in texts) for texts in lists
    ):
        example = '["account:api:key:create"] or {"account:api:key": ["create"]}'
        raise ValueError(f"must be a list of permissions or a map of lists: {example}")
    return value  # type: ignore[no-any-return]


ROUTES: tuple[Route, ...] = (
    Route("GET", "/clock", get_clock, "Tells the time in the namespace, and whether its clock stands still.",
          answers={200: "Clock"}),
    Route("PUT", "/clock", put_clock, "Sets the clock by `mode` and `now`, or moves it by `advanceSeconds`.",
          body="ClockChange", answers={200: "Clock"}),
    Route("PATCH", "/settings", patch_settings,
          "Changes options of this namespace alone, until it is reset; answers with all of them.",
          body="Settings", answers={200: "Settings"}),
    Route("POST", "/snapshots", post_snapshot, "Keeps all that the namespace holds but its calls.",
          answers={201: "Snapshot"}),
    Route("POST", "/snapshots/{id}/restore", restore_snapshot,
          "Restores what a snapshot holds, of this or another namespace."),
    # Without the lock of its own namespace: it may wait for that of another.
    Route("PUT", "/namespaces/{name}", put_namespace, "Makes a namespace from a snapshot.",
          body="FromSnapshot", answers={201: "NamespaceName"}, is_locked=False),
    Route("POST", "/tokens", post_token, "Signs an access token for this namespace, or for that of `ns`.",
          body="TokenRequest", answers={201: "Token"}),
    Route("GET", "/jwks", get_jwks,
          "Gives the public key of the built-in provider; also at `/.well-known/jwks.json` of the root.",
          answers={200: "Jwks"}),
    Route("GET", "/discovery", get_discovery,
          "Gives the provider's discovery document; also at `/.well-known/openid-configuration` of the root.",
          answers={200: "Discovery"}),
)  # fmt: skip
