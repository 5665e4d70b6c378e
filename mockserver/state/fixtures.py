"""What the sandbox knows beforehand: credentials, accounts, managed keys, error texts and stubs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from mockserver.contract import Contract
from mockserver.contract.documents import read_document
from mockserver.contract.schema_registry import CompiledSchema, compile_schema
from mockserver.exceptions import FixtureError, InvalidInput, Problem
from mockserver.scripting.bodies import NO_FILES, Files
from mockserver.scripting.documents import read_stubs
from mockserver.scripting.stubs import Stub
from mockserver.security.credential import CredentialMode, Grants, read_permission_map, read_token
from mockserver.seeds import Seed
from mockserver.settings import packaged_folder
from mockserver.synthesis.ids import UuidSeries
from mockserver.types import Json, JsonObject

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class KnownCredential:
    """A credential of the fixtures; its text is not kept."""

    grants: Grants
    account_id: str | None
    is_expired: bool
    is_revoked: bool


@dataclass(frozen=True, slots=True)
class Fixtures:
    """The content of a fixtures folder. `credentials` are found by digest; `errors` by status and reason."""

    credentials: Mapping[bytes, KnownCredential]
    accounts: Mapping[str, CredentialMode]
    keys: tuple[JsonObject, ...]
    errors: Mapping[int, Mapping[str, str]]
    stubs: tuple[Stub, ...]
    files: Files = NO_FILES

    def default_reason(self, status: int) -> str:
        """The reason that stands for a status where nobody names one: the first of its texts."""
        return next(iter(self.errors.get(status, ())), "error")

    def error_text(self, status: int, reason: str) -> str:
        """The text for people of an error."""
        return self.errors.get(status, {}).get(reason, f"The request failed with status {status}.")


def load_fixtures(folder: Path, contract: Contract) -> Fixtures:
    """Read a fixtures folder. A file that is not there adds nothing; error texts come from the package then.

    Raises FixtureError with every problem of every file.
    """
    if not folder.is_dir():
        raise FixtureError([Problem("is no folder", file=str(folder))])
    problems: list[Problem] = []

    def collect(read: Callable[[], Result], empty: Result) -> Result:
        try:
            return read()
        except InvalidInput as error:
            problems.extend(error.problems)
            return empty

    files = Files(folder / "__files")
    errors = folder / "errors.json"
    if not errors.is_file():
        errors = packaged_folder("fixtures") / "errors.json"
    fixtures = Fixtures(
        credentials=collect(lambda: _read_credentials(folder / "credentials.json"), {}),
        accounts=collect(lambda: _read_accounts(folder / "accounts.json"), {}),
        keys=collect(lambda: _read_keys(folder / "keys.json"), ()),
        errors=collect(lambda: _read_errors(errors), {}),
        stubs=collect(lambda: _read_stubs(folder, contract, files), ()),
        files=files,
    )
    if problems:
        raise FixtureError(problems)
    return fixtures


def _schema(**properties: Json) -> Callable[[], CompiledSchema]:
    required = [name for name, rule in properties.items() if not rule.pop("optional", False)]
    schema = {
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": False,
    }
    return lambda: compile_schema(schema)


def _list_of(name: str, **properties: Json) -> Callable[[], CompiledSchema]:
    required = [key for key, rule in properties.items() if not rule.pop("optional", False)]
    item = {"type": "object", "required": required, "properties": properties, "additionalProperties": False}
    return _schema(**{name: {"type": "array", "items": item}})


_PERMISSIONS = {
    "type": "object",
    "additionalProperties": {"type": "array", "items": {"type": "string"}},
}
_CREDENTIALS = _list_of(
    "credentials",
    key={"type": "string", "minLength": 1},
    permissions=dict(_PERMISSIONS),
    account_id={"type": ["string", "null"], "optional": True},
    expired={"type": "boolean", "optional": True},
    revoked={"type": "boolean", "optional": True},
    description={"type": "string", "optional": True},
)
_ACCOUNTS = _list_of(
    "accounts",
    id={"type": "string", "minLength": 1},
    mode={"enum": ["test", "live"]},
    description={"type": "string", "optional": True},
)


def _read(path: Path, schema: Callable[[], CompiledSchema]) -> Any:
    """A checked fixture file; None where it is not there."""
    if not path.exists():
        return None
    value = read_document(path, error=FixtureError)
    violations = schema().violations(value)
    if violations:
        raise FixtureError(
            Problem(violation.message, violation.pointer, str(path)) for violation in violations
        )
    return value


def _read_credentials(path: Path) -> dict[bytes, KnownCredential]:
    known: dict[bytes, KnownCredential] = {}
    problems: list[Problem] = []
    for index, item in enumerate((_read(path, _CREDENTIALS) or {}).get("credentials", ())):
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


def _read_accounts(path: Path) -> dict[str, CredentialMode]:
    accounts: dict[str, CredentialMode] = {}
    problems: list[Problem] = []
    for index, item in enumerate((_read(path, _ACCOUNTS) or {}).get("accounts", ())):
        if item["id"] in accounts:
            problems.append(Problem("is listed twice", f"/accounts/{index}/id", str(path)))
        accounts[item["id"]] = cast(CredentialMode, item["mode"])
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
_KEYS = _schema(
    keys={
        "type": "array",
        "items": {
            "type": "object",
            "required": ["id", "account_id", "name", "permissions"],
            "properties": {
                "object": {"const": "api_key"},
                "id": {"type": "string", "minLength": 1},
                "account_id": {"type": "string", "minLength": 1},
                "name": {"type": "string"},
                "type": {"enum": ["SECRET", "PUBLISHABLE"]},
                "key": {"const": None},
                "last_used_ip": {"type": ["string", "null"]},
                "metadata": {"type": "object"},
                "permissions": dict(_PERMISSIONS),
                "status": {"enum": ["ACTIVE", "INACTIVE", "REVOKED", "EXPIRED"]},
                "expires_at": {"type": ["string", "null"], "format": "date-time"},
                "managed": {"type": "boolean"},
                "deleted": {"type": "boolean"},
            },
        },
    }
)


def _read_keys(path: Path) -> tuple[JsonObject, ...]:
    """The keys of the file, complete, each once. Their secrets are unknown until they are regenerated."""
    keys: dict[str, JsonObject] = {}
    problems: list[Problem] = []
    for index, key in enumerate((_read(path, _KEYS) or {}).get("keys", ())):
        if key["id"] in keys:
            problems.append(Problem("is listed twice", f"/keys/{index}/id", str(path)))
        keys[key["id"]] = _KEY | key
    if problems:
        raise FixtureError(problems)
    return tuple(keys.values())


def _errors_schema() -> CompiledSchema:
    texts = {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}}
    return compile_schema(
        {"type": "object", "patternProperties": {"^[1-5][0-9][0-9]$": texts}, "additionalProperties": False}
    )


def _read_errors(path: Path) -> dict[int, dict[str, str]]:
    return {int(status): texts for status, texts in (_read(path, _errors_schema) or {}).items()}


def _read_stubs(folder: Path, contract: Contract, files: Files) -> tuple[Stub, ...]:
    """The stubs of all files in `stubs` and, as WireMock calls it, `mappings`, with the folders below them.

    They are in the order of the file names. Ids that a file leaves out count through it.
    """
    stubs: list[Stub] = []
    problems: list[Problem] = []
    places: dict[str, Path] = {}
    places_of_stubs = (folder / name for name in ("stubs", "mappings"))
    for path in (path for place in places_of_stubs for path in sorted(place.rglob("*.json"))):
        name = path.relative_to(folder).parts[1:]
        series, count = UuidSeries(Seed("stub", "/".join(name))), iter(range(2**48))
        try:
            document = read_document(path, error=FixtureError)
            new_id = lambda series=series, count=count: series.number(next(count))  # noqa: E731
            read = read_stubs(document, contract, new_id=new_id, file=str(path), files=files)
            for stub in read:
                other = places.setdefault(stub.id, path)
                if other != path:
                    problems.append(
                        Problem(
                            f"{stub.id!r} is the id of a stub in {other.relative_to(folder)} as well",
                            file=str(path),
                        )
                    )
            stubs += read
        except InvalidInput as error:
            problems += error.problems
    if problems and folder == packaged_folder("fixtures"):
        # Those that come with the package are for its own contract; another need not document the same.
        return ()
    if problems:
        raise FixtureError(problems)
    return tuple(stubs)
