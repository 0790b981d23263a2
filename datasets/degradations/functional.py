"""Degradations of image batches for training: real-valued, on any device, differentiable where the operation is.

Images are float tensors (N, C, H, W) with values in [0, 1]. Results are new tensors of the same type on the same device
and are neither clipped nor rounded unless a function says so. Each image of a batch is treated as it would be alone.
Parameters carry their units in their names: ``_px2`` pixels squared, ``_rad`` radians, ``_255`` grey levels of 255. A
parameter told to be "for each image" is a number or a tensor (N,).

Test sets are not made by these functions but by the recipes of the package, which give the same bytes everywhere.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch.nn import functional as F

from .blur import transform_length
from .separable import reflect
from .taps import Taps, matlab_taps, resize_taps

Mode = Literal["nearest", "bilinear", "bicubic", "bilinear-antialias", "bicubic-antialias", "matlab-imresize"]
Number = float | torch.Tensor


def gaussian_kernels(
    sizes: torch.Tensor,
    variance1_px2: torch.Tensor,
    variance2_px2: torch.Tensor | None = None,
    theta_rad: torch.Tensor | None = None,
) -> torch.Tensor:
    """Sample N Gaussian densities at integer offsets, each divided by its sum; see ``kernels.gaussian_kernel``.

    Args:
        sizes: int (N,), odd sides of the kernels, pixels.
        variance1_px2: float (N,), variance along the first axis.
        variance2_px2: float (N,), variance along the second axis; None for isotropic kernels.
        theta_rad: float (N,), direction of the first axis; x runs along columns, y along rows. None for 0.

    Returns:
        (N, K, K) with K the largest size and zeros around smaller kernels, of the type and on the device of
        ``variance1_px2``. Computed in float64.

    Raises:
        ValueError: A size is even.
    """
    if (sizes % 2 == 0).any():
        raise ValueError("kernel sizes must be odd")
    variance1 = variance1_px2.double()
    variance2 = variance1 if variance2_px2 is None else variance2_px2.double()
    theta = torch.zeros_like(variance1) if theta_rad is None else theta_rad.double()
    cos, sin = theta.cos(), theta.sin()
    xx = cos**2 / variance1 + sin**2 / variance2
    xy = cos * sin * (1 / variance1 - 1 / variance2)
    yy = sin**2 / variance1 + cos**2 / variance2
    margin = int(sizes.max()) // 2
    offset = torch.arange(-margin, margin + 1, device=variance1.device, dtype=variance1.dtype)
    x, y = offset[None, None, :], offset[None, :, None]
    xx, xy, yy, half = (value[:, None, None] for value in (xx, xy, yy, sizes.to(variance1.device) // 2))
    density = torch.exp(-0.5 * (xx * x * x + 2 * xy * x * y + yy * y * y))
    density = density * ((x.abs() <= half) & (y.abs() <= half))
    return (density / density.sum((1, 2), keepdim=True)).to(variance1_px2.dtype)


def gaussian_blur(images: torch.Tensor, kernels: torch.Tensor) -> torch.Tensor:
    """Correlate each image with its kernel, borders reflected (again and again where a side is short).

    A Fourier transform does it, so that time does not depend on the kernels' size.

    Args:
        images: float (N, C, H, W).
        kernels: float (N, k, k), or (k, k) for all images; k odd.

    Returns:
        float (N, C, H, W).
    """
    if kernels.ndim == 2:
        kernels = kernels.expand(len(images), *kernels.shape)
    height, width = images.shape[2:]
    margin = kernels.shape[1] // 2
    rows, columns = (
        torch.from_numpy(reflect(np.arange(-margin, side + margin), side)).to(images.device) for side in (height, width)
    )
    padded = images[:, :, rows][:, :, :, columns]
    shape = (transform_length(padded.shape[2]), transform_length(padded.shape[3]))
    spectrum = torch.fft.rfft2(padded, s=shape) * torch.fft.rfft2(kernels.to(images), s=shape).conj()[:, None]
    return torch.fft.irfft2(spectrum, s=shape)[..., :height, :width].contiguous()


def downsample(
    images: torch.Tensor, *, factor: float | None = None, size: tuple[int, int] | None = None, mode: Mode = "bicubic"
) -> torch.Tensor:
    """Make images smaller.

    "nearest", "bilinear" and "bicubic" are torch's ``interpolate`` without antialiasing, "...-antialias" with it;
    "matlab-imresize" is MATLAB's default, see ``taps.matlab_taps``.

    Args:
        images: float (N, C, H, W).
        factor: Pixels before per pixel after, at least 1. Sizes are rounded, halves up; "matlab-imresize" rounds up
            and keeps the exact factor, as ``imresize(image, 1 / factor)``.
        size: (h, w) instead of a factor.
        mode: The interpolation.

    Returns:
        float (N, C, h, w).

    Raises:
        ValueError: Both or neither of factor and size are given, or the factor is below 1.
    """
    if (factor is None) == (size is None):
        raise ValueError("give either factor or size")
    if factor is not None and factor < 1:
        raise ValueError(f"the factor {factor} would make images larger")
    sides = (images.shape[2], images.shape[3])
    if mode == "matlab-imresize":
        new_sides = size or tuple(int(np.ceil(round(side / factor, 12))) for side in sides if factor)
        return _by_taps(images, *(matlab_taps(*pair, factor) for pair in zip(sides, new_sides, strict=True)))
    new_sides = size or tuple(max(1, int(side / factor + 0.5)) for side in sides if factor)
    if mode == "nearest":
        return _by_taps(images, *(resize_taps(*pair, "nearest") for pair in zip(sides, new_sides, strict=True)))
    plain = mode.removesuffix("-antialias")
    return F.interpolate(images, size=list(new_sides), mode=plain, antialias=plain != mode)


def _by_taps(images: torch.Tensor, rows: Taps, columns: Taps) -> torch.Tensor:
    """Resize by one matrix along each axis."""
    left, right = (
        torch.from_numpy(taps.matrix(side)).to(images)
        for taps, side in ((rows, images.shape[2]), (columns, images.shape[3]))
    )
    return left @ images @ right.T


def add_gaussian_noise(
    images: torch.Tensor, sigma_255: Number, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Add Gaussian noise, independent in every pixel and channel.

    Args:
        images: float (N, C, H, W).
        sigma_255: Standard deviation for each image, in grey levels of 255.
        generator: Random stream, on the images' device; None for torch's own.

    Returns:
        float (N, C, H, W), not clipped.
    """
    return images + _each(sigma_255, images) / 255 * _normal(images, generator)


