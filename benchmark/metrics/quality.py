"""PSNR and SSIM of restored images, with the colour and border convention in each name.

``_y`` measures luma, Y = 16 + (65.481 R + 128.553 G + 24.966 B) / 255 (ITU-R BT.601 studio swing, as MATLAB's
``rgb2ycbcr``, not rounded); ``_rgb`` measures the three channels together. The peak is 255 in both cases. SSIM follows
Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", IEEE TIP 2004: Gaussian window
of 11 x 11 and sigma 1.5, K1 = 0.01, K2 = 0.03, averaged where the window lies inside the image, and over the channels.
All arithmetic is float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

PEAK = 255.0

PSNR_CAP = 100.0
"""dB at which an image's PSNR enters a mean: identical images have an infinite one, which no mean and no JSON holds.

Above what any 8-bit restoration other than a perfect one reaches in practice.
"""

_LUMA = np.array([65.481, 128.553, 24.966]) / 255.0
_RADIUS, _SIGMA = 5, 1.5
_WEIGHTS = np.exp(-0.5 * (np.arange(-_RADIUS, _RADIUS + 1) / _SIGMA) ** 2)
_WINDOW = tuple(float(weight) for weight in _WEIGHTS / _WEIGHTS.sum())
_C1, _C2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2


def image_quality(restored: NDArray[Any], clean: NDArray[Any], crop: int = 0) -> dict[str, float]:
    """Return all metrics of one image under the names they are stored by: PSNR_Y, SSIM_Y, PSNR_RGB, SSIM_RGB.

    Each is what the function of its name returns; a crop stands in the names, see ``metric_name``. Arguments and errors
    as ``ssim_y``.
    """
    pair = _prepare(restored, clean, crop)
    luma = _luma(pair)
    values = {
        "PSNR_Y": _psnr(luma),
        "SSIM_Y": _ssim(luma)[0],
        "PSNR_RGB": _psnr(pair),
        "SSIM_RGB": float(np.mean(_ssim(pair))),
    }
    return {metric_name(name, crop): value for name, value in values.items()}


def metric_name(base: str, crop: int) -> str:
    """Return the name that states the border convention, such as ``PSNR_Y_crop4``; ``PSNR_Y`` without a crop."""
    return f"{base}_crop{crop}" if crop else base


def psnr_y(a: NDArray[Any], b: NDArray[Any], crop: int = 0) -> float:
    """Return the peak signal-to-noise ratio of luma in dB.

    Args:
        a: (H, W, 3) RGB, uint8 or floating point in [0, 255].
        b: As ``a``, same shape.
        crop: Pixels left out at each border.

    Returns:
        dB; infinity for identical images, 0 for black against white in ``psnr_rgb``.

    Raises:
        ValueError: Shapes differ, are not (H, W, 3), nothing is left after the crop, or values leave [0, 255].
    """
    return _psnr(_luma(_prepare(a, b, crop)))


def psnr_rgb(a: NDArray[Any], b: NDArray[Any], crop: int = 0) -> float:
    """Return the peak signal-to-noise ratio over all three channels in dB; arguments and errors as ``psnr_y``."""
    return _psnr(_prepare(a, b, crop))


def rmse_rgb(a: NDArray[Any], b: NDArray[Any], crop: int = 0) -> float:
    """Return the root of the mean squared error over all three channels, in grey levels; arguments as ``psnr_y``."""
    return _rmse(_prepare(a, b, crop))


def ssim_y(a: NDArray[Any], b: NDArray[Any], crop: int = 0) -> float:
    """Return the mean structural similarity of luma, at most 1.

    Arguments as ``psnr_y``.

    Raises:
        ValueError: As ``psnr_y``, or less than 11 x 11 pixels are left after the crop.
    """
    return _ssim(_luma(_prepare(a, b, crop)))[0]


def ssim_rgb(a: NDArray[Any], b: NDArray[Any], crop: int = 0) -> float:
    """Return the mean structural similarity over the three channels; arguments and errors as ``ssim_y``."""
    return float(np.mean(_ssim(_prepare(a, b, crop))))


def _prepare(a: NDArray[Any], b: NDArray[Any], crop: int) -> NDArray[np.float64]:
    """Return both images, checked and cropped, as float64 (2, 3, H, W): whole planes in a row are quickest to read."""
    if a.shape != b.shape or a.ndim != 3 or a.shape[2] != 3:
        raise ValueError(f"two RGB images of one shape (H, W, 3) are needed, not {a.shape} and {b.shape}")
    height, width = a.shape[:2]
    if crop < 0 or min(height, width) <= 2 * crop:
        raise ValueError(f"a crop of {crop} pixels at each border leaves nothing of {height} x {width} pixels")
    pair = np.empty((2, 3, height, width))
    for planes, image in zip(pair, (a, b), strict=True):
        planes[:] = image.transpose(2, 0, 1)
    if not (pair.min() >= 0.0 and pair.max() <= PEAK):  # written so that NaN fails too
        raise ValueError(f"values must lie in [0, 255], not in [{pair.min()}, {pair.max()}]")
    return pair[..., crop : height - crop, crop : width - crop]


def _luma(pair: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (2, 1, H, W) luma of RGB (2, 3, H, W)."""
    red, green, blue = _LUMA
    return (red * pair[:, :1] + green * pair[:, 1:2] + blue * pair[:, 2:]) + 16.0


def _rmse(pair: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean((pair[0] - pair[1]) ** 2)))


def _psnr(pair: NDArray[np.float64]) -> float:
    error = _rmse(pair)
    return float(20.0 * np.log10(PEAK / error)) if error > 0.0 else float("inf")


def _ssim(pair: NDArray[np.float64]) -> list[float]:
    """Return the mean SSIM of each channel of (2, C, H, W)."""
    if min(pair.shape[2:]) < 2 * _RADIUS + 1:
        raise ValueError(f"SSIM needs at least 11 x 11 pixels, not {pair.shape[2]} x {pair.shape[3]}")
    return [_ssim_of_planes(*pair[:, channel]) for channel in range(pair.shape[1])]


def _ssim_of_planes(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the mean SSIM of two channels (H, W)."""
    from .ssim_kernel import mean_similarity

    return mean_similarity(a, b, _WINDOW, (_C1, _C2))
