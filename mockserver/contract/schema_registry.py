"""Compiled schemas: is a value right, and if not, everything that is wrong with it.

The only module that knows the validator libraries. jsonschema-rs decides the common case, a value that is
right; jsonschema reports every error when something is wrong. Both get their formats from one table and
their patterns from linear-time engines, so they agree and cannot hang.
"""

from __future__ import annotations

import ipaddress
import re
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import jsonschema_rs

from mockserver.contract.patterns import translate
from mockserver.contract.pointers import DATA_KEYWORDS, SCHEMA_MAPS, read_fragment, write_fragment
from mockserver.contract.views import ORIGINAL, SchemaView
from mockserver.exceptions import ContractError, Problem
from mockserver.json_codec import dumps, escape_pointer, exact, forget_texts
from mockserver.types import Json, JsonObject, Schema

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

DIALECT = "https://json-schema.org/draft/2020-12/schema"
# The name under which a document's schemas refer to each other; nothing is ever fetched from it.
_DOCUMENT = "urn:mockserver:contract"

# What one report may cost. Steps, not seconds: a report must not depend on the speed of the machine.
MAX_VIOLATIONS = 100
# Characters that the pointers of a report have together, but for the last: each can be as long as the value.
MAX_POINTERS = 10_000
_MAX_STEPS = 15_000
MAX_PATTERN_LENGTH = 5_000
_MAX_COUNT = 20_000


@dataclass(frozen=True, slots=True)
class SchemaViolation:
    """One way in which a value breaks its schema.

    `pointer` names the offending member itself, a missing one included; `keyword` is the JSON Schema keyword.
    The message describes the value by its type and never quotes it: a value can be a secret.
    """

    pointer: str
    keyword: str
    message: str


class CompiledSchema:
    """One schema, compiled when it is first asked.

    `is_valid` is for the path of a call; `violations` builds the full report, and the slow validator behind
    it on first use. Each raises ContractError where the schema cannot be compiled.
    """

    __slots__ = ("_budget", "_build", "_load", "_lock", "_slow", "is_valid", "judge")

    is_valid: Callable[[Json], bool]
    # The same for values in which no number remembers its text. Known once it is loaded.
    judge: Callable[[Json], bool]

    def __init__(self, load: Callable[[], tuple[Any, _Build]]) -> None:
        self._load = load
        self._build: _Build | None = None
        self.is_valid = self._load_and_judge
        self._slow: Validator | None = None
        self._budget = _Budget()
        # Also keeps the budget to one report at a time.
        self._lock = threading.Lock()

    def load(self) -> CompiledSchema:
        """The same schema, compiled now. Raises ContractError."""
        if self._build is None:
            fast, build = self._load()
            self.judge = fast.is_valid
            self._build, self.is_valid = build, _accept_written_numbers(fast.is_valid)
        return self

    def _load_and_judge(self, value: Json) -> bool:
        return self.load().is_valid(value)

    def violations(self, value: Json) -> tuple[SchemaViolation, ...]:
        """Every violation, in the order of their pointers; empty for a valid value.

        At most `MAX_VIOLATIONS`, or as many as `MAX_POINTERS` allows, found in a bounded number of steps; if
        there are more, one at "" says so.
        """
        if self.is_valid(value):
            return ()
        found: set[SchemaViolation] = set()
        room = MAX_POINTERS
        with self._lock:
            if self._slow is None:
                assert self._build is not None, "the fast validator was asked first"
                self._slow = self._build(self._budget)
            self._budget.steps = _MAX_STEPS
            try:
                for violation in map(_describe, _leaves(self._slow.iter_errors(value))):
                    if violation in found:
                        continue
                    if len(found) == MAX_VIOLATIONS or room <= 0:
                        raise _BudgetSpent
                    found.add(violation)
                    room -= len(violation.pointer)
            except (_BudgetSpent, RecursionError):
                text = "breaks its schema in more ways than are listed" if found else _UNLISTED
                found.add(SchemaViolation("", "schema", text))
        # The fast validator decides; a value that it refuses is never let through.
        found = found or {SchemaViolation("", "schema", _UNLISTED)}
        return tuple(
            sorted(found, key=lambda violation: (violation.pointer, violation.keyword, violation.message))
        )


