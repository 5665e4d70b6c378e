"""The tested versions, and the lowest that are allowed. Needs the standard library only.

`python scripts/pins.py lowest` prints the lower ends of pyproject.toml as constraints of pip;
`python scripts/pins.py update` writes pins.txt: what `scripts/update-pins` runs.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PINS = ROOT / "pins.txt"
TRIAL = ROOT / ".venv-trial"
HEAD = """\
# The versions that everything was tested with: a constraints file of pip. scripts/update-pins writes it.
"""

# Extras that the scripts install, and no user.
TOOLS = ("dev", "judge", "bench")

# Names of distributions, each with its version.
Pins = Mapping[str, str]
# The table `project` of pyproject.toml.
Project = Mapping[str, Any]


def read_pins(text: str) -> dict[str, str]:
    """The pins of a constraints file."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return {normalize(name): version for name, _, version in (line.partition("==") for line in lines if line)}


def normalize(name: str) -> str:
    """A distribution's name as the packaging specifications compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def write_pins(pins: Pins) -> str:
    return "".join(f"{name}=={version}\n" for name, version in sorted(pins.items()))


def find_lowest(project: Project) -> dict[str, str]:
    """The lower end of each range that an installation of a user is bound by, with every extra."""
    extras = project["optional-dependencies"]
    lists = [project["dependencies"], *(extras[name] for name in extras if name not in TOOLS)]
    found = {}
    for requirement in (item for items in lists for item in items):
        match = re.match(r"([\w.-]+)[^>]*>=([\w.]+)", requirement)
        assert match, f"{requirement} has no lower end"
        found[normalize(match[1])] = match[2]
    return found


def settle(old: Pins, new: Pins, passes: Callable[[Pins], bool]) -> dict[str, str]:
    """As many of the new versions as pass together; the old ones pass.

    Halves what does not pass until single distributions stay behind.
    """
    kept = dict(old)
    waiting = [sorted(name for name in new if old.get(name) != new[name])]
    while waiting:
        names = waiting.pop()
        trial = {**kept, **{name: new[name] for name in names}}
        if names and passes(trial):
            kept = trial
        elif len(names) > 1:
            middle = len(names) // 2
            waiting += [names[middle:], names[:middle]]
        elif names:
            say(f"{names[0]} stays at {old.get(names[0], 'nothing')}: the tests fail with {new[names[0]]}")
    return kept


def update() -> int:
    """Write pins.txt. Returns the exit code."""
    old = read_pins(PINS.read_text("utf-8")) if PINS.exists() else {}
    new = resolve()

    def passes(pins: Pins) -> bool:
        (TRIAL / "pins.txt").write_text(write_pins(pins), "utf-8")
        return subprocess.run([ROOT / "scripts" / "test", "--trial"], check=False).returncode == 0

    # What nobody installs any more is no pin.
    old = {name: version for name, version in old.items() if name in new}
    kept = settle(old, new, passes)
    PINS.write_text(HEAD + write_pins(kept), "utf-8")
    say(f"{sum(old.get(name) != version for name, version in kept.items())} versions in pins.txt are new.")
    return 0


def resolve() -> dict[str, str]:
    """The newest version of everything that the scripts install, as it fits together."""
    document = read_project()
    project = document["project"]
    folder = TRIAL / "resolution"
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    pip: list[str | Path] = [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check"]
    # An editable installation needs `editables` to be built.
    wanted = [
        f".[{','.join(project['optional-dependencies'])}]",
        *document["build-system"]["requires"],
        "editables",
    ]
    subprocess.run([*pip, "install", "-qq", *wanted], cwd=ROOT, check=True)
    frozen = subprocess.run(
        [*pip, "freeze", "--exclude", project["name"]], check=True, capture_output=True, text=True
    )
    return read_pins(frozen.stdout)


def read_project() -> Any:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(command: str) -> int:
    if command == "update":
        return update()
    say(write_pins(find_lowest(read_project()["project"])))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
