"""Homogeneous fog from true distances, as in Foggy Cityscapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from ...seeds import generator
from ..base import Size
from ..values import Span, between
from .recipe import DistanceDegradation, DistanceSettings

if TYPE_CHECKING:
    import torch

FOGGY_CITYSCAPES_BETAS = (0.005, 0.01, 0.02)
"""Extinctions of Foggy Cityscapes, per metre: visible to 599, 300 and 150 m (ln 20 / beta)."""

Level = Annotated[float, Field(ge=0, le=1)]


def _not_negative(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] < 0:
        raise ValueError("an extinction must be at least 0")
    return bounds


Extinction = Annotated[Span, AfterValidator(_not_negative)]


class FogSettings(DistanceSettings):
    """Density and colour of the fog, and how the transmission map is smoothed.

    The defaults are those of Foggy Cityscapes (Sakaridis, Dai, Van Gool, IJCV 2018; arXiv 1708.07819; repository
    sakaridis/fog_simulation-SFSU_synthetic at 8048e2e).
    """

    positional: ClassVar[tuple[str, ...]] = ("beta_per_m",)
    short_names: ClassVar[Mapping[str, str]] = {"beta": "beta_per_m"}

    beta_per_m: Extinction = (0.02, 0.02)
    """Extinction, per metre; a range is drawn anew for each image, uniformly."""
    airlight: tuple[Level, Level, Level] | None = None
    """Colour of the fog, RGB in [0, 1]; None to estimate it from each image, see ``airlight.estimate_airlight``."""
    refine: bool = True
    """Whether to smooth the transmission by a guided filter, which hides errors of measured distances. Exact
    distances need none, and no smoothing where distances are already exact keeps near objects free of halos."""
    refine_window: int = Field(41, ge=1, le=1001)
    """Side of the guided filter's window, pixels; even numbers count as the odd one above."""
    refine_epsilon: float = Field(1e-3, gt=0)
    """Regularisation of the guided filter, squared units of an image in [0, 1]; larger values smooth more."""


class FogDegradation(DistanceDegradation[FogSettings]):
    """I = J t + A (1 - t) with t = exp(-beta d), applied to stored RGB values without linearisation, as published."""

    settings_type = FogSettings
    name = "fog"

    def draw(self, seed: int, clean_size: Size) -> dict[str, Any]:
        """Draw the extinction and return the settings that matter."""
        settings = self.settings
        drawn: dict[str, Any] = {
            "beta_per_m": between(settings.beta_per_m, float(generator(seed, "parameters").random())),
            "airlight": "estimated" if settings.airlight is None else list(settings.airlight),
            **self.distance_facts(),
        }
        if settings.refine:
            drawn["refine"] = {"window": settings.refine_window | 1, "epsilon": settings.refine_epsilon}
        return drawn

    def apply(
        self,
        clean: torch.Tensor,
        parameters: Mapping[str, Any],
        seed: int,
        *,
        depth_m: NDArray[np.float32] | None = None,
    ) -> torch.Tensor:
        """Add fog; see ``Degradation.apply``."""
        import torch

        from ..resize import to_float, to_uint8
        from .airlight import estimate_airlight
        from .guided_filter import guided_filter
        from .optics import transmission, veil

        if parameters["beta_per_m"] == 0:
            return clean.clone()
        image = to_float(clean, torch.float64)
        distances = self.distances((clean.shape[1], clean.shape[2]), parameters, depth_m)
        passed = transmission(torch.from_numpy(distances)[None], parameters["beta_per_m"])
        if "refine" in parameters:
            passed = guided_filter(passed, image, **parameters["refine"]).clamp(0, 1)
        given = parameters["airlight"]
        airlight = estimate_airlight(image) if given == "estimated" else image.new_tensor(given)[:, None, None]
        return to_uint8(veil(image, passed, airlight))
