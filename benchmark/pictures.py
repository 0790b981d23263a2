"""Pictures of what a method looks at, made from a plan's cell and kept beside the store's cells."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..datasets.errors import UserError
from ..datasets.prepare.preview import spread
from ..methods.base import Method
from ..methods.catalog import method_cards, method_registry
from ..results.pictures import PictureFacts, write_picture
from .attention import Attention, attention
from .crux_picture import crux_picture
from .determinism import prepare_process, seed_everything, single_thread
from .plan import Group, Job

if TYPE_CHECKING:
    from ..datasets.dataset import Dataset
    from ..datasets.types import Sample

CRUX = "crux"
_ROUNDING = 1e-4
"""By which a mask may leave [0, 1]; what it does is cut off."""


class NoMaskError(UserError):
    """A method has no mask to show."""


@dataclass(frozen=True)
class Shown:
    """A picture that was made.

    Attributes:
        image_id: Of which image.
        path: Its file.
        attention: How much of the mask lies on objects.
    """

    image_id: str
    path: Path
    attention: Attention


def refuse_maskless(name: str) -> None:
    """Refuse a method that has no mask, before anything is computed; unknown names are left to the plan.

    Raises:
        NoMaskError: It has none; those that have one are named.
    """
    if name in method_registry() and name not in _masked_methods():
        raise NoMaskError(_no_mask(name))


def choose_images(dataset: Dataset, ids: Sequence[str], count: int) -> list[int]:
    """Return the positions of images by their ids, or of so many that are spread over the dataset.

    Raises:
        UserError: The dataset has no image of an id.
    """
    if not ids:
        return spread(len(dataset), count)
    places = {record.image_id: record.index for record in dataset.records}
    unknown = [name for name in ids if name not in places]
    if unknown:
        close = difflib.get_close_matches(unknown[0], places, n=1) or list(places)[:1]
        raise UserError(
            f"--image {unknown[0]}: {dataset.spec.name} {dataset.split} has no image of this id among its "
            f"{len(places)}; it has such as {', '.join(close)}."
        )
    return [places[name] for name in dict.fromkeys(ids)]


def show_crux(
    group: Group, indices: Sequence[int], folder: Path, device: str, on_image: Callable[[], None] = lambda: None
) -> list[Shown]:
    """Write the pictures of a method's masks on images of the group's first dataset.

    Args:
        group: A method and a cell, as planned.
        indices: Positions of the images.
        folder: Where the pictures go, each whole or not at all.
        device: torch device string.
        on_image: Called after every image.

    Raises:
        UserError: The method has no mask, or breaks the contract of ``Method.focus``; weights or an image cannot be
            read; the folder cannot be written.
    """
    shown = []
    with ready_method(group, device) as method:
        for index in indices:
            shown.append(show_one(method, group.jobs[0], index, folder))
            on_image()
    return shown


@contextmanager
def ready_method(group: Group, device: str) -> Iterator[Method]:
    """Yield a group's method with its weights loaded; it is torn down at the end, also after a failure.

    Raises:
        UserError: Weights are missing or broken.
    """
    prepare_process()
    method = group.method(group.settings)
    try:
        method.setup(device, group.weights)
        yield method
    finally:
        method.teardown()


def show_one(method: Method, job: Job, index: int, folder: Path) -> Shown:
    """Write the picture of a method's mask on one image.

    Args:
        method: Set up.
        job: Its cell.
        index: Position of the image.
        folder: Where the picture goes, whole or not at all.

    Raises:
        NoMaskError: The method has no mask.
        UserError: As ``show_crux``.
    """
    with single_thread():
        sample = job.dataset.sample(index, clean=method.card.needs_clean)
    mask = _mask(method, sample)
    found = attention(mask, job.dataset.boxes[index].xyxy)
    facts = _facts(job, sample, found)
    pixels = np.ascontiguousarray(sample.image.numpy().transpose(1, 2, 0))
    picture = crux_picture(pixels, mask, f"{_where(job)}, image {' '.join(sample.record.image_id.split())}")
    try:
        return Shown(sample.record.image_id, write_picture(folder, picture, facts), found)
    except OSError as error:
        raise UserError(
            f"the picture {folder / facts.file_name} cannot be written ({error.strerror or error}); name another "
            "folder with --out."
        ) from error


def _mask(method: Method, sample: Sample) -> NDArray[np.float32]:
    """Return a method's mask of an image, float32 (h, w) in [0, 1].

    Raises:
        NoMaskError: There is none.
        UserError: It breaks the contract.
    """
    import torch

    seed_everything("focus", sample.record.seed)
    with torch.no_grad():
        focus = method.focus(sample)
    if focus is None:
        raise NoMaskError(_no_mask(method.card.name))
    mask = focus.detach().float().cpu().numpy()
    if mask.shape != sample.record.size or not ((mask >= -_ROUNDING) & (mask <= 1 + _ROUNDING)).all():
        raise UserError(
            f"{method.card.name}.focus, image {sample.record.image_id}: expected {sample.record.size} values in "
            f"[0, 1], got {mask.shape} from {mask.min():g} to {mask.max():g}; mend the method."
        )
    return mask.clip(0, 1)


def _facts(job: Job, sample: Sample, found: Attention) -> PictureFacts:
    """Return what the picture says of itself."""
    told = f"The mask is {found.mean:.2f} on average"
    if not math.isnan(found.ratio):
        told += f"; {found.inside:.1%} of it lies in the boxes, which take {found.area:.1%} of the area"
    image_id = sample.record.image_id
    return PictureFacts(
        kind=CRUX,
        image_id=image_id,
        index=sample.record.index,
        alt=f"Degraded image, soft mask and crux of {_where(job)}, image {image_id}, side by side.",
        caption=f"Image {image_id}: degraded, mask, and the two multiplied. {told}.",
    )


def _where(job: Job) -> str:
    return f"{job.title} {job.cell.split}"


def _masked_methods() -> list[str]:
    """Return the names of the methods that have a mask."""
    return [name for name in method_cards() if _has_mask(name)]


def _has_mask(name: str) -> bool:
    return method_registry().get(name).focus is not Method.focus


def _no_mask(name: str) -> str:
    return f"the method {name!r} has no mask to show; methods that have one are {', '.join(_masked_methods())}."
