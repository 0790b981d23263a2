"""SSD's training augmentation (Liu et al., ECCV 2016), with the probabilities of amdegroot/ssd.pytorch at 5b0b77f.

Order: photometric distortion, expansion, crop, mirror. Two deliberate differences. Colours are clipped to 8 bits after
the distortion: low-resolution images are made from the result, and no camera stores values beyond them. And crops
respect their overlap mode: in that repository the test can never fail, so that every mode is an unconstrained crop.
"""

from __future__ import annotations

import itertools
from typing import Annotated, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ..boxes import mirrored

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
Share = Annotated[float, Field(ge=0, le=1)]
_TRIES = 50
"""Crops tried for one mode before another is drawn."""
_ORDERS = tuple(itertools.permutations(range(3)))
IOU_MODES: tuple[float | None, ...] = (None, 0.1, 0.3, 0.7, 0.9, -1.0)
"""Least overlap of a crop with an object; None leaves the image whole, -1 takes any crop. SSD's own list holds 0.5
as well."""


class AugmentConfig(BaseModel):
    """How training images are changed; each is a share of images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    photometric: Share = 0.5
    """For each of brightness, contrast, saturation, hue and channel order."""
    expand: Share = 0.5
    """Images that are laid on a canvas up to four times as wide, so that objects become small."""
    largest_canvas: float = Field(default=4.0, ge=1)
    crop: bool = True
    """Whether crops of SSD's modes are taken."""
    smallest_crop: float = Field(default=0.3, gt=0, le=1)
    """Least side of a crop, of the image's."""
    mirror: Share = 0.5
    fill: tuple[int, int, int] = (123, 117, 104)
    """RGB of the canvas: ImageNet's mean, as SSD subtracts it."""


def augment(
    rng: np.random.Generator, image: Image, xyxy: Floats, labels: NDArray[np.int64], config: AugmentConfig
) -> tuple[Image, Floats, NDArray[np.int64]]:
    """Change an image and its boxes as SSD's training does.

    Args:
        rng: Source of all choices.
        image: uint8 (H, W, 3) RGB; left unchanged.
        xyxy: float32 (N, 4), pixels.
        labels: int64 (N,).
        config: Shares and ranges.

    Returns:
        Image, boxes and labels; objects whose centre is cut away are gone.
    """
    image = distort(rng, image, config.photometric)
    if rng.random() < config.expand:
        image, xyxy = expand(rng, image, xyxy, config)
    if config.crop:
        image, xyxy, labels = crop(rng, image, xyxy, labels, config.smallest_crop)
    if rng.random() < config.mirror:
        image = np.ascontiguousarray(image[:, ::-1])
        xyxy = mirrored(xyxy, image.shape[1])
    return image, xyxy, labels


def distort(rng: np.random.Generator, image: Image, share: float) -> Image:
    """Change brightness, contrast, saturation, hue and the order of channels, each with a probability of ``share``."""
    pixels = image.astype(np.float32)
    if rng.random() < share:
        pixels += rng.uniform(-32, 32)
    contrast_first = rng.random() < 0.5
    if contrast_first:
        _contrast(rng, pixels, share)
    pixels = _colour(rng, pixels, share)
    if not contrast_first:
        _contrast(rng, pixels, share)
    if rng.random() < share:
        pixels = pixels[:, :, _ORDERS[rng.integers(len(_ORDERS))]]
    return np.clip(pixels + 0.5, 0, 255).astype(np.uint8)


def _contrast(rng: np.random.Generator, pixels: Floats, share: float) -> None:
    if rng.random() < share:
        pixels *= rng.uniform(0.5, 1.5)


