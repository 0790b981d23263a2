"""TDSR's low resolution: sizes, scale, padding, bicubic of the right kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lqbench.datasets.degradations import degradation


def pillow(image: np.ndarray, size: int) -> np.ndarray:
    """Resize uint8 (H, W, 3) to (size, size, 3) in Pillow's float mode, then round once."""
    channels = [
        Image.fromarray(image[..., c].astype(np.float32)).resize((size, size), Image.Resampling.BICUBIC)
        for c in range(3)
    ]
    return np.clip(np.floor(np.stack([np.asarray(c) for c in channels], -1) + 0.5), 0, 255).astype(np.uint8)


def random_image(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def greatest_difference(tensor: torch.Tensor, image: np.ndarray) -> int:
    return int(np.abs(tensor.permute(1, 2, 0).numpy().astype(int) - image.astype(int)).max())


@given(st.integers(1, 700), st.integers(1, 700))
@settings(max_examples=15, deadline=None)
def test_the_clean_image_is_300_square_whatever_the_photograph(height: int, width: int):
    voc = degradation("voc-lr", {})
    clean = voc.prepare(random_image(height, width))
    assert clean.dtype == torch.uint8
    assert tuple(clean.shape) == (3, 300, 300)
    assert voc.clean_size((height, width)) == (300, 300)


@pytest.mark.parametrize(("factor", "side", "nominal", "padded"), [(4, 75, 75.0, 300), (8, 38, 37.5, 304)])
def test_sizes_scale_and_record(factor: int, side: int, nominal: float, padded: int):
    voc = degradation("voc-lr", {"factor": factor})
    drawn = voc.draw(11, (300, 300))
    assert drawn == {"factor": factor, "padded_size": [padded] * 2, "nominal_size": [nominal] * 2}
    assert voc.size((300, 300), drawn) == (side, side)
    assert voc.scale((300, 300), drawn) == (1 / factor, 1 / factor)
    degraded = voc.apply(voc.prepare(random_image(375, 500)), drawn, 11)
    assert degraded.dtype == torch.uint8
    assert tuple(degraded.shape) == (3, side, side)


def test_the_factor_is_4_unless_told():
    assert degradation("voc-lr", {}).size((300, 300), {}) == (75, 75)


def test_photographs_are_resized_as_by_pillow(shared_data: Path):
    files = sorted(shared_data.glob("voc2012_100/**/*.jpg"))[:3]
    assert files
    for file in files:
        photo = np.asarray(Image.open(file).convert("RGB"))
        for factor, padded in ((4, 300), (8, 304)):
            voc = degradation("voc-lr", {"factor": factor})
            clean = voc.prepare(photo)
            assert greatest_difference(clean, pillow(photo, 300)) <= 1
            square = clean.permute(1, 2, 0).numpy()
            extended = np.pad(square, ((0, padded - 300), (0, padded - 300), (0, 0)), mode="edge")
            degraded = voc.apply(clean, voc.draw(0, (300, 300)), 0)
            assert greatest_difference(degraded, pillow(extended, padded // factor)) <= 1


@pytest.mark.parametrize("factor", [4, 8])
def test_the_scale_maps_positions_exactly(factor: int):
    """A vertical edge at a multiple of the factor lies at that multiple in the degraded image."""
    clean = torch.zeros((3, 300, 300), dtype=torch.uint8)
    clean[:, :, 160:] = 255
    voc = degradation("voc-lr", {"factor": factor})
    degraded = voc.apply(clean, voc.draw(0, (300, 300)), 0)
    row = degraded[0, 10].double() / 255
    sx, _ = voc.scale((300, 300), voc.draw(0, (300, 300)))
    edge = len(row) - row.sum().item()
    assert edge == pytest.approx(160 * sx, abs=0.05)


@pytest.mark.parametrize("factor", [4, 8])
@pytest.mark.parametrize("level", [0, 77, 255])
def test_a_constant_image_stays_constant(factor: int, level: int):
    voc = degradation("voc-lr", {"factor": factor})
    clean = voc.prepare(np.full((20, 30, 3), level, np.uint8))
    assert (clean == level).all()
    assert (voc.apply(clean, voc.draw(0, (300, 300)), 0) == level).all()


def test_another_square_size():
    voc = degradation("voc-lr", {"factor": 8, "hr_size": 60})
    drawn = voc.draw(0, voc.clean_size((100, 80)))
    clean = voc.prepare(random_image(100, 80))
    assert tuple(clean.shape) == (3, 60, 60)
    assert tuple(voc.apply(clean, drawn, 0).shape) == (3, 8, 8)
    assert drawn["nominal_size"] == [7.5, 7.5]
