"""Noise of sensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator

from ..base import Size
from ..noise import gaussian_noise, poisson_counts
from ..values import Span, between
from .base import Levels, Step


def _not_negative(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] < 0:
        raise ValueError("a standard deviation must be at least 0")
    return bounds


def _some(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] <= 0:
        raise ValueError("a number of photons must be above 0")
    return bounds


class NoiseStep(Step):
    """Additive Gaussian noise, independent in every pixel and channel."""

    name: ClassVar[str] = "noise"
    positional: ClassVar[tuple[str, ...]] = ("sigma_255",)

    sigma_255: Annotated[Span, AfterValidator(_not_negative)]
    """Standard deviation in grey levels of 255."""

    def draw(self, uniform: Sequence[float], size: Size, seed: int) -> dict[str, Any]:
        """Draw the standard deviation."""
        return {"sigma_255": between(self.sigma_255, uniform[0])}

    def apply(self, levels: Levels, drawn: dict[str, Any], seed: int, depth_m: NDArray[np.float32] | None) -> Levels:
        """Add the noise."""
        return levels + gaussian_noise(seed, levels.shape, drawn["sigma_255"])


class PoissonStep(Step):
    """Photon noise: each value becomes a Poisson number of its mean, independent in every pixel and channel."""

    name: ClassVar[str] = "poisson"
    positional: ClassVar[tuple[str, ...]] = ("photons",)

    photons: Annotated[Span, AfterValidator(_some)]
    """Expected photons at white; the fewer, the noisier."""

    def draw(self, uniform: Sequence[float], size: Size, seed: int) -> dict[str, Any]:
        """Draw the number of photons."""
        return {"photons": between(self.photons, uniform[0])}

    def apply(self, levels: Levels, drawn: dict[str, Any], seed: int, depth_m: NDArray[np.float32] | None) -> Levels:
        """Count photons; values below black count none."""
        photons_per_level = drawn["photons"] / 255
        return poisson_counts(seed, np.maximum(levels, 0) * photons_per_level) / photons_per_level
