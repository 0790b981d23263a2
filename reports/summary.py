"""The head of a report: one sentence per table and the matrix of all methods on all image sets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .columns import CEILING_SHARE, MISSING
from .rows import Row
from .sections import DatasetSection
from .tables import Table


@dataclass(frozen=True)
class Headline:
    """What one table says.

    Attributes:
        section: Where the table stands.
        detector: The detector's name.
        text: The finding, without subject.
    """

    section: DatasetSection
    detector: str
    text: str


@dataclass(frozen=True)
class MatrixRow:
    """One method behind one detector on all image sets.

    Attributes:
        label: The row's label.
        detector: The detector's name.
        ceiling: True where the method sees the clean image.
        cells: Per section (printed value, stored value or None): a dash where the cell was not run.
    """

    label: str
    detector: str
    ceiling: bool
    cells: tuple[tuple[str, float | None], ...]

    @property
    def text_row(self) -> list[str]:
        """Return the row as printed: marked label, detector, then values without unit."""
        return [
            f"{self.label} (ceiling)" if self.ceiling else self.label,
            self.detector,
            *(text for text, _ in self.cells),
        ]


def headlines(sections: Sequence[DatasetSection]) -> list[Headline]:
    """Return one finding per table, in the order of the sections."""
    return [
        Headline(section, table.key.detector_name, finding(table)) for section in sections for table in section.tables
    ]


def finding(table: Table) -> str:
    """Return which method does best on the degraded images, how well, and how far from the ceiling."""
    column = table.primary
    scored = {row.label: table.value(row, column) for row in table.rows if not row.is_ceiling}
    top = max((value for value in scored.values() if not math.isnan(value)), default=None)
    if top is None:
        return f"no method for degraded images has a value of {column.label} yet{_ceiling_text(table)}"
    names = " and ".join(label for label, value in scored.items() if value == top)
    return f"highest {column.label} on degraded images: {names}, {column.text_with_unit(top)}{_share_text(table, top)}"


def _share_text(table: Table, value: float) -> str:
    if table.ceiling is None:
        return ""
    share = CEILING_SHARE.text_with_unit(value / table.value(table.ceiling, table.primary))
    return f", or {share} of the ceiling{_ceiling_text(table)}"


def _ceiling_text(table: Table) -> str:
    row = table.ceiling
    if row is None:
        return ""
    return f" ({row.label} on clean images: {table.primary.text_with_unit(table.value(row, table.primary))})"


def matrix(sections: Sequence[DatasetSection]) -> list[MatrixRow]:
    """Return the primary metric of every method and detector on every image set, detectors together, ceilings first.

    Nothing is averaged over image sets: their metrics differ.
    """
    found: dict[tuple[str, bool, str], dict[int, tuple[str, float | None]]] = {}
    for position, section in enumerate(sections):
        for table in section.tables:
            for row in table.rows:
                key = (table.key.detector_name, not row.is_ceiling, row.label)
                found.setdefault(key, {})[position] = _matrix_cell(table, row)
    missing = (MISSING, None)
    return [
        MatrixRow(label, detector, not competes, tuple(cells.get(i, missing) for i in range(len(sections))))
        for (detector, competes, label), cells in sorted(found.items())
    ]


def _matrix_cell(table: Table, row: Row) -> tuple[str, float | None]:
    value = table.value(row, table.primary)
    if row.failed:
        return ("failed", None)
    return (table.primary.text(value), None if math.isnan(value) else value)
