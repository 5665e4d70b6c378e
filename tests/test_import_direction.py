"""The package can be read from its first shelf to its last: no import runs against that direction."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PACKAGE = "mockserver"
FOLDER = Path(__file__).parents[1] / PACKAGE

# A module imports from its own shelf or an earlier one. A folder stands here once, for all that is in it.
SHELVES: dict[str, tuple[str, ...]] = {
    "words": (
        "version",
        "exceptions",
        "types",
        "faults",
        "messages",
        "json_codec",
        "regexes",
        "redaction",
        "clocks",
        "settings",
    ),
    "the contract": ("contract",),
    "facts and material": (
        "credentials",
        "tokens",
        "fixtures",
        "leaks",
        "headers",
        "validation",
        "request_lines",
        "heads",
        "inspection",
        "synthesis",
        "scripting",
    ),
    "memory": (
        "journal",
        "audits",
        "near_misses",
        "verification",
        "explanations",
        "resources",
        "namespaces",
        "identity",
    ),
    "the path of one request": (
        "decision",
        "suspicions",
        "rendering",
        "engine",
        "hsrcpay",
        "variants",
        "coverage",
        "catalogue",
    ),
    "doors": (
        "guard",
        "connection",
        "delivery",
        "transports",
        "logs",
        "exports",
        "control",
        "app",
        "server",
        "serving",
        "sharing",
        "client",
        "cli",
        "pytest_plugin",
    ),
    # The package itself, which re-exports its public names, and `python -m`.
    "the front": ("__init__", "__main__"),
}
SHELF_OF = {name: shelf for shelf, names in enumerate(SHELVES.values(), start=1) for name in names}
DOORS = SHELVES["doors"]

# Where a library may be imported. A folder stands for one module in it, whichever that is.
LIBRARIES: dict[str, tuple[str, ...]] = {
    # What httpx runs on, whichever event loop there is.
    "anyio": ("transports",),
    "click": ("cli",),
    "cryptography": ("tokens",),
    "faker": ("synthesis.formats",),
    "httptools": DOORS,
    "httpx": ("transports",),
    "joserfc": ("tokens",),
    "jsonpath_rfc9535": ("scripting",),
    "jsonschema": ("contract.schema_registry",),
    "jsonschema_rs": ("contract.schema_registry",),
    "orjson": ("json_codec",),
    "pytest": ("pytest_plugin",),
    "re2": ("regexes",),
    "referencing": ("contract.schema_registry",),
    "requests": ("transports",),
    "rstr": ("synthesis",),
    "starlette": DOORS,
    # requests takes its answers from urllib3.
    "urllib3": ("transports",),
    "uvicorn": DOORS,
    "uvloop": DOORS,
    "yaml": ("contract.documents",),
}


@dataclass(frozen=True, slots=True)
class Import:
    """One import that runs: the module that has it, its line, and the module or library that it names."""

    module: str
    line: int
    target: str

    def __str__(self) -> str:
        return f"{self.module}, line {self.line}, imports {self.target}"

    @property
    def is_own(self) -> bool:
        return self.target.split(".")[0] == PACKAGE


def read_sources(folder: Path) -> dict[str, str]:
    """The text of every module of a package, by dotted name; a folder's name stands for its `__init__.py`."""
    paths = {path.relative_to(folder.parent).with_suffix(""): path for path in sorted(folder.rglob("*.py"))}
    return {
        ".".join(name.parts).removesuffix(".__init__"): path.read_text("utf-8")
        for name, path in paths.items()
    }


def find_imports(sources: Mapping[str, str]) -> list[Import]:
    """Every import of every module, inside functions too, except what only a type checker reads."""
    return [
        Import(module, line, target)
        for module, source in sources.items()
        for line, target in _targets(ast.parse(source), sources)
    ]


