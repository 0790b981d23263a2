"""Bicycles and motorcycles."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ..mesh import Array, Material, Mesh, MeshBuilder, circle
from ..palette import CHROME, DARK, LAMP, RUBBER, TAIL, paint
from .wheels import disc

_RUBBER = Material(RUBBER * 1.2, 0.05)


def _ring_wheel(mesh: MeshBuilder, z: float, radius: float, tyre: float, spokes: int, rim: Material) -> None:
    """Add a spoked wheel in the plane x = 0: a torus, a hub and thin spokes."""
    mesh.part(0.0)
    section = circle(4, tyre, tyre)
    turn = np.arange(22) * (2 * np.pi / 22)
    rings = [
        [(x, radius + (radius - tyre + r) * np.sin(a), z + (radius - tyre + r) * np.cos(a)) for x, r in section]
        for a in turn
    ]
    mesh.loft(rings, _RUBBER, closed=True)
    thin = 0.006
    for a in np.arange(spokes) * (2 * np.pi / spokes):
        along, across = np.array([np.sin(a), np.cos(a)]), np.array([np.cos(a), -np.sin(a)])
        ends = [
            along * r + across * s for r, s in ((0, -thin), (radius * 0.93, -thin), (radius * 0.93, thin), (0, thin))
        ]
        mesh.plate([(0.0, radius + e[0], z + e[1]) for e in ends], rim, None, level=0)
    mesh.tube([(-0.05, radius, z), (0.05, radius, z)], (0.03, 0.03), rim, 6)


def bicycle(rng: np.random.Generator) -> Mesh:
    """Make a city, racing or mountain bicycle, sometimes with basket, mudguards or carrier."""
    mesh = MeshBuilder()
    radius = rng.uniform(0.32, 0.36)
    tyre = float(rng.choice((0.022, 0.026, 0.034)))
    base = rng.uniform(0.98, 1.12)
    rear, front = -base / 2, base / 2
    finish, rim = Material(paint(rng), 0.25), Material(CHROME * 0.7, 0.2)
    for z in (rear, front):
        _ring_wheel(mesh, z, radius, tyre, 12, rim)
    style = str(rng.choice(("city", "race", "mountain")))
    seat_y = rng.uniform(0.78, 0.90)
    bottom, seat = (0.0, radius * 0.85, rear + 0.42), (0.0, seat_y, rear + 0.26)
    head = (0.0, rng.uniform(0.80, 0.88), front - 0.20)
    neck = (0.0, head[1] - 0.14, front - 0.165)
    step = style == "city" and rng.random() < 0.55
    tube = 0.021
    mesh.part(0.5)
    links = [(bottom, seat), (bottom, neck), (head, (0.0, radius, front)), (bottom, (0.0, radius, rear))]
    links += [
        (
            (0.0, bottom[1] + 0.12, bottom[2] + 0.02) if step else (0.0, seat[1] - 0.08, seat[2] + 0.02),
            neck if step else head,
        )
    ]
    links += [((0.0, seat[1] - 0.1, seat[2] + 0.03), (0.0, radius, rear))]
    for start, end in links:
        mesh.tube([start, end], (tube, tube * 0.9), finish, 5)
    mesh.tube([seat, (0.0, seat[1] + 0.13, seat[2] - 0.04)], (0.014, 0.014), rim, 5)
    _saddle_and_bars(mesh, (seat[1] + 0.13, seat[2] - 0.04), (head[1], head[2]), style)
    _drive(mesh, bottom, rim)
    if style == "city":
        _city_extras(mesh, rng, radius, rear, front, head[1], finish)
    return mesh.build()


def _saddle_and_bars(mesh: MeshBuilder, saddle: tuple[float, float], head: tuple[float, float], style: str) -> None:
    dark = Material(DARK * 1.5, 0.1)
    y, z = saddle
    mesh.part(0.6)
    mesh.loft(
        [
            [(-0.08, y, z - 0.13), (0.08, y, z - 0.13), (0.025, y, z + 0.14), (-0.025, y, z + 0.14)],
            [
                (-0.07, y + 0.06, z - 0.14),
                (0.07, y + 0.06, z - 0.14),
                (0.02, y + 0.04, z + 0.15),
                (-0.02, y + 0.04, z + 0.15),
            ],
        ],
        dark,
    )
    y, z = head
    mesh.part(0.7)
    top, reach = y + 0.13, {"city": -0.10, "race": 0.10, "mountain": 0.02}[style]
    mesh.tube([(0.0, y, z), (0.0, top, z - 0.02)], (0.016, 0.016), dark, 5)
    drop = -0.12 if style == "race" else 0.0
    for side in (-1.0, 1.0):
        mesh.tube(
            [(0.0, top, z), (side * 0.20, top + 0.02, z), (side * 0.29, top + drop, z + reach)],
            (0.014, 0.014, 0.017),
            dark,
            5,
        )


def _drive(mesh: MeshBuilder, bottom: tuple[float, float, float], rim: Material) -> None:
    """Add chainring, cranks and pedals."""
    _, y, z = bottom
    mesh.part(0.8, (1.0, 0.0, 0.0, 0.0))
    mesh.plate(disc(0.05, y, z, 0.10, 10), Material(DARK * 2, 0.2), None, level=0)
    mesh.tube([(0.06, y, z), (0.07, y - 0.11, z + 0.13)], (0.012, 0.012), rim, 5)
    mesh.box((0.07, y - 0.13, z + 0.10), (0.17, y - 0.10, z + 0.18), Material(DARK))
    mesh.part(0.8, (-1.0, 0.0, 0.0, 0.0))
    mesh.tube([(-0.06, y, z), (-0.07, y + 0.11, z - 0.13)], (0.012, 0.012), rim, 5)
    mesh.box((-0.17, y + 0.10, z - 0.18), (-0.07, y + 0.13, z - 0.10), Material(DARK))


def _city_extras(
    mesh: MeshBuilder, rng: np.random.Generator, radius: float, rear: float, front: float, head: float, finish: Material
) -> None:
    """Add mudguards, a carrier and perhaps a basket."""
    mesh.part(0.4)
    for z in (rear, front):
        angle = np.linspace(0.15, np.pi - 0.5, 8)
        outer = radius + 0.025
        for a, b in pairwise(angle):
            quad = [(x, radius + outer * np.sin(t), z - outer * np.cos(t)) for t in (a, b) for x in (-0.03, 0.03)]
            mesh.plate([quad[0], quad[1], quad[3], quad[2]], finish, None, level=0)
    mesh.box((-0.06, radius * 2 + 0.06, rear - 0.15), (0.06, radius * 2 + 0.09, rear + 0.2), Material(DARK * 2))
    if rng.random() < 0.5:
        skin = Material(paint(rng))
        mesh.part(0.9, (0.0, 0.0, 1.0, front - 0.2))
        mesh.box((-0.17, head - 0.1, front - 0.14), (0.17, head + 0.14, front + 0.14), skin)


def motorcycle(rng: np.random.Generator) -> Mesh:
    """Make a street motorcycle, a sports one with fairing, a cruiser or a scooter."""
    mesh = MeshBuilder()
    kind = str(rng.choice(("street", "sport", "cruiser", "scooter"), p=(0.3, 0.25, 0.2, 0.25)))
    radius = 0.24 if kind == "scooter" else rng.uniform(0.29, 0.32)
    base = {"street": 1.40, "sport": 1.38, "cruiser": 1.62, "scooter": 1.28}[kind] * rng.uniform(0.97, 1.05)
    rear, front = -base / 2, base / 2
    finish = Material(paint(rng), 0.4)
    for z, thick in ((rear, 0.09), (front, 0.065)):
        mesh.part(0.0)
        mesh.loft(
            [
                disc(-thick, radius, z, radius * 0.9),
                disc(-thick * 0.6, radius, z, radius),
                disc(thick * 0.6, radius, z, radius),
                disc(thick, radius, z, radius * 0.9),
            ],
            _RUBBER,
        )
        for side in (-1.0, 1.0):
            x = side * (thick + 0.004)
            mesh.plate(disc(x, radius, z, radius * 0.64), Material(CHROME * 0.6, 0.3), (side, 0, 0), level=1)
            mesh.plate(disc(x * 1.02, radius, z, radius * 0.5), Material(DARK * 2), (side, 0, 0), level=2)
            mesh.plate(disc(x * 1.04, radius, z, radius * 0.2), Material(CHROME * 0.6, 0.3), (side, 0, 0), level=3)
    if kind == "scooter":
        _scooter(mesh, radius, rear, front, finish)
    else:
        _frame(mesh, rng, kind, radius, rear, front, finish)
    return mesh.build(smooth=0.02)


def _blob(
    mesh: MeshBuilder, stations: tuple[tuple[float, float, float, float], ...], material: Material, sides: int = 10
) -> Array:
    """Add a loft of ellipses along z; a station is (z, middle height, half width, half height)."""
    ring = circle(sides, 1.0, 1.0, np.pi / sides)
    return mesh.loft([[(x * w, y + t * h, z) for x, t in ring] for z, y, w, h in stations], material)


def _frame(
    mesh: MeshBuilder, rng: np.random.Generator, kind: str, r: float, rear: float, front: float, finish: Material
) -> None:
    """Add engine, tank, seat, tail, fork, lamp and exhaust of a motorcycle with a tank."""
    metal = Material(CHROME * 0.5, 0.35)
    seat = 0.68 if kind == "cruiser" else 0.80
    mesh.part(0.2)
    mesh.loft(
        [
            [(-0.16, 0.2, -0.28), (0.16, 0.2, -0.28), (0.16, 0.2, 0.3), (-0.16, 0.2, 0.3)],
            [(-0.17, 0.55, -0.22), (0.17, 0.55, -0.22), (0.17, 0.6, 0.26), (-0.17, 0.6, 0.26)],
        ],
        Material(DARK * 4, 0.15),
    )
    for y in np.linspace(0.3, 0.52, 4):
        for side in (-1.0, 1.0):
            x = side * 0.175
            mesh.plate([(x, y, -0.05), (x, y, 0.27), (x, y + 0.025, 0.27), (x, y + 0.025, -0.05)], metal, (side, 0, 0))
    mesh.part(0.3)
    mesh.tube([(0.0, r, rear), (0.1, r + 0.06, -0.2)], (0.05, 0.05), Material(DARK * 2), 5)
    for side in (-1.0, 1.0):
        mesh.tube([(side * 0.09, r, front), (side * 0.09, 0.98, front - 0.34)], (0.032, 0.028), metal, 6)
    mesh.part(0.5)
    tank = ((-0.12, seat + 0.02, 0.08, 0.08), (0.0, seat + 0.08, 0.15, 0.14), (0.22, seat + 0.10, 0.17, 0.16))
    _blob(mesh, (*tank, (0.42, seat + 0.06, 0.12, 0.12), (0.48, seat + 0.03, 0.05, 0.06)), finish)
    tail = 0.12 if kind == "sport" else 0.0
    _blob(
        mesh,
        (
            (-0.82, seat + 0.03 + tail, 0.06, 0.05),
            (-0.5, seat + tail * 0.6, 0.12, 0.08),
            (-0.08, seat - 0.03, 0.13, 0.08),
        ),
        Material(DARK * 1.5, 0.1),
    )
    _blob(
        mesh,
        ((-0.86, seat - 0.07 + tail, 0.05, 0.05), (-0.3, seat - 0.12, 0.11, 0.09), (0.0, seat - 0.13, 0.12, 0.1)),
        finish,
    )
    mesh.plate(
        [
            (-0.06, seat - 0.08 + tail, -0.87),
            (0.06, seat - 0.08 + tail, -0.87),
            (0.06, seat + tail, -0.87),
            (-0.06, seat + tail, -0.87),
        ],
        Material(TAIL, 0.4),
        (0, 0, -1),
    )
    mesh.part(0.6, (1.0, 0.0, 0.0, 0.0))
    mesh.tube(
        [(0.14, 0.3, 0.1), (0.17, 0.28, -0.2), (0.19, 0.42, rear - 0.15)],
        (0.045, 0.055, 0.06),
        Material(CHROME, 0.6),
        7,
    )
    _front_end(mesh, kind, front, finish)
    mesh.part(0.1)
    _blob(
        mesh,
        ((rear - 0.3, r * 1.7, 0.08, 0.03), (rear, r * 2 + 0.06, 0.09, 0.03), (rear + 0.3, r * 1.9, 0.08, 0.03)),
        finish,
        6,
    )
    _blob(
        mesh,
        ((front - 0.28, r * 1.8, 0.06, 0.03), (front, r * 2 + 0.05, 0.07, 0.03), (front + 0.25, r * 1.7, 0.06, 0.03)),
        finish,
        6,
    )


def _front_end(mesh: MeshBuilder, kind: str, front: float, finish: Material) -> None:
    """Add handlebar, lamp, mirrors and, on a sports machine, the fairing."""
    dark, lamp = Material(DARK * 1.5, 0.1), Material(LAMP, 0.6)
    z = front - 0.32
    rise = 0.2 if kind == "cruiser" else 0.06 if kind == "street" else -0.02
    mesh.part(0.7)
    for side in (-1.0, 1.0):
        mesh.tube(
            [(0.0, 0.98, z), (side * 0.24, 1.0 + rise, z - 0.04), (side * 0.38, 0.98 + rise, z - 0.16)],
            (0.02, 0.02, 0.024),
            dark,
            5,
        )
        mesh.tube([(side * 0.26, 1.0 + rise, z), (side * 0.33, 1.16 + rise, z)], (0.01, 0.045), dark, 5)
    mesh.part(0.8)
    if kind == "sport":
        _blob(mesh, ((z - 0.12, 0.86, 0.22, 0.24), (z + 0.12, 0.84, 0.2, 0.22), (z + 0.36, 0.76, 0.08, 0.10)), finish)
        _blob(mesh, ((-0.15, 0.45, 0.20, 0.14), (0.2, 0.55, 0.22, 0.24), (z + 0.1, 0.66, 0.18, 0.16)), finish)
        mesh.plate(
            [(-0.12, 1.02, z + 0.1), (0.12, 1.02, z + 0.1), (0.08, 1.22, z - 0.06), (-0.08, 1.22, z - 0.06)], dark, None
        )
    y = 0.84 if kind != "sport" else 0.76
    reach = 0.36 if kind == "sport" else 0.16
    ring = circle(9, 0.09, 0.09)
    back, ahead = [[(x, y + t, z + d) for x, t in ring * s] for d, s in ((0.0, 0.7), (reach, 1.0))]
    mesh.loft([back, ahead], dark)
    mesh.plate([(x, yy, zz + 0.005) for x, yy, zz in ahead], lamp, (0, 0, 1))


def _scooter(mesh: MeshBuilder, r: float, rear: float, front: float, finish: Material) -> None:
    """Add leg shield, foot board, seat and rear housing of a scooter."""
    mesh.part(0.3)
    mesh.box((-0.17, 0.22, -0.25), (0.17, 0.30, front - 0.25), Material(DARK * 2))
    _blob(
        mesh,
        (
            (rear - 0.32, 0.56, 0.08, 0.06),
            (rear - 0.1, 0.52, 0.18, 0.18),
            (-0.22, 0.5, 0.2, 0.22),
            (-0.08, 0.46, 0.14, 0.2),
        ),
        finish,
    )
    mesh.part(0.5)
    _blob(
        mesh,
        ((rear - 0.25, 0.76, 0.1, 0.05), (-0.3, 0.76, 0.16, 0.07), (0.0, 0.72, 0.12, 0.05)),
        Material(DARK * 1.5, 0.1),
    )
    z = front - 0.28
    shield = [
        [(-0.22, 0.3, z), (0.22, 0.3, z), (0.18, 0.3, z + 0.1), (-0.18, 0.3, z + 0.1)],
        [(-0.2, 0.85, z - 0.12), (0.2, 0.85, z - 0.12), (0.13, 0.85, z), (-0.13, 0.85, z)],
    ]
    mesh.part(0.7)
    mesh.loft(shield, finish)
    mesh.tube([(0.0, r, front), (0.0, 0.6, z + 0.05)], (0.05, 0.06), Material(DARK * 3), 6)
    _blob(
        mesh,
        ((front - 0.22, r * 2, 0.09, 0.05), (front, r * 2 + 0.06, 0.10, 0.05), (front + 0.2, r * 1.6, 0.07, 0.05)),
        finish,
        8,
    )
    mesh.part(0.8)
    _blob(mesh, ((z - 0.22, 0.96, 0.1, 0.07), (z - 0.05, 0.98, 0.13, 0.1), (z + 0.06, 0.95, 0.08, 0.07)), finish)
    mesh.plate(
        [(0.07 * np.cos(a), 0.95 + 0.07 * np.sin(a), z + 0.07) for a in np.arange(8) * 0.7854],
        Material(LAMP, 0.5),
        (0, 0, 1),
    )
    for side in (-1.0, 1.0):
        mesh.tube([(0.0, 0.98, z - 0.1), (side * 0.34, 1.0, z - 0.2)], (0.02, 0.025), Material(DARK), 5)
