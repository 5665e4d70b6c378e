"""Stub documents: stubs from and to WireMock's stub mappings (docs/stubbing), for files and doors alike.

    {"request": {"method": "POST", "urlPath": "/v1/api-keys/"}, "response": {"status": 429},
     "metadata": {"mockserver": {"operation": "createApiKey", "times": 2}}}

A member that would have no effect here is refused, never ignored. A null counts as not given, as clients of
some languages send each member that they know.
"""

from __future__ import annotations

import math
import re
import time
from base64 import b64decode
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from mockserver.contract.operations import Contract
from mockserver.contract.pointers import object_at
from mockserver.exceptions import MalformedJson, Problem, StubError
from mockserver.faults import Delay, Fault, Phase
from mockserver.http_fields import TOKEN
from mockserver.json_codec import dumps, escape_pointer, loads
from mockserver.leftovers import let_go
from mockserver.messages import BODILESS
from mockserver.redaction import redact, redact_json, redact_pointer
from mockserver.scripting.bodies import (
    MAX_BODY_BYTES,
    NO_FILES,
    Files,
    ResponseTemplate,
    find_content_type,
    parse_json,
    read_template,
)
from mockserver.scripting.delays import MAX_DELAY_MILLISECONDS, read_delay, read_dribble
from mockserver.scripting.judgement import judge
from mockserver.scripting.matchers import RequestMatcher, read_request_pattern
from mockserver.scripting.members import Members, show
from mockserver.scripting.reading import Reading, drop_nulls, name_kind
from mockserver.scripting.scenarios import ScenarioStep
from mockserver.scripting.stubs import DEFAULT_PRIORITY, ResponseDefinition, Stub
from mockserver.scripting.templates import Template
from mockserver.scripting.webhooks import LISTENERS, read_webhooks
from mockserver.suggestions import suggest
from mockserver.types import Headers, Json, JsonObject

# WireMock's name of its templates.
TRANSFORMER = "response-template"
MAX_TIMES = 1_000_000


def read_stub(
    document: Json,
    contract: Contract,
    *,
    new_id: Callable[[], str],
    files: Files = NO_FILES,
) -> Stub:
    """Read one stub.

    `new_id` names a stub that has no id; `files` are those that bodies may come from. A body without a status
    has 200, WireMock's default. A body without a Content-Type is sent as application/json if it is JSON, as
    text/plain if it is another text, and else without one. Secrets in the request pattern are redacted where
    it is shown. Raises StubError with every problem, breaches of the contract included.
    """
    reading = Reading(redact)
    stub = _read_stub(_copy(document, "", None), contract, "", new_id, reading, files)
    return _finish(reading, None, [stub])[0]


def read_stubs(
    document: Json,
    contract: Contract,
    *,
    new_id: Callable[[], str],
    file: str | None = None,
    files: Files = NO_FILES,
) -> list[Stub]:
    """Read one stub, or `{"mappings": [stub…]}` as WireMock exports it. `file` is where the document stands.

    Raises StubError with every problem of every stub.
    """
    return StubsReader(document, contract, new_id=new_id, file=file, files=files).finish()


class StubsReader:
    """Reads stubs as `read_stubs` does, some at a time."""

    def __init__(
        self,
        document: Json,
        contract: Contract,
        *,
        new_id: Callable[[], str],
        file: str | None = None,
        files: Files = NO_FILES,
    ) -> None:
        self._contract = contract
        self._new_id = new_id
        self._file = file
        self._files = files
        self._reading = Reading(redact)
        self._stubs: list[Stub] = []
        self._first: dict[str, int] = {}
        self._place = ""
        # With the index of each in the list; None for a stub that stands in no list.
        self._items: Iterator[tuple[int | None, Json]] = iter([(None, document)])
        if isinstance(document, dict) and "mappings" in document:
            copied = _copy(document | {"mappings": []}, "", file)
            Members(copied, "", self._reading, "a list of stubs", (_EDITORS, "mappings", "meta"))
            self._place = "/mappings"
            items = document["mappings"]
            if not isinstance(items, list | tuple):
                kind = name_kind(items)
                self._reading.refuse(self._place, f"'mappings' must be an array of stubs, not {kind}")
                items = []
            self._items = iter(enumerate(items))

    def go_on(self, seconds: float = math.inf) -> bool:
        """Read on for so long; whether all are read. Raises StubError for what is no JSON."""
        until = time.perf_counter() + seconds
        for index, item in self._items:
            if index is None:
                self._read(_copy(item, self._place, self._file), self._place)
            elif item is not None:
                self._read_listed(index, item)
            if time.perf_counter() > until:
                return False
        return True

    def _read_listed(self, index: int, item: Json) -> None:
        place = f"{self._place}/{index}"
        stub = self._read(_copy(item, place, self._file), place)
        if stub is not None and self._first.setdefault(stub.id, index) != index:
            text = f"{stub.id!r} is the id of stub {self._first[stub.id]} as well"
            self._reading.refuse(f"{place}/id", text)

    def _read(self, item: Json, place: str) -> Stub | None:
        stub = _read_stub(item, self._contract, place, self._new_id, self._reading, self._files)
        if stub is not None:
            self._stubs.append(stub)
        return stub

    @property
    def is_refused(self) -> bool:
        """Whether something that was read so far is wrong."""
        return bool(self._reading.problems)

    def finish(self) -> list[Stub]:
        """All of them. Raises StubError with every problem."""
        self.go_on()
        _finish(self._reading, self._file, [])
        return self._stubs

    def let_go(self) -> None:
        """Nobody asks for what was read any more."""
        let_go(self._stubs)


