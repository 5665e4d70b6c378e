"""Texts of a kind: by JSON Schema `format`, and by the name of the member that holds them.

Whatever identifies something (ids, tokens, addresses, times) comes from the seed alone; Faker fills only
cosmetic text, such as names of people and sentences, which may change with Faker's version. Addresses of
machines, mail and telephones are those that are reserved for documentation, so a fake reaches nobody.

The only module that knows Faker. It is imported on first use, since that takes longer than the server's
whole start.
"""

from __future__ import annotations

import ipaddress
import re
import threading
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from mockserver.seeds import Seed

if TYPE_CHECKING:
    from faker.generator import Generator

_Maker: TypeAlias = Callable[[Seed], str]

# RFC 3339 times lie from the start of 2020 up to, and without, the start of 2030 UTC.
_FIRST_INSTANT = datetime(2020, 1, 1, tzinfo=UTC)
_SECONDS = int((datetime(2030, 1, 1, tzinfo=UTC) - _FIRST_INSTANT).total_seconds())

# RFC 5737 and RFC 3849: networks for documentation.
_NETWORKS = tuple(
    ipaddress.IPv4Network(network) for network in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
)
_NETWORK_6 = ipaddress.IPv6Network("2001:db8::/32")

_ID_LENGTH = 24
_MAX_LOCAL_PART = 64  # RFC 5321, section 4.5.3.1.1

# One generator for the whole process; a seed and the text made from it belong together, hence the lock.
_faker_lock = threading.Lock()


@cache
def _faker() -> Generator:
    from faker import Factory

    providers = ["faker.providers.address", "faker.providers.company", "faker.providers.lorem",
                 "faker.providers.person"]  # fmt: skip
    return Factory.create("en_US", providers=providers, use_weighting=False)


def _fake(kind: str) -> _Maker:
    def make(seed: Seed) -> str:
        with _faker_lock:
            faker = _faker()
            faker.seed_instance(int.from_bytes(seed.digest(), "big"))
            return str(getattr(faker, kind)())

    return make


def _one_of(*texts: str) -> _Maker:
    return lambda seed: texts[seed.below(len(texts))]


def _instant(seed: Seed) -> datetime:
    return _FIRST_INSTANT + timedelta(seconds=seed.below(_SECONDS))


def _date_time(seed: Seed) -> str:
    return _instant(seed).strftime("%Y-%m-%dT%H:%M:%SZ")


def _date_time_of(seed: Seed, length: int) -> str:
    """With an offset (25 characters), or with a fraction of a second."""
    text = _date_time(seed)[:-1]
    if length == len(text) + len("+00:00"):
        return f"{text}+00:00"
    digits = length - len(text) - len(".Z")
    return f"{text}.{'0' * digits}Z" if 0 < digits < 10 else f"{text}Z"


def _ipv4(seed: Seed) -> str:
    network = _NETWORKS[seed.at("network").below(len(_NETWORKS))]
    return str(network[1 + seed.below(254)])


def _uuid(seed: Seed) -> str:
    return str(uuid.UUID(bytes=seed.digest()[:16], version=4))


def _token(seed: Seed) -> str:
    return seed.token(_ID_LENGTH)


def _email(seed: Seed) -> str:
    person = f"{_fake('first_name')(seed)}.{_fake('last_name')(seed)}".lower()
    return re.sub(r"[^a-z.]", "", person) + "@example.com"


def _hostname(seed: Seed) -> str:
    return f"{_fake('word')(seed)}.example.com".lower()


def _uri(seed: Seed) -> str:
    return f"https://example.com/{_fake('word')(seed)}/{seed.token(8)}"


def _phone(seed: Seed) -> str:
    # 555-0100 to 555-0199 are kept for fiction in every area of the North American numbering plan.
    return f"+1202555{100 + seed.below(100):04d}"


_FORMATS: Mapping[str, _Maker] = {
    "date-time": _date_time,
    "date": lambda seed: f"{_instant(seed):%Y-%m-%d}",
    "time": lambda seed: f"{_instant(seed):%H:%M:%S}Z",
    "duration": lambda seed: f"PT{1 + seed.below(59)}M",
    "email": _email,
    "idn-email": _email,
    "hostname": _hostname,
    "idn-hostname": _hostname,
    "ipv4": _ipv4,
    "ipv6": lambda seed: str(_NETWORK_6[seed.below(_NETWORK_6.num_addresses)]),
    "uri": _uri,
    "url": _uri,
    "iri": _uri,
    "uri-reference": _uri,
    "iri-reference": _uri,
    "uri-template": _uri,
    "uuid": _uuid,
    "regex": lambda seed: f"^{seed.token(8)}$",
    "json-pointer": lambda seed: f"/{seed.token(8)}",
    "relative-json-pointer": lambda seed: f"0/{seed.token(8)}",
    "byte": _token,  # base64: letters and digits, a multiple of four
    "password": _token,
}


# The formats that have texts of almost any length.


def _email_of(seed: Seed, length: int) -> str:
    domain = "@example.com" if length > len("@example.com") else "@b.co"
    return _short_token(seed, min(length - len(domain), _MAX_LOCAL_PART)).lower() + domain


def _hostname_of(seed: Seed, length: int) -> str:
    # A label may have 63 characters (RFC 1035, section 2.3.4), so a dot at every 32nd keeps all within.
    letters = _short_token(seed, length).lower()
    last = len(letters) - 1
    return "".join("." if at % 32 == 31 and at < last else sign for at, sign in enumerate(letters))


