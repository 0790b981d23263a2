"""COCO's assignment of detections to objects, kept for every size range and IoU threshold.

Protocol: Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014, as implemented by ``evaluateImg`` of
pycocotools, to whose match arrays these are equal. The C++ evaluator that gives the headline figures keeps no such
arrays; whatever needs to know what became of a single detection (resampling, operating points, LRP) starts here.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...results.tables import GroundTruth
from .coco import AreaFrame, frame_areas, frame_xywh
from .pairs import group_keys, position_in_run, same_image_and_class

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""The ten IoU thresholds, formed as pycocotools forms them."""

SIZE_RANGES = np.array([[0.0, 1e10], [0.0, 32.0**2], [32.0**2, 96.0**2], [96.0**2, 1e10]])
"""Lowest and highest area, both included, of: all, small, medium, large; in pixels squared."""

MAX_DETECTIONS = 100
"""Best-scored detections of an image and class that are looked at."""

_CEILING = 1.0 - 1e-10


@dataclass(frozen=True, slots=True)
class CocoMatches:
    """What became of each detection, sorted by class, then best score first.

    Equal scores are ordered by image, then by order in the table. A = 4 size ranges, T = 10 IoU thresholds.

    Attributes:
        row: int64 (N,), position of the detection in the given table; those beyond 100 an image and class are left out.
        image: int64 (N,), as in the table.
        label: int64 (N,), index into the classes.
        score: float64 (N,).
        box: int32 (A, T, N), row in ``gt.boxes`` of the object it was assigned to; -1 for none.
        ignored: bool (A, T, N), counts neither for nor against: assigned to a crowd region or to an object out of the
            size range, or assigned to none and itself out of the size range.
        overlap: float64 (T, N), IoU with the assigned object in the range "all"; 0 where there is none.
        counted: bool (A, boxes), objects that are asked for in each size range.
    """

    row: NDArray[np.int64]
    image: NDArray[np.int64]
    label: NDArray[np.int64]
    score: NDArray[np.float64]
    box: NDArray[np.int32]
    ignored: NDArray[np.bool_]
    overlap: NDArray[np.float64]
    counted: NDArray[np.bool_]

    @property
    def true_positive(self) -> NDArray[np.bool_]:
        """Return bool (A, T, N): assigned to an object that counts."""
        return (self.box >= 0) & ~self.ignored


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Pairs that overlap enough for the lowest threshold.

    Sorted by step (the detection's rank within its image and class), detection, IoU, then row of the object, so that
    among pairs of one detection the later is the better one.
    """

    step: NDArray[np.int64]
    detection: NDArray[np.int64]
    box: NDArray[np.int64]
    iou: NDArray[np.float64]


def coco_matches(gt: GroundTruth, detections: pd.DataFrame, area: AreaFrame = "degraded") -> CocoMatches:
    """Assign detections to objects by COCO's rule, for all size ranges and IoU thresholds at once.

    Best-scored first, a detection takes the free object of its image and class that it overlaps most, if that reaches
    the threshold; objects that count go before those that do not, crowd regions stay free, and among equal overlaps
    the last object wins.

    Args:
        gt: Images and boxes.
        detections: Columns image, x1, y1, x2, y2, score, label; degraded-image pixels.
        area: In which pixels object and detection sizes are measured.
    """
    rows = _ranked_rows(detections)
    ranked = detections.iloc[rows]
    xywh = frame_xywh(gt, ranked, area)
    crowd = gt.boxes["crowd"].to_numpy(bool)
    counted = _in_ranges(frame_areas(gt, area)) & ~crowd
    pairs = _candidates(gt, ranked, xywh, crowd, area)
    box = _assign(pairs, counted, crowd, len(ranked))
    outside = ~_in_ranges(xywh[:, 2] * xywh[:, 3])
    ignored = np.broadcast_to(outside[:, None], box.shape).copy()
    size, threshold, matched = np.nonzero(box >= 0)
    ignored[size, threshold, matched] = ~counted[size, box[size, threshold, matched]]
    return CocoMatches(
        row=rows,
        image=ranked["image"].to_numpy(np.int64),
        label=ranked["label"].to_numpy(np.int64),
        score=ranked["score"].to_numpy(np.float64),
        box=box,
        ignored=ignored,
        overlap=_overlaps(pairs, box[0]),
        counted=counted,
    )


def _ranked_rows(detections: pd.DataFrame) -> NDArray[np.int64]:
    """Return the rows of the best detections of each image and class, sorted as ``CocoMatches`` says."""
    image, label = detections["image"].to_numpy(np.int64), detections["label"].to_numpy(np.int64)
    worst_last = -detections["score"].to_numpy(np.float64)
    order = np.lexsort((worst_last, label, image))
    starts = np.ones(len(order), bool)
    starts[1:] = (np.diff(image[order]) != 0) | (np.diff(label[order]) != 0)
    runs = np.diff(np.flatnonzero(np.append(starts, True)))
    kept = np.sort(order[position_in_run(runs) < MAX_DETECTIONS])
    return kept[np.lexsort((image[kept], worst_last[kept], label[kept]))]


def _in_ranges(areas: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return (A, N): whether an area lies in each size range."""
    return (areas >= SIZE_RANGES[:, :1]) & (areas <= SIZE_RANGES[:, 1:])


def _candidates(
    gt: GroundTruth, ranked: pd.DataFrame, xywh: NDArray[np.float64], crowd: NDArray[np.bool_], area: AreaFrame
) -> _Candidates:
    pairs = same_image_and_class(gt.boxes, ranked)
    iou = _coco_iou(xywh[pairs.detection], frame_xywh(gt, gt.boxes, area)[pairs.box], crowd[pairs.box])
    near = iou >= IOU_THRESHOLDS[0]
    detection, box, iou = pairs.detection[near], pairs.box[near], iou[near]
    step = _steps(ranked, detection)
    order = np.lexsort((box, iou, detection, step))
    return _Candidates(step[order], detection[order], box[order], iou[order])


def _coco_iou(a: NDArray[np.float64], b: NDArray[np.float64], crowd: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the IoU (P,) of boxes a[i] and b[i], both (P, 4) xywh; for crowds, intersection over the area of a.

    The order of operations is pycocotools', so that an overlap of exactly a threshold falls on the same side.
    """
    sides = np.minimum(a[:, 2:] + a[:, :2], b[:, 2:] + b[:, :2]) - np.maximum(a[:, :2], b[:, :2])
    intersection = np.where((sides > 0).all(axis=1), sides[:, 0] * sides[:, 1], 0.0)
    area_a = a[:, 2] * a[:, 3]
    union = np.where(crowd, area_a, area_a + b[:, 2] * b[:, 3] - intersection)
    return np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)


def _steps(ranked: pd.DataFrame, detection: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each pair how many better-scored detections of its image and class have candidates too."""
    present, pair_of = np.unique(detection, return_inverse=True)
    keys = group_keys(ranked.iloc[present], 1 + int(ranked["label"].max()) if len(ranked) else 1)
    order = np.argsort(keys, kind="stable")
    runs = np.diff(np.flatnonzero(np.append(np.diff(keys[order], prepend=-1) != 0, True)))
    step = np.empty(len(present), np.int64)
    step[order] = position_in_run(runs)
    return step[pair_of]


def _assign(
    pairs: _Candidates, counted: NDArray[np.bool_], crowd: NDArray[np.bool_], detections: int
) -> NDArray[np.int32]:
    """Return (A, T, N) rows of the assigned objects.

    Works on all images and classes side by side: in step k, each decides on its k-th detection.
    """
    sizes, thresholds = len(SIZE_RANGES), len(IOU_THRESHOLDS)
    box = np.full((detections, sizes, thresholds), -1, np.int32)
    taken = np.zeros((len(crowd), sizes, thresholds), bool)
    bounds = np.searchsorted(pairs.step, np.arange(pairs.step.max(initial=-1) + 2))
    for first, stop in itertools.pairwise(bounds.tolist()):
        objects, iou = pairs.box[first:stop], pairs.iou[first:stop]
        enough = iou[:, None] >= np.minimum(IOU_THRESHOLDS, _CEILING)
        free = ~taken[objects] | crowd[objects, None, None]
        # The best pair is the last one in its run, after those with objects that count were lifted above the others.
        place = np.arange(stop - first)[:, None] + (stop - first) * counted[:, objects].T
        place = np.where(enough[:, None] & free, place[:, :, None], -1)
        present, starts = np.unique(pairs.detection[first:stop], return_index=True)
        best = np.maximum.reduceat(place, starts, axis=0)
        chosen, size, threshold = np.nonzero(best >= 0)
        winner = objects[best[chosen, size, threshold] % (stop - first)]
        box[present[chosen], size, threshold] = winner
        taken[winner, size, threshold] = True
    return np.ascontiguousarray(box.transpose(1, 2, 0))


def _overlaps(pairs: _Candidates, box: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return (T, N) IoU of each detection with its object among the rows ``box`` (T, N)."""
    overlap = np.zeros(box.shape)
    threshold, pair = np.nonzero(box[:, pairs.detection] == pairs.box)
    overlap[threshold, pairs.detection[pair]] = pairs.iou[pair]
    return overlap
