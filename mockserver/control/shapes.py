"""The shapes of bodies and answers of the control API: JSON Schemas (2020-12) by name, with examples.

A route names the shapes that it takes and gives; `description` puts them together. WireMock's own shapes are
described as far as this server writes and reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from mockserver.faults import Fault
from mockserver.json_codec import dumps, loads
from mockserver.types import Json, JsonObject


def _object(required: str = "", /, *, closed: bool = False, **members: Json) -> JsonObject:
    """An object; `required` names members, separated by blanks; `closed` allows no others."""
    shape: JsonObject = {"type": "object", "properties": members}
    if required:
        shape["required"] = required.split()
    return shape | ({"additionalProperties": False} if closed else {})


def _full(*, closed: bool = False, **members: Json) -> JsonObject:
    """An object that has every one of its members."""
    return _object(" ".join(members), closed=closed, **members)


def _list(item: Json, **more: Json) -> JsonObject:
    return {"type": "array", "items": item, **more}


def _map(value: Json) -> JsonObject:
    return {"type": "object", "additionalProperties": value}


def _or_null(shape: JsonObject) -> JsonObject:
    return {"anyOf": [shape, {"type": "null"}]}


def ref(name: str) -> JsonObject:
    """A reference to a shape."""
    return {"$ref": f"#/components/schemas/{name}"}


def _lenient(shape: Json) -> Json:
    """The same, in which null may stand for every member: in a stub a null counts as not given."""
    if not isinstance(shape, dict):
        return shape
    loose = dict(shape)
    for name in ("items", "additionalProperties"):
        if isinstance(shape.get(name), dict):
            loose[name] = _or_null(_lenient(shape[name]))
    if "properties" in shape:
        members = shape["properties"].items()
        loose["properties"] = {name: _or_null(_lenient(member)) for name, member in members}
    for name in ("oneOf", "anyOf"):
        if name in shape:
            loose[name] = [_lenient(part) for part in shape[name]]
    return loose


_TEXT: JsonObject = {"type": "string"}
_TEXT_OR_NULL: JsonObject = {"type": ["string", "null"]}
_FILLED: JsonObject = {"type": "string", "minLength": 1}
_NUMBER: JsonObject = {"type": "number"}
_COUNT: JsonObject = {"type": "integer", "minimum": 0}
_FLAG: JsonObject = {"type": "boolean"}
_INTEGER: JsonObject = {"type": "integer"}
_STATUS: JsonObject = {"type": "integer", "minimum": 100, "maximum": 599}
_MOMENT: JsonObject = {"type": "string", "format": "date-time"}
_SECONDS: JsonObject = {"type": "integer", "minimum": -(10**12), "maximum": 10**12}
_NAMESPACE: JsonObject = {"type": "string", "pattern": "^[a-z0-9-]{1,40}$"}
_HEADERS = _map({"oneOf": [_TEXT, _list(_TEXT)]})
# What is read and ignored may be anything.
_IGNORED: JsonObject = {}
# WireMock 2 writes an empty object where there is none.
_LISTENERS: JsonObject = {"anyOf": [_list(_object()), {"type": "object", "maxProperties": 0}]}
_PHASE: JsonObject = {"enum": ["before", "after_commit"]}
_FAULT: JsonObject = {"enum": [str(fault) for fault in Fault]}
_WAIT: JsonObject = {"type": ["number", "null"], "minimum": 0, "maximum": 300_000, "default": 0}
# PHP writes an object without members as [].
_MEMBERS: JsonObject = {"anyOf": [{"type": "object"}, {"type": "array", "maxItems": 0}, {"type": "null"}]}
_MILLIS: JsonObject = {"type": "number", "minimum": 0}
_DISTRIBUTION: JsonObject = {
    "oneOf": [
        _full(closed=True, type={"const": "fixed"}, milliseconds=_MILLIS),
        _full(closed=True, type={"const": "uniform"}, lower=_MILLIS, upper=_MILLIS),
        _object(
            "type median sigma", closed=True, type={"const": "lognormal"}, median=_MILLIS, sigma=_MILLIS,
            maxValue=_or_null(_MILLIS)
        ),
    ]
}  # fmt: skip
# What names the schema of a file, for editors.
_EDITORS: JsonObject = {"$schema": {"description": "This schema, for editors."}}
_STUB_DOCUMENT: JsonObject = _lenient(
    _object(
        **_EDITORS,
        id=_TEXT,
        uuid=_TEXT,
        name=_TEXT,
        request=ref("RequestPattern"),
        response=_object(
            status=_STATUS,
            headers=_HEADERS,
            body=_TEXT,
            jsonBody={},
            base64Body=_TEXT,
            bodyFileName=_TEXT,
            statusMessage=_TEXT,
            fault=_FAULT,
            fixedDelayMilliseconds=_COUNT,
            delayDistribution=_DISTRIBUTION,
            chunkedDribbleDelay=_full(numberOfChunks=_INTEGER, totalDuration=_COUNT),
            transformers=_list({"const": "response-template"}),
            transformerParameters=_object(),
            fromConfiguredStub=_FLAG,
        ),
        priority=_INTEGER,
        scenarioName=_TEXT,
        requiredScenarioState=_TEXT,
        newScenarioState=_TEXT,
        persistent=_IGNORED,
        insertionIndex=_IGNORED,
        serveEventListeners=_LISTENERS,
        postServeActions=_LISTENERS,
        metadata=_object(
            mockserver=_object(
                operation=_TEXT,
                reason=_TEXT,
                times={"type": "integer", "minimum": 1},
                phase=_PHASE,
                offContract=_FLAG,
                hold=_FLAG,
            )
        ),
    )
)

_URLS = ("url", "urlPath", "urlPattern", "urlPathPattern", "urlPathTemplate")
_MAPS = ("headers", "queryParameters", "cookies", "formParameters", "pathParameters")

SHAPES: Mapping[str, JsonObject] = {
    "Done": {"type": "object", "description": "An empty object."},
    "Errors": {
        "description": "Everything that is wrong, in WireMock's shape. Pointers lead into the body.",
        **_full(errors=_list(_full(code=_INTEGER, source=_full(pointer=_TEXT), title=_TEXT, detail=_TEXT))),
    },
    "Index": _full(
        name=_TEXT,
        version=_TEXT,
        page=_TEXT,
        docs=_TEXT,
        openapi=_TEXT,
        routes=_list(_full(method=_TEXT, path=_TEXT, summary=_TEXT)),
    ),
    # The journal
    "Violation": _object("in pointer keyword message", pointer=_TEXT, keyword=_TEXT, message=_TEXT)
    | {
        "description": "Where a call breaks the contract. `in` is query, path, header, cookie or body of the "
        "request; of an answer that was passed on, `response header` or `response body`."
    },
    "Call": _full(
        id=_TEXT,
        number={"type": "integer", "minimum": 1},
        namespace=_NAMESPACE,
        receivedAt=_MOMENT,
        operation=_TEXT_OR_NULL,
        request=_full(
            method=_TEXT, path=_TEXT, query=_map(_list(_TEXT)), headers=_HEADERS, body={}, bodyTruncated=_FLAG
        ),
        credential=_full(kind=_TEXT, mode=_TEXT_OR_NULL, display=_TEXT_OR_NULL, fingerprint=_TEXT_OR_NULL),
        violations=_list(ref("Violation")),
        warnings=_list(_full(code=_TEXT, message=_TEXT)),
        reason=_TEXT,
        stub=_or_null(_full(id=_TEXT, name=_TEXT_OR_NULL)),
        fault={"enum": [*_FAULT["enum"], None]},
        phase={"enum": [*_PHASE["enum"], None]},
        response=_or_null(
            _object("status headers body", status=_INTEGER, headers=_HEADERS, body={}, bodyTruncated=_FLAG)
        ),
        state={"enum": ["in_flight", "answered", "faulted", "disconnected"]},
        durationMs={"type": ["number", "null"]},
    ),
    "Calls": _full(calls=_list(ref("Call")), total=_COUNT, evicted=_COUNT),
    "Har": _full(log=_full(version={"const": "1.2"}, creator={}, entries=_list({}))),
    "Pact": _full(
        consumer=_full(name=_TEXT), provider=_full(name=_TEXT), interactions=_list({}), metadata={}
    ),
    "Difference": _object(
        "in pointer operator expected actual", pointer=_TEXT, operator=_TEXT, expected={}, actual={}
    ),
    "NearStubs": _full(
        nearMisses=_list(
            _full(
                stub=ref("Stub"),
                distance={"type": "number", "minimum": 0, "maximum": 1},
                differences=_list(ref("Difference")),
            )
        )
    ),
    "Duplicates": _full(ok=_FLAG, duplicates=_list(_full(operation=_TEXT, calls=_list(ref("Call"))))),
    "Retries": _full(
        ok=_FLAG,
        retries=_list(
            _full(
                call=_TEXT,
                number=_COUNT,
                operation=_TEXT_OR_NULL,
                after=_TEXT,
                askedSeconds=_NUMBER,
                waitedSeconds=_NUMBER,
                respected=_FLAG,
            )
        ),
    ),
    "Verification": _object(
        "expected",
        closed=True,
        expected=_list(
            _or_null(
                {
                    **_object(
                        closed=True,
                        operation=_TEXT_OR_NULL,
                        request=_or_null(ref("RequestPattern")),
                        exactly=_or_null(_COUNT),
                        atLeast=_or_null(_COUNT),
                        atMost=_or_null(_COUNT),
                    ),
                    "anyOf": [{"required": ["operation"]}, {"required": ["request"]}],
                }
            ),
            minItems=1,
            contains={"type": "object"},
        ),
        inOrder=_or_null(_FLAG),
        nothingElse=_or_null(_FLAG),
        timeoutMillis=_WAIT,
    ),
    "Verified": _full(
        ok=_FLAG,
        failures=_list(
            _full(
                expected=_object(), actual={}, nearest=_list(_full(call=ref("Call"), differences=_list({})))
            )
        ),
    ),
    "WaitForCount": _object(
        "pattern count", closed=True, pattern=ref("RequestPattern"), count=_COUNT, timeoutMillis=_WAIT
    ),
    "Waited": _full(count=_COUNT, requests=_list(ref("LoggedRequest"))),
    # WireMock: requests
    "RequestPattern": _lenient(
        {
            "type": "object",
            "description": "WireMock's request pattern, in which `operation` may name one of the contract.",
            "properties": {
                "operation": _TEXT,
                "method": {"type": ["string", "array", "null"]},
                **dict.fromkeys(_URLS, _TEXT_OR_NULL),
                **{name: _or_null(_map(ref("ContentPattern"))) for name in _MAPS},
                "bodyPatterns": _or_null(_list(ref("ContentPattern"))),
            },
        }
    ),
    "ContentPattern": {
        "type": "object",
        "minProperties": 1,
        "description": "WireMock's content pattern: one operator such as `equalTo`, and its options.",
    },
    "LoggedRequest": _object(
        "url method",
        id=_TEXT,
        url=_TEXT,
        absoluteUrl=_TEXT,
        method=_TEXT,
        headers=_HEADERS,
        cookies=_object(),
        body=_TEXT,
        bodyAsBase64=_TEXT,
        loggedDate=_INTEGER,
    ),
    "AskedRequest": _object(
        "url method",
        url=_TEXT,
        method=_TEXT,
        headers=_MEMBERS,
        cookies=_MEMBERS,
        body=_TEXT_OR_NULL,
        bodyAsBase64=_TEXT_OR_NULL,
    ),
    "LoggedRequests": _full(requests=_list(ref("LoggedRequest")), requestJournalDisabled={"const": False}),
    "ServeEvent": _object(
        "id request response responseDefinition wasMatched timing",
        id=_TEXT,
        request=ref("LoggedRequest"),
        response=_full(status=_INTEGER),
        responseDefinition=_object(),
        wasMatched=_FLAG,
        timing=_object(),
        stubMapping=ref("Stub"),
    ),
    "ServeEvents": _full(requests=_list(ref("ServeEvent")), meta=_full(total=_COUNT)),
    "RemovedEvents": _full(serveEvents=_list(ref("ServeEvent"))),
    "RequestCount": _full(count=_COUNT),
    "NearMisses": _full(
        nearMisses=_list(
            _object(
                "request matchResult",
                request=ref("LoggedRequest"),
                stubMapping=ref("Stub"),
                requestPattern=_object(),
                matchResult=_full(distance=_NUMBER),
            )
        )
    ),
    # Stubs
    "NewStub": _STUB_DOCUMENT
    | {"description": "WireMock's stub mapping; ours is below `metadata.mockserver`."},
    "Stub": _STUB_DOCUMENT | {"required": ["id", "request", "response"]},
    "Stubs": _full(mappings=_list(ref("Stub")), meta=_full(total=_COUNT)),
    "QueuedStubs": _full(mappings=_list(ref("Stub"))),
    "Import": _object(
        "mappings",
        mappings=_list(_or_null(ref("NewStub"))),
        importOptions=_or_null(
            _object(
                duplicatePolicy={"enum": ["OVERWRITE", "IGNORE", None]},
                deleteAllNotInImport={"type": ["boolean", "null"]},
            )
        ),
    ),
    "PactState": _object(state=_TEXT_OR_NULL, action={"enum": ["setup", "teardown"]}, params={}),
    "Queue": _full(
        closed=True,
        operation=_TEXT,
        outcomes=_list(
            {
                "oneOf": [
                    _STATUS,
                    _object(
                        status=_STATUS,
                        body={},
                        headers=_HEADERS,
                        fault=_FAULT,
                        phase=_PHASE,
                        delay={"oneOf": [{"type": "number", "minimum": 0}, _object()]},
                        times={"type": "integer", "minimum": 1},
                        offContract=_FLAG,
                        reason=_TEXT,
                    ),
                ]
            },
            minItems=1,
        ),
    ),
    "Released": _full(released=_COUNT),
    "Scenarios": _full(
        scenarios=_list(
            _full(id=_TEXT, name=_TEXT, state=_TEXT, possibleStates=_list(_TEXT), mappings=_list(ref("Stub")))
        )
    ),
    "ScenarioState": _full(state=_TEXT),
    "Delays": _object(
        fixedDelay={"type": ["integer", "null"], "minimum": 0}, delayDistribution=_or_null(_DISTRIBUTION)
    ),
    "WrittenDelays": _full(settings=ref("Delays")),
    "Webhooks": _full(
        webhooks=_list(
            _object(
                "id call stub request state status error sentAt",
                id=_TEXT,
                call=_TEXT,
                stub=_TEXT,
                request=_full(method=_TEXT, url=_TEXT, headers=_HEADERS, body=_TEXT),
                delaySeconds=_NUMBER,
                state=_TEXT,
                status={"type": ["integer", "null"]},
                error=_TEXT_OR_NULL,
                sentAt=_TEXT_OR_NULL,
            )
        ),
        meta=_full(total=_COUNT),
    ),
    # The sandbox
    "Clock": _full(mode={"enum": ["real", "frozen", "shifted"]}, now=_MOMENT),
    "ClockChange": {
        "oneOf": [
            _full(closed=True, mode={"const": "real"}),
            _object("mode", closed=True, mode={"const": "frozen"}, now=_MOMENT),
            _full(closed=True, mode={"const": "shifted"}, now=_MOMENT),
            _full(closed=True, advanceSeconds={"type": "number", "minimum": -(10**12), "maximum": 10**12}),
        ]
    },
    "Settings": _object(
        closed=True,
        seed={"type": ["string", "integer"]},
        clock={
            "anyOf": [{"const": "real"}, _MOMENT, {"type": "string", "pattern": "^[+-][0-9]{1,4}[smhd]$"}]
        },
        successStatus={"enum": ["200", "201", "alternate", 200, 201, None]},
        variants={"enum": ["off", "cycle"]},
        tolerantReader=_FLAG,
        strictAccounts=_FLAG,
        rateLimit={"type": ["string", "null"], "pattern": "^[1-9][0-9]{0,8}/[1-9][0-9]{0,8}[smhd]?$"},
        idempotency={"enum": ["off", "on", "required"]},
    ),
    "Snapshot": _full(id=_TEXT),
    "Namespaces": _full(
        namespaces=_list(
            _full(name=_NAMESPACE, calls=_COUNT, evicted=_COUNT, stubs=_COUNT, issuedKeys=_COUNT)
        )
    ),
    "FromSnapshot": _full(closed=True, snapshot=_FILLED),
    "NamespaceName": _full(name=_NAMESPACE),
    "TokenRequest": _object(
        closed=True,
        permissions={"anyOf": [_list(_TEXT), _map(_list(_TEXT)), {"type": "null"}]},
        ns=_NAMESPACE,
        expiresInSeconds={"anyOf": [_SECONDS, {"type": "null"}]},
        notBeforeSeconds=_SECONDS,
        subject=_FILLED,
        audience=_FILLED,
        accountId=_FILLED,
        claims=_object(),
    ),
    "Token": _full(token=_TEXT),
    "Credential": _full(credential=_TEXT),
    "Jwks": _full(keys=_list(_full(kty=_TEXT, kid=_TEXT))),
    "Discovery": _full(issuer=_TEXT, jwks_uri={"type": "string", "format": "uri"}),
    # The server
    "Health": _object(
        "status message version refused",
        status={"enum": ["healthy", "unhealthy"]},
        message=_TEXT,
        version=_TEXT,
        refused=_map(_COUNT),
        store=_full(kind=_TEXT, ok=_FLAG),
    ),
    "Version": _full(version=_TEXT),
    "Schema": {"type": "object", "description": "A JSON Schema (2020-12)."},
    "OpenAPI": _full(openapi=_TEXT, info=_object(), paths=_object()),
    "Problems": _full(problems=_list(_full(message=_TEXT, pointer=_TEXT, file=_TEXT_OR_NULL))),
    "Operations": _full(
        operations=_list(
            _object(
                "id method path summary statuses example",
                id=_TEXT,
                method=_TEXT,
                path=_TEXT,
                summary=_TEXT,
                permission=_TEXT_OR_NULL,
                statuses=_list({"type": "integer"}),
                example=_full(method=_TEXT, url=_TEXT, headers=_map(_TEXT), cookies=_map(_TEXT), body={}),
            )
        )
    ),
    "Assumptions": _full(
        assumptions=_list(
            _full(
                what=_TEXT, provenance={"enum": ["documented", "inferred", "invented"]}, source=_TEXT_OR_NULL
            )
        )
    ),
    "Coverage": _full(
        operations=_list(
            _full(
                operation=_TEXT,
                statuses=_list(_full(status=_INTEGER, hits=_COUNT)),
                reasons=_list(_full(reason=_TEXT, hits=_COUNT)),
            )
        )
    ),
    "ErrorCatalogue": _full(
        errors=_list(
            _full(
                operation=_TEXT_OR_NULL,
                status=_INTEGER,
                reason=_TEXT,
                body={},
                provoke=_full(curl=_TEXT_OR_NULL),
            )
        ),
        faults=_list(_full(fault=_FAULT, what=_TEXT, provoke=_object())),
    ),
    "Variants": _full(
        variants=_list(
            _object(
                "name operation status deviation legal",
                name=_TEXT,
                operation=_TEXT,
                status=_INTEGER,
                deviation=_TEXT,
                legal=_FLAG,
                diff=_TEXT,
            )
        )
    ),
    "VariantChoice": _object(
        "name",
        closed=True,
        name={"type": ["string", "null"], "minLength": 1},
        operation={"type": ["string", "null"], "minLength": 1},
        status={"type": ["integer", "null"]},
    ),
}

# A body that the route takes, by shape; each is tried against the route.


def _close(shape: JsonObject) -> JsonObject:
    """The same, in which an object has the members that it names and no others, so that a typo is seen."""
    closed = {name: _close(part) if isinstance(part, dict) else part for name, part in shape.items()}
    if "anyOf" in shape:
        closed["anyOf"] = [_close(part) for part in shape["anyOf"]]
    # Metadata are for people as well.
    if shape.get("properties") and "mockserver" not in shape["properties"]:
        closed["additionalProperties"] = False
    return closed


def describe_stub_file() -> JsonObject:
    """The JSON Schema of a file of stubs: one stub, or a list under `mappings`."""
    shapes = {name: SHAPES[name] for name in ("NewStub", "RequestPattern", "ContentPattern")}
    shapes["NewStub"] = _close(shapes["NewStub"])
    stubs = _object("mappings", closed=True, **_EDITORS, mappings=_list(_or_null(ref("NewStub"))), meta={})
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Stubs",
        "description": "One stub in WireMock's JSON, or a list of them under `mappings`.",
        "if": {"required": ["mappings"]},
        "then": stubs,
        "else": ref("NewStub"),
        "$defs": shapes,
    }
    document, _ = loads(dumps(schema).replace(b"#/components/schemas/", b"#/$defs/"))
    return cast(JsonObject, document)


EXAMPLES: Mapping[str, Json] = {
    "Verification": {"expected": [{"operation": "createApiKey", "atMost": 3}], "timeoutMillis": 0},
    "WaitForCount": {"pattern": {"operation": "createApiKey"}, "count": 0, "timeoutMillis": 0},
    "RequestPattern": {"method": "POST", "urlPath": "/v1/api-keys/"},
    "ContentPattern": {"matchesJsonPath": "$.team"},
    "AskedRequest": {
        "url": "/v1/keys/?page=1",
        "method": "POST",
        "headers": {},
        "body": "{}",
    },
    "NewStub": {
        "name": "two rate limits",
        "request": {"method": "POST"},
        "response": {"status": 429, "headers": {"Retry-After": "1"}},
        "metadata": {"mockserver": {"operation": "createApiKey", "times": 2}},
    },
    "Import": {
        "mappings": [{"request": {"urlPath": "/elsewhere"}, "response": {"status": 204}}],
        "importOptions": {"duplicatePolicy": "OVERWRITE", "deleteAllNotInImport": False},
    },
    "PactState": {"state": "createApiKey answers 429", "action": "setup"},
    "Queue": {"operation": "createApiKey", "outcomes": [500, {"status": 429, "times": 2}]},
    "ScenarioState": {"state": "Started"},
    "Delays": {"fixedDelay": None},
    "ClockChange": {"mode": "frozen", "now": "2026-01-01T00:00:00Z"},
    "Settings": {"rateLimit": "100/60s", "idempotency": "required"},
    "FromSnapshot": {"snapshot": "the id that POST /snapshots gave"},
    "TokenRequest": {"permissions": ["account:api:key:create"], "expiresInSeconds": 60},
    "VariantChoice": {"name": None},
}
