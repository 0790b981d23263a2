"""Each metric of one method in every replicate of the bootstrap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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

_VOC_MEASURES: tuple[RecallMeasure, ...] = (voc07_levels, area_under)
_IOU_50, _IOU_75 = 0, 5


@dataclass(frozen=True, slots=True)
class _ClassAP:
    """AP of one class in some of the replicates: ``ap`` is (M, T, R) by measure, threshold and replicate."""

    label: int
    columns: slice
    ap: NDArray[np.float64]


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
    return replicates_of_matches(gt, coco_matches(gt, detections, area), weights)


def replicates_of_matches(gt: GroundTruth, matches: CocoMatches, weights: Weights) -> Replicates:
    """Return ``coco_replicates`` of detections that were matched before."""
    outcomes = _coco_outcomes(gt, matches)
    everything, *sizes = (_coco_ap(outcome, weights) for outcome in outcomes)
    figures = [everything.mean(axis=0), everything[_IOU_50], everything[_IOU_75], *(s.mean(axis=0) for s in sizes)]
    return dict(zip(COCO_METRICS, figures, strict=True))


def voc_replicates(
    gt: GroundTruth, detections: pd.DataFrame, weights: Weights, *, per_class: bool = False
) -> Replicates:
    """Return VOC07_AP50 and VOC_area_AP50 of weighted images as ``voc_metrics`` defines them; arguments as above.

    Args:
        gt: Images and boxes.
        detections: As for ``coco_replicates``.
        weights: As for ``coco_replicates``.
        per_class: Whether to give each class with objects too, as "VOC07_AP50/dog" and "VOC_area_AP50/dog".
    """
    outcome = _voc_outcome(gt, detections, voc_matches(gt, detections))
    aps = list(_class_aps(outcome, weights, _VOC_MEASURES))
    means = _mean_ap(aps, (len(VOC_METRICS), 1, weights.shape[1]))
    replicates: Replicates = {str(name): mean for name, mean in zip(VOC_METRICS, means[:, 0], strict=True)}
    for part in aps if per_class else ():
        for name, values in zip(VOC_METRICS, part.ap[:, 0], strict=True):
            single = replicates.setdefault(class_metric(name, gt.classes[part.label]), np.empty(weights.shape[1]))
            single[part.columns] = values
    return replicates


def class_metric(metric: str, name: str) -> str:
    """Return the name of a metric of one class alone: "VOC07_AP50/dog"."""
    return f"{metric}/{name}"


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


def _curves_by_class(outcome: _Outcome) -> dict[int, Curves]:
    """Return the curves of the classes that have objects, by the class's index."""
    curves = {}
    for label in np.unique(outcome.object_label).tolist():
        own = np.flatnonzero(outcome.label == label)
        true, ignored = outcome.true_positive[:, own], outcome.ignored[:, own]
        objects = outcome.object_image[outcome.object_label == label]
        curves[label] = curves_of(outcome.image[own], true, ignored, objects, outcome.images)
    return curves


def _class_aps(outcome: _Outcome, weights: Weights, measures: Sequence[RecallMeasure]) -> Iterator[_ClassAP]:
    """Yield the AP of each class that has objects, some replicates at a time."""
    classes = _curves_by_class(outcome)
    for columns, chosen in batches(weights):
        for label, curves in classes.items():
            yield _ClassAP(label, columns, average_precision(curves, chosen, measures))


def _mean_ap(aps: Iterable[_ClassAP], shape: tuple[int, int, int]) -> NDArray[np.float64]:
    """Return ``shape`` (M, T, R): mean over the classes with objects in each replicate, NaN where none has."""
    total, defined = np.zeros(shape), np.zeros(shape)
    for part in aps:
        total[..., part.columns] += np.nan_to_num(part.ap)
        defined[..., part.columns] += ~np.isnan(part.ap)
    return np.divide(total, defined, out=np.full_like(total, np.nan), where=defined > 0)


def _coco_ap(outcome: _Outcome, weights: Weights) -> NDArray[np.float64]:
    """Return COCO's AP (T, R) of one size range."""
    shape = (1, len(outcome.true_positive), weights.shape[1])
    return _mean_ap(_class_aps(outcome, weights, [coco_levels]), shape)[0]
