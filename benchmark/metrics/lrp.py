"""Localisation-recall-precision error: missed objects, false detections and loose boxes in one number.

After Oksuz, Cam, Akbas, Kalkan, "Localization Recall Precision (LRP): A New Performance Metric for Object Detection",
ECCV 2018, and "One Metric to Measure Them All: Localisation Recall Precision (LRP) for Evaluating Visual Detection
Tasks", IEEE TPAMI 2022. With tau = 0.5 the smallest IoU of a true positive:

    LRP = (sum over TP of (1 - IoU) / (1 - tau) + FP + FN) / (TP + FP + FN)

in [0, 1], lower is better. Optimal LRP (oLRP) of a class is the lowest LRP over all score thresholds. Its components at
that threshold are oLRP_Loc, the mean of 1 - IoU over the true positives; oLRP_FP = FP / (TP + FP); and
oLRP_FN = FN / (TP + FN). COCO's assignment at IoU 0.5 tells true from false positives, as in the authors' code.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...results.tables import GroundTruth
from .matching import IOU_THRESHOLDS, CocoMatches
from .operating_point import SCORE, named
from .values import MetricValues, mean_of_defined

COMPONENTS = ("oLRP", "oLRP_Loc", "oLRP_FP", "oLRP_FN")
THRESHOLD = "oLRP_score"

_TAU = float(IOU_THRESHOLDS[0])


@dataclass(frozen=True, slots=True)
class LrpCurve:
    """LRP of one class at every score threshold that tells detections apart, highest first.

    Attributes:
        score: float64 (S,), a detection is kept if it scores at least this.
        true_positive: int64 (S,), kept true positives.
        false_positive: int64 (S,).
        loose: float64 (S,), sum of 1 - IoU over the kept true positives.
        objects: Number of objects, at least 1.
    """

    score: NDArray[np.float64]
    true_positive: NDArray[np.int64]
    false_positive: NDArray[np.int64]
    loose: NDArray[np.float64]
    objects: int

    @property
    def error(self) -> NDArray[np.float64]:
        """Return LRP (S,)."""
        missed = self.objects - self.true_positive
        return (self.loose / (1.0 - _TAU) + self.false_positive + missed) / (self.objects + self.false_positive)


def lrp_metrics(gt: GroundTruth, matches: CocoMatches, score: float = SCORE) -> MetricValues:
    """Return LRP at a stated score threshold, and optimal LRP with its components; all in [0, 1], lower is better.

    Args:
        gt: Images and boxes.
        matches: Of the detections, see ``coco_matches``.
        score: Threshold of ``LRP@score...``.

    Returns:
        ``values``: ``LRP@score0.50`` (with the threshold in the name), oLRP, oLRP_Loc, oLRP_FP, oLRP_FN, each the mean
        over the classes where it is defined. ``per_class``: the same, and oLRP_score, the threshold of the optimum. A
        class without objects is None. Where the optimum keeps no true positive, oLRP_Loc is None; where it keeps
        nothing, oLRP_FP and oLRP_score are None too.
    """
    fixed = named("LRP", score)
    per_class: dict[str, dict[str, float | None]] = {name: {} for name in (fixed, *COMPONENTS, THRESHOLD)}
    for label, class_name in enumerate(gt.classes):
        curve = lrp_curve(gt, matches, label)
        row = {} if curve is None else {fixed: _at(curve, score), **_optimum(curve)}
        for name, values in per_class.items():
            values[class_name] = row.get(name)
    means = {name: mean_of_defined(values.values()) for name, values in per_class.items() if name != THRESHOLD}
    return MetricValues(means, per_class)


def lrp_curve(gt: GroundTruth, matches: CocoMatches, label: int) -> LrpCurve | None:
    """Return LRP of a class against the score threshold, or None if the class has no objects."""
    objects = int(((gt.boxes["label"].to_numpy(np.int64) == label) & matches.counted[0]).sum())
    if objects == 0:
        return None
    chosen = (matches.label == label) & ~matches.ignored[0, 0]
    true, score = matches.box[0, 0, chosen] >= 0, matches.score[chosen]
    # Between equal scores no threshold can part: a curve has one point per distinct score.
    last = np.flatnonzero(np.append(np.diff(score) != 0, True)) if len(score) else np.zeros(0, np.int64)
    return LrpCurve(
        score=score[last],
        true_positive=np.cumsum(true)[last],
        false_positive=np.cumsum(~true)[last],
        loose=np.cumsum(np.where(true, 1.0 - matches.overlap[0, chosen], 0.0))[last],
        objects=objects,
    )


def _at(curve: LrpCurve, score: float) -> float:
    """Return LRP of the detections that score at least ``score``; 1 where there is none: every object is missed."""
    kept = int((curve.score.astype(np.float32) >= np.float32(score)).sum())
    return float(curve.error[kept - 1]) if kept else 1.0


def _optimum(curve: LrpCurve) -> dict[str, float | None]:
    """Return oLRP, its components and its threshold. Of equal optima the highest score counts."""
    if len(curve.score) == 0 or curve.true_positive[-1] == 0:
        return {"oLRP": 1.0, "oLRP_FN": 1.0}
    best = int(np.argmin(curve.error))
    true, false = int(curve.true_positive[best]), int(curve.false_positive[best])
    return {
        "oLRP": float(curve.error[best]),
        "oLRP_Loc": float(curve.loose[best]) / true if true else None,
        "oLRP_FP": false / (true + false),
        "oLRP_FN": 1.0 - true / curve.objects,
        THRESHOLD: float(curve.score[best]),
    }
