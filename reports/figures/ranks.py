"""Mean ranks of methods over tracks, and which are not told apart: the critical-difference diagram of Demšar."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from ..text import join
from .data import Track, Tracks, left_out_text, range_text
from .file import FigureFile
from .layout import EDGE, new_figure, widest
from .style import INK, LABEL, WIDTH
from .text import distinct, listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...benchmark.analysis.ranking import Ranking

FEWEST_METHODS, FEWEST_TRACKS = 2, 2
_STEP = 0.15
"""Height of a method's line in inches."""


def rank_figures(tracks: Tracks) -> list[FigureFile]:
    """Return the diagram over methods and tracks without a gap; none for fewer than two of either.

    Ceilings do not compete. A dataset counts once, with the largest of its image sets. Where coverage is unequal, the
    methods and tracks are those of the largest block without a missing number.
    """
    from ...benchmark.analysis.ranking import rank_methods

    used = _one_of_each_dataset(tracks)
    scores = _scores(used)
    block = largest_block(scores)
    if len(block) < FEWEST_METHODS or block.shape[1] < FEWEST_TRACKS:
        return []
    ranking = rank_methods(block)
    left_out = [str(name) for name in scores.index if name not in block.index]
    return [_figure(ranking, [track for track in used if track.name in ranking.datasets], left_out)]


