"""Equal requests give equal keys, whatever the process, the order or the thread; other requests never do."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from faker import Faker
from hypothesis import given
from hypothesis import strategies as st

from mockserver.serving.building import build_engine
from tests.doors import BODY, CREATE, SETTINGS, UNSENT, Api, engine_api
from tests.strategies import json_values

MakeApi = Callable[..., Api]


@pytest.fixture(scope="session")
def make_api() -> MakeApi:
    """Makes an API that nobody has called yet, with changed settings."""

    def make(**changes: Any) -> Api:
        return engine_api(build_engine(SETTINGS.with_changes(changes)))

    return make


class Creation(NamedTuple):
    """A request for a key."""

    name: str
    permissions: dict[str, list[str]]
    metadata: dict[str, Any] | None
    account: str
    credential: str

    @property
    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {"name": self.name, "permissions": self.permissions}
        return body if self.metadata is None else {**body, "metadata": self.metadata}

    @property
    def identity(self) -> str:
        """Equal for equal requests."""
        return json.dumps([self.body, self.account, self.credential], sort_keys=True)


Issued = tuple[str, str]


def create(api: Api, creation: Creation) -> Issued:
    """Key and id of a key that is issued."""
    url = f"/v1/api-keys/?account_id={creation.account}"
    answer = api.send(url=url, key=creation.credential, json=creation.body)
    return answer.key, answer.json["data"]["id"]


def create_all(api: Api, creations: Iterable[Creation]) -> dict[str, list[Issued]]:
    """What is issued, in order, by the identity of the request."""
    issued: dict[str, list[Issued]] = defaultdict(list)
    for creation in creations:
        issued[creation.identity].append(create(api, creation))
    return issued


def vary(**changes: Any) -> Creation:
    """A creation like all the others, but for what is given."""
    plain = Creation("Reporting", {"account:api:key": ["read"]}, None, "acct_1", "sk_test_local")
    return plain._replace(**changes)


# Any process.


# Calls of every kind: successes, a repetition, errors, made values, another namespace.
CALLS: list[tuple[str, str, dict[str, str], Any]] = [
    ("POST", CREATE, {}, BODY),
    ("POST", CREATE, {}, BODY),
    ("POST", CREATE, {}, {**BODY, "metadata": {"z": [1, {"b": None, "a": 2.5}], "ä": "ü"}}),
    ("POST", f"/~t1{CREATE}", {}, BODY),
    ("POST", CREATE, {}, {"permissions": {"p": "read", "q": [1]}, "b": 1, "a": 2}),
    ("POST", CREATE, {"Prefer": "code=422"}, BODY),
    ("POST", CREATE, {"Prefer": "dynamic=true"}, BODY),
    ("POST", CREATE, {"Prefer": "dynamic=true, seed=s"}, BODY),
    ("GET", CREATE, {"Prefer": "dynamic=true"}, None),
    ("GET", CREATE, {}, None),
    ("POST", "/v1/api-keys/key_mock_managed00000000000000001/regenerate", {}, None),
    ("DELETE", "/v1/api-keys/key_mock_none", {}, None),
    ("GET", "/v1/nowhere", {}, None),
]

# Needs no helper of these tests, and prints each answer whole.
PROGRAM = """
import json, sys
from mockserver.messages import build_request
from mockserver.serving.building import build_engine
from mockserver.settings import Settings
from mockserver.types import UNSET

clock, calls = json.loads(sys.argv[1])
engine = build_engine(Settings(clock=clock))
for method, url, headers, body in calls:
    headers["Authorization"] = "Bearer sk_test_local"
    json_body = UNSET if body is None else body
    answer = engine.handle(build_request(method, url, headers=headers, json=json_body))
    headers = [[name.decode(), value.decode()] for name, value in answer.headers]
    print(json.dumps([answer.status, headers, answer.body.decode()]))
