"""8 bits from real values: ties, clipping, and single precision that rounds as double precision does."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from lqbench.datasets.degradations.resize import TIE_GUARD, to_uint8
from lqbench.datasets.degradations.rounding import DOUBT, round_levels, round_single


def test_levels_round_as_images_in_0_to_1_do():
    levels = np.concatenate([np.arange(0, 255, 0.125), [-3, 255.2, 260, 100.5 - TIE_GUARD / 2, 100.5 - 2 * TIE_GUARD]])
    np.testing.assert_array_equal(round_levels(levels), to_uint8(torch.from_numpy(levels / 255)).numpy())  # pyright: ignore[reportArgumentType]


def test_a_tie_is_not_decided_by_the_last_bit():
    tie = 100.5
    assert round_levels(np.array([np.nextafter(tie, 0), tie, np.nextafter(tie, 200)])).tolist() == [101, 101, 101]


@given(st.lists(st.floats(-20, 280), min_size=1, max_size=40), st.integers(0, 99))
def test_all_pixels_that_may_be_wrong_are_told(values: list[float], seed: int):
    exact = np.array(values)[None]
    error = np.random.default_rng(seed).uniform(-1, 1, exact.shape) * (DOUBT - TIE_GUARD) * 0.9
    rounded = np.empty(exact.shape, np.uint8)
    doubtful = round_single((exact + error).astype(np.float32), rounded)
    wrong = np.flatnonzero(rounded != round_levels(exact))
    assert set(wrong.tolist()) <= set(doubtful.tolist())
    assert len(doubtful) <= np.sum(np.abs(np.clip(exact, 0, 255) % 1 - 0.5) < 2.1 * DOUBT), "more pixels than in doubt"


def test_levels_are_left_as_they_are():
    levels = np.array([[-3.0, 7.6, 300.0]], np.float32)
    kept, rounded = levels.copy(), np.empty(levels.shape, np.uint8)
    assert len(round_single(levels, rounded)) == 0
    assert rounded.tolist() == [[0, 8, 255]]
    np.testing.assert_array_equal(levels, kept)
