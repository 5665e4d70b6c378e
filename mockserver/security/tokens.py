"""Access tokens: a built-in provider that signs them, and the check of those that callers bring.

The only module that knows the JOSE library and the cryptography below it. Both are imported where they are
used, because that takes about 120 ms and most runs see neither a token of the built-in provider nor a
configured key.
"""

from __future__ import annotations

import base64
import binascii
import re
import warnings
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mockserver.contract.documents import read_document
from mockserver.exceptions import MalformedJson, Problem, SettingsError
from mockserver.json_codec import dumps_canonical, loads
from mockserver.seeds import Seed
from mockserver.settings import NAMESPACE_NAME, Settings
from mockserver.types import Json, JsonObject

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from joserfc.jwa import JWSAlgModel
    from joserfc.jwk import Key, KeyParameters

KEY_ID_PREFIX = "mockserver-"
# The same on every host and port, so that a token is too. `.invalid` never resolves (RFC 2606, section 2).
ISSUER = "https://mockserver.invalid/"

# How many private keys P-256 has, plus one (FIPS 186-4, D.1.2.3).
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
# What a public or symmetric JWK of each kind must have (RFC 7518, section 6; RFC 8037, section 2).
_JWK_MEMBERS = {"EC": ("crv", "x", "y"), "OKP": ("crv", "x"), "RSA": ("n", "e"), "oct": ("k",)}
_BASE64URL_MEMBERS = frozenset("enkxy")


class TokenAuthority:
    """Signs tokens with a key that follows from the seed, and checks the signature of any token.

    `secret` is the secret of HS256, HS384 and HS512; `jwks` a JWKS file (RFC 7517, section 5) of any keys;
    `audience` what `aud` must name. Raises SettingsError with every problem of the secret and the file.

    The signing key is no secret to anyone who knows the seed: its tokens are worth nothing outside a mock.
    """

    def __init__(
        self, seed: str, *, secret: str | None = None, jwks: Path | None = None, audience: str | None = None
    ) -> None:
        self._seed = Seed("jwt", seed)
        self._audience = audience
        self._key_id = KEY_ID_PREFIX + self._seed.at("kid").digest()[:6].hex()
        self._keys = _read_keys(secret, jwks)

    @classmethod
    def of(cls, settings: Settings) -> TokenAuthority:
        """The authority that the options describe."""
        return cls(
            settings.seed, secret=settings.jwt_secret, jwks=settings.jwks, audience=settings.jwt_audience
        )

    def __repr__(self) -> str:
        return f"<TokenAuthority {self._key_id}, {len(self._keys)} configured keys>"

    def sign(
        self,
        *,
        permissions: list[str] | JsonObject | None = None,
        namespace: str | None = None,
        now_seconds: int,
        expires_in_seconds: int | None = 3600,
        not_before_seconds: int | None = None,
        subject: str = "user_mock",
        claims: JsonObject | None = None,
    ) -> str:
        """A JWT in compact form, signed with ES256; the same text for the same arguments.

        `now_seconds` and `not_before_seconds` are instants (`iat` and `nbf`, seconds since 1970), and
        `expires_in_seconds` counts from the first. What is None is left out. `claims` are added last and
        win, so that a token can be wrong on purpose.
        """
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
        from cryptography.hazmat.primitives.hashes import SHA256

        header = {"alg": "ES256", "typ": "JWT", "kid": self._key_id}
        payload: JsonObject = {
            "iss": ISSUER,
            "sub": subject,
            "aud": self._audience,
            "iat": now_seconds,
            "nbf": not_before_seconds,
            "exp": None if expires_in_seconds is None else now_seconds + expires_in_seconds,
            "ns": namespace,
            "permissions": permissions,
        }
        payload = {name: value for name, value in payload.items() if value is not None} | (claims or {})
        signed = f"{_encode(dumps_canonical(header))}.{_encode(dumps_canonical(payload))}"
        # The JOSE library draws a random number for each ES256 signature; RFC 6979 derives it instead.
        algorithm = ECDSA(SHA256(), deterministic_signing=True)
        r, s = decode_dss_signature(self._private_key.sign(signed.encode("ascii"), algorithm))
        return f"{signed}.{_encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def check(self, token: str, header: JsonObject, claims: JsonObject | None) -> str | None:
        """Why a JWT is not acceptable, in one sentence without any part of it; None if it is.

        `header` and `claims` are the token's first two segments, read; `claims` is None where the second is
        no JSON object. `exp` and `nbf` are not judged here: they follow the clock of a namespace.

        A token that names the built-in key must be signed with it. Any other is checked with the configured
        keys, and not at all if there are none.
        """
        algorithm = header.get("alg")
        if not isinstance(algorithm, str):
            return "the token's header names no algorithm (alg must be a string)"
        if algorithm.lower() == "none":
            return "the token is not signed (alg is none)"
        if claims is None:
            return "the token's payload is not a JSON object"
        return self._check_signature(token, header, algorithm) or self._check_audience(claims)

    def _check_signature(self, token: str, header: JsonObject, algorithm: str) -> str | None:
        key_id = header.get("kid")
        if key_id == self._key_id:
            keys: tuple[Key, ...] = (self._public_key,)
        elif self._keys:
            # A key without an id may be the one that is meant, and so may any for a token that names none.
            keys = tuple(key for key in self._keys if key_id is None or key.kid in (None, key_id))
        elif isinstance(key_id, str) and key_id.startswith(KEY_ID_PREFIX):
            return "the token names a key of the built-in provider under another seed"
        else:
            return None
        if "crit" in header:
            # RFC 7515, section 4.1.11: a server that does not know an extension must refuse the token.
            return "the token demands extensions that are not known here (crit)"
        if not keys:
            return "the token names a key that is not known here (kid)"
        fitting = [(key, model) for key in keys if (model := _find_algorithm(algorithm, key))]
        if not fitting:
            return "the token's algorithm fits no key that is known here (alg)"
        if not any(_verifies(token, key, model) for key, model in fitting):
            return "the token's signature is wrong"
        return None

    def _check_audience(self, claims: JsonObject) -> str | None:
        if self._audience is None:
            return None
        # RFC 7519, section 4.1.3: one string or a list of them.
        given = claims.get("aud")
        if self._audience in (given if isinstance(given, list) else [given]):
            return None
        return "the token is not meant for the configured audience (aud)"

    def jwks(self) -> JsonObject:
        """The public key of the built-in provider as a JWK set (RFC 7517, section 5)."""
        return {"keys": [dict(self._public_key.as_dict(private=False))]}

    def discovery(self, origin: str) -> JsonObject:
        """The OpenID Connect discovery document (Discovery 1.0, section 3) of a server.

        `origin` is scheme, host and port without a slash at the end. There is nobody to log in, hence no
        authorization or token endpoint. The issuer is that of the tokens, not the origin.
        """
        return {
            "issuer": ISSUER,
            "jwks_uri": f"{origin}/.well-known/jwks.json",
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        }

    @cached_property
    def _private_key(self) -> EllipticCurvePrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key

        return derive_private_key(1 + self._seed.below(_P256_ORDER - 1), SECP256R1())

    @cached_property
    def _public_key(self) -> Key:
        from joserfc.jwk import ECKey

        parameters: KeyParameters = {"kid": self._key_id, "use": "sig", "alg": "ES256"}
        return ECKey.import_key(self._private_key.public_key(), parameters)


