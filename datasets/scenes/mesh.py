"""Polygon meshes of objects in their own frame: x to the right, y up, z forward, metres, the ground at y = 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Plane = tuple[float, float, float, float]
Points = ArrayLike | Sequence[Any]
"""Coordinates as an array or nested sequences of plain or NumPy numbers."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """Faces of one object, ready to be drawn from back to front.

    Attributes:
        vertices: float64 (V, 3).
        faces: int64 (F, K) vertex indices, each row padded with its last vertex.
        counts: int64 (F,) number of true vertices of each face.
        albedo: float64 (F, 3) linear reflectance.
        gloss: float64 (F,) strength of mirror reflection in [0, 1].
        part: int64 (F,) index of the part a face belongs to.
        level: int64 (F,) 0 for surfaces, higher for decals drawn over them.
        orders: float64 (P,) drawing rank of each part; parts of equal rank are sorted by distance.
        planes: float64 (P, 4) plane (normal, offset); a part is drawn late when the camera is in front of its
            plane and early when behind; all zero for parts that are not split off by a plane.
        smooth: Radius in metres over which normals are averaged, so that facets look round.
        height: Height above the ground, metres.
        radius: Radius of the footprint around the origin, metres.
    """

    vertices: Array
    faces: NDArray[np.int64]
    counts: NDArray[np.int64]
    albedo: Array
    gloss: Array
    part: NDArray[np.int64]
    level: NDArray[np.int64]
    orders: Array
    planes: Array
    smooth: float
    height: float
    radius: float


@dataclass(frozen=True, slots=True)
class Material:
    """Linear reflectance (3,) and strength of mirror reflection."""

    albedo: Array
    gloss: float = 0.0


class MeshBuilder:
    """Collects lofts and plates, part by part."""

    def __init__(self) -> None:
        self._vertices: list[Array] = []
        self._count = 0
        self._faces: list[NDArray[np.int64]] = []
        self._materials: list[Material] = []
        self._rows: list[tuple[int, int, int]] = []
        self._outward: list[ArrayLike] = []
        self._orders: list[float] = []
        self._planes: list[Plane] = []

    def part(self, order: float = 0.0, plane: Plane = (0.0, 0.0, 0.0, 0.0)) -> None:
        """Begin a part; what is added next belongs to it."""
        self._orders.append(order)
        self._planes.append(plane)

    def loft(self, rings: Points, material: Material, caps: bool = True, closed: bool = False) -> Array:
        """Add the skin over (K, n, 3) rings of points, K >= 2, and return the rings.

        Args:
            rings: Cross-sections in order; all with the same number of points.
            material: Of every face.
            caps: Close the first and the last ring with a face.
            closed: Join the last ring to the first, as in a torus; implies no caps.
        """
        ring = np.asarray(rings, np.float64)
        k, n = ring.shape[:2]
        self._add(ring.reshape(-1, 3), _loft_faces(k, n, caps, closed), material, level=0, outward=None)
        return ring

    def plate(self, points: Points, material: Material, outward: Sequence[float] | None = None, level: int = 1) -> None:
        """Add one flat polygon (n, 3): a decal facing ``outward``, or two-sided when no direction is given."""
        corners = np.asarray(points, np.float64)
        index = np.arange(len(corners))
        if outward is None:
            self._add(corners, [index], material, level, np.array([1.0, 0.31, 0.17]))
            self._add(corners, [index], material, level, -np.array([1.0, 0.31, 0.17]))
        else:
            self._add(corners, [index], material, level, np.asarray(outward, np.float64))

    def box(self, low: Points, high: Points, material: Material) -> Array:
        """Add an upright box between two corners and return its bottom and top ring (2, 4, 3)."""
        (x0, y0, z0), (x1, y1, z1) = np.asarray(low, np.float64), np.asarray(high, np.float64)
        bottom = [(x0, y0, z0), (x1, y0, z0), (x1, y0, z1), (x0, y0, z1)]
        top = [(x, y1, z) for x, _, z in bottom]
        return self.loft([bottom, top], material)

    def tube(self, points: Points, radii: Sequence[float], material: Material, sides: int = 7) -> None:
        """Add a tube of varying radius along (K, 3) points."""
        path = np.asarray(points, np.float64)
        self.loft(tube_rings(path, radii, sides), material)

    def _add(
        self, vertices: Array, faces: Sequence[NDArray[np.int64]], material: Material, level: int, outward: Array | None
    ) -> None:
        """Store the faces of one solid; ``outward`` is None for a closed skin, whose outside is told by its volume."""
        start, solid = self._count, len(self._outward)
        self._vertices.append(vertices)
        self._outward.append((0.0, 0.0, 0.0) if outward is None else outward)
        self._count += len(vertices)
        row = (len(self._orders) - 1, level, solid)
        for face in faces:
            self._faces.append(face + start)
            self._rows.append(row)
            self._materials.append(material)

    def build(self, smooth: float = 0.0, scale: float = 1.0) -> Mesh:
        """Return the finished mesh, enlarged by a factor; see ``Mesh.smooth``."""
        vertices = np.concatenate(self._vertices) * scale
        counts = np.array([len(face) for face in self._faces])
        part, level, solid = np.array(self._rows).T
        starts = (np.cumsum(counts) - counts)[:, None]
        columns = np.minimum(np.arange(counts.max())[None, :], counts[:, None] - 1)
        flat = np.concatenate(self._faces)
        inward = self._inward(vertices[flat[starts + columns]], solid)[:, None]
        faces = flat[starts + np.where(inward, counts[:, None] - 1 - columns, columns)]
        return Mesh(
            vertices=vertices,
            faces=faces,
            counts=counts,
            albedo=np.array([m.albedo for m in self._materials]),
            gloss=np.array([m.gloss for m in self._materials]),
            part=part,
            level=level,
            orders=np.array(self._orders),
            planes=np.array(self._planes) * (1.0, 1.0, 1.0, scale),
            smooth=smooth,
            height=float(vertices[:, 1].max()),
            radius=float(np.sqrt((vertices[:, [0, 2]] ** 2).sum(1).max())),
        )

    def _inward(self, corners: Array, solid: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which faces are wound the wrong way round: solids of negative volume, plates against their direction."""
        sizes = np.array([len(v) for v in self._vertices])
        starts = np.cumsum(sizes) - sizes
        middle = (np.add.reduceat(np.concatenate(self._vertices), starts, axis=0) / sizes[:, None])[solid]
        outward = np.array(self._outward, np.float64)[solid]
        closed = (outward == 0).all(1, keepdims=True)
        hint = np.where(closed, corners.mean(1) - middle, outward)
        measure = np.bincount(solid, (newell(corners) * hint).sum(1), len(sizes))
        return measure[solid] < 0


