"""Gaussian blur kernels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def covariance(variance1: float, variance2: float, theta: float) -> NDArray[np.float64]:
    """Return the (2, 2) covariance with the given eigenvalues, its first axis turned by theta radians.

    Follows AERIS (Cui et al., ECCV 2022; repository cuiziteng/ECCV_AERIS at 42ab63c): V diag(variance1, variance2) V⁻¹
    with V = [[cos, sin], [sin, -cos]]. V is symmetric and orthogonal, so it is its own inverse.
    """
    cos, sin = np.cos(theta), np.sin(theta)
    axes = np.array([[cos, sin], [sin, -cos]])
    return axes @ np.diag([variance1, variance2]) @ axes


def gaussian_kernel(
    size: int, variance1: float, variance2: float | None = None, theta: float = 0.0
) -> NDArray[np.float64]:
    """Sample a centred Gaussian density at integer offsets and divide by the sum.

    The "widths" of AERIS are variances in pixels squared, not standard deviations: an isotropic width of 2.4 blurs with
    a sigma of 1.55 pixels.

    Args:
        size: Odd side of the kernel, pixels.
        variance1: First eigenvalue of the covariance, above 0.
        variance2: Second eigenvalue; None for an isotropic kernel.
        theta: Direction of the first axis, radians; x runs along columns, y along rows.

    Returns:
        float64 (size, size), sum 1, point-symmetric.
    """
    # The inverse of the covariance has the same axes.
    precision = covariance(1 / variance1, 1 / (variance1 if variance2 is None else variance2), theta)
    offset = np.arange(size) - size // 2
    x, y = offset[None, :], offset[:, None]
    quadratic = precision[0, 0] * x * x + (precision[0, 1] + precision[1, 0]) * x * y + precision[1, 1] * y * y
    density = np.exp(-0.5 * quadratic)
    return density / density.sum()
