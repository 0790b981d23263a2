"""COCO's twelve figures and AP per class, from tables of ground truth and detections.

Protocol: Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014, as implemented by pycocotools; computed
by faster-coco-eval, whose numbers equal pycocotools'. IoU 0.50:0.05:0.95, 101 recall points, at most 100 detections
per class and image, sizes split at 32² and 96² pixels. Boxes that VOC calls difficult count as ordinary objects here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from faster_coco_eval.core.coco import COCO
from faster_coco_eval.core.faster_eval_api import COCOeval_faster
from numpy.typing import NDArray

from ...results.tables import GroundTruth
from .values import MetricValues

AreaFrame = Literal["degraded", "annotated"]

FRAMES: tuple[AreaFrame, AreaFrame] = ("degraded", "annotated")
SIZE_FIGURES = ("AP_S", "AP_M", "AP_L", "AR_S", "AR_M", "AR_L")

_ALL, _SMALL, _MEDIUM, _LARGE = range(4)
_MAX_1, _MAX_10, _MAX_100 = range(3)
_IOU_50, _IOU_75 = 0, 5


@dataclass(frozen=True, slots=True)
class CocoArrays:
    """Accumulated curves; -1 marks what is undefined because a class has no objects of that size.

    Attributes:
        precision: float64 (10 IoU thresholds, 101 recall points, classes, 4 sizes, 3 detection limits).
        recall: float64 (10 IoU thresholds, classes, 4 sizes, 3 detection limits).
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]


def coco_metrics(gt: GroundTruth, detections: pd.DataFrame, area: AreaFrame = "degraded") -> MetricValues:
    """Return COCO's figures as fractions in [0, 1].

    Args:
        gt: Images and boxes; images without boxes count, since detections there are false positives.
        detections: Columns image, x1, y1, x2, y2, score, label; degraded-image pixels. Equal scores are ranked by
            image, then by order in the table.
        area: Whether object sizes are measured in pixels of the degraded image or of the image as annotated.

    Returns:
        ``values``: AP, AP50, AP75, AP_S, AP_M, AP_L, AR1, AR10, AR100, AR_S, AR_M, AR_L. ``per_class``: AP and AP50.
        A figure without ground truth of its kind is None; ground truth without detections gives 0.
    """
    arrays = coco_arrays(gt, detections, area)
    return MetricValues(_figures(arrays), _figures_per_class(arrays, gt.classes))


def coco_in_both_frames(gt: GroundTruth, detections: pd.DataFrame) -> dict[AreaFrame, MetricValues]:
    """Return ``coco_metrics`` with sizes in pixels of the degraded image and of the image as annotated.

    An object that is large as annotated may be small after down-sampling, so only figures of one frame are comparable.
    """
    degraded = coco_metrics(gt, detections, "degraded")
    return {
        "degraded": degraded,
        "annotated": degraded if _same_frame(gt) else coco_metrics(gt, detections, "annotated"),
    }


def size_figures(frames: Mapping[AreaFrame, MetricValues]) -> dict[str, float | None]:
    """Return the figures per size under names that state the frame, such as AP_S_degraded and AR_L_annotated."""
    return {f"{name}_{frame}": frames[frame].values[name] for frame in FRAMES for name in SIZE_FIGURES}


def coco_arrays(gt: GroundTruth, detections: pd.DataFrame, area: AreaFrame = "degraded") -> CocoArrays:
    """Match detections to ground truth and return the precision and recall arrays; arguments as ``coco_metrics``."""
    classes = len(gt.classes)
    if gt.boxes.empty:  # the evaluator cannot run without any image or class
        return CocoArrays(np.full((10, 101, classes, 4, 3), -1.0), np.full((10, classes, 4, 3), -1.0))
    images = [{"id": int(index)} for index in gt.images["index"]]
    categories = [{"id": label + 1, "name": name} for label, name in enumerate(gt.classes)]
    truth = _coco(images, categories, _truth_annotations(gt, area))
    found = _coco(images, categories, _detection_annotations(gt, detections, area))
    evaluation = COCOeval_faster(truth, found, iouType="bbox", print_function=_quiet)
    evaluation.evaluate()
    evaluation.accumulate()
    return CocoArrays(np.asarray(evaluation.eval["precision"]), np.asarray(evaluation.eval["recall"]))


def _quiet(*_: object) -> None:
    """Swallow the evaluator's progress lines: standard output belongs to the command line's own output."""


def _coco(images: list[dict[str, Any]], categories: list[dict[str, Any]], annotations: list[dict[str, Any]]) -> COCO:
    dataset = {"images": images, "categories": categories, "annotations": annotations}
    return COCO(dataset, print_function=_quiet)


