"""Settings: every option, whether it comes from Python, JSON or the environment, checked in one place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from mockserver.exceptions import SettingsError
from mockserver.settings import (
    OPTIONS,
    RateLimit,
    Settings,
    find_unknown_variables,
    packaged_folder,
    read_environment,
    read_rate_limit,
)

# One right value for each option, other than its default; as Python writes it, and as a text.
OTHER: dict[str, tuple[Any, str]] = {
    "host": ("0.0.0.0", "0.0.0.0"),
    "port": (0, "0"),
    "contract": (Path("other.yaml"), "other.yaml"),
    "fixtures": (Path("folder"), "folder"),
    "seed": ("s", "s"),
    "clock": ("+90d", "+90d"),
    "rules": ("acme.rules:AcmeRules", "acme.rules:AcmeRules"),
    "success_status": ("alternate", "alternate"),
    "strict_accounts": (True, "true"),
    "journal_limit": (5, "5"),
    "memory_limit": (5, "5"),
    "admin_token": ("t", "t"),
    "allow_live": (True, "1"),
    "rate_limit": ("100/60s", "100/60s"),
    "idempotency": ("required", "required"),
    "jwt_secret": ("hush", "hush"),
    "jwks": (Path("keys.json"), "keys.json"),
    "jwt_audience": ("me", "me"),
    "allowed_host": (("a", "b"), "a, b"),
    "webhook_host": (("a", "b"), "a, b"),
    "cors_origin": (("https://a",), "https://a"),
    "body_limit": (5, "5"),
    "header_limit": (5, "5"),
    "header_count": (5, "5"),
    "url_limit": (5, "5"),
    "json_depth": (5, "5"),
    "json_number_length": (5, "5"),
    "read_timeout": (5, "5"),
    "idle_timeout": (5, "5"),
    "connection_limit": (5, "5"),
    "tls": (True, "true"),
    "watch": (True, "true"),
    "tls_cert": (Path("cert.pem"), "cert.pem"),
    "tls_key": (Path("key.pem"), "key.pem"),
    "store": ("sqlite:a.db", "sqlite:a.db"),
    "workers": (5, "5"),
    "log_level": ("debug", "debug"),
    "log_format": ("json", "json"),
    "variants": ("cycle", "cycle"),
    "tolerant_reader": (True, "true"),
    "pact": (Path("a.json"), "a.json"),
    "upstream": ("https://api.example.com", "https://api.example.com"),
    "upstream_timeout": (5, "5"),
    "upstream_proxy": ("http://proxy.example.com", "http://proxy.example.com"),
    "errors": (True, "true"),
    "record": (Path("recorded"), "recorded"),
}


def problems_of(error: pytest.ExceptionInfo[SettingsError]) -> dict[str, str]:
    return {item.pointer or item.file or "": item.message for item in error.value.problems}


def test_the_defaults_are_sound_and_each_option_is_explained() -> None:
    settings = Settings()
    assert (settings.host, settings.port, settings.clock) == ("127.0.0.1", 4020, "real")
    assert settings.contract.is_file()
    assert settings.fixtures is None
    assert settings.rate is None
    for name, option in OPTIONS.items():
        assert option.help.endswith("."), name


@pytest.mark.parametrize("name", [*OPTIONS])
def test_each_option_can_be_set_in_each_way(name: str) -> None:
    value, text = OTHER[name]
    assert getattr(Settings(), name) != value
    assert getattr(Settings(**{name: value}), name) == value
    assert getattr(Settings().with_changes({name: value}), name) == value
    assert getattr(Settings().with_changes({name: text}), name) == value
    assert read_environment({f"MOCKSERVER_{name.upper()}": text}) == {name: value}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("port", -1, "between 0 and 65535"),
        ("workers", 0, "between 1 and 64"),
        ("workers", 65, "between 1 and 64"),
        ("port", 65536, "between 0 and 65535"),
        ("port", "80", "whole number"),
        ("port", True, "whole number"),
        ("port", None, "whole number"),
        ("clock", "yesterday", "an instant"),
        ("clock", 5, "must be a text"),
        ("success_status", "204", "must be one of 200, 201, alternate"),
        ("success_status", ["201"], "must be one of"),
        ("idempotency", "maybe", "must be one of off, on, required"),
        ("strict_accounts", 1, "true or false"),
        ("journal_limit", 0, "at least 1"),
        ("body_limit", 0, "at least 1"),
        ("read_timeout", -1, "at least 1"),
        ("json_depth", 0, "at least 1"),
        ("json_depth", 101, "at most 100"),
        ("json_number_length", 100_001, "at most 100000"),
        ("rate_limit", "fast", "such as 100/60s"),
        ("rate_limit", "0/60s", "such as 100/60s"),
        ("rate_limit", "1/0s", "such as 100/60s"),
        ("admin_token", "", "1 to 1,000 visible"),
        ("admin_token", "two words", "1 to 1,000 visible"),
        ("admin_token", 5, "must be a text"),
        ("seed", None, "must be a text"),
        ("contract", "openapi.json", "must be a path"),
        ("jwks", 5, "must be a path"),
        ("allowed_host", "localhost", "must be a list of texts"),
        ("cors_origin", (5,), "must be a list of texts"),
        ("log_level", "loud", "must be one of debug, info, warning, error"),
    ],
)
def test_a_value_that_an_option_cannot_have_is_refused(name: str, value: Any, words: str) -> None:
    with pytest.raises(SettingsError) as error:
        Settings(**{name: value})
    assert words in problems_of(error)[f"/{name}"]


def test_all_problems_come_at_once() -> None:
    with pytest.raises(SettingsError) as error:
        Settings(port=-1, clock="x", journal_limit=0, success_status="x")
    assert set(problems_of(error)) == {"/port", "/clock", "/journal_limit", "/success_status"}
    with pytest.raises(SettingsError) as error:
        Settings().with_changes({"port": "x", "clok": "real", "journal_limit": 0})
    assert set(problems_of(error)) == {"/port", "/clok", "/journal_limit"}


def test_an_unknown_option_is_refused_with_the_nearest() -> None:
    with pytest.raises(SettingsError, match="'sucess_status' is not an option; did you mean 'success_"):
        Settings().with_changes({"sucess_status": "200"})
    with pytest.raises(SettingsError, match="'zzz' is not an option; known: host, port"):
        Settings().with_changes({"zzz": 1})


def test_changes_are_made_to_a_copy() -> None:
    settings = Settings()
    changed = settings.with_changes({"seed": "other", "success_status": 200, "allowed_host": ["a"]})
    assert (changed.seed, changed.success_status, changed.allowed_host) == ("other", "200", ("a",))
    assert settings == Settings()


def test_the_environment_is_read_with_every_mistake_at_once() -> None:
    environment = {
        "PATH": "/bin",
        "MOCKSERVER_PORT": "80x",
        "MOCKSERVER_STRICT_ACCOUNTS": "perhaps",
        "MOCKSERVER_CREDENTIAL": "sk_test_used_by_curl_lines",
    }
    with pytest.raises(SettingsError) as error:
        read_environment(environment)
    assert problems_of(error) == {
        "MOCKSERVER_PORT": "'80x' must be a whole number",
        "MOCKSERVER_STRICT_ACCOUNTS": "'perhaps' must be true or false",
    }
    assert read_environment({"HOME": "/", "MOCKSERVER_CREDENTIAL": "x"}) == {}


def test_what_is_given_by_hand_outranks_a_variable_that_cannot_be_read() -> None:
    environment = {"MOCKSERVER_PORT": "80x", "MOCKSERVER_SEED": "s"}
    assert read_environment(environment, ["port"]) == {"seed": "s"}


def test_a_variable_that_sets_nothing_is_a_warning_with_the_nearest_name() -> None:
    environment = {"MOCKSERVER_SEEED": "s", "MOCKSERVER_ZZZ": "x", "MOCKSERVER_ORIGIN": "y", "HOME": "/"}
    assert read_environment(environment) == {}
    assert {problem.file: problem.message for problem in find_unknown_variables(environment)} == {
        "MOCKSERVER_SEEED": "no option has this variable, so it sets nothing; did you mean MOCKSERVER_SEED?",
        "MOCKSERVER_ZZZ": "no option has this variable, so it sets nothing",
    }


def test_what_kubernetes_sets_for_a_service_is_no_variable_of_ours() -> None:
    environment = {
        "MOCKSERVER_PORT": "tcp://10.96.12.7:4020",
        "MOCKSERVER_SERVICE_HOST": "10.96.12.7",
        "MOCKSERVER_SERVICE_PORT": "4020",
        "MOCKSERVER_SERVICE_PORT_HTTP": "4020",
        "MOCKSERVER_PORT_4020_TCP": "tcp://10.96.12.7:4020",
        "MOCKSERVER_PORT_4020_TCP_ADDR": "10.96.12.7",
        "MOCKSERVER_PORT_4020_TCP_PORT": "4020",
        "MOCKSERVER_PORT_4020_TCP_PROTO": "tcp",
    }
    assert read_environment(environment) == {}
    assert find_unknown_variables(environment) == []


@pytest.mark.parametrize("text", ["1", "true", "True", "YES", "on"])
def test_yes_has_many_spellings(text: str) -> None:
    assert OPTIONS["allow_live"].read(text) is True


@pytest.mark.parametrize("text", ["0", "false", "FALSE", "no", "Off"])
def test_no_has_many_spellings(text: str) -> None:
    assert OPTIONS["allow_live"].read(text) is False


@pytest.mark.parametrize("text", ["", "-1", "1.5", "1e3", "x", "9" * 5000])
def test_a_whole_number_is_digits(text: str) -> None:
    with pytest.raises(ValueError, match=re.compile("whole number|digits")):
        OPTIONS["port"].read(text)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("100/60s", RateLimit(100, 60)),
        ("1/1", RateLimit(1, 1)),
        ("5/2m", RateLimit(5, 120)),
        ("5/1h", RateLimit(5, 3600)),
        ("5/1d", RateLimit(5, 86400)),
    ],
)
def test_a_rate_is_calls_per_time(text: str, rate: RateLimit) -> None:
    assert read_rate_limit(text) == rate
    assert Settings(rate_limit=text).rate == rate


def test_secrets_are_not_in_the_repr_nor_in_an_error() -> None:
    settings = Settings(admin_token="hush-token", jwt_secret="hush-secret", seed="shown")
    assert "shown" in repr(settings)
    assert "hush" not in repr(settings)
    with pytest.raises(SettingsError) as error:
        Settings(admin_token="hush token", port=-1)
    assert "hush" not in str(error.value)


@pytest.mark.parametrize(("name", "file"), [("schemas", "openapi.json"), ("fixtures", "errors.json")])
def test_what_comes_with_the_package_is_found(name: str, file: str) -> None:
    assert (packaged_folder(name) / file).is_file()
