"""The book of stubs: which of them are asked, in which order, and how often each may answer."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from decimal import Decimal
from math import prod
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.contract import Contract
from mockserver.journal.call import make_subject
from mockserver.messages import build_request
from mockserver.scripting.differences import Difference
from mockserver.scripting.documents import read_stub
from mockserver.scripting.equalities import count_repeated
from mockserver.scripting.matchers import RequestMatcher
from mockserver.scripting.stub_index import MAX_COMBINATIONS, list_bucket_keys
from mockserver.scripting.stubs import Stub, StubBook, StubTrial
from mockserver.scripting.subjects import Subject
from mockserver.types import UNSET

PATHS = ["/v1/api-keys/", "/a", "/a/b", "/a%2Fb", "/%61", "/a%20b"]
OPERATION = "createApiKey"
KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
HEADERS = ["one", "two", f"Bearer {KEY}", "Bearer sk_test_other", "Basic YTpi"]
VALUES: list[Any] = [
    1,
    1.0,
    True,
    None,
    "1",
    "x",
    KEY,
    [1],
    {},
    "${json-unit.any-string}",
    Decimal("1.50"),
    1.5,
]


def make(contract: Contract, name: str, request: dict[str, Any] | None = None, **own: Any) -> Stub:
    more: dict[str, Any] = {
        key: own.pop(key) for key in ("priority", "scenarioName", "newScenarioState") if key in own
    }
    document: dict[str, Any] = {
        "id": name,
        "request": request or {},
        "response": {"status": 200},
        "metadata": {"mockserver": {"offContract": True, **own}},
        **more,
    }
    return read_stub(document, contract, new_id=str)


def ask(
    book: StubBook,
    url: str,
    method: str = "GET",
    operation: str | None = None,
    headers: Mapping[str, str] | None = None,
    body: Any = UNSET,
) -> list[str]:
    """The ids of the stubs that accept a request, in the order in which they are asked."""
    subject, path, query = read(url, method, headers, body)
    found = [
        stub
        for stub in book.candidates(list_bucket_keys(method, [path], query, operation), lambda: subject)
        if book.accepts(stub, StubTrial(subject), operation) is True
    ]
    return list(dict.fromkeys(stub.id for stub in found))


def read(
    url: str, method: str, headers: Mapping[str, str] | None = None, body: Any = UNSET
) -> tuple[Subject, str, dict[str, list[str]]]:
    request = build_request(method, url, headers=headers, json=body)
    subject = make_subject(request, None, None, is_kept=False)
    return subject, subject.path, {name: list(values) for name, values in subject.query.items()}


patterns = st.fixed_dictionaries(
    {},
    optional={
        "method": st.sampled_from(["GET", "POST", "ANY"]),
        "urlPath": st.sampled_from(PATHS),
        "queryParameters": st.dictionaries(
            st.sampled_from("pq"),
            st.one_of(
                st.builds(lambda text: {"equalTo": text}, st.sampled_from(["1", "2"])),
                st.just({"absent": True}),
            ),
            max_size=2,
        ),
        "headers": st.dictionaries(
            st.sampled_from(["X-Key", "authorization"]),
            st.sampled_from(HEADERS).flatmap(
                lambda text: st.sampled_from([
                    {"equalTo": text}, {"and": [{"equalTo": text}, {"anything": ""}]}, {"contains": text[:3]},
                    {"equalTo": text.upper(), "caseInsensitive": True}, {"not": {"equalTo": text}},
                ])
            ),
            max_size=2,
        ),
        "bodyPatterns": st.lists(
            st.one_of(
                st.sampled_from(VALUES).map(lambda value: {"equalToJson": {"a": value}}),
                st.sampled_from(VALUES).map(
                    lambda value: {"equalToJson": {"b": {"c": value}}, "ignoreExtraElements": True}
                ),
                st.sampled_from(["1", "x", KEY, "null", "[1]", "1.50"]).map(
                    lambda text: {"matchesJsonPath": {"expression": "$.b.c", "equalTo": text}}
                ),
                st.just({"matchesJsonPath": "$.a"}),
            ),
            max_size=2,
        ),
    },
)  # fmt: skip
headers = st.dictionaries(st.sampled_from(["X-Key", "Authorization"]), st.sampled_from(HEADERS), max_size=2)
bodies = st.fixed_dictionaries(
    {}, optional={"a": st.sampled_from(VALUES), "b": st.sampled_from(VALUES).map(lambda value: {"c": value})}
)
options = st.fixed_dictionaries(
    {},
    optional={
        "priority": st.integers(1, 3),
        "times": st.integers(1, 2),
        "operation": st.just(OPERATION),
    },
)
urls = st.builds(
    lambda path, pairs: path + ("?" + "&".join(pairs) if pairs else ""),
    st.sampled_from(PATHS),
    st.lists(st.sampled_from(["p=1", "p=2", "q=1", "q=%31"]), max_size=3),
)


@given(
    st.lists(st.tuples(patterns, options), max_size=8),
    urls,
    st.sampled_from(["GET", "POST"]),
    st.sampled_from([None, OPERATION]),
    headers,
    bodies,
)
def test_the_index_leaves_out_no_stub_and_keeps_the_order(
    contract: Contract,
    written: list[tuple[dict[str, Any], dict[str, Any]]],
    url: str,
    method: str,
    operation: str | None,
    headers: dict[str, str],
    body: Any,
) -> None:
    stubs = [make(contract, str(index), request, **own) for index, (request, own) in enumerate(written)]
    book = StubBook()
    book.add(stubs)
    subject, _, _ = read(url, method, headers, body)
    fitting = [stub for stub in stubs if book.accepts(stub, StubTrial(subject), operation)]
    # Lowest number first; among equals those with `times`, oldest first; then newest first.
    counted = [stub for stub in fitting if stub.times is not None]
    others = [stub for stub in reversed(fitting) if stub.times is None]
    expected = sorted(counted + others, key=lambda stub: stub.priority)
    assert ask(book, url, method, operation, headers, body) == [stub.id for stub in expected]
    for stub in stubs[::2]:
        book.remove(stub.id)
    left = [stub.id for stub in expected if stub not in stubs[::2]]
    assert ask(book, url, method, operation, headers, body) == left


def test_a_stub_is_gone_when_it_is_used_up(contract: Contract) -> None:
    book = StubBook()
    counted, lasting = make(contract, "counted", times=2), make(contract, "lasting")
    book.add([counted, lasting])
    left = []
    for _ in range(3):
        left.append((ask(book, "/a"), book.remaining("counted")))
        book.use(counted)
        book.use(lasting)
    assert left == [(["counted", "lasting"], 2), (["counted", "lasting"], 1), (["lasting"], None)]


def test_a_copy_has_the_same_stubs_uses_and_states_and_goes_its_own_way(contract: Contract) -> None:
    book = StubBook()
    first = make(contract, "first", times=3, scenarioName="s", newScenarioState="moved")
    book.add([first, make(contract, "second"), make(contract, "third", times=1)])
    book.use(first)
    twin = book.copy()
    assert [stub.id for stub in twin] == [stub.id for stub in book] == ["third", "second", "first"]
    assert ask(twin, "/a") == ask(book, "/a") == ["first", "third", "second"]
    assert (twin.remaining("first"), twin.scenarios.state("s")) == (2, "moved")
    twin.use(first)
    twin.scenarios.reset()
    twin.remove("second")
    assert (book.remaining("first"), book.scenarios.state("s")) == (2, "moved")
    assert ask(book, "/a") == ["first", "third", "second"]
    # What is added later is newer than what was copied.
    twin.add([make(contract, "fourth", times=1)])
    assert ask(twin, "/a") == ["first", "third", "fourth"]


def test_a_replaced_stub_keeps_its_place_and_starts_to_count_anew(contract: Contract) -> None:
    book = StubBook()
    old = make(contract, "a", times=2)
    book.add([old, make(contract, "b", times=1), make(contract, "c"), make(contract, "d")])
    book.use(old)
    book.replace([make(contract, "a", times=2), make(contract, "c")])
    assert ask(book, "/a") == ["a", "b", "d", "c"]
    assert book.remaining("a") == 2
    assert [stub.id for stub in book] == ["d", "c", "b", "a"]


@pytest.mark.parametrize("gone", ["", "a", "abc", "abcd", "abcde"])
def test_those_that_stay_answer_however_many_go(contract: Contract, gone: str) -> None:
    book, given = StubBook(), StubBook(is_given=True)
    given.add(make(contract, name, {"urlPath": "/x"}) for name in "abcde")
    book.begin_as(given)
    book.delete([*gone, "unknown"])
    stay = [name for name in "edcba" if name not in gone]
    assert ask(book, "/x") == [stub.id for stub in book] == stay
    book.add([make(contract, "new")])
    assert ask(book, "/x") == ["new", *stay]
    assert ask(given, "/x") == [*"edcba"]


def test_a_scenario_is_forgotten_with_the_last_stub_that_names_it(contract: Contract) -> None:
    book = StubBook()
    stubs = [make(contract, name, scenarioName="s", newScenarioState="moved") for name in "ab"]
    book.add(stubs)
    book.use(stubs[0])
    book.delete(["a"])
    assert book.scenarios.state("s") == "moved"
    book.delete(["b"])
    assert book.scenarios.state("s") == "Started"


@pytest.mark.parametrize("url", ["/other", "/a?p=9", "/v1/api-keys/?account_id=acct_2"])
def test_of_many_stubs_only_few_are_asked(contract: Contract, url: str) -> None:
    requests: list[dict[str, Any]] = [{"urlPath": f"/{index}"} for index in range(50)]
    requests += [{"method": "PUT", "urlPath": path} for path in ("/other", "/a", "/v1/api-keys/")]
    requests += [{"queryParameters": {"p": {"equalTo": str(index)}}} for index in range(100, 150)]
    book = StubBook()
    book.add(make(contract, str(index), request) for index, request in enumerate(requests))
    book.add(make(contract, name, operation=name) for name in itertools.islice(contract.operations, 2))
    _, path, query = read(url, "GET")
    assert list(book.candidates(list_bucket_keys("GET", [path], query, None), pytest.fail)) == []


def test_stubs_that_differ_in_headers_or_bodies_only_are_looked_up(contract: Contract) -> None:
    book = StubBook()
    for index in range(100):
        headers = {"X-Tenant": {"equalTo": f"t{index}"}}
        path = {"matchesJsonPath": {"expression": "$.order.id", "equalTo": str(index)}}
        equal = {"equalToJson": {"order": {"number": index}}, "ignoreExtraElements": True}
        book.add([
            make(contract, f"h{index}", {"urlPath": "/a", "headers": headers}),
            make(contract, f"p{index}", {"urlPath": "/a", "bodyPatterns": [path]}),
            make(contract, f"j{index}", {"urlPath": "/a", "bodyPatterns": [equal]}),
        ])  # fmt: skip
    subject, path_, query = read("/a", "POST", {"X-Tenant": "t7"}, {"order": {"id": "8", "number": 9.0}})
    keys = list_bucket_keys("POST", [path_], query, None)
    assert [stub.id for stub in book.candidates(keys, lambda: subject)] == ["j9", "p8", "h7"]
    assert book.count_candidates(keys, {}) == 3
    twice = {"x-tenant": [f"t{index}" for index in range(MAX_COMBINATIONS + 1)]}
    subject = Subject("POST", "/a", {}, twice, b"", url="/a")
    assert len(book.candidates(keys, lambda: subject)) == 100, "too many values to look up: all are tried"


@pytest.mark.parametrize(
    "counts", [(1, 1), (2, 1), (1, 3), (2, 3), (60, 1), (1, 65), (33, 2), (101, 1)], ids=str
)
@pytest.mark.parametrize("kind", ["headers", "queryParameters"])
def test_values_that_come_again_and_again_are_counted(
    contract: Contract, kind: str, counts: tuple[int, int]
) -> None:
    book = StubBook()
    for number in range(200):
        equal = {"a": {"equalTo": str(number % 100)}, "b": {"equalTo": str(number // 100)}}
        book.add([make(contract, str(number), {"urlPath": "/a", kind: equal})])
    values = {name: list(map(str, range(count))) for name, count in zip("ab", counts, strict=True)}
    headers = values if kind == "headers" else {}
    query = values if kind == "queryParameters" else {}
    sent = tuple((name.encode(), value.encode()) for name, items in headers.items() for value in items)
    repeated = count_repeated(((b"accept", b"*/*"), *sent), query)
    assert list(repeated.values()) == [count for count in counts if count > 1]
    keys = list_bucket_keys("GET", ["/a"], query, None)
    subject = Subject("GET", "/a", query, headers, b"", url="/a")
    found, most = book.candidates(keys, lambda: subject), book.count_candidates(keys, repeated)
    assert len(found) <= most <= 200
    if headers:
        combinations = prod(counts)
        assert most == (200 if combinations > MAX_COMBINATIONS else combinations)


def test_how_many_may_answer_is_counted_without_asking(contract: Contract) -> None:
    book = StubBook()
    contains: list[dict[str, Any]] = [
        {"urlPath": "/a", "bodyPatterns": [{"contains": f"z{index}"}]} for index in range(30)
    ]
    alike = [{**request, "headers": {"X-Tenant": {"equalTo": "t1"}}} for request in contains]
    book.add(make(contract, str(index), request) for index, request in enumerate([*contains, *alike]))
    book.add([make(contract, "other", {"urlPath": "/b"}), make(contract, "any", {"method": "GET"})])
    subject, path, query = read("/a", "POST", {"X-Tenant": "t1"}, {})
    keys = list_bucket_keys("POST", [path], query, None)
    assert book.count_candidates(keys, {}) == len(book.candidates(keys, lambda: subject)) == 61
    book.forget_index()
    assert book.count_candidates(keys, {}) == len(book) == 62


def test_a_matcher_is_asked_once(contract: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[RequestMatcher] = []
    real = RequestMatcher.differences

    def differences(matcher: RequestMatcher, subject: Subject) -> Iterator[Difference]:
        asked.append(matcher)
        return real(matcher, subject)

    monkeypatch.setattr(RequestMatcher, "differences", differences)
    stubs = [make(contract, name, {"urlPath": path}) for name, path in (("1", "/a"), ("2", "/b"))]
    book, trial = StubBook(), StubTrial(read("/a", "GET")[0])
    assert [book.accepts(stub, trial, None) for stub in (*stubs, *stubs)] == [True, False] * 2
    assert asked == [stub.matcher for stub in stubs]


def test_whether_there_is_room_is_asked_once_for_all(contract: Contract) -> None:
    asked: list[tuple[int, int]] = []
    book = StubBook(admit=lambda stubs, freed: asked.append((len(stubs), freed)))
    stubs = [make(contract, str(number)) for number in range(5)]
    book.add(stubs)
    book.replace(stubs)
    assert asked == [(5, 0), (5, sum(stub.size for stub in stubs))]
