"""A table as all formats print it: headings, rows of cells, notes; what a cell means was decided before."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Align = Literal["text", "number"]


@dataclass(frozen=True, slots=True)
class Heading:
    """The heading of a column.

    Attributes:
        text: What stands at its head, with the unit where there is one: "AP (%)".
        align: "number" for columns of numbers, which are set to the right.
        group: Heading above this and its neighbours of the same group; empty for none.
        meaning: One sentence on it, for a legend; empty where the heading says it all.
    """

    text: str
    align: Align = "number"
    group: str = ""
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class GridCell:
    """One entry of a table.

    Attributes:
        text: As printed, plain text; a dash where there is no number.
        value: What sorts it: the number that was rounded for ``text``; NaN for text and where there is none.
        best: Whether it is better than all others of its column by more than chance: set in bold.
        key: Key of the cell (see ``Cell.key``) that the number was measured in; empty for all that was not measured.
        note: Why there is no number, or what a reader must know of it; empty for nothing.
    """

    text: str
    value: float = math.nan
    best: bool = False
    key: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class GridRow:
    """One row.

    Attributes:
        cells: One for each heading.
        group: What this and its neighbours stand under, such as "4x"; empty for none.
        kind: "ceiling" for rows that see the clean image and do not compete; "published" for rows nobody measured here.
    """

    cells: tuple[GridCell, ...]
    group: str = ""
    kind: Literal["", "ceiling", "published"] = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table.

    Attributes:
        name: File name without ending, lower-case letters, digits and hyphens: "tdsr-table-1".
        title: One line above it.
        headings: Its columns.
        rows: Each has as many cells as there are headings.
        notes: Sentences beneath it.
    """

    name: str
    title: str
    headings: tuple[Heading, ...]
    rows: tuple[GridRow, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse rows of another width than the headings.

        Raises:
            ValueError: A row has more or fewer cells than there are headings.
        """
        wrong = [row for row in self.rows if len(row.cells) != len(self.headings)]
        if wrong:
            raise ValueError(f"{self.name}: {len(self.headings)} headings, a row of {len(wrong[0].cells)} cells")
