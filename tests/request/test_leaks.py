"""Leak watch: issued keys where they do not belong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mockserver.json_codec import write_pointer
from mockserver.request.leaks import MAX_PLACES
from tests.desk import Desk
from tests.doors import BODY, UNSENT

LIST = "/v1/api-keys/?account_id=acct_1"


def leaks(desk: Desk, namespace: str = "default") -> list[str]:
    """The places of the keys that leaked with the last call, and what else is wrong with its key."""
    (*_, call) = desk.engine.namespaces.get(namespace).journal
    found = [item.message for item in call.warnings if item.code in ("leaked_key", "foreign_key")]
    return [text.partition(" stands ")[2].partition(";")[0] or text for text in found]


Send = Callable[[Desk, str], Any]

LEAKS: dict[str, tuple[Send, list[str]]] = {
    "path": (lambda desk, key: desk.api.send("GET", f"/v1/{key}/x", json=UNSENT), ["in the path"]),
    "query": (
        lambda desk, key: desk.api.send("GET", f"{LIST}&token={key}", json=UNSENT),
        ["in the query parameter token"],
    ),
    "encoded query": (
        lambda desk, key: desk.api.send("GET", f"{LIST}&a=%20{key.replace('_', '%5F')}", json=UNSENT),
        ["in the query parameter a"],
    ),
    "referer": (
        lambda desk, key: desk.api.send("GET", LIST, json=UNSENT, headers={"Referer": f"https://x/?k={key}"}),
        ["in the header referer"],
    ),
    "other header": (
        lambda desk, key: desk.api.send("GET", LIST, json=UNSENT, headers={"X-Api-Key": key}),
        ["in the header x-api-key"],
    ),
    "cookie": (
        lambda desk, key: desk.api.send("GET", LIST, json=UNSENT, headers={"Cookie": f"k={key}"}),
        ["in the header cookie"],
    ),
    "metadata": (
        lambda desk, key: desk.api.send(json={**BODY, "metadata": {"a/b": [{"old": f"was {key}."}]}}),
        ["in the body at /metadata/a~1b/0/old"],
    ),
    "name of a member": (
        lambda desk, key: desk.api.send(json={**BODY, "metadata": {key: "x"}}),
        [],
    ),
    "body that is no JSON": (
        lambda desk, key: desk.api.send("POST", "/elsewhere", body=f"key={key}".encode()),
        ["in the body"],
    ),
    "two places": (
        lambda desk, key: desk.api.send("GET", f"{LIST}&k={key}", json=UNSENT, headers={"Referer": key}),
        ["in the header referer", "in the query parameter k"],
    ),
}


@pytest.mark.parametrize("case", LEAKS)
def test_an_issued_key_is_noticed_where_it_does_not_belong(desk: Desk, case: str) -> None:
    send, expected = LEAKS[case]
    key = desk.api.send().key
    send(desk, key)
    found = leaks(desk)
    if case == "name of a member":
        (place,) = found
        assert place.startswith("in the body at /metadata/sk_test_[")
    else:
        assert found == expected
    shown = str(desk.last_call.to_json())
    assert key not in shown
    # The key can be found by its fingerprint, in the answer that issued it.
    assert desk.api.calls()[0]["response"]["body"]["data"]["key"] in shown


def test_a_key_where_it_belongs_is_no_leak(desk: Desk) -> None:
    key = desk.api.send().key
    desk.api.send("GET", LIST, json=UNSENT, key=key)
    assert leaks(desk) == []


def test_a_key_that_was_not_issued_is_no_leak(desk: Desk) -> None:
    desk.api.send(json={**BODY, "metadata": {"key": "sk_test_somebody_made_it_up"}})
    assert leaks(desk) == []


def test_a_key_of_another_namespace_is_noticed(desk: Desk) -> None:
    key = desk.api.send().key
    desk.api.send("GET", f"/~t1{LIST}", json=UNSENT, key=key)
    (text,) = leaks(desk, "t1")
    assert text.endswith(" belongs to the namespace 'default', this call to 't1'")
    own = desk.api.send(url=f"/~t1{LIST}").key
    desk.api.send("GET", f"/~t1{LIST}", json=UNSENT, key=own)
    assert leaks(desk, "t1") == []
    desk.api.send("GET", f"/~t2{LIST}", json=UNSENT, key=own)
    (text,) = leaks(desk, "t2")
    assert "belongs to the namespace 't1'" in text


def test_not_every_place_is_listed(desk: Desk) -> None:
    key = desk.api.send().key
    desk.api.send(json={**BODY, "metadata": {str(number): key for number in range(50)}})
    assert len(leaks(desk)) == MAX_PLACES


def test_places_are_written_for_keys_alone_and_never_at_length(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = desk.api.send().key
    written: list[str] = []

    def write(way: Any) -> str:
        written.append(write_pointer(way))
        return written[-1]

    monkeypatch.setattr("mockserver.request.leaks.write_pointer", write)
    desk.api.send(json={**BODY, "metadata": {"n" * 10_000: ["text", key, *["text"] * 1_000]}})
    (place,) = leaks(desk)
    assert place == f"in the body at /metadata/{'n' * 190}…"
    assert written == [f"/metadata/{'n' * 10_000}/1"]


def test_calls_with_leaks_can_be_asked_for(desk: Desk) -> None:
    key = desk.api.send().key
    desk.api.send("GET", LIST, json=UNSENT)
    desk.api.send("GET", f"{LIST}&key={key}", json=UNSENT)
    calls = desk.get("/calls?warnings=true")["calls"]
    assert [call["number"] for call in calls] == [3]
    assert "leaked_key" in [warning["code"] for warning in calls[0]["warnings"]]
