"""Trucks and buses."""

from __future__ import annotations

import numpy as np

from ..mesh import Array, Material, Mesh, MeshBuilder, inset
from ..palette import CHROME, DARK, GLASS, LAMP, TAIL, paint
from .wheels import arches, wheel

PANE = Material(GLASS, 0.7)


def _hull(
    mesh: MeshBuilder,
    half: float,
    low: float,
    high: float,
    rear: float,
    front: float,
    skin: Material,
    rake: float = 0.0,
) -> dict[str, Array]:
    """Add a box with rounded upper edges and return its four upright faces as quads, bottom-left first."""
    round_off = 0.07 * (high - low)

    def ring(z: float, lean: float, shrink: float) -> list[tuple[float, float, float]]:
        h, top = half * shrink, high - (1 - shrink) * 1.2
        right = [(h, low, z), (h, top - round_off, z - lean), (h - round_off, top, z - lean)]
        return right + [(-x, y, zz) for x, y, zz in reversed(right)]

    edge = min(0.12, 0.04 * (front - rear))
    mesh.loft(
        [ring(rear, 0, 0.96), ring(rear + edge, 0, 1), ring(front - edge, rake, 1), ring(front, rake, 0.96)], skin
    )
    h, t = half * 0.96, high - round_off
    o = 0.006
    return {
        "front": np.array(
            [(-h, low, front + o), (h, low, front + o), (h, t, front + o - rake), (-h, t, front + o - rake)]
        ),
        "rear": np.array([(h, low, rear - o), (-h, low, rear - o), (-h, t, rear - o), (h, t, rear - o)]),
        "right": np.array(
            [(half + o, low, rear), (half + o, low, front), (half + o, t, front - rake), (half + o, t, rear)]
        ),
        "left": np.array(
            [(-half - o, low, front), (-half - o, low, rear), (-half - o, t, rear), (-half - o, t, front - rake)]
        ),
    }


_OUT = {"front": (0.0, 0.0, 1.0), "rear": (0.0, 0.0, -1.0), "right": (1.0, 0.0, 0.0), "left": (-1.0, 0.0, 0.0)}


def _decal(
    mesh: MeshBuilder, quads: dict[str, Array], face: str, area: tuple[float, ...], m: Material, level: int = 1
) -> None:
    left, right, bottom, top = area
    mesh.plate(inset(quads[face], left, right, bottom, top), m, _OUT[face], level)


def truck(rng: np.random.Generator) -> Mesh:
    """Make a lorry with a box, a flat bed, a tipper or a tank, from a light van-like one to a long heavy one."""
    mesh = MeshBuilder()
    heavy = rng.random() < 0.55
    half = rng.uniform(1.2, 1.28) if heavy else rng.uniform(0.98, 1.1)
    radius = 0.50 if heavy else 0.36
    deck = radius * 2 + rng.uniform(0.02, 0.15)
    cab_high = rng.uniform(2.7, 3.3) if heavy else rng.uniform(2.05, 2.4)
    cargo = rng.uniform(4.2, 7.5) if heavy else rng.uniform(2.8, 4.2)
    nose = 1.0 if rng.random() < 0.3 else 0.0
    cab = rng.uniform(1.7, 2.1)
    finish = Material(paint(rng), 0.3)
    split = cargo / 2
    mesh.part(0.0)
    mesh.box((-half * 0.55, radius * 0.9, -cargo / 2), (half * 0.55, deck, split + cab * 0.9), Material(DARK))
    mesh.part(2.0, (0.0, 0.0, 1.0, split))
    _cab(mesh, half * 0.97, radius * 0.75, cab_high, (split + 0.12, split + 0.12 + cab), finish, nose)
    mesh.part(1.0)
    top = max(cab_high + rng.uniform(0.0, 0.5), deck + 1.5)
    _cargo(mesh, rng, half, deck, top, split, finish)
    rim = Material(CHROME * rng.uniform(0.3, 0.9), 0.2)
    rear_axles = (-cargo * 0.30, -cargo * 0.30 + 2.1 * radius) if heavy and cargo > 5.5 else (-cargo * 0.27,)
    for z in (*rear_axles, split + 0.12 + cab * 0.55 + nose * 0.6):
        for side in (-1.0, 1.0):
            wheel(mesh, side * half * 0.98, z, radius, 0.3, rim)
    return mesh.build(smooth=0.04)


