"""Numbers within limits, in exact arithmetic: 0.1 in a schema is a tenth, not the double next to it."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

from mockserver.seeds import Seed
from mockserver.synthesis.layers import Layers, no_value
from mockserver.types import Json

# Where the limits leave a choice, numbers lie within so much of the allowed one that is nearest to zero.
_SPAN = 1_000
_HUNDREDTH = Fraction(1, 100)
# A number with a larger exponent is refused: its digits would fill the memory.
_MAX_EXPONENT = 300
_TRIES = 50
# Doubles between a number and its double: 2 to the 52nd. A quarter of them keeps neighbours apart.
_DOUBLE_STEPS = 2**50
_INT64 = range(-(2**63), 2**64)


def make_number(layers: Layers, seed: Seed, *, is_integer: bool) -> Json:
    """A number that keeps all limits and is a multiple of every `multipleOf`.

    Returns an int if it is whole (a Decimal beyond 64 bits), else a float. Raises NoValue.
    """
    low, is_low_open = _read_limit(layers, "minimum", "exclusiveMinimum", 1)
    high, is_high_open = _read_limit(layers, "maximum", "exclusiveMaximum", -1)
    divisors = [
        _exact(layer.schema["multipleOf"], layers, "multipleOf")
        for layer in layers
        if "multipleOf" in layer.schema
    ]
    step = Fraction(1) if is_integer else divisors[0] if divisors else _HUNDREDTH
    for divisor in divisors:
        step = _least_common_multiple(step, divisor)
    if not is_integer and not divisors:
        # Doubles far from zero are further apart than a hundredth, and limits may be nearer together.
        step = max(step, (low or step) / _DOUBLE_STEPS, -(high or step) / _DOUBLE_STEPS)
        if low is not None and high is not None and low < high:
            step = min(step, (high - low) / 4)

    first = None if low is None else math.ceil(low / step)
    last = None if high is None else math.floor(high / step)
    if first is not None and is_low_open and first * step == low:
        first += 1
    if last is not None and is_high_open and last * step == high:
        last -= 1
    if first is not None and last is not None and first > last:
        if low is not None and low == high and not (is_integer or divisors or is_low_open or is_high_open):
            return _as_json(low)
        keyword = "multipleOf" if divisors else "minimum" if not is_low_open else "exclusiveMinimum"
        raise no_value(layers, keyword, "no number lies within the limits")

    width = max(_SPAN, int(_SPAN / step))
    if last is not None and last < 0:
        start = last - width if first is None else max(first, last - width)
        count = last - start + 1
    else:
        start = max(first or 0, 0)
        count = min(width, last - start if last is not None else width) + 1
    offset = seed.below(count)
    for turn in range(min(count, _TRIES) if divisors else 0):
        number = (start + (offset + turn) % count) * step
        if _is_plain_multiple(number, divisors):
            return _as_json(number)
    return _as_json((start + offset) * step)


def _read_limit(layers: Layers, keyword: str, exclusive: str, sign: int) -> tuple[Fraction | None, bool]:
    """The strictest limit and whether it is itself excluded. `sign` is 1 for lower, -1 for upper limits."""
    limits = []
    for layer in layers:
        # OpenAPI 3.0 says with a boolean whether the other limit is excluded.
        rule = layer.schema.get(exclusive)
        if keyword in layer.schema:
            limits.append((sign * _exact(layer.schema[keyword], layers, keyword), rule is True))
        if rule is not None and not isinstance(rule, bool):
            limits.append((sign * _exact(rule, layers, exclusive), True))
    if not limits:
        return None, False
    limit, is_open = max(limits)
    return sign * limit, is_open


def _exact(number: Json, layers: Layers, keyword: str) -> Fraction:
    """The number as it is written in JSON."""
    try:
        decimal = Decimal(str(number))
        if decimal and abs(decimal.adjusted()) > _MAX_EXPONENT:
            raise no_value(layers, keyword, f"{keyword} is beyond the numbers that are made")
        return Fraction(decimal)
    except (ArithmeticError, ValueError):
        raise no_value(layers, keyword, f"{keyword} is no number") from None


def _least_common_multiple(left: Fraction, right: Fraction) -> Fraction:
    return Fraction(math.lcm(left.numerator, right.numerator), math.gcd(left.denominator, right.denominator))


def _is_plain_multiple(number: Fraction, divisors: list[Fraction]) -> bool:
    """Whether even a validator that divides doubles sees a multiple; most 0.01s are not seen as ones."""
    return all((_as_float(number) / _as_float(divisor)).is_integer() for divisor in divisors)


def _as_float(number: Fraction) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _as_json(number: Fraction) -> Json:
    if number.denominator > 1:
        return float(number)
    return int(number) if int(number) in _INT64 else Decimal(int(number))
