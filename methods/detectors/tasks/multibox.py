"""SSD's training loss (Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, section 2.2).

Equal to that of amdegroot/ssd.pytorch and of torchvision where all classes are labelled, and able to leave classes out.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import box_iou

from ..base import TaskTargets
from .task_inputs import known_mask

MIN_OVERLAP = 0.5
"""IoU from which on a default box answers for an object."""
NEGATIVES_PER_POSITIVE = 3
VARIANCES = (0.1, 0.2)
"""Scales of the code of a box's centre and of its size."""
_BACKGROUND = 0


def multibox_loss(logits: Tensor, codes: Tensor, anchors: Tensor, targets: Sequence[TaskTargets]) -> dict[str, Tensor]:
    """Return smooth L1 on the matched boxes' codes and cross entropy on them and on the hardest negatives.

    Both are sums over the batch divided by the number of matched default boxes, at least 1. An image without boxes
    adds nothing: negatives are three for each matched box of the same image.

    Where not all classes are labelled (``known``), the softmax runs over background and the labelled ones, and a
    default box without an object is a negative only if its best class is a labelled one: what the detector takes for
    an object of an unlabelled class may be just that.

    Args:
        logits: float (B, A, classes), background first.
        codes: float (B, A, 4), predicted codes of centre and size relative to the default boxes.
        anchors: float (A, 4), default boxes, x1 y1 x2 y2.
        targets: One for each image, boxes in the frame of ``anchors``.
    """
    logits, codes = logits.float(), codes.float()
    matches = torch.stack([match(target.boxes, anchors) for target in targets])
    known = known_mask(targets, logits.shape[-1], logits.device)
    positive = matches >= 0
    count = positive.sum().clamp(min=1)
    return {
        "bbox_regression": _box_loss(codes, anchors, matches, targets) / count,
        "classification": _class_loss(logits, _wanted_classes(matches, targets), known) / count,
    }


def match(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Return for each default box the index of the object it answers for, or -1: int64 (A,).

    It answers for the object it overlaps most, from ``MIN_OVERLAP`` on; each object has at least its best default box,
    and of two objects with the same best one the later takes it.
    """
    if not len(boxes):
        return torch.full((len(anchors),), -1, dtype=torch.int64, device=anchors.device)
    overlaps = box_iou(boxes, anchors)
    best, objects = overlaps.max(dim=0)
    objects[best < MIN_OVERLAP] = -1
    for index, anchor in enumerate(overlaps.argmax(dim=1).tolist()):
        objects[anchor] = index
    return objects


def encode(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Return the codes (N, 4) of boxes relative to the default boxes of the same rows."""
    centre, size = _centre_and_size(boxes)
    anchor_centre, anchor_size = _centre_and_size(anchors)
    offset = (centre - anchor_centre) / (VARIANCES[0] * anchor_size)
    return torch.cat([offset, torch.log(size / anchor_size) / VARIANCES[1]], dim=1)


def _centre_and_size(boxes: Tensor) -> tuple[Tensor, Tensor]:
    return (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]


def _box_loss(codes: Tensor, anchors: Tensor, matches: Tensor, targets: Sequence[TaskTargets]) -> Tensor:
    wanted = [
        encode(target.boxes[row[row >= 0]], anchors[row >= 0]) for target, row in zip(targets, matches, strict=True)
    ]
    return F.smooth_l1_loss(codes[matches >= 0], torch.cat(wanted), reduction="sum")


def _wanted_classes(matches: Tensor, targets: Sequence[TaskTargets]) -> Tensor:
    """Return each default box's class, background without an object: int64 (B, A)."""
    wanted = torch.full_like(matches, _BACKGROUND)
    for image, (target, row) in enumerate(zip(targets, matches, strict=True)):
        wanted[image, row >= 0] = target.labels[row[row >= 0]]
    return wanted


def _class_loss(logits: Tensor, wanted: Tensor, known: Tensor) -> Tensor:
    speaks_for = logits.detach()[..., _BACKGROUND + 1 :].argmax(dim=-1) + _BACKGROUND + 1
    counts = known.gather(1, speaks_for)
    takes_part = known.clone()
    takes_part[:, _BACKGROUND] = True
    masked = logits.masked_fill(~takes_part[:, None], -torch.inf)
    losses = F.cross_entropy(masked.flatten(0, 1), wanted.flatten(), reduction="none").view_as(wanted)
    positive = wanted != _BACKGROUND
    return losses[positive | _hardest(losses.detach(), positive, counts)].sum()


def _hardest(losses: Tensor, positive: Tensor, counts: Tensor) -> Tensor:
    """Return the negatives of the largest loss, ``NEGATIVES_PER_POSITIVE`` for each positive of an image: bool."""
    candidates = losses.masked_fill(positive | ~counts, -torch.inf)
    ranks = candidates.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    wanted = NEGATIVES_PER_POSITIVE * positive.sum(dim=1, keepdim=True)
    return (ranks < wanted) & candidates.isfinite()
