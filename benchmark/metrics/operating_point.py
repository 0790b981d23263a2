"""Precision, recall and F1 of the detections above one stated score: what a user of the detector gets.

AP looks at all scores at once; in use, a threshold is chosen and what lies below is thrown away. The numbers depend on
that threshold, so it is part of their names.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...results.tables import GroundTruth
from .matching import CocoMatches
from .values import MetricValues

SCORE = 0.5
"""Default threshold, fixed beforehand so that no method is tuned on the images it is tested on.

If scores are calibrated, a detection above it is more likely right than wrong. The threshold of the highest F1 is half
of that F1 then (Lipton, Elkan, Naryanaswamy, "Optimal Thresholding of Classifiers to Maximize F1 Measure", ECML 2014),
so at most this one: 0.5 is the careful side.
"""


@dataclass(frozen=True, slots=True)
class Counts:
    """True positives, false positives and missed objects of each class, all (classes,)."""

    true_positive: NDArray[np.int64]
    false_positive: NDArray[np.int64]
    missed: NDArray[np.int64]


def operating_metrics(gt: GroundTruth, matches: CocoMatches, score: float = SCORE) -> MetricValues:
    """Return precision, recall and F1 at IoU 0.5 of the detections that score at least ``score``.

    precision = TP / (TP + FP), recall = TP / (TP + FN), F1 = 2 TP / (2 TP + FP + FN), after van Rijsbergen,
    "Information Retrieval", 1979, with COCO's assignment of detections to objects.

    Args:
        gt: Images and boxes.
        matches: Of the detections, see ``coco_matches``.
        score: The threshold, in (0, 1].

    Returns:
        ``values``: ``precision@score0.50``, ``recall@score0.50``, ``F1@score0.50`` (with the threshold in the name)
        from the counts of all classes together; ``per_class``: the same for each class. Precision is None where
        nothing scores so high, recall where there is no object, F1 where both are missing.

    Raises:
        ValueError: The threshold is outside (0, 1]; at 0 whatever the detector emits would count.
    """
    counts = counts_at(gt, matches, score)
    names = [named("precision", score), named("recall", score), named("F1", score)]
    rows = np.stack([counts.true_positive, counts.false_positive, counts.missed], axis=1)
    ratios = [_ratios(*row) for row in rows.tolist()]
    per_class = {
        name: {class_name: row[position] for class_name, row in zip(gt.classes, ratios, strict=True)}
        for position, name in enumerate(names)
    }
    return MetricValues(dict(zip(names, _ratios(*rows.sum(axis=0).tolist()), strict=True)), per_class)


def counts_at(gt: GroundTruth, matches: CocoMatches, score: float) -> Counts:
    """Return the counts of each class (classes,) at IoU 0.5 among the detections that score at least ``score``.

    Raises:
        ValueError: The threshold is outside (0, 1].
    """
    if not 0.0 < score <= 1.0:
        raise ValueError(f"the score threshold must lie in (0, 1], not {score}: at 0 every detection would count")
    # Scores are stored as float32, in which 0.7 is a little less than 0.7.
    kept = (matches.score.astype(np.float32) >= np.float32(score)) & ~matches.ignored[0, 0]
    true = kept & (matches.box[0, 0] >= 0)
    hits = _per_class(matches.label[true], gt)
    objects = _per_class(gt.boxes["label"].to_numpy(np.int64)[matches.counted[0]], gt)
    return Counts(hits, _per_class(matches.label[kept & ~true], gt), objects - hits)


def named(metric: str, score: float) -> str:
    """Return a metric's name with its score threshold, such as ``F1@score0.50``."""
    return f"{metric}@score{score:.2f}" if round(score, 2) == score else f"{metric}@score{score:g}"


def _per_class(labels: NDArray[np.int64], gt: GroundTruth) -> NDArray[np.int64]:
    return np.bincount(labels, minlength=len(gt.classes))


def _ratios(true: int, false: int, missed: int) -> tuple[float | None, float | None, float | None]:
    """Return precision, recall and F1."""
    return _ratio(true, true + false), _ratio(true, true + missed), _ratio(2 * true, 2 * true + false + missed)


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
