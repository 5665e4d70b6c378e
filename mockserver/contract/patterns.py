"""Patterns as ECMA-262 means them, written for the engine that runs them.

`^[^]\\cA{,2}$` is a pattern there and none elsewhere, `.` excludes four line ends, `[a&&b]` holds an `&`. A
pattern that says the same to both is left as it is.
"""

from __future__ import annotations

import re

_COUNT = re.compile(r"\{\d+(,\d*)?\}")
_GROUP_NAME = re.compile(r"\(\?<([A-Za-z_$][\w$]*)>")
_BACK_NAME = re.compile(r"k<([A-Za-z_$][\w$]*)>")
_CODE = re.compile(r"x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}|c([A-Za-z])|(0)(?!\d)")
_LOW_SURROGATE = re.compile(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_PROPERTY = re.compile(r"[pP]\{[^}]*\}|[pP][A-Z]")
_CONTROLS = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13}
_NOTHING = r"[^\x{0}-\x{10FFFF}]"
_ANYTHING = r"[\x{0}-\x{10FFFF}]"
_NO_LINE_END = r"[^\n\r\x{2028}\x{2029}]"


def translate(pattern: str) -> str:
    """The same pattern for the engine. Raises ValueError where its brackets do not close."""
    text = _Translator(pattern).translate()
    return pattern if text == pattern else text


class _Translator:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._names: dict[str, int] = {}
        count = 0
        # Groups by name are groups by number, also for what refers to them before they come.
        for match in re.finditer(
            r"\\.|\[(?:\\.|[^\]\\])*\]|\((?!\?)|\(\?<[A-Za-z_$][\w$]*>", pattern, re.DOTALL
        ):
            if match[0].startswith("("):
                count += 1
                if name := _GROUP_NAME.match(match[0]):
                    self._names[name[1]] = count

    def translate(self) -> str:
        parts: list[str] = []
        while self._at < len(self._pattern):
            parts.append(self._next())
        return "".join(parts)

    def _next(self) -> str:
        pattern, start = self._pattern, self._at
        sign = pattern[start]
        self._at += 1
        if sign == "\\":
            return self._escape()
        if sign == "[":
            return self._class()
        if sign == ".":
            return _NO_LINE_END
        if sign == "{":
            if count := _COUNT.match(pattern, start):
                self._at = count.end()
                return count[0]
            return r"\{"
        if sign in "}]":
            return f"\\{sign}"
        if sign == "(" and (name := _GROUP_NAME.match(pattern, start)):
            self._at = name.end()
            return "("
        return sign

    def _escape(self) -> str:
        """What an escape outside of a class stands for."""
        if back := _BACK_NAME.match(self._pattern, self._at):
            self._at = back.end()
            return f"\\{self._names[back[1]]}" if back[1] in self._names else re.escape(back[0])
        code = self._code()
        if code is not None:
            return _write(code)
        if found := _PROPERTY.match(self._pattern, self._at):
            self._at = found.end()
            return f"\\{found[0]}"
        sign = self._take()
        # Letters that the engine knows, numbers of groups, and signs; any other letter stands for itself.
        return (
            f"\\{sign}"
            if sign in "dDwWsSbBAzZtnvfr" or sign.isdigit() or (not sign.isalnum() and sign not in "<>")
            else sign
        )

    def _class(self) -> str:
        is_negated = self._pattern.startswith("^", self._at)
        self._at += is_negated
        items: list[int | str] = []
        ranges: list[str] = []
        while True:
            sign = self._take()
            if sign == "]":
                break
            first = self._member(sign)
            is_range = (
                isinstance(first, int)
                and self._pattern.startswith("-", self._at)
                and not self._pattern.startswith("-]", self._at)
            )
            if is_range:
                saved = self._at
                self._at += 1
                last = self._member(self._take())
                if isinstance(last, int) and isinstance(first, int):
                    if last < first:
                        raise ValueError("a range of a class is out of order")
                    ranges.append(f"{_write(first)}-{_write(last)}")
                    continue
                self._at = saved
            items.append(first)
        if not items and not ranges:
            return _ANYTHING if is_negated else _NOTHING
        body = "".join((*ranges, *(_write(item) if isinstance(item, int) else item for item in items)))
        return f"[{'^' if is_negated else ''}{body}]"

    def _member(self, sign: str) -> int | str:
        """A member of a class: a code point, or an escape that stands for several."""
        if sign != "\\":
            return ord(sign)
        code = self._code()
        if code is not None:
            return code
        if found := _PROPERTY.match(self._pattern, self._at):
            self._at = found.end()
            return f"\\{found[0]}"
        sign = self._take()
        if sign in "dDwWsS":
            return f"\\{sign}"
        return 8 if sign == "b" else _CONTROLS.get(sign, ord(sign))

    def _code(self) -> int | None:
        """The code point of a numeric escape; two surrogates are one."""
        match = _CODE.match(self._pattern, self._at)
        if match is None:
            return None
        self._at = match.end()
        if match[4]:
            return ord(match[4]) % 32
        if match[5]:
            return 0
        code = int(match[1] or match[2] or match[3], 16)
        if 0xD800 <= code < 0xDC00 and (low := _LOW_SURROGATE.match(self._pattern, self._at)):
            self._at = low.end()
            return 0x10000 + ((code - 0xD800) << 10) + int(low[1], 16) - 0xDC00
        return code

    def _take(self) -> str:
        if self._at >= len(self._pattern):
            raise ValueError("a class or an escape does not end")
        self._at += 1
        return self._pattern[self._at - 1]


def _write(code: int) -> str:
    """One code point, outside and inside of a class."""
    if 0xD800 <= code <= 0xDFFF:
        # Half of a character is in no text.
        code = 0xFFFE
    sign = chr(code)
    return sign if sign.isascii() and (sign.isalnum() or sign in "_ ,:;/@\"'=!%") else f"\\x{{{code:X}}}"
