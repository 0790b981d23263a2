"""Where the parts of a figure stand: frame, axis, legend, each with its room in inches.

matplotlib's own layout engines measure every text twice, which takes longer than drawing; here the room is known
beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .style import INK, LABEL, WIDTH, Look
from .text import distinct

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS_PER_INCH = 72.0
EDGE = 0.06
"""Inches left free at the edges of a figure."""
NUMBERS = 0.47
"""Inches left of a frame for numbers and a name along the axis."""
AXIS = 0.35
"""Inches below a frame for the same."""
_LINE, _HANDLE, _APART = 0.13, 0.34, 0.12
"""Inches of a legend: height of a line, width of a mark, room between columns."""
_MOST_COLUMNS = 4
_TINT = 0.55
"""Part of a colour in its tint; the rest is white."""
_LONGEST_IN_LEGEND = 46


@dataclass(frozen=True)
class Mark:
    """One entry of a legend.

    Attributes:
        text: What the mark stands for; shortened when it is drawn.
        look: Colour, and marker or line.
        marker: Whether the marker is drawn.
        line: Whether the line is drawn.
        filled: Whether the marker is filled.
        hatch: For an area: its hatch, empty for none; None for markers and lines.
    """

    text: str
    look: Look
    marker: bool = True
    line: bool = False
    filled: bool = True
    hatch: str | None = None


@lru_cache(maxsize=4096)
def text_width(text: str, size: float = LABEL) -> float:
    """Return the width of a line of text in inches.

    Args:
        text: One line.
        size: Of the font, in points.
    """
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family="DejaVu Sans", size=size)
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0] / POINTS_PER_INCH


def widest(texts: Sequence[str], size: float = LABEL) -> float:
    """Return the width in inches of the widest of several texts; 0 for none."""
    return max((text_width(text, size) for text in texts), default=0.0)


def new_figure(
    height: float,
    *,
    left: float = NUMBERS,
    above: float = EDGE,
    below: float = AXIS,
    marks: Sequence[Mark] = (),
) -> tuple[Figure, Axes]:
    """Return a figure of one column's width with one frame, and a legend below it that lies over no data.

    Args:
        height: Of the frame, in inches.
        left: Room left of the frame, in inches.
        above: Room above it.
        below: Room below it, before the legend.
        marks: Entries of the legend; none for no legend.
    """
    from matplotlib.figure import Figure

    labels = distinct([mark.text for mark in marks], _LONGEST_IN_LEGEND)
    entry = _HANDLE + widest(labels) + _APART
    columns = max(1, min(_MOST_COLUMNS, len(labels), int((WIDTH - EDGE) / entry)))
    legend = -(-len(labels) // columns) * _LINE + EDGE
    whole = above + height + below + legend
    figure = Figure(figsize=(WIDTH, whole))
    frame = (left / WIDTH, (below + legend) / whole, (WIDTH - left - EDGE) / WIDTH, height / whole)
    start = max((WIDTH - columns * entry) / 2, EDGE)
    for place, (mark, label) in enumerate(zip(marks, labels, strict=True)):
        x, y = start + place % columns * entry, legend - (place // columns + 0.5) * _LINE
        _draw_mark(figure, mark, (x / WIDTH, y / whole))
        figure.text((x + _HANDLE) / WIDTH, y / whole, label, fontsize=LABEL, va="center_baseline")
    return figure, figure.add_axes(frame)


def _draw_mark(figure: Figure, mark: Mark, start: tuple[float, float]) -> None:
    """Draw the mark of an entry, from its left end (x, y), in parts of the figure."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Rectangle

    x, y = start
    width = 0.26 / WIDTH
    if mark.hatch is not None:
        height = 0.08 / figure.get_figheight()
        area = Rectangle((x, y - height / 2), width, height, transform=figure.transFigure, **area_style(mark))
        figure.add_artist(area)
        return
    line = Line2D([x, x + width / 2, x + width], [y, y, y], transform=figure.transFigure, **line_style(mark))
    line.set_markevery([1])
    figure.add_artist(line)


def line_style(mark: Mark) -> dict[str, Any]:
    """Return how matplotlib draws the line and marker of a mark."""
    look = mark.look
    return {
        "color": look.colour,
        "marker": look.marker if mark.marker else "none",
        "linestyle": look.line if mark.line else "none",
        "markeredgecolor": look.colour,
        "markerfacecolor": look.colour if mark.filled else "none",
    }


def area_style(mark: Mark) -> dict[str, Any]:
    """Return how matplotlib draws the area of a mark: a tint of the colour of its edge and hatch.

    The tint is opaque: in SVG files a transparent area makes its hatch transparent too, and fills it with the edge's
    colour.
    """
    parts = [int(mark.look.colour[place : place + 2], 16) for place in (1, 3, 5)]
    tint = "#" + "".join(f"{round(255 - _TINT * (255 - part)):02x}" for part in parts)
    return {"facecolor": tint, "edgecolor": mark.look.colour, "hatch": mark.hatch, "linewidth": 0.5}


def ink_line(text: str, line: Any) -> Mark:
    """Return the mark of a line in the colour of text."""
    return Mark(text, Look(INK, "", line), marker=False, line=True)
