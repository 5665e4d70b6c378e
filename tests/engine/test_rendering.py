"""A decision becomes bytes, and no body leaves that breaks the schema of its status."""

from __future__ import annotations

import json
import math
from copy import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.engine.engine import Engine
from mockserver.engine.situation import Outcome
from mockserver.faults import Delay
from mockserver.messages import build_request
from mockserver.scripting.delays import draw_delay
from mockserver.seeds import Seed
from mockserver.serving.building import assemble, build_engine
from mockserver.settings import Settings
from tests.doors import CREATE, FROZEN, UNSENT, Answer, Api, engine_api
from tests.judge import check, check_schema


def contract_with(folder: Path, **responses: Any) -> Api:
    """An engine for one operation, `GET /thing`, with these responses by status (`_200`)."""
    document = {
        "openapi": "3.1.0",
        "paths": {
            "/thing": {
                "get": {"responses": {status.removeprefix("_"): body for status, body in responses.items()}}
            }
        },
    }
    (folder / "openapi.json").write_text(json.dumps(document), "utf-8")
    return engine_api(build_engine(Settings(contract=folder / "openapi.json", clock=FROZEN)))


def media(content_type: str, **item: Any) -> dict[str, Any]:
    return {"description": "", "content": {content_type: item}}


def get(api: Api, prefer: str = "") -> Answer:
    return api.send("GET", "/thing", json=UNSENT, headers={"Prefer": prefer} if prefer else None)


ERROR = {"type": "object", "required": ["problem"], "properties": {"problem": {"type": "string"}}}


def test_an_answer_without_content_has_no_body_and_no_type(tmp_path: Path) -> None:
    api = contract_with(tmp_path, _204={"description": ""}, _404={"description": ""})
    for prefer, status in (("", 204), ("code=404", 404)):
        answer = get(api, prefer)
        assert (answer.status, answer.body) == (status, b"")
        assert "content-type" not in answer.headers


def test_a_success_is_its_first_example_else_a_value_of_its_schema(tmp_path: Path) -> None:
    number = {"type": "integer", "minimum": 7, "maximum": 9}
    schema = {"type": "object", "required": ["n"], "properties": {"n": number}}
    examples = {"b": {"value": {"n": 8}}, "a": {"value": {"n": 9}}}
    api = contract_with(tmp_path, _200=media("application/json", schema=schema, examples=examples))
    assert get(api).json == {"n": 8}
    assert get(api, "example=a").json == {"n": 9}
    api = contract_with(tmp_path, _200=media("application/json", schema=schema))
    assert get(api).json["n"] in (7, 8, 9)


def test_content_without_a_schema_is_an_empty_object(tmp_path: Path) -> None:
    assert get(contract_with(tmp_path, _200=media("application/json"))).json == {}


@pytest.mark.parametrize(
    ("content_type", "example", "body"),
    [
        ("text/plain", "hello", b"hello"),
        ("text/html", "<p>ü</p>", "<p>ü</p>".encode()),
        ("application/vnd.thing+json", {"a": 1}, b'{"a":1}'),
        ("application/json; charset=utf-8", "x", b'"x"'),
    ],
)
def test_a_body_has_the_media_type_of_its_envelope(
    tmp_path: Path, content_type: str, example: Any, body: bytes
) -> None:
    response = media(content_type, schema={}, example=example)
    api = contract_with(tmp_path, _200=response, _500=response)
    for prefer in ("", "example=example", "code=500, example=example"):
        answer = get(api, prefer)
        assert (answer.header("content-type"), answer.body) == (content_type, body)


def test_json_is_preferred_among_media_types(tmp_path: Path) -> None:
    response = {"content": {"text/html": {"example": "<p>"}, "application/json": {"example": [1]}}}
    assert get(contract_with(tmp_path, _200=response)).json == [1]


def test_an_error_body_of_another_kind_is_its_example_or_a_value_of_its_schema(tmp_path: Path) -> None:
    ok, gone = {"description": ""}, {"problem": "gone"}
    api = contract_with(tmp_path, _200=ok, _404=media("application/json", schema=ERROR, example=gone))
    assert get(api, "code=404").json == {"problem": "gone"}
    api = contract_with(tmp_path, _200=ok, _404=media("application/json", schema=ERROR))
    assert isinstance(get(api, "code=404").json["problem"], str)
    api = contract_with(tmp_path, _200=ok, _404=media("application/json", schema={"type": "object"}))
    assert get(api, "code=404").json == {}


