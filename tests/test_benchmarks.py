"""The benchmarks count and write correctly; and what is measured does at load what need not be done per call.

Nothing here is timed.
"""

from __future__ import annotations

import gc
import json
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import jsonschema_rs
import pytest

from benchmarks import __main__ as command
from benchmarks import answers, costs, documents, runs, throughput
from benchmarks.figures import Quartiles, Table, Unmeasurable, interleave, quartiles, read_table, show
from benchmarks.load import KeepAlive, read_load
from benchmarks.material import stubs_that_do_not_fit, write_contract, write_fixtures
from benchmarks.options import FULL, SMOKE, USUAL
from benchmarks.plot import draw_bars
from benchmarks.report import Part, Results, read_results, write_markdown, write_table
from benchmarks.workload import ANSWER, Workload
from mockserver.contract import load_contract
from mockserver.engine.engine import Engine
from mockserver.messages import Request, build_request
from mockserver.serving.app import create_app
from mockserver.serving.building import build_engine
from mockserver.serving.uvicorn_server import ServerThread
from mockserver.settings import Settings, packaged_folder
from mockserver.state import resources

TABLE = Table(
    "throughput-16",
    "Throughput <16>",
    ("server", "requests/s", "of bare ASGI"),
    (
        ("bare ASGI on uvicorn", Quartiles(40_000, 43_512, 44_000), Quartiles(1, 1, 1)),
        ("mockserver", Quartiles(21_000, 22_222.2, 23_000), Quartiles(0.49, 0.5107, 0.55)),
        ("raw asyncio protocol", Quartiles(180_000, 186_000, 190_000), None),
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
    ],
)
def test_numbers_are_shown_with_three_figures_that_matter(value: float, shown: str) -> None:
    assert show(value) == shown


def test_rounds_are_interleaved_and_every_second_one_runs_backwards() -> None:
    order: list[str] = []

    def measure(case: str) -> int:
        order.append(case)
        return len(order)

    done = interleave(3, ["a", "b"], measure)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert done.results == {"a": [1, 4, 5], "b": [2, 3, 6]}


def test_a_case_that_cannot_be_measured_is_left_out_and_the_others_go_on() -> None:
    def measure(case: str) -> int:
        if case == "broken":
            raise Unmeasurable("it does not run")
        return 1

    done = interleave(3, ["broken", "whole"], measure)
    assert done.results == {"whole": [1, 1, 1]}
    assert done.failures == {"broken": "it does not run"}


def test_a_table_written_as_json_and_read_back_is_equal() -> None:
    assert read_table(json.loads(json.dumps(TABLE.to_json()))) == TABLE


# Workload and load


def test_a_workload_asks_the_engine_and_a_socket_for_the_same() -> None:
    workload = Workload().in_namespace("bench")
    head, _, body = workload.to_bytes(4020).partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/api-keys/?account_id=acct_bench HTTP/1.1\r\nHost: 127.0.0.1:4020\r\n")
    assert b"Authorization: Bearer sk_test_ns-bench_bench" in head
    assert f"Content-Length: {len(body)}".encode() in head
    assert body == workload.body


def test_every_request_of_a_fresh_header_and_run_differs() -> None:
    script = Workload(fresh_header="Idempotency-Key").to_lua("run-1")
    assert 'wrk.headers["Idempotency-Key"] = "run-1-" .. n' in script
    script = Workload(fresh_text="Reporting").to_lua("run-1")
    assert 'wrk.body = [==[{"name": "]==] .. "run-1-" .. n .. [==[", "permissions"' in script
    assert "request = function" not in Workload().to_lua("run-1")


def _output(**changes: int) -> str:
    found = {"requests": 4_000, "micros": 2_000_000, "p50": 300.0, "p95": 500.0, "p99": 900.0}
    return f"Running 2s test\nRESULT {json.dumps({**found, 'refused': 0, 'lost': 0, **changes})}\n"


def test_load_is_read_from_what_wrk_prints() -> None:
    load = read_load(_output(), Workload())
    assert (load.per_second, load.p50_ms, load.p99_ms) == (2_000, 0.3, 0.9)


def test_load_of_refused_requests_counts_where_a_refusal_is_the_answer() -> None:
    assert read_load(_output(refused=4_000), Workload(statuses=(422,))).requests == 4_000


