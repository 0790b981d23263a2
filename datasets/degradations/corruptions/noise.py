"""Noise: Gaussian, shot, impulse and speckle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Image = NDArray[np.float64]


def gaussian_noise(image: Pixels, severity: int, rng: np.random.Generator) -> Image:
    """Add noise of equal strength everywhere, as in low light; sigma in units of [0, 1]."""
    sigma = (0.08, 0.12, 0.18, 0.26, 0.38)[severity - 1]
    return image / 255 + sigma * rng.standard_normal(image.shape)


def shot_noise(image: Pixels, severity: int, rng: np.random.Generator) -> Image:
    """Count photons: a white pixel catches so many on average."""
    photons = (60, 25, 12, 5, 3)[severity - 1]
    return rng.poisson(image * (photons / 255)) / photons


def impulse_noise(image: Pixels, severity: int, rng: np.random.Generator) -> Image:
    """Replace a share of the values, channel by channel, by 0 or 1 with equal chances (salt and pepper)."""
    share = (0.03, 0.06, 0.09, 0.17, 0.27)[severity - 1]
    uniform = rng.random(image.shape)
    noisy = image / 255
    noisy[uniform < share] = 0.0
    noisy[uniform < share / 2] = 1.0
    return noisy


def speckle_noise(image: Pixels, severity: int, rng: np.random.Generator) -> Image:
    """Add noise that grows with brightness; sigma in shares of the value."""
    sigma = (0.15, 0.2, 0.35, 0.45, 0.6)[severity - 1]
    return image / 255 * (1 + sigma * rng.standard_normal(image.shape))
