"""Delays and dribbles, as WireMock writes them (docs/simulating-faults)."""

from __future__ import annotations

import math
from statistics import NormalDist

from mockserver.faults import Delay, Dribble
from mockserver.scripting.members import Members, show
from mockserver.seeds import Seed
from mockserver.types import JsonObject

MAX_DELAY_MILLISECONDS = 300_000
MAX_CHUNKS = 1_000
# The members of each distribution with their greatest value, milliseconds but for sigma: beyond that one a
# draw is nothing or the maximum, hardly ever between.
_DISTRIBUTIONS = {
    "fixed": {"milliseconds": MAX_DELAY_MILLISECONDS},
    "uniform": {"lower": MAX_DELAY_MILLISECONDS, "upper": MAX_DELAY_MILLISECONDS},
    "lognormal": {"median": MAX_DELAY_MILLISECONDS, "sigma": 10, "maxValue": MAX_DELAY_MILLISECONDS},
}


def read_delay(part: Members, *, fixed: str = "fixedDelayMilliseconds") -> Delay | None:
    """The delay of an answer: so many milliseconds, or a distribution; None if there is none."""
    milliseconds = part.whole(fixed, 0, MAX_DELAY_MILLISECONDS)
    if "delayDistribution" not in part.values:
        return None if milliseconds is None else Delay("fixed", fixed=milliseconds / 1000)
    if fixed in part.values:
        # WireMock waits for the sum of both, which hardly anybody means.
        text = f"'delayDistribution' and {fixed!r} cannot be given together"
        part.reading.refuse(part.pointer, text)
    return read_distribution(part)


def read_distribution(part: Members, name: str = "delayDistribution") -> Delay | None:
    """The delay that the member of this name describes; None if it is refused."""
    document = part.values[name]
    kind = document.get("type") if isinstance(document, dict) else None
    limits = _DISTRIBUTIONS.get(kind, {}) if isinstance(kind, str) else {}
    if isinstance(document, dict) and not limits:
        kinds = ", ".join(map(repr, _DISTRIBUTIONS))
        text = f"'type' must be one of {kinds}, not {show(kind)}"
        part.reading.refuse(f"{part.pointer}/{name}/type", text)
        return None
    distribution = part.part(name, "a delay distribution", ("type", *limits))
    distribution.require(*(limits.keys() - {"maxValue"}))
    numbers = {key: distribution.number(key, 0, high) for key, high in limits.items()}

    def seconds(key: str, default: int = 0) -> float:
        milliseconds = numbers[key]
        return (default if milliseconds is None else milliseconds) / 1000

    match kind:
        case "fixed":
            return Delay("fixed", fixed=seconds("milliseconds"))
        case "uniform":
            if None not in numbers.values() and seconds("upper") < seconds("lower"):
                distribution.refuse("upper", f"must be at least 'lower', which is {numbers['lower']:g}")
            return Delay("uniform", lower=seconds("lower"), upper=seconds("upper"))
        case "lognormal":
            maximum = seconds("maxValue", MAX_DELAY_MILLISECONDS)
            sigma = numbers["sigma"] or 0.0
            return Delay("lognormal", median=seconds("median"), sigma=sigma, maximum=maximum)
    return None


def read_dribble(part: Members) -> Dribble | None:
    """How a body is spread over time; None if it is not."""
    if "chunkedDribbleDelay" not in part.values:
        return None
    dribble = part.part("chunkedDribbleDelay", "a dribble", ("numberOfChunks", "totalDuration"))
    dribble.require("numberOfChunks", "totalDuration")
    chunks = dribble.whole("numberOfChunks", 1, MAX_CHUNKS)
    milliseconds = dribble.whole("totalDuration", 0, MAX_DELAY_MILLISECONDS)
    return None if chunks is None or milliseconds is None else Dribble(chunks, milliseconds / 1000)


def write_settings(delay: Delay | None) -> JsonObject:
    """The settings that `read_settings` reads as this delay."""
    if delay is None:
        return {}
    if delay.kind == "fixed":
        return {"fixedDelay": _write_milliseconds(delay.fixed)}
    if delay.kind == "uniform":
        members = {"lower": delay.lower, "upper": delay.upper}
        written = {name: _write_milliseconds(seconds) for name, seconds in members.items()}
        return {"delayDistribution": {"type": "uniform", **written}}
    distribution = {"type": "lognormal", "median": _write_milliseconds(delay.median), "sigma": delay.sigma}
    if delay.maximum * 1000 < MAX_DELAY_MILLISECONDS:
        distribution["maxValue"] = _write_milliseconds(delay.maximum)
    return {"delayDistribution": distribution}


def _write_milliseconds(seconds: float) -> int | float:
    milliseconds = round(seconds * 1000, 6)
    return int(milliseconds) if milliseconds.is_integer() else milliseconds


def draw_delay(delay: Delay, seed: Seed) -> float:
    """Seconds to wait, drawn from the distribution by the seed alone."""
    if delay.kind == "fixed":
        return delay.fixed
    point = seed.fraction()
    if delay.kind == "uniform":
        return delay.lower + (delay.upper - delay.lower) * point
    # The inverse of the distribution function at a point inside (0, 1).
    normal = NormalDist(math.log(max(delay.median, 1e-9)), max(delay.sigma, 1e-9))
    return min(delay.maximum, math.exp(normal.inv_cdf(min(max(point, 1e-12), 1 - 1e-12))))
