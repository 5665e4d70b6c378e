import re
import subprocess
import sys
from datetime import UTC, datetime
from ipaddress import ip_address

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.contract.schema_registry import FORMATS
from mockserver.seeds import Seed
from mockserver.synthesis.formats import is_known_format, make_format, make_text

NAMES = (
    "date-time", "date", "time", "duration", "email", "idn-email", "hostname", "idn-hostname", "ipv4", "ipv6",
    "uri", "uri-reference", "iri", "iri-reference", "uri-template", "uuid", "regex", "json-pointer",
    "relative-json-pointer",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_each_format_of_json_schema_is_kept(name: str) -> None:
    compiled = jsonschema_rs.Draft202012Validator({"format": name}, validate_formats=True)
    texts = {make_format(name, Seed(str(number))) for number in range(40)}
    assert all(compiled.is_valid(text) for text in texts)
    assert len(texts) > 20
    assert all(FORMATS[name](text) for text in texts if name in FORMATS)


def test_every_format_that_is_asserted_is_known() -> None:
    assert all(is_known_format(name) for name in FORMATS)
    assert not is_known_format("card-number")


@given(
    st.sampled_from(("email", "hostname", "uri", "password")),
    st.integers(6, 70),
    st.integers(0, 10),
    st.text(),
)
def test_a_format_of_any_length_keeps_the_length(name: str, low: int, spare: int, seed: str) -> None:
    text = make_format(name, Seed(seed), min_length=low, max_length=low + spare)
    assert low <= len(text) <= low + spare
    assert jsonschema_rs.Draft202012Validator({"format": name}, validate_formats=True).is_valid(text)


def test_a_format_of_one_length_has_no_other() -> None:
    with pytest.raises(ValueError, match="'uuid' with 40 to 50 characters"):
        make_format("uuid", Seed("s"), min_length=40, max_length=50)


def test_times_lie_between_2020_and_2030() -> None:
    for number in range(200):
        instant = datetime.fromisoformat(make_format("date-time", Seed(str(number))))
        assert datetime(2020, 1, 1, tzinfo=UTC) <= instant < datetime(2030, 1, 1, tzinfo=UTC)


def test_addresses_are_those_that_are_reserved_for_documentation() -> None:
    for number in range(50):
        seed = Seed(str(number))
        assert ip_address(make_format("ipv4", seed)).is_private
        assert make_format("ipv6", seed).startswith("2001:db8:")
        assert make_format("email", seed).endswith("@example.com")
        assert make_format("hostname", seed).endswith(".example.com")
        assert make_format("uri", seed).startswith("https://example.com/")
        assert re.fullmatch(r"\+120255501\d\d", make_text("phone", seed))


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("id", "[A-Za-z0-9]{24}"),
        ("userId", "[A-Za-z0-9]{24}"),
        ("request_uuid", "[0-9a-f-]{36}"),
        ("billingPostalCode", "[0-9]{5}"),
        ("emails", r"[a-z]+\.[a-z]+@example\.com"),
        ("created_at", r"20\d\d-\d\d-\d\dT.*Z"),
        ("birth-date", r"20\d\d-\d\d-\d\d"),
        ("currency", "[A-Z]{3}"),
        ("country_code", "[A-Z]{2}"),
        ("client.ip", r"\d+\.\d+\.\d+\.\d+"),
        ("amount", r"\d+\.\d\d"),
        ("name", r"[\w.' -]+"),
        ("description", r"[A-Z][\w ]+\."),
        ("", ".+"),
        ("фу", ".+"),
    ],
)
def test_the_name_of_a_member_decides_what_its_text_looks_like(name: str, pattern: str) -> None:
    for number in range(20):
        assert re.fullmatch(pattern, make_text(name, Seed(str(number))))


@given(st.sampled_from(("id", "name", "description", "x")), st.integers(0, 300), st.integers(0, 10))
def test_text_has_the_length_that_is_asked_for(name: str, low: int, spare: int) -> None:
    assert low <= len(make_text(name, Seed("s"), min_length=low, max_length=low + spare)) <= low + spare


def test_what_identifies_does_not_come_from_faker() -> None:
    program = (
        "import sys\n"
        "from mockserver.synthesis.formats import make_format, make_text\n"
        "from mockserver.seeds import Seed\n"
        "for name in ('date-time', 'date', 'time', 'ipv4', 'ipv6', 'uuid', 'byte'):\n"
        "    make_format(name, Seed('s'))\n"
        "for name in ('id', 'key', 'currency', 'amount', 'phone', 'created_at'):\n"
        "    make_text(name, Seed('s'))\n"
        "assert 'faker' not in sys.modules\n"
        "make_text('name', Seed('s'))\n"
        "assert 'faker' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_faker_made_elsewhere_is_not_disturbed() -> None:
    """A user's tests may have a Faker of their own, seeded for all."""
    from faker import Faker

    Faker.seed(1)
    theirs = Faker()
    expected = [theirs.name() for _ in range(3)]
    Faker.seed(1)
    seen = []
    for number in range(3):
        make_text("name", Seed(str(number)))
        seen.append(theirs.name())
    assert seen == expected


@pytest.mark.parametrize(("length", "end"), [(20, "Z"), (22, ".0Z"), (24, ".000Z"), (25, "+00:00")])
def test_a_date_time_has_the_length_that_is_asked_for(length: int, end: str) -> None:
    text = make_format("date-time", Seed("s"), min_length=length, max_length=length)
    assert (len(text), text.endswith(end)) == (length, True)
    with pytest.raises(ValueError, match="21 characters"):
        make_format("date-time", Seed("s"), min_length=21, max_length=21)
