"""The degradation of AERIS and its COCO-d test set: blur, then down-sampling, then noise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ..seeds import generator
from .base import Degradation, DegradationSettings, Size
from .kernels import gaussian_kernel
from .noise import TableNoise, table_noise
from .separable import AxisMap, blur_then_resize, map_axes, separate
from .taps import Interpolation, resize_taps

if TYPE_CHECKING:
    import torch

BlurType = Literal["none", "iso", "aniso"]
KERNEL_TOLERANCE = 1e-5
"""How far the separable terms of a blur kernel may be from it, as the sum of the deviations of all taps: at most 0.0026
grey levels of 255 in the result."""


def _ordered(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] > bounds[1]:
        raise ValueError("the lower bound is above the upper bound")
    return bounds


def _odd(size: int) -> int:
    if size % 2 == 0:
        raise ValueError("a kernel size must be odd")
    return size


Positive = Annotated[float, Field(gt=0)]
Variance = Annotated[tuple[Positive, Positive], AfterValidator(_ordered)]
Range = Annotated[tuple[float, float], AfterValidator(_ordered)]
Sigma = Annotated[tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]], AfterValidator(_ordered)]
KernelSize = Annotated[int, Field(ge=1), AfterValidator(_odd)]
ScaleFactor = Annotated[float, Field(ge=1)]


class AerisSettings(DegradationSettings):
    """Ranges of the draws; choices are equally likely, ranges uniform. Variances are in clean pixels squared.

    The defaults describe COCO-d, as far as anything about it is published. Its images were made once and its generator
    was never released. From the repository cuiziteng/ECCV_AERIS (42ab63c and the first code commit 1aa145c): blur
    types, kernel sizes, variances, angle, interpolations and noise of the random degradation that both the training
    code and the early test-set script contain. The script's blur type "both" has no code behind it and is left out.

    ``scale_factors`` is the one choice with weaker ground: the README says "1~4", a commented-out line of the early
    script draws whole tenths from 1.0 to 4.0 for each image, and the published labels hold boxes divided by a factor
    of their own for each image. So tenths are the default. (The training code draws 512 / s from multiples of 32, which
    serves its batches, not the test set.)
    """

    blur_types: tuple[BlurType, ...] = Field(("none", "iso", "aniso"), min_length=1)
    kernel_sizes: tuple[KernelSize, ...] = Field((7, 9, 11, 13, 15, 17, 19, 21), min_length=1)
    iso_variance: Variance = (0.1, 2.4)
    aniso_variance1: Variance = (0.5, 6.0)
    aniso_variance2_min: Positive = 0.5
    """The second variance is uniform from here to the first."""
    aniso_theta: Range = (0.0, math.pi)
    """Radians."""
    scale_factors: tuple[ScaleFactor, ...] = Field(tuple(tenths / 10 for tenths in range(10, 41)), min_length=1)
    """Clean side over degraded side."""
    interpolations: tuple[Interpolation, ...] = Field(("nearest", "bilinear", "bicubic"), min_length=1)
    noise_sigma_255: Sigma = (0.0, 25.0)
    """Standard deviation in grey levels of 255."""

    @model_validator(mode="after")
    def _second_variance_has_room(self) -> AerisSettings:
        if self.aniso_variance2_min > self.aniso_variance1[0]:
            raise ValueError("aniso_variance2_min is above the lower bound of aniso_variance1")
        return self


class AerisParameters(BaseModel):
    """What was drawn for one image; fields that the blur type does not use are None."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    blur: BlurType
    kernel_size: int | None = None
    variance1: float | None = None
    variance2: float | None = None
    theta: float | None = None
    scale_factor: float
    interpolation: Interpolation
    noise_sigma_255: float

    def kernel(self) -> NDArray[np.float64] | None:
        """Return the blur kernel, float64 (k, k), or None where nothing is blurred."""
        if self.kernel_size is None or self.variance1 is None:
            return None
        return gaussian_kernel(self.kernel_size, self.variance1, self.variance2, self.theta or 0.0)


