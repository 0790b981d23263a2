"""Names beside points, put where they hide neither a point nor each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .layout import POINTS_PER_INCH, text_width
from .style import SMALL
from .text import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GAP, _MARK = 4.0, 3.0
"""Points between a mark and its name; half the size of a mark."""
_SIDES = (
    ("left", "center", 1, 0),
    ("right", "center", -1, 0),
    ("center", "bottom", 0, 1),
    ("center", "top", 0, -1),
    ("left", "bottom", 0.7, 0.7),
    ("right", "bottom", -0.7, 0.7),
    ("left", "top", 0.7, -0.7),
    ("right", "top", -0.7, -0.7),
)
"""Where a name can stand: how its text is aligned, and on which side of the point."""

_Box = tuple[float, float, float, float]


def label_points(axes: Axes, points: Sequence[tuple[float, float]], names: Sequence[str]) -> None:
    """Write names beside points, each on the first side where there is room; on the least crowded where there is none.

    Args:
        axes: With its limits already as they will be.
        points: In data coordinates.
        names: Shortened here.
    """
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    frame = axes.get_window_extent()
    width, height = (length / axes.figure.dpi * POINTS_PER_INCH for length in (frame.width, frame.height))
    places = [((x - left) / (right - left) * width, (y - bottom) / (top - bottom) * height) for x, y in points]
    taken: list[_Box] = [(x - _MARK, y - _MARK, x + _MARK, y + _MARK) for x, y in places]
    for name, point, place in zip(names, points, places, strict=True):
        text = shortened(name, 16)
        boxes = [_box(place, text, side) for side in _SIDES]
        crowded = [_crowding(box, taken, (0.0, 0.0, width, height)) for box in boxes]
        best = crowded.index(min(crowded))
        taken.append(boxes[best])
        across, upward, dx, dy = _SIDES[best]
        offset = {"xytext": (dx * _GAP, dy * _GAP), "textcoords": "offset points"}
        axes.annotate(text, point, ha=across, va=upward, fontsize=SMALL, **offset)


def _box(place: tuple[float, float], text: str, side: tuple[str, str, float, float]) -> _Box:
    across, upward, dx, dy = side
    width, height = text_width(text, SMALL) * POINTS_PER_INCH, SMALL * 1.2
    x, y = place[0] + dx * _GAP, place[1] + dy * _GAP
    x -= {"left": 0.0, "center": width / 2, "right": width}[across]
    y -= {"bottom": 0.0, "center": height / 2, "top": height}[upward]
    return x, y, x + width, y + height


def _crowding(box: _Box, taken: Sequence[_Box], frame: _Box) -> float:
    """Return the area that a box shares with others, and that lies outside the frame; 0 where there is room."""
    inside = _shared(box, frame)
    outside = (box[2] - box[0]) * (box[3] - box[1]) - inside
    return round(sum(_shared(box, other) for other in taken) + outside, 3)


def _shared(a: _Box, b: _Box) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0.0) * max(height, 0.0)
