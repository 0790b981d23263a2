"""People in several poses, clothes and builds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..mesh import Array, Material, Mesh, MeshBuilder, circle
from ..palette import neutral, paint, skin


@dataclass(frozen=True, slots=True)
class _Outfit:
    top: Material
    legs: Material
    skin: Material
    hair: Material
    shoes: Material
    bare_arms: bool
    garment: str
    """trousers, shorts, skirt or coat."""


def _draw_outfit(rng: np.random.Generator) -> _Outfit:
    return _Outfit(
        top=Material(paint(rng)),
        legs=Material(paint(rng) * 0.8),
        skin=Material(skin(rng), 0.02),
        hair=Material(neutral(rng) * 0.5, 0.03),
        shoes=Material(neutral(rng) * 0.6, 0.03),
        bare_arms=bool(rng.random() < 0.4),
        garment=str(rng.choice(("trousers", "shorts", "skirt", "coat"), p=(0.55, 0.15, 0.13, 0.17))),
    )


def person(rng: np.random.Generator) -> Mesh:
    """Make somebody who stands, walks, runs, waves or telephones; now and then a child."""
    mesh = MeshBuilder()
    outfit = _draw_outfit(rng)
    build = rng.uniform(0.85, 1.2)
    stride = float(rng.choice((0.06, 0.34, 0.42, 0.7), p=(0.35, 0.25, 0.25, 0.15)))
    phase = 1.0 if rng.random() < 0.5 else -1.0
    hip = 0.92 - 0.10 * stride**2
    lean = 0.10 * stride
    for side in (-1.0, 1.0):
        _leg(mesh, side * 0.095 * build, hip, stride * side * phase, outfit)
    _torso(mesh, build, hip, lean, outfit)
    pose = str(rng.choice(("swing", "wave", "phone", "pockets"), p=(0.6, 0.12, 0.14, 0.14)))
    for side in (-1.0, 1.0):
        _arm(mesh, side, build, (hip + 0.50, lean), -stride * side * phase, pose if side > 0 else "swing", outfit)
    _head(mesh, rng, hip + 0.53, lean, outfit)
    _baggage(mesh, rng, hip, lean, build)
    adult = rng.random() < 0.82
    return mesh.build(smooth=0.022, scale=rng.uniform(0.92, 1.08) if adult else rng.uniform(0.58, 0.78))


def _leg(mesh: MeshBuilder, x: float, hip: float, swing: float, o: _Outfit) -> None:
    """Add a leg whose foot is ``swing`` ahead of the hip (radians at the hip, roughly)."""
    bend = 0.10 + (0.55 * abs(swing) if swing < 0 else 0.15 * swing)
    knee = np.array([x, hip - 0.44 * np.cos(swing), 0.44 * np.sin(swing)])
    shin = swing - bend
    ankle = knee + np.array([0.0, -0.43 * np.cos(shin), 0.43 * np.sin(shin)])
    ankle[1] = max(ankle[1], 0.07)
    thigh = (np.array([x, hip, 0.0]), knee)
    cover = o.legs if o.garment != "skirt" else o.skin
    calf = o.skin if o.garment in ("shorts", "skirt") else cover
    mesh.part()
    mesh.tube(np.array([thigh[0], (thigh[0] + knee) / 2, knee]), (0.098, 0.088, 0.066), cover, 8)
    mesh.part()
    mesh.tube(np.array([knee, knee * 0.6 + ankle * 0.4, ankle]), (0.066, 0.064, 0.046), calf, 8)
    mesh.part()
    toe = ankle + np.array([0.0, -0.02, 0.17])
    heel = ankle + np.array([0.0, -0.02, -0.06])
    mesh.tube(np.array([heel, ankle + np.array([0.0, -0.02, 0.03]), toe]), (0.045, 0.052, 0.036), o.shoes, 6)


def _ellipses(levels: list[tuple[float, float, float, float]], sides: int = 10) -> Array:
    """Return rings of lying ellipses; a level is (height, z of the middle, half width, half depth)."""
    ring = circle(sides, 1.0, 1.0, np.pi / sides)
    return np.array([[(x * w, y, z + t * d) for x, t in ring] for y, z, w, d in levels])


def _torso(mesh: MeshBuilder, b: float, hip: float, lean: float, o: _Outfit) -> None:
    """Add pelvis and chest, and a skirt or coat tails."""
    pelvis = [
        (hip - 0.08, 0.0, 0.13 * b, 0.10 * b),
        (hip, 0.0, 0.17 * b, 0.115 * b),
        (hip + 0.10, lean * 0.2, 0.155 * b, 0.11 * b),
    ]
    mesh.part(0.02)
    mesh.loft(_ellipses(pelvis), o.legs)
    chest = [
        (hip + 0.06, lean * 0.15, 0.16 * b, 0.112 * b),
        (hip + 0.22, lean * 0.4, 0.165 * b, 0.115 * b),
        (hip + 0.40, lean * 0.8, 0.20 * b, 0.125 * b),
        (hip + 0.49, lean, 0.185 * b, 0.10 * b),
        (hip + 0.55, lean, 0.07, 0.065),
    ]
    mesh.part(0.04)
    mesh.loft(_ellipses(chest), o.top)
    if o.garment in ("skirt", "coat"):
        flare = 0.26 if o.garment == "skirt" else 0.215
        hem = hip - (0.38 if o.garment == "skirt" else 0.42)
        mesh.part(0.03)
        cloth = o.legs if o.garment == "skirt" else o.top
        mesh.loft(_ellipses([(hem, 0.0, flare * b, 0.19 * b), (hip + 0.08, lean * 0.2, 0.165 * b, 0.118 * b)]), cloth)


def _arm(
    mesh: MeshBuilder, side: float, b: float, shoulder: tuple[float, float], swing: float, pose: str, o: _Outfit
) -> None:
    """Add one arm with its hand."""
    y, z = shoulder
    start = np.array([side * 0.205 * b, y - 0.05, z])
    upper = {"wave": (0.9, 0.6, 0.1), "phone": (0.35, -0.8, 0.5), "pockets": (0.45, -0.95, -0.35)}
    fore = {"wave": (0.15, 1.0, 0.1), "phone": (-0.35, 0.9, 0.15), "pockets": (-0.35, -0.8, 0.45)}
    direction = upper.get(pose, (0.14, -np.cos(swing), np.sin(swing)))
    second = fore.get(pose, (0.02, -np.cos(swing + 0.45), np.sin(swing + 0.45)))
    elbow = start + _unit(direction, side) * 0.28
    wrist = elbow + _unit(second, side) * 0.25
    plane = (side, 0.0, 0.0, 0.12 * b)
    sleeve = o.skin if o.bare_arms else o.top
    mesh.part(0.06, plane)
    mesh.tube(np.array([start, (start + elbow) / 2, elbow]), (0.062, 0.055, 0.045), o.top, 7)
    mesh.part(0.07, plane)
    mesh.tube(np.array([elbow, wrist]), (0.045, 0.034), sleeve, 7)
    mesh.tube(np.array([wrist, wrist + _unit(second, side) * 0.10]), (0.036, 0.03), o.skin, 6)


def _unit(v: tuple[float, float, float], side: float) -> Array:
    a = np.array(v) * (side, 1.0, 1.0)
    return a / np.sqrt((a**2).sum())


def _head(mesh: MeshBuilder, rng: np.random.Generator, neck: float, lean: float, o: _Outfit) -> None:
    """Add neck, head, and hair, hat or helmet."""
    z = lean * 1.1
    mesh.part(0.05)
    mesh.loft(_ellipses([(neck - 0.02, lean, 0.055, 0.055), (neck + 0.08, z, 0.05, 0.055)], 7), o.skin)
    mesh.part(0.06)
    face = [(0.04, 0.045, 0.05), (0.09, 0.068, 0.088), (0.16, 0.078, 0.10), (0.22, 0.072, 0.092), (0.265, 0.04, 0.05)]
    mesh.loft(_ellipses([(neck + y, z + 0.015, w, d) for y, w, d in face]), o.skin)
    style = str(rng.choice(("short", "long", "hat"), p=(0.5, 0.3, 0.2)))
    cover = Material(paint(rng)) if style == "hat" else o.hair
    low = {"short": 0.13, "long": -0.06, "hat": 0.17}[style]
    hair = [(low, 0.074, 0.075), (0.17, 0.086, 0.09), (0.235, 0.078, 0.088), (0.285, 0.035, 0.045)]
    shift = {"short": -0.022, "long": -0.03, "hat": 0.01}[style]
    mesh.part(0.06, (0.0, 0.0, -1.0, 0.0)) if style == "long" else mesh.part(0.065)
    mesh.loft(_ellipses([(neck + y, z + shift, w, d) for y, w, d in hair]), cover)
    if style == "hat":
        mesh.loft(_ellipses([(neck + 0.17, z + 0.05, 0.095, 0.13), (neck + 0.185, z + 0.05, 0.09, 0.12)]), cover)


def _baggage(mesh: MeshBuilder, rng: np.random.Generator, hip: float, lean: float, b: float) -> None:
    """Sometimes add a rucksack or a bag at the side."""
    kind = str(rng.choice(("none", "rucksack", "bag"), p=(0.6, 0.22, 0.18)))
    if kind == "rucksack":
        mesh.part(0.08, (0.0, 0.0, -1.0, 0.1))
        levels = [
            (hip + 0.05, -0.19, 0.12, 0.07),
            (hip + 0.2, -0.20, 0.15, 0.09),
            (hip + 0.46, lean - 0.18, 0.13, 0.07),
        ]
        mesh.loft(_ellipses(levels, 8), Material(paint(rng)))
    elif kind == "bag":
        mesh.part(0.09, (-1.0, 0.0, 0.0, 0.2))
        x = -0.30 * b
        mesh.box((x - 0.06, hip - 0.35, -0.16), (x + 0.05, hip - 0.06, 0.16), Material(paint(rng), 0.03))
