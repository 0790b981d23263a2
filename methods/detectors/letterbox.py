"""Fit an image into a square without changing its aspect ratio, as YOLOX does."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

PAD_VALUE = 114.0
"""Grey of the padding, in [0, 255] (YOLOX's published pre-processing)."""


def letterbox(image: Tensor, side: int, *, enlarge: bool = True) -> tuple[Tensor, tuple[float, float]]:
    """Resize an image bilinearly into the top-left corner of a padded square; differentiable.

    Args:
        image: float (3, H, W), RGB in [0, 1].
        side: Side of the square, pixels.
        enlarge: Whether an image smaller than the square is enlarged; if not, it is only padded.

    Returns:
        float (3, side, side), BGR in [0, 255], and the scale (sx, sy) in square pixels per image pixel.
    """
    squares, scale = letterbox_batch(image[None], side, enlarge=enlarge)
    return squares[0], scale


def letterbox_batch(images: Tensor, side: int, *, enlarge: bool = True) -> tuple[Tensor, tuple[float, float]]:
    """Do the same to a batch (B, 3, H, W); returns (B, 3, side, side) and the one scale of all."""
    height, width = images.shape[-2:]
    ratio = min(side / height, side / width)
    if not enlarge:
        ratio = min(1.0, ratio)
    size = (max(1, int(height * ratio)), max(1, int(width * ratio)))
    bgr = images.flip(1) * 255.0
    if size != (height, width):
        bgr = F.interpolate(bgr, size=size, mode="bilinear", align_corners=False)
    padded = F.pad(bgr, (0, side - size[1], 0, side - size[0]), value=PAD_VALUE)
    return padded, (size[1] / width, size[0] / height)
