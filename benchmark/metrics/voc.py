"""PASCAL VOC's average precision at IoU 0.5: the 11-point mean of VOC 2007 and the area of VOC 2010 and later.

Protocol: Everingham et al., "The PASCAL Visual Object Classes (VOC) Challenge", IJCV 2010, section 4.2, and its
development kit. A detection belongs to the object of its class and image that it overlaps most; the best-scored
detection of an object is a true positive, any further one a false positive. Difficult objects, and COCO's crowd
regions, are neither asked for nor held against a detection that falls on them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...results.tables import GroundTruth
from .pairs import same_image_and_class
from .values import MetricValues, mean_of_defined

IOU_THRESHOLD = 0.5

RECALL_POINTS = np.arange(0.0, 1.1, 0.1, dtype=np.float64)
"""The eleven recall levels as the common Python evaluators form them.

The fourth, seventh and eighth are one rounding step above 0.3, 0.6 and 0.7, so that a recall of exactly 3/10 does not
reach the fourth. Kept as it is: published VOC07 figures carry it.
"""


@dataclass(frozen=True, slots=True)
class VocConvention:
    """How overlaps are measured; the table's boxes are taken as they are.

    Attributes:
        inclusive: False: continuous coordinates, a box is x2 - x1 wide, as everywhere in this package. True: x2 and y2
            are the last pixel inside, a box is x2 - x1 + 1 wide, as in the development kit. Boxes read from VOC's
            XML files as (x1 - 1, y1 - 1, x2, y2) have the same overlaps when continuous as the file's own numbers
            have when inclusive.
        strict: True: overlap must exceed 0.5, as the paper and the Python evaluators have it. False: reaching 0.5 is
            enough, as in the development kit's MATLAB code.
    """

    inclusive: bool = False
    strict: bool = True


CONTINUOUS = VocConvention()
DEVKIT = VocConvention(inclusive=True, strict=False)


@dataclass(frozen=True, slots=True)
class VocMatches:
    """What became of each detection, best score first; equal scores are ordered by image, then by order in the table.

    Attributes:
        row: int64 (N,), position of the detection in the given table.
        label: int64 (N,), index into the classes.
        score: float64 (N,).
        true_positive: bool (N,).
        ignored: bool (N,), fell on a difficult object or crowd region. Neither flag set: false positive.
        objects: int64 (classes,), ground-truth boxes that count.
    """

    row: NDArray[np.int64]
    label: NDArray[np.int64]
    score: NDArray[np.float64]
    true_positive: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    objects: NDArray[np.int64]


def voc_metrics(
    gt: GroundTruth, detections: pd.DataFrame, convention: VocConvention = CONTINUOUS, threshold: float = IOU_THRESHOLD
) -> MetricValues:
    """Return VOC's AP as fractions in [0, 1].

    Args:
        gt: Images and boxes.
        detections: Columns image, x1, y1, x2, y2, score, label; degraded-image pixels.
        convention: How overlaps are measured.
        threshold: IoU that a true positive needs.

    Returns:
        ``values``: the means VOC07_AP50 (11-point) and VOC_area_AP50 over the classes that have objects; None if none
        has. ``per_class``: the same two. A class of which every object is difficult, or which has none, is None and
        not averaged; one with objects and no detections is 0.
    """
    matches = voc_matches(gt, detections, convention, threshold)
    per_class: dict[str, dict[str, float | None]] = {"VOC07_AP50": {}, "VOC_area_AP50": {}}
    for label, name in enumerate(gt.classes):
        curve = precision_recall(matches, label)
        per_class["VOC07_AP50"][name] = None if curve is None else eleven_point_ap(*curve)
        per_class["VOC_area_AP50"][name] = None if curve is None else area_ap(*curve)
    return MetricValues({name: mean_of_defined(aps.values()) for name, aps in per_class.items()}, per_class)


def voc_matches(
    gt: GroundTruth, detections: pd.DataFrame, convention: VocConvention = CONTINUOUS, threshold: float = IOU_THRESHOLD
) -> VocMatches:
    """Assign every detection to the object that it overlaps most; arguments as ``voc_metrics``."""
    order = np.lexsort((detections["image"].to_numpy(), -detections["score"].to_numpy(np.float64)))
    ranked = detections.iloc[order]
    best, overlap = _best_object(gt.boxes, ranked, convention)
    hit = overlap > threshold if convention.strict else overlap >= threshold
    skipped = gt.boxes["difficult"].to_numpy(bool) | gt.boxes["crowd"].to_numpy(bool)
    ignored = hit.copy()
    ignored[hit] = skipped[best[hit]]
    claims = hit & ~ignored
    first = np.zeros(len(ranked), bool)
    first[np.flatnonzero(claims)[np.unique(best[claims], return_index=True)[1]]] = True
    counted = gt.boxes["label"].to_numpy(np.int64)[~skipped]
    return VocMatches(
        row=order.astype(np.int64),
        label=ranked["label"].to_numpy(np.int64),
        score=ranked["score"].to_numpy(np.float64),
        true_positive=first,
        ignored=ignored,
        objects=np.bincount(counted, minlength=len(gt.classes)).astype(np.int64),
    )


def precision_recall(matches: VocMatches, label: int) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return recall and precision (N,) after each detection of a class, or None if the class has no objects."""
    objects = matches.objects[label]
    if objects == 0:
        return None
    chosen = (matches.label == label) & ~matches.ignored
    true = np.cumsum(matches.true_positive[chosen])
    return true / objects, true / np.arange(1, len(true) + 1)


