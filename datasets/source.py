"""Where annotated images come from: the contract of a source, and the source that reads image files."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .images import read_image


@dataclass(frozen=True, slots=True)
class Annotations:
    """Boxes of one image as annotated, in the annotated image's continuous pixel coordinates.

    Attributes:
        xyxy: float64 (N, 4), x1 y1 x2 y2; a box over exactly the first column has x1 = 0 and x2 = 1.
        labels: int64 (N,), index into the source's class tuple.
        areas: float64 (N,), annotated area in pixels squared (COCO: of the mask; VOC: of the box).
        crowd: bool (N,), COCO ``iscrowd``.
        difficult: bool (N,), VOC ``difficult``.
    """

    xyxy: NDArray[np.float64]
    labels: NDArray[np.int64]
    areas: NDArray[np.float64]
    crowd: NDArray[np.bool_]
    difficult: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.labels)

    @staticmethod
    def of(objects: Sequence[AnnotatedObject]) -> Annotations:
        """Stack single objects, in their order; no object gives arrays of length 0."""
        return Annotations(
            np.array([o.xyxy for o in objects], np.float64).reshape(-1, 4),
            np.array([o.label for o in objects], np.int64),
            np.array([o.area for o in objects], np.float64),
            np.array([o.crowd for o in objects], bool),
            np.array([o.difficult for o in objects], bool),
        )


@dataclass(frozen=True, slots=True)
class AnnotatedObject:
    """One annotated object; the columns of ``Annotations`` for a single box."""

    xyxy: tuple[float, float, float, float]
    label: int
    area: float
    crowd: bool = False
    difficult: bool = False


@dataclass(frozen=True, slots=True)
class SourceImage:
    """One annotated image before any degradation.

    Attributes:
        image_id: Stable name inside the source.
        file: What to name in an error message: the image's path, or a name for a rendered image.
        size: (height, width) in pixels, as annotated.
        annotations: Its boxes.
    """

    image_id: str
    file: str
    size: tuple[int, int]
    annotations: Annotations


class Source(ABC):
    """An ordered collection of annotated images. Sources are picklable, so that worker processes can load images.

    Attributes:
        classes: Names that labels index.
        images: The images, in a stable order.
        digest: sha256 hex digest of the annotations and of what is known of the images; free of any path, so that a
            moved folder keeps it.
        notes: JSON-able remarks for the record, such as the number of dropped boxes.
    """

    classes: tuple[str, ...]
    images: Sequence[SourceImage]
    digest: str
    notes: dict[str, Any]

    @abstractmethod
    def load(self, index: int) -> NDArray[np.uint8]:
        """Return the image at a 0-based position, uint8 RGB (H, W, 3).

        Raises:
            UserError: The image file is missing, broken or of another size than annotated.
        """

    def load_depth(self, index: int) -> NDArray[np.float32] | None:
        """Return how far the surfaces in an image are, float32 (H, W), or None where that is not known.

        Metres from the camera along each pixel's ray; infinite where nothing is hit, as in the sky.
        """
        return None

    def has_depth(self) -> bool:
        """Return whether ``load_depth`` knows distances.

        Raises:
            UserError: Files of distances belong to the images and one of them is missing or broken.
        """
        return bool(self.images) and self.load_depth(0) is not None

    @property
    def has_pairs(self) -> bool:
        """Whether a clear image lies beside each of the images."""
        return False

    def load_clean(self, index: int) -> NDArray[np.uint8] | None:
        """Return the clear image that pairs with the one at a 0-based position; None where there are no pairs.

        Raises:
            UserError: The clear image's file is missing, broken or of another size than its partner.
        """
        return None


class FileSource(Source):
    """Annotated images that lie in files; made by ``read_coco`` and ``read_voc``."""

    def __init__(
        self,
        classes: tuple[str, ...],
        images: Sequence[SourceImage],
        file_bytes: Sequence[int],
        notes: dict[str, Any],
        clean_files: Sequence[Path] = (),
    ) -> None:
        """Keep the images, whose ``file`` must be a path.

        Args:
            classes: Names that labels index.
            images: The images, in a stable order.
            file_bytes: Length of each image file in bytes. It enters the digest: a re-encoded image of the same size
                in pixels is other data, and the length tells so without reading gigabytes.
            notes: Remarks for the record.
            clean_files: The clear image that pairs with each image; empty where there are none. They stay out of the
                digest: what a method detects does not depend on whether a user has them.
        """
        self.classes = classes
        self.images = tuple(images)
        self.notes = notes
        self.digest = annotation_digest(classes, self.images, file_bytes)
        self._clean_files = tuple(clean_files)

    def load(self, index: int) -> NDArray[np.uint8]:
        """Decode an image file, see ``images.read_image``."""
        image = self.images[index]
        return read_image(Path(image.file), image.size)

    @property
    def has_pairs(self) -> bool:
        """Whether a clear image lies beside each of the images."""
        return bool(self._clean_files)

    def load_clean(self, index: int) -> NDArray[np.uint8] | None:
        """Decode the clear image that pairs with an image; None where there are no pairs."""
        if not self._clean_files:
            return None
        return read_image(self._clean_files[index], self.images[index].size)


def annotation_digest(classes: Sequence[str], images: Sequence[SourceImage], file_bytes: Sequence[int]) -> str:
    """Return the sha256 hex digest of class names, image ids, sizes, file lengths and all annotation columns."""
    digest = hashlib.sha256(json.dumps(list(classes)).encode())
    for image, length in zip(images, file_bytes, strict=True):
        notes = image.annotations
        digest.update(json.dumps([image.image_id, list(image.size), length, len(notes)]).encode())
        for column in (notes.xyxy, notes.labels, notes.areas, notes.crowd, notes.difficult):
            update_digest(digest, column)
    return digest.hexdigest()


def update_digest(digest: Any, column: NDArray[Any]) -> None:
    """Feed an array to a hashlib object with shape, type and little-endian values, the same on every platform."""
    fixed = np.ascontiguousarray(column, column.dtype.newbyteorder("<"))
    digest.update(f"{fixed.shape}{fixed.dtype.str}".encode())
    digest.update(fixed.tobytes())
