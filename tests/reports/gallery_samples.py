"""Pictures and boxes of images as a store would give them, invented; used by the tests of the page's gallery only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from lqbench.reports.gallery_data import GalleryImage, GalleryTrack, Mark, MethodView
from lqbench.results.pictures import PictureFacts, StoredPicture, write_picture
from lqbench.results.record import Record

SIZE = (96, 64)
CLASSES = ("person", "bicycle")
TRUTHS = (Mark(0, (8, 8, 40, 40)), Mark(1, (50, 20, 90, 60)), Mark(0, (0, 50, 20, 64), counts=False))
NEAR, FAR, LOW = Mark(0, (9, 9, 41, 41), 0.9), Mark(1, (0, 0, 20, 20), 0.6), Mark(1, (51, 21, 90, 60), 0.2)
"""A detection that finds the person, one that finds nothing, and one that finds the bicycle with a low score."""


def picture(folder: Path, kind: str, image_id: str, shade: int, size: tuple[int, int] = SIZE) -> StoredPicture:
    """Write a picture of few colours."""
    facts = PictureFacts(kind=kind, image_id=image_id, index=0, alt=kind, caption=kind)
    path = write_picture(folder, Image.new("RGB", size, (shade, 90, 120)), facts)
    return StoredPicture(path, facts, size)


def noise(folder: Path, name: str, seed: int, size: tuple[int, int] = (512, 384)) -> StoredPicture:
    """Write a picture that does not compress, as rendered scenes and photographs hardly do."""
    coarse = np.random.default_rng(seed).integers(0, 256, (size[1] // 4, size[0] // 4, 3), dtype=np.uint8)
    facts = PictureFacts(kind="restored", image_id=name, index=0, alt=name, caption=name)
    path = write_picture(folder, Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC), facts)
    return StoredPicture(path, facts, size)


def track(
    folder: Path,
    records: Sequence[Record],
    aps: Sequence[Sequence[float]],
    ids: Sequence[str] = (),
    classes: tuple[str, ...] = CLASSES,
) -> GalleryTrack:
    """Return the gallery of the first record's image set.

    Args:
        folder: Where pictures go.
        records: Finished records; those of other image sets are left out.
        aps: By image, AP of each of the records.
        ids: Of the images.
        classes: Class names.
    """
    first = records[0].cell
    own = [one for one in records if one.cell.dataset_fingerprint == first.dataset_fingerprint]
    images = []
    for index, row in enumerate(aps):
        image_id = ids[index] if ids else f"image-{index}"
        views = []
        for record, ap in zip(own, row, strict=True):
            restores = record.cell.method == "bicubic"
            restored = picture(folder / record.cell.key, "restored", image_id, 10 * index, (192, 128))
            views.append(MethodView(record.cell.key, ap, (NEAR, FAR, LOW), restored if restores else None))
        degraded, clean = (picture(folder, kind, image_id, 50 * index) for kind in ("degraded", "clean"))
        images.append(GalleryImage(index, image_id, SIZE, TRUTHS, degraded, clean, tuple(views)))
    return GalleryTrack(first.dataset_fingerprint, classes, tuple(images))
