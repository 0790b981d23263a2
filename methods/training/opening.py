"""Opening what is learnt from: the training split of a track, as ``lqbench train`` was asked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ...datasets.catalog import dataset_spec
from ...datasets.dataset import Dataset, open_dataset
from ...datasets.errors import UserError
from ...datasets.spec import DatasetSpec
from .pixels import PixelStore
from .request import FitRequest
from .trainer import process_rank

TRAIN_SPLITS = ("train", "train2017", "trainval")
ALIASES = {"coco": "coco-d", "voc": "voc-lr-x4"}
"""Names of clean photographs: training takes the clean images of a degraded track."""
_RENDER_STEP = 100
"""Rendered scenes between two lines of progress."""

Load = Callable[[int], NDArray[np.uint8]]
"""Returns an image at its place among those learnt from, uint8 (H, W, 3) RGB."""


def open_source(
    request: FitRequest, *, dataset: str = "", split: str | None = None, limit: int | None = None, degrade: str = ""
) -> Dataset:
    """Open a training split.

    Args:
        request: Says the dataset and where data lies.
        dataset: Takes the place of the request's dataset.
        split: None for the split that is meant for training.
        limit: Use the first so many images; None for all.
        degrade: A further degradation, in the words of ``--degrade``.

    Raises:
        UserError: The dataset or the split does not exist, or files are missing.
    """
    name = dataset or request.dataset
    name = ALIASES.get(name, name)

    def rendered(done: int, total: int) -> None:
        if done % _RENDER_STEP == 0:
            request.tell(f"rendered {done} of {total} scenes")

    return open_dataset(
        name,
        data_root=request.data_root,
        split=split or train_split(name),
        limit=limit,
        degrade=degrade,
        workers=os.cpu_count() or 1,
        on_progress=rendered,
    )


def train_split(name: str) -> str:
    """Return the split that is meant for training.

    Raises:
        UserError: The dataset has none of the usual name.
    """
    splits = source_spec(name).splits
    found = next((split for split in TRAIN_SPLITS if split in splits), None)
    if found is None:
        raise UserError(
            f"{name} has no split named {', '.join(TRAIN_SPLITS)}; give --set train_split= one of {', '.join(splits)}."
        )
    return found


def image_loader(
    request: FitRequest, source: Dataset, learnt: list[int], *, cache: bool, annotated: bool = False
) -> Load:
    """Return what loads the images to learn from.

    Args:
        request: Where the cache lies, and where progress is told.
        source: The dataset.
        learnt: Indices of the images to learn from.
        cache: Whether decoded images are kept in one raw file, 3 bytes a pixel, while training runs.
        annotated: Whether images are those that were annotated; else the clean ones of the track, which may be smaller.
    """
    load = partial(_load, source, learnt, annotated)
    if not cache:
        return load
    records = [source.records[index] for index in learnt]
    sizes = [record.annotated_size if annotated else record.clean_size for record in records]
    kind = "annotated" if annotated else "clean"
    mark = f"{kind}-{source.fingerprint[:16]}"
    return filled_store(request, mark, sizes, map(load, range(len(learnt))), "images").__getitem__


def filled_store(
    request: FitRequest, mark: str, sizes: Sequence[tuple[int, int]], images: Iterable[NDArray[np.uint8]], what: str
) -> PixelStore:
    """Return images in one raw file of the training's work folder, where ``drop_cache`` removes it.

    Args:
        request: Where the file lies, and where progress is told.
        mark: Tells the images from others in the file's name.
        sizes: (height, width) of each.
        images: uint8 (H, W, 3); asked for only where they are not in the file yet.
        what: What to call them in the line of progress.
    """
    store = PixelStore(request.work / f"pixels-{mark}-{len(sizes)}.u8", sizes)
    if not store.complete:
        tell_first(request, f"reading {len(sizes)} {what}")
        store.fill(images)
    return store


def source_spec(name: str) -> DatasetSpec:
    """Return the specification of a dataset as trainings name it.

    Raises:
        UserError: There is no such dataset.
    """
    return dataset_spec(ALIASES.get(name, name))


def drop_cache(request: FitRequest) -> None:
    """Remove cached pixels."""
    for pixels in request.work.glob("pixels-*.u8"):
        pixels.unlink()


def tell_first(request: FitRequest, line: str) -> None:
    """Show a line of progress, once where several processes train."""
    if process_rank() == 0:
        request.tell(line)


def _load(source: Dataset, learnt: list[int], annotated: bool, place: int) -> NDArray[np.uint8]:
    image = source.annotated(learnt[place]) if annotated else source.clean(learnt[place])
    return image.permute(1, 2, 0).numpy()
