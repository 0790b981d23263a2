"""A degradation on top of another: what ``--degrade`` means on a track that is degraded already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .degradations import Degradation, DegradationSettings
from .degradations.base import Size
from .degradations.weather.distance import distances_at
from .seeds import stable_seed

if TYPE_CHECKING:
    import torch


class StackedDegradation(Degradation[DegradationSettings]):
    """First one degradation, then another on its 8-bit result.

    The first draws exactly what it draws alone, so the image under the further degradation is the track's own; the
    second has an independent seed. The clean image is the first one's.
    """

    def __init__(self, first: Degradation[Any], second: Degradation[Any]) -> None:
        super().__init__(DegradationSettings())
        self._first = first
        self._second = second

    @property
    def needs_depth(self) -> bool:
        """True where one of the two needs distances; the second gets them at the size of the image in between."""
        return self._first.needs_depth or self._second.needs_depth

    def prepare(self, image: NDArray[np.uint8]) -> torch.Tensor:
        """Return the first degradation's clean image."""
        return self._first.prepare(image)

    def clean_size(self, annotated_size: Size) -> Size:
        """Return the size of the first degradation's clean image."""
        return self._first.clean_size(annotated_size)

    def draw(self, seed: int, clean_size: Size) -> dict[str, Any]:
        """Draw both; the parameters are kept apart as ``first`` and ``then``."""
        first = self._first.draw(seed, clean_size)
        return {"first": first, "then": self._second.draw(_second_seed(seed), self._middle(clean_size, first))}

    def size(self, clean_size: Size, parameters: Mapping[str, Any]) -> Size:
        """Return the size after both."""
        return self._second.size(self._middle(clean_size, parameters["first"]), parameters["then"])

    def scale(self, clean_size: Size, parameters: Mapping[str, Any]) -> tuple[float, float]:
        """Return the product of the scales, and of the change of size that the second makes before it starts."""
        first = self._first.scale(clean_size, parameters["first"])
        middle = self._middle(clean_size, parameters["first"])
        height, width = self._first.size(clean_size, parameters["first"])
        second = self._second.scale(middle, parameters["then"])
        return first[0] * middle[1] / width * second[0], first[1] * middle[0] / height * second[1]

    def apply(
        self,
        clean: torch.Tensor,
        parameters: Mapping[str, Any],
        seed: int,
        *,
        depth_m: NDArray[np.float32] | None = None,
    ) -> torch.Tensor:
        """Degrade twice; see ``Degradation.apply``."""
        image = self._first.apply(clean, parameters["first"], seed, depth_m=depth_m)
        prepared = self._second.prepare(image.numpy().transpose(1, 2, 0))
        if depth_m is not None:
            depth_m = self._depth_between(depth_m, (clean.shape[1], clean.shape[2]), parameters["first"])
        return self._second.apply(prepared, parameters["then"], _second_seed(seed), depth_m=depth_m)

    def _depth_between(
        self, depth_m: NDArray[np.float32], clean_size: Size, first: Mapping[str, Any]
    ) -> NDArray[np.float32]:
        """Return the distances at the pixels of the image that the second degradation starts from."""
        sx, sy = self._first.scale(clean_size, first)
        height, width = self._first.size(clean_size, first)
        middle = self._middle(clean_size, first)
        rows = depth_m.shape[0] / clean_size[0] / sy * height / middle[0]
        columns = depth_m.shape[1] / clean_size[1] / sx * width / middle[1]
        return distances_at(depth_m, middle, (rows, columns))

    def _middle(self, clean_size: Size, first: Mapping[str, Any]) -> Size:
        """Return the size of the image that the second degradation starts from."""
        return self._second.clean_size(self._first.size(clean_size, first))


def _second_seed(seed: int) -> int:
    return stable_seed(seed, "further degradation")
