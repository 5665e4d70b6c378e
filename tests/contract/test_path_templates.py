"""Which path template a path fits."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.contract.path_templates import PathTemplates

TEMPLATES = (
    "/",
    "/keys",
    "/keys/",
    "/keys/{id}",
    "/keys/all",
    "/keys/{id}/parts/{part}",
    "/keys/all/parts",
    "/{kind}/all/{rest}",
    "/a b/ü",
    "/v1/~x",
)


@pytest.fixture(scope="module")
def templates() -> PathTemplates[str]:
    found: PathTemplates[str] = PathTemplates()
    for template in TEMPLATES:
        if template != "/keys/":
            found.add(template, template)
    return found


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", ("/", {})),
        ("/keys", ("/keys", {})),
        ("/keys/", ("/keys", {})),
        ("/k%65ys", ("/keys", {})),
        ("/keys/1", ("/keys/{id}", {"id": "1"})),
        ("/keys/1/", ("/keys/{id}", {"id": "1"})),
        ("/keys/all", ("/keys/all", {})),
        ("/keys/%61ll", ("/keys/all", {})),
        ("/keys/a%2Fb%20c%25", ("/keys/{id}", {"id": "a/b c%"})),
        ("/keys/%2E%2E", ("/keys/{id}", {"id": ".."})),
        ("/keys/{id}", ("/keys/{id}", {"id": "{id}"})),
        ("/keys/%FF", ("/keys/{id}", {"id": "\N{REPLACEMENT CHARACTER}"})),
        ("/keys/1/parts/2", ("/keys/{id}/parts/{part}", {"id": "1", "part": "2"})),
        # The literal way leads nowhere, so the parameter is tried.
        ("/keys/all/parts/2", ("/keys/{id}/parts/{part}", {"id": "all", "part": "2"})),
        ("/keys/all/parts", ("/keys/all/parts", {})),
        ("/keys/all/more", ("/{kind}/all/{rest}", {"kind": "keys", "rest": "more"})),
        ("/x/all/parts", ("/{kind}/all/{rest}", {"kind": "x", "rest": "parts"})),
        ("/a%20b/%C3%BC", ("/a b/ü", {})),
        ("/v1/%7Ex", ("/v1/~x", {})),
        ("", None),
        ("//", None),
        ("keys", None),
        ("x/keys", None),
        ("*/keys", None),
        ("*", None),
        ("http://h/keys", None),
        ("/keys//", None),
        ("//keys", None),
        ("/KEYS", None),
        ("/keys/1/parts", None),
        ("/keys/1/parts/2/3", None),
        ("/keys/1//parts/2", None),
        ("/keys;x=1", None),
        ("/keys%2F1", None),
        ("/keys/./", ("/keys/{id}", {"id": "."})),
    ],
)
def test_a_path_fits_the_template_that_is_most_literal(
    templates: PathTemplates[str], path: str, expected: tuple[str, dict[str, str]] | None
) -> None:
    assert templates.find(path) == expected


@pytest.mark.parametrize("template", ["/keys", "/k%65ys", "/keys/{other}", "/keys/{a}/parts/{b}", "/"])
def test_a_template_of_a_known_shape_is_refused(templates: PathTemplates[str], template: str) -> None:
    with pytest.raises(ValueError, match="has the same shape as another path"):
        templates.add(template, "again")


@pytest.mark.parametrize(
    ("template", "words"), [("/{a}{b", "not closed"), ("/a}", "not closed"), ("/a{}", "without a name")]
)
def test_a_template_whose_braces_make_no_parameter_is_refused(template: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        PathTemplates[str]().add(template, "x")


MIXED = ("/users/{name}:activate", "/users/{name}:block", "/users/{name}", "/users/me:activate",
         "/items/{id}.json", "/report.{format}", "/compare/{base}...{head}", "/({a},{b})")  # fmt: skip


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/users/ann:activate", ("/users/{name}:activate", {"name": "ann"})),
        ("/users/a%2Fb:block", ("/users/{name}:block", {"name": "a/b"})),
        ("/users/ann%3Ablock", ("/users/{name}:block", {"name": "ann"})),
        ("/users/me:activate", ("/users/me:activate", {})),
        ("/users/ann:other", ("/users/{name}", {"name": "ann:other"})),
        ("/users/:activate", ("/users/{name}", {"name": ":activate"})),
        ("/items/4.json", ("/items/{id}.json", {"id": "4"})),
        ("/items/4.json.json", ("/items/{id}.json", {"id": "4.json"})),
        ("/items/4.xml", None),
        ("/items/.json", None),
        ("/report.html", ("/report.{format}", {"format": "html"})),
        ("/report", None),
        ("/compare/a...b", ("/compare/{base}...{head}", {"base": "a", "head": "b"})),
        ("/compare/a...b...c", ("/compare/{base}...{head}", {"base": "a", "head": "b...c"})),
        ("/(1,2)", ("/({a},{b})", {"a": "1", "b": "2"})),
    ],
)
def test_a_parameter_may_fill_a_part_of_a_segment(
    path: str, expected: tuple[str, dict[str, str]] | None
) -> None:
    templates: PathTemplates[str] = PathTemplates()
    for template in MIXED:
        templates.add(template, template)
    assert templates.find(path) == expected


def test_a_slash_at_the_end_tells_apart_what_is_declared_with_and_without() -> None:
    templates: PathTemplates[str] = PathTemplates()
    for template in ("/users", "/users/", "/keys/{id}/", "/keys/{id}"):
        templates.add(template, template)
    for path in ("/users", "/users/"):
        assert templates.find(path) == (path, {})
    assert templates.find("/keys/1/") == ("/keys/{id}/", {"id": "1"})
    assert templates.find("/keys/1") == ("/keys/{id}", {"id": "1"})


def test_templates_of_one_shape_are_told_apart_by_their_methods() -> None:
    templates: PathTemplates[int] = PathTemplates()
    templates.add("/keys/{id}", 1, "GET")
    templates.add("/keys/{name}", 2, "POST")
    with pytest.raises(ValueError, match="has the same shape"):
        templates.add("/keys/{other}", 3, "GET")
    assert templates.find("/keys/x", "GET") == (1, {"id": "x"})
    assert templates.find("/keys/x", "POST") == (2, {"name": "x"})
    assert templates.find("/keys/x", "PUT") == (1, {"id": "x"})


segments = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@given(segments, segments, st.booleans())
def test_every_value_of_a_parameter_comes_back(first: str, second: str, has_slash: bool) -> None:
    templates: PathTemplates[int] = PathTemplates()
    templates.add("/x/{a}/y/{b}", 1)
    path = f"/x/{quote(first, safe='')}/y/{quote(second, safe='')}{'/' if has_slash else ''}"
    assert templates.find(path) == (1, {"a": first, "b": second})


@given(st.text(max_size=30))
def test_any_text_is_a_path_that_fits_or_does_not(templates: PathTemplates[str], path: str) -> None:
    found = templates.find(path)
    assert found is None or (path.startswith("/") and found[0] in TEMPLATES)
