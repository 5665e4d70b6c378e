"""Mistakes in a contract: collected once each, told by the file and pointer where a user finds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mockserver.exceptions import Problem
from mockserver.json_codec import dumps_pretty
from mockserver.types import JsonObject

# A part of a contract that cannot be read is replaced by an object with this member: its problem in words.
BROKEN = "x-mockserver-problem"


class Problems:
    """Mistakes in the order in which they are found, each once."""

    def __init__(self) -> None:
        self._found: dict[Problem, None] = {}

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def add(self, message: str, pointer: str, file: str) -> JsonObject:
        """Add one mistake; the object that stands in for the part that has it."""
        problem = Problem(message, pointer, file)
        self._found[problem] = None
        return {BROKEN: str(problem)}

    def extend(self, problems: Iterable[Problem]) -> None:
        """Add mistakes that carry their places."""
        self._found.update(dict.fromkeys(problems))


class Origins:
    """Where the parts of a bundled document come from: each begins at a pointer and is inherited below it."""

    def __init__(self, root: str) -> None:
        self._places: dict[str, tuple[str, str]] = {"": (root, "")}

    def add(self, pointer: str, file: str, original: str) -> None:
        """What stands at a pointer of the bundled document comes from there in that file."""
        self._places[pointer] = file, original

    def find(self, pointer: str) -> tuple[str, str]:
        """File and pointer that a user knows for a pointer of the bundled document."""
        start = pointer
        while start not in self._places:
            start = start.rpartition("/")[0]
        file, original = self._places[start]
        return file, original + pointer[len(start) :]


FORMATS = ("text", "json", "github")


def write_problems(errors: Iterable[Problem], warnings: Iterable[Problem], form: str) -> str:
    """Errors and warnings as one `json` document or as `github` annotations."""
    levels = [*(("error", problem) for problem in errors), *(("warning", problem) for problem in warnings)]
    if form == "json":
        found = [
            {"level": level, "file": problem.file, "pointer": problem.pointer, "message": problem.message}
            for level, problem in levels
        ]
        return dumps_pretty({"problems": found}).decode("utf-8")
    return "\n".join(_annotate(level, problem) for level, problem in levels)


def _annotate(level: str, problem: Problem) -> str:
    """A workflow command of GitHub Actions, whose values escape what would end them."""
    message = f"{problem.pointer}: {problem.message}" if problem.pointer else problem.message
    for sign, escaped in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A")):
        message = message.replace(sign, escaped)
    file = (problem.file or "").replace("%", "%25").replace(",", "%2C").replace(":", "%3A")
    return f"::{level} file={file}::{message}" if file else f"::{level}::{message}"
