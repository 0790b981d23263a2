"""What fog, rain and water have in common: a distance map is needed, and sizes stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from ...errors import UserError
from ..base import Degradation, DegradationSettings, Size
from .distance import ramp


class DistanceSettings(DegradationSettings):
    """Where distances come from. By default only true ones are used, and their absence is an error."""

    depth_proxy: Literal["none", "ramp"] = "none"
    """"ramp" invents distances, far at the top and near at the bottom, for images that have none. The drawn parameters
    then say "proxy: ramp", so that no such result passes for one with true distances."""
    proxy_near_m: float = Field(5.0, gt=0)
    """Distance of the bottom row under "ramp", metres."""
    proxy_far_m: float = Field(100.0, gt=0)
    """Distance of the top row under "ramp", metres."""

    @model_validator(mode="after")
    def _near_is_nearer(self) -> DistanceSettings:
        if self.proxy_near_m > self.proxy_far_m:
            raise ValueError("proxy_near_m is above proxy_far_m")
        return self


SettingsT = TypeVar("SettingsT", bound=DistanceSettings)


class DistanceDegradation(Degradation[SettingsT]):
    """Base of the degradations that depend on the distance of each pixel; the image keeps its size."""

    name = ""
    """The recipe's name, for messages."""

    @property
    def needs_depth(self) -> bool:
        """True unless the settings ask for a stand-in."""
        return self.settings.depth_proxy == "none"

    def size(self, clean_size: Size, parameters: Mapping[str, Any]) -> Size:
        """Return the clean image's size."""
        return clean_size

    def distance_facts(self) -> dict[str, Any]:
        """Return the parameters that tell where distances come from."""
        settings = self.settings
        if settings.depth_proxy == "none":
            return {"depth": "true"}
        return {
            "depth": f"proxy: {settings.depth_proxy}",
            "proxy_near_m": settings.proxy_near_m,
            "proxy_far_m": settings.proxy_far_m,
        }

    def distances(
        self, size: Size, parameters: Mapping[str, Any], depth_m: NDArray[np.float32] | None
    ) -> NDArray[np.float64]:
        """Return the distances that the parameters ask for, float64 (H, W), metres.

        Raises:
            UserError: True distances are asked for and missing, of another size, negative or not numbers.
        """
        if parameters["depth"] != "true":
            return ramp(size, parameters["proxy_near_m"], parameters["proxy_far_m"]).astype(np.float64)
        if depth_m is None:
            raise UserError(
                f"the degradation {self.name!r} needs the distance of every pixel and this dataset has none; choose a "
                "dataset with distances, such as the scenes, or ask for made-up ones with the setting depth_proxy=ramp."
            )
        if depth_m.shape != size:
            raise UserError(f"the distance map has the size {depth_m.shape}, but its image has {size}.")
        if not (depth_m >= 0).all():
            raise UserError("the distance map holds negative values or values that are no numbers.")
        return depth_m.astype(np.float64)
