from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwa import RSAAlgorithm
from joserfc.jwk import ECKey, Key, KeySet, OctKey, OKPKey, RSAKey

from mockserver.exceptions import SettingsError
from mockserver.security.tokens import ISSUER, KEY_ID_PREFIX, TokenAuthority
from mockserver.seeds import BASE62

SECRET = "correct horse battery staple 4711"
RSA_KEY = RSAKey.generate_key(2048, {"kid": "rsa-1"})
EC_KEY = ECKey.generate_key("P-256", {"kid": "ec-1"})
OKP_KEY = OKPKey.generate_key("Ed25519", {"kid": "okp-1"})
OCT_KEY = OctKey.generate_key(512, {"kid": "oct-1"})
# One of each kind that signs nothing, and a curve of its own.
OTHER_KEYS = (
    RSAKey.generate_key(2048, {"kid": "rsa-2"}),
    ECKey.generate_key("P-384", {"kid": "ec-2"}),
    ECKey.generate_key("P-256", {"kid": "ec-3"}),
    OKPKey.generate_key("Ed25519", {"kid": "okp-2"}),
    OctKey.generate_key(256, {"kid": "oct-2"}),
)
SIGNERS: dict[str, Key] = {
    "RS256": RSA_KEY,
    "RS512": RSA_KEY,
    "PS256": RSA_KEY,
    "ES256": EC_KEY,
    "Ed25519": OKP_KEY,
    "HS256": OCT_KEY,
    "HS512": OCT_KEY,
}

UNKNOWN_KEY = "the token names a key that is not known here (kid)"
NO_FITTING_KEY = "the token's algorithm fits no key that is known here (alg)"
WRONG_SIGNATURE = "the token's signature is wrong"
WRONG_AUDIENCE = "the token is not meant for the configured audience (aud)"
UNSIGNED = "the token is not signed (alg is none)"


def read_segment(segment: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))


