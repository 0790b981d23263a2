"""Figures of latencies by their order alone, so that no distribution is assumed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import pandas as pd

from ...results.timing import Latency, Split

CONFIDENCE = 0.95
MS = 1e-6
"""Milliseconds in a nanosecond."""


def latency(frame: pd.DataFrame, images_per_call: int) -> Latency:
    """Return the figures of the timed calls.

    Images are what varies, so the interval of the median counts each batch once, however often it was repeated.

    Args:
        frame: Columns ``results.timing.LATENCY_COLUMNS``; the rows of the phase "detect" are used.
        images_per_call: Images in each call.
    """
    timed = frame[frame["phase"] == "detect"]
    values = sorted(int(each) for each in timed["nanoseconds"])
    low, high, coverage = median_interval(values, repeat=len(set(timed["pass"])))
    return Latency(
        calls=len(values),
        median_ms=statistics.median(values) * MS,
        low_ms=None if low is None else low * MS,
        high_ms=None if high is None else high * MS,
        coverage=coverage,
        p95_ms=nearest_rank(values, 0.95) * MS,
        mean_ms=statistics.fmean(values) * MS,
        min_ms=values[0] * MS,
        images_per_s=images_per_call * len(values) / (sum(values) * 1e-9),
    )


def split_figures(frame: pd.DataFrame) -> Split | None:
    """Return what restoring takes; None where it was not measured."""
    totals = {name: _by_call(frame, name) for name in ("split", "restore", "predict")}
    if not totals["restore"]:
        return None
    restore_ms = statistics.median(totals["restore"]) * MS
    if not totals["split"]:
        return Split(restoring="apart", restore_ms=restore_ms)
    return Split(
        restoring="inside",
        restore_ms=restore_ms,
        predict_ms=statistics.median(totals["predict"]) * MS if totals["predict"] else None,
        restore_share=sum(totals["restore"]) / sum(totals["split"]),
    )


def nearest_rank(ordered: Sequence[int], quantile: float) -> int:
    """Return the smallest value that at least this part of the values does not exceed; it was really measured.

    Args:
        ordered: Ascending, at least one.
        quantile: In (0, 1].
    """
    return ordered[math.ceil(quantile * len(ordered)) - 1]


def median_interval(ordered: Sequence[int], repeat: int = 1) -> tuple[int | None, int | None, float | None]:
    """Return two order statistics that hold the median with at least ``CONFIDENCE``, and their exact coverage.

    The interval from the k-th smallest to the k-th largest of n independent values misses the median of their
    distribution with probability 2 P(B < k), B binomial(n, 1/2), for every continuous distribution (David and
    Nagaraja: Order Statistics, 3rd edition, 2003, section 7.1).

    Args:
        ordered: Ascending.
        repeat: How often each unit is among the values; n is the number of units.

    Returns:
        (low, high, coverage); all None for fewer than six units, for which no such interval exists.
    """
    units = len(ordered) // repeat
    rank, coverage = _rank(units)
    if rank == 0:
        return None, None, None
    return ordered[(rank - 1) * repeat], ordered[len(ordered) - 1 - (rank - 1) * repeat], coverage


def _rank(units: int) -> tuple[int, float]:
    """Return the largest rank k whose interval covers enough, and its coverage; (0, 1) if there is none."""
    rank, coverage, missed = 0, 1.0, 0
    for below in range(units // 2):
        missed += math.comb(units, below)
        covered = 1 - 2 * missed / 2**units
        if covered < CONFIDENCE:
            break
        rank, coverage = below + 1, covered
    return rank, coverage


def _by_call(frame: pd.DataFrame, phase: str) -> list[int]:
    """Return the nanoseconds of a phase, summed over each call: a method may make its views one by one."""
    chosen = frame[frame["phase"] == phase]
    return [int(each) for each in chosen.groupby(["pass", "batch"])["nanoseconds"].sum()]
