"""Resizing along one axis: torch's interpolation, and MATLAB's imresize against an independent reading of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from lqbench.datasets.degradations.taps import Interpolation, Taps, matlab_taps, resize_taps

sides = st.integers(1, 300)


def line(length: int) -> np.ndarray:
    return np.random.default_rng(length).random(length)


def read(taps: Taps, values: np.ndarray) -> np.ndarray:
    return (values[taps.index] * taps.weight).sum(1)


def by_torch(
    values: np.ndarray,
    mode: str,
    size: int | None = None,
    scale_factor: float | None = None,
    dtype: Any = torch.float64,
) -> np.ndarray:
    """Interpolate an image of eight equal rows along its columns."""
    image = torch.from_numpy(values).to(dtype)[None, None, None].repeat(1, 1, 8, 1)
    options: dict[str, Any] = {"size": (8, size)} if size else {"scale_factor": (1.0, scale_factor)}
    return F.interpolate(image, mode=mode, **options)[0, 0, 4].numpy()


smooth_mode = pytest.mark.parametrize("mode", ["bilinear", "bicubic"])


@smooth_mode
@given(sides, sides)
@settings(max_examples=60, deadline=None)
def test_sizes_are_torchs(mode: Interpolation, length: int, new_length: int):
    taps = resize_taps(length, new_length, mode)
    assert 0 <= taps.index.min() <= taps.index.max() < length
    np.testing.assert_allclose(taps.weight.sum(1), 1)
    np.testing.assert_allclose(read(taps, line(length)), by_torch(line(length), mode, new_length), atol=1e-9)


@smooth_mode
@given(st.integers(4, 300), st.sampled_from([2, 3, 4]))
@settings(max_examples=40, deadline=None)
def test_factors_are_torchs(mode: Interpolation, length: int, factor: int):
    taps = resize_taps(length, length // factor, mode, factor)
    expected = by_torch(line(length), mode, scale_factor=1 / factor)
    np.testing.assert_allclose(read(taps, line(length)), expected, atol=1e-6)


NEAREST = [(length, new) for length in range(1, 131, 3) for new in range(1, 131, 2)]
AWKWARD = [(18, 114), (45, 129), (90, 129), (2, 82), (2, 50), (3, 123), (640, 209), (480, 1023)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
def test_the_nearest_pixel_is_torchs(dtype: torch.dtype):
    """Of 8-bit and single-precision images, whose indices torch finds in single precision. Larger and smaller."""
    for length, new_length in [*NEAREST, *AWKWARD]:
        expected = by_torch(np.arange(length) % 251, "nearest", new_length, dtype=dtype)
        index = resize_taps(length, new_length, "nearest").index[:, 0]
        np.testing.assert_array_equal(index % 251, expected, err_msg=f"{length} to {new_length}")


@given(st.integers(1, 700), st.integers(1, 700))
@settings(max_examples=60, deadline=None)
def test_the_nearest_pixel_of_any_size_is_torchs(length: int, new_length: int):
    expected = by_torch(np.arange(length), "nearest", new_length, dtype=torch.float32)
    np.testing.assert_array_equal(resize_taps(length, new_length, "nearest").index[:, 0], expected)


@pytest.mark.parametrize("factor", [1.1, 1.5, 2, 2.3, 3, 3.7, 4])
def test_the_nearest_pixel_under_a_factor_is_torchs(factor: float):
    for length in range(4, 200):
        expected = by_torch(np.arange(length), "nearest", scale_factor=1 / factor, dtype=torch.float32)
        index = resize_taps(length, len(expected), "nearest", factor).index[:, 0]
        np.testing.assert_array_equal(index, expected, err_msg=f"{length} by {factor}")


def keys(x: float) -> float:
    """Keys' cubic with a = -1/2, piece by piece."""
    s = abs(x)
    if s < 1:
        return 1.5 * s**3 - 2.5 * s**2 + 1
    return -0.5 * s**3 + 2.5 * s**2 - 4 * s + 2 if s < 2 else 0.0


def imresize_line(values: np.ndarray, scale: float, antialias: bool) -> np.ndarray:
    """MATLAB's imresize of one line, pixel by pixel and with its 1-based coordinates."""
    mirrored = [*values, *values[::-1]]
    shrink = scale if antialias and scale < 1 else 1.0
    result = []
    for output in range(1, math.ceil(round(len(values) * scale, 9)) + 1):
        centre = output / scale + 0.5 * (1 - 1 / scale)
        left = math.floor(centre - 2 / shrink)
        total = weights = 0.0
        for position in range(left, left + math.ceil(4 / shrink) + 2):
            weight = shrink * keys(shrink * (centre - position))
            total += weight * mirrored[(position - 1) % len(mirrored)]
            weights += weight
        result.append(total / weights)
    return np.array(result)


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("factor", [1, 1.5, 2, 3, 4, 8, 0.5])
@pytest.mark.parametrize("length", [1, 2, 7, 24, 37])
def test_matlabs_imresize(length: int, factor: float, antialias: bool):
    expected = imresize_line(line(length), 1 / factor, antialias)
    taps = matlab_taps(length, len(expected), factor, antialias)
    np.testing.assert_allclose(read(taps, line(length)), expected, atol=1e-12)


def test_matlabs_weights_of_a_half():
    """An inner pixel of imresize(x, 0.5); the weights follow from Keys' kernel at 1/4, 3/4, 5/4 and 7/4 by hand."""
    taps = matlab_taps(16, 8, 2)
    np.testing.assert_allclose(taps.weight[4] * 256, [-3, -9, 29, 111, 111, 29, -9, -3], atol=1e-9)
    assert taps.index[4].tolist() == [5, 6, 7, 8, 9, 10, 11, 12]


def test_a_matrix_is_the_taps():
    for taps in (resize_taps(9, 4, "bicubic"), matlab_taps(9, 3, 3.0)):
        matrix = taps.matrix(9)
        np.testing.assert_allclose(matrix.sum(1), 1)
        np.testing.assert_allclose(matrix @ line(9), read(taps, line(9)))