def read_queue(document: Json, contract: Contract, *, new_id: Callable[[], str]) -> list[Stub]:
    """Read a queue: stubs for one operation, to be used up in order.

        {"operation": "createApiKey", "outcomes": [500, {"status": 429, "times": 2, "delay": 0.5}]}

    An outcome is a status, or an object with `status`, `body` (a text, or any other JSON), `headers`,
    `fault`, `phase`, `delay` (seconds, or a WireMock delay distribution), `times` (once if not given) and
    `offContract`, all as in a stub; `reason` is which of the errors of the status is meant. Raises StubError
    with every problem.
    """
    reading = Reading(redact)
    queue = Members(_copy(document, "", None), "", reading, "a queue", ("operation", "outcomes"))
    operation = _read_operation(queue, contract)
    if "operation" not in queue.values:
        queue.refuse("operation", f"is missing; known: {_join(contract.operations)}")
    outcomes = queue.values.get("outcomes")
    if not isinstance(outcomes, list) or all(outcome is None for outcome in outcomes):
        queue.refuse("outcomes", "must be an array of statuses and outcomes, at least one")
        outcomes = []
    stubs: list[Stub | None] = []
    for index, outcome in enumerate(outcomes):
        if outcome is None:
            continue
        place = f"/outcomes/{index}"
        mapping = _write_outcome(outcome, operation, place, reading)
        inner = Reading(redact)
        stubs.append(_read_stub(mapping, contract, "", new_id, inner, NO_FILES))
        for problem in inner.problems:
            reading.refuse(place + _find_in_outcome(problem.pointer), problem.message)
    return _finish(reading, None, stubs)


def read_settings(document: Json) -> Delay | None:
    """Read WireMock's global settings: the delay of every answer, on top of that of its stub; None for none.

        {"fixedDelay": 500}   {"delayDistribution": {"type": "uniform", "lower": 10, "upper": 20}}

    Either may stand in a member `settings`, as they are given back. Raises StubError with every problem.
    """
    reading = Reading(redact)
    pointer = ""
    copied = _copy(document, "", None)
    if isinstance(copied, dict) and isinstance(copied.get("settings"), dict) and len(copied) == 1:
        pointer, copied = "/settings", copied["settings"]
    part = Members(copied, pointer, reading, "the settings", _SETTINGS, _NO_SETTINGS)
    # Some clients send it always; as nothing is passed on to another server, both values are kept to.
    part.flag("proxyPassThrough")
    delay = read_delay(part, fixed="fixedDelay")
    _finish(reading, None, [])
    return delay


def write_stub(stub: Stub) -> JsonObject:
    """The document of a stub: what was read, with `id` and `uuid` and without nulls. A copy."""
    copied: JsonObject = _copy(stub.document, "", None)
    return copied


def _copy(document: Json, pointer: str, file: str | None) -> Json:
    """A document of its own, and plain JSON whatever it was built from. Raises StubError if it is none."""
    try:
        return loads(dumps(document))[0]
    except (TypeError, MalformedJson) as error:
        raise StubError([Problem(f"is no JSON: {error}", pointer, file)]) from None


