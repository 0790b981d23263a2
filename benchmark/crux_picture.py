"""The picture of a crux: a degraded image, its mask and the two multiplied, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..datasets.prepare.lettering import clipped, font

GAP = 12
"""Pixels between panels and around them."""
NARROWEST, LARGEST = 240, 2048
"""Images narrower than the one are enlarged by repeating pixels, sides beyond the other are reduced, by whole factors.
In between a panel has the image's own pixels."""
COLOURS = "viridis"
"""matplotlib's map, perceptually uniform and readable with any colour vision."""
PAPER, INK = (250, 250, 250), (20, 20, 20)

Pixels = NDArray[np.uint8]


def crux_picture(image: Pixels, mask: NDArray[np.floating], heading: str) -> Image.Image:
    """Draw the picture.

    Args:
        image: uint8 (h, w, 3) RGB, the degraded image.
        mask: float (h, w) in [0, 1].
        heading: What stands above; cut where it is too long.
    """
    panels = [_fitted(one) for one in (image, coloured(mask), under_mask(image, mask))]
    width, height = panels[0].size
    letters = max(13, width // 22)
    strip = 2 * letters
    paper = Image.new("RGB", (GAP + 3 * (width + GAP), 2 * strip + height + GAP), PAPER)
    draw = ImageDraw.Draw(paper)
    _write(draw, clipped(draw, heading, paper.width - 2 * GAP, letters), (GAP, 0, strip), letters)
    for position, (panel, label) in enumerate(
        zip(panels, ("degraded image", "mask", "crux: image times mask"), strict=True)
    ):
        left = GAP + position * (width + GAP)
        _write(draw, label, (left, strip, strip), letters)
        paper.paste(panel, (left, 2 * strip))
    _draw_scale(paper, right=GAP + 2 * width + GAP, top=strip, letters=letters)
    return paper


def coloured(mask: NDArray[np.floating]) -> Pixels:
    """Return a mask (h, w) in [0, 1] in colours, uint8 (h, w, 3): from dark violet at 0 to yellow at 1."""
    return _colours()[np.rint(np.asarray(mask, np.float64) * 255).astype(int)]


def under_mask(image: Pixels, mask: NDArray[np.floating]) -> Pixels:
    """Return an image (h, w, 3) multiplied with a mask (h, w), rounded to 8 bits."""
    return np.rint(image * np.asarray(mask, np.float64)[..., None]).astype(np.uint8)


def _colours() -> Pixels:
    """Return the 256 colours of the map, uint8 (256, 3)."""
    from matplotlib import colormaps

    return colormaps[COLOURS].resampled(256)(np.arange(256), bytes=True)[:, :3]


def _fitted(pixels: Pixels) -> Image.Image:
    """Return a panel: the pixels, enlarged or reduced by a whole factor where that is needed."""
    height, width = pixels.shape[:2]
    panel = Image.fromarray(np.ascontiguousarray(pixels))
    if max(height, width) > LARGEST:
        return panel.reduce(-(-max(height, width) // LARGEST))
    factor = min(-(-NARROWEST // width), max(1, LARGEST // height))
    return panel.resize((width * factor, height * factor), Image.Resampling.NEAREST)


def _draw_scale(paper: Image.Image, right: int, top: int, letters: int) -> None:
    """Draw the mask's scale from 0 to 1 into a strip, its right end at ``right``."""
    bar = Image.fromarray(np.ascontiguousarray(np.broadcast_to(_colours()[None], (letters, 256, 3))))
    length = 6 * letters
    digit = letters
    left = right - digit - length
    draw = ImageDraw.Draw(paper)
    paper.paste(bar.resize((length, letters), Image.Resampling.NEAREST), (left, top + letters // 2))
    for text, at in (("0", left - digit), ("1", right - digit + letters // 3)):
        _write(draw, text, (at, top, 2 * letters), letters)


def _write(draw: ImageDraw.ImageDraw, text: str, place: Sequence[int], letters: int) -> None:
    """Write into a strip at (left, top, height), half way up."""
    left, top, height = place
    draw.text((left, top + height // 2), text, INK, font(letters), anchor="lm")
