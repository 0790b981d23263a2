"""AP against what it costs, the methods that no other beats in both marked: FLOPs of restoring, and latency."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ...results.timing import TimingRecord
from ..columns import FLOPS
from ..text import join, slug
from ..timing import sharing
from .data import Entry, Interval, Track, Tracks, detectors_text, intervals_text, left_out_text, range_text
from .file import FigureFile
from .layout import Mark, ink_line, line_style, new_figure
from .style import INK, SMALL, keep_above_zero, set_grid
from .text import in_words, listed, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEWEST = 2
"""Points below which there is nothing to compare."""
_STEPS = (1, 2, 5)
"""Round numbers of a decade."""
_MOST_TICKS = 7
FRONT = "Pareto front, filled marks: no other method is both cheaper and better"


@dataclass(frozen=True, eq=False)
class _Point:
    """A method: what it costs, and what it reaches."""

    entry: Entry
    cost: Interval
    score: Interval


@dataclass(frozen=True, slots=True)
class _Axis:
    """What costs are: words at the axis and in sentences, unit, and what they were measured on."""

    kind: str
    label: str
    unit: str
    meaning: str


_FLOPS_AXIS = _Axis(
    "flops",
    "restoring, GFLOPs an image",
    "GFLOPs",
    "Cost: floating-point operations of the restoring network, mean over images; the detector's are not in it.",
)


def flops_figures(tracks: Tracks) -> list[FigureFile]:
    """Return one figure for each track on which at least two methods tell the FLOPs of restoring."""
    return [figure for track in tracks.each if (figure := _of_costs(tracks, track)) is not None]


def latency_figures(tracks: Tracks, timings: Sequence[TimingRecord]) -> list[FigureFile]:
    """Return one figure for each track and way of timing in which at least two methods may be compared.

    Args:
        tracks: Tracks.
        timings: In any order. Only those that ``reports.timing`` calls comparable are drawn: quiet ones, on the same
            images, machine and settings. Their cells are those of the records.
    """
    groups: dict[str, list[TimingRecord]] = defaultdict(list)
    for timing in timings:
        if timing.latency is not None and timing.quiet:
            groups[str(sharing(timing))].append(timing)
    ordered = [groups[key] for key in sorted(groups)]
    found = [_of_latencies(tracks, track, group) for track in tracks.each for group in ordered]
    return [figure for figure in found if figure is not None]


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return which of (cost, score) pairs no other one beats, from the cheapest to the most costly.

    One beats another if it costs no more and scores no less, and is better in one of both; equals beat neither.
    """
    front = []
    for place, (cost, score) in enumerate(points):
        beaten = any(c <= cost and s >= score and (c, s) != (cost, score) for c, s in points)
        if not beaten:
            front.append(place)
    return sorted(front, key=lambda place: (*points[place], place))


def _of_costs(tracks: Tracks, track: Track) -> FigureFile | None:
    costs = {
        entry.row.key: Interval(entry.record.cost.flops_mean * FLOPS.factor)
        for entry in track.entries
        if entry.record.cost is not None and entry.record.cost.flops_mean > 0
    }
    return _figure(tracks, track, _FLOPS_AXIS, costs)


def _of_latencies(tracks: Tracks, track: Track, timings: Sequence[TimingRecord]) -> FigureFile | None:
    costs, given = {}, timings[0].conditions
    for timing in sorted(timings, key=lambda each: (each.started, each.model_dump_json())):
        latency = timing.latency
        assert latency is not None
        ends = (math.nan if end is None else end for end in (latency.low_ms, latency.high_ms))
        costs[timing.cell.key] = Interval(latency.median_ms, *ends)
    threads = f"{given.threads} thread{'s' if given.threads > 1 else ''}"
    axis = _Axis(
        f"latency-{given.directory}",
        f"median latency, ms a call (batch {given.batch_size})",
        "ms",
        f"Cost: median latency of a call with {given.batch_size} image{'s' if given.batch_size > 1 else ''}, over "
        f"{given.images:,} images with its 95 % interval; {in_words(given.machine)}, {threads}, {given.precision}.",
    )
    return _figure(tracks, track, axis, costs)


