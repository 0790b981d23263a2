"""From real-valued grey levels to 8 bits, with the same result on every processor.

Floating-point sums differ in their last bits between processors and libraries. In double precision that changes a
rounded pixel about once in 10^13 pixels; values that fall exactly between two levels, as averages of 8-bit pixels often
do, are decided by ``resize.TIE_GUARD``. In single precision it would change one pixel in 10^4: so a pixel in single
precision is only believed where it is far from the middle of two levels, and computed anew where it is not.

This module imports torch, so import it inside functions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .resize import TIE_GUARD
from .scratch import scratch

DOUBT = 5e-4
"""In grey levels: ``TIE_GUARD`` and twice the largest error of sums in single precision that was ever seen."""


def round_levels(levels: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Clip grey levels to [0, 255] and round them, halves up."""
    return np.minimum(np.floor(np.clip(levels, 0, 255) + (0.5 + TIE_GUARD)), 255).astype(np.uint8)


def round_single(levels: NDArray[np.float32], rounded: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Round levels of single precision as ``round_levels`` rounds them in double precision, where that is certain.

    Args:
        levels: float32 (H, W), each within ``DOUBT - TIE_GUARD`` of the true value.
        rounded: uint8 (H, W) in C order, for the result.

    Returns:
        The flat indices of the pixels that may be rounded wrongly.
    """
    import cv2

    # OpenCV rounds and clips in one go. It takes absolute values too, hence the maximum.
    positive = np.maximum(levels, 0, out=scratch("levels to round", levels.shape, np.float32))
    lowest = cv2.convertScaleAbs(positive, scratch("lowest levels", levels.shape, np.uint8), beta=-DOUBT)
    cv2.convertScaleAbs(positive, rounded, beta=DOUBT)
    return np.flatnonzero(lowest != rounded)