def _cab(
    mesh: MeshBuilder, half: float, low: float, high: float, span: tuple[float, float], skin: Material, nose: float
) -> None:
    """Add the driver's cab, with a bonnet when ``nose`` is positive."""
    rear, front = span
    quads = _hull(mesh, half, low, high, rear, front, skin, rake=0.14)
    sill = 0.30 + 0.25 * (nose > 0)
    _decal(mesh, quads, "front", (0.05, 0.95, 0.50, 0.90), PANE)
    for face, area in (("right", (0.30, 0.94, 0.52, 0.88)), ("left", (0.06, 0.70, 0.52, 0.88))):
        _decal(mesh, quads, face, area, PANE)
    seam = Material(skin.albedo * 0.3)
    _decal(mesh, quads, "right", (0.26, 0.275, 0.1, 0.9), seam)
    _decal(mesh, quads, "left", (0.725, 0.74, 0.1, 0.9), seam)
    arches(mesh, half + 0.01, (rear + (front - rear) * 0.52,), low / 0.75)
    ahead = front
    if nose:
        mesh.part(3.0, (0.0, 0.0, 1.0, front))
        ahead = front + nose * 1.1
        quads = _hull(mesh, half * 0.86, low, low + 0.5 * (high - low), front - 0.05, ahead, skin)
    _decal(mesh, quads, "front", (0.2, 0.8, 0.10, 0.10 + sill * 0.8), Material(DARK))
    for left in (0.03, 0.83):
        _decal(mesh, quads, "front", (left, left + 0.14, 0.10, 0.22), Material(LAMP, 0.5), 2)
    _decal(mesh, quads, "front", (0.38, 0.62, 0.03, 0.09), Material(LAMP * 0.7), 2)


def _cargo(
    mesh: MeshBuilder, rng: np.random.Generator, half: float, deck: float, top: float, split: float, finish: Material
) -> None:
    """Add what the truck carries on its deck."""
    skin = Material(paint(rng) if rng.random() < 0.7 else finish.albedo, 0.08)
    kind = rng.choice(("box", "box", "flat", "tipper", "tank"))
    if kind == "tank":
        _tank(mesh, half, deck, min(top, deck + 1.9), split, skin)
        return
    high = {"box": top, "flat": deck + 0.16, "tipper": deck + rng.uniform(0.9, 1.3)}[str(kind)]
    quads = _hull(mesh, half, deck, high, -split, split, skin) if kind == "box" else {}
    if kind == "box":
        _box_livery(mesh, rng, quads, skin)
        return
    mesh.box((-half, deck, -split), (half, high, split), skin)
    rib = Material(skin.albedo * 0.45)
    for z in np.linspace(-split, split - 0.1, 7):
        for side in (-1.0, 1.0):
            x = side * (half + 0.005)
            mesh.plate([(x, deck, z), (x, deck, z + 0.1), (x, high, z + 0.1), (x, high, z)], rib, (side, 0, 0))
    if kind == "tipper":
        inner = [
            (x * 0.92, high + 0.005, z * 0.97)
            for x, z in ((-half, -split), (half, -split), (half, split), (-half, split))
        ]
        mesh.plate(inner, Material(DARK * 2), (0, 1, 0))
        return
    for z in np.arange(-split + 0.2, split - 1.2, rng.uniform(1.2, 1.9)):
        if rng.random() < 0.75:
            mesh.part(1.5)
            side, tall = half * rng.uniform(0.6, 0.95), rng.uniform(0.4, 1.2)
            mesh.box((-side, high, z), (side, high + tall, z + rng.uniform(0.7, 1.1)), Material(paint(rng), 0.02))


def _box_livery(mesh: MeshBuilder, rng: np.random.Generator, quads: dict[str, Array], skin: Material) -> None:
    """Add rear doors and a stripe, a panel or ribs to a box body."""
    seam = Material(skin.albedo * 0.35)
    _decal(mesh, quads, "rear", (0.49, 0.51, 0.03, 0.95), seam)
    for edge in (0.03, 0.94):
        _decal(mesh, quads, "rear", (edge, edge + 0.02, 0.03, 0.97), seam)
    for left in (0.04, 0.84):
        _decal(mesh, quads, "rear", (left, left + 0.12, 0.0, 0.05), Material(TAIL, 0.3), 2)
    second = Material(paint(rng), 0.08)
    style = int(rng.integers(3))
    low, left, wide = rng.uniform(0.15, 0.6), rng.uniform(0.1, 0.4), rng.uniform(0.25, 0.5)
    for face in ("left", "right"):
        if style == 0:
            _decal(mesh, quads, face, (0.0, 1.0, low, low + 0.16), second)
        elif style == 1:
            _decal(mesh, quads, face, (left, left + wide, 0.3, 0.8), second)
        for t in np.linspace(0.08, 0.92, 9) if style == 2 else ():
            _decal(mesh, quads, face, (t, t + 0.012, 0.02, 0.97), seam)


def _tank(mesh: MeshBuilder, half: float, deck: float, top: float, split: float, skin: Material) -> None:
    """Add a lying cylinder with bands."""
    radius, middle = (top - deck) / 2, (top + deck) / 2
    stations = (
        (-split, 0.5),
        (-split + 0.25, 0.95),
        (-split + 0.5, 1.0),
        (split - 0.5, 1.0),
        (split - 0.25, 0.95),
        (split, 0.5),
    )
    angle = np.arange(14) * (2 * np.pi / 14)
    ring = np.stack([np.cos(angle) * min(half, radius * 1.15), np.sin(angle) * radius], -1)
    rings = [[(x * s, middle + y * s, z) for x, y in ring] for z, s in stations]
    mesh.loft(rings, Material(skin.albedo, 0.4))
    mesh.box((-half * 0.8, deck - 0.1, -split + 0.3), (half * 0.8, deck + 0.12, split - 0.3), Material(DARK))