def _figure(tracks: Tracks, track: Track, axis: _Axis, costs: Mapping[str, Interval]) -> FigureFile | None:
    """Return the figure of the entries that have a cost and a number; None for fewer than two."""
    points = [
        _Point(entry, costs[entry.row.key], track.values[entry.name])
        for entry in track.entries
        if entry.name in track.values and entry.row.key in costs
    ]
    points.sort(key=lambda point: (point.cost.value, point.score.value, point.entry.name))
    competing = [point for point in points if not point.entry.is_ceiling]
    if len(competing) < FEWEST:
        return None
    column = track.primary
    front = {competing[place].entry.name for place in pareto_front([_pair(point) for point in competing])}
    lacking = [e.name for e in track.entries if not e.is_ceiling and e.row.key not in costs and e.name in track.values]
    alt = (
        f"Scatter plot on {in_words(track.name)}. {column.heading}: "
        f"{range_text({p.entry.name: p.score.value for p in points}, column.unit)}. Cost: "
        f"{range_text({p.entry.name: p.cost.value for p in points}, axis.unit)}. On the Pareto front: "
        f"{listed([p.entry.name for p in competing if p.entry.name in front])}."
    )
    shown = [point.entry for point in points]
    caption = join(
        f"{column.heading} on {track.text}. {axis.meaning} {FRONT}; ceilings do not compete.",
        intervals_text(shown, column, "Bars"),
        detectors_text(shown),
        left_out_text(lacking, "no cost"),
        by=" ",
    )
    kind = "latency" if axis.kind.startswith("latency") else "FLOPs"
    name = join("pareto", axis.kind, slug(track.name), by="-")
    title = f"{column.label} against {kind}: {in_words(track.name)}"
    return FigureFile(name, title, alt, caption, partial(_draw, tracks, track, axis, points, front))


def _pair(point: _Point) -> tuple[float, float]:
    return point.cost.value, point.score.value


def _draw(tracks: Tracks, track: Track, axis: _Axis, points: list[_Point], front: set[str]) -> Figure:
    marks = [_mark(tracks, point.entry, front) for point in points]
    figure, axes = new_figure(1.9, marks=[*marks, ink_line("Pareto front", "-")])
    axes.step(*_stairs(points, front), where="post", color=INK, linewidth=0.8, alpha=0.6, zorder=1)
    _draw_intervals(axes, points, [mark.look.colour for mark in marks])
    for point, mark in zip(points, marks, strict=True):
        axes.plot(*_pair(point), markersize=5.5, zorder=3, **line_style(mark))
    _scale_costs(axes, [point.cost.value for point in points])
    _draw_ceiling(axes, track, {point.entry.name for point in points})
    axes.set_xlabel(axis.label)
    axes.set_ylabel(track.primary.heading)
    set_grid(axes)
    keep_above_zero(axes)
    return figure


def _stairs(points: list[_Point], front: set[str]) -> tuple[list[float], list[float]]:
    """Return the corners of the front, drawn on to the most costly method."""
    corners = [_pair(point) for point in points if point.entry.name in front]
    corners.append((max(point.cost.value for point in points), corners[-1][1]))
    return [x for x, _ in corners], [y for _, y in corners]


def _mark(tracks: Tracks, entry: Entry, front: set[str]) -> Mark:
    """Return a method's mark, filled on the front and hollow off it."""
    text = f"{entry.name} (ceiling)" if entry.is_ceiling else entry.name
    return Mark(text, tracks.look(entry.name), filled=entry.name in front)


def _draw_intervals(axes: Axes, points: list[_Point], colours: list[str]) -> None:
    across = [
        (p.score.value, p.cost.low, p.cost.high, c) for p, c in zip(points, colours, strict=True) if p.cost.has_ends
    ]
    upward = [
        (p.cost.value, p.score.low, p.score.high, c) for p, c in zip(points, colours, strict=True) if p.score.has_ends
    ]
    for draw, bars in ((axes.hlines, across), (axes.vlines, upward)):
        if bars:
            at, lows, highs, shown = map(list, zip(*bars, strict=True))
            draw(at, lows, highs, colors=shown, linewidth=0.8, alpha=0.7)


def _scale_costs(axes: Axes, costs: list[float]) -> None:
    """Set a logarithmic axis where costs span more than a factor of 10, with plain numbers at its ticks."""
    axes.margins(x=0.12, y=0.12)
    if max(costs) <= 10 * min(costs):
        return
    axes.set_xscale("log")
    axes.minorticks_off()
    low, high = axes.get_xlim()
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    numbers = [step * 10.0**power for power in powers for step in _STEPS]
    shown = [number for number in numbers if low <= number <= high]
    decades = [number for number in shown if f"{number:e}".startswith("1")]
    ticks = shown if len(shown) <= _MOST_TICKS else decades
    axes.set_xticks(ticks, [f"{number:,.6g}" for number in ticks])


def _draw_ceiling(axes: Axes, track: Track, drawn: set[str]) -> None:
    """Draw the best ceiling that has no cost as a line across."""
    ceilings = [e for e in track.entries if e.is_ceiling and e.name in track.values and e.name not in drawn]
    if not ceilings:
        return
    best = max(ceilings, key=lambda entry: (track.values[entry.name].value, entry.name))
    value = track.values[best.name].value
    axes.axhline(value, color=INK, linewidth=0.8, linestyle=(0, (2, 1)), alpha=0.7)
    axes.annotate(
        f"ceiling: {shortened(best.name, 24)}",
        (0.99, value),
        xycoords=("axes fraction", "data"),
        xytext=(0, -2),
        textcoords="offset points",
        ha="right",
        va="top",
        fontsize=SMALL,
    )