def _uri_of(seed: Seed, length: int) -> str:
    stem = "https://example.com/" if length > len("https://example.com/") else "a:"
    return stem + _short_token(seed, length - len(stem))


def _short_token(seed: Seed, length: int) -> str:
    return seed.token(max(length, 1))


_SIZED: Mapping[str, Callable[[Seed, int], str]] = {
    **dict.fromkeys(("email", "idn-email"), _email_of),
    **dict.fromkeys(("hostname", "idn-hostname"), _hostname_of),
    **dict.fromkeys(("uri", "url", "iri", "uri-reference", "iri-reference", "uri-template"), _uri_of),
    "date-time": _date_time_of,
    "password": _short_token,
}


def is_known_format(name: str) -> bool:
    """Whether `make_format` knows this `format`; others are taken for plain text."""
    return name in _FORMATS


def make_format(name: str, seed: Seed, *, min_length: int = 0, max_length: int = 10_000) -> str:
    """Text of a known `format`. Raises ValueError if none of `min_length` to `max_length` characters is made.

    >>> make_format("date-time", Seed("s"))
    '2027-10-27T08:59:18Z'
    """
    text = _FORMATS[name](seed)
    if not min_length <= len(text) <= max_length and name in _SIZED:
        text = _SIZED[name](seed, max(min_length, min(len(text), max_length)))
    if not min_length <= len(text) <= max_length:
        raise ValueError(f"no text of format {name!r} with {min_length} to {max_length} characters is made")
    return text


def _amount(seed: Seed) -> str:
    return f"{seed.below(1000)}.{seed.at('cents').below(100):02d}"


def _username(seed: Seed) -> str:
    return f"{_fake('first_name')(seed)}{seed.below(100)}".lower()


def _named(maker: _Maker, *names: str) -> dict[str, _Maker]:
    return dict.fromkeys(names, maker)


_NAMES: Mapping[str, _Maker] = {
    **_named(_token, "id", "key", "token", "secret", "hash", "reference", "fingerprint", "cursor", "code"),
    **_named(_uuid, "uuid", "guid"),
    **_named(_fake("name"), "name", "owner", "author", "holder", "customer", "recipient"),
    **_named(_fake("first_name"), "first_name", "given_name", "firstname"),
    **_named(_fake("last_name"), "last_name", "family_name", "surname", "lastname"),
    **_named(_fake("company"), "company", "company_name", "organization", "organisation", "merchant", "bank"),
    **_named(_username, "username", "user_name", "login", "nickname"),
    **_named(_email, "email", "mail", "email_address"),
    **_named(_phone, "phone", "phone_number", "mobile", "telephone", "fax"),
    **_named(_uri, "uri", "url", "href", "link", "website", "homepage"),
    **_named(_hostname, "host", "hostname", "domain"),
    **_named(_ipv4, "ip", "ip_address", "ipv4"),
    **_named(_fake("street_address"), "address", "street", "line1", "address_line", "address_line1"),
    **_named(_fake("city"), "city", "town"),
    **_named(_fake("state"), "state", "region", "province"),
    **_named(_fake("postcode"), "zip", "zipcode", "zip_code", "postcode", "postal_code"),
    **_named(_fake("country"), "country", "country_name"),
    **_named(_one_of("AU", "CA", "DE", "ES", "FR", "GB", "JP", "NL", "US"), "country_code"),
    **_named(_one_of("AUD", "CAD", "CHF", "EUR", "GBP", "JPY", "USD"), "currency", "currency_code"),
    **_named(_one_of("de", "en", "es", "fr"), "language", "language_code", "lang"),
    **_named(_one_of("de-DE", "en-GB", "en-US", "fr-FR"), "locale"),
    **_named(_one_of("America/New_York", "Asia/Tokyo", "Europe/Berlin", "UTC"), "timezone", "time_zone"),
    **_named(_one_of("black", "blue", "green", "red", "white", "yellow"), "color", "colour"),
    **_named(_fake("sentence"), "description", "summary", "comment", "note", "message", "text", "detail"),
    **_named(_fake("catch_phrase"), "title", "subject", "label", "headline"),
    **_named(_date_time, "at", "on", "timestamp", "datetime", "date_time"),
    **_named(_FORMATS["date"], "date", "day", "birthday"),
    **_named(_amount, "amount", "price", "total", "balance", "fee", "tax"),
}  # fmt: skip

_CASE_CHANGE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_WORD = re.compile(r"[^A-Za-z0-9]+")


def make_text(name: str, seed: Seed, *, min_length: int = 0, max_length: int = 10_000) -> str:
    """Text for a member of that name, of `min_length` to `max_length` characters.

    The longest end of the name that is known decides: `billingPostalCode` is a `postal_code`, `emails` is an
    `email`. A name that says nothing gets a short phrase.

    >>> make_text("user_id", Seed("s"))
    'ehM4FQyYDw9irXVw6fBx3JEK'
    """
    text = _find_maker(name)(seed)
    if len(text) < min_length:
        text = f"{text} {seed.at('more').token(min_length)}"[: max(min_length, len(text))]
    return text[:max_length]


def _find_maker(name: str) -> _Maker:
    words = _NO_WORD.sub("_", _CASE_CHANGE.sub("_", name)).strip("_").lower().split("_")
    for start in range(len(words)):
        ending = "_".join(words[start:])
        maker = _NAMES.get(ending) or _NAMES.get(ending.removesuffix("s"))
        if maker:
            return maker
    return _fake("catch_phrase")
