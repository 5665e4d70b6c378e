"""Any OpenAPI document: what is asked of it, and what it answers (DESIGN, section 11)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mockserver.messages import Request, Response
from mockserver.serving.building import build_engine
from mockserver.settings import Settings
from mockserver.synthesis.requests import example_url

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def write(folder: Path, paths: dict[str, Any], **more: Any) -> Path:
    document = {"openapi": "3.1.0", "info": {"title": "any", "version": "1"}, "paths": paths, **more}
    path = folder / "openapi.json"
    path.write_text(json.dumps(document), "utf-8")
    return path


class Asking:
    """An engine of a document, asked with plain texts."""

    def __init__(self, path: Path) -> None:
        self.engine = build_engine(Settings(contract=path, log_level="error"))

    def __call__(self, method: str, target: str, body: bytes | Any = b"", **headers: str) -> Response:
        path, _, query = target.partition("?")
        pairs = tuple((name.replace("_", "-").encode(), text.encode()) for name, text in headers.items())
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.engine.handle(Request(method, path, query, pairs, data, "127.0.0.1"))


def header(response: Response, name: str) -> str | None:
    return next((value.decode() for key, value in response.headers if key == name.encode()), None)


def responses(*statuses: str, content: Any = None, **more: Any) -> dict[str, Any]:
    described: dict[str, Any] = {"description": "", **more}
    if content is not None:
        described["content"] = content
    return {"200": described, **{status: {"description": ""} for status in statuses}}


# Parameters


INTEGERS = {"type": "array", "items": {"type": "integer"}}
POINT = {"type": "object", "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}}}
PARAMETERS: dict[str, dict[str, Any]] = {
    "form": {"in": "query", "schema": INTEGERS},
    "joined": {"in": "query", "explode": False, "schema": INTEGERS},
    "spaces": {"in": "query", "style": "spaceDelimited", "explode": False, "schema": INTEGERS},
    "pipes": {"in": "query", "style": "pipeDelimited", "explode": False, "schema": INTEGERS},
    "object": {"in": "query", "schema": POINT},
    "joined object": {"in": "query", "explode": False, "schema": POINT},
    "deep": {"in": "query", "style": "deepObject", "schema": POINT | {"required": ["x"]}},
    "content": {"in": "query", "content": {JSON: {"schema": POINT}}},
    "reserved": {"in": "query", "allowReserved": True, "schema": {"type": "string", "pattern": "^/a[?]b$"}},
    "optional": {"in": "query", "schema": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
    "named": {"in": "query", "schema": {"$ref": "#/components/schemas/Named"}},
    "simple": {"in": "path", "schema": INTEGERS},
    "simple object": {"in": "path", "explode": True, "schema": POINT},
    "label": {"in": "path", "style": "label", "schema": INTEGERS},
    "label exploded": {"in": "path", "style": "label", "explode": True, "schema": INTEGERS},
    "label object": {"in": "path", "style": "label", "explode": True, "schema": POINT},
    "matrix": {"in": "path", "style": "matrix", "schema": {"type": "integer"}},
    "matrix list": {"in": "path", "style": "matrix", "schema": INTEGERS},
    "matrix exploded": {"in": "path", "style": "matrix", "explode": True, "schema": INTEGERS},
    "matrix object": {"in": "path", "style": "matrix", "explode": True, "schema": POINT},
    "matrix joined": {"in": "path", "style": "matrix", "schema": POINT},
}


@pytest.fixture(scope="module")
def styles(tmp_path_factory: pytest.TempPathFactory) -> Asking:
    paths: dict[str, Any] = {}
    for number, (name, parameter) in enumerate(PARAMETERS.items()):
        is_path = parameter["in"] == "path"
        given = {"name": "p", "required": True, **parameter}
        operation = {"operationId": f"o{number}", "parameters": [given], "responses": responses("400")}
        paths[f"/{name.replace(' ', '-')}" + ("/{p}" if is_path else "")] = {"get": operation}
    components = {"schemas": {"Named": {"allOf": [{"type": "integer", "minimum": 1}]}}}
    return Asking(write(tmp_path_factory.mktemp("styles"), paths, components=components))


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/form?p=1&p=2", 200),
        ("/form?p=1,2", 400),
        ("/joined?p=1,2", 200),
        ("/joined?p=1,x", 400),
        ("/spaces?p=1%202%203", 200),
        ("/spaces?p=1+2", 200),
        ("/spaces?p=1,2", 400),
        ("/pipes?p=1%7C2", 200),
        ("/pipes?p=1|2", 200),
        ("/pipes?p=1|x", 400),
        ("/object?x=1&y=2", 200),
        ("/object?x=a", 400),
        ("/object?z=1", 400),
        ("/joined-object?p=x,1,y,2", 200),
        ("/joined-object?p=x,1,y", 400),
        ("/deep?p[x]=1&p[y]=2", 200),
        ("/deep?p%5Bx%5D=1", 200),
        ("/deep?p[y]=1", 400),
        ("/deep?p[x]=a", 400),
        ("/content?p=%7B%22x%22:1%7D", 200),
        ('/content?p={"x":"a"}', 400),
        ("/content?p={", 400),
        ("/reserved?p=/a?b", 200),
        ("/optional?p=5", 200),
        ("/optional?p=null", 200),
        ("/optional?p=x", 400),
        ("/named?p=5", 200),
        ("/named?p=0", 400),
        ("/simple/1,2", 200),
        ("/simple/1,x", 400),
        ("/simple-object/x=1,y=2", 200),
        ("/simple-object/x=a", 400),
        ("/label/.1,2", 200),
        ("/label-exploded/.1.2", 200),
        ("/label-exploded/.1.x", 400),
        ("/label-object/.x=1.y=2", 200),
        ("/matrix/;p=5", 200),
        ("/matrix/;q=5", 400),
        ("/matrix/5", 200),
        ("/matrix-list/;p=1,2", 200),
        ("/matrix-exploded/;p=1;p=2", 200),
        ("/matrix-exploded/;p=1;p=x", 400),
        ("/matrix-object/;x=1;y=2", 200),
        ("/matrix-joined/;p=x,1,y,2", 200),
    ],
)
def test_a_parameter_is_read_by_its_style(styles: Asking, target: str, status: int) -> None:
    assert styles("GET", target).status == status


def test_headers_and_cookies_are_read_and_those_of_http_itself_are_ignored(tmp_path: Path) -> None:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "header", "required": True, "schema": {"type": "integer"}}
        for name in ("Accept", "Content-Type", "Authorization")
    ]
    parameters += [
        {"name": "X-Numbers", "in": "header", "required": True, "schema": INTEGERS},
        {"name": "size", "in": "cookie", "schema": {"type": "integer"}},
    ]
    ask = Asking(write(tmp_path, {"/a": {"get": {"parameters": parameters, "responses": responses("400")}}}))
    assert ask("GET", "/a", X_Numbers="1").status == 400, "names of headers are in lower case"
    assert ask("GET", "/a", x_numbers="1, 2", cookie="a=b; size=3").status == 200
    assert ask("GET", "/a", x_numbers="1, x").status == 400
    assert ask("GET", "/a", x_numbers="1", cookie="size=x").status == 400


# Bodies


ACCOUNT = {
    "type": "object",
    "required": ["code"],
    "properties": {"code": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "string"}},
                   "owner": POINT, "file": {"type": "string", "format": "binary"}},
}  # fmt: skip
NAME = b'--X\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'
FILE = (
    b'--X\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
    b"Content-Type: image/png\r\n\r\n\x00\xff\r\n"
)
OWNER = b'--X\r\nContent-Disposition: form-data; name="owner"\r\nContent-Type: application/json\r\n\r\n%b\r\n'
MULTIPART = "multipart/form-data; boundary=X"
END = b"--X--\r\n"


@pytest.fixture(scope="module")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> Asking:
    content: dict[str, Any] = {
        "/form": {FORM: {"schema": ACCOUNT, "encoding": {"tags": {"explode": False}}}},
        "/multipart": {
            "multipart/form-data": {"schema": ACCOUNT, "encoding": {"file": {"contentType": "image/*"}}}
        },
        "/text": {"text/plain": {"schema": {"type": "string", "maxLength": 3}}},
        "/number": {"text/plain": {"schema": {"type": "integer"}}},
        "/octets": {"application/octet-stream": {"schema": {"type": "string", "maxLength": 3}}},
        "/image": {"image/*": {}},
        "/xml": {"application/xml": {"schema": {"type": "object"}}},
        "/lines": {"application/x-ndjson": {"schema": {"type": "object"}}},
        "/vendor": {"application/vnd.a+json": {"schema": ACCOUNT}},
        "/any": {"*/*": {"schema": ACCOUNT}},
    }  # fmt: skip
    paths = {
        path: {"post": {"requestBody": {"required": True, "content": item}, "responses": responses("400")}}
        for path, item in content.items()
    }
    return Asking(write(tmp_path_factory.mktemp("bodies"), paths))


@pytest.mark.parametrize(
    ("path", "kind", "body", "status"),
    [
        ("/form", FORM, b"code=4&tags=a,b", 200),
        ("/form", FORM, b"code=x", 400),
        ("/form", FORM, b"tags=a", 400),
        ("/form", FORM, b"code=4&owner[x]=1", 200),
        ("/form", FORM, b"code=4&owner[x]=a", 400),
        ("/form", FORM, b"code=4&tags[]=a&tags[]=b", 200),
        ("/form", FORM, b'code=4&owner={"x":1}', 200),
        ("/form", JSON, b"{}", 415),
        ("/multipart", MULTIPART, NAME % (b"code", b"4") + FILE + END, 200),
        ("/multipart", MULTIPART, NAME % (b"code", b"x") + END, 400),
        ("/multipart", MULTIPART, NAME % (b"code", b"4") + OWNER % b'{"x": 1}' + END, 200),
        ("/multipart", MULTIPART, NAME % (b"code", b"4") + OWNER % b'{"x": "a"}' + END, 400),
        ("/multipart", MULTIPART, NAME % (b"code", b"4") + OWNER % b"{" + END, 400),
        ("/multipart", MULTIPART, NAME % (b"code", b"4") + NAME % (b"tags", b"a") * 2 + END, 200),
        ("/multipart", MULTIPART, FILE.replace(b"image/png", b"text/plain") + END, 400),
        ("/multipart", MULTIPART, NAME % (b"code", b"4"), 400),
        ("/multipart", MULTIPART, b"--X\r\n\r\n4\r\n" + END, 400),
        ("/multipart", "multipart/form-data", END, 400),
        ("/text", "text/plain", b"abc", 200),
        ("/text", "text/plain; charset=latin-1", b"\xe4\xf6\xfc", 200),
        ("/text", "text/plain", b"\xff", 400),
        ("/text", "text/plain; charset=nowhere", b"a", 400),
        ("/text", "text/plain", b"abcd", 400),
        ("/number", "text/plain", b"5", 200),
        ("/number", "text/plain", b"x", 400),
        ("/octets", "application/octet-stream", b"\x00\x01\xff", 200),
        ("/octets", "application/octet-stream", b"\x00\x01\x02\x03", 400),
        ("/image", "image/png", b"\x89PNG", 200),
        ("/image", "text/plain", b"x", 415),
        ("/xml", "application/xml", b"<a>1</a>", 200),
        ("/xml", "application/xml", b"<a>1</b>", 400),
        ("/xml", "application/xml", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', 400),
        ("/lines", "application/x-ndjson", b'{"a":1}\n{"a":2}\n', 200),
        ("/lines", "application/x-ndjson", b'{"a":1}\n{', 400),
        ("/vendor", "application/vnd.a+json", b'{"code":1}', 200),
        ("/vendor", "application/vnd.a+json", b"{}", 400),
        ("/any", JSON, b'{"code":1}', 200),
        ("/any", JSON, b"{}", 400),
        ("/any", FORM, b"code=1", 200),
        ("/any", FORM, b"code=x", 400),
    ],
)
def test_a_body_is_read_in_its_media_type(
    bodies: Asking, path: str, kind: str, body: bytes, status: int
) -> None:
    assert bodies("POST", path, body, content_type=kind).status == status


def test_a_form_whose_schema_is_text_is_judged_as_it_was_written(tmp_path: Path) -> None:
    text = {"type": "string", "maxLength": 6}
    paths = {"/a": {"post": {"requestBody": {"content": {FORM: {"schema": text}}}, "responses": responses()}}}
    ask = Asking(write(tmp_path, paths))
    assert ask("POST", "/a", b"a=1", content_type=FORM).status == 200
    assert ask("POST", "/a", b"a=1&b=2", content_type=FORM).status == 422
    parts = "multipart/form-data; boundary=b"
    multipart = {"multipart/form-data": {"schema": {"type": "string", "format": "binary"}}}
    paths = {"/a": {"post": {"requestBody": {"content": multipart}, "responses": responses()}}}
    part = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--b--\r\n'
    assert Asking(write(tmp_path, paths))("POST", "/a", part, content_type=parts).status == 200


def test_a_body_of_which_the_contract_says_nothing_is_not_judged(tmp_path: Path) -> None:
    """Such as `"content": {"": …}`, which some tools write."""
    bodies = {"required": True, "content": {"": {}}}
    ask = Asking(write(tmp_path, {"/a": {"post": {"requestBody": bodies, "responses": responses()}}}))
    assert ask("POST", "/a", b"x", content_type="text/plain").status == 200
    assert ask("POST", "/a").status == 200


def test_a_body_that_its_schema_cannot_judge_is_told_once(bodies: Asking) -> None:
    call = bodies("POST", "/xml", b"<a/>", content_type="application/xml")
    (warning,) = list(bodies.engine.namespaces.get("default").journal)[-1].warnings
    assert (call.status, warning.code) == (200, "not_judged")


def test_members_of_the_other_side_are_neither_needed_nor_allowed(tmp_path: Path) -> None:
    base = {"type": "object", "properties": {"id": {"type": "integer", "readOnly": True}}}
    item = {
        "allOf": [{"$ref": "#/components/schemas/Base"}],
        "required": ["id", "name", "secret"],
        "properties": {"name": {"type": "string"}, "secret": {"$ref": "#/components/schemas/Secret"}},
    }
    content = {JSON: {"schema": {"$ref": "#/components/schemas/Item"}}}
    operation = {"requestBody": {"content": content}, "responses": responses(content=content)}
    secret = {"type": "string", "writeOnly": True}
    components = {"schemas": {"Base": base, "Item": item, "Secret": secret}}
    ask = Asking(write(tmp_path, {"/a": {"post": operation}}, components=components))
    answer = ask("POST", "/a", {"name": "n", "secret": "s"}, content_type=JSON)
    assert (answer.status, json.loads(answer.body).keys()) == (200, {"id", "name"})
    for body, pointer, message in (
        ({"name": "n", "secret": "s", "id": 1}, "/id", "is not allowed here"),
        ({"name": "n"}, "/secret", "is missing"),
    ):
        refused = ask("POST", "/a", body, content_type=JSON)
        (violation,) = json.loads(refused.body)["violations"]
        assert (refused.status, violation["pointer"], violation["message"]) == (422, pointer, message)


KIND = {"type": "string"}
PETS: dict[str, Any] = {
    "Cat": {"required": ["kind"], "properties": {"kind": KIND, "lives": {"type": "integer"}}},
    "Dog": {"required": ["kind"], "properties": {"kind": KIND, "loud": {"type": "boolean"}}},
}


@pytest.mark.parametrize("mapping", [{"cat": "#/components/schemas/Cat", "dog": "Dog"}, None])
def test_a_discriminator_decides_which_branch_judges(tmp_path: Path, mapping: Any) -> None:
    cat, dog = ("cat", "dog") if mapping else ("Cat", "Dog")
    discriminator = {"propertyName": "kind"} | ({"mapping": mapping} if mapping else {})
    pet = {
        "oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in PETS],
        "discriminator": discriminator,
    }
    content = {JSON: {"schema": {"$ref": "#/components/schemas/Pet"}}}
    operation = {"requestBody": {"content": content}, "responses": responses(content=content)}
    ask = Asking(write(tmp_path, {"/a": {"post": operation}}, components={"schemas": PETS | {"Pet": pet}}))

    def status(pet: Any) -> int:
        return ask("POST", "/a", pet, content_type=JSON).status

    assert [status({"kind": cat, "lives": 9}), status({"kind": dog, "loud": True})] == [200, 200]
    assert [status({"kind": dog, "loud": "very"}), status({"kind": "cow"}), status({})] == [422, 422, 422]
    refused = json.loads(
        ask("POST", "/a", {"kind": dog, "loud": "very", "lives": "x"}, content_type=JSON).body
    )
    assert [(found["pointer"], found["keyword"]) for found in refused["violations"]] == [("/loud", "type")]
    made = json.loads(ask("POST", "/a", {"kind": cat}, content_type=JSON).body)
    assert made["kind"] in (cat, dog)


ANIMAL = {"type": "object", "required": ["kind"], "properties": {"kind": {"type": "string"}}}


def extend(name: str, **properties: Any) -> dict[str, Any]:
    own = {"type": "object", "required": list(properties), "properties": properties}
    return {"allOf": [{"$ref": f"#/components/schemas/{name}"}, own]}


@pytest.mark.parametrize(
    ("mapping", "lion", "cub"),
    [(None, "Lion", "Cub"), ({"l": "Lion", "c": "#/components/schemas/Cub"}, "l", "c")],
)
def test_a_discriminator_tells_schemas_apart_that_extend_its_own(
    tmp_path: Path, mapping: Any, lion: str, cub: str
) -> None:
    discriminator = {"propertyName": "kind"} | ({"mapping": mapping} if mapping else {})
    schemas = {
        "Animal": {**ANIMAL, "discriminator": discriminator},
        "Lion": extend("Animal", mane={"type": "string"}),
        "Cub": extend("Lion", age={"type": "integer"}),
        "Snake": extend("Animal", kind={"const": "snake"}, poison={"type": "boolean"}),
        "Zoo": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Animal"}},
    }
    content = {JSON: {"schema": {"$ref": "#/components/schemas/Zoo"}}}
    operation = {"requestBody": {"content": content}, "responses": responses(content=content)}
    ask = Asking(write(tmp_path, {"/a": {"post": operation}}, components={"schemas": schemas}))
    for status, animal in (
        (200, {"kind": lion, "mane": "long"}),
        (422, {"kind": lion}),
        (200, {"kind": cub, "mane": "short", "age": 1}),
        (422, {"kind": cub, "mane": "short"}),
        (422, {"kind": "snake"}),
        (200, {"kind": "snake", "poison": True}),
        # A kind that the document does not name is an animal all the same.
        (200, {"kind": "bear"}),
        (422, {}),
    ):
        assert ask("POST", "/a", [animal], content_type=JSON).status == status, animal
    (first, *_) = json.loads(ask("POST", "/a", content_type=JSON).body)
    assert (first["kind"], "mane" in first) == (lion, True)


def test_a_discriminator_whose_values_name_no_schema_tells_nothing(tmp_path: Path) -> None:
    kind = {"type": "string", "enum": ["x", "y"]}
    base = {**ANIMAL, "properties": {"kind": kind}, "discriminator": {"propertyName": "kind"}}
    schemas = {"Animal": base, "Lion": extend("Animal", mane={"type": "string"})}
    content = {JSON: {"schema": {"$ref": "#/components/schemas/Animal"}}}
    operation = {"requestBody": {"content": content}, "responses": responses(content=content)}
    ask = Asking(write(tmp_path, {"/a": {"post": operation}}, components={"schemas": schemas}))
    assert ask("POST", "/a", {"kind": "x"}, content_type=JSON).status == 200
    assert ask("POST", "/a", {"kind": "Lion"}, content_type=JSON).status == 422


# Answers


CONTENT = {
    "application/xml": {"example": "<a>1</a>"},
    "text/csv": {"example": "a,b"},
    JSON: {"example": {"a": 1}},
    "application/vnd.thing+json; version=2": {"example": {"thing": 1}},
    "image/*": {},
}


@pytest.mark.parametrize(
    ("accept", "kind", "body"),
    [
        (None, JSON, b'{"a":1}'),
        ("*/*", JSON, b'{"a":1}'),
        ("", JSON, b'{"a":1}'),
        ("application/xml", "application/xml", b"<a>1</a>"),
        ("APPLICATION/XML", "application/xml", b"<a>1</a>"),
        ("text/*", "text/csv", b"a,b"),
        ("text/csv;q=0.9, application/json;q=0.1", "text/csv", b"a,b"),
        ("text/csv, application/json", JSON, b'{"a":1}'),
        ("*/*;q=0.1, application/xml", "application/xml", b"<a>1</a>"),
        ("application/json;q=0, */*", "application/vnd.thing+json; version=2", b'{"thing":1}'),
        ("application/vnd.thing+json", "application/vnd.thing+json; version=2", b'{"thing":1}'),
        ("application/vnd.thing+json;version=2", "application/vnd.thing+json; version=2", b'{"thing":1}'),
        ("application/*+json", "application/vnd.thing+json; version=2", b'{"thing":1}'),
        ("image/gif", "image/gif", b"GIF89a"),
        ("image/png", "image/png", b"\x89PNG\r\n\x1a\n"),
    ],
)
def test_an_answer_is_in_the_media_type_that_the_request_likes_best(
    tmp_path: Path, accept: str | None, kind: str, body: bytes
) -> None:
    ask = Asking(write(tmp_path, {"/a": {"get": {"responses": responses(content=CONTENT)}}}))
    answer = ask("GET", "/a", **({} if accept is None else {"accept": accept}))
    assert (answer.status, header(answer, "content-type"), header(answer, "vary")) == (200, kind, "Accept")
    assert answer.body.startswith(body)


@pytest.mark.parametrize(
    "accept", ["text/html", "application/json;q=0", "application/vnd.thing+json;version=1"]
)
def test_a_request_that_likes_no_answer_is_406(tmp_path: Path, accept: str) -> None:
    content = {name: CONTENT[name] for name in (JSON, "application/vnd.thing+json; version=2")}
    if accept == "application/json;q=0":
        content = {JSON: CONTENT[JSON]}
    ask = Asking(write(tmp_path, {"/a": {"get": {"responses": responses(content=content)}}}))
    answer = ask("GET", "/a", accept=accept)
    assert (answer.status, header(answer, "content-type")) == (406, "application/problem+json")
    assert (header(answer, "mockserver-reason"), header(answer, "vary")) == ("not_acceptable", "Accept")


THING = {
    "type": "object",
    "xml": {"name": "thing", "prefix": "t", "namespace": "urn:things"},
    "required": ["id", "names", "tags", "empty"],
    "properties": {
        "id": {"type": "integer", "example": 4, "xml": {"attribute": True}},
        "names": {"type": "array", "items": {"xml": {"name": "name"}}, "example": ["a", "<b>"]},
        "tags": {"type": "array", "xml": {"wrapped": True}, "items": {}, "example": [True, False]},
        "empty": {"type": ["string", "null"], "example": None},
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "media", "expected"),
    [
        ("application/xml", {"schema": THING},
         b'<?xml version="1.0" encoding="UTF-8"?>\n<t:thing xmlns:t="urn:things" id="4"><name>a</name>'
         b"<name>&lt;b&gt;</name><tags><tags>true</tags><tags>false</tags></tags><empty/></t:thing>"),
        ("application/xml", {"schema": {"$ref": "#/components/schemas/Numbers"}},
         b'<?xml version="1.0" encoding="UTF-8"?>\n<Numbers><Numbers>1</Numbers><Numbers>2</Numbers>'),
        ("text/plain", {"example": {"a": True, "b": None}}, b'{"a":true,"b":null}'),
        ("text/plain", {"schema": {"type": "integer", "example": 5}}, b"5"),
        ("text/plain", {"schema": {"type": "string", "example": "hello"}}, b"hello"),
        ("text/event-stream", {"example": "hello"}, b"data: hello\n\n"),
        ("application/x-ndjson", {"example": [{"a": 1}, {"a": 2}]}, b'{"a":1}\n{"a":2}\n'),
        (FORM, {"example": {"a b": "c&d", "n": 5}}, b"a%20b=c%26d&n=5"),
        ("image/png", {"schema": {"type": "string", "format": "byte"}, "example": "iVBORw0KGgo="},
         b"\x89PNG\r\n\x1a\n"),
        ("application/zip", {}, b"PK\x05\x06"),
        ("application/pdf", {"schema": {"type": "string", "format": "binary"}}, b"%PDF-1.4\n"),
        ("application/octet-stream", {"schema": {"type": "string", "example": "raw"}}, b"raw"),
        ("multipart/form-data", {"example": {"a": "b"}},
         b'--mockserver-boundary\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--mockserver-bou'),
        ("*/*", {"schema": {"type": "object", "properties": {"a": {"const": 1}}}}, b'{"a":1}'),
    ],
)  # fmt: skip
def test_an_answer_is_written_in_its_media_type(
    tmp_path: Path, name: str, media: Any, expected: bytes
) -> None:
    components = {"schemas": {"Numbers": {"type": "array", "items": {"type": "integer"}, "example": [1, 2]}}}
    paths = {"/a": {"get": {"responses": responses(content={name: media})}}}
    answer = Asking(write(tmp_path, paths, components=components))("GET", "/a")
    assert answer.status == 200
    assert answer.body.startswith(expected), answer.body


def test_headers_are_made_by_example_default_or_schema(tmp_path: Path) -> None:
    headers = {
        "X-Example": {"example": "public, max-age=60", "schema": {"type": "string"}},
        "X-Schema-Example": {"schema": {"type": "integer", "example": 5}},
        "X-Default": {"schema": {"type": "array", "items": {}, "default": [1, True]}},
        "X-Made": {"required": True, "schema": {"type": "integer", "minimum": 7, "maximum": 7}},
        "X-Reference": {"$ref": "#/components/headers/Trace"},
        "X-Unsafe": {"example": "a\r\nX-Other: b"},
        "Content-Type": {"example": "text/never"},
    }
    found = responses(headers=headers)
    found["302"] = {"description": "", "headers": {"Location": {"example": "https://example.com/new"}}}
    components = {"headers": {"Trace": {"schema": {"type": "string", "example": "tr-1"}}}}
    paths = {"/a": {"get": {"responses": found}}, "/b": {"get": {"responses": {"302": found["302"]}}}}
    ask = Asking(write(tmp_path, paths, components=components))
    made = {key.decode(): value.decode() for key, value in ask("GET", "/a").headers if key.startswith(b"x-")}
    assert made == {
        "x-example": "public, max-age=60", "x-schema-example": "5", "x-default": "1,true", "x-made": "7",
        "x-reference": "tr-1",
    }  # fmt: skip
    redirect = ask("GET", "/b")
    assert (redirect.status, header(redirect, "location")) == (302, "https://example.com/new")


def test_an_example_may_stand_in_a_file_beside_the_document(tmp_path: Path) -> None:
    (tmp_path / "ex").mkdir()
    (tmp_path / "ex" / "rolls.json").write_text('[{"name": "Roll"}]')
    (tmp_path / "ex" / "dot.png").write_bytes(b"\x89PNG\xff\x00")
    content = {
        JSON: {"examples": {"p": {"externalValue": "./ex/rolls.json"}}},
        "image/png": {"examples": {"p": {"externalValue": "ex/dot.png"}}},
        "text/plain": {"examples": {"p": {"externalValue": "../secret.txt"}}, "schema": {"const": "made"}},
    }
    ask = Asking(write(tmp_path, {"/a": {"get": {"responses": responses(content=content)}}}))
    assert ask("GET", "/a").body == b'[{"name":"Roll"}]'
    assert ask("GET", "/a", accept="image/png").body == b"\x89PNG\xff\x00"
    assert ask("GET", "/a", accept="text/plain").body == b"made"


def test_a_status_without_a_body_has_none(tmp_path: Path) -> None:
    content = {JSON: {"schema": {"type": "object"}}}
    paths = {"/a": {"delete": {"responses": {"204": {"description": "", "content": content}}}}}
    answer = Asking(write(tmp_path, paths))("DELETE", "/a")
    assert (answer.status, answer.body, header(answer, "content-type")) == (204, b"", None)


# What cannot be served


def test_a_broken_operation_is_501_and_the_others_are_served(tmp_path: Path) -> None:
    broken = {"schema": {"$ref": "#/components/schemas/Gone"}}
    query = {"name": "q", "in": "query", "schema": {"type": 5}}
    paths = {
        "/sound": {"get": {"responses": responses()}},
        "/answer": {"get": {"responses": responses(content={JSON: broken})}},
        "/body": {"post": {"requestBody": {"content": {JSON: broken}}, "responses": responses()}},
        "/query": {"get": {"parameters": [query], "responses": responses()}},
        "/nothing": {"get": None},
        "/error": {"get": {"responses": responses() | {"404": {"content": {JSON: broken}}}}},
        "/never": {"get": {"responses": responses(content={JSON: {"schema": False}})}},
    }  # fmt: skip
    ask = Asking(write(tmp_path, paths))
    assert [ask("GET", path).status for path in ("/sound", "/error")] == [200, 200]
    for method, path in (
        ("GET", "/answer"),
        ("POST", "/body"),
        ("GET", "/query?q=1"),
        ("GET", "/nothing"),
        ("GET", "/never"),
    ):
        answer = ask(method, path, b"{}", content_type=JSON)
        assert (answer.status, header(answer, "mockserver-reason")) == (501, "broken_contract"), path
        assert header(answer, "content-type") == "text/plain; charset=utf-8"
        assert answer.body.startswith(b"The contract is broken: ")


def test_a_broken_operation_can_still_be_scripted(tmp_path: Path) -> None:
    paths = {
        "/a": {"get": {"responses": responses(content={JSON: {"schema": {"$ref": "#/nowhere"}}})}},
        "/b": {"get": {"responses": responses()}},
    }
    ask = Asking(write(tmp_path, paths))
    assert ask("GET", "/a", prefer="code=200").status == 501


@pytest.mark.parametrize(
    ("kind", "status"),
    [("application/vnd.x+json", 200), ("application/json", 200), ("application/vnd.x+xml", 415)],
)
def test_a_range_of_one_syntax_takes_what_is_written_in_it(tmp_path: Path, kind: str, status: int) -> None:
    body = {"content": {"application/*+json": {"schema": {"type": "object"}}}}
    ask = Asking(write(tmp_path, {"/a": {"post": {"requestBody": body, "responses": responses()}}}))
    assert ask("POST", "/a", b"{}", content_type=kind).status == status


def test_methods_that_http_implies_are_answered(tmp_path: Path) -> None:
    """HEAD wherever there is GET (RFC 9110, section 9.1), and OPTIONS by what the path takes."""
    paths: dict[str, Any] = {
        "/a/{id}": {"get": {"operationId": "read", "responses": responses(content={JSON: {"example": [1]}})}},
        "/a/{name}": {"post": {"responses": responses()}},
        "/own": {
            "get": {"responses": responses()},
            "head": {"responses": {"204": {"description": ""}}},
            "options": {"responses": {"200": {"description": "", "content": {JSON: {"example": "mine"}}}}},
        },
        "/none": {"post": {"responses": responses()}},
    }
    paths["/a/{id}"]["get"]["parameters"] = [{"name": "id", "in": "path", "schema": {"type": "integer"}}]
    paths["/a/{name}"]["post"]["parameters"] = [{"name": "name", "in": "path", "schema": {}}]
    ask = Asking(write(tmp_path, paths))
    assert (ask("HEAD", "/a/5").status, ask("HEAD", "/a/x").status) == (200, 422)
    call = next(iter(ask.engine.namespaces.get("default").journal))
    assert (call.request.method, call.operation) == ("HEAD", "read")
    options = ask("OPTIONS", "/a/5")
    assert (options.status, options.body, header(options, "allow")) == (204, b"", "GET, HEAD, OPTIONS, POST")
    assert header(options, "mockserver-reason") == "options"
    assert (ask("HEAD", "/own").status, ask("OPTIONS", "/own").body) == (204, b'"mine"')
    refused = ask("HEAD", "/none")
    assert (refused.status, header(refused, "allow")) == (405, "POST")
    assert ask("OPTIONS", "/nowhere").status == 404


def test_paths_that_name_their_query_are_told_apart_by_it(tmp_path: Path) -> None:
    """OpenAPI has no such paths; documents in the wild do."""

    def operation(name: str, *parameters: dict[str, Any]) -> dict[str, Any]:
        content = {"text/plain": {"example": name}}
        return {"operationId": name, "parameters": list(parameters), "responses": responses(content=content)}

    page = {"name": "page", "in": "path", "required": True, "schema": {"type": "integer"}}
    action = {"name": "Action", "in": "query", "required": True, "schema": {"enum": ["Stop"]}}
    paths = {
        "/rest?method=search": {"get": operation("search")},
        "/rest?method=find%20one": {"get": operation("find")},
        "/rest?page={page}": {"get": operation("page", page)},
        "/rest": {"get": operation("plain")},
        "/#Action=Start": {"get": operation("start", {**action, "schema": {"const": "Start"}})},
        "/#Action=Stop": {"get": operation("stop", action)},
    }
    ask = Asking(write(tmp_path, paths))
    for target, body in {
        "/rest?method=search": b"search",
        "/rest?x=1&method=find+one": b"find",
        "/rest?page=5": b"page",
        "/rest": b"plain",
        "/rest?method=other": b"plain",
        "/?Action=Start": b"start",
        "/?Action=Stop": b"stop",
    }.items():
        answer = ask("GET", target)
        assert (answer.status, answer.body) == (200, body), target
    assert ask("GET", "/rest?page=x").status == 422
    contract = ask.engine.contract
    for name, url in {
        "search": "/rest?method=search",
        "find": "/rest?method=find%20one",
        "stop": "/?Action=Stop",
        "plain": "/rest",
    }.items():
        assert example_url(contract, contract.operations[name], {}) == url
    assert ask("GET", example_url(contract, contract.operations["page"], {})).body == b"page"
    assert not contract.problems


def test_paths_whose_query_cannot_tell_them_apart_are_a_problem(tmp_path: Path) -> None:
    paths = {f"/#X-Target=T.{name}": {"post": {"responses": responses()}} for name in ("a", "b")}
    ask = Asking(write(tmp_path, paths))
    (problem,) = ask.engine.contract.problems
    assert problem.message.endswith("has the same shape as another path with the method POST")
    assert ask("POST", "/").status == 200


def test_a_schema_whose_description_is_wrong_still_judges(tmp_path: Path) -> None:
    """`check` names it, and the operation is served."""
    schema = {
        "type": "object",
        "examples": {"one": {"value": {}}},
        "properties": {
            "a": {"type": "integer", "description": ["no", "text"]},
            "examples": {"type": "string"},
        },
    }
    content = {JSON: {"schema": schema}}
    operation = {"requestBody": {"content": content}, "responses": responses(content=content)}
    ask = Asking(write(tmp_path, {"/a": {"post": operation}}))
    messages = sorted({problem.message for problem in ask.engine.contract.problems})
    assert messages == ["must be array, is object", "must be string, is array"]
    assert ask("POST", "/a", {"a": 1}, content_type=JSON).status == 200
    assert ask("POST", "/a", {"a": "x"}, content_type=JSON).status == 422
    wrong = {"type": "object", "properties": {"title": 5}}
    broken = {"responses": responses(content={JSON: {"schema": wrong}})}
    ask = Asking(write(tmp_path, {"/a": {"get": broken}, "/b": {"get": {"responses": responses()}}}))
    assert (ask("GET", "/a").status, ask("GET", "/b").status) == (501, 200)
