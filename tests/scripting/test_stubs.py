"""The book of stubs: which of them are asked, in which order, and how often each may answer."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.contract import Contract
from mockserver.journal.call import make_subject
from mockserver.messages import build_request
from mockserver.scripting.documents import read_stub
from mockserver.scripting.stubs import Stub, StubBook, list_bucket_keys
from mockserver.scripting.subjects import Subject

PATHS = ["/v1/api-keys/", "/a", "/a/b", "/a%2Fb", "/%61", "/a%20b"]
OPERATION = "createApiKey"


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


def ask(book: StubBook, url: str, method: str = "GET", operation: str | None = None) -> list[str]:
    """The ids of the stubs that accept a request, in the order in which they are asked."""
    subject, path, query = read(url, method)
    found = [
        stub
        for stub in book.candidates(list_bucket_keys(method, [path], query, operation))
        if book.accepts(stub, subject, operation) is True
    ]
    return list(dict.fromkeys(stub.id for stub in found))


def read(url: str, method: str) -> tuple[Subject, str, dict[str, list[str]]]:
    subject = make_subject(build_request(method, url), None, None, is_kept=False)
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
    },
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


@settings(deadline=None)
@given(
    st.lists(st.tuples(patterns, options), max_size=8),
    urls,
    st.sampled_from(["GET", "POST"]),
    st.sampled_from([None, OPERATION]),
)
def test_the_index_leaves_out_no_stub_and_keeps_the_order(
    contract: Contract,
    written: list[tuple[dict[str, Any], dict[str, Any]]],
    url: str,
    method: str,
    operation: str | None,
) -> None:
    stubs = [make(contract, str(index), request, **own) for index, (request, own) in enumerate(written)]
    book = StubBook()
    book.add(stubs)
    subject, _, _ = read(url, method)
    fitting = [stub for stub in stubs if book.accepts(stub, subject, operation)]
    # Lowest number first; among equals those with `times`, oldest first; then newest first.
    counted = [stub for stub in fitting if stub.times is not None]
    others = [stub for stub in reversed(fitting) if stub.times is None]
    expected = sorted(counted + others, key=lambda stub: stub.priority)
    assert ask(book, url, method, operation) == [stub.id for stub in expected]


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
    book.replace(make(contract, "a", times=2))
    book.replace(make(contract, "c"))
    assert ask(book, "/a") == ["a", "b", "d", "c"]
    assert book.remaining("a") == 2
    assert [stub.id for stub in book] == ["d", "c", "b", "a"]


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
    assert list(book.candidates(list_bucket_keys("GET", [path], query, None))) == []