def _targets(node: ast.AST, sources: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    match node:
        case ast.If(test=ast.Name("TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
            children: list[ast.stmt] | Iterator[ast.AST] = node.orelse
        case ast.Import():
            yield from ((node.lineno, alias.name) for alias in node.names)
            return
        case ast.ImportFrom():
            source = "." * node.level + (node.module or "")
            for alias in node.names:
                # `from mockserver.contract import documents` names a module, not a member of one.
                member = f"{source}.{alias.name}"
                yield node.lineno, member if member in sources else source
            return
        case _:
            children = ast.iter_child_nodes(node)
    for child in children:
        yield from _targets(child, sources)


def top_level_name(module: str) -> str:
    """`mockserver.contract.openapi` is on the shelf of `contract`; `mockserver` itself is `__init__`."""
    return module.split(".")[1] if "." in module else "__init__"


def find_unplaced(sources: Mapping[str, str]) -> list[str]:
    return sorted({top_level_name(module) for module in sources} - SHELF_OF.keys())


def find_backward(imports: list[Import]) -> list[str]:
    """Imports from a later shelf. Names that stand on no shelf are `find_unplaced`'s to tell."""
    return [
        str(each)
        for each in imports
        if each.is_own
        and SHELF_OF.get(top_level_name(each.module), len(SHELVES))
        < SHELF_OF.get(top_level_name(each.target), 0)
    ]


def find_circle(imports: list[Import]) -> list[str]:
    """The modules of one circle of imports, the first again as the last; empty if there is none."""
    graph: dict[str, set[str]] = {}
    for each in imports:
        if each.is_own:
            graph.setdefault(each.module, set()).add(each.target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        return circle
    return []


def find_stray_libraries(imports: list[Import]) -> list[str]:
    """Imports of a library outside its place in LIBRARIES, or in a second module of its place."""
    strays = []
    homes: dict[tuple[str, str], str] = {}
    for each in imports:
        library = each.target.split(".")[0]
        if each.is_own or not library or library in sys.stdlib_module_names:
            continue
        places = LIBRARIES.get(library, ())
        inside = each.module.removeprefix(f"{PACKAGE}.")
        place = next((place for place in places if inside == place or inside.startswith(f"{place}.")), None)
        if place is None or homes.setdefault((library, place), inside) != inside:
            known_to = homes.get((library, place or ""), " and ".join(places) or "no module")
            strays.append(f"{each}, which is known to {known_to}")
    return strays


SOURCES = read_sources(FOLDER)
IMPORTS = find_imports(SOURCES)


def test_every_module_stands_on_one_shelf() -> None:
    names = [name for shelf in SHELVES.values() for name in shelf]
    assert sorted(names) == sorted(SHELF_OF), "a name stands on two shelves"
    unplaced = find_unplaced(SOURCES)
    assert not unplaced, f"not on a shelf: {unplaced}; place each in SHELVES here and in CONTRIBUTING.md"


def test_no_module_imports_from_a_later_shelf() -> None:
    assert find_backward(IMPORTS) == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert find_circle(IMPORTS) == []


def test_each_library_is_known_to_one_module() -> None:
    assert find_stray_libraries(IMPORTS) == []


def test_imports_are_written_in_full() -> None:
    assert [str(each) for each in IMPORTS if each.target.startswith(".")] == []


def test_only_doors_know_the_behaviours_by_name() -> None:
    assert [
        str(each)
        for each in IMPORTS
        if each.is_own
        and top_level_name(each.target) == "hsrcpay"
        and top_level_name(each.module) not in ("hsrcpay", *DOORS)
    ] == []


def test_the_package_is_read_whole() -> None:
    assert {
        PACKAGE,
        "mockserver.types",
        "mockserver.contract",
        "mockserver.contract.openapi",
    } <= SOURCES.keys()
    assert "mockserver.contract.openapi" in {
        each.target for each in IMPORTS if each.module == "mockserver.contract"
    }


# The rules above hold for a sound package whatever the checks see; these show that they see.


def test_a_module_without_a_shelf_is_named() -> None:
    assert find_unplaced({"mockserver": "", "mockserver.helpers.text": "", "mockserver.types": ""}) == [
        "helpers"
    ]


def test_an_import_from_a_later_shelf_is_found_wherever_it_stands() -> None:
    sources = {
        "mockserver": "from mockserver.server import MockServer",
        "mockserver.contract.openapi": "from mockserver import journal, types",
        "mockserver.journal": "import mockserver.contract\n\ndef f():\n    import mockserver.engine",
        "mockserver.server": "from mockserver import connect",
        "mockserver.types": "",
    }
    assert find_backward(find_imports(sources)) == [
        "mockserver.contract.openapi, line 1, imports mockserver.journal",
        "mockserver.journal, line 4, imports mockserver.engine",
        "mockserver.server, line 1, imports mockserver",
    ]


def test_what_only_a_type_checker_reads_is_no_import() -> None:
    source = "if TYPE_CHECKING:\n    import mockserver.engine\nelse:\n    import mockserver.app"
    assert [each.target for each in find_imports({"mockserver.journal": source})] == ["mockserver.app"]


def test_a_circle_is_found_through_imports_inside_functions() -> None:
    sources = {
        "mockserver.decision": "from mockserver.rendering import render",
        "mockserver.rendering": "def f():\n    from mockserver import decision",
    }
    assert set(find_circle(find_imports(sources))) == sources.keys()


def test_a_library_outside_its_place_is_found() -> None:
    sources = {
        "mockserver.app": "import starlette.routing",
        "mockserver.engine": "import json\nfrom starlette.responses import Response",
        "mockserver.scripting.paths": "import jsonpath_rfc9535",
        "mockserver.scripting.operators": "import jsonpath_rfc9535",
        "mockserver.settings": "import attrs",
    }
    assert find_stray_libraries(find_imports(sources)) == [
        f"mockserver.engine, line 2, imports starlette.responses, which is known to {' and '.join(DOORS)}",
        "mockserver.scripting.operators, line 1, imports jsonpath_rfc9535, which is known to scripting.paths",
        "mockserver.settings, line 1, imports attrs, which is known to no module",
    ]


def test_the_contributing_guide_has_the_same_shelves() -> None:
    text = (FOLDER.parent / "CONTRIBUTING.md").read_text("utf-8")
    rows = re.findall(r"^\| \d\. [^:|]+: ([^|]+) \|", text, re.MULTILINE)
    shelves = [tuple(re.findall(r"`(\w+)/?`", row)) for row in rows]
    assert shelves == [names for shelf, names in SHELVES.items() if shelf != "the front"]
