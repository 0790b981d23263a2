"""Street furniture that is annotated: traffic signs, fire hydrants, benches."""

from __future__ import annotations

import numpy as np

from ..mesh import Array, Material, Mesh, MeshBuilder, circle
from ..palette import CHROME, paint


def _outline(rng: np.random.Generator) -> tuple[str, Array]:
    """Draw a plate shape as (n, 2) points with a radius near 1."""
    kind = str(rng.choice(("disc", "triangle", "yield", "octagon", "diamond", "square", "board")))
    shapes = {
        "disc": circle(18, 1.0, 1.0),
        "triangle": circle(3, 1.15, 1.15, np.pi / 2),
        "yield": circle(3, 1.15, 1.15, -np.pi / 2),
        "octagon": circle(8, 1.05, 1.05, np.pi / 8),
        "diamond": circle(4, 1.1, 1.1, 0.0),
        "square": np.array([(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)]),
        "board": np.array([(-0.75, -1.1), (0.75, -1.1), (0.75, 1.1), (-0.75, 1.1)]),
    }
    return kind, shapes[kind]


def sign(rng: np.random.Generator) -> Mesh:
    """Make a traffic sign on a post: plate shape, border and symbol vary; seen from behind the plate is bare."""
    mesh = MeshBuilder()
    _, shape = _outline(rng)
    size, high = rng.uniform(0.34, 0.48), rng.uniform(1.9, 2.5)
    post = Material(CHROME * rng.uniform(0.25, 0.7), 0.1)
    mesh.part(0.0)
    mesh.tube([(0.0, 0.0, 0.0), (0.0, high + size * 0.6, 0.0)], (0.035, 0.035), post, 7)
    _plate(mesh, rng, shape * size, high, paint(rng))
    if rng.random() < 0.25:
        small = np.array([(-0.3, -0.14), (0.3, -0.14), (0.3, 0.14), (-0.3, 0.14)])
        _plate(mesh, rng, small, high - size * 1.2 - 0.16, paint(rng))
    return mesh.build()


def _plate(mesh: MeshBuilder, rng: np.random.Generator, shape: Array, y: float, colour: Array) -> None:
    """Add one plate facing forward with border, field and symbol."""
    front, back = 0.075, 0.05
    mesh.part(1.0, (0.0, 0.0, 1.0, 0.05))

    def flat(points: Array, z: float) -> list[tuple[float, float, float]]:
        return [(float(a), float(b) + y, z) for a, b in points]

    mesh.loft([flat(shape, back), flat(shape, front)], Material(CHROME * 0.45, 0.15))
    contrast = paint(rng)
    if abs(float(contrast.mean()) - float(colour.mean())) < 0.15:
        contrast = np.full(3, 0.75 if colour.mean() < 0.3 else 0.03)
    border, field = (colour, contrast) if rng.random() < 0.6 else (contrast, colour)
    out = (0.0, 0.0, 1.0)
    mesh.plate(flat(shape, front + 0.002), Material(border, 0.05), out, level=1)
    mesh.plate(flat(shape * 0.78, front + 0.003), Material(field, 0.05), out, level=2)
    for piece in _symbol(rng):
        mesh.plate(flat(piece * np.abs(shape).max() * 0.5, front + 0.004), Material(border * 0.9), out, level=3)


def _symbol(rng: np.random.Generator) -> list[Array]:
    """Draw a symbol inside the unit square: bar, arrow, exclamation mark, cross or nothing."""
    bar = np.array([(-0.8, -0.2), (0.8, -0.2), (0.8, 0.2), (-0.8, 0.2)])
    arrow = [
        np.array([(-0.14, -0.8), (0.14, -0.8), (0.14, 0.2), (-0.14, 0.2)]),
        np.array([(-0.5, 0.15), (0.5, 0.15), (0.0, 0.85)]),
    ]
    mark = [
        np.array([(-0.12, -0.2), (0.12, -0.2), (0.16, 0.7), (-0.16, 0.7)]),
        circle(8, 0.15, 0.15) + np.array([0.0, -0.5]),
    ]
    upright = bar[:, ::-1] * 0.9
    choices: list[list[Array]] = [[bar], arrow, mark, [bar * 0.8, upright[::-1]], []]
    return choices[int(rng.integers(len(choices)))]


