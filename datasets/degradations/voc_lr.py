"""Low-resolution PASCAL VOC after TDSR: a square image and its bicubic reduction."""

from __future__ import annotations

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


class VocLrDegradation(Degradation[VocLrSettings]):
    """Bicubic low resolution after TDSR (Haris, Shakhnarovich, Ukita, ICONIP 2021; arXiv 1803.11316).

    - Clean image: 300x300, aspect ratio ignored as SSD does, antialiased bicubic.
    - Degraded image: antialiased bicubic reduction of the 8-bit clean image by 4 (75x75) or 8. TDSR does not say which
      bicubic; antialiased with a = -0.5 is what MATLAB's ``imresize`` and Pillow do, the usual tools of its field.
    - 300 / 8 = 37.5 is no size in pixels, and TDSR does not say how it was rounded. Here the clean image is extended to
      304x304 by repeating its right column and bottom row, then reduced to 38x38: the scale is exactly 1/8, so a x8
      super-resolved image needs cropping to 300x300 and no resampling. ``nominal_size`` records the 37.5.
    """

    settings_type = VocLrSettings

    def prepare(self, image: NDArray[np.uint8]) -> torch.Tensor:
        """Resize the annotated image to the square clean image."""
        import torch

        from .resize import resize, to_float, to_uint8

        size = self.clean_size((image.shape[0], image.shape[1]))
        return to_uint8(resize(to_float(super().prepare(image), torch.float64), size, "bicubic", antialias=True))

    def clean_size(self, annotated_size: Size) -> Size:
        """Return the square size, whatever the annotated image's."""
        return self.settings.hr_size, self.settings.hr_size

    def draw(self, seed: int, clean_size: Size) -> dict[str, Any]:
        """Return the sizes of the protocol; nothing is random here."""
        factor = self.settings.factor
        height, width = self._padded(clean_size)
        return {
            "factor": factor,
            "padded_size": [height, width],
            "nominal_size": [clean_size[0] / factor, clean_size[1] / factor],
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
        """Extend the clean image to a multiple of the factor and reduce it; see ``Degradation.apply``."""
        import torch
        from torch.nn import functional as F

        from .resize import resize, to_float, to_uint8

        clean_size = (clean.shape[1], clean.shape[2])
        height, width = self._padded(clean_size)
        margins = (0, width - clean_size[1], 0, height - clean_size[0])
        padded = F.pad(to_float(clean, torch.float64)[None], margins, mode="replicate")[0]
        return to_uint8(resize(padded, self.size(clean_size, parameters), "bicubic", antialias=True))

    def _padded(self, clean_size: Size) -> Size:
        """Round both sides up to multiples of the factor."""
        factor = self.settings.factor
        return -(-clean_size[0] // factor) * factor, -(-clean_size[1] // factor) * factor
