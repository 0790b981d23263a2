"""The compiled degradation: equal to the plain one in double precision, bit by bit."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lqbench.datasets.degradations.aeris import degrade, degrade_to_uint8
from lqbench.datasets.degradations.kernels import gaussian_kernel
from lqbench.datasets.degradations.noise import table_noise
from lqbench.datasets.degradations.resize import TIE_GUARD
from lqbench.datasets.degradations.rounding import DOUBT, round_levels
from lqbench.datasets.degradations.taps import Interpolation

sides = st.integers(1, 90)
modes = st.sampled_from(["nearest", "bilinear", "bicubic"])
seeds = st.integers(0, 2**32)
kernels = st.none() | st.builds(
    gaussian_kernel, st.sampled_from([1, 3, 7, 15, 21, 61]), st.floats(0.1, 9.0), st.floats(0.1, 9.0), st.floats(0, 3.2)
)


def picture(height: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (3, height, width), dtype=np.uint8)


def both(
    image: np.ndarray, kernel: np.ndarray | None, mode: Interpolation, size: tuple[int, int], seed: int, sigma: float
) -> tuple[np.ndarray, np.ndarray]:
    noise = table_noise(seed, (3, *size), sigma)
    return degrade_to_uint8(image, kernel, mode, noise), round_levels(degrade(image, kernel, mode, noise.values()))


@given(sides, sides, sides, sides, modes, kernels, seeds, st.sampled_from([0.0, 3.0, 25.0, 200.0]))
@settings(max_examples=100, deadline=None)
def test_it_equals_double_precision(
    height: int,
    width: int,
    h: int,
    w: int,
    mode: Interpolation,
    kernel: np.ndarray | None,
    seed: int,
    sigma: float,
):
    """Smaller and larger results, kernels larger than the image, several blocks of rows, clipping on both sides."""
    quick, precise = both(picture(height, width, seed), kernel, mode, (h, w), seed, sigma)
    np.testing.assert_array_equal(quick, precise)


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("kernel", [None, gaussian_kernel(21, 2.4), gaussian_kernel(21, 6.0, 0.5, 0.7)])
@pytest.mark.parametrize("size", [(300, 411), (120, 165)])
def test_it_equals_double_precision_on_larger_images(
    mode: Interpolation, kernel: np.ndarray | None, size: tuple[int, int]
):
    """Thousands of pixels in doubt; source rows make room for later ones several times."""
    quick, precise = both(picture(300, 411, 5), kernel, mode, size, 6, 12.5)
    np.testing.assert_array_equal(quick, precise)


@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (70, 1), (2, 3)])
def test_one_pixel_along_an_axis(shape: tuple[int, int]):
    quick, precise = both(picture(*shape, 1), gaussian_kernel(21, 6.0, 1.0, 0.4), "bicubic", shape, 2, 10.0)
    np.testing.assert_array_equal(quick, precise)


def test_ties_are_rounded_up():
    """Every average of a black and a white pixel lies in the middle of two levels, so every pixel is in doubt."""
    image = np.broadcast_to((np.arange(128) % 2 * 255).astype(np.uint8), (3, 64, 128))
    noise = table_noise(1, (3, 64, 64), 0.0)
    assert (degrade_to_uint8(image, None, "bilinear", noise) == 128).all()


def test_errors_stay_below_what_counts_as_doubt(monkeypatch: pytest.MonkeyPatch):
    """Half of what is allowed for errors is enough, at the widest blur of AERIS."""
    from lqbench.datasets.degradations import fused

    kernel, noise = gaussian_kernel(21, 6.0, 0.5, 0.7), table_noise(1, (3, 200, 200), 5.0)
    image = picture(200, 200, 3)
    expected = degrade_to_uint8(image, kernel, "bicubic", noise)
    monkeypatch.setattr(fused, "DOUBT", TIE_GUARD + (DOUBT - TIE_GUARD) / 2)
    np.testing.assert_array_equal(degrade_to_uint8(image, kernel, "bicubic", noise), expected)


def test_images_of_any_layout_are_read_and_left_as_they_are():
    image = picture(40, 50, 1)
    noise, kernel = table_noise(1, (3, 20, 25), 5.0), gaussian_kernel(7, 2.0)
    expected = degrade_to_uint8(image, kernel, "bilinear", noise)
    channels_last = np.ascontiguousarray(image.transpose(1, 2, 0)).transpose(2, 0, 1)
    read_only = image.copy()
    read_only.flags.writeable = False
    for one in (channels_last, read_only):
        np.testing.assert_array_equal(degrade_to_uint8(one, kernel, "bilinear", noise), expected)
    np.testing.assert_array_equal(image, read_only)


def test_threads_do_not_disturb_each_other():
    images = [picture(60, 70 + number, number) for number in range(8)]
    kernel = gaussian_kernel(13, 4.0, 1.0, 0.5)

    def one(image: np.ndarray) -> np.ndarray:
        return degrade_to_uint8(image, kernel, "bicubic", table_noise(1, (3, 30, 35), 5.0))

    with ThreadPoolExecutor(4) as pool:
        for parallel, alone in zip(pool.map(one, images), map(one, images), strict=True):
            np.testing.assert_array_equal(parallel, alone)


def test_it_works_where_no_cache_can_be_written():
    """An installation for reading only, used by somebody without a home."""
    program = (
        "from numba.core import caching\n"
        "caching.CacheImpl._locator_classes = []\n"
        "from lqbench.datasets.degradations import fused\n"
        "assert fused._reflect(-3, 5) == 3\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
