"""From real-valued grey levels to 8 bits, with the same result on every processor.

Floating-point sums differ in their last bits between processors and libraries. In double precision that changes a
rounded pixel about once in 10^13 pixels; values that fall exactly between two levels, as averages of 8-bit pixels often
do, are decided by ``resize.TIE_GUARD``. In single precision it would change one pixel in 10^4: so a pixel in single
precision is only believed where it is far from the middle of two levels, and computed anew where it is not.

This module imports torch, so import it inside functions.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .resize import TIE_GUARD

DOUBT = 5e-4
"""In grey levels: ``TIE_GUARD`` and twice the largest error of sums in single precision that was ever seen."""

Pixels = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]
"""Channel, row and column of single pixels."""


def round_levels(levels: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Clip grey levels to [0, 255] and round them, halves up."""
    return np.minimum(np.floor(np.clip(levels, 0, 255) + (0.5 + TIE_GUARD)), 255).astype(np.uint8)


def round_single(levels: NDArray[np.float32], exact: Callable[[Pixels], NDArray[np.float64]]) -> NDArray[np.uint8]:
    """Round levels of single precision as ``round_levels`` rounds them in double precision.

    Args:
        levels: float32 (C, H, W) in C order, each within ``DOUBT - TIE_GUARD`` of the true value.
        exact: Computes the levels of given pixels in double precision.

    Returns:
        uint8 (C, H, W).
    """
    shifted = np.clip(levels, 0, 255)
    shifted += np.float32(0.5)
    whole = np.floor(shifted)
    shifted -= whole + np.float32(0.5)
    rounded = whole.astype(np.uint8)
    doubtful = np.flatnonzero(np.abs(shifted, out=shifted) > 0.5 - DOUBT)
    if len(doubtful):
        channel, row, column = np.unravel_index(doubtful, rounded.shape)
        rounded.flat[doubtful] = round_levels(exact((channel, row, column)))
    return rounded
