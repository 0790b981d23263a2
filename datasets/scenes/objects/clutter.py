"""Things that are no class but share shapes, colours and textures with the classes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..mesh import Array, Material, Mesh, MeshBuilder, circle
from ..palette import CHROME, DARK, LAMP, neutral, paint


def _turned(profile: list[tuple[float, float]], sides: int = 12) -> Array:
    """Return rings of a turned solid; the profile lists (height, radius)."""
    ring = circle(sides, 1.0, 1.0)
    return np.array([[(x * r, y, z * r) for x, z in ring] for y, r in profile])


def bin_(rng: np.random.Generator) -> Mesh:
    """Make a round litter bin or a wheeled box bin."""
    mesh = MeshBuilder()
    skin = Material(paint(rng), 0.05)
    mesh.part()
    if rng.random() < 0.5:
        high, r = rng.uniform(0.7, 1.0), rng.uniform(0.2, 0.3)
        mesh.loft(_turned([(0.0, r * 0.85), (high, r), (high + 0.03, r * 1.06), (high + 0.12, r * 0.8)]), skin)
    else:
        high, w = rng.uniform(0.9, 1.15), rng.uniform(0.24, 0.32)
        low = [
            (-w * 0.85, 0.06, -w * 0.85),
            (w * 0.85, 0.06, -w * 0.85),
            (w * 0.85, 0.06, w * 0.85),
            (-w * 0.85, 0.06, w * 0.85),
        ]
        mesh.loft([low, [(-w, high, -w), (w, high, -w), (w, high, w), (-w, high, w)]], skin)
        mesh.part(1.0)
        mesh.box((-w * 1.05, high, -w * 1.05), (w * 1.05, high + 0.07, w * 1.1), Material(skin.albedo * 0.7, 0.05))
    return mesh.build()


def bollard(rng: np.random.Generator) -> Mesh:
    """Make a bollard, with or without a band, about as tall as a hydrant."""
    mesh = MeshBuilder()
    skin, band = Material(paint(rng), 0.06), Material(paint(rng), 0.06)
    high, r = rng.uniform(0.6, 1.1), rng.uniform(0.06, 0.13)
    mesh.part()
    mesh.loft(_turned([(0.0, r), (high * 0.7, r)]), skin)
    mesh.part(1.0)
    mesh.loft(_turned([(high * 0.7, r * 1.02), (high * 0.85, r * 1.02)]), band)
    mesh.part(2.0)
    mesh.loft(_turned([(high * 0.85, r), (high * 0.96, r * 0.9), (high, r * 0.4)]), skin)
    return mesh.build(smooth=0.02)


def cone(rng: np.random.Generator) -> Mesh:
    """Make a traffic cone in any colour."""
    mesh = MeshBuilder()
    skin = Material(paint(rng), 0.04)
    high = rng.uniform(0.45, 0.8)
    mesh.part()
    mesh.box((-0.2, 0.0, -0.2), (0.2, 0.04, 0.2), Material(skin.albedo * 0.7))
    for i, material in enumerate((skin, Material(LAMP * 0.9), skin)):
        low, top = i / 3, (i + 1) / 3
        mesh.part(1.0 + i)
        mesh.loft(
            _turned([(0.04 + high * low, 0.16 * (1.1 - low)), (0.04 + high * top, 0.16 * (1.1 - top))], 10), material
        )
    return mesh.build(smooth=0.03)


def crates(rng: np.random.Generator) -> Mesh:
    """Make a pile of one to three crates or cartons."""
    mesh = MeshBuilder()
    y = 0.0
    for level in range(int(rng.integers(1, 4))):
        w, d, h = rng.uniform(0.25, 0.55), rng.uniform(0.2, 0.45), rng.uniform(0.25, 0.55)
        skin = Material(paint(rng))
        x, z = rng.normal(0, 0.06, 2)
        mesh.part(float(level))
        mesh.box((x - w, y, z - d), (x + w, y + h, z + d), skin)
        seam = Material(skin.albedo * 0.55)
        for t in (0.3, 0.62):
            for side in (-1.0, 1.0):
                zz = z + side * (d + 0.004)
                quad = [
                    (x - w, y + t * h, zz),
                    (x + w, y + t * h, zz),
                    (x + w, y + t * h + 0.03, zz),
                    (x - w, y + t * h + 0.03, zz),
                ]
                mesh.plate(quad, seam, (0, 0, side))
        y += h
    return mesh.build()


def container(rng: np.random.Generator) -> Mesh:
    """Make a skip or shipping container: a ribbed box of a truck's size without wheels or cab."""
    mesh = MeshBuilder()
    skin = Material(paint(rng), 0.05)
    half, long, high = rng.uniform(0.9, 1.2), rng.uniform(1.4, 3.0), rng.uniform(1.2, 2.5)
    mesh.part()
    mesh.box((-half, 0.0, -long), (half, high, long), skin)
    rib = Material(skin.albedo * 0.6)
    for z in np.arange(-long + 0.15, long - 0.1, 0.4):
        for side in (-1.0, 1.0):
            x = side * (half + 0.004)
            mesh.plate(
                [(x, 0.05, z), (x, 0.05, z + 0.14), (x, high - 0.08, z + 0.14), (x, high - 0.08, z)], rib, (side, 0, 0)
            )
    return mesh.build()


