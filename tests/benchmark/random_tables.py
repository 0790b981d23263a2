"""Tables of ground truth and detections for the tests of metrics, statistics and analyses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from lqbench.results.tables import BOX_COLUMNS, DETECTION_COLUMNS, GroundTruth

SIDE = 400


def build_truth(boxes: Sequence[dict[str, Any]], images: int = 1, classes: int = 1, **columns: float) -> GroundTruth:
    """Boxes as dicts with ``xyxy``; the rest has defaults. ``columns`` overrides columns of the images."""
    rows = []
    for box in boxes:
        x1, y1, x2, y2 = box["xyxy"]
        area = box.get("area", (x2 - x1) * (y2 - y1))
        flags = (box.get("crowd", False), box.get("difficult", False))
        label = box.get("label", 0)
        rows.append((box.get("image", 0), label, x1, y1, x2, y2, area, box.get("area_annotated", area), *flags))
    sizes = {f"{prefix}{name}": SIDE for prefix in ("", "clean_", "annotated_") for name in ("width", "height")}
    frame = pd.DataFrame({"index": np.arange(images), **sizes, "sx": 1.0, "sy": 1.0, **columns})
    frame["image_id"] = frame["file"] = frame["index"].astype(str)
    return GroundTruth(frame, pd.DataFrame(rows, columns=list(BOX_COLUMNS)), tuple(f"c{i}" for i in range(classes)))


def build_detections(rows: Sequence[tuple[int, tuple[float, ...], float, int]]) -> pd.DataFrame:
    """Rows of (image, xyxy, score, label), in float64 so that a test can place a box exactly."""
    flat = [(image, *xyxy, score, label) for image, xyxy, score, label in rows]
    return pd.DataFrame(flat, columns=list(DETECTION_COLUMNS))


def _random_boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    low = rng.uniform(0, SIDE / 2, (count, 2))
    return np.concatenate([low, low + np.exp(rng.uniform(np.log(4), np.log(SIDE / 2), (count, 2)))], axis=1)


def build_random(
    seed: int, images: int = 4, classes: int = 3, objects: int = 12, clutter: int = 20, *, ties: bool = False
) -> tuple[GroundTruth, pd.DataFrame]:
    """Objects in the first images only, so that the last is empty; jittered and stray detections everywhere."""
    rng = np.random.default_rng(seed)
    xyxy = _random_boxes(rng, objects)
    labels, owners = rng.integers(classes, size=objects), rng.integers(max(images - 1, 1), size=objects)
    crowd, difficult = rng.random(objects) < 0.15, rng.random(objects) < 0.2
    truth = build_truth(
        [
            {"xyxy": xyxy[i], "image": owners[i], "label": labels[i], "crowd": crowd[i], "difficult": difficult[i]}
            for i in range(objects)
        ],
        images,
        classes,
    )
    copies = rng.integers(objects, size=2 * objects)
    sides = np.tile(xyxy[:, 2:] - xyxy[:, :2], 2)
    close = xyxy[copies] + rng.normal(0, 0.08, (2 * objects, 4)) * sides[copies]
    boxes = np.concatenate([close, _random_boxes(rng, clutter)])
    boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2])
    count = len(boxes)
    scores = rng.integers(1, 6, count) / 8 if ties else rng.permutation(count) / count + 0.5 / count
    frame = pd.DataFrame(boxes, columns=["x1", "y1", "x2", "y2"])
    frame["image"] = np.concatenate([owners[copies], rng.integers(images, size=clutter)])
    frame["label"] = np.concatenate([labels[copies], rng.integers(classes, size=clutter)])
    frame["score"] = scores
    return truth, frame.reindex(columns=list(DETECTION_COLUMNS))
