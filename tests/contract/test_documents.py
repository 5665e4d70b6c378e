"""Files of contracts and fixtures, read safely: JSON and YAML, bounded, inside one folder."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings

from mockserver.contract.documents import MAX_FILE_BYTES, find_inside, read_document
from mockserver.exceptions import ContractError, FixtureError, Problem
from tests.strategies import json_values


def read(folder: Path, name: str, content: str | bytes) -> Any:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_document(path)


def refusal(folder: Path, name: str, content: str | bytes) -> list[Problem]:
    with pytest.raises(ContractError) as error:
        read(folder, name, content)
    assert {problem.file for problem in error.value.problems} == {str(folder / name)}
    return list(error.value.problems)


def test_the_kind_of_a_file_is_told_by_its_name(tmp_path: Path) -> None:
    assert read(tmp_path, "a.json", '{"a": [1, "x"]}') == {"a": [1, "x"]}
    for name in ("a.yaml", "a.yml", "a.YAML"):
        assert read(tmp_path, name, "a: [1, x]") == {"a": [1, "x"]}
    assert "is not JSON" in refusal(tmp_path, "a.json", "a: [1, x]")[0].message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing", None),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("a:", {"a": None}),
        ("true", True),
        ("FALSE", False),
        # What YAML 1.1 took for booleans, numbers, dates and members to merge is text.
        ("NO", "NO"),
        ("yes", "yes"),
        ("on", "on"),
        ("y", "y"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("0b1", "0b1"),
        ("2026-01-01", "2026-01-01"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("<<: {a: 1}", {"a": 1}),
        ("'<<': {a: 1}", {"<<": {"a": 1}}),
        ("<<: [{a: 1, b: 1}, {b: 2, c: 2}]\nc: 3", {"a": 1, "b": 1, "c": 3}),
        ("x: &x {a: 1, b: 1}\ny: {<<: *x, b: 2}", {"x": {"a": 1, "b": 1}, "y": {"a": 1, "b": 2}}),
        (
            "x: &x {a: 1}\ny: &y {<<: *x, b: 2}\nz: {<<: *y}",
            {"x": {"a": 1}, "y": {"a": 1, "b": 2}, "z": {"a": 1, "b": 2}},
        ),
        ("=", "="),
        ("200: ok", {"200": "ok"}),
        ("NO: norway", {"NO": "norway"}),
        ("~: x", {"~": "x"}),
        ("1.5: x", {"1.5": "x"}),
        ("017", 17),
        ("-5", -5),
        ("+5", 5),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1.", 1.0),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("1e400", "1e400"),
        ("'5'", "5"),
        ('"true"', "true"),
        ("|\n  5", "5"),
        (">\n  null", "null"),
        ("!!str 5", "5"),
        ("[a, {b: c}]", ["a", {"b": "c"}]),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
        ("a: &x 5\nb: [*x, *x]", {"a": 5, "b": [5, 5]}),
        ("'': 1", {"": 1}),
        ("\ufeffa: 1", {"a": 1}),
    ],
)
def test_yaml_is_read_by_its_newer_rules(tmp_path: Path, text: str, value: Any) -> None:
    found = read(tmp_path, "a.yaml", text)
    assert found == value
    assert type(found) is type(value)


def test_an_alias_is_a_copy(tmp_path: Path) -> None:
    value = read(tmp_path, "a.yaml", "a: &x {n: 1}\nb: *x")
    value["a"]["n"] = 2
    assert value["b"] == {"n": 1}


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{above}'] * 9)}]\n" for above, name in pairwise("abcdefghi")
)


@pytest.mark.parametrize(
    ("text", "pointer", "words"),
    [
        pytest.param(BOMB, None, "too large", id="bomb"),
        pytest.param("&a [*a]", "/0", "leads back to itself", id="endless alias"),
        pytest.param("a: &a {b: *a}", "/a/b", "leads back to itself", id="endless alias in a mapping"),
        pytest.param("a: *none", None, "undefined alias|names nothing", id="unknown alias"),
        pytest.param("a: !!python/object/apply:os.system [ls]", "/a", "tag .* is not allowed", id="object"),
        pytest.param("!!python/name:os.system x", "", "tag .* is not allowed", id="name"),
        pytest.param("a: [!local x]", "/a/0", "tag .* is not allowed", id="local tag"),
        pytest.param("a: !<tag:example.com,2000:x> {}", "/a", "tag .* is not allowed", id="other tag"),
        pytest.param("a: !!binary aGk=", "/a", "tag .* is not allowed", id="binary"),
        pytest.param("a: 1\nb: {c: 1, c: 2}\na: 2", "/b/c", "is given twice", id="member twice"),
        pytest.param("200: a\n'200': b", "/200", "is given twice", id="member twice, spelt differently"),
        pytest.param("? [a]\n: b", "", "a member name must be text", id="list as a name"),
        pytest.param("a: {? {b: c} : d}", "/a", "a member name must be text", id="mapping as a name"),
        pytest.param("a: 1\n--- \nb: 2", "", "more than one document", id="two documents"),
        pytest.param("a: [", "", "is not YAML: .* at line", id="cut off"),
        pytest.param("a: b: c", "", "is not YAML: .* at line 1 column", id="two colons"),
        pytest.param("\tx", "", "is not YAML", id="tab"),
        pytest.param("a: \x07", "", "is not YAML", id="bell"),
        pytest.param(b"a: \xff", "", "is not UTF-8", id="bytes"),
        pytest.param("[" * 100_000, None, "nested deeper than 64", id="brackets"),
        pytest.param("- " * 1_000 + "x", None, "nested deeper than 64", id="dashes"),
        pytest.param("- '[' \n" * 500 + "- [", None, "is not YAML", id="brackets in quotes"),
        pytest.param("a: {" * 500, None, "nested deeper than 64", id="braces"),
    ],
)
def test_what_is_hostile_or_no_yaml_is_refused_with_its_place(
    tmp_path: Path, text: str | bytes, pointer: str | None, words: str
) -> None:
    problems = refusal(tmp_path, "a.yaml", text)
    assert re.search(words, problems[0].message)
    if pointer is not None:
        assert problems[0].pointer == pointer


def test_every_member_that_is_given_twice_is_told(tmp_path: Path) -> None:
    texts = {"a.json": '{"a":1,"a":2,"b":{"c/d":1,"c/d":2}}', "a.yaml": "a: 1\na: 2\nb: {c/d: 1, c/d: 2}"}
    for name, text in texts.items():
        assert [(item.pointer, item.message) for item in refusal(tmp_path, name, text)] == [
            ("/a", "is given twice"),
            ("/b/c~1d", "is given twice"),
        ]


def test_a_file_that_cannot_be_read_is_told_by_its_shown_name(tmp_path: Path) -> None:
    with pytest.raises(FixtureError) as error:
        read_document(tmp_path / "none.json", shown="my file", error=FixtureError)
    assert str(error.value) == "my file: cannot be read: No such file or directory"
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(ContractError, match="cannot be read: Is a directory"):
        read_document(tmp_path / "folder.json")


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(ContractError, match="larger than 16 MiB"):
        read_document(path)


class QuotingDumper(yaml.SafeDumper):
    """Quotes every text: PyYAML writes YAML 1.1, and leaves bare what YAML 1.2 reads as a number (0E0)."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style='"')