def lamp_post(rng: np.random.Generator) -> Mesh:
    """Make a lamp post with an arm or a lantern."""
    mesh = MeshBuilder()
    metal = Material(neutral(rng) * 0.7, 0.1)
    high = rng.uniform(4.0, 7.5)
    mesh.part()
    mesh.tube([(0.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, high, 0.0)], (0.10, 0.06, 0.045), metal, 7)
    mesh.part(1.0)
    if rng.random() < 0.6:
        mesh.tube([(0.0, high - 0.05, 0.0), (0.0, high + 0.25, 1.3)], (0.045, 0.035), metal, 6)
        mesh.box((-0.13, high + 0.2, 1.2), (0.13, high + 0.32, 1.85), metal)
    else:
        mesh.loft(_turned([(high, 0.09), (high + 0.4, 0.2), (high + 0.5, 0.05)], 8), Material(LAMP, 0.3))
    return mesh.build()


def bare_post(rng: np.random.Generator) -> Mesh:
    """Make the post of a sign without its plate, or a parking meter."""
    mesh = MeshBuilder()
    metal = Material(CHROME * rng.uniform(0.2, 0.7), 0.1)
    high = rng.uniform(1.1, 2.6)
    mesh.part()
    mesh.tube([(0.0, 0.0, 0.0), (0.0, high, 0.0)], (0.035, 0.035), metal, 7)
    if high < 1.5:
        mesh.part(1.0)
        mesh.loft(
            _turned([(high, 0.07), (high + 0.1, 0.10), (high + 0.28, 0.09), (high + 0.34, 0.03)], 9),
            Material(paint(rng), 0.1),
        )
    return mesh.build()


def letter_box(rng: np.random.Generator) -> Mesh:
    """Make a post box or switch cabinet."""
    mesh = MeshBuilder()
    skin = Material(paint(rng), 0.08)
    w, d, high = rng.uniform(0.2, 0.5), rng.uniform(0.15, 0.3), rng.uniform(0.9, 1.5)
    mesh.part()
    mesh.box((-w, 0.0, -d), (w, high, d), skin)
    mesh.plate(
        [
            (-w * 0.7, high * 0.75, d + 0.005),
            (w * 0.7, high * 0.75, d + 0.005),
            (w * 0.7, high * 0.82, d + 0.005),
            (-w * 0.7, high * 0.82, d + 0.005),
        ],
        Material(DARK),
        (0, 0, 1),
    )
    mesh.part(1.0)
    mesh.box((-w * 1.06, high, -d * 1.06), (w * 1.06, high + 0.06, d * 1.06), Material(skin.albedo * 0.8))
    return mesh.build()


