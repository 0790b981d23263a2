"""Overlaps between the detections and the objects of the same image, as flat lists of pairs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .average_precision import place_in_group

PAIRS_AT_ONCE = 2_000_000
"""Pairs of a block of images, about 200 MB while it is worked on."""


@dataclass(frozen=True, slots=True)
class BoxTable:
    """Boxes sorted by image.

    Attributes:
        row: int64 (N,), position in the table that they come from.
        image: int64 (N,), ascending.
        label: int64 (N,).
        xyxy: float64 (N, 4).
        score: float64 (N,); for detections, best first within an image. Zeros for objects.
    """

    row: NDArray[np.int64]
    image: NDArray[np.int64]
    label: NDArray[np.int64]
    xyxy: NDArray[np.float64]
    score: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.row)

    def take(self, chosen: NDArray[np.bool_] | slice) -> BoxTable:
        """Return the chosen boxes, order kept."""
        return BoxTable(self.row[chosen], self.image[chosen], self.label[chosen], self.xyxy[chosen], self.score[chosen])


@dataclass(frozen=True, slots=True)
class Pairs:
    """Every detection with every object of its image, sorted by detection, then by object.

    Attributes:
        detection: int64 (P,), index into the detections.
        object: int64 (P,), index into the objects.
        overlap: float64 (P,) in [0, 1].
        same: bool (P,), whether the labels agree.
    """

    detection: NDArray[np.int64]
    object: NDArray[np.int64]
    overlap: NDArray[np.float64]
    same: NDArray[np.bool_]


def ranked_detections(detections: pd.DataFrame, limit: int) -> BoxTable:
    """Return the best ``limit`` detections of each image, sorted by image, best score first.

    Equal scores keep the order of the table. Columns: image, x1, y1, x2, y2, score, label.
    """
    image, score = detections["image"].to_numpy(np.int64), detections["score"].to_numpy(np.float64)
    label = detections["label"].to_numpy(np.int64)
    order = np.lexsort((-score, image))
    order = order[place_in_group(image[order]) < limit]
    return BoxTable(order, image[order], label[order], _xyxy(detections)[order], score[order])


def objects_by_image(boxes: pd.DataFrame, chosen: NDArray[np.bool_]) -> BoxTable:
    """Return the chosen rows of a table of ground-truth boxes, sorted by image, order kept within an image."""
    rows = np.flatnonzero(chosen)
    image = boxes["image"].to_numpy(np.int64)
    order = rows[np.argsort(image[rows], kind="stable")].astype(np.int64)
    label = boxes["label"].to_numpy(np.int64)[order]
    return BoxTable(order, image[order], label, _xyxy(boxes)[order], np.zeros(len(order)))


def image_blocks(detections: BoxTable, objects: BoxTable, pairs: int = PAIRS_AT_ONCE) -> Iterator[tuple[slice, slice]]:
    """Yield slices of detections and objects that belong to the same images, each with at most ``pairs`` pairs.

    Bounds the memory: no image's pairs are split, so an image with more pairs than that comes alone.
    """
    images = np.union1d(detections.image, objects.image)
    first, last = (np.searchsorted(detections.image, images, side=side) for side in ("left", "right"))
    first_object, last_object = (np.searchsorted(objects.image, images, side=side) for side in ("left", "right"))
    total = np.cumsum((last - first) * (last_object - first_object))
    start = 0
    while start < len(images):
        done = int(total[start - 1]) if start else 0
        stop = max(int(np.searchsorted(total, done + pairs, side="right")), start + 1)
        yield slice(first[start], last[stop - 1]), slice(first_object[start], last_object[stop - 1])
        start = stop


def pairs_of(detections: BoxTable, objects: BoxTable, *, of_detection: bool = False) -> Pairs:
    """Return all pairs within images and their overlaps.

    Args:
        detections: Detections.
        objects: Objects.
        of_detection: False: overlap is IoU. True: it is the share of the detection's own area inside the object, as
            COCO measures overlap with a crowd region.
    """
    first = np.searchsorted(objects.image, detections.image, side="left")
    counts = np.searchsorted(objects.image, detections.image, side="right") - first
    detection = np.repeat(np.arange(len(detections), dtype=np.int64), counts)
    found = np.repeat(first, counts) + place_in_group(detection)
    a, b = detections.xyxy[detection], objects.xyxy[found]
    sides = np.maximum(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0.0)
    inside, area = sides[:, 0] * sides[:, 1], _areas(detections)[detection]
    whole = area if of_detection else area + _areas(objects)[found] - inside
    overlap = np.divide(inside, whole, out=np.zeros_like(inside), where=whole > 0)
    return Pairs(detection, found, overlap, detections.label[detection] == objects.label[found])


def _areas(boxes: BoxTable) -> NDArray[np.float64]:
    sides = boxes.xyxy[:, 2:] - boxes.xyxy[:, :2]
    return sides[:, 0] * sides[:, 1]


def best_pair(
    pairs: Pairs, chosen: NDArray[np.bool_], detections: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return, for each detection, the object of its best chosen pair and that overlap; -1 and 0 where there is none.

    Among equal overlaps the first object wins.
    """
    best, overlap = np.full(detections, -1, np.int64), np.zeros(detections)
    rows = np.flatnonzero(chosen & (pairs.overlap > 0))
    order = rows[np.lexsort((-pairs.overlap[rows], pairs.detection[rows]))]
    leaders = order[place_in_group(pairs.detection[order]) == 0]
    best[pairs.detection[leaders]] = pairs.object[leaders]
    overlap[pairs.detection[leaders]] = pairs.overlap[leaders]
    return best, overlap


def greedy_match(pairs: Pairs, threshold: float, detections: int, objects: int) -> NDArray[np.int64]:
    """Give each detection, in the order of its index, the free object of its class that it overlaps most.

    Args:
        pairs: Pairs of detections and objects.
        threshold: Overlap that a match needs.
        detections: Number of detections.
        objects: Number of objects.

    Returns:
        int64 (detections,), the object of each detection, -1 without one. No object is given twice.
    """
    rows = np.flatnonzero(pairs.same & (pairs.overlap >= threshold))
    rows = rows[np.lexsort((-pairs.overlap[rows], pairs.detection[rows]))]
    matched, taken = [-1] * detections, [False] * objects
    # A plain loop: whether an object is free depends on all earlier matches, and few pairs overlap this much.
    for detection, found in zip(pairs.detection[rows].tolist(), pairs.object[rows].tolist(), strict=True):
        if matched[detection] < 0 and not taken[found]:
            matched[detection] = found
            taken[found] = True
    return np.array(matched, np.int64)


def _xyxy(table: pd.DataFrame) -> NDArray[np.float64]:
    return table[["x1", "y1", "x2", "y2"]].to_numpy(np.float64)
