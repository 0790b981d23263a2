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

DOUBT = 5e-4
"""How near to the middle of two levels a sum in single precision is not believed, in grey levels: ``TIE_GUARD`` and
twice the largest error of such sums that was ever seen."""


def round_levels(levels: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Clip grey levels to [0, 255] and round them, halves up."""
    return np.minimum(np.floor(np.clip(levels, 0, 255) + (0.5 + TIE_GUARD)), 255).astype(np.uint8)
