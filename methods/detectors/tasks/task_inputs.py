"""Bring images and targets of a task loss into the form that the losses take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from ....datasets.errors import UserError
from ..base import TaskTargets

MIN_SIDE = 1.0
"""Boxes with a shorter side teach nothing (pixels of the image); torchvision refuses those without area."""


def usable_targets(
    images: Tensor, targets: Sequence[TaskTargets], classes: int, device: torch.device
) -> list[TaskTargets]:
    """Return the targets on a device, without boxes that are thinner than ``MIN_SIDE`` or not finite.

    Args:
        images: float (B, 3, H, W).
        targets: One for each image.
        classes: Number of the detector's classes, label indices without a class included.
        device: Where the loss is computed.

    Raises:
        ValueError: Images and targets do not belong together, or a label or mask does not fit the classes.
    """
    if images.ndim != 4 or images.shape[1] != 3 or len(images) != len(targets):
        raise ValueError(
            f"images of shape {tuple(images.shape)} with {len(targets)} targets; wanted (B, 3, H, W) and B"
        )
    return [_usable(target, classes, device) for target in targets]


def _usable(target: TaskTargets, classes: int, device: torch.device) -> TaskTargets:
    boxes = target.boxes.to(device, torch.float32).reshape(-1, 4)
    labels = target.labels.to(device, torch.int64)
    if len(labels) != len(boxes) or bool(((labels < 0) | (labels >= classes)).any()):
        raise ValueError(f"{len(boxes)} boxes with labels {labels.tolist()}; wanted one each, from 0 to {classes - 1}")
    kept = ((boxes[:, 2:] - boxes[:, :2]) >= MIN_SIDE).all(dim=1) & boxes.isfinite().all(dim=1)
    return TaskTargets(boxes[kept], labels[kept], _mask(target.known, labels, classes, device))


def _mask(known: Tensor | None, labels: Tensor, classes: int, device: torch.device) -> Tensor | None:
    if known is None:
        return None
    if known.shape != (classes,) or known.dtype != torch.bool:
        raise ValueError(f"known is {known.dtype} {tuple(known.shape)}; wanted torch.bool ({classes},)")
    known = known.to(device)
    if not known[labels].all():
        raise ValueError("a box carries the label of a class that is not known; leave the box out or mark the class")
    return known


def known_mask(targets: Sequence[TaskTargets], classes: int, device: torch.device) -> Tensor:
    """Return which classes are labelled in which image, bool (B, classes)."""
    everything = torch.ones(classes, dtype=torch.bool, device=device)
    return torch.stack([everything if target.known is None else target.known for target in targets])


def refuse_partial_labels(targets: Sequence[TaskTargets], detector: str) -> None:
    """Stop where a loss without masks would punish unlabelled objects.

    Raises:
        UserError: Some classes of an image are not labelled.
    """
    if any(target.known is not None and not target.known.all() for target in targets):
        raise UserError(
            f"the training loss of {detector} cannot leave out classes, and these images are not labelled with all of "
            f"its classes; train through yolox-nano, mini, an SSD300, fcos or retinanet, or on images labelled in full."
        )


@contextmanager
def same_random_numbers(device: torch.device) -> Iterator[None]:
    """Draw the same random numbers each time, for losses of others that sample, and put the global state back."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(0)
        yield
