"""What the calls of a run touched of a contract, as the JSON of `GET /__admin/coverage`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mockserver.contract import Assumption, Contract, Operation
from mockserver.contract.pointers import find_pointer, read_fragment
from mockserver.contract.views import list_references
from mockserver.coverage.facets import FacetReader, name_answer
from mockserver.journal.call import CountKey, Facet
from mockserver.json_codec import dumps_canonical, escape_pointer
from mockserver.types import JsonObject
from mockserver.variants import VariantBook, list_statuses

# The dimensions of coverage, and the member that names an item of each.
DIMENSIONS: Mapping[str, str] = {
    "statuses": "status",
    "reasons": "reason",
    "variants": "variant",
    "credentials": "credential",
    "members": "member",
}


def report_coverage(
    contract: Contract,
    kinds: tuple[str, ...],
    variants: VariantBook,
    counts: Mapping[CountKey, int],
    touched: Mapping[Facet, int],
) -> Iterator[JsonObject | None]:
    """What calls touched, by operation: every item that the contract documents, with its hits, 0 too.

    It comes last, behind a None for each step on the way: to derive the variants of a large contract takes
    minutes.

    `kinds` are those of credentials; `counts` and `touched` are a journal's. What was answered without being
    documented (`created`, `stub`, the status of a breaking answer) stands in the same lists, and its name in
    `beyond`: it counts for nothing.
    """
    facets = FacetReader(contract, kinds)
    operations: list[JsonObject] = []
    for operation in contract.operations.values():
        for status in list_statuses(operation):
            variants.of(operation, status)
            yield None
        operations.append(_report_operation(operation, facets, variants, counts, touched))
    yield {"operations": operations, "summary": measure({"operations": operations}).to_json()}


def _report_operation(
    operation: Operation,
    facets: FacetReader,
    variants: VariantBook,
    counts: Mapping[CountKey, int],
    touched: Mapping[Facet, int],
) -> JsonObject:
    known = facets.of(operation)
    statuses: Counter[int] = Counter()
    reasons: Counter[str] = Counter()
    for (name, status, reason), count in counts.items():
        if name == operation.id:
            reasons[reason] += count
            if status is not None:
                statuses[status] += count

    def hits(facet: Facet) -> int:
        return touched.get(facet, 0)

    documented = list_statuses(operation)
    other_statuses = sorted(statuses.keys() - set(documented))
    other_reasons = sorted(reasons.keys() - known.reasons.keys())
    names = dict.fromkeys(
        (name_answer(status), variant.name)
        for status in documented
        for variant in variants.of(operation, status)
        if variant.is_legal
    )
    return {
        "operation": operation.id,
        "statuses": [
            {"status": status, "hits": statuses[status]} for status in (*documented, *other_statuses)
        ],
        "reasons": [
            *({"reason": name, "hits": hits(facet)} for name, facet in known.reasons.items()),
            *({"reason": name, "hits": reasons[name]} for name in other_reasons),
        ],
        "variants": [
            {
                "variant": name,
                "answer": answer,
                "hits": hits(Facet(operation.id, "variant", f"{answer} {name}")),
            }
            for answer, name in names
        ],
        "credentials": [
            {"credential": kind, "hits": hits(facet)} for kind, facet in known.credentials.items()
        ],
        "members": [
            {"member": name, "in": place, "hits": hits(facet)}
            for facet in known.members
            for place, _, name in (facet.name.partition(" "),)
        ],
        "beyond": {"statuses": other_statuses, "reasons": other_reasons},
    }


def merge_coverage(documents: Iterable[JsonObject]) -> JsonObject:
    """Several documents as one: of the workers of a run, or of several servers. Hits are added."""
    merged: dict[str, JsonObject] = {}
    for document in documents:
        for entry in document["operations"]:
            own = merged.setdefault(
                entry["operation"],
                {
                    "operation": entry["operation"],
                    **{dimension: [] for dimension in DIMENSIONS},
                    "beyond": {"statuses": [], "reasons": []},
                },
            )
            for dimension in DIMENSIONS:
                _merge_items(own[dimension], entry[dimension])
            for dimension, names in own["beyond"].items():
                names += (name for name in entry["beyond"][dimension] if name not in names)
    operations = list(merged.values())
    return {"operations": operations, "summary": measure({"operations": operations}).to_json()}


def _merge_items(into: list[JsonObject], items: Iterable[JsonObject]) -> None:
    known = {_identify(item): index for index, item in enumerate(into)}
    for item in items:
        index = known.get(_identify(item))
        if index is None:
            into.append(dict(item))
            continue
        own = into[index]
        own["hits"] += item["hits"]
        if "tests" in item:
            own["tests"] = list(dict.fromkeys((*own.get("tests", ()), *item["tests"])))


def _identify(item: JsonObject) -> bytes:
    return dumps_canonical({name: value for name, value in item.items() if name not in ("hits", "tests")})


def note_test(document: JsonObject, test: str) -> JsonObject:
    """The document of one test's calls, with its name in `tests` of each item that it touched."""
    for entry in document["operations"]:
        for dimension in DIMENSIONS:
            for item in entry[dimension]:
                if item["hits"]:
                    item["tests"] = [test]
    return document


