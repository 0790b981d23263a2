"""What all figures are drawn from: image sets as tracks, with the cells measured on each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...benchmark.statistics.inference import LEVEL, estimate
from ...results.record import Record
from ..columns import Column
from ..rows import Row
from ..sections import DatasetSection, sections_of, told_apart
from ..tables import Table, comparison_tables
from ..text import join
from .style import CEILING_LOOK, Look, look
from .text import in_words, listed

Replicates = NDArray[np.float64]
"""A metric of one cell, (R + 1,): first the number on the images as they are, then in each bootstrap replicate."""


class Analysis(Protocol):
    """What figures need of a ``benchmark.analysis.cells.CellAnalysis``."""

    @property
    def replicates(self) -> Mapping[str, Replicates]:
        """Return replicates by the metric's name; paired among cells on the same images."""
        ...

    @property
    def tide(self) -> Mapping[str, float] | None:
        """Return the AP that each kind of error costs, a fraction, by the kind's name; None where it is unknown."""
        ...


Analyses = Mapping[str, Analysis]
"""Analyses by the cell's key."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A number as printed, with its interval; NaN for what is not known.

    Attributes:
        value: In the printed unit.
        low: Lower end of the 95 % interval.
        high: Upper end.
    """

    value: float
    low: float = math.nan
    high: float = math.nan

    @property
    def known(self) -> bool:
        """Return whether there is a number."""
        return not math.isnan(self.value)

    @property
    def has_ends(self) -> bool:
        """Return whether there is an interval."""
        return not (math.isnan(self.low) or math.isnan(self.high))


@dataclass(frozen=True, eq=False)
class Entry:
    """One cell of a track.

    Attributes:
        row: The row of the table it stands in.
        table: That table: the rows with the same detector.
        name: What figures call it: the row's label, with the detector where one label stands for several.
        analysis: Its replicates and error costs; None where it was not analysed.
    """

    row: Row
    table: Table
    name: str
    analysis: Analysis | None

    @property
    def record(self) -> Record:
        """Return the record."""
        return self.row.record

    @property
    def is_ceiling(self) -> bool:
        """Return whether the method sees the clean image."""
        return self.row.is_ceiling

    def stored(self, metric: str) -> float:
        """Return a metric as stored; NaN where it is missing or undefined, or the cell failed."""
        metrics = self.record.metrics
        value = metrics.values.get(metric) if metrics is not None and not self.row.failed else None
        return math.nan if value is None else float(value)

    def replicates(self, metric: str) -> Replicates | None:
        """Return the replicates of a metric; None where there are none, or the metric is undefined."""
        found = None if self.analysis is None else self.analysis.replicates.get(metric)
        return None if found is None or len(found) < 2 or math.isnan(found[0]) else found

    def interval(self, column: Column) -> Interval:
        """Return a metric in its printed unit, with its interval where the cell was analysed."""
        value, replicates = self.stored(column.key), self.replicates(column.key)
        if math.isnan(value) or replicates is None:
            return Interval(value * column.factor)
        bounds = (0.0, 1.0) if column.factor == 100.0 else (-np.inf, np.inf)
        found = estimate(replicates, bounds=bounds)
        low, high = (math.nan if end is None else end * column.factor for end in (found.low, found.high))
        return Interval(value * column.factor, low, high)


@dataclass(frozen=True, eq=False)
class Track:
    """An image set with all cells on it.

    Attributes:
        section: Its tables and facts.
        name: Its name, unique among the tracks of a report.
        entries: Ceilings first, then best first, table by table.
    """

    section: DatasetSection
    name: str
    entries: tuple[Entry, ...]

    @property
    def primary(self) -> Column:
        """Return the metric of the track's protocol."""
        return self.section.tables[0].primary

    @cached_property
    def values(self) -> dict[str, Interval]:
        """Return the primary metric of the entries that have it, by their names."""
        found = {entry.name: entry.interval(self.primary) for entry in self.entries}
        return {name: interval for name, interval in found.items() if interval.known}

    @property
    def text(self) -> str:
        """Return which images these are, in words."""
        return f"{in_words(self.name)} ({self.section.images:,} images)"


