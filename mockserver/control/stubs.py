"""Routes onto the stubs: WireMock's for mappings, scenarios and settings, the queue, and the release of
held answers (WireMock admin API, `AdminRoutes`).

A request that is refused changes nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

from mockserver.control.routing import (
    TURN_SECONDS,
    ControlAnswer,
    ControlCall,
    Listing,
    Question,
    Route,
    refuse,
)
from mockserver.exceptions import BadQuestion, Problem, StubError, UnknownItem
from mockserver.exports.pact import read_state
from mockserver.json_codec import escape_pointer
from mockserver.scripting.delays import write_settings
from mockserver.scripting.documents import (
    StubsReader,
    read_queue,
    read_settings,
    read_stub,
    write_stub,
)
from mockserver.scripting.operators import read_content_pattern
from mockserver.scripting.reading import Reading, drop_nulls, name_kind
from mockserver.scripting.scenarios import STARTED, find_states
from mockserver.scripting.stub_import import StubImport
from mockserver.scripting.stubs import MAX_STUBS, Stub, StubBook
from mockserver.scripting.subjects import JsonContent, View
from mockserver.types import UNSET, Json, JsonObject

_DONE = ControlAnswer(200, {})
# So many stubs of an import are read without turns for others.
_READ_AT_ONCE = 20
# So many are compared with a pattern; a comparison may take some hundredths of a millisecond.
_SIFTED_AT_ONCE = 100


# Mappings


def list_stubs(call: ControlCall) -> Listing:
    """`GET /mappings?limit=&offset=`: newest first; `meta.total` counts all of them."""
    stubs = list(call.namespace.stubs)
    first, limit = call.integer("offset") or 0, call.integer("limit")
    page = stubs[first:] if limit is None else stubs[first : first + limit]
    return _list(call, page, total=len(stubs))


def add_stub(call: ControlCall) -> ControlAnswer:
    """`POST /mappings`: one stub; it takes the place of one that has its id."""
    namespace = call.namespace
    stub = read_stub(
        call.object(), call.engine.contract, new_id=namespace.next_stub_id, files=namespace.fixtures.files
    )
    namespace.stubs.add([stub])
    return ControlAnswer(201, write_stub(stub))


def get_stub(call: ControlCall) -> ControlAnswer:
    """`GET /mappings/{id}`: one stub."""
    return ControlAnswer(200, write_stub(_find_stub(call, call.parameters["id"])))


def replace_stub(call: ControlCall) -> ControlAnswer:
    """`PUT /mappings/{id}`: another stub under the same id, whatever id the body names."""
    return ControlAnswer(200, write_stub(_replace(call, _find_stub(call, call.parameters["id"]))))


def edit_stub(call: ControlCall) -> ControlAnswer:
    """`POST /mappings/edit`: the same for a stub that names its own id; what clients of WireMock 2 send."""
    document = call.object()
    id = document.get("id") or document.get("uuid")
    if not isinstance(id, str):
        raise BadQuestion([Problem(f"'id' must be the id of a stub, not {name_kind(id)}", "/id")])
    _replace(call, _find_stub(call, id))
    return ControlAnswer(204)


def delete_stub(call: ControlCall) -> ControlAnswer:
    """`DELETE /mappings/{id}`: take one stub out."""
    call.namespace.stubs.delete([_find_stub(call, call.parameters["id"]).id])
    return _DONE


def delete_stubs(call: ControlCall) -> ControlAnswer:
    """`DELETE /mappings`: all of them, those of the files too."""
    call.namespace.stubs.clear()
    return _DONE


def delete_equal_stubs(call: ControlCall) -> ControlAnswer | Listing | Question:
    """`POST /mappings/remove`: the stub whose id is given, else those that have an equal request pattern."""
    document = call.object()
    # Without an id of its own it has one that no stub has.
    stub = read_stub(document, call.engine.contract, new_id=str, files=call.namespace.fixtures.files)
    stubs = call.namespace.stubs
    pattern = stub.matcher.to_json()
    if stub.id:
        stubs.delete([stub.id])
        return _DONE
    return _sift(call, lambda known: known.matcher.to_json() == pattern, partial(_delete, call))


def reset_stubs(call: ControlCall) -> ControlAnswer:
    """`POST /mappings/reset`: the stubs of the files and no others; every scenario at its start."""
    call.namespace.reset_stubs()
    return _DONE


def save_stubs(call: ControlCall) -> ControlAnswer:
    """`POST /mappings/save`: not offered, and refused with 422."""
    text = (
        "saving is not offered: stubs that shall stay belong into a file in the folder stubs of the fixtures"
    )
    return refuse(422, text)


def import_stubs(call: ControlCall) -> ControlAnswer | Question:
    """`POST /mappings/import`: all or none of the stubs that `GET /mappings` gave, in the same order.

    {"mappings": [stub…], "importOptions": {"duplicatePolicy": "OVERWRITE", "deleteAllNotInImport": false}}
    """
    document = call.object()
    options = _read_import_options(document.get("importOptions"))
    if not isinstance(document.get("mappings"), list):
        kind = name_kind(document.get("mappings"))
        raise BadQuestion([Problem(f"'mappings' must be an array of stubs, not {kind}", "/mappings")])
    items = [item for item in document["mappings"] if isinstance(item, dict)]
    given = {item[name] for item in items for name in _IDS if isinstance(item.get(name), str)}
    if len(items) > MAX_STUBS:
        # Looked at before they are read.
        text = f"{len(items)} stubs would be more than {MAX_STUBS} in one namespace"
        raise StubError([Problem(text, "/mappings")])
    reader = StubsReader(
        {name: value for name, value in document.items() if name != "importOptions"},
        call.engine.contract,
        new_id=lambda: _skip(given, call.namespace.next_stub_id),
        files=call.namespace.fixtures.files,
    )

    begin = partial(StubImport, call.namespace.stubs, overwrites=options.overwrites, deletes=options.deletes)
    work = cache(lambda: begin(reader.finish()))

    def finish() -> ControlAnswer:
        work().finish()
        return _DONE

    def prepare() -> bool:
        return reader.go_on(TURN_SECONDS) and (reader.is_refused or work().go_on(TURN_SECONDS))

    if len(items) <= _READ_AT_ONCE:
        return finish()
    return Question(call.namespace, finish, finish, 0.0, prepare, reader.let_go)


class _ImportOptions(NamedTuple):
    """What an import does about stubs whose ids are known, and about those that are not in it."""

    overwrites: bool
    deletes: bool


def _read_import_options(document: Json) -> _ImportOptions:
    """Raises BadQuestion."""
    if document is None:
        return _ImportOptions(True, False)
    reading = Reading()
    pointer = "/importOptions"
    if not isinstance(document, dict):
        raise BadQuestion([Problem(f"'importOptions' must be an object, not {name_kind(document)}", pointer)])
    given = {name: value for name, value in document.items() if value is not None}
    for name in given.keys() - {"duplicatePolicy", "deleteAllNotInImport"}:
        known = ("duplicatePolicy", "deleteAllNotInImport")
        reading.refuse_unknown(f"{pointer}/{escape_pointer(name)}", name, known, "option of an import")
    policy = given.get("duplicatePolicy", "OVERWRITE")
    if policy not in ("OVERWRITE", "IGNORE"):
        reading.refuse(f"{pointer}/duplicatePolicy", "'duplicatePolicy' must be 'OVERWRITE' or 'IGNORE'")
    deletes = reading.flag(given, "deleteAllNotInImport", pointer)
    if reading.problems:
        raise BadQuestion(reading.problems)
    return _ImportOptions(policy == "OVERWRITE", deletes)


def _skip(taken: set[str], next_id: Callable[[], str]) -> str:
    """The next id that is not taken; it is taken then."""
    while (id := next_id()) in taken:
        pass
    taken.add(id)
    return id


def find_stubs_by_metadata(call: ControlCall) -> ControlAnswer | Listing | Question:
    """`POST /mappings/find-by-metadata`: the stubs whose metadata fits a content pattern."""
    fits = read_metadata_pattern(call.object())
    return _sift(call, lambda stub: fits(stub.document), partial(_list, call))


def delete_stubs_by_metadata(call: ControlCall) -> ControlAnswer | Listing | Question:
    """`POST /mappings/remove-by-metadata`: take out the stubs whose metadata fits a content pattern."""
    fits = read_metadata_pattern(call.object())
    return _sift(call, lambda stub: fits(stub.document), partial(_delete, call))


def _sift(
    call: ControlCall, fits: Callable[[Stub], bool], tell: Callable[[list[Stub]], ControlAnswer | Listing]
) -> ControlAnswer | Listing | Question:
    """What `tell` makes of the stubs that fit, the newest first; where there are many, they are looked at in
    turns. One that is changed meanwhile is left out."""
    stubs = list(call.namespace.stubs)
    rest = iter(stubs)
    found: list[Stub] = []

    def go_on(seconds: float) -> bool:
        until = time.perf_counter() + seconds
        for stub in rest:
            if fits(stub):
                found.append(stub)
            if time.perf_counter() > until:
                return False
        return True

    def finish() -> ControlAnswer | Listing:
        go_on(math.inf)
        return tell([stub for stub in found if _is_there(call.namespace.stubs, stub)])

    if len(stubs) <= _SIFTED_AT_ONCE:
        return finish()
    return Question(call.namespace, finish, finish, 0.0, partial(go_on, TURN_SECONDS))


def _is_there(book: StubBook, stub: Stub) -> bool:
    known = book.find_by_id(stub.id)
    # What was read again from a store is another object.
    return known is stub or (known is not None and known.document == stub.document)


def _delete(call: ControlCall, stubs: list[Stub]) -> ControlAnswer:
    call.namespace.stubs.delete([stub.id for stub in stubs])
    return _DONE


def read_metadata_pattern(document: JsonObject) -> Callable[[JsonObject], bool]:
    """Read a content pattern for metadata; what is returned tells whether the document of a stub fits it.

    Raises StubError.
    """
    reading = Reading()
    pattern = read_content_pattern(drop_nulls(document), "", reading)
    if pattern is None:
        raise StubError(reading.problems)

    def fits(stub: JsonObject) -> bool:
        content = JsonContent(stub["metadata"], View()) if "metadata" in stub else None
        return next(iter(pattern.differences(content, "metadata", "")), None) is None

    return fits


def list_unmatched_stubs(call: ControlCall) -> Listing:
    """`GET /mappings/unmatched`: the stubs that answered no call of the journal."""
    return _list(call, _find_unmatched(call))


def delete_unmatched_stubs(call: ControlCall) -> ControlAnswer:
    """`DELETE /mappings/unmatched`: take out the stubs that answered no call of the journal."""
    return _delete(call, _find_unmatched(call))


def _find_unmatched(call: ControlCall) -> list[Stub]:
    """Raises Unanswerable if a call that is gone could have been answered by one of them."""
    journal = call.namespace.journal
    used = {kept.stub.id for kept in journal if kept.stub is not None}
    unmatched = [stub for stub in call.namespace.stubs if stub.id not in used]
    if unmatched:
        journal.require_kept(lambda key: key[2] in ("stub", "client_disconnected"))
    return unmatched


def _find_stub(call: ControlCall, id: str) -> Stub:
    """Raises UnknownItem."""
    stub = call.namespace.stubs.find_by_id(id)
    if stub is None:
        raise UnknownItem(f"there is no stub {id!r} in the namespace {call.namespace.name!r}")
    return stub


def _replace(call: ControlCall, old: Stub) -> Stub:
    document = {name: value for name, value in call.object().items() if name not in _IDS} | {"id": old.id}
    files = call.namespace.fixtures.files
    stub = read_stub(document, call.engine.contract, new_id=lambda: old.id, files=files)
    call.namespace.stubs.replace([stub])
    return stub


_IDS = ("id", "uuid")


def _list(call: ControlCall, stubs: list[Stub], *, total: int | None = None) -> Listing:
    """WireMock's `ListStubMappingsResult`."""
    meta = {"total": len(stubs) if total is None else total}
    return Listing(
        call.namespace,
        stubs,
        write_stub,
        lambda mappings: ControlAnswer(200, {"mappings": mappings, "meta": meta}),
    )


