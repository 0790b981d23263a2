"""Passenger cars: a rounded lower body, a glazed cabin and four wheels, in six body types."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..mesh import Array, Material, Mesh, MeshBuilder, inset
from ..palette import CHROME, DARK, GLASS, LAMP, TAIL, paint
from .wheels import arches, wheel

WINDOW = Material(GLASS, 0.75)


@dataclass(frozen=True, slots=True)
class _Body:
    """Proportions in metres; stations along the car as fractions of its length from the rear (0) to the front (1)."""

    length: float
    width: float
    height: float
    belt: float
    clearance: float
    nose: float
    tail: float
    cabin: tuple[float, float, float, float]
    """Rear foot, rear roof edge, front roof edge, front foot of the cabin."""


_TYPES = (
    # length, width, height, belt, clearance, bonnet drop, boot drop, cabin
    ((3.9, 1.72, 1.50, 0.98, 0.20, 0.20, 0.04), (0.02, 0.14, 0.56, 0.76)),
    ((4.6, 1.82, 1.44, 0.95, 0.18, 0.18, 0.08), (0.12, 0.28, 0.57, 0.74)),
    ((4.7, 1.84, 1.47, 0.97, 0.18, 0.18, 0.03), (0.01, 0.08, 0.56, 0.74)),
    ((4.6, 1.92, 1.72, 1.12, 0.28, 0.16, 0.04), (0.01, 0.09, 0.58, 0.75)),
    ((4.3, 1.88, 1.26, 0.86, 0.14, 0.16, 0.10), (0.10, 0.34, 0.52, 0.72)),
    ((4.6, 1.90, 1.82, 1.08, 0.20, 0.22, 0.03), (0.01, 0.05, 0.62, 0.88)),
)


def _draw_body(rng: np.random.Generator) -> _Body:
    sizes, cabin = _TYPES[int(rng.choice(len(_TYPES), p=(0.22, 0.24, 0.14, 0.2, 0.1, 0.1)))]
    length, width, height, belt, clearance, nose, tail = np.array(sizes) * rng.uniform(0.94, 1.06, 7)
    shift = rng.normal(0, 0.012, 4)
    stations = tuple(float(v) for v in np.array(cabin) + shift * (np.array(cabin) > 0.03))
    return _Body(
        length,
        width,
        max(height, belt + 0.38),
        belt,
        clearance,
        nose,
        tail,
        (stations[0], stations[1], stations[2], stations[3]),
    )


def car(rng: np.random.Generator) -> Mesh:
    """Make a hatchback, saloon, estate, off-roader, coupé or people carrier."""
    body = _draw_body(rng)
    finish = Material(paint(rng), rng.uniform(0.25, 0.5))
    radius = rng.uniform(0.30, 0.34) + 0.12 * (body.clearance - 0.18)
    axles = (-0.5 * body.length + 0.19 * body.length, 0.5 * body.length - 0.19 * body.length)
    mesh = MeshBuilder()
    mesh.part(0.0)
    _lower(mesh, body, finish)
    arches(mesh, body.width / 2 + 0.004, axles, radius)
    _trim(mesh, body, finish, rng)
    mesh.part(1.0)
    _cabin(mesh, body, finish, rng)
    rim = Material(CHROME * rng.uniform(0.35, 1.0), 0.3)
    for z in axles:
        for side in (-1.0, 1.0):
            wheel(mesh, side * (body.width / 2 + 0.015), z, radius, 0.2, rim)
    for side in (-1.0, 1.0):
        mesh.part(1.5, (side, 0.0, 0.0, body.width * 0.4))
        z = (body.cabin[3] - 0.5) * body.length - 0.25
        x = side * body.width * 0.47
        low = (min(x, x + side * 0.13), body.belt + 0.02, z)
        mesh.box(low, (low[0] + 0.13, body.belt + 0.13, z + 0.1), finish)
    return mesh.build(smooth=0.045)


def _section(half: float, low: float, top: float, z: float) -> list[tuple[float, float, float]]:
    """Return the ring of eight points of the lower body at one station."""
    mid = low + 0.45 * (top - low)
    right = [
        (half * 0.93, low),
        (half, mid * 0.75 + low * 0.25),
        (half * 0.985, mid + 0.2 * (top - mid)),
        (half * 0.86, top),
    ]
    ring = right + [(-x, y) for x, y in reversed(right)]
    return [(x, y, z) for x, y in ring]


def _lower(mesh: MeshBuilder, b: _Body, finish: Material) -> None:
    """Add the body below the windows as a loft from the rear to the front bumper."""
    stations = (
        # fraction of length, fraction of half width, rise of the underside, height of the top
        (0.0, 0.86, 0.22, b.belt - b.tail - 0.16),
        (0.015, 0.93, 0.08, b.belt - b.tail - 0.04),
        (0.08, 0.99, 0.0, b.belt - b.tail),
        (b.cabin[0] + 0.06, 1.0, 0.0, b.belt),
        (b.cabin[3] - 0.03, 1.0, 0.0, b.belt),
        (0.90, 0.98, 0.0, b.belt - b.nose * 0.62),
        (0.975, 0.90, 0.04, b.belt - b.nose - 0.06),
        (1.0, 0.78, 0.16, b.belt - b.nose - 0.26),
    )
    rings = [
        _section(b.width / 2 * half, b.clearance + rise, top, (t - 0.5) * b.length) for t, half, rise, top in stations
    ]
    mesh.loft(rings, finish)


def _trim(mesh: MeshBuilder, b: _Body, finish: Material, rng: np.random.Generator) -> None:
    """Add lamps, grille, plates, bumper, sills and door seams as decals on the lower body."""
    front, rear = b.length / 2 + 0.005, -b.length / 2 - 0.005
    half = b.width / 2
    top_f, top_r = b.belt - b.nose - 0.12, b.belt - b.tail - 0.10
    dark, plate = Material(DARK), Material(LAMP * 0.8)
    tall, wide = rng.uniform(0.10, 0.2), rng.uniform(0.2, 0.34)
    mesh.plate(_upright(-0.42 * half, 0.42 * half, top_f - 0.26, top_f - 0.06, front), dark, (0, 0, 1))
    mesh.plate(_upright(-0.6 * half, 0.6 * half, b.clearance + 0.06, b.clearance + 0.2, front - 0.02), dark, (0, 0, 1))
    mesh.plate(_upright(-0.26, 0.26, top_f - 0.36, top_f - 0.25, front + 0.01), plate, (0, 0, 1), level=2)
    mesh.plate(_upright(-0.26, 0.26, top_r - 0.36, top_r - 0.24, rear), plate, (0, 0, -1))
    mesh.plate(_upright(-0.7 * half, 0.7 * half, b.clearance + 0.2, b.clearance + 0.34, rear), dark, (0, 0, -1))
    for side in (-1.0, 1.0):
        outer, inner = side * half * 0.90, side * (half * 0.90 - wide)
        mesh.plate(_upright(outer, inner, top_f - tall, top_f, front - 0.01), Material(LAMP, 0.6), (side * 0.2, 0, 1))
        mesh.plate(_upright(outer, inner, top_r - tall, top_r + 0.04, rear), Material(TAIL, 0.4), (side * 0.2, 0, -1))
        x = side * (half + 0.003)
        out = (side, 0.0, 0.0)
        low, high = b.clearance + 0.02, b.clearance + 0.12
        z0, z1 = -0.3 * b.length, 0.3 * b.length
        mesh.plate([(x, low, z0), (x, low, z1), (x, high, z1), (x, high, z0)], dark, out)
        for z in (-0.16 * b.length, 0.02 * b.length, 0.23 * b.length):
            seam = [(x, high, z), (x, high, z + 0.02), (x, b.belt - 0.02, z + 0.02), (x, b.belt - 0.02, z)]
            mesh.plate(seam, Material(finish.albedo * 0.25), out)


def _upright(x0: float, x1: float, y0: float, y1: float, z: float) -> Array:
    """Return an upright rectangle across the z axis."""
    return np.array([(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)])


def _cabin(mesh: MeshBuilder, b: _Body, finish: Material, rng: np.random.Generator) -> None:
    """Add the cabin with a bowed roof, and its panes as decals."""
    z = [(t - 0.5) * b.length for t in b.cabin]
    foot, roof, low, high = b.width / 2 * 0.90, b.width / 2 * rng.uniform(0.66, 0.74), b.belt - 0.03, b.height - 0.05
    base = [(-foot, low, z[0]), (foot, low, z[0]), (foot, low, z[3]), (-foot, low, z[3])]
    edge = [(-roof, high, z[1]), (roof, high, z[1]), (roof, high, z[2]), (-roof, high, z[2])]
    pad = 0.16 * (z[2] - z[1])
    crown = [(-roof * 0.82, b.height, z[1] + pad), (roof * 0.82, b.height, z[1] + pad)]
    crown += [(roof * 0.82, b.height, z[2] - pad), (-roof * 0.82, b.height, z[2] - pad)]
    mesh.loft([base, edge, crown], finish)
    rear = [base[1], base[0], edge[0], edge[1]]
    front = [base[3], base[2], edge[2], edge[3]]
    mesh.plate(inset(rear, 0.07, 0.93, 0.2, 0.92), WINDOW, (0, 0.2, -1))
    mesh.plate(inset(front, 0.04, 0.96, 0.08, 0.95), WINDOW, (0, 0.2, 1))
    pillars = (0.07, rng.uniform(0.40, 0.48), 0.94) if rng.random() < 0.5 else (0.07, 0.30, 0.62, 0.94)
    for side, quad in ((1.0, [base[1], base[2], edge[2], edge[1]]), (-1.0, [base[0], base[3], edge[3], edge[0]])):
        for start, end in pairwise(pillars):
            mesh.plate(inset(quad, start + 0.012, end - 0.012, 0.12, 0.9), WINDOW, (side, 0.2, 0))
