"""The benchmarks count and write correctly; and what is measured does at load what need not be done per call.

Nothing here is timed.
"""

from __future__ import annotations

import gc
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import jsonschema_rs
import pytest

from benchmarks import __main__ as command
from benchmarks import callers, documents, heads, peers, walk
from benchmarks.figures import Quartiles, Table, Unmeasurable, interleave, note_missing, quartiles, show
from benchmarks.load import CONNECTIONS, ask_over_many
from benchmarks.plot import draw_bars
from benchmarks.report import Part, Results, read_json, write_json, write_markdown, write_table
from benchmarks.servers import ASGI, Running
from benchmarks.workload import ANSWER, NAMESPACES, PATH, QUERY, write_equal, write_fresh
from mockserver import MockServer
from mockserver.contract import load_contract
from mockserver.engine.engine import Engine
from mockserver.messages import Request, build_request
from mockserver.serving.app import create_app
from mockserver.serving.building import build_engine
from mockserver.serving.uvicorn_server import ServerThread
from mockserver.settings import Settings, packaged_folder
from mockserver.state import resources
from mockserver.state.namespace import VariantChoice

URL = f"{PATH}?{QUERY}"
TABLE = Table(
    "callers",
    "Time <each>",
    ("caller", "bare ASGI µs", "mockserver µs", "bare ASGI / mockserver"),
    (
        ("equal bytes", Quartiles(23, 24.04, 25), Quartiles(94, 96.16, 98), Quartiles(0.2, 0.25, 0.3)),
        ("httpx", Quartiles(100, 120, 140), None, None),
        ("geometric mean", 53.7, 1_234.5, 0.25),
    ),
    ("A note.",),
)


# Figures


def test_quartiles_are_those_of_the_inclusive_method() -> None:
    assert quartiles([4, 1, 3, 2]) == (1.75, 2.5, 3.25)


def test_quartiles_of_one_value_are_that_value() -> None:
    assert quartiles([7.0]) == (7.0, 7.0, 7.0)
    assert str(quartiles([7.0])) == "7.00"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (43_512, "43,500"),
        (186, "186"),
        (99.96, "100"),
        (12.34, "12.3"),
        (1.234, "1.23"),
        (0.01234, "0.0123"),
        (-0.0412, "-0.0412"),
    ],
)
def test_numbers_are_shown_with_three_figures_that_matter(value: float, shown: str) -> None:
    assert show(value) == shown


def test_rounds_are_interleaved_and_every_second_one_runs_backwards() -> None:
    order: list[str] = []

    def measure(case: str) -> int:
        order.append(case)
        return len(order)

    results, failures = interleave(3, ["a", "b"], measure)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert results == {"a": [1, 4, 5], "b": [2, 3, 6]}
    assert failures == {}


def test_a_case_that_cannot_be_measured_is_left_out_and_the_others_go_on() -> None:
    def measure(case: str) -> int:
        if case == "broken":
            raise Unmeasurable("it does not run")
        return 1

    results, failures = interleave(3, ["broken", "whole"], measure)
    assert results == {"whole": [1, 1, 1]}
    assert note_missing(failures) == ("Not measured: broken: it does not run.",)


# Callers


def test_equal_requests_are_equal_and_fresh_ones_differ_in_all_that_is_told() -> None:
    assert write_equal().to_bytes(URL) == write_equal().to_bytes(URL)
    found = [write_fresh("run", number) for number in range(100)]
    for name in ("Idempotency-Key", "X-Request-Id"):
        assert len({ask.headers[name] for ask in found}) == 100
    assert len({json.dumps(ask.body) for ask in found}) == 100
    assert len({ask.headers["Authorization"] for ask in found}) == NAMESPACES


def test_a_request_goes_onto_the_wire_whole() -> None:
    head, _, body = write_fresh("run", 1).to_bytes(URL).partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/api-keys/?account_id=acct_bench HTTP/1.1\r\nHost: 127.0.0.1\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body)["name"] == "Reporting run 1"


@pytest.mark.parametrize("name", callers.CALLERS)
def test_each_caller_asks_and_counts_what_it_was_answered(name: str, server: ServerThread) -> None:
    statuses = callers.CALLERS[name](server.port, URL, 0)
    assert statuses == {201: CONNECTIONS if name in ("equal bytes", "all fresh") else 1}
    journals = {namespace.name: len(namespace.journal) for namespace in server.engine.namespaces}
    assert sum(journals.values()) == statuses.total()
    assert ("default" in [name for name, calls in journals.items() if calls]) == (name == "equal bytes")


