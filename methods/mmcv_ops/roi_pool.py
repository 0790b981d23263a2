"""RoI max pooling as mmcv computes it: the region's corners are not rounded, its bins are (Girshick, ICCV 2015)."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

NOTHING = -1
"""Stands in ``argmax`` for bins without a cell."""


def roi_pool_forward(
    features: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax: Tensor,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
) -> None:
    """Fill ``output`` (K, C, h, w) and ``argmax`` from features (N, C, H, W) and rois (K, 5: batch index, x1 y1 x2 y2).

    Corners are inclusive pixel indices. ``argmax`` holds the maximum's cell, counted row by row, of equal ones the
    first. Empty bins give 0 and pass no gradient, also those of a region without extent, whose gradient mmcv's kernel
    leads to cell 0.
    """
    height, width = features.shape[-2:]
    output.zero_()
    argmax.fill_(NOTHING)
    for k, (batch, x1, y1, x2, y2) in enumerate(rois.tolist()):
        rows = _bins(y1 * spatial_scale, (y2 + 1) * spatial_scale, pooled_height, height)
        columns = _bins(x1 * spatial_scale, (x2 + 1) * spatial_scale, pooled_width, width)
        for j, (left, right) in enumerate(columns):
            if left >= right:
                continue
            # The best column of every row first, then the best of these rows for every bin.
            best, place = features[int(batch), :, :, left:right].max(dim=2)
            cells = place + left + width * torch.arange(height, device=features.device)
            for i, (top, bottom) in enumerate(rows):
                if top < bottom:
                    value, row = best[:, top:bottom].max(dim=1, keepdim=True)
                    output[k, :, i, j] = value[:, 0]
                    argmax[k, :, i, j] = cells[:, top:bottom].gather(1, row)[:, 0].to(argmax.dtype)


def roi_pool_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax: Tensor,
    grad_input: Tensor,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
) -> None:
    """Add the gradient of every bin (K, C, h, w) to its maximum's cell in ``grad_input`` (N, C, H, W)."""
    cells = grad_input.view(*grad_input.shape[:2], -1)
    for k, batch in enumerate(rois[:, 0].long().tolist()):
        places = argmax[k].flatten(1).long()
        passed = grad_output[k].flatten(1) * (places != NOTHING)
        cells[batch].scatter_add_(1, places.clamp(min=0), passed)


def _bins(start: float, stop: float, bins: int, length: int) -> list[tuple[int, int]]:
    """Return first and one past the last cell of each bin along one axis; empty bins where there is no extent."""
    extent = stop - start
    if extent <= 0:
        return [(0, 0)] * bins
    edges = ((math.floor(start + b * extent / bins), math.ceil(start + (b + 1) * extent / bins)) for b in range(bins))
    return [(min(max(first, 0), length), min(max(last, 0), length)) for first, last in edges]


OPERATORS: tuple[Callable[..., object], ...] = (roi_pool_forward, roi_pool_backward)