# What is used up or waited for


def add_queue(call: ControlCall) -> ControlAnswer:
    """`POST /queue`: outcomes for the next calls of an operation, as ordinary stubs."""
    return ControlAnswer(201, {"mappings": _queue(call, call.object())})


def _queue(call: ControlCall, document: JsonObject) -> list[Json]:
    namespace = call.namespace
    stubs = read_queue(document, call.engine.contract, new_id=namespace.next_stub_id)
    namespace.stubs.add(stubs)
    return [write_stub(stub) for stub in stubs]


def set_up_state(call: ControlCall) -> ControlAnswer:
    """`POST /pact/states`: what a verifier asks for before an interaction, as the next answer."""
    asked = call.object()
    name, action = asked.get("state"), asked.get("action", "setup")
    if action not in ("setup", "teardown"):
        raise BadQuestion([Problem("must be 'setup' or 'teardown'", "/action")])
    state = read_state(name) if isinstance(name, str) else None
    if name in (None, "") or action == "teardown":
        # An interaction without a state has none of a name, and an answer is used up by its call.
        return ControlAnswer(200, {"mappings": []})
    if state is None:
        text = "is no state of a pact of this server, such as 'createApiKey answers 429'"
        raise BadQuestion([Problem(text, "/state")])
    operation, status = state
    queue = {"operation": operation, "outcomes": [{"status": status}]}
    return ControlAnswer(200, {"mappings": _queue(call, queue)})


