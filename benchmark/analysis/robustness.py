"""How much of its accuracy a method keeps under corruption: P, mPC, rPC, severity curves, recovered share.

Formulas: Michaelis et al., "Benchmarking Robustness in Object Detection: Autonomous Driving when Winter is Coming",
arXiv 1907.07484, section 3: with P the accuracy on clean images and P(c, s) that under corruption c at severity s,

    mPC = mean over corruptions c of the mean over severities s of P(c, s),      rPC = mPC / P.

P is the dataset's own metric (COCO: AP; VOC: AP50), a mean over classes, so rPC is a ratio of means and a class with
clean accuracy 0 does no harm. A cell that was not computed is missing: it makes mPC and rPC NaN and lowers the
coverage, and never counts as zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

SEVERITIES = (1, 2, 3, 4, 5)
"""Severities of the corruption benchmarks after Hendrycks and Dietterich, ICLR 2019."""

MEAN = "mean"
"""Name of the curve averaged over corruptions."""


@dataclass(frozen=True, slots=True)
class Robustness:
    """Result of a sweep.

    Attributes:
        clean: P.
        mpc: Mean performance under corruption; NaN unless every cell of the sweep has a value.
        rpc: ``mpc / clean``; NaN where mPC is, or where P is 0.
        done: Cells of the sweep with a value.
        expected: Cells of the sweep.
        per_corruption: One row per corruption, sorted by name: ``corruption``, ``mean`` (NaN if incomplete), ``done``,
            ``expected``.
    """

    clean: float
    mpc: float
    rpc: float
    done: int
    expected: int
    per_corruption: pd.DataFrame

    @property
    def coverage(self) -> str:
        """Return how much of the sweep is there, such as ``4/5``."""
        return f"{self.done}/{self.expected}"


def robustness(
    clean: float | None,
    sweep: pd.DataFrame,
    corruptions: Sequence[str] | None = None,
    severities: Sequence[int] = SEVERITIES,
) -> Robustness:
    """Return P, mPC and rPC with the coverage of the sweep; rows may come in any order.

    Args:
        clean: P, in the unit of the sweep's values.
        sweep: Columns ``corruption``, ``severity``, ``value``; a missing row and a NaN mean the same.
        corruptions: The sweep's corruptions; None for those in the table.
        severities: The sweep's severities.

    Raises:
        ValueError: P is missing, a cell is there twice, or one lies outside the sweep.
    """
    if clean is None or math.isnan(clean):
        raise ValueError("rPC needs P, the accuracy on clean images, and it is missing")
    names = sorted(set(sweep["corruption"] if corruptions is None else corruptions))
    table = _table(sweep, names, sorted(set(severities)))
    done = table.notna().to_numpy()
    means = table.mean(axis=1, skipna=False)
    mpc = float(means.mean(skipna=False)) if names else math.nan
    per_corruption = pd.DataFrame(
        {"corruption": names, "mean": means.to_numpy(), "done": done.sum(axis=1), "expected": table.shape[1]}
    )
    rpc = mpc / clean if clean else math.nan
    return Robustness(float(clean), mpc, rpc, int(done.sum()), table.size, per_corruption)


def class_means(values: pd.DataFrame) -> pd.DataFrame:
    """Return a sweep from values per class: the mean over the classes that are defined in that cell.

    Args:
        values: Columns ``corruption``, ``severity``, ``class``, ``value``.

    Returns:
        Columns ``corruption``, ``severity``, ``value``, sorted.
    """
    return values.groupby(["corruption", "severity"], sort=True, as_index=False).agg({"value": "mean"})


def severity_curves(clean: float, sweep: pd.DataFrame, severities: Sequence[int] = SEVERITIES) -> pd.DataFrame:
    """Return accuracy against severity for each corruption and for their mean, severity 0 being the clean images.

    Args:
        clean: P.
        sweep: Columns ``corruption``, ``severity``, ``value`` and, where intervals were computed, ``low`` and
            ``high``.
        severities: The sweep's severities.

    Returns:
        Columns ``corruption``, ``severity``, ``value``, ``low``, ``high``, one row per corruption and severity, then
        the rows of ``mean``. Values and bounds that are not there are NaN; the mean at a severity is NaN unless every
        corruption has a value, and carries no bounds, since those of its parts do not give them.

    Raises:
        ValueError: A cell is there twice, or one lies outside the sweep.
    """
    names, levels = sorted(set(sweep["corruption"])), sorted(set(severities))
    table = _table(sweep, names, levels)
    bounds = sweep.set_index(["corruption", "severity"]).reindex(columns=["low", "high"])
    curves = table.stack(future_stack=True).rename("value").to_frame().join(bounds).reset_index()
    means = pd.DataFrame({"corruption": MEAN, "severity": levels, "value": table.mean(axis=0, skipna=False).to_numpy()})
    start = pd.DataFrame({"corruption": [*names, MEAN], "severity": 0, "value": float(clean)})
    parts = [
        part.reindex(columns=["corruption", "severity", "value", "low", "high"]) for part in (start, curves, means)
    ]
    joined = pd.concat([part.astype({"low": float, "high": float}) for part in parts], ignore_index=True)
    place = joined["corruption"].map({name: number for number, name in enumerate([*names, MEAN])})
    return joined.iloc[np.lexsort((joined["severity"], place))].reset_index(drop=True)


def recovered_share(method: float | None, floor: float | None, ceiling: float | None) -> float | None:
    """Return which share of the gap between floor and ceiling a method recovers: (m - floor) / (ceiling - floor).

    With the degraded image (or its bicubic enlargement) as floor and the clean image as ceiling, 0 means that nothing
    was won, 1 that all was; a method worse than the floor is below 0. The measure is this package's own; it is the
    "normalised score" of benchmarks with a baseline and an oracle.

    Returns:
        None where a number is missing or the gap is not positive, so that there is nothing to recover.
    """
    if method is None or floor is None or ceiling is None or any(map(math.isnan, (method, floor, ceiling))):
        return None
    return (method - floor) / (ceiling - floor) if ceiling > floor else None


def _table(sweep: pd.DataFrame, corruptions: Sequence[str], severities: Sequence[int]) -> pd.DataFrame:
    """Return values by corruption (rows) and severity (columns), NaN where missing, in the order given."""
    twice = sweep[sweep.duplicated(["corruption", "severity"])]
    if len(twice):
        first = twice.iloc[0]
        raise ValueError(f"the sweep has two values for {first['corruption']} at severity {first['severity']}")
    outside = sweep[~sweep["corruption"].isin(corruptions) | ~sweep["severity"].isin(severities)]
    if len(outside):
        first = outside.iloc[0]
        raise ValueError(f"{first['corruption']} at severity {first['severity']} is no cell of the sweep")
    table = sweep.pivot(index="corruption", columns="severity", values="value")
    table = table.reindex(index=pd.Index(corruptions, name="corruption"), columns=pd.Index(severities, name="severity"))
    return table.astype(float)
