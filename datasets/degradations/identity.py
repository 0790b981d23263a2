"""No degradation: the clean tracks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .base import Degradation, DegradationSettings, Size

if TYPE_CHECKING:
    import torch


class IdentityDegradation(Degradation[DegradationSettings]):
    """Hands the clean image on as it is."""

    def draw(self, seed: int, clean_size: Size) -> dict[str, Any]:
        """Return no parameters: nothing is random here."""
        return {}

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
        """Return a copy of the clean image, so that a caller may change one without the other."""
        return clean.clone()
