"""RoIAlign (He et al., ICCV 2017), averaging through torchvision's kernels and taking maxima in torch."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .gradients import gradients

MAX = 0
"""mmcv's number of the pooling mode that takes maxima; any other averages."""
NOWHERE = -2.0
"""A coordinate outside every feature map; samples there are 0 and pass no gradient."""


def roi_align_forward(
    features: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Fill ``output`` (K, C, h, w) from features (N, C, H, W) and rois (K, 5: batch index, x1 y1 x2 y2 in pixels).

    With ``MAX``, argmax_y and argmax_x (K, C, h, w) are filled with the places of the maxima in feature cells.
    """
    size = (aligned_height, aligned_width)
    if pool_mode == MAX:
        _max_forward(features, rois, output, (argmax_y, argmax_x), size, spatial_scale, sampling_ratio, aligned)
        return
    operator = torch.ops.torchvision.roi_align
    output.copy_(operator(features, rois.to(features), spatial_scale, *size, sampling_ratio, aligned))


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Add to ``grad_input`` (N, C, H, W) what ``grad_output`` (K, C, h, w) means for the features."""
    if pool_mode == MAX:
        _max_backward(grad_output, rois, (argmax_y, argmax_x), grad_input)
        return
    size = (aligned_height, aligned_width)
    operator = torch.ops.torchvision._roi_align_backward
    rois = rois.to(grad_output)
    grad_input += operator(grad_output, rois, spatial_scale, *size, *grad_input.shape, sampling_ratio, aligned)


def _max_forward(
    features: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax: tuple[Tensor, Tensor],
    size: tuple[int, int],
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
) -> None:
    channels = features.shape[1]
    for k, (batch, *corners) in enumerate(rois.tolist()):
        x1, y1, x2, y2 = (corner * spatial_scale - (0.5 if aligned else 0.0) for corner in corners)
        ys = _sample_places(y1, y2, size[0], sampling_ratio, aligned, features)
        xs = _sample_places(x1, x2, size[1], sampling_ratio, aligned, features)
        if not ys.numel() or not xs.numel():  # a region without extent holds nothing
            argmax[0][k] = argmax[1][k] = NOWHERE
            continue
        # (h, w, samples of a bin)
        y, x = (grid.flatten(2) for grid in torch.broadcast_tensors(ys[:, None, :, None], xs[None, :, None, :]))
        points = y.reshape(1, -1).expand(channels, -1), x.reshape(1, -1).expand(channels, -1)
        values, where = bilinear(features[int(batch)], *points).view(channels, *y.shape).max(dim=-1)
        output[k] = values
        for filled, places in zip(argmax, (y, x), strict=True):
            filled[k] = places.expand(channels, -1, -1, -1).gather(-1, where[..., None])[..., 0]


def _sample_places(start: float, stop: float, bins: int, sampling_ratio: int, aligned: bool, like: Tensor) -> Tensor:
    """Return the sample coordinates along one axis: (bins, samples per bin)."""
    extent = stop - start if aligned else max(stop - start, 1.0)
    samples = sampling_ratio if sampling_ratio > 0 else max(0, math.ceil(extent / bins))
    steps = torch.arange(bins * samples, device=like.device, dtype=like.dtype) + 0.5
    return (start + steps * (extent / max(1, bins * samples))).view(bins, samples)


def _max_backward(grad_output: Tensor, rois: Tensor, argmax: tuple[Tensor, Tensor], grad_input: Tensor) -> None:
    for k, batch in enumerate(rois[:, 0].long().tolist()):
        y, x = (places[k].flatten(1) for places in argmax)
        # A sample is linear in the features, so its gradient does not depend on their values.
        features = torch.zeros_like(grad_input[batch])
        (grad,) = gradients(lambda maps, y=y, x=x: bilinear(maps, y, x), [features], grad_output[k].flatten(1))
        grad_input[batch] += grad


def bilinear(maps: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Sample maps between their cells.

    Args:
        maps: (C, H, W).
        y: (C, P) row coordinates; 0 is the centre of the first row.
        x: (C, P) column coordinates.

    Returns:
        (C, P). Up to one cell outside, the border continues; further out there are zeros (RoIAlign's rule).
    """
    height, width = maps.shape[-2:]
    inside = (y >= -1) & (y <= height) & (x >= -1) & (x <= width)
    y, x = y.clamp(0, height - 1), x.clamp(0, width - 1)
    top, left = y.floor(), x.floor()
    down, right = y - top, x - left
    cells = maps.flatten(1)

    def corner(rows: Tensor, columns: Tensor) -> Tensor:
        # Half precision cannot count the cells of a large map.
        return cells.gather(1, rows.clamp(max=height - 1).long() * width + columns.clamp(max=width - 1).long())

    upper = corner(top, left) * (1 - right) + corner(top, left + 1) * right
    lower = corner(top + 1, left) * (1 - right) + corner(top + 1, left + 1) * right
    return (upper * (1 - down) + lower * down) * inside


OPERATORS: tuple[Callable[..., object], ...] = (roi_align_forward, roi_align_backward)
