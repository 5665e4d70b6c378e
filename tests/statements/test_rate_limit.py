"""Rate limits: a bucket for each credential and operation, on the clock of the namespace."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.settings import RateLimit
from mockserver.state.resources import Resources
from tests.doors import BODY, CREATE, UNSENT, Api

LIST = "/v1/api-keys/?account_id=acct_1"
LIMITED = (429, "rate_limited")


def fields(api: Api) -> tuple[str | None, str | None]:
    """The rate limit fields of a list."""
    answer = api.send("GET", LIST, json=UNSENT)
    return answer.header("ratelimit"), answer.header("ratelimit-policy")


def test_there_is_no_limit_unless_one_is_set(api: Api) -> None:
    assert {api.send().status for _ in range(200)} == {201}
    assert fields(api) == (None, None)


def test_as_many_calls_as_the_limit_says_then_429(api: Api) -> None:
    api.configure(rate_limit="3/60s")
    assert [api.send().status for _ in range(5)] == [201, 201, 201, 429, 429]


def test_a_refusal_says_when_there_is_a_call_again_and_keeps_its_word(api: Api) -> None:
    api.configure(rate_limit="3/60s")
    for _ in range(3):
        api.send()
    refused = api.send()
    assert refused.outcome == LIMITED
    assert refused.header("retry-after") == "20"
    assert refused.json["error"]["details"] == {"reason": "rate_limited", "retry_after_seconds": 20}
    api.advance(19.999)
    assert api.send().header("retry-after") == "1"
    api.advance(0.001)
    assert api.send().status == 201
    assert api.send().outcome == LIMITED


def test_refused_calls_take_nothing(api: Api) -> None:
    api.configure(rate_limit="1/10s")
    api.send()
    for _ in range(10):
        api.advance(0.9)
        assert api.send().outcome == LIMITED
    api.advance(1)
    assert api.send().status == 201


def test_a_bucket_fills_up_to_its_limit_and_no_further(api: Api) -> None:
    api.configure(rate_limit="2/10s")
    api.send()
    api.advance(86_400)
    assert [api.send().status for _ in range(3)] == [201, 201, 429]


def test_the_fields_say_what_is_left_on_every_answer(api: Api) -> None:
    api.configure(rate_limit="2/60s")
    seen = []
    for body in (BODY, {}, BODY):
        answer = api.send(json=body)
        assert answer.header("ratelimit-policy") == '"default";q=2;w=60'
        seen.append((answer.status, answer.header("ratelimit")))
    assert seen == [(201, '"default";r=1;t=30'), (422, '"default";r=0;t=30'), (429, '"default";r=0;t=30')]
    api.advance(12)
    answer = api.send()
    assert (answer.header("ratelimit"), answer.header("retry-after")) == ('"default";r=0;t=18', "18")


def test_a_call_whose_credential_is_refused_takes_nothing(api: Api) -> None:
    api.configure(rate_limit="2/60s")
    for _ in range(3):
        answer = api.send(key="sk_test_expired")
        assert answer.status == 401
        assert answer.header("ratelimit") == '"default";r=2'


def test_what_is_no_operation_has_no_limit(api: Api) -> None:
    api.configure(rate_limit="1/60s")
    answers = [api.send(url="/v1/nothing") for _ in range(3)]
    assert {answer.status for answer in answers} == {404}
    assert {answer.header("ratelimit") for answer in answers} == {None}


def test_a_scripted_answer_is_as_it_was_scripted(api: Api) -> None:
    api.configure(rate_limit="1/60s")
    for headers in ({}, {"Prefer": "code=429"}):
        answer = api.send(
            url="/v1/api-keys/?account_id=acct_error_429" if not headers else CREATE, headers=headers
        )
        assert answer.status == 429
        assert (answer.header("retry-after"), answer.header("ratelimit")) == ("1", None)
    assert api.send().status == 201, "no call was taken"


@pytest.mark.parametrize(
    ("other", "status"),
    [
        pytest.param({}, 429, id="the-same"),
        pytest.param({"key": "sk_test_other"}, 201, id="another-credential"),
        pytest.param({"url": "/v1/api-keys/?account_id=acct_2"}, 429, id="another-account"),
        pytest.param({"method": "GET", "url": LIST, "json": UNSENT}, 200, id="another-operation"),
        pytest.param({"url": f"/~t1{CREATE}"}, 201, id="another-namespace"),
    ],
)  # fmt: skip
def test_a_limit_holds_for_a_credential_and_an_operation(
    api: Api, other: dict[str, object], status: int
) -> None:
    api.configure(rate_limit="1/60s")
    api.send()
    assert api.send(**other).status == status  # type: ignore[arg-type]


def test_a_replay_counts_like_any_call(api: Api) -> None:
    api.configure(rate_limit="2/60s")
    answers = [api.send(headers={"Idempotency-Key": "k"}).reason for _ in range(3)]
    assert answers == ["created", "replayed", "rate_limited"]


def test_another_limit_begins_with_full_buckets_and_none_ends_it(api: Api) -> None:
    api.configure(rate_limit="1/60s")
    api.send()
    assert api.send().outcome == LIMITED
    api.configure(rate_limit="2/60s")
    assert [api.send().status for _ in range(3)] == [201, 201, 429]
    api.configure(rate_limit=None)
    assert api.send().status == 201


def test_a_reset_fills_every_bucket(api: Api) -> None:
    api.configure(rate_limit="1/60s")
    api.send()
    api.engine.namespaces.default.reset()
    api.configure(rate_limit="1/60s")
    assert api.send().status == 201


def test_a_clock_that_is_put_back_refuses_nobody_for_longer(api: Api) -> None:
    api.configure(rate_limit="1/60s")
    api.send()
    api.advance(-86_400)
    assert api.send().header("retry-after") == "60"
    api.advance(60)
    assert api.send().status == 201


@settings(max_examples=200)
@given(
    st.integers(1, 50),
    st.integers(1, 5000),
    st.lists(st.integers(0, 200_000), max_size=60),
)
def test_never_more_than_a_bucket_and_what_flows_in_and_waiting_always_helps(
    calls: int, seconds: int, pauses: list[int]
) -> None:
    limit, resources = RateLimit(calls, seconds), Resources()
    now = accepted = 0
    for pause in pauses:
        now += pause
        wait_seconds = resources.take_token(b"k", limit, now)
        assert 0 <= wait_seconds <= -(-seconds // calls)
        accepted += not wait_seconds
        assert (accepted - calls) * seconds * 1000 <= now * calls
        if wait_seconds:
            now += wait_seconds * 1000
            assert resources.take_token(b"k", limit, now) == 0
            accepted += 1
