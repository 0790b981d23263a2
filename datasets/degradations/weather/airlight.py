"""Estimating the colour of fog from a clean image."""

from __future__ import annotations

import math

import torch

WINDOW = 15
"""Side of the dark channel's square, pixels."""
BRIGHTEST_SHARE = 0.001
"""Share of the pixels that may tell the airlight."""
LUMA = (0.2989, 0.5870, 0.1140)


def dark_channel(image: torch.Tensor, window: int = WINDOW) -> torch.Tensor:
    """Return the smallest value of any channel in a square around each pixel (He, Sun, Tang, CVPR 2009).

    Args:
        image: float tensor (N, 3, H, W).
        window: Odd side of the square, pixels; at the borders it is cut off.

    Returns:
        float tensor (N, H, W).
    """
    return _sliding_minimum(_sliding_minimum(image.amin(dim=1), window, -1), window, -2)


def _sliding_minimum(values: torch.Tensor, window: int, axis: int) -> torch.Tensor:
    """Return the minimum of a centred window along an axis, in log2(window) steps over ever wider windows."""
    shape = list(values.shape)
    shape[axis] = window // 2
    margin = values.new_full(shape, torch.inf)
    least, width = torch.cat([margin, values, margin], dim=axis), 1
    while width < window:
        step = min(width, window - width)
        length = least.shape[axis] - step
        least = torch.minimum(least.narrow(axis, 0, length), least.narrow(axis, step, length))
        width += step
    return least


def estimate_airlight(image: torch.Tensor) -> torch.Tensor:
    """Estimate the atmospheric light as the makers of Foggy Cityscapes do (Sakaridis et al., IJCV 2018).

    Of the 0.1 % of pixels with the brightest dark channel (rounded down, made odd), the one with the median grey value
    lends its colour (after Tang, Yang, Wang, CVPR 2014). Equally bright pixels count in reading order, so the
    result is one pixel's colour and the same everywhere.

    Args:
        image: float tensor (..., 3, H, W) in [0, 1].

    Returns:
        float tensor (..., 3, 1, 1).
    """
    batch = image.reshape(-1, *image.shape[-3:])
    colours = batch.flatten(2)
    brightest = _most(dark_channel(batch).flatten(1), _odd_count(colours.shape[-1]))
    candidates = torch.gather(colours, 2, brightest[:, None].expand(-1, 3, -1))
    grey = (candidates * candidates.new_tensor(LUMA)[None, :, None]).sum(dim=1)
    # Rounded, so that the last bits of the sum cannot reorder equal colours.
    middle = (grey * 2**20).round().argsort(dim=1, stable=True)[:, grey.shape[1] // 2]
    picked = torch.gather(candidates, 2, middle[:, None, None].expand(-1, 3, -1))
    return picked.reshape(*image.shape[:-2], 1, 1)


def _odd_count(pixels: int) -> int:
    count = math.floor(BRIGHTEST_SHARE * pixels)
    return count + (count + 1) % 2


def _most(values: torch.Tensor, count: int) -> torch.Tensor:
    """Return the positions (N, count) of the largest values of each row; of equal values the first positions.

    Only candidates are sorted: a stable sort of all pixels takes most of the time of a fog.
    """
    least = values.topk(count, dim=1).values[:, -1]
    rows = []
    for row, limit in zip(values, least, strict=True):
        above, equal = (row > limit).nonzero()[:, 0], (row == limit).nonzero()[:, 0]
        rows.append(torch.cat([above, equal[: count - len(above)]]))
    return torch.stack(rows)
