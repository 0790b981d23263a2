"""From linear radiance to a photograph: lens, exposure, tone curve, grain."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from .noise import crop, noise_bank

_STEPS = 8191
_BRIGHTEST = 2.5


def develop(rng: np.random.Generator, radiance: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Expose, tone-map and grain a linear image (H, W, 3); returns uint8 RGB.

    The tone curve is the rational fit of the ACES film curve by K. Narkowicz (2016); display gamma is taken as 2.
    """
    height, width = radiance.shape[:2]
    image = cv2.GaussianBlur(radiance, (0, 0), rng.uniform(0.38, 0.7))
    target = rng.uniform(0.17, 0.28)
    exposure = np.float32(target / max(float(np.minimum(image[::3, ::3].mean(axis=-1), 1.5).mean()), 1e-3))
    image *= _vignette(rng, height, width) * exposure
    image *= rng.uniform(0.96, 1.04, 3).astype(np.float32)
    np.sqrt(image, out=image)
    image *= np.float32(_STEPS / _BRIGHTEST)
    np.minimum(image, np.float32(_STEPS), out=image)
    image = _tone_curve()[image.astype(np.uint16)]
    image = cv2.transform(image, _saturation(rng.uniform(0.68, 0.92)))
    strength = np.float32(np.exp(rng.uniform(np.log(1.5), np.log(5.5))))
    level = strength * (np.float32(1.25) - image[..., 1:2] * np.float32(1 / 255))
    image += crop(noise_bank().grain, rng, height, width) * level
    np.rint(np.clip(image, 0.0, 255.0, out=image), out=image)
    return image.astype(np.uint8)


@lru_cache(maxsize=1)
def _tone_curve() -> NDArray[np.float32]:
    """Return display values 0 to 255 for square roots of linear light from 0 to ``_BRIGHTEST``."""
    x = np.square(np.arange(_STEPS + 1) / _STEPS * _BRIGHTEST)
    curve = x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14)
    return (np.sqrt(np.clip(curve, 0.0, 1.0)) * 255.0).astype(np.float32)


def _saturation(amount: float) -> NDArray[np.float64]:
    """Return the colour matrix (3, 3) that keeps ``amount`` of the distance from grey."""
    return amount * np.eye(3) + (1 - amount) * np.array((0.30, 0.59, 0.11))[None, :]


def _vignette(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """Return the fall-off of light towards the corners, (H, W, 1)."""
    strength = np.float32(rng.uniform(0.05, 0.32))
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] ** 2
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :] ** 2
    return (1.0 - strength * (0.5 * (x + y)))[..., None]