def release_answers(call: ControlCall) -> ControlAnswer:
    """`POST /mappings/{id}/release`: let go the answers that a stub holds now."""
    id = call.parameters["id"]
    released = call.namespace.release(id)
    if not released:
        # A stub that is used up is gone, and may hold answers all the same.
        _find_stub(call, id)
    return ControlAnswer(200, {"released": released})


# Scenarios


def list_scenarios(call: ControlCall) -> Listing:
    """`GET /scenarios`: WireMock's `Scenario`, by name."""
    stubs = call.namespace.stubs
    named: dict[str, list[Stub]] = {}
    for stub in stubs:
        if stub.scenario is not None:
            named.setdefault(stub.scenario.name, []).append(stub)

    def write(name: str) -> Json:
        mine = named[name]
        return {
            "id": name,
            "name": name,
            "state": stubs.scenarios.state(name),
            "possibleStates": find_states(name, (stub.scenario for stub in mine if stub.scenario)),
            "mappings": [write_stub(stub) for stub in mine],
        }

    return Listing(
        call.namespace,
        sorted(named),
        write,
        lambda scenarios: ControlAnswer(200, {"scenarios": scenarios}),
    )


def reset_scenarios(call: ControlCall) -> ControlAnswer:
    """`POST /scenarios/reset`: all of them are `Started` again."""
    call.namespace.stubs.scenarios.reset()
    return _DONE


