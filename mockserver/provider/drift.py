"""Drift: what a real API does otherwise than its contract says.

The sandbox and the real API are asked the same, each about what it created itself. What the sandbox answers
is what the contract and its rules promise. Everything that the real API created is undone in the end,
whatever happens in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field

from mockserver.contract import Operation
from mockserver.contract.media_types import find_media_type
from mockserver.engine.engine import Engine
from mockserver.messages import Request
from mockserver.provider.answers import ApiAnswer
from mockserver.provider.assumptions import Findings
from mockserver.provider.judging import find_unnamed, judge_answer
from mockserver.provider.probes import Probe, ProbeWriter, Side, collection_of, creates
from mockserver.provider.proxy import MAX_JUDGED_BYTES
from mockserver.provider.undoing import Undoing
from mockserver.provider.upstream import Upstream, UpstreamError
from mockserver.redaction import redact
from mockserver.types import Json, JsonObject

_STATUS = "/:status"


@dataclass(frozen=True, slots=True)
class DriftEntry:
    """One difference: what the contract says of an operation's answer at a pointer, and what came.

    `place` tells a header from the body; `/:status` among the headers is the status.
    """

    operation: str
    probe: str
    place: str
    pointer: str
    expected: Json
    actual: Json

    def is_same(self, other: DriftEntry) -> bool:
        """Whether another one tells of the same difference, which several probes meet."""
        mine, theirs = (
            (each.operation, each.place, each.pointer, each.expected, each.pointer == _STATUS and each.actual)
            for each in (self, other)
        )
        return mine == theirs

    def to_json(self) -> JsonObject:
        """`{"operation", "probe", "in", "pointer", "expected", "actual"}`."""
        return {
            "operation": self.operation,
            "probe": self.probe,
            "in": self.place,
            "pointer": self.pointer,
            "expected": self.expected,
            "actual": self.actual,
        }


@dataclass(frozen=True, slots=True)
class Asked:
    """One probe and what came of it: `kept`, `drift`, or why it says nothing. `status` is None where there
    was no answer."""

    operation: str
    probe: str
    request: str
    expected: int
    status: int | None
    outcome: str

    def to_json(self) -> JsonObject:
        """`{"operation", "probe", "request", "expected", "status", "outcome"}`."""
        return asdict(self)


@dataclass(slots=True)
class DriftReport:
    """What drift found. `untried` are documented errors that no probe provokes, as `operation status`;
    `left` is what could not be undone of `created` items."""

    upstream: str
    entries: list[DriftEntry] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    assumptions: list[JsonObject] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)
    created: int = 0
    left: list[str] = field(default_factory=list)

    @property
    def has_drifted(self) -> bool:
        """Whether the real API differs from its contract, or has something left."""
        return bool(self.entries or self.left)

    def to_json(self) -> JsonObject:
        """The report for programs."""
        return {
            "upstream": self.upstream,
            "drift": [entry.to_json() for entry in self.entries],
            "probes": [asked.to_json() for asked in self.asked],
            "untried": self.untried,
            "assumptions": self.assumptions,
            "created": self.created,
            "left": self.left,
        }


class Drift:
    """Asks a real API what the engine of its contract is asked as well.

    `real` and `own` are the sides of the real API and of the sandbox; `arguments` values of parameters by
    name; `only` the ids of the operations that are asked about, all where it is empty. `report` grows while
    it runs; `show` is told of each probe before it is sent.
    """

    def __init__(
        self,
        engine: Engine,
        upstream: Upstream,
        *,
        real: Side,
        own: Side,
        arguments: Mapping[str, str],
        only: frozenset[str] = frozenset(),
        show: Callable[[Probe], object] = lambda probe: None,
    ) -> None:
        self._engine = engine
        self._contract = engine.contract
        self._upstream = upstream
        self._real = real
        self._own = own
        self._only = only
        self._show = show
        self._writer = ProbeWriter(
            engine.contract, lambda operation: {**engine.rules.example_arguments(operation), **arguments}
        )
        self._undoing = Undoing(engine.contract, self._writer, real, self._fetch)
        self._findings = Findings(engine.contract)
        self._pages = False
        self.report = DriftReport(upstream.origin)

    def rehearse(self) -> DriftReport:
        """What would be sent, without sending any of it."""
        stand_ins = {collection_of(each): "ID" for each in self._contract.operations.values()}
        side = Side(self._real.credentials, stand_ins)
        for probe in self._list_probes():
            if expected := self._expect(probe):
                self._note(probe, probe.build(side), expected[0], None, "would be sent")
        return self._finish()

    def run(self) -> DriftReport:
        """Ask everything, and undo what was created, also where this ends in the middle.

        Raises UpstreamError where the real API cannot be reached.
        """
        try:
            for probe in self._list_probes():
                self._show(probe)
                if expected := self._expect(probe):
                    self._ask(probe, *expected)
        finally:
            self._undoing.undo()
            self._upstream.close()
            self._finish()
        return self.report

    def _list_probes(self) -> Iterator[Probe]:
        for probe in self._writer.list_probes():
            is_wanted = not self._only or probe.operation.id in self._only
            # What is asked about an item needs one.
            if is_wanted or (probe.name == "success" and self._is_needed(probe.operation)):
                yield probe

    def _is_needed(self, operation: Operation) -> bool:
        return creates(operation) and any(
            other.id in self._only and "{" in other.path and collection_of(other) == collection_of(operation)
            for other in self._contract.operations.values()
        )

    # Asking.

    def _expect(self, probe: Probe) -> tuple[int, str] | None:
        """The status that the sandbox answers, and its reason; None where the probe says nothing."""
        request = probe.build(self._own)
        if request is None:
            return None
        for _ in range(1 + probe.repeats):
            response = self._engine.handle(request)
        answer = ApiAnswer(response.status, response.headers, response.body)
        self._keep_id(self._own, probe.operation, answer)
        # Where the sandbox does not page, nobody says that the real API does.
        self._pages = self._pages or (probe.name == "first page" and len(answer.find_items()[1]) <= 1)
        if answer.status < 400 and not probe.is_sound:
            return None if probe.fallback is None else (probe.fallback, "")
        is_documented = probe.operation.envelope(answer.status) is not None
        return (answer.status, answer.header("mockserver-reason")) if is_documented else None

    def _ask(self, probe: Probe, expected: int, reason: str) -> None:
        request = probe.build(self._real)
        if request is None:
            return self._note(probe, None, expected, None, "not reached: nothing was created to ask about")
        entries: list[DriftEntry] = []
        status: int | None = None
        try:
            answer = self._send(probe, request)
            if probe.repeats:
                first, answer = answer, self._send(probe, request)
                if answer.status < 300 and first.find_id() != answer.find_id():
                    text = "the first answer again, for the same Idempotency-Key"
                    entries.append(self._enter(probe, "response body", "/id", text, "another item"))
            status = answer.status
            if status == 429 and expected != 429:
                return self._note(
                    probe, request, expected, 429, "not reached: the real API asks for patience"
                )
            entries += self._compare(probe, expected, answer)
            self._findings.note_answer(probe.operation, expected, answer, [each.pointer for each in entries])
        except UpstreamError as error:
            if error.is_unreached:
                raise
            entries.append(self._enter(probe, "response header", _STATUS, expected, str(error)))
        is_kept = not any(each.pointer in (_STATUS, "/id") for each in entries)
        self._findings.note_reason(expected, reason, is_kept=is_kept)
        for entry in entries:
            if not any(entry.is_same(other) for other in self.report.entries):
                self.report.entries.append(entry)
        return self._note(probe, request, expected, status, "drift" if entries else "kept")

    def _send(self, probe: Probe, request: Request) -> ApiAnswer:
        """Send a probe, and note what it may have created. Raises UpstreamError."""
        is_noted = not creates(probe.operation)
        try:
            answer = self._fetch(request)
            is_noted = is_noted or answer.status >= 300
            if not is_noted:
                self._undoing.note_created(probe.operation, answer)
                is_noted = True
        except UpstreamError as error:
            is_noted = is_noted or error.is_unreached
            raise
        finally:
            # Also where somebody stops this while the answer is on its way.
            if not is_noted:
                self._undoing.note_created(probe.operation, None)
        self._keep_id(self._real, probe.operation, answer)
        return answer

    def _fetch(self, request: Request) -> ApiAnswer:
        target = f"{request.path}?{request.query}" if request.query else request.path
        found = self._upstream.send(request.method, target.encode("latin-1"), request.headers, request.body)
        return ApiAnswer(found.status, found.headers, self._upstream.read(found, MAX_JUDGED_BYTES))

    def _keep_id(self, side: Side, operation: Operation, answer: ApiAnswer) -> None:
        id = answer.find_id() if creates(operation) and answer.status < 300 else None
        if id is not None:
            side.ids[collection_of(operation)] = id

    # Judging.

    def _enter(self, probe: Probe, place: str, pointer: str, expected: Json, actual: Json) -> DriftEntry:
        return DriftEntry(probe.operation.id, probe.name, place, redact(pointer), expected, actual)

    def _compare(self, probe: Probe, expected: int, answer: ApiAnswer) -> Iterator[DriftEntry]:
        operation, status = probe.operation, answer.status
        if status != expected and not {status, expected} <= set(operation.success_statuses):
            yield self._enter(probe, "response header", _STATUS, expected, status)
        envelope = operation.envelope(status)
        if envelope is None:
            return
        found = judge_answer(self._contract, operation, status, answer.headers, answer.body)
        for place, pointer, keyword, message in found.violations:
            if keyword == "required":
                yield self._enter(probe, place, pointer, "present", "missing")
                continue
            shown = answer.show(pointer) if place == "response body" else answer.show_header(pointer[1:])
            yield self._enter(probe, place, pointer, message.partition(", is ")[0], shown)
        media = find_media_type(envelope.content, answer.header("content-type"))
        if media is not None and media.is_json:
            for pointer in find_unnamed(self._contract, media, answer.value):
                shown = answer.show(pointer)
                yield self._enter(probe, "response body", pointer, "not named by the contract", shown)
        where, items = answer.find_items()
        if probe.name == "first page" and self._pages and status < 300 and len(items) > 1:
            yield self._enter(probe, "response body", where, "at most 1 item", f"{len(items)} items")

    # Reporting.

    def _note(
        self, probe: Probe, request: Request | None, expected: int, status: int | None, outcome: str
    ) -> None:
        line = f"{probe.operation.method} {probe.operation.path}"
        if request is not None:
            line = f"{request.method} {redact(request.path)}"
            line += f"?{redact(request.query)}" if request.query else ""
        self.report.asked.append(Asked(probe.operation.id, probe.name, line, expected, status, outcome))

    def _finish(self) -> DriftReport:
        report = self.report
        report.created, report.left = self._undoing.count, self._undoing.left
        report.assumptions = list(self._findings.judge())
        tried = {(asked.operation, asked.expected) for asked in report.asked}
        report.untried = [
            f"{operation.id} {status}"
            for operation in self._contract.operations.values()
            if not self._only or operation.id in self._only
            for status in operation.statuses
            if status >= 400 and (operation.id, status) not in tried
        ]
        return report
