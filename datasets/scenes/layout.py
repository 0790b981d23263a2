"""The plan of a scene seen from above: roads, pavements, verges, building lines and what may stand where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .camera import Camera

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Building:
    """A block between two distances along the street and two across it, with its number of floors."""

    along: tuple[float, float]
    across: tuple[float, float]
    height: float
    style: int

    @property
    def pitched(self) -> bool:
        """Whether a gabled roof stands on the walls: on most low houses."""
        return self.height < 9.0 and self.style % 4 > 0

    @property
    def ridge(self) -> float:
        """Height of the roof above the walls, metres."""
        return 1.8 + (self.style % 97) / 60.0 if self.pitched else 0.0


@dataclass(frozen=True, slots=True)
class Layout:
    """A street with its own coordinates: ``across`` its axis (right positive) and ``along`` it, in metres.

    Attributes:
        yaw: Turn of the street against the camera's axis, radians.
        shift: Value that makes ``across`` zero on the road's axis, metres.
        road: Half width of the road.
        walk: Width of the pavement on both sides.
        verge: "grass", "plaza" or "gravel", beyond the pavement.
        crossing: Position along the street of a crossing road's axis, or infinity.
        crossing_road: Half width of the crossing road.
        lot: Whether the verge on the right is a parking place.
        line: Distance of the building line from the axis, left and right (infinity where open).
        end: Where the street ends, metres along.
        buildings: Blocks to draw.
    """

    yaw: float
    shift: float
    road: float
    walk: float
    verge: str
    crossing: float
    crossing_road: float
    lot: bool
    line: tuple[float, float]
    end: float
    buildings: tuple[Building, ...]

    def street(self, x: Float, z: Float) -> tuple[Float, Float]:
        """Turn ground positions into (across, along)."""
        cos, sin = np.cos(self.yaw), np.sin(self.yaw)
        return x * cos - z * sin - self.shift, x * sin + z * cos

    def world(self, across: float, along: float) -> tuple[float, float]:
        """Turn street coordinates into the ground position (X, Z)."""
        cos, sin = np.cos(self.yaw), np.sin(self.yaw)
        a = across + self.shift
        return float(a * cos + along * sin), float(along * cos - a * sin)

    def surface(self, x: float, z: float) -> str:
        """Name what lies at a ground position: "road", "crossing", "walk", "lot", "verge" or "closed"."""
        across, along = (float(v) for v in self.street(np.float64(x), np.float64(z)))  # pyright: ignore[reportArgumentType]
        if along > self.end - 1 or across < -self.line[0] + 1 or across > self.line[1] - 1:
            return "closed"
        if abs(across) < self.road:
            return "road"
        if abs(along - self.crossing) < self.crossing_road:
            return "crossing"
        if abs(across) < self.road + self.walk:
            return "walk"
        return "lot" if self.lot and across > 0 else "verge"


def draw_layout(rng: np.random.Generator, camera: Camera) -> Layout:
    """Draw a street that runs away from the camera, across its view, or at an angle."""
    kind = str(rng.choice(("along", "across", "angle"), p=(0.42, 0.3, 0.28)))
    if kind == "along":
        yaw, point = rng.uniform(-0.22, 0.22), (rng.uniform(-5, 5), 12.0)
    elif kind == "across":
        yaw, point = rng.choice((-1, 1)) * (np.pi / 2 + rng.uniform(-0.15, 0.15)), (0.0, rng.uniform(9, 24))
    else:
        yaw, point = rng.choice((-1, 1)) * rng.uniform(0.4, 1.1), (rng.uniform(-3, 3), rng.uniform(10, 20))
    shift = point[0] * np.cos(yaw) - point[1] * np.sin(yaw)
    road, walk = rng.uniform(3.2, 6.5), rng.uniform(2.0, 4.5)
    crossing = rng.uniform(18, 60) if kind == "along" and rng.random() < 0.55 else np.inf
    camera_across = -shift
    lines = [road + walk + rng.uniform(0.5, 16.0) if rng.random() < 0.72 else np.inf for _ in range(2)]
    blocked = (camera_across < -lines[0] + 4, camera_across > lines[1] - 4)
    line = (np.inf if blocked[0] else lines[0], np.inf if blocked[1] else lines[1])
    end = rng.uniform(60, 150) if kind == "along" and rng.random() < 0.5 else np.inf
    frame = Layout(
        yaw=float(yaw),
        shift=float(shift),
        road=road,
        walk=walk,
        verge=str(rng.choice(("grass", "plaza", "gravel"), p=(0.5, 0.35, 0.15))),
        crossing=float(crossing),
        crossing_road=rng.uniform(3.0, 5.0),
        lot=bool(rng.random() < 0.3),
        line=line,
        end=float(end),
        buildings=(),
    )
    return _with_buildings(rng, frame, blocked)


def _with_buildings(rng: np.random.Generator, frame: Layout, blocked: tuple[bool, bool]) -> Layout:
    """Return the layout with rows of blocks along its building lines and, at its end, across."""
    blocks: list[Building] = []
    low = bool(rng.random() < 0.4)
    for side, line in ((-1.0, frame.line[0]), (1.0, frame.line[1])):
        if not np.isfinite(line):
            continue
        at = -130.0 if abs(frame.yaw) > 0.3 else -4.0
        while at < 140.0:
            long = rng.uniform(8, 15) if low else rng.uniform(10, 24)
            cuts = (
                np.isfinite(frame.crossing)
                and at - frame.crossing_road - 3 < frame.crossing < at + long + frame.crossing_road + 3
            )
            if not cuts:
                across = (side * line, side * (line + 14.0))
                blocks.append(
                    Building((at, at + long), (min(across), max(across)), _height(rng, low), int(rng.integers(1 << 30)))
                )
            at += long + (rng.uniform(2.5, 8.0) if low or rng.random() < 0.15 else 0.0)
    if np.isfinite(frame.end):
        left = -min(frame.line[0], 40.0) - 10
        while left < min(frame.line[1], 40.0) + 10:
            long = rng.uniform(10, 20)
            blocks.append(
                Building(
                    (frame.end, frame.end + 12), (left, left + long), _height(rng, low), int(rng.integers(1 << 30))
                )
            )
            left += long
    values = {name: getattr(frame, name) for name in Layout.__slots__ if name != "buildings"}
    return Layout(**values, buildings=tuple(blocks))


def _height(rng: np.random.Generator, low: bool) -> float:
    return float(rng.uniform(4.5, 9.0) if low else rng.uniform(9.0, 26.0))