def _accept_written_numbers(is_valid: Callable[[Json], bool]) -> Callable[[Json], bool]:
    """The same test for values with numbers that remember their text, which the library does not know."""

    def accepts(value: Json) -> bool:
        return is_valid(forget_texts(value))

    return accepts


class _BudgetSpent(Exception):
    """A report has cost what it may cost."""


class _Budget:
    """How many steps the report that is being made may still take. One step is one keyword at one place."""

    __slots__ = ("steps",)

    def __init__(self) -> None:
        self.steps = 0


_Build: TypeAlias = "Callable[[_Budget], Validator]"
_UNLISTED = "does not fit its schema"
# Where the schema that is compiled stands among those that it refers to.
_START = "x-start"
# In place of `$ref`, to a schema that leads to more than so many others.
_ELSEWHERE = "x-elsewhere"
_MAX_INLINED = 16
# Steps back that a pattern may take which no linear engine can run: some milliseconds.
_MAX_STEPS_BACK = 50_000


def _pattern_options() -> jsonschema_rs.FancyRegexOptions:
    """Runs in linear time what can be run so, and the rest (look-around, back-references) under a bound."""
    return jsonschema_rs.FancyRegexOptions(backtrack_limit=_MAX_STEPS_BACK)


class Pattern:
    """A pattern as schemas use it; a text in which it takes too many steps does not match."""

    def __init__(self, pattern: str) -> None:
        self._validator = jsonschema_rs.validator_for(
            {"pattern": pattern}, pattern_options=_pattern_options()
        )

    def search(self, text: str, /) -> bool:
        """Whether the pattern is found in a text."""
        return self._validator.is_valid(text)


@lru_cache(maxsize=1_024)
def compile_pattern(pattern: str) -> Pattern:
    """Compile a pattern that was written for the engine. Raises ValueError with the reason in words."""
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise ValueError(f"a pattern may have at most {MAX_PATTERN_LENGTH} characters")
    if any(int(count) > _MAX_COUNT for count in re.findall(r"[{,](\d{1,9})\}", pattern)):
        # Each repetition is written out, and takes seconds to be.
        raise ValueError(f"a pattern may repeat at most {_MAX_COUNT} times")
    try:
        return Pattern(pattern)
    except (jsonschema_rs.ValidationError, ValueError):
        raise ValueError("it is no regular expression that can be run here") from None


def is_runnable(pattern: str) -> bool:
    """Whether the engine can run a pattern that was written for it."""
    try:
        compile_pattern(pattern)
    except ValueError:
        return False
    return True


