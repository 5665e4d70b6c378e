"""Undoing: what probes created on a real API is deleted, also where an answer was lost."""

from __future__ import annotations

from collections.abc import Callable
from time import sleep

from mockserver.contract import Contract, Operation
from mockserver.messages import Request
from mockserver.provider.answers import ApiAnswer
from mockserver.provider.probes import MARKER, ProbeWriter, Side, collection_of
from mockserver.provider.upstream import UpstreamError

_MAX_PAGES = 20
_ATTEMPTS = 3
# Statuses that pass by themselves, and how long an API may make us wait for that, in seconds.
_PASSING = (429, 500, 502, 503, 504)
_LONGEST_WAIT = 60


class Undoing:
    """Keeps account of what was created. `fetch` sends a request, and raises UpstreamError.

    `left` names what could not be undone.
    """

    def __init__(
        self, contract: Contract, writer: ProbeWriter, side: Side, fetch: Callable[[Request], ApiAnswer]
    ) -> None:
        self._contract = contract
        self._writer = writer
        self._side = side
        self._fetch = fetch
        self._created: dict[tuple[str, str], None] = {}
        self._lost: dict[str, None] = {}
        self.left: list[str] = []

    @property
    def count(self) -> int:
        """How many items were created, as far as that is known."""
        return len(self._created)

    def note_created(self, operation: Operation, answer: ApiAnswer | None) -> None:
        """A request to create was sent; the answer is None where it was lost."""
        collection = collection_of(operation)
        id = None if answer is None else answer.find_id()
        if id is not None:
            self._created[collection, id] = None
        elif answer is None or self._find("DELETE", collection, 1) is not None:
            # An answer without an id, where nothing can be deleted either, tells of no item.
            self._lost[collection] = None

    def undo(self) -> None:
        """Delete everything that was created. Never raises for what the API does."""
        for collection in self._lost:
            for id in self._find_marked(collection):
                self._created[collection, id] = None
        for collection, id in self._created:
            if not self._delete(collection, id):
                self.left.append(f"{collection}/{id}")

    def _delete(self, collection: str, id: str) -> bool:
        operation = self._find("DELETE", collection, 1)
        if operation is None:
            return False
        request = self._writer.write_plain(operation, Side(self._side.credentials, {collection: id}))
        answer = None if request is None else self._ask(request)
        # One that is gone was deleted by a probe, or by an attempt whose answer was lost.
        return answer is not None and (answer.status < 300 or answer.status in (404, 410))

    def _ask(self, request: Request) -> ApiAnswer | None:
        """An answer that will not get better by itself; None where there is none after some attempts."""
        seconds = ""
        for _ in range(_ATTEMPTS):
            if seconds.isdecimal() and seconds.isascii():
                sleep(min(int(seconds[:9]), _LONGEST_WAIT))
            try:
                answer = self._fetch(request)
            except UpstreamError:
                continue
            if answer.status not in _PASSING:
                return answer
            seconds = answer.header("retry-after")
        return None

    def _find_marked(self, collection: str) -> list[str]:
        """The ids of items with our mark in a collection."""
        operation = self._find("GET", collection, 0)
        request = None if operation is None else self._writer.write_plain(operation, self._side)
        if operation is None or request is None:
            self.left.append(f"{collection} (an answer was lost, and nothing lists what is there)")
            return []
        has_pages = any(each.name == "page" for each in operation.parameters)
        found: list[str] = []
        for page in range(1, _MAX_PAGES + 1 if has_pages else 2):
            query = "&".join(filter(None, (request.query, f"page={page}" if has_pages else "")))
            answer = self._ask(Request(request.method, request.path, query, request.headers, b""))
            if answer is None or answer.status >= 300:
                self.left.append(f"{collection} (an answer was lost, and what is there cannot be listed)")
                break
            items = [item for item in answer.find_items()[1] if isinstance(item, dict)]
            found += [str(item["id"]) for item in items if "id" in item and MARKER in item.values()]
            if not items:
                break
        return found

    def _find(self, method: str, collection: str, parameters: int) -> Operation | None:
        """The operation of a method on a collection, or on one item of it."""
        for operation in self._contract.operations.values():
            if operation.method == method and collection_of(operation) == collection:
                rest = operation.path.removeprefix(collection).strip("/")
                if ("/" not in rest) and rest.count("{") == parameters and bool(rest) == bool(parameters):
                    return operation
        return None