def _finish(reading: Reading, file: str | None, stubs: list[Stub | None]) -> list[Stub]:
    if reading.problems:
        # A name can be a secret as well as a value.
        raise StubError(
            Problem(redact(problem.message), redact_pointer(problem.pointer), file)
            for problem in reading.problems
        )
    return [stub for stub in stubs if stub is not None]


# Reading one stub. What is refused is in `reading`; what is returned then does not matter any more.


def _read_stub(
    document: Json,
    contract: Contract,
    pointer: str,
    new_id: Callable[[], str],
    reading: Reading,
    files: Files,
) -> Stub | None:
    mapping = Members(document, pointer, reading, "a stub", _STUB_MEMBERS, _NO_STUB_MEMBERS)
    given_id = _read_id(mapping)
    name = mapping.text("name")
    priority = mapping.whole("priority", 1)
    scenario = _read_scenario(mapping)
    mapping.flag("persistent")
    matcher = _read_matcher(mapping)
    answer = mapping.part("response", "a response", _RESPONSE_MEMBERS, _NO_RESPONSE_MEMBERS)
    answer.values.pop("fromConfiguredStub", None)
    is_head = matcher is not None and matcher.methods == ("HEAD",)
    response = _read_response(answer, files, is_head=is_head)
    own = _read_own(mapping, contract)
    webhooks = read_webhooks(mapping)
    if matcher is None:
        return None
    id = new_id() if given_id is None else given_id
    # The answer stays as it is: it is what a client gets.
    hidden = {member: redact_json(mapping.values[member]) for member in _NOTES if member in mapping.values}
    shown = mapping.values | hidden
    shown |= {"id": id, "uuid": id, "request": matcher.to_json(), "response": answer.values}
    stub = Stub(
        id,
        None if name is None else redact(name),
        matcher,
        response,
        DEFAULT_PRIORITY if priority is None else priority,
        scenario,
        own.operation,
        own.times,
        own.phase,
        own.hold,
        own.off_contract,
        own.reason,
        webhooks,
        {member: shown[member] for member in _STUB_MEMBERS if member in shown and member not in _IGNORED},
    )
    if own.is_sound:
        reading.problems += judge(stub, contract, pointer=pointer)
    return stub


def _read_id(mapping: Members) -> str | None:
    texts = {member: mapping.text(member) for member in ("id", "uuid")}
    # An empty one is what some clients write for none.
    given = {member: text for member, text in texts.items() if text}
    for member, text in given.items():
        if not _ID.fullmatch(text):
            mapping.refuse(member, "must be 1 to 100 printable ASCII characters, such as a UUID")
    if len(set(given.values())) > 1:
        mapping.refuse("uuid", f"must be the same as 'id', which is {given['id']!r}")
    return next(iter(given.values()), None)


def _read_scenario(mapping: Members) -> ScenarioStep | None:
    name, required, moves_to = (mapping.text(member, is_filled=True) for member in _SCENARIO_MEMBERS)
    if "scenarioName" not in mapping.values:
        for member in _SCENARIO_MEMBERS:
            if member in mapping.values:
                mapping.refuse(member, f"{member!r} needs 'scenarioName'")
    return None if name is None else ScenarioStep(name, required, moves_to)


def _read_matcher(mapping: Members) -> RequestMatcher | None:
    pattern = mapping.values.get("request", {})
    try:
        return read_request_pattern(pattern, pointer=f"{mapping.pointer}/request", redact=redact)
    except StubError as error:
        mapping.reading.problems += error.problems
        return None


@dataclass(frozen=True, slots=True)
class _Own:
    """What `metadata.mockserver` says. `is_sound` is False if the answer cannot be judged by it."""

    operation: str | None
    times: int | None
    phase: Phase
    hold: bool
    off_contract: bool
    reason: str | None
    is_sound: bool


def _read_own(mapping: Members, contract: Contract) -> _Own:
    metadata = mapping.values.get("metadata", {})
    if not isinstance(metadata, dict):
        mapping.refuse("metadata", f"'metadata' must be an object, not {name_kind(metadata)}")
        metadata = {}
    # The rest of it belongs to the user, nulls too.
    document = metadata.pop("mockserver", None)
    place = f"{mapping.pointer}/metadata/mockserver"
    given = {} if document is None else document
    part = Members(given, place, mapping.reading, "metadata.mockserver", _OWN_MEMBERS)
    if document is not None:
        metadata["mockserver"] = part.values
    operation = _read_operation(part, contract)
    phase = part.choice("phase", [phase.value for phase in Phase], "phase")
    return _Own(
        operation,
        part.whole("times", 1, MAX_TIMES),
        Phase.BEFORE if phase is None else Phase(phase),
        part.flag("hold"),
        part.flag("offContract"),
        _read_reason(part, mapping),
        operation is not None or "operation" not in part.values,
    )


