"""What `mockserver` offers: a list that changes on purpose only."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import mockserver
from mockserver import MockServer, Sandbox, SandboxClock
from mockserver.client.doors import Door, HttpDoor
from mockserver.client.options import NamespaceOptions, ServerOptions
from mockserver.settings import OPTIONS

ROOT = Path(__file__).parents[1]

# Each verb that a test can use, whatever the door.
VERBS = [
    "assumptions", "base_url", "ca_file", "calls", "clock", "configure", "coverage", "credential",
    "curl", "duplicates", "errors", "fail_next", "find_calls", "forget", "jwt", "last_call", "namespace",
    "namespaces", "origin", "pact", "publishable_key", "queue", "release", "remove_stub", "report",
    "requests_adapter", "reset", "restore", "secret_key", "snapshot",
    "stub", "stubs", "transport", "url", "url_for", "variant",
    "variants", "verify", "verify_async", "verify_in_order", "verify_no_duplicates",
    "verify_retry_after", "wait_for", "wait_for_async",
]  # fmt: skip


def public_names(kind: type) -> list[str]:
    return sorted(name for name in vars(kind) if not name.startswith("_"))


def test_every_public_name_is_there_and_in_order() -> None:
    assert mockserver.__all__ == sorted(mockserver.__all__)
    assert [name for name in mockserver.__all__ if not hasattr(mockserver, name)] == []
    assert set(mockserver.__all__) <= set(dir(mockserver))
    assert set(mockserver._HOME_OF) == set(mockserver.__all__)


def test_a_name_that_is_none_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = mockserver.nonsense


def test_the_verbs_are_these() -> None:
    assert public_names(Sandbox) == VERBS
    assert issubclass(MockServer, Sandbox)
    assert public_names(MockServer) == ["start", "stop"]


def test_every_door_has_what_the_verbs_need() -> None:
    for door in (HttpDoor("http://127.0.0.1:4020"), MockServer()._door):
        assert set(public_names(Door)) <= set(dir(door))
        for name, member in vars(Door).items():
            if inspect.isfunction(member) and not name.startswith("_"):
                assert inspect.signature(member) == inspect.signature(getattr(type(door), name))


@pytest.mark.parametrize("kind", [Sandbox, SandboxClock, MockServer])
def test_every_verb_is_documented_with_an_example(kind: type) -> None:
    for name in public_names(kind):
        text = inspect.getdoc(getattr(kind, name))
        assert text, f"{kind.__name__}.{name} has no docstring"
        member = inspect.getattr_static(kind, name)
        if not isinstance(member, property):
            last = text.split("\n\n")[-1]
            assert "(" in last and name in last, f"{kind.__name__}.{name} shows no example"


def imported_by(statement: str) -> set[str]:
    """The modules that a statement imports, in a process of its own."""
    source = f"import sys; before = set(sys.modules); {statement}; print(*sorted(set(sys.modules) - before))"
    run = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_importing_the_package_imports_nothing_of_it() -> None:
    modules = imported_by("import mockserver")
    assert {name for name in modules if name.startswith("mockserver")} == {"mockserver"}
    assert modules & {"asyncio", "http.client", "json", "ssl", "uvicorn"} == set()


def test_the_remote_client_imports_no_server() -> None:
    modules = {name.split(".")[0] for name in imported_by("from mockserver import connect")}
    assert (
        modules & {"uvicorn", "starlette", "faker", "jsonschema", "cryptography", "httpx", "pytest"} == set()
    )


def test_serving_imports_nothing_before_it_is_needed() -> None:
    statement = "import mockserver.serving.building as s; s.build_engine(s.Settings())"
    late = {"faker", "jsonschema", "jsonpath_rfc9535", "joserfc", "cryptography", "importlib.metadata"}
    assert imported_by(statement) & late == set()


def test_types_are_those_that_a_user_needs() -> None:
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            str(ROOT / "tests" / "typing_examples.py"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_options_are_typed_as_the_settings_have_them() -> None:
    """Where this fails, an option is missing in `client/options.py`, or is one no more."""
    own = {name for name, option in OPTIONS.items() if option.is_own}
    assert set(NamespaceOptions.__annotations__) == own
    assert set(ServerOptions.__annotations__) == set(OPTIONS)
