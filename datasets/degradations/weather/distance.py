"""Distance maps: from Cityscapes' disparity, from a depth map, and a stand-in where nothing is known."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import UserError

DISPARITY_STEPS = 256.0
"""Cityscapes stores disparities of 1/256 pixel, plus one; 0 marks pixels without a measurement."""


@dataclass(frozen=True, slots=True)
class StereoCamera:
    """A stereo pair's left camera.

    Attributes:
        baseline_m: Distance between the two cameras, metres.
        fx: Focal length, pixels.
        cx: Column of the principal point.
        cy: Row of the principal point.
    """

    baseline_m: float
    fx: float
    cx: float
    cy: float


def read_camera(path: Path) -> StereoCamera:
    """Read a camera file of Cityscapes (``*_camera.json``).

    Raises:
        UserError: The file is absent, no JSON, or lacks a field; the field is named.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"the camera file {path} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise UserError(f"the camera file {path} is not valid JSON; unpack it again.") from error
    fields = (("extrinsic", "baseline"), ("intrinsic", "fx"), ("intrinsic", "u0"), ("intrinsic", "v0"))
    values = []
    for group, field in fields:
        try:
            values.append(float(stored[group][field]))
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"the camera file {path} has no number {group}.{field}.") from error
    if values[0] <= 0 or values[1] <= 0:
        raise UserError(f"the camera file {path} has a baseline or focal length that is not above 0.")
    return StereoCamera(*values)


def read_disparity(path: Path, camera: StereoCamera, size: tuple[int, int]) -> NDArray[np.float32]:
    """Read a disparity image of Cityscapes (``*_disparity.png``) as distances.

    A pixel p stands for (p - 1) / 256 pixels of disparity; p = 0 is "not measured". Depth is baseline * fx /
    disparity. Pixels without a measurement and with no disparity are infinitely far, as in the first stage of the code
    of Foggy Cityscapes.

    Args:
        path: The 16-bit PNG file.
        camera: The camera of the same image.
        size: (height, width) that the image must have.

    Returns:
        float32 (H, W), metres along each pixel's ray.

    Raises:
        UserError: The file is absent, broken, not 16-bit grey, or of another size.
    """
    import cv2

    try:
        raw = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise UserError(f"the disparity image {path} cannot be read: {error.strerror or error}.") from error
    stored = cv2.imdecode(raw, cv2.IMREAD_UNCHANGED) if len(raw) else None
    if stored is None:
        raise UserError(f"the disparity image {path} is broken or no image; unpack it again.")
    if stored.dtype != np.uint16 or stored.ndim != 2:
        raise UserError(f"the disparity image {path} is not a 16-bit grey PNG; 8-bit previews hold no distances.")
    if stored.shape != size:
        raise UserError(f"the disparity image {path} has the size {stored.shape}, but its image has {size}.")
    disparity = (stored.astype(np.float64) - 1) / DISPARITY_STEPS
    depth = np.full(stored.shape, np.inf)
    measured = disparity > 0
    depth[measured] = camera.baseline_m * camera.fx / disparity[measured]
    return ray_lengths(depth, camera.fx, camera.cx, camera.cy)


def fill_unmeasured(metres: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give distances to what the stereo cameras did not measure: occluded strips, the left border, the car's bonnet.

    A hole takes, in its row, the farther of its two measured neighbours: what the second camera could not see lies
    behind. What lies above all measurements of its column is sky and stays infinitely far, and so do rows without any
    measurement; a column without any takes the sky line of the nearest column. Simpler than the completion of Foggy
    Cityscapes, which fits planes to superpixels.

    Args:
        metres: float32 (H, W), infinite where nothing was measured.

    Returns:
        float32 (H, W).
    """
    measured = np.isfinite(metres)
    known = np.flatnonzero(measured.any(axis=0))
    if len(known) == 0:
        return metres
    columns, rows = np.arange(metres.shape[1]), np.arange(metres.shape[0])
    nearest = known[np.abs(columns[:, None] - known).argmin(axis=1)]
    hole = ~measured & (rows[:, None] >= measured.argmax(axis=0)[nearest])
    left = np.maximum.accumulate(np.where(measured, columns, -1), axis=1)
    right = np.minimum.accumulate(np.where(measured, columns, len(columns))[:, ::-1], axis=1)[:, ::-1]
    framed = np.pad(metres, ((0, 0), (1, 1)), constant_values=-np.inf)
    farther = np.maximum(*(np.take_along_axis(framed, side + 1, axis=1) for side in (left, right)))
    return np.where(hole & np.isfinite(farther), farther, metres).astype(np.float32)


def ray_lengths(depth_m: NDArray[np.floating], focal: float, cx: float, cy: float) -> NDArray[np.float32]:
    """Turn depth along the optical axis into distance along each pixel's ray.

    Args:
        depth_m: (H, W), metres; may be infinite.
        focal: Focal length, pixels.
        cx: Column of the principal point, in indices of pixel centres.
        cy: Row of the principal point.

    Returns:
        float32 (H, W), metres: depth * sqrt(f² + (x - cx)² + (y - cy)²) / f.
    """
    height, width = depth_m.shape
    across, down = np.arange(width) - cx, np.arange(height) - cy
    stretch = np.sqrt(focal**2 + across[None, :] ** 2 + down[:, None] ** 2) / focal
    return (depth_m * stretch).astype(np.float32)


def distances_at(
    depth_m: NDArray[np.float32], size: tuple[int, int], reach: tuple[float, float]
) -> NDArray[np.float32]:
    """Take the distances at the centres of the pixels of a smaller or larger version of an image.

    Nothing is interpolated: between a car and the street behind it there is no surface half way.

    Args:
        depth_m: (H, W), metres.
        size: (h, w) of the other version.
        reach: Rows and columns of ``depth_m`` that a pixel of it covers; pixels beyond the border take the border's.

    Returns:
        float32 (h, w), metres; ``depth_m`` itself where nothing changes.
    """
    if depth_m.shape == size and reach == (1.0, 1.0):
        return depth_m
    rows, columns = (
        np.minimum(((np.arange(new) + 0.5) * step).astype(np.intp), old - 1)
        for old, new, step in zip(depth_m.shape, size, reach, strict=True)
    )
    return depth_m[rows[:, None], columns]


def ramp(size: tuple[int, int], near_m: float, far_m: float) -> NDArray[np.float32]:
    """Return a stand-in for unknown distances: far at the top, near at the bottom, linear in the row.

    Args:
        size: (height, width), pixels.
        near_m: Distance of the bottom row, metres.
        far_m: Distance of the top row, metres.

    Returns:
        float32 (H, W).
    """
    height, width = size
    rows = np.linspace(far_m, near_m, height) if height > 1 else np.array([near_m])
    return np.repeat(rows[:, None], width, axis=1).astype(np.float32)