def _read_reason(part: Members, mapping: Members) -> str | None:
    """Which of the errors of a status is meant."""
    reason = part.text("reason")
    if reason is None:
        return None
    given = object_at(mapping.values, "response")
    status = given.get("status")
    if not isinstance(status, int) or status < 400 or any(name in given for name in _BODIES):
        part.refuse("reason", "'reason' needs an error status, and no body beside it")
        return None
    return reason


def _read_operation(part: Members, contract: Contract) -> str | None:
    name = part.text("operation")
    if name is None or name in contract.operations:
        return name
    hint = suggest(name, sorted(contract.operations), lists_all=True)
    part.refuse("operation", f"{name!r} is no operation of the contract; {hint}")
    return None


def _join(operations: Collection[str]) -> str:
    names = sorted(operations)
    return ", ".join([*names[:20], f"and {len(names) - 20} more"] if len(names) > 20 else names)


# Reading the response.


def _read_response(part: Members, files: Files, *, is_head: bool) -> ResponseDefinition:
    framing = _take_framing(part, is_head=is_head)
    status = part.whole("status", 200, 599)
    is_template = _read_transformers(part)
    headers = _read_headers(part, framing)
    member, body = _read_body(part, status, files)
    fault = part.choice("fault", [fault.value for fault in Fault], "fault")
    if member is not None and "status" not in part.values and "fault" not in part.values:
        status = 200
    has_content_type = any(name.lower() == b"content-type" for name, _ in headers)
    template = None
    if is_template:
        template = _read_template(part, headers, member, body, has_content_type)
        headers = tuple((name, value) for name, value in headers if b"{{" not in value)
        body = body if template is None or not template.has_body else None
    if body is not None and not has_content_type:
        headers += find_content_type(body, is_text="base64Body" not in part.values and _is_text(body))
    return ResponseDefinition(
        status,
        _read_status_message(part),
        headers,
        body,
        read_delay(part),
        read_dribble(part),
        None if fault is None else Fault(fault),
        template,
        framing.closes,
        framing.head_length,
    )


class _Framing(NamedTuple):
    """What headers of a stub say about the connection: that it ends, and how long the body of a GET were."""

    closes: bool
    head_length: int | None


def _take_framing(part: Members, *, is_head: bool) -> _Framing:
    """`Connection: close`, and a Content-Length on an answer to HEAD. Any other framing is refused later."""
    closes, length = False, None
    for name, value in object_at(part.values, "headers").items():
        text = value.strip().lower() if isinstance(value, str) else ""
        if name.lower() == "connection" and text == "close":
            closes = True
        elif name.lower() == "content-length" and is_head and re.fullmatch(r"[0-9]{1,15}", text):
            length = int(text)
    return _Framing(closes, length)


