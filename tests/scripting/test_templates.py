"""Response templates: what they write, and what is refused when they are read."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.scripting.subjects import Subject
from mockserver.scripting.templates import (
    MAX_DEPTH,
    MAX_TEMPLATE_LENGTH,
    Context,
    OutputTooLong,
    Template,
    TemplateError,
    Writer,
)
from mockserver.seeds import Seed

BODY = b'{"name":"N","items":[{"p":1},{"p":2}],"nested":{"a":null},"q":"{{now}}"}'


def write(text: str, *, seed: str = "s", body: bytes = BODY) -> str:
    subject = Subject(
        "POST",
        "/v1/keys/42",
        {"name": ["a", "b"], "n": ["1"]},
        {"x-id": ["7"], "host": ["localhost:4020"], "cookie": ["c=1"]},
        body,
        url="/v1/keys/42?name=a&name=b&n=1",
        path_parameters={"id": "42"},
    )
    context = Context(subject, 1_767_225_600_123, Seed(seed), {"greeting": "hi", "list": [1, 2]})
    return Template(text).render(Writer(context))


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain { } }} text", "plain { } }} text"),
        ("{{request.method}} {{request.path}} {{request.url}}",
         "POST /v1/keys/42 /v1/keys/42?name=a&name=b&n=1"),
        ("{{request.path.[1]}} {{request.pathSegments.[2]}} {{request.path.id}}", "keys 42 42"),
        ("{{request.pathSegments.9}}{{request.query.none}}{{request.query.name.[9]}}", ""),
        ("{{request.query.name}} {{request.query.name.[1]}} {{request.query.[n]}}", "a b 1"),
        ("{{request.headers.X-Id}} {{request.headers.[x-id]}} {{request.cookies.c}}", "7 7 1"),
        ("{{request.baseUrl}} {{request.host}} {{request.port}}", "http://localhost:4020 localhost 4020"),
        ("{{{request.body}}}", BODY.decode()),
        ("{{&request.method}}{{! a comment }}{{!-- }} --}}", "POST"),
        ("a  {{~ request.method ~}}  b", "aPOSTb"),
        ("a {{request.method ~}}  {{request.method}}", "a POSTPOST"),
        ("{{parameters.list.0}}{{parameters.list.x}}{{request.method.x}}", "1"),
        ("{{jsonPath 'no json' '$.a' default='d'}}", "d"),
        ("\\{{request.method}}", "{{request.method}}"),
        ("{{jsonPath request.body '$.name'}}{{jsonPath request.body '$.q'}}", "N{{now}}"),
        ("{{jsonPath request.body '$.items'}} {{jsonPath request.body '$.items[*].p'}}",
         '[{"p":1},{"p":2}] [1,2]'),
        ("{{jsonPath request.body '$.none' default='d'}}{{jsonPath request.body '$..none'}}", "d"),
        ("{{jsonPath request.query.name '$.x'}}", ""),
        ("{{jsonPath parameters '$.list[1]'}}", "2"),
        ("{{#each (jsonPath request.body '$.items') as |item i|}}{{i}}{{item.p}}{{this.p}}{{p}};{{/each}}",
         "0111;1222;"),
        ("{{#each request.query}}{{@index}}{{@key}}={{this}}{{#unless @last}}, {{/unless}}{{/each}}",
         "0name=a, 1n=1"),
        ("{{#each request.query.name}}{{this}}{{#if @first}}!{{/if}}{{/each}}", "a!b"),
        ("{{#each none}}x{{else}}empty{{/each}}", "empty"),
        ("{{#each parameters.list}}{{#each ../parameters.list}}{{.}}{{../this}} {{/each}}{{/each}}",
         "11 21 12 22 "),
        ("{{#if request.query.name}}yes{{else}}no{{/if}}{{#if none}}yes{{else}}no{{/if}}", "yesno"),
        ("{{#if none}}a{{else if (eq request.query.n '1')}}b{{else}}c{{/if}}", "b"),
        ("{{#if none}}a{{else if none}}b{{else}}c{{/if}}", "c"),
        ("{{#unless none}}a{{/unless}}{{#eq request.method 'POST'}}P{{else}}Q{{/eq}}", "aP"),
        ("{{eq 1 1}}{{eq 1 2}}{{eq true 1}}{{eq null none}}{{eq request.path '/v1/keys/42'}}",
         "truefalsefalsetruetrue"),
        ("{{parameters.greeting}} {{greeting}} {{parameters.list}}", "hi hi [1,2]"),
        ("{{upper request.query.name}}{{lower 'X'}}{{trim ' t '}}{{capitalize 'cap'}}", "AxtCap"),
        ("{{size request.query.name}}{{size 'abc'}}{{size 1}}", "230"),
        ("{{now}}", "2026-01-01T00:00:00Z"),
        ("{{now format='epoch'}} {{now offset='-2 months' format='dd MMM yyyy'}}",
         "1767225600123 01 Nov 2025"),
        ("{{now timezone='Europe/Berlin' format='HH:mm'}}", "01:00"),
        ("{{now format=request.query.name}}", "AM"),
        ("{{now format=request.method}}", "[ERROR: "),
        ("{{jsonPath request.body request.method}}", "[ERROR: "),
        ("{{1}}{{'a'}}{{1.5}}{{true}}{{null}}", "1a1.5true"),
    ],
)  # fmt: skip
def test_what_a_template_writes(template: str, text: str) -> None:
    written = write(template)
    assert written.startswith(text) if text == "[ERROR: " else written == text


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{nope 1}}", "'nope' at character 0 is no helper"),
        ("a {{jsonPth request.body '$.a'}}", "at character 2 is no helper; did you mean 'jsonPath'?"),
        ("{{systemValue key='PATH'}}", "nothing of the machine is shown"),
        ("{{randomInt}}", "use randomValue"),
        ("{{math 1 '+' 2}}", "the helpers here are now"),
        ("{{#if x}}", r"has no '\{\{/if\}\}'"),
        ("{{#if x}}{{/each}}", "ends"),
        ("{{/if}}", "ends no block"),
        ("{{else}}", "belongs to no block"),
        ("{{#if x}}{{else}}{{else}}{{/if}}", "belongs to no block"),
        ("{{#with x}}{{/with}}", "is no block; known: each"),
        ("{{#each}}{{/each}}", "needs something to look at"),
        ("{{request.bdy}}", "did you mean 'request.body'"),
        ("{{request}}", "is no value"),
        ("{{now format='QQ'}}", "letters: y, M"),
        ("{{now offset='3 moons'}}", "no offset"),
        ("{{now timezone='Mars/Base'}}", "no time zone"),
        ("{{now frmat='x'}}", "did you mean 'format'"),
        ("{{now 1}}", "takes 0 values, not 1"),
        ("{{randomValue length=0}}", "from 1 to 1000"),
        ("{{randomValue type='X'}}", "one of ALPHANUMERIC"),
        ("{{eq 1}}", "takes 2 values, not 1"),
        ("{{jsonPath request.body '$['}}", "RFC 9535"),
        ("{{jsonPath request.body 5}}", "JSONPath must be text"),
        ("{{x", "has no end"),
        ("{{}}", "is empty"),
        ("{{> partial}}", "partials"),
        ("{{upper (lower 'x'}}", r"has no '\)'"),
        ("{{upper ?}}", "cannot be read"),
        ("{{upper x=}}", "a value is missing|option"),
        ("{{request.method 1}}", "is no helper"),
        ("{{'a' 'b'}}", "is too much"),
        ("{{upper )}}", "takes 1 values"),
        ("{{upper 'a' x=y=}}", "stands where a value is expected"),
        ("{{upper " + "(upper " * 40 + "'x'" + ")" * 40 + "}}", "nested deeper"),
        ("{{#if x}}" * (MAX_DEPTH + 1), "nested deeper"),
        ("x" * (MAX_TEMPLATE_LENGTH + 1), "at most"),
    ],
)
def test_a_mistake_is_told_with_its_place(template: str, words: str) -> None:
    with pytest.raises(TemplateError, match=words):
        Template(template)


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        ("", r"[a-z0-9]{36}"),
        ("length=5 type='NUMERIC'", r"[0-9]{5}"),
        ("type='UUID'", r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
        ("length=8 type='ALPHANUMERIC' uppercase=true", r"[A-Z0-9]{8}"),
        ("length=8 type='HEXADECIMAL'", r"[0-9a-f]{8}"),
        ("length=9 type='ALPHABETIC'", r"[A-Za-z]{9}"),
    ],
)
def test_random_values_are_derived_from_the_seed(options: str, pattern: str) -> None:
    template = f"{{{{randomValue {options}}}}} {{{{randomValue {options}}}}}"
    first, second = write(template).split(" ")
    assert re.fullmatch(pattern, first)
    assert first != second
    assert write(template) == f"{first} {second}"
    assert write(template, seed="other") != f"{first} {second}"


@pytest.mark.parametrize(
    "template",
    [
        "{{#each (jsonPath request.body '$')}}" + "{{request.body}}" * 50 + "{{/each}}",
        "{{#each (jsonPath request.body '$')}}x{{/each}}" * 20,
    ],
)
def test_output_and_steps_are_bounded(template: str) -> None:
    with pytest.raises(OutputTooLong):
        write(template, body=b"[" + b",".join([b'"' + b"x" * 20 + b'"'] * 2_000) + b"]")


@given(st.text("{}#/~!'\"= ()@.abenowif[]|\\", max_size=30))
def test_any_text_is_a_template_or_refused(text: str) -> None:
    try:
        template = Template(text)
    except TemplateError:
        return
    if template.is_plain and "\\" not in text:
        assert "{{" not in text or "{{!" in text
    assert isinstance(write(text), str)
