"""How all figures look: colours, markers, lines and hatches that also work for colour-blind readers and in grey print.

Every mark differs from its neighbours in more than colour. Text, axes and grid lines are drawn in ``INK``, which the
inline SVG replaces by the page's own text colour, so that they are readable on light and dark pages alike; see ``svg``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 3.4
"""Width of a figure in inches: one column of a two-column paper."""
INK = "#000001"
"""Black in print; a value of its own, so that it can be told from other blacks in an SVG file."""
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#c46f9e", "#b87d00", "#3b93c9")
"""After Okabe and Ito, "Color Universal Design", 2008; the three lighter ones are darkened, so that each has a contrast
of 3 to 1 against a white and against a nearly black page (WCAG 2.1, 1.4.11)."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "*")
LINES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (6, 1.5, 1, 1.5)), (0, (3, 1, 1, 1, 1, 1)))
HATCHES = ("", "////", "||||", "\\\\\\\\", "xxxx", "----")
"""Straight lines only: dots make an SVG file some hundred kB large."""
MISSING_HATCH = "xxxx"
LABEL, SMALL = 6.5, 6.0
"""Font sizes in points: of what stands at the axes and in legends, and of what stands within the frame."""
_SETTINGS: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 7.0,
    "axes.labelsize": 7.0,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": LABEL,
    "ytick.labelsize": LABEL,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "grid.color": INK,
    "grid.alpha": 0.15,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.5,
    "hatch.linewidth": 0.5,
    # A name from a record may hold dollar signs; none of the figures' own texts is a formula.
    "text.parse_math": False,
    "text.usetex": False,
    "axes.unicode_minus": True,
    "axes.formatter.use_mathtext": False,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}


@dataclass(frozen=True, slots=True)
class Look:
    """How one method (or track) is drawn in every figure.

    Attributes:
        colour: As matplotlib takes it.
        marker: Of its points.
        line: Of its line.
    """

    colour: str
    marker: str
    line: Any


CEILING_LOOK = Look(INK, "o", (0, (2, 1)))


@contextmanager
def drawing(salt: str) -> Iterator[None]:
    """Draw with the settings of this package alone, whatever a user's own matplotlibrc says.

    Args:
        salt: Decides the ids in SVG files: with the same salt they are the same at every run.
    """
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        settings: Any = {**_SETTINGS, "svg.hashsalt": salt}
        mpl.rcParams.update(settings)
        yield


def look(number: int) -> Look:
    """Return the look of the so-manieth name; 66 differ in colour or marker."""
    return Look(PALETTE[number % len(PALETTE)], MARKERS[number % len(MARKERS)], LINES[number % len(LINES)])


def set_grid(axes: Axes, axis: Any = "both") -> None:
    """Draw faint grid lines."""
    axes.grid(visible=True, axis=axis)


def keep_above_zero(axes: Axes) -> None:
    """Let no margin reach below zero, where there are no numbers of a metric in percent."""
    axes.set_ylim(bottom=max(axes.get_ylim()[0], 0.0))
