"""Which share of the gap between the degraded and the clean image each method recovers."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ...benchmark.analysis.robustness import recovered_share
from ...benchmark.statistics.inference import estimate
from ..tables import Table
from ..text import join
from .data import Entry, Interval, Track, Tracks, intervals_text, range_text
from .file import FigureFile
from .rowchart import Group, page_name, pages, places, row_figure
from .style import INK
from .text import listed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "gap-recovered"
FLOOR = "lr"
"""The method that hands the degraded image to the detector as it is."""
PERCENT = 100.0
_LEAST, _MOST = -100.0, 200.0
"""Where the axis ends, in percent, if only intervals go on; points are always shown."""

_Row = tuple[Entry, Interval]
_Groups = list[Group[_Row]]


def recovered_figures(tracks: Tracks) -> list[FigureFile]:
    """Return the figure over all tracks with a floor, a higher ceiling and a method between, in parts of a page each.

    Floor and ceiling are those behind the same detector on the same images.
    """
    found = [(track, group) for track in tracks.each for group in _groups(track)]
    parts = pages([group for _, group in found])
    of = {id(group): track for track, group in found}
    return [
        _figure(tracks, part, [of[id(group)] for group in part], page_name(NAME, number, len(parts)))
        for number, part in enumerate(parts, start=1)
    ]


def share_interval(method: Entry, floor: Entry, ceiling: Entry, metric: str) -> Interval | None:
    """Return the share in percent with its interval from paired replicates; None where there is no gap to recover.

    In each replicate all three numbers come from the same drawn images. Replicates without a gap have no share.
    """
    trio = (method, floor, ceiling)
    share = recovered_share(*(entry.stored(metric) for entry in trio))
    if share is None:
        return None
    drawn = [found for entry in trio if (found := entry.replicates(metric)) is not None]
    if len(drawn) < len(trio) or len({len(each) for each in drawn}) > 1:
        return Interval(share * PERCENT)
    own, low, high = drawn
    gap = high - low
    shares = np.divide(own - low, gap, out=np.full(len(gap), np.nan), where=gap > 0)
    found = estimate(shares)
    ends = (math.nan if end is None else end * PERCENT for end in (found.low, found.high))
    return Interval(share * PERCENT, *ends)


def _groups(track: Track) -> _Groups:
    """Return the rows of each detector's table that has floor, ceiling and something between."""
    found = [(table, rows) for table in track.section.tables if (rows := _rows(track, table))]
    return [
        Group(join(track.name, table.key.detector_name if len(found) > 1 else "", by=" · "), rows)
        for table, rows in found
    ]


def _rows(track: Track, table: Table) -> tuple[tuple[str, _Row], ...]:
    entries = [entry for entry in track.entries if entry.table is table and entry.name in track.values]
    floors = [entry for entry in entries if entry.record.cell.method == FLOOR]
    ceilings = [entry for entry in entries if table.ceiling is not None and entry.row.key == table.ceiling.key]
    if not floors or not ceilings:
        return ()
    floor = max(floors, key=lambda entry: (entry.record.started, entry.row.key))
    shares = [
        (entry, share_interval(entry, floor, ceilings[0], track.primary.key))
        for entry in entries
        if not entry.is_ceiling and entry is not floor
    ]
    return tuple((entry.name, (entry, share)) for entry, share in shares if share is not None)


def _figure(tracks: Tracks, groups: _Groups, shown: list[Track], name: str) -> FigureFile:
    entries = [entry for group in groups for _, (entry, _) in group.rows]
    values = {f"{label} on {group.heading}": share.value for group in groups for label, (_, share) in group.rows}
    alt = f"Dot plot of the share of the gap recovered: {range_text(values, '%', 0)}."
    caption = join(
        "Share of the gap in the primary metric between the degraded image as it is (lr, 0 %) and the clean image (the "
        f"ceiling, 100 %) behind the same detector, on {listed([track.text for track in shown], 12)}.",
        intervals_text(entries, shown[0].primary, "Bars"),
        "All three numbers come from the same drawn images." if _with_intervals(groups) else "",
        f"Bars are cut where they leave {_LEAST:g} to {_MOST:g} %." if _cut(groups) else "",
        by=" ",
    )
    return FigureFile(name, "Share of the gap recovered", alt, caption, partial(_draw, tracks, groups))


def _with_intervals(groups: _Groups) -> bool:
    return any(share.has_ends for group in groups for _, (_, share) in group.rows)


def _cut(groups: _Groups) -> bool:
    shares = [share for group in groups for _, (_, share) in group.rows if share.has_ends]
    return any(share.low < _LEAST or share.high > _MOST for share in shares)


def _draw(tracks: Tracks, groups: _Groups) -> Figure:
    figure, axes = row_figure(groups)
    for place, (entry, share) in places(groups):
        # Row by row, so that the lines do not cross the headings.
        axes.vlines([0.0, PERCENT], place - 0.5, place + 0.5, color=INK, linewidth=0.8, alpha=0.6)
        look = tracks.look(entry.name)
        if share.has_ends:
            axes.plot([share.low, share.high], [place, place], color=look.colour, linewidth=1.2, solid_capstyle="butt")
        axes.plot([share.value], [place], color=look.colour, marker=look.marker, linestyle="none")
    shares = [share for group in groups for _, (_, share) in group.rows]
    values = [share.value for share in shares]
    ends = [end for share in shares if share.has_ends for end in (share.low, share.high)]
    low = min(0.0, *values, *(max(end, _LEAST) for end in ends))
    high = max(PERCENT, *values, *(min(end, _MOST) for end in ends))
    axes.set_xlim(low - 4, high + 4)
    axes.set_xlabel("share of the gap recovered (%)")
    return figure
