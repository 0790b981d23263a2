"""The corruptions as a degradation."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ...seeds import generator
from ..base import Degradation, DegradationSettings, Size
from . import Kind

if TYPE_CHECKING:
    import torch

MODULES: dict[str, tuple[Kind, ...]] = {
    "noise": ("gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise"),
    "blur": ("defocus_blur", "glass_blur", "motion_blur", "zoom_blur", "gaussian_blur"),
    "weather": ("snow", "frost", "fog", "brightness", "spatter"),
    "digital": ("contrast", "elastic_transform", "pixelate", "jpeg_compression", "saturate"),
}
"""Module to the kinds that it makes, each by a function of the kind's name."""


class CorruptionSettings(DegradationSettings):
    """Which corruption, and how strong."""

    positional: ClassVar[tuple[str, ...]] = ("kind", "severity")

    kind: Kind = "gaussian_noise"
    """One of the 15 + 4 kinds listed below."""
    severity: int = Field(3, ge=1, le=5)
    """How strong, 1 to 5."""


class CorruptionDegradation(Degradation[CorruptionSettings]):
    """One of the 19 common corruptions, see the package; random numbers depend on image, kind and severity alone."""

    settings_type = CorruptionSettings

    def draw(self, seed: int, clean_size: Size) -> dict[str, Any]:
        """Return kind and severity; for frost also that its texture is not the published one."""
        drawn: dict[str, Any] = {"kind": self.settings.kind, "severity": self.settings.severity}
        if self.settings.kind == "frost":
            drawn["texture"] = "procedural"
        return drawn

    def size(self, clean_size: Size, parameters: Mapping[str, Any]) -> Size:
        """Return the clean image's size."""
        return clean_size

    def apply(
        self,
        clean: torch.Tensor,
        parameters: Mapping[str, Any],
        seed: int,
        *,
        depth_m: NDArray[np.float32] | None = None,
    ) -> torch.Tensor:
        """Corrupt a clean image; see ``Degradation.apply``."""
        import torch

        from ..resize import to_uint8

        image = np.ascontiguousarray(clean.numpy().transpose(1, 2, 0))
        corrupted = corrupt(image, parameters["kind"], parameters["severity"], seed)
        return to_uint8(torch.from_numpy(np.ascontiguousarray(corrupted.transpose(2, 0, 1))))


def corrupt(image: NDArray[np.uint8], kind: Kind, severity: int, seed: int) -> NDArray[np.float64]:
    """Corrupt an image.

    Args:
        image: uint8 (H, W, 3) RGB, any size from 1x1; not modified.
        kind: One of the package's ``KINDS``.
        severity: 1 to 5.
        seed: The image's seed; each kind and severity draws from a stream of its own.

    Returns:
        float64 (H, W, 3) in units of [0, 1], neither clipped nor rounded.
    """
    module = next(name for name, kinds in MODULES.items() if kind in kinds)
    function = getattr(import_module(f".{module}", __package__), kind)
    return function(image, severity, generator(seed, f"corruption {kind} {severity}"))
