"""What every answer carries."""

from __future__ import annotations

from typing import Any

import pytest

from tests.doors import (
    CREATE,
    UNSENT,
    Api,
)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({}, id="created"),
        pytest.param({"method": "GET", "json": UNSENT}, id="listed"),
        pytest.param({"key": None}, id="401"),
        pytest.param({"url": "/nothing"}, id="404"),
        pytest.param({"method": "PUT"}, id="405"),
        pytest.param({"headers": {"Prefer": "code=409"}}, id="preferred"),
        pytest.param({"url": CREATE.replace("acct_1", "acct_error_500")}, id="stub"),
    ],
)
def test_every_answer_says_why_and_under_which_id_it_is_recorded(api: Api, change: dict[str, Any]) -> None:
    answers = [api.send(**change), api.send(**change)]
    calls = api.calls()
    assert [call["reason"] for call in calls] == [answer.reason for answer in answers]
    assert [call["id"] for call in calls] == [answer.header("mockserver-call-id") for answer in answers]
    assert [call["number"] for call in calls] == [1, 2]
    assert calls[0]["id"] != calls[1]["id"]
