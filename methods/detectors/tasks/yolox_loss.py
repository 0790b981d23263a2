"""YOLOX's training loss (Ge et al., arXiv 2107.08430), computed from raw predictions.

The L1 term of YOLOX's last fifteen epochs, in which it trains without mosaics, is not part of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ..base import TaskTargets
from ..yolox_net import decode_boxes, grid
from .sim_ota import Assignment, assign
from .task_inputs import known_mask

BOX_WEIGHT = 5.0
"""Weight of the boxes' loss against the others."""
_EPS = 1e-6


class _Raw(NamedTuple):
    """Predictions of a batch: boxes (B, cells, 4), logits of objectness (B, cells) and classes (B, cells, classes)."""

    boxes: Tensor
    objectness: Tensor
    classes: Tensor


def yolox_loss(raw: Tensor, targets: Sequence[TaskTargets], size: tuple[int, int]) -> dict[str, Tensor]:
    """Return the losses of boxes (1 - IoU squared, times 5), objectness and classes (binary cross entropy).

    Each is a sum over the batch, divided by the number of cells that answer for an object, at least 1. Objectness
    counts in every cell; boxes and classes only in cells that answer for an object, where the wanted class score is
    the predicted box's IoU at this moment, a constant for the gradient.

    Where not all classes are labelled (``known``), nothing is asked of the scores of the unlabelled ones, and a cell
    that answers for no object counts as background only if its highest class score is a labelled one's: what the
    detector takes for an object of an unlabelled class may be just that. The assignment of cells heeds all classes, so
    that a labelled object is not sought in cells that speak for something else.

    Args:
        raw: float (B, cells, 5 + classes), as ``YoloxNanoNet.logits`` returns it for an input of ``size``.
        targets: One for each image, boxes in pixels of the network's input.
        size: (H, W) of the network's input, pixels.
    """
    found = _Raw(decode_boxes(raw, size), raw[..., 4], raw[..., 5:])
    indices, strides = grid(size, raw.device)
    cells = torch.cat([(indices + 0.5) * strides, strides], dim=1)
    assignments = [_assign(found, image, target, cells) for image, target in enumerate(targets)]
    known = known_mask(targets, found.classes.shape[-1], raw.device)
    positives = max(1, sum(len(assignment.cells) for assignment in assignments))
    return {
        "box": BOX_WEIGHT * _box_loss(found, targets, assignments) / positives,
        "objectness": _objectness_loss(found, assignments, known) / positives,
        "class": _class_loss(found, targets, assignments, known) / positives,
    }


@torch.no_grad()
def _assign(found: _Raw, image: int, target: TaskTargets, cells: Tensor) -> Assignment:
    scores = (found.classes[image].sigmoid() * found.objectness[image].sigmoid()[:, None]).sqrt()
    return assign(found.boxes[image], scores, cells, target.boxes, target.labels)


def _box_loss(found: _Raw, targets: Sequence[TaskTargets], assignments: list[Assignment]) -> Tensor:
    predicted = torch.cat([found.boxes[image, a.cells] for image, a in enumerate(assignments)])
    wanted = torch.cat([t.boxes[a.objects] for t, a in zip(targets, assignments, strict=True)])
    return (1 - _aligned_iou(predicted, wanted) ** 2).sum()


def _objectness_loss(found: _Raw, assignments: list[Assignment], known: Tensor) -> Tensor:
    wanted = torch.zeros_like(found.objectness)
    counts = known.gather(1, found.classes.detach().argmax(dim=-1))
    for image, assignment in enumerate(assignments):
        wanted[image, assignment.cells] = 1.0
        counts[image, assignment.cells] = True
    losses = F.binary_cross_entropy_with_logits(found.objectness, wanted, reduction="none")
    return torch.where(counts, losses, 0.0).sum()


def _class_loss(found: _Raw, targets: Sequence[TaskTargets], assignments: list[Assignment], known: Tensor) -> Tensor:
    total = found.classes.sum() * 0.0
    for image, (target, assignment) in enumerate(zip(targets, assignments, strict=True)):
        logits = found.classes[image, assignment.cells]
        wanted = F.one_hot(target.labels[assignment.objects], logits.shape[-1]) * assignment.overlaps[:, None]
        total = total + F.binary_cross_entropy_with_logits(logits, wanted, known[image].float(), reduction="sum")
    return total


def _aligned_iou(first: Tensor, second: Tensor) -> Tensor:
    """Return the IoU of each box with the box of the same row, (N,)."""
    overlap = torch.minimum(first[:, 2:], second[:, 2:]) - torch.maximum(first[:, :2], second[:, :2])
    shared = overlap.clamp(min=0).prod(dim=1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(dim=1) for boxes in (first, second)]
    return shared / (areas[0] + areas[1] - shared).clamp(min=_EPS)