def set_scenario(call: ControlCall) -> ControlAnswer:
    """`PUT /scenarios/{name}/state`: `{"state": …}`, without a body back to `Started`."""
    stubs = call.namespace.stubs
    state = STARTED if call.body is UNSET else call.object().get("state")
    if not isinstance(state, str):
        raise BadQuestion([Problem(f"'state' must be text, not {name_kind(state)}", "/state")])
    try:
        stubs.scenarios.set_state(call.parameters["name"], state, stubs.steps)
    except ValueError as error:
        raise BadQuestion([Problem(str(error), "/state")]) from None
    return _DONE


# Settings


def get_settings(call: ControlCall) -> ControlAnswer:
    """`GET /settings`: the delay of every answer, on top of what its stub says."""
    return ControlAnswer(200, {"settings": write_settings(call.namespace.global_delay)})


def change_settings(call: ControlCall) -> ControlAnswer:
    """`POST /settings` and `PUT /settings`: another delay, or with an empty object none."""
    call.namespace.global_delay = read_settings(call.object())
    return _DONE


ROUTES: tuple[Route, ...] = (
    Route("GET", "/mappings", list_stubs, "Lists the stubs, newest first; `meta.total` counts all of them.",
          query=("limit", "offset"), answers={200: "Stubs"}),
    Route("POST", "/mappings", add_stub, "Adds a stub; it takes the place of one that has its id.",
          body="NewStub", answers={201: "Stub"}),
    Route("DELETE", "/mappings", delete_stubs, "Removes all stubs, those of the files too."),
    Route("POST", "/mappings/new", add_stub, "Adds a stub; the older name of `POST /mappings`.",
          body="NewStub", answers={201: "Stub"}),
    Route("POST", "/mappings/edit", edit_stub,
          "Replaces the stub whose id the body names; clients of WireMock 2 send this.",
          body="NewStub", answers={204: ()}),
    Route("POST", "/mappings/remove", delete_equal_stubs,
          "Removes the stub of this id, else those that have an equal request pattern.", body="NewStub"),
    Route("POST", "/mappings/reset", reset_stubs,
          "Restores the stubs of the files and no others; every scenario starts again."),
    Route("POST", "/mappings/save", save_stubs, "Refuses with 422: saving is not offered.",
          answers={422: "Errors"}),
    Route("POST", "/mappings/import", import_stubs, "Adds all or none of the stubs of a list, in its order.",
          body="Import"),
    Route("POST", "/mappings/find-by-metadata", find_stubs_by_metadata,
          "Lists the stubs whose metadata fits a content pattern.",
          body="ContentPattern", answers={200: "Stubs"}),
    Route("POST", "/mappings/remove-by-metadata", delete_stubs_by_metadata,
          "Removes the stubs whose metadata fits a content pattern.", body="ContentPattern"),
    Route("GET", "/mappings/unmatched", list_unmatched_stubs,
          "Lists the stubs that answered no call of the journal.", answers={200: "Stubs"}),
    Route("DELETE", "/mappings/unmatched", delete_unmatched_stubs,
          "Removes the stubs that answered no call of the journal."),
    Route("GET", "/mappings/{id}", get_stub, "Gives one stub.", answers={200: "Stub"}),
    Route("PUT", "/mappings/{id}", replace_stub, "Replaces a stub, the one that the path names.",
          body="NewStub", answers={200: "Stub"}),
    Route("DELETE", "/mappings/{id}", delete_stub, "Removes one stub."),
    Route("POST", "/mappings/{id}/release", release_answers, "Releases the answers that a stub holds now.",
          answers={200: "Released"}),
    Route("POST", "/queue", add_queue,
          "Scripts the next answers of an operation, as ordinary stubs that are used up in order.",
          body="Queue", answers={201: "QueuedStubs"}),
    Route("POST", "/pact/states", set_up_state,
          "Sets up a provider state that an interaction of our pacts names, for verifiers.",
          body="PactState", answers={200: "QueuedStubs"}),
    Route("GET", "/scenarios", list_scenarios, "Lists the scenarios, with the state and the stubs of each.",
          answers={200: "Scenarios"}),
    Route("POST", "/scenarios/reset", reset_scenarios, "Starts every scenario again."),
    Route("PUT", "/scenarios/{name}/state", set_scenario,
          "Sets the state of a scenario; without a body, `Started`.", body="ScenarioState"),
    Route("GET", "/settings", get_settings, "Gives the delay of every answer.",
          answers={200: "WrittenDelays"}),
    Route("POST", "/settings", change_settings, "Sets a delay for every answer, or none.", body="Delays"),
    Route("PUT", "/settings", change_settings, "Sets a delay for every answer, or none.", body="Delays"),
)  # fmt: skip
