"""Comparison tables: the methods run on one dataset, behind one detector, side by side.

Cells share a table only if dataset, version, split, limit, content hash and detector agree, so that every number in
a column was measured on the same images. Numbers are kept as stored in a pandas DataFrame, NaN where there is none;
printing is left to ``Table.text``.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..results.record import Record
from .columns import CEILING_SHARE, COUNT_COLUMNS, FLOPS, Column, family, per_class_columns, quality_columns
from .rows import Row, canonical, dataset_identity, rows_of

NO_DETECTOR = "built-in detector"
"""How the detector is named where a method brings its own."""


@dataclass(frozen=True, slots=True)
class TableKey:
    """What all cells of a table share.

    Attributes:
        dataset: Dataset name.
        version: Dataset version.
        split: Split name.
        limit: Number of images asked for; -1 for all.
        fingerprint: sha256 of the dataset's content.
        detector: Detector behind the methods; empty where each brings its own.
    """

    dataset: str
    version: str
    split: str
    limit: int
    fingerprint: str
    detector: str

    @property
    def identity(self) -> tuple[str, str, str, int, str]:
        """Return the part that names the image set."""
        return (self.dataset, self.version, self.split, self.limit, self.fingerprint)

    @property
    def detector_name(self) -> str:
        """Return the detector's name for a heading."""
        return self.detector or NO_DETECTOR


@dataclass(frozen=True, eq=False)
class ClassTable:
    """One metric class by class.

    Attributes:
        column: The metric.
        headings: Row labels of the table, in its row order: the columns here.
        frame: float64; index: class names, columns: cell keys in the order of ``headings``; NaN where undefined.
    """

    column: Column
    headings: tuple[str, ...]
    frame: pd.DataFrame

    @property
    def rows(self) -> list[tuple[str, list[float]]]:
        """Return (class name, values in the order of ``headings``) pairs of the classes that have a value."""
        known = self.frame.dropna(how="all")
        return [(str(name), [float(value) for value in values]) for name, *values in known.itertuples()]

    @property
    def absent(self) -> list[str]:
        """Return the classes without a value in any row: the images hold no object of theirs."""
        return [str(name) for name in self.frame.index[self.frame.isna().all(axis=1)]]

    @property
    def text_rows(self) -> list[list[str]]:
        """Return the rows as printed: class name, then values without unit."""
        return [[name, *map(self.column.text, values)] for name, values in self.rows]

    @property
    def count_text(self) -> str:
        """Return how many classes there are and how many of them have a value."""
        total, absent = len(self.frame), len(self.absent)
        return f"{total} classes, {total - absent} with objects" if absent else f"{total} classes"


@dataclass(frozen=True, eq=False)
class Table:
    """The rows of one dataset and detector.

    Attributes:
        key: What the rows share.
        facts: Facts of the dataset as run, from its newest record.
        rows: Ceiling rows first, then best first by the primary metric, failed cells last.
        columns: Detection metrics of the dataset's protocol, share of the ceiling, image quality and cost of restoring
            where there is one, counts.
        frame: float64; index: cell keys in row order, columns: ``Column.key``; stored values, NaN where missing.
        per_class: One table per metric that is shown class by class; empty where no cell is finished.
    """

    key: TableKey
    facts: Mapping[str, Any]
    rows: tuple[Row, ...]
    columns: tuple[Column, ...]
    frame: pd.DataFrame
    per_class: tuple[ClassTable, ...]

    @property
    def primary(self) -> Column:
        """Return the primary metric of the dataset's protocol."""
        return self.columns[0]

    @property
    def ceiling(self) -> Row | None:
        """Return the row that shares are measured against; None where no ceiling has a positive value."""
        return _ceiling(self.rows, self.frame, self.primary)

    @property
    def notes(self) -> tuple[str, ...]:
        """Return sentences that a reader needs before comparing the rows."""
        notes = []
        weights = {row.record.cell.weights_sha256 for row in self.rows if not row.failed}
        if len(weights) > 1 and self.key.detector:
            notes.append(f"The rows use {len(weights)} different weight files; their hashes stand under Provenance.")
        if self.ceiling is None:
            notes.append("No ceiling method is finished here, so no share of the ceiling is given.")
        return tuple(notes)

    def value(self, row: Row, column: Column) -> float:
        """Return a stored value; NaN where missing."""
        return _at(self.frame, row, column)

    def text(self, row: Row, column: Column) -> str:
        """Return a printed value without unit; a dash where missing."""
        return column.text(self.value(row, column))

    @property
    def text_rows(self) -> list[list[str]]:
        """Return the rows as printed: marked label, then values without unit."""
        return [[row.marked_label, *(self.text(row, column) for column in self.columns)] for row in self.rows]


