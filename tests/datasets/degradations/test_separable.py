"""Sums of separable maps: equal to the dense map, in blocks and for single pixels."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lqbench.datasets.degradations.aeris import KERNEL_TOLERANCE
from lqbench.datasets.degradations.blur import filter_reflect
from lqbench.datasets.degradations.kernels import gaussian_kernel
from lqbench.datasets.degradations.scratch import KEPT, scratch
from lqbench.datasets.degradations.separable import (
    BLOCK,
    Bands,
    blur_then_resize,
    map_axes,
    map_pixels,
    pad_reflect,
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


def bands(
    length: int,
    new_length: int,
    kernels: np.ndarray,
    mode: Interpolation = "nearest",
    blocks: range = range(BLOCK, BLOCK + 1),
) -> Bands:
    return blur_then_resize(resize_taps(length, new_length, mode), kernels, blocks)


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * 1000 + width).random((3, height, width)) * 255


@given(sides, sides, sides, sides, modes, kernels)
@settings(max_examples=80, deadline=None)
def test_blur_and_resizing_at_once(height: int, width: int, h: int, w: int, mode: Interpolation, kernel: np.ndarray):
    image = picture(height, width)
    taps = [resize_taps(height, h, mode), resize_taps(width, w, mode)]
    rows, columns = (blur_then_resize(*pair) for pair in zip(taps, separate(kernel, 1e-12), strict=True))
    padded = pad_reflect(image, rows, columns)
    expected = taps[0].matrix(height) @ filter_reflect(image, kernel) @ taps[1].matrix(width).T
    mapped = map_axes(padded, rows, columns, np.float64)
    np.testing.assert_allclose(mapped, expected, atol=1e-4)  # tails of 1e-7 are cut off
    np.testing.assert_allclose(map_axes(padded, rows, columns, np.float32), mapped, atol=4e-4)
    channel, row, column = (axis.ravel() for axis in np.indices(mapped.shape))
    np.testing.assert_allclose(map_pixels(padded, rows, columns, (channel, row, column)), mapped.ravel(), atol=1e-9)


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
    wide = bands(length, length, np.ones((1, 2 * margin + 1)))
    before, after = wide.margin
    assert min(before, after) >= margin
    padded = pad_reflect(np.arange(length, dtype=np.uint8)[None, None], bands(1, 1, np.ones((1, 1))), wide)[0, 0]
    assert padded.tolist() == reflect(np.arange(-before, length + after), length).tolist()


@given(sides, sides, st.integers(1, 30), st.integers(0, 10), st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_windows_hold_all_that_their_outputs_read(length: int, new_length: int, block: int, margin: int, terms: int):
    kernels = np.random.default_rng(length).random((terms, 2 * margin + 1))
    one = bands(length, new_length, kernels, "bicubic", range(block, block + 2))
    before, after = one.margin
    padded = np.random.default_rng(1).random(before + length + after)
    matrices = one.matrices(np.float64)
    starts = one.start + one.step * np.arange(len(matrices))
    assert starts.min() >= 0
    assert starts.max() + one.window <= len(padded)
    windows = padded[starts[:, None] + np.arange(one.window)]
    by_blocks = np.einsum("botw,bw->bot", matrices, windows).reshape(-1, terms)
    reads = padded[one.first[:, None] + np.arange(one.weight.shape[2])]
    np.testing.assert_allclose(by_blocks[:new_length], np.einsum("ntl,nl->nt", one.weight, reads), atol=1e-9)
    assert not by_blocks[new_length:].any()


def test_a_map_leaves_its_input_and_earlier_results():
    rows, columns = bands(30, 11, np.ones((1, 5)) / 5), bands(40, 17, np.ones((1, 5)) / 5)
    image = picture(30, 40)
    padded = pad_reflect(image, rows, columns)
    before, first = padded.copy(), map_axes(padded, rows, columns, np.float32)
    kept = first.copy()
    map_axes(padded[::-1] / 2, rows, columns, np.float32)
    np.testing.assert_array_equal(padded, before)
    np.testing.assert_array_equal(first, kept)


def test_scratch_memory_is_reused_and_each_threads_own():
    first, again = scratch("test", (3, 4), np.float32), scratch("test", (2, 2), np.float64)
    assert np.shares_memory(first, again)
    with ThreadPoolExecutor(1) as pool:
        assert not np.shares_memory(first, pool.submit(scratch, "test", (3, 4), np.float32).result())
    big, other = (scratch("test", (KEPT + 1,), np.uint8) for _ in range(2))
    assert not np.shares_memory(big, other), "memory of that size is not to be kept"
