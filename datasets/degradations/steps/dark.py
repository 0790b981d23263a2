"""Low light: less light on the sensor, then its noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from ..base import Size
from ..noise import standard_normal
from ..values import Span, between
from .base import Levels, Step


def _fraction(bounds: tuple[float, float]) -> tuple[float, float]:
    if not 0 < bounds[0] <= bounds[1] <= 1:
        raise ValueError("it must be above 0 and at most 1")
    return bounds


Fraction = Annotated[Span, AfterValidator(_fraction)]


class DarkStep(Step):
    """Expand gamma, multiply the light, add the sensor's noise, compress gamma.

    The camera model of Brooks et al., "Unprocessing Images for Learned Raw Denoising" (CVPR 2019), as far as it
    concerns brightness: linear light is value^gamma with gamma = 2.2; noise is Gaussian of the variance
    shot * light + read. It is also the core of MAET's low-light degradation for detection (Cui et al., ICCV 2021;
    repository cuiziteng/ICCV_MAET at 3328152), which takes the ranges of noise from Brooks and draws the exposure
    around 0.1 with a standard deviation of 0.08. Colour matrices, white balance and tone curve of both are left out, as
    are MAET's quantisation and its use of that variance as a standard deviation.
    """

    name: ClassVar[str] = "dark"
    positional: ClassVar[tuple[str, ...]] = ("exposure",)

    exposure: Fraction
    """Light that is left, as a fraction of the clean image's."""
    gamma: float = Field(2.2, gt=0, le=10)
    """Exponent between stored values and light."""
    shot: Fraction = (1e-4, 0.012)
    """Variance of the noise per light, white being 1; drawn uniformly in its logarithm, as are Brooks' noise levels."""
    read: Fraction | None = None
    """Variance of the noise where there is no light; None for what goes with the drawn ``shot`` in Brooks' fit to real
    cameras, exp(2.18 ln(shot) + 1.20)."""

    def draw(self, uniform: Sequence[float], size: Size, seed: int) -> dict[str, Any]:
        """Draw exposure and noise."""
        log_shot = between((math.log(self.shot[0]), math.log(self.shot[1])), uniform[1])
        read = math.exp(2.18 * log_shot + 1.20) if self.read is None else between(self.read, uniform[2])
        shot = self.shot[0] if self.shot[0] == self.shot[1] else math.exp(log_shot)
        return {"exposure": between(self.exposure, uniform[0]), "shot_variance": shot, "read_variance": read}

    def apply(self, levels: Levels, drawn: dict[str, Any], seed: int, depth_m: NDArray[np.float32] | None) -> Levels:
        """Darken the image."""
        light = drawn["exposure"] * (np.clip(levels, 0, 255) / 255) ** self.gamma
        deviation = np.sqrt(drawn["shot_variance"] * light + drawn["read_variance"])
        noisy = light + deviation * standard_normal(seed, levels.shape)
        return 255 * np.maximum(noisy, 0) ** (1 / self.gamma)
