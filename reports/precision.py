"""What computing in lower precision did to the primary metric, for cells that differ in nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .columns import Column
from .rows import Row
from .tables import Table

FULL = "float32"
HEADINGS = ("method", "image set", "precision", "metric", "there", "in float32", "difference")


@dataclass(frozen=True)
class PrecisionEffect:
    """A cell in lower precision beside the same one in float32.

    Attributes:
        method: Method and detector.
        dataset: Dataset and split.
        precision: The lower precision.
        column: The primary metric.
        value: In the lower precision.
        full: In float32.
    """

    method: str
    dataset: str
    precision: str
    column: Column
    value: float
    full: float

    @property
    def text_row(self) -> list[str]:
        """Return the effect as printed, one text for each of ``HEADINGS``."""
        difference = (self.value - self.full) * self.column.factor
        texts = (self.column.text_with_unit(self.value), self.column.text_with_unit(self.full))
        shown = f"{difference:+.{self.column.decimals + 1}f}"
        return [self.method, self.dataset, self.precision, self.column.label, *texts, shown]


def precision_effects(tables: Sequence[Table]) -> list[PrecisionEffect]:
    """Return the effect for every cell in lower precision whose twin in float32 is in the same table."""
    return [effect for table in tables for effect in _effects(table)]


def _effects(table: Table) -> list[PrecisionEffect]:
    done = [row for row in table.rows if not row.failed]
    full = {_twin(row): row for row in done if row.record.cell.precision == FULL}
    found = []
    for row in done:
        other = full.get(_twin(row))
        if row.record.cell.precision != FULL and other is not None:
            found.append(_effect(table, row, other))
    return found


def _effect(table: Table, row: Row, other: Row) -> PrecisionEffect:
    cell, column = row.record.cell, table.primary
    method = "/".join(part for part in (cell.method, cell.detector) if part)
    values = table.value(row, column), table.value(other, column)
    return PrecisionEffect(method, f"{cell.dataset} {cell.split}", cell.precision, column, *values)


def _twin(row: Row) -> str:
    """Return what cells share that differ in precision alone."""
    return row.record.cell.model_copy(update={"precision": FULL}).model_dump_json()
