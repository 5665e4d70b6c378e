"""Pacts read as stubs: a pact says what a provider answers, so a server can answer so.

An interaction becomes one stub. Rules of its request let in what they allow; its answer is the example.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qs

from mockserver.contract import Contract
from mockserver.contract.documents import read_document
from mockserver.exceptions import FixtureError, Problem
from mockserver.json_codec import dumps_canonical
from mockserver.scripting.documents import read_stubs
from mockserver.scripting.stubs import Stub
from mockserver.seeds import Seed
from mockserver.synthesis.ids import UuidSeries
from mockserver.types import Json, JsonObject

_STEP = re.compile(r"\.([\w-]+)|\['((?:[^'\\]|\\.)*)'\]|\[(\*|\d+)\]")
# Of credentials a stub asks only that they are there: each client has its own.
_PRESENT: Json = {"matches": ".+"}
_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie"})


def load_pact(path: Path, contract: Contract) -> tuple[Stub, ...]:
    """The interactions of a pact file as stubs. Raises FixtureError with every problem."""
    document = read_document(path, error=FixtureError)
    interactions = document.get("interactions") if isinstance(document, dict) else None
    if not isinstance(interactions, list):
        text = "is no pact: must have a list of interactions"
        raise FixtureError([Problem(text, "/interactions", str(path))])
    keys = [scheme for scheme in contract.security_schemes.values() if scheme.kind == "apiKey"]
    secrets = {
        "headers": _HEADERS | {scheme.parameter.lower() for scheme in keys if scheme.place == "header"},
        "query": frozenset(scheme.parameter for scheme in keys if scheme.place == "query"),
    }
    mappings = list(_list_mappings(interactions, path, secrets))
    series, count = UuidSeries(Seed("pact", path.name)), iter(range(2**48))
    return tuple(
        read_stubs(
            {"mappings": mappings}, contract, new_id=lambda: series.number(next(count)), file=str(path)
        )
    )


def _list_mappings(
    interactions: list[Json], path: Path, secrets: Mapping[str, frozenset[str]]
) -> Iterator[JsonObject]:
    requests: dict[bytes, list[JsonObject]] = {}
    problems: list[Problem] = []
    for index, interaction in enumerate(interactions):
        place = f"/interactions/{index}"
        if not isinstance(interaction, dict) or not isinstance(interaction.get("response"), dict):
            problems.append(Problem("must have a request and a response", place, str(path)))
            continue
        if interaction.get("type", "Synchronous/HTTP") != "Synchronous/HTTP":
            problems.append(
                Problem("only interactions over HTTP can be answered", f"{place}/type", str(path))
            )
            continue
        request = _read_request(interaction.get("request") or {}, secrets)
        mapping: JsonObject = {
            "name": str(interaction.get("description", f"interaction {index}")),
            "request": request,
            "response": _read_response(interaction["response"]),
            # A pact says what its provider answers, whatever the contract says.
            "metadata": {"mockserver": {"offContract": True}},
        }
        requests.setdefault(dumps_canonical(request), []).append(mapping)
    if problems:
        raise FixtureError(problems)
    most = max((len(each[0]["request"]["headers"]) for each in requests.values()), default=0)
    for alike in requests.values():
        for number, mapping in enumerate(alike):
            # Who asks for more is asked first; of equal requests each but the last is answered once.
            mapping["priority"] = 1 + most - len(mapping["request"]["headers"])
            if number < len(alike) - 1:
                mapping["metadata"]["mockserver"]["times"] = 1
            yield mapping


def _read_request(request: JsonObject, secrets: Mapping[str, frozenset[str]]) -> JsonObject:
    rules = request.get("matchingRules") or {}
    read: JsonObject = {"method": str(request.get("method", "GET")), "urlPath": str(request.get("path", "/"))}
    path_rule = _find_rule(rules.get("path"))
    if path_rule is not None:
        read.pop("urlPath")
        read["urlPathPattern"] = str(path_rule.get("regex", ".*"))
    query = request.get("query") or {}
    if isinstance(query, str):
        query = parse_qs(query, keep_blank_values=True)
    parameters = {
        name: _PRESENT if name in secrets["query"] else _read_values(values, _find(rules, "query", name))
        for name, values in query.items()
    }
    if parameters:
        read["queryParameters"] = parameters
    headers: JsonObject = {}
    for name, values in (request.get("headers") or {}).items():
        rule = _find(rules, "header", name)
        if name.lower() in secrets["headers"]:
            headers[name] = _PRESENT
        elif name.lower() == "content-type" and rule is None:
            text = values[0] if isinstance(values, list) else values
            headers[name] = {"contains": str(text).partition(";")[0]}
        else:
            headers[name] = _read_values(values, rule)
    read["headers"] = headers
    content = _read_content(request.get("body"))
    if content is not None:
        if isinstance(content, str):
            read["bodyPatterns"] = [{"equalTo": content}]
        else:
            body_rules = rules.get("body") or {}
            read["bodyPatterns"] = [{"equalToJson": _loosen(content, body_rules, "$")}]
    return read


def _read_values(values: Json, rule: JsonObject | None) -> JsonObject:
    texts = [str(each) for each in (values if isinstance(values, list) else [values])]
    if rule is not None:
        return {"matches": str(rule.get("regex", ".*"))}
    if len(texts) == 1:
        return {"equalTo": texts[0]}
    return {"hasExactly": [{"equalTo": text} for text in texts]}


def _find(rules: Mapping[str, Json], category: str, name: str) -> JsonObject | None:
    named = {key.lower(): rule for key, rule in (rules.get(category) or {}).items()}
    return _find_rule(named.get(name.lower()) or named.get(f"{name.lower()}[0]"))


def _find_rule(rule: Json) -> JsonObject | None:
    """The first matcher of a rule; None where only equality will do."""
    matchers = rule.get("matchers") if isinstance(rule, dict) else None
    first = matchers[0] if isinstance(matchers, list) and matchers else None
    return first if isinstance(first, dict) and first.get("match") not in (None, "equality") else None


def _loosen(value: Json, rules: Mapping[str, Json], path: str) -> Json:
    """A body with a placeholder wherever a rule lets other values in."""
    if isinstance(value, dict):
        return {name: _loosen(item, rules, f"{path}/{name}") for name, item in value.items()}
    if isinstance(value, list):
        return [_loosen(item, rules, f"{path}/{index}") for index, item in enumerate(value)]
    rule = next((_find_rule(rule) for key, rule in rules.items() if _fits(key, path)), None)
    if rule is None:
        return value
    if rule.get("match") == "regex":
        return f"${{json-unit.regex}}{rule.get('regex', '.*')}"
    if isinstance(value, bool):
        return "${json-unit.any-boolean}"
    if isinstance(value, str):
        return "${json-unit.any-string}"
    return value if value is None else "${json-unit.any-number}"


def _fits(rule: str, path: str) -> bool:
    """Whether a rule's JSONPath is about a place: `$.a[*]` about `$/a/0`."""
    steps = [name or quoted.replace("\\'", "'") or index for name, quoted, index in _STEP.findall(rule)]
    tokens = path.split("/")[1:]
    return len(steps) == len(tokens) and all(
        step in ("*", token) for step, token in zip(steps, tokens, strict=True)
    )


def _read_response(response: JsonObject) -> JsonObject:
    headers = {
        name: values[0] if isinstance(values, list) and len(values) == 1 else values
        for name, values in (response.get("headers") or {}).items()
    }
    read: JsonObject = {"status": response.get("status", 200), "headers": headers}
    body = response.get("body")
    content = _read_content(body)
    if isinstance(body, dict) and body.get("encoded") in (True, "base64"):
        read["base64Body"] = content
    elif isinstance(content, str):
        read["body"] = content
    elif content is not None:
        read["jsonBody"] = content
    else:
        read["body"] = ""
    return read


def _read_content(body: Json) -> Json:
    """The content of a body: version 4 says beside it what it is, those before it do not."""
    is_described = isinstance(body, dict) and "content" in body and body.keys() <= {
        "content", "contentType", "contentTypeHint", "encoded",
    }  # fmt: skip
    return body["content"] if is_described else body