QuotingDumper.add_representer(str, QuotingDumper.represent_text)


@settings(max_examples=60)
@given(json_values)
@example("0E0")
def test_json_and_its_yaml_are_read_alike(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    folder = tmp_path_factory.mktemp("documents")
    assert read(folder, "a.json", json.dumps(value)) == value
    assert read(folder, "a.yaml", yaml.dump(value, Dumper=QuotingDumper)) == value


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("a.json", "a.json"),
        ("sub/a.json", "sub/a.json"),
        ("./a.json", "a.json"),
        ("sub//a.json", "sub/a.json"),
        ("none.json", "none.json"),
        ("ü b.json", "ü b.json"),
        ("...", "..."),
        ("", None),
        ("..", None),
        ("../a.json", None),
        ("sub/../a.json", "a.json"),
        ("sub/../../a.json", None),
        ("/etc/passwd", None),
        ("//host/a.json", None),
        ("http://host/a.json", None),
        ("file:a.json", None),
        ("C:a.json", None),
        ("..\\a.json", None),
        ("a\x00.json", None),
        ("outside.json", None),
        ("out/a.json", None),
        ("inside.json", "a.json"),
    ],
)
def test_a_reference_stays_below_its_folder(tmp_path: Path, reference: str, found: str | None) -> None:
    folder = tmp_path / "contract"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "a.json").write_text("{}", "utf-8")
    (tmp_path / "contract-2").mkdir()
    (folder / "a.json").write_text("{}", "utf-8")
    (folder / "outside.json").symlink_to(tmp_path / "a.json")
    (folder / "out").symlink_to(tmp_path / "contract-2")
    (folder / "inside.json").symlink_to(folder / "a.json")
    path = find_inside(folder, reference)
    assert path == (None if found is None else (folder / found).resolve())