"""


def test_whole_answers_are_equal_in_processes_with_different_hash_seeds(make_api: MakeApi) -> None:
    outputs = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM, json.dumps([SETTINGS.clock, CALLS])],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    api = make_api()
    answers = []
    for method, url, headers, body in CALLS:
        answer = api.send(method, url, headers=headers, json=UNSENT if body is None else body)
        pairs = {name: value for name, (value,) in answer.headers.items()}
        answers.append([answer.status, pairs, answer.body.decode()])
    lines = (json.loads(line) for line in outputs[0].splitlines())
    assert [[status, dict(pairs), body] for status, pairs, body in lines] == answers
    assert [status for status, _, _ in answers] == [
        201, 201, 201, 201, 422, 422, 201, 201, 200, 200, 200, 404, 404,
    ]  # fmt: skip


def test_a_key_is_the_same_as_in_the_release_before(make_api: MakeApi) -> None:
    """Users keep keys in snapshots of their own."""
    assert create(make_api(), vary()) == (
        "sk_test_mock_gTW2ww5CCaoOLGG9hFv10pX10QwewW5D",
        "key_mock_lDwF5MMPeXN6MptAhVzjEBCg",
    )


# Any order, any repetition.


names = st.text(max_size=8)
creations = st.builds(
    Creation,
    name=names,
    permissions=st.dictionaries(names, st.lists(names, max_size=2), max_size=2),
    metadata=st.none() | st.dictionaries(names, json_values, max_size=2),
    account=st.sampled_from(("acct_1", "acct_2", "1", "a_b")),
    credential=st.sampled_from(("sk_test_1", "sk_test_2", "sk_test_a_b")),
)


@given(distinct=st.lists(creations, min_size=1, max_size=6), data=st.data())
def test_requests_have_the_same_keys_in_any_order_and_never_those_of_another(
    make_api: MakeApi, distinct: list[Creation], data: st.DataObject
) -> None:
    sent = data.draw(st.lists(st.sampled_from(distinct), min_size=1, max_size=12))
    issued = create_all(make_api(), sent)
    assert create_all(make_api(), data.draw(st.permutations(sent))) == issued
    everything = [pair for pairs in issued.values() for pair in pairs]
    assert len(everything) == len(sent)
    for part in zip(*everything, strict=True):
        assert len(set(part)) == len(sent)


def test_each_part_of_a_request_changes_the_key(make_api: MakeApi) -> None:
    requests = [
        vary(),
        vary(name="reporting"),
        vary(name=""),
        vary(permissions={}),
        vary(permissions={"account:api:key": ["read", "read"]}),
        vary(permissions={"account:api:key:read": []}),
        vary(metadata={}),
        vary(metadata={"a": 1}),
        vary(metadata={"a": "1"}),
        vary(metadata={"a": 1.5}),
        vary(metadata={"a": True}),
        vary(metadata={"a": None}),
        vary(metadata={"a": [1]}),
        vary(metadata={"a": {"b": 1}}),
        vary(account="acct_2"),
        vary(credential="sk_test_other"),
    ]
    # Each is the first that its server sees.
    issued = [create(make_api(), request) for request in requests]
    for part in zip(*issued, strict=True):
        assert len(set(part)) == len(requests)


def test_a_repeated_request_has_a_new_key_each_time_and_the_same_ones_in_every_run(
    make_api: MakeApi,
) -> None:
    first = create_all(make_api(), [vary()] * 50)
    (keys,) = first.values()
    assert len({key for key, _ in keys}) == len({id for _, id in keys}) == 50
    # Others between them change nothing.
    mixed = [item for number in range(50) for item in (vary(), vary(name=str(number)))]
    assert create_all(make_api(), mixed)[vary().identity] == keys


def test_a_reset_starts_the_repetitions_anew(make_api: MakeApi) -> None:
    api = make_api()
    before = create_all(api, [vary()] * 3)
    api.engine.namespaces.default.reset()
    assert create_all(api, [vary()] * 3) == before


def test_what_the_api_refuses_takes_no_key_from_what_it_accepts(make_api: MakeApi) -> None:
    api = make_api()
    assert api.send(key=None).status == 401
    assert api.send(headers={"Prefer": "code=500"}).status == 500
    assert api.send("GET", CREATE, json=UNSENT).status == 200
    assert create(api, vary()) == create(make_api(), vary())


@given(metadata=st.dictionaries(names, json_values, max_size=3), name=names, value=json_values)
def test_a_member_of_the_metadata_that_is_added_changes_the_key(
    make_api: MakeApi, metadata: dict[str, Any], name: str, value: Any
) -> None:
    metadata.pop(name, None)
    alone = create(make_api(), vary(metadata=metadata))
    more = create(make_api(), vary(metadata={**metadata, name: value}))
    assert alone[0] != more[0]
    assert alone[1] != more[1]


def test_the_way_in_which_a_request_is_written_changes_nothing(make_api: MakeApi) -> None:
    body = '{"metadata":{"a":1,"b":"\\u00fc"},"permissions":{"account:api:key":["read"]},"name":"N"}'
    same = '{ "name":"\\u004e", "permissions":{"account:api:key":["read"]}, "metadata":{"b":"ü","a":1}}'
    answers = [
        make_api().send(url=url, body=text.encode())
        for url, text in ((CREATE, body), (CREATE.replace("acct", "%61cct"), same), (CREATE, same))
    ]
    assert len({answer.key for answer in answers}) == 1


# Threads.


def in_threads(act: Callable[[Creation], Issued], shares: Sequence[Sequence[Creation]]) -> list[Issued]:
    """Act on each share in a thread of its own, all of them at once; what was issued."""
    start = threading.Barrier(len(shares))
    issued: list[Issued] = []

    def run(share: Sequence[Creation]) -> None:
        start.wait(20)
        issued.extend(act(creation) for creation in share)

    threads = [threading.Thread(target=run, args=(share,)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return issued


def test_threads_get_the_same_keys_as_one_after_another(make_api: MakeApi) -> None:
    shares = [[vary(name=f"{number}-{index}") for index in range(20)] for number in range(8)]
    # The same request from all of them, too: who gets which of its keys is open, which keys are not.
    shares = [[item for creation in share for item in (creation, vary())] for share in shares]
    api, alone = make_api(), make_api()
    issued = in_threads(lambda creation: create(api, creation), shares)
    expected = [create(alone, creation) for share in shares for creation in share]
    assert sorted(issued) == sorted(expected)
    assert len(set(issued)) == 8 * 20 * 2


# Namespaces and seeds.


def test_each_namespace_has_keys_of_its_own(make_api: MakeApi) -> None:
    api = make_api()
    urls = [CREATE, f"/~t1{CREATE}", f"/~t2{CREATE}", f"/~t1-a{CREATE}"]
    answers = [api.send(url=url) for url in urls]
    for values in ([answer.key[-32:] for answer in answers], [item.json["data"]["id"] for item in answers]):
        assert len(set(values)) == len(urls)
    # And the same ones when it is the only one.
    assert [make_api().send(url=url).body for url in urls] == [answer.body for answer in answers]


def test_each_seed_has_keys_of_its_own(make_api: MakeApi) -> None:
    seeds = ["", "a", "b", "a" * 1000, "ü", "default"]
    issued = [create(make_api(seed=seed), vary()) for seed in seeds]
    assert len({key for key, _ in issued}) == len({id for _, id in issued}) == len(seeds)
    assert issued == [create(make_api(seed=seed), vary()) for seed in seeds]


def test_the_clock_changes_times_and_no_key(make_api: MakeApi) -> None:
    early, late = make_api(), make_api(clock="2030-01-01T00:00:00Z")
    assert create(early, vary()) == create(late, vary())
    assert early.send().json["data"]["created_at"] != late.send().json["data"]["created_at"]


# The program around it.


def test_sources_of_chance_in_the_process_are_neither_used_nor_touched(make_api: MakeApi) -> None:
    def use(api: Api) -> list[bytes]:
        answers = [api.send(), api.send(headers={"Prefer": "dynamic=true"})]
        assert {answer.status for answer in answers} == {201}
        return [answer.body for answer in answers]

    Faker.seed(1)
    random.seed(1)
    fake = Faker()
    expected = [fake.name(), fake.name()]

    Faker.seed(1)
    fake = Faker()
    first = fake.name()
    state = random.getstate()
    bodies = use(make_api())
    assert [first, fake.name()] == expected
    assert random.getstate() == state

    Faker.seed(2)
    random.seed(2)
    assert use(make_api()) == bodies