def _colour(rng: np.random.Generator, pixels: Floats, share: float) -> Floats:
    """Change saturation by a factor and hue by up to 18 degrees."""
    saturation = rng.uniform(0.5, 1.5) if rng.random() < share else 1.0
    hue = rng.uniform(-18, 18) if rng.random() < share else 0.0
    if saturation == 1.0 and hue == 0.0:
        return pixels
    hsv = cv2.cvtColor(np.clip(pixels, 0, 255) / np.float32(255), cv2.COLOR_RGB2HSV)
    hsv[:, :, 0] = (hsv[:, :, 0] + hue) % 360
    hsv[:, :, 1] = np.clip(hsv[:, :, 1] * saturation, 0, 1)
    changed: Any = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    return changed * np.float32(255)


def expand(rng: np.random.Generator, image: Image, xyxy: Floats, config: AugmentConfig) -> tuple[Image, Floats]:
    """Lay an image somewhere on a larger canvas of one colour."""
    height, width = image.shape[:2]
    ratio = rng.uniform(1, config.largest_canvas)
    left, top = int(rng.uniform(0, width * ratio - width)), int(rng.uniform(0, height * ratio - height))
    canvas = np.empty((int(height * ratio), int(width * ratio), 3), np.uint8)
    canvas[:] = config.fill
    canvas[top : top + height, left : left + width] = image
    return canvas, xyxy + np.array([left, top, left, top], np.float32)


def crop(
    rng: np.random.Generator, image: Image, xyxy: Floats, labels: NDArray[np.int64], smallest: float
) -> tuple[Image, Floats, NDArray[np.int64]]:
    """Cut a part whose overlap with every object that it is to show is that of a drawn mode, or leave the image whole.

    An image without objects stays whole. The part's sides are at least ``smallest`` of the image's, its aspect between
    1/2 and 2, and it holds the centre of at least one object.
    """
    while len(xyxy):
        mode = IOU_MODES[rng.integers(len(IOU_MODES))]
        if mode is None:
            break
        for _ in range(_TRIES):
            part = _part(rng, image.shape[0], image.shape[1], smallest)
            kept = _centres_inside(xyxy, part)
            if kept.any() and _overlap(xyxy[kept], part).min() >= mode:
                return _cut(image, xyxy[kept], labels[kept], part)
    return image, xyxy, labels


def _part(rng: np.random.Generator, height: int, width: int, smallest: float) -> NDArray[np.intp]:
    """Draw x1, y1, x2, y2 of a part; a square of the short side where the image is too long for the drawn shapes."""
    w = h = float(min(height, width))
    for _ in range(_TRIES):
        drawn = rng.uniform(smallest * width, width), rng.uniform(smallest * height, height)
        if 0.5 <= drawn[1] / drawn[0] <= 2:
            w, h = drawn
            break
    left, top = rng.uniform(0, width - w), rng.uniform(0, height - h)
    x1, y1 = int(left), int(top)
    return np.array([x1, y1, x1 + max(1, int(w)), y1 + max(1, int(h))])


def _centres_inside(xyxy: Floats, part: NDArray[np.intp]) -> NDArray[np.bool_]:
    centres = (xyxy[:, :2] + xyxy[:, 2:]) / 2
    return np.all((centres > part[:2]) & (centres < part[2:]), axis=1)


def _overlap(xyxy: Floats, part: NDArray[np.intp]) -> Floats:
    """Return the intersection over union of each box with a part."""
    low, high = np.maximum(xyxy[:, :2], part[:2]), np.minimum(xyxy[:, 2:], part[2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    areas = np.prod(xyxy[:, 2:] - xyxy[:, :2], axis=1)
    return shared / (areas + np.prod(part[2:] - part[:2]) - shared)


def _cut(
    image: Image, xyxy: Floats, labels: NDArray[np.int64], part: NDArray[np.intp]
) -> tuple[Image, Floats, NDArray[np.int64]]:
    x1, y1, x2, y2 = part
    low, high = np.maximum(xyxy[:, :2], part[:2]), np.minimum(xyxy[:, 2:], part[2:])
    moved = np.concatenate([low, high], axis=1) - np.array([x1, y1, x1, y1])
    return image[y1:y2, x1:x2], moved.astype(np.float32), labels
