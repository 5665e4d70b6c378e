"""Security schemes and requirements of a contract: read here, judged by `security/schemes`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, cast

from mockserver.contract.operations import Requirement, SecurityScheme
from mockserver.json_codec import escape_pointer
from mockserver.suggestions import suggest
from mockserver.types import Json, JsonObject

# OpenAPI 3.1.1, section 4.8.27 (Security Scheme Object).
KINDS = ("apiKey", "http", "oauth2", "openIdConnect", "mutualTLS")
_PLACES = ("header", "query", "cookie")

# Message and JSON pointer of a mistake.
Tell = Callable[[str, str], object]


def read_schemes(
    declared: Mapping[str, tuple[JsonObject, str]], problem: Tell, warning: Tell
) -> dict[str, SecurityScheme]:
    """The schemes of `components.securitySchemes`, by name. `declared` has each with its pointer.

    A scheme that is declared wrongly is told to `problem` and left out; one that is not checked here, to
    `warning`.
    """
    schemes: dict[str, SecurityScheme] = {}
    for name, (raw, pointer) in declared.items():
        kind = raw.get("type")
        if kind not in KINDS:
            given = "is missing" if kind is None else f"{kind!r} is no type of security scheme"
            problem(f"{given}; must be one of {', '.join(KINDS)}", f"{pointer}/type")
            continue
        place, parameter = "header", "authorization"
        if kind == "apiKey":
            place, parameter = raw.get("in", ""), raw.get("name", "")
            if place not in _PLACES:
                problem(f"must be one of {', '.join(_PLACES)}, where the key stands", f"{pointer}/in")
            if not isinstance(parameter, str) or not parameter:
                problem(f"must name the {place or 'parameter'} that holds the key", f"{pointer}/name")
            if place not in _PLACES or not isinstance(parameter, str) or not parameter:
                continue
            parameter = parameter.lower() if place == "header" else parameter
        elif kind == "http":
            if not isinstance(raw.get("scheme"), str) or not raw["scheme"]:
                problem("must be an HTTP authentication scheme such as bearer or basic", f"{pointer}/scheme")
                continue
            kind = raw["scheme"].lower()
        elif kind == "mutualTLS":
            warning("mutualTLS is not checked: a request without a client certificate is let in", pointer)
        schemes[name] = SecurityScheme(
            name, kind, cast(Literal["header", "query", "cookie"], place), parameter
        )
    return schemes


def read_requirements(
    raw: Json, names: Mapping[str, object], schemes: Mapping[str, SecurityScheme], pointer: str, problem: Tell
) -> tuple[Requirement, ...]:
    """The alternatives of `security`, each with all the schemes that it asks for; () asks for none.

    `names` are those that the document declares, soundly or not. Whatever cannot be read is told to
    `problem`.
    """
    if not isinstance(raw, list):
        problem("must be an array of security requirements", pointer)
        return ()
    requirements: list[Requirement] = []
    for index, item in enumerate(raw):
        if not isinstance(item, dict):
            problem("must be an object of security schemes and their scopes", f"{pointer}/{index}")
            continue
        for name in item:
            if name not in names:
                hint = suggest(name, names) if names else "known: none"
                text = f"names the security scheme {name!r}, which components/securitySchemes lacks; {hint}"
                problem(text, f"{pointer}/{index}/{escape_pointer(name)}")
        requirements.append(tuple(schemes[name] for name in item if name in schemes))
    return tuple(requirements)