_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")


class Jwt(NamedTuple):
    """A token in the form of RFC 7519: its header, its claims (None where they are no JSON object), and the
    part that is signed, which is what it is: signatures of one and the same text may differ (ECDSA)."""

    header: JsonObject
    claims: JsonObject | None
    signed: str

    @property
    def namespace(self) -> str | None:
        """The namespace that its claim `ns` names."""
        name = self.claims.get("ns") if self.claims else None
        return name if isinstance(name, str) and NAMESPACE_NAME.fullmatch(name) else None


def read_jwt(token: str) -> Jwt | None:
    """The parts of a JWT; None for any other text. Its first segment must be an object that has `alg`."""
    if not _JWT.fullmatch(token):
        return None
    header = _read_segment(token.partition(".")[0])
    if header is None or "alg" not in header:
        return None
    signed, _, _ = token.rpartition(".")
    return Jwt(header, _read_segment(signed.partition(".")[2]), signed)


def _read_segment(segment: str) -> JsonObject | None:
    """A base64url segment that holds a JSON object (RFC 7515, section 2), else None."""
    if not _BASE64URL.fullmatch(segment):
        return None
    try:
        value, _ = loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except (binascii.Error, MalformedJson):
        return None
    return value if isinstance(value, dict) else None


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    """The bytes of base64url (RFC 7515, section 2). Raises ValueError for any other spelling of them."""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _encode(data) != text:
        raise ValueError("not base64url")
    return data


def _find_algorithm(name: str, key: Key) -> JWSAlgModel | None:
    """The algorithm of that name (RFC 7518, section 3), if the key is of its type and curve and meant for it.

    This is what keeps a public key from being taken for an HMAC secret (RFC 8725, section 2.1).
    """
    from joserfc.errors import JoseError
    from joserfc.jwa import JWS_ALGORITHMS

    for algorithm in JWS_ALGORITHMS:
        if algorithm.name == name:
            try:
                algorithm.check_key(key)
            except JoseError:
                return None
            return algorithm
    return None