def write_segment(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def check(authority: TokenAuthority, token: str) -> str | None:
    header, payload, _ = token.split(".")
    return authority.check(token, read_segment(header), read_segment(payload))


def issue(key: Key, alg: str, claims: dict[str, Any] | None = None, **header: Any) -> str:
    """A token as a foreign provider issues it, signed by the library and not by the code under test."""
    return jwt.encode({"alg": alg, **header}, claims or {"sub": "user_1"}, key, algorithms=[alg])


def write_jwks(folder: Path, *keys: Any) -> Path:
    path = folder / "jwks.json"
    entries = [key if not hasattr(key, "as_dict") else key.as_dict(private=False) for key in keys]
    path.write_text(json.dumps({"keys": entries}))
    return path


def problems_of(error: pytest.ExceptionInfo[SettingsError]) -> list[tuple[str | None, str, str]]:
    return [(problem.file, problem.pointer, problem.message) for problem in error.value.problems]


# The built-in provider


def test_a_signed_token_holds_what_was_asked_for() -> None:
    authority = TokenAuthority("s", audience="https://api.example")
    token = authority.sign(
        permissions={"account:api:key": ["create"]},
        namespace="t1",
        now_seconds=1_000,
        expires_in_seconds=60,
        not_before_seconds=990,
        subject="user_7",
        claims={"livemode": False},
    )
    assert check(authority, token) is None
    header, payload, _ = token.split(".")
    assert read_segment(header) == {"alg": "ES256", "typ": "JWT", "kid": authority.jwks()["keys"][0]["kid"]}
    assert read_segment(payload) == {
        "iss": ISSUER,
        "sub": "user_7",
        "aud": "https://api.example",
        "iat": 1_000,
        "nbf": 990,
        "exp": 1_060,
        "ns": "t1",
        "permissions": {"account:api:key": ["create"]},
        "livemode": False,
    }


def test_what_is_not_given_is_left_out_of_a_token() -> None:
    _, payload, _ = TokenAuthority("s").sign(now_seconds=5, expires_in_seconds=None).split(".")
    assert read_segment(payload) == {"iss": ISSUER, "sub": "user_mock", "iat": 5}


def test_a_token_expires_after_an_hour_unless_told_otherwise() -> None:
    _, payload, _ = TokenAuthority("s").sign(now_seconds=5).split(".")
    assert read_segment(payload)["exp"] == 3605


def test_extra_claims_win_so_that_a_token_can_be_wrong_on_purpose() -> None:
    authority = TokenAuthority("s", audience="here")
    token = authority.sign(now_seconds=5, claims={"aud": "elsewhere", "exp": "tomorrow"})
    assert read_segment(token.split(".")[1])["exp"] == "tomorrow"
    assert check(authority, token) == WRONG_AUDIENCE


def test_another_library_verifies_a_token_with_the_published_keys() -> None:
    authority = TokenAuthority("s")
    keys = KeySet.import_key_set(authority.jwks())  # type: ignore[arg-type]
    token = jwt.decode(authority.sign(now_seconds=5, permissions=["a:b"]), keys)
    assert token.claims["permissions"] == ["a:b"]


def test_the_published_key_is_public_and_says_what_it_is_for() -> None:
    (key,) = TokenAuthority("s").jwks()["keys"]
    assert key.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert (key["kty"], key["crv"], key["use"], key["alg"]) == ("EC", "P-256", "sig", "ES256")
    prefix, digest = key["kid"][: len(KEY_ID_PREFIX)], key["kid"][len(KEY_ID_PREFIX) :]
    assert prefix == KEY_ID_PREFIX
    assert len(digest) == 12 and set(digest) <= set("0123456789abcdef")


def test_key_and_tokens_follow_from_the_seed_alone() -> None:
    # Written down once: another version of a library, another machine or another run must get the same.
    authority = TokenAuthority("s")
    assert authority.jwks()["keys"] == [
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "incaMdSlmGJLVn_K0IzlO5kKuXhCiMxzYWKYejV-DGs",
            "y": "b7mIwvki4WhKaYaswD96Apl43HFWP679hRc-kiPFk8c",
            "kid": "mockserver-76992f65257f",
            "use": "sig",
            "alg": "ES256",
        }
    ]
    assert authority.sign(now_seconds=0).rpartition(".")[2] == (
        "61wSIXSh5jWRnOOrJB_WPD8QZXoP1Cptjb7Mq9_6h_oBfhMcR--pkSE5X-lx7McyOjrWo89hQ1naFOmSFd7QJw"
    )


def test_two_processes_publish_the_same_keys_and_sign_alike() -> None:
    script = (
        "from mockserver.security.tokens import TokenAuthority\n"
        "authority = TokenAuthority('shared')\n"
        "print(authority.jwks(), authority.sign(now_seconds=7, claims={'b': 1, 'a': 2}))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": salt},
            capture_output=True,
            check=True,
        ).stdout
        for salt in ("1", "2")
    }
    here = TokenAuthority("shared")
    expected = f"{here.jwks()} {here.sign(now_seconds=7, claims={'a': 2, 'b': 1})}"
    assert {output.decode().strip() for output in outputs} == {expected}


def test_other_seeds_have_other_keys() -> None:
    one, two = TokenAuthority("one").jwks()["keys"][0], TokenAuthority("two").jwks()["keys"][0]
    assert one["kid"] != two["kid"]
    assert one["x"] != two["x"]


def test_the_discovery_document_leads_to_the_keys_and_names_the_issuer_of_the_tokens() -> None:
    authority = TokenAuthority("s")
    document = authority.discovery("http://127.0.0.1:4020")
    assert document["jwks_uri"] == "http://127.0.0.1:4020/.well-known/jwks.json"
    assert document["issuer"] == read_segment(authority.sign(now_seconds=0).split(".")[1])["iss"]
    assert document["id_token_signing_alg_values_supported"] == ["ES256"]


# The check of tokens that name the built-in key


@given(data=st.data())
def test_a_built_in_token_changed_in_one_character_is_refused(data: st.DataObject) -> None:
    authority = TokenAuthority("s")
    token = authority.sign(now_seconds=5)
    header, payload, _ = token.split(".")
    place = data.draw(st.sampled_from([index for index, letter in enumerate(token) if letter != "."]))
    letter = data.draw(st.sampled_from(BASE62 + "-_+/= é"))
    changed = token[:place] + letter + token[place + 1 :]
    expected = None if changed == token else WRONG_SIGNATURE
    assert authority.check(changed, read_segment(header), read_segment(payload)) == expected


