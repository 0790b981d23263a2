"""From a placed mesh to a small geometry buffer, and from that to shaded pixels.

Faces are drawn back to front into a supersampled buffer of face numbers; reflectance, normals and gloss are looked
up per face and averaged down, which anti-aliases edges and rounds facets; light is computed once per final pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .camera import Camera
from .light import Light
from .mesh import Mesh, newell

Float = NDArray[np.floating[Any]]
_SHIFT = 4


@dataclass(frozen=True, slots=True)
class Pose:
    """Where an object stands: ground position in metres, turn about the vertical in radians, lift in metres."""

    x: float
    z: float
    yaw: float
    lift: float = 0.0


@dataclass(frozen=True, slots=True)
class Sprite:
    """Geometry buffer of one object over the image rectangle that starts at (left, top).

    Attributes:
        left: First image column; may lie outside the image.
        top: First image row; may lie outside the image.
        alpha: float32 (h, w) coverage in [0, 1].
        albedo: float32 (h, w, 3) linear reflectance.
        normal: float32 (h, w, 3) unit normals, X right, Y up, Z forward.
        gloss: float32 (h, w).
        depth: float32 (h, w) metres along the optical axis, valid where alpha > 0.
        distance: Depth of the object's centre, metres; the drawing order.
    """

    left: int
    top: int
    alpha: Float
    albedo: Float
    normal: Float
    gloss: Float
    depth: Float
    distance: float

    @property
    def window(self) -> tuple[int, int, int, int]:
        """Image rectangle (x1, y1, x2, y2)."""
        height, width = self.alpha.shape
        return self.left, self.top, self.left + width, self.top + height


def world_vertices(mesh: Mesh, pose: Pose) -> NDArray[np.float64]:
    """Turn and move a mesh into the world; (V, 3) metres."""
    cos, sin = np.cos(pose.yaw), np.sin(pose.yaw)
    x, y, z = mesh.vertices.T
    return np.stack([x * cos + z * sin + pose.x, y + pose.lift, z * cos - x * sin + pose.z], axis=-1)


def rasterise(mesh: Mesh, pose: Pose, camera: Camera) -> Sprite:
    """Draw a mesh that lies wholly in front of the camera."""
    world = world_vertices(mesh, pose)
    relative = world - np.array([0.0, camera.height_m, 0.0])
    pixels = camera.project(world)
    left, top = (int(v) for v in np.floor(pixels.min(0)) - 1)
    right, bottom = (int(v) for v in np.ceil(pixels.max(0)) + 1)
    width, height = right - left, bottom - top
    scale = 4 if max(width, height) < 110 else 3 if max(width, height) < 200 else 2
    corners = relative[mesh.faces]
    normals = newell(corners)
    normals /= np.sqrt((normals**2).sum(1, keepdims=True)) + 1e-12
    centres = corners.mean(1)
    order = _drawing_order(mesh, pose, camera, normals, centres)
    fixed = np.rint(((pixels - (left, top)) * scale - 0.5) * (1 << _SHIFT)).astype(np.int32)
    ids = np.zeros((height * scale, width * scale), np.int32)
    for face in order:
        points = fixed[mesh.faces[face, : mesh.counts[face]]]
        if mesh.counts[face] > 6:
            cv2.fillPoly(ids, [points], int(face) + 1, cv2.LINE_8, _SHIFT)
        else:
            cv2.fillConvexPoly(ids, points, int(face) + 1, cv2.LINE_8, _SHIFT)
    colour, bent = _gather(mesh, normals, ids, (width, height))
    depth = _depth(camera, relative, normals, centres, ids[scale // 2 :: scale, scale // 2 :: scale], (left, top))
    alpha = colour[..., 3:] / 255.0
    weight = np.float32(1.0) / np.maximum(alpha, np.float32(1 / 512))
    normal = bent[..., :3] - np.float32(127.0)
    sigma = mesh.smooth * camera.focal / float(relative[:, 2].mean())
    if sigma > 0.4:
        normal = cv2.GaussianBlur(normal, (0, 0), min(sigma, 8.0))
    length = np.sqrt(np.square(normal[..., 0]) + np.square(normal[..., 1]) + np.square(normal[..., 2]))
    normal /= np.maximum(length, np.float32(1e-3))[..., None]
    return Sprite(
        left,
        top,
        alpha[..., 0],
        colour[..., :3] * weight / 255.0,
        normal,
        bent[..., 3] * weight[..., 0] / 255.0,
        depth,
        float(relative[:, 2].mean()),
    )


def _drawing_order(
    mesh: Mesh, pose: Pose, camera: Camera, normals: NDArray[np.float64], centres: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return the faces turned to the camera, farthest first within the ranks of their parts."""
    cos, sin = np.cos(pose.yaw), np.sin(pose.yaw)
    x, y, z = -pose.x, camera.height_m - pose.lift, -pose.z
    local = np.array([x * cos - z * sin, y, x * sin + z * cos])
    split = np.abs(mesh.planes[:, :3]).sum(1) > 0
    in_front = (mesh.planes[:, :3] * local).sum(1) > mesh.planes[:, 3]
    rank = np.where(split & ~in_front, -mesh.orders, mesh.orders)
    distance = np.sqrt((centres**2).sum(1))
    total = np.bincount(mesh.part, distance, len(rank))
    part_distance = total / np.maximum(np.bincount(mesh.part, minlength=len(rank)), 1)
    keys = (-distance, mesh.level, mesh.part, -part_distance[mesh.part], rank[mesh.part])
    order = np.lexsort(keys)
    return order[(normals[order] * centres[order]).sum(1) < 0]


