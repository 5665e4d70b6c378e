"""What texts need in Markdown and in XML."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from mockserver.markup import keep_printable, write_row

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\ufffe\uffff"))


@given(st.lists(TEXTS, min_size=1))
def test_a_row_has_its_cells_in_one_line(cells: list[str]) -> None:
    row = write_row(cells)
    assert "\n" not in row
    assert row.replace("\\|", "").count("|") == len(cells) + 1


@given(TEXTS)
def test_what_is_kept_can_be_read_from_xml(text: str) -> None:
    kept = keep_printable(text)
    element = ElementTree.Element("a")
    element.text = kept
    assert (ElementTree.fromstring(ElementTree.tostring(element)).text or "") == kept
    assert keep_printable("a\tb\nc") == "a\tb\nc"
