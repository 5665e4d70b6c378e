"""Answers where the contract or the mock itself is broken: plain text, never an envelope of the API."""

from __future__ import annotations

import logging

from mockserver.exceptions import ContractError
from mockserver.messages import Response
from mockserver.redaction import redact
from mockserver.synthesis.layers import NoValue

logger = logging.getLogger("mockserver")


def fail_call(error: Exception, call_id: str) -> tuple[str, Response]:
    """Log what a call failed of; the reason slug of the call, and its answer."""
    if isinstance(error, (ContractError, NoValue)):
        # Found out only now: at the start it was told if the contract is small enough.
        logger.error("broken contract in call %s: %s", call_id, redact(str(error)))
        text = f"The contract is broken: {error}\n"
        return "broken_contract", _write_failure(501, "broken_contract", call_id, text)
    logger.error("mock failure in call %s: %s: %s", call_id, type(error).__name__, redact(str(error)))
    return "mock_failure", _mock_failure(call_id)


def fail(error: BaseException | None) -> Response:
    """Log a fault of the mock that happened outside of a call; the answer for it."""
    logger.error("mock failure: %s: %s", type(error).__name__, redact(str(error)))
    return _mock_failure("none")


def _mock_failure(call_id: str) -> Response:
    text = "The mock server failed; this is a bug of the mock, not an answer of the API. See its log.\n"
    return _write_failure(500, "mock_failure", call_id, text)


def _write_failure(status: int, reason: str, call_id: str, text: str) -> Response:
    headers = (
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"mockserver-reason", reason.encode("ascii")),
        (b"mockserver-call-id", call_id.encode("ascii")),
    )
    return Response(status, headers, text.encode())
