"""Which objects a scene holds and where they stand: metric sizes at depths that give the wanted pixel sizes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .camera import Camera
from .layout import Layout
from .mesh import Mesh
from .objects import MAKERS
from .objects.clutter import CLUTTER
from .raster import Pose

CLASSES = tuple(MAKERS)
CLUTTER_LABEL = -1
_VEHICLES = frozenset({"car", "truck", "bus"})
_GROUND: dict[str, frozenset[str]] = {
    "car": frozenset({"road", "crossing", "lot"}),
    "truck": frozenset({"road", "crossing", "lot"}),
    "bus": frozenset({"road", "crossing", "lot"}),
    "motorcycle": frozenset({"road", "crossing", "lot", "walk"}),
    "bicycle": frozenset({"road", "crossing", "lot", "walk"}),
    "person": frozenset({"walk", "verge", "lot", "crossing"}),
    "dog": frozenset({"walk", "verge", "lot"}),
    "traffic sign": frozenset({"walk", "verge"}),
    "fire hydrant": frozenset({"walk", "verge"}),
    "bench": frozenset({"walk", "verge"}),
}
# Buses and trucks find room less often than the rest; drawing them more often keeps the classes balanced.
_WEIGHTS = np.array([{"truck": 1.7, "bus": 1.6, "person": 1.1, "motorcycle": 0.9}.get(name, 1.0) for name in CLASSES])
_CHANCES = _WEIGHTS / _WEIGHTS.sum()
_OFF_ROAD = frozenset({"walk", "verge", "lot"})
_FAR = 140.0


@dataclass(frozen=True, slots=True)
class Placed:
    """One object in the scene; ``label`` is -1 for clutter."""

    label: int
    mesh: Mesh
    pose: Pose
    seed: int


@dataclass(frozen=True, slots=True)
class Spot:
    """Where something stands without a mesh: ground position in metres."""

    x: float
    z: float


@dataclass(slots=True)
class _Crowd:
    """What has been placed so far: ground circles (x, z, r) and image rectangles."""

    circles: list[tuple[float, float, float]]
    rectangles: list[tuple[float, float, float, float]]


def place_objects(rng: np.random.Generator, camera: Camera, layout: Layout) -> list[Placed]:
    """Draw 7 to 15 objects of uniformly drawn classes, and 5 to 12 pieces of clutter."""
    crowd = _Crowd([], [])
    placed: list[Placed] = []
    wanted = [int(v) for v in rng.choice(len(CLASSES), int(rng.integers(8, 16)), p=_CHANCES)]
    wanted += [CLUTTER_LABEL] * int(rng.integers(5, 13))
    for label in wanted:
        name = CLASSES[label] if label >= 0 else str(rng.choice(list(CLUTTER)))
        mesh = (MAKERS if label >= 0 else CLUTTER)[name](rng)
        pose = _find(rng, camera, layout, crowd, name, mesh)
        if pose is not None:
            placed.append(Placed(label, mesh, pose, int(rng.integers(1 << 62))))
    return placed


def place_plants(
    rng: np.random.Generator, camera: Camera, layout: Layout, placed: list[Placed]
) -> tuple[list[Spot], list[Spot]]:
    """Draw where trees and bushes stand, clear of the objects."""
    green = layout.verge == "grass"
    groups = []
    for count, near, low in (
        (int(rng.integers(0, 8 if green else 4)), 9.0, 60.0),
        (int(rng.integers(0, 7 if green else 3)), 5.0, 40.0),
    ):
        spots = []
        for _ in range(count):
            z = float(np.exp(rng.uniform(np.log(near), np.log(low * 2))))
            x = (rng.uniform(-0.1, 1.1) * camera.width - camera.centre) * z / camera.focal
            clear = all((x - p.pose.x) ** 2 + (z - p.pose.z) ** 2 > (p.mesh.radius * 0.8 + 1.0) ** 2 for p in placed)
            if layout.surface(x, z) in ("verge", "walk") and clear:
                spots.append(Spot(float(x), z))
        groups.append(spots)
    return groups[0], groups[1]


def _find(
    rng: np.random.Generator, camera: Camera, layout: Layout, crowd: _Crowd, name: str, mesh: Mesh
) -> Pose | None:
    """Look for a free place on the right ground; None when there is none after 40 draws."""
    allowed = _GROUND.get(name, _OFF_ROAD)
    extent = max(mesh.height, 1.6 * mesh.radius)
    largest = (0.43 if name in MAKERS else 0.3) * np.sqrt(camera.width * camera.height)
    lowest = camera.height * 1.06
    for _ in range(40):
        pixels = 10.0 * (max(largest, 11.0) / 10.0) ** (float(rng.random()) ** 1.5)
        z = camera.focal * extent / pixels
        if z < max(mesh.radius + 2.0, camera.ground_depth(lowest)) or z > _FAR:
            continue
        x = (rng.uniform(0.0, 1.0) * camera.width - camera.centre) * z / camera.focal
        ground = layout.surface(x, z)
        if ground not in allowed or not _free(rng, camera, crowd, mesh, x, z):
            continue
        return Pose(float(x), float(z), _yaw(rng, layout, name, ground, (x, z)))
    return None


def _free(rng: np.random.Generator, camera: Camera, crowd: _Crowd, mesh: Mesh, x: float, z: float) -> bool:
    """Keep objects apart on the ground, and mostly apart in the image; occupy the place when it is free."""
    radius = 0.75 * mesh.radius
    if any((x - cx) ** 2 + (z - cz) ** 2 < (radius + r) ** 2 for cx, cz, r in crowd.circles):
        return False
    scale = camera.focal / z
    u, foot = camera.centre + x * scale, camera.horizon + camera.height_m * scale
    box = (u - 0.8 * mesh.radius * scale, foot - mesh.height * scale, u + 0.8 * mesh.radius * scale, foot)
    worst = max((_overlap(box, other) for other in crowd.rectangles), default=0.0)
    if worst > 0.25 and rng.random() < 0.8:
        return False
    crowd.circles.append((x, z, radius))
    crowd.rectangles.append(box)
    return True


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """Return the overlap of two rectangles as a share of the smaller one."""
    wide = min(a[2], b[2]) - max(a[0], b[0])
    tall = min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or tall <= 0:
        return 0.0
    return wide * tall / min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))


def _yaw(rng: np.random.Generator, layout: Layout, name: str, ground: str, at: tuple[float, float]) -> float:
    """Draw a direction: traffic follows the lane, signs mostly face the camera, the rest turns anywhere."""
    if name in _VEHICLES or (
        name in ("bicycle", "motorcycle") and ground in ("road", "crossing") and rng.random() < 0.7
    ):
        if rng.random() < 0.08:
            return float(rng.uniform(-np.pi, np.pi))
        across, _ = layout.street(np.float64(at[0]), np.float64(at[1]))  # pyright: ignore[reportArgumentType]
        turn = layout.yaw + (0.0 if float(across) > 0 else np.pi)
        if ground in ("crossing", "lot"):
            turn += np.pi / 2 * float(rng.choice((-1, 1)))
        return float(turn + rng.normal(0.0, 0.07))
    if name == "traffic sign":
        return float(np.pi + rng.normal(0, 0.35) + (np.pi if rng.random() < 0.15 else 0.0))
    if name == "bench":
        return float(np.pi + rng.normal(0, 0.9) + (np.pi if rng.random() < 0.25 else 0.0))
    return float(rng.uniform(-np.pi, np.pi))
