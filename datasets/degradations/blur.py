"""Filtering an image with a small kernel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def reflected_indices(length: int, margin: int) -> NDArray[np.intp]:
    """Return the source index of each position from -margin to length + margin - 1 under reflection at the borders.

    The border pixel itself is not repeated (-1 maps to 1). An axis shorter than the margin is reflected again and
    again, and a single pixel is repeated, so that every image size works.
    """
    period = max(2 * (length - 1), 1)
    position = np.abs(np.arange(-margin, length + margin)) % period
    return np.minimum(position, period - position) if length > 1 else np.zeros_like(position)


def filter_reflect(image: NDArray[np.float64], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlate each channel with one kernel, image borders reflected.

    A Fourier transform in float64 does it: errors stay near 1e-15, so that rounding to 8 bits gives the same bytes on
    every processor. A float32 convolution would add its taps in an order that depends on processor and thread count,
    and torch's float64 convolution unfolds the image once per tap (1 GB for a 640x480 image under a 21x21 kernel).

    Args:
        image: float64 (C, H, W), H and W at least 1.
        kernel: float64 (k, k), k odd.

    Returns:
        float64 (C, H, W).
    """
    height, width = image.shape[1:]
    margin = kernel.shape[0] // 2
    rows, columns = reflected_indices(height, margin), reflected_indices(width, margin)
    padded = image[:, rows[:, None], columns[None, :]]
    shape = (_transform_length(len(rows)), _transform_length(len(columns)))
    # The conjugate turns convolution into correlation; the first H x W results touch no wrapped-around pixel.
    spectrum = np.fft.rfft2(padded, shape) * np.conj(np.fft.rfft2(kernel, shape))
    return np.fft.irfft2(spectrum, shape)[:, :height, :width]


def _transform_length(length: int) -> int:
    """Round up to a multiple of 32: transforms of lengths with large prime factors are several times slower."""
    return -(-length // 32) * 32
