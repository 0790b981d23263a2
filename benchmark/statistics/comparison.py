"""Two methods on the same images: each metric's difference with interval, corrected p-value and verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from ...results.tables import GroundTruth
from ..metrics.coco import AreaFrame
from ..metrics.quality import PSNR_CAP
from .inference import Estimate, Verdict, estimate, holm, p_value, verdict
from .replicates import COCO_METRICS, VOC_METRICS, Replicates, coco_replicates, quality_replicates, voc_replicates
from .resampling import Weights, bootstrap_weights

REPLICATES = 1000


@dataclass(frozen=True)
class Outputs:
    """What a method left of a dataset.

    Attributes:
        detections: Columns image, x1, y1, x2, y2, score, label; degraded-image pixels.
        quality: Image quality per image, see ``metrics.quality.image_quality``; None where the method does not restore.
    """

    detections: pd.DataFrame
    quality: pd.DataFrame | None = None


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One metric of two methods, A and B.

    Attributes:
        metric: Name, such as AP50; more is better.
        a: Of A.
        b: Of B.
        difference: A minus B, from the same images in every replicate.
        p: Two-sided bootstrap p-value; None where the metric is undefined.
        p_holm: Corrected for all rows of the table.
        verdict: On A against B; None where undefined.
    """

    metric: str
    a: Estimate
    b: Estimate
    difference: Estimate
    p: float | None
    p_holm: float | None
    verdict: Verdict | None


def available_metrics(a: Outputs, b: Outputs) -> tuple[str, ...]:
    """Return the metrics by which two methods can be compared: AP of COCO and VOC, image quality where both restore."""
    if a.quality is None or b.quality is None:
        return (*COCO_METRICS, *VOC_METRICS)
    quality = [str(name) for name in a.quality.columns if name != "image" and name in b.quality.columns]
    return (*COCO_METRICS, *VOC_METRICS, *quality)


def compare(
    gt: GroundTruth,
    a: Outputs,
    b: Outputs,
    *,
    area: AreaFrame = "degraded",
    replicates: int = REPLICATES,
    seed: int = 0,
    metrics: Sequence[str] = (),
) -> list[ComparisonRow]:
    """Compare two methods by a paired bootstrap over images.

    Args:
        gt: Images and boxes, the same for both.
        a: Of the first method.
        b: Of the second.
        area: In which pixels COCO's sizes are measured.
        replicates: Number of times that the images are drawn.
        seed: Of the draw; with the number of images it decides the draw alone.
        metrics: Some of ``available_metrics``; none for all. Holm's correction is over these.

    Returns:
        One row per metric, in their order.
    """
    names = tuple(metrics) or available_metrics(a, b)
    weights = bootstrap_weights(len(gt.images), replicates, seed)
    first, second = (_replicates(gt, outputs, weights, area, names) for outputs in (a, b))
    p_values = [p_value(first[name] - second[name]) for name in names]
    return [
        _row(name, first, second, p, corrected)
        for name, p, corrected in zip(names, p_values, holm(p_values), strict=True)
    ]


def _replicates(
    gt: GroundTruth, outputs: Outputs, weights: Weights, area: AreaFrame, metrics: Sequence[str]
) -> Replicates:
    """Return the replicates of the metrics, family by family."""

    def wanted(family: Sequence[str]) -> bool:
        return not set(metrics).isdisjoint(family)

    replicates: Replicates = {}
    if wanted(COCO_METRICS):
        replicates |= coco_replicates(gt, outputs.detections, weights, area)
    if wanted(VOC_METRICS):
        replicates |= voc_replicates(gt, outputs.detections, weights)
    if outputs.quality is not None and wanted(list(outputs.quality.columns)):
        replicates |= quality_replicates(gt, outputs.quality, weights)
    return replicates


def _row(name: str, a: Replicates, b: Replicates, p: float | None, corrected: float | None) -> ComparisonRow:
    first, second = (estimate(replicates[name], bounds=metric_bounds(name)) for replicates in (a, b))
    difference = estimate(a[name] - b[name])
    return ComparisonRow(name, first, second, difference, p, corrected, verdict(difference.value, corrected))


def metric_bounds(metric: str) -> tuple[float, float]:
    """Return the least and the highest value that a metric can have."""
    if metric.startswith("PSNR"):
        return 0.0, PSNR_CAP
    return (-1.0, 1.0) if metric.startswith("SSIM") else (0.0, 1.0)