class SchemaRegistry:
    """The schemas of one document, which refer to each other by `#/…` pointers into it.

    `hidden` is the keyword of members that are not there on this side: `readOnly` for requests, `writeOnly`
    for answers. Schemas are those of the side's view: `at` and `resolve` give them, `accepts` judges by them.
    """

    def __init__(self, document: JsonObject, hidden: str | None = None) -> None:
        self._view = SchemaView(document, hidden, is_runnable)
        self._compiled: dict[str, CompiledSchema] = {}
        # By identity, with the schema itself so that no other object can get its identity.
        self._parts: dict[int, tuple[JsonObject, CompiledSchema]] = {}

    def find(self, pointer: str) -> CompiledSchema:
        """The schema at a JSON pointer of the document, to be compiled when it is first asked."""
        if pointer not in self._compiled:
            self._compiled[pointer] = CompiledSchema(lambda: self._load(self.at(pointer), pointer))
        return self._compiled[pointer]

    def compile(self, pointer: str) -> CompiledSchema:
        """The schema at a JSON pointer of the document, compiled now.

        Raises ContractError when it is no schema or refers to something that is not there.
        """
        return self.find(pointer).load()

    def _load(self, schema: Schema, pointer: str) -> tuple[Any, _Build]:
        try:
            parts = self._view.closure(schema)
        except ContractError as error:
            raise ContractError([Problem(error.problems[0].message, pointer)]) from None
        start = f"{_START}{pointer}"
        whole = {"$schema": DIALECT, "$ref": f"{_DOCUMENT}#/{write_fragment(escape_pointer(start))}"}
        fast = schema
        if len(parts) > _MAX_INLINED and not _has_unevaluated(schema):
            fast = self._cut(schema)
            parts = self._view.closure(fast)
        resources = [(_DOCUMENT, forget_texts({**_assemble(parts), start: fast}))]
        registry = jsonschema_rs.Registry(resources, draft=jsonschema_rs.Draft202012)
        validator = _compile_fast(whole, pointer, registry, {**_OUR_KEYWORDS, _ELSEWHERE: self._delegate})

        def build(budget: _Budget) -> Validator:
            return _build_slow(whole, {**_assemble(self._view.closure(schema)), start: schema}, budget)

        return validator, build

    def _cut(self, schema: Any) -> Any:
        """A schema whose references to large ones lead to validators of their own: the library would put a
        copy of each into each that refers to it, which takes gigabytes where hundreds refer to each other."""
        if isinstance(schema, list):
            return [self._cut(item) for item in schema]
        if not isinstance(schema, dict):
            return schema
        new: JsonObject = {}
        for key, item in schema.items():
            if key in SCHEMA_MAPS and isinstance(item, dict):
                new[key] = {name: self._cut(part) for name, part in item.items()}
            else:
                new[key] = item if key in DATA_KEYWORDS else self._cut(item)
        if isinstance(reference := new.get("$ref"), str):
            pointer = self._view.find_end(read_fragment(reference))
            new["$ref"] = f"#{write_fragment(pointer)}"
            if not self._view.is_small(pointer, _MAX_INLINED):
                new[_ELSEWHERE] = pointer
                del new["$ref"]
        return new

    def _delegate(self, schema: Any, pointer: Any, path: Any) -> _Elsewhere:
        return _Elsewhere(self.find(pointer))

    def accepts(self, schema: Schema, value: Json) -> bool:
        """Whether a value fits a schema that `at` or `resolve` gave, or a part of one."""
        if isinstance(schema, bool):
            return schema
        known = self._parts.get(id(schema))
        if known is None:
            known = schema, CompiledSchema(lambda: self._load(schema, ""))
            self._parts[id(schema)] = known
        return known[1].is_valid(value)

    def resolve(self, reference: str) -> Schema:
        """The schema that a `#/…` reference of the document names. Raises ContractError."""
        return self.at(read_fragment(reference))

    def at(self, pointer: str) -> Schema:
        """The schema at a JSON pointer of the document. Raises ContractError."""
        return self._view.at(pointer)


def _assemble(parts: Mapping[str, Schema]) -> JsonObject:
    """A document that holds these schemas at their pointers and nothing else."""
    document: JsonObject = {}
    # What was made to hold others; parts themselves are not added to.
    holders = {id(document)}
    # What stands inside of another comes after it, and is there already.
    for pointer, part in sorted(parts.items()):
        if not pointer:
            document.update(part if isinstance(part, dict) else {"allOf": [part]})
            continue
        owner: Any = document
        *above, last = [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]
        for token in above:
            if id(owner) in holders and token not in owner:
                owner[token] = {}
                holders.add(id(owner[token]))
            owner = owner[token] if id(owner) in holders else None
        if id(owner) in holders:
            owner.setdefault(last, part)
    return document


def compile_schema(schema: Schema) -> CompiledSchema:
    """A schema that stands alone. Raises ContractError, with every problem, when it is none."""
    problems = [*check_schema(schema, ""), *find_bad_patterns(schema, "")]
    if problems:
        raise ContractError(problems)
    view = SchemaView(schema, None, is_runnable).view(schema)
    return CompiledSchema(lambda: _compile(view, "")).load()


# The older dialects that a schema which stands alone may be written in, by WireMock's names.
DIALECTS = {
    "V4": "http://json-schema.org/draft-04/schema#",
    "V6": "http://json-schema.org/draft-06/schema#",
    "V7": "http://json-schema.org/draft-07/schema#",
    "V201909": "https://json-schema.org/draft/2019-09/schema",
    "V202012": DIALECT,
}


