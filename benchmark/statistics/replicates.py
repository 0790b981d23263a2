"""Each metric of one method in every replicate of the bootstrap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...results.tables import GroundTruth
from ..metrics.coco import AreaFrame
from ..metrics.matching import CocoMatches, coco_matches
from ..metrics.quality import PSNR_CAP
from ..metrics.voc import VocMatches, voc_matches
from .curves import Curves, RecallMeasure, area_under, average_precision, coco_levels, curves_of, voc07_levels
from .resampling import Weights, batches

Replicates = dict[str, NDArray[np.float64]]
"""Metric name to values (R,), one for each column of weights; NaN where undefined."""

COCO_METRICS = ("AP", "AP50", "AP75", "AP_S", "AP_M", "AP_L")
VOC_METRICS = ("VOC07_AP50", "VOC_area_AP50")

_IOU_50, _IOU_75 = 0, 5


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of detections at T IoU thresholds, best score first within a class, and what was asked for.

    Images are given by their rows in the weights.
    """

    image: NDArray[np.int64]
    label: NDArray[np.int64]
    true_positive: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    object_image: NDArray[np.int64]
    object_label: NDArray[np.int64]
    images: int


def coco_replicates(
    gt: GroundTruth,
    detections: pd.DataFrame,
    weights: Weights,
    area: AreaFrame = "degraded",
) -> Replicates:
    """Return COCO's AP figures of weighted images; the definitions are those of ``coco_metrics``.

    Args:
        gt: Images and boxes.
        detections: Columns image, x1, y1, x2, y2, score, label; degraded-image pixels.
        weights: (images, R), rows in the order of ``gt.images``, see ``bootstrap_weights``.
        area: In which pixels sizes are measured.

    Returns:
        AP, AP50, AP75, AP_S, AP_M, AP_L in [0, 1]; NaN in a replicate that holds no object of the kind. The mean over
        classes is over those with objects in the replicate.
    """
    outcomes = _coco_outcomes(gt, coco_matches(gt, detections, area))
    sizes = [_mean_ap(outcome, weights, coco_levels) for outcome in outcomes]
    everything = sizes[0]
    figures = [everything.mean(axis=0), everything[_IOU_50], everything[_IOU_75], *(s.mean(axis=0) for s in sizes[1:])]
    return dict(zip(COCO_METRICS, figures, strict=True))


def voc_replicates(gt: GroundTruth, detections: pd.DataFrame, weights: Weights) -> Replicates:
    """Return VOC07_AP50 and VOC_area_AP50 of weighted images as ``voc_metrics`` defines them; arguments as above."""
    outcome = _voc_outcome(gt, detections, voc_matches(gt, detections))
    measures: tuple[RecallMeasure, ...] = (voc07_levels, area_under)
    return {name: _mean_ap(outcome, weights, m)[0] for name, m in zip(VOC_METRICS, measures, strict=True)}


def quality_replicates(gt: GroundTruth, quality: pd.DataFrame, weights: Weights) -> Replicates:
    """Return the mean over images of each column of image quality; PSNR enters with at most 100 dB an image.

    Args:
        gt: Images.
        quality: Column image, and one column per metric; images may be missing.
        weights: (images, R), rows in the order of ``gt.images``.
    """
    own = weights[_positions(gt).get_indexer(quality["image"].to_numpy())].astype(np.float64)
    total = own.sum(axis=0)
    columns = [str(name) for name in quality.columns if name != "image"]
    sums = {name: np.minimum(quality[name].to_numpy(np.float64), PSNR_CAP) @ own for name in columns}
    return {name: np.divide(s, total, out=np.full(len(total), np.nan), where=total > 0) for name, s in sums.items()}


def _positions(gt: GroundTruth) -> pd.Index:
    """Return the index that turns an image's number into its row in ``gt.images``, which is its row in the weights."""
    return pd.Index(gt.images["index"].to_numpy())


def _coco_outcomes(gt: GroundTruth, matches: CocoMatches) -> list[_Outcome]:
    """Return one outcome per size range."""
    position, true = _positions(gt), matches.true_positive
    image = position.get_indexer(matches.image)
    box_image, box_label = position.get_indexer(gt.boxes["image"]), gt.boxes["label"].to_numpy(np.int64)
    images = len(position)
    return [
        _Outcome(image, matches.label, true[size], matches.ignored[size], box_image[asked], box_label[asked], images)
        for size, asked in enumerate(matches.counted)
    ]


def _voc_outcome(gt: GroundTruth, detections: pd.DataFrame, matches: VocMatches) -> _Outcome:
    position = _positions(gt)
    asked = gt.boxes.loc[~(gt.boxes["difficult"].to_numpy(bool) | gt.boxes["crowd"].to_numpy(bool))]
    return _Outcome(
        image=position.get_indexer(detections["image"].to_numpy()[matches.row]),
        label=matches.label,
        true_positive=matches.true_positive[np.newaxis],
        ignored=matches.ignored[np.newaxis],
        object_image=position.get_indexer(asked["image"]),
        object_label=asked["label"].to_numpy(np.int64),
        images=len(position),
    )


def _curves_by_class(outcome: _Outcome) -> list[Curves]:
    """Return the curves of the classes that have objects."""
    curves = []
    for label in np.unique(outcome.object_label):
        own = np.flatnonzero(outcome.label == label)
        true, ignored = outcome.true_positive[:, own], outcome.ignored[:, own]
        objects = outcome.object_image[outcome.object_label == label]
        curves.append(curves_of(outcome.image[own], true, ignored, objects, outcome.images))
    return curves


def _mean_ap(outcome: _Outcome, weights: Weights, measure: RecallMeasure) -> NDArray[np.float64]:
    """Return (T, R): mean over the classes with objects in each replicate, NaN where none has."""
    classes = _curves_by_class(outcome)
    total = np.zeros((len(outcome.true_positive), weights.shape[1]))
    defined = np.zeros_like(total)
    for columns, chosen in batches(weights):
        for curves in classes:
            ap = average_precision(curves, chosen, measure)
            total[:, columns] += np.nan_to_num(ap)
            defined[:, columns] += ~np.isnan(ap)
    return np.divide(total, defined, out=np.full_like(total, np.nan), where=defined > 0)
