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
from lqbench.datasets.degradations.resize import resize, to_uint8


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


@pytest.mark.parametrize("side", [37, 300, 512])
def test_an_image_of_the_clean_size_is_kept_as_resizing_would_keep_it(side: int):
    image = random_image(side, side)
    kept = degradation("voc-lr", {"hr_size": side}).prepare(image)
    resized = resize(kept.to(torch.float64) / 255, (side, side), "bicubic", antialias=True)
    assert torch.equal(kept, torch.from_numpy(image).permute(2, 0, 1))
    assert torch.equal(kept, to_uint8(resized))


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


def test_noise_is_seeded_independent_and_as_strong_as_told():
    voc = degradation("voc-lr", {"noise_sigma_255": 10})
    grey = torch.full((3, 300, 300), 128, dtype=torch.uint8)
    drawn = voc.draw(5, (300, 300))
    assert drawn["noise_sigma_255"] == 10
    noisy = voc.apply(grey, drawn, 5).double()
    assert noisy.std().item() == pytest.approx(10, rel=0.03)
    assert noisy.mean().item() == pytest.approx(128, abs=0.3)
    assert abs(np.corrcoef(noisy.reshape(3, -1).numpy())[0, 1]) < 0.05
    assert torch.equal(voc.apply(grey, drawn, 5).double(), noisy)
    assert not torch.equal(voc.apply(grey, drawn, 6).double(), noisy)


@pytest.mark.parametrize("factor", [4, 8])
def test_blur_comes_before_the_reduction_and_widens_an_edge_as_told(factor: int):
    clean = torch.zeros((3, 300, 300), dtype=torch.uint8)
    clean[:, :, 160:] = 255
    widths = []
    for variance in (0, 3, 100):
        voc = degradation("voc-lr", {"factor": factor, "blur_var_px2": variance})
        row = voc.apply(clean, voc.draw(0, (300, 300)), 0)[0, 10].double() / 255
        slope, centre = row.diff(), torch.arange(1, len(row)).double()
        mean = (slope * centre).sum()
        widths.append(((slope * centre**2).sum() - mean**2).item() * factor**2)
        assert mean.item() == pytest.approx(160 / factor, abs=0.05)
    assert widths[1] - widths[0] == pytest.approx(3, abs=1.2)
    assert widths[2] - widths[0] == pytest.approx(100, rel=0.08)  # 8 bits cut off the far ends of the slope


def test_variants_share_what_the_plain_set_has():
    plain, other = degradation("voc-lr", {}), degradation("voc-lr", {"blur_var_px2": 2.4, "noise_sigma_255": 25})
    assert plain.draw(3, (300, 300)).items() <= other.draw(3, (300, 300)).items()
    assert plain.size((300, 300), {}) == other.size((300, 300), {})
    assert set(plain.draw(3, (300, 300))) == {"factor", "padded_size", "nominal_size"}


@given(st.floats(0, 400), st.floats(0, 255), st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=15, deadline=None)
def test_any_strength_on_any_image(variance: float, sigma: float, height: int, width: int):
    voc = degradation("voc-lr", {"factor": 8, "hr_size": 20, "blur_var_px2": variance, "noise_sigma_255": sigma})
    clean = voc.prepare(random_image(height, width))
    assert tuple(voc.apply(clean, voc.draw(1, (20, 20)), 1).shape) == (3, 3, 3)
