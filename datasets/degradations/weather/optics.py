"""Light on its way through a medium: what reaches the camera, and what the medium adds. Batched, on any device."""

from __future__ import annotations

import torch


def transmission(distance_m: torch.Tensor, extinction_per_m: torch.Tensor | float) -> torch.Tensor:
    """Return the share of light that arrives, t = exp(-beta d) (Beer and Lambert; Koschmieder for fog).

    Args:
        distance_m: float tensor, metres, at least 0; may be infinite.
        extinction_per_m: beta, at least 0; a tensor must broadcast against the distances.

    Returns:
        float tensor in [0, 1]: 1 where distance or extinction is 0, and 0 only at distances that are infinite or so
        large that the exponential underflows.
    """
    optical_depth = distance_m * extinction_per_m
    # Infinitely far through nothing: 0 * inf is not a number, but no light is lost.
    return torch.exp(-optical_depth.nan_to_num(nan=0.0, posinf=torch.inf))


def veil(image: torch.Tensor, passed: torch.Tensor, airlight: torch.Tensor) -> torch.Tensor:
    """Return J t + A (1 - t): the scene dimmed by the medium, plus the light that the medium scatters to the camera.

    Args:
        image: J, float tensor (..., 3, H, W) in [0, 1].
        passed: t, float tensor that broadcasts against it, such as (..., 1, H, W), in [0, 1].
        airlight: A, float tensor (..., 3, 1, 1) in [0, 1].

    Returns:
        float tensor (..., 3, H, W) in [0, 1].
    """
    return image * passed + airlight * (1 - passed)
