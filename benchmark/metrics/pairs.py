"""Pairs of a detection and an object of the same image and class, without loops over images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Pairs:
    """Every pair of a detection and an object that share image and class, sorted by detection, then by object.

    Attributes:
        detection: int64 (P,), row in the table of detections.
        box: int64 (P,), row in the table of objects.
    """

    detection: NDArray[np.int64]
    box: NDArray[np.int64]


def same_image_and_class(boxes: pd.DataFrame, detections: pd.DataFrame) -> Pairs:
    """Pair detections with the objects of their image and class; both tables have columns image and label."""
    classes = 1 + max(int(table["label"].max()) if len(table) else 0 for table in (boxes, detections))
    box_keys, keys = group_keys(boxes, classes), group_keys(detections, classes)
    rows = np.argsort(box_keys, kind="stable")
    first = np.searchsorted(box_keys[rows], keys, side="left")
    counts = np.searchsorted(box_keys[rows], keys, side="right") - first
    detection = np.repeat(np.arange(len(keys)), counts)
    return Pairs(detection, rows[first[detection] + position_in_run(counts)])


def group_keys(table: pd.DataFrame, classes: int) -> NDArray[np.int64]:
    """Return one number (N,) for each combination of image and class."""
    return table["image"].to_numpy(np.int64) * classes + table["label"].to_numpy(np.int64)


def position_in_run(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return 0, 1, ..., n - 1 for each n in ``counts``, one after the other."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
