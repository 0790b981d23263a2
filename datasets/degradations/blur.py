"""Filtering an image with a small kernel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def filter_reflect(image: NDArray[np.float64], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlate each channel with one kernel, image borders reflected.

    A Fourier transform in double precision does it: errors stay near 1e-15, so that rounding to 8 bits gives the same
    bytes on every processor, and the time does not depend on the kernel's size.

    Args:
        image: float64 (C, H, W), H and W at least 1, in any units.
        kernel: float64 (k, k), k odd.

    Returns:
        float64 (C, H, W).
    """
    import torch

    height, width = image.shape[1:]
    margin = len(kernel) // 2
    padded = np.pad(image, ((0, 0), (margin, margin), (margin, margin)), mode="reflect")
    shape = (transform_length(padded.shape[1]), transform_length(padded.shape[2]))
    # The conjugate turns convolution into correlation; the first H x W results touch no wrapped-around pixel.
    spectrum = torch.fft.rfft2(torch.from_numpy(padded), s=shape)
    spectrum *= torch.fft.rfft2(torch.from_numpy(kernel), s=shape).conj()
    return torch.fft.irfft2(spectrum, s=shape)[:, :height, :width].numpy()


def transform_length(length: int) -> int:
    """Round up to an even number without prime factors above 7, whose Fourier transforms are quick."""
    candidate = length + length % 2
    while not _is_smooth(candidate):
        candidate += 2
    return candidate


def _is_smooth(number: int) -> bool:
    for prime in (2, 3, 5, 7):
        while number % prime == 0:
            number //= prime
    return number == 1
