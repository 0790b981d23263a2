"""AP against a number that tells tracks apart: scale, beta of fog, noise, severity; with bands."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ..text import join, slug
from .data import Entry, Interval, Tracks, detectors_text, intervals_text, left_out_text, range_text
from .file import FigureFile
from .layout import Mark, line_style, new_figure
from .parameters import Sweep, sweeps_of
from .style import keep_above_zero, set_grid
from .text import in_words, listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Curve = list[tuple[float, Interval]]
MOST_TICKS = 8


def sweep_figures(tracks: Tracks) -> list[FigureFile]:
    """Return one figure for each family of tracks that differ in one number; none where there is no such family."""
    figures = [_figure(tracks, sweep) for sweep in sweeps_of(tracks.each)]
    return [figure for figure in figures if figure is not None]


def _figure(tracks: Tracks, sweep: Sweep) -> FigureFile | None:
    """Return the figure; None where no method has a number at two points of the axis."""
    curves, single = _curves(sweep)
    if not curves:
        return None
    column = sweep.points[0][1].primary
    shown = [track for _, track in sweep.points]
    entries = [entry for track in shown for entry in track.entries if entry.name in curves]
    values = {f"{name} at {number:g}": interval.value for name, curve in curves.items() for number, interval in curve}
    title = f"{column.label} against {sweep.label}: {in_words(sweep.family)}"
    numbers = sorted({number for number, _ in sweep.points})
    alt = (
        f"Line chart. {column.heading} of {listed(list(curves))} at {sweep.label} "
        f"{', '.join(f'{number:g}' for number in numbers)}: from {range_text(values, column.unit)}."
    )
    caption = join(
        f"{column.heading} of each method on {listed([track.text for track in shown], 12)}.",
        intervals_text(entries, column, "Bands"),
        detectors_text(entries),
        left_out_text(single, "a number at fewer than two points"),
        by=" ",
    )
    name = f"sweep-{slug(sweep.family)}-{slug(sweep.parameter)}"
    return FigureFile(name, title, alt, caption, partial(_draw, tracks, sweep, curves, _ceilings(entries)))


def _curves(sweep: Sweep) -> tuple[dict[str, Curve], list[str]]:
    """Return the curves by the methods' names, in the order of the first track; and who has a single point only."""
    found: dict[str, Curve] = {}
    for number, track in sweep.points:
        for name, interval in track.values.items():
            found.setdefault(name, []).append((number, interval))
    whole = {name: curve for name, curve in found.items() if len({number for number, _ in curve}) > 1}
    return whole, [name for name in found if name not in whole]


def _ceilings(entries: list[Entry]) -> frozenset[str]:
    return frozenset(entry.name for entry in entries if entry.is_ceiling)


def _draw(tracks: Tracks, sweep: Sweep, curves: dict[str, Curve], ceilings: frozenset[str]) -> Figure:
    marks = [Mark(f"{name} (ceiling)" if name in ceilings else name, tracks.look(name), line=True) for name in curves]
    figure, axes = new_figure(1.9, marks=marks)
    for mark, curve in zip(marks, curves.values(), strict=True):
        _draw_curve(axes, mark, curve)
    numbers = sorted({number for number, _ in sweep.points})
    if len(numbers) <= MOST_TICKS:
        axes.set_xticks(numbers, [f"{number:g}" for number in numbers])
    axes.set_xlabel(sweep.label)
    axes.set_ylabel(sweep.points[0][1].primary.heading)
    set_grid(axes, "y")
    keep_above_zero(axes)
    return figure


def _draw_curve(axes: Axes, mark: Mark, curve: Curve) -> None:
    banded = [(number, interval) for number, interval in curve if interval.has_ends]
    if banded:
        lows, highs = [interval.low for _, interval in banded], [interval.high for _, interval in banded]
        axes.fill_between(
            [number for number, _ in banded], lows, highs, color=mark.look.colour, alpha=0.15, linewidth=0
        )
    values = [interval.value for _, interval in curve]
    axes.plot([number for number, _ in curve], values, clip_on=False, **line_style(mark))
