"""Variants: every answer that the contract allows, and some that it does not, each with one deviation.

`answers` says what a variant is and how it changes an answer, `places` where in a body it can do so, `legal`
and `breaking` which there are; `book` derives those of an operation and status and finds them by name,
`showing` shows what differs.
"""

from mockserver.variants.answers import Answer, Variant, combine, write_answer, write_bytes
from mockserver.variants.book import VariantBook, list_statuses

__all__ = ["Answer", "Variant", "VariantBook", "combine", "list_statuses", "write_answer", "write_bytes"]
