"""What every family of metrics returns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MetricValues:
    """Numbers of one family of metrics.

    Attributes:
        values: Metric name to value; None where undefined (no ground truth of that kind).
        per_class: Metric name to class name to value; None for classes without ground truth.
    """

    values: dict[str, float | None]
    per_class: dict[str, dict[str, float | None]]


def mean_of_defined(values: Iterable[float | None]) -> float | None:
    """Return the mean of the values that are not None, or None if there are none."""
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if defined else None
