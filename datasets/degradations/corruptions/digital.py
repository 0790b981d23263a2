"""Contrast, elastic distortion, pixelation, JPEG coding and saturation."""

from __future__ import annotations

import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from .filters import gaussian

Pixels = NDArray[np.uint8]
Image = NDArray[np.float64]


def contrast(image: Pixels, severity: int, rng: np.random.Generator) -> Image:
    """Draw all values towards the mean of their channel."""
    kept = (0.4, 0.3, 0.2, 0.1, 0.05)[severity - 1]
    scene = image / 255
    # Sums of integers: exact, in whatever order they are added.
    mean = image.sum(axis=(0, 1), dtype=np.int64) / (255.0 * image.shape[0] * image.shape[1])
    return mean + (scene - mean) * kept


def elastic_transform(image: Pixels, severity: int, rng: np.random.Generator) -> Image:
    """Move pixels by a smooth random field; positions are rounded to 1/32 pixel, mirrored at the borders.

    As in the form for detection there is no random affine map, which would move boxes.
    """
    height, width = image.shape[:2]
    strength = 250 * (0.05, 0.065, 0.085, 0.1, 0.12)[severity - 1]
    reach = 0.005 * height
    smooth = (0.01 * height, 0.01 * width)
    fields = rng.uniform(-reach, reach, (2, height, width))
    across, down = (gaussian(field, smooth, 3.0, cv2.BORDER_REFLECT) * strength for field in fields)
    columns = (across + np.arange(width)[None, :]).astype(np.float32)
    rows = (down + np.arange(height)[:, None]).astype(np.float32)
    moved = cv2.remap(image / 255, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(moved, np.float64)


def pixelate(image: Pixels, severity: int, rng: np.random.Generator) -> Image:
    """Average blocks, and show each as one colour."""
    share = (0.6, 0.5, 0.4, 0.3, 0.25)[severity - 1]
    height, width = image.shape[:2]
    small = (max(1, int(width * share)), max(1, int(height * share)))
    blocks = PillowImage.fromarray(image).resize(small, PillowImage.Resampling.BOX)
    return np.asarray(blocks.resize((width, height), PillowImage.Resampling.NEAREST)) / 255


def jpeg_compression(image: Pixels, severity: int, rng: np.random.Generator) -> Image:
    """Encode as JPEG at a low quality and decode again; chroma at half resolution, Pillow's default."""
    coded = io.BytesIO()
    PillowImage.fromarray(image).save(coded, "JPEG", quality=(25, 18, 15, 10, 7)[severity - 1])
    with PillowImage.open(coded) as decoded:
        return np.asarray(decoded.convert("RGB")) / 255


def saturate(image: Pixels, severity: int, rng: np.random.Generator) -> Image:
    """Scale and shift the saturation of HSV: paler at severities 1 and 2, more colourful at 3 to 5.

    As in the original, grey has the hue of red, which shows once saturation is added.
    """
    factor, more = ((0.3, 0.0), (0.1, 0.0), (2.0, 0.0), (5.0, 0.1), (20.0, 0.2))[severity - 1]
    scene = image / 255
    value = scene.max(axis=2, keepdims=True)
    below = value - scene
    spread = below.max(axis=2, keepdims=True)
    saturation = np.divide(spread, value, out=np.zeros_like(value), where=value > 0)
    wanted = (saturation * factor + more).clip(0, 1)
    shape = np.divide(below, spread, out=np.broadcast_to([0.0, 1.0, 1.0], scene.shape).copy(), where=spread > 0)
    return value * (1 - wanted * shape)