@pytest.mark.parametrize(
    ("output", "workload"),
    [
        (_output(refused=1), Workload()),
        (_output(lost=1), Workload()),
        (_output(requests=0), Workload()),
        (_output(refused=3_999), Workload(statuses=(422,))),
        ("unable to connect", Workload()),
    ],
    ids=["an error", "a lost one", "none", "a success", "no connection"],
)
def test_load_with_wrong_answers_is_no_measurement(output: str, workload: Workload) -> None:
    with pytest.raises(Unmeasurable):
        read_load(output, workload)


def test_the_constant_answer_fits_the_contract() -> None:
    operation = load_contract(packaged_folder("schemas") / "openapi.json").operations["createApiKey"]
    envelope = operation.envelope(201)
    assert envelope is not None and envelope.schema is not None
    assert envelope.schema.is_valid(json.loads(ANSWER))


# Cases


def test_variants_have_names_of_their_own_and_the_usual_one_is_the_reference() -> None:
    names = [server.name for server in throughput.list_variants()]
    assert names[0] == throughput.USUAL_NAME
    assert len(set(names)) == len(names)


def test_stubs_of_the_benchmarks_are_sound_and_do_not_fit(tmp_path: Path) -> None:
    settings = Settings(fixtures=write_fixtures(tmp_path, stubs_that_do_not_fit(10), alone=True))
    engine = build_engine(settings)
    assert len(engine.fixtures.stubs) == 10
    assert costs.engine_way(engine)(Workload())() == 201


def test_a_contract_of_the_benchmarks_has_as_many_operations_as_asked_for(tmp_path: Path) -> None:
    engine = build_engine(Settings(contract=write_contract(tmp_path, 12)))
    assert len(engine.contract.operations) == 12
    assert costs.engine_way(engine)(Workload())() == 201


@pytest.mark.parametrize("subject", costs.STATES)
def test_a_state_is_filled_and_asked_with_right_answers(subject: str, tmp_path: Path) -> None:
    state = costs.STATES[subject](20)
    way = costs.engine_way(build_engine(costs.build_settings(state, tmp_path)))
    asked = [*state.filling(), *state.block(0), *state.block(7)]
    assert {way(workload)() for workload in asked} == {201}


def test_each_answer_that_is_measured_by_the_engine_is_the_one_that_is_named() -> None:
    engine = build_engine(Settings(log_level="error"))
    workloads = answers.list_workloads(engine)
    answers.choose_in_engine(engine, workloads)
    for workload in workloads.values():
        assert costs.engine_way(engine)(workload)() in workload.statuses
    assert _seen_variants(engine) == {None, *workloads} - {answers.PLAIN}


def test_each_answer_that_is_measured_over_a_socket_is_the_one_that_is_named(server: ServerThread) -> None:
    # One of each kind: more would only say the same more often.
    names = {answers.PLAIN, "status-200", "null-expires_at", "chunked", "gzip", "header-case"}
    listed = answers.list_workloads(server.engine)
    workloads = {name: listed[name] for name in sorted(names)}
    answers.choose_in_server(server.port, workloads)
    with KeepAlive(server.port) as connection:
        for workload in workloads.values():
            assert connection.ask(workload.to_bytes(server.port)) in workload.statuses
    assert _seen_variants(server.engine) == {None, *names} - {answers.PLAIN}


def _seen_variants(engine: Engine) -> set[str | None]:
    return {call.variant for namespace in engine.namespaces for call in namespace.journal}


def test_all_variants_of_the_contract_are_derived_when_that_is_measured() -> None:
    engine = build_engine(Settings())
    count, seconds = answers.derive_all(engine.contract)
    again, _ = answers.derive_all(engine.contract)
    assert count == again > 1_000
    assert seconds > 0


@pytest.mark.parametrize("kind", runs.KINDS.values(), ids=runs.KINDS)
def test_generated_test_files_hold_the_fixture_and_the_number_of_tests(
    kind: runs.Kind, tmp_path: Path
) -> None:
    text = runs.write_test_file(tmp_path, kind, 30).read_text("utf-8")
    compile(text, "test", "exec")
    assert "range(30)" in text
    assert kind.fixture is None or f"def test_call(number, {kind.fixture}):" in text


