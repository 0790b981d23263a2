"""Pictures for the gallery of a report, made once and stored: degraded, clean, restored, and of a method's mask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ..datasets.errors import UserError
from ..datasets.types import Batch, Sample
from ..methods.base import Method
from ..reports.gallery_data import CLEAN, CRUX, DEGRADED, RESTORED
from ..results.cell import Cell
from ..results.pictures import PictureFacts, picture_folder, write_picture
from .checks import MalformedOutputError, check_restored
from .determinism import seed_everything, single_thread
from .pictures import NoMaskError, ready_method, show_one
from .plan import Group, Job
from .precision import computing_in

if TYPE_CHECKING:
    import torch

    from ..datasets.dataset import Dataset


@dataclass(frozen=True)
class GalleryWork:
    """What pictures are made of.

    Attributes:
        groups: Methods, each with its cell on one dataset, which all share.
        owner: The cell that degraded and clean pictures belong to, whichever methods are shown.
        indices: Positions of the images.
        store: Folder of the store.
        device: torch device string.
    """

    groups: Sequence[Group]
    owner: Cell
    indices: Sequence[int]
    store: Path
    device: str

    @property
    def dataset(self) -> Dataset:
        """Return the dataset that the cells share."""
        return self.groups[0].jobs[0].dataset

    @property
    def steps(self) -> int:
        """Return how often ``make_pictures`` tells of an image."""
        return len(self.indices) * (1 + sum(_is_seen(group) for group in self.groups))


def make_pictures(work: GalleryWork, on_image: Callable[[], None] = lambda: None) -> int:
    """Write the pictures that the store does not hold yet, each whole or not at all, and return how many.

    A picture's bytes follow from the cell and the image, so that one which is there already would be the same.

    Args:
        work: What of.
        on_image: Called after every image of every method, and of the dataset itself.

    Raises:
        UserError: Weights or an image cannot be read, a method breaks its contract, or the store cannot be written.
    """
    written = 0
    for step in _steps(work):
        written += step
        on_image()
    return written


def _steps(work: GalleryWork) -> Iterator[int]:
    """Yield after every image how many pictures were written."""
    folder = picture_folder(work.store, work.owner)
    for index in work.indices:
        yield _write_image(work, index, folder)
    for group in filter(_is_seen, work.groups):
        job = group.jobs[0]
        folder = picture_folder(work.store, job.cell)
        missing = [index for index in work.indices if _missing(group, job, index, folder)]
        yield from (0 for _ in range(len(work.indices) - len(missing)))
        if missing:
            with ready_method(group, work.device) as method:
                for index in missing:
                    yield _write_views(method, job, index, folder, work.device)


def _is_seen(group: Group) -> bool:
    """Tell whether a method makes something to look at."""
    return group.method.card.restores or _has_mask(group)


def _has_mask(group: Group) -> bool:
    return group.method.focus is not Method.focus


def _missing(group: Group, job: Job, index: int, folder: Path) -> bool:
    """Tell whether a cell lacks a picture of an image."""
    kinds = [kind for kind, has in ((RESTORED, group.method.card.restores), (CRUX, _has_mask(group))) if has]
    image_id = job.dataset.records[index].image_id
    return not all((folder / _named(kind, image_id, index).file_name).exists() for kind in kinds)


def _named(kind: str, image_id: str, index: int, alt: str = "", caption: str = "") -> PictureFacts:
    return PictureFacts(kind=kind, image_id=image_id, index=index, alt=alt, caption=caption)


def _write_image(work: GalleryWork, index: int, folder: Path) -> int:
    """Write an image as it is after and before degradation."""
    dataset, name = work.dataset, f"{work.owner.dataset} {work.owner.split}"
    image_id = dataset.records[index].image_id
    facts = [_named(DEGRADED, image_id, index, f"Degraded image {image_id} of {name}.", f"Image {image_id}: degraded.")]
    if dataset.has_clean:
        alt = f"Image {image_id} of {name} before degradation."
        facts.append(_named(CLEAN, image_id, index, alt, f"Image {image_id}: clean."))
    if all((folder / one.file_name).exists() for one in facts):
        return 0
    with single_thread():
        sample = dataset.sample(index, clean=dataset.has_clean)
    for one, tensor in zip(facts, (sample.image, sample.clean), strict=False):
        assert tensor is not None
        _write(folder, _picture(tensor), one)
    return len(facts)


def _write_views(method: Method, job: Job, index: int, folder: Path, device: str) -> int:
    """Write what a method restored of an image, and where it looked."""
    written = 0
    if method.card.restores:
        with single_thread():
            sample = job.dataset.sample(index, clean=method.card.needs_clean)
        image_id = sample.record.image_id
        alt = f"Image {image_id} of {job.cell.dataset} {job.cell.split}, restored by {job.cell.method}."
        facts = _named(RESTORED, image_id, index, alt, f"Image {image_id}: restored by {job.cell.method}.")
        _write(folder, _restored(method, job, sample, device), facts)
        written += 1
    if type(method).focus is not Method.focus:
        # A method may decide only when it is set up that it looks everywhere alike.
        with suppress(NoMaskError):
            show_one(method, job, index, folder)
            written += 1
    return written


def _restored(method: Method, job: Job, sample: Sample, device: str) -> Image.Image:
    """Return an image as a method restores it, seeded as in a run with batches of one image.

    Raises:
        UserError: The method breaks the contract of ``Method.restore``.
    """
    import torch

    batch = Batch([sample], job.dataset.classes)
    seed_everything("batch", sample.record.seed)
    with torch.no_grad(), computing_in(job.cell.precision, device):
        output = method.restore(batch)
    try:
        (pixels,) = check_restored(method.card.name, batch, output)
    except MalformedOutputError as error:
        raise UserError(f"{error}; mend the method.") from error
    return Image.fromarray(np.ascontiguousarray(pixels))


def _picture(tensor: torch.Tensor) -> Image.Image:
    """Return a uint8 (3, h, w) tensor as a picture."""
    return Image.fromarray(np.ascontiguousarray(tensor.cpu().numpy().transpose(1, 2, 0)))


def _write(folder: Path, picture: Image.Image, facts: PictureFacts) -> None:
    try:
        write_picture(folder, picture, facts)
    except OSError as error:
        raise UserError(
            f"the picture {folder / facts.file_name} cannot be written ({error.strerror or error}); name another "
            "store with --store."
        ) from error
