"""Which variants a contract has: each is legal, or breaks the contract, by a judge that is none of ours."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest

from mockserver.contract import Contract, Operation, load_contract
from mockserver.settings import packaged_folder
from mockserver.variants import Answer, Variant, VariantBook, list_statuses, write_answer

CONTRACTS = Path(__file__).parents[1] / "contracts"
PATHS = {
    "hsrcpay": packaged_folder("schemas") / "openapi.json",
    "library": CONTRACTS / "library.json",
    "notes": CONTRACTS / "notes.json",
}


@cache
def load(name: str) -> tuple[Contract, VariantBook]:
    contract = load_contract(PATHS[name])
    return contract, VariantBook(contract)


ANSWERS = [
    pytest.param(name, operation, status, id=f"{name}-{operation.id}-{status}")
    for name in PATHS
    for operation in load(name)[0].operations.values()
    for status in list_statuses(operation)
]


def list_names(name: str, operation: str, status: int, *, legal: bool = True) -> list[str]:
    contract, book = load(name)
    return [each.name for each in book.of(contract.operations[operation], status) if each.is_legal is legal]


def find(name: str, operation: str, status: int, variant: str) -> Variant:
    contract, book = load(name)
    found = book.find(contract.operations[operation], status, variant)
    assert found is not None
    return found


def vary(name: str, operation: str, status: int, variant: str) -> Any:
    """The first example of an answer, varied."""
    contract, book = load(name)
    plain = book._samples(contract.operations[operation], status)[0]
    answer = find(name, operation, status, variant).alter(plain)
    return answer.value


# A judge: fastjsonschema on the contract's own JSON.


@cache
def validator(name: str, operation: str, status: int) -> Callable[[Any], Any] | None:
    """None where the contract documents no JSON under a status."""
    document = load(name)[0].document
    methods = [
        method for item in document["paths"].values() for method in item.values() if "get" not in method
    ]
    responses = next(
        method["responses"]
        for method in methods
        if isinstance(method, dict) and method.get("operationId") == operation
    )
    response = responses.get(str(status)) or responses.get(f"{status // 100}XX") or responses.get("default")
    if response is None:
        return None
    if "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    content = [item for media, item in response.get("content", {}).items() if "json" in media]
    if not content:
        return None
    compiled: Callable[[Any], Any] = fastjsonschema.compile(inline(document, content[0]["schema"]))
    return compiled


def inline(document: Any, value: Any) -> Any:
    """A schema with what it refers to in its place; fastjsonschema takes it for draft 7."""
    if isinstance(value, list):
        return [inline(document, item) for item in value]
    if not isinstance(value, dict):
        return value
    rest = {key: inline(document, item) for key, item in value.items() if key not in ("$schema", "$ref")}
    if not isinstance(value.get("$ref"), str):
        return rest
    target = document["components"]["schemas"][value["$ref"].rpartition("/")[2]]
    return {"allOf": [inline(document, target), rest]}


def keeps_contract(name: str, operation: Operation, answer: Answer) -> bool:
    """Whether the contract documents an answer, by its status and its bytes."""
    validate = validator(name, operation.id, answer.status)
    _, body = write_answer(answer._replace(is_compressed=False))
    if validate is None:
        is_known = operation.envelope(answer.status) is not None
        return is_known and b"html" not in dict(answer.headers).get(b"content-type", b"")
    try:
        validate(json.loads(body))
    except (ValueError, fastjsonschema.JsonSchemaValueException):
        return False
    return True


def show(answer: Answer) -> tuple[Any, ...]:
    headers, body = write_answer(answer)
    return answer.status, sorted(headers), body, answer.is_chunked, answer.has_upper_case_headers


@pytest.mark.parametrize(("name", "operation", "status"), ANSWERS)
def test_every_variant_is_what_it_says(name: str, operation: Operation, status: int) -> None:
    _, book = load(name)
    variants = list(book.of(operation, status))
    assert variants
    for variant in variants:
        changed = 0
        for plain in book._samples(operation, status):
            assert keeps_contract(name, operation, plain)
            before = show(plain)
            answer = variant.alter(plain)
            assert show(plain) == before, f"{variant.name} changes the plain answer itself"
            if show(answer) != before:
                changed += 1
                assert keeps_contract(name, operation, answer) is variant.is_legal, variant.name
        assert changed, f"{variant.name} equals the plain answer"


@pytest.mark.parametrize(("name", "operation", "status"), ANSWERS)
def test_names_are_unique_and_fit_into_a_header(name: str, operation: Operation, status: int) -> None:
    _, book = load(name)
    variants = list(book.of(operation, status))
    assert len({variant.name for variant in variants}) == len(variants)
    assert len({variant.deviation for variant in variants}) == len(variants)
    for variant in variants:
        assert variant.name.isascii()
        assert variant.name.isprintable()
        assert not set(variant.name) & set(' ",;+=')
        assert variant.name.startswith("breaking-") is not variant.is_legal
        assert (variant.operation, variant.status) == (operation.id, status)


def test_the_variants_of_a_created_key_are_these() -> None:
    assert list_names("hsrcpay", "createApiKey", 201) == [
        "status-200", "extra-members", "extra-members-data", "extra-members-data-metadata",
        "null-expires_at", "null-created_at", "null-updated_at", "absent-last_used_ip", "absent-metadata",
        "absent-last_used_at", "absent-expires_at", "absent-updated_at", "empty-name", "empty-metadata",
        "empty-permissions", "other-type-PUBLISHABLE", "other-status-INACTIVE", "other-status-REVOKED",
        "other-status-EXPIRED", "long-strings", "non-ascii", "member-order", "pretty-printed",
        "escaped-unicode", "chunked", "gzip", "charset-parameter", "header-case",
    ]  # fmt: skip


@pytest.mark.parametrize("operation", ["createApiKey", "listApiKeys", "regenerateManagedApiKey"])
def test_a_date_may_be_missing_wherever_a_key_is_shown(operation: str) -> None:
    assert {"null-expires_at", "absent-expires_at", "empty-metadata"} <= set(
        list_names("hsrcpay", operation, 200)
    )


def test_the_breaking_answers_of_a_created_key_are_of_every_kind() -> None:
    names = list_names("hsrcpay", "createApiKey", 201, legal=False)
    assert {
        "breaking-missing-id", "breaking-wrong-type-permissions", "breaking-contradicting-success",
        "breaking-unknown-status", "breaking-html-page", "breaking-cut-json", "breaking-undocumented-status",
    } <= set(names)  # fmt: skip


def test_the_variants_of_an_error_are_these() -> None:
    names = list_names("hsrcpay", "createApiKey", 429)
    assert {"empty-details", "absent-details", "extra-members-error", "no-retry-after"} <= set(names)
    assert "no-retry-after" not in list_names("hsrcpay", "createApiKey", 409)
    assert "breaking-contradicting-success" in list_names("hsrcpay", "createApiKey", 409, legal=False)


def test_every_item_of_a_list_deviates() -> None:
    contract, book = load("library")
    items = [{"id": "1", "author": {"name": "a", "born": "2000-01-01"}}, {"id": "2", "author": {"name": "b"}}]
    plain = Answer(200, (), items)
    absent = book.find(contract.operations["listBooks"], 200, "absent-born")
    assert absent is not None
    assert absent.alter(plain).value == [{"id": "1", "author": {"name": "a"}}, items[1]]


def test_texts_are_changed_within_their_limits_and_identities_never() -> None:
    long = vary("library", "addBook", 201, "long-strings")
    assert len(long["title"]) == 80
    assert len(long["author"]["name"]) == 2_000
    foreign = vary("hsrcpay", "createApiKey", 201, "non-ascii")
    assert foreign["data"]["name"] == "Zoë 東京 🔑 Reporting"
    plain = load("hsrcpay")[1]._samples(load("hsrcpay")[0].operations["createApiKey"], 201)[0].value
    for name in ("id", "account_id", "key", "created_at"):
        assert foreign["data"][name] == plain["data"][name]


def test_numbers_become_as_large_as_the_contract_allows() -> None:
    book = vary("library", "addBook", 201, "big-numbers")
    assert (book["pages"], book["price"]) == (20_000, 2**53 + 1)


def test_a_pattern_closes_a_text_and_a_closed_object_takes_no_members() -> None:
    assert vary("notes", "readNote", 200, "long-strings")["text"] == "Milk"
    names = list_names("notes", "readNote", 200)
    assert "non-ascii" in names
    assert not [name for name in names if name.startswith("extra-members")]
    assert "empty-text" not in names


def test_a_text_that_is_no_json_and_no_text_at_all_have_what_http_leaves_open() -> None:
    assert list_names("notes", "readText", 200) == ["chunked", "gzip", "charset-parameter", "header-case"]
    assert list_names("library", "removeBook", 204) == ["header-case"]


def test_two_places_of_one_name_are_told_apart() -> None:
    names = list_names("library", "addBook", 201, legal=False)
    assert {"breaking-wrong-type-title", "breaking-wrong-type-author-title"} <= set(names)
    outer = vary("library", "addBook", 201, "breaking-wrong-type-title")
    assert outer["title"] == 12345
    assert outer["author"]["title"] != 12345


# Names hold when a contract grows.


def grow(change: Callable[[Any], None], tmp_path: Path) -> tuple[Contract, VariantBook]:
    document = json.loads(PATHS["library"].read_text("utf-8"))
    change(document)
    path = tmp_path / "grown.json"
    path.write_text(json.dumps(document), "utf-8")
    contract = load_contract(path)
    return contract, VariantBook(contract)


def add_members(document: Any) -> None:
    schemas = document["components"]["schemas"]
    schemas["Book"]["properties"] = {"series": {"type": "string", "nullable": True}} | schemas["Book"][
        "properties"
    ]
    schemas["Book"]["properties"]["title"]["nullable"] = True
    schemas["Author"]["properties"]["subtitle"] = {"type": "string", "nullable": True}
    schemas["Book"]["properties"]["language"]["enum"].append("fr")


def add_operations(document: Any) -> None:
    paths = document["paths"]
    added = copy.deepcopy(paths["/books"])
    added["get"]["operationId"], added["post"]["operationId"] = "listFilms", "addFilm"
    document["paths"] = {"/films": added} | paths
    paths["/books"]["post"]["responses"]["409"] = paths["/books"]["post"]["responses"]["422"]


@pytest.mark.parametrize("change", [add_members, add_operations])
def test_names_stay_when_the_contract_grows(change: Callable[[Any], None], tmp_path: Path) -> None:
    before, old = load("library")
    after, new = grow(change, tmp_path)
    for operation in before.operations.values():
        for status in list_statuses(operation):
            names = {variant.name for variant in new.of(after.operations[operation.id], status)}
            for variant in old.of(operation, status):
                # What is allowed now breaks nothing any more.
                if variant.is_legal:
                    assert variant.name in names
    if change is add_members:
        assert new.find(after.operations["addBook"], 201, "null-series")
        assert not old.find(before.operations["addBook"], 201, "null-series")


def test_the_same_contract_has_the_same_variants_every_time() -> None:
    contract, book = load("library")
    again = VariantBook(load_contract(PATHS["library"]))
    for operation in contract.operations.values():
        for status in list_statuses(operation):
            first, second = book.of(operation, status), again.of(operation, status)
            assert [each.to_json() for each in first] == [each.to_json() for each in second]
            for plain in book._samples(operation, status):
                for one, other in zip(first, second, strict=True):
                    assert show(one.alter(plain)) == show(other.alter(plain))


# Two at once.


def test_pairs_are_legal_and_more_than_each_alone() -> None:
    contract, book = load("notes")
    operation = contract.operations["readNote"]
    pairs = list(book.pairs(operation, 200))
    names = {pair.name for pair in pairs}
    assert {"absent-count+absent-labels", "absent-due+chunked"} <= names
    # One of the two would hide the other.
    assert not {"null-due+absent-due", "pretty-printed+escaped-unicode"} & names
    for pair in pairs:
        first, second = pair.name.split("+")
        for plain in book._samples(operation, 200):
            assert keeps_contract("notes", operation, pair.alter(plain)), pair.name
        assert find("notes", "readNote", 200, first).deviation in pair.deviation
        assert find("notes", "readNote", 200, second).deviation in pair.deviation


def test_pairs_are_the_same_in_either_order() -> None:
    contract, book = load("hsrcpay")
    names = {pair.name for pair in book.pairs(contract.operations["createApiKey"], 201)}
    assert "null-created_at+absent-metadata" in names
    assert "empty-name+long-strings" not in names, "a name that was made long is empty no more"


def test_many_at_once_tell_which_of_them_found_a_place() -> None:
    contract, book = load("hsrcpay")
    operation = contract.operations["createApiKey"]
    plain = Answer(201, (), {"data": {"name": "n", "metadata": {}}})
    both = book.find(operation, 201, "empty-metadata+empty-name+gzip")
    assert both is not None
    assert both.apply(plain)[1] == "empty-name+gzip"
    readable = both.without_gzip()
    assert readable is not None
    assert readable.apply(plain)[0] == Answer(201, (), {"data": {"name": "", "metadata": {}}})
    assert both.hidden(plain, "empty-name") == ["gzip"]
    twice = book.find(operation, 201, "empty-metadata+empty-metadata")
    assert twice is not None
    assert twice.apply(plain) == (plain, "")
    gzip = book.find(operation, 201, "gzip")
    assert gzip is not None
    assert gzip.without_gzip() is None


def test_a_success_knows_the_variants_of_the_others() -> None:
    variant = find("hsrcpay", "createApiKey", 201, "status-201")
    assert (variant.status, variant.name) == (200, "status-201")


@pytest.mark.parametrize("name", ["", "+", "null-expires_at+", "null-expires", "a+b+c+d+e", "x" * 5_000])
def test_a_name_that_there_is_not_is_found_nowhere(name: str) -> None:
    contract, book = load("hsrcpay")
    assert book.find(contract.operations["createApiKey"], 201, name) is None


def test_the_nearest_names_are_suggested() -> None:
    contract, book = load("hsrcpay")
    operation = contract.operations["createApiKey"]
    assert book.find_nearest("null-expiresat", operation)[0] == "null-expires_at"
    assert book.find_nearest("ü" * 10_000, operation) == []


def test_a_schema_that_no_value_fits_has_no_variants(tmp_path: Path) -> None:
    def break_it(document: Any) -> None:
        document["components"]["schemas"]["Book"]["properties"]["title"]["minLength"] = 100

    contract, book = grow(break_it, tmp_path)
    assert list(book.of(contract.operations["addBook"], 201)) == []
    assert list(book.of(contract.operations["addBook"], 422)) != []


def test_a_difference_is_shown_line_by_line() -> None:
    contract, book = load("hsrcpay")
    operation = contract.operations["createApiKey"]
    lines = book.show(operation, find("hsrcpay", "createApiKey", 201, "null-expires_at")).split("\n")
    assert [line for line in lines if line[0] in "+-"] == [
        "--- the plain answer",
        "+++ the answer null-expires_at",
        '-    "expires_at": "2027-01-01T00:00:00.000Z",',
        '+    "expires_at": null,',
    ]
    for variant in book.of(operation, 201):
        assert book.show(operation, variant).count("\n") > 2, variant.name