def test_the_total_of_pytest_is_read_and_failed_tests_are_no_measurement(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert runs.read_total("....\n200 passed in 0.85s\n") == 0.85
    with pytest.raises(Unmeasurable):
        runs.read_total("F\n1 failed, 199 passed in 0.85s\n")
    assert "1 failed" in capsys.readouterr().err


@pytest.mark.parametrize(
    "way",
    [costs._guard_way, partial(costs._door_way, is_fresh=False), partial(costs._door_way, is_fresh=True)],
    ids=["guard", "known", "fresh"],
)
def test_the_guard_looks_at_the_headers_of_each_call(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, way: Any
) -> None:
    app = create_app(engine)
    looked: list[object] = []
    check = app.guard._check_headers

    def look(*given: Any) -> Any:
        looked.append(given)
        return check(*given)

    monkeypatch.setattr(app.guard, "_check_headers", look)
    ask = way(app)(Workload())
    looked.clear()
    for count in range(1, 5):
        assert ask() in (200, 201)
        assert len(looked) == count


def test_the_cost_of_the_guard_is_told_beside_that_of_a_call() -> None:
    (table,) = costs.measure_guard(SMOKE)
    assert table.columns[-1] == "guard %"
    assert [row[0] for row in table.rows] == ["as in the call before", "never the same"]
    for _, guard, call, share in table.rows:
        assert isinstance(guard, Quartiles) and isinstance(call, Quartiles) and isinstance(share, Quartiles)
        assert min(guard.median, call.median, share.median) > 0


def test_smaller_efforts_measure_less() -> None:
    assert SMOKE.rounds < USUAL.rounds < FULL.rounds
    assert max(SMOKE.calls) < max(USUAL.calls) < max(FULL.calls) == 1_000_000


# Report


def _results(*parts: Part, machine: str = "one") -> Results:
    return Results({"processor": machine}, {"uvicorn": "0.1"}, parts)


def test_a_table_is_written_in_markdown() -> None:
    assert write_table(TABLE).splitlines() == [
        "| server | requests/s | of bare ASGI |",
        "| --- | ---: | ---: |",
        "| bare ASGI on uvicorn | 43,500 (40,000–44,000) | 1.00 |",
        "| mockserver | 22,200 (21,000–23,000) | 0.511 (0.49–0.55) |",
        "| raw asyncio protocol | 186,000 (180,000–190,000) | – |",
    ]


def test_results_written_as_json_and_read_back_are_equal() -> None:
    results = _results(Part("throughput", "2026-01-01", (TABLE,)))
    assert read_results(json.loads(json.dumps(results.to_json()))) == results


def test_the_page_names_machine_versions_dates_and_notes() -> None:
    page = write_markdown(_results(Part("throughput", "2026-01-01", (TABLE,))))
    for text in ("processor: one", "uvicorn 0.1", "2026-01-01", "A note.", "scripts/bench throughput"):
        assert text in page


def test_new_parts_replace_old_ones_of_their_name_in_the_usual_order() -> None:
    old, new, other = Part("b", "old", ()), Part("b", "new", ()), Part("a", "old", ())
    assert _results(old).with_parts([new, other], ["a", "b"]).parts == (other, new)


def test_the_plot_shows_each_row_but_those_left_out() -> None:
    plot = draw_bars(
        TABLE,
        "requests/s",
        own="mockserver",
        limit="bare ASGI on uvicorn",
        leave_out=("raw asyncio protocol",),
    )
    root = ElementTree.fromstring(plot)
    space = "{http://www.w3.org/2000/svg}"
    texts = [text.text for text in root.iter(f"{space}text")]
    assert texts == ["Throughput <16>, requests/s", "bare ASGI on uvicorn", "43,500", "mockserver", "22,200"]
    widths = {bar.get("class"): float(bar.get("width", "")) for bar in root.iter(f"{space}rect")}
    assert widths["bar own"] / widths["limit"] == pytest.approx(22_222.2 / 43_512, rel=1e-3)
    assert "prefers-color-scheme: dark" in plot


def test_a_report_keeps_the_other_parts_of_the_same_machine_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "list_versions", dict)
    monkeypatch.setattr(command, "describe_machine", lambda: {"processor": "one"})
    command.write_report(tmp_path, [Part("throughput", "2026-01-01", (TABLE,))])
    command.write_report(tmp_path, [Part("start", "2026-01-02", ())])
    assert [part.name for part in _read(tmp_path).parts] == ["throughput", "start"]
    assert "mockserver" in (tmp_path / "throughput.svg").read_text("utf-8")
    monkeypatch.setattr(command, "describe_machine", lambda: {"processor": "another"})
    command.write_report(tmp_path, [Part("start", "2026-01-03", ())])
    assert [part.name for part in _read(tmp_path).parts] == ["start"]


def _read(folder: Path) -> Results:
    return read_results(json.loads((folder / "results.json").read_text("utf-8")))


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
