"""Image quality against detection: one point a method and track."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...benchmark.metrics.quality import PSNR_CAP
from ..columns import Column, quality_columns
from ..text import join
from .data import Entry, Interval, Track, Tracks, detectors_text, intervals_text, range_text
from .file import FigureFile
from .labels import label_points
from .layout import Mark, line_style, new_figure
from .style import keep_above_zero, look, set_grid
from .text import in_words, listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEWEST = 2
"""Points below which there is no figure."""
FEWEST_RANKED = 4
"""Points of a track below which no rank correlation is stated."""
MOST_LABELED = 24
"""Points that have room for their names and intervals."""
PREFERRED = "PSNR_Y"


@dataclass(frozen=True, eq=False)
class _Point:
    entry: Entry
    quality: Interval
    score: Interval


@dataclass(frozen=True, eq=False)
class _Series:
    """The points of one track and detector.

    Attributes:
        name: Of the track, with the detector where it has points of several.
        track: The track.
        points: By the methods' names.
    """

    name: str
    track: Track
    points: tuple[_Point, ...]

    @property
    def correlation(self) -> float | None:
        """Return Spearman's rho of quality and score; None where it is not stated."""
        return rank_correlation([p.quality.value for p in self.points], [p.score.value for p in self.points])

    @property
    def text(self) -> str:
        """Return the name with the correlation where it is stated."""
        rho = self.correlation
        return self.name if rho is None else f"{self.name}: rho {_signed(rho)}"


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return Spearman's rho (Pearson's r of the ranks, ties at their mean rank), in [-1, 1].

    Returns:
        None for fewer than four pairs, or where one side does not vary.
    """
    if len(first) < FEWEST_RANKED or len(set(first)) < 2 or len(set(second)) < 2:
        return None
    return float(np.corrcoef(pd.Series(first).rank(), pd.Series(second).rank())[0, 1])


def quality_figures(tracks: Tracks) -> list[FigureFile]:
    """Return the figure of PSNR against the primary metric over all tracks; none for fewer than two points.

    PSNR of the luma channel where any cell has it, else the first that there is. Images restored perfectly (100 dB and
    more) say nothing of a method and are left out.
    """
    column = _quality_column(tracks)
    series = [] if column is None else [found for track in tracks.each for found in _series(track, column)]
    if column is None or sum(len(each.points) for each in series) < FEWEST:
        return []
    return [_figure(series, column)]


def _quality_column(tracks: Tracks) -> Column | None:
    records = [entry.record for track in tracks.each for entry in track.entries]
    names = {name for record in records if record.metrics for name in record.metrics.values}
    columns = [column for column in quality_columns(names) if column.key.startswith("PSNR")]
    return min(columns, key=lambda column: (column.key != PREFERRED, column.key), default=None)


def _series(track: Track, column: Column) -> list[_Series]:
    by_table = [
        [
            _Point(entry, quality, track.values[entry.name])
            for entry in track.entries
            if entry.table is table
            and entry.name in track.values
            and (quality := entry.interval(column)).value < PSNR_CAP
        ]
        for table in track.section.tables
    ]
    found = [points for points in by_table if points]
    return [
        _Series(
            join(track.name, points[0].entry.table.key.detector_name if len(found) > 1 else "", by=" · "),
            track,
            tuple(sorted(points, key=lambda point: point.entry.name)),
        )
        for points in found
    ]


def _figure(series: list[_Series], column: Column) -> FigureFile:
    metrics = {each.track.primary.key: each.track.primary for each in series}
    heading = next(iter(metrics.values())).heading if len(metrics) == 1 else "primary metric (%)"
    label = next(iter(metrics.values())).label if len(metrics) == 1 else "the primary metric"
    points = {f"{point.entry.name} on {each.name}": point for each in series for point in each.points}
    entries = [point.entry for point in points.values()]
    stated = [f"{in_words(each.name)} {_signed(rho)}" for each in series if (rho := each.correlation) is not None]
    alt = (
        f"Scatter plot of {len(points)} points on {listed([each.name for each in series])}. {column.heading}: "
        f"{range_text({n: p.quality.value for n, p in points.items()}, column.unit)}. {heading}: "
        f"{range_text({n: p.score.value for n, p in points.items()}, '%')}."
    )
    caption = join(
        f"Each point is a method on a track: {listed([each.track.text for each in series], 12)}.",
        intervals_text(entries, series[0].track.primary, "Bars") if _are_few(series) else "",
        detectors_text(entries),
        f"Rank correlation (Spearman) over the methods of a track: {'; '.join(stated)}." if stated else "",
        by=" ",
    )
    title = f"{column.label} against {label}"
    return FigureFile("quality", title, alt, caption, partial(_draw, series, column, heading))


def _signed(rho: float) -> str:
    return f"{rho:+.2f}".replace("-", "\N{MINUS SIGN}")


def _draw(series: list[_Series], column: Column, heading: str) -> Figure:
    marks = [Mark(each.text, look(number)) for number, each in enumerate(series)]
    figure, axes = new_figure(2.5, marks=marks)
    few = _are_few(series)
    for mark, each in zip(marks, series, strict=True):
        _draw_series(axes, mark, each, few)
    axes.margins(x=0.22, y=0.12)
    keep_above_zero(axes)
    axes.set_xlabel(column.heading)
    axes.set_ylabel(heading)
    set_grid(axes)
    if few:
        points = [point for each in series for point in each.points]
        marks = [(point.quality.value, point.score.value) for point in points]
        label_points(axes, marks, [point.entry.name for point in points])
    return figure


def _are_few(series: list[_Series]) -> bool:
    """Return whether there is room for names and intervals."""
    return sum(len(each.points) for each in series) <= MOST_LABELED


def _draw_series(axes: Axes, mark: Mark, series: _Series, intervals: bool) -> None:
    bars = {"colors": mark.look.colour, "linewidth": 0.8, "alpha": 0.5, "zorder": 1}
    across = [(p.score.value, p.quality.low, p.quality.high) for p in series.points if p.quality.has_ends]
    upward = [(p.quality.value, p.score.low, p.score.high) for p in series.points if p.score.has_ends]
    for draw, ends in ((axes.hlines, across), (axes.vlines, upward)):
        if ends and intervals:
            at, lows, highs = map(list, zip(*ends, strict=True))
            draw(at, lows, highs, **bars)
    xs, ys = [point.quality.value for point in series.points], [point.score.value for point in series.points]
    axes.plot(xs, ys, zorder=3, **line_style(mark))
