"""Small, exact operations on detections: finish a detector's raw boxes, map them between frames, rename labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.types import Detections

MAX_DETECTIONS = 100
"""Detections kept per image, as COCO's evaluation counts them."""


def finish(
    xyxy: NDArray[Any],
    scores: NDArray[Any],
    labels: NDArray[Any],
    size: tuple[int, int],
    limit: int | None = None,
) -> Detections:
    """Clip boxes to an image, drop those without area, sort by score and keep the best.

    Args:
        xyxy: (N, 4) x1 y1 x2 y2 in the image's pixels, any float type.
        scores: (N,) in [0, 1].
        labels: (N,) integers.
        size: (height, width) of the image, pixels.
        limit: Number of detections to keep; None for all.

    Returns:
        Detections within the image, best score first; equal scores keep their order.
    """
    height, width = size
    bounds = np.array([width, height, width, height], np.float64)
    clipped = np.clip(xyxy.astype(np.float64).reshape(-1, 4), 0.0, bounds).astype(np.float32)
    # A comparison with NaN is false, so boxes that are not numbers go here too.
    solid = (clipped[:, 2] > clipped[:, 0]) & (clipped[:, 3] > clipped[:, 1])
    kept = np.flatnonzero(solid)
    order = kept[np.argsort(-scores[kept], kind="stable")][:limit]
    return Detections(clipped[order], scores[order].astype(np.float32), labels[order].astype(np.int64))


def map_boxes(xyxy: NDArray[Any], scale: tuple[float, float]) -> NDArray[np.float64]:
    """Scale (N, 4) boxes by (sx, sy) target pixels per source pixel.

    Coordinates are continuous (the left edge of the first pixel is 0), so the mapping has no half-pixel offset.
    """
    sx, sy = scale
    return xyxy.astype(np.float64) * np.array([sx, sy, sx, sy], np.float64)


def mirrored(xyxy: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Mirror boxes (N, 4) left to right in an image of the given width."""
    return np.stack([width - xyxy[:, 2], xyxy[:, 1], width - xyxy[:, 0], xyxy[:, 3]], axis=1)


def to_dataset(
    found: Detections,
    labels: NDArray[np.int64],
    scale: tuple[float, float],
    size: tuple[int, int],
    limit: int = MAX_DETECTIONS,
) -> Detections:
    """Bring a detector's detections into a degraded image's frame and a dataset's classes.

    Args:
        found: Detections in the frame that the detector saw, labelled with the detector's classes.
        labels: (detector classes,) dataset class of each detector class; -1 drops the detection.
        scale: (sx, sy), degraded pixels per pixel of the detector's frame.
        size: (height, width) of the degraded image, pixels.
        limit: Number of detections to keep, counted after unmapped classes are dropped.
    """
    mapped = labels[found.labels]
    known = mapped >= 0
    return finish(map_boxes(found.xyxy[known], scale), found.scores[known], mapped[known], size, limit)
