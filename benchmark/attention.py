"""How much of a soft mask lies on the annotated objects, against how much of the image they take."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Attention:
    """Sums over the pixels of one image, or of several.

    Attributes:
        pixels: Pixels in all.
        boxed: Those inside at least one box.
        mass: Sum of the mask over all pixels.
        boxed_mass: Sum of the mask over the pixels inside a box.
    """

    pixels: int
    boxed: int
    mass: float
    boxed_mass: float

    @property
    def mean(self) -> float:
        """Return the mask's mean, in [0, 1]."""
        return self.mass / self.pixels

    @property
    def area(self) -> float:
        """Return the boxes' share of the area, in [0, 1]."""
        return self.boxed / self.pixels

    @property
    def inside(self) -> float:
        """Return the share of the mask's mass inside boxes, in [0, 1]; NaN for a mask that is zero everywhere."""
        return self.boxed_mass / self.mass if self.mass else math.nan

    @property
    def ratio(self) -> float:
        """Return ``inside`` by ``area``: 1 for an even mask, more for one that favours objects; NaN without boxes."""
        return self.inside / self.area if self.boxed else math.nan


def attention(mask: NDArray[np.floating], xyxy: NDArray[np.floating]) -> Attention:
    """Measure a mask against boxes; a pixel is inside a box if its centre is, and counts once however many hold it.

    Args:
        mask: float (h, w) in [0, 1].
        xyxy: float (N, 4), x1 y1 x2 y2 in the mask's pixels; parts outside of the image do not count.
    """
    inside = np.zeros(mask.shape, bool)
    for left, top, right, bottom in np.ceil(np.asarray(xyxy, np.float64) - 0.5).clip(0).astype(int).tolist():
        inside[top:bottom, left:right] = True
    exact = mask.astype(np.float64)
    return Attention(mask.size, int(inside.sum()), float(exact.sum()), float(exact[inside].sum()))


def pooled(parts: Iterable[Attention]) -> Attention:
    """Return the sums over several images, in which each pixel counts the same."""
    every = list(parts)
    return Attention(
        sum(part.pixels for part in every),
        sum(part.boxed for part in every),
        math.fsum(part.mass for part in every),
        math.fsum(part.boxed_mass for part in every),
    )
