"""The contract of a step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ..base import Size
from ..values import format_value

Levels = NDArray[np.float64]
"""An image in grey levels, (3, H, W); nominally 0 to 255, but a step may leave that range."""


class Step(BaseModel):
    """One step of a degradation: pure, and described by plain values.

    Fields are the arguments of the mini language, in the order in which the canonical text writes them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: ClassVar[str]
    """The step's name in the mini language."""
    positional: ClassVar[tuple[str, ...]] = ()
    """The fields that may be given without their name, in this order."""
    short_names: ClassVar[Mapping[str, str]] = {}
    """Short name in the mini language to the field that it stands for."""

    @property
    def label(self) -> str:
        """Return the step's name for records."""
        return self.name

    @property
    def needs_depth(self) -> bool:
        """Whether ``apply`` must be told how far each pixel's surface is."""
        return False

    @abstractmethod
    def draw(self, uniform: Sequence[float], size: Size, seed: int) -> dict[str, Any]:
        """Draw one image's parameters.

        Args:
            uniform: 8 random numbers from [0, 1) of this image and step.
            size: (H, W) of the image that enters the step.
            seed: This image's seed for this step.

        Returns:
            JSON-able values, complete enough for the other methods.
        """

    def new_size(self, size: Size, drawn: dict[str, Any]) -> Size:
        """Return the size of the result; both sides are at least 1."""
        return size

    def scale(self, size: Size, drawn: dict[str, Any]) -> tuple[float, float]:
        """Return (sx, sy), pixels of the result per pixel of the input."""
        height, width = self.new_size(size, drawn)
        return width / size[1], height / size[0]

    @abstractmethod
    def apply(self, levels: Levels, drawn: dict[str, Any], seed: int, depth_m: NDArray[np.float32] | None) -> Levels:
        """Degrade an image.

        Args:
            levels: float64 (3, H, W), see ``Levels``; not modified.
            drawn: What ``draw`` returned, possibly after a round trip through JSON.
            seed: This image's seed for this step.
            depth_m: float32 (H, W), metres, see ``Degradation.apply``; None where unknown.

        Returns:
            float64 (3, h, w), not necessarily a new array.
        """

    def text(self) -> str:
        """Return the canonical text; equal steps have equal texts."""
        arguments = [
            f"{field}={format_value(value)}"
            for field in type(self).model_fields
            if (value := getattr(self, field)) is not None
        ]
        return f"{self.name}({', '.join(arguments)})"
