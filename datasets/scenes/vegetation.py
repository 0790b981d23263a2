"""Trees and bushes: leafy crowns from the noise bank on tapered trunks, as geometry buffers like those of meshes."""

from __future__ import annotations

import cv2
import numpy as np

from .camera import Camera
from .mesh import Material, MeshBuilder
from .noise import noise_bank
from .palette import linear
from .raster import Pose, Sprite, rasterise

_LIMIT = 420


def crown(
    rng: np.random.Generator, camera: Camera, x: float, z: float, low: float, size: tuple[float, float]
) -> Sprite | None:
    """Place a crown whose lower edge is ``low`` metres up and whose (width, height) is ``size`` metres.

    Returns None where it would be under 3 or over 420 pixels wide.
    """
    canopy = noise_bank().canopies[int(rng.integers(len(noise_bank().canopies)))]
    width, height = (round(s * camera.focal / z) for s in size)
    leaf = linear(rng.uniform((0.22, 0.27, 0.12), (0.46, 0.50, 0.26)))
    if not (3 <= width <= _LIMIT and 3 <= height <= _LIMIT):
        return None
    flip = rng.random() < 0.5

    def fit(plane: np.ndarray) -> np.ndarray:
        shrink = width < plane.shape[1]
        out = cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR)
        return out[:, ::-1] if flip else out

    alpha = fit(canopy.cover)
    weight = 1.0 / np.maximum(alpha, np.float32(1 / 512))
    normal = fit(canopy.normal) * weight[..., None]
    if flip:
        normal = normal * np.array((-1, 1, 1), np.float32)
    albedo = (fit(canopy.shade) * weight)[..., None] * leaf.astype(np.float32)
    base = camera.horizon + (camera.height_m - low) * camera.focal / z
    left = round(camera.centre + x * camera.focal / z - width / 2)
    depth = np.full(alpha.shape, z, np.float32)
    empty = np.zeros(alpha.shape, np.float32)
    return Sprite(left, round(base) - height, alpha, albedo, normal, empty, depth, z)


def tree(rng: np.random.Generator, camera: Camera, x: float, z: float) -> list[Sprite]:
    """Make a tree: trunk and crown."""
    tall = rng.uniform(4.5, 10.0)
    clear = rng.uniform(0.22, 0.38) * tall
    broad = rng.uniform(0.5, 0.85) * tall
    leaves = crown(rng, camera, x, z, clear, (broad, tall - clear))
    if leaves is None:
        return []
    mesh = MeshBuilder()
    mesh.part()
    bark = Material(linear(rng.uniform((0.28, 0.22, 0.17), (0.45, 0.40, 0.35))))
    lean = rng.normal(0, 0.1)
    top = clear + 0.35 * (tall - clear)
    path = [(0.0, 0.0, 0.0), (lean * 0.3, clear * 0.5, 0.0), (lean, top, 0.0)]
    mesh.tube(path, (0.025 * tall, 0.018 * tall, 0.010 * tall), bark, 8)
    return [rasterise(mesh.build(smooth=0.05), Pose(x, z + 0.05, 0.0), camera), leaves]


def bush(rng: np.random.Generator, camera: Camera, x: float, z: float) -> list[Sprite]:
    """Make a bush that stands on the ground."""
    tall = rng.uniform(0.6, 1.9)
    leaves = crown(rng, camera, x, z, -0.12 * tall, (tall * rng.uniform(1.0, 2.0), tall * 1.12))
    return [] if leaves is None else [leaves]