def poisson_noise(images: torch.Tensor, photons: Number, generator: torch.Generator | None = None) -> torch.Tensor:
    """Replace each value by a Poisson number of that mean, values below 0 by 0; gradients do not pass.

    Args:
        images: float (N, C, H, W).
        photons: Expected photons at white for each image.
        generator: Random stream, on the images' device; None for torch's own.

    Returns:
        float (N, C, H, W), not clipped.
    """
    scale = _each(photons, images)
    return torch.poisson(images.clamp(min=0) * scale, generator=generator) / scale


def low_light(
    images: torch.Tensor,
    exposure: Number,
    shot_variance: Number,
    read_variance: Number,
    generator: torch.Generator | None = None,
    gamma: float = 2.2,
) -> torch.Tensor:
    """Darken images and add a sensor's noise; the model of ``steps.dark``.

    Args:
        images: float (N, C, H, W), clipped to [0, 1].
        exposure: Light that is left for each image, a fraction.
        shot_variance: Variance of the noise per light for each image, white being 1.
        read_variance: Variance of the noise without light for each image.
        generator: Random stream, on the images' device; None for torch's own.
        gamma: Exponent between stored values and light.

    Returns:
        float (N, C, H, W), at least 0.
    """
    light = _each(exposure, images) * images.clamp(0, 1) ** gamma
    variance = _each(shot_variance, images) * light + _each(read_variance, images)
    noisy = variance > 0
    # At 0 the gradient of a root is infinite, so it is taken of 1 there; further down a small floor keeps it finite.
    deviation = torch.where(noisy, torch.where(noisy, variance, 1).sqrt(), 0)
    return (light + deviation * _normal(images, generator)).clamp(min=1e-8) ** (1 / gamma)


def jpeg(images: torch.Tensor, quality: Number) -> torch.Tensor:
    """Code and decode images as JPEG with 4:2:0 colour, after clipping and rounding to 8 bits; gradients do not pass.

    It runs on the CPU, whatever the images' device.

    Args:
        images: float (N, 3, H, W).
        quality: libjpeg's quality for each image, 1 to 100, rounded to whole numbers.

    Returns:
        float (N, 3, H, W) in [0, 1].
    """
    from .resize import to_float, to_uint8
    from .steps.jpeg import code_jpeg

    qualities = torch.as_tensor(quality).round().int().expand(len(images)).tolist()
    coded = [
        torch.from_numpy(code_jpeg(to_uint8(image).cpu().numpy(), one))
        for image, one in zip(images.detach(), qualities, strict=True)
    ]
    return to_float(torch.stack(coded)).to(images)


def _each(value: Number, images: torch.Tensor) -> torch.Tensor:
    """Shape a parameter so that it multiplies images one by one."""
    return torch.as_tensor(value).to(images).expand(len(images))[:, None, None, None]


def _normal(images: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
    return torch.randn(images.shape, generator=generator, dtype=images.dtype, device=images.device)
