"""Procedural rain streaks: thin bright lines that share a direction."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_SHIFT = 4
"""Fractional bits of OpenCV's drawing coordinates."""
_SHADES = 8
"""Brightness steps; streaks of a step are drawn in one call."""
_JITTER_DEG = 1.5
_PARTS = ((1.0, 0.45), (0.6, 1.0))
"""A streak is drawn as a faint whole line and a bright middle: (share of its length, share of its brightness)."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rain at one distance.

    Attributes:
        count: Number of streaks whose centres lie in the image; more lie beside it.
        length_px: Mean length of a streak; single ones have 60 to 140 % of it.
        width_px: Width; below one pixel a streak is drawn one pixel wide and dimmed.
        angle_deg: Direction from the vertical; positive leans to the right at the bottom.
    """

    count: int
    length_px: float
    width_px: float
    angle_deg: float


def draw_sheet(rng: np.random.Generator, size: tuple[int, int], sheet: Sheet) -> NDArray[np.float64]:
    """Draw a sheet of rain with integer arithmetic, so that it is the same on every machine.

    Args:
        rng: Where positions, lengths, brightness and small turns are drawn from.
        size: (height, width), pixels.
        sheet: What to draw.

    Returns:
        float64 (H, W) in [0, 1]: opacity of the streaks.
    """
    height, width = size
    # Centres may lie outside: streaks cross the borders as they cross any other line.
    margin = sheet.length_px
    field = np.array([width + 2 * margin, height + 2 * margin])
    random = rng.random((round(sheet.count * float(field.prod()) / (width * height)), 5))
    length = sheet.length_px * (0.6 + 0.8 * random[:, 0])
    angle = np.deg2rad(sheet.angle_deg + _JITTER_DEG * (2 * random[:, 1] - 1))
    step = np.stack([np.sin(angle), np.cos(angle)], axis=-1) * (length / 2)[:, None]
    centre = random[:, 2:4] * field - margin
    shade = (random[:, 4] * _SHADES).astype(np.int64)
    canvas = np.zeros(size, np.uint8)
    for level in range(_SHADES):
        chosen = shade == level
        _draw(canvas, centre[chosen], step[chosen], sheet.width_px, 0.3 + 0.7 * (level + 1) / _SHADES)
    return canvas.astype(np.float64) / 255


def _draw(
    canvas: NDArray[np.uint8],
    centre: NDArray[np.float64],
    step: NDArray[np.float64],
    width_px: float,
    brightness: float,
) -> None:
    """Draw the streaks of one brightness over a canvas."""
    thickness = max(1, math.floor(width_px + 0.5))
    dimmed = brightness * min(1.0, width_px / thickness)
    for share, strength in _PARTS:
        ends = np.stack([centre - step * share, centre + step * share], axis=1)
        lines = np.rint(ends * (1 << _SHIFT)).astype(np.int32)
        colour = math.floor(255 * dimmed * strength)
        cv2.polylines(canvas, list(lines), False, colour, thickness, cv2.LINE_AA, _SHIFT)
