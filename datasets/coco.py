"""Reader of COCO JSON (instances), as described at cocodataset.org under "Data format"."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from .box_check import Box, BoxChecker
from .errors import UserError
from .images import file_lengths
from .source import AnnotatedObject, Annotations, FileSource, SourceImage

SECTIONS = ("images", "annotations", "categories")


@dataclass(slots=True)
class _Image:
    """One entry of ``images`` with the objects found for it."""

    image_id: str
    file_name: str
    size: tuple[int, int]
    objects: list[AnnotatedObject] = field(default_factory=list)


def read_coco(
    annotation_file: Path,
    image_dir: Path,
    classes: tuple[str, ...],
    *,
    invalid_boxes: str = "error",
    limit: int | None = None,
    hint: str = "",
) -> FileSource:
    """Read a COCO instances file; labels follow the category names, so holes in the category ids do not matter.

    Crowd regions are kept and flagged, images without annotations are kept, areas are kept (the box's area where an
    annotation has none). The whole file is checked, also the part behind ``limit``. Boxes that reach up to
    ``box_check.TOLERANCE`` pixels beyond their image are clipped; the count is noted.

    Args:
        annotation_file: The JSON file.
        image_dir: Folder that the ``file_name`` fields are relative to.
        classes: The class names to map to; a category of another name may not be annotated.
        invalid_boxes: "error", or "drop" to leave out boxes of no width or height, far outside their image or not
            finite, and to count them. COCO's own train2017 has a few of these.
        limit: Keep the first so many images by numeric id; None for all.
        hint: Where to get missing image files.

    Raises:
        UserError: The file is not JSON or not COCO, an entry is wrong, or image files are missing.
    """
    document = _load_document(annotation_file)
    images = _read_images(annotation_file, document["images"])
    labels = _read_categories(annotation_file, document["categories"], classes)
    checker = BoxChecker(invalid_boxes)
    without_area = _read_annotations(annotation_file, document["annotations"], images, labels, checker)
    notes = {**checker.finish(), "areas_taken_from_boxes": without_area}
    chosen = sorted(images.values(), key=lambda image: _id_order(image.image_id))[:limit]
    paths = [image_dir / image.file_name for image in chosen]
    found = [
        SourceImage(image.image_id, str(path), image.size, Annotations.of(image.objects))
        for image, path in zip(chosen, paths, strict=True)
    ]
    return FileSource(classes, found, file_lengths(paths, hint), notes)


def _load_document(file: Path) -> dict[str, list[Any]]:
    """Parse the file and check that the three sections are there."""
    try:
        document = json.loads(file.read_bytes())
    except OSError as error:
        raise UserError(f"the annotation file {file} cannot be read ({error.strerror}); check the path.") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file} is not JSON ({error}); give a COCO instances file.") from None
    if not isinstance(document, dict):
        raise UserError(
            f"{file} is JSON but not COCO: it holds a {type(document).__name__}, not an object with images."
        )
    for section in SECTIONS:
        if section not in document:
            raise UserError(f"{file} is JSON but not COCO: the key {section!r} is missing; give an instances file.")
        if not isinstance(document[section], list):
            raise UserError(f"{file} is JSON but not COCO: {section!r} is not a list; give an instances file.")
    return document


def _entries(file: Path, section: str, entries: Sequence[Any], keys: tuple[str, ...]) -> Iterator[tuple[str, dict]]:
    """Yield each entry with the words that name it, after checking that it has the keys."""
    noun = {"images": "image", "annotations": "annotation", "categories": "category"}[section]
    for position, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise UserError(f"{file}: {section}[{position}] is not an object; correct the file.")
        name = f"{noun} {entry['id']}" if "id" in entry else f"{section}[{position}]"
        for key in keys:
            if key not in entry:
                raise UserError(f"{file}: {name} has no field {key!r}; add it.")
        yield f"{file}: {name}", entry


def _read_images(file: Path, entries: Sequence[Any]) -> dict[str, _Image]:
    images: dict[str, _Image] = {}
    for where, entry in _entries(file, "images", entries, ("id", "file_name", "width", "height")):
        image_id = str(entry["id"])
        if image_id in images:
            raise UserError(f"{file}: the image id {image_id} is used twice in 'images'; make the ids unique.")
        size = (_side(where, entry, "height"), _side(where, entry, "width"))
        images[image_id] = _Image(image_id, _file_name(where, entry["file_name"]), size)
    if not images:
        raise UserError(f"{file}: 'images' is empty; give a file that lists images.")
    return images


def _side(where: str, entry: dict[str, Any], key: str) -> int:
    value = entry[key]
    if not _is_number(value) or not math.isfinite(value) or value < 1 or value != int(value):
        raise UserError(f"{where}: field {key!r} is {value!r}; give the image's {key} in whole pixels.")
    return int(value)


def _file_name(where: str, value: Any) -> str:
    """Refuse names that lead out of the image folder, such as an absolute path of the annotator's machine."""
    if not isinstance(value, str) or not value:
        raise UserError(f"{where}: field 'file_name' is {value!r}; give the image's file name.")
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts:
        raise UserError(f"{where}: field 'file_name' is {value!r}; give a path inside the image folder.")
    return value


