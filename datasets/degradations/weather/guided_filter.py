"""Edge-preserving smoothing of a map under the guidance of a colour image."""

from __future__ import annotations

import cv2
import numpy as np
import torch

WINDOW = 41
"""Side of the window that Foggy Cityscapes used, pixels."""
EPSILON = 1e-3
"""Its regularisation, in squared units of an image in [0, 1]."""


def box_mean(maps: torch.Tensor, window: int) -> torch.Tensor:
    """Return the mean over a square window around each pixel; at the borders over the part that is inside.

    Running sums do it, at a cost that does not depend on the window: OpenCV's on the CPU, which are four times as fast
    there, and differences of cumulative sums elsewhere. The two agree to about 1e-12.

    Args:
        maps: float64 tensor (..., H, W); float32 sums would lose digits over large images.
        window: Odd side of the window, pixels.
    """
    counts = _inside(maps, -2, window)[:, None] * _inside(maps, -1, window)
    if maps.device.type == "cpu":
        return _means_opencv(maps, window, counts)
    return _sums_along(_sums_along(maps, window, -1), window, -2) / counts


def guided_filter(
    target: torch.Tensor, guide: torch.Tensor, window: int = WINDOW, epsilon: float = EPSILON
) -> torch.Tensor:
    """Smooth a map so that its edges follow those of a colour image (He, Sun, Tang, ECCV 2010, colour guidance).

    Args:
        target: float64 tensor (..., 1, H, W).
        guide: float64 tensor (..., 3, H, W) in [0, 1].
        window: Odd side of the window, pixels.
        epsilon: Regularisation; larger values smooth more.

    Returns:
        float64 tensor (..., 1, H, W), possibly a little outside the target's range.
    """
    mean_guide, mean_target = box_mean(guide, window), box_mean(target, window)
    covariance = box_mean(guide * target, window) - mean_guide * mean_target
    pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    first, second = [i for i, _ in pairs], [j for _, j in pairs]
    products = guide[..., first, :, :] * guide[..., second, :, :]
    variance = box_mean(products, window) - mean_guide[..., first, :, :] * mean_guide[..., second, :, :]
    slope = _solve(variance, epsilon, covariance)
    offset = mean_target - (slope * mean_guide).sum(dim=-3, keepdim=True)
    return (box_mean(slope, window) * guide).sum(dim=-3, keepdim=True) + box_mean(offset, window)


def _inside(maps: torch.Tensor, axis: int, window: int) -> torch.Tensor:
    """Count the positions of each window that lie inside an axis."""
    length, margin = maps.shape[axis], window // 2
    position = torch.arange(length, device=maps.device)
    return (position + margin + 1).clamp(max=length) - (position - margin).clamp(min=0)


def _means_opencv(maps: torch.Tensor, window: int, counts: torch.Tensor) -> torch.Tensor:
    """Average over windows on the CPU, map by map, which keeps each map in the processor's cache."""
    stack = maps.reshape(-1, *maps.shape[-2:]).contiguous().numpy()
    means, inverse = np.empty_like(stack), 1.0 / counts.numpy()
    # A window that is wider than twice the image holds the same pixels as one that is just as wide.
    sides = (min(window, 2 * stack.shape[2] + 1), min(window, 2 * stack.shape[1] + 1))
    for source, mean in zip(stack, means, strict=True):
        total = cv2.boxFilter(source, -1, sides, normalize=False, borderType=cv2.BORDER_CONSTANT)
        np.multiply(total, inverse, out=mean)
    return torch.from_numpy(means).reshape(maps.shape)


def _sums_along(maps: torch.Tensor, window: int, axis: int) -> torch.Tensor:
    """Sum over windows along one axis by differences of the cumulative sum, on any device."""
    length, margin = maps.shape[axis], min(window // 2, maps.shape[axis] - 1)
    sums = torch.cumsum(maps, dim=axis)
    last = sums.narrow(axis, length - 1, 1)
    upper = torch.cat([sums.narrow(axis, margin, length - margin), last.expand_as(maps).narrow(axis, 0, margin)], axis)
    before = length - margin - 1
    lower = torch.cat([torch.zeros_like(maps).narrow(axis, 0, margin + 1), sums.narrow(axis, 0, before)], axis)
    return upper - lower


def _solve(variance: torch.Tensor, epsilon: float, right: torch.Tensor) -> torch.Tensor:
    """Solve (V + epsilon) x = right for symmetric 3x3 matrices by their adjugate.

    Args:
        variance: (..., 6, H, W): entries 00, 01, 02, 11, 12, 22.
        epsilon: Added to the diagonal.
        right: (..., 3, H, W).
    """
    a, b, c, d, e, f = variance.unbind(dim=-3)
    a, d, f = a + epsilon, d + epsilon, f + epsilon
    p, q, r = d * f - e * e, c * e - b * f, b * e - c * d
    s, t, u = a * f - c * c, b * c - a * e, a * d - b * b
    x, y, z = right.unbind(dim=-3)
    solution = torch.stack([p * x + q * y + r * z, q * x + s * y + t * z, r * x + t * y + u * z], dim=-3)
    return solution / (a * p + b * q + c * r).unsqueeze(-3)
