"""`mockserver init`: contract and fixtures to change, and the lines that use them."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from mockserver.cli.main import main
from mockserver.settings import packaged_folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_the_copies_are_those_of_the_package_and_sound(tmp_path: Path) -> None:
    result = run("init", str(tmp_path / "mine"))
    assert (result.exit_code, result.stderr) == (0, "")
    for name in ("schemas", "fixtures"):
        files = {file.relative_to(packaged_folder(name)) for file in packaged_folder(name).rglob("*.json")}
        assert files == {
            file.relative_to(tmp_path / "mine" / name) for file in (tmp_path / "mine" / name).rglob("*")
            if file.is_file()
        }  # fmt: skip
        assert all(
            (packaged_folder(name) / file).read_bytes() == (tmp_path / "mine" / name / file).read_bytes()
            for file in files
        )
    check, serve = result.stdout.splitlines()[-2:]
    assert serve.split()[:2] == ["mockserver", "serve"]
    assert run(*check.split()[1:]).exit_code == 0


def test_nothing_is_written_over(tmp_path: Path) -> None:
    ours = tmp_path / "fixtures" / "keys.json"
    ours.parent.mkdir()
    ours.write_text("mine", "utf-8")
    result = run("init", str(tmp_path))
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        f"mockserver: {ours}: is there already",
        f"mockserver: {tmp_path}: name a folder without these files",
    ]
    assert ours.read_text("utf-8") == "mine"
    assert not (tmp_path / "schemas").exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    result = run("init", str(tmp_path / "file" / "below"))
    assert result.exit_code == 2
    assert "cannot be written: Not a directory" in result.stderr
