"""Multi-scale deformable attention (Zhu et al., ICLR 2021) in plain torch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from .gradients import gradients


def ms_deform_attn_forward(
    value: Tensor,
    spatial_shapes: Tensor,
    level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    im2col_step: int,
) -> Tensor:
    """Return (N, queries, heads * channels): for every query the weighted sum of samples around its reference points.

    Args:
        value: (N, cells of all levels, heads, channels).
        spatial_shapes: (levels, 2), height and width of each level.
        level_start_index: (levels,), first cell of each level; follows from the shapes.
        sampling_locations: (N, queries, heads, levels, points, 2), x and y in units of a level's width and height.
        attention_weights: (N, queries, heads, levels, points).
        im2col_step: Images per call of mmcv's kernel, without effect on the result.
    """
    return _attend(value, sampling_locations, attention_weights, spatial_shapes.tolist())


def ms_deform_attn_backward(
    value: Tensor,
    spatial_shapes: Tensor,
    level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    grad_output: Tensor,
    grad_value: Tensor,
    grad_sampling_loc: Tensor,
    grad_attn_weight: Tensor,
    im2col_step: int,
) -> None:
    """Fill the gradients of value, locations and weights; see ``ms_deform_attn_forward``."""
    shapes = spatial_shapes.tolist()

    def attend(value: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
        return _attend(value, locations, weights, shapes)

    found = gradients(attend, (value, sampling_locations, attention_weights), grad_output)
    for filled, gradient in zip((grad_value, grad_sampling_loc, grad_attn_weight), found, strict=True):
        filled.copy_(gradient)


def _attend(value: Tensor, locations: Tensor, weights: Tensor, shapes: list[list[int]]) -> Tensor:
    batch, _, heads, channels = value.shape
    queries = locations.shape[1]
    levels = value.split([height * width for height, width in shapes], dim=1)
    samples = []
    for index, (level, (height, width)) in enumerate(zip(levels, shapes, strict=True)):
        maps = level.permute(0, 2, 3, 1).reshape(batch * heads, channels, height, width)
        grid = 2 * locations[:, :, :, index].transpose(1, 2).flatten(0, 1) - 1
        samples.append(F.grid_sample(maps, grid, mode="bilinear", padding_mode="zeros", align_corners=False))
    shares = weights.transpose(1, 2).reshape(batch * heads, 1, queries, -1)
    mixed = (torch.cat(samples, dim=-1) * shares).sum(dim=-1)
    return mixed.view(batch, heads * channels, queries).transpose(1, 2).contiguous()


OPERATORS: tuple[Callable[..., object], ...] = (ms_deform_attn_forward, ms_deform_attn_backward)
