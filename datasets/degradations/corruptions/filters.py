"""Filters and random fields that several corruptions share; float64, channels last."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

Image = NDArray[np.float64]
"""float64 (H, W, 3) or (H, W)."""


def gaussian(
    image: Image, sigma: float | tuple[float, float], truncate: float = 4.0, border: int = cv2.BORDER_REPLICATE
) -> Image:
    """Blur by a Gaussian that is cut off at ``truncate`` sigmas, as SciPy and scikit-image do.

    Args:
        image: float64 (H, W) or (H, W, C).
        sigma: Standard deviation in pixels, or one for rows and one for columns.
        truncate: Radius of the kernel in sigmas, rounded to pixels.
        border: OpenCV's border; by default the outermost pixels are repeated.
    """
    down, across = sigma if isinstance(sigma, tuple) else (sigma, sigma)
    kernels = [_gaussian_kernel(s, int(truncate * s + 0.5)) for s in (across, down)]
    return np.asarray(cv2.sepFilter2D(image, -1, kernels[0], kernels[1], borderType=border), np.float64)


def _gaussian_kernel(sigma: float, radius: int) -> NDArray[np.float64]:
    if radius == 0:
        return np.ones(1)
    density = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return density / density.sum()


def trail(radius: int, sigma: float, angle_deg: float) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """Return the kernel of a motion that fades behind the object, and its anchor (column, row).

    Half a Gaussian over 2 radius + 1 pixels in one direction, each weight on the nearest pixel of the line, for
    correlation.

    Args:
        radius: Half the length of the line, pixels.
        sigma: Standard deviation of the weights along it.
        angle_deg: Direction, degrees from the positive x axis towards positive y (down).
    """
    position = np.arange(2 * radius + 1)
    weight = np.exp(-0.5 * (position / sigma) ** 2)
    angle = math.radians(angle_deg)
    across = np.ceil(position * math.cos(angle) - 0.5).astype(np.int64)
    down = np.ceil(position * math.sin(angle) - 0.5).astype(np.int64)
    left, top = int(across.min()), int(down.min())
    kernel = np.zeros((int(down.max()) - top + 1, int(across.max()) - left + 1))
    np.add.at(kernel, (down - top, across - left), weight / weight.sum())
    return kernel, (-left, -top)


def move(image: Image, radius: int, sigma: float, angle_deg: float) -> Image:
    """Blur along a line, see ``trail``; outermost pixels are repeated."""
    kernel, anchor = trail(radius, sigma, angle_deg)
    return correlate(image, kernel, anchor, cv2.BORDER_REPLICATE)


def correlate(image: Image, kernel: NDArray[np.float64], anchor: tuple[int, int], border: int) -> Image:
    """Correlate each channel with a kernel by a Fourier transform, several times as fast as OpenCV for large kernels.

    Args:
        image: float64 (H, W) or (H, W, C).
        kernel: float64 (h, w).
        anchor: (column, row) of the kernel's centre.
        border: OpenCV's border.
    """
    height, width = image.shape[:2]
    (across, down), (rows, columns) = anchor, kernel.shape
    padded = cv2.copyMakeBorder(image, down, rows - 1 - down, across, columns - 1 - across, border)
    planes = np.moveaxis(padded.reshape(*padded.shape[:2], -1), -1, 0)
    shape = [fft.next_fast_len(side, real=True) for side in padded.shape[:2]]
    # The conjugate turns convolution into correlation; the first H x W results touch no wrapped-around pixel.
    spectrum = np.asarray(fft.rfft2(planes, shape)) * np.conj(np.asarray(fft.rfft2(kernel, shape)))
    result = np.asarray(fft.irfft2(spectrum, shape))[:, :height, :width]
    return np.ascontiguousarray(np.moveaxis(result, 0, -1)).reshape(image.shape)


def plasma(rng: np.random.Generator, size: tuple[int, int], decay: float) -> NDArray[np.float64]:
    """Draw a cloudy field by the diamond-square algorithm on a torus, scaled to [0, 1].

    Every halving of the step divides the random offsets by decay squared: the original multiplies its offset, itself
    drawn from a range of that width, by the width once more.

    Args:
        rng: The random stream.
        size: (height, width); the top left part of a square field of the next power of two.
        decay: Larger values give smoother clouds.
    """
    side = max(2, 1 << (max(size) - 1).bit_length())
    field = np.zeros((side, side))
    step, amplitude = side, 1.0
    while step > 1:
        half = step // 2
        corners = field[::step, ::step]
        pairs = corners + np.roll(corners, -1, axis=0)
        centres = (pairs + np.roll(pairs, -1, axis=1)) / 4
        centres += amplitude * rng.uniform(-1, 1, centres.shape)
        field[half::step, half::step] = centres
        upright = corners + np.roll(corners, -1, axis=0) + centres + np.roll(centres, 1, axis=1)
        field[half::step, ::step] = upright / 4 + amplitude * rng.uniform(-1, 1, corners.shape)
        lying = corners + np.roll(corners, -1, axis=1) + centres + np.roll(centres, 1, axis=0)
        field[::step, half::step] = lying / 4 + amplitude * rng.uniform(-1, 1, corners.shape)
        step, amplitude = half, amplitude / decay**2
    field -= field.min()
    return (field / field.max())[: size[0], : size[1]]


def enlarged(shape: tuple[int, int], factor: float) -> tuple[slice, slice]:
    """Return the central part of an image that fills it when enlarged by a factor; sides are rounded up."""
    height, width = (math.ceil(side / factor) for side in shape)
    top, left = (shape[0] - height) // 2, (shape[1] - width) // 2
    return slice(top, top + height), slice(left, left + width)
