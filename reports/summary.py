"""The head of a report: one sentence per table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .columns import CEILING_SHARE
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
