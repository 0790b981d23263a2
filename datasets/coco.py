"""Reader of COCO JSON (instances), as described at cocodataset.org under "Data format"."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .box_check import Box, BoxChecker
from .classes import close_name
from .errors import UserError
from .images import MISSING_PAIRS, file_lengths
from .safe_paths import safe_name
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
    ignored_classes: Sequence[str] = (),
    clean_dir: Path | None = None,
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
        ignored_classes: Category names whose annotations are left out and counted in the notes.
        clean_dir: Folder with a clear image of the same name for every image; None where there is none.
        invalid_boxes: "error", or "drop" to leave out boxes of no width or height, far outside their image or not
            finite, and to count them. COCO's own train2017 has a few of these.
        limit: Keep the first so many images by numeric id; None for all.
        hint: Where to get missing image files.

    Raises:
        UserError: The file is not JSON or not COCO, an entry is wrong, or image files are missing.
    """
    document = load_document(annotation_file)
    images = _read_images(annotation_file, document["images"])
    names = _read_categories(annotation_file, document["categories"])
    checker = BoxChecker(invalid_boxes)
    reader = _AnnotationReader(names, classes, checker, dict.fromkeys(ignored_classes, 0))
    reader.read(annotation_file, document["annotations"], images)
    notes = {**checker.finish(), **reader.notes()}
    chosen = sorted(images.values(), key=lambda image: id_order(image.image_id))[:limit]
    paths = [image_dir / image.file_name for image in chosen]
    found = [
        SourceImage(image.image_id, str(path), image.size, Annotations.of(image.objects))
        for image, path in zip(chosen, paths, strict=True)
    ]
    clean = [] if clean_dir is None else [clean_dir / image.file_name for image in chosen]
    lengths = file_lengths(paths, hint)
    file_lengths(clean, MISSING_PAIRS)
    return FileSource(classes, found, lengths, notes, clean)


def file_names(annotation_file: Path) -> list[str]:
    """Return the file names of a COCO file's images, in its order.

    Raises:
        UserError: The file is not JSON or not COCO, or a name leads out of the image folder.
    """
    images = load_document(annotation_file)["images"]
    return [image.file_name for image in _read_images(annotation_file, images).values()]


def read_category_names(annotation_file: Path) -> tuple[str, ...]:
    """Return the class names that a COCO file brings, in the order of the category ids.

    A category without annotations that is the ``supercategory`` of another one is left out: exports of annotation
    services put such a group name before the classes.

    Raises:
        UserError: The file is not JSON or not COCO, names no class, or gives two categories the same name.
    """
    document = load_document(annotation_file)
    names = _read_categories(annotation_file, document["categories"])
    used = {str(entry.get("category_id")) for entry in document["annotations"] if isinstance(entry, dict)}
    pairs = {(entry["name"], entry.get("supercategory")) for entry in document["categories"]}
    groups = {group for name, group in pairs if group != name}
    in_order = sorted(names, key=lambda key: id_order(str(key)))
    kept = [names[key] for key in in_order if str(key) in used or names[key] not in groups]
    if not kept:
        raise UserError(f"{annotation_file}: 'categories' is empty; give a file that names its classes.")
    twice = next((name for name in kept if kept.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{annotation_file}: two categories have the name {twice!r}; make the names unique.")
    return tuple(kept)


def load_document(file: Path) -> dict[str, list[Any]]:
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
    return safe_name(f"{where}: field 'file_name'", value)


def _read_categories(file: Path, entries: Sequence[Any]) -> dict[int | str, str]:
    """Return the name of each category id."""
    names: dict[int | str, str] = {}
    for where, entry in _entries(file, "categories", entries, ("id", "name")):
        if not isinstance(entry["id"], (int, str)):
            raise UserError(f"{where}: field 'id' is {entry['id']!r}; give a number.")
        if entry["id"] in names:
            raise UserError(f"{file}: the category id {entry['id']} is used twice in 'categories'; make it unique.")
        names[entry["id"]] = str(entry["name"])
    return names


@dataclass
class _AnnotationReader:
    """Reads annotations against the class names and counts over the whole file.

    Attributes:
        names: Category id to name, as the file says.
        classes: The class names to map to; ids and their order do not matter.
        checker: Checks the boxes.
        ignored: Left-out class name to the number of its annotations.
        without_area: Number of annotations that had no area of their own.
    """

    names: Mapping[int | str, str]
    classes: Sequence[str]
    checker: BoxChecker
    ignored: dict[str, int]
    without_area: int = 0

    def read(self, file: Path, entries: Sequence[Any], images: dict[str, _Image]) -> None:
        """Add each annotation to its image."""
        labels = {name: index for index, name in enumerate(self.classes)}
        for where, entry in _entries(file, "annotations", entries, ("image_id", "category_id", "bbox")):
            image = images.get(str(entry["image_id"]))
            if image is None:
                raise UserError(
                    f"{where}: field 'image_id' names image {entry['image_id']}, which is not in 'images'; "
                    "remove the annotation or add the image."
                )
            name = self._name(where, entry["category_id"])
            if name in self.ignored:
                self.ignored[name] += 1
            elif name in labels:
                self._add(where, entry, image, labels[name])
            else:
                raise UserError(
                    f"{where}: its category {name!r} is none of the dataset's classes{close_name(name, self.classes)}; "
                    "rename the category or remove its annotations."
                )

    def notes(self) -> dict[str, Any]:
        """Return the counts, and the file's order of classes where it is another than the dataset's."""
        notes: dict[str, Any] = {"areas_taken_from_boxes": self.without_area}
        notes |= {"ignored_objects": self.ignored} if self.ignored else {}
        in_file = [name for name in self.names.values() if name in self.classes]
        in_order = [name for name in self.classes if name in in_file]
        return notes | ({"class_order_in_file": in_file} if in_file != in_order else {})

    def _name(self, where: str, category_id: Any) -> str:
        name = self.names.get(category_id) if isinstance(category_id, (int, str)) else None
        if name is None:
            raise UserError(
                f"{where}: field 'category_id' is {category_id!r}, which is not in 'categories'; correct the id or "
                "add the category."
            )
        return name

    def _add(self, where: str, entry: dict[str, Any], image: _Image, label: int) -> None:
        """Add an annotation unless its box is invalid and to be dropped."""
        named = f"{where} (image {image.image_id}): field 'bbox' {entry['bbox']}"
        box = self.checker.check(named, _box(where, entry), image.size)
        if box is not None:
            area = _area(where, entry)
            self.without_area += "area" not in entry
            crowd, difficult = (_flag(where, entry, key) for key in ("iscrowd", "difficult"))
            image.objects.append(AnnotatedObject(box, label, area, crowd, difficult))


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


def _flag(where: str, entry: dict[str, Any], key: str) -> bool:
    """Read a 0/1 field. ``difficult`` is not COCO's own: sets made of VOC, by this package too, bring it."""
    value = entry.get(key, 0)
    if value not in (0, 1):
        raise UserError(f"{where}: field {key!r} is {value!r}; give 0 or 1.")
    return bool(value)


def _is_number(value: Any) -> bool:
    """Tell whether a JSON value is a number that a float can hold; NaN and Infinity are."""
    return isinstance(value, float) or (type(value) is int and abs(value) < 2**53)


def id_order(image_id: str) -> tuple[bool, int, str]:
    """Sort ids by value, ids that are no numbers behind them by text."""
    is_number = image_id.isascii() and image_id.isdigit()
    return not is_number, int(image_id) if is_number else 0, image_id
