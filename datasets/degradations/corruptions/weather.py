"""Weather and what sits on a lens: snow, frost, fog, brightness and spatter."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .filters import enlarged, gaussian, move, plasma
from .frost import frost_texture

Pixels = NDArray[np.uint8]
Image = NDArray[np.float64]

LUMA = np.array([0.299, 0.587, 0.114])


def snow(image: Pixels, severity: int, rng: np.random.Generator) -> Image:
    """Whiten the image and let blurred flakes fall over it, twice: as drawn, and turned by 180 degrees."""
    mean, spread, zoom, threshold, radius, sigma, clear = (
        (0.1, 0.3, 3.0, 0.5, 10, 4, 0.8),
        (0.2, 0.3, 2.0, 0.5, 12, 4, 0.7),
        (0.55, 0.3, 4.0, 0.9, 12, 8, 0.7),
        (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
        (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
    )[severity - 1]
    height, width = image.shape[:2]
    rows, columns = enlarged((height, width), zoom)
    drawn = rng.normal(mean, spread, (rows.stop - rows.start, columns.stop - columns.start))
    flakes = cv2.resize(drawn, (width, height), interpolation=cv2.INTER_LINEAR)
    flakes = np.where(flakes < threshold, 0.0, flakes.clip(0, 1))
    falling = move(flakes, radius, sigma, rng.uniform(-135, -45))[..., None]
    scene = image / 255
    pale = np.maximum(scene, (scene @ LUMA)[..., None] * 1.5 + 0.5)
    return clear * scene + (1 - clear) * pale + falling + falling[::-1, ::-1]


def frost(image: Pixels, severity: int, rng: np.random.Generator) -> Image:
    """Lay ice over the image.

    The original mixes in crops of six photographs of frost. These are not ours to hand on: the ice here is drawn, with
    brightness and contrast near those of the photographs, see ``frost.frost_texture``.
    """
    kept, ice = ((1.0, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75))[severity - 1]
    return kept * (image / 255) + ice * frost_texture(rng, (image.shape[0], image.shape[1]))


def fog(image: Pixels, severity: int, rng: np.random.Generator) -> Image:
    """Mix in a cloudy field, the same at all distances; not to be confused with the fog that knows distances."""
    amount, decay = ((1.5, 2.0), (2.0, 2.0), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4))[severity - 1]
    scene = image / 255
    brightest = float(scene.max())
    cloud = plasma(rng, (image.shape[0], image.shape[1]), decay)[..., None]
    return (scene + amount * cloud) * (brightest / (brightest + amount))


def brightness(image: Pixels, severity: int, rng: np.random.Generator) -> Image:
    """Add to the value of HSV, keeping hue and saturation: each pixel's channels grow by one factor."""
    more = (0.1, 0.2, 0.3, 0.4, 0.5)[severity - 1]
    scene = image / 255
    value = scene.max(axis=2, keepdims=True)
    brighter = np.minimum(value + more, 1.0)
    return np.where(value > 0, scene * (brighter / np.where(value > 0, value, 1.0)), brighter)


def spatter(image: Pixels, severity: int, rng: np.random.Generator) -> Image:
    """Splash water (severities 1 to 3) or mud (4 and 5) on the lens."""
    mean, spread, sigma, threshold, strength, mud = (
        (0.65, 0.3, 4.0, 0.69, 0.6, False),
        (0.65, 0.3, 3.0, 0.68, 0.6, False),
        (0.65, 0.3, 2.0, 0.68, 0.5, False),
        (0.65, 0.3, 1.0, 0.65, 1.5, True),
        (0.67, 0.4, 1.0, 0.65, 1.5, True),
    )[severity - 1]
    liquid = gaussian(rng.normal(mean, spread, image.shape[:2]), sigma)
    scene = image / 255
    if not mud:
        shine = strength * _shine(np.where(liquid < threshold, 0.0, liquid))
        return scene + shine[..., None] * (np.array([175, 238, 238]) / 255)
    drops = gaussian((liquid > threshold).astype(np.float64), strength)
    drops = np.where(drops < 0.8, 0.0, drops)[..., None]
    return scene * (1 - drops) + drops * (np.array([63, 42, 20]) / 255)


def _shine(liquid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Light the edges of drops, float64 (H, W) in [0, 1]: distance to the outline, equalised and embossed."""
    levels = np.floor(liquid.clip(0, 1) * 255).astype(np.uint8)
    outline = cv2.distanceTransform(255 - cv2.Canny(levels, 50, 150), cv2.DIST_L2, 5)
    # Averages of whole numbers lie on the edge of a step; a little more keeps rounding errors from deciding.
    near = np.floor(cv2.blur(np.minimum(outline, 20).astype(np.float64), (3, 3)) + 1e-4).astype(np.uint8)
    emboss = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]], np.float64)
    relief = cv2.blur(cv2.filter2D(cv2.equalizeHist(near), cv2.CV_8U, emboss), (3, 3))
    lit = levels.astype(np.float64) * relief
    return lit / max(float(lit.max()), 1.0)
