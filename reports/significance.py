"""Which of several methods on the same images is the best by more than chance, and intervals as printed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..benchmark.statistics.inference import Estimate, holm, p_value, verdict
from .columns import Column

Replicates = NDArray[np.float64]
"""A metric of one method, (R + 1,): first on the data as they are, then in each replicate of the bootstrap."""


def best_of(replicates: Sequence[Replicates | None]) -> int | None:
    """Return the position of the method that is better than every other one by more than chance.

    The method with the highest number is compared with each other one by the paired bootstrap; the p-values are
    corrected after Holm for as many comparisons. It is the best if all verdicts are "better".

    Args:
        replicates: Of each method, drawn with the same images in the same order; None where there are none.

    Returns:
        None where no method is better than all others, there are fewer than two, or replicates are missing or of
        different numbers, so that nothing can be paired.
    """
    given = [values for values in replicates if values is not None and not math.isnan(values[0])]
    if len(given) < 2 or len(given) < len(replicates) or len({len(values) for values in given}) > 1:
        return None
    top = max(range(len(given)), key=lambda position: given[position][0])
    differences = [given[top] - values for position, values in enumerate(given) if position != top]
    corrected = holm([p_value(difference) for difference in differences])
    verdicts = {verdict(float(d[0]), p) for d, p in zip(differences, corrected, strict=True)}
    return top if verdicts == {"better"} else None


def interval_text(estimate: Estimate | None, column: Column, sign: str = "") -> str:
    """Return ``[low, high]`` in the printed unit of a column; empty where there is no interval.

    Args:
        estimate: A number with its interval, as stored.
        column: How the metric is printed.
        sign: "+" to print the sign of positive ends too.
    """
    if estimate is None or estimate.low is None or estimate.high is None:
        return ""
    low, high = (f"{end * column.factor:{sign},.{column.decimals}f}" for end in (estimate.low, estimate.high))
    return f"[{low}, {high}]"
