"""Deformable attention, CARAFE and the masked convolution against their formulas, and their gradients."""

from __future__ import annotations

import math
import sys
from types import ModuleType

import torch
from torch import Tensor
from torch.nn import functional as F

SHAPES = [(4, 5), (2, 3)]
BATCH, HEADS, CHANNELS, QUERIES, POINTS = 2, 2, 3, 4, 2
CELLS = sum(h * w for h, w in SHAPES)


def attention_inputs(draw) -> tuple[Tensor, Tensor, Tensor]:
    value = draw(BATCH, CELLS, HEADS, CHANNELS)
    # Some places lie outside the maps.
    locations = draw(BATCH, QUERIES, HEADS, len(SHAPES), POINTS, 2, low=-0.1, high=1.1)
    weights = draw(BATCH, QUERIES, HEADS, len(SHAPES), POINTS, low=0)
    return value, locations, weights


def attend(value: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
    """Sum over levels and points of weight times bilinear sample; zeros surround every level."""
    result = torch.zeros(BATCH, QUERIES, HEADS * CHANNELS, dtype=torch.float64)
    for n, q, m in ((n, q, m) for n in range(BATCH) for q in range(QUERIES) for m in range(HEADS)):
        start = 0
        for level, (height, width) in enumerate(SHAPES):
            for p in range(POINTS):
                x = float(locations[n, q, m, level, p, 0]) * width - 0.5
                y = float(locations[n, q, m, level, p, 1]) * height - 0.5
                for row in (math.floor(y), math.floor(y) + 1):
                    for column in (math.floor(x), math.floor(x) + 1):
                        if 0 <= row < height and 0 <= column < width:
                            share = (1 - abs(y - row)) * (1 - abs(x - column)) * float(weights[n, q, m, level, p])
                            sample = value[n, start + row * width + column, m].cpu()
                            result[n, q, m * CHANNELS : (m + 1) * CHANNELS] += share * sample
            start += height * width
    return result


def layout(device: str) -> tuple[Tensor, Tensor]:
    starts = [0, SHAPES[0][0] * SHAPES[0][1]]
    return torch.tensor(SHAPES, device=device), torch.tensor(starts, device=device)


def test_deformable_attention_is_its_formula(ops: ModuleType, draw, device: str) -> None:
    value, locations, weights = attention_inputs(draw)
    function = ops.multi_scale_deform_attn.MultiScaleDeformableAttnFunction
    found = function.apply(value, *layout(device), locations, weights, 64)
    assert torch.allclose(found.cpu(), attend(value, locations, weights))


def test_deformable_attention_passes_the_right_gradients(ops: ModuleType, draw, device: str) -> None:
    leaves = tuple(tensor.requires_grad_() for tensor in attention_inputs(draw))
    function = ops.multi_scale_deform_attn.MultiScaleDeformableAttnFunction
    assert torch.autograd.gradcheck(lambda v, s, w: function.apply(v, *layout(device), s, w, 64), leaves)


KERNEL, GROUPS, SCALE = 3, 2, 2


def carafe_inputs(draw) -> tuple[Tensor, Tensor]:
    return draw(2, 4, 3, 4), draw(2, GROUPS * KERNEL**2, 3 * SCALE, 4 * SCALE)


def reassemble(features: Tensor, masks: Tensor) -> Tensor:
    batch, channels, height, width = features.shape
    result = torch.zeros(batch, channels, height * SCALE, width * SCALE, dtype=torch.float64)
    for n, c, y, x in (
        (n, c, y, x)
        for n in range(batch)
        for c in range(channels)
        for y in range(height * SCALE)
        for x in range(width * SCALE)
    ):
        for i in range(KERNEL):
            for j in range(KERNEL):
                row, column = y // SCALE + i - KERNEL // 2, x // SCALE + j - KERNEL // 2
                if 0 <= row < height and 0 <= column < width:
                    mask = (c // (channels // GROUPS)) * KERNEL**2 + i * KERNEL + j
                    result[n, c, y, x] += float(features[n, c, row, column]) * float(masks[n, mask, y, x])
    return result


def test_carafe_is_its_formula(ops: ModuleType, draw) -> None:
    features, masks = carafe_inputs(draw)
    assert torch.allclose(ops.carafe(features, masks, KERNEL, GROUPS, SCALE).cpu(), reassemble(features, masks))
    naive = ops.carafe_naive(features, masks, KERNEL, GROUPS, SCALE)
    assert torch.allclose(naive.cpu(), reassemble(features, masks))


def test_carafe_passes_the_right_gradients(ops: ModuleType, draw) -> None:
    leaves = tuple(tensor.requires_grad_() for tensor in carafe_inputs(draw))
    assert torch.autograd.gradcheck(lambda f, m: ops.carafe(f, m, KERNEL, GROUPS, SCALE), leaves)


def test_the_naive_carafe_has_the_same_gradients(ops: ModuleType, draw) -> None:
    features, masks = carafe_inputs(draw)
    leaves = features.clone().requires_grad_(), masks.clone().requires_grad_()
    grad = draw(2, 4, 3 * SCALE, 4 * SCALE)
    ops.carafe(*leaves, KERNEL, GROUPS, SCALE).backward(grad)
    filled = torch.zeros_like(features), torch.zeros_like(masks)
    # mmcv's own function refuses a backward pass on the CPU, so the operator is called itself.
    extension = sys.modules["mmcv._ext"]
    extension.carafe_naive_backward(
        grad, features, masks, *filled, kernel_size=KERNEL, group_size=GROUPS, scale_factor=SCALE
    )
    for leaf, found in zip(leaves, filled, strict=True):
        assert leaf.grad is not None
        assert torch.allclose(found, leaf.grad)


def test_a_masked_convolution_is_a_convolution_at_the_chosen_places(ops: ModuleType, draw) -> None:
    features = draw(1, 3, 6, 7).float()
    layer = ops.MaskedConv2d(3, 5, 3, padding=1).to(features.device)
    mask = draw(1, 6, 7) > 0.2
    with torch.no_grad():
        found = layer(features, mask)
        wanted = F.conv2d(features, layer.weight, layer.bias, padding=1) * mask
    assert torch.allclose(found, wanted, atol=1e-6)
    assert 0 < int(mask.sum()) < mask.numel()
    assert not layer(features, torch.zeros_like(mask)).any()
