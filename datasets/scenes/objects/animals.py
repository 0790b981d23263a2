"""Dogs."""

from __future__ import annotations

import numpy as np

from ..mesh import Array, Material, Mesh, MeshBuilder, circle
from ..palette import DARK, neutral, paint


def _stations(levels: list[tuple[float, float, float, float]], sides: int = 9) -> Array:
    """Return rings of upright ellipses along z; a level is (z, middle height, half width, half height)."""
    ring = circle(sides, 1.0, 1.0, np.pi / sides)
    return np.array([[(x * w, y + t * h, z) for x, t in ring] for z, y, w, h in levels])


def dog(rng: np.random.Generator) -> Mesh:
    """Make a standing, trotting or sitting dog of a random breed; some wear a coat in a colour of the palette."""
    mesh = MeshBuilder()
    fur = Material(neutral(rng))
    other = Material(neutral(rng)) if rng.random() < 0.4 else fur
    leg = rng.uniform(0.16, 0.40)
    body = rng.uniform(0.45, 0.70)
    deep = rng.uniform(0.10, 0.15) * (0.8 + 0.5 * leg)
    sits = rng.random() < 0.25
    back = leg + deep
    rear = -body / 2
    drop = min(0.75 * leg, 0.25) if sits else 0.0
    _trunk(mesh, rng, body, back, deep, drop, fur)
    trot = rng.uniform(0.1, 0.5) if not sits else 0.0
    for side in (-1.0, 1.0):
        _leg(mesh, side, (side * deep * 0.42, back - 0.15 * deep, body / 2 - 0.07), trot * side, other, False)
        _leg(mesh, side, (side * deep * 0.45, back - drop - 0.1 * deep, rear + 0.07), -trot * side, fur, sits)
    _tail(mesh, rng, (back + 0.4 * deep - drop, rear), fur)
    _head(mesh, rng, (back + 0.5 * deep, body / 2), deep, fur, other)
    return mesh.build(smooth=0.022)


def _trunk(
    mesh: MeshBuilder, rng: np.random.Generator, body: float, back: float, deep: float, drop: float, fur: Material
) -> None:
    rear = -body / 2
    levels = [
        (rear - 0.03, back - drop, 0.05, deep * 0.55),
        (rear + 0.06, back - drop, deep * 0.78, deep * 0.9),
        (rear + body * 0.4, back - drop * 0.6, deep * 0.72, deep * 0.85),
        (body / 2 - 0.12, back - drop * 0.1, deep * 0.85, deep * 1.08),
        (body / 2, back, deep * 0.65, deep * 0.85),
        (body / 2 + 0.05, back + 0.04, deep * 0.35, deep * 0.5),
    ]
    mesh.part(0.0)
    mesh.loft(_stations(levels), fur)
    if rng.random() < 0.4:
        coat = [(z, y + 0.01, w * 1.1 + 0.005, h * 1.08) for z, y, w, h in levels[1:5]]
        mesh.part(0.01)
        mesh.loft(_stations(coat), Material(paint(rng)), caps=False)


def _leg(
    mesh: MeshBuilder, side: float, top: tuple[float, float, float], swing: float, fur: Material, folded: bool
) -> None:
    """Add a leg that ends in a paw on the ground; a folded one is that of a sitting dog."""
    x, y, z = top
    foot = (x, 0.025, z + 0.16) if folded else (x, 0.025 + 0.08 * max(0.0, -swing), z + np.sin(swing) * y * 0.7)
    knee = (x, y * 0.5, z + 0.16) if folded else (x, y * 0.48, (z + foot[2]) / 2 + (0.03 if z > 0 else -0.05))
    thick = 0.02 + 0.055 * y
    mesh.part(0.02, (side, 0.0, 0.0, 0.0))
    mesh.tube([top, knee, foot], (thick * 1.45, thick, thick * 0.75), fur, 6)
    mesh.tube([(x, 0.022, foot[2] - 0.02), (x, 0.02, foot[2] + 0.06)], (0.026, 0.02), fur, 6)


def _tail(mesh: MeshBuilder, rng: np.random.Generator, root: tuple[float, float], fur: Material) -> None:
    y, z = root
    lift, long = rng.uniform(-0.12, 0.28), rng.uniform(0.12, 0.32)
    mesh.part(0.01, (0.0, 0.0, -1.0, 0.1))
    path = [(0.0, y, z), (0.0, y + lift * 0.4, z - long * 0.6), (0.0, max(0.05, y + lift), z - long)]
    mesh.tube(path, (0.032, 0.028, 0.012), fur, 6)


def _head(
    mesh: MeshBuilder, rng: np.random.Generator, root: tuple[float, float], deep: float, fur: Material, other: Material
) -> None:
    """Add neck, skull, muzzle, nose and pricked or hanging ears."""
    y, z = root
    size = 0.075 + 0.25 * deep
    rise, ahead = rng.uniform(0.10, 0.20), rng.uniform(0.06, 0.12)
    top, front = y + rise, z + ahead
    mesh.part(0.03, (0.0, 0.0, 1.0, z - 0.1))
    mesh.tube([(0.0, y - 0.07, z - 0.08), (0.0, top - 0.02, front - 0.02)], (deep * 0.72, size * 0.72), fur, 8)
    mesh.part(0.05, (0.0, 0.0, 1.0, z))
    muzzle = rng.uniform(0.7, 1.5) * size
    levels = [
        (front - size * 0.75, top, size * 0.5, size * 0.5),
        (front, top + 0.01, size * 0.8, size * 0.82),
        (front + size * 0.6, top - 0.01, size * 0.62, size * 0.6),
        (front + size * 0.75, top - size * 0.25, size * 0.42, size * 0.38),
        (front + size * 0.75 + muzzle, top - size * 0.35, size * 0.3, size * 0.26),
    ]
    mesh.loft(_stations(levels), other if rng.random() < 0.5 else fur)
    tip = levels[-1]
    mesh.plate(
        [(x, yy, zz + 0.004) for x, yy, zz in _stations([(tip[0], tip[1] + 0.01, 0.02, 0.018)])[0]],
        Material(DARK),
        (0, 0, 1),
    )
    hang = rng.random() < 0.5
    for side in (-1.0, 1.0):
        x = side * size * 0.62
        mesh.part(0.06, (side, 0.0, 0.0, 0.0))
        end = (
            (x + side * 0.03, top - size * 0.5, front + 0.01)
            if hang
            else (x + side * 0.01, top + size * 1.45, front - 0.01)
        )
        ear = [(x - side * 0.03, top + size * 0.7, front - 0.03), (x, top + size * 0.5, front + size * 0.4), end]
        mesh.plate(ear, Material(other.albedo * 0.8), None, level=0)
    for side in (-1.0, 1.0):
        eye = [
            (side * (size * 0.4 + a), top + 0.02 + b, front + size * 0.66)
            for a, b in ((-0.012, 0), (0, -0.012), (0.012, 0), (0, 0.012))
        ]
        mesh.part(0.07, (0.0, 0.0, 1.0, front))
        mesh.plate(eye, Material(DARK), (0, 0, 1))
