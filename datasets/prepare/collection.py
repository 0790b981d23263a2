"""Annotated images between two formats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..names import DatasetName
from ..own import WHOLE, own_spec
from ..readers import open_files
from ..source import Annotations, SourceImage
from .read_yolo import read_yolo

FORMATS = ("voc", "coco", "yolo")


@dataclass(frozen=True)
class Collection:
    """Annotated image files.

    Attributes:
        classes: Names that labels index.
        splits: Split to its images; an image may be in several.
        dropped: Number of invalid boxes that were left out when reading.
    """

    classes: tuple[str, ...]
    splits: Mapping[str, Sequence[SourceImage]]
    dropped: int = 0

    @property
    def files(self) -> list[str]:
        """The image files of all splits, each once, in order."""
        return list(dict.fromkeys(image.file for images in self.splits.values() for image in images))

    def without(self, flag: str) -> Collection:
        """Return the collection without the objects that have a flag, "crowd" or "difficult"."""
        splits = {name: [_without(image, flag) for image in images] for name, images in self.splits.items()}
        return replace(self, splits=splits)

    def count(self, flag: str) -> int:
        """Return the number of objects with a flag, each image counted once."""
        distinct = {image.file: image for images in self.splits.values() for image in images}
        return sum(int(getattr(image.annotations, flag).sum()) for image in distinct.values())


def read_collection(path: Path, form: str, invalid_boxes: str = "error") -> Collection:
    """Read a data set with all its splits.

    Args:
        path: A COCO file or folder, a VOC folder, or a YOLO folder or its ``data.yaml``; see ``own`` and ``read_yolo``.
        form: "voc", "coco" or "yolo".
        invalid_boxes: One of ``box_check.INVALID_BOXES``.

    Raises:
        UserError: Something is missing or wrong.
    """
    if form == "yolo":
        sources = read_yolo(path, invalid_boxes)
        classes = next(iter(sources.values())).classes
    else:
        spec = own_spec(DatasetName(form, path))
        # The split of all images adds nothing where lists name parts, unless the lists leave images out.
        classes = spec.classes
        sources = {split: open_files(spec, None, split, None, invalid_boxes) for split in spec.splits}
        listed = {image.file for split, source in sources.items() if split != WHOLE for image in source.images}
        if form == "voc" and len(sources) > 1 and all(image.file in listed for image in sources[WHOLE].images):
            del sources[WHOLE]
    dropped = sum(source.notes.get("dropped_boxes", 0) for source in sources.values())
    return Collection(classes, {split: source.images for split, source in sources.items()}, dropped)


def _without(image: SourceImage, flag: str) -> SourceImage:
    notes = image.annotations
    keep = ~getattr(notes, flag)
    kept = Annotations(
        notes.xyxy[keep], notes.labels[keep], notes.areas[keep], notes.crowd[keep], notes.difficult[keep]
    )
    return SourceImage(image.image_id, image.file, image.size, kept)
