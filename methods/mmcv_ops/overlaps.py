"""Overlaps of boxes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

IOU = 0
"""mmcv's number of the mode that divides by the union; the other divides by the first box's area."""


def bbox_overlaps(boxes1: Tensor, boxes2: Tensor, ious: Tensor, mode: int, aligned: bool, offset: int) -> None:
    """Fill ``ious`` (M, N), or (M,) where box i meets box i only (``aligned``).

    Args:
        boxes1: (M, 4) x1 y1 x2 y2.
        boxes2: (N, 4).
        ious: Filled.
        mode: ``IOU``, or 1 for the share of the first box.
        aligned: Whether boxes meet pairwise.
        offset: Added to widths and heights, 0 or 1; the divisor is at least as large.
    """
    first, second = (boxes1, boxes2) if aligned else (boxes1[:, None], boxes2[None])
    sides = torch.minimum(first[..., 2:], second[..., 2:]) - torch.maximum(first[..., :2], second[..., :2]) + offset
    inter = sides.clamp(min=0).prod(dim=-1)
    area1, area2 = ((box[..., 2:] - box[..., :2] + offset).prod(dim=-1) for box in (first, second))
    divisor = area1 + area2 - inter if mode == IOU else area1
    ious.copy_(inter / divisor.clamp(min=offset))


OPERATORS: tuple[Callable[..., object], ...] = (bbox_overlaps,)
