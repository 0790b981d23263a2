"""Distance maps of rendered scenes as 16-bit PNG files."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..degradations.weather.distance import ray_lengths
from .scene import Scene

NEAR_M = 0.25
FAR_M = 16_000.0
"""Distances between the two are stored in logarithmic steps of 0.017 %; others become the nearer of the two."""
STEPS = 65_534
SKY = 65_535
"""The code of pixels that show nothing at any distance."""


def distances(scene: Scene) -> NDArray[np.float32]:
    """Return how far from the camera the surfaces of a scene are, float32 (H, W), metres along each pixel's ray."""
    camera = scene.camera
    # The camera counts continuous pixels, a map's indices stand for pixel centres.
    return ray_lengths(scene.depth_m, camera.focal, camera.centre - 0.5, camera.horizon - 0.5)


def encode_distances(distance_m: NDArray[np.float32]) -> bytes:
    """Return the PNG file of a distance map, float32 (H, W), metres; infinite in the sky."""
    sky = np.isinf(distance_m)
    share = np.log(np.where(sky, NEAR_M, distance_m).astype(np.float64) / NEAR_M) / np.log(FAR_M / NEAR_M)
    codes = np.where(sky, SKY, np.rint(share.clip(0, 1) * STEPS)).astype(np.uint16)
    options = [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_DEFAULT]
    done, encoded = cv2.imencode(".png", codes, options)
    if not done:
        raise RuntimeError("OpenCV could not encode a distance map as PNG")
    return encoded.tobytes()


def decode_distances(png: bytes, size: tuple[int, int]) -> NDArray[np.float32] | None:
    """Read what ``encode_distances`` wrote; None where it is broken or not of the (height, width) that is expected."""
    codes = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED) if png else None
    if codes is None or codes.dtype != np.uint16 or codes.shape != size:
        return None
    metres = NEAR_M * np.exp(np.arange(SKY + 1) / STEPS * np.log(FAR_M / NEAR_M))
    metres[SKY] = np.inf
    return metres.astype(np.float32)[codes]
