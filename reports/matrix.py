"""All methods on all tracks, one table for each detector behind them, with what may be called best.

A track is an image set: dataset, version, split, limit and content. Nothing is averaged over tracks: their metrics and
images differ.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import pandas as pd

from ..results.record import Record
from .columns import MISSING, Column
from .grid import Grid, GridCell, GridRow, Heading
from .matrix_ranks import MEANING, MeanRanks, mean_ranks
from .rows import Row
from .sections import DatasetSection, sections_of, told_apart
from .significance import Replicates, best_of, interval_text
from .tables import Table, comparison_tables
from .text import join, slug

if TYPE_CHECKING:
    from ..benchmark.analysis.cells import CellAnalysis

NAME = "matrix"
NOT_RUN, NOT_SCORED = "Not run.", "Not scored."
UNDEFINED = "Undefined: the images hold no such object."
NO_RANK = "A ceiling does not compete."
BEST = (
    "Best is only what is better than every other method of its column: paired bootstrap over images, two-sided p "
    "at most 0.05 after Holm over the comparisons of the column. Ceilings do not compete."
)
INTERVALS = "[ ]: 95 % bootstrap intervals over images; methods are compared by their differences, not by these."


@dataclass(frozen=True, eq=False)
class _Track:
    """An image set with the table of one detector on it.

    Attributes:
        section: The image set.
        table: The rows of the detector's methods.
        title: Its name, unique among all tracks.
        analyses: Replicates by the cell's key.
    """

    section: DatasetSection
    table: Table
    title: str
    analyses: Mapping[str, CellAnalysis]

    @property
    def column(self) -> Column:
        """Return the primary metric."""
        return self.table.primary

    @property
    def competitors(self) -> list[Row]:
        """Return the rows that are compared: those with a number that see the degraded image only."""
        return [row for row in self.table.rows if not row.is_ceiling and not math.isnan(self.value(row))]

    @property
    def unpaired(self) -> bool:
        """Return whether there are rows to compare, but not the replicates of all."""
        found = [self.replicates(row) for row in self.competitors]
        return len(found) > 1 and any(each is None for each in found)

    @property
    def best(self) -> str:
        """Return the key of the cell that is better than all others by more than chance; empty for none."""
        place = best_of([self.replicates(row) for row in self.competitors])
        return "" if place is None else self.competitors[place].key

    def row(self, label: str) -> Row | None:
        """Return the row of a label; None where it was not run."""
        return next((row for row in self.table.rows if row.label == label), None)

    def value(self, row: Row) -> float:
        """Return the stored primary metric; NaN where there is none."""
        return self.table.value(row, self.column)

    def replicates(self, row: Row) -> Replicates | None:
        """Return the replicates of the primary metric; None where the cell was not analysed."""
        analysis = self.analyses.get(row.key)
        return None if analysis is None else analysis.replicates.get(self.column.key)

    def interval(self, row: Row) -> str:
        """Return the 95 % interval as printed; empty where the cell was not analysed."""
        if self.replicates(row) is None:
            return ""
        return interval_text(self.analyses[row.key].estimate(self.column.key), self.column)


def matrix_grids(records: Sequence[Record], analyses: Mapping[str, CellAnalysis], *, long: bool = False) -> list[Grid]:
    """Return the primary metric of all methods on all tracks, one table for each detector behind them.

    Tracks that none of a detector's methods was run on are left out of its table.

    Args:
        records: Records in any order; the result does not depend on it.
        analyses: Replicates of the bootstrap by the cell's key. In a column where a competitor has none, nothing is
            marked best.
        long: Whether each number is followed by its 95 % interval.
    """
    sections = sections_of(comparison_tables(records))
    titles = told_apart(sections, [section.name for section in sections])
    tracks = [
        _Track(section, table, title, analyses)
        for section, title in zip(sections, titles, strict=True)
        for table in section.tables
    ]
    detectors = sorted({track.table.key.detector_name for track in tracks})
    by_detector = [[track for track in tracks if track.table.key.detector_name == name] for name in detectors]
    names = _file_names(detectors, long)
    return [_grid(*given, long) for given in zip(names, detectors, map(_by_metric, by_detector), strict=True)]


def _by_metric(tracks: Sequence[_Track]) -> list[_Track]:
    """Return tracks with those of one metric together."""
    return sorted(tracks, key=lambda track: track.column.key)


def _file_names(detectors: Sequence[str], long: bool) -> list[str]:
    """Return a file name for each detector, numbered where two would be the same."""
    stems = [join(NAME, slug(detector), "intervals" if long else "", by="-") for detector in detectors]
    numbers = [stems[:position].count(stem) for position, stem in enumerate(stems)]
    return [join(stem, number + 1 if number else "", by="-") for stem, number in zip(stems, numbers, strict=True)]


def _grid(name: str, detector: str, tracks: Sequence[_Track], long: bool) -> Grid:
    labels = _labels(tracks)
    ranks = mean_ranks(_scores(tracks), tuple(track.table.key.dataset for track in tracks))
    headings = [Heading("method", "text"), *_headings(tracks), Heading("tracks", meaning="Tracks with a number.")]
    headings += [Heading("mean rank", meaning=MEANING)] if ranks.by_label else []
    best = {track.best for track in tracks}
    rows = (_row(label, ceiling, tracks, best, ranks, long) for ceiling, label in labels)
    return Grid(
        name,
        f"All methods on all tracks, detector: {detector}",
        tuple(headings),
        tuple(rows),
        (BEST, *([INTERVALS] if long else []), *_unmarked(tracks), *ranks.notes),
    )


def _labels(tracks: Sequence[_Track]) -> list[tuple[bool, str]]:
    """Return (whether it is a ceiling, label) of all rows, ceilings first, then by name."""
    found = {(row.is_ceiling, row.label) for track in tracks for row in track.table.rows}
    return sorted(found, key=lambda each: (not each[0], each[1]))


def _scores(tracks: Sequence[_Track]) -> pd.DataFrame:
    """Return stored numbers, rows that compete × tracks, NaN where there is none."""
    labels = [label for ceiling, label in _labels(tracks) if not ceiling]
    values = {}
    for track in tracks:
        known = {row.label: track.value(row) for row in track.competitors}
        values[track.title] = [known.get(label, math.nan) for label in labels]
    return pd.DataFrame(values, index=pd.Index(labels), dtype="float64")


def _headings(tracks: Sequence[_Track]) -> list[Heading]:
    """Return one heading a track; above them stands the metric."""
    headings = []
    for column, members in groupby(tracks, key=lambda track: track.column):
        for track in members:
            meaning = join(track.section.title, _images(track.section), column.meaning, by=". ")
            headings.append(Heading(track.title, group=column.heading, meaning=meaning))
    return headings


def _images(section: DatasetSection) -> str:
    return section.subset or f"{section.images:,} images"


def _row(label: str, ceiling: bool, tracks: Sequence[_Track], best: set[str], ranks: MeanRanks, long: bool) -> GridRow:
    cells = [_cell(track, track.row(label), best, long) for track in tracks]
    given = sum(not math.isnan(cell.value) for cell in cells)
    coverage = GridCell(f"{given} of {len(cells)}", float(given))
    rank = (_rank(ranks.by_label.get(label)),) if ranks.by_label else ()
    name = GridCell(f"{label} (ceiling)" if ceiling else label)
    return GridRow((name, *cells, coverage, *rank), kind="ceiling" if ceiling else "")


def _cell(track: _Track, row: Row | None, best: set[str], long: bool) -> GridCell:
    """Return the entry of a row on a track; a dash with the reason where there is no number."""
    if row is None:
        return GridCell(MISSING, note=NOT_RUN)
    if row.failed:
        return GridCell(MISSING, key=row.key, note=f"Failed: {row.failure}")
    column, value = track.column, track.value(row)
    if math.isnan(value):
        reason = NOT_SCORED if row.record.metrics is None else UNDEFINED
        return GridCell(MISSING, key=row.key, note=reason)
    text = join(column.text(value), track.interval(row) if long else "", by=" ")
    return GridCell(text, value * column.factor, best=row.key in best, key=row.key)


def _rank(rank: float | None) -> GridCell:
    return GridCell(MISSING, note=NO_RANK) if rank is None else GridCell(f"{rank:.2f}", rank)


def _unmarked(tracks: Sequence[_Track]) -> list[str]:
    """Return a sentence on the tracks where nothing can be called best, if there are some."""
    names = [track.title for track in tracks if track.unpaired]
    return [f"No best is marked on {', '.join(names)}: not all cells were analysed there."] if names else []