def test_load_reads_answers_in_chunks_and_goes_on_where_a_connection_ends(server: ServerThread) -> None:
    server.engine.namespaces.default.choose_variant(VariantChoice("chunked"))
    asks = [write_equal().to_bytes(URL), b"GET /nowhere HTTP/1.0\r\nHost: localhost\r\n\r\n"]
    statuses = ask_over_many(server.port, itertools.cycle(asks), 0.05)
    assert statuses.keys() == {201, 404}


def test_load_without_an_answer_is_no_measurement() -> None:
    with MockServer() as sandbox:
        sandbox.queue("createApiKey", [{"fault": "EMPTY_RESPONSE"}])
        with pytest.raises(Unmeasurable, match="closed a connection"):
            ask_over_many(
                int(sandbox.origin.rpartition(":")[2]), itertools.repeat(write_equal().to_bytes(URL)), 0
            )


def test_a_server_is_started_and_ended_and_wrong_answers_of_it_are_no_measurement() -> None:
    process = Running(ASGI)
    try:
        assert process.wait() > 0
        assert callers.measure_caller(callers.ask_equal, process, 0) >= 0
        with pytest.raises(Unmeasurable, match="500: 1"):
            callers.measure_caller(lambda port, url, seconds: Counter({201: 9, 500: 1}), process, 0)
        with pytest.raises(Unmeasurable):
            callers.measure_caller(lambda port, url, seconds: Counter(), process, 0)
    finally:
        process.stop()
    with pytest.raises(Unmeasurable, match="ended"):
        callers.measure_caller(callers.ask_by_http_client, process, 0)


def test_the_table_of_callers_has_ratios_within_a_round_and_their_geometric_mean() -> None:
    costs = {(caller, "bare ASGI"): [10.0, 20.0, 30.0] for caller in callers.CALLERS}
    costs |= {(caller, "mockserver"): [20.0, 40.0, 60.0] for caller in callers.CALLERS}
    costs |= {(caller, "peer"): [40.0, 40.0, 40.0] for caller in callers.CALLERS if caller != "httpx"}
    costs["httpx", "mockserver"] = [80.0, 160.0, 240.0]
    table = callers.build_table(costs, ["bare ASGI", "mockserver", "peer"], ["A note."])
    assert table.columns == ("caller", "bare ASGI µs", "mockserver µs", "bare ASGI / mockserver", "peer µs")
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["httpx"] == (quartiles([10, 20, 30]), quartiles([80, 160, 240]), quartiles([0.125]), None)
    assert rows[callers.MEAN] == pytest.approx((20, 40 * 4**0.2, (0.5**4 * 0.125) ** 0.2, None))
    assert table.notes[-1] == "A note."
    del costs["httpx", "bare ASGI"]
    with pytest.raises(Unmeasurable, match=r"A note\."):
        callers.build_table(costs, ["bare ASGI", "mockserver", "peer"], ["A note."])


@pytest.mark.parametrize("name", ["wiremock", "mountebank", "mockoon"])
def test_the_files_of_a_peer_answer_what_all_answer(name: str) -> None:
    """But for the name and the key, which they make themselves."""
    text = json.dumps(peers.read_configuration(name))
    wanted = json.loads(ANSWER)["data"]
    for member in wanted.keys() - {"name", "key"}:
        assert json.dumps(json.dumps({member: wanted[member]})[1:-1])[1:-1] in text


def test_the_constant_answer_fits_the_contract() -> None:
    operation = load_contract(packaged_folder("schemas") / "openapi.json").operations["createApiKey"]
    envelope = operation.envelope(201)
    assert envelope is not None and envelope.schema is not None
    assert envelope.schema.is_valid(json.loads(ANSWER))


# The path of a call


