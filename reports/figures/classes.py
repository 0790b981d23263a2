"""The primary metric of every method class by class, as a heat map; what is missing is hatched, never zero."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..text import join, slug
from .data import Entry, Track, Tracks, detectors_text, range_text
from .file import FigureFile
from .layout import EDGE, new_figure, widest
from .style import INK, LABEL, MISSING_HATCH, SMALL, WIDTH
from .text import distinct, in_words, listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEWEST_METHODS, FEWEST_CLASSES = 1, 2
COLOURS = "cividis"
"""Ordered by lightness alone, so that it reads in grey; made for colour-blind readers (Nunez et al., PLoS ONE 2018)."""
_STEPS = 20
"""Colours of the scale: few enough that the colour bar stays small as SVG."""
_MOST_NUMBERS = 300
"""Fields above which no numbers are printed in them."""
_ROW, _BAR = 0.135, 0.32
"""Inches: height of a class, and room for the scale of colours."""


def class_figures(tracks: Tracks) -> list[FigureFile]:
    """Return one heat map for each track with numbers of at least two classes."""
    return [figure for track in tracks.each if (figure := _figure(track)) is not None]


def class_values(track: Track) -> pd.DataFrame:
    """Return the primary metric in its printed unit; index: class names, columns: entries' names, NaN where missing.

    Entries without any number, and classes that none has a number of (no objects of theirs in the images), are left
    out.
    """
    series = {entry.name: _per_class(track, entry) for entry in track.entries if not entry.row.failed}
    names = sorted({name for values in series.values() for name in values.index})
    frame = pd.DataFrame({name: values.reindex(names) for name, values in series.items()}, index=names, dtype="float64")
    return frame.dropna(how="all").dropna(how="all", axis=1) * track.primary.factor


def _per_class(track: Track, entry: Entry) -> pd.Series:
    metrics = entry.record.metrics
    values = {} if metrics is None else metrics.per_class.get(track.primary.key, {})
    return pd.Series({str(name): value for name, value in values.items()}, dtype="float64")


def _figure(track: Track) -> FigureFile | None:
    frame = class_values(track)
    if len(frame) < FEWEST_CLASSES or frame.shape[1] < FEWEST_METHODS:
        return None
    column = track.primary
    shown = [entry for entry in track.entries if entry.name in frame.columns]
    values = {
        f"{method} on {name}": float(value)
        for method in frame.columns
        for name, value in zip(frame.index, frame[method], strict=True)
    }
    missing = int(frame.isna().to_numpy().sum())
    without = sorted({str(name) for entry in shown for name in _per_class(track, entry).index} - set(frame.index))
    alt = (
        f"Heat map of {len(frame)} classes by {frame.shape[1]} methods on {in_words(track.name)}. {column.heading}: "
        f"{range_text(values, column.unit)}; {missing} fields without a number."
    )
    caption = join(
        f"{column.heading} class by class on {track.text}.",
        detectors_text(shown),
        "Hatched: no number." if missing else "",
        f"Not drawn, for the images hold no object of theirs: {listed(without)}." if without else "",
        "No intervals.",
        by=" ",
    )
    title = f"{column.label} class by class: {in_words(track.name)}"
    return FigureFile(f"classes-{slug(track.name)}", title, alt, caption, partial(_draw, frame, column.heading))


def _draw(frame: pd.DataFrame, heading: str) -> Figure:
    import matplotlib as mpl

    rows, columns = (distinct([str(name) for name in names], 22) for names in (frame.index, frame.columns))
    left = EDGE + widest(rows) + 0.05
    above = EDGE + widest(columns) + 0.05
    figure, axes = new_figure(_ROW * len(rows), left=left, above=above, below=_BAR)
    values = frame.to_numpy()
    top = max(10.0 * math.ceil(float(np.nanmax(values)) / 10.0), 10.0)
    colours = mpl.colormaps[COLOURS].resampled(_STEPS)
    steps = np.where(np.isnan(values), -1, np.clip(np.floor(np.nan_to_num(values) / top * _STEPS), 0, _STEPS - 1))
    for step in range(_STEPS):
        colour = colours((step + 0.5) / _STEPS)
        _add_fields(axes, steps == step, facecolor=colour, edgecolor=colour, linewidth=0.1)
    _add_fields(axes, steps < 0, fill=False, hatch=MISSING_HATCH, edgecolor=INK, linewidth=0.3, alpha=0.5)
    axes.set_xlim(0, len(columns))
    axes.set_ylim(len(rows), 0)
    axes.axis("off")
    # Texts in place of ticks, which take several times as long to draw.
    for place, text in enumerate(rows):
        axes.text(
            -0.05 / (WIDTH - left) * len(columns), place + 0.5, text, ha="right", va="center_baseline", size=LABEL
        )
    for place, text in enumerate(columns):
        axes.text(place + 0.5, -0.3, text, ha="center", va="bottom", rotation=90, size=LABEL)
    if frame.size <= _MOST_NUMBERS:
        _print_numbers(axes, frame, colours, top)
    _draw_scale(figure, (left, EDGE + 0.22), colours, top, heading)
    return figure


def _draw_scale(figure: Figure, corner: tuple[float, float], colours: Any, top: float, heading: str) -> None:
    """Draw the scale of colours below the fields, from its lower left corner in inches to the right edge."""
    from matplotlib.patches import Rectangle

    (left, bottom), height = corner, figure.get_figheight()
    width = WIDTH - EDGE - left
    for step in range(_STEPS):
        start = ((left + width * step / _STEPS) / WIDTH, bottom / height)
        colour = colours((step + 0.5) / _STEPS)
        area = Rectangle(start, width / _STEPS / WIDTH, 0.08 / height, facecolor=colour, edgecolor=colour)
        area.set(transform=figure.transFigure, linewidth=0.1)
        figure.add_artist(area)
    for share, side, text in ((0.0, "left", "0"), (0.5, "center", heading), (1.0, "right", f"{top:g}")):
        at = (left + width * share) / WIDTH
        figure.text(at, (bottom - 0.04) / height, text, ha=side, va="top", size=LABEL)


def _add_fields(axes: Axes, chosen: NDArray[np.bool_], **style: Any) -> None:
    """Draw the chosen fields (rows, columns) as one shape: hundreds of single ones would take long and much room."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    fields = np.argwhere(chosen)
    if len(fields):
        corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)])
        vertices = (fields[:, np.newaxis, ::-1] + corners).reshape(-1, 2)
        codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * len(fields)
        axes.add_patch(PathPatch(Path(vertices, codes), **style))


def _print_numbers(axes: Axes, frame: pd.DataFrame, colours: Any, top: float) -> None:
    """Print each number in its field, dark on light fields and light on dark ones."""
    room = (WIDTH - 1.0) / frame.shape[1]
    decimals, size = (1, SMALL) if room > 0.25 else (0, SMALL - 0.5)
    for row, values in enumerate(frame.to_numpy()):
        for column, value in enumerate(values):
            if not math.isnan(value):
                red, green, blue, _ = colours(value / top)
                light = 0.299 * red + 0.587 * green + 0.114 * blue > 0.5
                place = {"ha": "center", "va": "center", "fontsize": size, "color": "#000000" if light else "#ffffff"}
                axes.text(column + 0.5, row + 0.52, f"{value:.{decimals}f}", **place)
