"""Configuration files: the options of the command line as TOML, in a file or in `pyproject.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from mockserver.contract.documents import find_address
from mockserver.exceptions import Problem, SettingsError
from mockserver.json_codec import escape_pointer
from mockserver.settings import OPTIONS, PATH
from mockserver.suggestions import suggest

_PROJECT_FILE = "pyproject.toml"


def read_configuration(file: Path | None, folder: Path, given: Collection[str] = ()) -> dict[str, Any]:
    """The options that a TOML file sets, but for those that are `given` otherwise.

    Without a file, `[tool.mockserver]` of the first `pyproject.toml` at or above the folder that has it.
    Names are written as on the command line (`journal-limit`) or as in Python (`journal_limit`); paths count
    from the file's folder. Raises SettingsError with every problem, each with its place.
    """
    if file is not None:
        return _read_options(_load(file), file, "", given)
    for candidate in (parent / _PROJECT_FILE for parent in (folder, *folder.parents)):
        if candidate.is_file() and "mockserver" in (table := _load(candidate).get("tool", {})):
            return _read_options(table["mockserver"], candidate, "/tool/mockserver", given)
    return {}


def _load(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        text = f"cannot be read: {error.strerror}"
    except ValueError as error:
        # TOMLDecodeError and UnicodeDecodeError.
        text = f"is no TOML: {error}"
    raise SettingsError([Problem(text, file=str(file))])


def _read_options(table: Any, file: Path, pointer: str, given: Collection[str]) -> dict[str, Any]:
    if file.name == _PROJECT_FILE and not pointer:
        tool = table.get("tool", {})
        table, pointer = tool.get("mockserver", {}), "/tool/mockserver"
    if not isinstance(table, dict):
        raise SettingsError([Problem("must be a table of options", pointer, str(file))])
    found: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, value in table.items():
        name, place = key.replace("-", "_"), f"{pointer}/{escape_pointer(key)}"
        option = OPTIONS.get(name)
        if option is None:
            problems.append(Problem(f"{key!r} is not an option; {suggest(name, OPTIONS)}", place, str(file)))
        elif name not in given:
            try:
                read = option.read(value)
            except ValueError as error:
                problems.append(Problem(str(error), place, str(file)))
                continue
            if problem := option.find_problem(read):
                problems.append(Problem(problem, place, str(file)))
            is_relative = option.kind is PATH and isinstance(read, Path) and find_address(read) is None
            found[name] = file.parent / read if is_relative else read
    if problems:
        raise SettingsError(problems)
    return found
