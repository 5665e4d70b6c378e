"""The rules of HSRCPAY, put together from the files beside this one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, cast

from mockserver.contract import Contract, Operation
from mockserver.contract.validation import CallWarning
from mockserver.engine.requirements import (
    by_conflict,
    by_credential,
    by_operation,
    by_rate_limit,
    by_target,
    by_violations,
)
from mockserver.engine.rules import MakeValue
from mockserver.engine.situation import Behaviour, Decider, Decision, Refusal, Situation
from mockserver.exceptions import UnknownItem
from mockserver.redaction import KeyShape
from mockserver.security.credential import Credential, Sent
from mockserver.security.schemes import VARIABLE, Shown
from mockserver.security.tokens import TokenAuthority
from mockserver.settings import Settings, packaged_folder
from mockserver.state.namespace import Namespace
from mockserver.state.resources import Item
from mockserver.suggestions import suggest
from mockserver.types import Headers, JsonObject
from mockserver.vendors.hsrcpay import errors
from mockserver.vendors.hsrcpay.accounts import Accounts
from mockserver.vendors.hsrcpay.api_keys import (
    CreateApiKey,
    DeleteApiKey,
    ListApiKeys,
    RegenerateManagedApiKey,
)
from mockserver.vendors.hsrcpay.catalogue import Causes
from mockserver.vendors.hsrcpay.credentials import KINDS, Caller, identify, read_credential
from mockserver.vendors.hsrcpay.fixtures import load_knowledge
from mockserver.vendors.hsrcpay.keys import ISSUED_MARK, SHAPE, write_mark

_PREFIXES = {"secret": "sk", "publishable": "pk"}


class HsrcpayRules:
    """What HSRCPAY adds to its contract (reference page; DESIGN, section 3)."""

    fixtures: ClassVar[Path | None] = packaged_folder("fixtures")
    shape: ClassVar[KeyShape | None] = SHAPE

    name = "hsrcpay"
    credential_kinds = KINDS
    secret_headers: frozenset[bytes] = frozenset()
    secret_query: frozenset[str] = frozenset()
    reads_cookies = False
    # A method that the contract lacks is 405, HEAD too.
    implied_methods: frozenset[str] = frozenset()
    issued_mark: str | None = ISSUED_MARK
    success_status: str | None = "201"

    def __init__(self, contract: Contract, settings: Settings, folder: Path | None) -> None:
        """Read the fixtures of HSRCPAY in a folder. Raises FixtureError with every problem."""
        self._contract = contract
        self._allow_live = settings.allow_live
        self._tokens = TokenAuthority.of(settings)
        self.knowledge = load_knowledge(folder or packaged_folder("fixtures"))
        self.warnings = self.knowledge.warnings
        self.accounts = Accounts(contract, self.knowledge.accounts)
        self._causes = Causes(contract, self.accounts)
        self.items: Mapping[str, Item] = {
            key["id"]: Item(key, key["account_id"], None, is_deleted=key["deleted"])
            for key in self.knowledge.keys
        }
        self.behaviours: Mapping[str, Behaviour] = {
            "createApiKey": CreateApiKey(self.accounts),
            "listApiKeys": ListApiKeys(self.accounts),
            "regenerateManagedApiKey": RegenerateManagedApiKey(self.accounts),
            "deleteApiKey": DeleteApiKey(self.accounts),
        }
        self.before: tuple[Decider, ...] = (by_live_credential,)
        self.requirements: tuple[Decider, ...] = (
            by_operation,
            by_credential,
            by_rate_limit,
            by_violations,
            self.accounts.by_account,
            by_target,
            self.by_permission,
            by_conflict,
        )

    # Who calls.

    def read_credential(self, sent: Sent, operation: Operation | None) -> Credential:
        """The bearer credential, whatever the operation asks for."""
        return read_credential(sent, self._tokens, allow_live=self._allow_live)

    def identify(self, credential: Credential, namespace: Namespace, now_millis: int) -> Caller:
        """Issued here, listed in the fixtures, or known by its text alone."""
        return identify(credential, self.knowledge.credentials, namespace, now_millis)

    def write_credential(self, namespace: str, scheme: str | None = None) -> str:
        """A secret key of the sandbox, which may do everything; `publishable` gives a key that may not.

        Raises UnknownItem for an unknown scheme.
        """
        known = (*self._contract.security_schemes, *_PREFIXES)
        if scheme is not None and scheme not in known:
            raise UnknownItem(f"{scheme!r} is no security scheme; {suggest(scheme, known)}")
        return f"{_PREFIXES.get(scheme or '', 'sk')}_test_{write_mark(namespace)}local"

    def show_credential(
        self, operation: Operation | None, namespace: str, like: Credential | None = None
    ) -> tuple[Shown, ...]:
        """A key of the same kind and mode. Of issued keys and JWTs only their owner has the text."""
        if like is None:
            if operation is not None and not operation.requires_credential:
                return ()
            token = self.write_credential(namespace)
        elif like.kind == "none":
            return ()
        elif like.kind == "malformed":
            token = "malformed"
        elif like.kind == "jwt" or like.is_issued:
            token = VARIABLE
        else:
            prefix = _PREFIXES[like.kind]
            token = f"{prefix}_{like.mode}_{write_mark(namespace)}{like.fingerprint}"
        return (Shown("header", "Authorization", f"Bearer {token}"),)

    def write_claims(self, *, account: str | None, is_live: bool) -> JsonObject:
        """`account_id` and `livemode`."""
        return ({} if account is None else {"account_id": account}) | ({"livemode": True} if is_live else {})

    # What is decided.

    def by_permission(self, situation: Situation) -> Decision | None:
        """403 for a credential that may not do this, or not to this account."""
        operation, caller = situation.head.operation, cast(Caller, situation.principal)
        if operation is None or not operation.requires_credential:
            return None
        if operation.permission is not None and not caller.grants.allows(operation.permission):
            is_publishable = situation.head.credential.kind == "publishable"
            reason = "publishable_key" if is_publishable else "missing_permission"
            return errors.refuse(situation, Refusal(403, reason, {"permission": operation.permission}))
        if caller.account_id is not None and self.accounts.addressed_by(situation) not in (
            None,
            caller.account_id,
        ):
            return errors.refuse(situation, Refusal(403, "foreign_account"))
        return None

    def refuse(self, situation: Situation, refusal: Refusal) -> Decision | None:
        """With a status that the operation documents, else not at all."""
        return errors.refuse(situation, refusal)

    def refuse_preference(self, situation: Situation, problem: str) -> Decision | None:
        """Ignored, with a warning."""
        situation.inspection.warnings.append(CallWarning("preference_ignored", problem))
        return None

    # What an error looks like.

    def challenges(self, operation: Operation | None) -> Headers:
        """Every operation takes a bearer token."""
        return errors.CHALLENGE

    def default_reason(self, status: int) -> str:
        """The first of the status's texts."""
        return next(iter(self.knowledge.errors.get(status, ())), "error")

    def write_error(
        self, refusal: Refusal, operation: Operation | None, make: MakeValue
    ) -> tuple[bytes, Headers]:
        """HSRCPAY's envelope, with the text of `errors.json`."""
        texts = self.knowledge.errors.get(refusal.status, {})
        message = refusal.text or texts.get(refusal.reason)
        message = message or f"The request failed with status {refusal.status}."
        return errors.write_error(refusal, message, operation, make)

    # What the sandbox knows beforehand, and tells.

    @property
    def inventory(self) -> tuple[str, ...]:
        """How much the fixtures brought."""
        known = self.knowledge
        return f"{len(known.credentials)} credentials", f"{len(known.accounts)} accounts"

    def example_arguments(self, operation: Operation) -> Mapping[str, str]:
        """An account of the fixtures, and a managed key."""
        return self._causes.arguments(operation)

    def find_account(self, operation: Operation, status: int) -> str | None:
        """`acct_error_409` gives the documented 409: a stub of the fixtures."""
        return f"acct_error_{status}" if self.accounts.parameter_of(operation) else None

    def find_cause(self, operation: Operation, reason: str, origin: str) -> str | None:
        """As a client runs into it."""
        return self._causes.find(operation, reason, origin)


def by_live_credential(situation: Situation) -> Decision | None:
    """A live credential has no business here, before all else."""
    if situation.head.credential.mode != "live" or situation.namespace.settings.allow_live:
        return None
    refusal = Refusal(401, "live_credential", headers=errors.CHALLENGE)
    # Also where the operation documents no 401: nothing may go on with a live credential.
    decision = errors.refuse(situation, refusal)
    return decision or Decision(refusal.reason, 401, refusal, headers=refusal.headers)
