"""Writing annotated images in the formats VOC, COCO and YOLO; image files lie in one folder whatever their split.

Numbers are written so that reading gives the same float64 (or the next to it, where a width or a share is computed): a
box comes back to within a billionth of a pixel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import yaml

from ..errors import UserError
from ..own import WHOLE
from ..source import SourceImage
from ..voc import IMAGE_SUFFIXES
from .coco_file import category_ids, coco_ids, write_coco_file
from .collection import Collection
from .read_yolo import CONFIG

IMAGE_FOLDERS = {"voc": "JPEGImages", "coco": "images", "yolo": "images"}
Names = Mapping[str, str]
"""Image file to its name in the new set."""


def write_coco(folder: Path, collection: Collection, names: Names) -> None:
    """Write ``annotations/instances_<split>.json``; ``difficult`` is kept as a field of that name."""
    (folder / "annotations").mkdir()
    for split, images in collection.splits.items():
        ids = coco_ids([image.image_id for image in images])
        path = folder / "annotations" / f"instances_{split}.json"
        entries = (_coco_image(number, names[image.file], image) for number, image in zip(ids, images, strict=True))
        write_coco_file(path, {}, entries, _coco_annotations(ids, images, collection.classes), collection.classes)


def write_voc(folder: Path, collection: Collection, names: Names) -> None:
    """Write ``Annotations/*.xml`` and ``ImageSets/Main/<split>.txt``; crowd regions become difficult objects.

    Raises:
        UserError: An image file has an ending that VOC readers do not look for.
    """
    (folder / "Annotations").mkdir()
    lists = folder / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    for split, images in collection.splits.items():
        for image in images:
            name = names[image.file]
            if Path(name).suffix not in IMAGE_SUFFIXES:
                raise UserError(f"{image.file} cannot be part of a VOC set, whose images are .jpg or .png; convert it.")
            text = _voc_text(name, image, collection.classes)
            (folder / "Annotations" / f"{Path(name).stem}.xml").write_text(text, encoding="utf-8")
        if split != WHOLE:
            stems = [Path(names[image.file]).stem for image in images]
            (lists / f"{split}.txt").write_text("".join(f"{stem}\n" for stem in stems), encoding="utf-8")


def write_yolo(folder: Path, collection: Collection, names: Names) -> None:
    """Write ``labels/*.txt``, ``<split>.txt`` and ``data.yaml``; the objects must have no flags any more.

    Splits keep their names. ``train``, ``val`` and ``test``, which trainers ask for, are added where only one split
    begins with that word.
    """
    (folder / "labels").mkdir()
    for split, images in collection.splits.items():
        for image in images:
            lines = "".join(_yolo_lines(image))
            (folder / "labels" / f"{Path(names[image.file]).stem}.txt").write_text(lines, encoding="utf-8")
        listed = "".join(f"./images/{names[image.file]}\n" for image in images)
        (folder / f"{split}.txt").write_text(listed, encoding="utf-8")
    config: dict[str, Any] = {split: f"{split}.txt" for split in collection.splits}
    for word in ("train", "val", "test"):
        starting = [split for split in collection.splits if split.startswith(word)]
        if len(starting) == 1:
            config.setdefault(word, f"{starting[0]}.txt")
    config["names"] = dict(enumerate(collection.classes))
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    (folder / CONFIG).write_text(text, encoding="utf-8")


WRITERS = {"voc": write_voc, "coco": write_coco, "yolo": write_yolo}


def _coco_image(number: int, name: str, image: SourceImage) -> dict[str, Any]:
    height, width = image.size
    return {"id": number, "file_name": name, "width": width, "height": height, "source_id": image.image_id}


def _coco_annotations(
    ids: Sequence[int], images: Sequence[SourceImage], classes: Sequence[str]
) -> Iterator[dict[str, Any]]:
    number = 0
    categories = category_ids(classes)
    for image_id, image in zip(ids, images, strict=True):
        notes = image.annotations
        for k in range(len(notes)):
            number += 1
            x1, y1, x2, y2 = (float(value) for value in notes.xyxy[k])
            yield {
                "id": number,
                "image_id": image_id,
                "category_id": categories[int(notes.labels[k])],
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "area": float(notes.areas[k]),
                "iscrowd": int(notes.crowd[k]),
                "difficult": int(notes.difficult[k]),
            }


def _voc_text(name: str, image: SourceImage, classes: Sequence[str]) -> str:
    """Return an annotation in VOC's 1-based inclusive pixel indices."""
    height, width = image.size
    notes = image.annotations
    objects = [
        f"  <object>\n    <name>{escape(classes[int(notes.labels[k])])}</name>\n    <pose>Unspecified</pose>\n"
        f"    <truncated>0</truncated>\n    <difficult>{int(notes.difficult[k] or notes.crowd[k])}</difficult>\n"
        f"    <bndbox>{_voc_box(notes.xyxy[k].tolist())}</bndbox>\n  </object>\n"
        for k in range(len(notes))
    ]
    return (
        f"<annotation>\n  <folder>JPEGImages</folder>\n  <filename>{escape(name)}</filename>\n"
        f"  <size><width>{width}</width><height>{height}</height><depth>3</depth></size>\n"
        f"  <segmented>0</segmented>\n{''.join(objects)}</annotation>\n"
    )


def _voc_box(xyxy: Sequence[float]) -> str:
    x1, y1, x2, y2 = xyxy
    values = {"xmin": x1 + 1, "ymin": y1 + 1, "xmax": x2, "ymax": y2}
    return "".join(f"<{key}>{_number(value)}</{key}>" for key, value in values.items())


def _number(value: float) -> str:
    """Write whole numbers as VOC does, others exactly."""
    return str(int(value)) if value == int(value) else repr(value)


def _yolo_lines(image: SourceImage) -> Iterator[str]:
    height, width = image.size
    for label, (x1, y1, x2, y2) in zip(image.annotations.labels, image.annotations.xyxy.tolist(), strict=True):
        values = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height)
        yield f"{label} {' '.join(map(repr, values))}\n"