def compile_dialect(schema: Schema, dialect: str) -> CompiledSchema:
    """A schema that stands alone, in one of the `DIALECTS`. Raises ContractError when it is none."""
    if dialect == DIALECT:
        return compile_schema(schema)
    given = {**schema, "$schema": dialect} if isinstance(schema, dict) else schema
    if not isinstance(given, dict | bool) or not jsonschema_rs.meta.is_valid(forget_texts(given)):
        raise ContractError([Problem(f"is no schema of {dialect}", "")])
    return CompiledSchema(lambda: _compile(given, "")).load()


def _compile(schema: Schema, pointer: str) -> tuple[Any, _Build]:
    """A schema that stands alone, for both validators."""
    fast = _compile_fast(schema, pointer, None, _OUR_KEYWORDS)
    return fast, lambda budget: _build_slow(schema, None, budget)


def _compile_fast(schema: Schema, pointer: str, registry: Any, keywords: dict[str, Any]) -> Any:
    try:
        return jsonschema_rs.validator_for(
            forget_texts(schema),
            keywords=keywords,
            pattern_options=_pattern_options(),
            registry=registry,
            offline=True,
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise ContractError([Problem(f"the schema cannot be compiled: {reason}", pointer)]) from None


def _has_unevaluated(schema: Any) -> bool:
    """Whether a schema asks what others have judged before it, which only one validator for all can tell."""
    if isinstance(schema, list):
        return any(map(_has_unevaluated, schema))
    if not isinstance(schema, dict):
        return False
    return not schema.keys().isdisjoint(("unevaluatedItems", "unevaluatedProperties")) or any(
        _has_unevaluated(item) for key, item in schema.items() if key not in DATA_KEYWORDS
    )


def check_schema(schema: Any, pointer: str) -> list[Problem]:
    """Every keyword of a schema that has a value which it cannot have."""
    problems: list[Problem] = []
    if not isinstance(schema, dict | bool):
        return [Problem("a schema must be an object or a boolean", pointer)]
    if isinstance(schema, dict) and not isinstance(schema.get("$schema", ""), str):
        problems.append(Problem("must be text", f"{pointer}/$schema"))
    # Another meta-schema would be looked for under its address, over the network.
    plain = (
        {key: rule for key, rule in schema.items() if key != "$schema"}
        if isinstance(schema, dict)
        else schema
    )
    if not jsonschema_rs.meta.is_valid(forget_texts(plain)):
        from jsonschema import Draft202012Validator

        checker = Draft202012Validator(Draft202012Validator.META_SCHEMA)
        for error in _leaves(checker.iter_errors(plain)):
            place = pointer + _pointer(error.absolute_path)
            given = error.instance
            # What has the wrong type is named by its type.
            shown = isinstance(given, str | int | float) and error.validator != "type"
            problem = Problem(_message(error) + (f", is {_show(given)[:100]}" if shown else ""), place)
            if problem not in problems:
                problems.append(problem)
    return problems


def find_bad_patterns(schema: Any, pointer: str) -> list[Problem]:
    """Every pattern of a schema that cannot be run, so that nothing can be judged by it."""
    problems: list[Problem] = []
    for place, pattern in _patterns(schema, pointer):
        try:
            compile_pattern(translate(pattern))
        except ValueError as error:
            problems.append(Problem(f"the pattern {pattern!r} is not judged: {error}", place))
    return problems


def find_meta_schema(address: str) -> Json:
    """The document that JSON Schema 2020-12 publishes under an address; None for any other address."""
    if not address.startswith("https://json-schema.org/draft/2020-12/"):
        return None
    from jsonschema_specifications import REGISTRY

    found = REGISTRY.get(address.removesuffix("#"))
    return None if found is None else found.contents


def _patterns(schema: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(schema, Mapping):
        for key, item in schema.items():
            place = f"{pointer}/{escape_pointer(str(key))}"
            if key == "pattern" and isinstance(item, str):
                yield place, item
            elif key == "patternProperties" and isinstance(item, Mapping):
                for pattern in item:
                    yield f"{place}/{escape_pointer(str(pattern))}", str(pattern)
            if key in SCHEMA_MAPS and isinstance(item, Mapping):
                for name, part in item.items():
                    yield from _patterns(part, f"{place}/{escape_pointer(str(name))}")
            elif key not in DATA_KEYWORDS:
                yield from _patterns(item, place)
    elif isinstance(schema, list):
        for index, item in enumerate(schema):
            yield from _patterns(item, f"{pointer}/{index}")


# Formats. One table for both validators; what is not in it is not asserted.

_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_TIME = re.compile(r"\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.?[^@\s]*")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s\"<>\\^`{|}]*")
_HOSTNAME = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)


