"""A second, tiny vendor: another form of keys, another envelope, another check of permissions."""

from __future__ import annotations

from pathlib import Path

from mockserver.contract import Contract, Operation
from mockserver.engine.plain import PlainRules
from mockserver.engine.requirements import by_operation
from mockserver.engine.rules import MakeValue
from mockserver.engine.situation import Decider, Decision, Refusal, Situation
from mockserver.json_codec import dumps
from mockserver.redaction import KeyShape
from mockserver.security.credential import NO_CREDENTIAL, Credential, Sent, find_namespace
from mockserver.settings import Settings
from mockserver.types import Headers


class AcmeRules(PlainRules):
    """Keys are `acme-<role>-…` in the header `acme-key`; only the role `writer` may do what is no GET."""

    shape = KeyShape(marks=("acme-reader-", "acme-writer-"))
    name = "acme"
    credential_kinds = ("reader", "writer", "none")

    def __init__(self, contract: Contract, settings: Settings, folder: Path | None) -> None:
        super().__init__(contract, settings, folder)
        self.secret_headers = frozenset({b"acme-key"})
        self.requirements: tuple[Decider, ...] = (by_operation, by_role, *PlainRules.requirements[1:])

    def read_credential(self, sent: Sent, operation: Operation | None) -> Credential:
        """The key of the header, by its role."""
        text = next((value.decode("latin-1") for name, value in sent.headers if name == b"acme-key"), "")
        role = text.removeprefix("acme-").partition("-")[0]
        if role not in ("reader", "writer"):
            return NO_CREDENTIAL
        return Credential(role, None, f"acme-{role}", text.encode(), find_namespace(text))

    def write_error(
        self, refusal: Refusal, operation: Operation | None, make: MakeValue
    ) -> tuple[bytes, Headers]:
        """`{"fault": <reason>}`, whatever the contract says."""
        return dumps({"fault": refusal.reason}), ((b"content-type", b"application/vnd.acme+json"),)


def by_role(situation: Situation) -> Decision | None:
    """403 for a reader that writes."""
    is_reader = situation.head.credential.kind == "reader"
    if not is_reader or situation.head.method == "GET":
        return None
    return situation.rules.refuse(situation, Refusal(403, "read_only"))