def largest_block(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the rows and columns without a missing number that hold the most numbers; columns break a tie.

    Candidates for the columns are those that a row, or two rows together, have.

    Args:
        scores: Index: methods; columns: tracks; NaN for missing.
    """
    known = {name: frozenset(scores.columns[scores.loc[name].notna()]) for name in scores.index}
    candidates = {a & b for a in known.values() for b in known.values()}
    blocks = []
    for columns in candidates:
        rows = sorted(str(name) for name, own in known.items() if columns <= own)
        blocks.append((len(rows) * len(columns), len(columns), sorted(map(str, columns)), rows))
    _, _, columns, rows = max(blocks, default=(0, 0, [], []))
    return scores.loc[rows, columns]


def _one_of_each_dataset(tracks: Tracks) -> list[Track]:
    found: dict[str, Track] = {}
    for track in tracks.each:
        found.setdefault(track.section.tables[0].key.dataset, track)
    return list(found.values())


def _scores(tracks: list[Track]) -> pd.DataFrame:
    """Return the primary metric of the methods that compete; index: names, columns: tracks' names."""
    columns = {
        track.name: {
            entry.name: track.values[entry.name].value
            for entry in track.entries
            if not entry.is_ceiling and entry.name in track.values
        }
        for track in tracks
    }
    return pd.DataFrame(columns, dtype="float64").sort_index()


def _figure(ranking: Ranking, tracks: list[Track], left_out: list[str]) -> FigureFile:
    ranks = {str(name): float(rank) for name, rank in zip(ranking.table["method"], ranking.table["rank"], strict=True)}
    apart = (
        f"Methods joined by a bar are not told apart: their mean ranks lie within Nemenyi's critical difference (CD), "
        f"{ranking.critical_difference:.2f}, at level {ranking.alpha:g}."
        if ranking.critical_difference is not None
        else ""
    )
    tested = (
        f"Friedman's test, which takes tracks as independent: p = {ranking.p_chi2:.3g}."
        if ranking.p_chi2 is not None
        else ""
    )
    groups = "; ".join(listed(group) for group in ranking.groups)
    alt = join(
        f"Mean ranks of {len(ranks)} methods over {len(tracks)} tracks: {range_text(ranks, '', 2)}.",
        f"Not told apart: {groups}." if groups else "",
        by=" ",
    )
    caption = join(
        f"Mean over {listed([track.text for track in tracks], 12)} of the rank by the primary metric of each; 1 is "
        "best, ties share their mean. Ceilings do not compete.",
        tested,
        apart,
        join(*ranking.notes, by=" "),
        left_out_text(left_out, "no number on some of these tracks"),
        by=" ",
    )
    return FigureFile("ranks", "Mean ranks over tracks", alt, caption, partial(_draw, ranks, ranking))


def _draw(ranks: dict[str, float], ranking: Ranking) -> Figure:
    """Draw the axis of ranks with the best at the left; names left and right of it, bars over groups below it."""
    ordered = sorted(ranks.items(), key=lambda item: (item[1], item[0]))
    texts = distinct([name for name, _ in ordered], 17)
    texts = [f"{text} {rank:.2f}" for text, (_, rank) in zip(texts, ordered, strict=True)]
    levels = _bar_levels(ranks, ranking.groups)
    top = 0.6 + 0.5 * (max(levels, default=-1) + 1)
    half = math.ceil(len(ranks) / 2)
    start = -2.4 if ranking.critical_difference is not None else -1.4
    figure, axes = new_figure(_STEP * (top + half + 0.3 - start), left=EDGE, below=0.0)
    low, high = 1, max(len(ranks), 2)
    beside = widest(texts) + 0.12
    room = beside * (high - low) / (WIDTH - 2 * EDGE - 2 * beside)
    axes.set_xlim(low - room, high + room)
    axes.set_ylim(top + half + 0.3, start)
    axes.axis("off")
    _draw_axis(axes, low, high)
    for place, (text, (_, rank)) in enumerate(zip(texts, ordered, strict=True)):
        left = place < half
        height = top + (place if left else len(ranks) - 1 - place) + 0.3
        _draw_name(axes, text, rank, height, low - 0.05 * room if left else high + 0.05 * room, left)
    for group, level in zip(ranking.groups, levels, strict=True):
        ends = [min(ranks[name] for name in group) - 0.03, max(ranks[name] for name in group) + 0.03]
        axes.plot(ends, [0.45 + 0.5 * level] * 2, color=INK, linewidth=2.5, solid_capstyle="butt")
    if ranking.critical_difference is not None:
        _draw_difference(axes, low, ranking.critical_difference, (high - low) + room)
    return figure


def _bar_levels(ranks: dict[str, float], groups: tuple[tuple[str, ...], ...]) -> list[int]:
    """Return at which level the bar of each group lies, so that bars which overlap lie apart."""
    ends: list[float] = []
    levels = []
    for group in groups:
        first, last = min(ranks[name] for name in group), max(ranks[name] for name in group)
        level = next((level for level, end in enumerate(ends) if end < first - 0.1), len(ends))
        ends[level : level + 1] = [last]
        levels.append(level)
    return levels


def _draw_axis(axes: Axes, low: int, high: int) -> None:
    axes.plot([low, high], [0, 0], color=INK, linewidth=0.8)
    step = max(1, (high - low) // 8)
    for rank in range(low, high + 1, step):
        axes.plot([rank, rank], [0, -0.25], color=INK, linewidth=0.8)
        axes.text(rank, -0.4, str(rank), ha="center", va="bottom")


def _draw_name(axes: Axes, text: str, rank: float, height: float, end: float, left: bool) -> None:
    axes.plot([rank, rank, end], [0, height, height], color=INK, linewidth=0.6, alpha=0.8)
    offset = {"xytext": (-2 if left else 2, 0), "textcoords": "offset points"}
    axes.annotate(text, (end, height), ha="right" if left else "left", va="center_baseline", fontsize=LABEL, **offset)


def _draw_difference(axes: Axes, low: int, difference: float, most: float) -> None:
    """Draw the critical difference to scale above the axis; as words alone where it is longer than the figure."""
    if difference <= most:
        axes.plot([low, low + difference], [-1.9, -1.9], color=INK, linewidth=1.2)
        for end in (low, low + difference):
            axes.plot([end, end], [-1.75, -2.05], color=INK, linewidth=1.2)
    axes.text(low + (difference if difference <= most else 0), -1.9, f"  CD {difference:.2f}", va="center")
