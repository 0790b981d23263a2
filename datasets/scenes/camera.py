"""The pinhole camera of a scene: level, above a flat ground, with the horizon shifted instead of tilted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Camera:
    """A level camera at (0, height_m, 0) looking along +Z; X points right, Y up, all in metres.

    The horizon is moved by shifting the lens, so verticals stay vertical, as in architectural photographs.

    Attributes:
        width: Image width, pixels.
        height: Image height, pixels.
        focal: Focal length, pixels.
        height_m: Height of the camera above the ground, metres.
        horizon: Image row of the horizon, pixels (continuous).
        centre: Image column of the optical axis, pixels (continuous).
    """

    width: int
    height: int
    focal: float
    height_m: float
    horizon: float
    centre: float

    def project(self, points: Array) -> Array:
        """Project (..., 3) metres to (..., 2) continuous pixels; every point must lie in front of the camera."""
        inverse = self.focal / points[..., 2]
        u = self.centre + points[..., 0] * inverse
        v = self.horizon + (self.height_m - points[..., 1]) * inverse
        return np.stack([u, v], axis=-1)

    def ground_depth(self, row: float) -> float:
        """Return the depth in metres of the ground seen at an image row below the horizon."""
        return self.focal * self.height_m / (row - self.horizon)


def draw_camera(rng: np.random.Generator, width: int, height: int) -> Camera:
    """Draw a camera whose field of view is that of a phone or a short telephoto lens."""
    size = float(np.sqrt(width * height))
    return Camera(
        width=width,
        height=height,
        focal=size * rng.uniform(1.0, 1.65),
        height_m=rng.uniform(1.5, 3.6),
        horizon=height * rng.uniform(0.27, 0.46),
        centre=width * rng.uniform(0.42, 0.58),
    )


def clip_to_front(polygon: Array, near: float) -> Array:
    """Cut a (N, 3) polygon at Z = near and return the part in front, (M, 3); M may be 0 (Sutherland-Hodgman)."""
    kept: list[Array] = []
    for start, end in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if start[2] >= near:
            kept.append(start)
        if (start[2] >= near) != (end[2] >= near):
            kept.append(start + (end - start) * ((near - start[2]) / (end[2] - start[2])))
    return np.array(kept) if len(kept) >= 3 else np.zeros((0, 3))
