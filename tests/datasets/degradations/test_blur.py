"""Filtering with reflected borders, checked against torch's padding and convolution."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from lqbench.datasets.degradations.blur import filter_reflect
from lqbench.datasets.degradations.kernels import gaussian_kernel
from lqbench.datasets.degradations.separable import reflect

kernels = st.builds(
    gaussian_kernel, st.sampled_from([7, 9, 21]), st.floats(0.1, 6.0), st.floats(0.5, 6.0), st.floats(0, 3)
)


def by_torch(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    margin = len(kernel) // 2
    padded = F.pad(torch.from_numpy(image)[:, None], (margin,) * 4, mode="reflect")
    return F.conv2d(padded, torch.from_numpy(kernel)[None, None])[:, 0].numpy()


@given(st.integers(11, 45), st.integers(11, 45), kernels, st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_it_is_a_correlation_with_reflected_borders(height: int, width: int, kernel: np.ndarray, seed: int):
    image = np.random.default_rng(seed).random((3, height, width))
    np.testing.assert_allclose(filter_reflect(image, kernel), by_torch(image, kernel), atol=1e-12)


def test_an_asymmetric_kernel_is_not_flipped():
    generator = np.random.default_rng(3)
    image, kernel = generator.random((3, 20, 33)), generator.random((7, 7))
    np.testing.assert_allclose(filter_reflect(image, kernel), by_torch(image, kernel), atol=1e-12)


@given(st.integers(1, 30), st.integers(1, 30), kernels, st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_a_constant_image_stays_constant_at_any_size(height: int, width: int, kernel: np.ndarray, value: float):
    image = np.full((3, height, width), value)
    np.testing.assert_allclose(filter_reflect(image, kernel), value, atol=1e-12)


@given(st.integers(1, 12), st.integers(1, 12), kernels)
@settings(max_examples=40, deadline=None)
def test_images_smaller_than_the_kernel_stay_within_their_range(height: int, width: int, kernel: np.ndarray):
    image = np.random.default_rng(0).random((3, height, width))
    blurred = filter_reflect(image, kernel)
    assert blurred.shape == image.shape
    assert image.min() - 1e-12 <= blurred.min() <= blurred.max() <= image.max() + 1e-12


@pytest.mark.parametrize(
    ("length", "margin", "expected"),
    [
        (5, 2, [2, 1, 0, 1, 2, 3, 4, 3, 2]),
        (3, 5, [1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1]),
        (2, 3, [1, 0, 1, 0, 1, 0, 1, 0]),
        (1, 2, [0, 0, 0, 0, 0]),
    ],
)
def test_reflection_repeats_where_the_axis_is_short(length: int, margin: int, expected: list[int]):
    assert reflect(np.arange(-margin, length + margin), length).tolist() == expected


def test_the_input_is_not_modified():
    image = np.random.default_rng(1).random((3, 9, 9))
    before = image.copy()
    filter_reflect(image, gaussian_kernel(7, 1.0))
    np.testing.assert_array_equal(image, before)
