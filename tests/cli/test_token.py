"""`mockserver token`: an access token on standard output, and nothing else."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from mockserver.cli.main import main
from mockserver.engine.engine import Engine
from mockserver.serving.building import build_engine
from tests.doors import CREATE, FROZEN, UNSENT, Api, engine_api

LIST = "/v1/api-keys/?account_id=acct_1"


@pytest.fixture
def api(engine: Engine) -> Api:
    """An API whose seed and clock are those of the tokens."""
    return engine_api(engine)


def run(*arguments: str, environment: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(main, ["token", "--clock", FROZEN, *arguments], env=environment)


def make_token(*arguments: str) -> str:
    result = run(*arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    token, end = result.stdout.split("\n")
    assert end == ""
    return token


def test_a_token_may_do_everything_by_default(api: Api) -> None:
    token = make_token()
    assert api.send(key=token).outcome == (201, "created")
    assert api.send("GET", LIST, key=token, json=UNSENT).outcome == (200, "listed")


def test_permissions_may_be_repeated(api: Api) -> None:
    token = make_token("--permission", "account:api:key:read", "-p", "account:api:key:delete")
    assert api.send(key=token).outcome == (403, "missing_permission")
    assert api.send("GET", LIST, key=token, json=UNSENT).outcome == (200, "listed")


def test_it_leads_into_the_namespace_that_it_names(api: Api) -> None:
    api.send(key=make_token("--ns", "t1"))
    assert [call["reason"] for call in api.calls("t1")] == ["created"]
    assert api.calls() == []


@pytest.mark.parametrize(
    ("arguments", "seconds", "outcome"),
    [
        ([], 3599, (201, "created")),
        ([], 3600, (401, "expired_credential")),
        (["--expires-in", "60"], 60, (401, "expired_credential")),
        (["--expires-in", "-1"], 0, (401, "expired_credential")),
        (["--not-before", "60"], 59, (401, "not_yet_valid")),
        (["--not-before", "60"], 60, (201, "created")),
        (["--account", "acct_2"], 0, (403, "foreign_account")),
        (["--account", "acct_1"], 0, (201, "created")),
        (["--live"], 0, (401, "live_credential")),
        (["--seed", "another"], 0, (401, "invalid_token")),
    ],
)
def test_it_is_what_its_options_say(
    api: Api, arguments: list[str], seconds: int, outcome: tuple[int, str]
) -> None:
    token = make_token(*arguments)
    api.engine.namespaces.default.clock.advance(seconds * 1000)
    assert api.send(url=CREATE, key=token).outcome == outcome


def test_equal_options_print_equal_tokens() -> None:
    assert make_token("--subject", "u") == make_token("--subject", "u") != make_token("--subject", "v")


def test_its_audience_is_that_of_the_environment_unless_one_is_given(engine: Engine) -> None:
    tokens = [
        run(*arguments, environment={"MOCKSERVER_JWT_AUDIENCE": "shop"}).stdout.strip()
        for arguments in ([], ["--audience", "bank"])
    ]
    settings = engine.settings.with_changes({"jwt_audience": "shop"})
    api = engine_api(build_engine(settings))
    assert [api.send(key=token).outcome for token in tokens] == [(201, "created"), (401, "invalid_token")]


@pytest.mark.parametrize(
    "arguments",
    [["--ns", "Tests"], ["--ns", "x" * 41], ["--clock", "noon"], ["--expires-in", "soon"],
     ["--expires-in", "1" + "0" * 30], ["--not-before", "1.5"]],
)  # fmt: skip
def test_what_no_token_can_have_is_refused_in_a_line(arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert arguments[0] in result.stderr
