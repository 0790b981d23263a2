"""8 bits from real values: ties and clipping."""

from __future__ import annotations

import numpy as np
import torch

from lqbench.datasets.degradations.resize import TIE_GUARD, to_uint8
from lqbench.datasets.degradations.rounding import round_levels


def test_levels_round_as_images_in_0_to_1_do():
    levels = np.concatenate([np.arange(0, 255, 0.125), [-3, 255.2, 260, 100.5 - TIE_GUARD / 2, 100.5 - 2 * TIE_GUARD]])
    np.testing.assert_array_equal(round_levels(levels), to_uint8(torch.from_numpy(levels / 255)).numpy())  # pyright: ignore[reportArgumentType]


def test_a_tie_is_not_decided_by_the_last_bit():
    tie = 100.5
    assert round_levels(np.array([np.nextafter(tie, 0), tie, np.nextafter(tie, 200)])).tolist() == [101, 101, 101]
