"""Deformable convolutions against their formula, written out sample by sample, and their gradients."""

from __future__ import annotations

import math
from types import ModuleType

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

STRIDE, PADDING, DILATION, GROUPS, OFFSET_GROUPS = (2, 1), (1, 2), (1, 2), 2, 2
KERNEL = (3, 2)
CHANNELS, OUTPUTS, BATCH, HEIGHT, WIDTH = 4, 4, 2, 6, 5


def output_size() -> tuple[int, int]:
    return (
        (HEIGHT + 2 * PADDING[0] - DILATION[0] * (KERNEL[0] - 1) - 1) // STRIDE[0] + 1,
        (WIDTH + 2 * PADDING[1] - DILATION[1] * (KERNEL[1] - 1) - 1) // STRIDE[1] + 1,
    )


def inputs(draw) -> dict[str, Tensor]:
    cells, size = OFFSET_GROUPS * KERNEL[0] * KERNEL[1], output_size()
    return {
        "features": draw(BATCH, CHANNELS, HEIGHT, WIDTH),
        "offset": draw(BATCH, 2 * cells, *size, low=-1.7, high=1.7),
        "mask": draw(BATCH, cells, *size, low=0),
        "weight": draw(OUTPUTS, CHANNELS // GROUPS, *KERNEL),
        "bias": draw(OUTPUTS),
    }


def sample(plane: list[list[float]], y: float, x: float) -> float:
    """Bilinear interpolation of a plane that is surrounded by zeros."""
    top, left, total = math.floor(y), math.floor(x), 0.0
    for row in (top, top + 1):
        for column in (left, left + 1):
            if 0 <= row < len(plane) and 0 <= column < len(plane[0]):
                total += plane[row][column] * (1 - abs(y - row)) * (1 - abs(x - column))
    return total


def convolve(features: Tensor, offset: Tensor, weight: Tensor, mask: Tensor | None, bias: Tensor | None) -> Tensor:
    height, width = output_size()
    result = torch.zeros(BATCH, OUTPUTS, height, width, dtype=torch.float64)
    cells, per_group = KERNEL[0] * KERNEL[1], CHANNELS // OFFSET_GROUPS
    planes = features.tolist()
    for n, i, j, c in (
        (n, i, j, c) for n in range(BATCH) for i in range(height) for j in range(width) for c in range(CHANNELS)
    ):
        for cell in range(cells):
            a, b = divmod(cell, KERNEL[1])
            place = (c // per_group) * cells + cell
            y = i * STRIDE[0] - PADDING[0] + a * DILATION[0] + float(offset[n, 2 * place, i, j])
            x = j * STRIDE[1] - PADDING[1] + b * DILATION[1] + float(offset[n, 2 * place + 1, i, j])
            value = sample(planes[n][c], y, x) * (1.0 if mask is None else float(mask[n, place, i, j]))
            group = c // (CHANNELS // GROUPS)
            first = group * OUTPUTS // GROUPS
            for o in range(first, first + OUTPUTS // GROUPS):
                result[n, o, i, j] += value * float(weight[o, c % (CHANNELS // GROUPS), a, b])
    return result if bias is None else result + bias.cpu()[:, None, None]


GEOMETRY = (STRIDE, PADDING, DILATION, GROUPS, OFFSET_GROUPS)


def test_the_plain_convolution_is_its_formula(ops: ModuleType, draw) -> None:
    given = inputs(draw)
    found = ops.deform_conv2d(given["features"], given["offset"], given["weight"], *GEOMETRY)
    assert torch.allclose(found.cpu(), convolve(given["features"], given["offset"], given["weight"], None, None))


@pytest.mark.parametrize("with_bias", [True, False])
def test_the_modulated_convolution_is_its_formula(ops: ModuleType, draw, with_bias: bool) -> None:
    given = inputs(draw)
    bias = given["bias"] if with_bias else None
    found = ops.modulated_deform_conv2d(
        given["features"], given["offset"], given["mask"], given["weight"], bias, *GEOMETRY
    )
    wanted = convolve(given["features"], given["offset"], given["weight"], given["mask"], bias)
    assert torch.allclose(found.cpu(), wanted)


def test_the_plain_convolution_passes_the_right_gradients(ops: ModuleType, draw) -> None:
    given = inputs(draw)
    leaves = tuple(given[name].requires_grad_() for name in ("features", "offset", "weight"))
    assert torch.autograd.gradcheck(lambda *t: ops.deform_conv2d(*t, *GEOMETRY), leaves)


@pytest.mark.parametrize("with_bias", [True, False])
def test_the_modulated_convolution_passes_the_right_gradients(ops: ModuleType, draw, with_bias: bool) -> None:
    given = inputs(draw)
    names = ("features", "offset", "mask", "weight", *(["bias"] if with_bias else []))
    leaves = tuple(given[name].requires_grad_() for name in names)

    def function(*tensors: Tensor) -> Tensor:
        *four, bias = tensors if with_bias else (*tensors, None)
        return ops.modulated_deform_conv2d(*four, bias, *GEOMETRY)

    assert torch.autograd.gradcheck(function, leaves)


def test_without_offsets_it_is_a_convolution(ops: ModuleType, draw) -> None:
    given = inputs(draw)
    features, weight = given["features"].float(), given["weight"].float()
    offset = torch.zeros_like(given["offset"]).float()
    found = ops.deform_conv2d(features, offset, weight, *GEOMETRY)
    wanted = F.conv2d(features, weight, None, STRIDE, PADDING, DILATION, GROUPS)
    assert torch.allclose(found, wanted, atol=1e-5)


def test_half_precision(ops: ModuleType, draw) -> None:
    given = inputs(draw)
    names = ("features", "offset", "mask", "weight", "bias")
    exact = ops.modulated_deform_conv2d(*(given[name].float() for name in names), *GEOMETRY)
    half = ops.modulated_deform_conv2d(*(given[name].half() for name in names), *GEOMETRY)
    assert half.dtype == torch.float16
    assert torch.allclose(half.float(), exact, atol=3e-2)


def test_the_layers_that_mmdet_builds_start_as_convolutions_and_learn(ops: ModuleType, draw) -> None:
    """A DCNv2 layer's offsets are zero and its mask one half at the start."""
    features = draw(1, 4, 8, 8).float()
    layer = ops.ModulatedDeformConv2dPack(4, 6, 3, padding=1).to(features.device)
    wanted = F.conv2d(features, layer.weight / 2, layer.bias, padding=1)
    assert torch.allclose(layer(features), wanted, atol=1e-5)
    layer(features).square().sum().backward()
    assert layer.conv_offset.weight.grad.abs().sum() > 0
