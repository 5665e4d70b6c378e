"""Recording: calls and their answers as files of stubs, one for each distinct call, without any secret.

    POST /v1/desks/?page=2  ->  DIR/stubs/createDesk-3f9a1c20b7de.json

The folder is one for `--fixtures`. A request that came again and got another answer has a file more, which
answers once the first is used up.
"""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from pathlib import Path
from urllib.parse import parse_qs

from mockserver.exceptions import Problem, SettingsError
from mockserver.http_fields import read_media_type
from mockserver.json_codec import dumps_canonical, dumps_pretty
from mockserver.messages import BODILESS
from mockserver.provider.answers import read_json
from mockserver.redaction import redact_bytes
from mockserver.request.inspection import Inspection
from mockserver.seeds import Seed
from mockserver.synthesis.ids import UuidSeries
from mockserver.types import Headers, Json, JsonObject

# What differs from one connection or moment to the next, or would not be true of the body as it is kept.
_LEFT_OUT = frozenset({b"content-length", b"content-encoding", b"date", b"set-cookie", b"age", b"server"})
_HIDDEN = re.compile(rb"\[([0-9a-f]{12})\]")


class Recorder:
    """Writes stubs into a folder. May be used by several threads at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "stubs"
        self._lock = threading.Lock()
        # The answers that each request got, in their order.
        self._answers: dict[str, list[tuple[JsonObject, bool]]] = {}
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            text = f"{self._folder} cannot be made: {error.strerror}"
            raise SettingsError([Problem(text, "/record")]) from None

    def record(
        self, inspection: Inspection, status: int, headers: Headers, body: bytes, *, breaks: bool
    ) -> None:
        """Keep a call. `breaks` marks an answer that violates the contract."""
        request = _write_request(inspection)
        answer = _write_answer(status, headers, body)
        operation = inspection.head.operation
        digest = hashlib.sha256(dumps_canonical(request)).hexdigest()[:12]
        key = f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', operation.id if operation else 'call')}-{digest}"
        with self._lock:
            answers = self._answers.setdefault(key, [])
            if answers and answers[-1][0] == answer:
                return
            answers.append((answer, breaks))
            # The one before answers but once from now on.
            for number in range(max(1, len(answers) - 1), len(answers) + 1):
                name = key if number == 1 else f"{key}-{number}"
                stub = self._write(inspection, key, request, number, *answers[number - 1])
                (self._folder / f"{name}.json").write_bytes(dumps_pretty(stub) + b"\n")

    def _write(
        self,
        inspection: Inspection,
        key: str,
        request: JsonObject,
        number: int,
        answer: JsonObject,
        breaks: bool,
    ) -> JsonObject:
        own: JsonObject = {}
        if number < len(self._answers[key]):
            own["times"] = 1
        if breaks:
            own["offContract"] = True
        return {
            "id": UuidSeries(Seed("recording", key)).number(number),
            "name": f"{inspection.head.method} {inspection.head.shown.path} {answer['status']}",
            "priority": number,
            "request": request,
            "response": answer,
            **({"metadata": {"mockserver": own}} if own else {}),
        }


def _write_request(inspection: Inspection) -> JsonObject:
    """What the same request is told by: method, path, query, body, and whether it brings a credential.

    What is hidden of it is not compared.
    """
    head = inspection.head
    request: JsonObject = {"method": head.method, "urlPath": head.shown.path}
    query = parse_qs(head.shown.query, keep_blank_values=True)
    if query:
        request["queryParameters"] = {
            name: {"equalTo": values[0]}
            if len(values) == 1
            else {"hasExactly": [{"equalTo": value} for value in values]}
            for name, values in query.items()
            if not any(map(_is_hidden, values))
        }
    names = {"authorization"}
    for requirement in () if head.operation is None else head.operation.security:
        names |= {scheme.parameter.lower() for scheme in requirement if scheme.place == "header"}
    sent = {name.decode("latin-1") for name, _ in head.headers}
    request["headers"] = {
        name: {"matches": ".+"} if name in sent else {"absent": True}
        for name in sorted(names)
        if name in sent or not names & sent
    }
    body = inspection.data
    if body and redact_bytes(body) is body:
        content_type = read_media_type(inspection.head.facts.content_type or "")
        is_json = content_type is None or "json" in content_type.essence
        parsed = read_json(body) if is_json else None
        if parsed is not None:
            request["bodyPatterns"] = [{"equalToJson": parsed}]
        elif body.isascii():
            request["bodyPatterns"] = [{"equalTo": body.decode("ascii")}]
    return request


def _is_hidden(value: str) -> bool:
    return _HIDDEN.search(value.encode("utf-8")) is not None


def _write_answer(status: int, headers: Headers, body: bytes) -> JsonObject:
    written: dict[str, str | list[str]] = {}
    for raw_name, raw_value in headers:
        if raw_name in _LEFT_OUT or raw_name.startswith(b"mockserver-"):
            continue
        name, text = raw_name.decode("latin-1"), _hide(raw_value).decode("latin-1")
        known = written.get(name)
        written[name] = text if known is None else [*([known] if isinstance(known, str) else known), text]
    answer: JsonObject = {"status": status, "headers": written}
    clean = b"" if status in BODILESS else _hide(body)
    if not clean:
        # Without a body the contract would fill one in.
        answer["body"] = ""
        return answer
    value: Json = read_json(clean) if b"json" in dict(headers).get(b"content-type", b"") else None
    if value is not None:
        answer["jsonBody"] = value
    else:
        try:
            answer["body"] = clean.decode("utf-8")
        except UnicodeDecodeError:
            answer["base64Body"] = base64.b64encode(clean).decode("ascii")
    return answer


def _hide(data: bytes) -> bytes:
    """Bytes with a stand-in for each secret, equal for equal ones: `key_[c3ab8ff13720]` would be no key."""
    clean = redact_bytes(data)
    return data if clean is data else _HIDDEN.sub(rb"recorded\1", clean)