def test_a_changed_payload_is_refused() -> None:
    authority = TokenAuthority("s")
    header, payload, signature = authority.sign(now_seconds=5, permissions=["a:read"]).split(".")
    claims = read_segment(payload) | {"permissions": ["*"]}
    assert check(authority, f"{header}.{write_segment(claims)}.{signature}") == WRONG_SIGNATURE


@pytest.mark.parametrize("signature", ["", "AA", "A" * 85, "A" * 86, "A" * 88, "=" * 86, "%%%"])
def test_a_signature_of_another_shape_is_refused(signature: str) -> None:
    authority = TokenAuthority("s")
    signed, _, _ = authority.sign(now_seconds=5).rpartition(".")
    assert check(authority, f"{signed}.{signature}") == WRONG_SIGNATURE


def test_another_spelling_of_the_same_signature_is_refused() -> None:
    # 64 bytes are 85 characters and two bits: the last character has four bits that say nothing.
    authority = TokenAuthority("s0")
    token = authority.sign(now_seconds=0)
    assert token.endswith("A")
    assert check(authority, token[:-1] + "B") == WRONG_SIGNATURE
    assert check(authority, token + "==") == WRONG_SIGNATURE


def test_a_token_of_another_seed_is_refused() -> None:
    token = TokenAuthority("one").sign(now_seconds=5)
    refusal = "the token names a key of the built-in provider under another seed"
    assert check(TokenAuthority("two"), token) == refusal


def test_a_token_of_another_seed_under_this_seed_s_key_id_is_refused() -> None:
    key_id = TokenAuthority("one").jwks()["keys"][0]["kid"]
    assert check(TokenAuthority("one"), issue(EC_KEY, "ES256", kid=key_id)) == WRONG_SIGNATURE


def test_a_token_of_another_seed_is_accepted_where_its_keys_are_configured(tmp_path: Path) -> None:
    other = TokenAuthority("other")
    authority = TokenAuthority("s", jwks=write_jwks(tmp_path, *other.jwks()["keys"]))
    assert check(authority, other.sign(now_seconds=5)) is None
    assert check(authority, TokenAuthority("third").sign(now_seconds=5)) == UNKNOWN_KEY


def test_built_in_tokens_are_accepted_beside_configured_keys(tmp_path: Path) -> None:
    authority = TokenAuthority("s", secret=SECRET, jwks=write_jwks(tmp_path, RSA_KEY))
    assert check(authority, authority.sign(now_seconds=5)) is None


def test_a_configured_key_cannot_stand_in_for_the_built_in_one(tmp_path: Path) -> None:
    own = TokenAuthority("s").jwks()["keys"][0]["kid"]
    impostor = ECKey.generate_key("P-256", {"kid": own})
    authority = TokenAuthority("s", jwks=write_jwks(tmp_path, impostor))
    assert check(authority, issue(impostor, "ES256", kid=own)) == WRONG_SIGNATURE


# The check of other tokens


def test_without_a_configured_key_a_foreign_signature_is_not_checked() -> None:
    authority = TokenAuthority("s")
    assert check(authority, issue(RSA_KEY, "RS256", kid="rsa-1")) is None
    assert check(authority, f"{write_segment({'alg': 'HS256'})}.{write_segment({})}.AAAA") is None


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_the_secret_decides_over_hmac_tokens(alg: str) -> None:
    token = issue(OctKey.import_key(SECRET), alg)
    assert check(TokenAuthority("s", secret=SECRET), token) is None
    assert check(TokenAuthority("s", secret=SECRET + "!"), token) == WRONG_SIGNATURE


def test_the_secret_has_no_key_id_so_any_fits() -> None:
    token = issue(OctKey.import_key(SECRET), "HS256", kid="whatever")
    assert check(TokenAuthority("s", secret=SECRET), token) is None


