"""Degradations that are chains of steps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..seeds import generator, stable_seed
from .base import Degradation, DegradationSettings, Size
from .steps.base import Step
from .weather.distance import distances_at

if TYPE_CHECKING:
    import torch

SettingsT = TypeVar("SettingsT", bound=DegradationSettings)
DRAWS = 8
"""Random numbers that a step may use for its parameters."""


class ChainDegradation(Degradation[SettingsT]):
    """Steps one after the other on real-valued grey levels; clipping and rounding to 8 bits come last.

    Each step has random streams of its own, named by its place, so that a change of one step's settings leaves the
    draws of the others alone. Drawn parameters are ``{"steps": [{"step": name, ...}, ...]}``.
    """

    def __init__(self, settings: SettingsT) -> None:
        super().__init__(settings)
        self.steps = self.make_steps()

    @abstractmethod
    def make_steps(self) -> tuple[Step, ...]:
        """Return the steps that the settings ask for."""

    @property
    def needs_depth(self) -> bool:
        """Whether any step does."""
        return any(step.needs_depth for step in self.steps)

    @property
    def text(self) -> str:
        """Return the chain in the mini language, in its canonical form."""
        return "|".join(step.text() for step in self.steps)

    def draw(self, seed: int, clean_size: Size) -> dict[str, Any]:
        """Draw the parameters of all steps."""
        drawn, size = [], clean_size
        for place, step in enumerate(self.steps):
            uniform = generator(seed, f"parameters of step {place}").random(DRAWS).tolist()
            parameters = step.draw(uniform, size, _step_seed(seed, place))
            drawn.append({"step": step.label, **parameters})
            size = step.new_size(size, parameters)
        return {"steps": drawn}

    def size(self, clean_size: Size, parameters: Mapping[str, Any]) -> Size:
        """Return the size after the last step."""
        return self._sizes(clean_size, parameters)[-1]

    def scale(self, clean_size: Size, parameters: Mapping[str, Any]) -> tuple[float, float]:
        """Return the product of all steps' scales."""
        sx = sy = 1.0
        sizes = self._sizes(clean_size, parameters)
        for step, drawn, size in zip(self.steps, _drawn(parameters), sizes, strict=False):
            step_sx, step_sy = step.scale(size, drawn)
            sx, sy = sx * step_sx, sy * step_sy
        return sx, sy

    def apply(
        self,
        clean: torch.Tensor,
        parameters: Mapping[str, Any],
        seed: int,
        *,
        depth_m: NDArray[np.float32] | None = None,
    ) -> torch.Tensor:
        """Apply all steps; see ``Degradation.apply``. Distances follow the image's size, see ``distances_at``."""
        import torch

        from .rounding import round_levels

        levels = clean.numpy().astype(np.float64)
        sx = sy = 1.0
        for place, (step, drawn) in enumerate(zip(self.steps, _drawn(parameters), strict=True)):
            size = (levels.shape[1], levels.shape[2])
            depth = _depth(depth_m, (clean.shape[1], clean.shape[2]), size, (sx, sy)) if step.needs_depth else None
            levels = step.apply(levels, drawn, _step_seed(seed, place), depth)
            step_sx, step_sy = step.scale(size, drawn)
            sx, sy = sx * step_sx, sy * step_sy
        return torch.from_numpy(round_levels(levels))

    def _sizes(self, clean_size: Size, parameters: Mapping[str, Any]) -> list[Size]:
        """Return the size before the first step and after each."""
        sizes = [clean_size]
        for step, drawn in zip(self.steps, _drawn(parameters), strict=True):
            sizes.append(step.new_size(sizes[-1], drawn))
        return sizes


def _drawn(parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return each step's own parameters."""
    return [{key: value for key, value in step.items() if key != "step"} for step in parameters["steps"]]


def _step_seed(seed: int, place: int) -> int:
    return stable_seed(seed, f"step {place}")


def _depth(
    depth_m: NDArray[np.float32] | None, clean_size: Size, size: Size, scale: tuple[float, float]
) -> NDArray[np.float32] | None:
    """Return the distances of an image that earlier steps made ``scale`` (sx, sy) times the clean image's size."""
    if depth_m is None:
        return None
    height, width = depth_m.shape
    return distances_at(depth_m, size, (height / clean_size[0] / scale[1], width / clean_size[1] / scale[0]))
