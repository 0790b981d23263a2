"""Cast shadows and contact shadows on the ground."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .camera import Camera, clip_to_front
from .layout import Layout
from .light import Light
from .placement import Placed, Spot
from .raster import world_vertices

Float = NDArray[np.floating[Any]]
_NEAR = 0.8
_SMALL = 26.0


def building_shadows(camera: Camera, layout: Layout, light: Light) -> NDArray[np.uint8]:
    """Return the share of each pixel (H, W), 0 to 255, that lies in the cast shadow of a building."""
    mask = np.zeros((camera.height, camera.width), np.uint8)
    if light.softness > 0.6:
        return mask
    for block in layout.buildings:
        corners = [layout.world(s, t) for s in block.across for t in block.along]
        base = np.array([(x, 0.0, z) for x, z in corners])
        top = _on_ground(base + np.array([0.0, block.height, 0.0]), light)
        _fill_hull(mask, camera, np.concatenate([base, top]))
    return mask


def object_shadows(camera: Camera, light: Light, placed: Sequence[Placed], trees: Sequence[Spot]) -> NDArray[np.uint8]:
    """Return the share of each pixel (H, W), 0 to 255, in the cast shadow of an object or a tree."""
    mask = np.zeros((camera.height, camera.width), np.uint8)
    for item in placed:
        vertices = _on_ground(world_vertices(item.mesh, item.pose), light)
        if item.mesh.height * camera.focal / item.pose.z < _SMALL:
            _fill_hull(mask, camera, vertices)
        elif vertices[:, 2].min() > _NEAR:
            pixels = _fixed(camera.project(vertices))
            polygons = [pixels[face[:n]] for face, n in zip(item.mesh.faces, item.mesh.counts, strict=True)]
            for polygon in polygons:
                cv2.fillPoly(mask, [polygon], 255, cv2.LINE_8, 4)
    for spot in trees:
        angle = np.arange(14) * (2 * np.pi / 14)
        ring = np.stack([spot.x + 1.8 * np.cos(angle), 4.2 + 2.2 * np.sin(angle), np.full(14, spot.z)], -1)
        _fill_hull(
            mask, camera, np.concatenate([_on_ground(ring + np.array([0.0, 0.0, d]), light) for d in (-1.2, 1.2)])
        )
    return mask


def footprint(item: Placed) -> NDArray[np.float64]:
    """Return the ground points (N, 3) under the lower part of an object."""
    vertices = world_vertices(item.mesh, item.pose)
    return vertices[vertices[:, 1] < 0.25 + 0.1 * item.mesh.height] * (1.0, 0.0, 1.0)


def ring_on_ground(spot: Spot, radius: float) -> NDArray[np.float64]:
    """Return a circle of ground points (10, 3) around a plant."""
    angle = np.arange(10) * (2 * np.pi / 10)
    x, z = spot.x + radius * np.cos(angle), spot.z + 0.6 * radius * np.sin(angle)
    return np.stack([x, np.zeros_like(angle), z], axis=-1).astype(np.float64)


def contact_shadow(camera: Camera, low: NDArray[np.float64], depth: float, shade: Float) -> None:
    """Darken, in the shade (H, W) of the ground, the soft patch around the ground points (N, 3) of an object."""
    sigma = max(0.6, 0.10 * camera.focal / depth)
    pixels = camera.project(low)
    pad = 3 * sigma + 1
    x1, y1 = (int(v) for v in np.maximum(np.floor(pixels.min(0) - pad), 0))
    x2, y2 = (int(v) for v in np.minimum(np.ceil(pixels.max(0) + pad), (camera.width, camera.height)))
    if x2 <= x1 or y2 <= y1:
        return
    patch = np.zeros((y2 - y1, x2 - x1), np.uint8)
    cv2.fillConvexPoly(patch, _hull(pixels - (x1, y1)), 255, cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(patch, (0, 0), sigma).astype(np.float32)
    shade[y1:y2, x1:x2] *= 1.0 - soft * np.float32(0.62 / 255)


def _on_ground(points: NDArray[np.float64], light: Light) -> NDArray[np.float64]:
    """Move points along the rays of the sun down to the ground."""
    slope = light.sun_direction / max(float(light.sun_direction[1]), 0.15)
    return points - points[:, 1:2] * slope


def _fixed(pixels: NDArray[np.float64]) -> NDArray[np.int32]:
    """Turn continuous pixels into OpenCV's fixed point with four fractional bits."""
    return np.rint((np.clip(pixels, -4000, 4000) - 0.5) * 16).astype(np.int32)


def _hull(pixels: NDArray[np.float64]) -> NDArray[np.int32]:
    return cv2.convexHull(_fixed(pixels).reshape(-1, 1, 2)).astype(np.int32)


def _fill_hull(mask: NDArray[np.uint8], camera: Camera, points: NDArray[np.float64]) -> None:
    """Fill the convex hull of ground points, cut at the near plane."""
    flat = points[:, [0, 2]].astype(np.float32)
    outline = cv2.convexHull(flat.reshape(-1, 1, 2))[:, 0].astype(np.float64)
    polygon = clip_to_front(np.stack([outline[:, 0], np.zeros(len(outline)), outline[:, 1]], -1), _NEAR)
    if len(polygon):
        cv2.fillConvexPoly(mask, _fixed(camera.project(polygon)), 255, cv2.LINE_AA, 4)
