"""Non-maximum suppression: greedy, soft, and with the groups of suppressed boxes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torchvision.ops import nms as torchvision_nms

NAIVE, LINEAR, GAUSSIAN = 0, 1, 2
"""mmcv's numbers of the ways in which soft suppression lowers scores."""


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Return the indices of kept boxes, best score first.

    A box goes where its IoU with a better kept one is above the threshold.

    Args:
        boxes: (N, 4) x1 y1 x2 y2.
        scores: (N,).
        iou_threshold: In [0, 1].
        offset: Added to widths and heights: 0 for continuous coordinates, 1 for inclusive pixel indices.
    """
    # torchvision knows no offset, but a box whose far corner lies one further has just these widths and overlaps.
    far = boxes.new_tensor([0, 0, offset, offset])
    return torchvision_nms((boxes + far).float(), scores.float(), iou_threshold)


def softnms(
    boxes: Tensor,
    scores: Tensor,
    dets: Tensor,
    iou_threshold: float,
    sigma: float,
    min_score: float,
    method: int,
    offset: int,
) -> Tensor:
    """Soft suppression (Bodla et al., ICCV 2017): overlapping boxes lose score in place of going.

    Args:
        boxes: (N, 4) x1 y1 x2 y2.
        scores: (N,).
        dets: (N, 5), filled: the first K rows become the boxes and lowered scores in order of selection.
        iou_threshold: Least IoU at which ``NAIVE`` and ``LINEAR`` act.
        sigma: Width of ``GAUSSIAN``.
        min_score: Boxes that fall below it go; the best box of all stays in any case, as in mmcv.
        method: ``NAIVE`` sets overlapping scores to 0, ``LINEAR`` multiplies them with 1 - IoU, ``GAUSSIAN`` all with
            exp(-IoU^2 / sigma).
        offset: As in ``nms``.

    Returns:
        int64 (K,), indices of the boxes in order of selection; of equal scores the first box wins.
    """
    left, lowered = torch.arange(len(boxes), device=boxes.device), scores.clone()
    chosen: list[Tensor] = []
    while len(left):
        place = lowered[left].argmax()
        best = left[place]
        dets[len(chosen)] = torch.cat([boxes[best], lowered[best, None]])
        chosen.append(best)
        left = torch.cat([left[:place], left[place + 1 :]])
        lowered[left] *= _weights(_iou(boxes[best], boxes[left], offset), iou_threshold, sigma, method)
        left = left[lowered[left] >= min_score]
    return torch.stack(chosen) if chosen else left


def nms_match(dets: Tensor, iou_threshold: float) -> list[list[int]]:
    """Return groups of indices: a kept box, then those that it suppressed, best score first (Cao et al., CVPR 2020).

    Args:
        dets: (N, 5) x1 y1 x2 y2 score.
        iou_threshold: Least IoU at which a box is suppressed.
    """
    left = dets[:, 4].argsort(descending=True, stable=True)
    groups = []
    while len(left):
        best, others = left[0], left[1:]
        suppressed = _iou(dets[best, :4], dets[others, :4], 0) >= iou_threshold
        groups.append([int(best), *others[suppressed].tolist()])
        left = others[~suppressed]
    return groups


def _iou(box: Tensor, boxes: Tensor, offset: int) -> Tensor:
    """Return the IoU of one box (4,) with (N, 4) boxes."""
    overlap = (torch.minimum(box[2:], boxes[:, 2:]) - torch.maximum(box[:2], boxes[:, :2]) + offset).clamp(min=0)
    inter = overlap.prod(dim=1)
    areas = (boxes[:, 2:] - boxes[:, :2] + offset).prod(dim=1)
    return inter / ((box[2:] - box[:2] + offset).prod() + areas - inter)


def _weights(iou: Tensor, iou_threshold: float, sigma: float, method: int) -> Tensor:
    """Return the factors by which scores are lowered."""
    if method == GAUSSIAN:
        return torch.exp(-iou.square() / sigma)
    lowered = 1 - iou if method == LINEAR else torch.zeros_like(iou)
    return torch.where(iou >= iou_threshold, lowered, torch.ones_like(iou))


OPERATORS: tuple[Callable[..., object], ...] = (nms, softnms, nms_match)
