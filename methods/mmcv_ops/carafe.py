"""CARAFE up-sampling (Wang et al., ICCV 2019): every output cell is its own weighted sum of a window of input cells."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from .gradients import gradients


def carafe_forward(
    features: Tensor,
    masks: Tensor,
    rfeatures: Tensor,
    routput: Tensor,
    rmasks: Tensor,
    output: Tensor,
    kernel_size: int,
    group_size: int,
    scale_factor: int,
) -> None:
    """Fill ``output`` (N, C, s * H, s * W).

    Args:
        features: (N, C, H, W).
        masks: (N, group_size * kernel_size^2, s * H, s * W), the weights of every output cell's window.
        rfeatures: (N, C, H, W), filled with the features: all that mmcv hands to the backward pass.
        routput: Scratch of mmcv's kernel.
        rmasks: Scratch of mmcv's kernel.
        output: Filled.
        kernel_size: Side of the window, odd.
        group_size: Number of channel groups that share weights.
        scale_factor: Output cells per input cell along each axis, s.
    """
    rfeatures.copy_(features)
    output.copy_(_reassemble(features, masks, kernel_size, group_size, scale_factor))


def carafe_backward(
    grad_output: Tensor,
    rfeatures: Tensor,
    masks: Tensor,
    rgrad_output: Tensor,
    rgrad_input_hs: Tensor,
    rgrad_input: Tensor,
    rgrad_masks: Tensor,
    grad_input: Tensor,
    grad_masks: Tensor,
    kernel_size: int,
    group_size: int,
    scale_factor: int,
) -> None:
    """Fill the gradients of features and masks; see ``carafe_forward``."""
    carafe_naive_backward(grad_output, rfeatures, masks, grad_input, grad_masks, kernel_size, group_size, scale_factor)


def carafe_naive_forward(
    features: Tensor, masks: Tensor, output: Tensor, kernel_size: int, group_size: int, scale_factor: int
) -> None:
    """Fill ``output`` like ``carafe_forward``."""
    output.copy_(_reassemble(features, masks, kernel_size, group_size, scale_factor))


def carafe_naive_backward(
    grad_output: Tensor,
    features: Tensor,
    masks: Tensor,
    grad_input: Tensor,
    grad_masks: Tensor,
    kernel_size: int,
    group_size: int,
    scale_factor: int,
) -> None:
    """Fill the gradients of features and masks."""

    def reassemble(features: Tensor, masks: Tensor) -> Tensor:
        return _reassemble(features, masks, kernel_size, group_size, scale_factor)

    for filled, gradient in zip(
        (grad_input, grad_masks), gradients(reassemble, (features, masks), grad_output), strict=True
    ):
        filled.copy_(gradient)


def _reassemble(features: Tensor, masks: Tensor, kernel: int, groups: int, scale: int) -> Tensor:
    batch, channels, height, width = features.shape
    windows = F.unfold(features, kernel, padding=kernel // 2)
    windows = windows.view(batch, groups, channels // groups, kernel**2, height, width)
    weights = masks.view(batch, groups, kernel**2, height, scale, width, scale)
    return torch.einsum("ngckhw,ngkhiwj->ngchiwj", windows, weights).reshape(
        batch, channels, height * scale, width * scale
    )


OPERATORS: tuple[Callable[..., object], ...] = (
    carafe_forward,
    carafe_backward,
    carafe_naive_forward,
    carafe_naive_backward,
)
