"""Assumptions: what a contract says that nobody documented, and what a real API showed of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mockserver.contract import Contract, Operation
from mockserver.coverage import follow, is_near
from mockserver.json_codec import escape_pointer, read_pointer
from mockserver.provider.answers import ApiAnswer
from mockserver.types import JsonObject

# What an answer showed of a place: whether its status came, and whether a member of a name was as described.
_STATUS = "/:status"
# The second answer to one Idempotency-Key, which is compared with the first.
_REPLAYED = "replayed"


class Findings:
    """Collects what answers showed, by the reasons of rules and by the places of the contract."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._reasons: dict[tuple[int, str], set[bool]] = {}
        self._places: dict[str, set[tuple[str, bool]]] = {}

    def note_reason(self, status: int, reason: str, *, is_kept: bool) -> None:
        """What leads to a status for a reason was kept, or was not."""
        self._reasons.setdefault((status, reason), set()).add(is_kept)

    def note_answer(self, operation: Operation, status: int, answer: ApiAnswer, wrong: Iterable[str]) -> None:
        """An answer came where the contract says that one of a status comes. `wrong` are pointers into it."""
        place = f"/paths/{escape_pointer(operation.path)}/{operation.method.lower()}/responses"
        pointers = set(wrong)
        came = status if _STATUS in pointers else answer.status
        found = {(_STATUS, False)} if _STATUS in pointers else {(_STATUS, True)} if not pointers else set()
        if _STATUS not in pointers:
            names = {read_pointer(pointer)[-1] for pointer in pointers if pointer}
            found |= {(name, False) for name in names}
            found |= {(name, True) for name in answer.list_names() if name not in names}
        here = f"{place}/{came}"
        for use in (here, *follow(self._contract.document, here)):
            self._places.setdefault(use, set()).update(found)

    def judge(self) -> Iterator[JsonObject]:
        """Each assumption: `{"what", "state", "provenance", "source"}`; what no answer showed is unknown."""
        rules = {rule["what"]: rule.get("x-reasons") for rule in self._contract.document.get("x-rules", ())}
        for assumption in self._contract.assumptions:
            what = assumption.what
            if what in rules:
                reasons = rules[what] or ()
                # A rule says which status and reason it leads to; of whatever else it says they show nothing.
                seen = {
                    is_kept
                    for (status, reason), found in self._reasons.items()
                    for is_kept in found
                    if reason in reasons and (f"{status} {reason}" in what or reason == _REPLAYED)
                }
            else:
                seen = self._look_at(what)
            yield {
                "what": assumption.what,
                "state": "unknown" if not seen else "confirmed" if seen == {True} else "refuted",
                "provenance": assumption.provenance,
                "source": assumption.source,
            }

    def _look_at(self, pointer: str) -> set[bool]:
        """What was seen of a place: of a member, whether it was as described; of a response, whether it
        came."""
        owner, last = ["", "", *read_pointer(pointer)][-2:]
        wanted = last if owner == "properties" else _STATUS if owner == "responses" else None
        return {
            is_right
            for use, found in self._places.items()
            if wanted is not None and is_near(pointer, use)
            for name, is_right in found
            if name == wanted
        }