@dataclass(frozen=True, slots=True)
class Measure:
    """How many of the documented items were touched, and how many there are."""

    touched: int
    total: int

    @property
    def percent(self) -> float:
        """From 0 to 100; 100 only when nothing is missing. Of nothing, all is touched."""
        return 100.0 if self.touched == self.total else int(1000 * self.touched / self.total) / 10

    def to_json(self) -> JsonObject:
        """`{"touched", "total", "percent"}`."""
        return {"touched": self.touched, "total": self.total, "percent": self.percent}


def measure(document: JsonObject, *, dimension: str | None = None) -> Measure:
    """How much of what a document covers was touched, in all or in one dimension."""
    hits = [
        item["hits"]
        for entry in document["operations"]
        for name in (DIMENSIONS if dimension is None else (dimension,))
        for item in list_documented(entry, name)
    ]
    return Measure(sum(hit > 0 for hit in hits), len(hits))


def list_documented(entry: JsonObject, dimension: str) -> Iterator[JsonObject]:
    """The items of an operation that the contract documents."""
    beyond = entry["beyond"].get(dimension, ())
    return (item for item in entry[dimension] if item[DIMENSIONS[dimension]] not in beyond)


# Assumptions.


def report_assumptions(
    contract: Contract, counts: Mapping[CountKey, int], touched: Mapping[Facet, int]
) -> tuple[list[Assumption], int]:
    """The assumptions that calls touched, and how many rules there are of which no counter can tell.

    A parameter or a member is touched when a call gave it, a response when a call got it, a schema when one
    of those uses it. A rule says by `x-reasons` which reasons it leads to; others are those untold.
    """
    uses = {
        pointer
        for operation in contract.operations.values()
        for pointer in _list_uses(contract, operation, counts, touched)
    }
    reasons = {reason for (_, _, reason), count in counts.items() if count}
    reasons |= {
        facet.name for facet, count in touched.items() if facet.kind in ("reason", "effect") and count
    }
    rules = {rule["what"]: rule.get("x-reasons") for rule in contract.document.get("x-rules", ())}
    found: list[Assumption] = []
    untold = 0
    for assumption in contract.assumptions:
        if assumption.what not in rules:
            is_touched = any(is_near(assumption.what, use) for use in uses)
        else:
            named = rules[assumption.what]
            untold += named is None
            is_touched = not reasons.isdisjoint(named or ())
        if is_touched:
            found.append(assumption)
    return found, untold


def is_near(pointer: str, use: str) -> bool:
    """Whether a place is the used one, inside of it or around it."""
    return pointer == use or pointer.startswith(f"{use}/") or use.startswith(f"{pointer}/")


def _list_uses(
    contract: Contract, operation: Operation, counts: Mapping[CountKey, int], touched: Mapping[Facet, int]
) -> Iterator[str]:
    """The places of the contract's document that calls of an operation used, as JSON pointers."""
    document = contract.document
    place = f"/paths/{escape_pointer(operation.path)}/{operation.method.lower()}"
    statuses = {str(status) for name, status, _ in counts if name == operation.id}
    for status in statuses & operation.envelopes.keys():
        response = f"{place}/responses/{status}"
        yield response
        yield from follow(document, response)
    members = {facet.name for facet in touched if facet.operation == operation.id and facet.kind == "member"}
    for index, parameter in enumerate(find_pointer(document, f"{place}/parameters") or ()):
        # Whatever refers elsewhere is used there.
        parameter = find_pointer(document, str(parameter.get("$ref", ""))[1:]) or parameter
        if f"{parameter.get('in')} {parameter.get('name')}" in members:
            yield f"{place}/parameters/{index}"
            yield from follow(document, f"{place}/parameters/{index}")
    if operation.body is not None and operation.body.schema_pointer:
        body = operation.body.schema_pointer
        for schema in (body, *follow(document, body)):
            for member in members:
                kind, _, name = member.partition(" ")
                if kind == "body":
                    yield f"{schema}/properties/{escape_pointer(name)}"


def follow(document: JsonObject, pointer: str) -> set[str]:
    """The places that a place refers to, directly or not."""
    found: set[str] = set()
    waiting = [pointer]
    while waiting:
        for place in map(read_fragment, list_references(find_pointer(document, waiting.pop()))):
            if place not in found:
                found.add(place)
                waiting.append(place)
    return found