def _is_text(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _read_transformers(part: Members) -> bool:
    """Whether the answer is a template."""
    names = part.values.get("transformers", [])
    if not isinstance(names, list):
        part.refuse("transformers", f"'transformers' must be an array of texts, not {name_kind(names)}")
        return False
    for index, name in enumerate(names):
        if name is not None and name != TRANSFORMER:
            text = f"{show(name)} is no transformer; the one here is {TRANSFORMER!r}"
            part.reading.refuse(f"{part.pointer}/transformers/{index}", text)
    parameters = part.values.get("transformerParameters", {})
    if not isinstance(parameters, dict):
        kind = name_kind(parameters)
        part.refuse("transformerParameters", f"'transformerParameters' must be an object, not {kind}")
    return TRANSFORMER in names


def _read_template(
    part: Members, headers: Headers, member: str | None, body: bytes | None, has_content_type: bool
) -> ResponseTemplate | None:
    """What of the answer is a template; None if nothing is."""
    lines: list[tuple[bytes, Template]] = []
    for name, value in headers:
        if b"{{" in value:
            place = f"headers/{escape_pointer(name.decode('ascii'))}"
            line = read_template(part, place, partial(Template, value.decode("latin-1")))
            if line is not None:
                lines.append((name, line))
    text, json, file_name = None, None, None
    if member == "jsonBody":
        json = read_template(part, member, lambda: parse_json(part.values["jsonBody"]))
    elif member == "bodyFileName" and body is None:
        file_name = read_template(part, member, lambda: Template(str(part.values["bodyFileName"])))
    elif member is not None and body is not None and _is_text(body):
        text = read_template(part, member, lambda: Template(body.decode("utf-8")))
    if not lines and (text is None or text.is_plain) and json is None and file_name is None:
        return None
    parameters = part.values.get("transformerParameters", {})
    return ResponseTemplate(tuple(lines), text, json, file_name, parameters, has_content_type)


def _read_status_message(part: Members) -> str | None:
    text = part.text("statusMessage")
    if text is not None and not _FIELD_VALUE.fullmatch(text):
        part.refuse("statusMessage", _WRONG_VALUE)
    return text


def _read_headers(part: Members, framing: _Framing) -> Headers:
    headers = part.values.get("headers", {})
    if not isinstance(headers, dict):
        part.refuse("headers", f"'headers' must be an object of texts, not {name_kind(headers)}")
        return ()
    if headers:
        headers = part.values["headers"] = drop_nulls(headers)
    read: list[tuple[bytes, bytes]] = []
    taken = {"connection"} if framing.closes else set()
    if framing.head_length is not None:
        taken.add("content-length")
    for name, value in headers.items():
        if name.lower() in taken:
            continue
        place = f"{part.pointer}/headers/{escape_pointer(name)}"
        if not TOKEN.fullmatch(name):
            part.reading.refuse(place, f"{name!r} is no header name (RFC 9110, section 5.1)")
        elif name.lower() in _FRAMING:
            fault = "the faults WRONG_CONTENT_LENGTH and MALFORMED_RESPONSE_CHUNK break it"
            part.reading.refuse(place, f"{name!r} frames the answer, which the server does; {fault}")
        elif name.lower().startswith("mockserver-"):
            part.reading.refuse(place, f"{name!r} is set by the server itself, on every answer")
        values = value if isinstance(value, list) and value else [value]
        for index, item in enumerate(values):
            at = f"{place}/{index}" if isinstance(value, list) and value else place
            if item is None:
                continue
            if not isinstance(item, str):
                part.reading.refuse(at, f"must be text, or an array of texts, not {name_kind(item)}")
            elif not _FIELD_VALUE.fullmatch(item):
                part.reading.refuse(at, _WRONG_VALUE)
            elif name.isascii():
                read.append((name.encode("ascii"), item.encode("latin-1")))
    return tuple(read)


_BODIES = ("body", "jsonBody", "base64Body", "bodyFileName")


def _read_body(part: Members, status: int | None, files: Files) -> tuple[str | None, bytes | None]:
    """The one member that says what the body is, and its bytes; None where there is none.

    A JSON null is the `body` "null". A file whose name is a template has no bytes yet.
    """
    given = [name for name in _BODIES if name in part.values]
    if len(given) > 1:
        part.reading.refuse(part.pointer, f"{' and '.join(map(repr, given))} cannot be given together")
    if len(given) != 1:
        return None, None
    member = given[0]
    body = _encode_body(part, member, files)
    if body is None:
        return member, None
    if len(body) > MAX_BODY_BYTES:
        part.refuse(member, f"{len(body)} bytes are too many; a body may have {MAX_BODY_BYTES}")
    if body and status in BODILESS:
        part.refuse(member, f"an answer with status {status} has no body (RFC 9110, section 6.4.1)")
    return member, body


def _encode_body(part: Members, member: str, files: Files) -> bytes | None:
    value = part.values[member]
    if member == "jsonBody":
        return dumps(value)
    if not isinstance(value, str):
        hint = "; JSON belongs into 'jsonBody'" if member == "body" else ""
        part.refuse(member, f"{member!r} must be text, not {name_kind(value)}{hint}")
        return None
    if member == "body":
        return value.encode("utf-8")
    if member == "bodyFileName" and "{{" in value and TRANSFORMER in part.values.get("transformers", ()):
        return None
    try:
        return files.read(value) if member == "bodyFileName" else b64decode(value, validate=True)
    except ValueError as error:
        right = "" if member == "bodyFileName" else "must be base64 (RFC 4648, section 4): "
        part.refuse(member, f"{right}{error}")
        return None


# Queues.


def _write_outcome(outcome: Json, operation: str | None, pointer: str, reading: Reading) -> JsonObject:
    """The stub mapping that an outcome stands for. Its values are judged when that is read."""
    if isinstance(outcome, int) and not isinstance(outcome, bool):
        outcome = {"status": outcome}
    part = Members(outcome, pointer, reading, "an outcome", _OUTCOME_MEMBERS)
    values = part.values
    response: JsonObject = {
        member: values[member] for member in ("status", "headers", "fault") if member in values
    }
    if "body" in values:
        response["body" if isinstance(values["body"], str) else "jsonBody"] = values["body"]
    if isinstance(values.get("delay"), dict):
        response["delayDistribution"] = values["delay"]
    else:
        seconds = part.number("delay", 0, MAX_DELAY_MILLISECONDS // 1000, "a number of seconds")
        response["fixedDelayMilliseconds"] = None if seconds is None else round(seconds * 1000)
    own: JsonObject = {"times": 1}
    members = ("times", "phase", "offContract", "reason")
    own |= {member: values[member] for member in members if member in values}
    # Without an operation there is nothing to judge the answer by.
    own |= {"offContract": True} if operation is None else {"operation": operation}
    return {"request": {}, "response": response, "metadata": {"mockserver": own}}


def _find_in_outcome(pointer: str) -> str:
    """A pointer into the stub mapping of an outcome as a pointer into the outcome."""
    return next(
        theirs + pointer.removeprefix(ours)
        for ours, theirs in _OUTCOME_PLACES
        if f"{pointer}/".startswith(f"{ours}/")
    )


_ID = re.compile(r"[\x20-\x7e]{1,100}")
# RFC 9110, section 5.5; a reason phrase is written like a value (RFC 9112, section 4).
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_WRONG_VALUE = "must be Latin-1 without line breaks and other control characters"
# What belongs to one connection, or says where the answer ends.
_FRAMING = frozenset(
    {
        "connection",
        "content-length",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_SCENARIO_MEMBERS = ("scenarioName", "requiredScenarioState", "newScenarioState")
# What names the schema of a file, for editors.
_EDITORS = "$schema"
_STUB_MEMBERS = (
    _EDITORS, "id", "uuid", "name", "request", "response", "priority", *_SCENARIO_MEMBERS, "persistent",
    "insertionIndex", *LISTENERS, "metadata",
)  # fmt: skip
# WireMock writes the others into its own files: every stub of a file stays here, in the order of the file.
_IGNORED = (_EDITORS, "persistent", "insertionIndex")
# What people write for people.
_NOTES = ("name", "metadata")
_OWN_MEMBERS = ("operation", "times", "phase", "offContract", "hold", "reason")
_RESPONSE_MEMBERS = (
    "status", "statusMessage", "headers", "body", "jsonBody", "base64Body", "fixedDelayMilliseconds",
    "delayDistribution", "chunkedDribbleDelay", "fault", "fromConfiguredStub", "bodyFileName",
    "transformers", "transformerParameters",
)  # fmt: skip
_OUTCOME_MEMBERS = (
    "status", "reason", "body", "headers", "fault", "phase", "delay", "times", "offContract",
)  # fmt: skip
_SETTINGS = ("fixedDelay", "delayDistribution", "proxyPassThrough")
_NO_SETTINGS = {"extended": "is not offered: there are no extensions"}
_NO_PROXY = "is not offered: nothing is passed on to another server"
_NO_STUB_MEMBERS = {
    **dict.fromkeys(_OWN_MEMBERS, "belongs into 'metadata', there into 'mockserver'"),
}
_NO_RESPONSE_MEMBERS = {
    "proxyBaseUrl": _NO_PROXY,
    "proxyUrlPrefixToRemove": _NO_PROXY,
    "additionalProxyRequestHeaders": _NO_PROXY,
    "removeProxyRequestHeaders": _NO_PROXY,
}
# Where in an outcome stands what stands there in its stub; the first that fits counts.
_OUTCOME_PLACES = (
    ("/response/jsonBody", "/body"),
    ("/response/fixedDelayMilliseconds", "/delay"),
    ("/response/delayDistribution", "/delay"),
    ("/response", ""),
    ("/metadata/mockserver", ""),
    ("", ""),
)
