"""Scores of a cell from its stored detections: nothing here runs a model or reads an image."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import version
from typing import TypeVar, cast

import numpy as np
import pandas as pd

from ..results.record import Metrics
from ..results.tables import BOX_COLUMNS, DETECTION_COLUMNS, IMAGE_COLUMNS, GroundTruth
from .metrics.coco import AreaFrame, coco_in_both_frames, size_figures
from .metrics.lrp import lrp_metrics
from .metrics.matching import coco_matches
from .metrics.operating_point import operating_metrics
from .metrics.quality import PSNR_CAP
from .metrics.values import MetricValues
from .metrics.voc import voc_metrics

_T = TypeVar("_T")
_QUALITY_NAME = re.compile(r"(PSNR|SSIM)_(Y|RGB)(_crop\d+)?")


def score(
    gt: GroundTruth, detections: pd.DataFrame, detections_sha256: str, quality: pd.DataFrame | None = None
) -> Metrics:
    """Return COCO's and VOC's figures, operating point and LRP, and the mean image quality where a method restored.

    Args:
        gt: Images and boxes; ``facts["area_frame"]`` says in which pixels COCO's sizes are measured ("degraded" where
            it is silent).
        detections: Columns image, x1, y1, x2, y2 (degraded-image pixels), score in [0, 1], label; no row is needed.
        detections_sha256: Hash of the file that the detections come from.
        quality: One row per restored image: ``image`` and columns named as ``metrics.quality.image_quality`` names
            them. PSNR enters the mean with at most 100 dB an image, so that a perfect image does not make it infinite.

    Raises:
        ValueError: A table lacks a column or holds what cannot be scored; the text names column and row.
    """
    _check_columns("images", gt.images, IMAGE_COLUMNS)
    _check_columns("boxes", gt.boxes, BOX_COLUMNS)
    check_detections(gt, detections)
    frame = area_frame(gt)
    frames = coco_in_both_frames(gt, detections)
    matches = coco_matches(gt, detections, frame)
    families = (
        frames[frame],
        voc_metrics(gt, detections),
        operating_metrics(gt, matches),
        lrp_metrics(gt, matches),
        MetricValues(size_figures(frames), {}),
    )
    return Metrics(
        detections_sha256=detections_sha256,
        values=_merged(family.values for family in families) | _mean_quality(gt, quality),
        per_class=_merged(family.per_class for family in families),
        scorer=f"faster-coco-eval {version('faster-coco-eval')}",
    )


def check_detections(gt: GroundTruth, detections: pd.DataFrame) -> None:
    """Refuse detections that do not belong to the ground truth or carry impossible values.

    Raises:
        ValueError: A column is missing, a number is not finite, a score leaves [0, 1], a box has x2 < x1 or y2 < y1,
            or an image or label index is unknown. The text names the first such row.
    """
    _check_columns("detections", detections, DETECTION_COLUMNS)
    for name in ("x1", "y1", "x2", "y2", "score"):
        _check_rows(detections, np.isfinite(detections[name].to_numpy(np.float64)), name, "is not a finite number")
    _check_rows(detections, detections["score"].between(0.0, 1.0), "score", "lies outside [0, 1]")
    _check_rows(detections, detections["x2"] >= detections["x1"], "x2", "is less than x1")
    _check_rows(detections, detections["y2"] >= detections["y1"], "y2", "is less than y1")
    known_label = detections["label"].isin(range(len(gt.classes)))
    _check_rows(detections, known_label, "label", f"is none of the {len(gt.classes)} classes")
    known_image = detections["image"].isin(gt.images["index"])
    _check_rows(detections, known_image, "image", f"is none of the {len(gt.images)} images")


def _check_columns(what: str, table: pd.DataFrame, expected: tuple[str, ...]) -> None:
    missing = [name for name in expected if name not in table.columns]
    if missing:
        raise ValueError(f"the table of {what} lacks {', '.join(missing)}; it has {', '.join(map(str, table.columns))}")


def _check_rows(table: pd.DataFrame, good: pd.Series | np.ndarray, column: str, complaint: str) -> None:
    bad = np.flatnonzero(~np.asarray(good, bool))
    if len(bad):
        value = table[column].iloc[bad[0]]
        raise ValueError(f"detections: {column} = {value} in row {bad[0]} {complaint} ({len(bad)} such rows)")


def area_frame(gt: GroundTruth) -> AreaFrame:
    """Return in which pixels a dataset's protocol measures sizes; "degraded" where its facts are silent.

    Raises:
        ValueError: The facts name another frame.
    """
    frame = gt.facts.get("area_frame", "degraded")
    if frame not in ("degraded", "annotated"):
        raise ValueError(f"area_frame must be 'degraded' or 'annotated', not {frame!r}")
    return cast(AreaFrame, frame)


def _merged(tables: Iterable[dict[str, _T]]) -> dict[str, _T]:
    return {name: value for table in tables for name, value in table.items()}


def _mean_quality(gt: GroundTruth, quality: pd.DataFrame | None) -> dict[str, float | None]:
    """Return the mean of each quality column, None for a table without rows, nothing where there is no table.

    Raises:
        ValueError: The table lacks the image column, has an unknown one, an unknown or repeated image, or a NaN.
    """
    if quality is None:
        return {}
    _check_columns("image quality", quality, ("image",))
    if quality["image"].duplicated().any() or not quality["image"].isin(gt.images["index"]).all():
        raise ValueError("the table of image quality must name each image at most once, and only images of the dataset")
    names = [str(name) for name in quality.columns if name != "image"]
    unknown = [name for name in names if not _QUALITY_NAME.fullmatch(name)]
    if unknown:
        raise ValueError(f"the table of image quality has unknown columns: {', '.join(unknown)}")
    return {name: _capped_mean(name, quality[name].to_numpy(np.float64)) for name in names}


def _capped_mean(name: str, values: np.ndarray) -> float | None:
    if np.isnan(values).any():
        raise ValueError(f"the table of image quality holds a value that is not a number in {name}")
    if len(values) == 0:
        return None
    return float(np.mean(np.minimum(values, PSNR_CAP)))
