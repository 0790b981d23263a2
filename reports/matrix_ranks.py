"""Mean ranks of methods over the tracks of a matrix, where every method has a number on every track."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # SciPy's tests take a second to import, and most tables are not complete
    import pandas as pd

    from ..benchmark.analysis.ranking import Ranking

MEANING = "Mean over all tracks of the rank on each, 1 being the highest number; ties share their mean."


@dataclass(frozen=True)
class MeanRanks:
    """Ranks, or why there are none.

    Attributes:
        by_label: Mean rank of each row that competes; empty where there is no ranking.
        notes: Sentences for beneath the table.
    """

    by_label: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def mean_ranks(scores: pd.DataFrame, datasets: tuple[str, ...]) -> MeanRanks:
    """Rank methods over tracks, as ``rank_methods`` does, if coverage is equal; one track or method has no mean.

    Args:
        scores: Index: labels of the rows that compete; columns: tracks; higher is better, NaN for a missing number.
        datasets: Name of the dataset of each track.
    """
    methods, tracks = scores.shape
    if methods < 2 or tracks < 2:
        return MeanRanks()
    missing = int(scores.isna().sum().sum())
    if missing:
        return MeanRanks(
            notes=(
                f"No mean ranks: {missing} of {methods * tracks} numbers are missing, and ranks over unequal coverage "
                "compare nothing.",
            )
        )
    if len(set(datasets)) < len(datasets):
        return MeanRanks(notes=("No mean ranks: several tracks are of one dataset, which would count more than once.",))
    from ..benchmark.analysis.ranking import rank_methods

    ranking = rank_methods(scores)
    ranks = dict(zip(ranking.table["method"].map(str), ranking.table["rank"].map(float), strict=True))
    return MeanRanks(ranks, tuple(_notes(ranking)))


def _notes(ranking: Ranking) -> list[str]:
    """Return what the ranks say, and how far to trust it."""
    notes = list(ranking.notes)
    if ranking.p_chi2 is not None:
        notes.insert(0, f"Mean ranks: Friedman's test, p = {ranking.p_chi2:.3g}.")
    if ranking.critical_difference is not None:
        difference = f"{ranking.critical_difference:.2f}"
        notes.insert(1, f"Mean ranks within Nemenyi's critical difference, {difference}, are not told apart.")
    return notes
