"""The proxy: a call goes on to the real API, and request and answer are judged by the contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mockserver.contract import Contract, Operation
from mockserver.contract.media_types import find_form
from mockserver.contract.validation import CallWarning, Violation
from mockserver.engine.passing import Passage, Passed
from mockserver.engine.situation import CarryOut, Decision, Foreign, Literal, Refusal
from mockserver.http_fields import read_length
from mockserver.messages import UNFRAMED
from mockserver.provider.judging import Judgement, judge_answer
from mockserver.provider.recording import Recorder
from mockserver.provider.upstream import Upstream, UpstreamAnswer, UpstreamError
from mockserver.redaction import redact
from mockserver.request.content_coding import CODINGS, TooMuch, inflate
from mockserver.request.head import Head
from mockserver.types import Headers

# So much of an answer is read before it goes on, so that it can be judged; the rest goes on as it comes.
MAX_JUDGED_BYTES = 10 * 1024 * 1024
# Forms that are read whole, however long they are to come.
_TEXTS = frozenset({"json", "form", "xml", "text"})
# What an answer may be asked for in.
_KNOWN_CODINGS = CODINGS | {b"identity"}


class Proxy:
    """Passes calls on. `refuses`: a violation is answered with an error in place of going on or back."""

    def __init__(
        self, contract: Contract, upstream: Upstream, *, refuses: bool, recorder: Recorder | None
    ) -> None:
        self.contract = contract
        self._upstream = upstream
        self.refuses = refuses
        self._recorder = recorder

    def close(self) -> None:
        """Close the connections."""
        self._upstream.close()

    def pass_on(self, passage: Passage) -> Passed:
        """Have a call answered by the real API, within the time that it has."""
        head = passage.inspection.head
        request_violations = self._judge_request(passage)
        try:
            answer = self._upstream.send(
                head.method, _write_target(head), list(_list_headers(head)), passage.inspection.data
            )
            body, rest = self._read(head, answer)
        except UpstreamError as error:
            return Passed(self._refuse(passage, error.reason, str(error), ()), request_violations)
        coding = dict(answer.headers).get(b"content-encoding", b"").strip().lower()
        unread = Judgement([], [])
        plain = _undo(body, coding, unread) if rest is None else None if coding else body
        judgement = self._judge(passage, answer, plain if rest is None else None)
        judgement.violations.extend(unread.violations)
        judgement.warnings.extend(unread.warnings)
        if rest is None and self._recorder is not None and plain is not None:
            self._recorder.record(
                passage.inspection, answer.status, answer.headers, plain, breaks=bool(judgement.violations)
            )
        violations = request_violations + judgement.violations
        decision = self._answer(passage, answer, body, plain, violations)
        is_refused = self.refuses and bool(judgement.violations)
        if is_refused:
            text = "The answer of the real API violates the contract."
            decision = self._refuse(passage, "upstream_broken", text, judgement.violations)
        if rest is not None and (is_refused or not isinstance(passage.decision.content, CarryOut)):
            rest.close()  # type: ignore[attr-defined]
            rest = None
        length = dict(answer.headers).get(b"content-length", b"")
        head_length = int(length) if head.method == "HEAD" and length.isdigit() else None
        return Passed(decision, violations, judgement.warnings, rest, head_length)

    def _judge_request(self, passage: Passage) -> list[Violation]:
        """What is wrong with the request beside the violations that are known of it."""
        head, parsed = passage.inspection.head, passage.inspection.parsed
        if parsed.malformed is not None:
            return [Violation("body", "", "contentMediaType", f"is malformed: {parsed.malformed}")]
        if head.operation is None:
            known = "method" if head.line.path_item is not None else "path"
            return [Violation("path", "", "operation", f"the contract does not know the {known}")]
        return []

    def _read(self, head: Head, answer: UpstreamAnswer) -> tuple[bytes, Iterator[bytes] | None]:
        """The body of an answer, and what comes behind it where it goes on before it is whole.

        Raises UpstreamError.
        """
        headers = dict(answer.headers)
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        length = headers.get(b"content-length", b"")
        is_small = length.isdigit() and read_length(length) <= MAX_JUDGED_BYTES
        is_text = find_form(content_type) in _TEXTS and not content_type.startswith("text/event-stream")
        if head.method != "HEAD" and answer.status not in UNFRAMED and not is_small and not is_text:
            return b"", answer.chunks
        body = self._upstream.read(answer, MAX_JUDGED_BYTES)
        return body, answer.chunks if len(body) > MAX_JUDGED_BYTES else None

    def _judge(self, passage: Passage, answer: UpstreamAnswer, body: bytes | None) -> Judgement:
        head = passage.inspection.head
        operation = head.operation
        if operation is None or operation.problem is not None:
            return Judgement([], [])
        if head.method == "HEAD":
            body = None
        judgement = judge_answer(self.contract, operation, answer.status, answer.headers, body)
        if passage.inspection.violations and (text := _find_other_error(operation, answer.status)):
            judgement.warnings.append(CallWarning("other_error", text))
        return judgement

    def _answer(
        self,
        passage: Passage,
        answer: UpstreamAnswer,
        body: bytes,
        plain: bytes | None,
        violations: list[Violation],
    ) -> Decision:
        """The decision to answer as the real API did, with what a stub changes of that."""
        asked, stub = passage.decision, passage.decision.stub
        if not isinstance(asked.content, CarryOut):
            return replace(asked, commits=False)
        count = len(violations) + len(passage.inspection.violations)
        notes: Headers = ((b"mockserver-violations", b"%d" % count),) if count else ()
        headers = tuple(
            (name, value)
            for name, value in answer.headers
            if name != b"content-length" and not name.startswith(b"mockserver-")
        )
        names = {name.lower() for name, _ in asked.headers}
        kept = tuple(header for header in headers if header[0] not in names)
        status = answer.status if stub is None or stub.response.status is None else stub.response.status
        content = Literal(body) if violations or body is not plain else Foreign(body)
        return replace(
            asked,
            status=status,
            content=content,
            commits=False,
            headers=(*kept, *asked.headers, *notes),
        )

    def _refuse(
        self, passage: Passage, reason: str, text: str, violations: list[Violation] | tuple[()]
    ) -> Decision:
        asked = passage.decision
        if not isinstance(asked.content, CarryOut):
            return replace(asked, commits=False)
        status = 504 if reason == "upstream_late" else 502
        details = {"violations": [violation.to_json() for violation in violations]} if violations else {}
        refusal = Refusal(status, reason, details, text if text.endswith(".") else f"{text}.")
        told = asked.reason if asked.stub is not None else reason
        return replace(asked, reason=told, status=status, content=refusal, commits=False)


def _find_other_error(operation: Operation, status: int) -> str | None:
    """That a request which violates the contract was not refused as the contract says."""
    documented = [code for code in (400, 415, 422) if operation.envelope(code) is not None]
    if not documented or status in documented or status in (401, 403, 404, 405, 406, 413, 415, 429):
        return None
    told = " or ".join(map(str, documented))
    return f"the request violates the contract, for which it documents {told}; the answer was {status}"


def _write_target(head: Head) -> bytes:
    target = f"{head.line.path}?{head.query}" if head.query else head.line.path
    return target.encode("latin-1")


def _list_headers(head: Head) -> Iterator[tuple[bytes, bytes]]:
    """The headers that go on. A body that came compressed goes on as what it stands for, and the answer is
    asked for in a coding that can be undone here."""
    for name, value in head.headers:
        if name == b"accept-encoding":
            yield name, _limit_codings(value)
            continue
        if name == b"expect" or (name == b"content-encoding" and value.strip().lower() in CODINGS):
            continue
        yield name, value


def _limit_codings(value: bytes) -> bytes:
    """`br, gzip;q=0.5` -> `gzip;q=0.5`: what of Accept-Encoding can be undone here."""
    given = [part.strip() for part in value.split(b",")]
    kept = [part for part in given if part.partition(b";")[0].strip().lower() in _KNOWN_CODINGS]
    return value if kept == given else b", ".join(kept) or b"identity"


def _undo(body: bytes, coding: bytes, unread: Judgement) -> bytes | None:
    """A body without its content coding; None where that cannot be undone, and `unread` then tells why."""
    if coding in (b"", b"identity") or not body:
        return body
    name = redact(coding.decode("latin-1"))
    if coding in CODINGS:
        try:
            return inflate(body, coding, MAX_JUDGED_BYTES)
        except TooMuch:
            text = f"the body has more than {MAX_JUDGED_BYTES} bytes once it is inflated, and was not judged"
        except ValueError:
            unread.violations.append(Violation("response body", "", "contentEncoding", f"is no {name}"))
            return None
    else:
        text = f"the body came as {name}, which cannot be undone here, and was not judged"
    unread.warnings.append(CallWarning("not_judged", text))
    return None
