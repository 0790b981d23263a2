"""Resizing along one axis as lists of weighted source pixels, for all interpolations that low-quality sets use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Interpolation = Literal["nearest", "bilinear", "bicubic"]


@dataclass(frozen=True, slots=True)
class Taps:
    """What each of n output pixels reads along one axis.

    Attributes:
        index: intp (n, q), source pixels inside the axis.
        weight: float64 (n, q), each row sums to 1.
    """

    index: NDArray[np.intp]
    weight: NDArray[np.float64]

    def matrix(self, length: int) -> NDArray[np.float64]:
        """Return the map as a float64 (n, length) matrix."""
        dense = np.zeros((len(self.index), length))
        np.add.at(dense, (np.arange(len(self.index))[:, None], self.index), self.weight)
        return dense


def resize_taps(length: int, new_length: int, mode: Interpolation, ratio: float | None = None) -> Taps:
    """Return the taps of torch's ``interpolate`` without antialiasing: the kernel keeps the width of source pixels.

    Args:
        length: Source pixels.
        new_length: Output pixels.
        mode: "nearest" takes floor(i * ratio), in single precision as torch does; "bilinear" and "bicubic" (a = -0.75)
            put pixel centres at half integers and repeat the border pixel.
        ratio: Source pixels per output pixel; None for length / new_length. Only differs where the quotient was
            rounded to whole pixels.
    """
    if mode == "nearest":
        single = np.float32(length) / np.float32(new_length) if ratio is None else np.float32(ratio)
        nearest = np.floor(np.arange(new_length, dtype=np.float32) * single).astype(np.intp)
        return Taps(np.minimum(nearest, length - 1)[:, None], np.ones((new_length, 1)))
    centre = (np.arange(new_length) + 0.5) * (ratio or length / new_length) - 0.5
    if mode == "bilinear":
        centre = np.maximum(centre, 0)
        offset = np.arange(2)
    else:
        offset = np.arange(-1, 3)
    base = np.floor(centre)
    distance = (centre - base)[:, None] - offset
    weight = cubic(distance, -0.75) if mode == "bicubic" else 1 - np.abs(distance)
    return Taps(np.clip(base.astype(np.intp)[:, None] + offset, 0, length - 1), weight)


def matlab_taps(length: int, new_length: int, ratio: float | None = None, antialias: bool = True) -> Taps:
    """Return the taps of MATLAB's ``imresize`` with its default, bicubic interpolation.

    Keys' cubic kernel with a = -0.5; when the axis shrinks under ``antialias`` the kernel is widened by the ratio.
    Weights are normalised, and the image continues beyond its border as its mirror image with the border pixel repeated
    (MATLAB's "symmetric"). After the documented behaviour of the function and its openly available re-implementations.

    Args:
        length: Source pixels.
        new_length: Output pixels; ``imresize(image, scale)`` makes ceil(length * scale).
        ratio: Source pixels per output pixel, 1 / scale; None for length / new_length, as ``imresize(image, size)``.
        antialias: MATLAB's option of this name, on by default.
    """
    step = ratio or length / new_length
    stretch = max(step, 1.0) if antialias else 1.0
    centre = (np.arange(new_length) + 0.5) * step - 0.5
    reach = int(np.ceil(4 * stretch)) + 2
    position = np.floor(centre - 2 * stretch).astype(np.intp)[:, None] + np.arange(reach)
    weight = cubic((centre[:, None] - position) / stretch, -0.5)
    used = np.any(weight != 0, axis=0)
    position, weight = position[:, used], weight[:, used]
    folded = position % (2 * length)
    return Taps(np.minimum(folded, 2 * length - 1 - folded), weight / weight.sum(1, keepdims=True))


def cubic(distance: NDArray[Any], a: float) -> NDArray[np.float64]:
    """Evaluate Keys' cubic convolution kernel (IEEE Trans. ASSP 29, 1981); it ends at a distance of 2 pixels."""
    x = np.abs(distance)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))