@lru_cache(maxsize=256)
def _loft_faces(k: int, n: int, caps: bool, closed: bool) -> tuple[NDArray[np.int64], ...]:
    """Return the faces over k rings of n points, as indices into the rings one after the other."""
    index = np.arange(k * n).reshape(k, n)
    following = np.roll(index, -1, axis=0) if closed else index[1:]
    start = index if closed else index[:-1]
    quads = np.stack([start, np.roll(start, -1, 1), np.roll(following, -1, 1), following], -1).reshape(-1, 4)
    ends = (index[0][::-1], index[-1]) if caps and not closed else ()
    return (*quads, *ends)


def newell(points: Array) -> Array:
    """Return the area-weighted normals (..., 3) of polygons (..., K, 3) by Newell's method."""
    following = np.concatenate([points[..., 1:, :], points[..., :1, :]], axis=-2)
    a, b = points - following, points + following
    x = (a[..., 1] * b[..., 2]).sum(-1)
    y = (a[..., 2] * b[..., 0]).sum(-1)
    z = (a[..., 0] * b[..., 1]).sum(-1)
    return 0.5 * np.stack([x, y, z], axis=-1)


def circle(sides: int, radius_a: float, radius_b: float, phase: float = 0.0) -> Array:
    """Return (sides, 2) points of an ellipse."""
    angle = np.arange(sides) * (2 * np.pi / sides) + phase
    return np.stack([np.cos(angle) * radius_a, np.sin(angle) * radius_b], axis=-1)


def _cross(a: Array, b: Array) -> Array:
    """Return the cross product along the last axis; plainer and faster than NumPy's for short arrays."""
    (ax, ay, az), (bx, by, bz) = (np.moveaxis(v, -1, 0) for v in (a, b))
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-1)


def tube_rings(path: Array, radii: Sequence[float], sides: int) -> Array:
    """Return (K, sides, 3) rings around a polyline, each across the mean direction of its neighbours."""
    tangent = np.empty_like(path)
    tangent[1:-1] = path[2:] - path[:-2]
    tangent[0], tangent[-1] = path[1] - path[0], path[-1] - path[-2]
    tangent /= np.sqrt((tangent**2).sum(1, keepdims=True)) + 1e-12
    steady = np.array([1.0, 0.0, 0.0]) if abs(tangent[0, 0]) < 0.8 else np.array([0.0, 0.0, 1.0])
    first = _cross(tangent, steady)
    first /= np.sqrt((first**2).sum(1, keepdims=True)) + 1e-12
    second = _cross(tangent, first)
    ring = circle(sides, 1.0, 1.0)
    radius = np.asarray(radii, np.float64)[:, None, None]
    return path[:, None] + radius * (first[:, None] * ring[:, :1] + second[:, None] * ring[:, 1:])


def inset(quad: ArrayLike, left: float, right: float, bottom: float, top: float) -> Array:
    """Return the part of a quad (4, 3) between fractions of its sides.

    The corners are bottom-left, bottom-right, top-right, top-left; fractions run from 0 to 1 along and up.
    """
    a, b, c, d = np.asarray(quad, np.float64)

    def at(u: float, v: float) -> Any:
        return (a * (1 - u) + b * u) * (1 - v) + (d * (1 - u) + c * u) * v

    return np.array([at(left, bottom), at(right, bottom), at(right, top), at(left, top)])
