"""All figures that records allow, in the order of the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...results.record import Record
from ...results.timing import TimingRecord
from .classes import class_figures
from .data import Analyses, tracks_of
from .file import FigureFile
from .pareto import flops_figures, latency_figures
from .quality import quality_figures
from .ranks import rank_figures
from .recovered import recovered_figures
from .sweep import sweep_figures
from .tide import tide_figures

LONGEST_NAME = 80
"""Letters of a file name."""


def all_figures(
    records: Sequence[Record], analyses: Analyses | None = None, timings: Sequence[TimingRecord] = ()
) -> list[FigureFile]:
    """Return the figures of a report; kinds that the records do not hold enough for are left out.

    Nothing is drawn yet: that happens when a figure's ``svg`` is read, or it is saved.

    Args:
        records: In any order, failed ones included; the result does not depend on it.
        analyses: By the cell's key; without them there are no intervals and no bars of errors.
        timings: In any order.
    """
    tracks = tracks_of(records, analyses or {})
    figures = [
        *rank_figures(tracks),
        *recovered_figures(tracks),
        *sweep_figures(tracks),
        *quality_figures(tracks),
        *flops_figures(tracks),
        *latency_figures(tracks, timings),
        *tide_figures(tracks),
        *class_figures(tracks),
    ]
    return _named_apart(figures)


def _named_apart(figures: Sequence[FigureFile]) -> list[FigureFile]:
    """Return figures with names cut to a length that file systems take, those that are the same then numbered."""
    counts: dict[str, int] = {}
    result = []
    for figure in figures:
        name = figure.name[: LONGEST_NAME - 4].strip("-")
        counts[name] = counts.get(name, 0) + 1
        result.append(replace(figure, name=name if counts[name] == 1 else f"{name}-{counts[name]}"))
    return result
