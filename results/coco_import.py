"""COCO results files of methods that ran elsewhere, checked and turned into a table of detections."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..datasets.errors import UserError
from ..datasets.prepare.coco_file import category_ids
from .coco_export import Frame, image_ids, scale_to_annotated
from .tables import DETECTION_COLUMNS, GroundTruth

MOST = 100
"""Detections of an image that count in COCO's figures."""
TOLERANCE = 1.0
"""Pixels by which a box may leave its image; what leaves it is cut off."""
_FIELDS = ("image_id", "category_id", "bbox", "score")


@dataclass(frozen=True)
class Imported:
    """A COCO results file as a table.

    Attributes:
        detections: Columns as of ``tables.detections_frame``: sorted by image, best score first, equal scores in the
            order of the file.
        dropped: Number of detections that were left out, since their images had more than ``MOST``.
        crowded: Number of these images.
    """

    detections: pd.DataFrame
    dropped: int
    crowded: int


def read_detections(path: Path, truth: GroundTruth, frame: Frame = "degraded") -> Imported:
    """Read a COCO results file of a dataset; ids as ``coco_export`` documents them.

    An ``image_id`` that is a text names the dataset's own id.

    Args:
        path: The JSON file.
        truth: Ground truth of the dataset.
        frame: In whose pixels the file's boxes are.

    Raises:
        UserError: The file is missing or no list of detections, names an unknown image or category, or has a number
            that is not finite, a score outside [0, 1], a box of negative size or one that leaves its image by more than
            ``TOLERANCE`` pixels. The sentence names the entry.
    """
    entries = _load(path)
    reader = _Reader(path, truth, frame)
    rows = [reader.row(number, entry) for number, entry in enumerate(entries)]
    return _table(rows)


class _Reader:
    """Checks the entries of one file."""

    def __init__(self, path: Path, truth: GroundTruth, frame: Frame) -> None:
        self._path = path
        self._classes = truth.classes
        self._labels = {number: label for label, number in enumerate(category_ids(truth.classes))}
        indices = [int(index) for index in truth.images["index"]]
        self._images: dict[int | str, int] = {
            **dict(zip((str(name) for name in truth.images["image_id"]), range(len(indices)), strict=True)),
            **dict(zip(image_ids(truth), range(len(indices)), strict=True)),
        }
        self._indices = indices
        prefix = "annotated_" if frame == "annotated" else ""
        self._sizes = truth.images[[f"{prefix}width", f"{prefix}height"]].to_numpy(np.float64)
        self._scales = scale_to_annotated(truth) if frame == "annotated" else np.ones((len(indices), 4))

    def row(self, number: int, entry: Any) -> tuple[int, float, float, float, float, float, int]:
        """Return an entry as a row of ``DETECTION_COLUMNS``."""
        if not isinstance(entry, Mapping) or any(name not in entry for name in _FIELDS):
            raise self._error(number, f"is no object with the fields {', '.join(_FIELDS)}")
        row = self._image(number, entry["image_id"])
        category = entry["category_id"]
        label = self._labels.get(category) if _is_int(category) else None
        if label is None:
            raise self._error(
                number,
                f"field 'category_id' is {category!r}, and the {len(self._classes)} classes have the ids "
                f"{min(self._labels)} to {max(self._labels)}, as `lqbench results export` writes them",
            )
        score = entry["score"]
        if not _is_number(score) or not 0 <= score <= 1:
            raise self._error(number, f"field 'score' is {score!r}, not a number from 0 to 1")
        box = self._box(number, entry["bbox"], row) * self._scales[row]
        return (self._indices[row], *box.tolist(), float(score), label)

    def _image(self, number: int, image_id: Any) -> int:
        known = _is_int(image_id) or isinstance(image_id, str)
        row = self._images.get(image_id) if known else None
        if row is None:
            raise self._error(number, f"field 'image_id' is {image_id!r}, which the dataset as opened does not have")
        return row

    def _box(self, number: int, bbox: Any, row: int) -> NDArray[np.float64]:
        """Return x1, y1, x2, y2 inside the image."""
        if not isinstance(bbox, list) or len(bbox) != 4 or not all(_is_number(value) for value in bbox):
            raise self._error(number, f"field 'bbox' is {bbox!r}, not four finite numbers x, y, width, height")
        x, y, width, height = bbox
        if width < 0 or height < 0:
            raise self._error(number, f"field 'bbox' has a negative width or height: {bbox!r}")
        box = np.array([x, y, x + width, y + height], np.float64)
        limits = np.tile(self._sizes[row], 2)
        if (box < -TOLERANCE).any() or (box > limits + TOLERANCE).any():
            size = "x".join(f"{length:g}" for length in self._sizes[row])
            raise self._error(
                number, f"field 'bbox' leaves its image of {size} pixels by more than {TOLERANCE:g}: {bbox!r}"
            )
        return box.clip(0, limits)

    def _error(self, number: int, complaint: str) -> UserError:
        return UserError(f"{self._path}: entry {number} (from 0) {complaint}; correct the file.")


def _load(path: Path) -> list[Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"there is no file {path}; name a COCO results file.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read as JSON ({error}); name a COCO results file.") from error
    if isinstance(content, dict) and "annotations" in content:
        raise UserError(
            f"{path} is a COCO annotation file, not a results file: a results file is a list of "
            "{image_id, category_id, bbox, score}."
        )
    if not isinstance(content, list):
        raise UserError(f"{path} is no list; a COCO results file is a list of {{image_id, category_id, bbox, score}}.")
    return content


def _table(rows: list[tuple[int, float, float, float, float, float, int]]) -> Imported:
    table = pd.DataFrame(rows, columns=list(DETECTION_COLUMNS))
    kinds = {"image": np.int32, "label": np.int16}
    table = table.astype({name: kinds.get(name, np.float32) for name in DETECTION_COLUMNS})
    table = table.sort_values(["image", "score"], ascending=[True, False], kind="stable", ignore_index=True)
    rank = table.groupby("image").cumcount()
    kept = table[rank < MOST].reset_index(drop=True)
    return Imported(kept, len(table) - len(kept), int(table["image"][rank >= MOST].nunique()))


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