def is_date_time(text: str) -> bool:
    """RFC 3339, section 5.6. A leap second (:60) is a date-time."""
    if not _DATE_TIME.fullmatch(text):
        return False
    plain = text.upper()
    return _parses(datetime.fromisoformat, f"{plain[:17]}59{plain[19:]}" if plain[17:19] == "60" else plain)


def _parses(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


FORMATS: Mapping[str, Callable[[str], bool]] = {
    "date-time": is_date_time,
    "date": lambda text: bool(_DATE.fullmatch(text)) and _parses(date.fromisoformat, text),
    "time": lambda text: bool(_TIME.fullmatch(text)) and _parses(time.fromisoformat, text.upper()),
    "email": lambda text: bool(_EMAIL.fullmatch(text)),
    "uri": lambda text: bool(_URI.fullmatch(text)),
    "hostname": lambda text: bool(_HOSTNAME.fullmatch(text)),
    "uuid": lambda text: len(text) == 36 and _parses(uuid.UUID, text),
    "ipv4": lambda text: _parses(ipaddress.IPv4Address, text),
    "ipv6": lambda text: _parses(ipaddress.IPv6Address, text),
}
# What jsonschema-rs would judge by rules of its own, which change with its version.


class _Format:
    """The keyword `format` as jsonschema-rs asks for it: only what `FORMATS` names is asserted."""

    def __init__(self, schema: Any, name: Any, path: Any) -> None:
        self._is_right = FORMATS.get(name)

    def validate(self, value: Any) -> None:
        if self._is_right is not None and isinstance(value, str) and not self._is_right(value):
            raise ValueError


class _MultipleOf:
    """The keyword `multipleOf` as jsonschema-rs asks for it."""

    def __init__(self, schema: Any, divisor: Any, path: Any) -> None:
        self._divisor = divisor

    def validate(self, value: Any) -> None:
        if not _divides(self._divisor, value):
            raise ValueError


class _Elsewhere:
    """A reference to a schema that is compiled apart, when it is first asked."""

    def __init__(self, schema: CompiledSchema) -> None:
        self._schema = schema

    def validate(self, value: Any) -> None:
        # jsonschema-rs takes any exception for a value that does not fit, that of a broken schema as well.
        if not self._schema.load().judge(value):
            raise ValueError


_OUR_KEYWORDS: dict[str, Any] = {"format": _Format, "multipleOf": _MultipleOf}


# The full report, by jsonschema.


def _build_slow(schema: Schema, document: JsonObject | None, budget: _Budget) -> Validator:
    from jsonschema import Draft202012Validator, FormatChecker, validators
    from referencing import Registry
    from referencing.jsonschema import DRAFT202012

    checker = FormatChecker(formats=())
    for name, is_right in FORMATS.items():
        checker.checks(name)(lambda value, is_right=is_right: not isinstance(value, str) or is_right(value))
    keywords: dict[str, Any] = {
        **Draft202012Validator.VALIDATORS,
        "required": _required,
        "dependentRequired": _dependent_required,
        "properties": _properties,
        "additionalProperties": _additional_properties,
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "multipleOf": _multiple_of,
        "uniqueItems": _unique_items,
    }
    kind: Any = validators.extend(  # type: ignore[no-untyped-call]
        Draft202012Validator,
        validators={name: _counted(check, budget) for name, check in keywords.items()},
        type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
    )
    registry: Any = Registry()
    if document is not None:
        registry = registry.with_resource(_DOCUMENT, DRAFT202012.create_resource(document))
    validator: Validator = kind(schema, registry=registry, format_checker=checker)
    return validator


def _counted(check: Any, budget: _Budget) -> Any:
    """A keyword that takes a step each time it is asked. Raises _BudgetSpent when there is none left."""

    def check_and_count(validator: Any, rule: Any, value: Any, schema: Any) -> Any:
        if budget.steps <= 0:
            raise _BudgetSpent
        budget.steps -= 1
        return check(validator, rule, value, schema)

    return check_and_count


def _is_integer(checker: Any, value: Any) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, Decimal):
        return value == value.to_integral_value()
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


