"""Conversion of annotated images between VOC, COCO and YOLO."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..atomic import replacing_directory
from ..errors import UserError
from .collection import FORMATS, Collection, read_collection
from .write_formats import IMAGE_FOLDERS, WRITERS

IMAGE_MODES = ("copy", "link")
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Conversion:
    """What a conversion did.

    Attributes:
        images: Number of image files.
        objects: Split to the number of its objects.
        losses: A sentence for each thing that the new format cannot hold.
    """

    images: int
    objects: dict[str, int]
    losses: tuple[str, ...]


def convert(
    source: Path,
    target: Path,
    source_format: str,
    target_format: str,
    *,
    images: str = "copy",
    invalid_boxes: str = "error",
    on_progress: Progress = lambda done, total: None,
) -> Conversion:
    """Convert a data set with all its splits; the new folder appears whole or not at all.

    Boxes keep their float precision. Crowd regions become difficult objects in VOC. YOLO has neither flag, so crowd
    regions and difficult objects are left out there, as its own converters do. Areas of masks are kept by COCO alone.
    Poses, parts, masks and VOC's flag ``truncated`` are not kept.

    Args:
        source: The data set, see ``collection.read_collection``.
        target: A new or empty folder.
        source_format: "voc", "coco" or "yolo".
        target_format: The same.
        images: "copy" the image files, or "link" to them.
        invalid_boxes: One of ``box_check.INVALID_BOXES``.
        on_progress: Told (done, total) while image files are copied.

    Raises:
        UserError: Something is missing or wrong, or the folder is not empty or cannot be written.
    """
    _check(target, source_format, target_format, images)
    read = read_collection(source, source_format, invalid_boxes)
    kept, losses = _fitted(read, target_format)
    names = file_names(kept.files)
    try:
        with replacing_directory(target) as folder:
            WRITERS[target_format](folder, kept, names)
            _bring_images(folder / IMAGE_FOLDERS[target_format], names, images, on_progress)
    except OSError as error:
        raise UserError(f"{target} cannot be written ({error.strerror or error}); name another folder.") from error
    counts = {split: sum(len(i.annotations) for i in found) for split, found in kept.splits.items()}
    return Conversion(len(names), counts, losses)


def file_names(files: Sequence[str]) -> dict[str, str]:
    """Return a name for each image file: its own, with its folder's before it where stems repeat, else numbered."""
    own = {file: Path(file).name for file in files}
    with_folder = {file: f"{Path(file).parent.name}_{Path(file).name}" for file in files}
    numbered = {file: f"{number:06d}{Path(file).suffix}" for number, file in enumerate(files, start=1)}
    return next(names for names in (own, with_folder, numbered) if _distinct(names.values()))


def _distinct(names: Iterable[str]) -> bool:
    stems = Counter(Path(name).stem.casefold() for name in names)
    return max(stems.values(), default=0) <= 1


def _check(target: Path, source_format: str, target_format: str, images: str) -> None:
    """Refuse wrong words and a folder that is in use.

    Raises:
        UserError: What is wrong.
    """
    for option, word, known in (
        ("--from", source_format, FORMATS),
        ("--to", target_format, FORMATS),
        ("--images", images, IMAGE_MODES),
    ):
        if word not in known:
            raise UserError(f"{option} {word!r} is not known; give {' or '.join(known)}.")
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise UserError(f"{target} exists already; name a new or empty folder to convert into.")


def _fitted(read: Collection, target_format: str) -> tuple[Collection, tuple[str, ...]]:
    """Return what the format can hold, and a sentence for each thing that it cannot."""
    crowds, difficult = read.count("crowd"), read.count("difficult")
    losses = []
    if read.dropped:
        losses.append(f"{read.dropped} invalid boxes are left out")
    if target_format == "voc" and crowds:
        losses.append(f"{crowds} crowd regions become difficult objects, the only flag of VOC that metrics ignore")
    kept = read
    if target_format == "yolo":
        kept = read.without("crowd").without("difficult")
        for number, what in ((crowds, "crowd regions"), (difficult, "difficult objects")):
            losses += [f"{number} {what} are left out, for which YOLO has no flag"] if number else []
    masks = 0 if target_format == "coco" else _masks(kept)
    if masks:
        losses.append(f"{masks} areas are of masks; {target_format.upper()} has no areas, so the boxes' will count")
    return kept, tuple(losses)


def _masks(collection: Collection) -> int:
    """Return the number of objects whose area is not their box's."""
    distinct = {image.file: image.annotations for images in collection.splits.values() for image in images}
    boxes = ((notes, np.prod(notes.xyxy[:, 2:] - notes.xyxy[:, :2], axis=1)) for notes in distinct.values())
    return sum(int((np.abs(notes.areas - own) > 1e-6 * own).sum()) for notes, own in boxes)


def _bring_images(folder: Path, names: dict[str, str], mode: str, on_progress: Progress) -> None:
    folder.mkdir()
    for done, (file, name) in enumerate(names.items(), start=1):
        if mode == "link":
            (folder / name).symlink_to(Path(file).resolve())
        else:
            shutil.copyfile(file, folder / name)
        on_progress(done, len(names))
