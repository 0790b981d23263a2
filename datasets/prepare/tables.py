"""What lies beside the images of a built set: a COCO file and the manifest."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..atomic import replacing
from ..dataset import Dataset
from ..types import Boxes, ImageRecord
from .coco_file import category_ids, coco_ids, json_line, write_coco_file
from .journal import Written

PARAMETER = "parameter."
"""Prefix of the manifest's columns that hold one drawn parameter each."""


def write_annotations(path: Path, dataset: Dataset, files: Sequence[str]) -> None:
    """Write the boxes as a COCO instances file.

    Boxes are floats in degraded pixels, ``area`` is the annotated area in degraded pixels squared, ``area_annotated``
    the same in pixels of the image as annotated. ``source_id`` is the image's id in the dataset.

    Args:
        path: The file.
        dataset: The dataset.
        files: File name of each image.
    """
    ids = coco_ids([record.image_id for record in dataset.records])
    info = {"description": dataset.spec.title, "fingerprint": dataset.fingerprint}
    images = image_entries(ids, files, dataset.records)
    annotations = annotation_entries(ids, dataset.boxes, dataset.classes)
    write_coco_file(path, info, images, annotations, dataset.classes)


def write_manifest(path: Path, dataset: Dataset, files: Sequence[str], written: Sequence[Written]) -> None:
    """Write a row for each image: names, sizes, scale, seed, every drawn parameter, length and sha256 of the file.

    Args:
        path: The parquet file.
        dataset: The dataset.
        files: File name of each image.
        written: Length and hash of each file, in the order of the images.
    """
    rows = [_row(*parts) for parts in zip(dataset.records, files, written, strict=True)]
    drawn = [dict(_flat(record.parameters)) for record in dataset.records]
    names = dict.fromkeys(name for values in drawn for name in values)
    columns: dict[str, pa.Array] = {name: pa.array([row[name] for row in rows]) for name in rows[0]}
    columns |= {PARAMETER + name: _column([values.get(name) for values in drawn]) for name in names}
    with replacing(path) as temporary:
        pq.write_table(pa.table(columns), temporary, compression="zstd")


def read_manifest(path: Path) -> list[dict[str, Any]]:
    """Return the manifest's rows.

    Raises:
        OSError: The file is absent or unreadable.
        pyarrow.ArrowInvalid: It is no parquet file, or truncated.
    """
    return pq.ParquetFile(path).read(use_threads=False).to_pylist()


def _row(record: ImageRecord, file: str, written: Written) -> dict[str, Any]:
    sides = {"": record.size, "clean_": record.clean_size, "annotated_": record.annotated_size}
    return {
        "image_id": record.image_id,
        "file": file,
        **{f"{kind}{side}": size[axis] for kind, size in sides.items() for axis, side in ((1, "width"), (0, "height"))},
        "scale_x": record.scale[0],
        "scale_y": record.scale[1],
        "seed": record.seed,
        "parameters": json.dumps(dict(record.parameters), sort_keys=True),
        "bytes": written.bytes,
        "sha256": written.sha256,
    }


def _flat(parameters: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each parameter; names inside of others are joined by a dot."""
    for name, value in parameters.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _column(values: Sequence[Any]) -> pa.Array:
    """Return numbers, flags or texts as they are; anything else, and what is mixed, as JSON."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float}:
        return pa.array([None if value is None else float(value) for value in values])
    if len(kinds) <= 1 and kinds <= {bool, int, float, str}:
        return pa.array(values)
    return pa.array([None if value is None else json_line(value) for value in values])


def image_entries(ids: Sequence[int], files: Sequence[str], records: Sequence[ImageRecord]) -> Iterator[dict[str, Any]]:
    """Yield a COCO entry for each image, with its degraded size."""
    for number, file, record in zip(ids, files, records, strict=True):
        height, width = record.size
        yield {"id": number, "file_name": file, "width": width, "height": height, "source_id": record.image_id}


def annotation_entries(ids: Sequence[int], boxes: Sequence[Boxes], classes: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield a COCO entry for each box of the images with these ids, numbered from 1."""
    number = 0
    categories = category_ids(classes)
    for image_id, found in zip(ids, boxes, strict=True):
        columns = (found.xyxy, found.labels, found.areas, found.areas_annotated, found.crowd, found.difficult)
        for box, label, area, annotated, crowd, difficult in zip(*(column.tolist() for column in columns), strict=True):
            number += 1
            x1, y1, x2, y2 = box
            yield {
                "id": number,
                "image_id": image_id,
                "category_id": categories[label],
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "area": area,
                "area_annotated": annotated,
                "iscrowd": int(crowd),
                "difficult": int(difficult),
            }
