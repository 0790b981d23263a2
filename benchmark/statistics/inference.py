"""From replicates to statements: intervals, p-values, Holm's correction, verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
"""Share of the bootstrap distribution inside an interval."""
ALPHA = 0.05
"""A difference is told apart if its corrected p-value is at most this."""

Verdict = Literal["better", "worse", "not told apart"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and its interval; all None where the number is undefined on the data as they are.

    Attributes:
        value: On the data as they are.
        low: Lower end of the percentile interval.
        high: Upper end.
    """

    value: float | None
    low: float | None
    high: float | None


def estimate(
    replicates: NDArray[np.float64], level: float = LEVEL, bounds: tuple[float, float] = (-np.inf, np.inf)
) -> Estimate:
    """Return a number with its percentile interval, after the replicates were centred on the number.

    Percentile intervals are those of Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3. The
    centring (see ``centred``) matters for AP: interpolated precision is a maximum, so AP is the higher the fewer
    different images there are, and every replicate has fewer. Left where they fall, its replicates may all lie above
    the number itself.

    Args:
        replicates: (R + 1,), first the number on the data as they are, then one value per replicate; those that are
            NaN, because no image with such an object was drawn, are left out.
        level: Share of the replicates inside the interval.
        bounds: Least and highest possible value; the interval is cut there.
    """
    drawn = centred(replicates)
    if len(drawn) == 0:
        return Estimate(None, None, None)
    ends = np.quantile(drawn, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    low, high = np.clip(ends, *bounds)
    return Estimate(float(replicates[0]), float(low), float(high))


def p_value(differences: NDArray[np.float64]) -> float | None:
    """Return the two-sided bootstrap p-value of "there is no difference", by inverting the percentile interval.

    p = min(1, 2 (1 + min(#{d <= 0}, #{d >= 0})) / (R + 1)) over the R centred replicates d of the difference. The
    added ones count the data themselves as a replicate (Davison & Hinkley, "Bootstrap Methods and their Application",
    1997, section 4.2), so that p is never 0: its least value is 2 / (R + 1).

    Args:
        differences: (R + 1,), as for ``estimate``.

    Returns:
        A number in (0, 1]; None if the difference is undefined.
    """
    drawn = centred(differences)
    if len(drawn) == 0:
        return None
    opposite = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    return min(1.0, 2.0 * (1 + opposite) / (len(drawn) + 1))


def centred(replicates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the defined replicates, moved so that their mean is the number on the data as they are.

    Their mean's distance from the number estimates the bias that drawing with replacement adds (Efron & Tibshirani,
    section 10.2).

    Args:
        replicates: (R + 1,), first the number on the data as they are.

    Returns:
        At most R values; none where the number itself is NaN.
    """
    value, drawn = replicates[0], replicates[1:]
    drawn = drawn[~np.isnan(drawn)]
    if np.isnan(value) or len(drawn) == 0:
        return np.zeros(0)
    return drawn + (value - drawn.mean())


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p-values corrected for their number, which keeps the chance of any false verdict at most alpha.

    Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 1979: the k-th
    smallest of m is multiplied by m - k + 1, and none may be less than a smaller one's. None stays None and does not
    count.
    """
    ranked = sorted((p, position) for position, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, position) in enumerate(ranked):
        highest = max(highest, min(1.0, (len(ranked) - rank) * p))
        corrected[position] = highest
    return corrected


def verdict(difference: float | None, corrected_p: float | None, alpha: float = ALPHA) -> Verdict | None:
    """Return what may be said of the first of two methods on a metric of which more is better.

    Args:
        difference: First minus second, on the data as they are.
        corrected_p: Its p-value after Holm's correction.
        alpha: Highest p-value that counts as told apart.

    Returns:
        None where the difference is undefined.
    """
    if difference is None or corrected_p is None:
        return None
    if corrected_p > alpha or difference == 0.0:
        return "not told apart"
    return "better" if difference > 0.0 else "worse"


def smallest_p(replicates: int, comparisons: int) -> float:
    """Return the least corrected p-value that a table of so many comparisons can show."""
    return min(1.0, 2.0 * comparisons / (replicates + 1))
