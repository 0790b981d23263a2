"""Low-resolution PASCAL VOC after TDSR: a square image and its bicubic reduction."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from .base import Degradation, DegradationSettings, Size

if TYPE_CHECKING:
    import torch


class VocLrSettings(DegradationSettings):
    """Sizes of the protocol. The defaults are those of TDSR."""

    factor: Literal[4, 8] = 4
    """Clean pixels per degraded pixel, along each axis."""
    hr_size: int = Field(300, ge=1, le=4096)
    """Side of the square clean image, pixels: the input size of SSD300."""
    blur_var_px2: float = Field(0.0, ge=0, le=400)
    """Variance of an isotropic Gaussian blur of the clean image before it is reduced, clean pixels squared; 0 for
    none. TDSR shows blurred images without saying how strongly: 3.0 and 2.4 are the fixed blurs of AERIS."""
    noise_sigma_255: float = Field(0.0, ge=0, le=255)
    """Standard deviation of Gaussian noise on the reduced image, grey levels of 255; 0 for none. TDSR shows noisy
    images without saying how strongly: 10 is the fixed noise of AERIS, 25 the upper end of its drawn one."""


class VocLrDegradation(Degradation[VocLrSettings]):
    """Bicubic low resolution after TDSR (Haris, Shakhnarovich, Ukita, ICONIP 2021; arXiv 1803.11316).

    - Clean image: 300x300, aspect ratio ignored as SSD does, antialiased bicubic.
    - Degraded image: antialiased bicubic reduction of the 8-bit clean image by 4 (75x75) or 8. TDSR does not say which
      bicubic; antialiased with a = -0.5 is what MATLAB's ``imresize`` and Pillow do, the usual tools of its field.
    - 300 / 8 = 37.5 is no size in pixels, and TDSR does not say how it was rounded. Here the clean image is extended to
      304x304 by repeating its right column and bottom row, then reduced to 38x38: the scale is exactly 1/8, so a x8
      super-resolved image needs cropping to 300x300 and no resampling. ``nominal_size`` records the 37.5.
    - With blur, the clean image is blurred first; with noise, it is added last. The arXiv version of TDSR shows both
      and publishes no strengths.
    """

    settings_type = VocLrSettings

    def prepare(self, image: NDArray[np.uint8]) -> torch.Tensor:
        """Resize the annotated image to the square clean image."""
        import torch

        from .resize import resize, to_float, to_uint8

        given = (image.shape[0], image.shape[1])
        size, plain = self.clean_size(given), super().prepare(image)
        if size == given:
            return plain  # as resizing would, which keeps every pixel and takes a third of the time of a sample
        return to_uint8(resize(to_float(plain, torch.float64), size, "bicubic", antialias=True))

    def clean_size(self, annotated_size: Size) -> Size:
        """Return the square size, whatever the annotated image's."""
        return self.settings.hr_size, self.settings.hr_size

    def draw(self, seed: int, clean_size: Size) -> dict[str, Any]:
        """Return the sizes of the protocol, and blur and noise where the settings have any; only noise is random."""
        settings, factor = self.settings, self.settings.factor
        height, width = self._padded(clean_size)
        return {
            "factor": factor,
            "padded_size": [height, width],
            "nominal_size": [clean_size[0] / factor, clean_size[1] / factor],
            **({"blur_var_px2": settings.blur_var_px2} if settings.blur_var_px2 else {}),
            **({"noise_sigma_255": settings.noise_sigma_255} if settings.noise_sigma_255 else {}),
        }

    def size(self, clean_size: Size, parameters: Mapping[str, Any]) -> Size:
        """Return the padded size divided by the factor, which is exact."""
        height, width = self._padded(clean_size)
        return height // self.settings.factor, width // self.settings.factor

    def scale(self, clean_size: Size, parameters: Mapping[str, Any]) -> tuple[float, float]:
        """Return one over the factor, not the ratio of the sizes: padding lies outside the clean image."""
        return 1 / self.settings.factor, 1 / self.settings.factor

    def apply(
        self,
        clean: torch.Tensor,
        parameters: Mapping[str, Any],
        seed: int,
        *,
        depth_m: NDArray[np.float32] | None = None,
    ) -> torch.Tensor:
        """Blur the clean image, extend it to a multiple of the factor, reduce it, add noise; see ``Degradation.apply``.

        Without blur or noise in the parameters these two are left out.
        """
        import torch
        from torch.nn import functional as F

        from .noise import gaussian_noise
        from .resize import resize, to_float, to_uint8

        clean_size = (clean.shape[1], clean.shape[2])
        image = to_float(clean, torch.float64)
        if "blur_var_px2" in parameters:
            image = torch.from_numpy(_blurred(image.numpy(), parameters["blur_var_px2"]))
        height, width = self._padded(clean_size)
        margins = (0, width - clean_size[1], 0, height - clean_size[0])
        padded = F.pad(image[None], margins, mode="replicate")[0] if any(margins) else image
        low = resize(padded, self.size(clean_size, parameters), "bicubic", antialias=True)
        if "noise_sigma_255" in parameters:
            low = low + torch.from_numpy(gaussian_noise(seed, tuple(low.shape), parameters["noise_sigma_255"])) / 255
        return to_uint8(low)

    def _padded(self, clean_size: Size) -> Size:
        """Round both sides up to multiples of the factor."""
        factor = self.settings.factor
        return -(-clean_size[0] // factor) * factor, -(-clean_size[1] // factor) * factor


def _blurred(image: NDArray[np.float64], variance_px2: float) -> NDArray[np.float64]:
    """Blur by a Gaussian whose kernel has AERIS's 17 pixels, or four standard deviations each way if that is more."""
    from .blur import filter_reflect
    from .kernels import gaussian_kernel

    side = max(17, 2 * math.ceil(4 * math.sqrt(variance_px2)) + 1)
    # Any variance below this one leaves the image as it is; much smaller ones cannot be inverted.
    return filter_reflect(image, gaussian_kernel(side, max(variance_px2, 1e-3)))
