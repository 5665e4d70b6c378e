"""Stub documents: what they mean, what is refused in them, and that writing gives back what was read."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.contract import load_contract
from mockserver.exceptions import StubError
from mockserver.faults import Delay, Dribble, Fault, Phase
from mockserver.scripting.documents import read_queue, read_stub, read_stubs, write_stub
from mockserver.scripting.scenarios import ScenarioStep
from mockserver.scripting.stubs import ResponseDefinition, Stub
from mockserver.scripting.subjects import Subject
from mockserver.settings import packaged_folder

CONTRACT = load_contract(packaged_folder("schemas") / "openapi.json")
ERROR = {
    "message": "Too many",
    "success": False,
    "error": {"code": 429, "message": "Too many", "details": {"reason": "rate_limited"}},
}
JSON_TYPE = (b"content-type", b"application/json")
# Reaches no operation, so that its answer is not judged.
ELSEWHERE = {"urlPath": "/elsewhere"}


def make_ids() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"new-{next(numbers)}"


def read(document: Any, **options: Any) -> Stub:
    return read_stub(document, CONTRACT, new_id=make_ids(), **options)


def read_response(**members: Any) -> ResponseDefinition:
    return read({"request": ELSEWHERE, "response": members}).response


def find_problems(call: Callable[[], object]) -> list[tuple[str, str]]:
    """Each as (pointer, message); at least one."""
    with pytest.raises(StubError) as caught:
        call()
    return [(problem.pointer, problem.message) for problem in caught.value.problems]


def find_pointers(document: Any) -> list[str]:
    return [pointer for pointer, _ in find_problems(lambda: read(document))]


def find_response_problem(**members: Any) -> tuple[str, str]:
    """The only problem of a response, its pointer without "/response"."""
    problems = find_problems(lambda: read_response(**members))
    assert len(problems) == 1, problems
    pointer, message = problems[0]
    return pointer.removeprefix("/response"), message


# Stubs.


def test_an_empty_document_is_a_stub_for_every_request_with_the_plain_answer() -> None:
    stub = read({})
    assert stub.matcher.judge(Subject("PUT", "/any", {}, {}, b"x", url="/any")) is True
    assert stub.response == ResponseDefinition()
    assert (stub.id, stub.name, stub.priority, stub.scenario) == ("new-1", None, 5, None)
    assert (stub.operation, stub.times, stub.phase) == (None, None, Phase.BEFORE)
    assert (stub.hold, stub.off_contract) == (False, False)


def test_every_member_of_a_stub_is_read() -> None:
    stub = read(
        {
            "id": "7f3c",
            "name": "slow down",
            "request": {"method": "POST"},
            "response": {"status": 429},
            "priority": 1,
            "scenarioName": "retry",
            "requiredScenarioState": "Started",
            "newScenarioState": "calm",
            "persistent": False,
            "metadata": {
                "owner": None,
                "mockserver": {
                    "operation": "createApiKey",
                    "times": 2,
                    "phase": "after_commit",
                    "offContract": True,
                    "hold": True,
                },
            },
        }
    )
    assert (stub.id, stub.name, stub.matcher.methods, stub.response.status) == (
        "7f3c",
        "slow down",
        ("POST",),
        429,
    )
    assert (stub.priority, stub.scenario) == (1, ScenarioStep("retry", "Started", "calm"))
    assert (stub.operation, stub.times, stub.phase) == ("createApiKey", 2, Phase.AFTER_COMMIT)
    assert stub.hold and stub.off_contract


def test_a_null_counts_as_not_given_wherever_a_client_may_send_it() -> None:
    nothing = {"type": "lognormal", "median": 1, "sigma": 0, "maxValue": None}
    stub = read(
        {
            "id": None,
            "request": None,
            "priority": None,
            "newScenarioState": None,
            "postServeActions": None,
            "response": {
                "status": None,
                "bodyFileName": None,
                "jsonBody": None,
                "delayDistribution": nothing,
            },
            "metadata": {"mockserver": {"times": None, "operation": None}},
        }
    )
    assert write_stub(stub) == {
        "id": "new-1",
        "uuid": "new-1",
        "request": {},
        "response": {"delayDistribution": {"type": "lognormal", "median": 1, "sigma": 0}},
        "metadata": {"mockserver": {}},
    }


def test_an_empty_list_of_something_not_offered_asks_for_nothing() -> None:
    stub = read({"postServeActions": [], "response": {"status": 400, "removeProxyRequestHeaders": []}})
    assert write_stub(stub)["response"] == {"status": 400}
    assert "postServeActions" not in write_stub(stub)


@pytest.mark.parametrize(
    "given", [{"id": "a-1"}, {"uuid": "a-1"}, {"id": "a-1", "uuid": "a-1"}, {"id": "", "uuid": "a-1"}]
)
def test_the_id_may_stand_in_either_member_and_is_written_in_both(given: dict[str, str]) -> None:
    stub = read(given)
    assert stub.id == "a-1"
    assert list(write_stub(stub).items())[:2] == [("id", "a-1"), ("uuid", "a-1")]


@pytest.mark.parametrize("id", ["x" * 101, "ünï", "a\nb"])
def test_an_id_is_short_printable_ascii(id: str) -> None:
    assert find_pointers({"id": id}) == ["/id"]


def test_an_id_that_says_two_things_is_refused() -> None:
    assert find_problems(lambda: read({"id": "a", "uuid": "b"})) == [
        ("/uuid", "must be the same as 'id', which is 'a'")
    ]


def test_every_problem_of_a_stub_is_found_at_once() -> None:
    document = {
        "nme": "x",
        "priority": 0,
        "persistent": "yes",
        "requiredScenarioState": "a",
        "times": 3,
        "request": {"urlPat": "/", "method": 3},
        "response": {"status": 99, "fault": "EMPTY"},
        "metadata": {"mockserver": {"operation": "createApikey", "times": 0, "phase": "then", "hld": True}},
    }
    assert sorted(find_pointers(document)) == [
        "/metadata/mockserver/hld",
        "/metadata/mockserver/operation",
        "/metadata/mockserver/phase",
        "/metadata/mockserver/times",
        "/nme",
        "/persistent",
        "/priority",
        "/request/method",
        "/request/urlPat",
        "/requiredScenarioState",
        "/response/fault",
        "/response/status",
        "/times",
    ]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"nme": "x"}, "'nme' is no member of a stub; did you mean 'name'?"),
        ({"times": 2}, "'times' belongs into 'metadata', there into 'mockserver'"),
        ({"priority": 1.5}, "must be a whole number of at least 1, not 1.5"),
        ({"priority": True}, "must be a whole number of at least 1, not a boolean"),
        ({"newScenarioState": "b"}, "'newScenarioState' needs 'scenarioName'"),
        ({"scenarioName": ""}, "'scenarioName' must not be empty"),
        ({"metadata": []}, "'metadata' must be an object, not an array"),
        ({"metadata": {"mockserver": 0}}, "metadata.mockserver must be an object, not a number"),
        ({"metadata": {"mockserver": {"tmes": 1}}}, "did you mean 'times'?"),
        ({"metadata": {"mockserver": {"times": 0}}}, "from 1 to 1000000, not 0"),
        ({"metadata": {"mockserver": {"hold": "yes"}}}, "'hold' must be true or false, not text"),
        (
            {"metadata": {"mockserver": {"phase": "after"}}},
            "'after' is no phase; known: after_commit, before",
        ),
        (
            {"metadata": {"mockserver": {"operation": "createKey"}}},
            "'createKey' is no operation of the contract; did you mean 'createApiKey'? "
            "known: createApiKey, deleteApiKey, listApiKeys, regenerateManagedApiKey",
        ),
        ({"response": []}, "a response must be an object, not an array"),
        ({"response": {"stauts": 1}}, "'stauts' is no member of a response; did you mean 'status'?"),
        ({"response": {"proxyBaseUrl": "http://x"}}, "not offered: nothing is passed on"),
        (["stub"], "a stub must be an object, not an array"),
    ],
    ids=json.dumps,
)
def test_a_refusal_says_what_would_be_right(document: Any, expected: str) -> None:
    problems = find_problems(lambda: read(document))
    assert len(problems) == 1
    assert expected in problems[0][1]


def test_a_problem_names_file_and_place() -> None:
    with pytest.raises(StubError) as caught:
        mappings: list[Any] = [None, None, None, {"response": {"status": 1}}]
        read_stubs({"mappings": mappings}, CONTRACT, new_id=make_ids(), file="stubs/a.json")
    assert str(caught.value) == (
        "stubs/a.json#/mappings/3/response/status: must be a whole number from 200 to 599, not 1"
    )


def test_no_secret_of_a_document_is_in_the_text_of_its_refusal() -> None:
    secret = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
    with pytest.raises(StubError) as caught:
        read(
            {
                secret: 1,
                "id": f"{secret}\n",
                "uuid": secret,
                "priority": secret,
                "request": {"url": secret},
                "response": {
                    "headers": {f"{secret} ": "x"},
                    "fault": secret,
                    "delayDistribution": {"type": secret},
                },
                "metadata": {"mockserver": {"operation": secret}},
            }
        )
    assert len(caught.value.problems) >= 8
    assert "4eC39HqLyj" not in str(caught.value)


def test_secrets_that_a_request_is_compared_with_are_not_kept() -> None:
    header = {"authorization": {"equalTo": "Bearer sk_test_4eC39HqLyjWDarjtT1zdp7dc"}}
    stub = read({"request": {"headers": header}})
    assert "sk_test_[" in json.dumps(write_stub(stub))
    assert "4eC39HqLyj" not in json.dumps(write_stub(stub))


def test_what_is_no_json_is_refused_as_a_whole() -> None:
    problems = find_problems(lambda: read({"response": {"jsonBody": object()}}))
    assert [pointer for pointer, _ in problems] == [""]
    assert problems[0][1].startswith("is no JSON")


def test_a_stub_shares_nothing_with_its_document() -> None:
    document = {"name": "before", "response": {"status": 400}, "metadata": {"tags": ["a"]}}
    stub = read(document)
    document["metadata"]["tags"].append("b")  # type: ignore[index]
    write_stub(stub)["response"]["status"] = 500
    assert write_stub(stub)["metadata"] == {"tags": ["a"]}
    assert write_stub(stub)["response"] == {"status": 400}


# Responses.


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({}, None),
        ({"status": 404}, 404),
        ({"body": "x"}, 200),
        ({"fault": "HANG"}, None),
        ({"fault": "TRUNCATED_BODY", "body": "x"}, None),
        ({"fault": "TRUNCATED_BODY", "status": 201}, 201),
    ],
)
def test_only_a_body_brings_a_status_by_itself(members: dict[str, Any], status: int | None) -> None:
    assert read_response(**members).status == status


@pytest.mark.parametrize("status", [0, 99, 100, 103, 199, 600, 1000, "200", 200.0, True])
def test_a_status_that_ends_no_exchange_is_refused(status: Any) -> None:
    pointer, message = find_response_problem(status=status)
    assert pointer == "/status"
    assert message.startswith("must be a whole number from 200 to 599, not ")


@pytest.mark.parametrize(
    ("member", "value", "body", "content_type"),
    [
        ("jsonBody", {"a": [1, None]}, b'{"a":[1,null]}', b"application/json"),
        ("jsonBody", "text", b'"text"', b"application/json"),
        ("body", '{"a": 1}', b'{"a": 1}', b"application/json"),
        ("body", "grüße", "grüße".encode(), b"text/plain; charset=utf-8"),
        ("body", "", b"", None),
        ("base64Body", "eyJhIjoxfQ==", b'{"a":1}', b"application/json"),
        ("base64Body", "AP8=", b"\x00\xff", None),
    ],
)
def test_a_body_brings_its_content_type(
    member: str, value: Any, body: bytes, content_type: bytes | None
) -> None:
    response = read_response(**{member: value})
    assert response.body == body
    assert dict(response.headers).get(b"content-type") == content_type


def test_a_content_type_that_is_given_stays_alone() -> None:
    response = read_response(jsonBody={}, headers={"Content-Type": "application/problem+json"})
    assert response.headers == ((b"Content-Type", b"application/problem+json"),)


def test_a_json_null_is_written_as_text() -> None:
    response = read_response(body="null")
    assert (response.body, response.headers) == (b"null", (JSON_TYPE,))


@pytest.mark.parametrize(
    ("members", "pointer", "expected"),
    [
        ({"body": "x", "jsonBody": 1}, "", "'body' and 'jsonBody' cannot be given together"),
        ({"body": {"a": 1}}, "/body", "'body' must be text, not an object; JSON belongs into 'jsonBody'"),
        ({"base64Body": 3}, "/base64Body", "'base64Body' must be text, not a number"),
        ({"base64Body": "a?b="}, "/base64Body", "must be base64"),
        ({"base64Body": "ä==="}, "/base64Body", "must be base64"),
        ({"status": 204, "body": "x"}, "/body", "an answer with status 204 has no body"),
        ({"status": 205, "body": "x"}, "/body", "an answer with status 205 has no body"),
        ({"status": 304, "jsonBody": {}}, "/jsonBody", "an answer with status 304 has no body"),
        ({"body": "x" * 1_048_577}, "/body", "1048577 bytes are too many; a body may have 1048576"),
        ({"body": "ü" * 524_289}, "/body", "1048578 bytes are too many"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_body_that_cannot_be_sent_is_refused(members: Any, pointer: str, expected: str) -> None:
    found, message = find_response_problem(**members)
    assert found == pointer
    assert expected in message


def test_the_greatest_body_and_an_empty_one_without_content_are_accepted() -> None:
    assert len(read_response(body="x" * 1_048_576).body or b"") == 1_048_576
    assert read_response(status=204, body="").body == b""


def test_headers_keep_their_spelling_and_order() -> None:
    headers = {"X-B": "1", "x-A": ["2", "é\t3"], "Retry-After": ""}
    assert read_response(status=429, headers=headers).headers == (
        (b"X-B", b"1"),
        (b"x-A", b"2"),
        (b"x-A", b"\xe9\t3"),
        (b"Retry-After", b""),
    )


@pytest.mark.parametrize("name", ["", "a b", "a:b", "x\r\ny", "ü", "a/b"])
def test_a_header_name_is_a_token(name: str) -> None:
    pointer, message = find_response_problem(headers={name: "x"})
    assert pointer == "/headers/" + name.replace("/", "~1")
    assert "is no header name" in message


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\n", "\x00", "\x7f", "€"])
def test_a_header_value_breaks_no_line(value: str) -> None:
    assert find_response_problem(headers={"X": value})[0] == "/headers/X"
    assert find_response_problem(headers={"X": ["fine", value]})[0] == "/headers/X/1"
    assert find_response_problem(statusMessage=value)[0] == "/statusMessage"


@pytest.mark.parametrize("value", [3, True, {}, []])
def test_a_header_value_is_text(value: Any) -> None:
    pointer, message = find_response_problem(headers={"X": value})
    assert (pointer, message[:37]) == ("/headers/X", "must be text, or an array of texts, n")


@pytest.mark.parametrize(
    "name",
    [
        "Connection",
        "content-length",
        "Keep-Alive",
        "Proxy-Connection",
        "TE",
        "Trailer",
        "TRANSFER-ENCODING",
        "Upgrade",
    ],
)
def test_headers_that_frame_the_answer_are_left_to_the_faults(name: str) -> None:
    pointer, message = find_response_problem(headers={name: "1"})
    assert pointer == f"/headers/{name}"
    assert "WRONG_CONTENT_LENGTH" in message


def test_the_server_signs_its_answers_itself() -> None:
    assert find_response_problem(headers={"Mockserver-Reason": "x"})[0] == "/headers/Mockserver-Reason"


def test_headers_are_an_object() -> None:
    expected = "'headers' must be an object of texts, not an array"
    assert find_response_problem(headers=["X"]) == ("/headers", expected)


def test_a_status_message_is_kept() -> None:
    assert read_response(status=429, statusMessage="Slow Down").status_message == "Slow Down"


@pytest.mark.parametrize(
    ("members", "delay"),
    [
        ({"fixedDelayMilliseconds": 1500}, Delay("fixed", fixed=1.5)),
        ({"delayDistribution": {"type": "fixed", "milliseconds": 20}}, Delay("fixed", fixed=0.02)),
        (
            {"delayDistribution": {"type": "uniform", "lower": 10, "upper": 300_000}},
            Delay("uniform", lower=0.01, upper=300.0),
        ),
        (
            {"delayDistribution": {"type": "lognormal", "median": 90, "sigma": 0.1}},
            Delay("lognormal", median=0.09, sigma=0.1, maximum=300.0),
        ),
        (
            {"delayDistribution": {"type": "lognormal", "median": 90, "sigma": 0, "maxValue": 500}},
            Delay("lognormal", median=0.09, maximum=0.5),
        ),
        ({"chunkedDribbleDelay": {"numberOfChunks": 1, "totalDuration": 0}}, None),
    ],
)
def test_milliseconds_become_seconds(members: Any, delay: Delay | None) -> None:
    assert read_response(**members).delay == delay


def test_a_dribble_is_read() -> None:
    dribble = {"numberOfChunks": 5, "totalDuration": 1000}
    assert read_response(chunkedDribbleDelay=dribble).dribble == Dribble(5, 1.0)


@pytest.mark.parametrize(
    ("members", "pointer", "expected"),
    [
        ({"fixedDelayMilliseconds": -1}, "/fixedDelayMilliseconds", "from 0 to 300000, not -1"),
        ({"fixedDelayMilliseconds": 300_001}, "/fixedDelayMilliseconds", "from 0 to 300000"),
        ({"fixedDelayMilliseconds": "5"}, "/fixedDelayMilliseconds", "not '5'"),
        (
            {"fixedDelayMilliseconds": 1, "delayDistribution": {"type": "fixed", "milliseconds": 1}},
            "",
            "cannot be given together",
        ),
        ({"delayDistribution": 5}, "/delayDistribution", "must be an object, not a number"),
        (
            {"delayDistribution": {"type": "gauss"}},
            "/delayDistribution/type",
            "'type' must be one of 'fixed', 'uniform', 'lognormal', not 'gauss'",
        ),
        ({"delayDistribution": {"type": []}}, "/delayDistribution/type", "not an array"),
        ({"delayDistribution": {"type": "fixed"}}, "/delayDistribution/milliseconds", "is missing"),
        (
            {"delayDistribution": {"type": "uniform", "lower": 2, "upper": 1}},
            "/delayDistribution/upper",
            "must be at least 'lower', which is 2",
        ),
        (
            {"delayDistribution": {"type": "lognormal", "median": 1, "sigma": 11}},
            "/delayDistribution/sigma",
            "must be a number from 0 to 10, not 11",
        ),
        (
            {"chunkedDribbleDelay": {"numberOfChunks": 0, "totalDuration": 1}},
            "/chunkedDribbleDelay/numberOfChunks",
            "from 1 to 1000, not 0",
        ),
        (
            {"chunkedDribbleDelay": {"numberOfChunks": 1}},
            "/chunkedDribbleDelay/totalDuration",
            "is missing",
        ),
        ({"fault": "EMPTY_RESPONS"}, "/fault", "is no fault; did you mean 'EMPTY_RESPONSE'?"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_delay_or_fault_that_cannot_be_is_refused(members: Any, pointer: str, expected: str) -> None:
    found, message = find_response_problem(**members)
    assert found == pointer
    assert expected in message


def test_every_fault_can_be_scripted() -> None:
    assert [read_response(fault=fault.value).fault for fault in Fault] == list(Fault)


# Lists of stubs.


def test_a_list_of_stubs_is_read_in_order() -> None:
    document = {"mappings": [{"id": "a"}, {}, {"id": "c"}], "meta": {"total": 3}}
    stubs = read_stubs(document, CONTRACT, new_id=make_ids())
    assert [stub.id for stub in stubs] == ["a", "new-1", "c"]


def test_one_stub_is_a_list_of_one() -> None:
    assert [stub.id for stub in read_stubs({"id": "a"}, CONTRACT, new_id=make_ids())] == ["a"]


def test_a_list_of_stubs_is_refused_with_every_problem_of_every_stub() -> None:
    document = {
        "mappings": [{"priority": 0}, {"id": "a"}, 3, {"response": {"status": 503}}, {"uuid": "a"}],
        "mapings": [],
    }
    with pytest.raises(StubError) as caught:
        read_stubs(document, CONTRACT, new_id=make_ids(), file="a.json")
    places = [(problem.file, problem.pointer) for problem in caught.value.problems]
    assert places == [
        ("a.json", "/mapings"),
        ("a.json", "/mappings/0/priority"),
        ("a.json", "/mappings/2"),
        *[("a.json", "/mappings/3/response/status")] * len(CONTRACT.operations),
        ("a.json", "/mappings/4/id"),
    ]


@pytest.mark.parametrize("mappings", [None, {}, "x"])
def test_mappings_are_an_array(mappings: Any) -> None:
    problems = find_problems(lambda: read_stubs({"mappings": mappings}, CONTRACT, new_id=make_ids()))
    assert [pointer for pointer, _ in problems] == ["/mappings"]


def test_the_packaged_stubs_are_sound() -> None:
    documents = [
        json.loads(path.read_text("utf-8")) for path in (packaged_folder("fixtures") / "stubs").glob("*.json")
    ]
    stubs = [stub for each in documents for stub in read_stubs(each, CONTRACT, new_id=make_ids())]
    names = {f"acct_error_{status}" for status in (400, 401, 403, 404, 409, 422, 429, 500)}
    assert names <= {stub.name for stub in stubs}


# Queues.


def queue(*outcomes: Any, operation: str = "createApiKey") -> list[Stub]:
    document = {"operation": operation, "outcomes": list(outcomes)}
    return read_queue(document, CONTRACT, new_id=make_ids())


def test_a_queue_is_ordinary_stubs_that_are_used_once() -> None:
    stubs = queue(500, {"fault": "CONNECTION_RESET_BY_PEER", "phase": "after_commit"}, 201)
    assert [(stub.response.status, stub.response.fault, stub.phase) for stub in stubs] == [
        (500, None, Phase.BEFORE),
        (None, Fault.CONNECTION_RESET_BY_PEER, Phase.AFTER_COMMIT),
        (201, None, Phase.BEFORE),
    ]
    assert {(stub.operation, stub.times) for stub in stubs} == {("createApiKey", 1)}
    assert write_stub(stubs[0]) == {
        "id": "new-1",
        "uuid": "new-1",
        "request": {},
        "response": {"status": 500},
        "metadata": {"mockserver": {"times": 1, "operation": "createApiKey"}},
    }


def test_every_member_of_an_outcome_is_read() -> None:
    uniform = {"type": "uniform", "lower": 1000, "upper": 2000}
    first, second, third = queue(
        {"status": 429, "body": ERROR, "headers": {"Retry-After": "2"}, "delay": 0.25, "times": 3},
        {"status": 429, "body": json.dumps(ERROR), "delay": uniform, "phase": None},
        {"status": 503, "body": "busy", "offContract": True},
    )
    assert (first.response.body, first.times) == (json.dumps(ERROR, separators=(",", ":")).encode(), 3)
    assert first.response.headers == ((b"Retry-After", b"2"), JSON_TYPE)
    assert first.response.delay == Delay("fixed", fixed=0.25)
    assert second.response.body == json.dumps(ERROR).encode()
    assert second.response.delay == Delay("uniform", lower=1.0, upper=2.0)
    assert (third.off_contract, third.response.body) == (True, b"busy")


def test_a_queue_is_refused_with_every_problem_at_its_place() -> None:
    problems = find_problems(
        lambda: queue(
            True,
            {"status": 700, "delay": 301, "tims": 2},
            {"status": 429, "body": {**ERROR, "success": 0}},
            {"status": 429, "body": "no JSON", "times": 0, "phase": "x"},
            {"delay": {"type": "fixed", "milliseconds": -1}, "headers": {"a b": "x"}},
            503,
        )
    )
    assert [pointer for pointer, _ in problems] == [
        "/outcomes/0",
        "/outcomes/1/tims",
        "/outcomes/1/delay",
        "/outcomes/1/status",
        "/outcomes/2/body/success",
        "/outcomes/3/phase",
        "/outcomes/3/times",
        "/outcomes/3/body",
        "/outcomes/4/headers/a b",
        "/outcomes/4/delay/milliseconds",
        "/outcomes/5/status",
    ]
    assert "must be a number of seconds from 0 to 300, not 301" in dict(problems)["/outcomes/1/delay"]


def test_a_queue_names_an_operation_of_the_contract() -> None:
    [(pointer, message)] = find_problems(lambda: queue(418, operation="listKeys"))
    assert pointer == "/operation"
    assert "did you mean 'listApiKeys'? known: createApiKey, " in message
    missing = find_problems(lambda: read_queue({"outcomes": [500]}, CONTRACT, new_id=make_ids()))
    assert [pointer for pointer, _ in missing] == ["/operation"]


@pytest.mark.parametrize("outcomes", [None, [], 500, {"status": 500}])
def test_a_queue_has_outcomes(outcomes: Any) -> None:
    document = {"operation": "createApiKey", "outcomes": outcomes}
    problems = find_problems(lambda: read_queue(document, CONTRACT, new_id=make_ids()))
    assert problems == [("/outcomes", "must be an array of statuses and outcomes, at least one")]


# Properties.

texts = st.text(st.characters(codec="utf-8"), max_size=10)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
values = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=10)
milliseconds = st.integers(0, 300_000)
delays: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"fixedDelayMilliseconds": milliseconds}),
    st.fixed_dictionaries(
        {
            "delayDistribution": st.one_of(
                st.fixed_dictionaries({"type": st.just("fixed"), "milliseconds": milliseconds}),
                st.tuples(milliseconds, milliseconds).map(
                    lambda pair: {"type": "uniform", "lower": min(pair), "upper": max(pair)}
                ),
                st.fixed_dictionaries(
                    {"type": st.just("lognormal"), "median": milliseconds, "sigma": st.floats(0, 10)},
                    optional={"maxValue": milliseconds | st.none()},
                ),
            )
        }
    ),
)
bodies = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"body": texts}),
    st.fixed_dictionaries({"jsonBody": json_values}),
    st.fixed_dictionaries({"base64Body": st.binary().map(lambda data: base64.b64encode(data).decode())}),
)
responses = st.tuples(
    st.fixed_dictionaries(
        {},
        optional={
            "status": st.integers(200, 599).filter(lambda status: status not in (204, 205, 304)) | st.none(),
            "statusMessage": values,
            "headers": st.dictionaries(
                st.sampled_from(["X-A", "x-b", "Content-Type", "Set-Cookie"]),
                values | st.lists(values, min_size=1, max_size=2),
            ),
            "chunkedDribbleDelay": st.fixed_dictionaries(
                {"numberOfChunks": st.integers(1, 1000), "totalDuration": milliseconds}
            ),
            "fault": st.sampled_from(Fault).map(str) | st.none(),
            "bodyFileName": st.none(),
        },
    ),
    delays,
    bodies,
).map(lambda parts: parts[0] | parts[1] | parts[2])
scenarios: st.SearchStrategy[dict[str, Any]] = st.just({}) | st.fixed_dictionaries(
    {"scenarioName": texts.filter(bool)},
    optional={
        "requiredScenarioState": texts.filter(bool) | st.none(),
        "newScenarioState": texts.filter(bool),
    },
)
requests = st.fixed_dictionaries(
    {},
    optional={
        "method": st.sampled_from(["ANY", "POST", "get"]),
        "urlPath": st.sampled_from(["/v1/api-keys/", "/v1/api-keys/k%201/regenerate", "/x"]),
        "queryParameters": st.dictionaries(texts, st.fixed_dictionaries({"equalTo": texts}), max_size=2),
        "headers": st.just({"authorization": {"equalTo": "Bearer sk_test_4eC39HqLyjWDarjtT1zdp7dc"}}),
    },
)
stub_documents = st.tuples(
    st.fixed_dictionaries(
        {
            # Any answer may stand here.
            "metadata": st.builds(
                lambda own, others: {**others, "mockserver": {**own, "offContract": True}},
                st.fixed_dictionaries(
                    {},
                    optional={
                        "operation": st.sampled_from(sorted(CONTRACT.operations)) | st.none(),
                        "times": st.integers(1, 1_000_000),
                        "phase": st.sampled_from(Phase).map(str),
                        "hold": st.booleans(),
                    },
                ),
                st.dictionaries(texts, json_values, max_size=2),
            )
        },
        optional={
            "id": st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=100),
            "name": texts | st.none(),
            "priority": st.integers(1, 2**31),
            "persistent": st.just(False),
            "request": requests,
            "response": responses,
        },
    ),
    scenarios,
).map(lambda parts: parts[0] | parts[1])


@given(stub_documents)
def test_a_stub_that_is_written_and_read_again_is_the_same(document: dict[str, Any]) -> None:
    stub = read(document)
    again = read(json.loads(json.dumps(write_stub(stub))))
    # A matcher is equal to itself alone; what it is made of is its document.
    assert replace(again, matcher=stub.matcher) == stub
    assert again.matcher.to_json() == stub.matcher.to_json()
    assert write_stub(again) == write_stub(stub)


def without_nulls(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


@given(stub_documents)
def test_what_is_written_is_what_was_read(document: dict[str, Any]) -> None:
    written = write_stub(read(document))
    assert written["id"] == written["uuid"] == document.get("id", "new-1")
    expected = without_nulls(document) | {"id": written["id"], "uuid": written["id"]}
    expected.pop("persistent", None)
    expected["request"] = written["request"]
    response = without_nulls(document.get("response", {}))
    if "delayDistribution" in response:
        response["delayDistribution"] = without_nulls(response["delayDistribution"])
    expected["response"] = response
    own = without_nulls(document["metadata"]["mockserver"])
    expected["metadata"] = {**document["metadata"], "mockserver": own}
    assert written == expected


@given(json_values | st.dictionaries(st.sampled_from(["request", "response", "metadata", "id"]), json_values))
def test_any_json_is_read_or_refused(document: Any) -> None:
    for read_any in (read_stubs, read_queue):
        try:
            stubs = read_any(document, CONTRACT, new_id=make_ids())
        except StubError as error:
            assert error.problems
        else:
            assert all(isinstance(stub, Stub) for stub in stubs)