def _error(message: str, *path: str) -> Any:
    from jsonschema import ValidationError

    return ValidationError(message, path=path)


def _required(validator: Any, required: Any, value: Any, schema: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for name in required:
            if name not in value:
                yield _error("is missing", name)


def _dependent_required(validator: Any, dependents: Any, value: Any, schema: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for name, others in dependents.items():
            for other in others if name in value else ():
                if other not in value:
                    yield _error(f"is missing beside {name!r}", other)


def _member(validator: Any, rule: Any, item: Any, name: str) -> Iterator[Any]:
    """What is wrong with a member. jsonschema names no place where none may be there."""
    if rule is False:
        yield _error("is not allowed here", name)
    else:
        yield from validator.descend(item, rule, path=name, schema_path=name)


def _properties(validator: Any, rules: Any, value: Any, schema: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for name, rule in rules.items():
            if name in value:
                yield from _member(validator, rule, value[name], name)


def _additional_properties(validator: Any, rule: Any, value: Any, schema: Any) -> Iterator[Any]:
    if not isinstance(value, dict):
        return
    known = schema.get("properties", {})
    patterns = [compile_pattern(pattern) for pattern in schema.get("patternProperties", {})]
    for name, item in value.items():
        if name in known or any(pattern.search(name) for pattern in patterns):
            continue
        yield from _member(validator, rule, item, name)


def _pattern(validator: Any, pattern: Any, value: Any, schema: Any) -> Iterator[Any]:
    if isinstance(value, str) and not compile_pattern(pattern).search(value):
        yield _error("must match")


def _pattern_properties(validator: Any, rules: Any, value: Any, schema: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for pattern, rule in rules.items():
            regex = compile_pattern(pattern)
            for name, item in value.items():
                if regex.search(name):
                    yield from _member(validator, rule, item, name)


def _multiple_of(validator: Any, divisor: Any, value: Any, schema: Any) -> Iterator[Any]:
    if not _divides(divisor, value):
        yield _error("must be a multiple")


def _divides(divisor: Any, value: Any) -> bool:
    """Whether a value is a multiple, or no number. In decimal, as people write: 0.01 divides 19.99."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return True
    return _is_multiple(_to_decimal(value), _to_decimal(divisor))


def _unique_items(validator: Any, rule: Any, value: Any, schema: Any) -> Iterator[Any]:
    """By hashes: comparing each item with each other one takes seconds for some thousand objects."""
    if rule is True and isinstance(value, list) and len({_comparable(item) for item in value}) < len(value):
        yield _error("must not hold the same item twice")


def _comparable(value: Json) -> Any:
    """A hashable value, equal for equal JSON values (JSON Schema 2020-12 core, section 4.2.2): 1 is 1.0."""
    if isinstance(value, dict):
        return frozenset((name, _comparable(item)) for name, item in value.items())
    if isinstance(value, list):
        return tuple(map(_comparable, value))
    # True is no 1 in JSON.
    return (type(value), value) if isinstance(value, bool) else value


def _to_decimal(number: int | float | Decimal) -> Decimal:
    return Decimal(exact(number))


def _is_multiple(number: Decimal, divisor: Decimal) -> bool:
    above, below = divisor.as_integer_ratio()
    sign, digits, exponent = number.as_tuple()
    if isinstance(exponent, int) and exponent > 0:
        # Without writing it out: it may have a billion digits.
        mantissa = int(Decimal((sign, digits, 0)))
        return mantissa * pow(10, exponent, above) * below % above == 0
    numerator, denominator = number.as_integer_ratio()
    return (numerator * below) % (denominator * above) == 0


def _leaves(errors: Any) -> Iterator[Any]:
    """The errors themselves; for anyOf and oneOf those of the branch that comes nearest."""
    from jsonschema.exceptions import relevance

    for error in errors:
        if error.validator in ("anyOf", "oneOf") and error.context:
            branches: dict[Any, list[Any]] = {}
            for child in error.context:
                branches.setdefault(next(iter(child.schema_path), None), []).append(child)
            typed = [
                list_
                for list_ in branches.values()
                if not any(_is_type_error(child, error) or _is_other_kind(child, error) for child in list_)
            ]
            if len(typed) == 1:
                yield from _leaves(sorted(typed[0], key=relevance))
                continue
        yield error


def _is_type_error(child: Any, parent: Any) -> bool:
    return child.validator == "type" and len(child.absolute_path) == len(parent.absolute_path)


def _is_other_kind(child: Any, parent: Any) -> bool:
    """Whether the discriminator beside the branches leads to another one than that of the child."""
    discriminator = parent.schema.get("discriminator")
    member = discriminator.get("propertyName") if isinstance(discriminator, dict) else None
    return member is not None and list(child.path) == [member]


def _pointer(path: Any) -> str:
    return "".join(f"/{escape_pointer(str(token))}" for token in path)


def _describe(error: Any) -> SchemaViolation:
    return SchemaViolation(_pointer(error.absolute_path), str(error.validator), _message(error))


def _message(error: Any) -> str:
    rule = error.validator_value
    texts: dict[str, Callable[[], str]] = {
        "type": lambda: f"must be {_words(rule)}, is {name_type(error.instance)}",
        "enum": lambda: f"must be one of {_words([_show(item) for item in rule])}",
        "const": lambda: f"must be {_show(rule)}",
        "format": lambda: f"must be a {rule}",
        "minLength": lambda: f"must have at least {rule} characters",
        "maxLength": lambda: f"must have at most {rule} characters",
        "minimum": lambda: f"must be at least {rule}",
        "maximum": lambda: f"must be at most {rule}",
        "exclusiveMinimum": lambda: f"must be more than {rule}",
        "exclusiveMaximum": lambda: f"must be less than {rule}",
        "minItems": lambda: f"must have at least {rule} items",
        "maxItems": lambda: f"must have at most {rule} items",
        "uniqueItems": lambda: "must not hold the same item twice",
        "minProperties": lambda: f"must have at least {rule} members",
        "maxProperties": lambda: f"must have at most {rule} members",
        "anyOf": lambda: "fits none of the allowed forms",
        "oneOf": lambda: "must fit exactly one of the allowed forms",
        "not": lambda: "is of a form that is not allowed",
        "pattern": lambda: f"must match the pattern {error.schema.get(ORIGINAL, rule)}",
        "multipleOf": lambda: f"must be a multiple of {rule}",
        "unevaluatedProperties": lambda: "has a member that is not allowed here",
        "unevaluatedItems": lambda: "has an item that is not allowed here",
    }
    if error.validator in _OWN_TEXT:
        return str(error.message)
    text = texts.get(str(error.validator))
    return text() if text else f"breaks the rule {error.validator!r}"


# Said by keywords of our own, above.
_OWN_TEXT = frozenset(
    {"required", "dependentRequired", "properties", "additionalProperties", "patternProperties"}
)


def _show(value: Json) -> str:
    """A value of a schema as its author wrote it: `null`, not None."""
    return repr(value) if isinstance(value, str) else dumps(value).decode("utf-8")


def _words(rule: Any) -> str:
    names = [rule] if isinstance(rule, str) else list(rule)
    return " or ".join(", ".join(names).rsplit(", ", 1)) if len(names) > 1 else names[0]


def name_type(value: Json) -> str:
    """The JSON type of a value, in JSON Schema's words."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | Decimal() | float():
            return "number" if isinstance(value, float) and not value.is_integer() else "integer"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
