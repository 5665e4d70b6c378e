"""Which of many texts looks most like another one, without comparing it with each of them in full."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

_MAX_LENGTH = 300
# So many, whose pieces are most alike, are compared in full.
_CANDIDATES = 8
# A piece that more than this share of the texts have tells none apart.
_COMMON = 0.2
_FEW = 30


class NearestFinder:
    """The texts, such as `GET /v1/keys/{id}`; pieces of three characters lead to the likely ones."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._owners = self._list_owners() if len(texts) > _FEW else {}

    def _list_owners(self) -> dict[str, list[int]]:
        owners: dict[str, list[int]] = {}
        for index, text in enumerate(self._texts):
            for piece in _pieces(text):
                owners.setdefault(piece, []).append(index)
        limit = max(_FEW, int(len(self._texts) * _COMMON))
        return {piece: found for piece, found in owners.items() if len(found) <= limit}

    def find(self, text: str) -> int | None:
        """The index of the most alike text; None where there are no texts."""
        from difflib import SequenceMatcher

        text = text[:_MAX_LENGTH]
        candidates: Sequence[int] = range(len(self._texts))
        if len(self._texts) > _FEW:
            scores: Counter[int] = Counter()
            for piece in _pieces(text):
                scores.update(self._owners.get(piece, ()))
            # Shorter ones first where the pieces tell nothing more.
            ranked = sorted(scores.items(), key=lambda item: (-item[1], len(self._texts[item[0]]), item[0]))
            candidates = [index for index, _ in ranked[:_CANDIDATES]] or range(_CANDIDATES)
        matcher = SequenceMatcher(None, b=text)
        best: tuple[float, int] | None = None
        for index in candidates:
            matcher.set_seq1(self._texts[index][:_MAX_LENGTH])
            likeness = matcher.ratio()
            if best is None or likeness > best[0]:
                best = likeness, index
        return None if best is None else best[1]


def _pieces(text: str) -> set[str]:
    return {text[start : start + 3] for start in range(len(text) - 2)}