def _truth_annotations(gt: GroundTruth, area: AreaFrame) -> list[dict[str, Any]]:
    rows = _annotations(gt.boxes, frame_xywh(gt, gt.boxes, area), frame_areas(gt, area))
    for row, crowd in zip(rows, gt.boxes["crowd"].to_numpy(bool).tolist(), strict=True):
        row["iscrowd"] = int(crowd)
    return rows


def _detection_annotations(gt: GroundTruth, detections: pd.DataFrame, area: AreaFrame) -> list[dict[str, Any]]:
    xywh = frame_xywh(gt, detections, area)
    rows = _annotations(detections, xywh, xywh[:, 2] * xywh[:, 3])
    for row, score in zip(rows, detections["score"].to_numpy(np.float64).tolist(), strict=True):
        row["score"] = score
    return rows


def _annotations(table: pd.DataFrame, xywh: NDArray[np.float64], areas: NDArray[np.float64]) -> list[dict[str, Any]]:
    """Return annotation dicts; ids start at 1, since COCO's evaluators read id 0 as "not matched"."""
    columns = (table["image"].to_numpy().tolist(), table["label"].to_numpy().tolist(), xywh.tolist(), areas.tolist())
    return [
        {"id": number, "image_id": image, "category_id": label + 1, "bbox": box, "area": size, "iscrowd": 0}
        for number, (image, label, box, size) in enumerate(zip(*columns, strict=True), start=1)
    ]


def frame_areas(gt: GroundTruth, area: AreaFrame) -> NDArray[np.float64]:
    """Return the objects' areas (N,) in pixels squared of the chosen frame, as the dataset states them."""
    return gt.boxes["area" if area == "degraded" else "area_annotated"].to_numpy(np.float64)


def frame_xywh(gt: GroundTruth, table: pd.DataFrame, area: AreaFrame) -> NDArray[np.float64]:
    """Return boxes (N, 4) as x, y, width, height in pixels of the chosen frame.

    Both sides are scaled, so every IoU stays as it is, and the evaluator sorts unmatched detections into size ranges
    by their area in that frame too.
    """
    boxes = table[["x1", "y1", "x2", "y2"]].to_numpy(np.float64)
    if area == "annotated":
        boxes = boxes / _degraded_per_annotated(gt, table["image"])
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def _same_frame(gt: GroundTruth) -> bool:
    """Return whether both frames give the same sizes to every object and detection."""
    same_areas = np.array_equal(frame_areas(gt, "degraded"), frame_areas(gt, "annotated"))
    return same_areas and bool((_degraded_per_annotated(gt, gt.images["index"]) == 1.0).all())


def _degraded_per_annotated(gt: GroundTruth, image: pd.Series) -> NDArray[np.float64]:
    """Return (N, 4) factors for x1, y1, x2, y2: degraded pixels per pixel of the annotated image."""
    images = gt.images.set_index("index")
    scale_x = images["sx"] * images["clean_width"] / images["annotated_width"]
    scale_y = images["sy"] * images["clean_height"] / images["annotated_height"]
    x, y = scale_x.loc[image].to_numpy(np.float64), scale_y.loc[image].to_numpy(np.float64)
    return np.stack([x, y, x, y], axis=1)


def _figures(arrays: CocoArrays) -> dict[str, float | None]:
    precision, recall = arrays.precision, arrays.recall
    return {
        "AP": _mean(precision[..., _ALL, _MAX_100]),
        "AP50": _mean(precision[_IOU_50, ..., _ALL, _MAX_100]),
        "AP75": _mean(precision[_IOU_75, ..., _ALL, _MAX_100]),
        "AP_S": _mean(precision[..., _SMALL, _MAX_100]),
        "AP_M": _mean(precision[..., _MEDIUM, _MAX_100]),
        "AP_L": _mean(precision[..., _LARGE, _MAX_100]),
        "AR1": _mean(recall[..., _ALL, _MAX_1]),
        "AR10": _mean(recall[..., _ALL, _MAX_10]),
        "AR100": _mean(recall[..., _ALL, _MAX_100]),
        "AR_S": _mean(recall[..., _SMALL, _MAX_100]),
        "AR_M": _mean(recall[..., _MEDIUM, _MAX_100]),
        "AR_L": _mean(recall[..., _LARGE, _MAX_100]),
    }


def _figures_per_class(arrays: CocoArrays, classes: tuple[str, ...]) -> dict[str, dict[str, float | None]]:
    precision = arrays.precision[..., _ALL, _MAX_100]
    return {
        "AP": {name: _mean(precision[:, :, label]) for label, name in enumerate(classes)},
        "AP50": {name: _mean(precision[_IOU_50, :, label]) for label, name in enumerate(classes)},
    }


def _mean(values: NDArray[np.float64]) -> float | None:
    """Return the mean over what is defined (> -1), or None where nothing is."""
    defined = values[values > -1]
    return float(np.mean(defined)) if defined.size else None
