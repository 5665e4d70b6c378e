"""What a credential is taken for."""

from __future__ import annotations

import pytest

from tests.doors import (
    CREATE,
    KEY,
    Api,
    HeaderList,
    make_jwt,
)
from tests.judge import check

MALFORMED = (401, "malformed_credential", "malformed", None)
PUBLISHABLE = (403, "publishable_key", "publishable", "test")


def accepted(kind: str) -> tuple[int, str, str, str]:
    return 201, "created", kind, "test"


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        pytest.param("sk_test_x", accepted("secret"), id="secret"),
        pytest.param("a" * 29 + "sk_test_x", accepted("secret"), id="sk_ ends at the 32nd character"),
        pytest.param("org_sk_x_test_y", accepted("secret"), id="_test_ anywhere"),
        pytest.param("sk_test_pk_test_x", accepted("secret"), id="secret before publishable"),
        pytest.param("pk_test_sk_x", accepted("secret"), id="sk_ within 32 though pk_ stands first"),
        pytest.param(make_jwt({"sub": "u"}), accepted("jwt"), id="jwt"),
        pytest.param(make_jwt({"sub": "sk_test_x"}, signature=""), accepted("jwt"), id="jwt before secret"),
        pytest.param("pk_test_x", PUBLISHABLE, id="publishable"),
        pytest.param(
            "a" * 30 + "sk_test_pk_x",
            PUBLISHABLE,
            id="pk_ and a late sk_",
        ),
        pytest.param(
            "a" * 30 + "sk_test_x",
            MALFORMED,
            id="sk_ ends at the 33rd character",
        ),
        pytest.param("nonsense", MALFORMED, id="nonsense"),
        pytest.param(
            ".".join([*make_jwt({}).split("."), "x", "y"]),
            MALFORMED,
            id="five parts",
        ),
        pytest.param(
            make_jwt({}, header={"typ": "JWT"}),
            MALFORMED,
            id="jwt without alg",
        ),
        pytest.param(
            make_jwt({}, header=["alg"]),
            MALFORMED,
            id="header no object",
        ),
        pytest.param("YQ.YQ.YQ", MALFORMED, id="header no json"),
        pytest.param("x" * 9000, MALFORMED, id="long"),
    ],
)
def test_a_token_is_recognised_in_order(
    api: Api, token: str, expected: tuple[int, str, str, str | None]
) -> None:
    answer = check(api.send(key=token))
    credential = api.calls()[-1]["credential"]
    assert (*answer.outcome, credential["kind"], credential["mode"]) == expected


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        pytest.param([], "missing_credential", id="missing"),
        pytest.param([("Authorization", "")], "missing_credential", id="empty"),
        pytest.param([("Authorization", "Bearer")], "malformed_credential", id="scheme alone"),
        pytest.param([("Authorization", "sk_test_x")], "malformed_credential", id="token alone"),
        pytest.param([("Authorization", "Basic c2tfdGVzdF94Og==")], "malformed_credential", id="basic"),
        pytest.param([("Authorization", "Token sk_test_x")], "malformed_credential", id="other scheme"),
        pytest.param([("Authorization", "Bearer sk_test_x y")], "malformed_credential", id="two tokens"),
        pytest.param(
            [("Authorization", "Bearer sk_test_x")] * 2, "malformed_credential", id="the header twice"
        ),
    ],
)
def test_a_missing_or_malformed_header_is_401_with_a_challenge(
    api: Api, headers: HeaderList, reason: str
) -> None:
    answer = check(api.send(key=None, headers=headers))
    assert answer.outcome == (401, reason)
    assert answer.header("www-authenticate") == "Bearer"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR", "Bearer  "])
def test_the_scheme_compares_without_case(api: Api, scheme: str) -> None:
    answer = api.send(key=None, headers={"Authorization": f"{scheme} {KEY}"})
    assert answer.outcome == (201, "created")


def test_a_credential_in_the_query_is_never_taken(api: Api) -> None:
    answer = api.send(url=f"{CREATE}&access_token={KEY}&api_key={KEY}", key=None)
    assert answer.outcome == (401, "missing_credential")
    assert api.warnings() == ["credential_in_query"]
