"""Ranks of methods over several datasets, and whether they differ: Friedman's test and Nemenyi's critical difference.

Formulas: Demšar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 7, 2006, section 3.2. With k
methods on N datasets and mean ranks R_j,

    chi2 = 12 N / (k (k + 1)) * (sum of R_j^2 - k (k + 1)^2 / 4)     (Friedman; corrected for ties as in SciPy),
    F = (N - 1) chi2 / (N (k - 1) - chi2)                            (Iman and Davenport, less conservative),
    CD = q sqrt(k (k + 1) / (6 N)),                                  (Nemenyi)

q being the quantile of the studentised range for infinitely many degrees of freedom, divided by sqrt(2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from ...datasets.errors import UserError

FEW_DATASETS, FEW_METHODS = 10, 5
"""Demšar, section 3.2.2: chi2 follows its distribution closely enough when N > 10 and k > 5."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Result over datasets.

    Attributes:
        table: One row per method, best mean rank first, then by name: ``method``, ``rank`` (mean; 1 is best, ties share
            their mean) and ``value`` (mean over datasets, for orientation only).
        datasets: Names of the datasets.
        chi2: Friedman's statistic; None where there is no test.
        p_chi2: Its p value; None where there is no test.
        f: Iman and Davenport's statistic, infinite if all datasets rank alike; None where there is no test.
        p_f: Its p value; None where there is no test.
        critical_difference: Mean ranks further apart than this differ at level ``alpha``; None where there is no test.
        groups: Largest sets of methods, neighbours in rank, that are not told apart; empty where there is no test.
        alpha: Level.
        notes: What a reader must know before believing it.
    """

    table: pd.DataFrame
    datasets: tuple[str, ...]
    chi2: float | None
    p_chi2: float | None
    f: float | None
    p_f: float | None
    critical_difference: float | None
    groups: tuple[tuple[str, ...], ...]
    alpha: float
    notes: tuple[str, ...]


def rank_methods(scores: pd.DataFrame, alpha: float = 0.05) -> Ranking:
    """Rank methods over datasets; only where every method has a number on every dataset.

    Args:
        scores: Index: methods; columns: datasets; values: higher is better, NaN for a missing cell.
        alpha: Level of the critical difference.

    Raises:
        UserError: A cell is missing (ranks over unequal coverage compare nothing), or there are fewer than two methods
            or no dataset.
    """
    _check(scores)
    scores = scores.sort_index()
    ranks = scores.rank(axis=0, ascending=False, method="average")
    mean_rank = ranks.mean(axis=1)
    table = pd.DataFrame(
        {"method": scores.index, "rank": mean_rank.to_numpy(), "value": scores.mean(axis=1).to_numpy()}
    )
    table = table.sort_values(["rank", "method"], kind="stable").reset_index(drop=True)
    notes = _notes(*scores.shape)
    tested = len(scores) > 2 and scores.shape[1] > 1
    chi2, p_chi2, f, p_f = _tests(scores.to_numpy(np.float64)) if tested else (None,) * 4
    distance = critical_difference(*scores.shape, alpha) if tested else None
    groups = _groups(table, distance) if distance is not None else ()
    return Ranking(table, tuple(map(str, scores.columns)), chi2, p_chi2, f, p_f, distance, groups, alpha, notes)


def critical_difference(methods: int, datasets: int, alpha: float = 0.05) -> float:
    """Return Nemenyi's critical difference of mean ranks."""
    q = stats.studentized_range.ppf(1 - alpha, methods, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(methods * (methods + 1) / (6 * datasets)))


def _check(scores: pd.DataFrame) -> None:
    if len(scores) < 2 or scores.shape[1] < 1:
        raise UserError("a ranking needs at least two methods with results on at least one dataset.")
    missing = scores.isna().stack(future_stack=True)
    pairs = [f"{method} on {dataset}" for method, dataset in missing[missing].index]
    if pairs:
        raise UserError(
            "no ranking: methods are ranked over equal coverage only, and these cells are missing: "
            f"{', '.join(pairs)}; compute them, or narrow --method and --dataset."
        )


def _tests(scores: NDArray[np.float64]) -> tuple[float | None, float | None, float | None, float | None]:
    """Return chi2 and F with their p values for (methods, datasets); None if every dataset ties all methods."""
    methods, datasets = scores.shape
    if np.ptp(scores, axis=0).max() == 0:
        return None, None, None, None
    chi2, p_chi2 = stats.friedmanchisquare(*scores)
    rest = datasets * (methods - 1) - chi2
    f = float((datasets - 1) * chi2 / rest) if rest > 1e-9 else float("inf")
    p_f = stats.f.sf(f, methods - 1, (methods - 1) * (datasets - 1))
    return float(chi2), float(p_chi2), f, float(p_f)


def _groups(table: pd.DataFrame, distance: float) -> tuple[tuple[str, ...], ...]:
    """Return the maximal runs of at least two methods whose mean ranks lie within the critical difference."""
    names, ranks = table["method"].tolist(), table["rank"].to_numpy()
    ends = np.searchsorted(ranks, ranks + distance, side="right")
    runs = [(start, int(end)) for start, end in enumerate(ends) if end - start > 1]
    maximal = [run for place, run in enumerate(runs) if place == 0 or run[1] > runs[place - 1][1]]
    return tuple(tuple(names[start:end]) for start, end in maximal)


def _notes(methods: int, datasets: int) -> tuple[str, ...]:
    notes = []
    if methods < 3:
        notes.append("Two methods: no Friedman test; compare them image by image instead.")
    if datasets < 2:
        notes.append("One dataset: ranks, but no test over datasets.")
    if not notes and (datasets <= FEW_DATASETS or methods <= FEW_METHODS):
        notes.append(
            f"{datasets} datasets, {methods} methods: the tests are rough below {FEW_DATASETS + 1} datasets and "
            f"{FEW_METHODS + 1} methods, and have little power with so few (Demšar 2006)."
        )
    return tuple(notes)