def _gather(
    mesh: Mesh, normals: NDArray[np.float64], ids: NDArray[np.int32], size: tuple[int, int]
) -> tuple[Float, Float]:
    """Look up (albedo, coverage) and (normal, gloss) per face number and average them down to (h, w, 4) in 0..255."""
    first = np.zeros((len(normals) + 1, 4), np.uint8)
    first[1:, :3] = np.rint(np.clip(mesh.albedo, 0, 1) * 255)
    first[1:, 3] = 255
    second = np.full((len(normals) + 1, 4), 127, np.uint8)
    second[:, 3] = 0
    second[1:, :3] = np.rint(normals * 127 + 127)
    second[1:, 3] = np.rint(mesh.gloss * 255)
    planes = []
    for table in (first, second):
        packed = table.view(np.uint32)[:, 0][ids]
        full = packed.view(np.uint8).reshape(*ids.shape, 4)
        planes.append(cv2.resize(full, size, interpolation=cv2.INTER_AREA).astype(np.float32))
    return planes[0], planes[1]


def _depth(
    camera: Camera,
    relative: NDArray[np.float64],
    normals: NDArray[np.float64],
    centres: NDArray[np.float64],
    ids: NDArray[np.int32],
    corner: tuple[int, int],
) -> Float:
    """Return the depth of each pixel from the plane of the face at its centre: 1/Z is affine in the image."""
    offset = (normals * centres).sum(1)
    offset = np.where(np.abs(offset) < 1e-6, -1e-6, offset)
    slopes = np.zeros((len(normals) + 1, 3), np.float64)
    slopes[1:] = normals * np.array([1.0, -1.0, 1.0]) / offset[:, None]
    middle = float(relative[:, 2].mean())
    slopes[0] = (0.0, 0.0, 1.0 / middle)
    a, b, c = np.moveaxis(slopes[ids], -1, 0)
    u = (np.arange(ids.shape[1]) + corner[0] + 0.5 - camera.centre) / camera.focal
    v = (np.arange(ids.shape[0]) + corner[1] + 0.5 - camera.horizon) / camera.focal
    inverse = a * u[None, :] + b * v[:, None] + c
    near, far = float(relative[:, 2].min()), float(relative[:, 2].max())
    return (1.0 / np.clip(inverse, 1.0 / far, 1.0 / near)).astype(np.float32)


