"""Fixtures: the credentials, accounts, managed keys and error texts that the sandbox knows beforehand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from mockserver.exceptions import FixtureError, InvalidInput, Problem
from mockserver.json_codec import escape_pointer
from mockserver.settings import packaged_folder
from mockserver.state.fixtures import read_fixture
from mockserver.suggestions import find_nearest
from mockserver.types import JsonObject
from mockserver.vendors.hsrcpay.credentials import KnownCredential, read_token
from mockserver.vendors.hsrcpay.permissions import read_permission_map

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the files of a fixtures folder say. `credentials` are found by digest; `errors` by status and
    reason; `warnings` name what is likely a slip."""

    credentials: Mapping[bytes, KnownCredential]
    accounts: Mapping[str, str]
    keys: tuple[JsonObject, ...]
    errors: Mapping[int, Mapping[str, str]]
    warnings: tuple[Problem, ...] = ()


def load_knowledge(folder: Path) -> Knowledge:
    """Read a fixtures folder. A file that is not there adds nothing; error texts come from the package then.

    Raises FixtureError with every problem of every file.
    """
    problems: list[Problem] = []

    def collect(read: Callable[[], Result], empty: Result) -> Result:
        try:
            return read()
        except InvalidInput as error:
            problems.extend(error.problems)
            return empty

    packaged = errors = packaged_folder("fixtures") / "errors.json"
    if (folder / "errors.json").is_file():
        errors = folder / "errors.json"
    knowledge = Knowledge(
        credentials=collect(lambda: _read_credentials(folder / "credentials.json"), {}),
        accounts=collect(lambda: _read_accounts(folder / "accounts.json"), {}),
        keys=collect(lambda: _read_keys(folder / "keys.json"), ()),
        errors=collect(lambda: _read_errors(errors), {}),
    )
    if problems:
        raise FixtureError(problems)
    return replace(knowledge, warnings=tuple(_find_slips(knowledge.errors, _read_errors(packaged), errors)))


def _read_credentials(path: Path) -> dict[bytes, KnownCredential]:
    known: dict[bytes, KnownCredential] = {}
    problems: list[Problem] = []
    for index, item in enumerate((read_fixture(path) or {}).get("credentials", ())):
        credential = read_token(item["key"])
        pointer = f"/credentials/{index}/key"
        if credential.kind not in ("secret", "publishable"):
            problems.append(Problem("must be a secret (sk_) or publishable (pk_) key", pointer, str(path)))
        elif credential.mode == "live":
            text = "is a live key; only sandbox keys, with _test_ in them, belong into a fixture"
            problems.append(Problem(text, pointer, str(path)))
        elif credential.digest in known:
            problems.append(Problem("is listed twice", pointer, str(path)))
        known[credential.digest] = KnownCredential(
            read_permission_map(item["permissions"]),
            item.get("account_id"),
            item.get("expired", False),
            item.get("revoked", False),
        )
    if problems:
        raise FixtureError(problems)
    return known


def _read_accounts(path: Path) -> dict[str, str]:
    accounts: dict[str, str] = {}
    problems: list[Problem] = []
    for index, item in enumerate((read_fixture(path) or {}).get("accounts", ())):
        if item["id"] in accounts:
            problems.append(Problem("is listed twice", f"/accounts/{index}/id", str(path)))
        accounts[item["id"]] = item["mode"]
    if problems:
        raise FixtureError(problems)
    return accounts


# What a key of the fixtures is where its file does not say: a standard key of the platform, never used.
_KEY: JsonObject = {
    "object": "api_key",
    "id": "",
    "account_id": "",
    "name": "",
    "type": "SECRET",
    "key": None,
    "last_used_ip": None,
    "metadata": {},
    "permissions": {},
    "status": "ACTIVE",
    "last_used_at": None,
    "expires_at": None,
    "managed": True,
    "deleted": False,
    "created_at": None,
    "updated_at": None,
}


def _read_keys(path: Path) -> tuple[JsonObject, ...]:
    """The keys of the file, complete, each once. Their secrets are unknown until they are regenerated."""
    keys: dict[str, JsonObject] = {}
    problems: list[Problem] = []
    for index, key in enumerate((read_fixture(path) or {}).get("keys", ())):
        if key["id"] in keys:
            problems.append(Problem("is listed twice", f"/keys/{index}/id", str(path)))
        keys[key["id"]] = _KEY | key
    if problems:
        raise FixtureError(problems)
    return tuple(keys.values())


def _read_errors(path: Path) -> dict[int, dict[str, str]]:
    return {int(status): texts for status, texts in (read_fixture(path) or {}).items()}


def _find_slips(
    errors: Mapping[int, Mapping[str, str]], packaged: Mapping[int, Mapping[str, str]], path: Path
) -> Iterator[Problem]:
    """Reasons that nothing has, and that are nearly those of the package."""
    for status, texts in errors.items():
        known = packaged.get(status, {})
        for reason in sorted(texts.keys() - known.keys()):
            for near in find_nearest(reason, known):
                text = f"{reason!r} is no reason of a {status}; did you mean {near!r}?"
                yield Problem(text, f"/{status}/{escape_pointer(reason)}", str(path))
