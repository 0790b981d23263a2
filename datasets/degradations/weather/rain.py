"""Rain: streaks near the camera, a veil behind them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from ...seeds import generator
from ..base import Size
from .fog import Level
from .recipe import DistanceDegradation, DistanceSettings

if TYPE_CHECKING:
    import torch

RAIN_CITYSCAPES = {"light": (0.01, 0.005), "medium": (0.02, 0.01), "heavy": (0.03, 0.015)}
"""(alpha, beta) of RainCityscapes' three intensities, per metre; its third number, "dropsize", has no published
meaning and is left out."""
FALL_M = 0.13
"""Length of a streak in the world: drops fall about 8 m/s, exposed for 1/60 s."""
DROP_M = 0.003
"""Width of a streak in the world."""

Variant = Literal["light", "medium", "heavy"]


def _ordered(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] > bounds[1]:
        raise ValueError("the lower bound is above the upper bound")
    return bounds


Angles = Annotated[tuple[float, float], AfterValidator(_ordered)]
Metres = Annotated[float, Field(gt=0)]


class RainSettings(DistanceSettings):
    """Intensities to draw from, and what the streaks look like."""

    positional: ClassVar[tuple[str, ...]] = ("variants",)
    short_names: ClassVar[Mapping[str, str]] = {"variant": "variants", "rate": "rate_mm_per_h", "angle": "angle_deg"}

    variants: tuple[Variant, ...] = Field(("light", "medium", "heavy"), min_length=1)
    """Intensities of RainCityscapes, equally likely."""
    rate_mm_per_h: float | None = Field(None, ge=0, le=500)
    """Rain rate; if given, the veil's extinction is 0.312 R^0.67 per km instead of the variant's beta (Weber et al.
    2015, as used by Halder et al., ICCV 2019)."""
    streaks: Literal["sheet", "layers"] = "sheet"
    """"sheet" is the published model: one pattern over the image, dimmed by the distance of the scene behind it, so
    that the sky shows none. "layers" puts sheets at several distances, each dimmed by its own distance and hidden by
    what is nearer, as falling rain is."""
    layers_m: tuple[Metres, ...] = Field((2.0, 4.0, 8.0, 16.0), min_length=1)
    """Distances of the sheets, metres; under "sheet" they only mix the sizes of the streaks."""
    density: float = Field(1.0, ge=0, le=20)
    """Number of streaks, relative to 30 per sheet and metre of its distance for a "light" rain on a square image;
    twice and three times that for "medium" and "heavy"."""
    opacity: float = Field(0.65, ge=0, le=1)
    """Opacity of the brightest streak before distance dims it."""
    angle_deg: Angles = (-20.0, 20.0)
    """Range of the rain's direction, degrees from the vertical, uniform."""
    near_m: float = Field(5.0, ge=0)
    """d1, nearer than which streaks are not brighter. Its published value is unknown."""
    airlight: tuple[Level, Level, Level] | None = None
    """Colour of the veil, RGB in [0, 1]; None to estimate it from each image as for fog."""


class RainDegradation(DistanceDegradation[RainSettings]):
    """I = J (1 - S - A) + S + A0 A, after RainCityscapes (Hu et al., CVPR 2019; TIP 2021).

    - Veil A = 1 - exp(-beta d), d the scene's distance.
    - Streaks S = pattern * exp(-alpha max(d1, distance)), see ``RainSettings.streaks``. S is limited to 1 - A, so that
      the scene never counts negatively.
    - The pattern is drawn: lines whose length and width shrink with the distance of their sheet, all in one direction.
      RainCityscapes' own patterns are not published apart from its images.
    """

    settings_type = RainSettings
    name = "rain"

    def draw(self, seed: int, clean_size: Size) -> dict[str, Any]:
        """Draw intensity and direction; every image takes the same two numbers from its stream."""
        settings = self.settings
        first, second = (float(value) for value in generator(seed, "parameters").random(2))
        variant = settings.variants[int(first * len(settings.variants))]
        alpha, beta = RAIN_CITYSCAPES[variant]
        low, high = settings.angle_deg
        rate = settings.rate_mm_per_h
        return {
            "variant": variant,
            "alpha_per_m": alpha,
            "beta_per_m": beta if rate is None else rain_extinction(rate),
            "angle_deg": low + (high - low) * second,
            "near_m": settings.near_m,
            "streaks": settings.streaks,
            "layers_m": list(settings.layers_m),
            "streaks_per_metre": 30 * settings.density * (1 + list(RAIN_CITYSCAPES).index(variant)),
            "opacity": settings.opacity,
            "airlight": "estimated" if settings.airlight is None else list(settings.airlight),
            **self.distance_facts(),
        }

    def apply(
        self,
        clean: torch.Tensor,
        parameters: Mapping[str, Any],
        seed: int,
        *,
        depth_m: NDArray[np.float32] | None = None,
    ) -> torch.Tensor:
        """Add rain; see ``Degradation.apply``."""
        import torch

        from ..resize import to_float, to_uint8
        from .airlight import estimate_airlight
        from .optics import transmission, veil

        image = to_float(clean, torch.float64)
        distances = self.distances((clean.shape[1], clean.shape[2]), parameters, depth_m)
        passed = transmission(torch.from_numpy(distances)[None], parameters["beta_per_m"])
        streaks = torch.minimum(torch.from_numpy(streak_layer(seed, distances, parameters))[None], passed)
        given = parameters["airlight"]
        airlight = estimate_airlight(image) if given == "estimated" else image.new_tensor(given)[:, None, None]
        return to_uint8(veil(image, passed, airlight) + streaks * (1 - image))


def rain_extinction(rate_mm_per_h: float) -> float:
    """Return the extinction of rain, per metre: 0.312 R^0.67 per km (Weber et al. 2015)."""
    return 0.312 * rate_mm_per_h**0.67 / 1000


def streak_layer(seed: int, distances: NDArray[np.float64], parameters: Mapping[str, Any]) -> NDArray[np.float64]:
    """Return S, the opacity of the streaks at each pixel, in [0, 1].

    Args:
        seed: The image's seed.
        distances: float64 (H, W), metres; infinite in the sky.
        parameters: What ``RainDegradation.draw`` returned.
    """
    from .streaks import Sheet, draw_sheet

    height, width = distances.shape
    # A camera whose focal length equals the image's height sees 53 degrees from top to bottom.
    focal, share = float(height), width / height
    rng, alpha, near = generator(seed, "rain"), parameters["alpha_per_m"], parameters["near_m"]
    layer = np.zeros(distances.shape)
    for distance in parameters["layers_m"]:
        count = round(parameters["streaks_per_metre"] * distance * share)
        sheet = Sheet(count, FALL_M * focal / distance, DROP_M * focal / distance, parameters["angle_deg"])
        pattern = draw_sheet(rng, (height, width), sheet)
        if parameters["streaks"] == "layers":
            pattern *= (distances > distance) * np.exp(-alpha * max(near, distance))
        np.maximum(layer, pattern, out=layer)
    if parameters["streaks"] == "sheet":
        layer *= np.exp(-alpha * np.maximum(near, distances))
    return layer * parameters["opacity"]
