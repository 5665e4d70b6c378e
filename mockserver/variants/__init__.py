"""Variants: every answer that the contract allows, and some that it does not, each with one deviation.

`answers` says what a variant is and how it changes an answer, `places` where in a body it can do so, `legal`
and `breaking` which there are; `book` derives those of an operation and status and finds them by name.
"""

from mockserver.variants.answers import Answer, Variant, write_answer
from mockserver.variants.book import VariantBook

__all__ = ["Answer", "Variant", "VariantBook", "write_answer"]
