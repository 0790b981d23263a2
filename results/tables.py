"""Ground truth as tables: what scoring and reports need of a dataset, without its pixels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..datasets.types import Boxes, Detections, ImageRecord

IMAGE_COLUMNS = (
    "index",
    "image_id",
    "file",
    "width",
    "height",
    "clean_width",
    "clean_height",
    "annotated_width",
    "annotated_height",
    "sx",
    "sy",
)
BOX_COLUMNS = ("image", "label", "x1", "y1", "x2", "y2", "area", "area_annotated", "crowd", "difficult")
DETECTION_COLUMNS = ("image", "x1", "y1", "x2", "y2", "score", "label")


@dataclass(frozen=True)
class GroundTruth:
    """The images and boxes of a dataset as it was run.

    Attributes:
        images: One row per image, empty ones included: ``index`` (0-based), ``image_id``, ``file``, ``width`` and
            ``height`` of the degraded image, ``clean_width`` and ``clean_height``, ``annotated_width`` and
            ``annotated_height`` (all in pixels), ``sx`` and ``sy`` (degraded pixels per clean pixel).
        boxes: One row per ground-truth box: ``image`` (an ``index`` of ``images``), ``label`` (index into
            ``classes``), ``x1 y1 x2 y2`` in degraded pixels, ``area`` in degraded and ``area_annotated`` in annotated
            pixels squared, ``crowd`` and ``difficult``.
        classes: Class names.
        facts: Facts of the dataset as run, see ``Dataset.facts``; ``area_frame`` says in which pixels COCO's sizes
            are measured.
    """

    images: pd.DataFrame
    boxes: pd.DataFrame
    classes: tuple[str, ...]
    facts: dict[str, Any] = field(default_factory=dict)


class ImageSet(Protocol):
    """What the tables need of a dataset; ``datasets.dataset.Dataset`` fits."""

    classes: tuple[str, ...]
    records: tuple[ImageRecord, ...]
    boxes: tuple[Boxes, ...]
    fingerprint: str

    def facts(self) -> dict[str, Any]:
        """Return title, protocol, degradation and the like, JSON-able."""
        ...


def ground_truth_of(dataset: ImageSet) -> GroundTruth:
    """Tabulate a dataset's images and boxes."""
    images = pd.DataFrame([_image_row(record) for record in dataset.records], columns=list(IMAGE_COLUMNS))
    return GroundTruth(images, _box_frame(dataset.boxes), tuple(dataset.classes), dataset.facts())


def detections_frame(found: Iterable[tuple[int, Detections]]) -> pd.DataFrame:
    """Tabulate (image index, detections) pairs, sorted by image, best score first.

    Returns:
        Columns ``image`` int32, ``x1 y1 x2 y2 score`` float32, ``label`` int16.
    """
    pairs = sorted(found, key=lambda pair: pair[0])
    images = np.repeat(
        np.array([index for index, _ in pairs], np.int32), np.array([len(item) for _, item in pairs], np.int64)
    )
    xyxy = _stack([item.xyxy for _, item in pairs], np.zeros((0, 4), np.float32))
    scores = _stack([item.scores for _, item in pairs], np.zeros(0, np.float32))
    labels = _stack([item.labels for _, item in pairs], np.zeros(0, np.int64))
    columns = [images, *xyxy.astype(np.float32).T, scores.astype(np.float32), labels.astype(np.int16)]
    return pd.DataFrame(dict(zip(DETECTION_COLUMNS, columns, strict=True)))


def quality_frame(measured: Mapping[int, Mapping[str, float]]) -> pd.DataFrame:
    """Tabulate image quality: image index to metric name to value, such as ``{0: {"PSNR_Y": 27.1}}``.

    Returns:
        Column ``image`` int32, then one float64 column per metric, sorted by image.
    """
    images = sorted(measured)
    names = list(measured[images[0]]) if images else []
    columns = {name: np.array([measured[image][name] for image in images], np.float64) for name in names}
    return pd.DataFrame({"image": np.array(images, np.int32), **columns})


def _image_row(record: ImageRecord) -> tuple[Any, ...]:
    """Return one row of ``IMAGE_COLUMNS``; sizes of a record are (height, width)."""
    widths_and_heights = [size[::-1] for size in (record.size, record.clean_size, record.annotated_size)]
    sizes = [length for pair in widths_and_heights for length in pair]
    return (record.index, record.image_id, record.file, *sizes, *record.scale)


def _box_frame(boxes: Sequence[Boxes]) -> pd.DataFrame:
    """Return the rows of ``BOX_COLUMNS`` of all images."""
    every = [*boxes, Boxes.empty()]
    images = np.repeat(np.arange(len(every), dtype=np.int32), [len(item) for item in every])
    columns = [
        images,
        np.concatenate([item.labels for item in every]).astype(np.int16),
        *np.concatenate([item.xyxy for item in every]).astype(np.float32).T,
        np.concatenate([item.areas for item in every]),
        np.concatenate([item.areas_annotated for item in every]),
        np.concatenate([item.crowd for item in every]),
        np.concatenate([item.difficult for item in every]),
    ]
    return pd.DataFrame(dict(zip(BOX_COLUMNS, columns, strict=True)))


def _stack(arrays: Sequence[NDArray[Any]], empty: NDArray[Any]) -> NDArray[Any]:
    """Concatenate along rows; ``empty`` stands for no arrays at all."""
    return np.concatenate([empty, *arrays])
