"""The guided filter against a plain solution of each window, and its two ways of summing against each other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lqbench.datasets.degradations.weather import guided_filter as gf


def slow_box(values: np.ndarray, window: int) -> np.ndarray:
    margin, result = window // 2, np.zeros_like(values)
    for row, column in np.ndindex(*values.shape):
        part = values[max(row - margin, 0) : row + margin + 1, max(column - margin, 0) : column + margin + 1]
        result[row, column] = part.mean()
    return result


def slow_guided_filter(target: np.ndarray, guide: np.ndarray, window: int, epsilon: float) -> np.ndarray:
    height, width = target.shape
    margin = window // 2
    slope, offset = np.zeros((3, height, width)), np.zeros((height, width))
    for row, column in np.ndindex(height, width):
        rows, columns = (
            slice(max(row - margin, 0), row + margin + 1),
            slice(max(column - margin, 0), column + margin + 1),
        )
        colours, values = guide[:, rows, columns].reshape(3, -1), target[rows, columns].ravel()
        covariance = (colours * values).mean(1) - colours.mean(1) * values.mean()
        matrix = np.cov(colours, bias=True) + epsilon * np.eye(3)
        slope[:, row, column] = np.linalg.solve(matrix, covariance)
        offset[row, column] = values.mean() - slope[:, row, column] @ colours.mean(1)
    smooth = np.stack([slow_box(channel, window) for channel in slope])
    return (smooth * guide).sum(0) + slow_box(offset, window)


@pytest.mark.parametrize(("size", "window"), [((12, 15), 5), ((6, 20), 9), ((9, 9), 41)])
def test_it_solves_every_window(size: tuple[int, int], window: int):
    rng = np.random.default_rng(0)
    target, guide = rng.random(size), rng.random((3, *size))
    fast = gf.guided_filter(torch.from_numpy(target)[None], torch.from_numpy(guide), window, 1e-3)[0]
    np.testing.assert_allclose(fast, slow_guided_filter(target, guide, window, 1e-3), atol=1e-9)


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 60))
@settings(max_examples=40, deadline=None)
def test_both_ways_of_summing_agree(height: int, width: int, half: int):
    maps = torch.rand((2, 3, height, width), dtype=torch.float64)
    window = 2 * half + 1
    counts = gf._inside(maps, -2, window)[:, None] * gf._inside(maps, -1, window)
    other = gf._sums_along(gf._sums_along(maps, window, -1), window, -2) / counts
    torch.testing.assert_close(gf.box_mean(maps, window), other, rtol=0, atol=1e-10)


def test_a_constant_map_stays_constant():
    guide = torch.rand((3, 20, 20), dtype=torch.float64)
    smooth = gf.guided_filter(torch.full((1, 20, 20), 0.3, dtype=torch.float64), guide)
    torch.testing.assert_close(smooth, torch.full_like(smooth, 0.3))


def test_edges_of_the_guide_are_kept_and_noise_is_not():
    guide = torch.zeros((3, 40, 40), dtype=torch.float64)
    guide[:, :, 20:] = 1
    step = guide[:1] * 0.8 + 0.1
    noisy = step + 0.1 * torch.from_numpy(np.random.default_rng(0).standard_normal((1, 40, 40)))
    smooth = gf.guided_filter(noisy, guide, 11, 1e-3)
    assert (smooth - step).abs().max() < 0.1
    assert (smooth - step).std() < 0.3 * (noisy - step).std()
