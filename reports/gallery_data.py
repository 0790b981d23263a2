"""What the gallery shows of an image set, as plain data: images, boxes, and pictures that lie in a store."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..results.pictures import StoredPicture

DEGRADED, CLEAN, RESTORED, CRUX = "degraded", "clean", "restored", "crux"
"""Kinds of pictures, see ``PictureFacts.kind``; the first two belong to the image set, the others to a cell."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A box drawn over a picture.

    Attributes:
        label: Index into the image set's classes.
        box: x1, y1, x2, y2 in pixels of the degraded image.
        score: In [0, 1]; 1 for true boxes.
        counts: False for true boxes that nobody has to find: crowds, and objects marked as difficult.
    """

    label: int
    box: tuple[float, float, float, float]
    score: float = 1.0
    counts: bool = True


@dataclass(frozen=True, slots=True)
class MethodView:
    """What one cell made of an image.

    Attributes:
        key: The cell's key.
        ap: AP of the image alone in [0, 1]; NaN where it holds no object.
        marks: Detections, best score first.
        restored: The picture that the method restored; None where it restores nothing, or none was made.
        crux: The picture of the method's mask; None where it has no mask, or none was made.
    """

    key: str
    ap: float
    marks: tuple[Mark, ...]
    restored: StoredPicture | None = None
    crux: StoredPicture | None = None


@dataclass(frozen=True, slots=True)
class GalleryImage:
    """One image with what all cells made of it.

    Attributes:
        index: Its position in the image set.
        image_id: Its id.
        size: (width, height) of the degraded image, pixels; boxes are in these.
        truths: The true boxes.
        degraded: The degraded picture.
        clean: The picture before degradation; None where there is none.
        views: One for each cell that has been told of.
    """

    index: int
    image_id: str
    size: tuple[int, int]
    truths: tuple[Mark, ...]
    degraded: StoredPicture
    clean: StoredPicture | None
    views: tuple[MethodView, ...]


@dataclass(frozen=True, slots=True)
class GalleryTrack:
    """The images of an image set that there are pictures of.

    Attributes:
        fingerprint: sha256 of the dataset's content, as in the cells.
        classes: Class names.
        images: In any order.
    """

    fingerprint: str
    classes: tuple[str, ...]
    images: tuple[GalleryImage, ...]


def disagreement(aps: Iterable[float]) -> float:
    """Return how far methods differ on an image: the standard deviation of the image's AP over them.

    Args:
        aps: AP of the image by method, in [0, 1]; NaN is passed over.

    Returns:
        In [0, 0.5]; NaN where fewer than two methods have an AP there.
    """
    known = [ap for ap in aps if not math.isnan(ap)]
    return float(np.std(known)) if len(known) > 1 else math.nan
