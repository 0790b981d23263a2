"""The estimate of the atmospheric light against a plain loop, and its choice among equals."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lqbench.datasets.degradations.weather.airlight import LUMA, dark_channel, estimate_airlight


def photo(height: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((3, height, width)))


def slow_dark_channel(image: np.ndarray, window: int) -> np.ndarray:
    least, margin = image.min(0), window // 2
    result = np.zeros_like(least)
    for row, column in np.ndindex(*least.shape):
        part = least[max(row - margin, 0) : row + margin + 1, max(column - margin, 0) : column + margin + 1]
        result[row, column] = part.min()
    return result


@pytest.mark.parametrize("window", [1, 3, 7, 15])
@pytest.mark.parametrize("size", [(1, 1), (5, 30), (33, 21)])
def test_the_dark_channel_is_the_minimum_of_squares(size: tuple[int, int], window: int):
    image = photo(*size)
    np.testing.assert_array_equal(dark_channel(image[None], window)[0], slow_dark_channel(image.numpy(), window))


def test_the_median_of_the_brightest_lends_its_colour():
    image = photo(80, 90, 3)
    dark = slow_dark_channel(image.numpy(), 15).ravel()
    brightest = np.argsort(-dark, kind="stable")[:7]  # 0.1 % of 7200, which is odd
    colours = image.reshape(3, -1).numpy()[:, brightest]
    middle = np.argsort(np.array(LUMA) @ colours)[3]
    np.testing.assert_array_equal(estimate_airlight(image)[:, 0, 0], colours[:, middle])


def test_a_plain_image_has_its_own_colour():
    image = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)[:, None, None].expand(3, 50, 60)
    assert estimate_airlight(image).flatten().tolist() == [0.1, 0.5, 0.9]


def test_batches_equal_single_images():
    images = torch.stack([photo(40, 50, seed) for seed in range(3)])
    for image, airlight in zip(images, estimate_airlight(images), strict=True):
        assert torch.equal(estimate_airlight(image), airlight)