@dataclass(frozen=True, eq=False)
class Tracks:
    """All tracks of a report.

    Attributes:
        each: Ordered by their names' tables, so that the order of records does not matter.
    """

    each: tuple[Track, ...]

    @cached_property
    def _looks(self) -> dict[str, Look]:
        names = sorted({entry.name for track in self.each for entry in track.entries if not entry.is_ceiling})
        return {name: look(number) for number, name in enumerate(names)}

    def look(self, name: str) -> Look:
        """Return how the entries of a name are drawn, the same in all figures."""
        return self._looks.get(name, CEILING_LOOK)

    def track_look(self, track: Track) -> Look:
        """Return how the points of a track are drawn where figures show several in one frame."""
        return look(self.each.index(track))


def tracks_of(records: Sequence[Record], analyses: Analyses) -> Tracks:
    """Return the tracks of records.

    Args:
        records: In any order; the result does not depend on it.
        analyses: By the cell's key; those of other cells are not looked at.
    """
    sections = sections_of(comparison_tables(records))
    several = _ambiguous(sections)
    return Tracks(
        tuple(
            Track(section, name, tuple(_entries(section, several, analyses)))
            for section, name in zip(sections, _names(sections), strict=True)
        )
    )


def _ambiguous(sections: Iterable[DatasetSection]) -> set[str]:
    """Return the labels that stand for several detectors on the same images."""
    found = set()
    for section in sections:
        labels = [row.label for table in section.tables for row in table.rows]
        found |= {label for label in labels if labels.count(label) > 1}
    return found


def _entries(section: DatasetSection, ambiguous: set[str], analyses: Analyses) -> Iterable[Entry]:
    for table in section.tables:
        for row in table.rows:
            name = f"{row.label} · {table.key.detector_name}" if row.label in ambiguous else row.label
            yield Entry(row, table, name, analyses.get(row.key))


def _names(sections: Sequence[DatasetSection]) -> list[str]:
    """Return a name for each image set: the dataset's, and what tells it apart where several have the same."""
    keys = [section.tables[0].key for section in sections]
    names = [key.dataset for key in keys]
    several = {name for name in names if names.count(name) > 1}
    return told_apart(sections, [join(key.dataset, key.split if key.dataset in several else "") for key in keys])


def range_text(values: Mapping[str, float], unit: str, decimals: int = 1) -> str:
    """Return the range of the known numbers with what has them: "12.5 % (lr) to 40.2 % (hr)".

    Args:
        values: By name; NaN for missing.
        unit: Behind each number; empty for none.
        decimals: Digits after the point.
    """
    known = sorted((value, name) for name, value in values.items() if not math.isnan(value))
    if not known:
        return "no number"
    ends = known[:1] + known[-1:]
    low, high = (f"{join(f'{value:.{decimals}f}', unit, by=' ')} ({in_words(name)})" for value, name in ends)
    return f"{low} to {high}"


def intervals_text(entries: Iterable[Entry], column: Column, drawn: str) -> str:
    """Return the sentence on what the drawn intervals are; that there are none where no entry has one.

    Args:
        entries: What is drawn.
        column: The metric.
        drawn: What they are in the figure: "Bands".
    """
    counts = {len(found) - 1 for entry in entries if (found := entry.replicates(column.key)) is not None}
    if not counts:
        return "No intervals: the cells were not analysed."
    number = " or ".join(f"{count:,}" for count in sorted(counts))
    return f"{drawn}: {LEVEL * 100:g} % percentile intervals of {number} bootstrap replicates of the images."


def detectors_text(entries: Iterable[Entry]) -> str:
    """Return the sentence on what detects: one detector, several, or the methods' own."""
    given = list(entries)
    detectors = sorted({entry.table.key.detector for entry in given if entry.table.key.detector})
    own = sorted({entry.name for entry in given if not entry.table.key.detector})
    behind = f"Detector: {listed(detectors)}." if detectors else ""
    brought = f"{listed(own)} with {'its' if len(own) == 1 else 'their'} own detector." if own else ""
    return join(behind, brought, by=" ")


def left_out_text(names: Iterable[str], why: str = "no number") -> str:
    """Return the sentence on what is not drawn; empty for nothing."""
    missing = sorted(set(names))
    return f"Not drawn, for there is {why}: {listed(missing)}." if missing else ""
