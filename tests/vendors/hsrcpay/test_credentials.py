"""What a credential is by its text alone, and what it may do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.security.credential import Credential, Sent, find_token
from mockserver.security.grants import ALL_GRANTS, read_permissions
from mockserver.security.tokens import TokenAuthority
from mockserver.vendors.hsrcpay import credentials
from mockserver.vendors.hsrcpay.credentials import read_token
from mockserver.vendors.hsrcpay.permissions import read_claimed_permissions, read_permission_map
from tests.doors import make_jwt, segment

JWT = make_jwt({})
TOKENS = TokenAuthority("seed")


def read_credential(*authorizations: str) -> Credential:
    headers = tuple((b"authorization", value.encode("latin-1")) for value in authorizations)
    return credentials.read_credential(Sent(headers, {}), TOKENS, allow_live=False)


def kind_and_mode(credential: Credential) -> tuple[str, str | None]:
    return credential.kind, credential.mode


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("sk_test_x", ("secret", "test")),
        ("sk_live_x", ("secret", "live")),
        ("sk_x", ("secret", "live")),
        ("sk_test", ("secret", "live")),
        ("sk_x_test_", ("secret", "test")),
        ("x" * 29 + "sk_test_x", ("secret", "test")),
        ("x" * 30 + "sk_test_x", ("malformed", None)),
        ("x" * 30 + "sk_test_pk_", ("publishable", "test")),
        ("pk_test_x", ("publishable", "test")),
        ("pk_live_x", ("publishable", "live")),
        ("x" * 100 + "pk_test_x", ("publishable", "test")),
        ("pk_sk_test_x", ("secret", "test")),
        ("PK_test_x", ("malformed", None)),
        ("SK_test_x", ("malformed", None)),
        ("sk-test-x", ("malformed", None)),
        ("_test_", ("malformed", None)),
        (JWT, ("jwt", "test")),
        (make_jwt({}, signature=""), ("jwt", "test")),
        (make_jwt({"livemode": True}), ("jwt", "live")),
        (make_jwt({"livemode": None}), ("jwt", "test")),
        (make_jwt("no object"), ("jwt", "test")),
        (f"{segment({'alg': 'x'})}..", ("jwt", "test")),
        (JWT.rpartition(".")[0], ("malformed", None)),
        (f"{JWT}.x", ("malformed", None)),
        (f"{JWT}=", ("malformed", None)),
        (make_jwt({}, header={"typ": "JWT"}), ("malformed", None)),
        (make_jwt({}, header=["alg"]), ("malformed", None)),
        (f"{segment({'alg': 'x'})[:-1]}.x.x", ("malformed", None)),
        (f"sk_test_x.{JWT.partition('.')[2]}", ("secret", "test")),
        ("..", ("malformed", None)),
        ("e", ("malformed", None)),
    ],
)
def test_kind_and_mode_follow_from_the_text(token: str, expected: tuple[str, str | None]) -> None:
    assert kind_and_mode(read_token(token)) == expected
    assert kind_and_mode(read_credential(f"Bearer {token}")) == expected


@pytest.mark.parametrize(
    ("authorization", "token"),
    [
        ("Bearer x", "x"),
        ("bEARER x", "x"),
        ("  Bearer   x  ", "x"),
        ("Bearer", None),
        ("Bearer ", None),
        ("Bearerx", None),
        ("x", None),
        ("", None),
        ("Basic x", None),
        ("Bearer x y", None),
        ("Bearer x\ty", None),
        ("Bearer x\xa0y", None),
        ("Bearer\tx", None),
    ],
)
def test_the_token_of_a_bearer_header_is_found(authorization: str, token: str | None) -> None:
    assert find_token(authorization) == token


@pytest.mark.parametrize("text", ["", " ", "\t"])
def test_nothing_is_no_credential(text: str) -> None:
    credential = read_credential(text)
    assert (credential.kind, credential.problem) == ("none", "missing_credential")
    assert (credential.display, credential.fingerprint) == (None, None)


@pytest.mark.parametrize("text", ["Bearer", "sk_test_x", "Basic eDp5", "Bearer nonsense", "Bearer a b"])
def test_what_is_malformed_says_what_would_be_right(text: str) -> None:
    credential = read_credential(text)
    assert (credential.kind, credential.problem) == ("malformed", "malformed_credential")
    assert credential.problem_text
    assert "nonsense" not in credential.problem_text


def test_several_headers_are_one_malformed_credential() -> None:
    credential = read_credential(*["Bearer sk_test_a", "Bearer sk_test_b"])
    assert (credential.kind, credential.problem) == ("malformed", "malformed_credential")


@pytest.mark.parametrize("values", [["Bearer sk_test_a", "Bearer sk_live_b"], ["Bearer sk_live_b", "x"]])
def test_a_live_credential_among_several_headers_is_still_a_live_one(values: list[str]) -> None:
    assert kind_and_mode(read_credential(*values)) == ("secret", "live")


@pytest.mark.parametrize(
    ("token", "namespace"),
    [
        ("sk_test_ns-a_x", "a"),
        ("sk_test_mock_ns-team-1_x", "team-1"),
        ("pk_test_ns-a_x", "a"),
        (f"sk_test_ns-{'a' * 40}_x", "a" * 40),
        (f"sk_test_ns-{'a' * 41}_x", None),
        ("sk_test_ns-_x", None),
        ("sk_test_ns-A_x", None),
        ("sk_test_ns-a", None),
        ("sk_test_xns-a_x", None),
        (make_jwt({"ns": "team-1"}), "team-1"),
        (make_jwt({"ns": "Team"}), None),
        (make_jwt({"ns": ""}), None),
        (make_jwt({"ns": "a\n"}), None),
        (make_jwt({"ns": ["a"]}), None),
        (make_jwt({"sub": "_ns-a_"}), None),
    ],
)
def test_a_credential_names_its_namespace(token: str, namespace: str | None) -> None:
    assert read_token(token).namespace == namespace


@pytest.mark.parametrize("token", ["sk_live_ns-a_x", make_jwt({"ns": "a", "livemode": True})])
def test_a_live_credential_names_a_namespace_only_where_it_is_let_in(token: str) -> None:
    assert (read_token(token).namespace, read_token(token, allow_live=True).namespace) == (None, "a")


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        ("sk_test_x", "sk_test_["),
        ("sk_live_x", "sk_live_["),
        ("sk_x", "sk_["),
        ("pk_test_x", "pk_test_["),
        ("organisation_sk_test_x", "sk_test_["),
        (JWT, "jwt["),
        ("nonsense", "["),
    ],
)
def test_a_credential_is_shown_by_prefix_and_fingerprint(token: str, shown: str) -> None:
    credential = read_token(token)
    assert credential.display == f"{shown}{credential.fingerprint}]"
    assert len(credential.fingerprint or "") == 12


def test_equal_secrets_have_equal_fingerprints_and_others_do_not() -> None:
    tokens = ["sk_test_a", "sk_test_b", "pk_test_a", "a", JWT]
    assert [read_token(token).fingerprint for token in tokens] == [
        read_credential(f"bearer  {token}").fingerprint for token in tokens
    ]
    assert len({read_token(token).fingerprint for token in tokens}) == len(tokens)


def test_two_signatures_of_one_text_are_one_jwt() -> None:
    signed, other = make_jwt({"sub": "u"}, signature="eA"), make_jwt({"sub": "u"}, signature="eQ")
    assert read_token(signed).digest == read_token(other).digest


@pytest.mark.parametrize(
    ("token", "is_issued"), [("sk_test_mock_x", True), ("sk_test_x", False), ("pk_test_mock_x", False)]
)
def test_a_key_of_the_issued_form_is_known_as_such(token: str, is_issued: bool) -> None:
    assert read_token(token).is_issued is is_issued


@given(st.text(st.characters(max_codepoint=255), min_size=1, max_size=80))
def test_any_text_is_classified_and_never_shown(text: str) -> None:
    credential = read_credential(f"Bearer {text}")
    assert credential == read_credential(f"bearer {text}") or credential.kind == "malformed"
    assert credential.kind in ("jwt", "secret", "publishable", "malformed")
    assert (credential.mode is None) is (credential.kind == "malformed")
    if len(text.strip()) > 14:
        assert text.strip() not in repr(credential)


# Grants

PERMISSION = "account:api:key:create"


@pytest.mark.parametrize(
    ("permissions", "is_granted"),
    [
        ({"account:api:key": ["create"]}, True),
        ({"account": ["api:key:create"]}, True),
        ({"account:api": ["key:create", "key:read"]}, True),
        ({"a": ["b"], "account:api:key": ["create"]}, True),
        ({"*": ["*"]}, True),
        ({"*": ["read"]}, True),
        ({"account": ["*"]}, True),
        ({"account:api:key": ["*"]}, True),
        ({"account": ["api:*"]}, True),
        ({"account:*": ["read"]}, True),
        ({"account:api:key:create": ["*"]}, False),
        ({}, False),
        ({"account:api:key": []}, False),
        ({"account:api:key:create": []}, False),
        ({"account:api:key": ["read"]}, False),
        ({"account:api:key": ["creat", "creates", "CREATE", " create"]}, False),
        ({"account:api:ke": ["*"]}, False),
        ({"account:api:k*": ["*"]}, False),
        ({"other": ["*"]}, False),
        ({"": [PERMISSION]}, False),
    ],
)
def test_a_permission_map_grants_name_colon_action(permissions: dict[str, Any], is_granted: bool) -> None:
    assert read_permission_map(permissions).allows(PERMISSION) is is_granted


def test_everything_is_granted_by_all_grants() -> None:
    assert ALL_GRANTS.allows(PERMISSION)
    assert ALL_GRANTS.allows("")


@given(st.lists(st.text("ab*:", max_size=8), max_size=4), st.text("ab:", max_size=8))
def test_a_list_grants_what_it_names_and_what_is_below_its_stars(granted: list[str], asked: str) -> None:
    def covers(permission: str) -> bool:
        parts, wanted = permission.split(":"), asked.split(":")
        if "*" not in parts:
            return parts == wanted
        above = parts[: parts.index("*")]
        return len(wanted) > len(above) and wanted[: len(above)] == above

    assert read_permissions(granted).allows(asked) is any(map(covers, granted))


@pytest.mark.parametrize(
    ("claims", "is_granted"),
    [
        ({}, None),
        ({"permissions": None, "scope": None}, None),
        ({"permissions": [PERMISSION]}, True),
        ({"permissions": [5, None, PERMISSION]}, True),
        ({"permissions": {"account:api:key": ["create"]}}, True),
        ({"permissions": f"x {PERMISSION}"}, True),
        ({"scope": f"openid {PERMISSION}"}, True),
        ({"permissions": []}, False),
        ({"permissions": {}}, False),
        ({"permissions": {"account:api:key": "create"}}, False),
        ({"scope": ""}, False),
        ({"permissions": [], "scope": PERMISSION}, False),
        ({"permissions": None, "scope": PERMISSION}, True),
        ({"scope": ["openid", PERMISSION]}, True),
        ({"scope": []}, False),
    ],
)
def test_a_jwt_grants_by_permissions_or_scope(claims: Any, is_granted: bool | None) -> None:
    grants = read_claimed_permissions(claims)
    assert (None if grants is None else grants.allows(PERMISSION)) is is_granted


@pytest.mark.parametrize(
    ("claims", "text"),
    [
        ({"permissions": 0}, "the claim permissions must be a list, a map or a text of permissions"),
        ({"permissions": True, "scope": PERMISSION}, "the claim permissions must be"),
        ({"scope": 1.5}, "the claim scope must be a text or a list of permissions"),
        ({"scope": {}}, "the claim scope must be"),
    ],
)
def test_a_claim_of_another_type_grants_nothing(claims: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        read_claimed_permissions(claims)