def eleven_point_ap(recall: NDArray[np.float64], precision: NDArray[np.float64]) -> float:
    """Return the mean of the best precision at or beyond each of eleven recall levels (VOC 2007)."""
    best = [precision[recall >= level].max(initial=0.0) for level in RECALL_POINTS]
    return float(np.sum(best) / 11)


def area_ap(recall: NDArray[np.float64], precision: NDArray[np.float64]) -> float:
    """Return the area under precision made monotonically decreasing (VOC 2010 and later)."""
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * envelope))


def _best_object(
    boxes: pd.DataFrame, detections: pd.DataFrame, convention: VocConvention
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return, for each detection, the row in ``boxes`` of the object overlapped most, and that IoU.

    Among equal overlaps the first row wins. A detection without an object of its class in its image gets row -1, IoU 0.
    """
    pairs = same_image_and_class(boxes, detections)
    best, overlap = np.full(len(detections), -1, np.int64), np.zeros(len(detections))
    if len(pairs.detection) == 0:
        return best, overlap
    iou = _paired_iou(_xyxy(detections)[pairs.detection], _xyxy(boxes)[pairs.box], convention)
    some, starts = np.unique(pairs.detection, return_index=True)
    overlap[some] = np.maximum.reduceat(iou, starts)
    is_highest = np.flatnonzero(iou == overlap[pairs.detection])
    winner = is_highest[np.unique(pairs.detection[is_highest], return_index=True)[1]]
    best[some] = pairs.box[winner]
    return best, overlap


def _xyxy(table: pd.DataFrame) -> NDArray[np.float64]:
    return table[["x1", "y1", "x2", "y2"]].to_numpy(np.float64)


def _paired_iou(a: NDArray[np.float64], b: NDArray[np.float64], convention: VocConvention) -> NDArray[np.float64]:
    """Return the IoU (N,) of boxes a[i] and b[i], both (N, 4) xyxy; 0 where both are empty."""
    extra = 1.0 if convention.inclusive else 0.0
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]) + extra
    intersection = np.prod(np.maximum(sides, 0.0), axis=1)
    areas = np.prod(a[:, 2:] - a[:, :2] + extra, axis=1) + np.prod(b[:, 2:] - b[:, :2] + extra, axis=1)
    union = areas - intersection
    return np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)
