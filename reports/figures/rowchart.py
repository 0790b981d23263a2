"""Charts of one row a method, grouped under headings: where rows stand, and which groups share a figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from .layout import EDGE, POINTS_PER_INCH, Mark, new_figure, widest
from .style import LABEL, set_grid
from .text import distinct, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_ROWS = 44
"""Rows of one figure, headings included: about a page of a paper."""
_STEP = 0.145
"""Height of a row in inches."""
_LETTERS = 54
"""Letters of a heading that fit across a figure."""

Item = TypeVar("Item")


@dataclass(frozen=True, eq=False)
class Group(Generic[Item]):
    """Rows under a heading, such as the methods of a track.

    Attributes:
        heading: Its name.
        rows: (label, what is drawn) from top to bottom.
    """

    heading: str
    rows: tuple[tuple[str, Item], ...]

    @property
    def height(self) -> int:
        """Return how many rows it takes, its heading and some room included."""
        return len(self.rows) + 1


def pages(groups: Sequence[Group[Item]]) -> list[list[Group[Item]]]:
    """Return groups by the figure they stand in: whole groups, as many as fit, at least one."""
    result: list[list[Group[Item]]] = []
    filled = MOST_ROWS + 1
    for group in groups:
        if filled + group.height > MOST_ROWS:
            result.append([])
            filled = 0
        result[-1].append(group)
        filled += group.height
    return result


def page_name(name: str, number: int, of: int) -> str:
    """Return the name of the so-manieth figure; the name as it is where there is only one."""
    return name if of == 1 else f"{name}-{number}"


def row_figure(groups: Sequence[Group[Item]], marks: Sequence[Mark] = ()) -> tuple[Figure, Axes]:
    """Return a figure whose frame has a labelled row for each row of the groups, below their headings.

    Args:
        groups: From top to bottom.
        marks: Entries of the legend.
    """
    rows = sum(group.height for group in groups)
    labels = [label for group in groups for label in distinct([label for label, _ in group.rows])]
    left = EDGE + widest(labels) + 0.06
    figure, axes = new_figure(rows * _STEP, left=left, marks=marks)
    axes.set_ylim(rows - 0.3, -0.7)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    beside = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center_baseline"}
    for label, (place, _) in zip(labels, places(groups), strict=True):
        axes.annotate(label, (0, place), xytext=(-3, 0), ha="right", fontsize=LABEL, **beside)
    top = 0
    for group in groups:
        start = -(left - EDGE) * POINTS_PER_INCH
        axes.annotate(shortened(group.heading, _LETTERS), (0, top), xytext=(start, 0), fontweight="bold", **beside)
        top += group.height
    set_grid(axes, "x")
    return figure, axes


def places(groups: Sequence[Group[Item]]) -> Iterator[tuple[int, Item]]:
    """Yield the place along the axis, downward, and what is drawn there, of every row."""
    top = 0
    for group in groups:
        for offset, (_, item) in enumerate(group.rows, start=1):
            yield top + offset, item
        top += group.height
