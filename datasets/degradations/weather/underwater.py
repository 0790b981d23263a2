"""Light under water: colours fade with distance, and the water itself begins to show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from ...seeds import generator
from ..base import Size
from .rain import _ordered
from .recipe import DistanceDegradation, DistanceSettings

if TYPE_CHECKING:
    import torch

WaterType = Literal["I", "IA", "IB", "II", "III", "1", "3", "5", "7", "9"]

WATER_TRANSMISSION: dict[str, tuple[float, float, float]] = {
    "I": (0.805, 0.961, 0.982),
    "IA": (0.804, 0.955, 0.975),
    "IB": (0.830, 0.950, 0.968),
    "II": (0.800, 0.925, 0.940),
    "III": (0.750, 0.885, 0.890),
    "1": (0.750, 0.885, 0.875),
    "3": (0.710, 0.820, 0.800),
    "5": (0.670, 0.730, 0.670),
    "7": (0.620, 0.610, 0.500),
    "9": (0.550, 0.460, 0.290),
}
"""Share of red, green and blue light that one metre of water lets through, for Jerlov's five oceanic and five coastal
types; from UWCNN (Li, Anwar, Porikli, Pattern Recognition 2020; arXiv 1807.03528; repository saeed-anwar/UWCNN,
Figs/Types_table.png)."""

Share = Annotated[float, Field(gt=0, le=1)]
Depths = Annotated[tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]], AfterValidator(_ordered)]
Levels = Annotated[tuple[Share, Share], AfterValidator(_ordered)]


class UnderwaterSettings(DistanceSettings):
    """Waters to draw from and how deep the camera is; choices are equally likely, ranges uniform."""

    positional: ClassVar[tuple[str, ...]] = ("water_types",)
    short_names: ClassVar[Mapping[str, str]] = {"type": "water_types"}

    water_types: tuple[WaterType, ...] = Field(("I", "IA", "IB", "II", "III", "1", "3", "5", "7", "9"), min_length=1)
    """Jerlov's types; 1 to 9 are coastal, and 3 to 7 look like the green water of URPC's photographs."""
    below_surface_m: Depths = (1.0, 4.0)
    """Water above the camera, metres: it colours the light that arrives."""
    background: Levels = (0.4, 0.8)
    """Brightness of water without end, in its brightest channel. UWCNN's own range could not be read; these are levels
    of open water in photographs."""
    backscatter_ratio: float = Field(1.0, gt=0, le=10)
    """Coefficient of backscatter over that of attenuation. Akkaynak and Treibitz (CVPR 2018) show that the two differ;
    coefficients for RGB were not published, so by default they are equal, as in UWCNN."""
    distance_scale: float = Field(1.0, gt=0)
    """Metres of water per metre of distance. Streets seen through a hundred metres of water would show nothing: 0.1
    brings them into the 0.5 to 10 m of underwater photographs."""


class UnderwaterDegradation(DistanceDegradation[UnderwaterSettings]):
    """I = J E exp(-beta d) + B (1 - exp(-rho beta d)) in each channel, after UWCNN and Akkaynak and Treibitz.

    d is the length of water between surface and camera, beta = -ln N of the water type, rho ``backscatter_ratio``. E is
    the colour of daylight after ``below_surface_m`` of the same water, scaled to 1 in its brightest channel as a
    camera's exposure does; the water's own colour B is E times ``background``. (How
    UWCNN draws B could not be read; a grey one would leave far water grey, whatever its type.)
    """

    settings_type = UnderwaterSettings
    name = "underwater"

    def draw(self, seed: int, clean_size: Size) -> dict[str, Any]:
        """Draw water type, depth and brightness; every image takes the same three numbers from its stream."""
        settings = self.settings
        first, second, third = (float(value) for value in generator(seed, "parameters").random(3))
        below = settings.below_surface_m
        level = settings.background
        return {
            "water_type": settings.water_types[int(first * len(settings.water_types))],
            "below_surface_m": below[0] + (below[1] - below[0]) * second,
            "background": level[0] + (level[1] - level[0]) * third,
            "backscatter_ratio": settings.backscatter_ratio,
            "distance_scale": settings.distance_scale,
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
        """Put the scene under water; see ``Degradation.apply``."""
        import torch

        from ..resize import to_float, to_uint8
        from .optics import transmission

        image = to_float(clean, torch.float64)
        distances = self.distances((clean.shape[1], clean.shape[2]), parameters, depth_m)
        path = torch.from_numpy(distances * parameters["distance_scale"])[None]
        beta = image.new_tensor(attenuation(parameters["water_type"]))[:, None, None]
        daylight = image.new_tensor(daylight_colour(parameters["water_type"], parameters["below_surface_m"]))
        daylight = daylight[:, None, None]
        direct = image * daylight * transmission(path, beta)
        scattered = 1 - transmission(path, beta * parameters["backscatter_ratio"])
        return to_uint8(direct + daylight * parameters["background"] * scattered)


def attenuation(water_type: str) -> tuple[float, float, float]:
    """Return the attenuation of red, green and blue light, per metre: -ln of the transmission per metre."""
    red, green, blue = (-math.log(share) for share in WATER_TRANSMISSION[water_type])
    return red, green, blue


def daylight_colour(water_type: str, below_surface_m: float) -> tuple[float, float, float]:
    """Return white light after a column of water, RGB, 1 in its brightest channel."""
    shares = [share**below_surface_m for share in WATER_TRANSMISSION[water_type]]
    red, green, blue = (share / max(shares) for share in shares)
    return red, green, blue
