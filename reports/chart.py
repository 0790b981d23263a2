"""Geometry of the bar charts; the template draws them as SVG, so that they follow the page's theme."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .columns import Column
from .tables import Table

WIDTH = 400.0
"""Width of the drawing in user units; near the width of a phone, so that text keeps its size there."""
_LEFT, _RIGHT = 4.0, 58.0
_BAR, _STEP, _TOP, _AXIS = 14.0, 44.0, 8.0, 26.0
_AXES = ((1, 4), (2, 4), (5, 5), (10, 5), (20, 4), (30, 3), (40, 4), (50, 5), (60, 3), (80, 4), (100, 5))
"""Ends of the axis with the number of parts that each divides into."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: text above, value at its end. ``width`` is 0 and ``text`` a dash where there is no number."""

    label: str
    text: str
    y: float
    width: float
    ceiling: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """A grid line with its printed value; ``at`` is a place along the axis in user units."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A horizontal bar chart of one metric, from zero.

    Attributes:
        column: The metric.
        bars: From top to bottom.
        ticks: From left to right, starting at zero.
        height: Height of the drawing in user units; the width is ``WIDTH``.
    """

    column: Column
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    height: float

    left: float = _LEFT
    bar_height: float = _BAR
    width: float = WIDTH

    @property
    def description(self) -> str:
        """Return the chart as a sentence, for readers who do not see it."""
        return "; ".join(f"{bar.label}: {bar.text}" for bar in self.bars) + "."


def bar_chart(tables: Sequence[Table]) -> Chart:
    """Return a chart of the primary metric of all rows of the tables of one dataset.

    Args:
        tables: At least one; all of one dataset, so of one primary metric.
    """
    column = tables[0].primary
    entries = [(table, row) for table in tables for row in table.rows]
    values = [table.value(row, column) for table, row in entries]
    end, parts = _axis([value * column.factor for value in values if not math.isnan(value)])
    scale = (WIDTH - _LEFT - _RIGHT) / end
    bars = tuple(
        Bar(
            f"{row.label} · {table.key.detector_name}" if len(tables) > 1 else row.label,
            "failed" if row.failed else column.text(value),
            _TOP + _STEP * position,
            0.0 if math.isnan(value) else round(value * column.factor * scale, 2),
            row.is_ceiling,
        )
        for position, ((table, row), value) in enumerate(zip(entries, values, strict=True))
    )
    return Chart(column, bars, _ticks(end, parts, scale), _TOP + _STEP * len(bars) + _AXIS)


def _axis(values: Sequence[float]) -> tuple[float, int]:
    """Return the end of the axis that holds all printed values, and into how many round parts it is divided."""
    largest = max(values, default=0.0)
    return next(((float(end), parts) for end, parts in _AXES if largest <= end), (100.0 * math.ceil(largest / 100), 5))


def _ticks(end: float, parts: int, scale: float) -> tuple[Tick, ...]:
    values = [end * position / parts for position in range(parts + 1)]
    return tuple(Tick(round(_LEFT + value * scale, 2), f"{value:g}") for value in values)