class Answering:
    """A behaviour that answers with a value."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def find_missing(self, situation: object) -> None: ...

    def find_conflict(self, situation: object) -> None: ...

    def carry_out(self, situation: object, seed: object) -> Outcome:
        return Outcome(self.value, "done")

    def find_secret(self, seed: object, namespace: str) -> None: ...


@pytest.mark.parametrize(
    "value", [None, {}, {"message": "success", "success": True, "data": {"id": 5}}, {"success": False}]
)
def test_a_success_that_breaks_its_schema_never_leaves(
    engine: Engine, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    rules = copy(engine.rules)
    rules.behaviours = {"createApiKey": Answering(value)}  # type: ignore[misc]
    answer = engine_api(assemble(engine.contract, rules, engine.fixtures, engine.settings)).send()
    assert answer.outcome == (500, "mock_failure")
    assert "createApiKey breaks its schema" in caplog.text


def test_a_schema_of_which_no_value_can_be_made_is_a_broken_contract(tmp_path: Path) -> None:
    impossible = {"type": "string", "minLength": 5, "maxLength": 3}
    api = contract_with(tmp_path, _200=media("application/json", schema=impossible))
    assert get(api).outcome == (501, "broken_contract")
    assert get(api).outcome == (501, "broken_contract"), "and the next call is answered"


def test_the_headers_of_a_script_win_over_those_of_the_contract(engine: Engine) -> None:
    api = engine_api(engine)
    headers = {"Content-Type": "application/json; charset=utf-8", "Retry-After": "7", "X-Own": ["a", "b"]}
    api.script({"request": {"urlPath": "/v1/api-keys/"}, "response": {"status": 429, "headers": headers}})
    answer = api.send()
    assert answer.headers["content-type"] == ["application/json; charset=utf-8"]
    assert answer.headers["retry-after"] == ["7"]
    assert answer.headers["x-own"] == ["a", "b"]
    assert answer.reason == "stub"
    assert answer.json["error"]["code"] == 429


def test_no_text_of_a_request_reaches_a_header(engine: Engine) -> None:
    api = engine_api(engine)
    mark = "mark-7f3k"
    for prefer in ("", f"code=401, example={mark}", f"dynamic=true, seed={mark}", "code=429"):
        for url in (f"{CREATE}{mark}", f"/~{mark}{CREATE}", f"/v1/{mark}"):
            headers = {"Prefer": prefer, mark: mark, "Origin": mark}
            answer = api.send("POST", url, key=f"sk_test_{mark}", json={"name": mark}, headers=headers)
            assert mark not in str(answer.headers)


@pytest.mark.parametrize("status", [200, 201, 400, 401, 403, 404, 409, 422, 429, 500])
@pytest.mark.parametrize("prefer", ["", ", dynamic=true", ", dynamic=true, seed=a"])
def test_every_documented_answer_keeps_its_schema(engine: Engine, status: int, prefer: str) -> None:
    answer = engine_api(engine).send(headers={"Prefer": f"code={status}{prefer}"})
    assert check_schema(answer).outcome == (status, "preferred")


def test_every_example_can_be_asked_for(engine: Engine) -> None:
    api = engine_api(engine)
    for operation, method, url in (
        ("createApiKey", "POST", CREATE),
        ("listApiKeys", "GET", CREATE),
        ("deleteApiKey", "DELETE", "/v1/api-keys/x"),
        ("regenerateManagedApiKey", "POST", "/v1/api-keys/x/regenerate"),
    ):
        for envelope in engine.contract.operations[operation].envelopes.values():
            for name, value in envelope.examples.items():
                prefer = {"Prefer": f"code={envelope.status}, example={name}"}
                answer = check(api.send(method, url, json=UNSENT, headers=prefer), operation)
                assert (answer.status, answer.json) == (int(envelope.status), value)


# Delays

SEEDS = [Seed(str(number)) for number in range(400)]


def test_a_fixed_delay_is_just_that() -> None:
    assert {draw_delay(Delay("fixed", fixed=1.5), seed) for seed in SEEDS} == {1.5}


def test_a_uniform_delay_lies_between_its_bounds_and_spreads() -> None:
    drawn = [draw_delay(Delay("uniform", lower=1.0, upper=3.0), seed) for seed in SEEDS]
    assert all(1.0 <= seconds < 3.0 for seconds in drawn)
    assert 1.9 < sum(drawn) / len(drawn) < 2.1


def test_a_lognormal_delay_has_its_median_and_is_cut() -> None:
    delay = Delay("lognormal", median=0.1, sigma=0.5, maximum=0.2)
    drawn = sorted(draw_delay(delay, seed) for seed in SEEDS)
    assert 0.09 < drawn[len(drawn) // 2] < 0.11
    assert 0 < drawn[0] < 0.05
    assert drawn[-1] == 0.2


@given(st.floats(0, 1e6), st.floats(0, 10), st.text(max_size=5))
def test_a_draw_is_finite_and_the_same_for_the_same_seed(median: float, sigma: float, seed: str) -> None:
    delay = Delay("lognormal", median=median, sigma=sigma)
    seconds = draw_delay(delay, Seed(seed))
    assert 0 <= seconds <= 300
    assert math.isfinite(seconds)
    assert draw_delay(delay, Seed(seed)) == seconds


def test_delays_of_stub_and_namespace_add_up(engine: Engine) -> None:
    api = engine_api(engine)
    stub = {"status": 500, "fixedDelayMilliseconds": 250}
    api.script({"request": {"urlPath": "/v1/api-keys/"}, "response": stub})
    engine.namespaces.default.global_delay = Delay("fixed", fixed=1.0)
    assert engine.handle(build_request("POST", CREATE)).delivery.delay_seconds == 1.25
    assert engine.handle(build_request("GET", "/other")).delivery.delay_seconds == 1.0
