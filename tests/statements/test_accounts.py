"""Which accounts exist."""

from __future__ import annotations

import pytest

from mockserver.vendors.hsrcpay import HsrcpayRules
from tests.doors import (
    CREATE,
    UNSENT,
    Api,
    make_jwt,
)
from tests.judge import check

ERROR_STATUSES = (400, 401, 403, 404, 409, 422, 429, 500)


def test_any_account_exists(api: Api) -> None:
    for account in ("acct_nobody_listed", "x", "accounts.1234", "ünï"):
        url = f"/v1/api-keys/?account_id={'%C3%BCn%C3%AF' if account == 'ünï' else account}"
        assert api.send(url=url).json["data"]["account_id"] == account


def test_strict_accounts_knows_only_the_listed_ones(api: Api) -> None:
    api.configure(strict_accounts=True)
    assert check(api.send()).outcome == (404, "account_not_found")
    assert api.send(url=CREATE.replace("acct_1", "acct_test_main")).status == 201


def test_an_account_of_the_other_mode_is_404(api: Api) -> None:
    live = CREATE.replace("acct_1", "acct_live_main")
    assert check(api.send(url=live)).outcome == (404, "account_not_found")
    assert check(api.send(url=live, key=make_jwt({}))).outcome == (404, "account_not_found")
    api.configure(allow_live=True)
    assert api.send(url=live, key="sk_live_x").status == 201
    main = CREATE.replace("acct_1", "acct_test_main")
    assert check(api.send(url=main, key="sk_live_x")).outcome == (404, "account_not_found")


@pytest.mark.parametrize("status", ERROR_STATUSES)
def test_acct_error_gives_that_documented_error(api: Api, status: int, rules: HsrcpayRules) -> None:
    answer = check(api.send(url=CREATE.replace("acct_1", f"acct_error_{status}")))
    assert answer.outcome == (status, "stub")
    slug = next(iter(rules.knowledge.errors[status]))
    assert answer.json["error"]["details"] == {"reason": slug}
    assert api.calls()[-1]["stub"]["name"] == f"acct_error_{status}"
    assert (answer.header("retry-after") is not None) is (status == 429)
    assert (answer.header("www-authenticate") is not None) is (status == 401)


@pytest.mark.parametrize("status", ERROR_STATUSES)
def test_acct_error_holds_for_a_request_that_is_wrong_otherwise(api: Api, status: int) -> None:
    url = f"/v1/api-keys?account_id=acct_error_{status}"
    assert api.send(url=url, key=None, body=b"{").status == status
    assert check(api.send("GET", url, json=UNSENT), "listApiKeys").status == status