def comparison_tables(records: Sequence[Record]) -> list[Table]:
    """Return one table per (dataset, version, split, limit, fingerprint, detector), ordered by these.

    Args:
        records: Records in any order; the result does not depend on it.
    """
    groups: dict[TableKey, list[Row]] = defaultdict(list)
    for row in rows_of(canonical(records)):
        groups[TableKey(*dataset_identity(row.record), row.record.cell.detector)].append(row)
    return [_table(key, groups[key]) for key in sorted(groups, key=_table_order)]


def _table_order(key: TableKey) -> tuple[object, ...]:
    """Order full sets before limited ones, larger limits first."""
    return (key.dataset, key.version, key.split, key.limit >= 0, -key.limit, key.fingerprint, key.detector)


def _table(key: TableKey, rows: Sequence[Row]) -> Table:
    facts = max(rows, key=lambda row: (not row.failed, row.record.started, row.key)).record.dataset_facts
    metric = str(facts.get("metric", "coco"))
    detection = family(metric)
    quality = quality_columns(name for row in rows if row.record.metrics for name in row.record.metrics.values)
    frame = _frame(rows, (*detection, *quality, FLOPS, *COUNT_COLUMNS))
    ceiling = _ceiling(rows, frame, detection[0])
    if ceiling is not None:
        share = frame[detection[0].key] / _at(frame, ceiling, detection[0])
        frame = frame.assign(**{CEILING_SHARE.key: share})
    optional = (CEILING_SHARE, *quality, FLOPS)
    given = tuple(column for column in optional if column.key in frame and frame[column.key].notna().any())
    columns = (*detection, *given, *COUNT_COLUMNS)
    ordered = tuple(sorted(rows, key=lambda row: _row_order(row, _at(frame, row, detection[0]))))
    frame = frame.loc[[row.key for row in ordered], [column.key for column in columns]]
    return Table(key, facts, ordered, columns, frame, _class_tables(ordered, metric))


def _ceiling(rows: Sequence[Row], frame: pd.DataFrame, primary: Column) -> Row | None:
    """Return the newest ceiling row with a positive primary metric."""
    positive = [row for row in rows if row.is_ceiling and _at(frame, row, primary) > 0]
    return max(positive, key=lambda row: (row.record.started, row.key), default=None)


def _at(frame: pd.DataFrame, row: Row, column: Column) -> float:
    return float(frame.at[row.key, column.key])  # pyright: ignore[reportArgumentType]


def _row_order(row: Row, primary: float) -> tuple[object, ...]:
    missing = math.isnan(primary)
    return (not row.is_ceiling, row.failed, missing, 0.0 if missing else -primary, row.label, row.key)


def _frame(rows: Sequence[Row], columns: Sequence[Column]) -> pd.DataFrame:
    data = {row.key: {column.key: _stored(row.record, column) for column in columns} for row in rows}
    return pd.DataFrame.from_dict(data, orient="index", dtype="float64")


def _stored(record: Record, column: Column) -> float:
    """Return a record's value for a column; NaN for failed cells and for metrics that are undefined or not there."""
    if record.status == "failed":
        return math.nan
    if column in COUNT_COLUMNS:
        return float(getattr(record, column.key))
    if column is FLOPS:
        return math.nan if record.cost is None else record.cost.flops_mean
    value = record.metrics.values.get(column.key) if record.metrics else None
    return math.nan if value is None else float(value)


def _class_tables(rows: Sequence[Row], metric: str) -> tuple[ClassTable, ...]:
    scored = [row for row in rows if row.record.metrics is not None and not row.failed]
    headings = tuple(row.label for row in scored)
    tables = (ClassTable(column, headings, _class_frame(scored, column)) for column in per_class_columns(metric))
    return tuple(table for table in tables if not table.frame.empty)


def _class_frame(rows: Sequence[Row], column: Column) -> pd.DataFrame:
    """Return class names, sorted, × cell keys."""
    series = {
        row.key: pd.Series(row.record.metrics.per_class.get(column.key, {}), dtype="float64")
        for row in rows
        if row.record.metrics is not None
    }
    names = sorted({str(name) for values in series.values() for name in values.index})
    return pd.DataFrame({key: values.reindex(names) for key, values in series.items()}, index=names, dtype="float64")
