"""Surface colours: one broad palette that every class and every distractor shares, so colour tells no class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Colour = NDArray[np.float64]

_NEUTRAL = (
    (0.90, 0.90, 0.88),
    (0.74, 0.75, 0.76),
    (0.52, 0.53, 0.55),
    (0.32, 0.33, 0.35),
    (0.13, 0.13, 0.14),
    (0.86, 0.80, 0.68),
    (0.66, 0.54, 0.40),
    (0.45, 0.31, 0.20),
    (0.28, 0.20, 0.15),
)
_SATURATED = (
    (0.72, 0.10, 0.10),
    (0.85, 0.38, 0.10),
    (0.90, 0.72, 0.14),
    (0.28, 0.48, 0.18),
    (0.08, 0.36, 0.28),
    (0.12, 0.45, 0.62),
    (0.10, 0.20, 0.52),
    (0.42, 0.16, 0.40),
    (0.75, 0.36, 0.42),
)
_SKIN = ((0.92, 0.74, 0.62), (0.82, 0.62, 0.48), (0.66, 0.46, 0.33), (0.46, 0.30, 0.21), (0.30, 0.20, 0.15))

RUBBER: Colour = np.array((0.028, 0.028, 0.030))
GLASS: Colour = np.array((0.030, 0.036, 0.040))
DARK: Colour = np.array((0.022, 0.022, 0.024))
CHROME: Colour = np.array((0.55, 0.56, 0.58))
LAMP: Colour = np.array((0.80, 0.80, 0.76))
TAIL: Colour = np.array((0.42, 0.03, 0.03))


def linear(srgb: Colour) -> Colour:
    """Turn display colours in [0, 1] into linear reflectance; squaring is near enough to sRGB for a renderer."""
    return np.square(srgb)


def _pick(rng: np.random.Generator, table: tuple[tuple[float, float, float], ...], jitter: float) -> Colour:
    base = np.array(table[int(rng.integers(len(table)))])
    shade = rng.uniform(0.82, 1.12)
    return linear(np.clip(base * shade + rng.normal(0.0, jitter, 3), 0.03, 0.95))


def paint(rng: np.random.Generator) -> Colour:
    """Draw a colour from the shared palette: neutral or earthy a little more often than saturated."""
    return _pick(rng, _NEUTRAL if rng.random() < 0.56 else _SATURATED, 0.03)


def neutral(rng: np.random.Generator) -> Colour:
    """Draw a grey, black, white or brown of the shared palette."""
    return _pick(rng, _NEUTRAL, 0.025)


def skin(rng: np.random.Generator) -> Colour:
    """Draw a skin tone."""
    return _pick(rng, _SKIN, 0.015)