def _verifies(token: str, key: Key, algorithm: JWSAlgModel) -> bool:
    from joserfc.errors import JoseError

    # The library's own `decode` is not used: it limits the header to 512 bytes and reads the token again.
    signed, _, signature = token.rpartition(".")
    try:
        return algorithm.verify(signed.encode("ascii"), _decode(signature), key)
    except (JoseError, ValueError):
        return False


def _read_keys(secret: str | None, jwks: Path | None) -> tuple[Key, ...]:
    """Every configured key. Raises SettingsError with every problem."""
    keys: list[Key] = []
    problems: list[Problem] = []
    if secret is not None:
        try:
            keys.append(_import_key({"kty": "oct", "k": _encode(secret.encode("utf-8", "surrogateescape"))}))
        except ValueError:
            text = "must be a text that only signer and checker know: not empty, no public key or certificate"
            problems.append(Problem(text, "/jwt_secret"))
    if jwks is not None:
        try:
            keys += _read_jwks(jwks)
        except SettingsError as error:
            problems += error.problems
    if problems:
        raise SettingsError(problems)
    return tuple(keys)


def _read_jwks(path: Path) -> list[Key]:
    """The keys of a JWKS file that can check a signature.

    Keys of unknown kinds and keys for encryption are passed over (RFC 7517, section 5); broken ones are not.
    """
    document = read_document(path, error=SettingsError)
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        place = "/keys" if isinstance(document, dict) and "keys" in document else ""
        text = 'is not a JWK set; must be an object whose member "keys" is an array'
        raise SettingsError([Problem(text, place, str(path))])
    keys: list[Key] = []
    problems: list[Problem] = []
    for index, jwk in enumerate(entries):
        mistakes = _find_mistakes(jwk)
        if not mistakes and _checks_signatures(jwk):
            members = ("kty", *_JWK_MEMBERS[jwk["kty"]], "kid", "alg")
            try:
                # Without the private members: nothing here signs with these keys.
                keys.append(_import_key({name: jwk[name] for name in members if name in jwk}))
            except ValueError:
                mistakes = [(f"is no valid {jwk['kty']} key", "")]
        problems += (Problem(text, f"/keys/{index}{place}", str(path)) for text, place in mistakes)
    if not keys and not problems:
        text = f"has no key that can check a signature (kty {', '.join(_JWK_MEMBERS)})"
        problems.append(Problem(text, "/keys", str(path)))
    if problems:
        raise SettingsError(problems)
    return keys


def _checks_signatures(jwk: JsonObject) -> bool:
    operations = jwk.get("key_ops")
    is_for_signing = not isinstance(operations, list) or "verify" in operations or "sign" in operations
    return jwk["kty"] in _JWK_MEMBERS and jwk.get("use", "sig") == "sig" and is_for_signing


def _find_mistakes(jwk: Json) -> list[tuple[str, str]]:
    """What is wrong with the members of a JWK that are used here: text, and pointer below the JWK."""
    if not isinstance(jwk, dict):
        return [("must be an object, a JSON Web Key", "")]
    kind = jwk.get("kty")
    required = ("kty", *_JWK_MEMBERS.get(kind if isinstance(kind, str) else "", ()))
    mistakes: list[tuple[str, str]] = []
    for name in (*required, "kid", "alg"):
        if name not in jwk:
            if name in required:
                mistakes.append(("is missing", f"/{name}"))
        elif not isinstance(jwk[name], str):
            mistakes.append(("must be a string", f"/{name}"))
        elif name in _BASE64URL_MEMBERS and not _is_base64url(jwk[name]):
            mistakes.append(("must be base64url without padding", f"/{name}"))
    return mistakes


def _is_base64url(text: str) -> bool:
    try:
        return _decode(text) != b""
    except ValueError:
        return False


def _import_key(jwk: JsonObject) -> Key:
    """A key from a JWK. Raises ValueError, without a text: the library's own may quote the key."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from joserfc.errors import JoseError, SecurityWarning
    from joserfc.jwk import JWKRegistry

    with warnings.catch_warnings():
        # It warns of short keys, which are as good as long ones in a sandbox.
        warnings.simplefilter("ignore", SecurityWarning)
        try:
            return JWKRegistry.import_key(jwk)
        except (JoseError, KeyError, OverflowError, UnsupportedAlgorithm, ValueError):
            raise ValueError from None
