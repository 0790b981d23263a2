"""Method cards as a report shows them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..results.record import Record
from .rows import is_ceiling
from .text import plain

_KINDS = {
    "detector": "detector on the degraded image",
    "sr-then-detect": "super-resolution, then detection",
    "restore-then-detect": "restoration, then detection",
    "oracle": "oracle: sees the clean image",
    "external": "detections computed elsewhere",
}


@dataclass(frozen=True, eq=False)
class CardView:
    """A method card ready to print.

    Attributes:
        name: Method name on the command line.
        card: The card as recorded; keys that are not there are left out of the print.
        ceiling: True where the method sees the clean image.
    """

    name: str
    card: Mapping[str, Any]
    ceiling: bool

    @property
    def title(self) -> str:
        """Return the card's title, or the method's name."""
        return plain(self.card.get("title")) or self.name

    @property
    def summary(self) -> str:
        """Return what the method does, in one or two sentences; empty if the card does not say."""
        return plain(self.card.get("summary"))

    @property
    def fact_rows(self) -> list[tuple[str, str]]:
        """Return what is printed beneath the summary, as (term, text) pairs; what is not known is left out."""
        kind = plain(self.card.get("kind"))
        pairs = [
            ("Name", self.name),
            ("Kind", _KINDS.get(kind, kind)),
            ("Tuned on", plain(self.card.get("tuned_on"))),
            ("Paper", plain(self.card.get("paper"))),
            ("Licence", plain(self.card.get("licence"))),
        ]
        return [(term, text) for term, text in pairs if text]


def card_views(records: Iterable[Record]) -> list[CardView]:
    """Return the distinct cards by method name; a card that changed between runs appears in each of its forms."""
    found = {
        (record.cell.method, json.dumps(record.method_card, sort_keys=True)): CardView(
            record.cell.method, record.method_card, is_ceiling(record)
        )
        for record in records
    }
    return [found[key] for key in sorted(found)]
