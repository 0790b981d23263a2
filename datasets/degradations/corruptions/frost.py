"""A drawn pane of ice: ferns of needles over a cloudy film."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .filters import gaussian, plasma

FERNS_PER_SQUARE = 320
"""Ferns for a square of the image's shorter side."""
LENGTHS = (0.04, 0.16)
"""Range of a fern's length, in shorter sides of the image."""
TWIGS = 9
"""Side needles on each flank of a fern."""
TINT = np.array([0.86, 0.97, 1.04])
"""Ice is bluish: the photographs average (134, 154, 165)."""
_SHADES = 6
_SHIFT = 4


def frost_texture(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float64]:
    """Draw ice, float64 (H, W, 3) in [0, 1].

    Panes differ in thickness, as the six photographs do: their means run from 0.36 to 0.81.

    Args:
        rng: The random stream.
        size: (height, width), pixels.
    """
    thickness = rng.uniform(0.42, 0.72)
    film = 0.5 * plasma(rng, size, 1.6) + 0.5 * plasma(rng, size, 1.2)
    needles = gaussian(_needles(rng, size) / 255, 0.6)
    # Ferns grow where the film is thick.
    ice = thickness + 0.6 * (film - 0.5) + (0.05 + 0.4 * film) * needles
    return (ice[..., None] * TINT).clip(0, 1)


def _needles(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float64]:
    """Draw all ferns as thin lines, brightest last; values up to 255."""
    height, width = size
    side = min(size)
    count = max(1, round(FERNS_PER_SQUARE * height * width / side**2))
    random = rng.random((count, 5))
    foot = random[:, :2] * (width, height)
    length = side * (LENGTHS[0] + (LENGTHS[1] - LENGTHS[0]) * random[:, 2] ** 2)
    angle = 2 * np.pi * random[:, 3]
    shade = (random[:, 4] * _SHADES).astype(np.int64)
    starts, ends = _segments(foot, length, angle)
    canvas = np.zeros(size, np.uint8)
    for level in range(_SHADES):
        chosen = shade == level
        lines = np.stack([starts[chosen], ends[chosen]], axis=-2).reshape(-1, 2, 2)
        fixed = np.rint(lines * (1 << _SHIFT)).astype(np.int32)
        colour = 110 + round(145 * (level + 1) / _SHADES)
        cv2.polylines(canvas, list(fixed), False, colour, 1, cv2.LINE_AA, _SHIFT)
    return canvas.astype(np.float64)


def _segments(
    foot: NDArray[np.float64], length: NDArray[np.float64], angle: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both ends, (ferns, lines, 2), of each fern's stem and twigs; twigs leave at 60 degrees, as ice does."""
    along = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    share = np.linspace(0.08, 0.92, TWIGS)
    joints = foot[:, None] + along[:, None] * (length[:, None] * share)[..., None]
    reach = (length[:, None] * 0.42 * (1 - share))[..., None]
    starts, ends = [foot[:, None]], [(foot + along * length[:, None])[:, None]]
    for side in (-1, 1):
        turned = angle + side * np.pi / 3
        starts.append(joints)
        ends.append(joints + np.stack([np.cos(turned), np.sin(turned)], axis=-1)[:, None] * reach)
    return np.concatenate(starts, axis=1), np.concatenate(ends, axis=1)
