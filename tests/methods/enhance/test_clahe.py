"""CLAHE against an independent implementation, pixel by pixel."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from lqbench.methods.enhance.clahe import equalise
from lqbench.methods.enhance.settings import ClaheSettings

Grey = NDArray[np.uint8]


def table(tile: Grey, clip_limit: float) -> NDArray[np.float64]:
    """Return a tile's map of grey levels: its clipped histogram, what was clipped spread evenly, summed up."""
    histogram = [int((tile == level).sum()) for level in range(256)]
    limit = max(1, int(clip_limit * tile.size / 256))
    clipped = sum(max(0, count - limit) for count in histogram)
    histogram = [min(count, limit) + clipped // 256 for count in histogram]
    rest = clipped % 256
    for place in range(rest):
        histogram[place * max(1, 256 // rest)] += 1
    return np.array([min(255, round(float(np.float32(s) * np.float32(255 / tile.size)))) for s in np.cumsum(histogram)])


def slow_clahe(image: Grey, clip_limit: float, tiles: int) -> NDArray[np.float64]:
    """Interpolate between the maps of the four tiles whose centres surround a pixel."""
    sides = [side // tiles for side in image.shape]
    maps = [
        [table(image[i * sides[0] : (i + 1) * sides[0], j * sides[1] : (j + 1) * sides[1]], clip_limit)
         for j in range(tiles)]
        for i in range(tiles)
    ]  # fmt: skip
    result = np.empty(image.shape)
    for y, x in np.ndindex(image.shape):
        (top, below, v), (left, right, u) = (
            weights(at, side, tiles) for at, side in zip((y, x), sides, strict=True)
        )  # fmt: skip
        level = int(image[y, x])
        upper = maps[top][left][level] * (1 - u) + maps[top][right][level] * u
        lower = maps[below][left][level] * (1 - u) + maps[below][right][level] * u
        result[y, x] = upper * (1 - v) + lower * v
    return result


def weights(at: int, side: int, tiles: int) -> tuple[int, int, float]:
    position = at / side - 0.5
    first = math.floor(position)
    return max(first, 0), min(first + 1, tiles - 1), position - first


@pytest.mark.parametrize(("clip_limit", "tiles"), [(2.0, 4), (40.0, 2), (1.0, 1)])
def test_lightness_is_equalised_as_written_down(clip_limit: float, tiles: int) -> None:
    rng = np.random.default_rng(0)
    pixels = (rng.normal(120, 30, (48, 64, 1)) + rng.normal(0, 10, (1, 64, 3))).clip(0, 255).astype(np.uint8)
    settings = ClaheSettings(clip_limit=clip_limit, tiles=tiles)
    found = equalise(torch.from_numpy(pixels).permute(2, 0, 1) / 255, settings)
    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)
    lightness = slow_clahe(np.asarray(lab[..., 0], np.uint8), clip_limit, tiles)
    expected = []
    # A half may be rounded either way.
    for rounded in (np.floor(lightness + 0.499), np.floor(lightness + 0.501)):
        lab[..., 0] = rounded
        expected.append(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))
    levels = (found * 255).round().permute(1, 2, 0).numpy().astype(np.uint8)
    assert ((levels == expected[0]) | (levels == expected[1])).all()


def test_a_dull_image_gains_contrast() -> None:
    image = 0.5 + 0.05 * torch.from_numpy(np.random.default_rng(0).standard_normal((1, 64, 64))).expand(3, -1, -1)
    assert equalise(image, ClaheSettings()).std() > 1.5 * image.std()


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 5), (33, 20)])
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_plain_images_stay_plain(size: tuple[int, int], level: float) -> None:
    found = equalise(torch.full((3, *size), level), ClaheSettings())
    assert found.dtype == torch.float32
    assert found.shape == (3, *size)
    assert (found == found[:, :1, :1]).all()
    assert 0 <= found.min() <= found.max() <= 1


def test_the_same_again_and_the_input_is_left() -> None:
    image: Tensor = torch.rand(3, 40, 30, generator=torch.Generator().manual_seed(0))
    before = image.clone()
    assert torch.equal(equalise(image, ClaheSettings()), equalise(image, ClaheSettings()))
    assert torch.equal(image, before)
