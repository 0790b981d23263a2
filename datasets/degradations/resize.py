"""Changing an image's size, and the two ways between 8-bit and real-valued images.

This module imports torch, so import it inside functions where the command line's start must stay quick.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch.nn import functional as F

Interpolation = Literal["nearest", "bilinear", "bicubic"]

TIE_GUARD = 1e-4
"""In grey levels. Averages of 8-bit values often fall exactly between two levels, where the last bit of a sum, which
depends on the processor, would decide; values this close below the middle are rounded up as the middle itself is."""


def to_float(image: torch.Tensor, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Turn a uint8 image of any shape into one with values in [0, 1].

    Raises:
        TypeError: The image is not uint8.
    """
    if image.dtype != torch.uint8:
        raise TypeError(f"an 8-bit image is needed, not {image.dtype}")
    return image.to(dtype) / 255


def to_uint8(image: torch.Tensor) -> torch.Tensor:
    """Clip a real-valued image to [0, 1] and round it to 8 bits, halves up.

    It undoes ``to_float`` exactly.
    """
    return (image.clamp(0, 1) * 255 + (0.5 + TIE_GUARD)).floor().clamp(max=255).to(torch.uint8)


def resize(image: torch.Tensor, size: tuple[int, int], mode: Interpolation, antialias: bool) -> torch.Tensor:
    """Resize an image by the rules of torch's ``interpolate`` with pixel centres at half integers.

    Without ``antialias`` the kernel has the width of input pixels even when the image shrinks (bicubic: a = -0.75).
    With ``antialias`` it is widened by the down-sampling factor and bicubic has a = -0.5, as in MATLAB's ``imresize``
    and Pillow. "nearest" takes the pixel at floor(index / scale).

    Args:
        image: float tensor (..., 3, H, W), on any device.
        size: (h, w) in pixels.
        mode: The interpolation.
        antialias: Whether to widen the kernel; only "bilinear" and "bicubic" can.

    Returns:
        float tensor (..., 3, h, w); bicubic interpolation may overshoot the input's range.

    Raises:
        ValueError: ``antialias`` is asked of "nearest".
    """
    if antialias and mode == "nearest":
        raise ValueError("nearest-neighbour interpolation has no antialiased form")
    batch = image.reshape(-1, *image.shape[-3:])
    if antialias and size[1] == 1:
        result = _antialiased_column(batch, size[0], mode)
    else:
        result = F.interpolate(batch, size=size, mode=mode, antialias=antialias)
    return result.reshape(*image.shape[:-2], *size)


def _antialiased_column(batch: torch.Tensor, height: int, mode: Interpolation) -> torch.Tensor:
    """Resize (N, 3, H, W) to (N, 3, height, 1).

    torch 2.12's antialiased interpolation on the CPU copies the first row to all others where the result is one pixel
    wide, so the vertical pass is made on the column and a copy of it.
    """
    column = F.interpolate(batch, size=(batch.shape[2], 1), mode=mode, antialias=True)
    return F.interpolate(column.repeat(1, 1, 1, 2), size=(height, 2), mode=mode, antialias=True)[..., :1]