def test_the_walk_of_a_call_counts_modules_and_changes_and_is_the_same_each_time() -> None:
    known, new = walk.take_walks().values()
    again = walk.take_walks().values()
    assert [(one.steps, one.changes) for one in (known, new)] == [(one.steps, one.changes) for one in again]
    for one in (known, new):
        modules = [module for module, _, _ in one.steps]
        assert modules[0] == "serving/connection" and "engine/engine" in modules
        # Every module is entered, and each change leads into it or out of it.
        assert len(set(modules)) == one.modules <= one.changes + 1
        assert str(one).splitlines()[0].startswith("serving/connection: Connection.data_received")
    assert "request/headers" not in {module for module, _, _ in known.steps}
    assert "request/headers" in {module for module, _, _ in new.steps}


def test_what_is_no_success_has_no_walk() -> None:
    with pytest.raises(Unmeasurable, match="404"):
        walk.follow([b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n"])


def test_each_step_of_a_head_can_be_repeated() -> None:
    steps = heads.list_steps(create_app(build_engine(Settings(log_level="error"))))
    for step in [*steps.values()] * 2:
        step()


# Report


def _results(*parts: Part) -> Results:
    return Results({"processor": "one"}, {"uvicorn": "0.1"}, parts)


def test_a_table_is_written_in_markdown() -> None:
    assert write_table(TABLE).splitlines() == [
        "| caller | bare ASGI µs | mockserver µs | bare ASGI / mockserver |",
        "| --- | ---: | ---: | ---: |",
        "| equal bytes | 24.0 (23.0–25.0) | 96.2 (94.0–98.0) | 0.25 (0.2–0.3) |",
        "| httpx | 120 (100–140) | – | – |",
        "| geometric mean | 53.7 | 1,230 | 0.25 |",
    ]
    assert write_table(Table("t", "T", ("a", "b"), (("x", 41),))).endswith("| x | 41 |")


def test_results_written_as_json_and_read_back_are_equal() -> None:
    results = _results(Part("callers", "2026-01-01", (TABLE,)))
    assert read_json(write_json(results)) == results


def test_the_page_names_machine_versions_dates_and_notes() -> None:
    page = write_markdown(_results(Part("callers", "2026-01-01", (TABLE,))))
    for text in ("processor: one", "uvicorn 0.1", "2026-01-01", "A note.", "scripts/bench callers"):
        assert text in page


def test_the_plot_shows_each_row_that_has_both_columns() -> None:
    root = ElementTree.fromstring(plot := draw_bars(TABLE, "bare ASGI µs", "mockserver µs"))
    space = "{http://www.w3.org/2000/svg}"
    texts = [text.text for text in root.iter(f"{space}text")]
    assert texts == ["Time <each>", "equal bytes", "bare ASGI µs: 24.0", "mockserver µs: 96.2"]
    widths = {bar.get("class"): float(bar.get("width", "")) for bar in root.iter(f"{space}rect")}
    assert widths["bar"] / widths["limit"] == pytest.approx(4, rel=1e-2)
    assert "prefers-color-scheme: dark" in plot


def test_a_report_keeps_the_other_parts_of_the_same_machine_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "list_versions", dict)
    monkeypatch.setattr(command, "describe_machine", lambda: {"processor": "one"})
    command.write_report(tmp_path, [Part("start", "2026-01-02", ())])
    command.write_report(tmp_path, [Part("callers", "2026-01-01", (TABLE,))])
    command.write_report(tmp_path, [Part("start", "2026-01-03", ())])
    assert [part.name + part.date[-1] for part in _read(tmp_path).parts] == ["callers1", "start3"]
    assert "mockserver" in (tmp_path / "callers.svg").read_text("utf-8")
    monkeypatch.setattr(command, "describe_machine", lambda: {"processor": "another"})
    command.write_report(tmp_path, [Part("start", "2026-01-03", ())])
    assert [part.name for part in _read(tmp_path).parts] == ["start"]


def _read(folder: Path) -> Results:
    return read_json((folder / "results.json").read_text("utf-8"))


# What is done at load and not per call


def _create(*, name: str = "n", token: str = "sk_test_bench", **headers: str) -> Request:
    given = {"authorization": f"Bearer {token}"} | {
        key.replace("_", "-"): value for key, value in headers.items()
    }
    body = {"name": name, "permissions": {"account:api:key": ["read"]}}
    return build_request("POST", "/v1/api-keys/?account_id=acct_1", headers=given, json=body)


def _nameless(number: int = 0) -> Request:
    headers = {"authorization": "Bearer sk_test_bench"}
    body = {"permissions": {f"p{number}": "read"}}
    return build_request("POST", "/v1/api-keys/", headers=headers, json=body)


def _count_calls(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[Any]:
    """The first arguments with which a function of a library is called from now on."""
    seen: list[Any] = []
    original: Callable[..., Any] = getattr(module, name)

    def counted(*args: Any, **kwargs: Any) -> Any:
        seen.append(args[0] if args else None)
        return original(*args, **kwargs)

    monkeypatch.setattr(module, name, counted)
    return seen


def _ask_all(engine: Engine, requests: Iterable[Request]) -> Counter[int]:
    return Counter(engine.handle(request).status for request in requests)


def test_schemas_are_compiled_at_load_once_each_and_never_by_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = _count_calls(monkeypatch, jsonschema_rs, "validator_for")
    load_contract(packaged_folder("schemas") / "openapi.json")
    of_contract = [json.dumps(schema, sort_keys=True) for schema in compiled]
    assert len(of_contract) == len(set(of_contract)) > 0
    engine = build_engine(Settings())
    at_load = len(compiled)
    assert _ask_all(engine, [_create(), _nameless()] * 100) == {201: 100, 422: 100}
    assert len(compiled) == at_load


def test_the_validator_that_writes_the_full_report_is_built_once_for_a_schema(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = build_engine(Settings())
    built = _count_calls(monkeypatch, jsonschema.validators, "extend")
    assert _ask_all(engine, [_create()] * 10) == {201: 10}
    assert len(built) == 0
    assert _ask_all(engine, (_nameless(number) for number in range(100))) == {422: 100}
    assert len(built) == 1


def test_twenty_thousand_different_calls_leave_no_object_behind_but_what_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The bounds of what calls leave behind, small enough to be reached by the first thousand calls.
    monkeypatch.setattr(resources, "MAX_ITEMS", 50)
    monkeypatch.setattr(resources, "MAX_COUNTED_REQUESTS", 50)
    engine = build_engine(Settings(journal_limit=50, log_level="error"))

    def make(number: int) -> Request:
        if number % 5 == 0:
            return _nameless(number)
        if number % 5 == 1:
            return build_request("GET", f"/v1/things-{number}")
        token = f"sk_test_{number}"
        return _create(
            name=f"n{number}", token=token, idempotency_key=f"k{number}", x_request_id=f"r{number}"
        )

    def count_objects(numbers: range) -> int:
        answered = _ask_all(engine, map(make, numbers))
        assert answered == {201: len(numbers) * 3 // 5, 422: len(numbers) // 5, 404: len(numbers) // 5}
        gc.collect()
        return len(gc.get_objects())

    before = count_objects(range(2_000))
    # A cache that is emptied when it is full swings by some hundred; an object per call would be 20,000.
    assert count_objects(range(2_000, 22_000)) - before < 2_000


# Documents


def test_the_table_of_documents_says_what_became_of_each_operation(tmp_path: Path) -> None:
    """With parameters, a body and a credential: what an example request brings."""
    never = {"type": "object", "required": ["a"], "properties": {"a": False}}
    parameters = [
        {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}},
        {"name": "X-A", "in": "header", "required": True, "schema": {"enum": ["x"]}},
    ]
    body = {"required": True, "content": {"multipart/form-data": {"schema": {"const": {"a": "b"}}}}}
    keyed = {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "security": [{"key": []}],
        "components": {"securitySchemes": keyed},
        "paths": {
            "/a/{id}": {
                "post": {
                    "parameters": parameters,
                    "requestBody": body,
                    "responses": {"204": {"description": ""}},
                },
                "get": {
                    "parameters": parameters,
                    "responses": {
                        "200": {"description": "", "content": {"application/json": {"schema": never}}}
                    },
                },
            }
        },
    }
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(document), "utf-8")
    line = documents.measure(path)
    assert line.startswith("| openapi.json | 2 | 0 | ")
    assert line.endswith(" | 1 501 broken_contract, 1 documented |")
    assert line.count("|") == len(documents.COLUMNS) + 1


def test_every_operation_of_the_packaged_contract_answers_its_example_request() -> None:
    engine = build_engine(Settings())
    # A deleted key is gone for those that come after it.
    last_is_deleted = sorted(engine.contract.operations.values(), key=lambda item: item.method == "DELETE")
    found = [documents.judge(item, documents.call(engine, item)[0]) for item in last_is_deleted]
    assert found == ["documented"] * len(found)
