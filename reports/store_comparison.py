"""Two stores side by side: the same methods on the same images, then and now, or here and there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..benchmark.statistics.inference import Estimate, estimate, holm, p_value, verdict
from ..results.record import Record
from .columns import MISSING, Column, family
from .grid import Grid, GridCell, GridRow, Heading
from .rows import HASH_DIGITS
from .significance import interval_text
from .store_pairs import StorePairs, pair_stores
from .text import join, settings_text

if TYPE_CHECKING:
    from ..benchmark.analysis.cells import CellAnalysis

IDENTICAL = "identical detections"
NOT_ANALYSED = "not analysed"
HOW = (
    "Difference: A - B with its 95 % interval from a paired bootstrap over images; verdict: on A, two-sided, at 5 % "
    "after Holm over all rows."
)


@dataclass(frozen=True, eq=False)
class StoreSide:
    """One of the two stores.

    Attributes:
        name: As the user calls it.
        records: Its records, in any order.
        analyses: Replicates of the bootstrap by the cell's key.
    """

    name: str
    records: Sequence[Record]
    analyses: Mapping[str, CellAnalysis]


@dataclass(frozen=True, eq=False)
class _Pair:
    """Two cells that are compared, by the primary metric of their dataset's protocol."""

    a: Record
    b: Record
    column: Column
    values: tuple[float, float]
    difference: Estimate
    p: float | None

    @property
    def same(self) -> bool:
        """Return whether both stored the same detections, byte for byte."""
        hashes = {record.metrics.detections_sha256 for record in (self.a, self.b) if record.metrics}
        return len(hashes) == 1


def store_grids(a: StoreSide, b: StoreSide) -> list[Grid]:
    """Return two tables: cells that both stores hold, and cells that only one of them holds.

    Args:
        a: The first store.
        b: The second store; differences are A - B.
    """
    pairs = pair_stores(a.records, b.records)
    title = f"{a.name} (A) against {b.name} (B)"
    return [_both(title, pairs, a, b), _single(title, pairs)]


def _both(title: str, pairs: StorePairs, a: StoreSide, b: StoreSide) -> Grid:
    compared = [_pair(first, second, a, b) for first, second in pairs.both]
    corrected = holm([None if pair.same else pair.p for pair in compared])
    headings = [Heading(text, "text") for text in ("method", "track", "metric")]
    headings += [Heading("A"), Heading("B"), Heading("difference", meaning=HOW), Heading("verdict on A", "text")]
    rows = tuple(_pair_row(pair, p) for pair, p in zip(compared, corrected, strict=True))
    notes = [HOW] if rows else ["The two stores have no finished cell in common."]
    if any(pair.a.cell.method_source != pair.b.cell.method_source for pair in compared):
        notes.append("Another source: the method's own files, or the detector's, changed between A and B.")
    return Grid("stores-both", title, tuple(headings), rows, tuple(notes))


def _column(record: Record) -> Column:
    """Return the primary metric of the protocol of a record's dataset."""
    return family(str(record.dataset_facts.get("metric")))[0]


def _pair(first: Record, second: Record, a: StoreSide, b: StoreSide) -> _Pair:
    """Compare two cells; without replicates of both there is the difference alone."""
    column = _column(first)
    values = _value(first, column), _value(second, column)
    drawn = [
        analysis.replicates.get(column.key) if (analysis := side.analyses.get(record.cell.key)) else None
        for record, side in ((first, a), (second, b))
    ]
    if drawn[0] is None or drawn[1] is None or len(drawn[0]) != len(drawn[1]):
        difference = None if math.isnan(values[0] - values[1]) else values[0] - values[1]
        return _Pair(first, second, column, values, Estimate(difference, None, None), None)
    differences = drawn[0] - drawn[1]
    return _Pair(first, second, column, values, estimate(differences), p_value(differences))


def _value(record: Record, column: Column) -> float:
    value = record.metrics.values.get(column.key) if record.metrics else None
    return math.nan if value is None else value


def _pair_row(pair: _Pair, p: float | None) -> GridRow:
    column, records = pair.column, (pair.a, pair.b)
    numbers = (
        GridCell(column.text(value), value * column.factor, key=record.cell.key)
        for value, record in zip(pair.values, records, strict=True)
    )
    name = GridCell(_name(pair.a), note=_changes(pair))
    return GridRow(
        (
            name,
            GridCell(_track_name(pair.a)),
            GridCell(column.heading),
            *numbers,
            _difference(pair),
            GridCell(_verdict(pair, p)),
        )
    )


def _difference(pair: _Pair) -> GridCell:
    value, column = pair.difference.value, replace(pair.column, decimals=pair.column.decimals + 1)
    if value is None:
        return GridCell(MISSING, note="Undefined in one of the stores.")
    printed = value * column.factor
    ends = interval_text(pair.difference, column, sign="+")
    return GridCell(join(f"{printed:+.{column.decimals}f}", ends, by=" "), printed)


def _verdict(pair: _Pair, p: float | None) -> str:
    if pair.same:
        return IDENTICAL
    if pair.difference.value is not None and pair.p is None:
        return NOT_ANALYSED
    return verdict(pair.difference.value, p) or MISSING


def _changes(pair: _Pair) -> str:
    """Return what else than the numbers differs between the two cells."""
    a, b = pair.a.cell, pair.b.cell
    parts = [
        f"another {name}"
        for name, differs in (
            ("source", a.method_source != b.method_source),
            ("weight file", a.weights_sha256 != b.weights_sha256),
        )
        if differs
    ]
    return f"In B {' and '.join(parts)}." if parts else ""


def _single(title: str, pairs: StorePairs) -> Grid:
    """Return the table of cells without a partner."""
    texts = ("store", "method", "track", "content", "why")
    rows = tuple(
        GridRow(
            (
                GridCell(store),
                GridCell(_name(record), key=record.cell.key),
                GridCell(_track_name(record)),
                GridCell(record.cell.dataset_fingerprint[:HASH_DIGITS]),
                GridCell(reason),
            )
        )
        for store, side in (("A", pairs.only_a), ("B", pairs.only_b))
        for record, reason in side
    )
    notes = () if rows else ("Every cell of one store has a partner in the other.",)
    return Grid("stores-single", f"{title}: cells of one alone", tuple(Heading(t, "text") for t in texts), rows, notes)


def _name(record: Record) -> str:
    """Return method, detector, and the settings that the name does not tell."""
    cell = record.cell
    settings = {name: value for name, value in cell.method_settings.items() if value is not None}
    rest = settings_text({n: v for n, v in settings.items() if n not in ("detector", "detector_config")})
    precision = "" if cell.precision == "float32" else cell.precision
    more = join(rest, precision)
    return join(f"{cell.method}/{cell.detector}" if cell.detector else cell.method, f"({more})" if more else "", by=" ")


def _track_name(record: Record) -> str:
    cell = record.cell
    return join(cell.dataset, cell.split, "" if cell.limit is None else f"limit {cell.limit}", by=" ")