def bus(rng: np.random.Generator) -> Mesh:
    """Make a city bus, a coach, a double-decker or a minibus."""
    mesh = MeshBuilder()
    kind = str(rng.choice(("city", "coach", "double", "mini"), p=(0.42, 0.22, 0.16, 0.20)))
    length, high, half, radius, low = {
        "city": (rng.uniform(9.5, 12), 3.0, 1.25, 0.47, 0.32),
        "coach": (rng.uniform(10, 12.5), 3.55, 1.25, 0.50, 0.38),
        "double": (rng.uniform(9.5, 11), 4.25, 1.25, 0.48, 0.32),
        "mini": (rng.uniform(5.8, 7.4), 2.7, 1.08, 0.38, 0.34),
    }[kind]
    finish, second = Material(paint(rng), 0.25), Material(paint(rng), 0.2)
    mesh.part(0.0)
    quads = _hull(mesh, half, low, high, -length / 2, length / 2, finish, rake=0.25 if kind == "coach" else 0.06)
    axles = (-length * 0.27, length * (0.5 - 0.22))
    arches(mesh, half + 0.008, axles, radius)
    _bus_sides(mesh, rng, quads, second, length, kind)
    _bus_ends(mesh, quads, kind, second)
    rim = Material(CHROME * rng.uniform(0.3, 0.9), 0.25)
    for z in axles:
        for side in (-1.0, 1.0):
            wheel(mesh, side * (half + 0.015), z, radius, 0.28, rim)
    mesh.part(1.0)
    if kind in ("city", "mini"):
        at = rng.uniform(-0.3, 0.1) * length
        mesh.box((-half * 0.6, high - 0.02, at), (half * 0.6, high + 0.2, at + 1.8), Material(finish.albedo * 0.8))
    return mesh.build(smooth=0.04)


def _bus_sides(
    mesh: MeshBuilder, rng: np.random.Generator, quads: dict[str, Array], second: Material, length: float, kind: str
) -> None:
    """Add rows of windows, doors on the right and a stripe."""
    rows = ((0.20, 0.46), (0.60, 0.88)) if kind == "double" else ((0.46, 0.90),) if kind != "coach" else ((0.5, 0.92),)
    panes = max(4, int(length / rng.uniform(1.3, 1.8)))
    stripe = rng.random() < 0.6
    doors = (0.80, 0.42) if kind == "city" else (0.84,)
    for face in ("left", "right"):
        if stripe:
            _decal(mesh, quads, face, (0.0, 1.0, 0.06, 0.06 + (0.10 if kind == "double" else 0.28)), second)
        for bottom, top in rows:
            _decal(mesh, quads, face, (0.02, 0.98, bottom - 0.015, top + 0.015), Material(DARK * 1.5, 0.2), 2)
            for i in range(panes):
                left = 0.025 + 0.95 * i / panes
                _decal(mesh, quads, face, (left + 0.006, left + 0.95 / panes - 0.006, bottom, top), PANE, 3)
    for door in doors:
        _decal(mesh, quads, "right", (door, door + 0.11, 0.03, 0.90), Material(DARK * 2, 0.1), 4)
        for left in (door + 0.008, door + 0.058):
            _decal(mesh, quads, "right", (left, left + 0.044, 0.08, 0.86), PANE, 5)


def _bus_ends(mesh: MeshBuilder, quads: dict[str, Array], kind: str, second: Material) -> None:
    """Add the windscreen, the route display, the rear window and the lamps."""
    screens = ((0.18, 0.46), (0.58, 0.88)) if kind == "double" else ((0.30, 0.80),)
    for bottom, top in screens:
        _decal(mesh, quads, "front", (0.04, 0.96, bottom, top), PANE)
    _decal(mesh, quads, "front", (0.492, 0.508, screens[0][0], screens[0][1]), Material(DARK), 2)
    if kind != "coach":
        route = (0.48, 0.56) if kind == "double" else (0.84, 0.95)
        _decal(mesh, quads, "front", (0.12, 0.88, *route), Material(DARK * 0.8, 0.3))
        low, high = route[0] + 0.025, route[1] - 0.025
        _decal(mesh, quads, "front", (0.22, 0.70, low, high), Material(np.array((0.75, 0.45, 0.08))), 2)
    for left in (0.05, 0.83):
        _decal(mesh, quads, "front", (left, left + 0.12, 0.10, 0.17), Material(LAMP, 0.5), 2)
        _decal(mesh, quads, "rear", (left + 0.02, left + 0.09, 0.10, 0.26), Material(TAIL, 0.4), 2)
    _decal(mesh, quads, "rear", (0.12, 0.88, 0.55, 0.88), PANE)
    _decal(mesh, quads, "rear", (0.2, 0.8, 0.12, 0.34), Material(second.albedo * 0.5))
    for face in ("front", "rear"):
        _decal(mesh, quads, face, (0.0, 1.0, 0.0, 0.06), Material(DARK))
        _decal(mesh, quads, face, (0.4, 0.6, 0.06, 0.11), Material(LAMP * 0.7), 2)
