"""`mockserver init`."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import click

from mockserver.exceptions import Problem, SettingsError
from mockserver.settings import packaged_folder

_FOLDERS = ("schemas", "fixtures")


@click.command(short_help="Copy contract and fixtures, to make them your own.")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
def init(folder: Path) -> None:
    """Copy the contract and the fixtures of the package to DIR, to make them your own.

    Writes nothing, and exits with 2, where DIR has one of these files.
    """
    files = {
        folder / name / file.relative_to(source): file
        for name in _FOLDERS
        for source in (packaged_folder(name),)
        for file in sorted(source.rglob("*.json"))
    }
    taken = [Problem("is there already", file=str(target)) for target in files if target.exists()]
    if taken:
        raise SettingsError([*taken, Problem("name a folder without these files", file=str(folder))])
    try:
        for target, source in files.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            click.echo(target)
    except OSError as error:
        problem = Problem(f"cannot be written: {error.strerror}", file=str(target))
        raise SettingsError([problem]) from None
    contract, fixtures = folder / "schemas" / "openapi.json", folder / "fixtures"
    options = f"--contract {shlex.quote(str(contract))} --fixtures {shlex.quote(str(fixtures))}"
    click.echo(f"\nChange them, then:\n  mockserver check {options}\n  mockserver serve {options}")