def test_a_short_secret_is_a_secret() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        token = issue(OctKey.import_key("abc"), "HS256")
    assert check(TokenAuthority("s", secret="abc"), token) is None
    assert check(TokenAuthority("s", secret="abd"), token) == WRONG_SIGNATURE


def test_a_secret_that_is_no_utf_8_is_the_bytes_of_the_environment() -> None:
    token = issue(OctKey.import_key(b"\xff\xfe" * 10), "HS256")
    secret = (b"\xff\xfe" * 10).decode("utf-8", "surrogateescape")
    assert check(TokenAuthority("s", secret=secret), token) is None


@pytest.mark.parametrize("alg", SIGNERS)
@pytest.mark.parametrize("names_key", [True, False])
def test_a_jwks_file_decides_over_tokens_of_every_kind(tmp_path: Path, alg: str, names_key: bool) -> None:
    key = SIGNERS[alg]
    header: dict[str, Any] = {"kid": key.kid} if names_key else {}
    # The others first, so that a token without a key id needs more than the first key that fits.
    authority = TokenAuthority("s", jwks=write_jwks(tmp_path, *OTHER_KEYS, RSA_KEY, EC_KEY, OKP_KEY, OCT_KEY))
    token = issue(key, alg, **header)
    assert check(authority, token) is None
    header_segment, _, signature = token.split(".")
    changed = f"{header_segment}.{write_segment({'sub': 'user_2'})}.{signature}"
    assert check(authority, changed) == WRONG_SIGNATURE
    authority = TokenAuthority("s", jwks=write_jwks(tmp_path, *OTHER_KEYS))
    assert check(authority, token) == (UNKNOWN_KEY if names_key else WRONG_SIGNATURE)


def test_a_key_without_an_id_may_be_the_one_a_token_names(tmp_path: Path) -> None:
    key = ECKey.generate_key("P-256")
    public = {name: value for name, value in key.as_dict(private=False).items() if name != "kid"}
    authority = TokenAuthority("s", jwks=write_jwks(tmp_path, public))
    assert check(authority, issue(key, "ES256", kid="any")) is None
    assert check(authority, issue(EC_KEY, "ES256", kid="any")) == WRONG_SIGNATURE


@pytest.mark.parametrize("key_id", ["rsa-2", "", 1, ["rsa-1"], {}, False])
def test_a_key_id_that_the_jwks_file_lacks_is_refused(tmp_path: Path, key_id: Any) -> None:
    authority = TokenAuthority("s", jwks=write_jwks(tmp_path, RSA_KEY))
    _, payload, signature = issue(RSA_KEY, "RS256").split(".")
    token = f"{write_segment({'alg': 'RS256', 'kid': key_id})}.{payload}.{signature}"
    assert check(authority, token) == UNKNOWN_KEY


def test_a_private_jwk_serves_as_its_public_half(tmp_path: Path) -> None:
    path = tmp_path / "private.json"
    path.write_text(json.dumps({"keys": [RSA_KEY.as_dict(private=True)]}))
    assert check(TokenAuthority("s", jwks=path), issue(RSA_KEY, "RS256")) is None


def test_a_header_may_be_long(tmp_path: Path) -> None:
    authority = TokenAuthority("s", jwks=write_jwks(tmp_path, RSA_KEY))
    _, payload, _ = issue(RSA_KEY, "RS256").split(".")
    signed = f"{write_segment({'alg': 'RS256', 'x5c': ['A' * 2000], 'own': 1})}.{payload}"
    signature = RSAAlgorithm(256).sign(signed.encode(), RSA_KEY)
    assert check(authority, f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}") is None


def test_expiry_is_judged_elsewhere(tmp_path: Path) -> None:
    authority = TokenAuthority("s", secret=SECRET)
    claims = {"exp": 1, "nbf": 4_000_000_000, "iat": "no number"}
    assert check(authority, issue(OctKey.import_key(SECRET), "HS256", claims)) is None
    assert check(authority, authority.sign(now_seconds=0, expires_in_seconds=-1)) is None


