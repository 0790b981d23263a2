"""How much AP each kind of error costs, after TIDE: by severity where there are several degrees, else by track."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ...benchmark.analysis.tide import ERRORS
from ..text import join, slug
from .data import Entry, Track, Tracks, detectors_text, left_out_text, range_text
from .file import FigureFile
from .layout import Mark, area_style
from .parameters import Sweep, sweeps_of
from .rowchart import Group, page_name, pages, places, row_figure
from .style import HATCHES, PALETTE, Look
from .text import in_words, listed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES: Mapping[str, str] = {
    "Cls": "class",
    "Loc": "place",
    "Both": "both",
    "Dupe": "duplicate",
    "Bkg": "background",
    "Miss": "missed",
}
"""The kinds of error in words, short enough for a legend."""
_MEANING = (
    "AP at IoU 0.5 that mending all errors of a kind would add (TIDE, Bolya et al. 2020; both: wrong class and "
    "wrong place), in percentage points; the "
    "costs do not add up, since errors hide each other: read the length of each part. No intervals."
)

_Row = tuple[Entry, tuple[float, ...]]
_Groups = list[Group[_Row]]


def tide_figures(tracks: Tracks) -> list[FigureFile]:
    """Return bars by severity of each family of tracks, and by track of those that belong to no family.

    Only analysed cells have bars; none where no cell was analysed.
    """
    sweeps = sweeps_of(tracks.each)
    figures = [figure for sweep in sweeps for figure in _by_severity(sweep)]
    swept = {track.name for sweep in sweeps for _, track in sweep.points}
    others = [track for track in tracks.each if track.name not in swept]
    return [*figures, *_figures("errors", "Errors by track", others, _by_track(others))]


def _costs(entry: Entry) -> tuple[float, ...] | None:
    """Return the cost of each kind in percentage points; None unless all are known."""
    tide = None if entry.analysis is None or entry.row.failed else entry.analysis.tide
    if tide is None or any(name not in tide or math.isnan(tide[name]) for name in ERRORS):
        return None
    return tuple(100.0 * tide[name] for name in ERRORS)


def _by_track(tracks: list[Track]) -> _Groups:
    groups = [
        Group(track.name, tuple((e.name, (e, costs)) for e in track.entries if (costs := _costs(e)) is not None))
        for track in tracks
    ]
    return [group for group in groups if group.rows]


def _by_severity(sweep: Sweep) -> list[FigureFile]:
    rows: dict[str, list[tuple[str, _Row]]] = {}
    for number, track in sweep.points:
        for entry in track.entries:
            costs = _costs(entry)
            if costs is not None:
                rows.setdefault(entry.name, []).append((f"{number:g}", (entry, costs)))
    groups = [Group(f"{name}, by {sweep.label}", tuple(found)) for name, found in rows.items()]
    name = f"errors-{slug(sweep.family)}-{slug(sweep.parameter)}"
    title = f"Errors by {sweep.label}: {in_words(sweep.family)}"
    return _figures(name, title, [track for _, track in sweep.points], groups)


def _figures(name: str, title: str, tracks: list[Track], groups: _Groups) -> list[FigureFile]:
    parts = pages(groups)
    return [
        _figure(page_name(name, number, len(parts)), title, tracks, part) for number, part in enumerate(parts, start=1)
    ]


def _figure(name: str, title: str, tracks: list[Track], groups: _Groups) -> FigureFile:
    rows = [(group.heading, label, *row) for group in groups for label, row in group.rows]
    values = {
        f"{NAMES[kind]}; {heading}: {label}": cost
        for heading, label, _, costs in rows
        for kind, cost in zip(ERRORS, costs, strict=True)
    }
    drawn = {entry.row.key for _, _, entry, _ in rows}
    shown = [track for track in tracks if any(entry.row.key in drawn for entry in track.entries)]
    lacking = [e.name for track in shown for e in track.entries if e.row.key not in drawn and _costs(e) is None]
    alt = f"Stacked bars of {len(rows)} cells, one part for each of {len(ERRORS)} kinds of error. Costs in points: "
    caption = join(
        f"Errors on {listed([track.text for track in shown], 12)}. {_MEANING}",
        detectors_text(entry for _, _, entry, _ in rows),
        left_out_text(lacking, "no analysis"),
        by=" ",
    )
    return FigureFile(name, title, alt + f"{range_text(values, '')}.", caption, partial(_draw, groups))


def _draw(groups: _Groups) -> Figure:
    marks = [
        Mark(NAMES[name], Look(colour, "", ""), hatch=hatch)
        for name, colour, hatch in zip(ERRORS, PALETTE, HATCHES, strict=True)
    ]
    figure, axes = row_figure(groups, marks)
    found = list(places(groups))
    heights = [place for place, _ in found]
    costs = np.array([parts for _, (_, parts) in found])
    starts = np.cumsum(costs, axis=1) - costs
    for kind, mark in enumerate(marks):
        axes.barh(heights, costs[:, kind], left=starts[:, kind], height=0.7, **area_style(mark))
    axes.set_xlim(left=0)
    axes.set_xlabel("cost of errors, points of AP at IoU 0.5")
    return figure
