"""Values as the texts that a URL, a header or a cookie has for them (OpenAPI 3.1.1, section 4.8.12.4).

`contract.parameters` reads what is written here.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from mockserver.contract import Parameter
from mockserver.json_codec import dumps
from mockserver.types import Json


def write_text(value: Json) -> str:
    """A text as it is, anything else as JSON."""
    return value if isinstance(value, str) else dumps(value).decode("utf-8")


def list_texts(value: Json) -> list[str]:
    """The texts of a value that is given once for each item of a list."""
    return [write_text(item) for item in value] if isinstance(value, list) else [write_text(value)]


def write_simple(value: Json) -> str:
    """The style `simple`, which paths and headers have."""
    return ",".join(_list_parts(value, write_text))


def _encode(value: Json) -> str:
    return quote(write_text(value), safe="")


def _list_parts(value: Json, write: Callable[[Json], str], joint: str = ",") -> list[str]:
    """`[1, 2]` -> `1`, `2`; `{"R": 1}` -> `R,1`, or `R=1` with `=` for a joint."""
    if isinstance(value, list):
        return [write(item) for item in value]
    if isinstance(value, dict):
        return [f"{write(name)}{joint}{write(item)}" for name, item in value.items()]
    return [write(value)]


def write_pairs(parameter: Parameter, value: Json) -> list[str]:
    """The pairs of a query that stand for a parameter, percent-encoded: `ids=1`, `ids=2`."""
    name, style = quote(parameter.name, safe=""), parameter.style
    if parameter.place == "querystring" or not isinstance(value, list | dict) or style == "content":
        text = _encode(value) if style != "content" else quote(dumps(value), safe="")
        return [f"{name}={text}"]
    if style == "deepObject" and isinstance(value, dict):
        return [
            f"{name}%5B{_encode(key)}%5D={text}" for key, item in value.items() for text in _encode_all(item)
        ]
    if parameter.is_exploded and style == "form":
        if isinstance(value, dict):
            return [f"{_encode(key)}={_encode(item)}" for key, item in value.items()]
        return [f"{name}={text}" for text in _encode_all(value)]
    separator = {"spaceDelimited": "%20", "pipeDelimited": "%7C"}.get(style, ",")
    return [f"{name}={separator.join(_list_parts(value, _encode, separator))}"]


def _encode_all(value: Json) -> list[str]:
    return [quote(text, safe="") for text in list_texts(value)]


def write_segment(parameter: Parameter, value: Json) -> str:
    """The text of a parameter in a path, percent-encoded but for what its style puts between the parts."""
    return _write(parameter, value, _encode)


def write_styled(parameter: Parameter, value: Json) -> str:
    """The text of a parameter in a header or a cookie."""
    return _write(parameter, value, write_text)


def _write(parameter: Parameter, value: Json, write: Callable[[Json], str]) -> str:
    name, style, is_exploded = parameter.name, parameter.style, parameter.is_exploded
    if style == "content":
        return write(dumps(value).decode("utf-8"))
    parts = _list_parts(value, write, "=" if is_exploded else ",")
    if style == "label":
        return "." + ("." if is_exploded else ",").join(parts)
    if style == "matrix":
        if is_exploded and isinstance(value, dict):
            return "".join(f";{part}" for part in parts)
        return "".join(f";{name}={part}" for part in (parts if is_exploded else [",".join(parts)]))
    return ",".join(parts)
