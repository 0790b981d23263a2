"""Geometry of the chart that sets the primary metric against the cost of restoring; the template draws it as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .chart import Tick
from .columns import FLOPS, Column
from .tables import Table

FEWEST = 2
"""Rows with a cost below which there is nothing to compare."""
WIDTH, HEIGHT = 400.0, 236.0
"""Size of the drawing in user units; near the width of a phone, so that text keeps its size there."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 40.0, 388.0, 20.0, 208.0
_MARGIN = 14.0
"""Room between the frame and the outermost values, so that no point lies on the frame."""
_MOST_TICKS = 8
_MOST_PARTS = 5
_STEPS = (1.0, 2.0, 5.0)
"""Round numbers of a decade."""


@dataclass(frozen=True, slots=True)
class Point:
    """One row of a table: its number in the drawing, its name, and its values as printed in the key beneath."""

    number: int
    label: str
    text: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class CostChart:
    """The primary metric, upward and linear, against FLOPs an image, rightward and logarithmic.

    Attributes:
        column: The metric.
        points: From the cheapest to the most costly, numbered from 1.
        x_ticks: From left to right, in units of 10^9 operations.
        y_ticks: From bottom to top, in printed units of the metric.
    """

    column: Column
    points: tuple[Point, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]

    width: float = WIDTH
    height: float = HEIGHT
    left: float = _LEFT
    right: float = _RIGHT
    top: float = _TOP
    bottom: float = _BOTTOM

    @property
    def description(self) -> str:
        """Return the chart as a sentence, for readers who do not see it."""
        return "; ".join(f"{point.label}: {point.text}" for point in self.points) + "."


@dataclass(frozen=True, slots=True)
class _Axis:
    """A linear map from values, or logarithms of values, to user units."""

    first: float
    last: float
    start: float
    end: float

    def place(self, value: float) -> float:
        share = (value - self.first) / (self.last - self.first)
        return round(self.start + share * (self.end - self.start), 2)


def cost_chart(tables: Sequence[Table]) -> CostChart | None:
    """Return the chart of all rows of one dataset that have the primary metric and a cost above zero.

    Args:
        tables: At least one; all of one dataset, so of one primary metric.

    Returns:
        None where fewer than two rows have both.
    """
    column = tables[0].primary
    rows = sorted((item for table in tables for item in _rows(table, len(tables) > 1)), key=lambda item: item[1:])
    if len(rows) < FEWEST:
        return None
    costs, scores = [flops * FLOPS.factor for _, flops, _ in rows], [score * column.factor for *_, score in rows]
    x_values, y_values = _decade_ticks(min(costs), max(costs)), _even_ticks(min(scores), max(scores))
    across = _Axis(math.log10(x_values[0]), math.log10(x_values[-1]), _LEFT + _MARGIN, _RIGHT - _MARGIN)
    upward = _Axis(y_values[0], y_values[-1], _BOTTOM - _MARGIN, _TOP)
    points = tuple(
        Point(
            number,
            label,
            f"{column.label} {column.text_with_unit(score)} at {FLOPS.text_with_unit(flops)}FLOPs",
            across.place(math.log10(flops * FLOPS.factor)),
            upward.place(score * column.factor),
        )
        for number, (label, flops, score) in enumerate(rows, start=1)
    )
    x_ticks = tuple(Tick(across.place(math.log10(value)), f"{value:g}") for value in x_values)
    return CostChart(column, points, x_ticks, tuple(Tick(upward.place(value), f"{value:g}") for value in y_values))


def _rows(table: Table, several: bool) -> list[tuple[str, float, float]]:
    """Return (label, FLOPs, primary metric) of the rows that have both."""
    if FLOPS not in table.columns:
        return []
    found = []
    for row in table.rows:
        flops, score = table.value(row, FLOPS), table.value(row, table.primary)
        if flops > 0 and not math.isnan(score):
            found.append((f"{row.label} · {table.key.detector_name}" if several else row.label, flops, score))
    return found


def _decade_ticks(low: float, high: float) -> list[float]:
    """Return round numbers (1, 2, 5 of a decade) around two positive ones; powers of ten where these are too many."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    round_numbers = [_round(step * 10.0**power) for power in range(first - 1, last + 2) for step in _STEPS]
    below = max(value for value in round_numbers if value <= low)
    above = min(value for value in round_numbers if value >= high and value > below)
    ticks = [value for value in round_numbers if below <= value <= above]
    return ticks if len(ticks) <= _MOST_TICKS else [_round(10.0**power) for power in range(first, last + 1)]


def _even_ticks(low: float, high: float) -> list[float]:
    """Return evenly spaced round numbers that hold both."""
    span = max(high - low, 1.0)
    power = 10.0 ** math.floor(math.log10(span / _MOST_PARTS))
    step = next(step * power for step in (*_STEPS, 10.0) if span <= step * power * _MOST_PARTS)
    first = math.floor(low / step)
    last = max(math.ceil(high / step), first + 1)
    return [_round(step * position) for position in range(first, last + 1)]


def _round(value: float) -> float:
    """Return a tick's value without the last digits of binary arithmetic."""
    return float(f"{value:.6g}")
