"""The nouns that travel between rooms: image records, boxes, samples, batches and detections.

All coordinates are continuous pixel coordinates: a box that covers exactly the first column has x1 = 0 and x2 = 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image of a dataset, with everything that was drawn to degrade it.

    Attributes:
        image_id: Stable name inside the dataset (COCO id or VOC stem as text); the per-image seed derives from it.
        index: Position in the dataset, 0-based.
        file: What to name in an error message: a path, or ``scenes/<split>/<index>`` for a rendered image.
        annotated_size: (height, width) in which the annotations were drawn, pixels.
        clean_size: (height, width) of the clean image handed to oracle methods, pixels.
        size: (height, width) of the degraded image, pixels.
        scale: (sx, sy), degraded pixels per clean pixel; may differ from the ratio of the sizes where a track pads.
        seed: Per-image seed of the degradation, derived from (dataset name, version, image id).
        parameters: JSON-able parameters drawn for this image's degradation.
    """

    image_id: str
    index: int
    file: str
    annotated_size: tuple[int, int]
    clean_size: tuple[int, int]
    size: tuple[int, int]
    scale: tuple[float, float]
    seed: int
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Boxes:
    """Ground-truth boxes of one image, in the degraded image's own pixels.

    Attributes:
        xyxy: float32 (N, 4), x1 y1 x2 y2.
        labels: int64 (N,), index into the dataset's class tuple.
        areas: float64 (N,), annotated area scaled to degraded pixels squared.
        areas_annotated: float64 (N,), area in pixels of the image as annotated.
        crowd: bool (N,), COCO ``iscrowd``: matches are ignored, never counted.
        difficult: bool (N,), VOC ``difficult``: matches are ignored by VOC's metric.
    """

    xyxy: NDArray[np.float32]
    labels: NDArray[np.int64]
    areas: NDArray[np.float64]
    areas_annotated: NDArray[np.float64]
    crowd: NDArray[np.bool_]
    difficult: NDArray[np.bool_]

    def __post_init__(self) -> None:
        _check_rows(self.xyxy, self.labels, self.areas, self.areas_annotated, self.crowd, self.difficult)

    def __len__(self) -> int:
        return len(self.labels)

    @staticmethod
    def empty() -> Boxes:
        """Return the boxes of an image without objects."""
        return Boxes(
            np.zeros((0, 4), np.float32),
            np.zeros(0, np.int64),
            np.zeros(0, np.float64),
            np.zeros(0, np.float64),
            np.zeros(0, bool),
            np.zeros(0, bool),
        )


@dataclass(frozen=True, slots=True)
class Detections:
    """What a method found in one image, best score first.

    Attributes:
        xyxy: float32 (N, 4) in the degraded image's own pixels.
        scores: float32 (N,) in [0, 1], descending.
        labels: int64 (N,), index into the dataset's class tuple.
    """

    xyxy: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        _check_rows(self.xyxy, self.scores, self.labels)

    def __len__(self) -> int:
        return len(self.scores)

    @staticmethod
    def empty() -> Detections:
        """Return the detections of an image in which nothing was found."""
        return Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))


@dataclass(frozen=True, slots=True)
class Sample:
    """One image as a method meets it.

    Attributes:
        record: Names, sizes, scale and drawn parameters.
        image: uint8 (3, h, w) RGB tensor, the degraded image.
        clean: uint8 (3, H, W) RGB tensor before degradation; only given to methods whose card says ``needs_clean``,
            and to the scorer of restored images.
    """

    record: ImageRecord
    image: torch.Tensor
    clean: torch.Tensor | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples of possibly different sizes, with the class names that detections must index."""

    samples: Sequence[Sample]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.samples)


def _check_rows(xyxy: NDArray[np.float32], *columns: NDArray[Any]) -> None:
    """Refuse box arrays whose columns differ in length: a silent broadcast would shift labels between boxes."""
    if xyxy.ndim != 2 or xyxy.shape[1] != 4:
        raise ValueError(f"boxes must have shape (N, 4), not {xyxy.shape}")
    if any(column.shape != (len(xyxy),) for column in columns):
        raise ValueError(f"{len(xyxy)} boxes but columns of shapes {[column.shape for column in columns]}")
