"""What can go wrong on the wire, and how long an answer takes: the words, not the deed (see delivery)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Literal


class Fault(StrEnum):
    """Damage done to an answer on its way. The first four are WireMock's (docs/simulating-faults)."""

    EMPTY_RESPONSE = "EMPTY_RESPONSE"
    CONNECTION_RESET_BY_PEER = "CONNECTION_RESET_BY_PEER"
    MALFORMED_RESPONSE_CHUNK = "MALFORMED_RESPONSE_CHUNK"
    RANDOM_DATA_THEN_CLOSE = "RANDOM_DATA_THEN_CLOSE"
    TRUNCATED_BODY = "TRUNCATED_BODY"
    WRONG_CONTENT_LENGTH = "WRONG_CONTENT_LENGTH"
    NOT_JSON = "NOT_JSON"
    HANG = "HANG"


class Phase(StrEnum):
    """When a scripted answer strikes: before the operation was carried out, or after its effect is kept."""

    BEFORE = "before"
    AFTER_COMMIT = "after_commit"


@dataclass(frozen=True, slots=True)
class Delay:
    """Waiting time before an answer, in seconds.

    `fixed` always; `uniform` between `lower` and `upper`; `lognormal` with `median` and `sigma`, cut at
    `maximum`. The draw is derived from the call (see rendering), so a repeated run waits alike.
    """

    kind: Literal["fixed", "uniform", "lognormal"]
    fixed: float = 0.0
    lower: float = 0.0
    upper: float = 0.0
    median: float = 0.0
    sigma: float = 0.0
    maximum: float = 300.0


@dataclass(frozen=True, slots=True)
class Dribble:
    """A body sent in `chunks` pieces, spread over `seconds` (WireMock's chunkedDribbleDelay)."""

    chunks: int
    seconds: float

    def cut(self, body: bytes) -> list[bytes]:
        """The pieces of a body that is not empty, nearly equal in size; no more than it has bytes."""
        count = min(self.chunks, len(body))
        bounds = [len(body) * index // count for index in range(count + 1)]
        return [body[start:stop] for start, stop in pairwise(bounds)]