# Tokens that are always refused


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE"])
@pytest.mark.parametrize("secret", [None, SECRET])
def test_an_unsigned_token_is_always_refused(alg: str, secret: str | None) -> None:
    token = f"{write_segment({'alg': alg})}.{write_segment({'sub': 'user_1'})}."
    assert check(TokenAuthority("s", secret=secret), token) == UNSIGNED


def test_an_unsigned_token_that_names_the_built_in_key_is_refused() -> None:
    authority = TokenAuthority("s")
    header = {"alg": "none", "kid": authority.jwks()["keys"][0]["kid"]}
    assert check(authority, f"{write_segment(header)}.{write_segment({})}.") == UNSIGNED


@pytest.mark.parametrize("alg", [None, 256, ["ES256"], {}])
def test_an_algorithm_that_is_no_string_is_refused(alg: Any) -> None:
    token = f"{write_segment({'alg': alg})}.{write_segment({})}.AAAA"
    refusal = "the token's header names no algorithm (alg must be a string)"
    assert check(TokenAuthority("s"), token) == refusal


def test_a_payload_that_is_no_object_is_refused() -> None:
    header = {"alg": "HS256"}
    refusal = "the token's payload is not a JSON object"
    assert TokenAuthority("s").check(f"{write_segment(header)}.W10.AAAA", header, None) == refusal


@pytest.mark.parametrize("alg", ["HS999", "none ", "", "hs256", "RSA-OAEP", "RS256"])
def test_an_algorithm_that_no_configured_key_fits_is_refused(alg: str) -> None:
    token = f"{write_segment({'alg': alg})}.{write_segment({})}."
    assert check(TokenAuthority("s", secret=SECRET), token) == NO_FITTING_KEY


@pytest.mark.parametrize("names_key", [True, False])
@pytest.mark.parametrize("secret", [None, SECRET])
def test_a_public_key_is_never_taken_for_an_hmac_secret(
    tmp_path: Path, names_key: bool, secret: str | None
) -> None:
    authority = TokenAuthority("s", secret=secret, jwks=write_jwks(tmp_path, RSA_KEY, EC_KEY))
    own = TokenAuthority("s").jwks()["keys"][0]
    for key, key_id in ((RSA_KEY, "rsa-1"), (EC_KEY, "ec-1"), (ECKey.import_key(own), own["kid"])):
        jwk = json.dumps(key.as_dict(private=False), separators=(",", ":")).encode()
        for text in (key.as_pem(), key.as_pem().strip(), key.as_der(), jwk):
            header: dict[str, Any] = {"kid": key_id} if names_key else {}
            forged = issue(OctKey(text, text), "HS256", **header)
            assert check(authority, forged) in (NO_FITTING_KEY, WRONG_SIGNATURE)


def test_a_key_for_one_algorithm_does_not_serve_another(tmp_path: Path) -> None:
    jwk = {**RSA_KEY.as_dict(private=False), "alg": "PS256"}
    authority = TokenAuthority("s", jwks=write_jwks(tmp_path, jwk))
    assert check(authority, issue(RSA_KEY, "PS256")) is None
    assert check(authority, issue(RSA_KEY, "RS256")) == NO_FITTING_KEY


def test_extensions_that_nobody_knows_are_refused() -> None:
    authority = TokenAuthority("s", secret=SECRET)
    for critical in (["exp"], ["b64"], 5):
        token = f"{write_segment({'alg': 'HS256', 'crit': critical, 'b64': False})}.{write_segment({})}.AAAA"
        refusal = "the token demands extensions that are not known here (crit)"
        assert check(authority, token) == refusal


@pytest.mark.parametrize(
    ("audience", "is_accepted"),
    [
        ("https://api.example", True),
        (["other", "https://api.example"], True),
        ("https://api.example/", False),
        ("prefix https://api.example", False),
        (["other"], False),
        ([], False),
        ({"https://api.example": 1}, False),
        (None, False),
        (7, False),
    ],
)
@pytest.mark.parametrize("secret", [None, SECRET])
def test_the_configured_audience_must_be_named(audience: Any, is_accepted: bool, secret: str | None) -> None:
    authority = TokenAuthority("s", secret=secret, audience="https://api.example")
    token = issue(OctKey.import_key(SECRET), "HS256", {"aud": audience})
    assert check(authority, token) == (None if is_accepted else WRONG_AUDIENCE)


