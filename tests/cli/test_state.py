"""`mockserver state`: what a store holds, shown and cleared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mockserver.cli.main import main
from mockserver.serving.building import build_engine
from tests.desk import Desk
from tests.doors import SETTINGS

LIST = "/v1/api-keys/?account_id=acct_1"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["state", *arguments])


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store with two namespaces and a snapshot."""
    text = f"sqlite:{tmp_path / 'state.db'}"
    desk = Desk(build_engine(SETTINGS.with_changes({"store": text})))
    desk.api.send()
    desk.api.send(url=f"/~t1{LIST}")
    desk.api.send(url=f"/~t1{LIST}")
    desk.ask("POST", "/mappings", {"request": {"urlPath": "/x"}, "response": {"status": 204}})
    desk.ask("POST", "/snapshots")
    desk.engine.namespaces.close()
    return text


def test_namespaces_are_listed(store: str) -> None:
    result = run("ls", "--store", store)
    assert result.exit_code == 0, result.stderr
    assert [line.split()[:3] for line in result.stdout.splitlines()] == [
        ["default", "2", "records"],
        ["t1", "2", "records"],
    ]
    value = json.loads(run("ls", "--store", store, "--json").stdout)
    assert [item["name"] for item in value["namespaces"]] == ["default", "t1"]
    assert all(item["bytes"] > 100 for item in value["namespaces"])


def test_one_is_shown(store: str) -> None:
    result = run("show", "default", "--store", store)
    assert result.exit_code == 0, result.stderr
    value = json.loads(result.stdout)
    assert (value["name"], value["calls"], value["issuedKeys"]) == ("default", 1, 1)
    assert value["clock"] == {"mode": "real", "now": value["clock"]["now"]}


def test_namespaces_are_cleared_by_name(store: str) -> None:
    result = run("clear", "t1", "--store", store)
    assert (result.exit_code, result.stdout) == (0, "removed t1\n")
    assert run("ls", "--store", store).stdout.startswith("default")
    assert "t1" not in run("ls", "--store", store).stdout


def test_all_are_cleared_with_the_snapshots(store: str) -> None:
    assert run("clear", "--all", "--store", store).stdout == "removed default\nremoved t1\n"
    assert run("ls", "--store", store).stdout == ""
    desk = Desk(build_engine(SETTINGS.with_changes({"store": store})))
    assert desk.ask("POST", "/snapshots")[1]["id"].endswith("0001")
    desk.engine.namespaces.close()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["ls"], "--store: memory holds nothing"),
        (["ls", "--store", "sqlite:nowhere.db"], "there is no file nowhere.db"),
        (["ls", "--store", "nothing"], "is not a store"),
        (["ls", "--store", "redis://127.0.0.1:1"], "does not answer"),
        (["clear", "--all", "--store", "redis://127.0.0.1:1"], "does not answer"),
        (["show", "defult", "--store", "{}"], "has no namespace 'defult'; did you mean 'default'?"),
        (["clear", "t2", "--store", "{}"], "has no namespace 't2'"),
        (["clear", "--store", "{}"], "or say --all"),
        (["clear", "t1", "--all", "--store", "{}"], "or say --all"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(store: str, arguments: list[str], text: str) -> None:
    result = run(*[argument.format(store) for argument in arguments])
    assert result.exit_code == 2
    assert text in result.stderr
    assert len(result.stderr.splitlines()) == 1