def planter(rng: np.random.Generator) -> Mesh:
    """Make a stone block, planter or low wall of a bench's size."""
    mesh = MeshBuilder()
    skin = Material(neutral(rng) if rng.random() < 0.6 else paint(rng))
    w, d, high = rng.uniform(0.5, 1.1), rng.uniform(0.2, 0.45), rng.uniform(0.35, 0.6)
    mesh.part()
    mesh.box((-w, 0.0, -d), (w, high, d), skin)
    mesh.plate(
        [
            (-w * 0.9, high + 0.004, -d * 0.8),
            (w * 0.9, high + 0.004, -d * 0.8),
            (w * 0.9, high + 0.004, d * 0.8),
            (-w * 0.9, high + 0.004, d * 0.8),
        ],
        Material(np.array((0.06, 0.08, 0.03))),
        (0, 1, 0),
    )
    return mesh.build()


def poster(rng: np.random.Generator) -> Mesh:
    """Make an advertising panel on two legs, or a round advertising column."""
    mesh = MeshBuilder()
    skin = Material(neutral(rng), 0.05)
    if rng.random() < 0.4:
        r = rng.uniform(0.4, 0.6)
        mesh.part()
        mesh.loft(
            _turned([(0.0, r), (0.3, r), (0.31, r * 0.95), (2.3, r * 0.95), (2.31, r * 1.12), (2.6, r * 0.6)], 14),
            Material(paint(rng)),
        )
        return mesh.build()
    w, low, high = rng.uniform(0.5, 0.9), rng.uniform(0.3, 0.6), rng.uniform(1.7, 2.2)
    for x in (-w * 0.7, w * 0.7):
        mesh.part(0.0)
        mesh.box((x - 0.04, 0.0, -0.04), (x + 0.04, low, 0.04), skin)
    mesh.part(1.0)
    mesh.box((-w, low, -0.09), (w, high, 0.09), skin)
    for side in (-1.0, 1.0):
        z = side * 0.095
        mesh.plate(
            [
                (-w * 0.9, low + 0.08, z),
                (w * 0.9, low + 0.08, z),
                (w * 0.9, high - 0.08, z),
                (-w * 0.9, high - 0.08, z),
            ],
            Material(paint(rng), 0.2),
            (0, 0, side),
        )
        y = rng.uniform(low + 0.3, high - 0.5)
        mesh.plate(
            [
                (-w * 0.6, y, z * 1.02),
                (w * 0.6, y, z * 1.02),
                (w * 0.6, y + 0.25, z * 1.02),
                (-w * 0.6, y + 0.25, z * 1.02),
            ],
            Material(paint(rng), 0.2),
            (0, 0, side),
            level=2,
        )
    return mesh.build()


def sacks(rng: np.random.Generator) -> Mesh:
    """Make a heap of rubbish sacks, of a dog's size and colours."""
    mesh = MeshBuilder()
    for _ in range(int(rng.integers(1, 4))):
        x, z = rng.normal(0, 0.25, 2)
        r = rng.uniform(0.16, 0.28)
        mesh.part()
        profile = [
            (0.0, r * 0.8),
            (r * 0.5, r * 1.1),
            (r * 1.1, r),
            (r * 1.7, r * 0.4),
            (r * 1.9, r * 0.15),
            (r * 2.2, r * 0.25),
        ]
        mesh.loft(_turned(profile, 9) + np.array([x, 0.0, z]), Material(neutral(rng), 0.12))
    return mesh.build(smooth=0.06)


CLUTTER: dict[str, Callable[[np.random.Generator], Mesh]] = {
    "bin": bin_,
    "bollard": bollard,
    "cone": cone,
    "crates": crates,
    "container": container,
    "lamp post": lamp_post,
    "bare post": bare_post,
    "letter box": letter_box,
    "planter": planter,
    "poster": poster,
    "sacks": sacks,
}
"""What makes one distractor of each kind."""