def _read_categories(file: Path, entries: Sequence[Any], classes: tuple[str, ...]) -> dict[Any, int | str]:
    """Map each category id to its label, or to its name where the name is none of the classes."""
    labels: dict[Any, int | str] = {}
    for where, entry in _entries(file, "categories", entries, ("id", "name")):
        if not isinstance(entry["id"], (int, str)):
            raise UserError(f"{where}: field 'id' is {entry['id']!r}; give a number.")
        if entry["id"] in labels:
            raise UserError(f"{file}: the category id {entry['id']} is used twice in 'categories'; make it unique.")
        name = str(entry["name"])
        labels[entry["id"]] = classes.index(name) if name in classes else name
    return labels


def _read_annotations(
    file: Path, entries: Sequence[Any], images: dict[str, _Image], labels: dict[Any, int | str], checker: BoxChecker
) -> int:
    """Add each annotation to its image; return how many had no area of their own."""
    without_area = 0
    for where, entry in _entries(file, "annotations", entries, ("image_id", "category_id", "bbox")):
        image = images.get(str(entry["image_id"]))
        if image is None:
            raise UserError(
                f"{where}: field 'image_id' names image {entry['image_id']}, which is not in 'images'; "
                "remove the annotation or add the image."
            )
        label = _label(where, entry["category_id"], labels)
        box = checker.check(
            f"{where} (image {image.image_id}): field 'bbox' {entry['bbox']}", _box(where, entry), image.size
        )
        if box is not None:
            area = _area(where, entry)
            without_area += "area" not in entry
            image.objects.append(AnnotatedObject(box, label, area, _crowd(where, entry)))
    return without_area


def _label(where: str, category_id: Any, labels: dict[Any, int | str]) -> int:
    label = labels.get(category_id) if isinstance(category_id, (int, str)) else None
    if label is None:
        raise UserError(
            f"{where}: field 'category_id' is {category_id!r}, which is not in 'categories'; correct the id or add "
            "the category."
        )
    if isinstance(label, str):
        raise UserError(
            f"{where}: its category {label!r} is none of the dataset's classes; rename the category or remove its "
            "annotations."
        )
    return label


def _box(where: str, entry: dict[str, Any]) -> Box:
    """Return x1 y1 x2 y2 of COCO's x y width height, which are continuous coordinates already."""
    bbox = entry["bbox"]
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(_is_number(value) for value in bbox):
        raise UserError(f"{where}: field 'bbox' is {bbox!r}; give four numbers: x, y, width, height.")
    x, y, width, height = (float(value) for value in bbox)
    return x, y, x + width, y + height


def _area(where: str, entry: dict[str, Any]) -> float:
    area = entry.get("area", entry["bbox"][2] * entry["bbox"][3])
    if not _is_number(area) or not math.isfinite(area) or area < 0:
        raise UserError(f"{where}: field 'area' is {area!r}; give the object's area in pixels.")
    return float(area)


def _crowd(where: str, entry: dict[str, Any]) -> bool:
    crowd = entry.get("iscrowd", 0)
    if crowd not in (0, 1):
        raise UserError(f"{where}: field 'iscrowd' is {crowd!r}; give 0 or 1.")
    return bool(crowd)


def _is_number(value: Any) -> bool:
    """Tell whether a JSON value is a number that a float can hold; NaN and Infinity are."""
    return isinstance(value, float) or (type(value) is int and abs(value) < 2**53)


def _id_order(image_id: str) -> tuple[bool, int, str]:
    """Sort ids by value, ids that are no numbers behind them by text."""
    is_number = image_id.isascii() and image_id.isdigit()
    return not is_number, int(image_id) if is_number else 0, image_id
