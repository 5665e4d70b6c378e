"""Coverage: how much of a contract the calls touched.

`facets` says what one call touches, `documents` what all of them did, in the shape of
`GET /__admin/coverage`, `writing` shows that to people.
"""

from mockserver.coverage.documents import (
    DIMENSIONS,
    follow,
    is_near,
    measure,
    merge_coverage,
    note_test,
    report_assumptions,
    report_coverage,
)
from mockserver.coverage.facets import FacetReader
from mockserver.coverage.writing import write_html, write_markdown, write_text

__all__ = [
    "DIMENSIONS", "FacetReader", "follow", "is_near", "measure", "merge_coverage", "note_test",
    "report_assumptions", "report_coverage", "write_html", "write_markdown", "write_text",
]  # fmt: skip
