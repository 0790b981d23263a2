"""From a specification and the places of its parts to annotated images."""

from __future__ import annotations

from pathlib import Path

from .cityscapes.reader import CityscapesFolders, read_cityscapes
from .coco import read_coco
from .errors import UserError
from .layout import Layout, find_layout
from .locate import data_roots
from .requirements import download_hint, missing_requirements
from .source import Source
from .spec import DatasetSpec
from .voc import read_voc


def open_files(spec: DatasetSpec, data_root: Path | None, split: str, limit: int | None, invalid_boxes: str) -> Source:
    """Open annotations and image files that the user brought.

    Raises:
        UserError: Something is missing (a line for each thing) or wrong.
    """
    missing = missing_requirements(spec, data_root, split)
    layout = find_layout(spec, () if spec.places else data_roots(data_root), split)
    if missing or layout is None:
        raise UserError("\n".join(missing))
    hint = download_hint(spec, split)
    if spec.reader == "cityscapes":
        return read_cityscapes(_folders(layout), spec.options, limit=limit, hint=hint)
    if spec.reader == "coco":
        return read_coco(
            layout.found["annotations"],
            layout.found["images"],
            spec.classes,
            ignored_classes=spec.ignored_classes,
            clean_dir=layout.found.get("clean"),
            invalid_boxes=invalid_boxes,
            limit=limit,
            hint=hint,
        )
    return read_voc(
        layout.found["annotations"],
        layout.found["images"],
        spec.classes,
        split_list=layout.found.get("list"),
        ignored_classes=spec.ignored_classes,
        invalid_boxes=invalid_boxes,
        limit=limit,
        hint=hint,
    )


def _folders(layout: Layout) -> CityscapesFolders:
    found = layout.found
    return CityscapesFolders(
        found["annotations"], found["images"], found.get("clean"), found.get("disparity"), found.get("camera")
    )
