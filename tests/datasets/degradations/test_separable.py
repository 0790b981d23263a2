"""Sums of separable maps: equal to the dense map."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lqbench.datasets.degradations.aeris import KERNEL_TOLERANCE
from lqbench.datasets.degradations.blur import filter_reflect
from lqbench.datasets.degradations.kernels import gaussian_kernel
from lqbench.datasets.degradations.separable import (
    AxisMap,
    blur_then_resize,
    map_axes,
    reflect,
    separate,
    without_tails,
)
from lqbench.datasets.degradations.taps import Interpolation, resize_taps

sides = st.integers(1, 70)
kernels = st.builds(
    gaussian_kernel, st.sampled_from([1, 3, 7, 21]), st.floats(0.1, 6.0), st.floats(0.5, 6.0), st.floats(0, 3.2)
)
modes = st.sampled_from(["nearest", "bilinear", "bicubic"])


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * 1000 + width).random((3, height, width)) * 255


@given(sides, sides, sides, sides, modes, kernels)
@settings(max_examples=80, deadline=None)
def test_blur_and_resizing_at_once(height: int, width: int, h: int, w: int, mode: Interpolation, kernel: np.ndarray):
    image = picture(height, width)
    taps = [resize_taps(height, h, mode), resize_taps(width, w, mode)]
    rows, columns = (blur_then_resize(*pair) for pair in zip(taps, separate(kernel, 1e-12), strict=True))
    expected = taps[0].matrix(height) @ filter_reflect(image, kernel) @ taps[1].matrix(width).T
    np.testing.assert_allclose(map_axes(image, rows, columns), expected, atol=1e-4)  # tails of 1e-7 are cut off


@given(kernels, st.sampled_from([1e-3, 1e-5, 1e-9]))
@settings(max_examples=60, deadline=None)
def test_a_kernel_is_the_sum_of_its_terms(kernel: np.ndarray, tolerance: float):
    rows, columns = separate(kernel, tolerance)
    core = without_tails(kernel)
    assert np.abs(rows.T @ columns - core).sum() <= tolerance * (1 + 1e-6)
    if len(rows) > 1:
        assert np.abs(rows[:-1].T @ columns[:-1] - core).sum() > tolerance * (1 - 1e-6), "a term too many"


@given(st.sampled_from([7, 13, 21]), st.floats(0.1, 6.0), st.floats(0.1, 6.0), st.sampled_from([0, np.pi / 2]))
@settings(max_examples=40, deadline=None)
def test_an_upright_kernel_is_one_term(size: int, variance1: float, variance2: float, theta: float):
    """At the tolerance in use; tails that were cut off one by one make a kernel a sum of more at 1e-9."""
    rows, columns = separate(gaussian_kernel(size, variance1, variance2, theta), KERNEL_TOLERANCE)
    assert len(rows) == len(columns) == 1


@given(kernels)
@settings(max_examples=60, deadline=None)
def test_tails_are_cut_off(kernel: np.ndarray):
    """Numbers below 1e-38 slow single precision down a hundred times."""
    core = without_tails(kernel)
    assert len(core) % 2 == 1
    assert np.abs(core[core != 0]).min() >= 1e-10
    assert abs(core.sum() - 1) < 1e-7
    np.testing.assert_allclose(np.pad(core, (len(kernel) - len(core)) // 2), kernel, atol=1e-10)


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
    line = np.arange(length, dtype=np.uint8)[None, None]
    kernel = np.random.default_rng(0).random((1, 2 * margin + 1))
    point, all_of_it = AxisMap(np.zeros(1, np.int64), np.ones((1, 1, 1))), resize_taps(length, length, "nearest")
    extended = np.array(expected)
    blurred = [extended[x : x + 2 * margin + 1] @ kernel[0] for x in range(length)]
    np.testing.assert_allclose(map_axes(line, point, blur_then_resize(all_of_it, kernel))[0, 0], blurred)


@given(sides, sides, st.integers(0, 10), st.integers(1, 6), modes)
@settings(max_examples=60, deadline=None)
def test_outputs_are_weighted_sums_of_what_they_read(
    length: int, new_length: int, margin: int, terms: int, mode: Interpolation
):
    """Blocks of outputs reach beyond the last one, and their windows beyond the axis; neither may be seen."""
    kernels = np.random.default_rng(length).random((terms, 2 * margin + 1))
    axis = blur_then_resize(resize_taps(length, new_length, mode), kernels)
    column = AxisMap(np.zeros(1, np.int64), np.ones((1, terms, 1)))
    pixels = np.random.default_rng(1).random(length)
    reads = pixels[reflect(axis.first[:, None] + np.arange(axis.weight.shape[2]), length)]
    expected = np.einsum("ntl,nl->n", axis.weight, reads)
    np.testing.assert_allclose(map_axes(pixels[None, :, None], axis, column)[0, :, 0], expected, atol=1e-9)
    np.testing.assert_allclose(map_axes(pixels[None, None], column, axis)[0, 0], expected, atol=1e-9)


def test_an_image_is_left_as_it_is():
    rows, columns = (
        blur_then_resize(resize_taps(*lengths, "nearest"), np.ones((1, 5)) / 5) for lengths in ((30, 11), (40, 17))
    )
    image = picture(30, 40)
    before = image.copy()
    map_axes(image, rows, columns)
    np.testing.assert_array_equal(image, before)
