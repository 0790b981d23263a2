"""RoIAlign and RoIPool against their formulas, written out bin by bin."""

from __future__ import annotations

import math
from types import ModuleType

import pytest
import torch
from torch import Tensor

HEIGHT, WIDTH = 7, 9
ROIS = [
    [0, 2.3, 1.2, 11.0, 9.7],
    [1, 0.0, 0.0, 17.9, 13.8],
    [1, 15.0, 10.5, 25.0, 20.0],  # reaches beyond the image
    [0, -9.0, -7.0, 3.0, 2.0],  # begins before it
    [0, 4.2, 3.1, 4.9, 3.3],  # smaller than a cell
]
SCALE = 0.5
SIZE = (2, 3)


def sample(plane: list[list[float]], y: float, x: float) -> float:
    """Bilinear interpolation with RoIAlign's rule at the border (Detectron2's reference code)."""
    if y < -1 or y > HEIGHT or x < -1 or x > WIDTH:
        return 0.0
    y, x = min(max(y, 0), HEIGHT - 1), min(max(x, 0), WIDTH - 1)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, HEIGHT - 1), min(left + 1, WIDTH - 1)
    dy, dx = y - top, x - left
    upper = plane[top][left] * (1 - dx) + plane[top][right] * dx
    lower = plane[bottom][left] * (1 - dx) + plane[bottom][right] * dx
    return upper * (1 - dy) + lower * dy


def samples_of_bin(
    plane: list[list[float]], roi: list[float], i: int, j: int, ratio: int, aligned: bool
) -> list[float]:
    x1, y1, x2, y2 = (corner * SCALE - (0.5 if aligned else 0) for corner in roi[1:])
    height, width = y2 - y1, x2 - x1
    if not aligned:
        height, width = max(height, 1), max(width, 1)
    rows = ratio or math.ceil(height / SIZE[0])
    columns = ratio or math.ceil(width / SIZE[1])
    return [
        sample(plane, y1 + (i + (a + 0.5) / rows) * height / SIZE[0], x1 + (j + (b + 0.5) / columns) * width / SIZE[1])
        for a in range(rows)
        for b in range(columns)
    ]


def expected(features: Tensor, ratio: int, aligned: bool, mode: str) -> Tensor:
    def value(roi: list[float], channel: int, i: int, j: int) -> float:
        found = samples_of_bin(features[int(roi[0]), channel].tolist(), roi, i, j, ratio, aligned)
        return max(found) if mode == "max" else sum(found) / len(found)

    table = [
        [[[value(roi, c, i, j) for j in range(SIZE[1])] for i in range(SIZE[0])] for c in range(features.shape[1])]
        for roi in ROIS
    ]
    return torch.tensor(table, dtype=torch.float64)


@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("ratio", [0, 2])
def test_roi_align_is_the_mean_or_maximum_of_its_samples(
    ops: ModuleType, draw, device: str, mode: str, aligned: bool, ratio: int
) -> None:
    features, rois = draw(2, 2, HEIGHT, WIDTH), torch.tensor(ROIS, dtype=torch.float64, device=device)
    found = ops.roi_align(features, rois, SIZE, SCALE, ratio, mode, aligned)
    assert torch.allclose(found.cpu(), expected(features, ratio, aligned, mode), atol=1e-12)


@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize("ratio", [0, 2])
def test_roi_align_passes_the_right_gradient(ops: ModuleType, draw, device: str, mode: str, ratio: int) -> None:
    rois = torch.tensor(ROIS, dtype=torch.float64, device=device)
    features = draw(2, 2, HEIGHT, WIDTH).requires_grad_()

    def function(features: Tensor) -> Tensor:
        return ops.roi_align(features, rois, SIZE, SCALE, ratio, mode, True)

    assert torch.autograd.gradcheck(function, (features,))


