"""The package can be read in the order of CONTRIBUTING.md: no import runs against that direction."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = "mockserver"
FOLDER = Path(__file__).parents[1] / PACKAGE

# The order of the package, top to bottom, as CONTRIBUTING.md lists it: a line may import from itself and
# from lines above. A line is one folder, or modules that stand together.
_LINE = re.compile(r"^\d+\. ((?:`\w+/?`(?:, )?)+):", re.MULTILINE)


def read_order(guide: str) -> list[tuple[str, ...]]:
    """The lines of the list in the guide, each as the names of its folders and modules."""
    return [tuple(re.findall(r"`(\w+)/?`", names)) for names in _LINE.findall(guide)]


ORDER = read_order((FOLDER.parent / "CONTRIBUTING.md").read_text("utf-8"))
PLACE_OF = {name: place for place, names in enumerate(ORDER) for name in names}

# Where a library may be imported. A folder stands for one module in it, whichever that is; `.*` for all.
LIBRARIES: dict[str, tuple[str, ...]] = {
    # What httpx runs on, whichever event loop there is.
    "anyio": ("client.threads",),
    # To run one test many times, as pytest-rerunfailures does; pytest has no public way.
    "_pytest": ("pytest_plugin.gauntlet",),
    "click": ("cli.*",),
    "cryptography": ("security.tokens",),
    "faker": ("synthesis.formats",),
    "httptools": ("serving.connection", "client.transports"),
    "httpcore": ("provider",),
    "httpx": ("client.transports",),
    "joserfc": ("security.tokens",),
    "jsonpath_rfc9535": ("scripting",),
    "jsonschema": ("contract.schema_registry",),
    "jsonschema_specifications": ("contract.schema_registry",),
    "jsonschema_rs": ("contract.schema_registry",),
    "orjson": ("json_codec",),
    "pytest": ("pytest_plugin", "pytest_plugin.*"),
    "re2": ("regexes",),
    "redis": ("stores",),
    "referencing": ("contract.schema_registry",),
    "requests": ("client.transports",),
    "rstr": ("synthesis",),
    "starlette": ("control.door",),
    "trustme": ("serving.tls",),
    "watchfiles": ("serving.watching",),
    # requests takes its answers from urllib3.
    "urllib3": ("client.transports",),
    "uvicorn": ("serving.connection", "serving.uvicorn_server"),
    "uvloop": ("serving",),
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
    """`mockserver.contract.openapi` stands in the line of `contract`; `mockserver` itself is `__init__`."""
    return module.split(".")[1] if "." in module else "__init__"


def find_unplaced(sources: Mapping[str, str]) -> list[str]:
    return sorted({top_level_name(module) for module in sources} - PLACE_OF.keys())


def find_backward(imports: list[Import]) -> list[str]:
    """Imports from a later line. Names that stand in no line are `find_unplaced`'s to tell."""
    return [
        str(each)
        for each in imports
        if each.is_own
        and PLACE_OF.get(top_level_name(each.module), len(ORDER))
        < PLACE_OF.get(top_level_name(each.target), 0)
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
        if any(fnmatch(inside, place) for place in places):
            continue
        if place is None or homes.setdefault((library, place), inside) != inside:
            known_to = homes.get((library, place or ""), " and ".join(places) or "no module")
            strays.append(f"{each}, which is known to {known_to}")
    return strays


SOURCES = read_sources(FOLDER)


@pytest.fixture(scope="module")
def imports() -> list[Import]:
    """Those of the package."""
    return find_imports(SOURCES)


def test_every_module_stands_in_one_line_of_the_contributing_guide() -> None:
    names = [name for line in ORDER for name in line]
    assert sorted(names) == sorted(PLACE_OF), "a name stands in two lines"
    unplaced = find_unplaced(SOURCES)
    assert not unplaced, f"in no line: {unplaced}; place each in the list of CONTRIBUTING.md"


def test_every_name_of_the_list_is_there() -> None:
    assert PLACE_OF.keys() - {top_level_name(module) for module in SOURCES} == set()


def test_no_module_imports_from_a_later_line(imports: list[Import]) -> None:
    assert find_backward(imports) == []


def test_no_modules_import_each_other_in_a_circle(imports: list[Import]) -> None:
    assert find_circle(imports) == []


def test_each_library_is_known_to_one_module(imports: list[Import]) -> None:
    assert find_stray_libraries(imports) == []


def test_imports_are_written_in_full(imports: list[Import]) -> None:
    assert [str(each) for each in imports if each.target.startswith(".")] == []


def test_only_building_imports_a_vendor(imports: list[Import]) -> None:
    assert [
        str(each)
        for each in imports
        if each.is_own
        and top_level_name(each.target) == "vendors"
        and top_level_name(each.module) != "vendors"
        and each.module != "mockserver.serving.building"
    ] == []


def test_the_package_is_read_whole(imports: list[Import]) -> None:
    assert {
        PACKAGE,
        "mockserver.types",
        "mockserver.contract",
        "mockserver.contract.openapi",
    } <= SOURCES.keys()
    assert "mockserver.contract.openapi" in {
        each.target for each in imports if each.module == "mockserver.contract"
    }


# The rules above hold for a sound package whatever the checks see; these show that they see.


def test_a_module_that_stands_in_no_line_is_named() -> None:
    assert find_unplaced({"mockserver": "", "mockserver.helpers.text": "", "mockserver.types": ""}) == [
        "helpers"
    ]


def test_an_import_from_a_later_line_is_found_wherever_it_stands() -> None:
    sources = {
        "mockserver": "from mockserver.client.local import MockServer",
        "mockserver.contract.openapi": "import mockserver.journal",
        "mockserver.journal.call": "import mockserver.types\n\ndef f():\n    import mockserver.engine.engine",
        "mockserver.client.local": "from mockserver import connect",
        "mockserver.types": "",
    }
    assert find_backward(find_imports(sources)) == [
        "mockserver.contract.openapi, line 1, imports mockserver.journal",
        "mockserver.journal.call, line 4, imports mockserver.engine.engine",
        "mockserver.client.local, line 1, imports mockserver",
    ]


def test_what_only_a_type_checker_reads_is_no_import() -> None:
    source = (
        "if TYPE_CHECKING:\n    import mockserver.engine.engine\nelse:\n    import mockserver.serving.app"
    )
    assert [each.target for each in find_imports({"mockserver.journal.journal": source})] == [
        "mockserver.serving.app"
    ]


def test_a_circle_is_found_through_imports_inside_functions() -> None:
    sources = {
        "mockserver.engine.decision": "from mockserver.engine.rendering import render",
        "mockserver.engine.rendering": "def f():\n    from mockserver.engine import decision",
    }
    assert set(find_circle(find_imports(sources))) == sources.keys()


def test_a_library_outside_its_place_is_found() -> None:
    sources = {
        "mockserver.control.door": "import starlette.routing",
        "mockserver.engine.engine": "import json\nfrom starlette.responses import Response",
        "mockserver.scripting.paths": "import jsonpath_rfc9535",
        "mockserver.scripting.operators": "import jsonpath_rfc9535",
        "mockserver.settings": "import attrs",
    }
    assert find_stray_libraries(find_imports(sources)) == [
        "mockserver.engine.engine, line 2, imports starlette.responses, which is known to control.door",
        "mockserver.scripting.operators, line 1, imports jsonpath_rfc9535, which is known to scripting.paths",
        "mockserver.settings, line 1, imports attrs, which is known to no module",
    ]
