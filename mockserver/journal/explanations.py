"""Explanations: a failed verification as a text from which a reader can name the wrong field.

It is written from the JSON of a failure, so that a remote client and the server itself say the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from mockserver.json_codec import dumps, dumps_pretty
from mockserver.redaction import escape_controls
from mockserver.types import Json, JsonObject

_WIDTH = 100
_LONGEST = 400
_BOUNDS = {"exactly": "exactly", "atLeast": "at least", "atMost": "at most"}
# Where the value alone says it, no words are needed.
_OPERATORS = {
    "equalTo": "",
    "equalToJson": "",
    "contains": "a text that contains",
    "doesNotContain": "a text that does not contain",
    "matches": "a text that matches",
    "doesNotMatch": "a text that does not match",
    "matchesPathTemplate": "a path like",
    "matchesJsonPath": "a value at the JSONPath",
    "matchesJsonSchema": "a value that fits the schema",
}


def explain(failure: JsonObject) -> str:
    """A failure of a verification (`verification.Failure.to_json`) as lines for a terminal."""
    expected, actual, nearest = failure["expected"], failure["actual"], failure["nearest"]
    if "inOrder" in expected:
        return "\n".join([_head_of_order(expected["inOrder"], actual), "", *_list_calls(nearest)])
    if "nothingElse" in expected:
        head = f"Expected no other calls, but there {_came(actual)}."
        title = "What each of them would need to be one of those expected:"
        return "\n".join([head, *_list_differences(title, nearest)])
    lines = [_head_of_count(expected, actual)]
    fitting = [near for near in nearest if not near["differences"]]
    if fitting:
        lines += ["", "These count:", *_list_calls(fitting)]
    title = "Nearest to it, and why they do not count:"
    lines += _list_differences(title, [near for near in nearest if near["differences"]])
    return "\n".join(lines if nearest else [*lines, "No other call came."])


def _head_of_count(expected: JsonObject, actual: int) -> str:
    bounds = [f"{words} {expected[name]}" for name, words in _BOUNDS.items() if name in expected]
    count = " and ".join(bounds) or "at least 1"
    calls, verb = ("call", "matches") if count.endswith(" 1") else ("calls", "match")
    return f"Expected {count} {calls}{_describe(expected, verb, ', ')}but there {_came(actual)}."


def _head_of_order(entries: Sequence[JsonObject], numbers: Sequence[int]) -> str:
    first, then = entries
    return (
        f"Expected every call{_describe(first, 'matches', ' ')}before any call"
        f"{_describe(then, 'matches', ', ')}but call {numbers[0]} came before call {numbers[1]}."
    )


def _describe(expected: JsonObject, verb: str, end: str) -> str:
    """What comes behind the word "call": the operation, and the pattern on lines of its own, else `end`."""
    of = f" of {expected['operation']}" if "operation" in expected else ""
    pattern = expected.get("request")
    if not pattern:
        return of + end
    text = dumps(pattern).decode("utf-8")
    lines = [text] if len(text) <= _WIDTH else dumps_pretty(pattern).decode("utf-8").split("\n")
    return "\n".join([f"{of} that {verb}", *(f"  {escape_controls(line)}" for line in lines), ""])


def _came(count: int) -> str:
    return "was none" if count == 0 else "was 1" if count == 1 else f"were {count}"


def _list_calls(nearest: Sequence[JsonObject]) -> list[str]:
    return [f"  {show_call(near['call'])}" for near in nearest]


def _list_differences(title: str, nearest: Sequence[JsonObject]) -> list[str]:
    lines = ["", title] if nearest else []
    for index, near in enumerate(nearest):
        lines += [""] if index else []
        lines.append(f"  {show_call(near['call'])}")
        lines += [line for difference in near["differences"] for line in _show_difference(difference)]
    return lines


def show_call(call: JsonObject) -> str:
    """A call in one line: `call 2  POST /v1/keys/?page=1  createKey  201 created`."""
    request, response = call["request"], call["response"]
    query = urlencode(request["query"], doseq=True, safe="[]:/,@")
    parts = (
        f"call {call['number']}",
        f"{request['method']} {request['path']}{'?' if query else ''}{query}",
        call["operation"] or "no operation",
        f"{response['status']} {call['reason']}" if response else call["reason"],
    )
    return escape_controls("  ".join(parts))


def _show_difference(difference: JsonObject) -> list[str]:
    place, pointer, actual = difference["in"], difference["pointer"], difference["actual"]
    if pointer and place != "body":
        # A name, which is one token of a JSON pointer (RFC 6901, section 4).
        pointer = pointer[1:].replace("~1", "/").replace("~0", "~")
    return [
        f"    {escape_controls(f'{place} {pointer}'.rstrip())}",
        f"      expected  {_show_expected(difference['operator'], difference['expected'])}",
        f"      was       {'nothing' if actual is None else _show_value(actual)}",
    ]


def _show_expected(operator: str, expected: Json) -> str:
    if operator == "absent":
        # False stands for a JSON null that is missing (see Difference).
        return "nothing" if expected else "null"
    words = _OPERATORS.get(operator, operator)
    return f"{words} {_show_value(expected)}".lstrip()


def _show_value(value: Json) -> str:
    text = escape_controls(dumps(value).decode("utf-8"))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} … ({len(text)} characters)"
