"""Sensor-like noise from named random streams."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..seeds import generator


def gaussian_noise(seed: int, shape: tuple[int, ...], sigma: float) -> NDArray[np.float64]:
    """Draw Gaussian noise, independent in every channel and pixel.

    Args:
        seed: The image's seed; the stream "noise" of it is used (numpy's Philox counter, equal on every platform).
        shape: Shape of the result, (3, h, w) for an image.
        sigma: Standard deviation in the image's units, 25 / 255 for 25 grey levels of an image in [0, 1].

    Returns:
        float64 array of mean 0.
    """
    return sigma * generator(seed, "noise").standard_normal(shape)
