"""Deformable convolution, plain (Dai et al., ICCV 2017) and modulated (Zhu et al., CVPR 2019), through torchvision.

The layout of offsets is the same in mmcv and torchvision: for each kernel cell the row offset, then the column offset.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Geometry(NamedTuple):
    """The integers of a deformable convolution, in torchvision's order."""

    stride_h: int
    stride_w: int
    pad_h: int
    pad_w: int
    dilation_h: int
    dilation_w: int
    groups: int
    offset_groups: int


def deform_conv_forward(
    features: Tensor,
    weight: Tensor,
    offset: Tensor,
    output: Tensor,
    columns: Tensor,
    ones: Tensor,
    kW: int,
    kH: int,
    dW: int,
    dH: int,
    padW: int,
    padH: int,
    dilationW: int,
    dilationH: int,
    group: int,
    deformable_group: int,
    im2col_step: int,
) -> None:
    """Fill ``output`` (N, out, h, w) from features (N, in, H, W), weight and offset (N, 2 * groups * kH * kW, h, w)."""
    geometry = Geometry(dH, dW, padH, padW, dilationH, dilationW, group, deformable_group)
    output.copy_(_convolve(features, weight, offset, None, None, geometry))


def deform_conv_backward_input(
    features: Tensor,
    offset: Tensor,
    grad_output: Tensor,
    grad_input: Tensor,
    grad_offset: Tensor,
    weight: Tensor,
    columns: Tensor,
    kW: int,
    kH: int,
    dW: int,
    dH: int,
    padW: int,
    padH: int,
    dilationW: int,
    dilationH: int,
    group: int,
    deformable_group: int,
    im2col_step: int,
) -> None:
    """Fill the gradients of features and offset."""
    geometry = Geometry(dH, dW, padH, padW, dilationH, dilationW, group, deformable_group)
    grads = _backward(grad_output, features, weight, offset, None, None, geometry)
    grad_input.copy_(grads.features)
    grad_offset.copy_(grads.offset)


def deform_conv_backward_parameters(
    features: Tensor,
    offset: Tensor,
    grad_output: Tensor,
    grad_weight: Tensor,
    columns: Tensor,
    ones: Tensor,
    kW: int,
    kH: int,
    dW: int,
    dH: int,
    padW: int,
    padH: int,
    dilationW: int,
    dilationH: int,
    group: int,
    deformable_group: int,
    scale: float,
    im2col_step: int,
) -> None:
    """Add ``scale`` times the weight's gradient to ``grad_weight``."""
    geometry = Geometry(dH, dW, padH, padW, dilationH, dilationW, group, deformable_group)
    # Only the weight's shape matters for its own gradient.
    grad_weight += scale * _backward(grad_output, features, grad_weight, offset, None, None, geometry).weight


def modulated_deform_conv_forward(
    features: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    output: Tensor,
    columns: Tensor,
    kernel_h: int,
    kernel_w: int,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    group: int,
    deformable_group: int,
    with_bias: bool,
) -> None:
    """Fill ``output`` (N, out, h, w); ``mask`` (N, groups * kh * kw, h, w) multiplies every sample."""
    geometry = Geometry(stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, group, deformable_group)
    output.copy_(_convolve(features, weight, offset, mask, bias if with_bias else None, geometry))


def modulated_deform_conv_backward(
    features: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    columns: Tensor,
    grad_input: Tensor,
    grad_weight: Tensor,
    grad_bias: Tensor,
    grad_offset: Tensor,
    grad_mask: Tensor,
    grad_output: Tensor,
    kernel_h: int,
    kernel_w: int,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    group: int,
    deformable_group: int,
    with_bias: bool,
) -> None:
    """Fill the gradients of features, weight, offset, mask and, ``with_bias``, bias."""
    geometry = Geometry(stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, group, deformable_group)
    grads = _backward(grad_output, features, weight, offset, mask, bias if with_bias else None, geometry)
    grad_input.copy_(grads.features)
    grad_weight.copy_(grads.weight)
    grad_offset.copy_(grads.offset)
    grad_mask.copy_(grads.mask)
    if with_bias:
        grad_bias.copy_(grads.bias)


class _Gradients(NamedTuple):
    """What torchvision's backward pass returns, in its order."""

    features: Tensor
    weight: Tensor
    offset: Tensor
    mask: Tensor
    bias: Tensor


def _convolve(
    features: Tensor, weight: Tensor, offset: Tensor, mask: Tensor | None, bias: Tensor | None, geometry: Geometry
) -> Tensor:
    given = _with_stand_ins(features, weight, mask, bias)
    return torch.ops.torchvision.deform_conv2d(features, weight, offset, *given, *geometry, mask is not None)


def _backward(
    grad_output: Tensor,
    features: Tensor,
    weight: Tensor,
    offset: Tensor,
    mask: Tensor | None,
    bias: Tensor | None,
    geometry: Geometry,
) -> _Gradients:
    given = _with_stand_ins(features, weight, mask, bias)
    operator = torch.ops.torchvision._deform_conv2d_backward
    return _Gradients(*operator(grad_output, features, weight, offset, *given, *geometry, mask is not None))


def _with_stand_ins(
    features: Tensor, weight: Tensor, mask: Tensor | None, bias: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return mask and bias; torchvision takes a tensor for each also where there is none."""
    return (
        features.new_zeros(features.shape[0], 1) if mask is None else mask,
        weight.new_zeros(weight.shape[0]) if bias is None else bias,
    )


OPERATORS: tuple[Callable[..., object], ...] = (
    deform_conv_forward,
    deform_conv_backward_input,
    deform_conv_backward_parameters,
    modulated_deform_conv_forward,
    modulated_deform_conv_backward,
)
