"""Weather and water on image batches for training: real-valued, on any device, differentiable with respect to images.

Images are float tensors (N, 3, H, W) with values in [0, 1], and so are the results, which are neither clipped nor
rounded. Each image of a batch is treated as it would be alone. Parameters carry their units in their names: ``_m``
metres, ``_per_m`` one over metres. A parameter told to be "for each image" is a number or a tensor (N,), a colour is a
tensor (3,) or (N, 3).

Test sets are made by the recipes ``fog``, ``rain`` and ``underwater``, which follow the same formulas in double
precision and draw their parameters.
"""

from __future__ import annotations

import torch

from .airlight import estimate_airlight
from .guided_filter import EPSILON, WINDOW, guided_filter
from .optics import transmission, veil

Number = float | torch.Tensor


def fog(
    images: torch.Tensor,
    distance_m: torch.Tensor,
    beta_per_m: Number,
    airlight: torch.Tensor | None = None,
    refine_window_px: int | None = WINDOW,
) -> torch.Tensor:
    """Add fog, J t + A (1 - t) with t = exp(-beta d) (Koschmieder; Sakaridis et al., IJCV 2018).

    Args:
        images: float (N, 3, H, W).
        distance_m: float (N, H, W), at least 0, infinite in the sky.
        beta_per_m: Extinction for each image, at least 0.
        airlight: Colour of the fog, RGB in [0, 1]; None to estimate it from each image.
        refine_window_px: Odd side of the guided filter's window, which lets the fog's edges follow the image's; None to
            leave the filter out. It runs in float64.

    Returns:
        float (N, 3, H, W).
    """
    passed = _passed(images, distance_m, beta_per_m)
    if refine_window_px is not None:
        with torch.no_grad():
            smooth = guided_filter(passed.double(), images.double(), refine_window_px, EPSILON)
        passed = smooth.clamp(0, 1).to(images)
    return veil(images, passed, _airlight(images, airlight))


def rain(
    images: torch.Tensor,
    distance_m: torch.Tensor,
    streaks: torch.Tensor,
    beta_per_m: Number,
    airlight: torch.Tensor | None = None,
) -> torch.Tensor:
    """Add rain, J (1 - S - A) + S + A0 A with the veil A = 1 - exp(-beta d) (RainCityscapes; Hu et al., CVPR 2019).

    Args:
        images: float (N, 3, H, W).
        distance_m: float (N, H, W), at least 0, infinite in the sky.
        streaks: float (N, H, W), S, their opacity in [0, 1], such as ``rain.streak_layer`` draws; limited to 1 - A.
        beta_per_m: Extinction of the veil for each image, at least 0; ``rain.rain_extinction`` gives a rain rate's.
        airlight: A0, colour of the veil, RGB in [0, 1]; None to estimate it from each image.

    Returns:
        float (N, 3, H, W).
    """
    passed = _passed(images, distance_m, beta_per_m)
    limited = torch.minimum(streaks.to(images)[:, None], passed)
    return veil(images, passed, _airlight(images, airlight)) + limited * (1 - images)


def underwater(
    images: torch.Tensor,
    distance_m: torch.Tensor,
    attenuation_per_m: torch.Tensor,
    daylight: torch.Tensor,
    background: Number,
    backscatter_ratio: Number = 1.0,
) -> torch.Tensor:
    """Put scenes under water, J E exp(-beta d) + B (1 - exp(-rho beta d)) in each channel; see the recipe.

    Args:
        images: float (N, 3, H, W).
        distance_m: float (N, H, W), length of water between surface and camera.
        attenuation_per_m: beta of red, green and blue; ``underwater.attenuation`` has the ten water types.
        daylight: E, colour of the light that arrives from above; ``underwater.daylight_colour`` makes it.
        background: Brightness of water without end for each image; B is this times E.
        backscatter_ratio: rho for each image.

    Returns:
        float (N, 3, H, W).
    """
    path = distance_m.to(images)[:, None]
    beta, light = _colour(attenuation_per_m, images), _colour(daylight, images)
    scattered = 1 - transmission(path, beta * _each(backscatter_ratio, images))
    return images * light * transmission(path, beta) + light * _each(background, images) * scattered


def _passed(images: torch.Tensor, distance_m: torch.Tensor, beta_per_m: Number) -> torch.Tensor:
    """Return the share of light that arrives, (N, 1, H, W)."""
    return transmission(distance_m.to(images)[:, None], _each(beta_per_m, images))


def _airlight(images: torch.Tensor, given: torch.Tensor | None) -> torch.Tensor:
    return estimate_airlight(images.detach()) if given is None else _colour(given, images)


def _each(value: Number, images: torch.Tensor) -> torch.Tensor:
    """Shape a parameter so that it multiplies images one by one."""
    return torch.as_tensor(value).to(images).expand(len(images))[:, None, None, None]


def _colour(value: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Shape a colour so that it multiplies images one by one."""
    return value.to(images).expand(len(images), 3)[:, :, None, None]
