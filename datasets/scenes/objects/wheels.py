"""Wheels and the dark arches they stand in."""

from __future__ import annotations

import numpy as np

from ..mesh import Array, Material, MeshBuilder, circle
from ..palette import DARK, RUBBER

TYRE = Material(RUBBER, 0.03)
ARCH = Material(DARK * 0.5)


def disc(x: float, y: float, z: float, radius: float, sides: int = 14) -> Array:
    """Return (sides, 3) points of an upright circle across the x axis."""
    ring = circle(sides, radius, radius)
    return np.stack([np.full(sides, x), y + ring[:, 0], z + ring[:, 1]], axis=-1)


def wheel(mesh: MeshBuilder, x: float, z: float, radius: float, thick: float, rim: Material) -> None:
    """Add one wheel whose outer face lies at ``x``; it is its own part, hidden by the body from the far side."""
    side = 1.0 if x > 0 else -1.0
    mesh.part(2.0, (side, 0.0, 0.0, 0.9 * abs(x)))
    mesh.loft([disc(x - side * thick, radius, z, radius), disc(x, radius, z, radius)], TYRE)
    out = (side, 0.0, 0.0)
    mesh.plate(disc(x + side * 0.005, radius, z, radius * 0.66), rim, out, level=2)
    mesh.plate(disc(x + side * 0.006, radius, z, radius * 0.50), Material(rim.albedo * 0.35, 0.1), out, level=3)
    for turn in np.arange(5) * (2 * np.pi / 5) + z:
        along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
        corners = [
            along * a * radius + across * b * radius for a, b in ((0, -0.1), (0.58, -0.07), (0.58, 0.07), (0, 0.1))
        ]
        mesh.plate([(x + side * 0.007, radius + c[0], z + c[1]) for c in corners], rim, out, level=4)


def arches(mesh: MeshBuilder, half_width: float, positions: tuple[float, ...], radius: float) -> None:
    """Add the dark openings behind the wheels to the current part, on both sides."""
    for z in positions:
        for side in (-1.0, 1.0):
            mesh.plate(disc(side * half_width, radius, z, radius * 1.16), ARCH, (side, 0.0, 0.0), level=1)
