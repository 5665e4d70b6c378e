"""Accounts: which one a request addresses, and who sees it."""

from __future__ import annotations

from collections.abc import Mapping

from mockserver.contract import Contract, Operation
from mockserver.engine.situation import Decision, Refusal, Situation


class Accounts:
    """The accounts of one sandbox. `modes` are those of the fixtures, each `test` or `live`; any other id
    exists as well, unless `--strict-accounts` knows only the listed ones."""

    def __init__(self, contract: Contract, modes: Mapping[str, str]) -> None:
        self._modes = modes
        self._parameters = {
            operation.id: parameter
            for operation in contract.operations.values()
            if (parameter := find_account_parameter(operation)) is not None
        }

    def parameter_of(self, operation: Operation) -> str | None:
        """The name of the parameter whose value is the account that is acted on."""
        return self._parameters.get(operation.id)

    def addressed_by(self, situation: Situation) -> str | None:
        """The account that the request addresses; None where it names none."""
        head = situation.head
        if head.operation is None:
            return None
        account_id = head.arguments.get(self._parameters.get(head.operation.id, ""))
        return account_id if isinstance(account_id, str) else None

    def sees(self, situation: Situation, account_id: str) -> bool:
        """Whether an account exists for this call: listed if it must be, and of the credential's mode."""
        mode = self._modes.get(account_id)
        if mode is None:
            return not situation.namespace.settings.strict_accounts
        return mode == (situation.head.credential.mode or "test")

    def by_account(self, situation: Situation) -> Decision | None:
        """404 for an account that this caller cannot see."""
        account_id = self.addressed_by(situation)
        if account_id is None or self.sees(situation, account_id):
            return None
        return situation.rules.refuse(situation, Refusal(404, "account_not_found"))


def find_account_parameter(operation: Operation) -> str | None:
    """The parameter that the contract marks with `x-account`."""
    marked = (item.name for item in operation.parameters if item.extensions.get("x-account") is True)
    return next(marked, None)