@pytest.mark.parametrize("mode", ["avg", "max"])
def test_roi_align_takes_no_regions_and_empty_ones(ops: ModuleType, draw, device: str, mode: str) -> None:
    features = draw(1, 2, HEIGHT, WIDTH).requires_grad_()
    none = ops.roi_align(features, torch.zeros(0, 5, dtype=torch.float64, device=device), SIZE, SCALE, 0, mode, True)
    assert none.shape == (0, 2, *SIZE)
    point = torch.tensor([[0, 3.0, 3.0, 3.0, 3.0]], dtype=torch.float64, device=device)
    pooled = ops.roi_align(features, point, SIZE, SCALE, 0, mode, True)
    assert not pooled.any()
    pooled.sum().backward()
    assert features.grad is not None
    assert not features.grad.any()


@pytest.mark.parametrize("mode", ["avg", "max"])
def test_roi_align_in_half_precision(ops: ModuleType, draw, device: str, mode: str) -> None:
    features, rois = draw(2, 2, HEIGHT, WIDTH), torch.tensor(ROIS, device=device)
    exact = ops.roi_align(features.float(), rois, SIZE, SCALE, 2, mode, True)
    half = ops.roi_align(features.half(), rois.half(), SIZE, SCALE, 2, mode, True)
    assert half.dtype == torch.float16
    assert torch.allclose(half.float(), exact, atol=2e-2)


def test_roi_align_of_a_large_map_in_half_precision(ops: ModuleType, draw, device: str) -> None:
    features, rois = draw(1, 2, 100, 120), torch.tensor([[0, 8.0, 4.0, 100.0, 90.0]], device=device)
    exact = ops.roi_align(features.float(), rois, SIZE, 1.0, 2, "max", True)
    half = ops.roi_align(features.half(), rois.half(), SIZE, 1.0, 2, "max", True)
    assert torch.allclose(half.float(), exact, atol=0.2)


def pooled_bin(features: Tensor, roi: list[float], channel: int, i: int, j: int) -> float:
    x1, y1 = roi[1] * SCALE, roi[2] * SCALE
    width, height = (roi[3] + 1) * SCALE - x1, (roi[4] + 1) * SCALE - y1
    top, bottom = math.floor(y1 + i * height / SIZE[0]), math.ceil(y1 + (i + 1) * height / SIZE[0])
    left, right = math.floor(x1 + j * width / SIZE[1]), math.ceil(x1 + (j + 1) * width / SIZE[1])
    cells = [
        float(features[int(roi[0]), channel, y, x])
        for y in range(max(top, 0), min(bottom, HEIGHT))
        for x in range(max(left, 0), min(right, WIDTH))
    ]
    return max(cells, default=0.0)


def test_roi_pool_is_the_maximum_of_the_cells_of_a_bin(ops: ModuleType, draw, device: str) -> None:
    features, rois = draw(2, 2, HEIGHT, WIDTH), torch.tensor(ROIS, dtype=torch.float64, device=device)
    found = ops.roi_pool(features, rois, SIZE, SCALE)
    wanted = [
        [[[pooled_bin(features, roi, c, i, j) for j in range(SIZE[1])] for i in range(SIZE[0])] for c in range(2)]
        for roi in ROIS
    ]
    assert torch.equal(found.cpu(), torch.tensor(wanted, dtype=torch.float64))


def test_roi_pool_passes_the_right_gradient(ops: ModuleType, draw, device: str) -> None:
    backwards = [0, 8.0, 8.0, 2.0, 2.0]  # without extent: nothing is pooled, nothing passed back
    rois = torch.tensor([*ROIS, backwards], dtype=torch.float64, device=device)
    features = draw(2, 2, HEIGHT, WIDTH).requires_grad_()

    def function(features: Tensor) -> Tensor:
        return ops.roi_pool(features, rois, SIZE, SCALE)

    assert not function(features)[-1].any()
    assert torch.autograd.gradcheck(function, (features,))