def shade(sprite: Sprite, camera: Camera, light: Light, sunlit: float, dirt: Float) -> Float:
    """Light a geometry buffer; returns linear RGB (h, w, 3), not multiplied by the coverage.

    Args:
        sprite: What to light.
        camera: For the direction of view.
        light: Of the scene.
        sunlit: 0 where the object stands in shadow, 1 in the sun.
        dirt: (h, w) noise of unit deviation that varies the reflectance.
    """
    n = sprite.normal
    sun = light.sun_direction.astype(np.float32)
    facing = np.clip(n[..., 0] * sun[0] + n[..., 1] * sun[1] + n[..., 2] * sun[2], 0.0, None) * np.float32(sunlit)
    up = 0.5 + 0.5 * n[..., 1]
    ambient = (up[..., None] * light.ambient + (1.0 - up)[..., None] * light.bounce) * _contact(sprite, camera)[
        ..., None
    ]
    body = sprite.albedo * (1.0 + 0.07 * dirt)[..., None]
    lit = body * (facing[..., None] * light.sun + ambient)
    if float(sprite.gloss.max()) < 0.02:
        return lit
    return _mirror(sprite, camera, light, sunlit, lit)


def _contact(sprite: Sprite, camera: Camera) -> Float:
    """Return a factor that darkens what is close to the ground, where less sky is seen; (h, 1)."""
    rows = np.arange(sprite.top, sprite.top + len(sprite.alpha)) + 0.5
    height = camera.height_m - (rows - camera.horizon) * sprite.distance / camera.focal
    return (0.5 + 0.5 * np.clip(height / 0.7, 0.0, 1.0)).astype(np.float32)[:, None]


def _mirror(sprite: Sprite, camera: Camera, light: Light, sunlit: float, lit: Float) -> Float:
    """Add reflections of sky, skyline and sun, with Schlick's approximation of Fresnel's law."""
    x1, y1, x2, y2 = sprite.window
    vx = ((np.arange(x1, x2) + 0.5 - camera.centre) / camera.focal).astype(np.float32)[None, :]
    vy = (-(np.arange(y1, y2) + 0.5 - camera.horizon) / camera.focal).astype(np.float32)[:, None]
    scale = 1.0 / np.sqrt(vx * vx + vy * vy + 1.0)
    n = sprite.normal
    along = n[..., 0] * vx * scale + n[..., 1] * vy * scale + n[..., 2] * scale
    rx, ry, rz = (v * scale - 2.0 * along * n[..., i] for i, v in enumerate((vx, vy, np.float32(1.0))))
    graze = 1.0 - np.clip(-along, 0.0, 1.0)
    fresnel = np.square(np.square(graze)) * graze
    strength = sprite.gloss * (0.10 + 0.90 * fresnel + 0.25 * sprite.gloss)
    skyline = 0.12 + 0.05 * np.sin(7.0 * rx + 3.0 * sprite.distance) + 0.04 * np.sin(17.0 * rx)
    above = np.clip((ry - skyline) * 9.0, 0.0, 1.0)[..., None]
    sky = light.horizon + (light.zenith - light.horizon) * np.clip(ry, 0.0, 1.0)[..., None]
    seen = sky * above + (0.35 * light.bounce + 0.06 * light.horizon) * (1.0 - above)
    sun = light.sun_direction.astype(np.float32)
    spot = np.clip(rx * sun[0] + ry * sun[1] + rz * sun[2], 0.0, None)
    for _ in range(5):
        spot = np.square(spot)
    shine = seen + (3.0 * np.float32(sunlit) * spot)[..., None] * light.sun
    return lit * (1.0 - 0.5 * strength)[..., None] + shine * strength[..., None]
