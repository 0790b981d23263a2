"""The opening along rows against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lqbench.datasets.degradations.resize import to_uint8
from lqbench.methods.enhance.opening import open_rows
from lqbench.methods.enhance.settings import OpeningSettings


def slow_opening(row: np.ndarray, width: int) -> np.ndarray:
    """Take the largest of the smallest values of the windows that hold a pixel; windows are cut off at the ends."""
    reach, result = width // 2, np.empty_like(row)
    windows = [range(max(0, centre - reach), min(len(row), centre + reach + 1)) for centre in range(len(row))]
    for place in range(len(row)):
        holding = [row[list(window)].min() for window in windows if place in window]
        result[place] = max(holding)
    return result


@pytest.mark.parametrize("width", [3, 5])
@pytest.mark.parametrize("size", [(4, 11), (3, 2), (1, 1)])
def test_it_is_what_plain_loops_compute(width: int, size: tuple[int, int]) -> None:
    image = torch.from_numpy(np.random.default_rng(0).random((3, *size), np.float32))
    settings = OpeningSettings.model_validate({"width": width})
    expected = np.apply_along_axis(slow_opening, 2, image.numpy(), width)
    np.testing.assert_array_equal(open_rows(image, settings), expected)


def test_thin_streaks_go_and_wide_things_stay() -> None:
    clean = torch.full((3, 20, 30), 0.3)
    clean[:, 5:15, 10:20] = 0.8
    rainy = clean.clone()
    rainy[:, :, [3, 4, 25]] = 0.9
    assert torch.equal(open_rows(rainy, OpeningSettings()), clean)


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_plain_images_stay_what_they_are_and_inputs_are_left(level: float) -> None:
    image = torch.full((3, 5, 6), level)
    assert torch.equal(to_uint8(open_rows(image, OpeningSettings())), to_uint8(image))
    assert (image == level).all()
