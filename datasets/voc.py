"""Reader of PASCAL VOC XML, as described in the development kit of the VOC2007 challenge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError  # types only; every file is parsed by defusedxml

from defusedxml import DefusedXmlException
from defusedxml import ElementTree as SafeElementTree

from .box_check import Box, BoxChecker
from .classes import close_name
from .errors import UserError
from .images import file_lengths, image_size
from .safe_paths import safe_name
from .source import AnnotatedObject, Annotations, FileSource, SourceImage

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG")


def read_voc(
    annotation_dir: Path,
    image_dir: Path,
    classes: tuple[str, ...],
    *,
    split_list: Path | None = None,
    ignored_classes: Sequence[str] = (),
    invalid_boxes: str = "error",
    limit: int | None = None,
    hint: str = "",
) -> FileSource:
    """Read a folder of VOC XML files; only the chosen images' files are opened.

    VOC's pixel indices are 1-based and inclusive: xmin = xmax = 1 is a box over the first column. In continuous
    coordinates that is x1 = xmin - 1 and x2 = xmax, so that widths equal the xmax - xmin + 1 of VOC's own scorer. Files
    of tools that count from 0 lie one pixel too far left and up by this; what leaves the image is clipped and counted.
    An object's area is its box's; ``difficult`` is kept as a flag, ``truncated`` is counted in the notes.

    Args:
        annotation_dir: Folder of ``<name>.xml``.
        image_dir: Folder of ``<name>.jpg`` (or .jpeg, .png).
        classes: The class names to map to; an object of another name is an error.
        split_list: A list such as ``ImageSets/Main/test.txt``, one name in each line; None for all XML files by name.
        ignored_classes: Names of objects that are left out and counted in the notes.
        invalid_boxes: "error", or "drop" to leave out and count invalid boxes.
        limit: Keep the first so many images, in the order of the list; None for all.
        hint: Where to get missing files.

    Raises:
        UserError: A file is missing, not XML, not VOC, or an object in it is wrong.
    """
    names = _names(annotation_dir, split_list)[:limit]
    paths = [_image_path(image_dir, name) for name in names]
    lengths = file_lengths(paths, hint)
    reader = _ObjectReader(classes, BoxChecker(invalid_boxes), dict.fromkeys(ignored_classes, 0))
    files = [annotation_dir / f"{name}.xml" for name in names]
    images = [_read_image(name, file, path, reader, hint) for name, file, path in zip(names, files, paths, strict=True)]
    notes = {
        **reader.checker.finish(),
        "difficult_boxes": reader.difficult,
        "truncated_boxes": reader.truncated,
        **({"ignored_objects": reader.ignored} if reader.ignored else {}),
    }
    return FileSource(classes, images, lengths, notes)


def read_class_names(annotation_dir: Path) -> tuple[str, ...]:
    """Return the names of all objects in a folder of VOC XML files, in alphabetical order.

    Raises:
        UserError: There is no XML file or no object, or a file is not XML or not VOC.
    """
    files = [annotation_dir / f"{name}.xml" for name in _names(annotation_dir, None)]
    names = {_object_name(element) for file in files for element in _parse(file, "").iterfind("object")}
    if not names - {""}:
        raise UserError(f"{annotation_dir} has XML files but no object in them; give annotated images.")
    return tuple(sorted(names - {""}))


def _read_image(name: str, file: Path, image: Path, reader: _ObjectReader, hint: str) -> SourceImage:
    """Read one XML file; the image's name is its id."""
    root = _parse(file, hint)
    size = _size(file, root, image)
    objects = [reader.read(file, element, size) for element in root.iterfind("object")]
    return SourceImage(name, str(image), size, Annotations.of([o for o in objects if o is not None]))


def _names(annotation_dir: Path, split_list: Path | None) -> list[str]:
    """Return the image names of a split, or of all XML files."""
    if split_list is None:
        names, where = sorted(path.stem for path in annotation_dir.glob("*.xml")), annotation_dir
    else:
        names, where = _listed_names(split_list), split_list
    if not names:
        raise UserError(f"{where} names no images; give a VOC folder with Annotations/*.xml.")
    return names


