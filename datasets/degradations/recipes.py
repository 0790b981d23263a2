"""Test sets with a single degradation.

Those of AERIS (Cui et al., ECCV 2022) follow ``data_gen.py`` of its repository, cuiziteng/ECCV_AERIS. Two versions of
its constants were published and none is said to be the paper's: "head" is the last commit (42ab63c), "v1" the first
code commit (1aa145c). Kernel widths are variances there. Its random draws are unseeded and its results pass through
OpenCV's JPEG writer; here each image has its seed, and nothing is compressed.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from .base import DegradationSettings
from .chain import ChainDegradation
from .steps.base import Step
from .steps.blur import BlurStep
from .steps.dark import DarkStep, Fraction
from .steps.down import DownStep
from .steps.jpeg import JpegStep
from .steps.noise import NoiseStep, PoissonStep
from .values import Span

Variant = Literal["head", "v1"]
ISO_VARIANCE = {"head": 3.0, "v1": 2.4}
"""The only constant in which the two versions differ."""


class VariantSettings(DegradationSettings):
    """Which version of the published constants."""

    variant: Variant = "head"
    """Version of the published constants; only the variance of the isotropic blur differs."""


class BlurIsoDegradation(ChainDegradation[VariantSettings]):
    """``fix_isoblur``: kernel 17, variance 3.0 ("head") or 2.4 ("v1")."""

    settings_type = VariantSettings

    def make_steps(self) -> tuple[Step, ...]:
        """Return the blur."""
        return (_step(BlurStep, kind="iso", var=ISO_VARIANCE[self.settings.variant], size=17),)


class BlurAnisoDegradation(ChainDegradation[VariantSettings]):
    """``fix_anisoblur``: kernel 17, variances 5 and 2.3, 60 degrees, in both versions."""

    settings_type = VariantSettings

    def make_steps(self) -> tuple[Step, ...]:
        """Return the blur."""
        return (_step(BlurStep, kind="aniso", var=5, var2=2.3, theta_deg=60, size=17),)


class NoiseSettings(VariantSettings):
    """Which of the two published noise sets."""

    sigma: Literal["fixed", "random"] = "fixed"
    """"fixed" is ``fix_noise``, sigma 10; "random" is ``random_noise``, sigma uniform from 5 to 50 for each image."""


class NoiseDegradation(ChainDegradation[NoiseSettings]):
    """``fix_noise`` and ``random_noise``: Gaussian, for each channel; grey levels of 255; the same in both versions."""

    settings_type = NoiseSettings

    def make_steps(self) -> tuple[Step, ...]:
        """Return the noise."""
        return (_step(NoiseStep, sigma_255=10 if self.settings.sigma == "fixed" else (5, 50)),)


class ResolutionSettings(VariantSettings):
    """How much smaller."""

    factor: Literal[2, 4] = 2
    """2 is the default of "head"; "v1" has ``down_2`` and ``down_4``."""


class ResolutionDegradation(ChainDegradation[ResolutionSettings]):
    """``resolution``: down-sampling whose interpolation is drawn for each image.

    As with torch's ``scale_factor``, one pixel after is exactly ``factor`` pixels before and a remainder at the right
    and bottom is cut off. Boxes are divided by the factor and kept as floats, as in COCO-d; the published script rounds
    them down to whole pixels.
    """

    settings_type = ResolutionSettings

    def make_steps(self) -> tuple[Step, ...]:
        """Return the down-sampling."""
        return (_step(DownStep, factor=self.settings.factor, mode="nearest/bilinear/bicubic", fit="floor"),)


class JpegSettings(DegradationSettings):
    """How strongly to compress."""

    quality: Annotated[int, Field(ge=1, le=100)] = 10
    """libjpeg's quality; the default is this suite's choice."""


class JpegDegradation(ChainDegradation[JpegSettings]):
    """JPEG coding at one quality."""

    settings_type = JpegSettings

    def make_steps(self) -> tuple[Step, ...]:
        """Return the coding."""
        return (_step(JpegStep, quality=self.settings.quality),)


class PoissonSettings(DegradationSettings):
    """How little light there is."""

    photons: Span = (25.0, 25.0)
    """Expected photons at white; the default is this suite's choice."""


class PoissonDegradation(ChainDegradation[PoissonSettings]):
    """Photon noise."""

    settings_type = PoissonSettings

    def make_steps(self) -> tuple[Step, ...]:
        """Return the noise."""
        return (_step(PoissonStep, photons=self.settings.photons),)


class LowLightSettings(DegradationSettings):
    """How dark it is."""

    positional: ClassVar[tuple[str, ...]] = ("exposure",)

    exposure: Fraction = (0.02, 0.18)
    """Light that is left; the default is the mean of MAET's distribution plus and minus its standard deviation."""


class LowLightDegradation(ChainDegradation[LowLightSettings]):
    """Low light with the sensor's noise, see ``steps.dark``."""

    settings_type = LowLightSettings

    def make_steps(self) -> tuple[Step, ...]:
        """Return the darkening."""
        return (_step(DarkStep, exposure=self.settings.exposure),)


def _step(step_type: type[Step], **arguments: Any) -> Step:
    """Make a step from values as the mini language takes them."""
    return step_type.model_validate(arguments)
