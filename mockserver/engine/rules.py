"""Rules: what an API adds to its contract (DESIGN, section 10). `plain` are those of every other API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from mockserver.contract import Contract, Envelope, Operation
from mockserver.engine.situation import Behaviour, Decider, Decision, Principal, Refusal, Situation
from mockserver.exceptions import Problem
from mockserver.redaction import KeyShape
from mockserver.security.credential import Credential, CredentialRules
from mockserver.security.schemes import Shown
from mockserver.settings import Settings
from mockserver.state.namespace import Namespace
from mockserver.state.resources import Item
from mockserver.types import Headers, Json, JsonObject

# Makes a value of an envelope: its first example, else one of its schema.
MakeValue = Callable[[Envelope], Json]


class Rules(CredentialRules, Protocol):
    """Everything of an API that its schemas cannot say. Read once, then only looked at."""

    @property
    def name(self) -> str:
        """What the API's rules are called."""
        ...

    # Who calls (with the members of CredentialRules).

    @property
    def credential_kinds(self) -> tuple[str, ...]:
        """Every `kind` that a credential of this API can have."""
        ...

    def identify(self, credential: Credential, namespace: Namespace, now_millis: int) -> Principal:
        """Who makes a call, or why nobody may with this credential."""
        ...

    def write_credential(self, namespace: str, scheme: str | None = None) -> str:
        """A credential that is let in and names the namespace: of the named scheme, else of the first.

        Raises UnknownItem for a scheme that the contract lacks.
        """
        ...

    def show_credential(
        self, operation: Operation | None, namespace: str, like: Credential | None = None
    ) -> tuple[Shown, ...]:
        """Where a credential stands in a request to an operation, and one that is let in.

        `like` is a recorded one, for which another of the same kind stands in; its value is VARIABLE where
        only its owner has it.
        """
        ...

    def write_claims(self, *, account: str | None, is_live: bool) -> JsonObject:
        """The claims of a JWT that name an account, and live mode; empty where the API knows neither."""
        ...

    # What is decided.

    @property
    def before(self) -> tuple[Decider, ...]:
        """Deciders that are asked before stubs."""
        ...

    @property
    def requirements(self) -> tuple[Decider, ...]:
        """Deciders that are asked after stubs and `Prefer`, in order."""
        ...

    @property
    def behaviours(self) -> Mapping[str, Behaviour]:
        """What operations do beyond their schemas, by operationId."""
        ...

    @property
    def success_status(self) -> str | None:
        """What `--success-status` is where the user gives none; None for the lowest documented."""
        ...

    def refuse(self, situation: Situation, refusal: Refusal) -> Decision | None:
        """The decision to refuse a request; None where the API's rules let it pass with a warning."""
        ...

    def refuse_preference(self, situation: Situation, problem: str) -> Decision | None:
        """What becomes of a `Prefer` for an answer that is not there; None ignores it, with a warning."""
        ...

    # What an error looks like.

    def challenges(self, operation: Operation | None) -> Headers:
        """The WWW-Authenticate headers of a 401."""
        ...

    def default_reason(self, status: int) -> str:
        """The reason slug of an error that was asked for by its status alone."""
        ...

    def write_error(
        self, refusal: Refusal, operation: Operation | None, make: MakeValue
    ) -> tuple[bytes, Headers]:
        """Body and headers of an error. `operation` is None where none was reached."""
        ...

    # What the sandbox knows beforehand, and tells.

    @property
    def items(self) -> Mapping[str, Item]:
        """What every namespace holds at its start, by id."""
        ...

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What of the fixtures is likely a slip."""
        ...

    @property
    def inventory(self) -> tuple[str, ...]:
        """What is known beforehand, counted: `5 credentials`."""
        ...

    def example_arguments(self, operation: Operation) -> Mapping[str, str]:
        """Values of parameters with which an example request succeeds."""
        ...

    def find_account(self, operation: Operation, status: int) -> str | None:
        """The value of the account parameter that provokes a status; None where none does."""
        ...

    def find_cause(self, operation: Operation, reason: str, origin: str) -> str | None:
        """A shell line by which a client really runs into an error; None where it cannot."""
        ...


class RulesMaker(Protocol):
    """Makes the rules of one API for a contract. `fixtures` is the folder that they read where the user names
    none; `shape` how the keys of the API look, so that they are hidden wherever they stand."""

    @property
    def fixtures(self) -> Path | None: ...

    @property
    def shape(self) -> KeyShape | None: ...

    def __call__(self, contract: Contract, settings: Settings, folder: Path | None) -> Rules:
        """Raises FixtureError with every problem of the folder."""
        ...
