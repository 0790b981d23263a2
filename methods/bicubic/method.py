"""Bicubic up-sampling to the clean image's size, then detection."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from ...datasets.types import Batch, Sample
from ..base import MethodSettings
from ..card import MethodCard
from ..detecting import DetectingMethod, View

if TYPE_CHECKING:
    import torch


class BicubicSettings(MethodSettings):
    """Settings of ``bicubic``."""

    factor: float | None = Field(default=None, gt=0)
    """Up-sampling factor for all images. None takes each image's true factor from its record (one over the scale),
    knowledge that a user of a photograph of unknown origin would not have; up-sampling methods are commonly compared
    with it, and so are the ones here."""


class Bicubic(DetectingMethod):
    """Up-samples bicubically (a = -0.75, no antialiasing, 8-bit result) and detects in the result.

    Called "Bicubic" in the tables of TDSR (Haris et al., ICONIP 2021). A degraded image that was padded before its
    reduction (voc-lr-x8: 38 pixels for 37.5) comes out larger than the clean one and is cropped to it.
    """

    card: ClassVar[MethodCard] = MethodCard(
        name="bicubic",
        title="Bicubic",
        summary="The degraded image is up-sampled bicubically to the clean image's size, then the detector sees it.",
        kind="sr-then-detect",
        restores=True,
        tuned_on="none",
    )
    settings_type: ClassVar[type[MethodSettings]] = BicubicSettings

    def view(self, sample: Sample) -> View:
        """Return the up-sampled image."""
        from ...datasets.degradations.resize import to_float

        sx, sy = self._factors(sample)
        upsampled = self._upsample(sample)
        if self._factor is None:
            upsampled = fit(upsampled, sample.record.clean_size)
        return View(to_float(upsampled), (1 / sx, 1 / sy))

    def restore(self, batch: Batch) -> list[torch.Tensor]:
        """Return the up-sampled images in the clean images' sizes; see ``Method.restore``.

        With the true factor that is what the detector sees. With a fixed factor the result is resized to the clean
        size, bicubically again.
        """
        return [self._restore_one(sample) for sample in batch.samples]

    def _restore_one(self, sample: Sample) -> torch.Tensor:
        upsampled, size = self._upsample(sample), sample.record.clean_size
        return fit(upsampled, size) if self._factor is None else resized(upsampled, size)

    @property
    def _factor(self) -> float | None:
        assert isinstance(self.settings, BicubicSettings)
        return self.settings.factor

    def _factors(self, sample: Sample) -> tuple[float, float]:
        """Return up-sampled pixels per degraded pixel along x and y."""
        if self._factor is not None:
            return self._factor, self._factor
        sx, sy = sample.record.scale
        return 1 / sx, 1 / sy

    def _upsample(self, sample: Sample) -> torch.Tensor:
        fx, fy = self._factors(sample)
        height, width = sample.image.shape[-2:]
        return resized(sample.image, (max(1, round(height * fy)), max(1, round(width * fx))))


def resized(image: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Resize a uint8 (3, h, w) image bicubically to (H, W) and round to 8 bits."""
    from ...datasets.degradations.resize import resize, to_float, to_uint8

    return to_uint8(resize(to_float(image), size, "bicubic", antialias=False))


def fit(image: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Crop a (3, h, w) image at the right and bottom, or repeat its last column and row, until it has ``size``."""
    import torch

    height, width = size
    rows = torch.arange(height).clamp(max=image.shape[-2] - 1)
    columns = torch.arange(width).clamp(max=image.shape[-1] - 1)
    return image[:, rows][:, :, columns]
