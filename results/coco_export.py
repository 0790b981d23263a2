"""Stored cells as COCO files, which pycocotools and other tools score to the record's AP.

Detections become a COCO results file (a list of ``image_id``, ``category_id``, ``bbox`` = x, y, width, height, and
``score``), ground truth an instances file, as described at cocodataset.org under "Data format" and "Results format".

Category ids are COCO's own for its 80 classes, else positions in the dataset's class list from 1, as in the files that
`lqbench data build` writes.
Image ids are the dataset's own where all of them are whole numbers (COCO's), else positions from 1
(``datasets.prepare.coco_file.coco_ids``); ``source_id`` of an image entry is the dataset's own id in any case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..datasets.prepare.coco_file import category_ids, coco_ids, json_line, write_coco_file
from .atomic import make_folder, replacing
from .failures import told_if_unwritable
from .record import Record
from .tables import GroundTruth

Frame = Literal["degraded", "annotated"]
"""In whose pixels boxes are: those of the images as methods see them, or of the images as they were annotated."""


def image_ids(truth: GroundTruth) -> list[int]:
    """Return the images' ids in COCO files, in the order of ``truth.images``."""
    return coco_ids([str(name) for name in truth.images["image_id"]])


def write_detections(path: Path, truth: GroundTruth, detections: pd.DataFrame, frame: Frame = "degraded") -> None:
    """Write a cell's detections as a COCO results file, one a line, whole or not at all.

    Floats are written so that reading them gives the same value.

    Args:
        path: The file.
        truth: The ground truth of the cell's dataset.
        detections: Columns as of ``tables.DETECTION_COLUMNS``, degraded pixels.
        frame: In whose pixels to write.

    Raises:
        WriteError: The file cannot be written.
    """
    ids = dict(zip(truth.images["index"], image_ids(truth), strict=True))
    categories = category_ids(truth.classes)
    boxes = _xywh(truth, detections, frame).tolist()
    columns = (detections["image"], detections["label"], boxes, detections["score"].to_numpy(np.float64).tolist())
    make_folder(path.parent)
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as stream:
        stream.write("[")
        for number, (image, label, box, score) in enumerate(zip(*columns, strict=True)):
            entry = {"image_id": ids[image], "category_id": categories[label], "bbox": box, "score": score}
            stream.write((",\n" if number else "\n") + json_line(entry))
        stream.write("\n]\n")


def write_truth(path: Path, truth: GroundTruth, record: Record, frame: Frame = "degraded") -> None:
    """Write the ground truth of a record's dataset as a COCO instances file, whole or not at all.

    ``area`` is the annotated area in the frame's pixels. Objects that VOC calls difficult are ordinary ones for COCO's
    figures; ``difficult`` tells them.

    Raises:
        WriteError: The file cannot be written.
    """
    cell = record.cell
    info = {
        "description": f"{truth.facts.get('title', cell.dataset)} ({cell.dataset}, {cell.split})",
        "version": cell.dataset_version,
        "fingerprint": cell.dataset_fingerprint,
        "frame": frame,
    }
    make_folder(path.parent)
    with told_if_unwritable(path):
        write_coco_file(path, info, _image_entries(truth, frame), _annotations(truth, frame), truth.classes)


def file_stem(record: Record) -> str:
    """Return how the ground truth of a record's dataset is called, without ending: unique by its fingerprint."""
    cell = record.cell
    readable = (re.sub(r"[^A-Za-z0-9.-]+", "-", part) for part in (cell.dataset, cell.split))
    return "__".join(["ground-truth", *readable, cell.dataset_fingerprint[:12]])


def scale_to_annotated(truth: GroundTruth) -> NDArray[np.float64]:
    """Return (images, 4) factors for x1, y1, x2, y2, in the order of ``truth.images``: degraded per annotated pixel."""
    images = truth.images
    x = (images["sx"] * images["clean_width"] / images["annotated_width"]).to_numpy(np.float64)
    y = (images["sy"] * images["clean_height"] / images["annotated_height"]).to_numpy(np.float64)
    return np.stack([x, y, x, y], axis=1)


def rows_of_images(truth: GroundTruth, images: pd.Series) -> NDArray[np.int64]:
    """Return the rows of ``truth.images`` of image indices."""
    return pd.Index(truth.images["index"]).get_indexer(pd.Index(images)).astype(np.int64)


def _xywh(truth: GroundTruth, table: pd.DataFrame, frame: Frame) -> NDArray[np.float64]:
    """Return boxes (N, 4) as x, y, width, height in pixels of a frame."""
    boxes = table[["x1", "y1", "x2", "y2"]].to_numpy(np.float64)
    if frame == "annotated":
        boxes = boxes / scale_to_annotated(truth)[rows_of_images(truth, table["image"])]
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def _image_entries(truth: GroundTruth, frame: Frame) -> Iterator[dict[str, Any]]:
    prefix = "annotated_" if frame == "annotated" else ""
    columns = [truth.images[name].tolist() for name in (f"{prefix}width", f"{prefix}height", "file", "image_id")]
    for number, width, height, file, source in zip(image_ids(truth), *columns, strict=True):
        name = str(file).replace("\\", "/").rpartition("/")[2]
        yield {"id": number, "file_name": name, "width": width, "height": height, "source_id": str(source)}


def _annotations(truth: GroundTruth, frame: Frame) -> Iterator[dict[str, Any]]:
    """Yield an entry for each box, numbered from 1: evaluators read the id 0 as "not matched"."""
    ids = dict(zip(truth.images["index"], image_ids(truth), strict=True))
    categories = category_ids(truth.classes)
    boxes, areas = truth.boxes, truth.boxes["area" if frame == "degraded" else "area_annotated"]
    flags = [boxes[name].astype(int).tolist() for name in ("crowd", "difficult")]
    columns = (boxes["image"], boxes["label"], _xywh(truth, boxes, frame).tolist(), areas.tolist(), *flags)
    for number, (image, label, box, area, crowd, difficult) in enumerate(zip(*columns, strict=True), start=1):
        place = {"id": number, "image_id": ids[image], "category_id": categories[label]}
        yield {**place, "bbox": box, "area": area, "iscrowd": crowd, "difficult": difficult}