class AerisDegradation(Degradation[AerisSettings]):
    """t(x) = (x blurred) down-sampled + noise, after AERIS (Cui et al., ECCV 2022, arXiv 2208.03062).

    - Blur in clean pixels with one Gaussian kernel for all channels, borders reflected (images smaller than the kernel
      are reflected repeatedly).
    - Down-sampling without antialiasing to round(side / factor), at least 1 pixel; boxes follow the true ratio of the
      sizes, which differs slightly from the drawn factor.
    - Gaussian noise in degraded pixels, then clipping to [0, 1] and rounding to 8 bits. COCO-d's own images were
      probably written as JPEG once more; that is not imitated, since its quality is unknown.
    """

    settings_type = AerisSettings

    def draw(self, seed: int, clean_size: Size) -> dict[str, Any]:
        """Draw the parameters; they depend on the seed and the settings, not on the image's size.

        Every image takes the same nine numbers from its stream, used or not, so that a change of one setting leaves
        the other draws alone.
        """
        settings = self.settings
        uniform = [float(value) for value in generator(seed, "parameters").random(9)]
        blur = _pick(settings.blur_types, uniform[0])
        return AerisParameters(
            blur=blur,
            scale_factor=_pick(settings.scale_factors, uniform[6]),
            interpolation=_pick(settings.interpolations, uniform[7]),
            noise_sigma_255=_between(settings.noise_sigma_255, uniform[8]),
            **self._draw_kernel(blur, uniform[1:6]),
        ).model_dump(mode="json")

    def size(self, clean_size: Size, parameters: Mapping[str, Any]) -> Size:
        """Return (round(H / s), round(W / s)), halves rounded up, at least 1."""
        factor = parameters["scale_factor"]
        height, width = (max(1, math.floor(side / factor + 0.5)) for side in clean_size)
        return height, width

    def apply(
        self,
        clean: torch.Tensor,
        parameters: Mapping[str, Any],
        seed: int,
        *,
        depth_m: NDArray[np.float32] | None = None,
    ) -> torch.Tensor:
        """Blur, down-sample and add noise; see ``Degradation.apply``."""
        import torch

        drawn = AerisParameters.model_validate(dict(parameters))
        height, width = self.size((clean.shape[1], clean.shape[2]), parameters)
        noise = table_noise(seed, (3, height, width), drawn.noise_sigma_255)
        return torch.from_numpy(degrade_to_uint8(clean.numpy(), drawn.kernel(), drawn.interpolation, noise))

    def _draw_kernel(self, blur: BlurType, uniform: list[float]) -> dict[str, Any]:
        """Turn five numbers from [0, 1) into the kernel's parameters."""
        settings = self.settings
        if blur == "none":
            return {}
        size = _pick(settings.kernel_sizes, uniform[0])
        if blur == "iso":
            return {"kernel_size": size, "variance1": _between(settings.iso_variance, uniform[1])}
        variance1 = _between(settings.aniso_variance1, uniform[2])
        variance2 = _between((settings.aniso_variance2_min, variance1), uniform[3])
        theta = _between(settings.aniso_theta, uniform[4])
        return {"kernel_size": size, "variance1": variance1, "variance2": variance2, "theta": theta}


def degrade(
    image: NDArray[Any],
    kernel: NDArray[np.float64] | None,
    interpolation: Interpolation,
    noise: NDArray[Any],
) -> NDArray[np.float64]:
    """Blur, resize without antialiasing to the noise's size, add the noise; in double precision.

    Args:
        image: (3, H, W) of any real type and in any units; not modified.
        kernel: float64 (k, k), k odd, or None for no blur.
        interpolation: How to resize.
        noise: (3, h, w) in the image's units.

    Returns:
        float64 (3, h, w), neither clipped nor rounded.
    """
    rows, columns = _blur_and_resize(image.shape[1:], kernel, interpolation, noise.shape[1:])
    return map_axes(image, rows, columns) + noise


def degrade_to_uint8(
    image: NDArray[np.uint8],
    kernel: NDArray[np.float64] | None,
    interpolation: Interpolation,
    noise: TableNoise,
) -> NDArray[np.uint8]:
    """Return ``degrade``, clipped and rounded to 8 bits, in a fraction of the time.

    Args:
        image: uint8 (3, H, W); not modified.
        kernel: float64 (k, k), k odd, or None for no blur.
        interpolation: How to resize.
        noise: Of shape (3, h, w), in grey levels of 255.

    Returns:
        uint8 (3, h, w).
    """
    from .fused import degrade_planes

    rows, columns = _blur_and_resize(image.shape[1:], kernel, interpolation, noise.shape[1:])
    return degrade_planes(image, rows, columns, noise)


def _blur_and_resize(
    clean_size: tuple[int, ...],
    kernel: NDArray[np.float64] | None,
    interpolation: Interpolation,
    size: tuple[int, ...],
) -> tuple[AxisMap, AxisMap]:
    """Return the maps of rows and columns that blur and resize at once."""
    factors = (np.ones((1, 1)),) * 2 if kernel is None else separate(kernel, KERNEL_TOLERANCE)
    taps = [resize_taps(*lengths, interpolation) for lengths in zip(clean_size, size, strict=True)]
    return blur_then_resize(taps[0], factors[0]), blur_then_resize(taps[1], factors[1])


def _pick(options: tuple[Any, ...], uniform: float) -> Any:
    """Choose an option by a number from [0, 1), all equally likely."""
    return options[int(uniform * len(options))]


def _between(bounds: tuple[float, float], uniform: float) -> float:
    """Map a number from [0, 1) into a range."""
    low, high = bounds
    return low + (high - low) * uniform
