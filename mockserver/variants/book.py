"""The variants of a contract: derived from its schemas on first use, one operation and status at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import combinations, islice
from urllib.parse import quote

from mockserver.contract import Contract, Envelope, Operation
from mockserver.contract.media_types import MediaType
from mockserver.exceptions import ContractError, MalformedJson
from mockserver.json_codec import dumps, loads
from mockserver.seeds import Seed
from mockserver.suggestions import find_nearest
from mockserver.synthesis.values import NoValue
from mockserver.synthesis.writing import make_media_value, write_body
from mockserver.types import Headers, Json
from mockserver.variants.answers import Alter, Answer, Variant, combine, write_bytes
from mockserver.variants.breaking import list_cut_break, list_page_break, list_status_break, list_value_breaks
from mockserver.variants.legal import (
    Candidate,
    list_framing_candidates,
    list_status_candidates,
    list_value_candidates,
    list_written_candidates,
)
from mockserver.variants.places import Place, find_places
from mockserver.variants.showing import show_difference

MAX_VARIANTS = 500  # of one operation and status
MAX_SAMPLES = 2
MAX_TOGETHER = 100  # so many deviations can be asked for at once


class VariantBook:
    """The variants of one contract. What was derived once is kept: there are as many as statuses."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._known: dict[tuple[str, int], dict[str, Variant]] = {}
        self._shared: dict[tuple[object, ...], tuple[Variant, ...]] = {}
        self._legal: dict[tuple[str, int, bool], tuple[Variant, ...]] = {}

    def of(self, operation: Operation, status: int) -> Iterable[Variant]:
        """The variants of the answer with a status, legal ones first; none equals the plain answer."""
        return self._derived(operation, status).values()

    def legal(self, operation: Operation, status: int, *, accepts_gzip: bool) -> tuple[Variant, ...]:
        """The legal ones that a client can read."""
        key = (operation.id, status, accepts_gzip)
        if key not in self._legal:
            self._legal[key] = tuple(
                variant
                for variant in self.of(operation, status)
                if variant.is_legal and (accepts_gzip or not variant.needs_gzip)
            )
        return self._legal[key]

    def extra_members(self, operation: Operation, status: int) -> Variant | None:
        """Unknown members at every open object at once: what a tolerant reader must live with."""
        found: Variant | None = None
        for variant in self.legal(operation, status, accepts_gzip=False):
            if variant.name.startswith("extra-members"):
                found = variant if found is None else combine(found, variant)
        return found

    def find(self, operation: Operation, status: int, name: str) -> Variant | None:
        """The variant of a name; `a+b` is both at once, each once. None if the answer has none of that name.

        A success also has those of the operation's other successes, such as the one that is its own status.
        """
        exact = self._derived(operation, status).get(name)
        if exact is not None:
            return exact
        statuses = [status]
        if 200 <= status < 300:
            statuses += (other for other in operation.success_statuses if other != status)
        found: Variant | None = None
        for part in dict.fromkeys(name.split("+", MAX_TOGETHER - 1)):
            known = (self._derived(operation, other).get(part) for other in statuses)
            variant = next((each for each in known if each is not None), None)
            if variant is None:
                return None
            # Also where one is left: the answer tells which of several found a place in it.
            found = replace(variant, parts=(variant,)) if found is None else combine(found, variant)
        return found

    def pairs(self, operation: Operation, status: int) -> Iterator[Variant]:
        """Any two legal variants at once, where together they are legal, more than one of them, and
        the same in either order: neither undoes the other.
        """
        answers = self._samples(operation, status)
        for pair in combinations(self.legal(operation, status, accepts_gzip=True), 2):
            both = combine(*pair)
            results = [
                (both.alter(answer), pair[0].alter(answer), pair[1].alter(answer)) for answer in answers
            ]
            if (
                any(
                    result.identify() not in (first.identify(), second.identify())
                    for result, first, second in results
                )
                and all(result.is_like(pair[0].alter(second)) for result, _, second in results)
                and all(self._is_legal(operation, result) for result, _, _ in results)
            ):
                yield both

    def show(self, operation: Operation, variant: Variant) -> str:
        """How a variant differs from the plain answer: a diff of an example that it changes."""
        # The fullest ones come last, and show the most.
        for answer in reversed(self._samples(operation, variant.status)):
            varied = variant.alter(answer)
            if varied.identify() != answer.identify():
                return show_difference(answer, varied, variant.name)
        return ""

    def names(self, operation: Operation | None = None) -> list[str]:
        """Every name there is, of one operation or of all, each once."""
        operations = self._contract.operations.values() if operation is None else (operation,)
        return list(
            dict.fromkeys(
                variant.name
                for each in operations
                for status in list_statuses(each)
                for variant in self.of(each, status)
            )
        )

    def find_nearest(self, name: str, operation: Operation | None = None) -> list[str]:
        """The names most like one that nothing has; empty where none is like it."""
        return find_nearest(name, self.names(operation), limit=3)

    # Deriving.

    def _derived(self, operation: Operation, status: int) -> dict[str, Variant]:
        key = (operation.id, status)
        known = self._known.get(key)
        if known is None:
            found = iter(()) if operation.problem is not None else self._derive_once(operation, status)
            known = {variant.name: variant for variant in islice(found, MAX_VARIANTS)}
            if status in list_statuses(operation):
                self._known[key] = known
        return known

    def _derive_once(self, operation: Operation, status: int) -> Iterator[Variant]:
        """The same errors of other operations, where the contract has one response for all of them."""
        envelope = operation.envelope(status)
        if envelope is None or not envelope.schema_pointer or status < 400:
            return self._derive(operation, status)
        page = operation.envelope(200)
        # All that the variants of an error depend on; of the successes that is the page with 200 alone.
        others = sorted(name for name in operation.envelopes if not name.startswith("2"))
        key = (envelope.schema_pointer, status, page and page.media_type, *others)
        if key not in self._shared:
            self._shared[key] = tuple(self._derive(operation, status))
        return (variant.for_operation(operation.id) for variant in self._shared[key])

    def _derive(self, operation: Operation, status: int) -> Iterator[Variant]:
        answers = self._samples(operation, status)
        envelope = operation.envelope(status)
        if not answers or envelope is None:
            return
        places = self._places(envelope, answers)
        taken: set[str] = set()

        plain = [(answer, answer.identify()) for answer in answers]

        def is_offered(alter: Alter, *, as_legal: bool) -> bool:
            changed = [
                altered
                for answer, identity in plain
                if (altered := alter(answer)) is not answer and altered.identify() != identity
            ]
            return bool(changed) and all(self._is_legal(operation, answer) is as_legal for answer in changed)

        def accepts(alter: Alter) -> bool:
            return is_offered(alter, as_legal=True)

        legal: list[Iterator[Candidate]] = [list_status_candidates(operation.success_statuses, status)]
        breaking: list[Iterator[Candidate]] = []
        if answers[0].is_json:
            legal += (list_value_candidates(places, accepts), list_written_candidates())
            breaking += (list_value_breaks(places), list_cut_break())
        legal.append(list_framing_candidates(status))
        breaking += (
            list_page_break(),
            list_status_break(status, lambda other: operation.envelope(other) is not None),
        )
        for candidates, is_legal in ((legal, True), (breaking, False)):
            for candidate in (candidate for group in candidates for candidate in group):
                if is_offered(candidate.alter, as_legal=is_legal):
                    name = _name(candidate, taken)
                    taken.add(name)
                    yield Variant(
                        name,
                        operation.id,
                        status,
                        candidate.deviation,
                        is_legal,
                        candidate.alter,
                        candidate.needs_gzip,
                    )

    def _places(self, envelope: Envelope, answers: Sequence[Answer]) -> list[Place]:
        if not envelope.schema_pointer or not answers[0].is_json:
            return []
        schemas = self._contract.schemas
        schema = schemas.at(envelope.schema_pointer)
        return find_places(schema, (answer.value for answer in answers), schemas.resolve)

    def _is_legal(self, operation: Operation, answer: Answer) -> bool:
        """Whether the contract documents the status, the media type and this body under it."""
        envelope = operation.envelope(answer.status)
        if envelope is None or (envelope.media_type is not None) != bool(answer.value or answer.is_json):
            return False
        if not answer.is_json:
            return not envelope.is_json
        if envelope.schema is not None and not envelope.schema.is_valid(answer.value):
            return False
        return answer.write is dumps or _is_json(answer.write(answer.value))

    def _samples(self, operation: Operation, status: int) -> list[Answer]:
        """Plain answers of a status: its examples, else a value of its schema; none if none can be made."""
        envelope = operation.envelope(status)
        if envelope is None:
            return []
        if envelope.media is None:
            return [Answer(status, (), b"", is_json=False, write=write_bytes)]
        headers: Headers = envelope.content_type
        if status == 429:
            headers = (*headers, (b"retry-after", b"1"))
        try:
            values = self._sample_values(operation, status, envelope, envelope.media)
        except (NoValue, ContractError):
            return []
        if envelope.is_json:
            return [Answer(status, headers, value) for value in values]
        bodies = [write_body(envelope.media, value, envelope.media_type) for value in values]
        return [Answer(status, headers, body, is_json=False, write=write_bytes) for body in bodies]

    def _sample_values(
        self, operation: Operation, status: int, envelope: Envelope, media: MediaType
    ) -> list[Json]:
        if envelope.examples:
            return list(islice(envelope.examples.values(), MAX_SAMPLES))
        seed = Seed("sample", operation.id, str(status))
        return [make_media_value(media, media.name, self._contract.schemas, seed)]


def list_statuses(operation: Operation) -> list[int]:
    """The statuses that an operation can be expected to answer with."""
    return sorted({*operation.statuses, *operation.success_statuses})


def _is_json(data: bytes) -> bool:
    try:
        loads(data)
    except MalformedJson:
        return False
    return True


def _name(candidate: Candidate, taken: set[str]) -> str:
    """The first free one of `null-expires_at`, `null-data-expires_at`, `null-data%2Fexpires_at`.

    Outer places come first: what a contract adds further inside never takes a name that was there before.
    Whatever could not stand in a header is percent-encoded.
    """
    names = [_quote(name) for name in candidate.member]
    forms = [names[-1:], names, ["%2F".join(names)]]
    for form in forms[1:] if candidate.has_full_name else forms:
        parts = [candidate.kind, *form, *([_quote(candidate.ending)] if candidate.ending else [])]
        name = "-".join(part for part in parts if part)
        if name not in taken:
            return name
    return f"{name}-{len(taken)}"


@lru_cache(maxsize=1_000)
def _quote(text: str) -> str:
    return quote(text, safe="")