def _listed_names(split_list: Path) -> list[str]:
    """Read a split list; a second column, as in VOC's lists for single classes, is left out."""
    try:
        lines = split_list.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the split list {split_list} cannot be read ({error}); check the file.") from None
    names = [safe_name(f"{split_list}: a line", line.split()[0]) for line in lines if line.strip()]
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise UserError(f"{split_list} names the image {name!r} twice; remove one of the lines.")
        seen.add(name)
    return names


def _image_path(image_dir: Path, name: str) -> Path:
    """Return the image's path; the usual .jpg where no file exists, for the message."""
    candidates = [image_dir / f"{name}{suffix}" for suffix in IMAGE_SUFFIXES]
    return next((path for path in candidates if path.is_file()), candidates[0])


def _parse(file: Path, hint: str) -> Element:
    try:
        root: Element | None = SafeElementTree.parse(file).getroot()
    except FileNotFoundError:
        raise UserError(f"the annotation file {file} does not exist; {hint or 'check the split list'}.") from None
    except (OSError, ParseError, ValueError) as error:
        kind = "holds XML entities" if isinstance(error, DefusedXmlException) else "is not well-formed XML"
        raise UserError(f"the annotation file {file} {kind} ({error}); correct it or fetch it anew.") from None
    if root is None or root.tag != "annotation":
        tag = "nothing" if root is None else f"<{root.tag}>"
        raise UserError(f"{file} is XML but not VOC: its root is {tag}, not <annotation>; give VOC annotations.")
    return root


def _size(file: Path, root: Element, image: Path) -> tuple[int, int]:
    """Return (height, width) from the ``size`` element, or from the image's header where it is absent or zero."""
    size = root.find("size")
    if size is None:
        return image_size(image)
    height, width = (_number(f"{file}: field 'size'", size, key) for key in ("height", "width"))
    if height < 1 or width < 1:
        return image_size(image)
    return int(height), int(width)


@dataclass
class _ObjectReader:
    """Reads objects against the class names and counts over all files.

    Attributes:
        classes: The class names to map to.
        checker: Checks the boxes.
        ignored: Left-out class name to the number of its objects.
        difficult: Number of kept boxes with the flag ``difficult``.
        truncated: Number of kept boxes with the flag ``truncated``.
    """

    classes: Sequence[str]
    checker: BoxChecker
    ignored: dict[str, int] = field(default_factory=dict)
    difficult: int = 0
    truncated: int = 0

    def read(self, file: Path, element: Element, size: tuple[int, int]) -> AnnotatedObject | None:
        """Read one object of an image of size (height, width); None if it is to be left out."""
        name = _object_name(element)
        if name in self.ignored:
            self.ignored[name] += 1
            return None
        if name not in self.classes:
            raise UserError(
                f"{file}: field 'name' of an object is {name!r}, which is none of the dataset's classes"
                f"{close_name(name, self.classes)}; correct it."
            )
        where = f"{file}: object {name!r}: field 'bndbox'"
        raw, box = _box(where, element)
        checked = self.checker.check(f"{where} {raw}", box, size)
        if checked is None:
            return None
        difficult = _flag(element, "difficult")
        self.difficult += difficult
        self.truncated += _flag(element, "truncated")
        x1, y1, x2, y2 = checked
        return AnnotatedObject(checked, self.classes.index(name), (x2 - x1) * (y2 - y1), difficult=difficult)


def _object_name(element: Element) -> str:
    return (element.findtext("name") or "").strip()


def _box(where: str, element: Element) -> tuple[list[float], Box]:
    """Return the box as written and as x1 y1 x2 y2 in continuous coordinates."""
    bndbox = element.find("bndbox")
    if bndbox is None:
        raise UserError(f"{where} is missing; add it.")
    xmin, ymin, xmax, ymax = raw = [_number(where, bndbox, key) for key in ("xmin", "ymin", "xmax", "ymax")]
    return raw, (xmin - 1, ymin - 1, xmax, ymax)


def _number(where: str, parent: Element, key: str) -> float:
    text: Any = parent.findtext(key)
    try:
        return float(text)
    except (TypeError, ValueError):
        raise UserError(f"{where}: {key!r} is {text!r}; give a number.") from None


def _flag(element: Element, key: str) -> bool:
    """Read a 0/1 field; absent or worded values, such as ``Unspecified``, count as 0."""
    return (element.findtext(key) or "").strip() == "1"
