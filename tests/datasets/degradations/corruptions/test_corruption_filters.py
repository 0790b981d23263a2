"""The filters of the corruptions against plain loops and SciPy."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lqbench.datasets.degradations.corruptions.blur import disk, random_neighbours
from lqbench.datasets.degradations.corruptions.filters import correlate, enlarged, gaussian, move, plasma, trail


def photo(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).random((height, width, 3))


@pytest.mark.parametrize("sigma", [0.7, 1.5, 6.0])
def test_the_gaussian_is_scipys(sigma: float):
    image = photo(20, 31)
    expected = ndimage.gaussian_filter(image, (sigma, sigma, 0), mode="nearest", truncate=4)
    np.testing.assert_allclose(gaussian(image, sigma), expected, atol=1e-12)


@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 9), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_correlation_is_opencvs(height: int, width: int, rows: int, columns: int):
    rng = np.random.default_rng(1)
    image, kernel = rng.random((height, width, 3)), rng.random((rows, columns))
    anchor = (columns // 2, rows // 2)
    expected = cv2.filter2D(image, -1, kernel, anchor=anchor, borderType=cv2.BORDER_REPLICATE)
    result = correlate(image, kernel, anchor, cv2.BORDER_REPLICATE)
    np.testing.assert_allclose(result, expected.reshape(image.shape), atol=1e-12)


@pytest.mark.parametrize("angle", [-45.0, -10.0, 0.0, 30.0, 90.0, -135.0])
def test_motion_is_a_weighted_sum_of_shifts(angle: float):
    image, radius, sigma = photo(40, 50), 6, 3.0
    weights = np.exp(-0.5 * (np.arange(2 * radius + 1) / sigma) ** 2)
    expected = np.zeros_like(image)
    rows, columns = np.mgrid[:40, :50]
    for step, weight in enumerate(weights / weights.sum()):
        down = rows + math.ceil(step * math.sin(math.radians(angle)) - 0.5)
        across = columns + math.ceil(step * math.cos(math.radians(angle)) - 0.5)
        expected += weight * image[down.clip(0, 39), across.clip(0, 49)]
    np.testing.assert_allclose(move(image, radius, sigma, angle), expected, atol=1e-12)


def test_kernels_sum_to_one():
    assert trail(20, 15, 33.0)[0].sum() == pytest.approx(1)
    for radius, softening in ((3, 0.1), (4, 0.5), (6, 0.5)):
        assert disk(radius, softening).sum() == pytest.approx(1, abs=1e-3)
    assert disk(10, 0.5).sum() == pytest.approx(1.011, abs=1e-3), "the published kernel's sum"
    assert np.count_nonzero(disk(3, 0.1) > 1e-6) == 29


@given(st.integers(1, 200), st.integers(1, 200), st.sampled_from([1.4, 2.0]), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_plasma_fills_any_size(height: int, width: int, decay: float, seed: int):
    field = plasma(np.random.default_rng(seed), (height, width), decay)
    assert field.shape == (height, width)
    assert 0 <= field.min() <= field.max() <= 1


def test_plasma_is_smoother_for_larger_decay():
    rough, smooth = (plasma(np.random.default_rng(0), (128, 128), decay) for decay in (1.2, 2.0))
    assert np.abs(np.diff(smooth)).mean() < 0.5 * np.abs(np.diff(rough)).mean()
    assert smooth.max() == 1
    assert smooth.min() == 0


@pytest.mark.parametrize(("size", "reach"), [((9, 11), 1), ((20, 30), 2), ((40, 33), 3), ((25, 25), 4), ((3, 5), 4)])
def test_neighbours_are_handed_on_as_in_a_loop(size: tuple[int, int], reach: int):
    height, width = size
    result = random_neighbours(size, reach, np.random.default_rng(5))
    rows, columns = np.arange(reach + 1, height - reach + 1), np.arange(reach + 1, width - reach + 1)
    places = [(row, column) for row in rows for column in columns]
    down, across = np.random.default_rng(5).integers(-reach, reach, (2, len(places)))
    stands = np.arange(height * width).reshape(size)
    for (row, column), dy, dx in reversed(list(zip(places, down, across, strict=True))):
        stands[row, column] = stands[row + dy, column + dx]
    np.testing.assert_array_equal(result, stands.ravel())


@pytest.mark.parametrize("factor", [1.0, 1.01, 1.3, 4.0])
def test_the_enlarged_part_is_central(factor: float):
    rows, columns = enlarged((100, 61), factor)
    assert rows.stop - rows.start == math.ceil(100 / factor)
    assert abs((rows.start + rows.stop) / 2 - 50) <= 0.5
    assert abs((columns.start + columns.stop) / 2 - 30.5) <= 0.5
