"""What each detection is: a true positive, ignored, or one of TIDE's kinds of error.

Definitions: Bolya et al., "TIDE: A General Toolbox for Identifying Object Detection Errors", ECCV 2020, section 2.2.
Where the paper is silent, the authors' toolbox (tidecv 1.0.1) decides, so that numbers can be compared with published
ones; ``assign`` lists those choices.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...results.tables import GroundTruth
from .overlaps import (
    BoxTable,
    Pairs,
    best_pair,
    greedy_match,
    image_blocks,
    objects_by_image,
    pairs_of,
    ranked_detections,
)


class Kind(IntEnum):
    """What a detection is; the members but the first are TIDE's kinds of false positive, in its order."""

    TRUE = 0
    CLS = 1
    LOC = 2
    BOTH = 3
    DUPE = 4
    BKG = 5


ERROR_NAMES = {Kind.CLS: "Cls", Kind.LOC: "Loc", Kind.BOTH: "Both", Kind.DUPE: "Dupe", Kind.BKG: "Bkg"}
"""Short names of the kinds of false positive, as the paper's figures have them."""


@dataclass(frozen=True, slots=True)
class AssignmentSettings:
    """How detections are matched.

    Attributes:
        foreground: IoU that a true positive needs.
        background: IoU up to which a detection counts as lying on background; above 0.
        max_detections: Detections kept per image, all classes together.
        ignore_difficult: Whether VOC's difficult objects are neither asked for nor held against a detection, as in
            VOC's metric; COCO's counts them as objects.
    """

    foreground: float = 0.5
    background: float = 0.1
    max_detections: int = 100
    ignore_difficult: bool = False

    def __post_init__(self) -> None:
        if not 0.0 < self.background <= self.foreground <= 1.0:
            raise ValueError(f"0 < background <= foreground <= 1 is needed, not {self.background}, {self.foreground}")
        if self.max_detections < 1:
            raise ValueError(f"max_detections must be at least 1, not {self.max_detections}")


TIDE_SETTINGS = AssignmentSettings()
"""The thresholds of the paper and its toolbox."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """Detections and objects of a cell with what became of them.

    Attributes:
        detections: The kept detections, sorted by image, best score first.
        kind: int8 (N,), a ``Kind`` each.
        target: int64 (N,), index into ``objects`` of the object that the detection found (true positive) or should
            have found (Cls, Loc); -1 otherwise.
        ignored: bool (N,), lies on a region that nobody is asked to look at and is no true positive: it counts for no
            precision.
        objects: The objects that count.
        found: bool (M,), whether an object has its true positive.
        images: Images evaluated, empty ones included.
        classes: Number of classes.
        settings: How it was made.
    """

    detections: BoxTable
    kind: NDArray[np.int8]
    target: NDArray[np.int64]
    ignored: NDArray[np.bool_]
    objects: BoxTable
    found: NDArray[np.bool_]
    images: int
    classes: int
    settings: AssignmentSettings


def assign(gt: GroundTruth, detections: pd.DataFrame, settings: AssignmentSettings = TIDE_SETTINGS) -> Assignment:
    """Match detections to objects and say of every unmatched one what is wrong with it.

    With o the best IoU with an object of the detection's own class, c that with an object of another class, f and b
    the thresholds, the first that holds decides: Loc if b <= o <= f; Cls if c >= f; Dupe if an object of its own class
    that has its true positive already is overlapped by at least f; Bkg if no object is overlapped by more than b;
    Both otherwise.

    As in the toolbox: detections are matched in the order of their scores, each with the free object of its class that
    it overlaps most; the images' ``max_detections`` best are kept; crowd regions (overlap: the share of the detection
    inside, over f) make unmatched detections of their class count for nothing, though such a detection may still be
    the one whose class or place could be mended.

    Args:
        gt: Images and boxes.
        detections: Columns image, x1, y1, x2, y2, score, label; degraded-image pixels.
        settings: Thresholds.
    """
    crowd = gt.boxes["crowd"].to_numpy(bool)
    difficult = gt.boxes["difficult"].to_numpy(bool) & settings.ignore_difficult & ~crowd
    found = ranked_detections(detections, settings.max_detections)
    objects = objects_by_image(gt.boxes, ~crowd & ~difficult)
    kind, target = np.full(len(found), Kind.BKG, np.int8), np.full(len(found), -1, np.int64)
    for own, theirs in image_blocks(found, objects):
        kind[own], local = _classify(found.take(own), objects.take(theirs), settings)
        target[own] = np.where(local >= 0, local + theirs.start, -1)
    inside = _inside(found, objects_by_image(gt.boxes, crowd), settings.foreground, of_detection=True)
    inside |= _inside(found, objects_by_image(gt.boxes, difficult), settings.foreground, of_detection=False)
    true = kind == Kind.TRUE
    has_true = np.zeros(len(objects), bool)
    has_true[target[true]] = True
    return Assignment(found, kind, target, inside & ~true, objects, has_true, len(gt.images), len(gt.classes), settings)


def _classify(
    detections: BoxTable, objects: BoxTable, settings: AssignmentSettings
) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Return kind and target of the detections of a block of images."""
    count = len(detections)
    pairs = pairs_of(detections, objects)
    matched = greedy_match(pairs, settings.foreground, count, len(objects))
    own, own_overlap = best_pair(pairs, pairs.same, count)
    other, other_overlap = best_pair(pairs, ~pairs.same, count)
    _, taken_overlap = best_pair(pairs, pairs.same & _taken(pairs, matched, len(objects)), count)
    misplaced = (own_overlap >= settings.background) & (own_overlap <= settings.foreground)
    conditions = [
        matched >= 0,
        misplaced,
        other_overlap >= settings.foreground,
        taken_overlap >= settings.foreground,
        np.maximum(own_overlap, other_overlap) <= settings.background,
    ]
    kinds = [Kind.TRUE, Kind.LOC, Kind.CLS, Kind.DUPE, Kind.BKG]
    kind = np.select(conditions, kinds, Kind.BOTH).astype(np.int8)
    return kind, np.select([kind == Kind.TRUE, kind == Kind.LOC, kind == Kind.CLS], [matched, own, other], -1)


def _taken(pairs: Pairs, matched: NDArray[np.int64], objects: int) -> NDArray[np.bool_]:
    """Return, for each pair, whether its object has a true positive."""
    taken = np.zeros(objects, bool)
    taken[matched[matched >= 0]] = True
    return taken[pairs.object]


def _inside(detections: BoxTable, regions: BoxTable, threshold: float, *, of_detection: bool) -> NDArray[np.bool_]:
    """Return which detections overlap a region of their class by more than the threshold."""
    inside = np.zeros(len(detections), bool)
    for own, theirs in image_blocks(detections, regions):
        pairs = pairs_of(detections.take(own), regions.take(theirs), of_detection=of_detection)
        inside[own][pairs.detection[pairs.same & (pairs.overlap > threshold)]] = True
    return inside