def test_a_token_without_an_audience_is_refused_only_where_one_is_configured() -> None:
    token = TokenAuthority("s").sign(now_seconds=5)
    assert check(TokenAuthority("s", audience="here"), token) == WRONG_AUDIENCE
    assert check(TokenAuthority("s"), issue(EC_KEY, "ES256", {"aud": "anywhere"})) is None


# Settings


def test_a_jwks_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "absent.json"
    with pytest.raises(SettingsError) as error:
        TokenAuthority("s", jwks=path)
    assert problems_of(error) == [(str(path), "", "cannot be read: No such file or directory")]


@pytest.mark.parametrize(
    ("text", "pointer", "message"),
    [
        ("{", "", "is not JSON"),
        ("[]", "", "is not a JWK set"),
        ("{}", "", "is not a JWK set"),
        ('{"kty": "RSA", "n": "AQAB", "e": "AQAB"}', "", "is not a JWK set"),
        ('{"keys": {}}', "/keys", "is not a JWK set"),
        ('{"keys": []}', "/keys", "has no key"),
        ('{"keys": [{"kty": "AKP"}]}', "/keys", "has no key"),
        ('{"keys": [{"kty": "RSA", "use": "enc", "n": "AQAB", "e": "AQAB"}]}', "/keys", "has no key"),
        ('{"keys": [{"kty": "oct", "k": "AQAB", "key_ops": ["encrypt"]}]}', "/keys", "has no key"),
        ('{"keys": ["RSA"]}', "/keys/0", "must be an object"),
        ('{"keys": [{}]}', "/keys/0/kty", "is missing"),
        ('{"keys": [{"kty": ["RSA"]}]}', "/keys/0/kty", "must be a string"),
        ('{"keys": [{"kty": "oct", "k": "AQAB", "kid": 1}]}', "/keys/0/kid", "must be a string"),
        ('{"keys": [{"kty": "oct", "k": "AQAB", "alg": null}]}', "/keys/0/alg", "must be a string"),
        ('{"keys": [{"kty": "oct", "k": ""}]}', "/keys/0/k", "must be base64url"),
        ('{"keys": [{"kty": "oct", "k": "AQA="}]}', "/keys/0/k", "must be base64url"),
        ('{"keys": [{"kty": "oct", "k": "é"}]}', "/keys/0/k", "must be base64url"),
        ('{"keys": [{"kty": "EC", "crv": "P-256", "x": "AQAB"}]}', "/keys/0/y", "is missing"),
        ('{"keys": [{"kty": "EC", "crv": "P-256", "x": "AQAB", "y": "AQAB"}]}', "/keys/0", "is no valid EC"),
        ('{"keys": [{"kty": "EC", "crv": "P-1", "x": "AQAB", "y": "AQAB"}]}', "/keys/0", "is no valid EC"),
        ('{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AQAB"}]}', "/keys/0", "is no valid OKP"),
        ('{"keys": [{"kty": "RSA", "n": "AQAB", "e": "AA"}]}', "/keys/0", "is no valid RSA"),
    ],
)
def test_a_broken_jwks_file_is_refused_with_the_place(
    tmp_path: Path, text: str, pointer: str, message: str
) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as error:
        TokenAuthority("s", jwks=path)
    ((file, place, found),) = problems_of(error)
    assert (file, place) == (str(path), pointer)
    assert found.startswith(message)


def test_every_problem_of_the_settings_is_told_at_once(tmp_path: Path) -> None:
    path = write_jwks(tmp_path, {"kty": "RSA"}, RSA_KEY, 7, {"kty": "EC", "x": "*", "y": "AQAB"})
    with pytest.raises(SettingsError) as error:
        TokenAuthority("s", secret="", jwks=path)
    assert [(file, pointer) for file, pointer, _ in problems_of(error)] == [
        (None, "/jwt_secret"),
        (str(path), "/keys/0/n"),
        (str(path), "/keys/0/e"),
        (str(path), "/keys/2"),
        (str(path), "/keys/3/crv"),
        (str(path), "/keys/3/x"),
    ]


