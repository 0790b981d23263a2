"""Any other degradation as a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base import Degradation, Size
from .base import Levels, Step


class RecipeStep(Step):
    """A degradation of the registry, applied to the image as it is at this point, clipped and rounded to 8 bits."""

    recipe: str
    """The degradation's name."""
    settings: dict[str, Any]
    """All its settings, as plain values."""

    @property
    def label(self) -> str:
        """Return the degradation's name."""
        return self.recipe

    @property
    def needs_depth(self) -> bool:
        """Whether the degradation does."""
        return self._degradation().needs_depth

    def _degradation(self) -> Degradation[Any]:
        from .. import degradation

        return degradation(self.recipe, self.settings)

    def draw(self, uniform: Sequence[float], size: Size, seed: int) -> dict[str, Any]:
        """Let the degradation draw."""
        return self._degradation().draw(seed, size)

    def new_size(self, size: Size, drawn: dict[str, Any]) -> Size:
        """Ask the degradation."""
        return self._degradation().size(size, drawn)

    def scale(self, size: Size, drawn: dict[str, Any]) -> tuple[float, float]:
        """Ask the degradation."""
        return self._degradation().scale(size, drawn)

    def apply(self, levels: Levels, drawn: dict[str, Any], seed: int, depth_m: NDArray[np.float32] | None) -> Levels:
        """Apply the degradation."""
        import torch

        from ..rounding import round_levels

        clean = torch.from_numpy(round_levels(levels))
        degraded = self._degradation().apply(clean, drawn, seed, depth_m=depth_m)
        return degraded.numpy().astype(np.float64)

    def text(self) -> str:
        """Return the canonical text, with every setting that is not None."""
        from ..language import write_value

        arguments = [f"{key}={write_value(value)}" for key, value in self.settings.items() if value is not None]
        return f"{self.recipe}({', '.join(arguments)})"
