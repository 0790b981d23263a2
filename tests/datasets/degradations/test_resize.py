"""Resizing and the way between 8-bit and real-valued images."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from torch.nn import functional as F

from lqbench.datasets.degradations.resize import resize, to_float, to_uint8

sides = st.integers(1, 40)
modes = st.sampled_from(["nearest", "bilinear", "bicubic"])


def by_pillow(image: np.ndarray, size: tuple[int, int], method: Image.Resampling) -> np.ndarray:
    """Resize each channel in Pillow's float mode, which neither clips nor rounds between its two passes."""
    channels = [Image.fromarray(channel).resize((size[1], size[0]), method) for channel in image]
    return np.stack([np.asarray(channel) for channel in channels])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_8_bit_images_survive_the_round_trip(dtype: torch.dtype):
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16)
    assert torch.equal(to_uint8(to_float(levels, dtype)), levels)


def test_rounding_clips_and_takes_halves_up():
    values = torch.tensor([-0.3, 0.5 / 255, 1.5 / 255, 2.49 / 255, 254.5 / 255, 1.0, 1.7], dtype=torch.float64)
    assert to_uint8(values).tolist() == [0, 1, 2, 2, 255, 255, 255]


def test_a_tie_is_not_decided_by_the_last_bit():
    tie = torch.tensor(100.5 / 255, dtype=torch.float64)
    below, above = torch.nextafter(tie, torch.tensor(0.0)), torch.nextafter(tie, torch.tensor(1.0))
    assert to_uint8(below) == to_uint8(tie) == to_uint8(above) == 101


def test_only_8_bit_images_are_scaled():
    with pytest.raises(TypeError, match="8-bit"):
        to_float(torch.zeros(3, 2, 2))


@given(sides, sides, sides, sides, modes)
@settings(max_examples=40, deadline=None)
def test_without_antialiasing_it_is_torch_interpolate(height: int, width: int, h: int, w: int, mode: str):
    image = torch.rand((3, height, width), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = F.interpolate(image[None], size=(h, w), mode=mode)[0]
    assert torch.equal(resize(image, (h, w), mode, antialias=False), expected)  # pyright: ignore[reportArgumentType]


@given(sides, sides, sides, sides)
@example(2, 1, 3, 1)
@example(40, 7, 5, 1)
@settings(max_examples=40, deadline=None)
def test_antialiased_bicubic_is_pillows(height: int, width: int, h: int, w: int):
    image = np.random.default_rng(0).random((3, height, width)).astype(np.float32)
    ours = resize(torch.from_numpy(image).double(), (h, w), "bicubic", antialias=True).numpy()
    np.testing.assert_allclose(ours, by_pillow(image, (h, w), Image.Resampling.BICUBIC), atol=1e-5)


@given(sides, sides, sides, sides, modes, st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_constant_image_stays_constant(height: int, width: int, h: int, w: int, mode: str, antialias: bool):
    image = torch.full((3, height, width), 0.37, dtype=torch.float64)
    result = resize(image, (h, w), mode, antialias and mode != "nearest")  # pyright: ignore[reportArgumentType]
    assert result.shape == (3, h, w)
    np.testing.assert_allclose(result.numpy(), 0.37, atol=1e-12)


@given(sides, sides, sides, sides, modes, st.booleans())
@example(2, 1, 3, 1, "bilinear", True)
@settings(max_examples=60, deadline=None)
def test_rows_and_columns_are_treated_alike(height: int, width: int, h: int, w: int, mode: str, antialias: bool):
    image = torch.rand((3, height, width), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    smooth = antialias and mode != "nearest"
    upright = resize(image, (h, w), mode, smooth)  # pyright: ignore[reportArgumentType]
    turned = resize(image.mT.contiguous(), (w, h), mode, smooth).mT  # pyright: ignore[reportArgumentType]
    np.testing.assert_allclose(upright.numpy(), turned.numpy(), atol=1e-6)


def test_leading_dimensions_are_kept():
    images = torch.rand((2, 5, 3, 8, 6), generator=torch.Generator().manual_seed(0))
    resized = resize(images, (4, 3), "bicubic", antialias=False)
    assert resized.shape == (2, 5, 3, 4, 3)
    assert torch.equal(resized[1, 4], resize(images[1, 4], (4, 3), "bicubic", antialias=False))


def test_nearest_has_no_antialiased_form():
    with pytest.raises(ValueError, match="antialiased"):
        resize(torch.zeros(3, 4, 4), (2, 2), "nearest", antialias=True)