def test_keys_of_unknown_kinds_are_passed_over(tmp_path: Path) -> None:
    for_encryption = {**EC_KEY.as_dict(private=False), "use": "enc"}
    path = write_jwks(tmp_path, {"kty": "AKP", "pub": 7}, for_encryption, RSA_KEY)
    authority = TokenAuthority("s", jwks=path)
    assert check(authority, issue(RSA_KEY, "RS256", kid="rsa-1")) is None
    assert check(authority, issue(EC_KEY, "ES256", kid="ec-1")) == UNKNOWN_KEY


@pytest.mark.parametrize("key", [RSA_KEY, EC_KEY])
def test_a_public_key_given_as_the_secret_is_refused(key: RSAKey | ECKey) -> None:
    with pytest.raises(SettingsError) as error:
        TokenAuthority("s", secret=key.as_pem().decode())
    ((_, pointer, message),) = problems_of(error)
    assert pointer == "/jwt_secret"
    assert message.startswith("must be a text that only signer and checker know")


def test_a_public_key_disguised_as_a_symmetric_key_is_refused(tmp_path: Path) -> None:
    text = base64.urlsafe_b64encode(RSA_KEY.as_pem()).rstrip(b"=").decode()
    with pytest.raises(SettingsError, match="/keys/0: is no valid oct key"):
        TokenAuthority("s", jwks=write_jwks(tmp_path, {"kty": "oct", "k": text}))


# Secrecy


def test_the_repr_shows_the_key_id_and_no_secret(tmp_path: Path) -> None:
    path = write_jwks(tmp_path, {"kty": "oct", "k": "c2VjcmV0LW9mLXRoZS1maWxl"})
    authority = TokenAuthority("seed-of-the-test", secret=SECRET, jwks=path, audience="audience-of-the-test")
    key_id = authority.jwks()["keys"][0]["kid"]
    assert repr(authority) == f"<TokenAuthority {key_id}, 2 configured keys>"


def test_no_error_shows_a_secret(tmp_path: Path) -> None:
    secret = "SeCrEtPaRt"
    broken = {"kty": "EC", "crv": f"P-{secret}", "x": secret + "AA", "y": secret + "AA", "d": secret}
    path = write_jwks(tmp_path, broken, {"kty": "oct", "k": secret + "="}, {"kty": secret})
    with pytest.raises(SettingsError) as error:
        TokenAuthority("s", secret=secret + "\ud800", jwks=path)
    assert len(error.value.problems) == 3
    assert secret not in str(error.value)
    assert error.value.__cause__ is None and error.value.__context__ is None


@pytest.mark.parametrize(
    "header",
    [{"alg": "alg-hunter2"}, {"alg": "HS256", "kid": "kid-hunter2"}, {"alg": "HS256", "crit": "hunter2"}],
)
def test_no_refusal_shows_a_part_of_the_token(tmp_path: Path, header: dict[str, Any]) -> None:
    authority = TokenAuthority("s", jwks=write_jwks(tmp_path, RSA_KEY), audience="here")
    token = f"{write_segment(header)}.{write_segment({'aud': 'hunter2'})}.hunter2A"
    refusal = check(authority, token)
    assert refusal is not None
    assert "hunter2" not in refusal
    assert not any(segment in refusal for segment in token.split("."))


def test_the_library_is_loaded_only_when_a_key_is_needed() -> None:
    script = (
        "import sys\n"
        "from mockserver.security.tokens import TokenAuthority\n"
        "authority = TokenAuthority('s', audience='a')\n"
        "print(repr(authority), authority.check('a.b.c', {'alg': 'RS256'}, {'aud': 'a'}))\n"
        "print(sorted({'joserfc', 'cryptography'} & sys.modules.keys()))\n"
        "authority.jwks()\n"
        "print(sorted({'joserfc', 'cryptography'} & sys.modules.keys()))\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert result.stdout.splitlines() == [
        "<TokenAuthority mockserver-76992f65257f, 0 configured keys> None",
        "[]",
        "['cryptography', 'joserfc']",
    ]
