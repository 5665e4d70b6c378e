"""The pages about Python run: the blocks of a page are one file of tests."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted((DOCS / "python").glob("*.md"))


def read_blocks(page: Path) -> str:
    return "\n\n".join(re.findall(r"(?ms)^```python\n(.*?)^```$", page.read_text("utf-8")))


def test_the_pages_are_there() -> None:
    assert [page.stem for page in PAGES] == [
        "async", "django", "fastapi", "fixed-host", "other-libraries", "pytest", "unittest", "xdist",
    ]  # fmt: skip


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_blocks_of_a_page_run(page: Path, tmp_path: Path) -> None:
    source = read_blocks(page)
    assert "def test_" in source
    (tmp_path / "test_page.py").write_text(source, "utf-8")
    arguments = ["-n2"] if page.stem == "xdist" else ["-n0"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, "test_page.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "skipped" not in run.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_one_title_and_links_to_files_that_are_there(page: Path) -> None:
    text = page.read_text("utf-8")
    assert len(re.findall(r"(?m)^# ", text)) == 1
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (page.parent / link).is_file(), link
