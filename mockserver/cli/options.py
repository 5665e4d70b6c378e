"""What the commands share: settings as options, and how they say what is wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from mockserver.cli.configuration import read_configuration
from mockserver.exceptions import Problem, SettingsError
from mockserver.settings import (
    FLAG,
    NUMBER,
    OPTIONS,
    PATH,
    TEXTS,
    Option,
    Settings,
    find_unknown_variables,
    read_environment,
)

BAD_INPUT = 2
# As a shell tells of a command that Ctrl-C ended: 128, and the number of the signal.
INTERRUPTED = 130


def settings_options(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The settings of these names as command-line options; what is not given is left out."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        help = "TOML file with options; else [tool.mockserver] of the nearest pyproject.toml."
        command = click.option("--config", type=click.Path(path_type=Path), default=None, help=help)(command)
        for name in reversed(names):
            command = _add_option(OPTIONS[name], command)
        return command

    return add


def _add_option(option: Option, command: Callable[..., None]) -> Callable[..., None]:
    text = option.help
    shown = option.shown_default or option.default
    if shown not in (None, False, ()):
        text += f"  [default: {shown}]"
    text += f"  [{option.variable}]"
    if option.kind is FLAG:
        return click.option(option.flag, option.name, is_flag=True, default=None, help=text)(command)
    kind: Any = str
    if option.choices:
        kind = click.Choice(option.choices)
    elif option.kind is NUMBER:
        kind = int
    elif option.kind is PATH:
        kind = click.Path(path_type=Path)
    add = click.option(
        option.flag, option.name, type=kind, default=None, help=text, multiple=option.kind is TEXTS
    )
    return add(command)


class GroupedCommand(click.Command):
    """A command whose help lists the settings under the names of their groups."""

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, one section a group; what is no setting comes last."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(context):
            record = parameter.get_help_record(context)
            option = OPTIONS.get(parameter.name or "")
            if record is not None:
                groups.setdefault("Other" if option is None else option.group, []).append(record)
        for name, records in groups.items():
            with formatter.section(name):
                formatter.write_dl(records)


def read_settings(given: dict[str, Any]) -> Settings:
    """Settings from the command line, else the environment, else a configuration file, else the defaults.

    Warns of variables that set nothing. Raises SettingsError with every problem.
    """
    chosen = {name: value for name, value in given.items() if value not in (None, ())}
    config = chosen.pop("config", None)
    for warning in find_unknown_variables(os.environ):
        click.echo(f"mockserver: warning: {warning}", err=True)
    found: dict[str, Any] = {}
    problems: list[Problem] = []
    sources: tuple[Callable[[set[str]], dict[str, Any]], ...] = (
        lambda given: read_environment(os.environ, given),
        lambda given: read_configuration(config, Path.cwd(), given),
    )
    for read in sources:
        try:
            found |= read({*chosen, *found})
        except SettingsError as error:
            problems += error.problems
    if problems:
        raise SettingsError(problems)
    return Settings(**{**found, **chosen})


def describe(problem: Problem) -> str:
    """A problem in one line; that of a setting begins with its option."""
    if problem.file is None and problem.pointer:
        return f"--{problem.pointer.lstrip('/').replace('_', '-')}: {problem.message}"
    return str(problem)