def hydrant(rng: np.random.Generator) -> Mesh:
    """Make a fire hydrant: a turned body with flanges, a bonnet, side outlets and a front outlet."""
    mesh = MeshBuilder()
    body = Material(paint(rng), 0.08)
    cap = Material(paint(rng), 0.08) if rng.random() < 0.5 else body
    high, r = rng.uniform(0.72, 0.95), rng.uniform(0.105, 0.14)
    profile = [
        (0.0, 1.5),
        (0.05, 1.5),
        (0.06, 1.05),
        (0.52, 1.0),
        (0.55, 1.0),
        (0.56, 1.25),
        (0.63, 1.25),
        (0.64, 1.05),
        (0.74, 1.0),
    ]
    mesh.part(0.0)
    mesh.loft(_turned(profile, high, r), body)
    dome = [(0.74, 1.25), (0.78, 1.25), (0.79, 1.08), (0.86, 0.95), (0.92, 0.65), (0.945, 0.3)]
    mesh.part(1.0)
    mesh.loft(_turned(dome, high, r), cap)
    mesh.part(1.1)
    mesh.loft(_turned([(0.945, 0.28), (1.0, 0.24)], high, r, 5), cap)
    y = 0.66 * high
    for axis, reach, size in (((1.0, 0.0), 1.9, 0.5), ((-1.0, 0.0), 1.9, 0.5), ((0.0, 1.0), 1.9, 0.68)):
        _outlet(mesh, axis, y - (0.1 * high if axis[1] else 0.0), r, (reach, size), body, cap)
    return mesh.build(smooth=0.018)


def _turned(profile: list[tuple[float, float]], high: float, radius: float, sides: int = 12) -> Array:
    ring = circle(sides, radius, radius)
    return np.array([[(x * s, y * high, z * s) for x, z in ring] for y, s in profile])


def _outlet(
    mesh: MeshBuilder,
    axis: tuple[float, float],
    y: float,
    r: float,
    shape: tuple[float, float],
    body: Material,
    cap: Material,
) -> None:
    """Add an outlet with its cap, pointing along (x, z)."""
    reach, size = shape
    ax, az = axis
    mesh.part(2.0, (ax, 0.0, az, r * 0.8))
    stem = [(ax * r * t, y, az * r * t) for t in (0.7, 0.7 * reach)]
    mesh.tube(stem, (r * size, r * size), body, 9)
    mesh.part(2.1, (ax, 0.0, az, r * 0.9))
    lid = [(ax * r * t, y, az * r * t) for t in (0.68 * reach, 0.9 * reach, reach)]
    mesh.tube(lid, (r * size * 1.25, r * size * 1.25, r * size * 0.5), cap, 9)


def bench(rng: np.random.Generator) -> Mesh:
    """Make a bench of slats on two or three supports, mostly with a back, some with arm rests."""
    mesh = MeshBuilder()
    slat, leg = Material(paint(rng), 0.03), Material(paint(rng) * 0.5, 0.1)
    half, deep, seat = rng.uniform(0.65, 1.05), rng.uniform(0.38, 0.46), rng.uniform(0.42, 0.48)
    backed, rests = rng.random() < 0.75, rng.random() < 0.45
    places = (-half * 0.8, half * 0.8) if half < 0.9 else (-half * 0.85, 0.0, half * 0.85)
    for x in places:
        mesh.part(0.0)
        if rng.random() < 0.5:
            mesh.box((x - 0.03, 0.0, 0.02), (x + 0.03, seat - 0.03, 0.08), leg)
            mesh.box((x - 0.03, 0.0, deep - 0.08), (x + 0.03, seat - 0.03, deep - 0.02), leg)
        else:
            mesh.box((x - 0.05, 0.0, 0.06), (x + 0.05, seat - 0.03, deep - 0.06), leg)
    count = int(rng.integers(3, 6))
    wide = deep / count
    for i in range(count):
        mesh.part(1.0)
        mesh.box((-half, seat - 0.03, i * wide), (half, seat + 0.01, (i + 0.82) * wide), slat)
    if backed:
        _back(mesh, rng, places, half, seat, (slat, leg))
    if rests:
        for x in (-half * 0.97, half * 0.97):
            mesh.part(2.0, (1.0 if x > 0 else -1.0, 0.0, 0.0, 0.0))
            mesh.box((x - 0.03, seat + 0.18, 0.0), (x + 0.03, seat + 0.23, deep), leg)
            mesh.box((x - 0.03, seat, deep - 0.06), (x + 0.03, seat + 0.18, deep), leg)
    return mesh.build()


def _back(
    mesh: MeshBuilder,
    rng: np.random.Generator,
    places: tuple[float, ...],
    half: float,
    seat: float,
    m: tuple[Material, Material],
) -> None:
    """Add a leaning back rest of two to four slats behind the seat (towards -z)."""
    slats = int(rng.integers(2, 5))
    tall = rng.uniform(0.36, 0.46)
    lean = -0.22
    for x in places:
        mesh.part(1.4, (0.0, 0.0, -1.0, 0.05))
        mesh.tube([(x, seat - 0.05, 0.0), (x, seat + tall, lean * tall - 0.02)], (0.028, 0.024), m[1], 5)
    step = (tall - 0.08) / slats
    for i in range(slats):
        y = seat + 0.10 + i * step
        z = lean * (y - seat)
        top = y + step * 0.78
        low = [(-half, y, z), (half, y, z), (half, y, z + 0.03), (-half, y, z + 0.03)]
        high = [(a, top, b + lean * step * 0.78) for a, _, b in low]
        mesh.part(1.5, (0.0, 0.0, 1.0, -0.05))
        mesh.loft([low, high], m[0])
